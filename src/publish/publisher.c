#include "config.h"

#include "publish/publisher.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "gather/round.h"
#include "publish/metrics/vitals.h"
#include "publish/outputs.h"
#include "publish/previous.h"
#include "publish/snapshot.h"
#include "publish/writer.h"

/* When documents go out, by the config. */
struct timing {
	int64_t publish_after_ms;
	bool whole_unless_replaced;
	enum gather_mode gather_mode;
};

struct publisher {
	struct board *board; /* borrowed */
	struct publisher_events events;
	struct snapshot_maker *maker;
	struct outputs *outputs; /* where documents go */
	struct timing timing;
	struct snapshot_wants wants;
	/* Those of a config that is about to come. */
	struct timing prepared_timing;
	struct snapshot_wants prepared_wants;
	struct event *later; /* `publish_after` after an outcome */
	bool ready;          /* the outputs can be written */
	bool due;            /* a document, as soon as the writer takes it */

	uint64_t generation;         /* of the last document that was made */
	uint64_t number;             /* of the last round that was numbered */
	struct round_summary newest; /* the round that began last */
	struct round_summary ended;  /* the one that ended last; number 0: none */
	bool gathering;              /* `newest` is not decided */
};

/* ---- documents ---- */

/* What the process knows of itself; NULL: nobody wants to know, or tells. */
static const struct vitals *
find_vitals(const struct publisher *publisher, struct vitals *vitals)
{
	if (!publisher->wants.samples || publisher->events.on_vitals == NULL)
		return NULL;
	*vitals = (struct vitals){ 0 };
	publisher->events.on_vitals(vitals, publisher->events.arg);
	return vitals;
}

static void
make_document(struct publisher *publisher)
{
	struct vitals vitals;
	const struct snapshot_head head = {
		.generation = ++publisher->generation,
		.round = publisher->ended.number > 0 ? &publisher->ended
		                                     : &publisher->newest,
		.gathering = publisher->gathering,
		.mode = publisher->timing.gather_mode,
		.now_ms = clock_wall_ms(),
		.now_us = clock_now_us(),
		.vitals = find_vitals(publisher, &vitals),
		.failed_writes = outputs_failed_count(publisher->outputs),
	};
	struct snapshot *snapshot = snapshot_make(publisher->maker, &head);

	outputs_put(publisher->outputs, snapshot, head.gathering);
	snapshot_unref(snapshot);
}

/* Now, or, where a document is on its way, when that is there: with all that is known then. */
static void
publish(struct publisher *publisher)
{
	event_del(publisher->later);
	publisher->due = !publisher->ready || outputs_are_busy(publisher->outputs);
	if (!publisher->due)
		make_document(publisher);
}

static void
on_later(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	publish(arg);
}

/* May documents go out while a round runs? */
static bool
takes_parts(const struct publisher *publisher)
{
	const struct timing *timing = &publisher->timing;

	if (timing->publish_after_ms < 0 || timing->gather_mode != MODE_SETTLE)
		return false;
	return !timing->whole_unless_replaced ||
	    outputs_replace_documents(publisher->outputs);
}

void
publisher_outcome(struct publisher *publisher)
{
	const struct timeval wait =
	    clock_timeval(publisher->timing.publish_after_ms * 1000);

	if (!takes_parts(publisher))
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

/* ---- the document of a former run ---- */

static void
tell_unreadable(const struct publisher *publisher, const char *reason)
{
	log_warn("could not read %s back: %s; since and failures begin anew",
	    outputs_shown(publisher->outputs), reason);
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
		tell_unreadable(publisher, fault);
		free(fault);
		return;
	}
	publisher->generation = previous.generation;
	publisher->number = previous.round.number;
	/* One that never ended only has its number. */
	if (previous.round.duration_us >= 0)
		publisher->ended = previous.round;
	log_debug("read %s back: generation %" PRIu64 ", %zu targets",
	    outputs_shown(publisher->outputs), previous.generation,
	    previous.restored_count);
}

/* ---- what the outputs tell ---- */

