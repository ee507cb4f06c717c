#include "template/template.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "template/internal.h"

/* The bound on work that leaves no output, such as lists in lists in lists with nothing
 * in the innermost: well below a second. A step is a node rendered, a value looked up,
 * or some bytes put in. */
#define MAX_STEPS ((size_t)10 * 1000 * 1000)

/* One context: the root, or what an open section pushed. */
struct frame {
	const struct template_node *section; /* NULL: the root */
	size_t within; /* the number of the frame that has what its name begins with */
	struct template_value value; /* {{.}}; of a list the current element */
	struct template_value list;  /* what `value` is an element of ... */
	size_t next;                 /* ... the number behind its own, or 0: no list */
};

struct render {
	const struct template *template;
	struct template_output output;
	struct frame frames[1 + TEMPLATE_MAX_DEPTH];
	size_t depth; /* frames in use, at least the root's */
};

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

	template_spend(&render->output, 1);
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
 * Find what NODE names: its first part in the innermost context that has it, *WITHIN, the
 * others strictly within that. A name that breaks off further on is not looked for in outer
 * contexts, as the specification has it.
 */
static bool
look_up(struct render *render, const struct template_node *node,
    struct template_value *found, size_t *within)
{
	const char *path = node->text;
	size_t left = node->len;
	struct template_value in;
	size_t used = 0;

	*within = render->depth - 1;
	if (strcmp(path, ".") == 0) {
		*found = render->frames[*within].value;
		return true;
	}
	for (size_t i = render->depth; used == 0 && i > 0; i--) {
		*within = i - 1;
		used = get_within(
		    render, &render->frames[*within].value, path, left, found);
	}

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

static bool
is_secret_text(const struct template_node *node)
{
	return node->kind == NODE_TEXT && node->mark == MARK_SECRET;
}

/* ---- nodes ---- */

/* One more part of a dotted name. */
static void
append_name(struct buffer *label, const char *path)
{
	if (strcmp(path, ".") == 0)
		return;
	if (label->len > 0)
		buffer_append_char(label, '.');
	buffer_append_string(label, path);
}

/* The name by which the root has what PATH names in frame number WITHIN. */
static void
make_label(
    const struct render *render, size_t within, const char *path, struct buffer *label)
{
	size_t frames[TEMPLATE_MAX_DEPTH];
	size_t count = 0;

	for (size_t i = within; i > 0; i = render->frames[i].within)
		frames[count++] = i;
	while (count > 0) {
		const struct frame *frame = &render->frames[frames[--count]];

		append_name(label, frame->section->text);
		if (frame->next > 0)
			buffer_append_format(label, ".%zu", frame->next - 1);
	}
	append_name(label, path);
}

static enum template_result
insert_value(struct render *render, const struct template_node *node,
    const struct template_value *value, size_t within)
{
	enum template_result result;
	struct buffer label;

	if (!render->output.insertion->fence || !value->fetched)
		return template_insert(&render->output, value, NULL);
	buffer_init(&label, BUFFER_UNLIMITED);
	make_label(render, within, node->text, &label);
	result = template_insert(&render->output, value, label.data);
	buffer_clear(&label);
	return result;
}

static enum template_result
render_value(struct render *render, const struct template_node *node)
{
	struct template_value value;
	size_t within;

	if (!look_up(render, node, &value, &within) || value.kind == TEMPLATE_NULL)
		return node->in_section ? TEMPLATE_RENDERED : TEMPLATE_MISSING;
	if (render->output.insertion != NULL)
		return insert_value(render, node, &value, within);
	return template_put_value(
	    &render->output, &value, node->kind == NODE_RAW ? FORM_RAW : FORM_ESCAPED);
}

/* Secrets that stand side by side may come back one by one or as a whole. */
static void
carry_literal(struct render *render, const struct template_node *node)
{
	const struct template *template = render->template;
	const struct template_node *end = template->nodes + template->node_count;
	const struct template_node *last = node;

	template_carry(&render->output, node->text, node->len);
	if (node > template->nodes && is_secret_text(node - 1))
		return;
	while (last + 1 < end && is_secret_text(last + 1))
		last++;
	template_carry(
	    &render->output, node->text, (size_t)(last->text + last->len - node->text));
}

static enum template_result
render_text(struct render *render, const struct template_node *node)
{
	if (is_secret_text(node))
		carry_literal(render, node);
	return template_put(&render->output, node->text, node->len, node->mark)
	    ? TEMPLATE_RENDERED
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
	size_t within;

	if (!look_up(render, node, &value, &within) || !is_true(&value))
		return node->partner + 1;
	*frame = (struct frame){
		.section = node,
		.within = within,
		.value = value,
	};
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
	size_t within;

	if (look_up(render, node, &value, &within) && is_true(&value))
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

	template_spend(&render->output, 1);
	if (render->output.steps_left == 0)
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

static void
render_init(struct render *render, const struct template *template,
    const struct template_value *root, struct marked *out, struct secrets *carried)
{
	assert(out->text.len == 0);
	*render = (struct render){
		.template = template,
		.output = {
			.place = template->place,
			.out = out,
			.carried = carried,
			.steps_left = MAX_STEPS,
		},
		.frames = { { .value = *root } },
		.depth = 1,
	};
}

static enum template_result
render_all(struct render *render, const char **name)
{
	const struct template *template = render->template;
	enum template_result result = TEMPLATE_RENDERED;
	size_t index = 0;
	size_t current = 0;

	while (result == TEMPLATE_RENDERED && index < template->node_count) {
		current = index;
		result = render_node(render, &index);
	}
	if (result != TEMPLATE_RENDERED && name != NULL)
		*name = template->nodes[current].kind == NODE_TEXT
		    ? NULL
		    : template->nodes[current].text;
	return result;
}

enum template_result
template_render(const struct template *template, const struct template_value *root,
    struct marked *out, struct secrets *carried, const char **name)
{
	struct render render;

	render_init(&render, template, root, out, carried);
	return render_all(&render, name);
}

enum template_result
template_render_inserting(const struct template *template,
    const struct template_value *root, struct template_insertion *insertion,
    struct marked *out, struct secrets *carried, const char **name)
{
	struct render render;

	assert(template->place == TEMPLATE_PLAIN);
	render_init(&render, template, root, out, carried);
	render.output.insertion = insertion;
	return render_all(&render, name);
}

bool
template_is_value(const struct template *template)
{
	return template->node_count == 1 && template->nodes[0].kind == NODE_RAW;
}

enum template_result
template_render_json(const struct template *template, const struct template_value *root,
    struct marked *out, struct secrets *carried, const char **name)
{
	const struct template_node *node = &template->nodes[0];
	enum template_result result = TEMPLATE_MISSING;
	struct template_value value;
	struct render render;
	size_t within;

	assert(template_is_value(template));
	render_init(&render, template, root, out, carried);
	if (look_up(&render, node, &value, &within) && value.kind != TEMPLATE_NULL)
		result = template_put_value(&render.output, &value, FORM_JSON);
	if (result != TEMPLATE_RENDERED && name != NULL)
		*name = node->text;
	return result;
}
