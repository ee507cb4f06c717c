#include "gather/fields.h"

#include <string.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/field_rows.h"

static const struct prompt *
prompt_of(const struct board_entry *entry)
{
	return target_prompt(entry->target);
}

/* What the outcome has beside; NULL: nobody was asked so far. */
static const struct outcome_prompt *
part_of(const struct board_entry *entry)
{
	return entry->outcome.prompt;
}

/* ---- the parts of an entry ---- */

static void
put_bool(struct field_value *value, bool set)
{
	*value = (struct field_value){ .number = set };
}

static void
get_success(const struct board_entry *entry, struct field_value *value)
{
	put_bool(value, status_is_success(entry->outcome.status));
}

static void
get_provider(const struct board_entry *entry, struct field_value *value)
{
	const struct provider *provider = prompt_of(entry)->provider;

	field_put_text(value, provider != NULL ? provider->name : NULL);
}

static void
get_model(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	field_put_text(value, part != NULL ? part->model : NULL);
}

static void
get_prompt(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	field_put_text(value, part != NULL ? part->prompt : NULL);
}

/* The text of OUTCOME; NULL: of none. */
static void
put_response(struct field_value *value, const struct outcome *outcome)
{
	const struct outcome_prompt *part = outcome != NULL ? outcome->prompt : NULL;

	*value = (struct field_value){ .absent = true };
	if (part == NULL || part->response == NULL)
		return;
	/* It may hold a NUL. */
	value->text = part->response;
	value->len = part->response_len;
	value->absent = false;
}

static void
get_response(const struct board_entry *entry, struct field_value *value)
{
	put_response(value, &entry->outcome);
}

static void
get_finish_reason(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	field_put_text(value, part != NULL ? part->finish_reason : NULL);
}

static void
get_unknown_attempts(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	field_put_number(value, part != NULL ? part->usage_unknown_attempts : 0);
}

static void
get_cost(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	field_put_number(value, part != NULL ? part->cost : -1);
}

static void
get_input_hash(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->input_hash[0] != '\0' ? entry->input_hash : NULL);
}

static void
get_reused(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	put_bool(value, part != NULL && part->reused);
}

static void
get_request_id(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome_prompt *part = part_of(entry);

	field_put_text(value, part != NULL ? part->request_id : NULL);
}

static void
get_last_response(const struct board_entry *entry, struct field_value *value)
{
	put_response(value, board_last_good(entry));
	/* Where it is kept, the key is always there. */
	value->absent = !entry->target->keep_last;
}

static void
get_last_data(const struct board_entry *entry, struct field_value *value)
{
	const struct outcome *good = board_last_good(entry);

	*value = (struct field_value){
		.text = good != NULL ? good->data : NULL,
		.len = good != NULL ? good->data_len : 0,
		.absent = !entry->target->keep_last,
	};
}

/* ---- usage ---- */

/* All of it unknown where nobody was asked. */
static const struct prompt_usage *
usage_of(const struct board_entry *entry)
{
	static const struct prompt_usage unknown = { -1, -1, -1, -1, -1 };
	const struct outcome_prompt *part = part_of(entry);

	return part != NULL ? &part->usage : &unknown;
}

static void
get_usage(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){
		.absent = !prompt_usage_is_known(usage_of(entry)),
	};
}

static void
get_input_tokens(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, usage_of(entry)->input);
}

static void
get_output_tokens(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, usage_of(entry)->output);
}

static void
get_reasoning_tokens(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, usage_of(entry)->reasoning);
}

static void
get_cached_tokens(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, usage_of(entry)->cached);
}

static void
get_total_tokens(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, usage_of(entry)->total);
}

/* clang-format off */
static const struct field usage_fields[] = {
	{ .name = "input_tokens", .type = FIELD_INT, .get = get_input_tokens, .nullable = true,
	  .description = "Of what was sent, those from a cache among them" },
	{ .name = "output_tokens", .type = FIELD_INT, .get = get_output_tokens, .nullable = true,
	  .description = "Of what came back, the reasoning among them" },
	{ .name = "reasoning_tokens", .type = FIELD_INT, .get = get_reasoning_tokens,
	  .nullable = true, .description = "Of the output: what the model thought" },
	{ .name = "cached_tokens", .type = FIELD_INT, .get = get_cached_tokens,
	  .nullable = true, .description = "Of the input: what came from a cache" },
	{ .name = "total_tokens", .type = FIELD_INT, .get = get_total_tokens, .nullable = true,
	  .description = "Both together" },
	{ .name = NULL },
};
/* clang-format on */