static void
on_previous(struct buffer *previous, int error_number, void *arg)
{
	struct publisher *publisher = arg;

	if (error_number != 0)
		tell_unreadable(publisher, strerror(error_number));
	else
		restore(publisher, previous);
}

static void
on_ready(bool ready, void *arg)
{
	struct publisher *publisher = arg;

	if (ready && !publisher->ready) {
		publisher->ready = true;
		if (publisher->due)
			publish(publisher);
	}
	publisher->events.on_ready(ready, publisher->events.arg);
}

static void
on_free(void *arg)
{
	struct publisher *publisher = arg;

	if (publisher->due)
		publish(publisher);
}

static void
on_form(enum snapshot_form form, struct snapshot *snapshot, int error_number, void *arg)
{
	const struct publisher *publisher = arg;

	if (publisher->events.on_form != NULL)
		publisher->events.on_form(
		    form, snapshot, error_number, publisher->events.arg);
}

static void
on_written(bool written, bool gathering, void *arg)
{
	const struct publisher *publisher = arg;

	publisher->events.on_written(written, gathering, publisher->events.arg);
}

/* ---- what a config decides ---- */

static struct timing
timing_of(const struct publisher_options *options)
{
	return (struct timing){
		.publish_after_ms = options->publish_after_ms,
		.whole_unless_replaced = options->whole_unless_replaced,
		.gather_mode = options->gather_mode,
	};
}

static struct snapshot_wants
wants_of(const struct publisher_options *options)
{
	return (struct snapshot_wants){
		.samples = options->wants.samples ||
		    options->places[FORM_METRICS].path != NULL,
		.cards =
		    options->wants.cards || options->places[FORM_PAGE].path != NULL,
	};
}

void
publisher_prepare(struct publisher *publisher, const struct publisher_options *options)
{
	assert(publisher->ready);
	publisher->prepared_timing = timing_of(options);
	publisher->prepared_wants = wants_of(options);
	outputs_prepare(publisher->outputs, options);
}

void
publisher_forget(struct publisher *publisher)
{
	outputs_forget(publisher->outputs);
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
	char host[HOST_SIZE];

	outputs_change(publisher->outputs);
	publisher->timing = publisher->prepared_timing;
	publisher->wants = publisher->prepared_wants;
	find_host(host);
	snapshot_maker_reload(publisher->maker, host);
	snapshot_maker_want(publisher->maker, &publisher->wants);
	/* In the other modes half a round is nobody's business: its end is about to come. */
	if (!publisher->gathering || publisher->timing.gather_mode == MODE_SETTLE)
		publish(publisher);
}

/* ---- making and freeing ---- */

static struct outputs *
make_outputs(struct publisher *publisher, struct event_base *base,
    const struct publisher_options *options)
{
	const struct outputs_events events = {
		.on_previous = on_previous,
		.on_ready = on_ready,
		.on_free = on_free,
		.on_form = on_form,
		.on_written = on_written,
		.arg = publisher,
	};

	return outputs_new(base, options, &events);
}

struct publisher *
publisher_new(struct event_base *base, struct board *board,
    const struct publisher_options *options, const struct publisher_events *events)
{
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	int error_number = ENOMEM;
	char host[HOST_SIZE];

	publisher->board = board;
	publisher->events = *events;
	publisher->timing = timing_of(options);
	publisher->wants = wants_of(options);
	publisher->newest =
	    (struct round_summary){ .started_at_ms = -1, .duration_us = -1 };
	find_host(host);
	publisher->maker = snapshot_maker_new(board, PACKAGE_STRING, host);
	snapshot_maker_want(publisher->maker, &publisher->wants);
	publisher->later = evtimer_new(base, on_later, publisher);
	if (publisher->later != NULL) {
		publisher->outputs = make_outputs(publisher, base, options);
		if (publisher->outputs != NULL)
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
	if (publisher == NULL)
		return;
	/* All places have the same time. */
	outputs_free(publisher->outputs, clock_now_us() + WRITER_FAREWELL_US);
	if (publisher->later != NULL)
		event_free(publisher->later);
	snapshot_maker_free(publisher->maker);
	free(publisher);
}
