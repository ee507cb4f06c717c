#include "daemon/gatherer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/diff.h"
#include "daemon/asking.h"
#include "daemon/batch.h"
#include "gather/backoff.h"
#include "gather/board.h"
#include "gather/report.h"
#include "gather/round.h"
#include "publish/metrics/vitals.h"
#include "publish/publisher.h"

/* A round that runs. */
struct running {
	LIST_ENTRY(running) link;
	struct gatherer *gatherer; /* borrowed: the one it is part of */
	struct round *round;       /* owned */
	struct report_lines lines;
	bool scheduled; /* who cannot take part misses a turn */
	bool has_begun; /* somebody could */
	bool decided;   /* before its end, and told so */
	bool has_news;  /* somebody had an outcome since */
};

LIST_HEAD(running_list, running);

struct gatherer {
	struct event_base *base; /* borrowed */
	struct config *config;   /* a reference */
	struct gatherer_events events;
	const char *config_path; /* borrowed; NULL: it is no file */
	bool every_round;
	bool
	    shows_next; /* whether there is a listener by the config that was prepared */
	uint64_t ended_rounds;

	struct board *board; /* owned, as all below */
	struct asking *asking;
	struct report *report;
	struct publisher *publisher;

	struct running_list rounds;
};

/* ---- a round, from its start to its document ---- */

static void
on_outcome(struct board_entry *entry, bool changed, void *arg)
{
	struct running *running = arg;
	struct gatherer *gatherer = running->gatherer;

	running->has_news = running->decided;
	report_outcome(
	    gatherer->report, &running->lines, entry, changed, clock_now_us());
	publisher_outcome(gatherer->publisher);
	if (gatherer->events.on_outcome != NULL)
		gatherer->events.on_outcome(
		    status_is_listed_failed(entry->outcome.status),
		    gatherer->events.arg);
}

static void
on_begin(const struct round_summary *summary, void *arg)
{
	struct running *running = arg;

	running->has_begun = true;
	publisher_round_begins(running->gatherer->publisher, summary);
}

static void
on_skipped(struct board_entry *entry, void *arg)
{
	struct running *running = arg;

	/* Who is being asked out of turn, after a reload or SIGUSR1, misses nothing. */
	if (running->scheduled && !entry->in_extra_turn)
		report_skipped(
		    running->gatherer->report, &running->lines, entry, clock_now_us());
}

/* The log and the document say what the round of LINES came to. */
static void
tell_round(struct gatherer *gatherer, const struct report_lines *lines,
    const struct round_summary *summary)
{
	const char *line =
	    report_round(gatherer->report, lines, summary, clock_now_us());

	gatherer->ended_rounds++;
	publisher_round_ends(gatherer->publisher, summary);
	if (gatherer->events.on_round != NULL)
		gatherer->events.on_round(line, gatherer->events.arg);
}

static void
on_failed(const struct round_summary *summary, void *arg)
{
	struct running *running = arg;

	tell_round(running->gatherer, &running->lines, summary);
	/* What the others come to is told by itself. */
	running->lines = (struct report_lines){ 0 };
	running->decided = true;
}

/* What came in after the verdict. */
static void
tell_news(struct gatherer *gatherer, const struct report_lines *lines,
    const struct round_summary *summary)
{
	const char *line;

	/* The round has had its line and its document. */
	if (gatherer->every_round)
		return;
	line = report_round(gatherer->report, lines, summary, clock_now_us());
	publisher_round_is_over(gatherer->publisher, summary);
	if (gatherer->events.on_round != NULL)
		gatherer->events.on_round(line, gatherer->events.arg);
}

static void
on_round_done(const struct round_summary *summary, void *arg)
{
	struct running *running = arg;
	struct gatherer *gatherer = running->gatherer;
	const struct running ended = *running;

	LIST_REMOVE(running, link);
	free(running);
	/* Where all its targets were still running, nothing is known that was not before. */
	if (ended.has_news)
		tell_news(gatherer, &ended.lines, summary);
	else if (ended.has_begun && !ended.decided)
		tell_round(gatherer, &ended.lines, summary);
	if (gatherer_is_idle(gatherer) && gatherer->events.on_idle != NULL)
		gatherer->events.on_idle(gatherer->events.arg);
}

static void
on_written(bool written, bool gathering, void *arg)
{
	struct gatherer *gatherer = arg;

	if (!gathering && gatherer->events.on_published != NULL)
		gatherer->events.on_published(written, gatherer->events.arg);
}

static void
on_form(enum snapshot_form form, struct snapshot *snapshot, int error_number, void *arg)
{
	struct gatherer *gatherer = arg;

	if (gatherer->events.on_form != NULL)
		gatherer->events.on_form(
		    form, snapshot, error_number, gatherer->events.arg);
}

