#include "gather/tally.h"

/* Seconds as Prometheus' clients have them by default, and beyond them what models take. */
const int64_t tally_bucket_us[TALLY_BUCKET_COUNT] = { 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
	120000000 };

static void
put_duration(struct tally *tally, int64_t duration_us)
{
	if (duration_us < 0)
		return;
	tally->duration_count++;
	tally->duration_sum_us += duration_us;
	for (size_t i = 0; i < TALLY_BUCKET_COUNT; i++) {
		if (duration_us <= tally_bucket_us[i]) {
			tally->buckets[i]++;
			return;
		}
	}
}

/* What nobody told is negative. */
static uint64_t
known(int64_t number)
{
	return number > 0 ? (uint64_t)number : 0;
}

static void
put_prompt(struct tally *tally, const struct outcome_prompt *prompt)
{
	tally->unknown_attempts += prompt->usage_unknown_attempts;
	/* Its usage is that of the answer before, which has been counted. */
	if (prompt->reused) {
		tally->reused++;
		return;
	}
	tally->input_tokens += known(prompt->usage.input);
	tally->output_tokens += known(prompt->usage.output);
	tally->reasoning_tokens += known(prompt->usage.reasoning);
	tally->cached_tokens += known(prompt->usage.cached);
	if (prompt->cost > 0 &&
	    __builtin_add_overflow(tally->cost, prompt->cost, &tally->cost))
		tally->cost = INT64_MAX;
}

void
tally_put(struct tally *tally, const struct outcome *outcome)
{
	tally->outcomes[outcome->status]++;
	tally->attempts += outcome->attempts;
	put_duration(tally, outcome->duration_us);
	if (outcome->prompt != NULL)
		put_prompt(tally, outcome->prompt);
}
