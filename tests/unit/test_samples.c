#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "publish/metrics/samples.h"

#define NOW_MS INT64_C(1795232400123)

/* A board over a config of one target, and what was made of it last. */
struct stage {
	struct config *config;
	struct board *board;
	struct buffer lines;
	uint32_t ends[SAMPLE_FAMILY_COUNT];
};

static void
set_up(struct stage *stage, struct config *config)
{
	stage->config = config;
	stage->board = board_new(config);
	buffer_init(&stage->lines, BUFFER_UNLIMITED);
}

static void
tear_down(struct stage *stage)
{
	buffer_clear(&stage->lines);
	board_free(stage->board);
	fake_config_free(stage->config);
}

/* A service that has KEYS. */
static void
set_up_service(struct stage *stage, const char *keys)
{
	struct config *config = fake_config_new(1);

	fake_config_set(config, 0, keys);
	set_up(stage, config);
}

static void
set_up_prompt(struct stage *stage, const char *provider, const char *keys)
{
	struct config *config = fake_config_new(0);

	fake_config_set_provider(config, "p", provider);
	fake_config_add_prompt(config, keys);
	set_up(stage, config);
}

static struct board_entry *
entry_of(const struct stage *stage)
{
	return board_entry(stage->board, 0);
}

static void
make(struct stage *stage, bool histogram)
{
	buffer_reset(&stage->lines);
	samples_append(&stage->lines, stage->ends, entry_of(stage), histogram);
}

static size_t
family_index(const char *name)
{
	for (size_t i = 0; i < SAMPLE_FAMILY_COUNT; i++) {
		if (strcmp(sample_families[i].name, name) == 0)
			return i;
	}
	fail_msg("no family %s", name);
	return 0;
}

/* What the lines of the family of that name are. */
static void
assert_family(const struct stage *stage, const char *name, const char *expected)
{
	size_t index = family_index(name);
	size_t start = index > 0 ? stage->ends[index - 1] : 0;
	char *lines = xmemdup0(stage->lines.data + start, stage->ends[index] - start);

	assert_string_equal(lines, expected);
	free(lines);
}

static void
put(struct stage *stage, struct outcome *outcome)
{
	(void)board_put(stage->board, entry_of(stage), outcome);
}

/* A good answer, all of which is known. */
static void
put_answer(struct stage *stage, const char *values)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.attempts = 2;
	outcome.http_status = 200;
	outcome.bytes = 1234;
	outcome.checked_at_ms = NOW_MS;
	outcome.duration_us = 203400;
	outcome.queued_us = 100;
	outcome.timing = (struct response_timing){ 400, 1200, 30000, 100000, 190000 };
	outcome.certificate_expires_at_ms = NOW_MS + 1;
	if (values != NULL) {
		outcome.values = xstrdup(values);
		outcome.values_len = strlen(values);
	}
	put(stage, &outcome);
}

/* ---- the table ---- */

static void
test_every_family_is_said_once_and_by_the_rules(UNUSED void **state)
{
	for (size_t i = 0; i < SAMPLE_FAMILY_COUNT; i++) {
		const struct sample_family *family = &sample_families[i];
		size_t len = strlen(family->name);
		bool total = len > 6 && strcmp(family->name + len - 6, "_total") == 0;

		assert_int_equal(family_index(family->name), i);
		assert_int_equal(total, strcmp(family->type, "counter") == 0);
		assert_non_null(family->put);
		assert_null(strpbrk(family->help, "\\\n"));
	}
}

static void
test_a_head_says_what_a_family_is(UNUSED void **state)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	samples_append_head(&out, &sample_families[0]);
	assert_string_equal(out.data,
	    "# HELP gatherd_target_up Did it answer well: 1 where its status is ok or "
	    "degraded, else 0.\n# TYPE gatherd_target_up gauge\n");
	buffer_clear(&out);
}

/* ---- services ---- */

