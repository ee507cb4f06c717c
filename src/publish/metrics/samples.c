#include "publish/metrics/samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/marked.h"
#include "base/span.h"
#include "config/config.h"
#include "gather/board.h"
#include "publish/metrics/exposition.h"
#include "publish/metrics/sample_facts.h"
#include "publish/metrics/sample_lines.h"

/* ---- how it is ---- */

/* Nobody knows it of what was not asked yet, or not at all. */
static void
put_up(struct sample_lines *lines)
{
	enum status status = lines->entry->outcome.status;

	if (status != STATUS_PENDING)
		sample_lines_put(lines, status_is_success(status));
}

static void
put_status(struct sample_lines *lines)
{
	for (int status = 0; status < STATUS_COUNT; status++)
		sample_lines_put_labelled(lines, "status", status_names[status],
		    (int)lines->entry->outcome.status == status, 0);
}

static void
put_since(struct sample_lines *lines)
{
	sample_lines_put_ms(lines, lines->entry->since_ms);
}

static void
put_last_check(struct sample_lines *lines)
{
	sample_lines_put_ms(lines, lines->entry->outcome.checked_at_ms);
}

static void
put_last_success(struct sample_lines *lines)
{
	sample_lines_put_ms(lines, lines->entry->last_ok_at_ms);
}

static void
put_failures(struct sample_lines *lines)
{
	sample_lines_put(lines, (int64_t)lines->entry->failures);
}

static void
put_required(struct sample_lines *lines)
{
	sample_lines_put(lines, lines->entry->target->required);
}

static void
put_interval(struct sample_lines *lines)
{
	sample_lines_put_ms(lines, lines->entry->target->interval_ms);
}

/* ---- its last answer ---- */

static void
put_durations(struct sample_lines *lines)
{
	for (int phase = 0; phase < SAMPLE_PHASE_COUNT; phase++) {
		int64_t us = lines->facts.phases_us[phase];

		if (us >= 0)
			sample_lines_put_labelled(lines, "phase",
			    sample_phase_names[phase], us, EXPOSITION_US_DECIMALS);
	}
}

static void
put_http_status(struct sample_lines *lines)
{
	if (lines->facts.http_status > 0)
		sample_lines_put(lines, lines->facts.http_status);
}

static void
put_bytes(struct sample_lines *lines)
{
	if (lines->facts.http_status > 0 && lines->facts.bytes >= 0)
		sample_lines_put(lines, lines->facts.bytes);
}

static void
put_certificate(struct sample_lines *lines)
{
	sample_lines_put_ms(lines, lines->facts.certificate_expires_at_ms);
}

/* Those that are numbers. */
static void
put_values(struct sample_lines *lines)
{
	struct span_walk walk;
	struct span name, value;

	span_walk_init(&walk, lines->facts.values);
	while (span_walk_next(&walk, &name, &value))
		sample_lines_put_named(lines, name, value);
}

/* ---- what its turns came to so far ---- */

static void
put_outcomes(struct sample_lines *lines)
{
	for (int status = 0; status < STATUS_COUNT; status++)
		sample_lines_put_labelled(lines, "status", status_names[status],
		    (int64_t)lines->entry->tally.outcomes[status], 0);
}

static void
put_attempts(struct sample_lines *lines)
{
	sample_lines_put(lines, (int64_t)lines->entry->tally.attempts);
}

static void
put_bucket(struct sample_lines *lines, const char *bound, size_t len, uint64_t count)
{
	char label[SAMPLE_LABEL_SIZE];
	char *at = stpcpy(label, ",le=\"");
	struct sample_extra extra = { .suffix = "_bucket", .label = label };

	at = mempcpy(at, bound, len);
	*at++ = '"';
	extra.label_len = (size_t)(at - label);
	sample_lines_put_extra(lines, &extra, (int64_t)count, 0);
}

