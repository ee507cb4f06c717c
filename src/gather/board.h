/*
 * The board: for each target its last outcome and its streaks. The only mutable state
 * that outlives a round.
 */
#ifndef GATHERD_GATHER_BOARD_H
#define GATHERD_GATHER_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/digest.h"
#include "gather/budget.h"
#include "gather/fields.h"
#include "gather/history.h"
#include "gather/outcome.h"
#include "gather/tally.h"

struct config;
struct providers;
struct target;

struct board_entry {
	const struct target *target; /* borrowed from the board's config */
	struct outcome outcome;
	int64_t since_ms;      /* wall time at which `settled` began; -1: never */
	int64_t last_ok_at_ms; /* -1: never */
	uint64_t failures; /* turns in a row that ended in timeout, http_error, error */
	enum status settled; /* the last that was neither cancelled nor skipped */
	enum status lasting; /* what the next outcome is a change from, or is not */
	uint64_t version;    /* grows by one with every change of what is shown */
	bool asked;          /* there was an outcome since the start of the program */
	bool in_flight;      /* a turn of it is between its start and its end */
	bool in_extra_turn;  /* the last that began was beside the schedule */
	int64_t planned_us;  /* its turn in the schedule's last round; -1: none yet */
	/* Not asked by the schedule before: */
	int64_t hold_until_us;    /* ... for a Retry-After: it is `skipped`; 0: no */
	int64_t backoff_until_us; /* ... for `backoff`: not due at all; 0: no */
	int64_t next_at_ms;       /* wall time of the later of them, if any; -1: none */

	/* Borrowed from a round that is all or nothing and not decided: what templates see in
	 * the place of `outcome`; NULL: there is none. */
	const struct outcome *held;

	/* Since the start of the program; both stay over a reload. */
	struct tally tally;
	struct history history;

	/* Of a service with `keep_last`, while `outcome` holds no good answer: the data of the
	 * last one that was. Owned; NULL: null. */
	char *last_data;
	size_t last_data_len;

	/* Of a prompt: */
	struct budget budget;
	/* With `keep_last` or `when: changed`, while `outcome` is not it: the last good answer.
	 * Owned; NULL: there is none, or `outcome` is it. */
	struct outcome *good;
	/* Of what the last good answer was to; "": there is none that could be used again. */
	char input_hash[DIGEST_HEX_SIZE];
	/* What its last answer that told took: money and tokens; -1: unknown. */
	int64_t last_tokens;
	int64_t last_cost;

	/* The entry as a former run published it, an object of JSON, until the first outcome
	 * of this one. Owned; NULL: none. */
	char *restored;
	size_t restored_len;

	/* What the log said of it last: see gather/report. */
	int64_t told_at_us;      /* on the monotonic clock; -1: nothing yet */
	bool told_failed;        /* the last round's line named it */
	uint64_t skipped_turns;  /* for it was still running */
	int64_t skip_told_at_us; /* likewise; -1: never */

	/* The target's own words as shown, with secrets as ***; NULL: not set. */
	char *group;       /* owned */
	char *description; /* owned */
	char *labels;      /* owned: a JSON object of texts */
};

/* How many entries have each status, over all targets. */
struct board_counts {
	size_t of[STATUS_COUNT];
	size_t total;
};

/* What a former run knew of a target, as its document says. */
struct board_memory {
	enum status status;
	int64_t since_ms; /* -1: null; as all times here */
	int64_t checked_at_ms;
	int64_t last_ok_at_ms;
	uint64_t failures;
	char *entry; /* the whole entry as it stands there, compact JSON */
	size_t entry_len;
	char *last_data; /* the last good answer; NULL: none is known */
	size_t last_data_len;
	/* Of a prompt: */
	struct budget budget;
	struct outcome *good; /* owned: its last good answer; NULL: none is known */
	char input_hash[DIGEST_HEX_SIZE]; /* what that was to; "": not known */
	int64_t last_tokens;              /* that its last answer took; -1: unknown */
	int64_t last_cost;                /* likewise */
};

struct board;

/* An entry for each enabled target of CONFIG, pending, of which a reference is held. */
struct board *board_new(struct config *config);
void board_free(struct board *board);

