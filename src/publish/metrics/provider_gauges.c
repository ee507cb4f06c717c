#include "publish/metrics/provider_gauges.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/buffer.h"
#include "config/config.h"
#include "gather/gate.h"
#include "gather/providers.h"
#include "publish/metrics/exposition.h"

struct family {
	const char *name;
	const char *type;
	const char *help; /* a sentence without its end */
	int64_t (*get)(const struct gate_facts *gate);
};

/* ---- the gate of one ---- */

static int64_t
get_max(const struct gate_facts *gate)
{
	return (int64_t)gate->max;
}

static int64_t
get_limit(const struct gate_facts *gate)
{
	return (int64_t)gate->limit;
}

static int64_t
get_in_flight(const struct gate_facts *gate)
{
	return (int64_t)gate->in_flight;
}

static int64_t
get_paused(const struct gate_facts *gate)
{
	return gate->paused_until_us != INT64_MIN;
}

static int64_t
get_pauses(const struct gate_facts *gate)
{
	return (int64_t)gate->pauses;
}

static int64_t
get_rejections(const struct gate_facts *gate)
{
	return (int64_t)gate->rejections;
}

static int64_t
get_cuts(const struct gate_facts *gate)
{
	return (int64_t)gate->cuts;
}

/* clang-format off */
static const struct family families[] = {
	{ "gatherd_provider_max_concurrent", "gauge",
	  "How many may ask a provider at once at most", get_max },
	{ "gatherd_provider_limit", "gauge",
	  "How many may ask it at once now, as was learned from its push-back", get_limit },
	{ "gatherd_provider_in_flight", "gauge",
	  "How many are asking it", get_in_flight },
	{ "gatherd_provider_paused", "gauge",
	  "Did it ask not to be asked for now: 1 or 0", get_paused },
	{ "gatherd_provider_pauses_total", "counter",
	  "How often it did", get_pauses },
	{ "gatherd_provider_rejections_total", "counter",
	  "How often it said that it is asked too much, or did not answer in time",
	  get_rejections },
	{ "gatherd_provider_limit_cuts_total", "counter",
	  "How often the limit was lowered for that", get_cuts },
	{ .name = NULL },
};
/* clang-format on */

static void
put_family(struct buffer *out, const struct family *family,
    const struct providers *providers, int64_t now_us)
{
	exposition_append_head(out, family->name, family->type, family->help);
	for (size_t i = 0; i < providers_count(providers); i++) {
		const struct provider_state *state = providers_at(providers, i);
		struct gate_facts gate;

		gate_see(state->gate, now_us, &gate);
		exposition_append_labelled(out, family->name, "provider",
		    state->provider->name, family->get(&gate), 0);
	}
}

/* ---- budgets ---- */

static void
put_amount(struct buffer *out, const char *name, const struct provider *provider,
    int64_t amount)
{
	const char *unit = budget_unit(&provider->budget);
	bool is_money = provider->budget.tokens == 0;

	buffer_append_string(out, name);
	buffer_append_string(out, "{provider=\"");
	exposition_append_value(out, provider->name, strlen(provider->name));
	buffer_append_string(out, "\",unit=\"");
	buffer_append_string(out, unit);
	exposition_append_sample(
	    out, "\"}", amount, is_money ? EXPOSITION_MONEY_DECIMALS : 0);
}

static int64_t
get_spent(const struct provider_state *state)
{
	return state->budget.spent;
}

static int64_t
get_budget_limit(const struct provider_state *state)
{
	return budget_limit(&state->provider->budget);
}

/* A family of those that have a budget. */
static void
put_amounts(struct buffer *out, const char *name, const char *help,
    int64_t (*get)(const struct provider_state *state),
    const struct providers *providers)
{
	bool has_head = false;

	for (size_t i = 0; i < providers_count(providers); i++) {
		const struct provider_state *state = providers_at(providers, i);

		if (budget_unit(&state->provider->budget) == NULL)
			continue;
		if (!has_head)
			exposition_append_head(out, name, "gauge", help);
		has_head = true;
		put_amount(out, name, state->provider, get(state));
	}
}

void
provider_gauges_append(
    struct buffer *out, const struct providers *providers, int64_t now_us)
{
	if (providers_count(providers) == 0)
		return;
	for (const struct family *family = families; family->name != NULL; family++)
		put_family(out, family, providers, now_us);
	put_amounts(out, "gatherd_provider_budget_spent",
	    "What was spent of its budget in the present period", get_spent, providers);
	put_amounts(out, "gatherd_provider_budget_limit",
	    "What may be spent on it in a period", get_budget_limit, providers);
}
