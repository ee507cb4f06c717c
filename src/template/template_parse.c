#include "template/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "template/internal.h"

/* Longer delimiters are a mistake, and would let the search for them grow quadratic. */
#define MAX_DELIMITER_BYTES ((size_t)16)

/* No more of a name goes into a message: two of them fit a fault. */
#define MAX_SHOWN_BYTES ((size_t)40)

struct delimiter {
	const char *text; /* borrowed: "{{" and such, or in the template's source */
	size_t len;
};

struct parser {
	struct template *template;
	struct template_fault *fault;
	struct delimiter open, close;

	/* The part that is read, and how far it was. */
	const char *part, *part_end, *at;
	bool starts_text; /* nothing stands before this part */
	bool ends_text;   /* nothing stands behind it */

	size_t sections[TEMPLATE_MAX_DEPTH]; /* the open ones: indices of their nodes */
	size_t depth;
};

struct tag {
	char sigil; /* one of # ^ / ! & { = >, or NUL for a mere name */
	const char *start, *end;
	char *content, *content_end; /* without sigil, delimiters and white space */
};

static bool fault(struct parser *parser, const char *at, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Returns false, so that a check and its message are one statement. */
static bool
fault(struct parser *parser, const char *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->fault->message, sizeof(parser->fault->message), format, args);
	va_end(args);
	parser->fault->offset = (size_t)(at - parser->template->source);
	return false;
}

/* How much of TEXT to show, for %.*s: whole characters of UTF-8. */
static int
shown_len(const char *text, size_t len)
{
	size_t shown = len;

	if (len > MAX_SHOWN_BYTES) {
		shown = MAX_SHOWN_BYTES;
		while (shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80)
			shown--;
	}
	return (int)shown;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* White space as C's isspace() without a locale. */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7F;
}

/* ---- nodes ---- */

static struct template_node *
add_node(struct parser *parser, enum template_node_kind kind)
{
	struct template *template = parser->template;
	struct template_node *node;

	template->nodes = xgrow(template->nodes, template->node_count, sizeof(*node));
	node = &template->nodes[template->node_count++];
	*node = (struct template_node){
		.kind = kind,
		.in_section = parser->depth > 0,
	};
	return node;
}

static void
add_text(struct parser *parser, const char *text, const char *end, enum mark mark)
{
	struct template_node *node;

	if (text == end)
		return;
	node = add_node(parser, NODE_TEXT);
	node->mark = mark;
	node->text = text;
	node->len = (size_t)(end - text);
	node->offset = (size_t)(text - parser->template->source);
}

static void
add_name(struct parser *parser, enum template_node_kind kind, const struct tag *tag)
{
	struct template_node *node = add_node(parser, kind);

	/* What follows the name still belongs to the tag, so nothing else is lost. */
	*tag->content_end = '\0';
	node->text = tag->content;
	node->len = (size_t)(tag->content_end - tag->content);
	node->offset = (size_t)(tag->start - parser->template->source);
}

/* ---- reading one tag ---- */

/* The next CLOSE behind FROM; with LEAD the next LEAD and CLOSE. */
static char *
find_close(const struct parser *parser, char *from, char lead)
{
	const struct delimiter *close = &parser->close;
	size_t left = (size_t)(parser->part_end - from);
	char *found;

	if (lead == '\0')
		return memmem(from, left, close->text, close->len);
	for (;;) {
		found = memchr(from, lead, left);
		if (found == NULL)
			return NULL;
		left = (size_t)(parser->part_end - found - 1);
		if (left >= close->len &&
		    memcmp(found + 1, close->text, close->len) == 0)
			return found;
		from = found + 1;
	}
}

/* Go over what says of which kind the tag at *AT is. White space may stand before it,
 * but then it belongs to no message. */
static char
take_sigil(const struct parser *parser, char **at)
{
	char *sigil = *at;

	while (sigil < parser->part_end && is_space(*sigil))
		sigil++;
	if (sigil == parser->part_end || *sigil == '\0' ||
	    strchr("#^/!&{=>", *sigil) == NULL)
		return '\0';
	*at = sigil + 1;
	return *sigil;
}

/* Read the tag whose opening delimiter stands at START: where it ends and what is in it,
 * but not yet what that means. */