const struct config *board_config(const struct board *board);
size_t board_size(const struct board *board);

/* The providers of its config. */
struct providers *board_providers(const struct board *board);

/* The entry of the target with that index; borrowed, changed by the functions below only.
 * It stays where it is in memory until its target is gone. */
struct board_entry *board_entry(const struct board *board, size_t index);

/* Likewise, of the target with that name; NULL: there is none. */
struct board_entry *board_find(const struct board *board, const char *name);

/*
 * Go over to CONFIG: what is known of a target stays with its name. Entries of targets
 * that are no longer there are freed: nobody may hold one.
 */
void board_reload(struct board *board, struct config *config);

/* ENTRY, without an outcome so far, gets what a former run knew: it counts, and its text
 * is published, until its first outcome. The texts and the answer of MEMORY are taken over. */
void board_restore(
    struct board *board, struct board_entry *entry, struct board_memory *memory);

void board_set_in_flight(struct board_entry *entry, bool in_flight);

void board_set_in_extra_turn(struct board_entry *entry, bool in_extra_turn);

/* The schedule's newest round is to ask it at PLANNED_US on the monotonic clock. */
void board_set_planned(struct board_entry *entry, int64_t planned_us);

/* The newest status that is known of ENTRY: of the outcome that is held, if any. */
enum status board_newest_status(const struct board_entry *entry);

/* Was ENTRY's target looked at, and left for another time: a prompt that is for failures only,
 * while nothing fails, or who waits for what such a one says? */
bool board_is_put_off(const struct board_entry *entry);

/* *SEEN becomes ENTRY as it would read if what is held were put. All in it is borrowed from
 * ENTRY. */
void board_see(const struct board_entry *entry, struct board_entry *seen);

/*
 * Take OUTCOME over (its fields are moved, it is empty then) and go on with the streaks:
 * `cancelled` and `skipped` touch neither `failures` nor `since` nor `last_ok_at`; an
 * error of kind `internal`, being ours, leaves `failures`.
 * One that is `pending` (a prompt whose time it is not, or who waits for what it says) touches
 * as little, and no `checked_at` either.
 * Returns true if it is the first outcome since the start of the program or its status
 * differs from the one before. A turn that was held back by a Retry-After is no change, nor
 * is the same status after it: else a server that goes on to send one would bring news with
 * every turn.
 */
bool board_put(struct board *board, struct board_entry *entry, struct outcome *outcome);

/* The last good answer of ENTRY, a prompt's, as far as it is kept; borrowed. NULL: none is. */
const struct outcome *board_last_good(const struct board_entry *entry);

/*
 * OUTCOME, of ENTRY's prompt and not initialised before, becomes the last good answer again,
 * `reused`: a copy, but for what tells of the asking. Returns false, and leaves OUTCOME alone,
 * where none is known that was to INPUT_HASH.
 */
MUST_CHECK bool board_reuse(
    const struct board_entry *entry, const char *input_hash, struct outcome *outcome);

/*
 * As board_put(), but data, values and all else that ENTRY's answers left there stay: for
 * rounds that are all or nothing.
 */
bool board_put_without_answer(
    struct board *board, struct board_entry *entry, struct outcome *outcome);

/* ENTRY is held back, or not (0), until these times on the monotonic clock, where it is
 * NOW_US and the wall clock says NOW_MS. */
void board_hold(struct board *board, struct board_entry *entry, int64_t hold_until_us,
    int64_t backoff_until_us, int64_t now_us, int64_t now_ms);

void board_count(const struct board *board, struct board_counts *counts);

/* Grows with every change of which targets are listed as failed: where it is the same, so
 * are they. */
uint64_t board_failed_version(const struct board *board);

/* Did a target fail that is not `required: false`? */
bool board_has_required_failure(const struct board *board);

/* Is there a service whose newest status is timeout, http_error or error? Those that send what
 * such prompts say, or wait for that, do not count. */
bool board_has_failed_service(const struct board *board);

/*
 * The document's word: "down" where a required target failed and none is ok or degraded,
 * "ok" where none failed or is degraded, "degraded" between. Targets that were not asked
 * yet count for nothing.
 */
const char *board_status(const struct board *board);
extern const char *const board_status_names[]; /* all that it may be */

#endif
