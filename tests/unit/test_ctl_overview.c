#include "ctl/overview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/screen.h"
#include "ctl_fixture.h"

static const struct screen paper = { .terminal = false };
static const struct screen terminal = { .terminal = true, .columns = 80 };

static void
assert_overview(const char *text, bool only_failed, const struct screen *screen,
    int64_t now_ms, const char *expected)
{
	struct document document;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	fixture_parse(&document, text);
	overview_append(&document, only_failed, screen, now_ms, &out);
	assert_string_equal(out.data, expected);
	document_clear(&document);
	buffer_clear(&out);
}

static void
test_a_document_is_a_head_and_a_table(UNUSED void **state)
{
	assert_overview(FIXTURE_DOCUMENT, false, &paper, FIXTURE_NOW_MS,
	    "degraded: 1 of 3 ok, 1 degraded, 1 timeout\n"
	    "web1, generation 17, 2026-11-21 03:40:00 UTC (12s ago), took 203 ms\n"
	    "\n"
	    "NAME      STATUS    SINCE  LATENCY  ERROR\n"
	    "orders    degraded  12s     203 ms  warnings: the queue is long (and 1 "
	    "more)\n"
	    "\n"
	    "shop\n"
	    "payments  timeout   2h 5m  5001 ms  timed out after 5s waiting for the "
	    "first byte\n"
	    "\n"
	    "PROMPT    STATUS  SINCE  LATENCY  MODEL             TOKENS  ERROR\n"
	    "headline  ok      1d      812 ms  gemini-2.0-flash      26\n");
}

static void
test_on_a_terminal_lines_are_marked_and_fit(UNUSED void **state)
{
	const struct screen narrow = { .terminal = true, .columns = 64 };

	assert_overview(FIXTURE_DOCUMENT, false, &narrow, FIXTURE_NOW_MS,
	    "! degraded: 1 of 3 ok, 1 degraded, 1 timeout\n"
	    "  web1, generation 17, 2026-11-21 03:40:00 UTC (12s ago), took\n"
	    "  203 ms\n"
	    "\n"
	    "  NAME      STATUS    SINCE  LATENCY  ERROR\n"
	    "! orders    degraded  12s     203 ms  warnings: the queue is lo\xE2\x80\xA6\n"
	    "\n"
	    "shop\n"
	    "\xC3\x97 payments  timeout   2h 5m  5001 ms  timed out after 5s waitin"
	    "\xE2\x80\xA6\n"
	    "\n"
	    "  PROMPT    STATUS  SINCE  LATENCY  MODEL          TOKENS  ERROR\n"
	    "  headline  ok      1d      812 ms  gemini-2.0-f\xE2\x80\xA6      26\n");
}

static void
test_only_what_failed_is_shown_on_request(UNUSED void **state)
{
	assert_overview(FIXTURE_DOCUMENT, true, &terminal, FIXTURE_NOW_MS,
	    "! degraded: 1 of 3 ok, 1 degraded, 1 timeout\n"
	    "  web1, generation 17, 2026-11-21 03:40:00 UTC (12s ago), took 203 ms\n"
	    "\n"
	    "  NAME      STATUS   SINCE  LATENCY  ERROR\n"
	    "\n"
	    "shop\n"
	    "\xC3\x97 payments  timeout  2h 5m  5001 ms  timed out after 5s waiting for "
	    "the first b\xE2\x80\xA6\n");
}

static void
test_a_stale_document_is_warned_of(UNUSED void **state)
{
	assert_overview(
	    "{\"version\":1,\"status\":\"ok\",\"stale_after\":\"1970-01-01T00:00:05Z\","
	    "\"generated_at\":\"1970-01-01T00:00:00Z\","
	    "\"counts\":{\"total\":1,\"ok\":1}}",
	    false, &paper, 65000,
	    "ok: 1 of 1 ok\n"
	    "1970-01-01 00:00:00 UTC (1m ago)\n"
	    "STALE: a later one was due 1m ago; is gatherd running, and can it write?\n");
}

static void
test_a_document_may_be_empty_or_lack_keys(UNUSED void **state)
{
	assert_overview("{\"version\":1,\"status\":\"ok\",\"host\":\"h\","
	                "\"counts\":{\"total\":0,\"ok\":0},\"services\":{}}",
	    false, &paper, 0, "ok: no targets\nh\n");
	assert_overview("{\"version\":1,\"status\":\"odd\",\"services\":{\"a\":{}}}",
	    false, &terminal, 0,
	    "? odd\n"
	    "\n"
	    "  NAME  STATUS  SINCE  LATENCY  ERROR\n"
	    "? a             -            -\n");
}

static void
test_a_round_that_is_not_complete_is_told(UNUSED void **state)
{
	assert_overview(
	    "{\"version\":1,\"status\":\"ok\",\"host\":\"h\",\"outcome\":\"gathering\","
	    "\"round\":{\"duration_ms\":3},\"in_flight\":[\"a\",\"b\"],"
	    "\"counts\":{\"total\":3,\"ok\":1,\"pending\":2}}",
	    false, &paper, 0,
	    "ok: 1 of 3 ok, 2 pending, 2 in flight\nh, round gathering\n");
}

