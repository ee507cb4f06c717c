#include "config/yaml.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "config/yaml_map.h"
#include "config/yaml_text.h"
#include "config/yaml_tree.h"

/* What YAML_MAX_NODES is for nodes, for the bytes of scalars: one large scalar behind
 * many aliases is as much of a bomb as many small ones. */
#define MAX_EXPANDED_BYTES (8 * YAML_MAX_BYTES)

/* U+FEFF: some editors put it first; it is no part of the text. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* What a list or map that is open has so far. A map's keys and values take turns. NULL
 * is one that a fault has taken out; with a key goes its value. */
struct frame {
	struct yaml_measured *node;
	const struct yaml_node **children; /* owned */
	size_t count;
};

struct anchor {
	const char *name;
	struct yaml_measured *node;
};

struct parse {
	struct yaml_tree *tree;
	struct faults *faults;
	unsigned file;
	struct frame frames[YAML_MAX_DEPTH]; /* the open ones, the innermost last */
	size_t depth;
	void *anchors; /* a tsearch(3) tree */
	size_t nodes;  /* so far, as if every alias stood written out */
	size_t bytes;
	struct yaml_measured *root; /* NULL while there is none */
	bool any_document;
};

enum step {
	STEP_ON,
	STEP_END,
	STEP_FAILED
};

static struct place
place_of(const struct parse *parse, yaml_mark_t mark)
{
	return (struct place){
		.file = parse->file,
		.line = (unsigned)mark.line + 1,
		.column = (unsigned)mark.column + 1,
	};
}

/* Without those that a fault has taken out. */
static void
close_list(struct parse *parse, const struct frame *frame)
{
	size_t count = 0;

	for (size_t i = 0; i < frame->count; i++) {
		if (frame->children[i] != NULL)
			frame->children[count++] = frame->children[i];
	}
	yaml_tree_fill_list(parse->tree, frame->node, frame->children, count);
}

static void
close_innermost(struct parse *parse)
{
	struct frame *frame;

	assert(parse->depth > 0); /* libyaml's ends match its starts */
	frame = &parse->frames[--parse->depth];
	assert(frame->node != NULL);
	if (frame->node->node.kind == YAML_MAP)
		yaml_map_fill(parse->tree, frame->node, frame->children, frame->count,
		    parse->faults);
	else
		close_list(parse, frame);
	frame->node->open = false;
	free(frame->children);
	*frame = (struct frame){ 0 };
}

static bool
is_key_next(const struct parse *parse)
{
	const struct frame *frame;

	if (parse->depth == 0)
		return false;
	frame = &parse->frames[parse->depth - 1];
	return frame->node->node.kind == YAML_MAP && frame->count % 2 == 0;
}

/* Put CHILD (NULL: there is none, by a fault) where the next one belongs. */
static void
add_child(struct parse *parse, struct yaml_measured *child, struct place place)
{
	struct frame *frame;

	if (parse->depth == 0) {
		parse->root = child;
		return;
	}
	if (child != NULL && is_key_next(parse) && child->node.kind != YAML_SCALAR) {
		/* Most likely {{name}} or [x] that was meant as text. */
		faults_error(parse->faults, place,
		    "a key must be text, not a %s (a value that starts with %s "
		    "must be quoted)",
		    child->node.kind == YAML_LIST ? "list" : "map",
		    child->node.kind == YAML_LIST ? "[" : "{");
		child = NULL;
	}
	frame = &parse->frames[parse->depth - 1];
	frame->children =
	    xgrow(frame->children, frame->count, sizeof(struct yaml_node *));
	frame->children[frame->count++] = child != NULL ? &child->node : NULL;
}

/* ---- anchors and aliases ---- */

static int
compare_anchors(const void *left, const void *right)
{
	const struct anchor *a = left;
	const struct anchor *b = right;

	return strcmp(a->name, b->name);
}

/* NAME (NULL: none) is NODE from here on, whatever it was before. */
static void
set_anchor(struct parse *parse, const yaml_char_t *name, struct yaml_measured *node)
{
	struct anchor *anchor;
	struct anchor **found;

	if (name == NULL)
		return;
	anchor = xmalloc(sizeof(*anchor));
	*anchor = (struct anchor){ .name = (const char *)name };
	found = tsearch(anchor, &parse->anchors, compare_anchors);
	if (found == NULL)
		abort(); /* out of memory, as in base/xalloc */
	if (*found == anchor)
		anchor->name =
		    yaml_tree_text(parse->tree, anchor->name, strlen(anchor->name));
	else
		free(anchor);
	(*found)->node = node;
}

static struct yaml_measured *
find_anchor(const struct parse *parse, const yaml_char_t *name)
{
	struct anchor wanted = { .name = (const char *)name };
	struct anchor **found = tfind(&wanted, &parse->anchors, compare_anchors);

	return found != NULL ? (*found)->node : NULL;
}

