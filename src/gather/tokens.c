#include "gather/tokens.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/span.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/outcome.h"
#include "gather/token_sources.h"
#include "gather/turn.h"

/* How long before its end a token is fetched anew: a tenth of its life within these
 * bounds, but not more than half of it. What is sent with it has to arrive, too. */
#define LEAST_MARGIN_MS 10000
#define MOST_MARGIN_MS  300000

/* Longer lives are as good as endless. */
#define MAX_LIFE_S 1e9

#define NO_TOKEN       "could not get an access token"
#define CONFIG_CHANGED "the config has changed"

TAILQ_HEAD(waiter_list, token_waiter);

/* What one source brings. */
struct token {
	struct tokens *tokens;       /* borrowed: those it is one of */
	struct config *config;       /* a reference, for `source` */
	const struct target *source; /* borrowed */
	struct turn_context context; /* for `turn` */
	bool fetching;
	struct turn *turn; /* of the fetch; NULL: none, or it is just starting */
	uint64_t fetches;  /* so many were begun */
	struct waiter_list waiters;

	char *url; /* owned: where it was asked for last, as shown; NULL: nowhere yet */
	char *text; /* owned; NULL: none was had so far */
	bool refused;
	int64_t life_ms;   /* -1: it did not say */
	int64_t had_at_us; /* on the context's clock, ... */
	int64_t had_at_ms; /* ... and wall time, which goes on in a suspend */

	int64_t hold_until_us; /* not asked before; 0: no such wish */
};

struct tokens {
	const struct turn_context *context; /* borrowed */
	/* Of the config in force; NULL: nobody asked so far. */
	struct token_sources *sources; /* owned */
	struct token *
	    *list; /* owned, and each; by the number of its source; NULL: none */
};

/* ---- Its source ---- */

/* SOURCE, of CONFIG, which is in force, fetches TOKEN from now on. */
static void
go_over(struct token *token, struct config *config, const struct target *source)
{
	/* Who is being asked is not asked again; that turn needs what it began with. */
	if (token->fetching || token->config == config)
		return;
	config_ref(config);
	config_unref(token->config);
	token->config = config;
	token->source = source;
}

static struct token *
token_new(struct tokens *tokens, const struct target *source)
{
	struct token *token = xcalloc(1, sizeof(*token));

	token->tokens = tokens;
	token->config = config_ref(tokens->context->config);
	token->source = source;
	TAILQ_INIT(&token->waiters);
	return token;
}

/* The config in force has just become so, or nobody asked before. */
static void
take_sources(struct tokens *tokens, const struct config *config)
{
	tokens->sources = token_sources_new(config);
	tokens->list =
	    xcalloc(token_sources_count(tokens->sources) + 1, sizeof(struct token *));
}

/* ---- Its life ---- */

static int64_t
now_us(const struct token *token)
{
	const struct clock_source *clock = &token->tokens->context->clock;

	return clock->now_us(clock->arg);
}

static int64_t
wall_ms(const struct token *token)
{
	const struct clock_source *clock = &token->tokens->context->clock;

	return clock->wall_ms(clock->arg);
}

/* By the clock that went further. */
static int64_t
age_ms(const struct token *token)
{
	int64_t by_clock_ms = (now_us(token) - token->had_at_us) / 1000;
	int64_t by_wall_ms = wall_ms(token) - token->had_at_ms;

	return by_clock_ms > by_wall_ms ? by_clock_ms : by_wall_ms;
}

static int64_t
margin_ms(int64_t life_ms)
{
	int64_t margin = life_ms / 10;

	if (margin < LEAST_MARGIN_MS)
		margin = LEAST_MARGIN_MS;
	if (margin > MOST_MARGIN_MS)
		margin = MOST_MARGIN_MS;
	return margin < life_ms / 2 ? margin : life_ms / 2;
}

/* Will its server still take it in LEFT_MS from now? */
static bool
lives_for(const struct token *token, int64_t left_ms)
{
	if (token->text == NULL || token->refused)
		return false;
	return token->life_ms == -1 || age_ms(token) + left_ms < token->life_ms;
}

static bool
is_fresh(const struct token *token)
{
	return lives_for(token, margin_ms(token->life_ms));
}

/* ---- What a source answered ---- */

/* The parts of its answer (RFC 6749, 5.1). */
enum part {
	PART_TOKEN,
	PART_TYPE,
	PART_LIFE,
};
#define PART_COUNT (PART_LIFE + 1)

static const char *const part_names[PART_COUNT] = {
	[PART_TOKEN] = "access_token",
	[PART_TYPE] = "token_type",
	[PART_LIFE] = "expires_in",
};

/* OBJECT may be NULL: then it has no members. */
static struct span
member(const char *object, size_t len, enum part part)
{
	if (object == NULL)
		return (struct span){ 0 };
	return span_member(span_whole(object, len), part_names[part]);
}

