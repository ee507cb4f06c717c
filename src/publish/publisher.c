#include "config.h"

#include "publish/publisher.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "gather/report.h"
#include "gather/round.h"
#include "publish/previous.h"
#include "publish/snapshot.h"
#include "publish/writer.h"

/* A disk that has not answered by then may hang. */
static const struct timeval opening_patience = { .tv_sec = 10 };

/* One place that documents go to. */
struct output {
	struct publisher *publisher;
	struct writer *writer; /* owned; NULL: prepared, and the place that is in use */
	char *path;            /* owned, as given */
	char *shown;           /* owned */
	struct event *opening; /* owned: runs while the writer is opening it */
	struct writer_manner manner;
	int64_t publish_after_ms;
	bool whole_unless_replaced;
	enum gather_mode gather_mode;
	bool gathering;          /* says the document that the writer was given last */
	uint64_t failed_count;   /* documents in a row that could not be written */
	int64_t told_at_us;      /* when the log said so last */
	LIST_ENTRY(output) link; /* among those that were left */
};

LIST_HEAD(output_list, output);

struct publisher {
	struct event_base *base; /* borrowed, as is the board */
	struct board *board;
	struct publisher_events events;
	struct snapshot_maker *maker;
	struct output *output;   /* where documents go */
	struct output *prepared; /* where they may go soon; NULL: nothing is */
	struct output_list left; /* those before that have a report to come */
	struct event *later;     /* `publish_after` after an outcome */
	struct event *answer;    /* to a preparation that no writer reports on */
	bool prepared_well;      /* what it says */
	bool ready;              /* `output` can be written */
	bool due;                /* a document, as soon as the writer takes it */

	uint64_t generation;         /* of the last document that was made */
	uint64_t number;             /* of the last round that was numbered */
	struct round_summary newest; /* the round that began last */
	struct round_summary ended;  /* the one that ended last; number 0: none */
	bool gathering;              /* `newest` is not decided */
};

/* ---- documents ---- */

static void
make_document(struct publisher *publisher)
{
	struct output *output = publisher->output;
	const struct snapshot_head head = {
		.generation = ++publisher->generation,
		.round = publisher->ended.number > 0 ? &publisher->ended
		                                     : &publisher->newest,
		.gathering = publisher->gathering,
		.mode = output->gather_mode,
		.now_ms = clock_wall_ms(),
		.now_us = clock_now_us(),
	};
	struct snapshot *snapshot = snapshot_make(publisher->maker, &head);

	output->gathering = head.gathering;
	writer_put(output->writer, snapshot, &output->manner);
	snapshot_unref(snapshot);
}

/* Now, or, where the writer is at work, when it is back: with all that is known then. */
static void
publish(struct publisher *publisher)
{
	event_del(publisher->later);
	publisher->due = !publisher->ready || writer_busy(publisher->output->writer);
	if (!publisher->due)
		make_document(publisher);
}

static void
on_later(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	publish(arg);
}

/* May documents go to OUTPUT while a round runs? */
static bool
takes_parts(const struct output *output)
{
	if (output->publish_after_ms < 0 || output->gather_mode != MODE_SETTLE)
		return false;
	return !output->whole_unless_replaced || writer_replaces(output->writer);
}

void
publisher_outcome(struct publisher *publisher)
{
	const struct output *output = publisher->output;
	const struct timeval wait = clock_timeval(output->publish_after_ms * 1000);

	if (!takes_parts(output))
		return;
	/* What is due will have it. */
	if (!publisher->due && !evtimer_pending(publisher->later, NULL))
		event_add(publisher->later, &wait);
}

/* ---- rounds ---- */

uint64_t
publisher_next_round(struct publisher *publisher)
{
	return ++publisher->number;
}

void
publisher_round_begins(struct publisher *publisher, const struct round_summary *summary)
{
	publisher->newest = *summary;
	publisher->gathering = true;
}

