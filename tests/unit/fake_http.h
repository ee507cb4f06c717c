/*
 * An http that asks nobody: a table of delays and answers, driven by a clock turned by
 * hand. It keeps the promises of struct http_client: one report each, never from inside
 * `start`, no later than the timeout, none after a cancellation.
 */
#ifndef GATHERD_TESTS_FAKE_HTTP_H
#define GATHERD_TESTS_FAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "http/request.h"

/* Both clocks begin here. */
#define FAKE_START_US ((int64_t)1000000000)
#define FAKE_START_MS ((int64_t)1795232400000) /* 2026-11-21T03:40:00Z */
#define FAKE_NEVER    INT64_MAX

struct fake_answer {
	int64_t delay_us; /* FAKE_NEVER: hangs, until the timeout */
	enum response_result result;
	enum response_phase phase; /* also of the timeout, where it comes first */
	long http_status;
	bool retry_after; /* there is such a header, and it says: */
	int64_t retry_after_ms;
	bool sent; /* besides what status, result and phase tell of it */
	bool lost;
	const char *content_type; /* borrowed, as all below; NULL: none */
	const char *body;         /* NULL: "" */
	const char *head; /* given only where the request wants it; NULL: none */
	const char *message;
	const char *final_url;   /* of one redirect that was followed; NULL: none was */
	const char *tls_version; /* NULL: none */
	int64_t certificate_expires_at_ms; /* with a `tls_version`; 0: unknown */
	const struct fake_answer *then; /* to the next request; NULL: the same again */
};

struct fake_http;

/* Every request whose URL ends in "/N", or whose body asks the model "mN", N under COUNT, has
 * an answer of its own: at first an empty 204 at once. */
struct fake_http *fake_http_new(size_t count);

/* Nothing may be in flight any more: an assertion. */
void fake_http_free(struct fake_http *fake);

/* The answer of that number, which is also the next one: those of `then` come behind
 * it. */
struct fake_answer *fake_http_answer(struct fake_http *fake, size_t number);

/* SEE is called with whatever is asked, from inside `start`. */
typedef void fake_http_see_fn(
    const struct request *request, int64_t timeout_us, void *arg);
void fake_http_watch(struct fake_http *fake, fake_http_see_fn *see, void *arg);

/* Its clock of deadlines is the one below. */
struct http_client fake_http_client(struct fake_http *fake);
struct clock_source fake_http_clock(struct fake_http *fake);

int64_t fake_http_now_us(const struct fake_http *fake);

/* Turn the clock to the next report and make it. Returns false where none is to
 * come. */
bool fake_http_step(struct fake_http *fake);

/* Make all reports within US from now, and turn the clock so far. */
void fake_http_pass(struct fake_http *fake, int64_t us);

size_t fake_http_in_flight(const struct fake_http *fake);
size_t fake_http_most_in_flight(const struct fake_http *fake); /* at any time */

/* Was one ever started while another with its number was in flight? */
bool fake_http_overlapped(const struct fake_http *fake);

/* How many were started, and the number of the one started INDEX-th. */
size_t fake_http_started_count(const struct fake_http *fake);
size_t fake_http_started(const struct fake_http *fake, size_t index);

#endif
