/*
 * Access tokens of OAuth 2 (RFC 6749, 4.4: client credentials): asked for once, shared
 * by all targets of the same settings, kept until shortly before they expire.
 *
 * A token is fetched by a turn of its own, of a target that the config made for it
 * (config/oauth2), under the same limits, timeouts and retries as any other. Those who
 * need it wait, without a ticket, and where it fails they fail together; whoever comes
 * later has it tried again, but not before a Retry-After has passed. In the last part
 * of its life a token is fetched anew, and serves on where that fails. One that does
 * not say how long it lives is kept until it is refused.
 */
#ifndef GATHERD_GATHER_TOKENS_H
#define GATHERD_GATHER_TOKENS_H

#include <stdint.h>
#include <sys/queue.h>

struct config;
struct target;
struct token;
struct tokens;
struct turn_context;

/* Somebody who waits; lives in the caller's struct. */
struct token_waiter {
	TAILQ_ENTRY(token_waiter) link;
	struct token *token; /* NULL: does not wait, as before its first use */
	uint64_t fetch;      /* the number of the one that it waits for */
	/* TOKEN as to be sent behind "Bearer ", or NULL with WHY, a sentence without
	 * secrets; both borrowed for the call. */
	void (*done)(const char *token, const char *why, void *arg);
	void *arg;
};

/* CONTEXT is borrowed, and what turns that fetch are started with. */
struct tokens *tokens_new(const struct turn_context *context);

/* Abandons what is being fetched; nobody may wait any more. NULL is allowed. */
void tokens_free(struct tokens *tokens);

/* The token that SOURCE (target.oauth2) brings: DONE is called once, perhaps before
 * this returns, and in the order of those who wait. */
void tokens_get(
    struct tokens *tokens, const struct target *source, struct token_waiter *waiter);

/* WAITER does not want it any more, whether it waits or not. */
void tokens_leave(struct token_waiter *waiter);

/* TOKEN, which SOURCE brought, was refused: the next one who wants it has it fetched
 * again. What was fetched since then stays. */
void tokens_refused(
    struct tokens *tokens, const struct target *source, const char *token);

/* CONFIG is in force: what none of its targets needs is forgotten, what is fetched by
 * settings that are the same goes on. */
void tokens_reload(struct tokens *tokens, struct config *config);

#endif