static void
test_an_answer_is_told_by_lines(UNUSED void **state)
{
	struct stage stage;

	set_up_service(&stage, "");
	put_answer(&stage, NULL);
	make(&stage, false);

	assert_family(&stage, "gatherd_target_up",
	    "gatherd_target_up{target=\"t0\",kind=\"service\"} 1\n");
	assert_family(&stage, "gatherd_target_since_timestamp_seconds",
	    "gatherd_target_since_timestamp_seconds{target=\"t0\",kind=\"service\"} "
	    "1795232400.123\n");
	assert_family(&stage, "gatherd_target_last_success_timestamp_seconds",
	    "gatherd_target_last_success_timestamp_seconds{target=\"t0\","
	    "kind=\"service\"} 1795232400.123\n");
	assert_family(&stage, "gatherd_target_http_status",
	    "gatherd_target_http_status{target=\"t0\",kind=\"service\"} 200\n");
	assert_family(&stage, "gatherd_target_response_bytes",
	    "gatherd_target_response_bytes{target=\"t0\",kind=\"service\"} 1234\n");
	assert_family(&stage, "gatherd_target_certificate_expiry_timestamp_seconds",
	    "gatherd_target_certificate_expiry_timestamp_seconds{target=\"t0\","
	    "kind=\"service\"} 1795232400.124\n");
	assert_family(&stage, "gatherd_target_interval_seconds",
	    "gatherd_target_interval_seconds{target=\"t0\",kind=\"service\"} 30\n");
	assert_family(&stage, "gatherd_target_required",
	    "gatherd_target_required{target=\"t0\",kind=\"service\"} 1\n");
	assert_family(&stage, "gatherd_target_attempts_total",
	    "gatherd_target_attempts_total{target=\"t0\",kind=\"service\"} 2\n");
	tear_down(&stage);
}

#define DURATION "gatherd_target_duration_seconds{target=\"t0\",kind=\"service\",phase="

static void
test_durations_are_told_by_phases(UNUSED void **state)
{
	struct stage stage;

	set_up_service(&stage, "");
	put_answer(&stage, NULL);
	make(&stage, false);
	assert_family(&stage, "gatherd_target_duration_seconds",
	    DURATION "\"queued\"} 0.0001\n" DURATION "\"dns\"} 0.0004\n" DURATION
	             "\"connect\"} 0.0012\n" DURATION "\"tls\"} 0.03\n" DURATION
	             "\"first_byte\"} 0.1\n" DURATION "\"total\"} 0.2034\n");
	tear_down(&stage);
}

#define STATUS "gatherd_target_status{target=\"t0\",kind=\"service\",status="
#define ENDED  "gatherd_target_outcomes_total{target=\"t0\",kind=\"service\",status="

static void
test_each_status_has_a_line_of_its_own(UNUSED void **state)
{
	struct stage stage;
	struct outcome outcome;

	set_up_service(&stage, "");
	put_answer(&stage, NULL);
	outcome_init(&outcome);
	outcome.status = STATUS_HTTP_ERROR;
	put(&stage, &outcome);
	make(&stage, false);
	assert_family(&stage, "gatherd_target_status",
	    STATUS "\"ok\"} 0\n" STATUS "\"degraded\"} 0\n" STATUS
	           "\"timeout\"} 0\n" STATUS "\"http_error\"} 1\n" STATUS
	           "\"error\"} 0\n" STATUS "\"cancelled\"} 0\n" STATUS
	           "\"skipped\"} 0\n" STATUS "\"pending\"} 0\n");
	assert_family(&stage, "gatherd_target_outcomes_total",
	    ENDED "\"ok\"} 1\n" ENDED "\"degraded\"} 0\n" ENDED "\"timeout\"} 0\n" ENDED
	          "\"http_error\"} 1\n" ENDED "\"error\"} 0\n" ENDED
	          "\"cancelled\"} 0\n" ENDED "\"skipped\"} 0\n" ENDED
	          "\"pending\"} 0\n");
	assert_family(&stage, "gatherd_target_up",
	    "gatherd_target_up{target=\"t0\",kind=\"service\"} 0\n");
	assert_family(&stage, "gatherd_target_consecutive_failures",
	    "gatherd_target_consecutive_failures{target=\"t0\",kind=\"service\"} 1\n");
	tear_down(&stage);
}

static void
test_only_ok_and_degraded_are_up(UNUSED void **state)
{
	for (int status = 0; status < STATUS_COUNT; status++) {
		bool up = status == STATUS_OK || status == STATUS_DEGRADED;
		struct stage stage;
		struct outcome outcome;

		set_up_service(&stage, "");
		outcome_init(&outcome);
		outcome.status = (enum status)status;
		put(&stage, &outcome);
		make(&stage, false);
		assert_family(&stage, "gatherd_target_up",
		    status == STATUS_PENDING ? ""
		        : up ? "gatherd_target_up{target=\"t0\",kind=\"service\"} 1\n"
		             : "gatherd_target_up{target=\"t0\",kind=\"service\"} 0\n");
		tear_down(&stage);
	}
}