/* ---- the next attempt ---- */

static void
get_estimate(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){
		.absent = entry->last_tokens < 0 && entry->last_cost < 0,
	};
}

static void
get_estimated_tokens(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->last_tokens);
}

static void
get_estimated_cost(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->last_cost);
}

/* clang-format off */
static const struct field estimate_fields[] = {
	{ .name = "tokens", .type = FIELD_INT, .get = get_estimated_tokens, .nullable = true,
	  .description = "So many tokens, in and out" },
	{ .name = "cost", .type = FIELD_MONEY, .get = get_estimated_cost, .nullable = true,
	  .description = "So much money" },
	{ .name = NULL },
};
/* clang-format on */

/* ---- budget ---- */

void
fields_put_budget_part(enum budget_part part, const struct budget *budget,
    const struct config_budget *limit, struct field_value *value)
{
	switch (part) {
	case BUDGET_UNIT:
		field_put_text(value, budget_unit(limit));
		break;
	case BUDGET_LIMIT:
		field_put_number(value, budget_limit(limit));
		break;
	case BUDGET_SPENT:
		field_put_number(value, budget->spent);
		break;
	case BUDGET_PER:
		field_put_number(value, limit->per_ms);
		break;
	case BUDGET_STARTED_AT:
		field_put_number(value, budget->started_at_ms);
		break;
	case BUDGET_ENDS_AT:
		field_put_number(value, budget_ends_at_ms(budget, limit));
		break;
	}
	value->is_money = limit->cost > 0;
}

static const struct config_budget *
limit_of(const struct board_entry *entry)
{
	return &prompt_of(entry)->budget;
}

static void
get_budget(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){
		.absent = budget_unit(limit_of(entry)) == NULL,
	};
}

static void
put_part(
    const struct board_entry *entry, enum budget_part part, struct field_value *value)
{
	fields_put_budget_part(part, &entry->budget, limit_of(entry), value);
}

static void
get_budget_unit(const struct board_entry *entry, struct field_value *value)
{
	put_part(entry, BUDGET_UNIT, value);
}

static void
get_budget_limit(const struct board_entry *entry, struct field_value *value)
{
	put_part(entry, BUDGET_LIMIT, value);
}

static void
get_budget_spent(const struct board_entry *entry, struct field_value *value)
{
	put_part(entry, BUDGET_SPENT, value);
}

static void
get_budget_per(const struct board_entry *entry, struct field_value *value)
{
	put_part(entry, BUDGET_PER, value);
}

static void
get_budget_start(const struct board_entry *entry, struct field_value *value)
{
	put_part(entry, BUDGET_STARTED_AT, value);
}

static void
get_budget_end(const struct board_entry *entry, struct field_value *value)
{
	put_part(entry, BUDGET_ENDS_AT, value);
}

/* All that budget_unit() says. */
static const char *const budget_units[] = { "tokens", "cost", NULL };

/* clang-format off */
const struct field budget_fields[] = {
	[BUDGET_UNIT] = { .name = "unit", .type = FIELD_TEXT, .get = get_budget_unit,
	  .names = budget_units, .description = "What is counted" },
	[BUDGET_LIMIT] = { .name = "limit", .type = FIELD_AMOUNT, .get = get_budget_limit,
	  .description = "How much may be spent in a period" },
	[BUDGET_SPENT] = { .name = "spent", .type = FIELD_AMOUNT, .get = get_budget_spent,
	  .description = "What was spent in the period that began last" },
	[BUDGET_PER] = { .name = "per_ms", .type = FIELD_INT, .get = get_budget_per,
	  .description = "How long a period is" },
	[BUDGET_STARTED_AT] = { .name = "started_at", .type = FIELD_TIME, .get = get_budget_start,
	  .nullable = true, .description = "When the period began: with the first spending" },
	[BUDGET_ENDS_AT] = { .name = "ends_at", .type = FIELD_TIME, .get = get_budget_end,
	  .nullable = true,
	  .description = "When it ends, and another begins with what is spent next" },
	[BUDGET_PART_COUNT] = { .name = NULL },
};

