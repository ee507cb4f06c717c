#include "publish/outputs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "publish/outputs_internal.h"
#include "publish/publisher.h"

/* ---- other places ---- */

/* Is somebody who is not waited for any more still opening PATH? */
static bool
is_still_tried(const struct outputs *outputs, const char *path)
{
	const struct output *left = LIST_FIRST(&outputs->left);

	for (int form = 0; form < FORM_COUNT; form++) {
		const struct output *output = outputs->current[form];

		if (output != NULL && output->is_late &&
		    strcmp(output->path, path) == 0)
			return true;
	}
	while (left != NULL &&
	    (!writer_is_opening(left->writer) || strcmp(left->path, path) != 0))
		left = LIST_NEXT(left, link);
	return left != NULL;
}

/* Begin to try OUTPUT, unless it is the place of FORM that is in use. */
static void
try_prepared(struct output *output, int form)
{
	const struct outputs *outputs = output->outputs;
	const struct output *current = outputs->current[form];

	if (current != NULL && strcmp(output->path, current->path) == 0)
		return;
	/* Each reload would leave one more thread behind in a disk that hangs. */
	if (is_still_tried(outputs, output->path)) {
		log_error("cannot write %s: the last try is still waiting for it",
		    output->shown);
		output->has_failed = true;
	} else if (!output_open(output, false)) {
		output_tell_unopened(output, errno);
		output->has_failed = true;
	}
}

void
outputs_prepare(struct outputs *outputs, const struct publisher_options *options)
{
	static const struct timeval now = { 0, 0 };

	assert(!outputs->is_prepared && !outputs->is_asked);
	outputs->is_prepared = outputs->is_asked = true;
	outputs->prepared_manner =
	    (struct writer_manner){ .mode = options->mode, .sync = options->sync };
	for (int form = 0; form < FORM_COUNT; form++) {
		const struct publisher_place *place = &options->places[form];

		if (place->path == NULL)
			continue;
		outputs->prepared[form] = output_new(outputs, place);
		try_prepared(outputs->prepared[form], form);
	}
	/* By the loop: the caller does not expect it yet. */
	event_add(outputs->answer, &now);
}

static void
end_preparation(struct outputs *outputs)
{
	outputs->is_prepared = outputs->is_asked = false;
	event_del(outputs->answer);
}

void
outputs_forget(struct outputs *outputs)
{
	if (!outputs->is_prepared)
		return;
	end_preparation(outputs);
	for (int form = 0; form < FORM_COUNT; form++) {
		struct output *output = outputs->prepared[form];

		outputs->prepared[form] = NULL;
		if (output != NULL)
			output_leave(output);
	}
}

/* The output, a current one or one that was left, that writes the very file that the one
 * prepared for FORM names, or NULL. It has to go on, as whatever form: what it is still
 * writing must not come after, and over, what another one writes. */
static struct output *
find_same_place(const struct outputs *outputs, int form)
{
	const struct output *output = outputs->prepared[form];
	struct output *left = LIST_FIRST(&outputs->left);

	if (output->writer == NULL)
		return outputs->current[form];
	for (int other = 0; other < FORM_COUNT; other++) {
		struct output *current = outputs->current[other];

		if (current != NULL &&
		    writer_is_at_same_place(current->writer, output->writer))
			return current;
	}
	while (left != NULL && !writer_is_at_same_place(left->writer, output->writer))
		left = LIST_NEXT(left, link);
	return left;
}

/* OUTPUT goes on under the name of OTHER, which is freed. */
static void
take_words(struct output *output, struct output *other)
{
	char *path = output->path;
	char *shown = output->shown;

	output->path = other->path;
	output->shown = other->shown;
	other->path = path;
	other->shown = shown;
	output_free(other, 0);
}

/* What FORM is to go to: the one that was prepared, or who is at its place; NULL: nowhere. */
static struct output *
take_prepared(struct outputs *outputs, int form)
{
	struct output *output = outputs->prepared[form];
	struct output *same;

	if (output == NULL)
		return NULL;
	same = find_same_place(outputs, form);
	outputs->prepared[form] = NULL;
	if (same == NULL)
		return output;
	if (output_is_left(same))
		LIST_REMOVE(same, link);
	take_words(same, output);
	return same;
}

