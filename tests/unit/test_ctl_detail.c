#include "ctl/detail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/screen.h"
#include "ctl_fixture.h"

static const struct screen paper = { .terminal = false };

/* What is shown of NAME in the document TEXT; the caller's. */
static char *
detail(const char *text, const char *name, const struct screen *screen)
{
	struct document document;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	fixture_parse(&document, text);
	detail_append(document_find(&document, name), screen, FIXTURE_NOW_MS, &out);
	document_clear(&document);
	return buffer_take(&out);
}

static void
assert_detail(const char *name, const struct screen *screen, const char *expected)
{
	char *text = detail(FIXTURE_DOCUMENT, name, screen);

	assert_string_equal(text, expected);
	free(text);
}

static void
test_a_failed_service_is_told_in_words(UNUSED void **state)
{
	assert_detail("payments", &paper,
	    "payments: timeout\n"
	    "\n"
	    "  Group        shop\n"
	    "  Since        2026-11-21 01:35:12 UTC (2h 5m ago)\n"
	    "  Checked      2026-11-21 03:40:00 UTC (12s ago)\n"
	    "  Last ok      never\n"
	    "  Failures     3 in a row\n"
	    "  Attempts     2\n"
	    "  Error        timed out after 5s waiting for the first byte\n"
	    "  Kind         timeout (phase: first byte)\n"
	    "  URL          https://api.example.com/pay?user=42\n"
	    "  Latency      5001 ms\n"
	    "  Phases       queued 0.1 ms, dns 0.4 ms, connect 1.2 ms, total 5001 ms\n"
	    "  Body         0 bytes\n");
}

static void
test_a_service_is_told_with_all_it_has(UNUSED void **state)
{
	assert_detail("orders", &paper,
	    "orders: degraded\n"
	    "  Open orders\n"
	    "\n"
	    "  Labels       team: web\n"
	    "  Since        2026-11-21 03:40:00 UTC (12s ago)\n"
	    "  Checked      2026-11-21 03:40:00 UTC (12s ago)\n"
	    "  Last ok      2026-11-21 03:39:30 UTC (42s ago)\n"
	    "  Failures     0\n"
	    "  Attempts     1\n"
	    "  Warnings     the queue is long\n"
	    "               slow\n"
	    "  URL          https://api.example.com/orders\n"
	    "  Final URL    https://eu.example.com/orders\n"
	    "  HTTP status  200\n"
	    "  Latency      203 ms\n"
	    "  Phases       queued 0.1 ms, first byte 180 ms, total 203 ms\n"
	    "  Body         1.5 KiB\n"
	    "  Certificate  expires 2026-12-31 03:40:12 UTC (in 40d)\n"
	    "  Values       queue: 18446744073709551615\n"
	    "               state: up\n"
	    "  novel key    [1, {\"a\": 2}]\n"
	    "\n"
	    "  Data\n"
	    "    {\n"
	    "      \"depth\": 0.10\n"
	    "    }\n");
}

static void
test_a_service_that_is_held_back_says_until_when(UNUSED void **state)
{
	char *text = detail("{\"version\":1,\"status\":\"down\",\"services\":{\"a\":"
	                    "{\"status\":\"http_error\",\"failures\":2,"
	                    "\"next_at\":\"2026-11-21T03:41:12.000Z\"}}}",
	    "a", &paper);

	assert_string_equal(text,
	    "a: http_error\n"
	    "\n"
	    "  Failures     2 in a row\n"
	    "  Not before   2026-11-21 03:41:12 UTC (in 59s)\n");
	free(text);
}

static void
test_a_prompt_is_told_with_its_answer(UNUSED void **state)
{
	const struct screen screen = { .terminal = true, .columns = 80 };

	assert_detail("headline", &screen,
	    "\xE2\x97\x8F headline (prompt): ok\n"
	    "\n"
	    "  Since        2026-11-20 03:40:00 UTC (1d ago)\n"
	    "  Checked      2026-11-21 03:40:00 UTC (12s ago)\n"
	    "  Last ok      2026-11-21 03:40:00 UTC (12s ago)\n"
	    "  Failures     0\n"
	    "  Attempts     1\n"
	    "  Provider     gemini\n"
	    "  Model        gemini-2.0-flash\n"
	    "  HTTP status  200\n"
	    "  Latency      812 ms\n"
	    "  Finish       stop\n"
	    "  Tokens       21 input, 5 output, 26 total\n"
	    "\n"
	    "  Prompt\n"
	    "    In one line?\n"
	    "\n"
	    "  Response\n"
	    "    All\n"
	    "    is well.\n");
}

