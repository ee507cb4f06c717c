#include "gather/turn_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/marked.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/attempts.h"
#include "gather/board.h"
#include "gather/budget.h"
#include "gather/gate.h"
#include "gather/providers.h"
#include "gather/trace.h"
#include "prompt/answer.h"

/* Only turns of prompts come here. */
static const struct prompt *
prompt_of(const struct turn *turn)
{
	const struct prompt *prompt = target_prompt(turn->target);

	assert(prompt != NULL);
	return prompt;
}

static int64_t
wall_ms(const struct turn *turn)
{
	const struct clock_source *clock = &turn->context->clock;

	return clock->wall_ms(clock->arg);
}

/* ---- what the outcome says of what was asked ---- */

/* SHOWN as the document is to have it; NULL: not at all. The caller's. */
static char *
stored_text(enum prompt_store store, const char *shown)
{
	char hex[DIGEST_HEX_SIZE];

	switch (store) {
	case STORE_FULL:
		return xstrdup(shown);
	case STORE_HASH:
		digest_hex(hex, shown, strlen(shown));
		return xasprintf(OUTCOME_DIGEST_LEAD "%s", hex);
	case STORE_NONE:
		break;
	}
	return NULL;
}

void
turn_prompt_complete(const struct turn *turn, struct outcome *outcome)
{
	const struct prompt *prompt = prompt_of(turn);
	struct outcome_prompt *part;

	outcome_make_prompt(outcome);
	part = outcome->prompt;
	part->usage_unknown_attempts = turn->inquiry->usage_unknown;
	if (part->model == NULL)
		part->model = marked_shown(&prompt->model_name);
	if (turn->rendered == NULL)
		return;
	if (part->prompt == NULL)
		part->prompt =
		    stored_text(prompt->store, turn->rendered->prompt->shown);
	/* That of an attempt before stays what it was. */
	if (part->input_hash[0] == '\0')
		memcpy(part->input_hash, turn->rendered->prompt->input_hash,
		    sizeof(part->input_hash));
}

/* ---- money ---- */

static bool
has_budget(const struct turn *turn)
{
	return turn->context->board != NULL &&
	    spending_is_limited(turn->context->board, prompt_of(turn));
}

/* Nobody may be asked, for WHY, which is taken over. */
static void
finish_unpaid(struct turn *turn, char *why)
{
	if (turn->last == NULL) {
		turn_finish_with(turn, STATUS_SKIPPED, KIND_BUDGET, why);
		return;
	}
	free(why);
	turn_finish_as_last(turn);
}

/* About what the attempt takes is noted, to be reserved. UNDER_WAY: what others may take
 * counts, too. Where it cannot be paid, the turn is over. */
static bool
is_payable(struct turn *turn, bool under_way)
{
	struct spending *amount = &turn->inquiry->reserved;
	char *why;

	*amount = spending_estimate(
	    turn->context->board, prompt_of(turn), turn->rendered->prompt->input_bytes);
	why = spending_objection(
	    turn->context->board, prompt_of(turn), amount, under_way, wall_ms(turn));
	if (why == NULL)
		return true;
	finish_unpaid(turn, why);
	return false;
}

bool
turn_prompt_may_pay(struct turn *turn)
{
	if (!has_budget(turn))
		return true;
	if (!is_payable(turn, true))
		return false;
	spending_reserve(
	    turn->context->board, prompt_of(turn), &turn->inquiry->reserved);
	attempt_tell_reserved(
	    turn_trace(turn), prompt_of(turn), &turn->inquiry->reserved);
	return true;
}

/* What the attempt that was under way has reserved becomes what it SPENT. */
static void
settle(struct turn *turn, const struct spending *spent)
{
	if (has_budget(turn))
		spending_settle(turn->context->board, prompt_of(turn),
		    &turn->inquiry->reserved, spent, wall_ms(turn));
}

static bool
is_good_status(const struct response *response)
{
	return response->http_status >= 200 && response->http_status <= 299;
}

/* May it be paid for, without having said how much? An error costs nothing; who was not heard
 * to the end, may have answered. */
static bool
has_unknown_usage(const struct response *response, const struct outcome *outcome)
{
	if (outcome->prompt != NULL && outcome->prompt->usage.total >= 0)
		return false;
	if (response->http_status != 0 && !is_good_status(response))
		return false;
	if (response->result == RESPONSE_COMPLETE)
		return outcome->kind != KIND_RATE_LIMITED;
	return response->sent;
}

static void
pay(struct turn *turn, const struct response *response, const struct outcome *outcome)
{
	static const struct spending nothing = { .tokens = 0, .cost = 0 };
	bool unknown = has_unknown_usage(response, outcome);
	struct spending spent = nothing;

	turn->inquiry->usage_unknown += unknown;
	if (unknown)
		spent = turn->inquiry->reserved;
	else if (outcome->prompt != NULL && outcome->prompt->usage.total >= 0)
		spent = spending_of(outcome->prompt, &turn->inquiry->reserved);
	settle(turn, &spent);
}

void
turn_prompt_given_up(struct turn *turn)
{
	turn->inquiry->usage_unknown++;
	settle(turn, &turn->inquiry->reserved);
}

/* ---- the gate ---- */

