/*
 * How the values of an entry are shown to a person: each function writes one, behind its label
 * and without the end of the line.
 */
#ifndef GATHERD_CTL_VALUES_H
#define GATHERD_CTL_VALUES_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

struct document_entry;
struct screen;

/* The widest label; values begin behind two blanks, it and two blanks. */
#define LABEL_COLUMNS 11

struct view {
	const struct screen *screen; /* borrowed, as all below */
	const struct document_entry *entry;
	int64_t now_ms;
	struct buffer *out;
};

/* A string as one line; anything else as it is spelled. */
void values_put_text(const struct view *view, struct span value);
/* Never broken: it is there to be copied. */
void values_put_url(const struct view *view, struct span value);
void values_put_time(const struct view *view, struct span value);
void values_put_last_ok(const struct view *view, struct span value);
void values_put_failures(const struct view *view, struct span value);
void values_put_duration(const struct view *view, struct span value);
void values_put_bytes(const struct view *view, struct span value);
void values_put_expiry(const struct view *view, struct span value);
/* Perhaps they were paid for. */
void values_put_unaccounted(const struct view *view, struct span value);
void values_put_yes(const struct view *view, struct span value);
/* KEY as words: "first_byte" is "first byte". */
void values_append_key(struct buffer *out, struct span key);
/* "dns 0.4 ms, connect 1.2 ms, first byte 180 ms": the phases that took place. */
void values_put_timing(const struct view *view, struct span value);
/* "21 input, 5 output, 26 total": what is known of it. */
void values_put_usage(const struct view *view, struct span value);
/* "10 tokens, cost 0.002 for the next attempt" */
void values_put_estimate(const struct view *view, struct span value);
/* "20 of 25 tokens spent, until 2026-11-22 03:40:00 UTC (in 4h)" */
void values_put_budget(const struct view *view, struct span value);
/* Every text of a list on a line of its own. */
void values_put_list(const struct view *view, struct span value);
/* "NAME: value", each on a line of its own. */
void values_put_map(const struct view *view, struct span value);
/* "timeout (phase: first byte)" */
void values_put_error_kind(const struct view *view, struct span value);
void values_put_error_message(const struct view *view, struct span value);
void values_put_excerpt(const struct view *view, struct span value);

#endif
