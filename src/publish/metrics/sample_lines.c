#include "publish/metrics/sample_lines.h"

#include <string.h>

#include "config/config.h"
#include "gather/board.h"
#include "publish/metrics/exposition.h"

/* ---- the labels of all ---- */

/* No label of the target's own may have one of these names: ours, and the format's. */
static const char *const own_labels[] = { "target", "kind", "group", "le", "quantile",
	"status", "phase", "name", "type", "unit", "provider", "model", NULL };

static void
append_label(struct buffer *labels, const char *lead, const char *value)
{
	buffer_append_string(labels, lead);
	exposition_append_value(labels, value, strlen(value));
	buffer_append_char(labels, '"');
}

static void
append_labels(struct buffer *labels, const struct board_entry *entry)
{
	const struct target *target = entry->target;

	append_label(labels, "{target=\"", target->name);
	append_label(labels, ",kind=\"", target_kind_names[target->kind]);
	if (entry->group != NULL)
		append_label(labels, ",group=\"", entry->group);
	if (entry->labels != NULL)
		exposition_append_labels(labels,
		    span_whole(entry->labels, strlen(entry->labels)), own_labels);
}

/* ---- one after the other ---- */

/* The lines of most services are about as many; with a histogram twice. */
#define USUAL_LINES 32

void
sample_lines_init(struct sample_lines *lines, struct buffer *out,
    const struct board_entry *entry, bool histogram)
{
	*lines = (struct sample_lines){
		.out = out,
		.entry = entry,
		.histogram = histogram,
	};
	buffer_init(&lines->labels, BUFFER_UNLIMITED);
	append_labels(&lines->labels, entry);
	sample_facts_see(&lines->facts, entry);
	/* At once, so that little is copied. A full buffer tells by itself. */
	(void)!buffer_reserve(out,
	    (lines->labels.len + SAMPLE_LABEL_SIZE) * USUAL_LINES *
	        (histogram ? 2 : 1));
}

void
sample_lines_clear(struct sample_lines *lines)
{
	buffer_clear(&lines->labels);
}

void
sample_lines_begin(struct sample_lines *lines, const char *family)
{
	lines->family = family;
	lines->family_len = strlen(family);
}

/* ---- a line ---- */

/* Write all of a line but its number to AT; returns where it ends. */
static char *
put_series(char *at, const struct sample_lines *lines, const struct sample_extra *extra)
{
	at = mempcpy(at, lines->family, lines->family_len);
	if (extra->suffix != NULL)
		at = stpcpy(at, extra->suffix);
	at = mempcpy(at, lines->labels.data, lines->labels.len);
	if (extra->label_len > 0)
		at = mempcpy(at, extra->label, extra->label_len);
	*at++ = '}';
	*at++ = ' ';
	return at;
}

/* The longest suffix and the signs around. */
#define LINE_SIGNS sizeof("_bucket} \n")

void
sample_lines_put_extra(struct sample_lines *lines, const struct sample_extra *extra,
    int64_t number, unsigned decimals)
{
	static const struct sample_extra nothing = { 0 };
	char *start, *at;

	if (extra == NULL)
		extra = &nothing;
	start = buffer_reserve(lines->out,
	    lines->family_len + lines->labels.len + extra->label_len + LINE_SIGNS +
	        EXPOSITION_NUMBER_SIZE);
	if (start == NULL)
		return;
	at = put_series(start, lines, extra);
	at = exposition_put_number(at, number, decimals);
	*at++ = '\n';
	buffer_grown(lines->out, (size_t)(at - start));
}

void
sample_lines_put(struct sample_lines *lines, int64_t number)
{
	sample_lines_put_extra(lines, NULL, number, 0);
}

void
sample_lines_put_ms(struct sample_lines *lines, int64_t ms)
{
	if (ms >= 0)
		sample_lines_put_extra(lines, NULL, ms, EXPOSITION_MS_DECIMALS);
}

void
sample_lines_put_labelled(struct sample_lines *lines, const char *name,
    const char *value, int64_t number, unsigned decimals)
{
	char label[SAMPLE_LABEL_SIZE];
	char *at = label;
	struct sample_extra extra = { .label = label };

	*at++ = ',';
	at = stpcpy(at, name);
	at = stpcpy(at, "=\"");
	at = stpcpy(at, value);
	*at++ = '"';
	extra.label_len = (size_t)(at - label);
	sample_lines_put_extra(lines, &extra, number, decimals);
}

void
sample_lines_put_named(struct sample_lines *lines, struct span name, struct span number)
{
	struct buffer *out = lines->out;
	size_t start = out->len;

	buffer_append(out, lines->family, lines->family_len);
	buffer_append(out, lines->labels.data, lines->labels.len);
	buffer_append_string(out, ",name=\"");
	exposition_append_json_string(out, name);
	buffer_append_string(out, "\"} ");
	if (exposition_append_json_number(out, number))
		buffer_append_char(out, '\n');
	else
		buffer_truncate(out, start);
}