/* The token is a secret value; of such only *** stands among the others. */
static void
find_parts(const struct outcome *outcome, struct span parts[static PART_COUNT])
{
	parts[PART_TOKEN] =
	    member(outcome->secret_values, outcome->secret_values_len, PART_TOKEN);
	parts[PART_TYPE] = member(outcome->values, outcome->values_len, PART_TYPE);
	parts[PART_LIFE] = member(outcome->values, outcome->values_len, PART_LIFE);
}

/* In milliseconds; -1: it does not say. A number, which some servers put in quotes. */
static int64_t
read_life(struct span part)
{
	double seconds;
	char *text;
	int64_t whole;
	bool said;

	if (span_number(part, &seconds)) {
		if (seconds < 0)
			return 0;
		return (int64_t)(fmin(seconds, MAX_LIFE_S) * 1000);
	}
	text = span_text(part, NULL);
	said = text != NULL && units_parse_int(text, 0, (int64_t)MAX_LIFE_S, &whole);
	free(text);
	return said ? whole * 1000 : -1;
}

/* Can it stand in a header (RFC 6750, 2.1)? */
static bool
can_be_sent(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return len > 0;
}

/* Servers that leave the type out mean this one. */
static bool
is_bearer(struct span type)
{
	char *text;
	bool bearer;

	if (span_is_nothing(type))
		return true;
	text = span_text(type, NULL);
	bearer = text != NULL && strcasecmp(text, "Bearer") == 0;
	free(text);
	return bearer;
}

/* TOKEN becomes what OUTCOME holds. Returns why it does not, a borrowed phrase, or
 * NULL. */
static const char *
take_token(struct token *token, const struct outcome *outcome)
{
	struct span parts[PART_COUNT];
	size_t len;
	char *text;

	find_parts(outcome, parts);
	text = span_text(parts[PART_TOKEN], &len);
	if (text == NULL)
		return "the answer holds no access_token";
	if (!is_bearer(parts[PART_TYPE]) || !can_be_sent(text, len)) {
		free(text);
		return is_bearer(parts[PART_TYPE])
		    ? "the access_token cannot stand in a header"
		    : "its token_type is not Bearer";
	}
	free(token->text);
	token->text = text;
	token->refused = false;
	token->life_ms = read_life(parts[PART_LIFE]);
	token->had_at_us = now_us(token);
	token->had_at_ms = wall_ms(token);
	return NULL;
}

/* "could not get an access token from http://test/token: WHY". The caller's. */
static char *
failure(const struct token *token, const char *why)
{
	if (token->url == NULL)
		return xasprintf(NO_TOKEN ": %s", why);
	return xasprintf(NO_TOKEN " from %s: %s", token->url, why);
}

/* Why OUTCOME brought no token, as a sentence. The caller's. */
static char *
describe_failure(const struct token *token, const struct outcome *outcome)
{
	struct buffer line;
	char *why;

	if (outcome->message != NULL)
		return failure(token, outcome->message);
	buffer_init(&line, BUFFER_UNLIMITED);
	outcome_describe(outcome, &line);
	why = failure(token, line.data);
	buffer_clear(&line);
	return why;
}

/* ---- Fetching ---- */

/* Tell all who wait for this fetch, and not who comes meanwhile: WHY there is no token,
 * or that there is one. */
static void
tell_waiters(struct token *token, const char *why)
{
	uint64_t fetch = token->fetches;
	struct token_waiter *waiter;

	while (
	    (waiter = TAILQ_FIRST(&token->waiters)) != NULL && waiter->fetch <= fetch) {
		tokens_leave(waiter);
		waiter->done(why == NULL ? token->text : NULL, why, waiter->arg);
	}
}

static void
log_token(const struct token *token)
{
	char life[UNITS_TEXT_SIZE];

	if (token->life_ms == -1) {
		log_line(LOG_LEVEL_DEBUG, token->source->name,
		    "has an access token, until it is refused");
		return;
	}
	units_format_duration(life, token->life_ms);
	log_line(
	    LOG_LEVEL_DEBUG, token->source->name, "has an access token for %s", life);
}

/* OUTCOME is at its end: keep its token, or return why there is none. The caller's. */
static char *
judge(struct token *token, const struct outcome *outcome)
{
	const char *fault;

	free(token->url);
	token->url = outcome->url != NULL ? xstrdup(outcome->url) : NULL;
	if (!status_is_success(outcome->status))
		return describe_failure(token, outcome);
	fault = take_token(token, outcome);
	if (fault != NULL)
		return failure(token, fault);
	log_token(token);
	return NULL;
}

static void
on_fetched(UNUSED const struct target *source, struct outcome *outcome,
    const struct turn_findings *findings, void *arg)
{
	struct token *token = arg;
	char *why = judge(token, outcome);

	token->fetching = false;
	token->turn = NULL;
	token->hold_until_us = findings->hold_until_us;
	/* One that is not at its end yet serves on. */
	tell_waiters(token, lives_for(token, 0) ? NULL : why);
	free(why);
}

