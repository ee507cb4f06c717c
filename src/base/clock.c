#include "base/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"

#define MS_PER_SECOND 1000
#define MS_PER_DAY    INT64_C(86400000)

/* The whole days of 400 Gregorian years, after which the calendar repeats. */
#define DAYS_PER_ERA INT64_C(146097)

/* From 0000-03-01 to the epoch, 1970-01-01. */
#define DAYS_TO_EPOCH INT64_C(719468)

int64_t
clock_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_boot_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

struct timeval
clock_timeval(int64_t us)
{
	return (struct timeval){
		.tv_sec = us / 1000000,
		.tv_usec = us % 1000000,
	};
}

static int64_t
system_now_us(UNUSED void *arg)
{
	return clock_now_us();
}

static int64_t
system_wall_ms(UNUSED void *arg)
{
	return clock_wall_ms();
}

const struct clock_source clock_system = {
	.now_us = system_now_us,
	.wall_ms = system_wall_ms,
};

static int64_t
floor_div(int64_t number, int64_t by)
{
	return number / by - (number % by < 0 ? 1 : 0);
}

/* Days since the epoch of a date in the Gregorian calendar, years 0 to 9999. The
 * year is taken to begin in March, so that the leap day is its last. */
static int64_t
days_from_date(int year, int month, int day)
{
	int64_t march_year = year - (month <= 2 ? 1 : 0);
	int64_t era = floor_div(march_year, 400);
	int64_t year_of_era = march_year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 -
	    year_of_era / 100 + day_of_year - DAYS_TO_EPOCH;
}

/* The other way. */
static void
date_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t shifted = days + DAYS_TO_EPOCH;
	int64_t era = floor_div(shifted, DAYS_PER_ERA);
	int64_t day_of_era = shifted - era * DAYS_PER_ERA;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
	                          day_of_era / 146096) /
	    365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t march_month = (5 * day_of_year + 2) / 153;

	*day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
	*month = (int)(march_month + (march_month < 10 ? 3 : -9));
	*year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static void
put_digits(char *text, int width, int number)
{
	while (width-- > 0) {
		text[width] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* Not by gmtime_r(3) and strftime(3): each line of the log and each entry of the
 * document comes through here, and those take the time zone's lock and pad no year
 * before 1000. */
void
clock_format_rfc3339(char text[static CLOCK_RFC3339_SIZE], int64_t wall_ms)
{
	const int64_t first = days_from_date(0, 1, 1) * MS_PER_DAY;
	const int64_t last = days_from_date(10000, 1, 1) * MS_PER_DAY - 1;
	int64_t ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
	int64_t days = floor_div(ms, MS_PER_DAY);
	int ms_of_day = (int)(ms - days * MS_PER_DAY);
	int year, month, day;

	date_from_days(days, &year, &month, &day);
	memcpy(text, "0000-00-00T00:00:00.000Z", CLOCK_RFC3339_SIZE);
	put_digits(text, 4, year);
	put_digits(text + 5, 2, month);
	put_digits(text + 8, 2, day);
	put_digits(text + 11, 2, ms_of_day / 3600000);
	put_digits(text + 14, 2, ms_of_day / 60000 % 60);
	put_digits(text + 17, 2, ms_of_day / 1000 % 60);
	put_digits(text + 20, 3, ms_of_day % 1000);
}

/* Read exactly COUNT digits at *TEXT and pass them. */
static bool
take_number(const char **text, int count, int *number)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		char c = (*text)[i];

		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*text += count;
	*number = value;
	return true;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static int
days_in_month(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool
take_date(const char **text, int64_t *days)
{
	int year, month, day;

	if (!take_number(text, 4, &year) || !take_char(text, '-') ||
	    !take_number(text, 2, &month) || !take_char(text, '-') ||
	    !take_number(text, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*days = days_from_date(year, month, day);
	return true;
}

/* ".5", ".123456789": any number of digits, of which milliseconds are kept. */
static bool
take_fraction(const char **text, int *ms)
{
	int weight = 100;

	*ms = 0;
	if (!take_char(text, '.'))
		return true;
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		*ms += (**text - '0') * weight;
		weight /= 10;
	}
	return true;
}

static bool
take_time(const char **text, int64_t *ms_of_day)
{
	int hour, minute, second, ms;

	if (!take_number(text, 2, &hour) || !take_char(text, ':') ||
	    !take_number(text, 2, &minute) || !take_char(text, ':') ||
	    !take_number(text, 2, &second) || !take_fraction(text, &ms))
		return false;
	/* Second 60 is a leap second; POSIX time has none, it falls on the next. */
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ms_of_day = (((int64_t)hour * 60 + minute) * 60 + second) * MS_PER_SECOND + ms;
	return true;
}

static bool
take_offset(const char **text, int64_t *offset_ms)
{
	bool west = **text == '-';
	int hours, minutes;

	*offset_ms = 0;
	if (take_char(text, 'Z') || take_char(text, 'z'))
		return true;
	if (!west && **text != '+')
		return false;
	(*text)++;
	if (!take_number(text, 2, &hours) || !take_char(text, ':') ||
	    !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset_ms = ((int64_t)hours * 60 + minutes) * 60 * MS_PER_SECOND;
	if (west)
		*offset_ms = -*offset_ms;
	return true;
}

int64_t
clock_parse_rfc3339(const char *text)
{
	int64_t days, ms_of_day, offset_ms, wall_ms;

	if (!take_date(&text, &days))
		return -1;
	/* RFC 3339, section 5.6: the letters in either case, or a blank between. */
	if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
		return -1;
	if (!take_time(&text, &ms_of_day) || !take_offset(&text, &offset_ms))
		return -1;
	if (*text != '\0')
		return -1;
	wall_ms = days * MS_PER_DAY + ms_of_day - offset_ms;
	return wall_ms >= 0 ? wall_ms : -1;
}
