#include "daemon/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/screen.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "daemon/asking.h"
#include "daemon/explanation.h"
#include "daemon/process.h"
#include "daemon/setup.h"
#include "gather/board.h"
#include "gather/round.h"
#include "gather/trace.h"
#include "gather/turn.h"

struct explain {
	struct config *config;       /* borrowed */
	const struct target *target; /* borrowed */
	struct event_base *base;     /* owned, as all below */
	struct board *board;
	struct asking *asking;
	struct trace trace;
};

/* ---- whom to ask ---- */

/* Nobody but NAME, and what it depends on, is to be asked. */
static bool
choose(struct explain *explain, const char *name)
{
	explain->target = setup_find_target(explain->config, "--explain", name);
	if (explain->target == NULL)
		return false;
	config_keep_only(explain->config, &name, 1);
	/* What becomes of a round is not the question. */
	explain->config->mode = MODE_SETTLE;
	return true;
}

/* ---- asking ---- */

static void
on_outcome(UNUSED struct board_entry *entry, UNUSED bool changed, UNUSED void *arg)
{
	/* It is on the board. */
}

static void
on_done(UNUSED const struct round_summary *summary, void *arg)
{
	struct explain *explain = arg;

	event_base_loopbreak(explain->base);
}

static void
ask(struct explain *explain)
{
	const struct round_events events = {
		.on_outcome = on_outcome,
		.on_done = on_done,
		.arg = explain,
	};
	size_t count = board_size(explain->board);
	struct round_place *places = xcalloc(count + 1, sizeof(*places));
	const struct round_plan plan = {
		.number = 1,
		.places = places,
		.count = count,
	};

	for (size_t i = 0; i < count; i++)
		places[i].index = i;
	round_start(asking_context(explain->asking), explain->base, explain->board,
	    &plan, &events);
	free(places);
	event_base_dispatch(explain->base);
}

/* ---- telling ---- */

static void
print(const struct explain *explain, bool as_json)
{
	const struct explanation explanation = {
		.config = explain->config,
		.board = explain->board,
		.entry = board_entry(explain->board, explain->target->index),
		.trace = &explain->trace,
		.now_ms = clock_wall_ms(),
		.now_us = clock_now_us(),
	};
	struct screen screen = screen_of_stdout();
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	if (as_json)
		explanation_append_json(&explanation, &out);
	else
		explanation_append(&explanation, &screen, &out);
	fwrite(out.data, 1, out.len, stdout);
	buffer_clear(&out);
}

static enum exit_status
status_of(const struct explain *explain)
{
	const struct board_entry *entry =
	    board_entry(explain->board, explain->target->index);

	return status_is_success(entry->outcome.status) ? EXIT_STATUS_OK
	                                                : EXIT_STATUS_FAILED_TARGETS;
}

/* ---- the parts ---- */

static bool
make_parts(struct explain *explain)
{
	const struct asking_options options = {
		.descriptors = process_raise_descriptors(),
		.trace = &explain->trace,
	};

	explain->base = event_base_new();
	if (explain->base == NULL) {
		log_error("cannot start: no event loop");
		return false;
	}
	explain->board = board_new(explain->config);
	explain->asking =
	    asking_new(explain->base, explain->config, explain->board, &options);
	if (explain->asking == NULL) {
		log_error("cannot start: %s", strerror(errno));
		return false;
	}
	return true;
}

static void
free_parts(struct explain *explain)
{
	asking_free(explain->asking);
	board_free(explain->board);
	if (explain->base != NULL)
		event_base_free(explain->base);
	trace_clear(&explain->trace);
}

enum exit_status
explain_run(struct config *config, const struct options *options)
{
	struct explain explain = { .config = config };
	enum exit_status status = EXIT_STATUS_NOT_PUBLISHED;

	if (!choose(&explain, options->explain))
		return EXIT_STATUS_USAGE;
	explain.trace.name = explain.target->name;
	if (make_parts(&explain)) {
		ask(&explain);
		print(&explain, options->json);
		status = status_of(&explain);
	}
	free_parts(&explain);
	return status;
}