struct gate *
turn_prompt_gate(const struct turn *turn)
{
	const struct provider *provider = prompt_of(turn)->provider;
	const struct provider_state *state;

	if (turn->context->board == NULL)
		return NULL;
	state = providers_find(board_providers(turn->context->board), provider->name);
	return state != NULL ? state->gate : NULL;
}

/* "held back until 03:41:05 by its provider, past its deadline of 3m" */
char *
turn_prompt_why_refused(const struct turn *turn)
{
	int64_t left_us = gate_paused_us(turn_prompt_gate(turn), turn_now_us(turn));
	char until[CLOCK_RFC3339_SIZE];
	char deadline[UNITS_TEXT_SIZE];

	clock_format_rfc3339(until, wall_ms(turn) + left_us / 1000);
	units_format_duration(deadline, turn->target->deadline_ms);
	return xasprintf("held back until %s by its provider, past its deadline of %s",
	    until, deadline);
}

/* Did a model answer, whatever it said? */
static bool
is_models_answer(const struct response *response, const struct outcome *outcome)
{
	const struct outcome_prompt *part = outcome->prompt;

	if (status_is_success(outcome->status))
		return true;
	return response->result == RESPONSE_COMPLETE && is_good_status(response) &&
	    outcome->kind != KIND_HTTP && outcome->kind != KIND_RATE_LIMITED &&
	    part != NULL &&
	    (part->response != NULL || part->finish_reason != NULL ||
	        prompt_usage_is_known(&part->usage));
}

static void
tell_gate(const struct turn *turn, const struct response *response,
    const struct outcome *outcome, const struct prompt_advice *advice)
{
	const struct limiter_ticket *ticket = &turn->ticket;
	int64_t wait_us = advice->wait_ms >= 0 ? advice->wait_ms * 1000 : -1;

	if (ticket->gate == NULL)
		return;
	if (advice->exhausted)
		return; /* fewer at once would not help */
	if (advice->push_back || (advice->overloaded && wait_us > 0))
		gate_pushed_back(ticket->gate, &ticket->admission, wait_us,
		    turn_now_us(turn), turn_draw(turn));
	else if (advice->overloaded)
		gate_got_no_answer(ticket->gate, &ticket->admission);
	else if (wait_us > 0)
		gate_pause(ticket->gate, wait_us, turn_now_us(turn));
	else if (is_models_answer(response, outcome))
		gate_succeeded(ticket->gate, &ticket->admission);
}

/* ---- after an attempt ---- */

/* Values that were too long are in it all the same, in part. */
static void
warn_of_cuts(const struct turn *turn, struct outcome *outcome)
{
	size_t count = turn->rendered->prompt->cut_count;
	char most[UNITS_TEXT_SIZE];

	if (count == 0)
		return;
	units_format_size(most, prompt_of(turn)->max_insert_bytes);
	outcome_warn(outcome,
	    count == 1 ? xasprintf("a value was cut: longer than max_insert (%s)", most)
	               : xasprintf("%zu values were cut: longer than max_insert (%s)",
	                     count, most));
}

void
turn_prompt_judged(struct turn *turn, const struct response *response,
    const struct prompt_advice *advice, struct outcome *outcome)
{
	turn->inquiry->timeouts += outcome->kind == KIND_TIMEOUT;
	turn->inquiry->push_backs += advice->push_back;
	warn_of_cuts(turn, outcome);
	pay(turn, response, outcome);
	turn_prompt_complete(turn, outcome);
	tell_gate(turn, response, outcome, advice);
}

/* ---- whether to ask at all ---- */

static void
finish_pending(struct turn *turn)
{
	struct outcome outcome;

	outcome_init(&outcome);
	turn_finish(turn, &outcome);
}

/* The last good answer was to what would be sent now. */
static bool
is_answered_already(struct turn *turn)
{
	const struct board_entry *entry =
	    board_find(turn->context->board, turn->target->name);
	struct outcome outcome;

	if (entry == NULL ||
	    !board_reuse(entry, turn->rendered->prompt->input_hash, &outcome))
		return false;
	/* Its text is told by `store_prompt` as that is now. */
	free(outcome.prompt->prompt);
	outcome.prompt->prompt = NULL;
	turn_finish(turn, &outcome);
	return true;
}

/* What it would ask is looked at now, so that nobody waits in vain, and rendered anew when it
 * is its turn. */
static bool
is_worth_asking(struct turn *turn)
{
	struct render_fault fault = { .why = NULL };

	if (!turn_render(turn, &fault)) {
		turn_finish_unrendered(turn, &fault);
		return false;
	}
	if (prompt_of(turn)->when == WHEN_CHANGED && is_answered_already(turn))
		return false;
	/* Those under way may take less than they have reserved. */
	if (has_budget(turn) && !is_payable(turn, false))
		return false;
	turn_drop_request(turn);
	return true;
}

bool
turn_prompt_should_ask(struct turn *turn)
{
	enum prompt_when when = prompt_of(turn)->when;

	if (turn->context->board == NULL)
		return true;
	if (when == WHEN_FAILING && !board_has_failed_service(turn->context->board)) {
		finish_pending(turn);
		return false;
	}
	if (when == WHEN_CHANGED || has_budget(turn))
		return is_worth_asking(turn);
	return true;
}
