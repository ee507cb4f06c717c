#include "config/yaml_write.h"

#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/utf8.h"

#define INDENT 2

/* YAML 1.1, 4.5.1: a key that is longer than 1024 characters needs a "?". Escaped, a byte
 * takes at most six. */
#define MAX_SIMPLE_KEY_BYTES ((size_t)1000 / 6)

/* What some reader of YAML takes for something else than text. */
static const char *const reserved_words[] = { "true", "false", "null", "yes", "no",
	"on", "off", "y", "n" };

static bool
is_reserved(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(reserved_words); i++) {
		if (strcasecmp(text, reserved_words[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Would TEXT, unquoted, be read as just this text? Stricter than YAML 1.1 demands: what
 * starts like a number, a date or an indicator is quoted.
 */
static bool
is_safely_plain(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || is_reserved(text))
		return false;
	if (!isalpha((unsigned char)text[0]) && strchr("/_$", text[0]) == NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		char next = text[i + 1];

		if ((signed char)text[i] < ' ' ||
		    text[i] == '\x7f') /* not ASCII is below 0 */
			return false;
		if (text[i] == ':' && (next == ' ' || next == '\0'))
			return false;
		if (text[i] == ' ' && (next == ' ' || next == '#' || next == '\0'))
			return false;
	}
	return true;
}

/* Characters that YAML does not let stand as they are, or folds like a line's end. */
static bool
must_be_escaped(uint32_t code_point)
{
	return code_point < ' ' || (code_point >= 0x7f && code_point < 0xa0) ||
	    code_point == 0x2028 || code_point == 0x2029 || code_point == 0xfeff ||
	    code_point == 0xfffe || code_point == 0xffff;
}

static void
append_character(struct buffer *out, const char *text, size_t len, uint32_t code_point)
{
	if (code_point == '\n')
		buffer_append_string(out, "\\n");
	else if (code_point == '\t')
		buffer_append_string(out, "\\t");
	else if (must_be_escaped(code_point))
		buffer_append_format(out, "\\u%04x", (unsigned)code_point);
	else {
		if (code_point == '"' || code_point == '\\')
			buffer_append_char(out, '\\');
		buffer_append(out, text, len);
	}
}

static void
append_quoted(struct buffer *out, const char *text)
{
	size_t left = strlen(text);

	buffer_append_char(out, '"');
	while (left > 0) {
		uint32_t code_point = 0xfffd;
		size_t len = utf8_decode(text, left, &code_point);

		if (len == 0) { /* cannot come from a YAML file, but from an argument */
			utf8_append(out, code_point);
			len = 1;
		} else {
			append_character(out, text, len, code_point);
		}
		text += len;
		left -= len;
	}
	buffer_append_char(out, '"');
}

static void
append_text(struct yaml_write *yaml, const char *text)
{
	if (yaml->flow == 0 && is_safely_plain(text))
		buffer_append_string(yaml->out, text);
	else
		append_quoted(yaml->out, text);
}

void
yaml_write_init(struct yaml_write *yaml, struct buffer *out)
{
	*yaml = (struct yaml_write){ .out = out, .depth = 1 };
}

void
yaml_write_end(UNUSED struct yaml_write *yaml)
{
	assert(yaml->depth == 1 && yaml->flow == 0);
}

/* Before a value or, in a map in flow style, before a key. */
static void
separate(struct yaml_write *yaml)
{
	if (yaml->flow > 0 && yaml->comma)
		buffer_append_string(yaml->out, ", ");
	yaml->comma = false;
}

static void
indent(struct yaml_write *yaml)
{
	for (unsigned i = 1; i < yaml->depth; i++)
		buffer_append_format(yaml->out, "%*s", INDENT, "");
}

/* Up to where its ":" follows, in block style on a line of its own. */
static void
append_long_key(struct yaml_write *yaml, const char *key)
{
	buffer_append_string(yaml->out, "? ");
	append_quoted(yaml->out, key);
	if (yaml->flow > 0) {
		buffer_append_char(yaml->out, ' ');
		return;
	}
	buffer_append_char(yaml->out, '\n');
	indent(yaml);
}

void
yaml_write_key(struct yaml_write *yaml, const char *key)
{
	separate(yaml);
	if (yaml->flow == 0) {
		if (yaml->empty)
			buffer_append_char(yaml->out, '\n');
		yaml->empty = false;
		indent(yaml);
	}
	if (strlen(key) > MAX_SIMPLE_KEY_BYTES)
		append_long_key(yaml, key);
	else
		append_text(yaml, key);
	buffer_append_char(yaml->out, ':');
	if (yaml->flow > 0)
		buffer_append_char(yaml->out, ' ');
}

/* Behind a value. */
static void
finish(struct yaml_write *yaml)
{
	if (yaml->flow == 0)
		buffer_append_char(yaml->out, '\n');
	yaml->comma = true;
}

/* Before a value that stands on the line of its key. */
static void
begin_value(struct yaml_write *yaml)
{
	separate(yaml);
	if (yaml->flow == 0)
		buffer_append_char(yaml->out, ' ');
}

void
yaml_write_begin_map(struct yaml_write *yaml)
{
	if (yaml->flow > 0) {
		separate(yaml);
		buffer_append_char(yaml->out, '{');
		yaml->flow++;
		return;
	}
	yaml->depth++;
	yaml->empty = true;
}

void
yaml_write_end_map(struct yaml_write *yaml)
{
	if (yaml->flow > 0) {
		buffer_append_char(yaml->out, '}');
		yaml->flow--;
		finish(yaml);
		return;
	}
	yaml->depth--;
	if (yaml->empty)
		buffer_append_string(yaml->out, " {}\n");
	yaml->empty = false;
}

void
yaml_write_begin_list(struct yaml_write *yaml)
{
	begin_value(yaml);
	buffer_append_char(yaml->out, '[');
	yaml->flow++;
}

void
yaml_write_end_list(struct yaml_write *yaml)
{
	buffer_append_char(yaml->out, ']');
	yaml->flow--;
	finish(yaml);
}

void
yaml_write_text(struct yaml_write *yaml, const char *text)
{
	begin_value(yaml);
	append_text(yaml, text);
	finish(yaml);
}

void
yaml_write_word(struct yaml_write *yaml, const char *word)
{
	begin_value(yaml);
	buffer_append_string(yaml->out, word);
	finish(yaml);
}
