/*
 * What happened in a turn, step by step: kept for the one target that somebody wants
 * explained.
 *
 * All texts are masked as the document's are.
 */
#ifndef GATHERD_GATHER_TRACE_H
#define GATHERD_GATHER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "gather/outcome.h"
#include "http/request.h"

struct target;

struct trace_rule {
	bool warn; /* of `warn`, else of `expect` */
	bool holds;
	char *text; /* owned: "/state: expected "up", got "down"" */
};

/* What is known of a prompt's request besides. */
struct trace_input {
	char *text;       /* owned: the prompt */
	size_t bytes;     /* with the system text and the schema */
	size_t cut_count; /* values that were longer than `max_insert` */
	char hash[DIGEST_HEX_SIZE];
};

struct trace_attempt {
	/* The request as it was shown; owned. */
	char *method;
	char *url;
	char *head;                /* a line each */
	char *body;                /* NULL: none */
	struct trace_input *input; /* owned; NULL: a service's */

	int64_t
	    waited_us; /* before it: for its dependencies, `delay`, a slot, the retry */
	int64_t timeout_ms;
	long http_status;
	unsigned hops;
	struct response_hop *trail; /* owned; `hops` of them */
	char *final_url;            /* owned; NULL: none */
	struct response_tls tls;
	struct response_timing timing;
	uint64_t bytes;
	char *answer_head;        /* owned, masked; NULL: none came */
	struct trace_rule *rules; /* owned */
	size_t rule_count;
	/* What came of a prompt's `schema`; its text is NULL where that was not looked at. */
	struct trace_rule schema;
	char *result;   /* owned: the outcome in a line: "returned HTTP 503" */
	char *decision; /* owned: "tried again after 312 ms (2 of 4)", or why not */
};

/* What came up on the way: a limit that applied, a token that was waited for. */
struct trace_note {
	char *text;    /* owned */
	size_t before; /* so many attempts had begun by then */
};

struct trace {
	const char *name; /* borrowed: of the target; turns of others leave it alone */
	struct trace_attempt *attempts; /* owned */
	size_t attempt_count;
	struct trace_note *notes; /* owned, in order */
	size_t note_count;
};

void trace_clear(struct trace *trace);

/* A new attempt at the end, zeroed but for its unknown times, borrowed until the
 * next. */
struct trace_attempt *trace_add_attempt(struct trace *trace);
/* A rule of ATTEMPT; TEXT is copied. */
void trace_add_rule(
    struct trace_attempt *attempt, bool warn, bool holds, const char *text);
/* The schema was held against the answer to ATTEMPT; TEXT is copied. */
void trace_set_schema(struct trace_attempt *attempt, bool holds, const char *text);
/* TEXT is taken over. */
void trace_add_note(struct trace *trace, char *text);

/* TRACE if it is about TARGET, else NULL. TRACE may be NULL. */
struct trace *trace_of(struct trace *trace, const struct target *target);

#endif
