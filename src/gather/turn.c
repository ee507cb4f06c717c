#include "gather/turn_internal.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/retry.h"
#include "gather/trace.h"

int64_t
turn_now_us(const struct turn *turn)
{
	return turn->context->clock.now_us(turn->context->clock.arg);
}

int64_t
turn_left_us(const struct turn *turn)
{
	const struct http_client *http = &turn->context->http;

	return turn->deadline_us - http->now_us(http->client);
}

const struct rendered_request *
turn_request(const struct turn *turn)
{
	return turn->rendered != NULL ? turn->rendered : turn->target->rendered;
}

struct trace *
turn_trace(const struct turn *turn)
{
	return trace_of(turn->context->trace, turn->target);
}

void
turn_enter(struct turn *turn, enum turn_state state)
{
	static const char *const names[] = {
		[TURN_DUE] = "due",
		[TURN_DELAYED] = "delayed",
		[TURN_AWAITING] = "awaiting token",
		[TURN_QUEUED] = "queued",
		[TURN_ASKING] = "asking",
		[TURN_BACKING_OFF] = "backing off",
		[TURN_DONE] = "done",
	};

	if (log_enabled(LOG_LEVEL_DEBUG))
		log_line(LOG_LEVEL_DEBUG, turn->target->name, "%s -> %s",
		    names[turn->state], names[state]);
	turn->state = state;
}

/* ---- the timer ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void
ring_in(struct turn *turn, int64_t us)
{
	const struct timeval delay = clock_timeval(us > 0 ? us : 0);

	if (turn->timer == NULL)
		turn->timer = evtimer_new(turn->context->base, on_timer, turn);
	/* Without it the turn would never go on. */
	if (turn->timer == NULL || event_add(turn->timer, &delay) != 0)
		abort();
}

static void
do_not_ring(struct turn *turn)
{
	if (turn->timer != NULL)
		event_del(turn->timer);
}

/* ---- the one way out ---- */

/* It waits for nobody any more. */
static void
stop_waiting(struct turn *turn)
{
	do_not_ring(turn);
	if (turn->login != NULL)
		tokens_leave(&turn->login->waiter);
}

void
turn_drop_request(struct turn *turn)
{
	rendered_request_free(turn->rendered);
	turn->rendered = NULL;
	if (turn->login == NULL)
		return;
	free(turn->login->token);
	turn->login->token = NULL;
}

static void
drop_last(struct turn *turn)
{
	if (turn->last == NULL)
		return;
	outcome_clear(turn->last);
	free(turn->last);
	turn->last = NULL;
}

static void
turn_free(struct turn *turn)
{
	if (turn->ended != NULL)
		*turn->ended = true;
	if (turn->timer != NULL)
		event_free(turn->timer);
	turn_drop_request(turn);
	drop_last(turn);
	free(turn->login);
	free(turn->inquiry);
	free(turn);
}

/* The URL that was asked, or would have been. */
static char *
shown_url(const struct turn *turn)
{
	const struct rendered_request *request = turn_request(turn);

	if (request != NULL)
		return xstrdup(request->shown_url);
	if (turn->last != NULL && turn->last->url != NULL)
		return xstrdup(turn->last->url);
	return NULL;
}

/* What the turn itself knows of how it went. */
static void
complete_outcome(const struct turn *turn, struct outcome *outcome)
{
	const struct clock_source *clock = &turn->context->clock;
	int64_t ended_us = turn_now_us(turn);

	outcome->attempts = turn->attempts;
	outcome->checked_at_ms = clock->wall_ms(clock->arg);
	if (turn->queued_us >= 0)
		outcome->queued_us =
		    (turn->granted_us >= 0 ? turn->granted_us : ended_us) -
		    turn->queued_us;
	if (turn->asked_us >= 0)
		outcome->duration_us = ended_us - turn->asked_us;
	if (outcome->url == NULL)
		outcome->url = shown_url(turn);
	if (turn->inquiry != NULL)
		turn_prompt_complete(turn, outcome);
}

void
turn_finish(struct turn *turn, struct outcome *outcome)
{
	const struct turn_findings findings = { .hold_until_us = turn->hold_until_us };

	complete_outcome(turn, outcome);
	turn_enter(turn, TURN_DONE);
	stop_waiting(turn);
	/* The next in the queue may start in here, and even end. */
	limiter_give_back(turn->context->limiter, &turn->ticket);
	if (turn->done != NULL)
		turn->done(turn->target, outcome, &findings, turn->arg);
	outcome_clear(outcome);
	turn_free(turn);
}

