#include "daemon/reload.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/diff.h"
#include "config/faults.h"
#include "daemon/background.h"
#include "daemon/gatherer.h"
#include "daemon/options.h"
#include "daemon/output.h"
#include "daemon/setup.h"

/* A disk that is to take the document and has not answered by then hangs. */
#define TRY_SECONDS 10
/* Lines about single targets; then "and N more". */
#define MAX_LINES 20

enum reload_state {
	RELOAD_IDLE,
	RELOAD_LOADING, /* in the background */
	RELOAD_TRYING,  /* whether the output of `next` can be written */
};

struct reload {
	struct event_base *base; /* borrowed, as `gatherer` and `options` */
	struct gatherer *gatherer;
	const struct options *options;
	struct reload_events events;
	struct config *config; /* in force; a reference */
	enum reload_state state;
	struct background *loading; /* while LOADING */
	struct config *next;        /* while TRYING; a reference */
	struct event *patience;     /* owned: runs while TRYING */
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

static void
log_target(const char *name, const char *what, size_t *line_count)
{
	if ((*line_count)++ < MAX_LINES)
		log_line(LOG_LEVEL_INFO, name, "%s", what);
}

static void
log_changes(const struct config *before, const struct config *after,
    const struct config_diff *diff)
{
	static const char *const words[] = {
		[TARGET_RETIMED] = "has another interval",
		[TARGET_CHANGED] = "changed",
		[TARGET_ADDED] = "added",
	};
	size_t lines = 0;

	for (size_t i = 0; i < after->target_count; i++) {
		enum target_change change = diff->changes[i];

		if (change != TARGET_SAME)
			log_target(after->targets[i]->name, words[change], &lines);
	}
	for (size_t i = 0; i < diff->dropped_count; i++)
		log_target(before->targets[diff->dropped[i]]->name, "dropped", &lines);
	if (lines > MAX_LINES)
		log_info("and %zu more", lines - MAX_LINES);
	if (before->spread_ms != after->spread_ms || before->align != after->align)
		log_info("all have other times: spread or align changed");
	log_info("config reloaded: %zu added, %zu dropped, %zu changed, %zu unchanged",
	    diff->counts[TARGET_ADDED], diff->dropped_count,
	    diff->counts[TARGET_CHANGED] + diff->counts[TARGET_RETIMED],
	    diff->counts[TARGET_SAME]);
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
	gatherer_reload(reload->gatherer, after, &diff);
	reload->events.on_changed(after, &diff, reload->events.arg);
	config_diff_clear(&diff);
	config_unref(before);
	end(reload, NULL);
}

/* The new config comes to nothing, though it was fine. */
static void
give_up(struct reload *reload, const char *fault)
{
	gatherer_forget(reload->gatherer);
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

static void
on_patience_over(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct reload *reload = arg;

	log_error("whether the new output can be written is not known after %d s",
	    TRY_SECONDS);
	give_up(reload, "the disk of the new output hangs");
}

/* ---- loading ---- */

/* What the thread works on: all its own, since it may outlive everything else where a
 * disk hangs. */
struct job {
	struct reload *reload;   /* for the loop alone */
	const char *path;        /* of argv, as what `vars` point to */
	struct config_var *vars; /* owned */
	size_t var_count;
	struct faults *faults; /* owned */
	struct config *config; /* a reference; NULL: there are faults */
};

static struct job *
job_new(struct reload *reload)
{
	const struct options *options = reload->options;
	struct job *job = xcalloc(1, sizeof(*job));

	job->reload = reload;
	job->path = options->config_path;
	job->vars = xcalloc(options->var_count + 1, sizeof(*job->vars));
	for (size_t i = 0; i < options->var_count; i++)
		job->vars[i] = options->vars[i];
	job->var_count = options->var_count;
	job->faults = faults_new();
	return job;
}

static void
job_free(struct job *job)
{
	config_unref(job->config);
	faults_free(job->faults);
	free(job->vars);
	free(job);
}

/* In the thread. */
static void *
load(void *arg)
{
	struct job *job = arg;

	job->config = config_load(job->path, job->vars, job->var_count, job->faults);
	return NULL;
}

static void
discard(UNUSED void *result, void *arg)
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

/* Its output is tried before anything changes. */
static void
try_output(struct reload *reload)
{
	const struct timeval patience = { TRY_SECONDS, 0 };
	struct marked output;

	if (!output_choose(reload->next, reload->options, &output)) {
		drop_next(reload);
		log_error(
		    "output.file is gone, and -o and STATE_DIRECTORY are not set");
		end(reload, "it names no output");
	} else {
		reload->state = RELOAD_TRYING;
		event_add(reload->patience, &patience);
		gatherer_prepare(reload->gatherer, reload->next, &output);
	}
	marked_clear(&output);
}

static void
on_loaded(UNUSED void *result, void *arg)
{
	struct job *job = arg;
	struct reload *reload = job->reload;
	char *first_fault = NULL;

	reload->loading = NULL;
	faults_each(job->faults, tell_fault, &first_fault);
	reload->next = job->config;
	job->config = NULL;
	job_free(job);
	if (reload->next != NULL)
		try_output(reload);
	else
		end(reload, first_fault);
	free(first_fault);
}

static void
start_loading(struct reload *reload)
{
	struct background_work work = {
		.run = load,
		.done = on_loaded,
		.discard = discard,
		.arg = job_new(reload),
	};

	reload->state = RELOAD_LOADING;
	reload->loading = background_start(reload->base, &work);
	if (reload->loading != NULL)
		return;
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
reload_new(struct event_base *base, struct gatherer *gatherer, struct config *config,
    const struct options *options, const struct reload_events *events)
{
	struct reload *reload = xcalloc(1, sizeof(*reload));

	reload->base = base;
	reload->gatherer = gatherer;
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