static void
fetch(struct token *token)
{
	struct turn *turn;

	token->context = *token->tokens->context;
	token->context.config = token->config;
	token->fetching = true;
	turn = turn_start(&token->context, token->source, on_fetched, token);
	/* If it has ended, the next may have begun in there. */
	if (turn != NULL)
		token->turn = turn;
}

static void
token_free(struct token *token)
{
	if (token == NULL)
		return;
	if (token->turn != NULL)
		turn_abandon(token->turn);
	config_unref(token->config);
	free(token->url);
	free(token->text);
	free(token);
}

/* ---- What is asked of it ---- */

struct tokens *
tokens_new(const struct turn_context *context)
{
	struct tokens *tokens = xcalloc(1, sizeof(*tokens));

	tokens->context = context;
	return tokens;
}

void
tokens_free(struct tokens *tokens)
{
	if (tokens == NULL)
		return;
	for (size_t i = 0;
	     tokens->sources != NULL && i < token_sources_count(tokens->sources); i++)
		token_free(tokens->list[i]);
	free((void *)tokens->list);
	token_sources_free(tokens->sources);
	free(tokens);
}

static void
tell_held_back(const struct token *token, const struct token_waiter *waiter)
{
	char *why =
	    failure(token, "its server is not asked before the end of its Retry-After");

	waiter->done(NULL, why, waiter->arg);
	free(why);
}

/* Tell WAITER at once where its token is known, or that there will be none. */
static bool
tell_now(const struct token *token, struct token_waiter *waiter)
{
	if (token == NULL) {
		waiter->done(NULL, NO_TOKEN ": " CONFIG_CHANGED, waiter->arg);
		return true;
	}
	if (is_fresh(token)) {
		waiter->done(token->text, NULL, waiter->arg);
		return true;
	}
	if (token->fetching || token->hold_until_us <= now_us(token))
		return false;
	if (lives_for(token, 0))
		waiter->done(token->text, NULL, waiter->arg);
	else
		tell_held_back(token, waiter);
	return true;
}

/* The token of SOURCE, bound to the config in force; NULL: that has no such source. */
static struct token *
token_of(struct tokens *tokens, const struct target *source)
{
	struct config *config = tokens->context->config;
	const struct target *own;
	size_t number;

	if (tokens->sources == NULL)
		take_sources(tokens, config);
	if (!token_sources_find(tokens->sources, source, &number))
		return NULL;
	own = token_sources_at(tokens->sources, number);
	if (tokens->list[number] == NULL)
		tokens->list[number] = token_new(tokens, own);
	go_over(tokens->list[number], config, own);
	return tokens->list[number];
}

void
tokens_get(
    struct tokens *tokens, const struct target *source, struct token_waiter *waiter)
{
	struct token *token = token_of(tokens, source);

	waiter->token = NULL;
	if (tell_now(token, waiter))
		return;
	if (!token->fetching)
		token->fetches++;
	waiter->token = token;
	waiter->fetch = token->fetches;
	TAILQ_INSERT_TAIL(&token->waiters, waiter, link);
	if (!token->fetching)
		fetch(token);
}

void
tokens_leave(struct token_waiter *waiter)
{
	if (waiter->token == NULL)
		return;
	TAILQ_REMOVE(&waiter->token->waiters, waiter, link);
	waiter->token = NULL;
}

void
tokens_refused(struct tokens *tokens, const struct target *source, const char *refused)
{
	struct token *token = token_of(tokens, source);

	if (token != NULL && token->text != NULL && strcmp(token->text, refused) == 0)
		token->refused = true;
}

/* ---- Reload ---- */

static void
forget(struct token *token)
{
	if (token->turn != NULL)
		turn_abandon(token->turn);
	token->turn = NULL;
	tell_waiters(token, NO_TOKEN ": " CONFIG_CHANGED);
	token_free(token);
}

void
tokens_reload(struct tokens *tokens, struct config *config)
{
	struct token_sources *sources = tokens->sources;
	struct token **list = tokens->list;

	if (sources == NULL)
		return;
	take_sources(tokens, config);
	for (size_t i = 0; i < token_sources_count(sources); i++) {
		struct token *token = list[i];
		size_t number;

		/* The old config may be gone; what a token was brought by is not. */
		if (token == NULL ||
		    !token_sources_find(tokens->sources, token->source, &number))
			continue;
		tokens->list[number] = token;
		list[i] = NULL;
		go_over(token, config, token_sources_at(tokens->sources, number));
	}
	/* Only now: who is told may ask for another one at once. */
	for (size_t i = 0; i < token_sources_count(sources); i++) {
		if (list[i] != NULL)
			forget(list[i]);
	}
	free((void *)list);
	token_sources_free(sources);
}
