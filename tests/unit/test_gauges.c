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
#include "gather/gate.h"
#include "gather/providers.h"
#include "gather/round.h"
#include "publish/metrics/gauges.h"
#include "publish/metrics/vitals.h"
#include "publish/snapshot.h"

#define NOW_MS INT64_C(1795232400123)
#define NOW_US ((int64_t)1000 * 1000000)
#define SECOND ((int64_t)1000000)

struct stage {
	struct config *config;
	struct board *board;
	struct round_summary round;
	struct snapshot_head head;
	struct buffer lines;
};

static void
set_up(struct stage *stage, struct config *config)
{
	config->interval_ms = 30000;
	config->timeout_ms = 5000;
	stage->config = config;
	stage->board = board_new(config);
	stage->round = (struct round_summary){
		.number = 17,
		.started_at_ms = NOW_MS - 203,
		.duration_us = 203400,
		.target_count = 4,
	};
	stage->head = (struct snapshot_head){
		.generation = 21,
		.round = &stage->round,
		.now_ms = NOW_MS,
		.now_us = NOW_US,
		.failed_writes = 3,
	};
	buffer_init(&stage->lines, BUFFER_UNLIMITED);
}

static void
tear_down(struct stage *stage)
{
	buffer_clear(&stage->lines);
	board_free(stage->board);
	fake_config_free(stage->config);
}

static void
make(struct stage *stage)
{
	buffer_reset(&stage->lines);
	gauges_append(&stage->lines, stage->board, &stage->head);
}

static bool
has(const struct stage *stage, const char *line)
{
	char *whole = xasprintf("\n%s\n", line);
	bool found = strstr(stage->lines.data, whole) != NULL;

	free(whole);
	return found;
}

static void
assert_line(const struct stage *stage, const char *line)
{
	if (!has(stage, line))
		fail_msg("no line %s in\n%s", line, stage->lines.data);
}

static void
assert_no_family(const struct stage *stage, const char *name)
{
	assert_null(strstr(stage->lines.data, name));
}

/* ---- the document, rounds, targets ---- */

static void
test_the_document_is_told(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(2));
	make(&stage);
	assert_line(&stage, "gatherd_document_generation 21");
	assert_line(
	    &stage, "gatherd_document_generated_timestamp_seconds 1795232400.123");
	/* Two intervals and the timeout later. */
	assert_line(&stage, "gatherd_document_stale_timestamp_seconds 1795232465.123");
	assert_line(&stage, "gatherd_document_status{status=\"ok\"} 1");
	assert_line(&stage, "gatherd_document_status{status=\"degraded\"} 0");
	assert_line(&stage, "gatherd_document_status{status=\"down\"} 0");
	assert_line(&stage, "gatherd_failed_writes_total 3");
	assert_line(&stage, "# TYPE gatherd_failed_writes_total counter");
	assert_non_null(strstr(stage.lines.data, "gatherd_build_info{version=\""));
	tear_down(&stage);
}

static void
put(struct stage *stage, size_t index, enum status status)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	(void)board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static void
test_targets_are_counted_by_status(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(4));
	put(&stage, 0, STATUS_OK);
	put(&stage, 1, STATUS_TIMEOUT);
	put(&stage, 2, STATUS_TIMEOUT);
	make(&stage);
	assert_line(&stage, "gatherd_targets{status=\"ok\"} 1");
	assert_line(&stage, "gatherd_targets{status=\"timeout\"} 2");
	assert_line(&stage, "gatherd_targets{status=\"error\"} 0");
	assert_line(&stage, "gatherd_targets{status=\"pending\"} 1");
	tear_down(&stage);
}

static void
test_each_status_of_the_whole_has_a_line(UNUSED void **state)
{
	/* Of a required target and another one, which make it what it is. */
	static const enum status of[][2] = { { STATUS_OK, STATUS_OK },
		{ STATUS_ERROR, STATUS_OK }, { STATUS_ERROR, STATUS_ERROR } };
	struct stage stage;

	set_up(&stage, fake_config_new(2));
	for (size_t i = 0; i < ARRAY_COUNT(of); i++) {
		put(&stage, 0, of[i][0]);
		put(&stage, 1, of[i][1]);
		make(&stage);
		for (size_t k = 0; board_status_names[k] != NULL; k++) {
			char *line =
			    xasprintf("gatherd_document_status{status=\"%s\"} %d",
			        board_status_names[k], k == i);

			assert_line(&stage, line);
			free(line);
		}
	}
	tear_down(&stage);
}

