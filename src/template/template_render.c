#include "template/template.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/secrets.h"
#include "template/internal.h"

/* The bound on work that leaves no output, such as lists in lists in lists with nothing
 * in the innermost: well below a second. A step is a node rendered, a value looked up,
 * or so many bytes put in. */
#define MAX_STEPS      ((size_t)10 * 1000 * 1000)
#define BYTES_PER_STEP ((size_t)16)

/* One context: the root, or what an open section pushed. */
struct frame {
	struct template_value value; /* {{.}}; of a list the current element */
	struct template_value list;  /* what `value` is an element of ... */
	size_t next;                 /* ... the number behind its own, or 0: no list */
};

struct render {
	const struct template *template;
	struct marked *out;
	struct secrets *carried;
	size_t steps_left;
	struct frame frames[1 + TEMPLATE_MAX_DEPTH];
	size_t depth; /* frames in use, at least the root's */
};

static void
spend(struct render *render, size_t steps)
{
	render->steps_left -= steps < render->steps_left ? steps : render->steps_left;
}

/* ---- names ---- */

/* As the first part of PATH, a canonical number up to a dot or the end: how long it is,
 * or 0 where none is there. */
static size_t
read_index(const char *path, size_t len, size_t *index)
{
	size_t used = 0;

	*index = 0;
	while (used < len && path[used] >= '0' && path[used] <= '9') {
		if (*index > SIZE_MAX / 10 - 1)
			return 0;
		*index = *index * 10 + (size_t)(path[used++] - '0');
	}
	if (used < len && path[used] != '.')
		return 0;
	return used > 1 && path[0] == '0' ? 0 : used;
}

/* Find the start of PATH within VALUE alone: how many bytes of it named FOUND, or 0. */
static size_t
get_within(struct render *render, const struct template_value *value, const char *path,
    size_t len, struct template_value *found)
{
	size_t used = 0;
	size_t index;

	spend(render, 1);
	if (value->kind == TEMPLATE_MAP) {
		used = value->data->get(value, path, len, found);
	} else if (value->kind == TEMPLATE_LIST) {
		used = read_index(path, len, &index);
		if (used > 0 && !value->data->item(value, index, found))
			used = 0;
	}
	assert(used <= len && (used == 0 || used == len || path[used] == '.'));
	return used;
}

/*
 * Find what NODE names: its first part in the innermost context that has it, the others
 * strictly within that. A name that breaks off further on is not looked for in outer
 * contexts, as the specification has it.
 */
static bool
look_up(struct render *render, const struct template_node *node,
    struct template_value *found)
{
	const char *path = node->text;
	size_t left = node->len;
	struct template_value in;
	size_t used = 0;

	if (strcmp(path, ".") == 0) {
		*found = render->frames[render->depth - 1].value;
		return true;
	}
	for (size_t i = render->depth; used == 0 && i > 0; i--)
		used =
		    get_within(render, &render->frames[i - 1].value, path, left, found);

	while (used > 0 && used < left) {
		path += used + 1; /* and the dot */
		left -= used + 1;
		in = *found;
		used = get_within(render, &in, path, left, found);
	}
	return used > 0;
}

static bool
is_true(const struct template_value *value)
{
	struct template_value first;

	switch (value->kind) {
	case TEMPLATE_NULL:
	case TEMPLATE_FALSE:
		return false;
	case TEMPLATE_TEXT:
		return value->text != NULL ? value->text->text.len > 0
		                           : value->plain[0] != '\0';
	case TEMPLATE_LIST:
		return value->data->item(value, 0, &first);
	case TEMPLATE_TRUE:
	case TEMPLATE_MAP:
		break;
	}
	return true;
}

/* ---- output ---- */

static bool
is_secret_text(const struct template_node *node)
{
	return node->kind == NODE_TEXT && node->mark == MARK_SECRET;
}

static void
carry(struct render *render, const char *secret, size_t len)
{
	if (render->carried != NULL)
		secrets_add(render->carried, secret, len);
}

static bool
put(struct render *render, const char *text, size_t len, enum mark mark)
{
	spend(render, len / BYTES_PER_STEP);
	if (len > TEMPLATE_MAX_OUTPUT - render->out->text.len)
		return false;
	return len == 0 || marked_append(render->out, text, len, mark);
}

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