void
turn_finish_with(
    struct turn *turn, enum status status, enum error_kind kind, char *message)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.kind = kind;
	outcome.message = message;
	turn_finish(turn, &outcome);
}

void
turn_finish_as_last(struct turn *turn)
{
	struct outcome outcome = *turn->last;

	free(turn->last);
	turn->last = NULL;
	turn_finish(turn, &outcome);
}

/* ---- between attempts ---- */

/* Without a ticket; OUTCOME is kept in case that nothing comes after it. */
void
turn_back_off(struct turn *turn, struct outcome *outcome, int64_t wait_us)
{
	turn_drop_request(turn);
	drop_last(turn);
	turn->last = xmalloc(sizeof(*turn->last));
	*turn->last = *outcome;
	turn->idle_since_us = turn_now_us(turn);
	turn->wake_us = turn->idle_since_us + wait_us;
	turn_enter(turn, TURN_BACKING_OFF);
	ring_in(turn, wait_us);
	/* The next in the queue may start in here, and even end this one. */
	limiter_give_back(turn->context->limiter, &turn->ticket);
}

static void
on_granted(UNUSED struct limiter_ticket *ticket, void *arg)
{
	struct turn *turn = arg;
	const struct http_client *http = &turn->context->http;

	if (turn->granted_us < 0) {
		turn->granted_us = turn_now_us(turn);
		turn->deadline_us =
		    http->now_us(http->client) + turn->target->deadline_ms * 1000;
	} else if (turn_left_us(turn) < retry_least_left_us(turn->target)) {
		turn_finish_as_last(turn);
		return;
	}
	do_not_ring(turn);
	turn_attempt(turn);
}

/* Its provider is paused for longer than all its attempts may take. */
static void
on_refused(UNUSED struct limiter_ticket *ticket, void *arg)
{
	struct turn *turn = arg;

	turn_finish_with(
	    turn, STATUS_SKIPPED, KIND_RATE_LIMITED, turn_prompt_why_refused(turn));
}

/* ---- waiting ---- */

static void
tell_queue(const struct turn *turn, const struct gate *gate)
{
	struct trace *trace = turn_trace(turn);
	char *why;

	if (trace == NULL)
		return;
	why = limiter_why_waiting(turn->context->limiter, turn->target->host, gate);
	if (why != NULL)
		trace_add_note(trace, xasprintf("waits for a slot: %s", why));
	free(why);
}

static void
enqueue(struct turn *turn)
{
	struct gate *gate = turn->inquiry != NULL ? turn_prompt_gate(turn) : NULL;

	tell_queue(turn, gate);
	turn_enter(turn, TURN_QUEUED);
	if (turn->queued_us < 0)
		turn->queued_us = turn_now_us(turn);
	/* Later on the deadline itself ends it. */
	turn->ticket.refused = turn->last == NULL ? on_refused : NULL;
	turn->ticket.patience_us = turn->target->deadline_ms * 1000;
	limiter_ask(turn->context->limiter, &turn->ticket, turn->target->host, gate,
	    on_granted, turn);
}

static void
on_token(const char *token, const char *why, void *arg)
{
	struct turn *turn = arg;

	if (token == NULL) {
		turn_finish_with(turn, STATUS_ERROR, KIND_AUTH, xstrdup(why));
		return;
	}
	turn->login->token = xstrdup(token);
	enqueue(turn);
}

static void
await_token(struct turn *turn)
{
	struct trace *trace = turn_trace(turn);

	if (turn->login == NULL)
		turn->login = xcalloc(1, sizeof(*turn->login));
	turn->login->waiter.done = on_token;
	turn->login->waiter.arg = turn;
	if (trace != NULL)
		trace_add_note(trace,
		    xasprintf(
		        "takes an access token (%s)", turn->target->oauth2->name));
	turn_enter(turn, TURN_AWAITING);
	tokens_get(turn->context->tokens, turn->target->oauth2, &turn->login->waiter);
}

/* Nothing more to wait for before it may queue but its token. A former attempt's deadline
 * goes on meanwhile. */
