/*
 * daemon/explanation: what is told of prompts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/screen.h"
#include "base/xalloc.h"
#include "explanation_stage.h"
#include "gather/gate.h"
#include "gather/providers.h"

static const struct screen plain = { .terminal = false };

static const char *
told(struct stage *s)
{
	buffer_reset(&s->out);
	explanation_append(&s->explanation, &plain, &s->out);
	return s->out.data;
}

/* In what is told, TEXT stands. */
static void
expect_told(struct stage *s, const char *text)
{
	if (strstr(told(s), text) == NULL)
		fail_msg("%s does not stand in:\n%s", text, s->out.data);
}

static void
expect_untold(struct stage *s, const char *text)
{
	if (strstr(told(s), text) != NULL)
		fail_msg("%s stands in:\n%s", text, s->out.data);
}

static const char *
why(struct stage *s)
{
	buffer_reset(&s->out);
	explanation_append_why(&s->explanation, &s->out);
	return s->out.data;
}

/* An attempt at t0 that sent "Say hi". */
static struct trace_attempt *
add_prompt_attempt(struct stage *s)
{
	struct trace_attempt *attempt = add_attempt(s);

	attempt->input = xcalloc(1, sizeof(*attempt->input));
	attempt->input->text = xstrdup("Say hi,\nplease");
	attempt->input->bytes = 156;
	return attempt;
}

/* OUTCOME, not initialised before, is that of a model that answered to the end. */
static void
answer(struct outcome *outcome)
{
	outcome_init(outcome);
	outcome->status = STATUS_OK;
	outcome->http_status = 200;
	outcome->attempts = 1;
	outcome_make_prompt(outcome);
	outcome->prompt->model = xstrdup("m-2");
	outcome->prompt->finish_reason = xstrdup("stop");
	outcome->prompt->response = xstrdup("Hi\nyou");
	outcome->prompt->response_len = strlen("Hi\nyou");
	outcome->prompt->usage = (struct prompt_usage){ 14, 16, 3, 2, 30 };
	outcome->prompt->cost = MONEY_ONE / 8000;
	outcome->prompt->request_id = xstrdup("req_1");
}

static void
put(struct stage *s, struct outcome *outcome)
{
	board_put(s->board, board_entry(s->board, 0), outcome);
	outcome_clear(outcome);
}

/* It ended with KIND; MESSAGE is copied. */
static void
put_failure(
    struct stage *s, enum error_kind kind, long http_status, const char *message)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.kind = kind;
	outcome.status = error_kind_status(kind);
	outcome.http_status = http_status;
	outcome.message = xstrdup(message);
	outcome_make_prompt(&outcome);
	outcome.prompt->model = xstrdup("m0");
	put(s, &outcome);
}

static void
test_a_whole_explanation(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;
	struct outcome outcome;

	open_prompt_stage(&s,
	    "max_concurrent: 20\nrate: 60/min\nprice: {input: 0.5, output: 2}\n",
	    "retries: 2\nmax_tokens: 50\nbudget: {tokens: 100, per: 1d}\n"
	    "schema: {type: object}\n");
	attempt = add_prompt_attempt(&s);
	attempt->http_status = 200;
	attempt->bytes = 203;
	attempt->input->cut_count = 2;
	trace_add_rule(attempt, false, true, "status: 200");
	trace_set_schema(attempt, true, "the model's answer keeps to the schema");
	attempt->result = xstrdup("responded with 200 in 183 ms");
	answer(&outcome);
	put(&s, &outcome);
	assert_string_equal(told(&s),
	    "t0: ok\n"
	    "  The model answered to the end (stop), and its answer keeps to the "
	    "schema. HTTP 200 is an expected status.\n"
	    "\n"
	    "Provider\n"
	    "  Name         p\n"
	    "  API          openai at http://test/v1\n"
	    "  Model        m0\n"
	    "  At once      at most 20, 8 for now: its push-back lowers that, and its "
	    "answers raise it again\n"
	    "  Rate         at most 60/min started\n"
	    "  Price        0.5 in, 2 out, for a million tokens\n"
	    "\n"
	    "Limits\n"
	    "  Timeout      5s for an attempt, 3s of it to connect\n"
	    "  Retries      up to 2, the first after at most 500ms, then twice as "
	    "long each; after a timeout once at most\n"
	    "  Deadline     30s for all attempts\n"
	    "  Push-back    tried again while the deadline lasts, without being "
	    "counted\n"
	    "  Max tokens   50 for the answer\n"
	    "  Budget       100 tokens per 1d, of which this run spent 0: of other "
	    "runs it knows nothing\n"
	    "\n"
	    "Attempt 1\n"
	    "  Request      GET http://test/0?key=***\n"
	    "  Prompt       Say hi,\n"
	    "               please\n"
	    "  Input        156 bytes, about 39 tokens; 2 values were cut to "
	    "`max_insert`, 16KiB\n"
	    "  Answer       HTTP 200\n"
	    "  Body         203 bytes\n"
	    "  Model        m-2\n"
	    "  Finish       stop\n"
	    "  Tokens       14 in, 2 of that from a cache, 16 out, 3 of that "
	    "reasoning, 30 in all\n"
	    "  Cost         0.000125\n"
	    "  Request ID   req_1\n"
	    "  Schema       holds   the model's answer keeps to the schema\n"
	    "  Expect       holds   status: 200\n"
	    "  Result       responded with 200 in 183 ms\n"
	    "\n"
	    "Begin of the answer\n"
	    "  Hi\n"
	    "  you\n");
	close_stage(&s);
}

