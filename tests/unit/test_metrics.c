#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/metrics/metrics.h"
#include "publish/metrics/samples.h"
#include "publish/metrics/vitals.h"
#include "publish/snapshot.h"

#define NOW_MS INT64_C(1795232400123)

static const struct round_summary summary = {
	.number = 3,
	.started_at_ms = NOW_MS - 203,
	.duration_us = 203400,
	.target_count = 2,
};

/* Everything is known. */
static const struct vitals vitals = {
	.started_at_ms = NOW_MS,
	.rounds = 7,
	.lag_count = 60,
	.config_at_ms = NOW_MS,
	.listens = true,
	.cpu_us = 1250000,
	.resident_bytes = 4096000,
	.open_descriptors = 12,
};

struct stage {
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct buffer text;
};

static void
set_up(struct stage *stage, struct config *config)
{
	static const struct snapshot_wants wants = { .samples = true };

	config->interval_ms = 30000;
	config->timeout_ms = 5000;
	config->output.max_size_bytes = (size_t)16 * 1024 * 1024;
	stage->config = config;
	stage->board = board_new(config);
	stage->maker = snapshot_maker_new(stage->board, "gatherd 1.2.3", "web1");
	snapshot_maker_want(stage->maker, &wants);
	buffer_init(&stage->text, BUFFER_UNLIMITED);
}

static void
tear_down(struct stage *stage)
{
	buffer_clear(&stage->text);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
}

static void
make(struct stage *stage)
{
	const struct snapshot_head head = {
		.generation = 3,
		.round = &summary,
		.now_ms = NOW_MS,
		.vitals = &vitals,
	};
	struct snapshot *snapshot = snapshot_make(stage->maker, &head);

	buffer_reset(&stage->text);
	metrics_append(&stage->text, snapshot);
	snapshot_unref(snapshot);
}

static void
put(struct stage *stage, size_t index, const char *values)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.attempts = 1;
	outcome.http_status = 200;
	outcome.checked_at_ms = NOW_MS;
	outcome.duration_us = 203400;
	outcome.queued_us = 0;
	outcome.timing = (struct response_timing){ 400, 1200, 30000, 100000, 190000 };
	outcome.certificate_expires_at_ms = NOW_MS;
	outcome.values = xstrdup(values);
	outcome.values_len = strlen(values);
	(void)board_put(stage->board, board_entry(stage->board, index), &outcome);
}

/* How often NEEDLE stands in the text. */
static size_t
count(const struct stage *stage, const char *needle)
{
	size_t times = 0;

	for (const char *at = stage->text.data; (at = strstr(at, needle)) != NULL; at++)
		times++;
	return times;
}

/* ---- families ---- */

static void
test_the_lines_of_a_family_stand_together(UNUSED void **state)
{
	struct stage stage;
	const char *up;

	set_up(&stage, fake_config_new(3));
	put(&stage, 0, "{}");
	put(&stage, 2, "{}");
	make(&stage);
	up = strstr(stage.text.data, "# HELP gatherd_target_up ");
	assert_non_null(up);
	up = strstr(up, "\n# TYPE gatherd_target_up gauge\n");
	assert_non_null(up);
	assert_memory_equal(up,
	    "\n# TYPE gatherd_target_up gauge\n"
	    "gatherd_target_up{target=\"t0\",kind=\"service\"} 1\n"
	    "gatherd_target_up{target=\"t2\",kind=\"service\"} 1\n# HELP ",
	    strlen("\n# TYPE gatherd_target_up gauge\n"
	           "gatherd_target_up{target=\"t0\",kind=\"service\"} 1\n"
	           "gatherd_target_up{target=\"t2\",kind=\"service\"} 1\n# HELP "));
	tear_down(&stage);
}

static void
test_each_family_has_one_head_or_none(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(2));
	put(&stage, 0, "{\"n\":1}");
	make(&stage);
	for (size_t i = 0; i < SAMPLE_FAMILY_COUNT; i++) {
		const char *name = sample_families[i].name;
		char *head = xasprintf("# TYPE %s ", name);
		char *line = xasprintf("\n%s{", name);
		char *part = xasprintf("\n%s_bucket{", name);
		bool has = count(&stage, line) + count(&stage, part) > 0;

		assert_int_equal(count(&stage, head), has);
		free(head);
		free(line);
		free(part);
	}
	assert_int_equal(count(&stage, "# TYPE gatherd_target_value "), 1);
	assert_int_equal(count(&stage, "# TYPE gatherd_prompt_info "), 0);
	tear_down(&stage);
}

