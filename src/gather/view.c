#include "gather/view.h"

#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"

/* ---- values ---- */

void
view_text(struct template_value *value, const char *text)
{
	*value = (struct template_value){
		.kind = text != NULL ? TEMPLATE_TEXT : TEMPLATE_NULL,
		.plain = text,
		.fetched = true,
	};
}

void
view_list(
    struct template_value *value, const void *node, const struct template_data *data)
{
	*value = (struct template_value){
		.kind = TEMPLATE_LIST,
		.fetched = true,
		.node = node,
		.data = data,
	};
}

void
view_map(
    struct template_value *value, const void *node, const struct template_data *data)
{
	*value = (struct template_value){
		.kind = TEMPLATE_MAP,
		.fetched = true,
		.node = node,
		.data = data,
	};
}

/* ---- names ---- */

size_t
view_first_part(const char *path, size_t len)
{
	const char *dot = memchr(path, '.', len);

	return dot != NULL ? (size_t)(dot - path) : len;
}

size_t
view_without_last_part(const char *path, size_t len)
{
	const char *dot = memrchr(path, '.', len);

	return dot != NULL ? (size_t)(dot - path) : 0;
}

bool
view_is_name(const char *path, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(path, name, len) == 0;
}

/* ---- as JSON ---- */

/* Whoever cuts it off anyway gets as much as there is room for. */
bool
view_put(struct marked *out, const char *text, size_t len, enum mark mark)
{
	size_t room = out->text.max - out->text.len;

	return marked_append(out, text, len < room ? len : room, mark) && len <= room;
}

bool
view_append_raw(struct marked *out, const char *text)
{
	return view_put(out, text, strlen(text), MARK_PUT_IN);
}

bool
view_append_string(struct marked *out, const char *text, size_t len, enum mark mark)
{
	struct buffer escaped;
	bool fits;

	buffer_init(&escaped, BUFFER_UNLIMITED);
	json_write_append_escaped(&escaped, text, len);
	fits = view_put(out, "\"", 1, MARK_PUT_IN) &&
	    view_put(out, escaped.data, escaped.len, mark) &&
	    view_put(out, "\"", 1, MARK_PUT_IN);
	buffer_clear(&escaped);
	return fits;
}

/* A text with marks is one part here: what is put in at once has one mark. */
static bool
append_text(struct marked *out, const struct template_value *value)
{
	enum mark mark = MARK_PUT_IN;
	const char *text = value->plain;
	size_t len;

	if (value->text != NULL) {
		text = value->text->text.data;
		len = value->text->text.len;
		if (marked_has_secret(value->text))
			mark = MARK_SECRET;
	} else {
		len = strlen(text);
	}
	return value->number ? view_put(out, text, len, mark)
	                     : view_append_string(out, text, len, mark);
}

bool
view_append(struct marked *out, const struct template_value *value)
{
	switch (value->kind) {
	case TEMPLATE_NULL:
		return view_put(out, "null", 4, MARK_PUT_IN);
	case TEMPLATE_FALSE:
		return view_put(out, "false", 5, MARK_PUT_IN);
	case TEMPLATE_TRUE:
		return view_put(out, "true", 4, MARK_PUT_IN);
	case TEMPLATE_TEXT:
		return append_text(out, value);
	case TEMPLATE_LIST:
	case TEMPLATE_MAP:
		break;
	}
	return value->data->json(value, out);
}

bool
view_append_member(struct marked *out, const char *before, const char *name,
    const struct template_value *value)
{
	return view_append_raw(out, before) &&
	    view_append_string(out, name, strlen(name), MARK_PUT_IN) &&
	    view_append_raw(out, ":") && view_append(out, value);
}

bool
view_append_list(const struct template_value *list, struct marked *out)
{
	struct template_value item;
	bool fits = view_append_raw(out, "[");

	for (size_t i = 0; fits && list->data->item(list, i, &item); i++)
		fits = (i == 0 || view_append_raw(out, ",")) && view_append(out, &item);
	return fits && view_append_raw(out, "]");
}
