/*
 * A snapshot: the board at one instant, as the texts that are made of it.
 *
 * Everything that is shown from outside is made of one: the status document, the metrics, the
 * page, what the listener answers. Immutable once made, so that any thread may read it, and
 * reference-counted by atomics, so that any may let go of it. Entries are texts of their own,
 * shared from snapshot to snapshot: one is serialised when its outcome changes, not when it is
 * published.
 */
#ifndef GATHERD_PUBLISH_SNAPSHOT_H
#define GATHERD_PUBLISH_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/span.h"
#include "config/mode.h"

struct board;
struct buffer;
struct entry_text;
struct round_summary;
struct snapshot;
struct snapshot_maker;
struct vitals;

/* What can be made of a snapshot as a whole. */
enum snapshot_form {
	FORM_DOCUMENT,
	FORM_METRICS, /* Prometheus text format: publish/metrics/metrics.h */
	FORM_PAGE,    /* publish/page/page.h, for the disk */
};
#define FORM_COUNT (FORM_PAGE + 1)

/* What is wanted beside the document; what is not costs nothing. */
struct snapshot_wants {
	bool samples; /* for FORM_METRICS */
	bool cards;   /* for FORM_PAGE, and events */
};

/* What the document says of itself. */
struct snapshot_head {
	uint64_t generation;
	const struct round_summary *round; /* borrowed; a duration of -1 is null */
	bool gathering; /* the newest round is not decided: `outcome` says so */
	enum gather_mode mode;
	int64_t now_ms; /* wall time */
	int64_t now_us; /* the same instant on the monotonic clock */
	/* With `samples`; borrowed. NULL: nobody knows any. */
	const struct vitals *vitals;
	uint64_t failed_writes; /* since the start of the program, of all forms */
};

/* Keeps the entry texts of BOARD (borrowed) between snapshots, and what the log said of
 * them. GENERATOR is "gatherd VERSION", HOST the machine's name; both are copied. */
struct snapshot_maker *snapshot_maker_new(
    const struct board *board, const char *generator, const char *host);
/* The board has a new config: to be called after each board_reload(). */
void snapshot_maker_reload(struct snapshot_maker *maker, const char *host);
/* From the next snapshot on. At first nothing is wanted. */
void snapshot_maker_want(
    struct snapshot_maker *maker, const struct snapshot_wants *wants);
void snapshot_maker_free(struct snapshot_maker *maker);

/*
 * The document with HEAD. Where it would be larger than `output.max_size`, the data of the
 * largest entries (see entry_append()) become null, as few as do, and each such entry says
 * so in `warnings`, and in the log unless the last document had it so already. What is too
 * large without any data is published all the same.
 */
struct snapshot *snapshot_make(
    struct snapshot_maker *maker, const struct snapshot_head *head);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* NULL is allowed. */
void snapshot_unref(struct snapshot *snapshot);

/* The bytes of the document, in pieces, for writev(2). */
const struct iovec *snapshot_pieces(const struct snapshot *snapshot, size_t *count);

/* ---- what the other forms are made of; all borrowed ---- */

uint64_t snapshot_generation(const struct snapshot *snapshot);
/* Wall time. */
int64_t snapshot_generated_at_ms(const struct snapshot *snapshot);
int64_t snapshot_stale_after_ms(const struct snapshot *snapshot);

/* Grows with every reload: where it is the same, so are the entries' names and their order. */
uint64_t snapshot_layout(const struct snapshot *snapshot);

/* The document's head, one compact object of JSON in one line: with `cards`, else empty. No
 * `<` stands in it, as in no card. */
struct span snapshot_summary(const struct snapshot *snapshot);

/* The samples that are of no target, as lines: with `samples`, else empty. See
 * publish/metrics/gauges.h. */
struct span snapshot_gauges(const struct snapshot *snapshot);

/* Services first, then prompts. */
size_t snapshot_entry_count(const struct snapshot *snapshot);

struct snapshot_entry {
	const char *name;
	bool is_prompt;
	/* The generation that had its text, and so its card, first; leaving its data out for
	 * `output.max_size` changes neither the card nor this. */
	uint64_t changed_in;
	struct span text; /* the entry in the document: an object */
	struct span card; /* with `cards`, else empty: see publish/page/card.h */
	/* With `samples`, else empty: see publish/metrics/samples.h. FAMILY_ENDS: where the lines of
	 * each family end in it. */
	struct span samples;
	const uint32_t *family_ends;
};

void snapshot_entry(
    const struct snapshot *snapshot, size_t index, struct snapshot_entry *entry);

#endif
