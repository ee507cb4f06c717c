/*
 * What the parts of publish/outputs share. Private to them.
 */
#ifndef GATHERD_PUBLISH_OUTPUTS_INTERNAL_H
#define GATHERD_PUBLISH_OUTPUTS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "publish/outputs.h"
#include "publish/writer.h"

struct event;
struct publisher_place;

/* One place that a form of snapshots goes to. */
struct output {
	struct outputs *outputs;
	struct writer *writer; /* owned; NULL: prepared, and the place that is in use */
	char *path;            /* owned, as given */
	char *shown;           /* owned */
	struct event *opening; /* owned: runs while the writer is opening it */
	bool is_late;          /* it is not open yet, and not waited for */
	bool has_failed;       /* it cannot be opened */

	/* A reference to the newest snapshot, for when the writer is back; NULL: it has it. */
	struct snapshot *waiting;

	/* What the writer was given last: */
	enum snapshot_form form;
	uint64_t generation;
	bool counts; /* somebody goes by its report */

	uint64_t failed_count;   /* writes in a row that failed */
	int64_t told_at_us;      /* when the log said so last */
	LIST_ENTRY(output) link; /* among those that were left */
};

LIST_HEAD(output_list, output);

/* A document whose on_written is to come. */
struct awaited {
	uint64_t generation;
	bool gathering;
	bool failed;
	unsigned missing; /* a bit for each form that is not done, nor is a newer one */
	STAILQ_ENTRY(awaited) link;
};

STAILQ_HEAD(awaited_list, awaited);

struct outputs {
	struct event_base *base; /* borrowed */
	struct outputs_events events;
	char *config_path; /* owned; NULL: none */
	struct writer_manner manner;
	struct output *current[FORM_COUNT]; /* where forms go; NULL: nowhere */
	struct output_list left;     /* those before that have a report to come */
	struct awaited_list awaited; /* the oldest first */
	uint64_t failed_count;

	bool is_prepared;
	struct output *prepared[FORM_COUNT]; /* where forms may go soon */
	struct writer_manner prepared_manner;
	struct event
	    *answer;   /* owned: what is known of a preparation without a writer */
	bool is_asked; /* on_ready is to come */

	/* While it calls somebody, who may free it: what is left of it then is this alone. */
	bool is_calling;
	bool is_freed;
};

static inline unsigned
form_bit(enum snapshot_form form)
{
	return 1U << form;
}

/* ---- one output: outputs_opening.c ---- */

struct output *output_new(struct outputs *outputs, const struct publisher_place *place);
/* NULL is allowed. */
void output_free(struct output *output, int64_t until_us);

/* READ_PREVIOUS: what a former run left there concerns us. Returns false with errno set. */
MUST_CHECK bool output_open(struct output *output, bool read_previous);
void output_tell_unopened(const struct output *output, int error_number);

/* What OUTPUT has of the form that it was written as is nobody's business any more. */
void output_disown(struct output *output);

/* No more forms for OUTPUT; one that is being written, or opened, is left to its end. */
void output_leave(struct output *output);

/* The last report of one that was left: nobody waits for it any more. */
void output_let_go(struct output *output);

bool output_is_left(const struct output *output);

/* Report what came of the trying, once that is known. */
void outputs_check_ready(struct outputs *outputs);

/* ---- writing: outputs_writing.c ---- */

/* OUTPUT is open: write what waits for it. */
void output_resume(struct output *output, enum snapshot_form form);

/* For writer_events. */
void output_on_done(int error_number, struct snapshot *snapshot, void *arg);

/* FORM, of documents up to GENERATION, is done as far as it will be. */
void outputs_settle(
    struct outputs *outputs, enum snapshot_form form, uint64_t generation, bool failed);

/* FORM goes to another place: what waits for the one before is told to nobody. */
void outputs_stop_awaiting(struct outputs *outputs, enum snapshot_form form);

/* Tell of FORM, and of all documents that are done by now. SNAPSHOT may be NULL: only the
 * latter. The outputs may be gone behind it. */
void outputs_report(struct outputs *outputs, enum snapshot_form form,
    struct snapshot *snapshot, int error_number);

#endif
