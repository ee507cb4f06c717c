#include "http/transfer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "http/failure.h"
#include "http/multi.h"
#include "http/presence.h"
#include "http/resolver.h"

/* What libcurl's own connect timeout comes after ours: only its share for each address
 * counts, and that should not end the transfer before we do. */
#define CONNECT_MARGIN_MS 50

/* libcurl's own connect timeout where none is set. */
#define CURL_CONNECT_TIMEOUT_MS 300000

/* ---- Back to the pool ---- */

/* Take TRANSFER back from libcurl, if it is there. */
static void
withdraw(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;
	struct handle *handle = &transfer->handle;

	if (transfer->state == TRANSFER_RUNNING || transfer->state == TRANSFER_ENDED)
		multi_remove(transfers->multis[transfer->place], handle->easy);
	if (transfer->host != NULL) {
		if (handle->begun)
			hosts_loaded(transfer->host, transfer->place,
			    transfer->addresses_version);
		else if (handle->lacks_addresses)
			hosts_lost(transfer->host, transfer->place);
		hosts_leave(transfers->hosts, transfer->host, transfer->place);
	}
	transfer->host = NULL;
	handle_release(handle);
}

void
transfer_recycle(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;

	event_del(&transfer->deadline);
	presence_unwatch(transfers->presence);
	if (transfer->query != NULL)
		resolver_cancel(transfer->query);
	transfer->query = NULL;
	withdraw(transfer);
	response_clear(&transfer->failure);
	transfers_enter(transfer, TRANSFER_POOLED);
}

/* ---- Deadlines ---- */

static int64_t
due_us(const struct transfer *transfer)
{
	int64_t deadline_us = transfer->hop.deadline_us;

	/* A second connection of one transfer has what is left of all its time. */
	return transfer->handle.sent || deadline_us < transfer->connect_deadline_us
	    ? deadline_us
	    : transfer->connect_deadline_us;
}

static void
arm_deadline(struct transfer *transfer, int64_t now_us)
{
	int64_t until_us = due_us(transfer) - now_us;
	int64_t left_us = until_us > 0 ? until_us : 0;
	const struct timeval delay = clock_timeval(left_us);

	transfer->fires_us = now_us + left_us;
	event_add(&transfer->deadline, &delay);
}

/* ---- The end of a transfer ---- */

static void
fill_timing(struct response *response, const struct transfer *transfer)
{
	struct response_timing *timing = &response->timing;
	bool reused = transfer->handle.connected && handle_reused(&transfer->handle);

	handle_timing(&transfer->handle, timing);
	timing->dns_us = reused ? -1 : transfer->dns_us;
	timing->total_us = clock_now_us() - transfer->started_us;
}

/* Tell the asker, once TRANSFER can be used again: he may well start the next one. */
static void
report(struct transfer *transfer, struct response *response)
{
	char *location = answer_take_location(&transfer->handle.answer);
	bool redirects = response->http_status >= 300 && response->http_status < 400;
	transfer_done_fn *done = transfer->done;
	void *done_arg = transfer->done_arg;

	fill_timing(response, transfer);
	transfer_recycle(transfer);
	done(response, redirects ? location : NULL, done_arg);
	response_clear(response);
	free(location);
}

/* Nothing came back. */
static struct response
no_answer(void)
{
	return (struct response){
		.retry_after_ms = -1,
		.tls.expires_at_ms = -1,
	};
}

/* TRANSFER was with libcurl, which ended it with CODE, or we did for it. */
static void
report_end(struct transfer *transfer, CURLcode code)
{
	struct response response = no_answer();

	failure_judge(&response, &transfer->handle, code);
	handle_take_answer(&transfer->handle, &response);
	report(transfer, &response);
}

/* TRANSFER never got as far as libcurl. */
static void
report_failure(struct transfer *transfer)
{
	struct response response = transfer->failure;

	transfer->failure = (struct response){ 0 };
	response.body = xstrdup("");
	report(transfer, &response);
}

/* Note that TRANSFER has failed. MESSAGE is taken over. */
static void
fail(struct transfer *transfer, enum response_result result, enum response_phase phase,
    char *message)
{
	transfer->failure = no_answer();
	transfer->failure.result = result;
	transfer->failure.phase = phase;
	transfer->failure.message = message;
	event_del(&transfer->deadline);
	transfers_enter(transfer, TRANSFER_FAILED);
	event_active(&transfer->transfers->settle, EV_TIMEOUT, 0);
}

static void
time_out(struct transfer *transfer)
{
	if (transfer->state == TRANSFER_RESOLVING) {
		transfer->failure = no_answer();
		transfer->failure.result = RESPONSE_TIMEOUT;
		transfer->failure.phase = PHASE_DNS;
		report_failure(transfer);
	} else {
		report_end(transfer, CURLE_OPERATION_TIMEDOUT);
	}
}

void
transfer_on_deadline(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct transfer *transfer = arg;
	struct presence *presence = transfer->transfers->presence;
	int64_t now_us = presence_fired(presence, transfer->fires_us);
	/* If not, the connect deadline was kept meanwhile, or the program was away; or a
	 * timer set late in a long turn came early, since the loop counts from the time it
	 * woke up. */
	bool is_over = now_us >= due_us(transfer);

	if (is_over && transfer->given_last_look) {
		time_out(transfer);
		return;
	}
	/* After a signal timers fire before sockets are looked at: an answer that came in
	 * time is read in the next turn. */
	transfer->given_last_look = is_over;
	arm_deadline(transfer, now_us);
}

