/*
 * What metrics say of providers: a table of families, with a line for each provider.
 */
#ifndef GATHERD_PUBLISH_METRICS_PROVIDER_GAUGES_H
#define GATHERD_PUBLISH_METRICS_PROVIDER_GAUGES_H

#include <stdint.h>

struct buffer;
struct providers;

/* Append the families with their heads; none where there are no PROVIDERS. */
void provider_gauges_append(
    struct buffer *out, const struct providers *providers, int64_t now_us);

#endif
