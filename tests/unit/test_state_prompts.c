#include "gather/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "gather/board.h"

/* ---- helpers ---- */

/* SERVICES services "t0", "t1", ..., and after them a prompt with each of the COUNT KEYS. */
static void
set_up_prompts(
    struct board_stage *f, size_t services, size_t count, const char *const *keys)
{
	f->config = fake_config_new(services);
	for (size_t i = 0; i < count; i++)
		fake_config_add_prompt(f->config, keys[i]);
	f->board = board_new(f->config);
	f->now_ms = 0;
}

static void
set_up_prompt(struct board_stage *f, size_t services, const char *keys)
{
	set_up_prompts(f, services, 1, &keys);
}

static void
rename_target(struct board_stage *f, size_t index, const char *name)
{
	struct target *target = f->config->targets[index];

	free(target->name);
	target->name = xstrdup(name);
	free((void *)f->config->by_name);
	f->config->by_name = NULL;
	config_index(f->config);
}

/* As an answer of the prompt with INDEX leaves it: with LEN bytes of RESPONSE, DATA (NULL:
 * none) and all else that is known. */
static void
put_answer_len(struct board_stage *f, size_t index, const char *response, size_t len,
    const char *data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = 1000;
	outcome.attempts = 1;
	outcome.http_status = 200;
	outcome.data = data != NULL ? xstrdup(data) : NULL;
	outcome.data_len = data != NULL ? strlen(data) : 0;
	outcome.prompt->model = xstrdup("m-2026-11");
	outcome.prompt->prompt = xstrdup("How is the shop?");
	outcome.prompt->response = xmemdup0(response, len);
	outcome.prompt->response_len = len;
	outcome.prompt->finish_reason = xstrdup("stop");
	outcome.prompt->usage.input = 21;
	outcome.prompt->usage.output = 5;
	outcome.prompt->usage.total = 26;
	outcome.prompt->cost = 1250 * (MONEY_ONE / 1000000);
	memset(outcome.prompt->input_hash, 'a', DIGEST_HEX_LEN);
	board_put(f->board, board_entry(f->board, index), &outcome);
}

static void
put_answer(struct board_stage *f, size_t index, const char *response, const char *data)
{
	put_answer_len(f, index, response, strlen(response), data);
}

static void
put_failure(
    struct board_stage *f, size_t index, enum status status, enum error_kind kind)
{
	struct outcome outcome;

	outcome_init(&outcome);
	if (f->config->targets[index]->kind == TARGET_PROMPT)
		outcome_make_prompt(&outcome);
	outcome.status = status;
	outcome.kind = kind;
	outcome.message = xstrdup("no");
	outcome.checked_at_ms = 2000;
	board_put(f->board, board_entry(f->board, index), &outcome);
}

/* What SOURCE comes to; with INSERTION (NULL: none) as in a prompt. */
static enum template_result
render(const struct board_stage *f, const char *source,
    struct template_insertion *insertion, struct marked *out)
{
	struct state *state = state_new(f->board);
	enum template_result result;
	struct template_fault fault;
	struct template *template;
	struct marked text;

	marked_init(&text, BUFFER_UNLIMITED);
	marked_append(&text, source, strlen(source), MARK_OWN);
	template = template_compile(&text, TEMPLATE_PLAIN, &fault);
	if (template == NULL)
		fail_msg("%s: %s", source, fault.message);
	marked_init(out, BUFFER_UNLIMITED);
	result = insertion != NULL
	    ? template_render_inserting(
	          template, state_root(state), insertion, out, NULL, NULL)
	    : template_render(template, state_root(state), out, NULL, NULL);
	state_free(state);
	template_free(template);
	marked_clear(&text);
	return result;
}

static void
assert_rendered(const struct board_stage *f, const char *source, const char *expected)
{
	struct marked out;

	assert_int_equal(render(f, source, NULL, &out), TEMPLATE_RENDERED);
	assert_string_equal(out.text.data, expected);
	marked_clear(&out);
}

