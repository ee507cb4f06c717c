#include "daemon/batch.h"

#include <stdint.h>

#include "base/log.h"
#include "config/config.h"

bool
batch_is(const struct config *config)
{
	return config->service_count == 0 && config->target_count > 0;
}

static bool
is_asked(const struct config *config, const struct provider *provider)
{
	for (size_t i = config->service_count; i < config->target_count; i++) {
		if (target_prompt(config->targets[i])->provider == provider)
			return true;
	}
	return false;
}

/* Of all providers together, and within the limit of all. */
static int64_t
max_concurrent(const struct config *config)
{
	int64_t max = 0;

	for (size_t i = 0; i < config->provider_count; i++) {
		if (is_asked(config, config->providers[i]))
			max += config->providers[i]->max_concurrent;
	}
	return max < config->max_concurrent ? max : config->max_concurrent;
}

void
batch_log_begin(const struct config *config)
{
	size_t count = config->target_count;

	log_info("processing %zu prompt%s (max %lld concurrent)", count,
	    count == 1 ? "" : "s", (long long)max_concurrent(config));
}

void
batch_log_end(const struct config *config, size_t success_count)
{
	log_info("success: %zu/%zu", success_count, config->target_count);
}
