/*
 * The parts of Prometheus' text format, version 0.0.4, which is called exposition: heads,
 * labels, numbers.
 */
#ifndef GATHERD_PUBLISH_METRICS_EXPOSITION_H
#define GATHERD_PUBLISH_METRICS_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buffer;

/* How many decimals these units have, where seconds or whole money are told. */
#define EXPOSITION_MS_DECIMALS    3
#define EXPOSITION_US_DECIMALS    6
#define EXPOSITION_MONEY_DECIMALS 12

/* Append `# HELP` and `# TYPE`. */
void exposition_append_head(
    struct buffer *out, const char *name, const char *type, const char *help);

/* The longest that exposition_put_number() writes. */
#define EXPOSITION_NUMBER_SIZE 24

/* Write NUMBER (>= 0) divided by ten to the power of DECIMALS (up to 12) to AT, without
 * needless zeros and without a NUL: 0.2034. Returns where it ends. */
char *exposition_put_number(char *at, int64_t number, unsigned decimals);

/* Append NUMBER, one of JSON, or `true` or `false` as 1 or 0, in a form that every reader of
 * the format takes. Returns false, and appends nothing, where it is none of these. */
bool exposition_append_json_number(struct buffer *out, struct span number);

/* Append TEXT as it stands between the quotes of a label's value. */
void exposition_append_value(struct buffer *out, const char *text, size_t len);
/* Likewise, a string of JSON. */
void exposition_append_json_string(struct buffer *out, struct span string);

/* Append a line without labels; and one with the label LABEL, whose VALUE needs no escapes
 * yet. NUMBER and DECIMALS as above. */
void exposition_append_sample(
    struct buffer *out, const char *name, int64_t number, unsigned decimals);
void exposition_append_labelled(struct buffer *out, const char *name, const char *label,
    const char *value, int64_t number, unsigned decimals);

/* Append a family of one line without labels; none where NUMBER is negative: unknown. */
void exposition_append_single(struct buffer *out, const char *name, const char *type,
    const char *help, int64_t number, unsigned decimals);

/*
 * Append `,NAME="VALUE"` to LABELS for each member of OBJECT, a JSON object of texts or absent.
 * A name that is none of a label is made one: other characters become `_`; one that begins with
 * a digit gets a `_` before it; one that is reserved, by the format or because it is among
 * RESERVED (NULL-terminated), gets `label_` before it; and one that is taken then a number
 * behind it.
 */
void exposition_append_labels(
    struct buffer *labels, struct span object, const char *const *reserved);

#endif