void
publisher_round_ends(struct publisher *publisher, const struct round_summary *summary)
{
	publisher->ended = *summary;
	/* Rounds may overlap: an older one's end says nothing of the newest. */
	if (summary->number == publisher->newest.number)
		publisher->gathering = false;
	publish(publisher);
}

void
publisher_round_is_over(
    struct publisher *publisher, const struct round_summary *summary)
{
	/* Another one may have ended since. */
	if (summary->number == publisher->ended.number)
		publisher->ended = *summary;
	if (!publisher->gathering)
		publish(publisher);
}

/* ---- what came of a write ---- */

static void
tell_failure(struct output *output, int error_number)
{
	const char *reason = strerror(error_number);
	int64_t now_us = clock_now_us();

	output->failed_count++;
	if (output->failed_count == 1) {
		log_error("could not write %s: %s", output->shown, reason);
	} else if (now_us - output->told_at_us >= REPORT_REPEAT_US) {
		log_error("could not write %s: %s; %" PRIu64
		          " documents were lost so far",
		    output->shown, reason, output->failed_count);
	} else {
		log_debug("could not write %s: %s", output->shown, reason);
		return;
	}
	output->told_at_us = now_us;
}

static void
tell_success(struct output *output)
{
	uint64_t count = output->failed_count;

	if (count > 0)
		log_info("%s is written again after %" PRIu64 " document%s not",
		    output->shown, count, count == 1 ? " that was" : "s that were");
	output->failed_count = 0;
}

/* ---- outputs ---- */

static void
output_free(struct output *output, int64_t until_us)
{
	if (output == NULL)
		return;
	writer_free(output->writer, until_us);
	if (output->opening != NULL)
		event_free(output->opening);
	free(output->shown);
	free(output->path);
	free(output);
}

/* No more documents for OUTPUT; one that is being written is left to its end. */
static void
leave(struct publisher *publisher, struct output *output)
{
	if (output->writer != NULL && writer_busy(output->writer))
		LIST_INSERT_HEAD(&publisher->left, output, link);
	else
		output_free(output, 0);
}

static bool
is_left(const struct output *output)
{
	const struct publisher *publisher = output->publisher;

	return output != publisher->output && output != publisher->prepared;
}

/* The last report of one that was left: nobody waits for it any more. */
static void
let_go(struct output *output)
{
	LIST_REMOVE(output, link);
	output_free(output, 0);
}

static void
on_done(int error_number, void *arg)
{
	struct output *output = arg;
	struct publisher *publisher = output->publisher;
	/* That of this document: the next one, which may be begun below, has its own. */
	bool gathering = output->gathering;

	if (error_number != 0)
		tell_failure(output, error_number);
	else
		tell_success(output);
	if (is_left(output)) {
		let_go(output);
		return;
	}
	if (publisher->due)
		publish(publisher);
	publisher->events.on_written(
	    error_number == 0, gathering, publisher->events.arg);
}

/* ---- the document of a former run ---- */

static void
tell_unreadable(const struct output *output, const char *reason)
{
	log_warn("could not read %s back: %s; since and failures begin anew",
	    output->shown, reason);
}

static void
restore(struct publisher *publisher, struct buffer *text)
{
	struct previous previous;
	char *fault = NULL;

	/* There is none, or a file that was made for it. */
	if (text->len == 0)
		return;
	if (!previous_restore(publisher->board, text, &previous, &fault)) {
		tell_unreadable(publisher->output, fault);
		free(fault);
		return;
	}
	publisher->generation = previous.generation;
	publisher->number = previous.round.number;
	/* One that never ended only has its number. */
	if (previous.round.duration_us >= 0)
		publisher->ended = previous.round;
	log_debug("read %s back: generation %" PRIu64 ", %zu targets",
	    publisher->output->shown, previous.generation, previous.restored_count);
}

/* ---- opening ---- */

