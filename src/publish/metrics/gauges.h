/*
 * What metrics say of the whole: rounds, documents, providers, the loop, the listener, the
 * process. Families with their heads, as lines.
 */
#ifndef GATHERD_PUBLISH_METRICS_GAUGES_H
#define GATHERD_PUBLISH_METRICS_GAUGES_H

struct board;
struct buffer;
struct snapshot_head;

void gauges_append(
    struct buffer *out, const struct board *board, const struct snapshot_head *head);

#endif
