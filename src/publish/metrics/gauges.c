#include "config.h"

#include "publish/metrics/gauges.h"

#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/head.h"
#include "publish/metrics/exposition.h"
#include "publish/metrics/provider_gauges.h"
#include "publish/metrics/vitals.h"
#include "publish/snapshot.h"

/* ---- families of one line ---- */

static void
put_gauge(struct buffer *out, const char *name, const char *help, int64_t number)
{
	exposition_append_single(out, name, "gauge", help, number, 0);
}

static void
put_time(struct buffer *out, const char *name, const char *help, int64_t wall_ms)
{
	exposition_append_single(
	    out, name, "gauge", help, wall_ms, EXPOSITION_MS_DECIMALS);
}

static void
put_seconds(struct buffer *out, const char *name, const char *help, int64_t us)
{
	exposition_append_single(out, name, "gauge", help, us, EXPOSITION_US_DECIMALS);
}

static void
put_counter(struct buffer *out, const char *name, const char *help, uint64_t number)
{
	exposition_append_single(out, name, "counter", help, (int64_t)number, 0);
}

/* ---- the document, its rounds and targets ---- */

static void
put_status(struct buffer *out, const struct board *board)
{
	static const char name[] = "gatherd_document_status";
	const char *status = board_status(board);

	exposition_append_head(out, name, "gauge",
	    "The status of the whole: 1 for the one that it is, 0 for the others");
	for (const char *const *value = board_status_names; *value != NULL; value++)
		exposition_append_labelled(
		    out, name, "status", *value, strcmp(*value, status) == 0, 0);
}

static void
put_document(
    struct buffer *out, const struct board *board, const struct snapshot_head *head)
{
	put_gauge(out, "gatherd_document_generation",
	    "The number of the document, which grows with each",
	    (int64_t)head->generation);
	put_time(out, "gatherd_document_generated_timestamp_seconds",
	    "When the document was made", head->now_ms);
	put_time(out, "gatherd_document_stale_timestamp_seconds",
	    "Past it the document should not be trusted",
	    head_stale_after_ms(board, head->now_ms));
	put_status(out, board);
	put_counter(out, "gatherd_failed_writes_total",
	    "Documents, metrics and pages that could not be written",
	    head->failed_writes);
}

static void
put_targets(struct buffer *out, const struct board *board)
{
	static const char name[] = "gatherd_targets";
	struct board_counts counts;

	board_count(board, &counts);
	exposition_append_head(out, name, "gauge", "How many targets have each status");
	for (int status = 0; status < STATUS_COUNT; status++)
		exposition_append_labelled(out, name, "status", status_names[status],
		    (int64_t)counts.of[status], 0);
}

static void
put_outcome(struct buffer *out, const struct snapshot_head *head)
{
	static const char name[] = "gatherd_round_outcome";
	const char *outcome = head_outcome(head);
	const char *value;

	exposition_append_head(out, name, "gauge",
	    "What the last round came to: 1 for that, 0 for the others");
	for (size_t i = 0; (value = head_outcome_name(i)) != NULL; i++)
		exposition_append_labelled(
		    out, name, "outcome", value, strcmp(value, outcome) == 0, 0);
}

static void
put_round(struct buffer *out, const struct snapshot_head *head)
{
	const struct round_summary *round = head->round;

	put_gauge(out, "gatherd_round_number", "The number of the last round",
	    (int64_t)round->number);
	put_time(out, "gatherd_round_start_timestamp_seconds",
	    "When the last round began", round->started_at_ms);
	put_seconds(out, "gatherd_round_duration_seconds",
	    "From the last round's start to the end of its last turn",
	    round->duration_us);
	put_gauge(out, "gatherd_round_targets",
	    "How many targets were asked in the last round",
	    (int64_t)round->target_count);
	put_outcome(out, head);
}

/* ---- the process ---- */

