#include "publish/budget_part.h"

#include <stdint.h>

#include "base/json_write.h"
#include "config/config.h"
#include "gather/budget.h"
#include "gather/fields.h"
#include "publish/schema_parts.h"

void
budget_part_append(struct json_write *json, const struct budget *budget,
    const struct config_budget *limit)
{
	if (budget_unit(limit) == NULL) {
		json_write_null(json);
		return;
	}
	json_write_begin_object(json);
	for (int part = 0; part < BUDGET_PART_COUNT; part++) {
		const struct field *field = &budget_fields[part];
		struct field_value value;

		fields_put_budget_part((enum budget_part)part, budget, limit, &value);
		json_write_key(json, field->name);
		if (field->type == FIELD_TEXT)
			json_write_string(json, value.text);
		else
			field_write_number(json, field->type, &value);
	}
	json_write_end_object(json);
}

void
budget_part_describe(struct json_write *json)
{
	schema_put_fields(json, budget_fields, true);
}

/* Of a unit that is `tokens` or money; -1: it is no such amount. */
static int64_t
read_amount(struct span amount, bool tokens)
{
	uint64_t count;

	if (!tokens)
		return span_money(amount);
	return span_whole_number(amount, &count) ? (int64_t)count : -1;
}

static struct span
find(struct span part, enum budget_part which)
{
	return span_member(part, budget_fields[which].name);
}

bool
budget_part_read(
    struct span part, const struct config_budget *limit, struct budget *budget)
{
	const char *unit = budget_unit(limit);
	int64_t spent, started_at_ms;

	if (unit == NULL || !span_is_text(find(part, BUDGET_UNIT), unit))
		return false;
	spent = read_amount(find(part, BUDGET_SPENT), limit->tokens > 0);
	started_at_ms = span_time_ms(find(part, BUDGET_STARTED_AT));
	if (spent < 0 || started_at_ms < 0)
		return false;
	budget->spent = spent;
	budget->started_at_ms = started_at_ms;
	return true;
}
