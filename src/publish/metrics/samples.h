/*
 * What metrics say of one target: a table of families, and the lines of one entry.
 *
 * In Prometheus' text format the lines of one family stand together, over all targets; so an
 * entry's lines are kept in the order of the families, with the place where each one's end.
 */
#ifndef GATHERD_PUBLISH_METRICS_SAMPLES_H
#define GATHERD_PUBLISH_METRICS_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

struct board_entry;
struct buffer;
struct sample_lines;

struct sample_family {
	const char *name; /* a histogram's without _bucket and the like */
	const char *type; /* "gauge", "counter", "histogram" */
	const char *help; /* a sentence without its end */
	void (*put)(struct sample_lines *lines); /* for samples_append() */
};

#define SAMPLE_FAMILY_COUNT 25
extern const struct sample_family sample_families[SAMPLE_FAMILY_COUNT];

/* Append the lines of ENTRY to OUT, and note in ENDS where those of each family end, counted
 * from where the first began. HISTOGRAM: with that of its durations. */
void samples_append(struct buffer *out, uint32_t ends[SAMPLE_FAMILY_COUNT],
    const struct board_entry *entry, bool histogram);

/* Append `# HELP` and `# TYPE` of a family. */
void samples_append_head(struct buffer *out, const struct sample_family *family);

#endif