static void
test_what_is_not_known_is_not_told(UNUSED void **state)
{
	struct stage s;
	struct outcome outcome;

	open_prompt_stage(&s, "adaptive: false\n", "");
	add_prompt_attempt(&s)->http_status = 200;
	answer(&outcome);
	prompt_usage_init(&outcome.prompt->usage);
	outcome.prompt->cost = -1;
	outcome.prompt->usage_unknown_attempts = 1;
	put(&s, &outcome);
	expect_told(&s, "  At once      at most 5, whatever it says to that\n");
	expect_told(&s,
	    "  Usage        unknown of 1 attempt, which may have been paid for all the "
	    "same\n");
	expect_untold(&s, "Tokens ");
	expect_untold(&s, "Cost ");
	expect_untold(&s, "Price ");
	expect_untold(&s, "Rate ");
	expect_untold(&s, "Schema ");
	expect_untold(&s, "Redirects ");
	expect_untold(&s, "not kept");
	close_stage(&s);
}

static void
test_an_api_that_demands_a_number_of_tokens_gets_one(UNUSED void **state)
{
	struct stage s;

	open_prompt_stage(&s, "api: anthropic\n", "");
	expect_told(&s, " for the answer, as the API demands a number\n");
	close_stage(&s);
}

static void
test_push_back_of_its_provider_is_counted(UNUSED void **state)
{
	struct stage s;
	struct gate_admission admission;
	struct gate *gate;

	open_prompt_stage(&s, "", "");
	expect_untold(&s, "  Push-back    1 time");
	gate = providers_find(board_providers(s.board), "p")->gate;
	admission = gate_enter(gate, 0);
	gate_pushed_back(gate, &admission, 60000000, 0, 0);
	gate_leave(gate, &admission, 0);
	s.explanation.now_us = 15000000;
	expect_told(&s,
	    "  Push-back    1 time (no answer counts, too), lowered its limit 1 time, paused it 1 time, now for "
	    "45s\n");
	s.explanation.now_us = 60000000;
	expect_told(&s, ", paused it 1 time\n");
	close_stage(&s);
}

static void
test_when_it_is_asked(UNUSED void **state)
{
	struct stage s;
	struct outcome outcome;

	open_prompt_stage(&s, "", "when: changed\n");
	expect_told(
	    &s, "  When         changed: not again for what its last good answer");
	close_stage(&s);

	open_prompt_stage(&s, "", "when: failing\n");
	expect_told(&s, "  When         failing: only while a service fails\n");
	assert_string_equal(why(&s), "It was not asked.");
	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	put(&s, &outcome);
	assert_string_equal(why(&s),
	    "It was not asked, as it is only while a service fails, and none does.");
	close_stage(&s);
}

static void
test_what_was_not_asked_is_shown(UNUSED void **state)
{
	struct stage s;
	struct outcome outcome;

	open_prompt_stage(&s, "", "");
	outcome_init(&outcome);
	outcome.status = STATUS_SKIPPED;
	outcome.kind = KIND_BUDGET;
	outcome.message = xstrdup("budget of 5 tokens per 1d");
	outcome_make_prompt(&outcome);
	outcome.prompt->prompt = xstrdup("Say hi");
	put(&s, &outcome);
	assert_string_equal(why(&s),
	    "It was not asked, as there is too little left to spend: budget of 5 tokens "
	    "per 1d.");
	expect_told(&s, "\nIt was not asked\n  Prompt       Say hi\n");
	close_stage(&s);
}

