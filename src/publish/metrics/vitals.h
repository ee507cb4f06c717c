/*
 * What the process knows of itself, for metrics: plain data that whoever owns the parts fills
 * in when a document is made.
 */
#ifndef GATHERD_PUBLISH_METRICS_VITALS_H
#define GATHERD_PUBLISH_METRICS_VITALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counters are those since the start of the program. Zero where nobody knows. */
struct vitals {
	int64_t started_at_ms; /* wall time at which the program began */

	size_t in_flight; /* attempts, right now */
	size_t waiting;   /* turns that wait for a slot */
	uint64_t rounds;  /* that ended */
	uint64_t missed_rounds;

	/* How late the loop came to what was due, by its timer: the last time, the worst
	 * since the document before, and all of them. */
	int64_t lag_us;
	int64_t max_lag_us;
	int64_t lag_sum_us;
	uint64_t lag_count;

	/* Of the config. */
	uint64_t reloads;
	uint64_t failed_reloads;
	bool reload_failed;   /* the last one: an older config is in force */
	int64_t config_at_ms; /* since when the one in force is; -1: unknown */

	/* Of the listener. */
	bool listens;
	/* By the first digit of the answer's status; 0 is unused. */
	uint64_t requests[6];
	uint64_t cut_connections; /* for being slow, idle or too many */
	size_t connections;
	size_t event_clients;

	/* Of the process: see getrusage(2) and proc_pid_statm(5). */
	int64_t cpu_us;
	uint64_t resident_bytes;
	size_t open_descriptors;
};

#endif
