/*
 * A turn: one target from due to its final outcome.
 *
 * DELAYED, as the config may say; AWAITING its access token; QUEUED for a ticket; ASKING;
 * BACKING_OFF before it is queued again, without a ticket; DONE. The deadline starts when
 * the first attempt gets its ticket; whoever waits for another one when it comes ends as
 * the last attempt did. Whatever happens, a turn ends once, through turn_finish(): the
 * ticket goes back, the outcome goes to the caller.
 *
 * A prompt also looks, before it queues, whether it is to be asked at all (`when`), and before
 * each attempt at its budget and its provider's; its ticket goes through the provider's gate,
 * which is told how it went.
 */
#ifndef GATHERD_GATHER_TURN_H
#define GATHERD_GATHER_TURN_H

#include <stdint.h>

#include "base/clock.h"
#include "gather/outcome.h"
#include "http/request.h"

struct board;
struct config;
struct event_base;
struct limiter;
struct target;
struct tokens;
struct trace;
struct turn;

/* What all turns of a gatherer share; borrowed by them. */
struct turn_context {
	struct config *config;
	struct limiter *limiter;
	struct http_client http;
	struct clock_source clock;
	struct event_base *base; /* for waiting */
	/* What templates find beside vars; and where the gates and budgets of prompts are. NULL:
	 * nothing, and nobody asks a prompt. */
	struct board *board;
	struct tokens *tokens; /* NULL: no target has an `oauth2` */
	struct trace *trace;   /* NULL: nobody wants to know */
	/* From [0, 1), for waits that are drawn; NULL: a generator of its own. */
	double (*draw)(void *arg);
	void *draw_arg;
};

/* What a turn found out beside its outcome. */
struct turn_findings {
	/* Nobody is to be asked before this time, on the context's clock; 0: no such wish. */
	int64_t hold_until_us;
};

/* OUTCOME is the callee's to take over by board_put(); TURN is freed after it returns. */
typedef void turn_done_fn(const struct target *target, struct outcome *outcome,
    const struct turn_findings *findings, void *arg);

/*
 * TARGET is due now. Reports once: mostly from the loop; where nothing can be asked,
 * perhaps before this returns, and the result is then NULL. The turn is gone once it has
 * reported.
 */
struct turn *turn_start(const struct turn_context *context, const struct target *target,
    turn_done_fn *done, void *arg);

/* A turn that nobody is asked in: OUTCOME, not initialised before, says that TARGET is
 * skipped for KIND. MESSAGE is taken over. */
void turn_skip(const struct turn_context *context, const struct target *target,
    enum error_kind kind, char *message, struct outcome *outcome);

/* End it now, with a `cancelled` outcome that says MESSAGE, which is copied, through its
 * report. */
void turn_cancel(struct turn *turn, const char *message);

/* End and free it without a report (the program stops). */
void turn_abandon(struct turn *turn);

#endif