static void
test_why_it_failed(UNUSED void **state)
{
	static const struct {
		enum error_kind kind;
		long http_status;
		const char *message;
		const char *why;
	} rows[] = {
		{ KIND_HTTP, 500, "returned HTTP 500",
		    "No model answered: returned HTTP 500." },
		{ KIND_HTTP, 200, "the provider reported an error: x",
		    "No model answered: the provider reported an error: x." },
		{ KIND_HTTP, 404, "returned HTTP 404",
		    "No model answered: returned HTTP 404. It asked for the model m0." },
		{ KIND_RATE_LIMITED, 429, "returned HTTP 429",
		    "Its provider turned it away: returned HTTP 429." },
		{ KIND_INVALID_BODY, 200, "the model answered with an empty text",
		    "It answered, but the model answered with an empty text." },
		{ KIND_BLOCKED, 200, "the model's answer was blocked",
		    "It answered, but the model's answer was blocked." },
		{ KIND_TRUNCATED, 200, "the model's answer was cut off",
		    "It answered, but the model's answer was cut off. Its `max_tokens` "
		    "is 9." },
		{ KIND_CONNECT, 0, "refused", "No connection came about: refused." },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct stage s;

		open_prompt_stage(&s, "", "max_tokens: 9\n");
		put_failure(&s, rows[i].kind, rows[i].http_status, rows[i].message);
		assert_string_equal(why(&s), rows[i].why);
		close_stage(&s);
	}
}

static void
test_an_answer_with_another_status_than_expected_is_one(UNUSED void **state)
{
	struct stage s;

	open_prompt_stage(&s, "", "expect: {status: 201}\n");
	put_failure(&s, KIND_HTTP, 200, "returned HTTP 200 (expected 201)");
	assert_string_equal(
	    why(&s), "It answered, but returned HTTP 200 (expected 201).");
	close_stage(&s);
}

static void
test_without_retries_it_is_told_why_it_was_not_tried_again(UNUSED void **state)
{
	struct stage s;

	open_prompt_stage(&s, "", "");
	add_prompt_attempt(&s)->decision =
	    xstrdup("not tried again: a wait of 1m does not fit into the deadline");
	put_failure(&s, KIND_RATE_LIMITED, 429, "returned HTTP 429");
	expect_told(&s,
	    "It was not tried again: a wait of 1m does not fit into the deadline.\n");
	expect_told(&s,
	    "  Then         not tried again: a wait of 1m does not fit into the "
	    "deadline\n");
	/* Of the model that was asked for it is not said that it answered. */
	assert_null(strstr(s.out.data, "Body"));
	assert_ptr_equal(strstr(s.out.data, "Model"), strrchr(s.out.data, 'M'));
	close_stage(&s);
}

static void
test_a_terminal_does_not_obey_a_model(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;
	struct outcome outcome;

	open_prompt_stage(&s, "", "");
	attempt = add_prompt_attempt(&s);
	attempt->http_status = 200;
	attempt->bytes = 1;
	free(attempt->input->text);
	attempt->input->text = xstrdup("\033[31ma\x07");
	trace_set_schema(attempt, false, "\033[2J");
	answer(&outcome);
	outcome.prompt->response[0] = '\033';
	outcome.prompt->model[0] = '\033';
	outcome.prompt->finish_reason[0] = '\x07';
	put(&s, &outcome);
	told(&s);
	for (size_t i = 0; i < s.out.len; i++)
		assert_true(
		    s.out.data[i] == '\n' || (unsigned char)s.out.data[i] >= ' ');
	close_stage(&s);
}

static void
test_a_value_that_is_secret_hides_the_answer(UNUSED void **state)
{
	struct stage s;
	struct trace_attempt *attempt;
	struct outcome outcome;

	open_prompt_stage(&s, "", "");
	s.config->targets[0]->has_secret_value = true;
	attempt = add_prompt_attempt(&s);
	attempt->http_status = 200;
	attempt->bytes = 1;
	answer(&outcome);
	put(&s, &outcome);
	expect_told(
	    &s, "\nBegin of the body\n  not shown: one of its values is secret\n");
	expect_untold(&s, "Begin of the answer");
	close_stage(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_explanation),
		cmocka_unit_test(test_what_is_not_known_is_not_told),
		cmocka_unit_test(test_an_api_that_demands_a_number_of_tokens_gets_one),
		cmocka_unit_test(test_push_back_of_its_provider_is_counted),
		cmocka_unit_test(test_when_it_is_asked),
		cmocka_unit_test(test_what_was_not_asked_is_shown),
		cmocka_unit_test(test_why_it_failed),
		cmocka_unit_test(
		    test_an_answer_with_another_status_than_expected_is_one),
		cmocka_unit_test(
		    test_without_retries_it_is_told_why_it_was_not_tried_again),
		cmocka_unit_test(test_a_terminal_does_not_obey_a_model),
		cmocka_unit_test(test_a_value_that_is_secret_hides_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
