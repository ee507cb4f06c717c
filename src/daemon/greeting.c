#include "config.h"

#include "daemon/greeting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "daemon/setup.h"

static bool
has_one_interval(const struct config *config, int64_t interval_ms)
{
	for (size_t i = 0; i < config->target_count; i++) {
		if (config->targets[i]->interval_ms != interval_ms)
			return false;
	}
	return true;
}

/* "1 service", "3 services and 2 prompts"; the caller's. */
static char *
describe_targets(const struct config *config)
{
	size_t services = config->service_count;
	size_t prompts = config->target_count - services;

	if (prompts == 0)
		return xasprintf("%zu service%s", services, services == 1 ? "" : "s");
	if (services == 0)
		return xasprintf("%zu prompt%s", prompts, prompts == 1 ? "" : "s");
	return xasprintf("%zu service%s and %zu prompt%s", services,
	    services == 1 ? "" : "s", prompts, prompts == 1 ? "" : "s");
}

void
greeting_log(const struct config *config)
{
	int64_t shortest_ms = config_shortest_interval_ms(config);
	char *targets = describe_targets(config);
	char interval[UNITS_TEXT_SIZE];

	units_format_duration(interval, shortest_ms);
	log_info(PACKAGE_STRING " gathers %s, %severy %s", targets,
	    has_one_interval(config, shortest_ms) ? "" : "the most frequent ",
	    interval);
	free(targets);
	setup_warn(config);
}
