/*
 * What the turns of one target came to so far, counted since the start of the program: for
 * counters of metrics, which never go back.
 */
#ifndef GATHERD_GATHER_TALLY_H
#define GATHERD_GATHER_TALLY_H

#include <stdint.h>

#include "gather/outcome.h"

/* The upper bounds of the buckets of durations, in microseconds, rising; what is longer is in
 * none of them. */
#define TALLY_BUCKET_COUNT 14
extern const int64_t tally_bucket_us[TALLY_BUCKET_COUNT];

/* All zero: nothing yet. */
struct tally {
	uint64_t outcomes[STATUS_COUNT]; /* `pending`: its time was not come */
	uint64_t attempts;
	/* Of turns that have a duration: each is in one bucket, the first that holds it, or in
	 * none. */
	uint64_t buckets[TALLY_BUCKET_COUNT];
	uint64_t duration_count;
	int64_t duration_sum_us;
	/* Of a prompt; what an API does not tell counts for nothing. */
	uint64_t input_tokens, output_tokens, reasoning_tokens, cached_tokens;
	uint64_t unknown_attempts; /* that were perhaps paid for and told nothing */
	uint64_t reused;           /* turns that nobody was asked in */
	int64_t cost;              /* money */
};

/* One more turn, which came to OUTCOME. */
void tally_put(struct tally *tally, const struct outcome *outcome);

#endif
