/*
 * A turn: one target from due to its final outcome.
 *
 * QUEUED for a ticket, ASKING, DONE; the deadline starts when the first attempt gets its
 * ticket. Whatever happens, a turn ends once, through turn_finish(): the ticket goes back,
 * the outcome goes to the caller.
 */
#ifndef GATHERD_GATHER_TURN_H
#define GATHERD_GATHER_TURN_H

#include <stdint.h>

#include "base/clock.h"
#include "gather/outcome.h"
#include "http/request.h"

struct config;
struct limiter;
struct target;
struct turn;

/* What all turns of a gatherer share; borrowed by them. */
struct turn_context {
	struct config *config;
	struct limiter *limiter;
	struct http_client http;
	struct clock_source clock;
};

/* OUTCOME is the callee's to take over by board_put(); TURN is freed after it returns. */
typedef void turn_done_fn(
    const struct target *target, struct outcome *outcome, void *arg);

/*
 * TARGET is due now. Reports once: mostly from the loop; where nothing can be asked,
 * perhaps before this returns, and the result is then NULL. The turn is gone once it has
 * reported.
 */
struct turn *turn_start(const struct turn_context *context, const struct target *target,
    turn_done_fn *done, void *arg);

/* End it now, with a `cancelled` outcome through its report. */
void turn_cancel(struct turn *turn);

/* End and free it without a report (the program stops). */
void turn_abandon(struct turn *turn);

#endif