/* ---- a prompt ---- */

const struct field prompt_fields[] = {
	FIELD_STATUS_ROW,
	{ .name = "success", .type = FIELD_BOOL, .get = get_success,
	  .description = "Is it ok or degraded?" },
	FIELD_SINCE_ROW,
	FIELD_CHECKED_AT_ROW,
	FIELD_LAST_OK_AT_ROW,
	FIELD_FAILURES_ROW,
	FIELD_NEXT_AT_ROW,
	FIELD_ATTEMPTS_ROW,
	FIELD_HTTP_STATUS_ROW,
	{ .name = "provider", .type = FIELD_TEXT, .get = get_provider, .nullable = true,
	  .description = "The one of `providers` that is asked" },
	{ .name = "model", .type = FIELD_TEXT, .get = get_model, .nullable = true,
	  .description = "The model that answered, as it calls itself, or was asked" },
	FIELD_DURATION_MS_ROW,
	FIELD_TIMING_MS_ROW,
	FIELD_BYTES_ROW,
	{ .name = "prompt", .type = FIELD_TEXT, .get = get_prompt, .nullable = true,
	  .description = "What was asked, with secrets as ***, or its digest, by `store_prompt`" },
	{ .name = "response", .type = FIELD_TEXT, .get = get_response, .nullable = true,
	  .description = "The text of the answer, also of one that was cut off; null on any "
	                 "other failure" },
	{ .name = "finish_reason", .type = FIELD_TEXT, .get = get_finish_reason, .nullable = true,
	  .description = "How the model ended, in the API's word" },
	{ .name = "usage", .type = FIELD_OBJECT, .get = get_usage, .fields = usage_fields,
	  .nullable = true, .description = "Tokens that the answer took; null where it does not say" },
	{ .name = "usage_unknown_attempts", .type = FIELD_INT, .get = get_unknown_attempts,
	  .description = "Attempts whose usage nobody told, and which were perhaps paid for" },
	{ .name = "cost", .type = FIELD_MONEY, .get = get_cost, .nullable = true,
	  .description = "What the answer cost, by the provider's `price`" },
	{ .name = "estimate", .type = FIELD_OBJECT, .get = get_estimate,
	  .fields = estimate_fields, .nullable = true,
	  .description = "What the next attempt is taken to cost: what the last answer did" },
	{ .name = "budget", .type = FIELD_OBJECT, .get = get_budget, .fields = budget_fields,
	  .nullable = true, .description = "What may be spent, and was; null without a budget" },
	{ .name = "input_hash", .type = FIELD_TEXT, .get = get_input_hash, .nullable = true,
	  .description = "A digest of all that was sent for the last good answer; with `when: "
	                 "changed`" },
	{ .name = "reused", .type = FIELD_BOOL, .get = get_reused,
	  .description = "Nobody was asked: it is the last good answer again" },
	{ .name = "request_id", .type = FIELD_TEXT, .get = get_request_id, .nullable = true,
	  .description = "What the provider calls the request" },
	FIELD_ERROR_ROW,
	FIELD_WARNINGS_ROW,
	FIELD_VALUES_ROW,
	{ .name = "data", .type = FIELD_JSON, .get = field_get_data, .nullable = true,
	  .description = "The JSON that the answer is, with `format: json`; null on any failure" },
	{ .name = "last_response", .type = FIELD_TEXT, .get = get_last_response, .nullable = true,
	  .optional = true, .description = "The text of the last good answer, with `keep_last`" },
	{ .name = "last_data", .type = FIELD_JSON, .get = get_last_data, .nullable = true,
	  .optional = true, .description = "The JSON of the last good answer, with `keep_last`" },
	FIELD_GROUP_ROW,
	FIELD_LABELS_ROW,
	FIELD_DESCRIPTION_ROW,
	{ .name = NULL },
};
/* clang-format on */
