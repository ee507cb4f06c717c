/*
 * Whether gatherd does what it is for: rounds go on, and documents are written.
 */
#ifndef GATHERD_SERVE_HEALTH_H
#define GATHERD_SERVE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* What the gathering thread tells; plain data. All zero: nothing is known yet. */
struct health {
	/* When the next round is due, on CLOCK_MONOTONIC; 0: none is planned yet. */
	int64_t due_at_us;
	/* errno of the last write, of which one is; 0: it was well. */
	int write_error;
	char written[32]; /* "the document", "the page", "the metrics" */
};

/* A round that is later than this is overdue. */
#define HEALTH_OVERDUE_US ((int64_t)5000000)

#define HEALTH_REASON_SIZE 160

/*
 * Is all well at NOW_US on CLOCK_MONOTONIC, while the wall clock says NOW_MS and the document
 * that is shown is stale after STALE_AFTER_MS (-1: there is none yet)? Else REASON says what is
 * not, as a sentence for a person.
 */
MUST_CHECK bool health_is_well(const struct health *health, int64_t stale_after_ms,
    int64_t now_us, int64_t now_ms, char reason[static HEALTH_REASON_SIZE]);

#endif