static void
go_on(struct turn *turn)
{
	if (turn->last != NULL)
		ring_in(turn, turn_left_us(turn));
	else if (turn->inquiry != NULL && !turn_prompt_should_ask(turn))
		return;
	if (turn->target->oauth2 != NULL && turn->context->tokens != NULL)
		await_token(turn);
	else
		enqueue(turn);
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct turn *turn = arg;
	int64_t now = turn_now_us(turn);

	switch (turn->state) {
	case TURN_DELAYED:
	case TURN_BACKING_OFF:
		/* The loop's clock is a little behind. */
		if (now < turn->wake_us)
			ring_in(turn, turn->wake_us - now);
		else
			go_on(turn);
		return;
	case TURN_AWAITING:
	case TURN_QUEUED:
		/* http's clock stands still while the program does. */
		if (turn_left_us(turn) >= retry_least_left_us(turn->target))
			ring_in(turn, turn_left_us(turn));
		else
			turn_finish_as_last(turn);
		return;
	case TURN_DUE:
	case TURN_ASKING:
	case TURN_DONE:
		return;
	}
}

static void
delay(struct turn *turn)
{
	int64_t delay_ms = turn->target->delay_ms;
	struct trace *trace = turn_trace(turn);
	char text[UNITS_TEXT_SIZE];

	if (trace != NULL) {
		units_format_duration(text, delay_ms);
		trace_add_note(trace, xasprintf("waits for its delay of %s", text));
	}
	turn->wake_us = turn_now_us(turn) + delay_ms * 1000;
	turn_enter(turn, TURN_DELAYED);
	ring_in(turn, delay_ms * 1000);
}

static struct turn *
turn_new(const struct turn_context *context, const struct target *target,
    turn_done_fn *done, void *arg)
{
	struct turn *turn = xcalloc(1, sizeof(*turn));

	turn->context = context;
	turn->target = target;
	turn->queued_us = -1;
	turn->granted_us = -1;
	turn->asked_us = -1;
	turn->done = done;
	turn->arg = arg;
	if (target->kind == TARGET_PROMPT)
		turn->inquiry = xcalloc(1, sizeof(*turn->inquiry));
	turn->idle_since_us = turn_now_us(turn);
	return turn;
}

struct turn *
turn_start(const struct turn_context *context, const struct target *target,
    turn_done_fn *done, void *arg)
{
	struct turn *turn = turn_new(context, target, done, arg);
	bool ended = false;

	turn->ended = &ended;
	if (target->delay_ms > 0)
		delay(turn);
	else
		go_on(turn);
	if (ended)
		return NULL;
	turn->ended = NULL;
	return turn;
}

void
turn_skip(const struct turn_context *context, const struct target *target,
    enum error_kind kind, char *message, struct outcome *outcome)
{
	outcome_init(outcome);
	outcome->status = STATUS_SKIPPED;
	outcome->kind = kind;
	outcome->message = message;
	outcome->checked_at_ms = context->clock.wall_ms(context->clock.arg);
	if (target->rendered != NULL)
		outcome->url = xstrdup(target->rendered->shown_url);
	if (target->kind != TARGET_PROMPT)
		return;
	outcome_make_prompt(outcome);
	outcome->prompt->model = marked_shown(&target_prompt(target)->model_name);
}

/* ---- from outside ---- */

static void
stop_asking(struct turn *turn)
{
	const struct http_client *http = &turn->context->http;

	if (turn->exchange == NULL)
		return;
	http->cancel(http->client, turn->exchange);
	turn->exchange = NULL;
	if (turn->inquiry != NULL)
		turn_prompt_given_up(turn);
}

void
turn_cancel(struct turn *turn, const char *message)
{
	/* Its own outcome is just being reported. */
	if (turn->state == TURN_DONE)
		return;
	stop_asking(turn);
	turn_finish_with(turn, STATUS_CANCELLED, KIND_CANCELLED, xstrdup(message));
}

void
turn_abandon(struct turn *turn)
{
	if (turn->state == TURN_DONE) {
		turn->done = NULL; /* turn_finish() frees it */
		return;
	}
	stop_asking(turn);
	stop_waiting(turn);
	limiter_give_back(turn->context->limiter, &turn->ticket);
	turn_free(turn);
}
