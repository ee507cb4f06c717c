#include "gather/turn.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/limiter.h"
#include "gather/verdict.h"

enum turn_state {
	TURN_DUE,
	TURN_QUEUED, /* waits for a ticket */
	TURN_ASKING, /* holds it, and an exchange is on its way */
	TURN_DONE,   /* turn_finish() is at work */
};

struct turn {
	const struct turn_context *context; /* borrowed */
	const struct target *target;        /* borrowed */
	enum turn_state state;
	struct limiter_ticket ticket;
	const struct rendered_request *request; /* the target's, or `rendered` */
	struct rendered_request *rendered;      /* owned; NULL: nothing was rendered */
	struct exchange *exchange;              /* while ASKING */
	int64_t due_us;
	int64_t granted_us; /* -1: no ticket so far */
	int64_t asked_us;   /* start of the first attempt; -1: none so far */
	int64_t deadline_us;
	int64_t timeout_ms; /* what the attempt was given */
	unsigned attempts;
	turn_done_fn *done; /* NULL: abandoned */
	void *arg;
	bool *ended; /* turn_start() is on the stack and wants to know; or NULL */
};

static int64_t
now_us(const struct turn *turn)
{
	return turn->context->clock.now_us(turn->context->clock.arg);
}

static void
turn_enter(struct turn *turn, enum turn_state state)
{
	static const char *const names[] = {
		[TURN_DUE] = "due",
		[TURN_QUEUED] = "queued",
		[TURN_ASKING] = "asking",
		[TURN_DONE] = "done",
	};

	if (log_enabled(LOG_LEVEL_DEBUG))
		log_line(LOG_LEVEL_DEBUG, turn->target->name, "%s -> %s",
		    names[turn->state], names[state]);
	turn->state = state;
}

static void
turn_free(struct turn *turn)
{
	if (turn->ended != NULL)
		*turn->ended = true;
	rendered_request_free(turn->rendered);
	free(turn);
}

/* ---- the one way out ---- */

/* What the turn itself knows of how it went. */
static void
complete_outcome(const struct turn *turn, struct outcome *outcome)
{
	const struct clock_source *clock = &turn->context->clock;
	const struct rendered_request *request =
	    turn->request != NULL ? turn->request : turn->target->rendered;
	int64_t ended_us = now_us(turn);

	outcome->attempts = turn->attempts;
	outcome->checked_at_ms = clock->wall_ms(clock->arg);
	outcome->queued_us =
	    (turn->granted_us >= 0 ? turn->granted_us : ended_us) - turn->due_us;
	if (turn->asked_us >= 0)
		outcome->duration_us = ended_us - turn->asked_us;
	if (request != NULL)
		outcome->url = xstrdup(request->shown_url);
}

/* OUTCOME is taken over. TURN is gone afterwards. */
static void
turn_finish(struct turn *turn, struct outcome *outcome)
{
	complete_outcome(turn, outcome);
	turn_enter(turn, TURN_DONE);
	/* The next in the queue may start in here, and even end. */
	limiter_give_back(turn->context->limiter, &turn->ticket);
	if (turn->done != NULL)
		turn->done(turn->target, outcome, turn->arg);
	outcome_clear(outcome);
	turn_free(turn);
}

/* End it with an error of KIND; MESSAGE is taken over. */
static void
finish_with(struct turn *turn, enum error_kind kind, char *message)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.kind = kind;
	outcome.status = error_kind_status(kind);
	outcome.message = message;
	turn_finish(turn, &outcome);
}

/* ---- asking ---- */

static void
on_answer(struct response *response, void *arg)
{
	struct turn *turn = arg;
	struct outcome outcome;

	turn->exchange = NULL;
	outcome_init(&outcome);
	verdict_judge(turn->target, &turn->request->request, response, turn->timeout_ms,
	    &outcome);
	turn_finish(turn, &outcome);
}

/* What the attempt that starts at NOW may take: its own time, but no more than is left of
 * the turn's. */
static int64_t
attempt_timeout_ms(const struct turn *turn, int64_t now)
{
	int64_t left_ms = (turn->deadline_us - now) / 1000;

	return turn->target->timeout_ms < left_ms ? turn->target->timeout_ms : left_ms;
}

static void
ask(struct turn *turn)
{
	const struct http_client *http = &turn->context->http;

	turn->asked_us = turn->granted_us;
	turn->attempts++;
	turn->timeout_ms = attempt_timeout_ms(turn, turn->asked_us);
	turn_enter(turn, TURN_ASKING);
	turn->exchange = http->start(http->client, &turn->request->request,
	    turn->timeout_ms * 1000, on_answer, turn);
}

/* The request is rendered only now, so that {{now}} is when it is asked, and so that
 * those who queue hold no memory for it. */
static bool
render(struct turn *turn, char **why)
{
	const struct clock_source *clock = &turn->context->clock;

	turn->request = turn->target->rendered;
	if (turn->request != NULL)
		return true;
	turn->rendered = render_request(
	    turn->context->config, turn->target, clock->wall_ms(clock->arg), why);
	turn->request = turn->rendered;
	return turn->request != NULL;
}

static void
on_granted(UNUSED struct limiter_ticket *ticket, void *arg)
{
	struct turn *turn = arg;
	char *why = NULL;

	turn->granted_us = now_us(turn);
	turn->deadline_us = turn->granted_us + turn->target->deadline_ms * 1000;
	if (render(turn, &why))
		ask(turn);
	else
		finish_with(turn, KIND_TEMPLATE, why);
}

struct turn *
turn_start(const struct turn_context *context, const struct target *target,
    turn_done_fn *done, void *arg)
{
	struct turn *turn = xcalloc(1, sizeof(*turn));
	bool ended = false;

	turn->context = context;
	turn->target = target;
	turn->granted_us = -1;
	turn->asked_us = -1;
	turn->done = done;
	turn->arg = arg;
	turn->due_us = now_us(turn);
	turn->ended = &ended;
	turn_enter(turn, TURN_QUEUED);
	limiter_ask(context->limiter, &turn->ticket, on_granted, turn);
	if (ended)
		return NULL;
	turn->ended = NULL;
	return turn;
}

/* ---- from outside ---- */

static void
stop_asking(struct turn *turn)
{
	const struct http_client *http = &turn->context->http;

	if (turn->exchange != NULL)
		http->cancel(http->client, turn->exchange);
	turn->exchange = NULL;
}

void
turn_cancel(struct turn *turn)
{
	/* Its own outcome is just being reported. */
	if (turn->state == TURN_DONE)
		return;
	stop_asking(turn);
	finish_with(turn, KIND_CANCELLED, xstrdup("cancelled"));
}

void
turn_abandon(struct turn *turn)
{
	if (turn->state == TURN_DONE) {
		turn->done = NULL; /* turn_finish() frees it */
		return;
	}
	stop_asking(turn);
	limiter_give_back(turn->context->limiter, &turn->ticket);
	turn_free(turn);
}
