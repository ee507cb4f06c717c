#include "daemon/once.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "config/config.h"
#include "daemon/batch.h"
#include "daemon/gatherer.h"
#include "daemon/output.h"
#include "daemon/process.h"
#include "daemon/progress.h"
#include "daemon/setup.h"
#include "daemon/signals.h"

struct once {
	struct event_base *base;
	struct signals *signals;
	struct gatherer *gatherer;
	struct progress *progress; /* NULL: none is shown */
	struct config *config;     /* borrowed */
	unsigned long rounds_left;
	bool is_published; /* the document of the last round that was begun */
	bool to_standard_output;
	bool is_unheard; /* standard output could not be written */
	int stopped_by;  /* a signal's number; 0: none came */
	enum exit_status status;
};

static void
start_round(struct once *once)
{
	once->rounds_left--;
	once->is_published = false;
	if (batch_is(once->config))
		batch_log_begin(once->config);
	if (once->progress != NULL)
		progress_begin(once->progress, once->config->target_count);
	gatherer_ask_all(once->gatherer);
}

static void
on_outcome(bool failed, void *arg)
{
	struct once *once = arg;

	if (once->progress != NULL)
		progress_step(once->progress, failed);
}

static void
on_ready(bool ready, void *arg)
{
	struct once *once = arg;

	if (ready)
		start_round(once);
	else
		event_base_loopbreak(once->base);
}

/* With `fail_fast` the others of a round go on after its document, up to the next round. */
static void
go_on(struct once *once)
{
	if (once->rounds_left > 0 && once->is_published &&
	    gatherer_is_idle(once->gatherer))
		start_round(once);
}

/* What stands beside the document has its next round as files have. */
static void
on_form(enum snapshot_form form, UNUSED struct snapshot *snapshot, int error_number,
    void *arg)
{
	struct once *once = arg;

	if (once->to_standard_output && form == FORM_DOCUMENT && error_number != 0)
		once->is_unheard = true;
}

static void
on_published(bool published, void *arg)
{
	struct once *once = arg;

	if (once->progress != NULL)
		progress_end(once->progress);
	if (batch_is(once->config))
		batch_log_end(once->config, gatherer_count_successes(once->gatherer));
	if (!published)
		once->status = EXIT_STATUS_NOT_PUBLISHED;
	else if (gatherer_has_failed_target(once->gatherer))
		once->status = EXIT_STATUS_FAILED_TARGETS;
	else
		once->status = EXIT_STATUS_OK;

	/* A disk that is full now may have room for the next round's document; a reader of
	 * standard output that went away does not come back. */
	if (once->rounds_left == 0 || once->is_unheard) {
		event_base_loopbreak(once->base);
	} else {
		once->is_published = true;
		go_on(once);
	}
}

static void
on_idle(void *arg)
{
	go_on(arg);
}

/* A second one has its usual effect. */
static void
on_stop(int number, void *arg)
{
	struct once *once = arg;

	signals_release(once->signals, SIGTERM);
	signals_release(once->signals, SIGINT);
	once->stopped_by = number;
	event_base_loopbreak(once->base);
}

static const struct signal_row signal_rows[] = {
	{ SIGTERM, on_stop },
	{ SIGINT, on_stop },
	{ 0, NULL },
};

static bool
wants_progress(const struct options *options)
{
	return options->progress == -1 ? isatty(STDERR_FILENO) : options->progress;
}

static bool
make_gatherer(
    struct once *once, const struct options *given, const struct marked *output)
{
	const struct gatherer_events events = {
		.on_ready = on_ready,
		.on_outcome = on_outcome,
		.on_form = on_form,
		.on_published = on_published,
		.on_idle = on_idle,
		.arg = once,
	};
	const struct gatherer_options options = {
		.output = output,
		.config_path = given->config_path,
		.descriptors = process_raise_descriptors(),
		.every_round = true,
	};

	once->gatherer = gatherer_new(once->base, once->config, &options, &events);
	return once->gatherer != NULL;
}

static bool
make_parts(
    struct once *once, const struct options *options, const struct marked *output)
{
	once->base = event_base_new();
	if (once->base == NULL) {
		log_error("cannot start: no event loop");
		return false;
	}
	once->signals = signals_new(once->base, signal_rows, once);
	if (once->signals == NULL) {
		log_error("cannot start: no signal handlers");
		return false;
	}
	if (!make_gatherer(once, options, output))
		return false;
	if (wants_progress(options))
		once->progress = progress_new(once->base);
	return true;
}

enum exit_status
once_run(struct config *config, const struct options *options)
{
	struct once once = {
		.config = config,
		.rounds_left = options->rounds,
		.status = EXIT_STATUS_NOT_PUBLISHED,
	};
	struct marked output;

	setup_warn_unverified(config);
	if (!output_choose(config, options, &output))
		marked_append(&output, "-", 1, MARK_OWN);
	once.to_standard_output = strcmp(output.text.data, "-") == 0;
	if (make_parts(&once, options, &output))
		event_base_dispatch(once.base);
	progress_free(once.progress);
	gatherer_free(once.gatherer);
	signals_free(once.signals);
	if (once.base != NULL)
		event_base_free(once.base);
	marked_clear(&output);
	if (once.stopped_by != 0)
		process_die_by(once.stopped_by);
	return once.status;
}
