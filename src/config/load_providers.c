/*
 * load_providers(): where prompts go.
 */
#include "config/load_parts.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/providers.h"

/* Whatever is wrong with it: prompts that name it have no fault of their own. It has no host
 * then. */
static void
load_provider(struct load *load, const struct yaml_pair *pair)
{
	const struct yaml_node *name = pair->key;
	struct config *config = load->config;
	struct provider *provider = provider_new(name->text, name->place);
	bool loaded;

	load_check_name(load, name->place, "provider", name->text);
	provider->index = config->provider_count;
	config->providers =
	    xgrow(config->providers, config->provider_count, sizeof(struct provider *));
	config->providers[config->provider_count++] = provider;
	if (pair->value->kind != YAML_MAP) {
		faults_error(load->faults, pair->value->place,
		    "%s: expected a map of keys", name->text);
		return;
	}
	load_check_required(load, &provider_keys, name, pair->value);
	provider->api = API_COUNT;
	loaded = keyed_load(&provider_keys, pair->value, &load->loading, provider);
	/* What an API needs that is none is not known. */
	if (provider->api == API_COUNT)
		provider->api = API_GEMINI;
	else
		provider_fill(provider, config, load->faults);
	if (!loaded) {
		free(provider->host);
		provider->host = NULL;
	}
}

void
load_providers(struct load *load)
{
	struct entries entries = load_collect(load, "providers");

	for (size_t i = 0; i < entries.count; i++)
		load_provider(load, &entries.items[i]);
	free(entries.items);
}
