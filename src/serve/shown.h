/*
 * The snapshot that is shown, as bodies of answers: each is made when it is first asked for,
 * once for a snapshot, and shared by all answers that have it. Private to serve.
 */
#ifndef GATHERD_SERVE_SHOWN_H
#define GATHERD_SERVE_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct evbuffer;
struct shown;
struct snapshot;

enum shown_body {
	SHOWN_DOCUMENT,
	SHOWN_METRICS,
	SHOWN_PAGE,
};
#define SHOWN_BODY_COUNT (SHOWN_PAGE + 1)

struct shown *shown_new(void);
void shown_free(struct shown *shown);

/* From now on SNAPSHOT; a reference is taken. What is on its way of the one before stays. */
void shown_set(struct shown *shown, struct snapshot *snapshot);
/* Borrowed; NULL: none yet. */
const struct snapshot *shown_snapshot(const struct shown *shown);

/* Where the entry of that name stands in the snapshot, if there is one. */
MUST_CHECK bool shown_find(
    struct shown *shown, const char *name, bool is_prompt, size_t *index);

/* What is smaller goes out as it is. */
#define SHOWN_MIN_GZIP 1024

/* Put a body into OUT, without copying it; GZIP: compressed, where that is worth it. Returns
 * whether it is. There must be a snapshot. */
bool shown_put(
    struct shown *shown, enum shown_body body, bool gzip, struct evbuffer *out);

/* Likewise the entry with that index, an object of JSON in a line that ends. */
bool shown_put_entry(
    struct shown *shown, size_t index, bool gzip, struct evbuffer *out);

#define SHOWN_EDITION_SIZE 48

/*
 * Which snapshot is shown, for clients: "GENERATION-EPOCH", where the epoch is of when SHOWN
 * was made. So a program that begins to count anew does not say again what it said before.
 */
void shown_edition(const struct shown *shown, char edition[static SHOWN_EDITION_SIZE]);

/* Was TEXT said of a snapshot that was shown here? *GENERATION is which one. */
MUST_CHECK bool shown_reads_edition(
    const struct shown *shown, const char *text, uint64_t *generation);

#define SHOWN_TAG_SIZE 64

/* The entity tag (RFC 9110, section 8.8.3) of all bodies of the snapshot, with its quotes: its
 * edition, and the form. */
void shown_tag(const struct shown *shown, bool gzip, char tag[static SHOWN_TAG_SIZE]);

#endif