static void
test_what_is_unknown_has_no_line(UNUSED void **state)
{
	static const char *const unknown[] = { "gatherd_target_up",
		"gatherd_target_since_timestamp_seconds",
		"gatherd_target_last_check_timestamp_seconds",
		"gatherd_target_last_success_timestamp_seconds",
		"gatherd_target_duration_seconds", "gatherd_target_http_status",
		"gatherd_target_response_bytes",
		"gatherd_target_certificate_expiry_timestamp_seconds",
		"gatherd_target_value", "gatherd_target_latency_seconds",
		"gatherd_prompt_info", "gatherd_prompt_tokens_total",
		"gatherd_prompt_cached_tokens_total",
		"gatherd_prompt_reasoning_tokens_total", "gatherd_prompt_cost_total",
		"gatherd_prompt_unknown_usage_attempts_total",
		"gatherd_prompt_reused_answers_total", "gatherd_prompt_budget_spent",
		"gatherd_prompt_budget_limit" };
	struct stage stage;

	set_up_service(&stage, "");
	make(&stage, false);
	for (size_t i = 0; i < ARRAY_COUNT(unknown); i++)
		assert_family(&stage, unknown[i], "");
	tear_down(&stage);
}

static void
test_the_ends_are_counted_from_the_first_line(UNUSED void **state)
{
	struct stage stage;

	set_up_service(&stage, "");
	put_answer(&stage, NULL);
	buffer_append_string(&stage.lines, "before\n");
	samples_append(&stage.lines, stage.ends, entry_of(&stage), true);
	for (size_t i = 1; i < SAMPLE_FAMILY_COUNT; i++)
		assert_true(stage.ends[i] >= stage.ends[i - 1]);
	assert_int_equal(
	    stage.ends[SAMPLE_FAMILY_COUNT - 1], stage.lines.len - strlen("before\n"));
	tear_down(&stage);
}

#define VALUE "gatherd_target_value{target=\"t0\",kind=\"service\",name="

static void
test_values_that_are_numbers_are_told(UNUSED void **state)
{
	struct stage stage;

	set_up_service(&stage, "");
	put_answer(&stage,
	    "{\"depth\":12,\"word\":\"12\",\"none\":null,\"up\":true,\"list\":[1],"
	    "\"a \\\"b\\\"\":-0.5,\"huge\":1e999,\"last\":{}}");
	make(&stage, false);
	assert_family(&stage, "gatherd_target_value",
	    VALUE "\"depth\"} 12\n" VALUE "\"up\"} 1\n" VALUE
	          "\"a \\\"b\\\"\"} -0.5\n" VALUE "\"huge\"} +Inf\n");
	tear_down(&stage);
}

/* ---- labels ---- */

static void
test_all_lines_have_the_targets_labels(UNUSED void **state)
{
	struct stage stage;

	set_up_service(&stage,
	    "group: 'check \"out\"'\n"
	    "labels: {team: core, le: x, status: y, job-name: z}\n");
	make(&stage, false);
	assert_family(&stage, "gatherd_target_consecutive_failures",
	    "gatherd_target_consecutive_failures{target=\"t0\",kind=\"service\","
	    "group=\"check \\\"out\\\"\",team=\"core\",label_le=\"x\","
	    "label_status=\"y\",job_name=\"z\"} 0\n");
	tear_down(&stage);
}

static void
test_a_hostile_name_stays_within_its_quotes(UNUSED void **state)
{
	struct stage stage;
	struct config *config = fake_config_new(1);

	free(config->targets[0]->name);
	config->targets[0]->name = xstrdup("<script>\\\"} 1\n# \xC3\xA9");
	set_up(&stage, config);
	make(&stage, false);
	assert_family(&stage, "gatherd_target_consecutive_failures",
	    "gatherd_target_consecutive_failures{target=\"<script>\\\\\\\"} 1\\n# "
	    "\xC3\xA9\",kind=\"service\"} 0\n");
	tear_down(&stage);
}

/* ---- the histogram ---- */

#define LATENCY "gatherd_target_latency_seconds"
#define LABELS  "{target=\"t0\",kind=\"service\""
#define BUCKET  LATENCY "_bucket" LABELS ",le="

static void
put_duration(struct stage *stage, int64_t duration_us)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.duration_us = duration_us;
	put(stage, &outcome);
}

