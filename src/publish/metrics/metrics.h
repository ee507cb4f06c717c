/*
 * A snapshot in Prometheus' text format, version 0.0.4: for /metrics, and for node_exporter's
 * textfile collector.
 */
#ifndef GATHERD_PUBLISH_METRICS_METRICS_H
#define GATHERD_PUBLISH_METRICS_METRICS_H

struct buffer;
struct snapshot;

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Of a snapshot that was made with `samples`. In any thread. */
void metrics_append(struct buffer *out, const struct snapshot *snapshot);

#endif
