#include "daemon/reload.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/diff.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "daemon/background.h"
#include "daemon/gatherer.h"
#include "daemon/options.h"
#include "daemon/output.h"
#include "daemon/serving.h"
#include "daemon/setup.h"
#include "gather/report.h"

/* A disk that is to take the document and has not answered by then hangs. */
#define TRY_SECONDS 10
/* Likewise of one that a config is read from, which may be as large as it is slow. */
#define LOAD_SECONDS 30

enum reload_state {
	RELOAD_IDLE,
	RELOAD_LOADING, /* in the background */
	RELOAD_TRYING,  /* whether the output of `next` can be written */
};

struct reload {
	struct event_base *base; /* borrowed, as `parts` and `options` */
	struct reload_parts parts;
	const struct options *options;
	struct reload_events events;
	struct config *config; /* in force; a reference */
	enum reload_state state;
	struct background *loading; /* while LOADING */
	struct config *next;        /* while TRYING; a reference */
	struct event *patience;     /* owned: runs while not IDLE */
	bool again;                 /* asked for meanwhile */
};

static void begin(struct reload *reload);

/* ---- the end ---- */

static void
end(struct reload *reload, const char *fault)
{
	bool again = reload->again;

	reload->state = RELOAD_IDLE;
	reload->again = false;
	if (fault != NULL)
		log_error("config not reloaded: the one from before goes on");
	reload->events.on_end(fault, reload->events.arg);
	if (again)
		begin(reload);
}

/* ---- in force ---- */

/* The lines about single targets, up to a maximum. */
static void
log_target(const char *name, const char *text, size_t *line_count)
{
	if ((*line_count)++ < REPORT_MAX_LINES)
		log_line(LOG_LEVEL_INFO, name, "%s", text);
}

/* What else makes a target another one than the keys that it has itself. */
static const char *
other_change(const struct target *after)
{
	return after->kind == TARGET_PROMPT ? "its provider, or what its templates name"
	                                    : "what its templates name";
}

/* "changed: timeout, headers" */
static void
log_changed(const struct target *before, const struct target *after, size_t *line_count)
{
	struct buffer keys;
	char *text;

	buffer_init(&keys, BUFFER_UNLIMITED);
	if (before->kind != after->kind)
		buffer_append_format(
		    &keys, "it is a %s now", target_kind_names[after->kind]);
	else
		keyed_append_differences(
		    keys_of_targets(after->kind), before, after, &keys);
	text = xasprintf("changed: %s", keys.len > 0 ? keys.data : other_change(after));
	log_target(after->name, text, line_count);
	free(text);
	buffer_clear(&keys);
}

static void
log_targets(const struct config *before, const struct config *after,
    const struct config_diff *diff)
{
	size_t lines = 0;

	for (size_t i = 0; i < after->target_count; i++) {
		const struct target *target = after->targets[i];

		switch (diff->changes[i]) {
		case TARGET_SAME:
			break;
		case TARGET_RETIMED:
		case TARGET_CHANGED:
			log_changed(config_find(before, target->name), target, &lines);
			break;
		case TARGET_ADDED:
			log_target(target->name, "added", &lines);
			break;
		}
	}
	for (size_t i = 0; i < diff->dropped_count; i++)
		log_target(before->targets[diff->dropped[i]]->name, "dropped", &lines);
	if (lines > REPORT_MAX_LINES)
		log_info("and %zu more", lines - REPORT_MAX_LINES);
}

static void
log_settings(const struct config *before, const struct config *after)
{
	struct buffer keys;

	buffer_init(&keys, BUFFER_UNLIMITED);
	keyed_append_differences(&file_keys, before, after, &keys);
	if (keys.len > 0)
		log_info("changed: %s", keys.data);
	buffer_clear(&keys);
}