/* May NODE stand once more, here? */
static bool
may_repeat(struct parse *parse, const struct yaml_measured *node, struct place place)
{
	if (parse->depth + node->levels > YAML_MAX_DEPTH) {
		faults_error(parse->faults, place,
		    "nested over %d levels with what the alias stands for",
		    YAML_MAX_DEPTH);
		return false;
	}
	parse->nodes += node->nodes;
	parse->bytes += node->bytes;
	if (parse->nodes > YAML_MAX_NODES) {
		faults_error(parse->faults, place,
		    "the aliases up to here stand for more than %d nodes",
		    YAML_MAX_NODES);
		return false;
	}
	if (parse->bytes > MAX_EXPANDED_BYTES) {
		faults_error(parse->faults, place,
		    "the aliases up to here stand for more than %zuMiB of text",
		    MAX_EXPANDED_BYTES / 1024 / 1024);
		return false;
	}
	return true;
}

static enum step
on_alias(struct parse *parse, const yaml_char_t *name, struct place place)
{
	struct yaml_measured *node = find_anchor(parse, name);

	if (node == NULL) {
		faults_error(parse->faults, place,
		    "unknown alias *%s: no &%s stands before it", name, name);
	} else if (node->open) {
		faults_error(
		    parse->faults, place, "the alias *%s is part of itself", name);
		node = NULL;
	} else if (!may_repeat(parse, node, place)) {
		return STEP_FAILED;
	}

	/* A key is told at its own place, a value at that of its anchor. */
	if (node != NULL && node->node.kind == YAML_SCALAR && is_key_next(parse))
		node = yaml_tree_scalar_at(parse->tree, place, node);
	add_child(parse, node, place);
	return STEP_ON;
}

/* ---- what is open ---- */

static void
refuse_tag(struct parse *parse, const yaml_char_t *tag, struct place place)
{
	if (tag != NULL)
		faults_error(parse->faults, place,
		    "tags (%s) are not taken: each key has its own type", tag);
}

static enum step
on_scalar(struct parse *parse, const yaml_event_t *event, struct place place)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct yaml_measured *node =
	    yaml_tree_scalar(parse->tree, place, text, len, plain);

	refuse_tag(parse, event->data.scalar.tag, place);
	if (strlen(text) != len)
		faults_error(parse->faults, place, "text cannot hold a NUL character");
	parse->nodes++;
	parse->bytes += len;
	set_anchor(parse, event->data.scalar.anchor, node);
	add_child(parse, node, place);
	return STEP_ON;
}

static enum step
on_start(struct parse *parse, enum yaml_kind kind, const yaml_char_t *anchor,
    const yaml_char_t *tag, struct place place)
{
	struct yaml_measured *node;

	/* At once, not at the end: libyaml's time grows with the square of the depth. */
	if (parse->depth == YAML_MAX_DEPTH) {
		faults_error(
		    parse->faults, place, "nested over %d levels", YAML_MAX_DEPTH);
		return STEP_FAILED;
	}
	refuse_tag(parse, tag, place);
	node = yaml_tree_open(parse->tree, kind, place);
	node->open = true;
	parse->nodes++;
	set_anchor(parse, anchor, node);
	add_child(parse, node, place);
	parse->frames[parse->depth++].node = node;
	return STEP_ON;
}

static enum step
on_document(struct parse *parse, struct place place)
{
	if (parse->any_document) {
		faults_error(
		    parse->faults, place, "a second document: a config is one");
		return STEP_END;
	}
	parse->any_document = true;
	return STEP_ON;
}

static enum step
on_event(struct parse *parse, const yaml_event_t *event)
{
	struct place place = place_of(parse, event->start_mark);

	switch (event->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return STEP_ON;
	case YAML_STREAM_END_EVENT:
		return STEP_END;
	case YAML_DOCUMENT_START_EVENT:
		return on_document(parse, place);
	case YAML_ALIAS_EVENT:
		return on_alias(parse, event->data.alias.anchor, place);
	case YAML_SCALAR_EVENT:
		return on_scalar(parse, event, place);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(parse, YAML_LIST, event->data.sequence_start.anchor,
		    event->data.sequence_start.tag, place);
	case YAML_MAPPING_START_EVENT:
		return on_start(parse, YAML_MAP, event->data.mapping_start.anchor,
		    event->data.mapping_start.tag, place);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_innermost(parse);
		return STEP_ON;
	}
	return STEP_ON;
}

/* In libyaml's words, which are plain enough but for one. */
static const char *
describe_problem(const yaml_parser_t *libyaml)
{
	const char *problem = libyaml->problem != NULL ? libyaml->problem : "too large";

	if (strcmp(problem, "found character that cannot start any token") == 0)
		return "found a tab, @, ` or % where a value should start: indent with "
		       "spaces, quote the others";
	return problem;
}

