#include "config/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/oauth2.h"
#include "config/providers.h"
#include "config/target.h"

struct config *
config_ref(struct config *config)
{
	config->references++;
	return config;
}

void
config_unref(struct config *config)
{
	if (config == NULL || --config->references > 0)
		return;
	for (size_t i = 0; i < config->target_count; i++)
		target_free(config->targets[i]);
	for (size_t i = 0; i < config->disabled_count; i++)
		target_free(config->disabled[i]);
	for (size_t i = 0; i < config->provider_count; i++)
		provider_free(config->providers[i]);
	free(config->providers);
	free(config->targets);
	free(config->by_name);
	free(config->disabled);
	oauth2_clear(config);
	keyed_clear(&file_keys, config);
	free(config->path);
	free(config);
}

static int
compare_names(const void *left, const void *right)
{
	const struct target *const *a = left;
	const struct target *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

void
config_index(struct config *config)
{
	size_t bytes = config->target_count * sizeof(struct target *);

	config->service_count = 0;
	for (size_t i = 0; i < config->target_count; i++) {
		config->targets[i]->index = i;
		if (config->targets[i]->kind == TARGET_SERVICE)
			config->service_count++;
	}
	free(config->by_name);
	config->by_name = NULL;
	if (bytes == 0)
		return;
	config->by_name = xmalloc(bytes);
	memcpy(config->by_name, config->targets, bytes);
	qsort(config->by_name, config->target_count, sizeof(struct target *),
	    compare_names);
}

struct target *
config_find(const struct config *config, const char *name)
{
	size_t low = 0;
	size_t high = config->target_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, config->by_name[middle]->name);

		if (order == 0)
			return config->by_name[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct provider *
config_find_provider(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->provider_count; i++) {
		if (strcmp(config->providers[i]->name, name) == 0)
			return config->providers[i];
	}
	return NULL;
}

static bool
is_listed(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* The sources of tokens borrow from the targets that they were made for. */
static void
resolve_tokens_again(struct config *config)
{
	struct faults *none = faults_new();

	oauth2_resolve(config, none);
	assert(faults_error_count(none) == 0);
	faults_free(none);
}

/* What `for_each` says is kept with the first of those that it made. Where that one goes, AT,
 * it is the next one's that stays. */
static void
hand_on_for_each(const struct config *config, size_t at, const bool *wanted)
{
	struct target *from = config->targets[at];

	if (from->for_each == NULL || from->definition == NULL)
		return;
	for (size_t i = at + 1; i < config->target_count; i++) {
		struct target *target = config->targets[i];

		if (target->kind != from->kind || target->definition == NULL ||
		    strcmp(target->definition, from->definition) != 0)
			return;
		if (!wanted[i])
			continue;
		target->for_each = from->for_each;
		from->for_each = NULL;
		return;
	}
}

void
config_keep_only(struct config *config, const char *const *names, size_t count)
{
	bool *wanted = xcalloc(config->target_count + 1, sizeof(*wanted));
	size_t kept = 0;

	assert(config->references == 1);
	for (size_t i = 0; i < config->target_count; i++)
		wanted[i] = is_listed(config->targets[i]->name, names, count);
	dependencies_close(config, wanted);
	for (size_t i = 0; i < config->target_count; i++) {
		struct target *target = config->targets[i];

		if (wanted[i]) {
			config->targets[kept++] = target;
			continue;
		}
		hand_on_for_each(config, i, wanted);
		target_free(target);
	}
	config->target_count = kept;
	free(wanted);
	config_index(config);
	resolve_tokens_again(config);
}

int64_t
config_shortest_interval_ms(const struct config *config)
{
	int64_t shortest_ms = 0;

	for (size_t i = 0; i < config->target_count; i++) {
		int64_t interval_ms = config->targets[i]->interval_ms;

		if (shortest_ms == 0 || interval_ms < shortest_ms)
			shortest_ms = interval_ms;
	}
	return shortest_ms > 0 ? shortest_ms : config->interval_ms;
}