/* Limits of providers may have changed, and no prompt for that. */
static void
log_providers(const struct config *before, const struct config *after)
{
	struct buffer keys;

	buffer_init(&keys, BUFFER_UNLIMITED);
	for (size_t i = 0; i < after->provider_count; i++) {
		const struct provider *provider = after->providers[i];
		const struct provider *old =
		    config_find_provider(before, provider->name);

		buffer_reset(&keys);
		if (old != NULL)
			keyed_append_differences(&provider_keys, old, provider, &keys);
		if (keys.len > 0)
			log_info("changed: provider %s: %s", provider->name, keys.data);
	}
	buffer_clear(&keys);
}

static void
log_changes(const struct config *before, const struct config *after,
    const struct config_diff *diff)
{
	log_settings(before, after);
	log_providers(before, after);
	log_targets(before, after, diff);
	log_info("config reloaded: %zu added, %zu dropped, %zu changed, %zu unchanged",
	    diff->counts[TARGET_ADDED], diff->dropped_count,
	    diff->counts[TARGET_CHANGED] + diff->counts[TARGET_RETIMED],
	    diff->counts[TARGET_SAME]);
	setup_warn(after);
}

static void
drop_next(struct reload *reload)
{
	event_del(reload->patience);
	config_unref(reload->next);
	reload->next = NULL;
}

static void
put_in_force(struct reload *reload)
{
	struct config *before = reload->config;
	struct config *after = reload->next;
	struct config_diff diff;

	event_del(reload->patience);
	reload->next = NULL;
	reload->config = after;
	config_diff_init(&diff, before, after);
	setup_log(after, reload->options);
	log_changes(before, after, &diff);
	reload->events.on_taken(reload->events.arg);
	/* First of all, so that what is published next is shown where it is to be. */
	serving_reload(reload->parts.serving, after);
	gatherer_reload(reload->parts.gatherer, after, &diff);
	reload->events.on_changed(after, &diff, reload->events.arg);
	config_diff_clear(&diff);
	config_unref(before);
	end(reload, NULL);
}

/* The new config comes to nothing, though it was fine. */
static void
give_up(struct reload *reload, const char *fault)
{
	gatherer_forget(reload->parts.gatherer);
	serving_forget(reload->parts.serving);
	drop_next(reload);
	end(reload, fault);
}

void
reload_output_ready(struct reload *reload, bool ready)
{
	if (reload->state != RELOAD_TRYING)
		return;
	if (ready) {
		put_in_force(reload);
		return;
	}
	give_up(reload, "the new output cannot be written");
}

/* What hangs in a disk is left to itself. */
static void
on_patience_over(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct reload *reload = arg;

	if (reload->state == RELOAD_LOADING) {
		log_error("the config could not be read within %d s", LOAD_SECONDS);
		background_abandon(reload->loading);
		reload->loading = NULL;
		end(reload, "the disk of the config hangs");
	} else {
		log_error(
		    "whether the new output can be written is not known after %d s",
		    TRY_SECONDS);
		give_up(reload, "the disk of the new output hangs");
	}
}

/* ---- loading ---- */

/* What the thread works on: all its own, since it may outlive everything else where a
 * disk hangs. */
struct job {
	struct reload *reload; /* for the loop alone */
	/* What they point to is of argv, but for `vars`, which are owned. */
	struct options options;
	struct faults *faults; /* owned */
	struct config *config; /* a reference; NULL: there are faults */
	/* Owned: why the config, which is well, cannot be taken all the same; NULL: it can. */
	char *output_fault;
};

static struct job *
job_new(struct reload *reload)
{
	const struct options *options = reload->options;
	struct job *job = xcalloc(1, sizeof(*job));

	job->reload = reload;
	job->options = *options;
	job->options.only = NULL;
	job->options.only_count = 0;
	job->options.vars = xcalloc(options->var_count + 1, sizeof(*job->options.vars));
	for (size_t i = 0; i < options->var_count; i++)
		job->options.vars[i] = options->vars[i];
	job->faults = faults_new();
	return job;
}

