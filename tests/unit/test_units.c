#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"

#define YEARS_100_MS INT64_C(3155760000000)

static void
test_durations_are_read(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "500ms", 500 },
		{ "5s", 5000 },
		{ "1m30s", 90000 },
		{ "2h", 7200000 },
		{ "1d", 86400000 },
		{ "1.5s", 1500 },
		{ "0.001s", 1 },
		{ "1.5", 1500 },
		{ "1.500000000000s", 1500 },
		{ "7", 7000 },
		{ "0", 0 },
		{ "0s", 0 },
		{ "1d2h3m4.005s", 93784005 },
		{ "1m500ms", 60500 },
		{ "90s", 90000 },
		{ "100s", 100000 },
		{ "36525d", YEARS_100_MS },
		{ "3155760000", YEARS_100_MS },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int64_t ms = -1;

		assert_true(units_parse_duration_ms(rows[i].text, &ms));
		assert_int_equal(ms, rows[i].ms);
	}
}

static void
test_what_is_no_duration_is_refused(UNUSED void **state)
{
	static const char *const texts[] = { "", " ", "s", "ms", "-1s", "+1s", " 1s",
		"1s ", "1 s", "1e3", "1e3s", "0x10", "1S", "1M", "1sec", "1min", "1w",
		"1y", "1us", "30s1m", "1s1s", "1m1", "1m30", "1ms1s", "1.s", ".5s",
		"1..5s", "1.5.5s", "1,5s", "0.5ms", "0.0001s", "1s,", "1s\n", "nan",
		"inf", "1m-1s", "36525d1ms", "3155760001", "3155760000.001",
		"99999999999999999999d", "18446744073709551616",
		"18446744073709551617s", "213503982335d",
		/* 2^64 in two parts that fit */ "213503982334d51951616ms",
		"0.00000000000000001s" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		int64_t ms = -7;

		assert_false(units_parse_duration_ms(texts[i], &ms));
		assert_int_equal(ms, -7);
	}
}

static void
test_sizes_are_read(UNUSED void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
	} rows[] = {
		{ "64KiB", 65536 },
		{ "1MiB", 1048576 },
		{ "500kB", 500000 },
		{ "1GB", 1000000000 },
		{ "2GiB", 2147483648 },
		{ "1TiB", 1099511627776 },
		{ "1TB", 1000000000000 },
		{ "3MB", 3000000 },
		{ "1.5MiB", 1572864 },
		{ "0.5kB", 500 },
		{ "12B", 12 },
		{ "12", 12 },
		{ "0", 0 },
		{ "18446744073709551615", UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t bytes = 1;

		assert_true(units_parse_size(rows[i].text, &bytes));
		assert_int_equal(bytes, rows[i].bytes);
	}
}

static void
test_what_is_no_size_is_refused(UNUSED void **state)
{
	static const char *const texts[] = { "", "B", "KiB", "-1", "+1", " 1", "1 ",
		"1 kB", "1KB", "1kb", "1K", "1k", "1M", "1MiBs", "1Mi", "1MiB1KiB",
		"1.5", "0.3KiB", "1e6", "0x10", "1.", ".5MiB", "18446744073709551616",
		"16777216TiB", "18014398509481984KiB", "1kB\n" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		size_t bytes = 7;

		assert_false(units_parse_size(texts[i], &bytes));
		assert_int_equal(bytes, 7);
	}
}

static void
test_rates_are_read_and_written(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t count, per_ms;
	} rows[] = {
		{ "1/s", 1, 1000 },
		{ "10/s", 10, 1000 },
		{ "60/min", 60, 60000 },
		{ "1000/h", 1000, 3600000 },
		{ "5/d", 5, 86400000 },
		{ "1000000000/s", 1000000000, 1000 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int64_t count = 0;
		int64_t per_ms = 0;
		char text[UNITS_TEXT_SIZE];

		assert_true(units_parse_rate(rows[i].text, &count, &per_ms));
		assert_int_equal(count, rows[i].count);
		assert_int_equal(per_ms, rows[i].per_ms);
		units_format_rate(text, count, per_ms);
		assert_string_equal(text, rows[i].text);
	}
}

