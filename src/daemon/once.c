#include "daemon/once.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "config/config.h"
#include "daemon/gatherer.h"
#include "daemon/process.h"
#include "daemon/progress.h"

struct once {
	struct event_base *base;
	struct stop_signals *signals;
	struct gatherer *gatherer;
	struct progress *progress; /* NULL: none is shown */
	size_t target_count;
	unsigned long rounds_left;
	bool to_standard_output;
	int stopped_by; /* a signal's number; 0: none came */
	enum exit_status status;
};

static void
start_round(struct once *once)
{
	once->rounds_left--;
	if (once->progress != NULL)
		progress_begin(once->progress, once->target_count);
	gatherer_start_round(once->gatherer);
}

static void
on_outcome(bool failed, void *arg)
{
	struct once *once = arg;

	if (once->progress != NULL)
		progress_step(once->progress, failed);
}

static void
on_published(bool published, void *arg)
{
	struct once *once = arg;

	if (once->progress != NULL)
		progress_end(once->progress);
	if (!published)
		once->status = EXIT_STATUS_NOT_PUBLISHED;
	else if (gatherer_has_failed_target(once->gatherer))
		once->status = EXIT_STATUS_FAILED_TARGETS;
	else
		once->status = EXIT_STATUS_OK;

	/* A disk that is full now may have room for the next round's document; a reader of
	 * standard output that went away does not come back. */
	if (once->rounds_left > 0 && (published || !once->to_standard_output))
		start_round(once);
	else
		event_base_loopbreak(once->base);
}

static void
on_stop(int number, void *arg)
{
	struct once *once = arg;

	once->stopped_by = number;
	event_base_loopbreak(once->base);
}

/* Where the document goes: the option, the config, the state folder that systemd made
 * (systemd.exec(5); the first, where there are several), else standard output. */
static void
choose_output(
    const struct config *config, const struct options *options, struct marked *output)
{
	const char *state = getenv("STATE_DIRECTORY");

	marked_init(output, BUFFER_UNLIMITED);
	if (options->output != NULL) {
		marked_append(
		    output, options->output, strlen(options->output), MARK_OWN);
	} else if (config->output.file.value.text.len > 0) {
		marked_copy(output, &config->output.file.value);
	} else if (state != NULL && *state != '\0') {
		marked_append(output, state, strcspn(state, ":"), MARK_OWN);
		marked_append(output, "/status.json", strlen("/status.json"), MARK_OWN);
	} else {
		marked_append(output, "-", 1, MARK_OWN);
	}
}

static bool
wants_progress(const struct options *options)
{
	return options->progress == -1 ? isatty(STDERR_FILENO) : options->progress;
}

static bool
make_parts(struct once *once, struct config *config, const struct options *options,
    const struct marked *output)
{
	const struct gatherer_events events = {
		.on_outcome = on_outcome,
		.on_published = on_published,
		.arg = once,
	};

	once->base = event_base_new();
	if (once->base == NULL) {
		log_error("cannot start: no event loop");
		return false;
	}
	/* Before the signal handlers: a disk that hangs when the output is tried must not
	 * keep a signal from its usual effect. */
	once->gatherer = gatherer_new(
	    once->base, config, output, process_raise_descriptors(), &events);
	if (once->gatherer == NULL)
		return false;
	once->signals = stop_signals_new(once->base, on_stop, once);
	if (once->signals == NULL) {
		log_error("cannot start: no signal handlers");
		return false;
	}
	if (wants_progress(options))
		once->progress = progress_new(once->base);
	return true;
}

enum exit_status
once_run(struct config *config, const struct options *options)
{
	struct once once = {
		.target_count = config->target_count,
		.rounds_left = options->rounds,
		.status = EXIT_STATUS_NOT_PUBLISHED,
	};
	struct marked output;

	choose_output(config, options, &output);
	once.to_standard_output = strcmp(output.text.data, "-") == 0;
	if (make_parts(&once, config, options, &output)) {
		start_round(&once);
		event_base_dispatch(once.base);
	}
	progress_free(once.progress);
	gatherer_free(once.gatherer);
	stop_signals_free(once.signals);
	if (once.base != NULL)
		event_base_free(once.base);
	marked_clear(&output);
	if (once.stopped_by != 0)
		process_die_by(once.stopped_by);
	return once.status;
}