static void
test_a_prompt_is_told_with_what_it_took(UNUSED void **state)
{
	char *text = detail("{\"version\":1,\"status\":\"down\",\"prompts\":{\"p\":{"
	                    "\"status\":\"error\",\"success\":false,\"failures\":1,"
	                    "\"model\":null,\"prompt\":\"Why?\",\"response\":null,"
	                    "\"usage\":null,\"usage_unknown_attempts\":2,"
	                    "\"cost\":0.00125,"
	                    "\"estimate\":{\"tokens\":9,\"cost\":0.001},"
	                    "\"budget\":{\"unit\":\"tokens\","
	                    "\"limit\":25,\"spent\":20,\"per_ms\":86400000,"
	                    "\"started_at\":\"2026-11-21T03:40:12.000Z\","
	                    "\"ends_at\":\"2026-11-22T03:40:12.123Z\"},"
	                    "\"input_hash\":\"abc\",\"reused\":true,"
	                    "\"request_id\":\"req_1\",\"data\":null,"
	                    "\"last_response\":\"Because.\",\"last_data\":[1]}}}",
	    "p", &paper);

	assert_string_equal(text,
	    "p (prompt): error\n"
	    "\n"
	    "  Failures     1\n"
	    "  Unaccounted  2 attempts\n"
	    "  Cost         0.00125\n"
	    "  Estimate     9 tokens, cost 0.001 for the next attempt\n"
	    "  Budget       20 of 25 tokens spent, until 2026-11-22 03:40:12 UTC (in "
	    "1d)\n"
	    "  Reused       yes\n"
	    "  Request ID   req_1\n"
	    "  Input hash   abc\n"
	    "\n"
	    "  Prompt\n"
	    "    Why?\n"
	    "\n"
	    "  Last response\n"
	    "    Because.\n"
	    "\n"
	    "  Last data\n"
	    "    [\n"
	    "      1\n"
	    "    ]\n");
	free(text);
}

static void
test_the_last_good_answer_is_not_told_twice(UNUSED void **state)
{
	char *text = detail("{\"version\":1,\"status\":\"ok\",\"prompts\":{\"p\":{"
	                    "\"status\":\"ok\",\"response\":\"Hi.\",\"data\":null,"
	                    "\"usage_unknown_attempts\":0,\"budget\":null,"
	                    "\"estimate\":{\"tokens\":10,\"cost\":null},"
	                    "\"last_response\":\"Hi.\",\"last_data\":null}}}",
	    "p", &paper);

	assert_string_equal(text,
	    "p (prompt): ok\n\n"
	    "  Estimate     10 tokens for the next attempt\n\n  Response\n    Hi.\n");
	free(text);
}

static void
test_colours_are_only_put_around_words(UNUSED void **state)
{
	const struct screen screen = { .terminal = true, .colour = true };
	char *text = detail("{\"version\":1,\"status\":\"ok\",\"services\":{\"a\":"
	                    "{\"status\":\"error\",\"failures\":1}}}",
	    "a", &screen);

	assert_string_equal(text,
	    "\033[31m\xC3\x97\033[0m \033[1ma\033[0m: \033[31merror\033[0m\n"
	    "\n"
	    "  \033[2mFailures\033[0m     1\n");
	free(text);
}

static void
test_foreign_text_cannot_steer_the_terminal(UNUSED void **state)
{
	char *text = detail(
	    "{\"version\":1,\"status\":\"ok\",\"services\":{\"a\\u001b[2J\":"
	    "{\"status\":\"e\\u001b\",\"url\":\"u\\u001b\",\"final_url\":\"f\\u001b\",\"group\":\"g\\u009b\","
	    "\"description\":\"d\\u001b\",\"labels\":{\"l\\u001b\":\"l\\u001b\"},"
	    "\"error\":{\"kind\":\"k\\u001b\",\"phase\":\"p\\u001b\","
	    "\"message\":\"m\\u001b\",\"excerpt\":\"x\\u001b\"},"
	    "\"warnings\":[\"w\\u001b\"],\"values\":{\"v\\u001b\":[\"v\xC2\x9B\"]},"
	    "\"o\\u001b\":\"o\\u001b\",\"timing_ms\":{\"t\\u001b\":1,\"total\":1},"
	    "\"prompt\":\"p\\u001b\",\"data\":[\"\xC2\x9B\\u001b\"]}}}",
	    "a\x1b[2J", &paper);

	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, "\xC2\x9B"));
	/* As an escape it is only shown. */
	assert_non_null(strstr(text, "\"\\u009b\\u001b\""));
	free(text);
}

static void
test_a_large_answer_is_shown_up_to_a_bound(UNUSED void **state)
{
	struct buffer document;
	char *text;

	buffer_init(&document, BUFFER_UNLIMITED);
	buffer_append_string(&document,
	    "{\"version\":1,\"status\":\"ok\",\"services\":{\"a\":{\"data\":[0");
	for (int i = 1; i < 100000; i++)
		buffer_append_format(&document, ",%d", i);
	buffer_append_string(&document, "]}}}");
	text = detail(document.data, "a", &paper);
	assert_true(strlen(text) < 20000);
	assert_non_null(
	    strstr(text, "\n    ... (of 575.1 KiB in all: gatherctl show --json)\n"));
	free(text);
	buffer_clear(&document);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_failed_service_is_told_in_words),
		cmocka_unit_test(test_a_service_is_told_with_all_it_has),
		cmocka_unit_test(test_a_service_that_is_held_back_says_until_when),
		cmocka_unit_test(test_a_prompt_is_told_with_its_answer),
		cmocka_unit_test(test_a_prompt_is_told_with_what_it_took),
		cmocka_unit_test(test_the_last_good_answer_is_not_told_twice),
		cmocka_unit_test(test_colours_are_only_put_around_words),
		cmocka_unit_test(test_foreign_text_cannot_steer_the_terminal),
		cmocka_unit_test(test_a_large_answer_is_shown_up_to_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