static void
test_groups_stand_in_the_order_of_their_first_targets(UNUSED void **state)
{
	assert_overview("{\"version\":1,\"status\":\"ok\",\"services\":{"
	                "\"b1\":{\"group\":\"b\"},\"x\":{\"group\":\"\"},"
	                "\"a1\":{\"group\":\"a\"},\"b2\":{\"group\":\"b\"},\"y\":{}}}",
	    false, &paper, 0,
	    "ok\n"
	    "\n"
	    "NAME  STATUS  SINCE  LATENCY  ERROR\n"
	    "x             -            -\n"
	    "y             -            -\n"
	    "\n"
	    "b\n"
	    "b1            -            -\n"
	    "b2            -            -\n"
	    "\n"
	    "a\n"
	    "a1            -            -\n");
}

#define PROVIDERS(members)                                                          \
	"{\"version\":1,\"status\":\"ok\",\"prompts\":{\"p\":{\"status\":\"ok\"}}," \
	"\"providers\":{\"g\":{\"max_concurrent\":5," members "}}}"

#define PROMPT_TABLE                                             \
	"\n"                                                     \
	"PROMPT  STATUS  SINCE  LATENCY  MODEL  TOKENS  ERROR\n" \
	"p       ok      -            -  -           -\n"

static void
test_providers_are_told_that_hold_their_prompts_back(UNUSED void **state)
{
	assert_overview(
	    PROVIDERS("\"limit\":3,\"rejections\":12,"
	              "\"paused_until\":\"2026-11-21T03:40:24.123Z\","
	              "\"budget\":{\"unit\":\"tokens\",\"limit\":25,\"spent\":30,"
	              "\"ends_at\":\"2026-11-21T04:40:12.123Z\"}"),
	    false, &paper, FIXTURE_NOW_MS,
	    "ok\n"
	    "provider g: 3 of 5 at once after 12 rejections, paused until 2026-11-21 "
	    "03:40:24 UTC (in 12s), 30 of 25 tokens spent until 2026-11-21 04:40:12 UTC "
	    "(in 1h)\n" PROMPT_TABLE);
	assert_overview(PROVIDERS("\"limit\":4,\"rejections\":1,\"paused_until\":null,"
	                          "\"budget\":null"),
	    false, &paper, FIXTURE_NOW_MS,
	    "ok\nprovider g: 4 of 5 at once after 1 rejection\n" PROMPT_TABLE);
}

static void
test_providers_that_hold_nobody_back_are_not_told(UNUSED void **state)
{
	/* A limit that is still learned, a pause and a period that are over. */
	assert_overview(
	    PROVIDERS("\"limit\":3,\"rejections\":0,"
	              "\"paused_until\":\"2026-11-21T03:40:00.000Z\","
	              "\"budget\":{\"unit\":\"cost\",\"limit\":0.5,\"spent\":0.7,"
	              "\"ends_at\":\"2026-11-21T03:40:00.000Z\"}"),
	    false, &paper, FIXTURE_NOW_MS, "ok\n" PROMPT_TABLE);
	assert_overview(PROVIDERS("\"limit\":5,\"rejections\":9,"
	                          "\"budget\":{\"unit\":\"cost\",\"limit\":0.5,"
	                          "\"spent\":0.4,\"ends_at\":null}"),
	    false, &paper, FIXTURE_NOW_MS, "ok\n" PROMPT_TABLE);
}

static void
test_failed_entries_keep_their_text(UNUSED void **state)
{
	struct document document;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	fixture_parse(&document, FIXTURE_DOCUMENT);
	overview_append_failed_json(&document, &out);
	assert_string_equal(out.data,
	    "{\n  \"failed\": {\n    \"payments\": " FIXTURE_PAYMENTS "\n  }\n}\n");
	document_clear(&document);
	buffer_reset(&out);

	fixture_parse(&document,
	    "{\"version\":1,\"status\":\"down\",\"failed\":[\"\\\"a\",\"b\"],"
	    "\"services\":{\"\\u0022a\":{\"n\":1E+2},\"c\":{},\"b\":{ }}}");
	overview_append_failed_json(&document, &out);
	assert_string_equal(out.data,
	    "{\n  \"failed\": {\n    \"\\u0022a\": {\"n\":1E+2},\n    \"b\": { }\n  }\n}\n");
	document_clear(&document);
	buffer_reset(&out);

	fixture_parse(&document, "{\"version\":1,\"status\":\"ok\"}");
	overview_append_failed_json(&document, &out);
	assert_string_equal(out.data, "{\n  \"failed\": {}\n}\n");
	document_clear(&document);
	buffer_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_document_is_a_head_and_a_table),
		cmocka_unit_test(test_on_a_terminal_lines_are_marked_and_fit),
		cmocka_unit_test(test_only_what_failed_is_shown_on_request),
		cmocka_unit_test(test_a_stale_document_is_warned_of),
		cmocka_unit_test(test_a_document_may_be_empty_or_lack_keys),
		cmocka_unit_test(test_a_round_that_is_not_complete_is_told),
		cmocka_unit_test(test_groups_stand_in_the_order_of_their_first_targets),
		cmocka_unit_test(test_providers_are_told_that_hold_their_prompts_back),
		cmocka_unit_test(test_providers_that_hold_nobody_back_are_not_told),
		cmocka_unit_test(test_failed_entries_keep_their_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
