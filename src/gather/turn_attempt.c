#include "gather/turn_internal.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/attempts.h"
#include "gather/retry.h"
#include "gather/state.h"
#include "gather/trace.h"
#include "gather/verdict.h"
#include "prompt/answer.h"
#include "prompt/prompt_request.h"

/* Of the attempt that is under way; NULL: nobody wants to know. */
static struct trace_attempt *
trace_of_attempt(const struct turn *turn)
{
	struct trace *trace = turn_trace(turn);

	return trace != NULL ? &trace->attempts[trace->attempt_count - 1] : NULL;
}

/* ---- after an attempt ---- */

double
turn_draw(const struct turn *turn)
{
	const struct turn_context *context = turn->context;
	uint64_t bits = 0;

	if (context->draw != NULL)
		return context->draw(context->draw_arg);
	/* So seldom that a generator with a state is not worth it. Without a source of chance,
	 * as a machine starts, the middle will do. */
	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits))
		return 0.5;
	return (double)(bits >> 11) / (double)(UINT64_C(1) << 53);
}

/* Was it the target's own origin that answered, and not one that it led to? */
static bool
is_own_answer(const struct turn *turn, const struct response *response)
{
	struct url url;
	const char *why;
	bool own;

	if (response->final_url == NULL)
		return true;
	if (!url_parse(response->final_url, &url, &why))
		return false;
	own = url_same_origin(&url, &turn_request(turn)->request.url);
	url_clear(&url);
	return own;
}

/* The first time that a token is refused, another one may do (RFC 6750, 3.1). */
static bool
wants_new_token(
    struct turn *turn, const struct response *response, const struct outcome *outcome)
{
	if (turn->login == NULL || turn->login->refused || outcome->kind != KIND_HTTP ||
	    response->http_status != 401 || !is_own_answer(turn, response))
		return false;
	turn->login->refused = true;
	tokens_refused(turn->context->tokens, turn->target->oauth2, turn->login->token);
	return turn_left_us(turn) >= retry_least_left_us(turn->target);
}

/* Asking again with another token, or after a provider's push-back, is no retry. */
static unsigned
uncounted_attempts(const struct turn *turn)
{
	unsigned count = turn->login != NULL && turn->login->refused ? 1 : 0;

	return turn->inquiry != NULL ? count + turn->inquiry->push_backs : count;
}

static void
note_holds(struct turn *turn, const struct response *response,
    const struct retry_decision *decision)
{
	struct trace *trace = turn_trace(turn);
	int64_t now = turn_now_us(turn);
	char text[UNITS_TEXT_SIZE];

	if (decision->hold_us > 0)
		turn->hold_until_us = now + decision->hold_us;
	if (decision->hold_host_us > 0 && is_own_answer(turn, response))
		limiter_hold_host(turn->context->limiter, turn->target->host,
		    now + decision->hold_host_us);
	if (decision->hold_us <= 0 || trace == NULL)
		return;
	units_format_duration(text, decision->hold_us / 1000);
	trace_add_note(trace, xasprintf("held back for %s by its Retry-After", text));
}

/* What comes after the attempt that came to OUTCOME. */
static struct attempt_end
decide(struct turn *turn, const struct response *response,
    const struct outcome *outcome, const struct prompt_advice *advice)
{
	const struct inquiry *inquiry = turn->inquiry;
	const struct request *request = &turn_request(turn)->request;
	struct attempt_end end = {
		.target = turn->target,
		.outcome = outcome,
		.method = request_method(request),
		.number = turn->attempts,
		.left_us = turn_left_us(turn),
		.advice = inquiry != NULL ? advice : NULL,
	};
	const struct retry_facts facts = {
		.target = turn->target,
		.method = end.method,
		.outcome = outcome,
		.response = response,
		.attempts = turn->attempts - uncounted_attempts(turn),
		.advice = end.advice,
		.timeouts = inquiry != NULL ? inquiry->timeouts : 0,
		.push_backs = inquiry != NULL ? inquiry->push_backs : 0,
		.left_us = end.left_us,
		.chance = status_is_success(outcome->status) ? 0 : turn_draw(turn),
	};

	end.decision = retry_decide(&facts);
	end.with_new_token = wants_new_token(turn, response, outcome);
	end.most = (unsigned)turn->target->retries + 1 + uncounted_attempts(turn);
	return end;
}

static void
judge(struct turn *turn, struct response *response, struct prompt_advice *advice,
    struct outcome *outcome)
{
	const struct clock_source *clock = &turn->context->clock;
	const struct rendered_request *request = turn_request(turn);
	bool is_prompt = turn->inquiry != NULL;
	const struct verdict_context context = {
		.timeout_ms = turn->timeout_ms,
		.wall_ms = clock->wall_ms(clock->arg),
		.input_bytes = is_prompt ? request->prompt->input_bytes : 0,
		.advice = is_prompt ? advice : NULL,
		.trace = trace_of_attempt(turn),
	};