static void
test_a_histogram_counts_what_is_not_longer(UNUSED void **state)
{
	struct stage stage;

	set_up_service(&stage, "");
	put_duration(&stage, 5000);
	put_duration(&stage, 700000);
	put_duration(&stage, 700000);
	put_duration(&stage, INT64_C(600000000));
	make(&stage, true);
	assert_family(&stage, LATENCY,
	    BUCKET "\"0.005\"} 1\n" BUCKET "\"0.01\"} 1\n" BUCKET
	           "\"0.025\"} 1\n" BUCKET "\"0.05\"} 1\n" BUCKET "\"0.1\"} 1\n" BUCKET
	           "\"0.25\"} 1\n" BUCKET "\"0.5\"} 1\n" BUCKET "\"1\"} 3\n" BUCKET
	           "\"2.5\"} 3\n" BUCKET "\"5\"} 3\n" BUCKET "\"10\"} 3\n" BUCKET
	           "\"30\"} 3\n" BUCKET "\"60\"} 3\n" BUCKET "\"120\"} 3\n" BUCKET
	           "\"+Inf\"} 4\n" LATENCY "_sum" LABELS "} 601.405\n" LATENCY
	           "_count" LABELS "} 4\n");
	make(&stage, false);
	assert_family(&stage, LATENCY, "");
	tear_down(&stage);
}

/* ---- what a former run published ---- */

static void
test_a_former_runs_entry_is_told_until_the_first_outcome(UNUSED void **state)
{
	static const char entry[] =
	    "{\"status\":\"ok\",\"http_status\":503,\"duration_ms\":203.4,"
	    "\"timing_ms\":{\"queued\":0.1,\"dns\":null,\"connect\":1.2,\"tls\":null,"
	    "\"first_byte\":100.0,\"total\":190.0},\"bytes\":17,"
	    "\"certificate_expires_at\":\"2026-11-21T03:40:00.123Z\","
	    "\"values\":{\"depth\":3}}";
	struct stage stage;
	struct board_memory memory = {
		.status = STATUS_OK,
		.since_ms = 1000,
		.checked_at_ms = 3000,
		.last_ok_at_ms = 3000,
		.entry = xstrdup(entry),
		.entry_len = strlen(entry),
	};

	set_up_service(&stage, "");
	board_restore(stage.board, entry_of(&stage), &memory);
	make(&stage, false);
	assert_family(&stage, "gatherd_target_up",
	    "gatherd_target_up{target=\"t0\",kind=\"service\"} 1\n");
	assert_family(&stage, "gatherd_target_http_status",
	    "gatherd_target_http_status{target=\"t0\",kind=\"service\"} 503\n");
	assert_family(&stage, "gatherd_target_response_bytes",
	    "gatherd_target_response_bytes{target=\"t0\",kind=\"service\"} 17\n");
	assert_family(&stage, "gatherd_target_duration_seconds",
	    DURATION "\"queued\"} 0.0001\n" DURATION "\"connect\"} 0.0012\n" DURATION
	             "\"first_byte\"} 0.1\n" DURATION "\"total\"} 0.2034\n");
	assert_family(&stage, "gatherd_target_certificate_expiry_timestamp_seconds",
	    "gatherd_target_certificate_expiry_timestamp_seconds{target=\"t0\","
	    "kind=\"service\"} 1795232400.123\n");
	assert_family(&stage, "gatherd_target_value", VALUE "\"depth\"} 3\n");
	assert_family(&stage, "gatherd_target_attempts_total",
	    "gatherd_target_attempts_total{target=\"t0\",kind=\"service\"} 0\n");

	put_answer(&stage, "{\"depth\":4}");
	make(&stage, false);
	assert_family(&stage, "gatherd_target_value", VALUE "\"depth\"} 4\n");
	tear_down(&stage);
}

/* ---- prompts ---- */

static void
put_prompt_answer(struct stage *stage)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome_make_prompt(&outcome);
	outcome.prompt->model = xstrdup("m\"7");
	outcome.prompt->usage = (struct prompt_usage){ 21, 5, 3, 8, 26 };
	outcome.prompt->cost = 1250000000;
	outcome.prompt->usage_unknown_attempts = 2;
	put(stage, &outcome);
}

#define PROMPT "{target=\"t0\",kind=\"prompt\""

static void
test_the_model_is_the_one_that_is_asked(UNUSED void **state)
{
	static const char line[] =
	    "gatherd_prompt_info" PROMPT ",provider=\"p\",model=\"a\\\"b\"} 1\n";
	struct stage stage;

	set_up_prompt(&stage, "", "model: a\"b\n");
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_info", line);
	/* Whatever the one that answers calls itself. */
	put_prompt_answer(&stage);
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_info", line);
	tear_down(&stage);

	set_up_prompt(&stage, "model: of-all\n", "model:\n");
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_info",
	    "gatherd_prompt_info" PROMPT ",provider=\"p\",model=\"of-all\"} 1\n");
	tear_down(&stage);
}

