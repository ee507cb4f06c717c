/*
 * A loop, a folder, a snapshot to write, and what the writer told. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_WRITER_STAGE_H
#define GATHERD_TESTS_WRITER_STAGE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "fake_disk.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/snapshot.h"
#include "publish/writer.h"

/* A loop, a folder, a snapshot of no targets to write, and what the writer told. */
struct stage {
	struct event_base *base;
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct snapshot *snapshot;
	struct writer *writer;
	char folder[64];
	char path[128];
	int opened; /* reports */
	int open_error;
	int previous_error;
	struct buffer previous;
	bool skip_previous; /* ask for none */
	bool free_in_report;
	int reports;
	int error_number;
};

static const struct writer_manner manner = { .mode = 0640, .sync = true };

static inline void
end_report(struct stage *stage)
{
	if (stage->free_in_report) {
		writer_free(stage->writer, 0);
		stage->writer = NULL;
	}
	event_base_loopbreak(stage->base);
}

static inline void
on_open(int error_number, struct buffer *previous, int previous_error, void *arg)
{
	struct stage *stage = arg;

	stage->opened++;
	stage->open_error = error_number;
	stage->previous_error = previous_error;
	buffer_append(&stage->previous, previous->data, previous->len);
	end_report(stage);
}

static inline void
on_done(int error_number, struct snapshot *snapshot, void *arg)
{
	struct stage *stage = arg;

	assert_ptr_equal(snapshot, stage->snapshot);
	stage->reports++;
	stage->error_number = error_number;
	end_report(stage);
}

static inline void
set_up(struct stage *stage)
{
	static const struct round_summary summary = { .number = 1 };
	static const struct snapshot_head head = { .generation = 1, .round = &summary };

	fake_disk_reset();
	*stage = (struct stage){ .folder = "/tmp/test_writer.XXXXXX" };
	assert_non_null(mkdtemp(stage->folder));
	snprintf(stage->path, sizeof(stage->path), "%s/status.json", stage->folder);
	stage->base = event_base_new();
	stage->config = fake_config_new(0);
	stage->config->output.max_size_bytes = (size_t)1024 * 1024;
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "test", "host");
	stage->snapshot = snapshot_make(stage->maker, &head);
	buffer_init(&stage->previous, BUFFER_UNLIMITED);
}

static inline void
tear_down(struct stage *stage)
{
	writer_free(stage->writer, clock_now_us() + WRITER_FAREWELL_US);
	buffer_clear(&stage->previous);
	snapshot_unref(stage->snapshot);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
	event_base_free(stage->base);
	unlink(stage->path);
	/* Fails, and so tells, where anything was left in it. */
	assert_int_equal(rmdir(stage->folder), 0);
}

/* How long the stage's document is. */
static inline size_t
document_bytes(const struct stage *stage)
{
	size_t count, bytes = 0;
	const struct iovec *pieces = snapshot_pieces(stage->snapshot, &count);

	for (size_t i = 0; i < count; i++)
		bytes += pieces[i].iov_len;
	return bytes;
}

static inline struct writer *
make_writer(struct stage *stage, const char *path)
{
	const struct writer_options options = { .path = path,
		.read_previous = !stage->skip_previous };
	const struct writer_events events = {
		.on_open = on_open, .on_done = on_done, .arg = stage
	};
	struct writer *writer = writer_new(stage->base, &options, &events);

	assert_non_null(writer);
	return writer;
}

/* Make the stage's writer, and have its report on PATH. Returns the errno of that. */
static inline int
open_writer(struct stage *stage, const char *path)
{
	stage->writer = make_writer(stage, path);
	assert_true(writer_busy(stage->writer));
	stage->opened = 0;
	event_base_dispatch(stage->base);
	assert_int_equal(stage->opened, 1);
	if (stage->writer != NULL)
		assert_false(writer_busy(stage->writer));
	return stage->open_error;
}

static inline void
close_writer(struct stage *stage)
{
	writer_free(stage->writer, clock_now_us() + WRITER_FAREWELL_US);
	stage->writer = NULL;
}

/* Returns the errno of having it written. */
static inline int
put(struct stage *stage)
{
	int reports = stage->reports;

	writer_put(stage->writer, stage->snapshot, FORM_DOCUMENT, &manner);
	assert_true(writer_busy(stage->writer));
	event_base_dispatch(stage->base);
	assert_int_equal(stage->reports, reports + 1);
	return stage->error_number;
}

static inline void
make_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#endif