/* Each bucket has those below it, too. */
static void
put_latencies(struct sample_lines *lines)
{
	static const struct sample_extra sum = { .suffix = "_sum" };
	static const struct sample_extra all = { .suffix = "_count" };
	const struct tally *tally = &lines->entry->tally;
	uint64_t count = 0;

	if (!lines->histogram)
		return;
	for (size_t i = 0; i < TALLY_BUCKET_COUNT; i++) {
		char bound[EXPOSITION_NUMBER_SIZE];
		const char *end = exposition_put_number(
		    bound, tally_bucket_us[i], EXPOSITION_US_DECIMALS);

		count += tally->buckets[i];
		put_bucket(lines, bound, (size_t)(end - bound), count);
	}
	put_bucket(lines, "+Inf", strlen("+Inf"), tally->duration_count);
	sample_lines_put_extra(
	    lines, &sum, tally->duration_sum_us, EXPOSITION_US_DECIMALS);
	sample_lines_put_extra(lines, &all, (int64_t)tally->duration_count, 0);
}

/* ---- prompts ---- */

static const struct prompt *
prompt_of(const struct sample_lines *lines)
{
	return target_prompt(lines->entry->target);
}

/* Not the model that answered: it may say another name each time, and each would begin a series of
 * its own. */
static void
put_info(struct sample_lines *lines)
{
	const struct prompt *prompt = prompt_of(lines);
	struct sample_extra extra;
	struct buffer label;
	char *model;

	if (prompt == NULL)
		return;
	model = marked_shown(&prompt->model_name);
	buffer_init(&label, BUFFER_UNLIMITED);
	buffer_append_string(&label, ",provider=\"");
	exposition_append_value(
	    &label, prompt->provider->name, strlen(prompt->provider->name));
	buffer_append_string(&label, "\",model=\"");
	exposition_append_value(&label, model, strlen(model));
	buffer_append_char(&label, '"');
	extra = (struct sample_extra){ .label = label.data, .label_len = label.len };
	sample_lines_put_extra(lines, &extra, 1, 0);
	buffer_clear(&label);
	free(model);
}

static void
put_tokens(struct sample_lines *lines)
{
	const struct tally *tally = &lines->entry->tally;

	if (prompt_of(lines) == NULL)
		return;
	sample_lines_put_labelled(
	    lines, "type", "input", (int64_t)tally->input_tokens, 0);
	sample_lines_put_labelled(
	    lines, "type", "output", (int64_t)tally->output_tokens, 0);
}

static void
put_of_prompt(struct sample_lines *lines, uint64_t number)
{
	if (prompt_of(lines) != NULL)
		sample_lines_put(lines, (int64_t)number);
}

static void
put_cached(struct sample_lines *lines)
{
	put_of_prompt(lines, lines->entry->tally.cached_tokens);
}

static void
put_reasoning(struct sample_lines *lines)
{
	put_of_prompt(lines, lines->entry->tally.reasoning_tokens);
}

static void
put_unknown_attempts(struct sample_lines *lines)
{
	put_of_prompt(lines, lines->entry->tally.unknown_attempts);
}

static void
put_reused(struct sample_lines *lines)
{
	put_of_prompt(lines, lines->entry->tally.reused);
}

/* Without a price nothing is known of it, but by a config before. */
static void
put_cost(struct sample_lines *lines)
{
	const struct prompt *prompt = prompt_of(lines);
	int64_t cost = lines->entry->tally.cost;

	if (prompt == NULL)
		return;
	if (cost > 0 ||
	    (prompt->provider->price.input >= 0 && prompt->provider->price.output >= 0))
		sample_lines_put_extra(lines, NULL, cost, EXPOSITION_MONEY_DECIMALS);
}

/* AMOUNT of the prompt's budget, if it has one. */
static void
put_budget(struct sample_lines *lines, int64_t amount)
{
	const struct config_budget *limit = &prompt_of(lines)->budget;
	const char *unit = budget_unit(limit);

	if (unit != NULL)
		sample_lines_put_labelled(lines, "unit", unit, amount,
		    limit->tokens > 0 ? 0 : EXPOSITION_MONEY_DECIMALS);
}

static void
put_budget_spent(struct sample_lines *lines)
{
	if (prompt_of(lines) != NULL)
		put_budget(lines, lines->entry->budget.spent);
}