static void
test_what_is_no_rate_is_refused(UNUSED void **state)
{
	static const char *const texts[] = { "", "10", "/s", "0/s", "1.5/s", "10/",
		"10/m", "10/ms", "10/S", "-1/s", "10 /s", "10/s ", "10/2s",
		"1000000001/s", "99999999999999999999/s" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		int64_t count = 0;
		int64_t per_ms = 0;

		assert_false(units_parse_rate(texts[i], &count, &per_ms));
	}
}

static void
test_decimal_numbers_are_read_and_written(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t number;
		const char *written;
	} cases[] = {
		{ "0", 0, "0" },
		{ "1", 1000000, "1" },
		{ "0.75", 750000, "0.75" },
		{ "12.50", 12500000, "12.5" },
		{ "0.000001", 1, "0.000001" },
		{ "1.050000000", 1050000, "1.05" },
		{ "9223372036854.775807", INT64_MAX, "9223372036854.775807" },
	};
	static const char *const none[] = { "", ".5", "5.", "-1", "+1", "1e3", " 1",
		"1 ", "1,5", "0.0000001", "9223372036854.775808",
		"99999999999999999999", "x" };
	char text[UNITS_TEXT_SIZE];
	int64_t number;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_true(units_parse_decimal(cases[i].text, 1000000, &number));
		assert_int_equal(number, cases[i].number);
		units_format_decimal(text, number, 1000000);
		assert_string_equal(text, cases[i].written);
	}
	number = 7;
	for (size_t i = 0; i < ARRAY_COUNT(none); i++)
		assert_false(units_parse_decimal(none[i], 1000000, &number));
	assert_int_equal(number, 7);
}

static void
test_modes_are_octal(UNUSED void **state)
{
	static const char *const bad[] = { "", "o644", "0o", "0x1ff", "648", "1000",
		"01000", "-644", "+644", " 644", "644 ", "u=rw",
		"77777777777777777777777777777777" };
	unsigned mode = 1;

	assert_true(units_parse_mode("0644", &mode));
	assert_int_equal(mode, 0644);
	assert_true(units_parse_mode("640", &mode));
	assert_int_equal(mode, 0640);
	assert_true(units_parse_mode("0o600", &mode));
	assert_int_equal(mode, 0600);
	assert_true(units_parse_mode("0777", &mode));
	assert_int_equal(mode, 0777);
	assert_true(units_parse_mode("0", &mode));
	assert_int_equal(mode, 0);

	mode = 7;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(units_parse_mode(bad[i], &mode));
	assert_int_equal(mode, 7);
}

static void
test_whole_numbers_are_read_within_their_bounds(UNUSED void **state)
{
	int64_t number = 1;

	assert_true(units_parse_int("0", 0, 10, &number));
	assert_int_equal(number, 0);
	assert_true(units_parse_int("10", 0, 10, &number));
	assert_int_equal(number, 10);
	assert_true(units_parse_int("-5", -5, 10, &number));
	assert_int_equal(number, -5);
	assert_true(
	    units_parse_int("9223372036854775807", INT64_MIN, INT64_MAX, &number));
	assert_int_equal(number, INT64_MAX);
	assert_true(
	    units_parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &number));
	assert_int_equal(number, INT64_MIN);

	number = 7;
	assert_false(units_parse_int("11", 0, 10, &number));
	assert_false(units_parse_int("-1", 0, 10, &number));
	assert_int_equal(number, 7);
}

static void
test_what_is_no_whole_number_is_refused(UNUSED void **state)
{
	static const char *const texts[] = { "", "-", "+1", " 1", "1 ", "01", "00",
		"-0", "-01", "1.0", "1e3", "0x1", "--1", "1-", "9223372036854775808",
		"-9223372036854775809", "99999999999999999999" };

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		int64_t number = 7;

		assert_false(units_parse_int(texts[i], INT64_MIN, INT64_MAX, &number));
		assert_int_equal(number, 7);
	}
}