static void
assert_missing(const struct board_stage *f, const char *source)
{
	struct marked out;

	assert_int_equal(render(f, source, NULL, &out), TEMPLATE_MISSING);
	marked_clear(&out);
}

static void
assert_why(const struct board_stage *f, const char *name, const char *expected)
{
	char *why = state_why_missing(f->board, name);

	assert_string_equal(why, expected);
	free(why);
}

/* ---- fields ---- */

static void
test_a_prompts_fields_are_found_by_their_names(UNUSED void **state)
{
	struct board_stage f;

	set_up_prompt(&f, 1, "budget: {tokens: 100, per: 1d}\n");
	assert_rendered(&f,
	    "{{prompts.t1.status}} {{prompts.t1.success}} {{prompts.t1.provider}}",
	    "pending false p");
	assert_missing(&f, "{{prompts.t1.response}}");
	assert_missing(&f, "{{prompts.t1.usage}}");
	assert_missing(&f, "{{prompts.t1.url}}");
	put_answer(&f, 1, "All is \"well\".\n", NULL);
	assert_rendered(&f,
	    "{{prompts.t1.response}}{{prompts.t1.success}} {{prompts.t1.model}} "
	    "{{prompts.t1.prompt}} {{prompts.t1.finish_reason}}",
	    "All is \"well\".\ntrue m-2026-11 How is the shop? stop");
	assert_rendered(
	    &f, "{{prompts.t1.reused}} {{prompts.t1.cost}}", "false 0.00125");
	assert_rendered(&f,
	    "{{prompts.t1.usage.input_tokens}} {{prompts.t1.usage.total_tokens}} "
	    "{{prompts.t1.budget.unit}} {{prompts.t1.budget.limit}} "
	    "{{prompts.t1.budget.spent}} {{prompts.t1.budget.per_ms}}",
	    "21 26 tokens 100 0 86400000");
	assert_missing(&f, "{{prompts.t1.usage.reasoning_tokens}}");
	assert_missing(&f, "{{prompts.t1.data}}");
	assert_rendered(
	    &f, "{{#prompts.t1.success}}good{{/prompts.t1.success}}", "good");
	tear_down(&f);
}

static void
test_a_budget_of_money_is_told_as_money(UNUSED void **state)
{
	struct board_stage f;

	f.config = fake_config_new(0);
	fake_config_set_provider(f.config, "p", "price: {input: 1, output: 2}\n");
	fake_config_add_prompt(f.config, "budget: {cost: 0.5, per: 30d}\n");
	f.board = board_new(f.config);
	assert_rendered(&f,
	    "{{prompts.t0.budget.unit}} {{prompts.t0.budget.limit}} "
	    "{{prompts.t0.budget.limit}} {{prompts.t0.budget.spent}}",
	    "cost 0.5 0.5 0");
	tear_down(&f);
}

static void
test_json_of_a_model_is_looked_into(UNUSED void **state)
{
	struct board_stage f;

	set_up_prompt(&f, 0, "format: json\n");
	put_answer(&f, 0, "{\"mood\": \"calm\", \"list\": [1, 2.50]}",
	    "{\"mood\":\"calm\",\"list\":[1,2.50]}");
	assert_rendered(&f,
	    "{{prompts.t0.data.mood}} {{prompts.t0.data.list.1}} {{prompts.t0.data}}",
	    "calm 2.50 {\"mood\":\"calm\",\"list\":[1,2.50]}");
	tear_down(&f);
}

static void
test_a_response_with_a_nul_is_put_in_whole(UNUSED void **state)
{
	struct board_stage f;
	struct marked out;

	set_up_prompt(&f, 0, "");
	put_answer_len(&f, 0, "a\0b", 3, NULL);
	assert_int_equal(
	    render(&f, "{{prompts.t0.response}}{{prompts.t0.response}}", NULL, &out),
	    TEMPLATE_RENDERED);
	assert_int_equal(out.text.len, 6);
	assert_memory_equal(out.text.data, "a\0ba\0b", 6);
	marked_clear(&out);
	tear_down(&f);
}

