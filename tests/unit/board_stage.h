/*
 * A board over a few targets, and a wall clock that goes on with every outcome. To be
 * included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_BOARD_STAGE_H
#define GATHERD_TESTS_UNIT_BOARD_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"

struct board_stage {
	struct config *config; /* the one in force */
	struct board *board;
	int64_t now_ms;
};

UNUSED static void
set_up(struct board_stage *stage, size_t count)
{
	stage->config = fake_config_new(count);
	stage->board = board_new(stage->config);
	stage->now_ms = 0;
}

UNUSED static void
tear_down(struct board_stage *stage)
{
	board_free(stage->board);
	fake_config_free(stage->config);
}

/* Put an outcome that has STATUS and DATA (NULL: none), a second after the one before. */
UNUSED static bool
put_data(struct board_stage *stage, size_t index, enum status status, const char *data)
{
	struct outcome outcome;

	stage->now_ms += 1000;
	outcome_init(&outcome);
	outcome.status = status;
	outcome.checked_at_ms = stage->now_ms;
	if (data != NULL) {
		outcome.data = xstrdup(data);
		outcome.data_len = strlen(data);
	}
	return board_put(stage->board, board_entry(stage->board, index), &outcome);
}

UNUSED static bool
put(struct board_stage *stage, size_t index, enum status status)
{
	return put_data(stage, index, status, NULL);
}

/* A memory of STATUS, with an entry's text and no data. */
UNUSED static struct board_memory
memory_of(enum status status)
{
	static const char entry[] = "{\"status\":\"of old\"}";

	return (struct board_memory){
		.status = status,
		.since_ms = 100,
		.checked_at_ms = 300,
		.last_ok_at_ms = status_is_success(status) ? 300 : 50,
		.failures = status_is_success(status) ? 0 : 7,
		.entry = xstrdup(entry),
		.entry_len = strlen(entry),
	};
}

/* The target with that index gets what a former run knew. */
UNUSED static void
restore(struct board_stage *stage, size_t index, struct board_memory memory)
{
	board_restore(stage->board, board_entry(stage->board, index), &memory);
	assert_null(memory.entry);
	assert_null(memory.last_data);
}

/* Likewise, with DATA as its last good answer. */
UNUSED static void
restore_data(
    struct board_stage *stage, size_t index, enum status status, const char *data)
{
	struct board_memory memory = memory_of(status);

	memory.last_data = xstrdup(data);
	memory.last_data_len = strlen(data);
	restore(stage, index, memory);
}

/* How many targets have STATUS. */
UNUSED static size_t
count_of(const struct board_stage *stage, enum status status)
{
	struct board_counts counts;

	board_count(stage->board, &counts);
	return counts.of[status];
}

#endif