static void
on_vitals(struct vitals *vitals, void *arg)
{
	struct gatherer *gatherer = arg;

	vitals->rounds = gatherer->ended_rounds;
	asking_see(gatherer->asking, vitals);
	if (gatherer->events.on_vitals != NULL)
		gatherer->events.on_vitals(vitals, gatherer->events.arg);
}

static void
on_ready(bool ready, void *arg)
{
	struct gatherer *gatherer = arg;

	gatherer->events.on_ready(ready, gatherer->events.arg);
}

static void
start_round(struct gatherer *gatherer, const struct round_place *places, size_t count,
    bool scheduled)
{
	const struct round_plan plan = {
		.number = publisher_next_round(gatherer->publisher),
		.places = places,
		.count = count,
		.scheduled = scheduled,
	};
	struct running *running = xcalloc(1, sizeof(*running));
	const struct round_events events = {
		.on_begin = on_begin,
		.on_outcome = on_outcome,
		.on_skipped = on_skipped,
		.on_failed = on_failed,
		.on_done = on_round_done,
		.arg = running,
	};

	running->gatherer = gatherer;
	running->scheduled = scheduled;
	LIST_INSERT_HEAD(&gatherer->rounds, running, link);
	running->round = round_start(asking_context(gatherer->asking), gatherer->base,
	    gatherer->board, &plan, &events);
}

void
gatherer_start_round(
    struct gatherer *gatherer, const struct round_place *places, size_t count)
{
	struct round_place *due = xcalloc(count + 1, sizeof(*due));
	int64_t now_us = clock_now_us();
	int64_t wall_ms = clock_wall_ms();
	size_t due_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct board_entry *entry =
		    board_entry(gatherer->board, places[i].index);

		if (backoff_is_over(entry, now_us) && !backoff_is_fresh(entry, wall_ms))
			due[due_count++] = places[i];
	}
	/* Also of nobody, so that the document stays young. */
	start_round(gatherer, due, due_count, true);
	free(due);
}

void
gatherer_ask_now(
    struct gatherer *gatherer, const struct round_place *places, size_t count)
{
	start_round(gatherer, places, count, false);
}

void
gatherer_ask_all(struct gatherer *gatherer)
{
	size_t count = board_size(gatherer->board);
	struct round_place *places = xcalloc(count + 1, sizeof(*places));

	for (size_t i = 0; i < count; i++)
		places[i].index = i;
	gatherer_ask_now(gatherer, places, count);
	free(places);
}

bool
gatherer_is_idle(const struct gatherer *gatherer)
{
	return LIST_EMPTY(&gatherer->rounds);
}

bool
gatherer_has_failed_target(const struct gatherer *gatherer)
{
	return board_has_required_failure(gatherer->board);
}

size_t
gatherer_count_successes(const struct gatherer *gatherer)
{
	struct board_counts counts;

	board_count(gatherer->board, &counts);
	return counts.of[STATUS_OK] + counts.of[STATUS_DEGRADED];
}

struct report *
gatherer_report(struct gatherer *gatherer)
{
	return gatherer->report;
}

/* ---- what a config decides ---- */

/* -1: only whole rounds are published. Answers of models take long and cost money: those of
 * a batch are not to be lost where it does not come to its end. */
static int64_t
publish_after_ms(const struct gatherer *gatherer, const struct config *config)
{
	if (gatherer->every_round && !batch_is(config))
		return -1;
	return config->publish_after_ms;
}

/* Where the forms of a snapshot go, for publisher_options. */
struct places {
	struct publisher_place of[FORM_COUNT];
	char *shown[FORM_COUNT]; /* owned */
};

static void
note_place(struct places *places, enum snapshot_form form, const struct marked *path)
{
	const char *text = path->text.data;

	places->shown[form] =
	    strcmp(text, "-") == 0 ? xstrdup("standard output") : marked_shown(path);
	places->of[form] =
	    (struct publisher_place){ .path = text, .shown = places->shown[form] };
}

static void
find_places(
    struct places *places, const struct config *config, const struct marked *output)
{
	*places = (struct places){ 0 };
	note_place(places, FORM_DOCUMENT, output);
	if (config->output.metrics.value.text.len > 0)
		note_place(places, FORM_METRICS, &config->output.metrics.value);
	if (config->output.page.value.text.len > 0)
		note_place(places, FORM_PAGE, &config->output.page.value);
}

static void
free_places(struct places *places)
{
	for (int form = 0; form < FORM_COUNT; form++)
		free(places->shown[form]);
}