static void
put_budget_limit(struct sample_lines *lines)
{
	if (prompt_of(lines) != NULL)
		put_budget(lines, budget_limit(&prompt_of(lines)->budget));
}

/* ---- the table ---- */

/* clang-format off */
const struct sample_family sample_families[SAMPLE_FAMILY_COUNT] = {
	{ "gatherd_target_up", "gauge",
	  "Did it answer well: 1 where its status is ok or degraded, else 0", put_up },
	{ "gatherd_target_status", "gauge",
	  "The status of a target: 1 for the one that it has, 0 for the others", put_status },
	{ "gatherd_target_since_timestamp_seconds", "gauge",
	  "Since when it answers as it does", put_since },
	{ "gatherd_target_last_check_timestamp_seconds", "gauge",
	  "When it was asked last", put_last_check },
	{ "gatherd_target_last_success_timestamp_seconds", "gauge",
	  "When it answered well last", put_last_success },
	{ "gatherd_target_consecutive_failures", "gauge",
	  "Turns in a row that failed", put_failures },
	{ "gatherd_target_required", "gauge",
	  "Does its failure count for the status of the whole: 1 or 0", put_required },
	{ "gatherd_target_interval_seconds", "gauge",
	  "How often it is asked", put_interval },
	{ "gatherd_target_duration_seconds", "gauge",
	  "How long its last turn took by phases, and in total from the first attempt's start to "
	  "the end of the last", put_durations },
	{ "gatherd_target_http_status", "gauge",
	  "The HTTP status of its last answer", put_http_status },
	{ "gatherd_target_response_bytes", "gauge",
	  "The size of its last answer", put_bytes },
	{ "gatherd_target_certificate_expiry_timestamp_seconds", "gauge",
	  "Until when its certificate is valid", put_certificate },
	{ "gatherd_target_value", "gauge",
	  "The numbers that were extracted from its last answer", put_values },
	{ "gatherd_target_outcomes_total", "counter",
	  "How many turns came to each status", put_outcomes },
	{ "gatherd_target_attempts_total", "counter",
	  "How many attempts were made", put_attempts },
	{ "gatherd_target_latency_seconds", "histogram",
	  "How long turns took from the first attempt's start to the end of the last",
	  put_latencies },
	{ "gatherd_prompt_info", "gauge",
	  "The provider of a prompt, and the model that it asks, by the config", put_info },
	{ "gatherd_prompt_tokens_total", "counter",
	  "Tokens that were sent and answered, as far as the API told", put_tokens },
	{ "gatherd_prompt_cached_tokens_total", "counter",
	  "Those of the input tokens that came from the provider's cache", put_cached },
	{ "gatherd_prompt_reasoning_tokens_total", "counter",
	  "Those of the output tokens that the model thought with", put_reasoning },
	{ "gatherd_prompt_cost_total", "counter",
	  "What the tokens cost, in what the prices are in", put_cost },
	{ "gatherd_prompt_unknown_usage_attempts_total", "counter",
	  "Attempts that may have cost something without telling how much",
	  put_unknown_attempts },
	{ "gatherd_prompt_reused_answers_total", "counter",
	  "Turns that reused the last answer, as nothing had changed", put_reused },
	{ "gatherd_prompt_budget_spent", "gauge",
	  "What was spent of its budget in the present period", put_budget_spent },
	{ "gatherd_prompt_budget_limit", "gauge",
	  "What it may spend in a period", put_budget_limit },
};
/* clang-format on */

/* ---- the whole ---- */

void
samples_append(struct buffer *out, uint32_t ends[SAMPLE_FAMILY_COUNT],
    const struct board_entry *entry, bool histogram)
{
	size_t start = out->len;
	struct sample_lines lines;

	sample_lines_init(&lines, out, entry, histogram);
	for (size_t i = 0; i < SAMPLE_FAMILY_COUNT; i++) {
		sample_lines_begin(&lines, sample_families[i].name);
		sample_families[i].put(&lines);
		ends[i] = (uint32_t)(out->len - start);
	}
	sample_lines_clear(&lines);
}

void
samples_append_head(struct buffer *out, const struct sample_family *family)
{
	exposition_append_head(out, family->name, family->type, family->help);
}
