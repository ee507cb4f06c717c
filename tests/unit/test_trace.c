#include "gather/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"

static void
test_a_new_attempt_knows_nothing(UNUSED void **state)
{
	struct trace trace = { .name = "orders" };
	const struct trace_attempt *attempt = trace_add_attempt(&trace);

	assert_int_equal(trace.attempt_count, 1);
	assert_null(attempt->url);
	assert_int_equal(attempt->tls.expires_at_ms, -1);
	assert_int_equal(attempt->timing.dns_us, -1);
	assert_int_equal(attempt->timing.total_us, -1);
	assert_int_equal(attempt->rule_count, 0);
	trace_clear(&trace);
	assert_int_equal(trace.attempt_count, 0);
	assert_string_equal(trace.name, "orders");
}

static void
test_attempts_rules_and_notes_stay_in_order(UNUSED void **state)
{
	struct trace trace = { .name = "orders" };
	char text[32];

	for (int i = 0; i < 20; i++) {
		struct trace_attempt *attempt = trace_add_attempt(&trace);

		for (int j = 0; j < 20; j++) {
			snprintf(text, sizeof(text), "rule %d.%d", i, j);
			trace_add_rule(attempt, j % 2 == 1, j % 3 == 0, text);
		}
		trace_add_note(&trace, xasprintf("note %d", i));
	}
	assert_int_equal(trace.attempt_count, 20);
	assert_int_equal(trace.attempts[7].rule_count, 20);
	assert_string_equal(trace.attempts[7].rules[13].text, "rule 7.13");
	assert_true(trace.attempts[7].rules[13].warn);
	assert_false(trace.attempts[7].rules[13].holds);
	assert_true(trace.attempts[7].rules[12].holds);
	assert_string_equal(trace.notes[19].text, "note 19");
	assert_int_equal(trace.notes[19].before, 20);
	trace_clear(&trace);
}

static void
test_what_an_attempt_holds_is_released_with_it(UNUSED void **state)
{
	struct trace trace = { .name = "orders" };
	struct trace_attempt *attempt = trace_add_attempt(&trace);

	attempt->method = xstrdup("GET");
	attempt->url = xstrdup("http://a.test/");
	attempt->head = xstrdup("X-Team: web\n");
	attempt->body = xstrdup("text");
	attempt->hops = 2;
	attempt->trail = xcalloc(2, sizeof(*attempt->trail));
	attempt->trail[0].url = xstrdup("http://a.test/");
	attempt->trail[1].url = xstrdup("http://b.test/");
	attempt->final_url = xstrdup("http://c.test/");
	attempt->tls.subject = xstrdup("CN=c.test");
	attempt->tls.issuer = xstrdup("CN=ca");
	attempt->answer_head = xstrdup("HTTP/1.1 200 OK\r\n");
	attempt->input = xcalloc(1, sizeof(*attempt->input));
	attempt->input->text = xstrdup("Say hi");
	trace_set_schema(attempt, true, "keeps to it");
	trace_set_schema(attempt, false, "breaks it");
	assert_string_equal(attempt->schema.text, "breaks it");
	assert_false(attempt->schema.holds);
	attempt->result = xstrdup("responded with 200 in 3 ms");
	attempt->decision = xstrdup("not again");
	trace_clear(&trace); /* LeakSanitizer looks at the rest */
	assert_null(trace.attempts);
}

static void
test_a_trace_is_about_one_target(UNUSED void **state)
{
	struct trace trace = { .name = "orders" };
	char orders[] = "orders";
	char order[] = "order";
	const struct target wanted = { .name = orders };
	const struct target other = { .name = order };

	assert_ptr_equal(trace_of(&trace, &wanted), &trace);
	assert_null(trace_of(&trace, &other));
	assert_null(trace_of(NULL, &wanted));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_attempt_knows_nothing),
		cmocka_unit_test(test_attempts_rules_and_notes_stay_in_order),
		cmocka_unit_test(test_what_an_attempt_holds_is_released_with_it),
		cmocka_unit_test(test_a_trace_is_about_one_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