static void
tell_unopened(const struct output *output, int error_number)
{
	log_error("cannot write %s: %s", output->shown, strerror(error_number));
}

static void
on_opening_patience_over(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	const struct output *output = arg;

	log_warn("still waiting for %s", output->shown);
}

static void
on_open(int error_number, struct buffer *previous, int previous_error, void *arg)
{
	struct output *output = arg;
	struct publisher *publisher = output->publisher;

	event_del(output->opening);
	if (is_left(output)) {
		let_go(output);
		return;
	}
	if (error_number != 0) {
		tell_unopened(output, error_number);
	} else if (output == publisher->output) {
		if (previous_error != 0)
			tell_unreadable(output, strerror(previous_error));
		else
			restore(publisher, previous);
		publisher->ready = true;
		if (publisher->due)
			publish(publisher);
	}
	publisher->events.on_ready(error_number == 0, publisher->events.arg);
}

/* READ_PREVIOUS: what a former run left there concerns us. Returns false with errno set. */
static bool
open_output(struct output *output, bool read_previous)
{
	const struct writer_options options = {
		.path = output->path,
		.read_previous = read_previous,
	};
	const struct writer_events events = {
		.on_open = on_open,
		.on_done = on_done,
		.arg = output,
	};

	output->opening =
	    evtimer_new(output->publisher->base, on_opening_patience_over, output);
	if (output->opening == NULL) {
		errno = ENOMEM;
		return false;
	}
	output->writer = writer_new(output->publisher->base, &options, &events);
	if (output->writer == NULL)
		return false;
	event_add(output->opening, &opening_patience);
	return true;
}

static struct output *
output_new(struct publisher *publisher, const struct publisher_options *options)
{
	struct output *output = xcalloc(1, sizeof(*output));

	output->publisher = publisher;
	output->path = xstrdup(options->path);
	output->shown = xstrdup(options->shown);
	output->manner =
	    (struct writer_manner){ .mode = options->mode, .sync = options->sync };
	output->publish_after_ms = options->publish_after_ms;
	output->whole_unless_replaced = options->whole_unless_replaced;
	output->gather_mode = options->gather_mode;
	return output;
}

/* ---- another config ---- */

static void
on_answer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct publisher *publisher = arg;

	publisher->events.on_ready(publisher->prepared_well, publisher->events.arg);
}

/* Is somebody who was forgotten still opening the path of OUTPUT? */
static bool
is_still_tried(const struct output *output)
{
	const struct output *left = LIST_FIRST(&output->publisher->left);

	while (left != NULL &&
	    (!writer_is_opening(left->writer) || strcmp(left->path, output->path) != 0))
		left = LIST_NEXT(left, link);
	return left != NULL;
}

/* Begin to try OUTPUT. Returns false where the report is known without a writer. */
static bool
try_prepared(struct output *output)
{
	struct publisher *publisher = output->publisher;

	publisher->prepared_well = strcmp(output->path, publisher->output->path) == 0;
	if (publisher->prepared_well)
		return false;
	/* Each reload would leave one more thread behind in a disk that hangs. */
	if (is_still_tried(output)) {
		log_error("cannot write %s: the last try is still waiting for it",
		    output->shown);
		return false;
	}
	if (open_output(output, false))
		return true;
	tell_unopened(output, errno);
	return false;
}

void
publisher_prepare(struct publisher *publisher, const struct publisher_options *options)
{
	const struct timeval now = { 0, 0 };

	assert(publisher->ready && publisher->prepared == NULL);
	publisher->prepared = output_new(publisher, options);
	if (!try_prepared(publisher->prepared))
		event_add(publisher->answer, &now);
}

void
publisher_forget(struct publisher *publisher)
{
	struct output *output = publisher->prepared;

	if (output == NULL)
		return;
	publisher->prepared = NULL;
	event_del(publisher->answer);
	leave(publisher, output);
}