static bool
read_tag(struct parser *parser, char *start, struct tag *tag)
{
	char *at = start + parser->open.len;
	char lead = '\0';
	char *close;

	tag->start = start;
	tag->sigil = take_sigil(parser, &at);
	if (tag->sigil == '{')
		lead = '}';
	else if (tag->sigil == '=')
		lead = '=';

	close = find_close(parser, at, lead);
	if (close == NULL) {
		fault(parser, start, "\"%.*s\" is not closed%s", (int)(at - start),
		    start, parser->ends_text ? "" : " before the value that is put in");
		return false;
	}
	tag->end = close + (lead != '\0' ? 1 : 0) + parser->close.len;
	while (at < close && is_space(*at))
		at++;
	tag->content = at;
	while (close > at && is_space(close[-1]))
		close--;
	tag->content_end = close;
	return true;
}

/*
 * Whether TAG is alone on its line (or lines, a comment may span several). Such a line
 * leaves nothing behind: *LINE and *NEXT_LINE are its start and the start of the next.
 * A value that is put in counts as something whatever it is: it must not decide how the
 * author's own text is read.
 */
static bool
stands_alone(const struct parser *parser, const struct tag *tag, const char **line,
    const char **next_line)
{
	const char *from = tag->start;
	const char *to = tag->end;

	while (from > parser->part && is_blank(from[-1]))
		from--;
	if (from > parser->part ? from[-1] != '\n' : !parser->starts_text)
		return false;

	while (to < parser->part_end && is_blank(*to))
		to++;
	if (parser->part_end - to >= 2 && to[0] == '\r' && to[1] == '\n')
		to += 2;
	else if (to < parser->part_end && *to == '\n')
		to++;
	else if (to < parser->part_end || !parser->ends_text)
		return false;

	*line = from;
	*next_line = to;
	return true;
}

/* ---- what a tag means ---- */

static bool
check_name(struct parser *parser, const struct tag *tag)
{
	size_t len = (size_t)(tag->content_end - tag->content);
	bool part_empty = true;

	if (len == 0)
		return fault(parser, tag->start, "a tag without a name");
	if (memmem(tag->content, len, parser->open.text, parser->open.len) != NULL)
		return fault(parser, tag->start,
		    "\"%.*s\" is not closed before the next", (int)parser->open.len,
		    tag->start);
	for (const char *c = tag->content; c < tag->content_end; c++) {
		if (is_space(*c) || is_control(*c))
			return fault(parser, tag->start,
			    "a name cannot hold white space or control characters");
	}
	if (len == 1 && tag->content[0] == '.')
		return true;

	for (const char *c = tag->content; c < tag->content_end; c++) {
		if (*c == '.' && part_empty)
			break;
		part_empty = *c == '.';
	}
	if (part_empty)
		return fault(parser, tag->start, "the name \"%.*s\" has an empty part",
		    shown_len(tag->content, len), tag->content);
	return true;
}

static bool
open_section(struct parser *parser, enum template_node_kind kind, const struct tag *tag)
{
	if (parser->depth == TEMPLATE_MAX_DEPTH)
		return fault(parser, tag->start,
		    "more than %d sections inside each other", TEMPLATE_MAX_DEPTH);
	add_name(parser, kind, tag);
	parser->sections[parser->depth++] = parser->template->node_count - 1;
	return true;
}

static bool
close_section(struct parser *parser, const struct tag *tag)
{
	size_t len = (size_t)(tag->content_end - tag->content);
	const struct template_node *opener;
	size_t opener_index;

	if (parser->depth == 0)
		return fault(parser, tag->start, "\"/%.*s\" ends no section",
		    shown_len(tag->content, len), tag->content);
	opener_index = parser->sections[parser->depth - 1];
	opener = &parser->template->nodes[opener_index];
	if (opener->len != len || memcmp(opener->text, tag->content, len) != 0)
		return fault(parser, tag->start,
		    "\"/%.*s\" where the section \"%.*s\" is to end",
		    shown_len(tag->content, len), tag->content,
		    shown_len(opener->text, opener->len), opener->text);

	add_name(parser, NODE_END, tag);
	parser->depth--;
	parser->template->nodes[opener_index].partner =
	    parser->template->node_count - 1;
	parser->template->nodes[parser->template->node_count - 1].partner =
	    opener_index;
	return true;
}

/* Cut the next delimiter off *AT: up to white space or END. */
static struct delimiter
take_delimiter(const char **at, const char *end)
{
	struct delimiter taken = { .text = *at };

	while (*at < end && !is_space(**at))
		++*at;
	taken.len = (size_t)(*at - taken.text);
	while (*at < end && is_space(**at))
		++*at;
	return taken;
}

static bool
is_delimiter(const struct delimiter *delimiter)
{
	if (delimiter->len == 0 || delimiter->len > MAX_DELIMITER_BYTES)
		return false;
	for (size_t i = 0; i < delimiter->len; i++) {
		if (delimiter->text[i] == '=' || is_control(delimiter->text[i]))
			return false;
	}
	return true;
}

