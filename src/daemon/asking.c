#include "daemon/asking.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/providers.h"
#include "gather/tokens.h"
#include "gather/turn.h"
#include "http/exchange.h"
#include "http/resolver.h"
#include "http/transfers.h"
#include "publish/metrics/vitals.h"
#include "serve/server.h"

/* Descriptors that are not connections: the standard three, epoll, eventfds, the
 * writer's files, what getaddrinfo opens in each of its threads, and some air. */
#define RESERVED_DESCRIPTORS ((size_t)64)

struct asking {
	struct event_base *base; /* borrowed */
	struct asking_options options;

	struct resolver *resolver; /* owned, as all below */
	struct transfers *transfers;
	struct limiter *limiter;
	struct tokens *tokens;
	struct turn_context turns;
};

/* ---- what a config decides ---- */

/* As many as the config says, or as the descriptors allow. */
static size_t
usable_concurrency(const struct config *config, size_t descriptors)
{
	size_t wanted = (size_t)config->max_concurrent;
	size_t possible = descriptors > 2 * RESERVED_DESCRIPTORS
	    ? descriptors - RESERVED_DESCRIPTORS
	    : (descriptors + 1) / 2;

	if (wanted <= possible)
		return wanted;
	/* What will never be asked at the same time needs no warning. */
	if (config->target_count > possible)
		log_warn(
		    "max_concurrent is %zu here instead of %zu: only %zu descriptors "
		    "may be open (see LimitNOFILE= in systemd.exec(5))",
		    possible, wanted, descriptors);
	return possible;
}

/* Those that are left when a listener has its clients. */
static size_t
without_clients(size_t descriptors)
{
	return descriptors > 2 * SERVER_MAX_DESCRIPTORS
	    ? descriptors - SERVER_MAX_DESCRIPTORS
	    : (descriptors + 1) / 2;
}

/* How much may be in flight, and kept open for the next round, as far as descriptors
 * go. */
struct limits {
	size_t concurrency;
	unsigned idle_hosts;
};

static struct limits
limits_of(const struct config *config, const struct asking_options *options)
{
	size_t descriptors = options->is_listened
	    ? without_clients(options->descriptors)
	    : options->descriptors;
	size_t concurrency = usable_concurrency(config, descriptors);
	size_t hosts =
	    config->service_count + config->provider_count + config->token_source_count;
	size_t room = descriptors > concurrency + RESERVED_DESCRIPTORS
	    ? descriptors - concurrency - RESERVED_DESCRIPTORS
	    : 1;

	return (struct limits){
		.concurrency = concurrency,
		.idle_hosts = (unsigned)(hosts < room ? hosts : room),
	};
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Have all that the TLS of these TARGETS needs read now. */
static void
expect_tls_of(struct transfers *transfers, struct target *const *targets, size_t count)
{
	const struct target *before = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct target *target = targets[i];
		const char *ca = target->way.route.ca;

		if (!target->asks_tls)
			continue;
		/* Mostly all trust the same, by `defaults`. */
		if (before == NULL || !same_text(before->way.route.ca, ca))
			transfers_expect_tls(transfers, ca);
		before = target;
	}
}

static void
expect_tls(struct transfers *transfers, const struct config *config)
{
	expect_tls_of(transfers, config->targets, config->service_count);
	expect_tls_of(transfers, config->token_sources, config->token_source_count);
	for (size_t i = 0; i < config->provider_count; i++) {
		const struct provider *provider = config->providers[i];

		if (provider->asks_tls)
			transfers_expect_tls(transfers, provider->way.route.ca);
	}
}

static void
limit_hosts(struct asking *asking, const struct config *config)
{
	const struct config_rate *rate = &config->rate_per_host;
	const struct limiter_host_limits limits = {
		.max_concurrent = (size_t)config->max_per_host,
		.starts_per_s = rate->count > 0
		    ? (double)rate->count * 1000 / (double)rate->per_ms
		    : 0,
	};

	limiter_limit_hosts(asking->limiter, asking->base, &clock_system, &limits);
}

/* Their limits may be other ones. */
static void
open_gates(struct asking *asking)
{
	struct providers *providers = board_providers(asking->turns.board);

	for (size_t i = 0; i < providers_count(providers); i++)
		limiter_gate_changed(asking->limiter, providers_at(providers, i)->gate);
}

void
asking_pause(struct asking *asking)
{
	limiter_set_max(asking->limiter, 0);
}

void
asking_reload(struct asking *asking, struct config *config, bool is_listened)
{
	struct limits limits;

	asking->options.is_listened = is_listened;
	limits = limits_of(config, &asking->options);
	asking->turns.config = config;
	tokens_reload(asking->tokens, config);
	limit_hosts(asking, config);
	limiter_set_max(asking->limiter, limits.concurrency);
	open_gates(asking);
	transfers_resize(
	    asking->transfers, (unsigned)limits.concurrency, limits.idle_hosts);
	expect_tls(asking->transfers, config);
}

/* ---- making and freeing the parts ---- */

static bool
make_http(struct asking *asking, const struct config *config, struct limits limits)
{
	asking->resolver = resolver_new(asking->base, NULL, NULL);
	if (asking->resolver == NULL)
		return false;
	asking->transfers = transfers_new(asking->base, asking->resolver,
	    (unsigned)limits.concurrency, limits.idle_hosts);
	if (asking->transfers == NULL)
		return false;
	expect_tls(asking->transfers, config);
	return true;
}

struct asking *
asking_new(struct event_base *base, struct config *config, struct board *board,
    const struct asking_options *options)
{
	struct asking *asking = xcalloc(1, sizeof(*asking));
	struct limits limits = limits_of(config, options);

	asking->base = base;
	asking->options = *options;
	asking->limiter = limiter_new(limits.concurrency);
	limit_hosts(asking, config);
	if (!make_http(asking, config, limits)) {
		int error = errno;

		asking_free(asking);
		errno = error;
		return NULL;
	}
	asking->turns = (struct turn_context){
		.config = config,
		.limiter = asking->limiter,
		.http = exchange_client(asking->transfers),
		.clock = clock_system,
		.base = base,
		.board = board,
		.trace = options->trace,
	};
	asking->tokens = tokens_new(&asking->turns);
	asking->turns.tokens = asking->tokens;
	return asking;
}

const struct turn_context *
asking_context(const struct asking *asking)
{
	return &asking->turns;
}

void
asking_see(const struct asking *asking, struct vitals *vitals)
{
	vitals->in_flight = limiter_held(asking->limiter);
	vitals->waiting = limiter_waiting(asking->limiter);
}

void
asking_free(struct asking *asking)
{
	if (asking == NULL)
		return;
	tokens_free(asking->tokens);
	transfers_free(asking->transfers);
	resolver_free(asking->resolver);
	limiter_free(asking->limiter);
	free(asking);
}