static struct publisher_options
publisher_options(const struct gatherer *gatherer, const struct config *config,
    const struct places *places, bool shows_snapshots)
{
	struct publisher_options options = {
		.config_path = gatherer->config_path,
		.wants = { .samples = shows_snapshots, .cards = shows_snapshots },
		.mode = config->output.permissions,
		.sync = config->output.sync,
		.publish_after_ms = publish_after_ms(gatherer, config),
		.whole_unless_replaced = gatherer->every_round,
		.gather_mode = config->mode,
	};

	memcpy(options.places, places->of, sizeof(options.places));
	return options;
}

/* ---- reload ---- */

void
gatherer_prepare(struct gatherer *gatherer, const struct config *config,
    const struct marked *output, bool shows_snapshots)
{
	struct publisher_options options;
	struct places places;

	find_places(&places, config, output);
	options = publisher_options(gatherer, config, &places, shows_snapshots);
	publisher_prepare(gatherer->publisher, &options);
	gatherer->shows_next = shows_snapshots;
	free_places(&places);
}

void
gatherer_forget(struct gatherer *gatherer)
{
	publisher_forget(gatherer->publisher);
}

/* What a new config means for the targets of rounds that run. */
struct fate {
	const struct config *config; /* the new one */
	const struct config_diff *diff;
};

static bool
is_gone(const struct board_entry *entry, void *arg)
{
	const struct fate *fate = arg;
	const struct target *now = config_find(fate->config, entry->target->name);

	return now == NULL || fate->diff->changes[now->index] == TARGET_CHANGED;
}

void
gatherer_reload(
    struct gatherer *gatherer, struct config *config, const struct config_diff *diff)
{
	struct fate fate = { .config = config, .diff = diff };
	struct running *running;

	/* Tickets that are given back must not start turns that are about to be dropped. */
	asking_pause(gatherer->asking);
	for (running = LIST_FIRST(&gatherer->rounds); running != NULL;
	     running = LIST_NEXT(running, link))
		round_drop(running->round, is_gone, &fate);
	board_reload(gatherer->board, config);
	config_ref(config);
	config_unref(gatherer->config);
	gatherer->config = config;
	asking_reload(gatherer->asking, config, gatherer->shows_next);
	publisher_reload(gatherer->publisher);
}

/* ---- making and freeing the parts ---- */

static bool
make_publisher(struct gatherer *gatherer, const struct gatherer_options *options)
{
	const struct publisher_events events = {
		.on_ready = on_ready,
		.on_written = on_written,
		.on_form = on_form,
		.on_vitals = on_vitals,
		.arg = gatherer,
	};
	struct publisher_options publisher;
	struct places places;

	find_places(&places, gatherer->config, options->output);
	publisher = publisher_options(
	    gatherer, gatherer->config, &places, options->shows_snapshots);
	gatherer->publisher =
	    publisher_new(gatherer->base, gatherer->board, &publisher, &events);
	free_places(&places);
	return gatherer->publisher != NULL;
}

struct gatherer *
gatherer_new(struct event_base *base, struct config *config,
    const struct gatherer_options *options, const struct gatherer_events *events)
{
	const struct asking_options asking = {
		.descriptors = options->descriptors,
		.is_listened = options->shows_snapshots,
	};
	struct gatherer *gatherer = xcalloc(1, sizeof(*gatherer));

	gatherer->base = base;
	gatherer->config = config_ref(config);
	gatherer->events = *events;
	if (strcmp(options->config_path, "-") != 0)
		gatherer->config_path = options->config_path;
	gatherer->every_round = options->every_round;
	LIST_INIT(&gatherer->rounds);
	gatherer->board = board_new(config);
	gatherer->report = report_new(gatherer->board, options->every_round);
	if (make_publisher(gatherer, options))
		gatherer->asking = asking_new(base, config, gatherer->board, &asking);
	if (gatherer->asking == NULL) {
		log_error("cannot start: %s", strerror(errno));
		gatherer_free(gatherer);
		return NULL;
	}
	return gatherer;
}

static void
free_rounds(struct gatherer *gatherer)
{
	struct running *running;

	if (!LIST_EMPTY(&gatherer->rounds))
		asking_pause(gatherer->asking);
	while ((running = LIST_FIRST(&gatherer->rounds)) != NULL) {
		LIST_REMOVE(running, link);
		round_free(running->round);
		free(running);
	}
}

void
gatherer_free(struct gatherer *gatherer)
{
	if (gatherer == NULL)
		return;
	free_rounds(gatherer);
	publisher_free(gatherer->publisher);
	asking_free(gatherer->asking);
	report_free(gatherer->report);
	board_free(gatherer->board);
	config_unref(gatherer->config);
	free(gatherer);
}
