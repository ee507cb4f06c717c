/*
 * The metrics of one entry while they are written, line by line: all lines have its labels.
 */
#ifndef GATHERD_PUBLISH_METRICS_SAMPLE_LINES_H
#define GATHERD_PUBLISH_METRICS_SAMPLE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "publish/metrics/sample_facts.h"

struct board_entry;

struct sample_lines {
	struct buffer *out;              /* borrowed, as the entry */
	const struct board_entry *entry; /* whose lines they are */
	struct sample_facts facts;
	bool histogram;     /* with that of its durations */
	const char *family; /* whose turn it is; borrowed */
	size_t family_len;
	struct buffer labels; /* what all lines have: {target="...",... */
};

void sample_lines_init(struct sample_lines *lines, struct buffer *out,
    const struct board_entry *entry, bool histogram);
void sample_lines_clear(struct sample_lines *lines);

/* The next lines are those of FAMILY. */
void sample_lines_begin(struct sample_lines *lines, const char *family);

/* What a line has beside the family's name and the labels of all. */
struct sample_extra {
	const char *suffix; /* of the name, `_bucket` at most; NULL: none */
	const char *label;  /* `,name="value"`, escaped; NULL: none */
	size_t label_len;
};

/* Append a line with EXTRA (NULL: nothing). NUMBER and DECIMALS: see publish/exposition. */
void sample_lines_put_extra(struct sample_lines *lines,
    const struct sample_extra *extra, int64_t number, unsigned decimals);

/* Append a line with no more than all have. */
void sample_lines_put(struct sample_lines *lines, int64_t number);
/* Likewise, MS in seconds; none where it is negative: unknown. */
void sample_lines_put_ms(struct sample_lines *lines, int64_t ms);

/* The longest label, with its value, that the next one takes. */
#define SAMPLE_LABEL_SIZE 64

/* Append a line with the label NAME, whose VALUE needs no escapes; both are short. */
void sample_lines_put_labelled(struct sample_lines *lines, const char *name,
    const char *value, int64_t number, unsigned decimals);

/* Append a line with the label `name`, a string of JSON, of any length, and a number of JSON;
 * none where NUMBER is not one. */
void sample_lines_put_named(
    struct sample_lines *lines, struct span name, struct span number);

#endif