/* What texts such as prompts are most often written wrong by. */
static const char *
hint_at(const char *problem, const char *context)
{
	if (strcmp(problem, "mapping values are not allowed in this context") == 0)
		return " (a text with \": \" in it must be quoted, or stand behind | in "
		       "lines of its own; or this line is indented too far)";
	if (strcmp(problem, "did not find expected ',' or '}'") == 0)
		return " (within { } a text with {, } or , in it must be quoted)";
	if (strcmp(problem, "did not find expected node content") == 0 &&
	    strcmp(context, "while parsing a flow node") == 0)
		return " (a text that begins with [ or {, such as [::1]:8787, must be quoted)";
	if (strcmp(context, "while scanning an alias") == 0)
		return " (a text that begins with * must be quoted)";
	return "";
}

static void
tell_bad_yaml(struct parse *parse, const yaml_parser_t *libyaml)
{
	const char *problem = describe_problem(libyaml);
	const char *context = libyaml->context != NULL ? libyaml->context : "";
	const char *hint = hint_at(problem, context);
	struct place place = place_of(parse, libyaml->problem_mark);
	struct place start = place_of(parse, libyaml->context_mark);

	if (context[0] == '\0' || problem != libyaml->problem)
		faults_error(
		    parse->faults, place, "not valid YAML: %s%s", problem, hint);
	else if (start.line == place.line)
		faults_error(parse->faults, place, "not valid YAML: %s %s%s", problem,
		    context, hint);
	else
		faults_error(parse->faults, place,
		    "not valid YAML: %s %s that starts on line %u%s", problem, context,
		    start.line, hint);
}

static enum step
parse_events(struct parse *parse, yaml_parser_t *libyaml)
{
	enum step step = STEP_ON;

	while (step == STEP_ON) {
		yaml_event_t event;

		if (!yaml_parser_parse(libyaml, &event)) {
			tell_bad_yaml(parse, libyaml);
			return STEP_FAILED;
		}
		step = on_event(parse, &event);
		yaml_event_delete(&event);
	}
	return step;
}

static enum step
parse_text(struct parse *parse, const char *text, size_t len)
{
	yaml_parser_t libyaml;
	enum step step;

	if (!yaml_parser_initialize(&libyaml))
		abort(); /* out of memory, as in base/xalloc */
	yaml_parser_set_encoding(&libyaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&libyaml, (const unsigned char *)text, len);
	step = parse_events(parse, &libyaml);
	yaml_parser_delete(&libyaml);

	/* Where it broke off, the doubled keys so far are worth telling too. */
	while (parse->depth > 0)
		close_innermost(parse);
	tdestroy(parse->anchors, free);
	return step;
}

/* An empty text has no document, or one that is an empty scalar. */
static bool
is_empty(const struct parse *parse)
{
	const struct yaml_measured *root = parse->root;

	if (!parse->any_document)
		return true;
	return root != NULL && root->node.plain && root->node.len == 0;
}

static bool
find_root(struct parse *parse)
{
	struct place top = { .file = parse->file, .line = 1, .column = 1 };

	if (is_empty(parse))
		parse->root = yaml_tree_open(parse->tree, YAML_MAP, top);
	if (parse->root == NULL)
		return false;
	if (parse->root->node.kind != YAML_MAP) {
		faults_error(parse->faults, parse->root->node.place,
		    "expected a map of keys and values");
		return false;
	}
	yaml_tree_set_root(parse->tree, &parse->root->node);
	return true;
}

static void
tell_too_large(struct faults *faults, unsigned file)
{
	faults_error(faults, (struct place){ .file = file, .line = 1, .column = 1 },
	    "the file is larger than %zuMiB", YAML_MAX_BYTES / 1024 / 1024);
}

struct yaml_tree *
yaml_parse(const char *text, size_t len, unsigned file, struct faults *faults)
{
	struct parse parse = { .faults = faults, .file = file };

	if (len > YAML_MAX_BYTES) {
		tell_too_large(faults, file);
		return NULL;
	}
	if (len >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		text += strlen(BYTE_ORDER_MARK);
		len -= strlen(BYTE_ORDER_MARK);
	}
	if (!yaml_text_check(text, len, file, faults))
		return NULL;
	parse.tree = yaml_tree_new();
	if (parse_text(&parse, text, len) == STEP_FAILED || !find_root(&parse)) {
		yaml_tree_free(parse.tree);
		return NULL;
	}
	return parse.tree;
}

bool
yaml_read_file(
    const char *path, unsigned number, struct faults *faults, char **text, size_t *len)
{
	struct place top = { .file = number, .line = 1, .column = 1 };
	struct buffer content;

	buffer_init(&content, YAML_MAX_BYTES);
	if (!file_read(path, &content)) {
		if (errno == EFBIG)
			tell_too_large(faults, number);
		else
			faults_error(
			    faults, top, "cannot be read: %s", strerror(errno));
		buffer_clear(&content);
		return false;
	}
	*len = content.len;
	*text = buffer_take(&content);
	return true;
}
