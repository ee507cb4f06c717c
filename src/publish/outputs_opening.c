#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "publish/outputs_internal.h"
#include "publish/publisher.h"

/* A disk that has not answered by then may hang. */
static const struct timeval opening_patience = { .tv_sec = 10 };

/* ---- one output ---- */

struct output *
output_new(struct outputs *outputs, const struct publisher_place *place)
{
	struct output *output = xcalloc(1, sizeof(*output));

	output->outputs = outputs;
	output->path = xstrdup(place->path);
	output->shown = xstrdup(place->shown);
	return output;
}

void
output_free(struct output *output, int64_t until_us)
{
	if (output == NULL)
		return;
	writer_free(output->writer, until_us);
	if (output->opening != NULL)
		event_free(output->opening);
	snapshot_unref(output->waiting);
	free(output->shown);
	free(output->path);
	free(output);
}

void
output_disown(struct output *output)
{
	output->counts = false;
	snapshot_unref(output->waiting);
	output->waiting = NULL;
}

void
output_leave(struct output *output)
{
	output_disown(output);
	if (output->writer != NULL && writer_busy(output->writer))
		LIST_INSERT_HEAD(&output->outputs->left, output, link);
	else
		output_free(output, 0);
}

bool
output_is_left(const struct output *output)
{
	const struct outputs *outputs = output->outputs;

	for (int form = 0; form < FORM_COUNT; form++) {
		if (output == outputs->current[form] ||
		    output == outputs->prepared[form])
			return false;
	}
	return true;
}

void
output_let_go(struct output *output)
{
	LIST_REMOVE(output, link);
	output_free(output, 0);
}

/* ---- are they ready? ---- */

/* The output that FORM goes to, once what is being tried is in force; NULL: none. */
static struct output *
tried_output(const struct outputs *outputs, int form)
{
	struct output *prepared = outputs->prepared[form];

	if (!outputs->is_prepared ||
	    (prepared != NULL && prepared->writer == NULL && !prepared->has_failed))
		return outputs->current[form];
	return prepared;
}

/* Is OUTPUT still waited for? */
static bool
is_missing(const struct output *output)
{
	return output->writer != NULL && writer_is_opening(output->writer) &&
	    !output->is_late;
}

void
output_tell_unopened(const struct output *output, int error_number)
{
	log_error("cannot write %s: %s", output->shown, strerror(error_number));
}

static bool
are_at_same_place(const struct output *output, const struct output *other)
{
	if (!writer_is_at_same_place(output->writer, other->writer))
		return false;
	log_error("cannot write %s: it leads to the same place as %s", output->shown,
	    other->shown);
	return true;
}

static bool
is_at_config(const struct output *output)
{
	if (!writer_is_at_config(output->writer))
		return false;
	log_error("cannot write %s: it leads to %s, the config", output->shown,
	    output->outputs->config_path);
	return true;
}

/* Do all lead to places of their own? By links or names of devices they may not, and one would
 * go over what the other has written. */
static bool
are_apart(const struct outputs *outputs)
{
	for (int form = 0; form < FORM_COUNT; form++) {
		const struct output *output = tried_output(outputs, form);

		if (output != NULL && is_at_config(output))
			return false;
		for (int other = 0; other < form && output != NULL; other++) {
			const struct output *before = tried_output(outputs, other);

			if (before != NULL && are_at_same_place(output, before))
				return false;
		}
	}
	return true;
}

/* Likewise of OUTPUT, which is open at last, and the others that are. */
static bool
is_apart(const struct output *output)
{
	const struct outputs *outputs = output->outputs;

	for (int form = 0; form < FORM_COUNT; form++) {
		const struct output *other = outputs->current[form];

		if (other != NULL && other != output &&
		    are_at_same_place(output, other))
			return false;
	}
	return !is_at_config(output);
}

void
outputs_check_ready(struct outputs *outputs)
{
	bool failed = false, missing = false;

	if (!outputs->is_asked)
		return;
	for (int form = 0; form < FORM_COUNT; form++) {
		const struct output *output = tried_output(outputs, form);

		failed = failed || (output != NULL && output->has_failed);
		missing = missing || (output != NULL && is_missing(output));
	}
	if (!failed && missing)
		return;
	outputs->is_asked = false;
	outputs->events.on_ready(!failed && are_apart(outputs), outputs->events.arg);
}

/* ---- opening ---- */

static void
on_opening_patience_over(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct output *output = arg;
	struct outputs *outputs = output->outputs;

	log_warn("still waiting for %s", output->shown);
	/* Documents must not wait for what stands beside them. */
	output->is_late = output == outputs->current[FORM_METRICS] ||
	    output == outputs->current[FORM_PAGE];
	if (output->is_late)
		outputs_check_ready(outputs);
}

/* OUTPUT, which was not waited for, cannot be written: its form goes nowhere. */
static void
drop_late(struct output *output, enum snapshot_form form, int error_number)
{
	struct outputs *outputs = output->outputs;
	struct snapshot *snapshot = output->waiting;

	outputs->current[form] = NULL;
	output->waiting = NULL;
	output_leave(output);
	if (snapshot == NULL)
		return;
	outputs->failed_count++;
	outputs_settle(outputs, form, snapshot_generation(snapshot), true);
	outputs_report(outputs, form, snapshot, error_number);
	snapshot_unref(snapshot);
}

static void
on_late_open(struct output *output, int error_number)
{
	struct outputs *outputs = output->outputs;
	enum snapshot_form form =
	    output == outputs->current[FORM_PAGE] ? FORM_PAGE : FORM_METRICS;

	output->is_late = false;
	if (error_number != 0) {
		output_tell_unopened(output, error_number);
		drop_late(output, form, error_number);
		return;
	}
	if (is_apart(output))
		output_resume(output, form);
	else
		drop_late(output, form, EEXIST);
}

static void
on_open(int error_number, struct buffer *previous, int previous_error, void *arg)
{
	struct output *output = arg;
	struct outputs *outputs = output->outputs;

	event_del(output->opening);
	if (output_is_left(output)) {
		output_let_go(output);
		return;
	}
	if (output->is_late) {
		on_late_open(output, error_number);
		return;
	}
	if (error_number != 0) {
		output->has_failed = true;
		output_tell_unopened(output, error_number);
	} else if (output == outputs->current[FORM_DOCUMENT]) {
		outputs->events.on_previous(
		    previous, previous_error, outputs->events.arg);
	}
	outputs_check_ready(outputs);
}

bool
output_open(struct output *output, bool read_previous)
{
	const struct writer_options options = {
		.path = output->path,
		.read_previous = read_previous,
		.config_path = output->outputs->config_path,
	};
	const struct writer_events events = {
		.on_open = on_open,
		.on_done = output_on_done,
		.arg = output,
	};
	struct event_base *base = output->outputs->base;

	output->opening = evtimer_new(base, on_opening_patience_over, output);
	if (output->opening == NULL) {
		errno = ENOMEM;
		return false;
	}
	output->writer = writer_new(base, &options, &events);
	if (output->writer == NULL)
		return false;
	event_add(output->opening, &opening_patience);
	return true;
}