static void
test_durations_are_written_exactly(UNUSED void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ms" },
		{ 500, "500ms" },
		{ 1500, "1.5s" },
		{ 90050, "1m30.05s" },
		{ 5000, "5s" },
		{ 90000, "1m30s" },
		{ 7200000, "2h" },
		{ 93784005, "1d2h3m4.005s" },
		{ YEARS_100_MS, "36525d" },
		{ INT64_MAX, "106751991167d7h12m55.807s" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[UNITS_TEXT_SIZE];

		units_format_duration(text, rows[i].ms);
		assert_string_equal(text, rows[i].text);
	}
}

static void
test_written_durations_are_read_back(UNUSED void **state)
{
	for (int64_t ms = 0; ms < YEARS_100_MS; ms = ms * 3 / 2 + 7) {
		char text[UNITS_TEXT_SIZE];
		int64_t back = -1;

		units_format_duration(text, ms);
		assert_true(units_parse_duration_ms(text, &back));
		assert_int_equal(back, ms);
	}
}

static void
test_sizes_are_written_by_the_largest_unit_that_divides(UNUSED void **state)
{
	static const struct {
		size_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1500, "1500" },
		{ 1024, "1KiB" },
		{ 1536, "1536" },
		{ 65536, "64KiB" },
		{ 1572864, "1536KiB" },
		{ 1048576, "1MiB" },
		{ 67108864, "64MiB" },
		{ 2147483648, "2GiB" },
		{ 1099511627776, "1TiB" },
		{ SIZE_MAX, "18446744073709551615" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[UNITS_TEXT_SIZE];
		size_t back = 1;

		units_format_size(text, rows[i].bytes);
		assert_string_equal(text, rows[i].text);
		assert_true(units_parse_size(text, &back));
		assert_int_equal(back, rows[i].bytes);
	}
}

static void
test_ages_are_written_for_people(UNUSED void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ -5, "0s" },
		{ 0, "0s" },
		{ 999, "0s" },
		{ 4200, "4s" },
		{ 59999, "59s" },
		{ 60000, "1m" },
		{ 200000, "3m" },
		{ 3600000, "1h" },
		{ 7500000, "2h 5m" },
		{ 86399999, "23h 59m" },
		{ 86400000, "1d" },
		{ 86400000 + 59 * 60000, "1d" },
		{ 1047600000, "12d 3h" },
		{ INT64_MAX, "106751991167d 7h" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[UNITS_TEXT_SIZE];

		units_format_age(text, rows[i].ms);
		assert_string_equal(text, rows[i].text);
	}
}

static void
test_hexadecimal_digits_are_read_if_all_are_there(UNUSED void **state)
{
	const char *text = "2fG";

	assert_int_equal(units_read_hex(text, text + 3, 2), 0x2f);
	assert_int_equal(units_read_hex(text, text + 3, 3), -1);
	assert_int_equal(units_read_hex(text, text + 1, 2), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_are_read),
		cmocka_unit_test(test_what_is_no_duration_is_refused),
		cmocka_unit_test(test_sizes_are_read),
		cmocka_unit_test(test_what_is_no_size_is_refused),
		cmocka_unit_test(test_rates_are_read_and_written),
		cmocka_unit_test(test_what_is_no_rate_is_refused),
		cmocka_unit_test(test_decimal_numbers_are_read_and_written),
		cmocka_unit_test(test_modes_are_octal),
		cmocka_unit_test(test_whole_numbers_are_read_within_their_bounds),
		cmocka_unit_test(test_what_is_no_whole_number_is_refused),
		cmocka_unit_test(test_durations_are_written_exactly),
		cmocka_unit_test(test_written_durations_are_read_back),
		cmocka_unit_test(
		    test_sizes_are_written_by_the_largest_unit_that_divides),
		cmocka_unit_test(test_ages_are_written_for_people),
		cmocka_unit_test(test_hexadecimal_digits_are_read_if_all_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
