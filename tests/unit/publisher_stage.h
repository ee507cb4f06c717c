/*
 * What the tests of publish/publisher stand on: a loop, a board of a few targets, a
 * folder for the documents, a disk and a clock that obey, and a record of what was told. To
 * be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_PUBLISHER_STAGE_H
#define GATHERD_TESTS_UNIT_PUBLISHER_STAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_disk.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/metrics/vitals.h"
#include "publish/publisher.h"

#define TARGET_COUNT 2

struct stage {
	struct event_base *base;
	struct config *config;
	struct board *board;
	struct publisher *publisher;
	struct publisher_options options;
	char folder[64];
	char path[128];
	char other[128]; /* another file in the folder, as the next */
	char metrics[128];
	char page[128];
	int ready;     /* reports */
	bool is_ready; /* what the last one said */
	int written;   /* likewise */
	bool is_written;
	bool is_gathering;
	/* Likewise of each form: */
	int forms[FORM_COUNT];
	uint64_t generations[FORM_COUNT];
	int errors[FORM_COUNT];
	int asked_for_vitals;
};

/* ---- the clock ---- */

/* How far the monotonic clock has been put forward. */
static time_t forward_s;

/* In the place of the C library's. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	/* The latter is that of the loop's timers. */
	if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
		now->tv_sec += forward_s;
	return result;
}

/* The teardown of a case that puts it forward. */
UNUSED static int
set_clock_back(UNUSED void **state)
{
	forward_s = 0;
	return 0;
}

/* ---- what is told ---- */

static void
stage_on_ready(bool ready, void *arg)
{
	struct stage *stage = arg;

	stage->ready++;
	stage->is_ready = ready;
}

static void
stage_on_written(bool written, bool gathering, void *arg)
{
	struct stage *stage = arg;

	stage->written++;
	stage->is_written = written;
	stage->is_gathering = gathering;
}

static void
stage_on_form(
    enum snapshot_form form, struct snapshot *snapshot, int error_number, void *arg)
{
	struct stage *stage = arg;

	stage->forms[form]++;
	stage->generations[form] = snapshot_generation(snapshot);
	stage->errors[form] = error_number;
}

static void
stage_on_vitals(struct vitals *vitals, void *arg)
{
	struct stage *stage = arg;

	assert_true(vitals->rounds == 0);
	vitals->rounds = 4711;
	stage->asked_for_vitals++;
}

/* ---- its beginning and its end ---- */

/* As the config's loader leaves it: with its targets in order of their names. */
UNUSED static struct config *
stage_config(size_t count)
{
	struct config *config = fake_config_new(count);

	config_index(config);
	config->interval_ms = 30000;
	config->output.max_size_bytes = (size_t)1024 * 1024;
	return config;
}

UNUSED static void
stage_config_free(struct config *config)
{
	free((void *)config->by_name);
	config->by_name = NULL;
	fake_config_free(config);
}

static void
stage_init(struct stage *stage)
{
	fake_disk_reset();
	alarm(30); /* for a report that never comes */
	*stage = (struct stage){ .folder = "/tmp/test_publisher.XXXXXX" };
	assert_non_null(mkdtemp(stage->folder));
	snprintf(stage->path, sizeof(stage->path), "%s/status.json", stage->folder);
	snprintf(stage->other, sizeof(stage->other), "%s/other.json", stage->folder);
	snprintf(
	    stage->metrics, sizeof(stage->metrics), "%s/metrics.prom", stage->folder);
	snprintf(stage->page, sizeof(stage->page), "%s/page.html", stage->folder);
	stage->base = event_base_new();
	stage->config = stage_config(TARGET_COUNT);
	stage->board = board_new(stage->config);
	stage->options = (struct publisher_options){
		.places[FORM_DOCUMENT] = { stage->path, "DOCUMENT" },
		.mode = 0640,
		.sync = true,
		.publish_after_ms = -1,
	};
}

static void
stage_start(struct stage *stage)
{
	const struct publisher_events events = {
		.on_ready = stage_on_ready,
		.on_written = stage_on_written,
		.on_form = stage_on_form,
		.on_vitals = stage_on_vitals,
		.arg = stage,
	};

	stage->publisher =
	    publisher_new(stage->base, stage->board, &stage->options, &events);
	assert_non_null(stage->publisher);
	assert_int_equal(stage->ready, 0);
}

/* Run the loop until *REPORTS are COUNT. */
static void
stage_run(struct stage *stage, const int *reports, int count)
{
	while (*reports < count)
		event_base_loop(stage->base, EVLOOP_ONCE);
	assert_int_equal(*reports, count);
}

/* Run what can be run without waiting. */
UNUSED static void
stage_run_now(struct stage *stage)
{
	event_base_loop(stage->base, EVLOOP_NONBLOCK);
}

/* Start a publisher whose places can be written. */
static void
stage_start_well(struct stage *stage)
{
	stage_start(stage);
	stage_run(stage, &stage->ready, 1);
	assert_true(stage->is_ready);
}

