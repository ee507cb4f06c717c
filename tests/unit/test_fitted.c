#include "publish/fitted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "config/config.h"
#include "ctl_fixture.h"
#include "fake_config.h"

/* What becomes of the entry TEXT of a target with KEYS; the caller's. */
static char *
fit(const char *text, const char *keys)
{
	struct config *config = fake_config_new(1);
	struct json_scan scan;
	struct buffer out;
	char *copy;

	if (keys != NULL)
		fake_config_set(config, 0, keys);
	buffer_init(&out, BUFFER_UNLIMITED);
	fitted_append(&out, span_whole(text, strlen(text)), config->targets[0]);
	fake_config_free(config);
	copy = strdup(out.data);
	assert_true(json_scan_compact(copy, out.len, 30, &scan));
	assert_int_equal(scan.len, out.len);
	free(copy);
	return buffer_take(&out);
}

static void
assert_fitted(const char *text, const char *expected)
{
	char *fitted = fit(text, NULL);

	assert_string_equal(fitted, expected);
	free(fitted);
}

/* The member NAME, and where it has one the member PART of that, reads EXPECTED. */
static void
assert_member(const char *text, const char *keys, const char *name, const char *part,
    const char *expected)
{
	char *fitted = fit(text, keys);
	struct span value = span_member(span_whole(fitted, strlen(fitted)), name);

	if (part != NULL)
		value = span_member(value, part);
	if (expected == NULL) {
		assert_null(value.text);
	} else {
		if (value.text == NULL || strlen(expected) != value.len ||
		    memcmp(value.text, expected, value.len) != 0)
			fail_msg("%s of %s: %.*s, not %s", name, text, (int)value.len,
			    value.text, expected);
	}
	free(fitted);
}

static void
test_what_this_version_wrote_stays_as_it_is(UNUSED void **state)
{
	assert_fitted(FIXTURE_PAYMENTS, FIXTURE_PAYMENTS);
	assert_fitted(FIXTURE_OPEN_ORDERS "}", FIXTURE_OPEN_ORDERS "}");
}

static void
test_keys_of_other_versions_go_and_missing_ones_come_in_their_places(
    UNUSED void **state)
{
	assert_fitted(FIXTURE_ORDERS, FIXTURE_OPEN_ORDERS "}");
	assert_fitted("{\"status\":\"timeout\",\"since\":\"2026-11-21T01:35:12.000Z\","
	              "\"failures\":3,\"attempts\":2,\"http_status\":null,"
	              "\"url\":\"http://x/\",\"duration_ms\":5001.2,"
	              "\"timing_ms\":{\"total\":5001.2,\"novel\":1},\"bytes\":7,"
	              "\"error\":{\"kind\":\"timeout\",\"message\":\"m\"}}",
	    "{\"status\":\"timeout\",\"since\":\"2026-11-21T01:35:12.000Z\","
	    "\"checked_at\":null,\"last_ok_at\":null,\"failures\":3,\"next_at\":null,"
	    "\"attempts\":2,\"http_status\":null,\"url\":\"http://x/\","
	    "\"final_url\":null,\"duration_ms\":5001.2,\"timing_ms\":{\"queued\":null,"
	    "\"dns\":null,\"connect\":null,\"tls\":null,\"first_byte\":null,"
	    "\"total\":5001.2},\"bytes\":7,\"certificate_expires_at\":null,"
	    "\"error\":{\"kind\":\"timeout\",\"phase\":null,\"message\":\"m\","
	    "\"excerpt\":null},\"warnings\":[],\"values\":{},\"data\":null}");
}

static void
test_until_when_it_was_held_back_is_forgotten(UNUSED void **state)
{
	assert_member("{\"next_at\":\"2026-11-21T01:35:12.000Z\"}", NULL, "next_at",
	    NULL, "null");
}