static void
test_an_entry_of_a_former_run_is_read_from_its_text(UNUSED void **state)
{
	static const char entry[] =
	    "{\"status\":\"ok\",\"success\":true,\"response\":\"of old\","
	    "\"usage\":{\"total_tokens\":26},\"values\":{\"a\":1},\"data\":null}";
	struct board_memory memory = memory_of(STATUS_OK);
	struct board_stage f;

	set_up_prompt(&f, 0, "");
	free(memory.entry);
	memory.entry = xstrdup(entry);
	memory.entry_len = strlen(entry);
	restore(&f, 0, memory);
	assert_rendered(&f,
	    "{{prompts.t0.response}} {{prompts.t0.usage.total_tokens}} "
	    "{{prompts.t0.values.a}} {{prompts.t0.success}}",
	    "of old 26 1 true");
	assert_rendered(&f, "{{prompts.t0}}", entry);
	put_answer(&f, 0, "of now", NULL);
	assert_rendered(&f, "{{prompts.t0.response}}", "of now");
	tear_down(&f);
}

/* ---- names ---- */

static void
test_services_and_prompts_are_found_under_their_own(UNUSED void **state)
{
	struct board_stage f;

	set_up_prompt(&f, 1, "");
	assert_missing(&f, "{{services.t1.status}}");
	assert_missing(&f, "{{prompts.t0.status}}");
	assert_missing(&f, "{{prompts.status}}");
	assert_rendered(
	    &f, "{{services.t0.status}} {{prompts.t1.status}}", "pending pending");
	/* The longest name of its kind: the prompt's is longer than the service's. */
	rename_target(&f, 0, "shop");
	rename_target(&f, 1, "shop.data");
	put(&f, 0, STATUS_OK);
	put_data(&f, 0, STATUS_OK, "{\"status\":\"x\"}");
	assert_rendered(&f,
	    "{{services.shop.data.status}} {{prompts.shop.data.status}}", "x pending");
	assert_missing(&f, "{{prompts.shop.status}}");
	tear_down(&f);
}

static void
test_targets_are_services_alone(UNUSED void **state)
{
	static const char *const keys[] = { "", "" };
	struct board_stage f;

	set_up_prompts(&f, 2, 2, keys);
	put_failure(&f, 3, STATUS_ERROR, KIND_BLOCKED);
	assert_rendered(
	    &f, "{{#targets}}{{name}} {{kind}},{{/targets}}", "t0 service,t1 service,");
	assert_missing(&f, "{{targets.2.name}}");
	/* These stand in the document, and there they are over all. */
	assert_rendered(
	    &f, "{{failed}} {{counts.total}} {{counts.error}}", "[\"t3\"] 4 1");
	tear_down(&f);
	set_up_prompt(&f, 0, "");
	assert_rendered(&f, "{{#targets}}x{{/targets}}{{targets}}{{services}}", "[]{}");
	tear_down(&f);
}

static void
test_all_prompts_are_json_as_in_the_document(UNUSED void **state)
{
	static const char *const keys[] = { "", "" };
	struct board_memory memory;
	struct board_stage f;
	struct marked out;

	set_up_prompts(&f, 1, 2, keys);
	for (size_t i = 0; i < 3; i++) {
		memory = memory_of(STATUS_OK);
		restore(&f, i, memory);
	}
	assert_rendered(&f, "{{services}} {{prompts}}",
	    "{\"t0\":{\"status\":\"of old\"}} "
	    "{\"t1\":{\"status\":\"of old\"},\"t2\":{\"status\":\"of old\"}}");
	put_answer(&f, 1, "Fine.", NULL);
	assert_int_equal(render(&f, "{{prompts.t1}}", NULL, &out), TEMPLATE_RENDERED);
	assert_non_null(strstr(out.text.data,
	    "{\"status\":\"ok\",\"success\":true,\"since\":\"1970-01-01T00:00:00.100Z\","));
	assert_non_null(strstr(out.text.data, "\"response\":\"Fine.\","));
	assert_non_null(strstr(out.text.data,
	    "\"usage\":{\"input_tokens\":21,\"output_tokens\":5,\"reasoning_tokens\":null,"
	    "\"cached_tokens\":null,\"total_tokens\":26},"));
	assert_non_null(strstr(out.text.data,
	    "\"cost\":0.00125,\"estimate\":{\"tokens\":26,\"cost\":0.00125},"
	    "\"budget\":null,"));
	assert_non_null(strstr(out.text.data, "\"reused\":false,"));
	marked_clear(&out);
	tear_down(&f);
}

