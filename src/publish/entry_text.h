/*
 * The texts of one entry: what the document, the page and the metrics have of it. Immutable;
 * shared by the snapshots that hold it, reference-counted by atomics.
 */
#ifndef GATHERD_PUBLISH_ENTRY_TEXT_H
#define GATHERD_PUBLISH_ENTRY_TEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publish/metrics/samples.h"
#include "publish/snapshot.h"

struct board_entry;

/* What stands before an entry in the document; the first one goes without the comma. */
#define ENTRY_LEAD       ",\n    "
#define ENTRY_LEAD_COMMA 1

struct entry_text {
	atomic_uint references;
	uint64_t changed_in; /* the generation that has it first */
	bool is_prompt;
	char *name;     /* owned, as all texts here */
	char *document; /* the lead, the name, the entry */
	size_t document_len;
	size_t object_at; /* where the entry itself begins in it */
	char *card;       /* NULL: not wanted */
	size_t card_len;
	char *samples; /* NULL: not wanted */
	size_t samples_len;
	uint32_t family_ends[SAMPLE_FAMILY_COUNT];
};

/* With one reference. LEFT_OUT: see entry_append(); one that is only for its document's text
 * wants nothing else. */
struct entry_text *entry_text_new(const struct board_entry *entry, const char *left_out,
    uint64_t generation, const struct snapshot_wants *wants, bool histogram);
struct entry_text *entry_text_ref(struct entry_text *text);
/* NULL is allowed. */
void entry_text_unref(struct entry_text *text);

#endif