static void
test_the_last_round_is_told(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	make(&stage);
	assert_line(&stage, "gatherd_round_number 17");
	assert_line(&stage, "gatherd_round_start_timestamp_seconds 1795232399.92");
	assert_line(&stage, "gatherd_round_duration_seconds 0.2034");
	assert_line(&stage, "gatherd_round_targets 4");
	assert_line(&stage, "gatherd_round_outcome{outcome=\"complete\"} 1");
	assert_line(&stage, "gatherd_round_outcome{outcome=\"gathering\"} 0");
	tear_down(&stage);
}

static void
test_each_verdict_has_a_line(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	for (int verdict = ROUND_COMPLETE; verdict <= ROUND_CANCELLED; verdict++) {
		char *line = xasprintf("gatherd_round_outcome{outcome=\"%s\"} 1",
		    round_verdict_names[verdict]);

		stage.round.verdict = (enum round_verdict)verdict;
		make(&stage);
		assert_line(&stage, line);
		free(line);
	}
	tear_down(&stage);
}

static void
test_a_round_that_runs_has_no_duration(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	stage.round.duration_us = -1;
	stage.head.gathering = true;
	make(&stage);
	assert_no_family(&stage, "gatherd_round_duration_seconds");
	assert_line(&stage, "gatherd_round_outcome{outcome=\"gathering\"} 1");
	assert_line(&stage, "gatherd_round_outcome{outcome=\"complete\"} 0");
	tear_down(&stage);
}

/* ---- providers ---- */

static void
test_providers_are_told(UNUSED void **state)
{
	struct config *config = fake_config_new(0);
	struct stage stage;
	struct provider_state *a;
	struct gate_admission admission;

	fake_config_set_provider(config, "a", "max_concurrent: 3\n");
	fake_config_set_provider(config, "b", "max_concurrent: 2\nadaptive: false\n");
	set_up(&stage, config);
	a = providers_at(board_providers(stage.board), 0);
	admission = gate_enter(a->gate, NOW_US - SECOND);
	gate_pushed_back(a->gate, &admission, 10 * SECOND, NOW_US - SECOND, 0.5);
	make(&stage);
	assert_line(&stage, "gatherd_provider_max_concurrent{provider=\"a\"} 3");
	assert_line(&stage, "gatherd_provider_limit{provider=\"a\"} 2");
	assert_line(&stage, "gatherd_provider_limit{provider=\"b\"} 2");
	assert_line(&stage, "gatherd_provider_in_flight{provider=\"a\"} 1");
	assert_line(&stage, "gatherd_provider_paused{provider=\"a\"} 1");
	assert_line(&stage, "gatherd_provider_paused{provider=\"b\"} 0");
	assert_line(&stage, "gatherd_provider_pauses_total{provider=\"a\"} 1");
	assert_line(&stage, "gatherd_provider_rejections_total{provider=\"a\"} 1");
	assert_line(&stage, "gatherd_provider_limit_cuts_total{provider=\"a\"} 1");
	assert_no_family(&stage, "gatherd_provider_budget");

	/* The pause is over. */
	stage.head.now_us = NOW_US + 100 * SECOND;
	make(&stage);
	assert_line(&stage, "gatherd_provider_paused{provider=\"a\"} 0");
	gate_leave(a->gate, &admission, NOW_US);
	tear_down(&stage);
}

static void
test_budgets_of_providers_are_told_by_their_unit(UNUSED void **state)
{
	struct config *config = fake_config_new(0);
	struct stage stage;

	fake_config_set_provider(config, "a", "budget: {tokens: 100, per: 1d}\n");
	fake_config_set_provider(config, "b",
	    "price: {input: 1, output: 2}\nbudget: {cost: 2.5, per: 1d}\n");
	fake_config_set_provider(config, "c", "");
	set_up(&stage, config);
	providers_at(board_providers(stage.board), 0)->budget.spent = 26;
	providers_at(board_providers(stage.board), 1)->budget.spent = 1250000000;
	make(&stage);
	assert_line(
	    &stage, "gatherd_provider_budget_spent{provider=\"a\",unit=\"tokens\"} 26");
	assert_line(&stage,
	    "gatherd_provider_budget_limit{provider=\"a\",unit=\"tokens\"} 100");
	assert_line(&stage,
	    "gatherd_provider_budget_spent{provider=\"b\",unit=\"cost\"} 0.00125");
	assert_line(
	    &stage, "gatherd_provider_budget_limit{provider=\"b\",unit=\"cost\"} 2.5");
	assert_no_family(&stage, "budget_spent{provider=\"c\"");
	tear_down(&stage);
}

