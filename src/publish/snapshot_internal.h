/*
 * What the parts of publish/snapshot share: the maker and what it makes. Private to them.
 */
#ifndef GATHERD_PUBLISH_SNAPSHOT_INTERNAL_H
#define GATHERD_PUBLISH_SNAPSHOT_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "publish/entry_text.h"
#include "publish/snapshot.h"

/* What the maker keeps of one target. */
struct cached_entry {
	char *name;              /* owned: the target's, which a reload goes by */
	uint64_t version;        /* of the board's entry that `text` was made from */
	struct entry_text *text; /* a reference; NULL: not made yet */
	bool left_out;           /* its data did not fit into the last document */
};

struct snapshot_maker {
	const struct board *board; /* borrowed */
	char *generator;
	char *host;
	struct snapshot_wants wants;
	uint64_t layout;            /* grows with every reload */
	struct cached_entry *cache; /* by the targets' index */
	size_t entry_count;
	bool too_large; /* the last document was, without any data */
};

/* The parts of a frame: up to the services, between them and the prompts, behind those. */
#define FRAME_PARTS 3

struct snapshot {
	atomic_uint references;
	uint64_t generation;
	uint64_t layout;
	int64_t generated_at_ms;
	int64_t stale_after_ms;
	struct snapshot_wants wants; /* what it was made with */
	struct buffer summary;       /* empty: not wanted, as the next */
	struct buffer gauges;

	size_t bytes;        /* of the document */
	struct buffer frame; /* all in it that is no entry */
	size_t part_lens[FRAME_PARTS];
	struct entry_text **entries; /* references; those of services come first */
	size_t entry_count;
	size_t service_count; /* of them */
	/* In the document in the place of an entry whose data did not fit; NULL where it did,
	 * and as a whole where all did. */
	struct entry_text **without_data;
	struct iovec
	    *pieces; /* a part of the frame, services, another, prompts, the last */
};

/* The text of the entry with number INDEX as it stands on the board, made anew, for GENERATION,
 * only where it has changed or lacks what is wanted; the maker's. */
struct entry_text *snapshot_maker_text(
    struct snapshot_maker *maker, size_t index, uint64_t generation);

/* What the entry with number INDEX is in the document. */
const struct entry_text *snapshot_document_text(
    const struct snapshot *snapshot, size_t index);

/* Leave data out of the document until it is not larger than `output.max_size`. */
void snapshot_fit(struct snapshot_maker *maker, struct snapshot *snapshot);

#endif
