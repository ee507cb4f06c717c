/* Where rendered values go: escaped for their place, or as JSON. */
#include <string.h>

#include "base/buffer.h"
#include "base/json_escape.h"
#include "base/json_write.h"
#include "base/secrets.h"
#include "template/internal.h"

#define BYTES_PER_STEP ((size_t)16)

void
template_spend(struct template_output *output, size_t steps)
{
	output->steps_left -= steps < output->steps_left ? steps : output->steps_left;
}

void
template_spend_bytes(struct template_output *output, size_t bytes)
{
	template_spend(output, bytes / BYTES_PER_STEP);
}

void
template_carry(struct template_output *output, const char *secret, size_t len)
{
	if (output->carried != NULL)
		secrets_add(output->carried, secret, len);
}

void
template_carry_escaped(struct template_output *output, const char *secret, size_t len)
{
	struct buffer plain;

	template_carry(output, secret, len);
	if (output->carried == NULL || memchr(secret, '\\', len) == NULL)
		return;
	buffer_init(&plain, BUFFER_UNLIMITED);
	json_append_unescaped(&plain, secret, len);
	template_carry(output, plain.data, plain.len);
	buffer_clear(&plain);
}

static bool
append(struct template_output *output, const char *text, size_t len, enum mark mark)
{
	return len <= TEMPLATE_MAX_OUTPUT - output->out->text.len &&
	    marked_append(output->out, text, len, mark);
}

static bool
ends_line(const char *text, size_t len)
{
	return text[0] == '\n' || (len > 1 && text[0] == '\r' && text[1] == '\n');
}

bool
template_put(
    struct template_output *output, const char *text, size_t len, enum mark mark)
{
	template_spend_bytes(output, len);
	if (len == 0)
		return true;
	/* A block's last line is one of its own, whatever the template goes on with. */
	if (output->ends_block && !ends_line(text, len) &&
	    !append(output, "\n", 1, MARK_PUT_IN))
		return false;
	output->ends_block = false;
	return append(output, text, len, mark);
}

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 3986, 2.1; the hex digits in upper case, as it recommends. */
static bool
put_percent_encoded(
    struct template_output *output, const char *text, size_t len, enum mark mark)
{
	static const char hex[] = "0123456789ABCDEF";
	char chunk[768];
	size_t filled = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (filled > sizeof(chunk) - 3) {
			if (!template_put(output, chunk, filled, mark))
				return false;
			filled = 0;
		}
		if (is_unreserved(text[i])) {
			chunk[filled++] = text[i];
			continue;
		}
		chunk[filled++] = '%';
		chunk[filled++] = hex[byte >> 4];
		chunk[filled++] = hex[byte & 0x0F];
	}
	/* cppcheck-suppress uninitvar; with nothing filled, nothing is read */
	return template_put(output, chunk, filled, mark);
}

/* Without what would end the header's line, and with it start another header; in one
 * piece, as a secret is one. */
static bool
put_in_header(
    struct template_output *output, const char *text, size_t len, enum mark mark)
{
	struct buffer line;
	bool fits;

	/* What is left out costs time as well. */
	template_spend_bytes(output, len);
	buffer_init(&line, BUFFER_UNLIMITED);
	for (const char *c = text; c < text + len; c++) {
		if (*c != '\r' && *c != '\n' && *c != '\0')
			buffer_append_char(&line, *c);
	}
	fits = template_put(output, line.data, line.len, mark);
	buffer_clear(&line);
	return fits;
}

/* Put in one part of a value, escaped as FORM and the place want it. */
static bool
put_part(struct template_output *output, enum template_form form, const char *text,
    size_t len, enum mark mark)
{
	switch (output->place) {
	case TEMPLATE_PLAIN:
		break;
	case TEMPLATE_URL:
		if (form != FORM_ESCAPED)
			break;
		return put_percent_encoded(output, text, len, mark);
	case TEMPLATE_HEADER:
		return put_in_header(output, text, len, mark);
	}
	return template_put(output, text, len, mark);
}

static bool
put_secret(struct template_output *output, enum template_form form, const char *text,
    size_t len)
{
	size_t before = output->out->text.len;

	if (!put_part(output, form, text, len, MARK_SECRET))
		return false;
	/* A header's value may go out without its line ends: then that may come back. */
	if (output->place == TEMPLATE_HEADER)
		template_carry(output, output->out->text.data + before,
		    output->out->text.len - before);
	return true;
}