/* ---- what is put into a prompt ---- */

/* In a block, with fence, stands what SOURCE names. */
static void
assert_in_block(const struct board_stage *f, const char *source, bool expected)
{
	struct template_insertion insertion = { .fence = true };
	struct marked out;

	assert_int_equal(render(f, source, &insertion, &out), TEMPLATE_RENDERED);
	if ((strncmp(out.text.data, "[data ", 6) == 0) != expected)
		fail_msg("%s: %s", source, out.text.data);
	marked_clear(&out);
}

static void
test_all_of_the_state_counts_as_fetched(UNUSED void **state)
{
	static const char *const sources[] = {
		"{{services}}",
		"{{services.t0}}",
		"{{services.t0.status}}",
		"{{services.t0.http_status}}",
		"{{services.t0.since}}",
		"{{services.t0.timing_ms}}",
		"{{services.t0.warnings}}",
		"{{services.t0.data}}",
		"{{services.t0.data.s}}",
		"{{services.t0.data.n}}",
		"{{services.t0.data.t}}",
		"{{services.t0.data.f}}",
		"{{services.t0.data.l}}",
		"{{services.t0.data.l.0}}",
		"{{services.t0.data.nul}}",
		"{{services.t0.values}}",
		"{{services.t0.values.v}}",
		"{{services.t0.values.o.x}}",
		"{{prompts}}",
		"{{prompts.t1}}",
		"{{prompts.t1.response}}",
		"{{prompts.t1.success}}",
		"{{prompts.t1.cost}}",
		"{{prompts.t1.usage}}",
		"{{prompts.t1.usage.total_tokens}}",
		"{{targets}}",
		"{{targets.0.name}}",
		"{{targets.0.kind}}",
		"{{#targets}}{{data}}{{/targets}}",
		"{{failed}}",
		"{{counts}}",
		"{{counts.ok}}",
		"{{status}}",
		"{{#services.t0.data.l}}{{.}}{{/services.t0.data.l}}",
	};
	struct outcome outcome;
	struct board_stage f;

	set_up_prompt(&f, 1, "");
	put_answer(&f, 1, "Fine.", NULL);
	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = 1000;
	outcome.http_status = 200;
	outcome.values = xstrdup("{\"v\":1,\"o\":{\"x\":\"y\"}}");
	outcome.values_len = strlen(outcome.values);
	outcome.data = xstrdup("{\"s\":\"text\",\"n\":1,\"t\":true,\"f\":false,"
	                       "\"l\":[\"x\"],\"nul\":\"a\\u0000b\"}");
	outcome.data_len = strlen(outcome.data);
	board_put(f.board, board_entry(f.board, 0), &outcome);
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
		assert_in_block(&f, sources[i], true);
	assert_in_block(&f, "none", false);
	tear_down(&f);
}

static void
test_secret_values_stay_secret_in_their_blocks(UNUSED void **state)
{
	struct template_insertion insertion = { .max_bytes = 7, .fence = true };
	struct outcome outcome;
	struct board_stage f;
	struct marked out;
	char *shown;

	set_up(&f, 1);
	fake_config_set(
	    f.config, 0, "{extract: {token: {path: /token, secret: true}}}");
	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.values = xstrdup("{\"token\":\"***\"}");
	outcome.values_len = strlen(outcome.values);
	outcome.secret_values = xstrdup("{\"token\":\"hunter22\"}");
	outcome.secret_values_len = strlen(outcome.secret_values);
	board_put(f.board, board_entry(f.board, 0), &outcome);
	assert_int_equal(render(&f, "{{services.t0.values.token}}", &insertion, &out),
	    TEMPLATE_RENDERED);
	assert_non_null(
	    strstr(out.text.data, "]\nhunter2[... 1 more bytes cut]\n[end"));
	shown = marked_shown(&out);
	assert_string_equal(shown,
	    "[data services.t0.values.token ***]\n***[... 1 more bytes cut]\n"
	    "[end of data services.t0.values.token ***]");
	free(shown);
	marked_clear(&out);
	tear_down(&f);
}