static void
job_free(struct job *job)
{
	config_unref(job->config);
	faults_free(job->faults);
	free(job->options.vars);
	free(job->output_fault);
	free(job);
}

/* In the thread. */
static void
load(void *arg)
{
	struct job *job = arg;
	const struct options *options = &job->options;

	job->config = config_load(
	    options->config_path, options->vars, options->var_count, job->faults);
	if (job->config != NULL)
		job->output_fault = output_find_fault(job->config, options);
}

static void
discard(void *arg)
{
	job_free(arg);
}

static void
tell_fault(const char *line, bool is_error, void *arg)
{
	char **first = arg;

	log_line(is_error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, NULL, "%s", line);
	if (is_error && *first == NULL)
		*first = xstrdup(line);
}

/* Where it goes, and listens, is tried before anything changes. */
static void
try_places(struct reload *reload)
{
	const struct timeval patience = { TRY_SECONDS, 0 };
	struct marked output;

	if (!output_choose(reload->next, reload->options, &output)) {
		drop_next(reload);
		log_error(
		    "output.file is gone, and -o and STATE_DIRECTORY are not set");
		end(reload, "it names no output");
	} else if (!serving_prepare(reload->parts.serving, reload->next)) {
		serving_forget(reload->parts.serving);
		drop_next(reload);
		end(reload, "it cannot be listened where it says");
	} else {
		reload->state = RELOAD_TRYING;
		event_add(reload->patience, &patience);
		gatherer_prepare(reload->parts.gatherer, reload->next, &output,
		    serving_wants_snapshots(reload->parts.serving, reload->next));
	}
	marked_clear(&output);
}

static void
on_loaded(void *arg)
{
	struct job *job = arg;
	struct reload *reload = job->reload;
	char *first_fault = NULL;

	reload->loading = NULL;
	event_del(reload->patience);
	faults_each(job->faults, tell_fault, &first_fault);
	if (job->output_fault != NULL) {
		tell_fault(job->output_fault, true, &first_fault);
	} else {
		reload->next = job->config;
		job->config = NULL;
	}
	job_free(job);
	if (reload->next != NULL)
		try_places(reload);
	else
		end(reload, first_fault);
	free(first_fault);
}

static void
start_loading(struct reload *reload)
{
	const struct timeval patience = { LOAD_SECONDS, 0 };
	struct background_work work = {
		.run = load,
		.done = on_loaded,
		.discard = discard,
		.arg = job_new(reload),
	};

	reload->state = RELOAD_LOADING;
	reload->loading = background_start(reload->base, &work);
	if (reload->loading != NULL) {
		event_add(reload->patience, &patience);
		return;
	}
	log_error("cannot load the config: %m");
	job_free(work.arg);
	end(reload, "the system gave no thread");
}

static void
begin(struct reload *reload)
{
	reload->events.on_begin(reload->events.arg);
	if (strcmp(reload->options->config_path, "-") == 0) {
		log_error("the config came from standard input, which is read once");
		end(reload, "it came from standard input");
	} else {
		start_loading(reload);
	}
}

void
reload_request(struct reload *reload)
{
	if (reload->state == RELOAD_IDLE)
		begin(reload);
	else
		reload->again = true;
}

struct reload *
reload_new(struct event_base *base, const struct reload_parts *parts,
    struct config *config, const struct options *options,
    const struct reload_events *events)
{
	struct reload *reload = xcalloc(1, sizeof(*reload));

	reload->base = base;
	reload->parts = *parts;
	reload->config = config_ref(config);
	reload->options = options;
	reload->events = *events;
	reload->patience = evtimer_new(base, on_patience_over, reload);
	if (reload->patience == NULL) {
		reload_free(reload);
		return NULL;
	}
	return reload;
}

void
reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	if (reload->loading != NULL)
		background_abandon(reload->loading);
	if (reload->patience != NULL)
		event_free(reload->patience);
	config_unref(reload->next);
	config_unref(reload->config);
	free(reload);
}