static void
put_loop(struct buffer *out, const struct vitals *vitals)
{
	put_gauge(out, "gatherd_in_flight_attempts", "Attempts that are under way",
	    (int64_t)vitals->in_flight);
	put_gauge(out, "gatherd_waiting_turns", "Turns that wait for a free slot",
	    (int64_t)vitals->waiting);
	put_counter(out, "gatherd_rounds_total", "Rounds that ended", vitals->rounds);
	put_counter(out, "gatherd_missed_rounds_total",
	    "Rounds whose time had passed before they could begin",
	    vitals->missed_rounds);
	if (vitals->lag_count == 0)
		return;
	put_seconds(out, "gatherd_loop_lag_seconds",
	    "How late the event loop came to its timer the last time", vitals->lag_us);
	put_seconds(out, "gatherd_loop_lag_max_seconds",
	    "How late it came at worst since the document before", vitals->max_lag_us);
	exposition_append_head(out, "gatherd_loop_delay_seconds", "summary",
	    "How late it came, over all times");
	exposition_append_sample(out, "gatherd_loop_delay_seconds_sum",
	    vitals->lag_sum_us, EXPOSITION_US_DECIMALS);
	exposition_append_sample(
	    out, "gatherd_loop_delay_seconds_count", (int64_t)vitals->lag_count, 0);
}

/* A batch has no reloads. */
static void
put_config(struct buffer *out, const struct vitals *vitals)
{
	if (vitals->config_at_ms <= 0)
		return;
	put_counter(out, "gatherd_config_reloads_total", "Reloads that went well",
	    vitals->reloads);
	put_counter(out, "gatherd_config_failed_reloads_total",
	    "Reloads that left an older config in force", vitals->failed_reloads);
	put_gauge(out, "gatherd_config_last_reload_successful",
	    "Did the last reload go well: 1 or 0", !vitals->reload_failed);
	put_time(out, "gatherd_config_loaded_timestamp_seconds",
	    "Since when the config in force is", vitals->config_at_ms);
}

static void
put_requests(struct buffer *out, const struct vitals *vitals)
{
	static const char name[] = "gatherd_listener_requests_total";
	static const char *const codes[ARRAY_COUNT(vitals->requests)] = { NULL, "1xx",
		"2xx", "3xx", "4xx", "5xx" };

	exposition_append_head(
	    out, name, "counter", "Requests that were answered, by the HTTP status");
	for (size_t i = 1; i < ARRAY_COUNT(codes); i++)
		exposition_append_labelled(
		    out, name, "code", codes[i], (int64_t)vitals->requests[i], 0);
}

static void
put_listener(struct buffer *out, const struct vitals *vitals)
{
	if (!vitals->listens)
		return;
	put_requests(out, vitals);
	put_counter(out, "gatherd_listener_cut_connections_total",
	    "Connections that were cut for being slow, idle or too many",
	    vitals->cut_connections);
	put_gauge(out, "gatherd_listener_connections", "Connections that are open",
	    (int64_t)vitals->connections);
	put_gauge(out, "gatherd_listener_event_clients",
	    "Clients that follow the events", (int64_t)vitals->event_clients);
}

/* Nobody says zero of these who knows them. */
static int64_t
known(int64_t number)
{
	return number > 0 ? number : -1;
}

/* Not by the names that Prometheus' own clients use: node_exporter, which may show these lines
 * with its own, has them already. */
static void
put_process(struct buffer *out, const struct vitals *vitals)
{
	put_time(out, "gatherd_process_start_time_seconds", "When the program began",
	    known(vitals->started_at_ms));
	exposition_append_single(out, "gatherd_process_cpu_seconds_total", "counter",
	    "The processor time that the program took", known(vitals->cpu_us),
	    EXPOSITION_US_DECIMALS);
	put_gauge(out, "gatherd_process_resident_memory_bytes",
	    "The memory that the program holds",
	    known((int64_t)vitals->resident_bytes));
	put_gauge(out, "gatherd_process_open_fds", "Descriptors that it has open",
	    known((int64_t)vitals->open_descriptors));
}

/* ---- the whole ---- */

static void
put_build(struct buffer *out)
{
	static const char name[] = "gatherd_build_info";

	exposition_append_head(out, name, "gauge", "The version of the program");
	exposition_append_labelled(out, name, "version", PACKAGE_VERSION, 1, 0);
}

void
gauges_append(
    struct buffer *out, const struct board *board, const struct snapshot_head *head)
{
	put_build(out);
	put_document(out, board, head);
	put_targets(out, board);
	put_round(out, head);
	provider_gauges_append(out, board_providers(board), head->now_us);
	if (head->vitals == NULL)
		return;
	put_loop(out, head->vitals);
	put_config(out, head->vitals);
	put_listener(out, head->vitals);
	put_process(out, head->vitals);
}