static bool
set_delimiters(struct parser *parser, const struct tag *tag)
{
	const char *at = tag->content;
	struct delimiter open = take_delimiter(&at, tag->content_end);
	struct delimiter close = take_delimiter(&at, tag->content_end);

	if (at != tag->content_end || !is_delimiter(&open) || !is_delimiter(&close))
		return fault(parser, tag->start,
		    "expected two delimiters such as \"{{=<%% %%>=}}\"");
	parser->open = open;
	parser->close = close;
	return true;
}

static bool
take_tag(struct parser *parser, const struct tag *tag)
{
	switch (tag->sigil) {
	case '!':
		return true;
	case '=':
		return set_delimiters(parser, tag);
	case '>':
		return fault(parser, tag->start, "partials are not supported");
	default:
		break;
	}
	if (!check_name(parser, tag))
		return false;
	switch (tag->sigil) {
	case '#':
		return open_section(parser, NODE_SECTION, tag);
	case '^':
		return open_section(parser, NODE_INVERTED, tag);
	case '/':
		return close_section(parser, tag);
	case '{':
	case '&':
		add_name(parser, NODE_RAW, tag);
		return true;
	default:
		add_name(parser, NODE_VALUE, tag);
		return true;
	}
}

/* ---- reading all ---- */

static bool
parse_own_part(struct parser *parser)
{
	while (parser->at < parser->part_end) {
		const char *text_end, *next;
		struct tag tag;
		char *start =
		    memmem(parser->at, (size_t)(parser->part_end - parser->at),
		        parser->open.text, parser->open.len);

		if (start == NULL) {
			add_text(parser, parser->at, parser->part_end, MARK_OWN);
			return true;
		}
		if (!read_tag(parser, start, &tag))
			return false;
		text_end = tag.start;
		next = tag.end;
		/* Values never stand alone: they leave something on their line. */
		if (tag.sigil != '\0' && strchr("#^/!=", tag.sigil) != NULL)
			stands_alone(parser, &tag, &text_end, &next);
		add_text(parser, parser->at, text_end, MARK_OWN);
		parser->at = next;
		if (!take_tag(parser, &tag))
			return false;
	}
	return true;
}

static bool
parse_part(struct parser *parser, const struct marked *source, size_t index)
{
	const char *text;
	enum mark mark;
	size_t len;

	marked_part(source, index, &text, &len, &mark);
	parser->part = parser->template->source + (text - source->text.data);
	parser->part_end = parser->part + len;
	parser->at = parser->part;
	parser->starts_text = index == 0;
	parser->ends_text = index + 1 == source->part_count;
	if (mark == MARK_OWN)
		return parse_own_part(parser);
	add_text(parser, parser->part, parser->part_end, mark);
	return true;
}

static bool
parse(struct parser *parser, const struct marked *source)
{
	const struct template_node *open;

	for (size_t i = 0; i < source->part_count; i++) {
		if (!parse_part(parser, source, i))
			return false;
	}
	if (parser->depth == 0)
		return true;
	open = &parser->template->nodes[parser->sections[parser->depth - 1]];
	return fault(parser, parser->template->source + open->offset,
	    "the section \"%.*s\" is not closed", shown_len(open->text, open->len),
	    open->text);
}

struct template *
template_compile(const struct marked *source, enum template_place place,
    struct template_fault *fault_out)
{
	struct template *template = xcalloc(1, sizeof(*template));
	struct parser parser = {
		.template = template,
		.fault = fault_out,
		.open = { "{{", 2 },
		.close = { "}}", 2 },
	};

	template->place = place;
	template->source = xmemdup0(source->text.data, source->text.len);
	if (!parse(&parser, source)) {
		template_free(template);
		return NULL;
	}
	return template;
}

void
template_free(struct template *template)
{
	if (template == NULL)
		return;
	free(template->nodes);
	free(template->source);
	free(template);
}

bool
template_is_literal(const struct template *template)
{
	for (size_t i = 0; i < template->node_count; i++) {
		if (template->nodes[i].kind != NODE_TEXT)
			return false;
	}
	return true;
}

void
template_each_name(const struct template *template, template_name_fn *fn, void *arg)
{
	for (size_t i = 0; i < template->node_count; i++) {
		const struct template_node *node = &template->nodes[i];
		struct template_name name = {
			.path = node->text,
			.in_section = node->in_section,
			.is_section =
			    node->kind == NODE_SECTION || node->kind == NODE_INVERTED,
			.offset = node->offset,
		};

		if (node->kind == NODE_TEXT || node->kind == NODE_END ||
		    strcmp(node->text, ".") == 0)
			continue;
		fn(&name, arg);
	}
}
