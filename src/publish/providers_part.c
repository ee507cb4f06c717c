#include "publish/providers_part.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/gate.h"
#include "gather/providers.h"
#include "publish/budget_part.h"
#include "publish/schema_parts.h"

/* One of them at an instant. */
struct provider_facts {
	const struct provider_state *state;
	const struct provider *provider; /* its */
	struct gate_facts gate;
	int64_t now_us;
	int64_t now_ms;
};

struct row {
	const char *name;
	const char *description; /* a sentence without its end, for the schema */
	void (*put)(struct json_write *json, const struct provider_facts *facts);
	void (*describe)(struct json_write *json); /* the members of its JSON Schema */
};

/* ---- its keys ---- */

static void
put_api(struct json_write *json, const struct provider_facts *facts)
{
	json_write_string(json, api_names[facts->provider->api]);
}

static void
describe_api(struct json_write *json)
{
	schema_put_names(json, api_names, false);
}

static void
put_model(struct json_write *json, const struct provider_facts *facts)
{
	const struct marked *model = &facts->provider->model.value;
	char *shown = model->text.len > 0 ? marked_shown(model) : NULL;

	json_write_string(json, shown);
	free(shown);
}

static void
put_url(struct json_write *json, const struct provider_facts *facts)
{
	json_write_string(json, facts->provider->shown_url);
}

static void
describe_text(struct json_write *json)
{
	schema_put_type(json, "string", true);
}

static void
put_max_concurrent(struct json_write *json, const struct provider_facts *facts)
{
	json_write_int(json, facts->provider->max_concurrent);
}

static void
put_adaptive(struct json_write *json, const struct provider_facts *facts)
{
	json_write_bool(json, facts->provider->adaptive);
}

static void
describe_bool(struct json_write *json)
{
	schema_put_type(json, "boolean", false);
}

static void
describe_count(struct json_write *json)
{
	schema_put_count(json, false);
}

/* ---- its gate ---- */

static void
put_limit(struct json_write *json, const struct provider_facts *facts)
{
	json_write_int(json, (int64_t)facts->gate.limit);
}

static void
put_in_flight(struct json_write *json, const struct provider_facts *facts)
{
	json_write_int(json, (int64_t)facts->gate.in_flight);
}

/* By the wall clock, and null once it is over. */
static void
put_paused_until(struct json_write *json, const struct provider_facts *facts)
{
	int64_t until_us = facts->gate.paused_until_us;

	if (until_us <= facts->now_us)
		json_write_null(json);
	else
		json_write_time(
		    json, facts->now_ms + (until_us - facts->now_us) / 1000);
}

static void
describe_time(struct json_write *json)
{
	schema_put_time(json, true);
}

static void
put_pauses(struct json_write *json, const struct provider_facts *facts)
{
	json_write_int(json, (int64_t)facts->gate.pauses);
}

static void
put_rejections(struct json_write *json, const struct provider_facts *facts)
{
	json_write_int(json, (int64_t)facts->gate.rejections);
}

static void
put_cuts(struct json_write *json, const struct provider_facts *facts)
{
	json_write_int(json, (int64_t)facts->gate.cuts);
}

static void
put_budget(struct json_write *json, const struct provider_facts *facts)
{
	budget_part_append(json, &facts->state->budget, &facts->provider->budget);
}

/* clang-format off */
static const struct row rows[] = {
	{ "api", "How it is spoken to", put_api, describe_api },
	{ "model", "What is asked where a prompt does not say; null: each says its own",
	  put_model, describe_text },
	{ "url", "Where it is, with secrets as ***", put_url, describe_text },
	{ "max_concurrent", "How many may ask it at once at most", put_max_concurrent,
	  describe_count },
	{ "limit", "How many may ask it at once now, as it was learned from its push-back",
	  put_limit, describe_count },
	{ "adaptive", "Is that learned?", put_adaptive, describe_bool },
	{ "in_flight", "How many are asking it", put_in_flight, describe_count },
	{ "paused_until", "Until when it asked not to be asked", put_paused_until,
	  describe_time },
	{ "pauses", "How often it did, since the start of the program", put_pauses,
	  describe_count },
	{ "rejections", "How often it said that it is asked too much, or did not answer in time",
	  put_rejections, describe_count },
	{ "cuts", "How often the limit was lowered for that", put_cuts, describe_count },
	{ "budget", "What may be spent on it, and was; null without a budget", put_budget,
	  budget_part_describe },
	{ .name = NULL },
};
/* clang-format on */

/* ---- the section ---- */

static void
put_provider(struct json_write *json, const struct provider_facts *facts)
{
	json_write_begin_object(json);
	for (const struct row *row = rows; row->name != NULL; row++) {
		json_write_key(json, row->name);
		row->put(json, facts);
	}
	json_write_end_object(json);
}

static void
append_provider(struct buffer *out, const struct provider_state *state, int64_t now_us,
    int64_t now_ms)
{
	struct provider_facts facts = {
		.state = state,
		.provider = state->provider,
		.now_us = now_us,
		.now_ms = now_ms,
	};
	struct json_write json;

	gate_see(state->gate, now_us, &facts.gate);
	json_write_init(&json, out);
	json_write_string(&json, state->provider->name);
	buffer_append_string(out, ": ");
	json_write_init(&json, out);
	put_provider(&json, &facts);
}

void
providers_part_append(
    struct buffer *out, const struct board *board, int64_t now_us, int64_t now_ms)
{
	const struct providers *providers = board_providers(board);
	size_t count = providers_count(providers);

	buffer_append_string(out, "\"" PROVIDERS_PART "\": {");
	for (size_t i = 0; i < count; i++) {
		buffer_append_string(out, i > 0 ? ",\n    " : "\n    ");
		append_provider(out, providers_at(providers, i), now_us, now_ms);
	}
	buffer_append_string(out, count > 0 ? "\n  }" : "}");
}

void
providers_part_describe(struct json_write *json)
{
	schema_begin_object(json, false);
	for (const struct row *row = rows; row->name != NULL; row++) {
		schema_begin_property(json, row->name, row->description);
		row->describe(json);
		schema_end_property(json);
	}
	schema_begin_required(json);
	for (const struct row *row = rows; row->name != NULL; row++)
		json_write_string(json, row->name);
	schema_end_object(json);
}

/* ---- what a former run knew ---- */

void
providers_part_restore(struct span part, struct providers *providers)
{
	struct span_walk walk;
	struct span name, text;

	span_walk_init(&walk, part);
	while (span_walk_next(&walk, &name, &text)) {
		char *known = span_text(name, NULL);
		struct provider_state *state = providers_find(providers, known);

		/* Compared again: a name may hold a NUL there. */
		if (state != NULL && span_is_text(name, state->provider->name))
			(void)budget_part_read(span_member(text, "budget"),
			    &state->provider->budget, &state->budget);
		free(known);
	}
}
