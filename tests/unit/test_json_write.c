#include "base/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/compiler.h"

struct fixture {
	struct buffer out;
	struct json_write json;
};

static int
set_up(void **state)
{
	static struct fixture fixture;

	buffer_init(&fixture.out, BUFFER_UNLIMITED);
	json_write_init(&fixture.json, &fixture.out);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	buffer_clear(&fixture->out);
	return 0;
}

static void
test_commas_stand_between_values_only(void **state)
{
	struct fixture *fixture = *state;
	struct json_write *json = &fixture->json;

	json_write_begin_object(json);
	json_write_key(json, "empty");
	json_write_begin_object(json);
	json_write_end_object(json);
	json_write_key(json, "list");
	json_write_begin_array(json);
	json_write_begin_array(json);
	json_write_end_array(json);
	json_write_int(json, 1);
	json_write_begin_object(json);
	json_write_key(json, "a");
	json_write_null(json);
	json_write_key(json, "b");
	json_write_bool(json, true);
	json_write_end_object(json);
	json_write_bool(json, false);
	json_write_end_array(json);
	json_write_key(json, "raw");
	json_write_raw(json, "[1,2]", 5);
	json_write_key(json, "text");
	json_write_string(json, "x");
	json_write_end_object(json);
	assert_string_equal(fixture->out.data,
	    "{\"empty\":{},\"list\":[[],1,{\"a\":null,\"b\":true},false],"
	    "\"raw\":[1,2],\"text\":\"x\"}");
}

static void
test_a_value_may_follow_what_the_buffer_holds(void **state)
{
	struct fixture *fixture = *state;

	buffer_append_string(&fixture->out, "before ");
	json_write_string(&fixture->json, NULL);
	assert_string_equal(fixture->out.data, "before null");
	json_write_init(&fixture->json, &fixture->out);
	json_write_string(&fixture->json, "");
	assert_string_equal(fixture->out.data, "before null\"\"");
}

static void
test_special_characters_are_escaped(void **state)
{
	struct fixture *fixture = *state;

	json_write_string_len(&fixture->json, "\"\\/\b\f\n\r\t\0\x01\x1F\x7F", 12);
	assert_string_equal(
	    fixture->out.data, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7F\"");
}

static void
test_keys_are_escaped_too(void **state)
{
	struct fixture *fixture = *state;

	json_write_begin_object(&fixture->json);
	json_write_key(&fixture->json, "a\"\xFF\n");
	json_write_int(&fixture->json, 0);
	json_write_end_object(&fixture->json);
	assert_string_equal(fixture->out.data, "{\"a\\\"\xEF\xBF\xBD\\n\":0}");
}

static void
test_what_is_not_utf8_is_repaired(void **state)
{
	struct fixture *fixture = *state;

	json_write_string(&fixture->json, "\xC3\xA9\xFF\xE2\x82\"\xED\xA0\x80z");
	assert_string_equal(fixture->out.data,
	    "\"\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\\\"\xEF\xBF\xBD\xEF\xBF\xBD"
	    "\xEF\xBF\xBDz\"");
}

/* A special byte at each place of a text longer than what is looked at in one step. */
static void
test_json_c_reads_back_what_was_written(void **state)
{
	static const char specials[] = { '"', '\\', '\n', '\x01', '\x1F', ' ', '\x7F' };
	struct fixture *fixture = *state;
	char text[41];

	for (size_t i = 0; i < (sizeof(text) - 1) * sizeof(specials); i++) {
		struct json_object *back;

		memset(text, 'a', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		text[i % (sizeof(text) - 1)] = specials[i / (sizeof(text) - 1)];
		buffer_reset(&fixture->out);
		json_write_init(&fixture->json, &fixture->out);
		json_write_string(&fixture->json, text);
		back = json_tokener_parse(fixture->out.data);
		assert_non_null(back);
		assert_string_equal(json_object_get_string(back), text);
		json_object_put(back);
	}
}

static void
test_numbers_reach_their_limits(void **state)
{
	struct fixture *fixture = *state;

	json_write_begin_array(&fixture->json);
	json_write_int(&fixture->json, 0);
	json_write_int(&fixture->json, -1);
	json_write_int(&fixture->json, 1234567890);
	json_write_int(&fixture->json, INT64_MAX);
	json_write_int(&fixture->json, INT64_MIN);
	json_write_end_array(&fixture->json);
	assert_string_equal(fixture->out.data,
	    "[0,-1,1234567890,9223372036854775807,-9223372036854775808]");
}

static void
test_microseconds_are_rounded_to_tenths(void **state)
{
	struct fixture *fixture = *state;

	json_write_begin_array(&fixture->json);
	json_write_us_as_ms(&fixture->json, 0);
	json_write_us_as_ms(&fixture->json, 49);
	json_write_us_as_ms(&fixture->json, 50);
	json_write_us_as_ms(&fixture->json, 203351);
	json_write_us_as_ms(&fixture->json, 999950);
	json_write_us_as_ms(&fixture->json, -1);
	json_write_us_as_ms(&fixture->json, INT64_MAX);
	json_write_end_array(&fixture->json);
	assert_string_equal(
	    fixture->out.data, "[0.0,0.0,0.1,203.4,1000.0,null,9223372036854775.8]");
}

static void
test_money_has_the_digits_that_it_needs(void **state)
{
	struct fixture *fixture = *state;

	json_write_begin_array(&fixture->json);
	json_write_money(&fixture->json, 0);
	json_write_money(&fixture->json, 1);
	json_write_money(&fixture->json, INT64_C(1250000000));
	json_write_money(&fixture->json, INT64_C(12500000000000));
	json_write_money(&fixture->json, INT64_C(100000000000000));
	json_write_money(&fixture->json, -1);
	json_write_money(&fixture->json, INT64_MAX);
	json_write_end_array(&fixture->json);
	assert_string_equal(fixture->out.data,
	    "[0,0.000000000001,0.00125,12.5,100,null,9223372.036854775807]");
}

static void
test_times_are_rfc_3339_or_null(void **state)
{
	struct fixture *fixture = *state;

	json_write_begin_array(&fixture->json);
	json_write_time(&fixture->json, -1);
	json_write_time(&fixture->json, 0);
	json_write_time(&fixture->json, INT64_C(253402300799999));
	json_write_time(&fixture->json, INT64_C(253402300800000));
	json_write_end_array(&fixture->json);
	assert_string_equal(fixture->out.data,
	    "[null,\"1970-01-01T00:00:00.000Z\",\"9999-12-31T23:59:59.999Z\",null]");
}

static void
test_the_depth_tells_of_open_ends(void **state)
{
	struct fixture *fixture = *state;

	json_write_null(&fixture->json);
	assert_int_equal(fixture->json.depth, 0);
	json_write_init(&fixture->json, &fixture->out);
	json_write_begin_array(&fixture->json);
	assert_int_equal(fixture->json.depth, 1);
	json_write_end_array(&fixture->json);
	assert_int_equal(fixture->json.depth, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_commas_stand_between_values_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_a_value_may_follow_what_the_buffer_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_special_characters_are_escaped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_keys_are_escaped_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_what_is_not_utf8_is_repaired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_json_c_reads_back_what_was_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_numbers_reach_their_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_microseconds_are_rounded_to_tenths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_money_has_the_digits_that_it_needs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_times_are_rfc_3339_or_null, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_the_depth_tells_of_open_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
