/*
 * A snapshot: the board at one instant as the text of the status document.
 *
 * Immutable once made, so that the writer's thread may read it; references are taken and
 * dropped in the loop's thread only. Entries are texts of their own, shared from snapshot
 * to snapshot: one is serialised when its outcome changes, not when it is published.
 */
#ifndef GATHERD_PUBLISH_SNAPSHOT_H
#define GATHERD_PUBLISH_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "config/mode.h"

struct board;
struct round_summary;
struct snapshot;
struct snapshot_maker;

/* What the document says of itself. */
struct snapshot_head {
	uint64_t generation;
	const struct round_summary *round; /* borrowed; a duration of -1 is null */
	bool gathering; /* the newest round is not decided: `outcome` says so */
	enum gather_mode mode;
	int64_t now_ms; /* wall time */
	int64_t now_us; /* the same instant on the monotonic clock */
};

/* Keeps the entry texts of BOARD (borrowed) between snapshots, and what the log said of
 * them. GENERATOR is "gatherd VERSION", HOST the machine's name; both are copied. */
struct snapshot_maker *snapshot_maker_new(
    const struct board *board, const char *generator, const char *host);
/* The board has a new config: to be called after each board_reload(). */
void snapshot_maker_reload(struct snapshot_maker *maker, const char *host);
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
void snapshot_unref(struct snapshot *snapshot);

/* The bytes, in pieces, for writev(2). */
const struct iovec *snapshot_pieces(const struct snapshot *snapshot, size_t *count);

#endif