static void
test_without_targets_the_whole_is_told(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(0));
	make(&stage);
	assert_int_equal(count(&stage, "gatherd_target_"), 0);
	assert_int_equal(count(&stage, "\ngatherd_document_generation 3\n"), 1);
	tear_down(&stage);
}

static void
test_the_last_line_is_a_whole_one(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(1));
	make(&stage);
	assert_true(stage.text.len > 0);
	assert_int_equal(stage.text.data[stage.text.len - 1], '\n');
	assert_int_equal(count(&stage, "\n\n"), 0);
	tear_down(&stage);
}

static void
test_histograms_are_left_out_above_the_maximum(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, fake_config_new(2));
	put(&stage, 0, "{}");
	stage.config->metrics.max_histograms = 1;
	make(&stage);
	assert_int_equal(count(&stage, "gatherd_target_latency_seconds"), 0);
	tear_down(&stage);

	set_up(&stage, fake_config_new(2));
	put(&stage, 0, "{}");
	stage.config->metrics.max_histograms = 2;
	make(&stage);
	assert_int_equal(count(&stage, "# TYPE gatherd_target_latency_seconds"), 1);
	tear_down(&stage);
}

/* ---- as Prometheus reads it ---- */

/* What promtool has to say of TEXT; the caller's. NULL: there is no promtool. */
static char *
ask_promtool(const struct buffer *text)
{
	char path[] = "/tmp/gatherd-metrics-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	char *command;
	char said[1024];
	size_t len;
	FILE *pipe;
	int status;

	assert_non_null(file);
	assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
	fclose(file);
	command = xasprintf("promtool check metrics <%s 2>&1", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	len = fread(said, 1, sizeof(said) - 1, pipe);
	status = pclose(pipe);
	free(command);
	remove(path);
	said[len] = '\0';
	/* Of sh(1): there is no such command. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return NULL;
	return xasprintf("%s%s", said, status == 0 ? "" : "failed");
}

/* Skips the test where there is no promtool. */
static void
assert_promtool_is_silent(struct stage *stage)
{
	char *said = ask_promtool(&stage->text);

	tear_down(stage);
	if (said == NULL)
		skip();
	assert_string_equal(said, "");
	free(said);
}

static void
put_prompt(struct stage *stage, size_t index)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome_make_prompt(&outcome);
	outcome.prompt->model = xstrdup("m7");
	outcome.prompt->usage = (struct prompt_usage){ 21, 5, 3, 8, 26 };
	outcome.prompt->cost = 1250000000;
	(void)board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static void
test_promtool_has_nothing_to_say(UNUSED void **state)
{
	struct config *config = fake_config_new(3);
	struct stage stage;

	config->metrics.max_histograms = 200;
	fake_config_set_provider(config, "p",
	    "price: {input: 1, output: 2}\nbudget: {cost: 2.5, per: 1d}\n");
	fake_config_add_prompt(config, "budget: {tokens: 100, per: 1d}\n");
	fake_config_set(config, 0, "group: a\nlabels: {team: core, tier: \"1\"}\n");
	set_up(&stage, config);
	put(&stage, 0, "{\"depth\":12,\"rate\":-0.25,\"huge\":1e999,\"ok\":true}");
	put(&stage, 1, "{}");
	put_prompt(&stage, 3);
	make(&stage);
	assert_promtool_is_silent(&stage);
}

static void
test_promtool_takes_hostile_names(UNUSED void **state)
{
	struct config *config = fake_config_new(2);
	struct stage stage;

	config->metrics.max_histograms = 200;
	free(config->targets[0]->name);
	config->targets[0]->name =
	    xstrdup("<script>alert(\"1\")</script>\\\"} 1\n# \xE2\x80\xAE\x1B[31m");
	fake_config_set(config, 0,
	    "group: \"\\\"}\\n\\\\\"\n"
	    "labels: {le: a, __name__: b, a-b: c, a.b: d, \"\": e, \"\\n\": \"\\r\\n\\t\","
	    " job: f, 1st: g, \"\xC3\xB6\": h, target: i, quantile: j}\n");
	set_up(&stage, config);
	put(&stage, 0, "{\"a \\\"b\\\"\\n\\u0000}\":1,\"\":2}");
	put(&stage, 1, "{\"n\":100000000000000000000000000000000000000000000}");
	make(&stage);
	assert_promtool_is_silent(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_lines_of_a_family_stand_together),
		cmocka_unit_test(test_each_family_has_one_head_or_none),
		cmocka_unit_test(test_without_targets_the_whole_is_told),
		cmocka_unit_test(test_the_last_line_is_a_whole_one),
		cmocka_unit_test(test_histograms_are_left_out_above_the_maximum),
		cmocka_unit_test(test_promtool_has_nothing_to_say),
		cmocka_unit_test(test_promtool_takes_hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