static void
test_what_is_of_another_kind_is_nothing(UNUSED void **state)
{
	static const struct {
		const char *entry;
		const char *name, *part;
		const char *expected; /* NULL: left out */
	} rows[] = {
		{ "{\"since\":12}", "since", NULL, "null" },
		{ "{\"since\":\"yesterday\"}", "since", NULL, "null" },
		{ "{\"failures\":-1}", "failures", NULL, "0" },
		{ "{\"failures\":1.5}", "failures", NULL, "0" },
		{ "{\"failures\":null}", "failures", NULL, "0" },
		{ "{\"http_status\":\"200\"}", "http_status", NULL, "null" },
		{ "{\"http_status\":200}", "http_status", NULL, "200" },
		{ "{\"url\":[]}", "url", NULL, "null" },
		{ "{\"duration_ms\":-1}", "duration_ms", NULL, "null" },
		{ "{\"duration_ms\":1.25}", "duration_ms", NULL, "1.25" },
		{ "{\"timing_ms\":7}", "timing_ms", "total", "null" },
		{ "{\"timing_ms\":{\"total\":\"x\"}}", "timing_ms", "total", "null" },
		{ "{\"error\":{\"kind\":\"of tomorrow\",\"message\":\"m\"}}", "error",
		    NULL, "null" },
		{ "{\"error\":{\"kind\":\"\",\"message\":\"m\"}}", "error", NULL,
		    "null" },
		{ "{\"error\":{\"message\":\"m\"}}", "error", NULL, "null" },
		{ "{\"error\":\"text\"}", "error", NULL, "null" },
		{ "{\"error\":{\"kind\":\"dns\",\"phase\":\"of tomorrow\"}}", "error",
		    "phase", "null" },
		{ "{\"warnings\":[\"a\",1]}", "warnings", NULL, "[]" },
		{ "{\"warnings\":\"a\"}", "warnings", NULL, "[]" },
		{ "{\"warnings\":[\"a\"]}", "warnings", NULL, "[\"a\"]" },
		{ "{\"values\":[1]}", "values", NULL, "{}" },
		{ "{\"values\":{\"a\":[1.10],\"b\\u0000\":1}}", "values", NULL,
		    "{\"a\":[1.10]}" },
		{ "{\"data\":false}", "data", NULL, "false" },
		{ "{\"last_data\":null}", "last_data", NULL, "null" },
		{ "{}", "last_data", NULL, NULL },
		{ "{\"group\":1}", "group", NULL, NULL },
		{ "{\"group\":null}", "group", NULL, NULL },
		{ "{\"group\":\"g\"}", "group", NULL, "\"g\"" },
		{ "{\"labels\":{\"a\":1}}", "labels", NULL, NULL },
		{ "{\"labels\":{\"a\":\"b\"}}", "labels", NULL, "{\"a\":\"b\"}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_member(
		    rows[i].entry, NULL, rows[i].name, rows[i].part, rows[i].expected);
}

static void
test_what_is_a_secret_value_by_now_is_told_no_more(UNUSED void **state)
{
	static const char keys[] =
	    "{extract: {token: {path: /token, secret: true}, ttl: /ttl}}";
	static const char entry[] =
	    "{\"error\":{\"kind\":\"http\",\"excerpt\":\"hunter22\"},"
	    "\"values\":{\"t\\u006fken\":\"hunter22\",\"ttl\":60},"
	    "\"data\":\"hunter22\",\"last_data\":\"hunter22\"}";
	char *fitted = fit(entry, keys);

	assert_null(strstr(fitted, "hunter22"));
	free(fitted);
	assert_member(entry, keys, "values", NULL, "{\"token\":\"***\",\"ttl\":60}");
	assert_member(entry, keys, "data", NULL, "null");
	assert_member(entry, keys, "last_data", NULL, "null");
	assert_member(entry, keys, "error", "excerpt", "null");
	assert_member(entry, keys, "error", "kind", "\"http\"");
	assert_member(entry, NULL, "data", NULL, "\"hunter22\"");
}

/* ---- prompts ---- */

/* The member NAME of what becomes of the entry TEXT of a prompt reads EXPECTED; NULL: it is left
 * out. */
static void
assert_of_prompt(
    const char *text, const char *keys, const char *name, const char *expected)
{
	struct config *config = fake_config_new(0);
	struct prompt *prompt = fake_config_add_prompt(config, keys);
	struct buffer out;
	struct span value;

	buffer_init(&out, BUFFER_UNLIMITED);
	fitted_append(&out, span_whole(text, strlen(text)), &prompt->target);
	value = span_member(span_whole(out.data, out.len), name);
	if (expected == NULL)
		assert_null(value.text);
	else if (value.len != strlen(expected) ||
	    memcmp(value.text, expected, value.len) != 0)
		fail_msg("%s of %s: %s, not %s", name, text, out.data, expected);
	buffer_clear(&out);
	fake_config_free(config);
}

static void
test_what_is_said_of_prompts_has_their_kinds(UNUSED void **state)
{
	static const struct {
		const char *entry;
		const char *name;
		const char *expected;
	} rows[] = {
		{ "{}", "success", "false" },
		{ "{\"success\":true}", "success", "true" },
		{ "{\"success\":1}", "success", "false" },
		{ "{\"success\":null}", "success", "false" },
		{ "{\"cost\":0.00125}", "cost", "0.00125" },
		{ "{\"cost\":-1}", "cost", "null" },
		{ "{\"cost\":1e3}", "cost", "null" },
		{ "{}", "usage_unknown_attempts", "0" },
		{ "{\"response\":7}", "response", "null" },
		{ "{\"response\":\"\\u0000\"}", "response", "\"\\u0000\"" },
		{ "{\"usage\":{\"input_tokens\":21,\"novel\":1}}", "usage",
		    "{\"input_tokens\":21,\"output_tokens\":null,"
		    "\"reasoning_tokens\":null,\"cached_tokens\":null,"
		    "\"total_tokens\":null}" },
		{ "{\"budget\":{\"unit\":\"tokens\",\"limit\":9007199254740992,"
		  "\"spent\":20,\"per_ms\":1000}}",
		    "budget",
		    "{\"unit\":\"tokens\",\"limit\":9007199254740992,\"spent\":20,"
		    "\"per_ms\":1000,\"started_at\":null,\"ends_at\":null}" },
		{ "{\"budget\":{\"unit\":\"cost\",\"limit\":0.5,\"spent\":0.125,"
		  "\"per_ms\":1000}}",
		    "budget",
		    "{\"unit\":\"cost\",\"limit\":0.5,\"spent\":0.125,"
		    "\"per_ms\":1000,\"started_at\":null,\"ends_at\":null}" },
		{ "{\"budget\":{\"unit\":\"words\",\"limit\":1,\"spent\":1,"
		  "\"per_ms\":1}}",
		    "budget", "null" },
		{ "{\"budget\":{\"unit\":\"cost\",\"limit\":0.5,\"spent\":\"x\","
		  "\"per_ms\":1000}}",
		    "budget", "null" },
		{ "{}", "last_response", NULL },
		{ "{\"last_response\":\"x\"}", "last_response", "\"x\"" },
		/* What services have. */
		{ "{\"url\":\"http://x/\"}", "url", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_of_prompt(rows[i].entry, "", rows[i].name, rows[i].expected);
}

static void
test_a_secret_value_hides_what_a_model_said(UNUSED void **state)
{
	static const char keys[] = "extract: {token: {path: /token, secret: true}}\n";
	static const char entry[] =
	    "{\"prompt\":\"Why?\",\"response\":\"hunter22\",\"data\":\"hunter22\","
	    "\"last_response\":\"hunter22\",\"last_data\":\"hunter22\"}";

	assert_of_prompt(entry, keys, "prompt", "\"Why?\"");
	assert_of_prompt(entry, keys, "response", "null");
	assert_of_prompt(entry, keys, "data", "null");
	assert_of_prompt(entry, keys, "last_response", "null");
	assert_of_prompt(entry, keys, "last_data", "null");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_this_version_wrote_stays_as_it_is),
		cmocka_unit_test(
		    test_keys_of_other_versions_go_and_missing_ones_come_in_their_places),
		cmocka_unit_test(test_until_when_it_was_held_back_is_forgotten),
		cmocka_unit_test(test_what_is_of_another_kind_is_nothing),
		cmocka_unit_test(test_what_is_a_secret_value_by_now_is_told_no_more),
		cmocka_unit_test(test_what_is_said_of_prompts_has_their_kinds),
		cmocka_unit_test(test_a_secret_value_hides_what_a_model_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