/* RFC 3986, 2.1; the hex digits in upper case, as it recommends. */
static bool
put_percent_encoded(struct render *render, const char *text, size_t len, enum mark mark)
{
	static const char hex[] = "0123456789ABCDEF";
	char chunk[768];
	size_t filled = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (filled > sizeof(chunk) - 3) {
			if (!put(render, chunk, filled, mark))
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
	return put(render, chunk, filled, mark);
}

/* Without what would end the header's line, and with it start another header; in one
 * piece, as a secret is one. */
static bool
put_in_header(struct render *render, const char *text, size_t len, enum mark mark)
{
	struct buffer line;
	bool fits;

	/* What is left out costs time as well. */
	spend(render, len / BYTES_PER_STEP);
	buffer_init(&line, BUFFER_UNLIMITED);
	for (const char *c = text; c < text + len; c++) {
		if (*c != '\r' && *c != '\n' && *c != '\0')
			buffer_append_char(&line, *c);
	}
	fits = put(render, line.data, line.len, mark);
	buffer_clear(&line);
	return fits;
}

/* Put in one part of a value, escaped as NODE and the template's place want it. */
static bool
put_part(struct render *render, const struct template_node *node, const char *text,
    size_t len, enum mark mark)
{
	switch (render->template->place) {
	case TEMPLATE_PLAIN:
		break;
	case TEMPLATE_URL:
		if (node->kind == NODE_RAW)
			break;
		return put_percent_encoded(render, text, len, mark);
	case TEMPLATE_HEADER:
		return put_in_header(render, text, len, mark);
	}
	return put(render, text, len, mark);
}

static bool
put_secret(struct render *render, const struct template_node *node, const char *text,
    size_t len)
{
	size_t before = render->out->text.len;

	if (!put_part(render, node, text, len, MARK_SECRET))
		return false;
	/* A header's value may go out without its line ends: then that may come back. */
	if (render->template->place == TEMPLATE_HEADER)
		carry(render, render->out->text.data + before,
		    render->out->text.len - before);
	return true;
}

static bool
put_text(struct render *render, const struct template_node *node,
    const struct template_value *value)
{
	const struct marked *text = value->text;
	const char *part;
	enum mark mark;
	size_t len;

	if (text == NULL)
		return put_part(
		    render, node, value->plain, strlen(value->plain), MARK_PUT_IN);
	if (render->carried != NULL)
		secrets_add_marked(render->carried, text);
	for (size_t i = 0; i < text->part_count; i++) {
		marked_part(text, i, &part, &len, &mark);
		if (mark == MARK_SECRET) {
			if (!put_secret(render, node, part, len))
				return false;
		} else if (!put_part(render, node, part, len, MARK_PUT_IN)) {
			return false;
		}
	}
	return true;
}

/* ---- lists and maps as JSON ---- */

/* TEXT is a secret as it stands inside a JSON string. */
static void
carry_unescaped(struct render *render, const char *text, size_t len)
{
	struct buffer plain;

	carry(render, text, len);
	if (render->carried == NULL || memchr(text, '\\', len) == NULL)
		return;
	buffer_init(&plain, BUFFER_UNLIMITED);
	json_append_unescaped(&plain, text, len);
	carry(render, plain.data, plain.len);
	buffer_clear(&plain);
}

static bool
put_json_parts(struct render *render, const struct marked *json)
{
	const char *part;
	enum mark mark;
	size_t len;

	for (size_t i = 0; i < json->part_count; i++) {
		marked_part(json, i, &part, &len, &mark);
		if (mark == MARK_SECRET)
			carry_unescaped(render, part, len);
		else
			mark = MARK_PUT_IN;
		if (!put(render, part, len, mark))
			return false;
	}
	return true;
}

static enum template_result
put_json(struct render *render, const struct template_value *value)
{
	struct marked json;
	bool fits;

	if (render->template->place != TEMPLATE_PLAIN || value->data->json == NULL)
		return TEMPLATE_NOT_TEXT;
	marked_init(&json, TEMPLATE_MAX_OUTPUT - render->out->text.len);
	fits = value->data->json(value, &json) && put_json_parts(render, &json);
	marked_clear(&json);
	return fits ? TEMPLATE_RENDERED : TEMPLATE_TOO_LARGE;
}

/* ---- nodes ---- */

static enum template_result
render_value(struct render *render, const struct template_node *node)
{
	struct template_value value;
	bool fits = true;

	if (!look_up(render, node, &value) || value.kind == TEMPLATE_NULL)
		return node->in_section ? TEMPLATE_RENDERED : TEMPLATE_MISSING;
	switch (value.kind) {
	case TEMPLATE_NULL:
		break;
	case TEMPLATE_FALSE:
		fits = put(render, "false", 5, MARK_PUT_IN);
		break;
	case TEMPLATE_TRUE:
		fits = put(render, "true", 4, MARK_PUT_IN);
		break;
	case TEMPLATE_TEXT:
		fits = put_text(render, node, &value);
		break;
	case TEMPLATE_LIST:
	case TEMPLATE_MAP:
		return put_json(render, &value);
	}
	return fits ? TEMPLATE_RENDERED : TEMPLATE_TOO_LARGE;
}

/* Secrets that stand side by side may come back one by one or as a whole. */
static void
carry_literal(struct render *render, const struct template_node *node)
{
	const struct template *template = render->template;
	const struct template_node *end = template->nodes + template->node_count;
	const struct template_node *last = node;

	carry(render, node->text, node->len);
	if (node > template->nodes && is_secret_text(node - 1))
		return;
	while (last + 1 < end && is_secret_text(last + 1))
		last++;
	carry(render, node->text, (size_t)(last->text + last->len - node->text));
}

static enum template_result
render_text(struct render *render, const struct template_node *node)
{
	if (is_secret_text(node))
		carry_literal(render, node);
	return put(render, node->text, node->len, node->mark) ? TEMPLATE_RENDERED
	                                                      : TEMPLATE_TOO_LARGE;
}

/* Enter the section at INDEX, with the value to its name as a new context, or pass over
 * it. Returns the index to go on with. */
static size_t
enter_section(struct render *render, size_t index)
{
	const struct template_node *node = &render->template->nodes[index];
	struct frame *frame = &render->frames[render->depth];
	struct template_value value;

	if (!look_up(render, node, &value) || !is_true(&value))
		return node->partner + 1;
	*frame = (struct frame){ .value = value };
	if (value.kind == TEMPLATE_LIST) {
		frame->list = value;
		frame->next = 1;
		/* It has this one, or it would have been false. */
		if (!value.data->item(&value, 0, &frame->value))
			return node->partner + 1;
	}
	render->depth++;
	return index + 1;
}

static size_t
enter_inverted(struct render *render, size_t index)
{
	const struct template_node *node = &render->template->nodes[index];
	struct template_value value;

	if (look_up(render, node, &value) && is_true(&value))
		return node->partner + 1;
	return index + 1;
}

/* At the end of the section at PARTNER: once more with the next element, or leave. */
static size_t
end_section(struct render *render, size_t index)
{
	size_t opener = render->template->nodes[index].partner;
	struct frame *frame = &render->frames[render->depth - 1];

	/* An inverted section pushed nothing. */
	if (render->template->nodes[opener].kind == NODE_INVERTED)
		return index + 1;
	if (frame->next > 0 &&
	    frame->list.data->item(&frame->list, frame->next, &frame->value)) {
		frame->next++;
		return opener + 1;
	}
	render->depth--;
	return index + 1;
}

/* Render the node at *INDEX and set that to the next. */
static enum template_result
render_node(struct render *render, size_t *index)
{
	const struct template_node *node = &render->template->nodes[*index];

	spend(render, 1);
	if (render->steps_left == 0)
		return TEMPLATE_TOO_LARGE;
	switch (node->kind) {
	case NODE_TEXT:
		++*index;
		return render_text(render, node);
	case NODE_VALUE:
	case NODE_RAW:
		++*index;
		return render_value(render, node);
	case NODE_SECTION:
		*index = enter_section(render, *index);
		break;
	case NODE_INVERTED:
		*index = enter_inverted(render, *index);
		break;
	case NODE_END:
		*index = end_section(render, *index);
		break;
	}
	return TEMPLATE_RENDERED;
}

enum template_result
template_render(const struct template *template, const struct template_value *root,
    struct marked *out, struct secrets *carried, const char **name)
{
	struct render render = {
		.template = template,
		.out = out,
		.carried = carried,
		.steps_left = MAX_STEPS,
		.frames = { { .value = *root } },
		.depth = 1,
	};
	enum template_result result = TEMPLATE_RENDERED;
	size_t index = 0;
	size_t current = 0;

	assert(out->text.len == 0);
	while (result == TEMPLATE_RENDERED && index < template->node_count) {
		current = index;
		result = render_node(&render, &index);
	}
	if (result != TEMPLATE_RENDERED && name != NULL)
		*name = template->nodes[current].kind == NODE_TEXT
		    ? NULL
		    : template->nodes[current].text;
	return result;
}