static bool
put_text(struct template_output *output, enum template_form form,
    const struct template_value *value)
{
	const struct marked *text = value->text;
	const char *part;
	enum mark mark;
	size_t len;

	if (text == NULL)
		return put_part(
		    output, form, value->plain, strlen(value->plain), MARK_PUT_IN);
	if (output->carried != NULL)
		secrets_add_marked(output->carried, text);
	for (size_t i = 0; i < text->part_count; i++) {
		marked_part(text, i, &part, &len, &mark);
		if (mark == MARK_SECRET) {
			if (!put_secret(output, form, part, len))
				return false;
		} else if (!put_part(output, form, part, len, MARK_PUT_IN)) {
			return false;
		}
	}
	return true;
}

/* ---- lists and maps as JSON ---- */

static bool
put_json_parts(struct template_output *output, const struct marked *json)
{
	const char *part;
	enum mark mark;
	size_t len;

	for (size_t i = 0; i < json->part_count; i++) {
		marked_part(json, i, &part, &len, &mark);
		if (mark == MARK_SECRET)
			template_carry_escaped(output, part, len);
		else
			mark = MARK_PUT_IN;
		if (!template_put(output, part, len, mark))
			return false;
	}
	return true;
}

/* A list or a map. */
static enum template_result
put_json(struct template_output *output, const struct template_value *value)
{
	struct marked json;
	bool fits;

	if (output->place != TEMPLATE_PLAIN || value->data->json == NULL)
		return TEMPLATE_NOT_TEXT;
	marked_init(&json, TEMPLATE_MAX_OUTPUT - output->out->text.len);
	fits = value->data->json(value, &json) && put_json_parts(output, &json);
	marked_clear(&json);
	return fits ? TEMPLATE_RENDERED : TEMPLATE_TOO_LARGE;
}

/* ---- text as JSON ---- */

/* One part of a string's inside. */
static bool
put_escaped(
    struct template_output *output, const char *text, size_t len, enum mark mark)
{
	struct buffer escaped;
	bool fits;

	buffer_init(&escaped, BUFFER_UNLIMITED);
	json_write_append_escaped(&escaped, text, len);
	fits = template_put(output, escaped.data, escaped.len, mark);
	buffer_clear(&escaped);
	return fits;
}

static bool
put_escaped_parts(struct template_output *output, const struct marked *text)
{
	const char *part;
	enum mark mark;
	size_t len;

	if (output->carried != NULL)
		secrets_add_marked(output->carried, text);
	for (size_t i = 0; i < text->part_count; i++) {
		marked_part(text, i, &part, &len, &mark);
		if (mark != MARK_SECRET)
			mark = MARK_PUT_IN;
		if (!put_escaped(output, part, len, mark))
			return false;
	}
	return true;
}

static bool
put_string(struct template_output *output, const struct template_value *value)
{
	if (!template_put(output, "\"", 1, MARK_PUT_IN))
		return false;
	if (value->text != NULL) {
		if (!put_escaped_parts(output, value->text))
			return false;
	} else if (!put_escaped(
	               output, value->plain, strlen(value->plain), MARK_PUT_IN)) {
		return false;
	}
	return template_put(output, "\"", 1, MARK_PUT_IN);
}

/* ---- any value ---- */

static bool
put_word(struct template_output *output, const char *word)
{
	return template_put(output, word, strlen(word), MARK_PUT_IN);
}

enum template_result
template_put_value(struct template_output *output, const struct template_value *value,
    enum template_form form)
{
	bool fits = false;

	switch (value->kind) {
	case TEMPLATE_NULL:
		fits = put_word(output, "null");
		break;
	case TEMPLATE_FALSE:
		fits = put_word(output, "false");
		break;
	case TEMPLATE_TRUE:
		fits = put_word(output, "true");
		break;
	case TEMPLATE_TEXT:
		fits = form == FORM_JSON && !value->number
		    ? put_string(output, value)
		    : put_text(output, form, value);
		break;
	case TEMPLATE_LIST:
	case TEMPLATE_MAP:
		return put_json(output, value);
	}
	return fits ? TEMPLATE_RENDERED : TEMPLATE_TOO_LARGE;
}