/* A publisher that is ready for documents in stage->path. */
UNUSED static void
stage_open(struct stage *stage)
{
	stage_init(stage);
	stage_start_well(stage);
}

/* The folder must hold no other files than the documents. */
static void
stage_clear(struct stage *stage)
{
	publisher_free(stage->publisher);
	board_free(stage->board);
	stage_config_free(stage->config);
	event_base_free(stage->base);
	unlink(stage->path);
	unlink(stage->other);
	unlink(stage->metrics);
	unlink(stage->page);
	assert_int_equal(rmdir(stage->folder), 0);
}

/* ---- rounds ---- */

/* An outcome of the target with number INDEX, whose data is the number DATA. */
UNUSED static void
stage_put(struct stage *stage, size_t index, int data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = clock_wall_ms();
	outcome.data = xasprintf("%d", data);
	outcome.data_len = strlen(outcome.data);
	board_put(stage->board, board_entry(stage->board, index), &outcome);
	publisher_outcome(stage->publisher);
}

/* Returns the round's number. */
UNUSED static uint64_t
stage_begin_round(struct stage *stage)
{
	const struct round_summary summary = {
		.number = publisher_next_round(stage->publisher),
		.started_at_ms = 1000,
		.duration_us = -1,
		.target_count = TARGET_COUNT,
	};

	publisher_round_begins(stage->publisher, &summary);
	return summary.number;
}

UNUSED static void
stage_decide_round(struct stage *stage, uint64_t number, enum round_verdict verdict)
{
	const struct round_summary summary = {
		.number = number,
		.started_at_ms = 1000,
		.duration_us = 2000,
		.target_count = TARGET_COUNT,
		.verdict = verdict,
	};

	publisher_round_ends(stage->publisher, &summary);
}

/* The others have ended, too, a while after the verdict. */
UNUSED static void
stage_finish_round(struct stage *stage, uint64_t number, enum round_verdict verdict)
{
	const struct round_summary summary = {
		.number = number,
		.started_at_ms = 1000,
		.duration_us = 3000,
		.target_count = TARGET_COUNT,
		.verdict = verdict,
	};

	publisher_round_is_over(stage->publisher, &summary);
}

UNUSED static void
stage_end_round(struct stage *stage, uint64_t number)
{
	stage_decide_round(stage, number, ROUND_COMPLETE);
}

/* A round in which nothing happens; its document is asked for at once. */
UNUSED static void
stage_pass_round(struct stage *stage)
{
	stage_end_round(stage, stage_begin_round(stage));
}

/* Likewise, and nothing more of it is on its way. */
UNUSED static void
stage_pass_round_fully(struct stage *stage)
{
	int written = stage->written;

	stage_pass_round(stage);
	stage_run(stage, &stage->written, written + 1);
}

/* ---- documents ---- */

UNUSED static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The document PATH has TEXT (as json-c writes it) at POINTER. */
static void
assert_says(const char *path, const char *pointer, const char *text)
{
	struct json_object *document, *found = NULL;
	struct buffer read;

	buffer_init(&read, BUFFER_UNLIMITED);
	assert_true(file_read(path, &read));
	document = json_tokener_parse(read.data);
	assert_non_null(document);
	assert_int_equal(json_pointer_get(document, pointer, &found), 0);
	assert_string_equal(json_object_to_json_string_ext(found, 0), text);
	json_object_put(document);
	buffer_clear(&read);
}

/* ---- the log ---- */

static int caught_log, standard_error;

UNUSED static void
catch_log(void)
{
	caught_log = memfd_create("log", MFD_CLOEXEC);
	standard_error = dup(STDERR_FILENO);
	dup2(caught_log, STDERR_FILENO);
}

/* The lines since catch_log(), without their times; in a place of its own. */
UNUSED static const char *
release_log(void)
{
	static char lines[8192];
	static char texts[8192];
	char *line, *rest = lines;
	ssize_t len;

	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	len = pread(caught_log, lines, sizeof(lines) - 1, 0);
	assert_true(len >= 0);
	lines[len] = '\0';
	close(caught_log);
	texts[0] = '\0';
	for (line = strsep(&rest, "\n"); rest != NULL; line = strsep(&rest, "\n")) {
		strcat(texts, strchr(line, ' ') + 1);
		strcat(texts, "\n");
	}
	return texts;
}

/* What the log says of a round with which the files with NAME in theirs (NULL: all) cannot be
 * written for this errno, or, with 0, can. */
UNUSED static const char *
stage_tell_round(struct stage *stage, const char *name, int error_number)
{
	catch_log();
	fake_disk_choose(name);
	fake_disk_fill(error_number);
	stage_pass_round_fully(stage);
	fake_disk_reset();
	assert_int_equal(stage->is_written, error_number == 0);
	return release_log();
}

#endif