static void
test_without_providers_there_are_no_families_of_them(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	make(&stage);
	assert_no_family(&stage, "gatherd_provider_");
	tear_down(&stage);
}

/* ---- the process ---- */

static void
test_the_process_is_told(UNUSED void **state)
{
	static const struct vitals vitals = {
		.started_at_ms = NOW_MS,
		.in_flight = 5,
		.waiting = 6,
		.rounds = 7,
		.missed_rounds = 8,
		.lag_us = 1500,
		.max_lag_us = 20000,
		.lag_sum_us = 1000001,
		.lag_count = 60,
		.reloads = 2,
		.failed_reloads = 1,
		.reload_failed = true,
		.config_at_ms = NOW_MS + 1000,
		.cpu_us = 1250000,
		.resident_bytes = 4096000,
		.open_descriptors = 12,
	};
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	stage.head.vitals = &vitals;
	make(&stage);
	assert_line(&stage, "gatherd_in_flight_attempts 5");
	assert_line(&stage, "gatherd_waiting_turns 6");
	assert_line(&stage, "gatherd_rounds_total 7");
	assert_line(&stage, "gatherd_missed_rounds_total 8");
	assert_line(&stage, "gatherd_loop_lag_seconds 0.0015");
	assert_line(&stage, "gatherd_loop_lag_max_seconds 0.02");
	assert_line(&stage, "gatherd_loop_delay_seconds_sum 1.000001");
	assert_line(&stage, "gatherd_loop_delay_seconds_count 60");
	assert_line(&stage, "gatherd_config_reloads_total 2");
	assert_line(&stage, "gatherd_config_failed_reloads_total 1");
	assert_line(&stage, "gatherd_config_last_reload_successful 0");
	assert_line(&stage, "gatherd_config_loaded_timestamp_seconds 1795232401.123");
	assert_line(&stage, "gatherd_process_start_time_seconds 1795232400.123");
	assert_line(&stage, "gatherd_process_cpu_seconds_total 1.25");
	assert_line(&stage, "gatherd_process_resident_memory_bytes 4096000");
	assert_line(&stage, "gatherd_process_open_fds 12");
	assert_no_family(&stage, "gatherd_listener_");
	tear_down(&stage);
}

static void
test_a_listener_is_told_where_there_is_one(UNUSED void **state)
{
	static const struct vitals vitals = {
		.listens = true,
		.requests = { 0, 1, 2, 3, 4, 5 },
		.cut_connections = 6,
		.connections = 7,
		.event_clients = 8,
	};
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	stage.head.vitals = &vitals;
	make(&stage);
	assert_line(&stage, "gatherd_listener_requests_total{code=\"1xx\"} 1");
	assert_line(&stage, "gatherd_listener_requests_total{code=\"2xx\"} 2");
	assert_line(&stage, "gatherd_listener_requests_total{code=\"5xx\"} 5");
	assert_line(&stage, "gatherd_listener_cut_connections_total 6");
	assert_line(&stage, "gatherd_listener_connections 7");
	assert_line(&stage, "gatherd_listener_event_clients 8");
	tear_down(&stage);
}

/* As of a batch, which has no reloads and no pulse. */
static void
test_what_nobody_knows_of_the_process_has_no_line(UNUSED void **state)
{
	static const struct vitals vitals = { .rounds = 1 };
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	stage.head.vitals = &vitals;
	make(&stage);
	assert_line(&stage, "gatherd_rounds_total 1");
	assert_no_family(&stage, "gatherd_process_");
	assert_no_family(&stage, "gatherd_config_");
	assert_no_family(&stage, "gatherd_loop_");
	stage.head.vitals = NULL;
	make(&stage);
	assert_no_family(&stage, "gatherd_rounds_total");
	assert_line(&stage, "gatherd_round_number 17");
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_document_is_told),
		cmocka_unit_test(test_targets_are_counted_by_status),
		cmocka_unit_test(test_each_status_of_the_whole_has_a_line),
		cmocka_unit_test(test_the_last_round_is_told),
		cmocka_unit_test(test_each_verdict_has_a_line),
		cmocka_unit_test(test_a_round_that_runs_has_no_duration),
		cmocka_unit_test(test_providers_are_told),
		cmocka_unit_test(test_budgets_of_providers_are_told_by_their_unit),
		cmocka_unit_test(test_without_providers_there_are_no_families_of_them),
		cmocka_unit_test(test_the_process_is_told),
		cmocka_unit_test(test_a_listener_is_told_where_there_is_one),
		cmocka_unit_test(test_what_nobody_knows_of_the_process_has_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