/* ---- The begin of a transfer ---- */

/* libcurl has to look at the connect time only where it divides it up among several
 * addresses, or where its own default is shorter. */
static long
connect_timeout_ms(const struct transfer *transfer, bool several_addresses)
{
	int64_t now_us = transfers_now_us(transfer->transfers);
	int64_t left_ms = (transfer->connect_deadline_us - now_us) / 1000;

	if (!several_addresses && left_ms < CURL_CONNECT_TIMEOUT_MS)
		return 0;
	if (left_ms < 0)
		left_ms = 0;
	return left_ms < INT32_MAX / 2 ? (long)left_ms + CONNECT_MARGIN_MS
	                               : INT32_MAX / 2;
}

/* Choose where TRANSFER runs, and hand it to libcurl there. ANSWER NULL: the host is an
 * address. */
static bool
dispatch(struct transfer *transfer, const struct resolver_answer *answer)
{
	struct transfers *transfers = transfer->transfers;
	struct handle *handle = &transfer->handle;
	struct handle_plan plan = { 0 };
	struct multi *multi;
	bool failed;

	if (handle->easy == NULL &&
	    !handle_init(handle, transfers->sockets, transfers->trust, transfer))
		return false;
	transfer->away_us = presence_away_us(transfers->presence);
	transfer->host = hosts_enter(transfers->hosts, &transfer->destination,
	    transfer->hop.request->reuse, &transfer->place);
	transfer->addresses_version = answer != NULL ? answer->version : 0;
	multi = transfers_multi(transfers, transfer->place);
	if (multi == NULL)
		return false;

	plan.may_resolve = answer == NULL;
	plan.several_addresses =
	    answer != NULL && strchr(answer->addresses, ',') != NULL;
	plan.connect_timeout_ms = connect_timeout_ms(transfer, plan.several_addresses);
	plan.prune_addresses =
	    answer == NULL && !hosts_met(transfer->host, transfer->place);
	plan.resolve = hosts_resolve(
	    transfers->hosts, transfer->host, transfer->place, answer, &failed);
	return !failed && handle_prepare(handle, &transfer->hop, &plan) &&
	    multi_add(multi, handle->easy);
}

static void
run(struct transfer *transfer, const struct resolver_answer *answer)
{
	if (dispatch(transfer, answer))
		transfers_enter(transfer, TRANSFER_RUNNING);
	else
		fail(transfer, RESPONSE_INTERNAL, PHASE_CONNECT,
		    xstrdup("out of memory or descriptors"));
}

/* Go where DESTINATION is: to ANSWER, or where that is NULL, to the address itself. */
static void
run_if_suited(struct transfer *transfer, const struct resolver_answer *answer)
{
	const struct destination *destination = &transfer->destination;

	if (destination_suits(destination, answer != NULL ? answer->addresses : NULL))
		run(transfer, answer);
	else
		fail(transfer, RESPONSE_DNS, PHASE_DNS,
		    failure_tell_lookup(destination, NULL));
}

static void
on_resolved(const struct resolver_answer *answer, void *arg)
{
	struct transfer *transfer = arg;

	/* NULL while resolver_ask() has not returned: the answer was known. */
	transfer->dns_us =
	    transfer->query != NULL ? clock_now_us() - transfer->asked_us : 0;
	transfer->query = NULL;
	if (answer->addresses != NULL)
		run_if_suited(transfer, answer);
	else
		fail(transfer, RESPONSE_DNS, PHASE_DNS,
		    failure_tell_lookup(&transfer->destination, answer->error));
}

static void
begin(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;

	transfer->dns_us = -1;
	transfers_enter(transfer, TRANSFER_RESOLVING);
	arm_deadline(transfer, transfers_now_us(transfers));
	if (transfer->destination.is_known) {
		run_if_suited(transfer, NULL);
		return;
	}
	transfer->asked_us = clock_now_us();
	transfer->query = resolver_ask(
	    transfers->resolver, transfer->destination.name, on_resolved, transfer);
}

struct transfer *
transfer_start(struct transfers *transfers, const struct hop *hop,
    transfer_done_fn *done, void *done_arg)
{
	struct transfer *transfer = transfers_take(transfers);

	presence_watch(transfers->presence);
	transfer->hop = *hop;
	transfer->destination = destination_of(hop);
	transfer->done = done;
	transfer->done_arg = done_arg;
	transfer->started_us = clock_now_us();
	transfer->connect_deadline_us =
	    transfers_now_us(transfers) + hop->request->connect_timeout_us;
	transfer->given_last_look = false;
	begin(transfer);
	return transfer;
}

void
transfer_cancel(struct transfer *transfer)
{
	assert(transfer->state != TRANSFER_POOLED);
	transfer_recycle(transfer);
}

/* ---- A second begin ---- */

/*
 * Did libcurl end TRANSFER by a clock that counts time away? Its only one is that for the
 * connection, 300 s where it has none of ours, and no request is sent before that stands.
 */
static bool
was_cut_short(const struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;

	return transfer->code == CURLE_OPERATION_TIMEDOUT &&
	    !transfer->handle.connected &&
	    transfers_now_us(transfers) < due_us(transfer) &&
	    presence_away_us(transfers->presence) > transfer->away_us;
}

void
transfer_finish(struct transfer *transfer)
{
	if (transfer->state == TRANSFER_FAILED) {
		report_failure(transfer);
	} else if (was_cut_short(transfer)) {
		withdraw(transfer);
		begin(transfer);
	} else {
		report_end(transfer, transfer->code);
	}
}