static void
test_what_a_prompt_took_is_told(UNUSED void **state)
{
	struct stage stage;

	set_up_prompt(&stage, "price: {input: 1, output: 2}\n", "");
	put_prompt_answer(&stage);
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_tokens_total",
	    "gatherd_prompt_tokens_total" PROMPT ",type=\"input\"} 21\n"
	    "gatherd_prompt_tokens_total" PROMPT ",type=\"output\"} 5\n");
	assert_family(&stage, "gatherd_prompt_cached_tokens_total",
	    "gatherd_prompt_cached_tokens_total" PROMPT "} 8\n");
	assert_family(&stage, "gatherd_prompt_reasoning_tokens_total",
	    "gatherd_prompt_reasoning_tokens_total" PROMPT "} 3\n");
	assert_family(&stage, "gatherd_prompt_cost_total",
	    "gatherd_prompt_cost_total" PROMPT "} 0.00125\n");
	assert_family(&stage, "gatherd_prompt_unknown_usage_attempts_total",
	    "gatherd_prompt_unknown_usage_attempts_total" PROMPT "} 2\n");
	assert_family(&stage, "gatherd_prompt_reused_answers_total",
	    "gatherd_prompt_reused_answers_total" PROMPT "} 0\n");
	assert_family(&stage, "gatherd_prompt_budget_spent", "");
	tear_down(&stage);
}

static void
test_without_a_price_the_cost_is_unknown(UNUSED void **state)
{
	struct stage stage;

	set_up_prompt(&stage, "", "");
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_cost_total", "");
	/* By a price that a config before had. */
	put_prompt_answer(&stage);
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_cost_total",
	    "gatherd_prompt_cost_total" PROMPT "} 0.00125\n");
	tear_down(&stage);
}

static void
test_budgets_are_told_by_their_unit(UNUSED void **state)
{
	struct stage stage;

	set_up_prompt(&stage, "", "budget: {tokens: 100, per: 1d}\n");
	entry_of(&stage)->budget.spent = 26;
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_budget_spent",
	    "gatherd_prompt_budget_spent" PROMPT ",unit=\"tokens\"} 26\n");
	assert_family(&stage, "gatherd_prompt_budget_limit",
	    "gatherd_prompt_budget_limit" PROMPT ",unit=\"tokens\"} 100\n");
	tear_down(&stage);

	set_up_prompt(
	    &stage, "price: {input: 1, output: 2}\n", "budget: {cost: 2.5, per: 1d}\n");
	entry_of(&stage)->budget.spent = 1250000000;
	make(&stage, false);
	assert_family(&stage, "gatherd_prompt_budget_spent",
	    "gatherd_prompt_budget_spent" PROMPT ",unit=\"cost\"} 0.00125\n");
	assert_family(&stage, "gatherd_prompt_budget_limit",
	    "gatherd_prompt_budget_limit" PROMPT ",unit=\"cost\"} 2.5\n");
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_family_is_said_once_and_by_the_rules),
		cmocka_unit_test(test_a_head_says_what_a_family_is),
		cmocka_unit_test(test_an_answer_is_told_by_lines),
		cmocka_unit_test(test_durations_are_told_by_phases),
		cmocka_unit_test(test_each_status_has_a_line_of_its_own),
		cmocka_unit_test(test_only_ok_and_degraded_are_up),
		cmocka_unit_test(test_what_is_unknown_has_no_line),
		cmocka_unit_test(test_the_ends_are_counted_from_the_first_line),
		cmocka_unit_test(test_values_that_are_numbers_are_told),
		cmocka_unit_test(test_all_lines_have_the_targets_labels),
		cmocka_unit_test(test_a_hostile_name_stays_within_its_quotes),
		cmocka_unit_test(test_a_histogram_counts_what_is_not_longer),
		cmocka_unit_test(
		    test_a_former_runs_entry_is_told_until_the_first_outcome),
		cmocka_unit_test(test_the_model_is_the_one_that_is_asked),
		cmocka_unit_test(test_what_a_prompt_took_is_told),
		cmocka_unit_test(test_without_a_price_the_cost_is_unknown),
		cmocka_unit_test(test_budgets_are_told_by_their_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