/* Whoever wants the beginning need not wait for the rest. */
static void
test_what_is_too_long_is_cut_whatever_it_is(UNUSED void **state)
{
	static const char *const sources[] = { "{{services}}", "{{targets}}",
		"{{services.t0}}", "{{services.t0.data}}", "{{services.t0.data.0}}" };
	const size_t len = 3 * TEMPLATE_MAX_OUTPUT;
	char *data = xmalloc(len + 5);
	struct board_stage f;

	memset(data, 'x', len + 5);
	data[0] = '[';
	data[1] = data[len + 2] = '"';
	data[len + 3] = ']';
	data[len + 4] = '\0';
	set_up(&f, 3);
	for (size_t i = 0; i < 3; i++)
		put_data(&f, i, STATUS_OK, data);
	for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
		struct template_insertion insertion = { .max_bytes = 2000 };
		const char *note;
		struct marked out;

		assert_int_equal(
		    render(&f, sources[i], &insertion, &out), TEMPLATE_RENDERED);
		note = strstr(out.text.data, "[... ");
		assert_ptr_equal(note, out.text.data + 2000);
		assert_int_equal(insertion.cut_count, 1);
		marked_clear(&out);
		assert_int_equal(
		    render(&f, sources[i], NULL, &out), TEMPLATE_TOO_LARGE);
		marked_clear(&out);
	}
	free(data);
	tear_down(&f);
}

/* ---- what is missing ---- */

static void
test_a_missing_name_is_explained_by_its_prompt(UNUSED void **state)
{
	struct board_stage f;

	set_up_prompt(&f, 1, "");
	rename_target(&f, 1, "head.line");
	assert_why(&f, "prompts.head.line.response", " (head.line was not asked yet)");
	put_failure(&f, 1, STATUS_ERROR, KIND_BLOCKED);
	assert_why(&f, "prompts.head.line.response", " (head.line failed: blocked)");
	put_failure(&f, 1, STATUS_SKIPPED, KIND_BUDGET);
	assert_why(
	    &f, "prompts.head.line.response", " (head.line was skipped: budget)");
	/* With `when: failing`, while nothing fails. */
	put_failure(&f, 1, STATUS_PENDING, KIND_NONE);
	assert_why(&f, "prompts.head.line.response", " (head.line was not asked)");
	put_answer(&f, 1, "Fine.", NULL);
	assert_why(&f, "prompts.head.line.data", "");
	assert_why(&f, "services.head.line.data", "");
	assert_why(&f, "prompts.t0.data", "");
	assert_why(&f, "prompts", "");
	assert_why(&f, "prompts.", "");
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_prompts_fields_are_found_by_their_names),
		cmocka_unit_test(test_a_budget_of_money_is_told_as_money),
		cmocka_unit_test(test_json_of_a_model_is_looked_into),
		cmocka_unit_test(test_a_response_with_a_nul_is_put_in_whole),
		cmocka_unit_test(test_an_entry_of_a_former_run_is_read_from_its_text),
		cmocka_unit_test(test_services_and_prompts_are_found_under_their_own),
		cmocka_unit_test(test_targets_are_services_alone),
		cmocka_unit_test(test_all_prompts_are_json_as_in_the_document),
		cmocka_unit_test(test_all_of_the_state_counts_as_fetched),
		cmocka_unit_test(test_secret_values_stay_secret_in_their_blocks),
		cmocka_unit_test(test_what_is_too_long_is_cut_whatever_it_is),
		cmocka_unit_test(test_a_missing_name_is_explained_by_its_prompt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