	outcome_init(outcome);
	verdict_judge(turn->target, &request->request, response, &context, outcome);
	outcome->url = xstrdup(request->shown_url);
	outcome->duration_us = turn_now_us(turn) - turn->attempt_us;
	attempt_tell_response(context.trace, turn->target, request, response, outcome);
	if (is_prompt)
		turn_prompt_judged(turn, response, advice, outcome);
}

static void
on_answer(struct response *response, void *arg)
{
	struct turn *turn = arg;
	struct prompt_advice advice;
	struct outcome outcome;
	struct attempt_end end;

	turn->exchange = NULL;
	prompt_advice_init(&advice);
	judge(turn, response, &advice, &outcome);
	end = decide(turn, response, &outcome, &advice);
	attempt_tell_end(trace_of_attempt(turn), &end);
	note_holds(turn, response, &end.decision);
	if (end.with_new_token)
		turn_back_off(turn, &outcome, 0);
	else if (end.decision.verdict == RETRY_AGAIN)
		turn_back_off(turn, &outcome, end.decision.wait_us);
	else
		turn_finish(turn, &outcome);
}

/* ---- asking ---- */

/* What an attempt that starts now may take: its own time, but no more than is left of the
 * turn's. */
static int64_t
attempt_timeout_us(const struct turn *turn)
{
	int64_t timeout_us = turn->target->timeout_ms * 1000;
	int64_t left_us = turn_left_us(turn);

	return timeout_us < left_us ? timeout_us : left_us;
}

static void
tell_attempt(const struct turn *turn)
{
	struct trace *trace = turn_trace(turn);
	struct trace_attempt *attempt;

	if (trace == NULL)
		return;
	attempt = trace_add_attempt(trace);
	attempt->waited_us = turn->attempt_us - turn->idle_since_us;
	attempt->timeout_ms = turn->timeout_ms;
	attempt_tell_request(attempt, turn_request(turn));
}

static void
ask(struct turn *turn)
{
	const struct http_client *http = &turn->context->http;
	int64_t timeout_us = attempt_timeout_us(turn);

	turn->attempt_us = turn_now_us(turn);
	if (turn->attempts++ == 0)
		turn->asked_us = turn->attempt_us;
	/* Some microseconds of a deadline are gone: it is told as it was said. */
	turn->timeout_ms = (timeout_us + 999) / 1000;
	tell_attempt(turn);
	turn_enter(turn, TURN_ASKING);
	turn->exchange = http->start(
	    http->client, &turn_request(turn)->request, timeout_us, on_answer, turn);
}

/* The request is rendered only now, so that {{now}} is when it is asked, and so that
 * those who queue hold no memory for it. */
bool
turn_render(struct turn *turn, struct render_fault *fault)
{
	const struct turn_context *context = turn->context;
	const struct trace *trace = turn_trace(turn);
	struct state *state = NULL;
	struct render_with with = {
		.wall_ms = context->clock.wall_ms(context->clock.arg),
		.shown = trace != NULL,
		.bearer = turn->login != NULL ? turn->login->token : NULL,
	};

	if (turn->target->rendered != NULL && trace == NULL)
		return true;
	if (context->board != NULL) {
		state = state_new(context->board);
		with.state = state_root(state);
	}
	turn->rendered = target_request(context->config, turn->target, &with, fault);
	state_free(state);
	if (turn->rendered == NULL)
		return false;
	if (trace != NULL) {
		turn->rendered->request.keep_head = true;
		turn->rendered->request.keep_trail = true;
	}
	return true;
}

void
turn_finish_unrendered(struct turn *turn, struct render_fault *fault)
{
	const struct board *board = turn->context->board;
	char *more;
	char *message;

	if (turn->last != NULL) {
		free(fault->why);
		turn_finish_as_last(turn);
	} else if (fault->name != NULL && board != NULL &&
	    state_is_put_off(board, fault->name)) {
		/* So is who waits for it: there is nothing wrong. */
		free(fault->why);
		turn_finish_with(turn, STATUS_PENDING, KIND_NONE, NULL);
	} else if (fault->missing) {
		more = board != NULL && fault->name != NULL
		    ? state_why_missing(board, fault->name)
		    : NULL;
		message = xasprintf("%s%s", fault->why, more != NULL ? more : "");
		free(more);
		free(fault->why);
		turn_finish_with(turn, STATUS_SKIPPED, KIND_DEPENDENCY, message);
	} else {
		turn_finish_with(turn, STATUS_ERROR, KIND_TEMPLATE, fault->why);
	}
}

void
turn_attempt(struct turn *turn)
{
	struct render_fault fault = { .why = NULL };

	if (!turn_render(turn, &fault))
		turn_finish_unrendered(turn, &fault);
	else if (turn->inquiry == NULL || turn_prompt_may_pay(turn))
		ask(turn);
}