void
outputs_change(struct outputs *outputs)
{
	struct output *next[FORM_COUNT], *former[FORM_COUNT];

	assert(outputs->is_prepared && !outputs->is_asked);
	end_preparation(outputs);
	outputs->manner = outputs->prepared_manner;
	for (int form = 0; form < FORM_COUNT; form++)
		next[form] = take_prepared(outputs, form);
	for (int form = 0; form < FORM_COUNT; form++) {
		former[form] = outputs->current[form];
		outputs->current[form] = next[form];
	}
	for (int form = 0; form < FORM_COUNT; form++) {
		if (former[form] == next[form])
			continue;
		outputs_stop_awaiting(outputs, form);
		if (former[form] == NULL)
			continue;
		if (output_is_left(former[form]))
			output_leave(former[form]);
		else
			output_disown(former[form]); /* goes on as another form */
	}
}

/* ---- what others ask ---- */

bool
outputs_are_busy(const struct outputs *outputs)
{
	return writer_busy(outputs->current[FORM_DOCUMENT]->writer);
}

bool
outputs_replace_documents(const struct outputs *outputs)
{
	return writer_replaces(outputs->current[FORM_DOCUMENT]->writer);
}

const char *
outputs_shown(const struct outputs *outputs)
{
	return outputs->current[FORM_DOCUMENT]->shown;
}

uint64_t
outputs_failed_count(const struct outputs *outputs)
{
	return outputs->failed_count;
}

/* ---- making and freeing ---- */

static void
on_answer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	outputs_check_ready(arg);
}

static bool
open_all(struct outputs *outputs, const struct publisher_options *options)
{
	for (int form = 0; form < FORM_COUNT; form++) {
		const struct publisher_place *place = &options->places[form];

		if (place->path == NULL)
			continue;
		outputs->current[form] = output_new(outputs, place);
		if (!output_open(outputs->current[form], form == FORM_DOCUMENT))
			return false;
	}
	return true;
}

struct outputs *
outputs_new(struct event_base *base, const struct publisher_options *options,
    const struct outputs_events *events)
{
	struct outputs *outputs = xcalloc(1, sizeof(*outputs));
	int error_number = ENOMEM;

	assert(options->places[FORM_DOCUMENT].path != NULL);
	outputs->base = base;
	outputs->events = *events;
	if (options->config_path != NULL)
		outputs->config_path = xstrdup(options->config_path);
	outputs->manner =
	    (struct writer_manner){ .mode = options->mode, .sync = options->sync };
	LIST_INIT(&outputs->left);
	STAILQ_INIT(&outputs->awaited);
	outputs->is_asked = true;
	outputs->answer = evtimer_new(base, on_answer, outputs);
	if (outputs->answer != NULL) {
		if (open_all(outputs, options))
			return outputs;
		error_number = errno;
	}
	outputs_free(outputs, 0);
	errno = error_number;
	return NULL;
}

static void
free_outputs(struct outputs *outputs, int64_t until_us)
{
	struct output *output;

	for (int form = 0; form < FORM_COUNT; form++) {
		output_free(outputs->current[form], until_us);
		output_free(outputs->prepared[form], until_us);
	}
	while ((output = LIST_FIRST(&outputs->left)) != NULL) {
		LIST_REMOVE(output, link);
		output_free(output, until_us);
	}
}

void
outputs_free(struct outputs *outputs, int64_t until_us)
{
	struct awaited *awaited;

	if (outputs == NULL)
		return;
	free_outputs(outputs, until_us);
	while ((awaited = STAILQ_FIRST(&outputs->awaited)) != NULL) {
		STAILQ_REMOVE_HEAD(&outputs->awaited, link);
		free(awaited);
	}
	if (outputs->answer != NULL)
		event_free(outputs->answer);
	free(outputs->config_path);
	outputs->is_freed = true;
	if (!outputs->is_calling)
		free(outputs);
}
