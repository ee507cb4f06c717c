#include "publish/metrics/exposition.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/names.h"
#include "base/utf8.h"

void
exposition_append_head(
    struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_append_format(
	    out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

/* ---- numbers ---- */

/* By hand, as printf(3) costs many times as much, and there are thousands. */
char *
exposition_put_number(char *at, int64_t number, unsigned decimals)
{
	char text[EXPOSITION_NUMBER_SIZE];
	char *start = text + sizeof(text);
	uint64_t left = (uint64_t)number;

	assert(number >= 0 && decimals <= EXPOSITION_MONEY_DECIMALS);
	while (decimals > 0 && left % 10 == 0) {
		left /= 10;
		decimals--;
	}
	if (decimals > 0) {
		for (; decimals > 0; decimals--, left /= 10)
			*--start = (char)('0' + left % 10);
		*--start = '.';
	}
	do {
		*--start = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	return mempcpy(at, start, (size_t)(text + sizeof(text) - start));
}

/* More digits than any number of a double precision needs. */
#define PLAIN_NUMBER_BYTES 32

/* JSON's numbers have no end; readers of metrics refuse what no double can hold. */
static void
append_double(struct buffer *out, struct span number)
{
	double value;

	if (!span_number(number, &value))
		return;
	if (isinf(value))
		buffer_append_string(out, value < 0 ? "-Inf" : "+Inf");
	else
		buffer_append_format(out, "%.17g", value);
}

bool
exposition_append_json_number(struct buffer *out, struct span number)
{
	switch (span_kind(number)) {
	case SPAN_BOOL:
		buffer_append_string(out, number.text[0] == 't' ? "1" : "0");
		return true;
	case SPAN_NUMBER:
		if (number.len > PLAIN_NUMBER_BYTES ||
		    memchr(number.text, 'e', number.len) != NULL ||
		    memchr(number.text, 'E', number.len) != NULL)
			append_double(out, number);
		else
			buffer_append(out, number.text, number.len);
		return true;
	case SPAN_ABSENT:
	case SPAN_NULL:
	case SPAN_STRING:
	case SPAN_ARRAY:
	case SPAN_OBJECT:
		break;
	}
	return false;
}

/* ---- the values of labels ---- */

static bool
is_special(char c)
{
	return c == '\\' || c == '"' || c == '\n' || c == '\0';
}

/* C, a special one. A NUL has no escape, and ends the whole text for some readers. */
static void
append_special(struct buffer *out, char c)
{
	if (c == '\0') {
		utf8_append(out, 0xFFFD);
		return;
	}
	buffer_append_char(out, '\\');
	buffer_append(out, c == '\n' ? "n" : &c, 1);
}

void
exposition_append_value(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *special = text;

		while (special < end && !is_special(*special))
			special++;
		utf8_append_repaired(out, text, (size_t)(special - text));
		text = special;
		if (text < end)
			append_special(out, *text++);
	}
}

/* What stands between the quotes of STRING, where no escape is in it; else NULL. */
static const char *
plain_text(struct span string, size_t *len)
{
	if (span_kind(string) != SPAN_STRING ||
	    memchr(string.text, '\\', string.len) != NULL)
		return NULL;
	*len = string.len - 2;
	return string.text + 1;
}

void
exposition_append_json_string(struct buffer *out, struct span string)
{
	size_t len;
	const char *plain = plain_text(string, &len);
	char *text;

	/* No quote stands there, then, and no line break. */
	if (plain != NULL) {
		utf8_append_repaired(out, plain, len);
		return;
	}
	text = span_text(string, &len);
	if (text != NULL)
		exposition_append_value(out, text, len);
	free(text);
}

/* ---- lines ---- */

static void
end_line(struct buffer *out, int64_t number, unsigned decimals)
{
	char text[EXPOSITION_NUMBER_SIZE + 2] = " ";
	char *end = exposition_put_number(text + 1, number, decimals);

	*end++ = '\n';
	buffer_append(out, text, (size_t)(end - text));
}

void
exposition_append_sample(
    struct buffer *out, const char *name, int64_t number, unsigned decimals)
{
	buffer_append_string(out, name);
	end_line(out, number, decimals);
}

void
exposition_append_labelled(struct buffer *out, const char *name, const char *label,
    const char *value, int64_t number, unsigned decimals)
{
	buffer_append_string(out, name);
	buffer_append_char(out, '{');
	buffer_append_string(out, label);
	buffer_append_string(out, "=\"");
	exposition_append_value(out, value, strlen(value));
	buffer_append_string(out, "\"}");
	end_line(out, number, decimals);
}

void
exposition_append_single(struct buffer *out, const char *name, const char *type,
    const char *help, int64_t number, unsigned decimals)
{
	if (number < 0)
		return;
	exposition_append_head(out, name, type, help);
	exposition_append_sample(out, name, number, decimals);
}

/* ---- the names of labels ---- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    is_digit(c);
}

/* Those that begin with two of them are the readers' own. */
static bool
is_reserved(const char *name, const char *const *reserved)
{
	return strncmp(name, "__", 2) == 0 || name[0] == '\0' ||
	    names_find(reserved, name) >= 0;
}

static bool
has_name_characters(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_name_character(text[i]))
			return false;
	}
	return len > 0 && !is_digit(text[0]);
}

