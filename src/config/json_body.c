#include "config/json_body.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/faults.h"
#include "config/text.h"
#include "config/value.h"

/* JSON as it stands, and the string or value that follows it. */
struct piece {
	char *before;              /* owned */
	const struct text *text;   /* borrowed from the tree; NULL: nothing follows */
	struct template *template; /* owned; NULL: it has a fault */
};

struct json_body {
	struct piece *pieces; /* owned */
	size_t count;
};

/* ---- compiling ---- */

struct compile {
	struct json_body *body;
	struct buffer before; /* what is yet to become part of a piece */
	struct faults *faults;
};

static struct piece *
add_piece(struct compile *compile)
{
	struct json_body *body = compile->body;
	struct piece *piece;

	body->pieces = xgrow(body->pieces, body->count, sizeof(*body->pieces));
	piece = &body->pieces[body->count++];
	*piece = (struct piece){ .before = buffer_take(&compile->before) };
	return piece;
}

static void
compile_string(struct compile *compile, const struct text *text)
{
	struct piece *piece = add_piece(compile);
	struct template_fault fault;

	piece->text = text;
	piece->template = template_compile(&text->value, TEMPLATE_PLAIN, &fault);
	if (piece->template == NULL)
		faults_error(compile->faults, text->place, "json: %s", fault.message);
}

static void
append_key(struct buffer *out, const char *key)
{
	buffer_append_char(out, '"');
	json_write_append_escaped(out, key, strlen(key));
	buffer_append_string(out, "\":");
}

static void compile_value(struct compile *compile, const struct value *value);

static void
compile_items(struct compile *compile, const struct value *value)
{
	bool is_map = value->kind == VALUE_MAP;

	buffer_append_char(&compile->before, is_map ? '{' : '[');
	for (size_t i = 0; i < value->count; i++) {
		if (i > 0)
			buffer_append_char(&compile->before, ',');
		if (is_map)
			append_key(&compile->before, value->keys[i]);
		compile_value(compile, value->items[i]);
	}
	buffer_append_char(&compile->before, is_map ? '}' : ']');
}

/* Recursion is safe: a tree is at most YAML_MAX_DEPTH deep. */
static void
compile_value(struct compile *compile, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
	case VALUE_FALSE:
	case VALUE_TRUE:
	case VALUE_NUMBER:
		buffer_append(&compile->before, value->text.value.text.data,
		    value->text.value.text.len);
		return;
	case VALUE_STRING:
		compile_string(compile, &value->text);
		return;
	case VALUE_LIST:
	case VALUE_MAP:
		compile_items(compile, value);
		return;
	}
}

struct json_body *
json_body_compile(const struct value *tree, struct faults *faults)
{
	struct json_body *body = xcalloc(1, sizeof(*body));
	struct compile compile = { .body = body, .faults = faults };

	buffer_init(&compile.before, BUFFER_UNLIMITED);
	compile_value(&compile, tree);
	if (compile.before.len > 0)
		(void)add_piece(&compile);
	buffer_clear(&compile.before);
	return body;
}

void
json_body_free(struct json_body *body)
{
	if (body == NULL)
		return;
	for (size_t i = 0; i < body->count; i++) {
		free(body->pieces[i].before);
		template_free(body->pieces[i].template);
	}
	free(body->pieces);
	free(body);
}

void
json_body_each(const struct json_body *body, json_body_fn *fn, void *arg)
{
	for (size_t i = 0; i < body->count; i++) {
		struct piece *piece = &body->pieces[i];

		if (piece->text != NULL)
			fn(piece->text, &piece->template, arg);
	}
}

/* ---- rendering ---- */

static enum template_result
append_own(struct marked *out, const char *text)
{
	return marked_append(out, text, strlen(text), MARK_OWN) ? TEMPLATE_RENDERED
	                                                        : TEMPLATE_TOO_LARGE;
}

/* STRING escaped, part by part, so that what was secret stays secret. */
static bool
append_escaped(struct marked *out, const struct marked *string)
{
	struct buffer escaped;
	bool done = true;

	buffer_init(&escaped, BUFFER_UNLIMITED);
	for (size_t i = 0; done && i < string->part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(string, i, &text, &len, &mark);
		buffer_reset(&escaped);
		json_write_append_escaped(&escaped, text, len);
		done = marked_append(out, escaped.data, escaped.len, mark);
	}
	buffer_clear(&escaped);
	return done;
}

static enum template_result
render_string(const struct template *template, const struct template_value *root,
    struct marked *out, struct secrets *carried, const char **name)
{
	enum template_result result;
	struct marked string;

	marked_init(&string, TEMPLATE_MAX_OUTPUT);
	result = template_render(template, root, &string, carried, name);
	if (result == TEMPLATE_RENDERED)
		result = append_own(out, "\"");
	if (result == TEMPLATE_RENDERED && !append_escaped(out, &string))
		result = TEMPLATE_TOO_LARGE;
	if (result == TEMPLATE_RENDERED)
		result = append_own(out, "\"");
	marked_clear(&string);
	return result;
}

static enum template_result
render_value(const struct template *template, const struct template_value *root,
    struct marked *out, struct secrets *carried, const char **name)
{
	enum template_result result;
	struct marked value;

	/* Rendering wants an empty place. */
	marked_init(&value, TEMPLATE_MAX_OUTPUT);
	result = template_render_json(template, root, &value, carried, name);
	for (size_t i = 0; result == TEMPLATE_RENDERED && i < value.part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(&value, i, &text, &len, &mark);
		if (!marked_append(out, text, len, mark))
			result = TEMPLATE_TOO_LARGE;
	}
	marked_clear(&value);
	return result;
}

enum template_result
json_body_render(const struct json_body *body, const struct template_value *root,
    struct marked *out, struct secrets *carried, const char **name)
{
	enum template_result result = TEMPLATE_RENDERED;

	for (size_t i = 0; result == TEMPLATE_RENDERED && i < body->count; i++) {
		const struct piece *piece = &body->pieces[i];

		result = append_own(out, piece->before);
		if (result != TEMPLATE_RENDERED || piece->text == NULL)
			continue;
		result = template_is_value(piece->template)
		    ? render_value(piece->template, root, out, carried, name)
		    : render_string(piece->template, root, out, carried, name);
	}
	return result;
}
