#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "gather/report.h"
#include "publish/outputs_internal.h"

/* ---- what the log says ---- */

/* As they are counted. */
static const struct {
	const char *one, *many;
} form_words[FORM_COUNT] = {
	[FORM_DOCUMENT] = { "document", "documents" },
	[FORM_METRICS] = { "set of metrics", "sets of metrics" },
	[FORM_PAGE] = { "page", "pages" },
};

static void
tell_failure(struct output *output, int error_number)
{
	const char *reason = strerror(error_number);
	int64_t now_us = clock_now_us();

	output->failed_count++;
	output->outputs->failed_count++;
	if (output->failed_count == 1) {
		log_error("could not write %s: %s", output->shown, reason);
	} else if (now_us - output->told_at_us >= REPORT_REPEAT_US) {
		log_error("could not write %s: %s; %" PRIu64 " %s were lost so far",
		    output->shown, reason, output->failed_count,
		    form_words[output->form].many);
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

	if (count == 1)
		log_info("%s is written again; 1 %s was lost", output->shown,
		    form_words[output->form].one);
	else if (count > 1)
		log_info("%s is written again; %" PRIu64 " %s were lost", output->shown,
		    count, form_words[output->form].many);
	output->failed_count = 0;
}

/* ---- documents whose report is to come ---- */

/* Is a form that AWAITED misses being written, of its snapshot or a newer one? Else whatever
 * is written next for it is of the newest. */
static bool
is_on_its_way(const struct outputs *outputs, const struct awaited *awaited)
{
	for (int form = 0; form < FORM_COUNT; form++) {
		const struct output *output = outputs->current[form];

		if ((awaited->missing & form_bit(form)) != 0 && output != NULL &&
		    output->counts && writer_busy(output->writer) &&
		    output->generation >= awaited->generation)
			return true;
	}
	return false;
}

/* The report of NEWER is that of those, too, that cannot have one before it: else a place that
 * hangs would make their list grow for ever. */
static void
take_over(struct outputs *outputs, struct awaited *newer)
{
	struct awaited *awaited = STAILQ_FIRST(&outputs->awaited);

	while (awaited != NULL) {
		struct awaited *next = STAILQ_NEXT(awaited, link);

		if (awaited->missing != 0 && !is_on_its_way(outputs, awaited)) {
			newer->gathering = newer->gathering && awaited->gathering;
			STAILQ_REMOVE(&outputs->awaited, awaited, awaited, link);
			free(awaited);
		}
		awaited = next;
	}
}

static void
await(struct outputs *outputs, uint64_t generation, bool gathering)
{
	struct awaited *awaited = xcalloc(1, sizeof(*awaited));

	awaited->generation = generation;
	awaited->gathering = gathering;
	for (int form = 0; form < FORM_COUNT; form++) {
		if (outputs->current[form] != NULL)
			awaited->missing |= form_bit(form);
	}
	take_over(outputs, awaited);
	STAILQ_INSERT_TAIL(&outputs->awaited, awaited, link);
}

void
outputs_settle(
    struct outputs *outputs, enum snapshot_form form, uint64_t generation, bool failed)
{
	struct awaited *awaited = STAILQ_FIRST(&outputs->awaited);

	for (; awaited != NULL; awaited = STAILQ_NEXT(awaited, link)) {
		if (awaited->generation > generation ||
		    (awaited->missing & form_bit(form)) == 0)
			continue;
		awaited->missing &= ~form_bit(form);
		awaited->failed = awaited->failed || failed;
	}
}

void
outputs_stop_awaiting(struct outputs *outputs, enum snapshot_form form)
{
	struct awaited *awaited = STAILQ_FIRST(&outputs->awaited);

	while (awaited != NULL) {
		struct awaited *next = STAILQ_NEXT(awaited, link);

		if ((awaited->missing & form_bit(form)) != 0) {
			STAILQ_REMOVE(&outputs->awaited, awaited, awaited, link);
			free(awaited);
		}
		awaited = next;
	}
}

/* Tell of the oldest document, if it is done. */
static bool
report_written(struct outputs *outputs)
{
	struct awaited *awaited = STAILQ_FIRST(&outputs->awaited);
	struct awaited done;

	if (awaited == NULL || awaited->missing != 0)
		return false;
	done = *awaited;
	STAILQ_REMOVE_HEAD(&outputs->awaited, link);
	free(awaited);
	outputs->events.on_written(!done.failed, done.gathering, outputs->events.arg);
	return true;
}

void
outputs_report(struct outputs *outputs, enum snapshot_form form,
    struct snapshot *snapshot, int error_number)
{
	outputs->is_calling = true;
	if (snapshot != NULL)
		outputs->events.on_form(
		    form, snapshot, error_number, outputs->events.arg);
	/* Where they were freed, none is awaited any more. */
	while (report_written(outputs))
		;
	outputs->is_calling = false;
	if (outputs->is_freed)
		free(outputs);
}

/* ---- writing ---- */

static void
start(struct output *output, enum snapshot_form form, struct snapshot *snapshot)
{
	output->form = form;
	output->generation = snapshot_generation(snapshot);
	output->counts = true;
	writer_put(output->writer, snapshot, form, &output->outputs->manner);
}

void
output_resume(struct output *output, enum snapshot_form form)
{
	struct snapshot *snapshot = output->waiting;

	if (snapshot == NULL)
		return;
	output->waiting = NULL;
	start(output, form, snapshot);
	snapshot_unref(snapshot);
}

void
outputs_put(struct outputs *outputs, struct snapshot *snapshot, bool gathering)
{
	assert(!outputs_are_busy(outputs));
	await(outputs, snapshot_generation(snapshot), gathering);
	for (int form = 0; form < FORM_COUNT; form++) {
		struct output *output = outputs->current[form];

		if (output == NULL)
			continue;
		snapshot_unref(output->waiting);
		output->waiting = snapshot_ref(snapshot);
		if (!writer_busy(output->writer))
			output_resume(output, form);
	}
}

/* As which form OUTPUT, one of the current ones, is written by now. */
static enum snapshot_form
form_of(const struct output *output)
{
	int form = 0;

	while (output->outputs->current[form] != output)
		form++;
	return form;
}

void
output_on_done(int error_number, struct snapshot *snapshot, void *arg)
{
	struct output *output = arg;
	struct outputs *outputs = output->outputs;
	/* Those of this snapshot: the next one may be begun below. */
	enum snapshot_form form = output->form;
	bool counts = output->counts;

	if (error_number != 0)
		tell_failure(output, error_number);
	else
		tell_success(output);
	if (output_is_left(output)) {
		output_let_go(output);
		return;
	}
	if (counts)
		outputs_settle(outputs, form, output->generation, error_number != 0);
	output_resume(output, form_of(output));
	if (output == outputs->current[FORM_DOCUMENT])
		outputs->events.on_free(outputs->events.arg);
	if (counts)
		outputs_report(outputs, form, snapshot, error_number);
}
