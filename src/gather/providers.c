#include "gather/providers.h"

#include <stdlib.h>
#include <string.h>

#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/gate.h"

struct providers {
	struct provider_state *states; /* owned; in config order */
	size_t count;
};

static struct gate_limits
limits_of(const struct provider *provider)
{
	const struct config_rate *rate = &provider->rate;

	return (struct gate_limits){
		.max = (size_t)provider->max_concurrent,
		.adaptive = provider->adaptive,
		.starts_per_s = rate->count > 0
		    ? (double)rate->count * 1000 / (double)rate->per_ms
		    : 0,
	};
}

static void
state_init(struct provider_state *state, const struct provider *provider)
{
	const struct gate_limits limits = limits_of(provider);

	state->provider = provider;
	state->gate = gate_new(&limits);
	budget_init(&state->budget);
}

static void
states_free(struct provider_state *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
		gate_free(states[i].gate);
	free(states);
}

struct providers *
providers_new(const struct config *config)
{
	struct providers *providers = xcalloc(1, sizeof(*providers));

	providers->count = config->provider_count;
	providers->states = xcalloc(providers->count + 1, sizeof(*providers->states));
	for (size_t i = 0; i < providers->count; i++)
		state_init(&providers->states[i], config->providers[i]);
	return providers;
}

void
providers_free(struct providers *providers)
{
	if (providers == NULL)
		return;
	states_free(providers->states, providers->count);
	free(providers);
}

/* ---- another config ---- */

/* Is it the same server, asked as the same customer? What was learned of another one says
 * nothing. */
static bool
is_same_account(const struct provider *a, const struct provider *b)
{
	return a->host != NULL && b->host != NULL && strcmp(a->host, b->host) == 0 &&
	    marked_equal(&a->key.value, &b->key.value);
}

/* STATE goes on as that of PROVIDER. */
static void
state_go_on(
    struct provider_state *state, const struct provider *provider, int64_t now_us)
{
	const struct gate_limits limits = limits_of(provider);

	budget_go_on(&state->budget, &state->provider->budget, &provider->budget);
	if (is_same_account(state->provider, provider)) {
		gate_set_limits(state->gate, &limits, now_us);
	} else {
		gate_free(state->gate);
		state->gate = gate_new(&limits);
	}
	state->provider = provider;
}

void
providers_reload(
    struct providers *providers, const struct config *config, int64_t now_us)
{
	size_t count = config->provider_count;
	struct provider_state *states = xcalloc(count + 1, sizeof(*states));

	for (size_t i = 0; i < count; i++) {
		const struct provider *provider = config->providers[i];
		struct provider_state *before =
		    providers_find(providers, provider->name);

		if (before == NULL) {
			state_init(&states[i], provider);
			continue;
		}
		states[i] = *before;
		before->gate = NULL;
		state_go_on(&states[i], provider, now_us);
	}
	states_free(providers->states, providers->count);
	providers->states = states;
	providers->count = count;
}

/* ---- looking ---- */

size_t
providers_count(const struct providers *providers)
{
	return providers->count;
}

struct provider_state *
providers_at(const struct providers *providers, size_t index)
{
	return &providers->states[index];
}

struct provider_state *
providers_find(const struct providers *providers, const char *name)
{
	/* There are a few of them. */
	for (size_t i = 0; i < providers->count; i++) {
		if (strcmp(providers->states[i].provider->name, name) == 0)
			return &providers->states[i];
	}
	return NULL;
}