/* Append the characters of TEXT that a name may have, and `_` for each other one. */
static void
append_name_characters(struct buffer *name, const char *text, size_t len)
{
	size_t taken;

	for (size_t i = 0; i < len; i += taken) {
		bool fits = is_name_character(text[i]);

		taken = utf8_decode(text + i, len - i, NULL);
		taken = taken > 0 ? taken : 1;
		buffer_append(name, fits ? text + i : "_", 1);
	}
}

/* Does one of LABELS have NAME? A value that ends like it makes for a needless number only. */
static bool
is_taken(const struct buffer *labels, const char *name)
{
	struct buffer label;
	bool taken;

	buffer_init(&label, BUFFER_UNLIMITED);
	buffer_append_format(&label, ",%s=\"", name);
	taken = strstr(labels->data, label.data) != NULL;
	buffer_clear(&label);
	return taken;
}

static void
make_unique(struct buffer *name, const struct buffer *labels)
{
	size_t len = name->len;

	for (unsigned number = 2; is_taken(labels, name->data); number++) {
		buffer_truncate(name, len);
		buffer_append_format(name, "_%u", number);
	}
}

/* Append to NAME what TEXT is as the name of a label. */
static void
make_name(
    struct buffer *name, const char *text, size_t len, const char *const *reserved)
{
	if (len > 0 && is_digit(text[0]))
		buffer_append_char(name, '_');
	append_name_characters(name, text, len);
	if (is_reserved(name->data, reserved)) {
		struct buffer longer;

		buffer_init(&longer, BUFFER_UNLIMITED);
		buffer_append_format(&longer, "label_%s", name->data);
		buffer_clear(name);
		*name = longer;
	}
}

static void
append_label(
    struct buffer *labels, const char *name, size_t name_len, struct span value)
{
	buffer_append_char(labels, ',');
	buffer_append(labels, name, name_len);
	buffer_append(labels, "=\"", 2);
	exposition_append_json_string(labels, value);
	buffer_append_char(labels, '"');
}

/* Append the label KEY to LABELS where it is a name as it is, in this pass, and where it is
 * not, in the other one. Returns whether it was done. */
static bool
append_in_pass(struct buffer *labels, struct span key, struct span value, bool made,
    const char *const *reserved)
{
	struct buffer name;
	size_t len;
	char *text = span_text(key, &len);
	bool fits = has_name_characters(text, len) && !is_reserved(text, reserved);

	if (fits && !made)
		append_label(labels, text, len, value);
	if (!fits && made) {
		buffer_init(&name, BUFFER_UNLIMITED);
		make_name(&name, text, len, reserved);
		make_unique(&name, labels);
		append_label(labels, name.data, name.len, value);
		buffer_clear(&name);
	}
	free(text);
	return fits != made;
}

void
exposition_append_labels(
    struct buffer *labels, struct span object, const char *const *reserved)
{
	struct span_walk walk;
	struct span key, value;
	bool all = true;

	/* First those that need no change, so that no made one takes their name. */
	span_walk_init(&walk, object);
	while (span_walk_next(&walk, &key, &value))
		all &= append_in_pass(labels, key, value, false, reserved);
	if (all)
		return;
	span_walk_init(&walk, object);
	while (span_walk_next(&walk, &key, &value))
		(void)append_in_pass(labels, key, value, true, reserved);
}
