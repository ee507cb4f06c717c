#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/compiler.h"

static const struct {
	int64_t ms;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 1, "1970-01-01T00:00:00.001Z" },
	{ 951782400000, "2000-02-29T00:00:00.000Z" },
	{ 951868799999, "2000-02-29T23:59:59.999Z" },
	{ 1709251199000, "2024-02-29T23:59:59.000Z" },
	{ 1795232400123, "2026-11-21T03:40:00.123Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
};

static void
test_times_are_written_as_rfc_3339(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		char text[CLOCK_RFC3339_SIZE];

		clock_format_rfc3339(text, times[i].ms);
		assert_string_equal(text, times[i].text);
	}
}

static void
test_written_times_are_read_back(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(times); i++)
		assert_int_equal(clock_parse_rfc3339(times[i].text), times[i].ms);
}

static void
test_times_before_the_epoch_are_written(UNUSED void **state)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(text, -1);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	clock_format_rfc3339(text, INT64_C(-62167219200000));
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void
test_times_outside_four_digit_years_are_held_back(UNUSED void **state)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(text, INT64_MAX);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	clock_format_rfc3339(text, INT64_MIN);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void
test_the_calendar_is_that_of_the_system(UNUSED void **state)
{
	/* Every 17 h and some over 500 years: all days of all kinds of years. */
	for (int64_t ms = -8000000000000; ms < 8000000000000; ms += 61234567) {
		int64_t whole = ms - (ms % 1000 + 1000) % 1000;
		time_t seconds = (time_t)(whole / 1000);
		char text[CLOCK_RFC3339_SIZE];
		char expected[32];
		struct tm broken;

		gmtime_r(&seconds, &broken);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &broken);
		clock_format_rfc3339(text, whole);
		assert_string_equal(text, expected);
		assert_int_equal(clock_parse_rfc3339(text), whole >= 0 ? whole : -1);
	}
}

static void
test_offsets_fractions_and_letters_are_read(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },
		{ "1970-01-01t00:00:01z", 1000 },
		{ "1970-01-01 00:00:01Z", 1000 },
		{ "1970-01-01T00:00:00.5Z", 500 },
		{ "1970-01-01T00:00:00.05+00:00", 50 },
		{ "1970-01-01T00:00:00.123456789123456789Z", 123 },
		{ "1972-06-30T23:59:60Z", 78796800000 },
		{ "1970-01-02T00:00:00+23:59", 60000 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_int_equal(clock_parse_rfc3339(rows[i].text), rows[i].ms);
}

static void
test_what_is_no_time_is_refused(UNUSED void **state)
{
	static const char *const texts[] = {
		"",
		"now",
		"2026",
		"2026-11-21",
		"2026-11-21T03:40",
		"2026-11-21T03:40:00",
		"2026-11-21T03:40:00.Z",
		"2026-11-21T03:40:00,5Z",
		"2026-11-21T03:40:00.123Z ",
		" 2026-11-21T03:40:00Z",
		"2026-11-21X03:40:00Z",
		"2026-1-21T03:40:00Z",
		"20261-11-21T03:40:00Z",
		"-026-11-21T03:40:00Z",
		"+026-11-21T03:40:00Z",
		"2026-00-21T03:40:00Z",
		"2026-13-21T03:40:00Z",
		"2026-11-00T03:40:00Z",
		"2026-11-31T03:40:00Z",
		"2023-02-29T03:40:00Z",
		"2100-02-29T03:40:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T03:60:00Z",
		"2026-11-21T03:40:61Z",
		"2026-11-21T03:40:00+1:00",
		"2026-11-21T03:40:00+0100",
		"2026-11-21T03:40:00+24:00",
		"2026-11-21T03:40:00+01:60",
		"2026-11-21T03:40:00+01",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
	};

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		assert_int_equal(clock_parse_rfc3339(texts[i]), -1);
}

static void
test_durations_are_split_for_a_timer(UNUSED void **state)
{
	assert_int_equal(clock_timeval(0).tv_sec, 0);
	assert_int_equal(clock_timeval(0).tv_usec, 0);
	assert_int_equal(clock_timeval(999999).tv_sec, 0);
	assert_int_equal(clock_timeval(999999).tv_usec, 999999);
	assert_int_equal(clock_timeval(3000001).tv_sec, 3);
	assert_int_equal(clock_timeval(3000001).tv_usec, 1);
	assert_true(clock_timeval(INT64_MAX).tv_sec == INT64_MAX / 1000000);
}

static void
test_the_clocks_go_forward(UNUSED void **state)
{
	int64_t now_us = clock_now_us();
	int64_t wall_ms = clock_wall_ms();

	assert_true(now_us > 0);
	assert_true(clock_now_us() >= now_us);
	/* After this was written, and before the year 10000. */
	assert_true(wall_ms > 1700000000000 && wall_ms < 253402300800000);
}

static void
test_the_system_source_is_the_two_clocks(UNUSED void **state)
{
	int64_t before_us = clock_now_us();
	int64_t now_us = clock_system.now_us(clock_system.arg);

	assert_true(now_us >= before_us && now_us <= clock_now_us());
	assert_true(
	    llabs(clock_system.wall_ms(clock_system.arg) - clock_wall_ms()) < 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_are_written_as_rfc_3339),
		cmocka_unit_test(test_written_times_are_read_back),
		cmocka_unit_test(test_times_before_the_epoch_are_written),
		cmocka_unit_test(test_times_outside_four_digit_years_are_held_back),
		cmocka_unit_test(test_the_calendar_is_that_of_the_system),
		cmocka_unit_test(test_offsets_fractions_and_letters_are_read),
		cmocka_unit_test(test_what_is_no_time_is_refused),
		cmocka_unit_test(test_durations_are_split_for_a_timer),
		cmocka_unit_test(test_the_clocks_go_forward),
		cmocka_unit_test(test_the_system_source_is_the_two_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