/* The output, CURRENT or one that was left, that writes the very file that OUTPUT names, or
 * NULL. It has to go on: what it is still writing must not come after, and over, what
 * another one writes. */
static struct output *
find_same_place(struct output *current, const struct output *output)
{
	struct output *left = LIST_FIRST(&current->publisher->left);

	if (output->writer == NULL ||
	    writer_is_at_same_place(current->writer, output->writer))
		return current;
	while (left != NULL && !writer_is_at_same_place(left->writer, output->writer))
		left = LIST_NEXT(left, link);
	return left;
}

/* OUTPUT goes on under the name and by the rules of OTHER. */
static void
take_words(struct output *output, struct output *other)
{
	char *path = output->path;
	char *shown = output->shown;

	output->path = other->path;
	output->shown = other->shown;
	output->manner = other->manner;
	output->publish_after_ms = other->publish_after_ms;
	output->whole_unless_replaced = other->whole_unless_replaced;
	output->gather_mode = other->gather_mode;
	other->path = path;
	other->shown = shown;
}

/* Documents go to OUTPUT, which is taken over, from now on. */
static void
change_output(struct publisher *publisher, struct output *output)
{
	struct output *before = publisher->output;
	struct output *same = find_same_place(before, output);

	assert(before != NULL);
	if (same != NULL) {
		take_words(same, output);
		output_free(output, 0);
		if (same == before)
			return;
		LIST_REMOVE(same, link);
		output = same;
	}
	publisher->output = output;
	leave(publisher, before);
}

#define HOST_SIZE 256

static void
find_host(char host[static HOST_SIZE])
{
	host[0] = host[HOST_SIZE - 1] = '\0';
	gethostname(host, HOST_SIZE - 1);
}

void
publisher_reload(struct publisher *publisher)
{
	struct output *output = publisher->prepared;
	char host[HOST_SIZE];

	assert(output != NULL);
	publisher->prepared = NULL;
	event_del(publisher->answer);
	change_output(publisher, output);
	find_host(host);
	snapshot_maker_reload(publisher->maker, host);
	/* In the other modes half a round is nobody's business: its end is about to come. */
	if (!publisher->gathering || publisher->output->gather_mode == MODE_SETTLE)
		publish(publisher);
}

/* ---- making and freeing ---- */

struct publisher *
publisher_new(struct event_base *base, struct board *board,
    const struct publisher_options *options, const struct publisher_events *events)
{
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	int error_number = ENOMEM;
	char host[HOST_SIZE];

	publisher->base = base;
	publisher->board = board;
	publisher->events = *events;
	LIST_INIT(&publisher->left);
	publisher->newest =
	    (struct round_summary){ .started_at_ms = -1, .duration_us = -1 };
	find_host(host);
	publisher->maker = snapshot_maker_new(board, PACKAGE_STRING, host);
	publisher->output = output_new(publisher, options);
	publisher->later = evtimer_new(base, on_later, publisher);
	publisher->answer = evtimer_new(base, on_answer, publisher);
	if (publisher->later != NULL && publisher->answer != NULL) {
		if (open_output(publisher->output, true))
			return publisher;
		error_number = errno;
	}
	publisher_free(publisher);
	errno = error_number;
	return NULL;
}

void
publisher_free(struct publisher *publisher)
{
	int64_t until_us = clock_now_us() + WRITER_FAREWELL_US;

	if (publisher == NULL)
		return;
	/* All of them have the same time. */
	output_free(publisher->output, until_us);
	output_free(publisher->prepared, until_us);
	while (!LIST_EMPTY(&publisher->left)) {
		struct output *output = LIST_FIRST(&publisher->left);

		LIST_REMOVE(output, link);
		output_free(output, until_us);
	}
	if (publisher->later != NULL)
		event_free(publisher->later);
	if (publisher->answer != NULL)
		event_free(publisher->answer);
	snapshot_maker_free(publisher->maker);
	free(publisher);
}
