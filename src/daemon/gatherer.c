#include "config.h"

#include "daemon/gatherer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "gather/board.h"
#include "gather/limiter.h"
#include "gather/report.h"
#include "gather/round.h"
#include "http/exchange.h"
#include "http/resolver.h"
#include "http/transfers.h"
#include "publish/snapshot.h"
#include "publish/writer.h"

/* Descriptors that are not connections: the standard three, epoll, eventfds, the writer's
 * files, what getaddrinfo opens in each of its threads, and some air. */
#define RESERVED_DESCRIPTORS ((size_t)64)

struct gatherer {
	struct event_base *base; /* borrowed */
	struct config *config;   /* a reference */
	const char *output;      /* the path; borrowed */
	char *shown_output;      /* as it may be logged */
	struct gatherer_events events;

	struct resolver *resolver; /* owned, as all below */
	struct transfers *transfers;
	struct limiter *limiter;
	struct board *board;
	struct report *report;
	struct snapshot_maker *maker;
	struct writer *writer;

	struct turn_context turns;
	struct round *round; /* the one that runs, or NULL */
	size_t *all;         /* the indexes of all targets */
	uint64_t round_number;
	uint64_t generation;
};

/* ---- a round, from its start to its document ---- */

static void
on_written(int error_number, void *arg)
{
	struct gatherer *gatherer = arg;

	if (error_number != 0)
		log_error("could not write %s: %s", gatherer->shown_output,
		    strerror(error_number));
	gatherer->events.on_published(error_number == 0, gatherer->events.arg);
}

static void
on_outcome(size_t index, bool changed, void *arg)
{
	struct gatherer *gatherer = arg;
	const struct board_entry *entry = board_entry(gatherer->board, index);

	report_outcome(gatherer->report, gatherer->board, index, changed);
	gatherer->events.on_outcome(
	    !status_is_success(entry->outcome.status), gatherer->events.arg);
}

static void
on_round_done(const struct round_summary *summary, void *arg)
{
	struct gatherer *gatherer = arg;
	struct snapshot *snapshot;

	gatherer->round = NULL;
	report_round(gatherer->report, gatherer->board, summary);
	snapshot = snapshot_make(
	    gatherer->maker, ++gatherer->generation, summary, clock_wall_ms());
	writer_put(gatherer->writer, snapshot);
	snapshot_unref(snapshot);
}

void
gatherer_start_round(struct gatherer *gatherer)
{
	const struct round_events events = {
		.on_outcome = on_outcome,
		.on_done = on_round_done,
		.arg = gatherer,
	};

	report_round_begins(gatherer->report);
	gatherer->round = round_start(&gatherer->turns, gatherer->base, gatherer->board,
	    ++gatherer->round_number, gatherer->all, board_size(gatherer->board),
	    &events);
}

bool
gatherer_has_failed_target(const struct gatherer *gatherer)
{
	return board_has_required_failure(gatherer->board);
}

/* ---- making and freeing the parts ---- */

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

/* As far as that is known before a URL is rendered. */
static bool
has_tls_target(const struct config *config)
{
	for (size_t i = 0; i < config->target_count; i++) {
		const struct rendered_request *rendered = config->targets[i]->rendered;

		if (rendered != NULL && rendered->request.url.tls)
			return true;
	}
	return false;
}

static bool
make_http(struct gatherer *gatherer, size_t concurrency, size_t descriptors)
{
	size_t hosts = gatherer->config->target_count;
	size_t room = descriptors > concurrency + RESERVED_DESCRIPTORS
	    ? descriptors - concurrency - RESERVED_DESCRIPTORS
	    : 1;

	gatherer->resolver = resolver_new(gatherer->base, NULL, NULL);
	if (gatherer->resolver == NULL)
		return false;
	/* Idle connections are kept for the next round as far as descriptors go. */
	gatherer->transfers = transfers_new(gatherer->base, gatherer->resolver,
	    (unsigned)concurrency, (unsigned)(hosts < room ? hosts : room));
	if (gatherer->transfers == NULL)
		return false;
	if (has_tls_target(gatherer->config))
		transfers_expect_tls(gatherer->transfers);
	return true;
}

static bool
make_publisher(struct gatherer *gatherer)
{
	const struct writer_options options = {
		.path = gatherer->output,
		.mode = gatherer->config->output.permissions,
		.sync = gatherer->config->output.sync,
	};
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	gatherer->maker = snapshot_maker_new(gatherer->board, PACKAGE_STRING, host);
	gatherer->writer = writer_new(gatherer->base, &options, on_written, gatherer);
	if (gatherer->writer == NULL) {
		log_error(
		    "cannot write %s: %s", gatherer->shown_output, strerror(errno));
		return false;
	}
	return true;
}

static void
list_all_targets(struct gatherer *gatherer)
{
	size_t count = board_size(gatherer->board);

	gatherer->all = xcalloc(count + 1, sizeof(*gatherer->all));
	for (size_t i = 0; i < count; i++)
		gatherer->all[i] = i;
}

struct gatherer *
gatherer_new(struct event_base *base, struct config *config,
    const struct marked *output, size_t descriptors,
    const struct gatherer_events *events)
{
	struct gatherer *gatherer = xcalloc(1, sizeof(*gatherer));
	size_t concurrency = usable_concurrency(config, descriptors);

	gatherer->base = base;
	gatherer->config = config_ref(config);
	gatherer->output = output->text.data;
	gatherer->shown_output = strcmp(gatherer->output, "-") == 0
	    ? xstrdup("standard output")
	    : marked_shown(output);
	gatherer->events = *events;
	gatherer->board = board_new(config);
	gatherer->report = report_new();
	gatherer->limiter = limiter_new(concurrency);
	list_all_targets(gatherer);
	if (!make_publisher(gatherer))
		goto failed;
	if (!make_http(gatherer, concurrency, descriptors)) {
		log_error("cannot start: %s", strerror(errno));
		goto failed;
	}
	gatherer->turns = (struct turn_context){
		.config = gatherer->config,
		.limiter = gatherer->limiter,
		.http = exchange_client(gatherer->transfers),
		.clock = clock_system,
	};
	return gatherer;

failed:
	gatherer_free(gatherer);
	return NULL;
}

void
gatherer_free(struct gatherer *gatherer)
{
	if (gatherer == NULL)
		return;
	round_free(gatherer->round);
	writer_free(gatherer->writer);
	snapshot_maker_free(gatherer->maker);
	transfers_free(gatherer->transfers);
	resolver_free(gatherer->resolver);
	limiter_free(gatherer->limiter);
	report_free(gatherer->report);
	board_free(gatherer->board);
	free(gatherer->all);
	free(gatherer->shown_output);
	config_unref(gatherer->config);
	free(gatherer);
}
