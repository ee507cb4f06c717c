/*
 * A turn's struct, and what its files need of each other: turn.c has its states, the waits
 * and the one way out, turn_attempt.c what is asked and what follows from the answer,
 * turn_prompt.c what is special about prompts.
 *
 * Private to gather/turn.
 */
#ifndef GATHERD_GATHER_TURN_INTERNAL_H
#define GATHERD_GATHER_TURN_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gather/limiter.h"
#include "gather/spending.h"
#include "gather/tokens.h"
#include "gather/turn.h"

struct event;
struct gate;
struct prompt_advice;
struct rendered_request;
struct render_fault;
struct response;

enum turn_state {
	TURN_DUE,
	TURN_DELAYED,     /* waits for its `delay` */
	TURN_AWAITING,    /* ... for an access token */
	TURN_QUEUED,      /* ... for a ticket */
	TURN_ASKING,      /* holds it, and an exchange is on its way */
	TURN_BACKING_OFF, /* waits before it asks again */
	TURN_DONE,        /* turn_finish() is at work */
};

/* What a target with `auth.oauth2` needs besides. */
struct login {
	struct token_waiter waiter;
	char *token;  /* owned: while QUEUED and ASKING */
	bool refused; /* one was: what comes is the last one that is tried */
};

/* What a prompt needs besides. */
struct inquiry {
	/* By the attempt that is under way, or about to be, where there is a budget. */
	struct spending reserved;
	/* Of the attempts so far: */
	unsigned timeouts;
	unsigned push_backs;
	unsigned usage_unknown; /* that were perhaps paid for all the same */
};

/* Thousands of them wait at a time: what only some need is allocated when they do. */
struct turn {
	const struct turn_context *context; /* borrowed */
	const struct target *target;        /* borrowed */
	enum turn_state state;
	unsigned attempts;
	struct limiter_ticket ticket;
	struct rendered_request *rendered; /* owned; NULL: the target's, or none */
	struct exchange *exchange;         /* while ASKING */
	struct event *timer;               /* owned; NULL: none was needed so far */
	struct login *login;               /* owned; likewise */
	struct inquiry *inquiry;           /* owned; NULL: it is no prompt's */
	struct outcome *last;  /* owned: of the attempt before; NULL: none */
	int64_t idle_since_us; /* nothing was asked since then: the start, or an end */
	int64_t wake_us;       /* while DELAYED or BACKING_OFF */
	int64_t queued_us;     /* asked for its first ticket; -1: it did not so far */
	int64_t granted_us;    /* got it; -1: no ticket so far */
	int64_t asked_us;      /* start of the first attempt; -1: none so far */
	int64_t attempt_us;    /* start of this one */
	int64_t deadline_us;   /* by http's clock */
	int64_t hold_until_us;
	int64_t timeout_ms; /* what the attempt was given */
	turn_done_fn *done; /* NULL: abandoned */
	void *arg;
	bool *ended; /* turn_start() is on the stack and wants to know; or NULL */
};

/* ---- turn.c ---- */

int64_t turn_now_us(const struct turn *turn);

/* What is left of the deadline. */
int64_t turn_left_us(const struct turn *turn);

/* The trace, where it is about this turn's target; else NULL. */
struct trace *turn_trace(const struct turn *turn);

/* What is asked, or would be where it is not rendered for each attempt; NULL: not known. */
const struct rendered_request *turn_request(const struct turn *turn);

/* The one function that changes the state. */
void turn_enter(struct turn *turn, enum turn_state state);

/* OUTCOME is taken over. TURN is gone afterwards. */
void turn_finish(struct turn *turn, struct outcome *outcome);

/* Likewise, with an error; MESSAGE is taken over. */
void turn_finish_with(
    struct turn *turn, enum status status, enum error_kind kind, char *message);

/* Likewise, as the attempt before ended: there is no other after all. */
void turn_finish_as_last(struct turn *turn);

/* Ask again in so long. OUTCOME is taken over, in case that nothing comes after it. TURN may be
 * gone afterwards. */
void turn_back_off(struct turn *turn, struct outcome *outcome, int64_t wait_us);

/* Those who wait hold no memory for a request. */
void turn_drop_request(struct turn *turn);

/* ---- turn_attempt.c ---- */

/* TURN, which has its ticket, asks. It may be gone afterwards. */
void turn_attempt(struct turn *turn);

/* The request that would be sent now. Returns false with FAULT where there is none. */
bool turn_render(struct turn *turn, struct render_fault *fault);

/* FAULT is used up: the turn ends with it, or as its attempt before did. */
void turn_finish_unrendered(struct turn *turn, struct render_fault *fault);

/* From [0, 1). */
double turn_draw(const struct turn *turn);

/* ---- turn_prompt.c: of turns with an inquiry only ---- */

/* Should it queue for its first attempt? Where it should not, it is over, and gone. */
bool turn_prompt_should_ask(struct turn *turn);

/* The gate that its tickets go through; NULL: there is none. */
struct gate *turn_prompt_gate(const struct turn *turn);

/* Why it does not wait for a ticket through that, which is paused. The caller's. */
char *turn_prompt_why_refused(const struct turn *turn);

/* Its request is rendered, and about to be asked with: may it be paid? Where it may not, the
 * turn is over, and gone. */
bool turn_prompt_may_pay(struct turn *turn);

/* The attempt that was under way was judged as OUTCOME, which gets what the turn knows of it:
 * what it took is paid, and the gate, where the ticket still is, told. */
void turn_prompt_judged(struct turn *turn, const struct response *response,
    const struct prompt_advice *advice, struct outcome *outcome);

/* It is given up: nobody will know what it took. */
void turn_prompt_given_up(struct turn *turn);

/* OUTCOME gets what the turn itself knows of what was asked, or would have been. */
void turn_prompt_complete(const struct turn *turn, struct outcome *outcome);

#endif
