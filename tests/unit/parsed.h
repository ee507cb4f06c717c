/*
 * YAML text parsed for a test, with the lines of its faults. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_PARSED_H
#define GATHERD_TESTS_UNIT_PARSED_H

#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "config/faults.h"
#include "config/yaml.h"

struct parsed {
	struct faults *faults;
	struct yaml_tree *tree;       /* NULL where none could be made */
	const struct yaml_node *root; /* likewise */
	struct buffer lines;          /* of all faults so far, each with its newline */
};

static void
parsed_add_line(const char *line, UNUSED bool is_error, void *arg)
{
	buffer_append_string(arg, line);
	buffer_append_char(arg, '\n');
}

/* The lines of all faults; for a test that lets others add some. */
UNUSED static const char *
parsed_lines(struct parsed *parsed)
{
	buffer_reset(&parsed->lines);
	faults_each(parsed->faults, parsed_add_line, &parsed->lines);
	return parsed->lines.data;
}

/* The file is called "f". */
UNUSED static void
parsed_init_len(struct parsed *parsed, const char *text, size_t len)
{
	unsigned file;

	buffer_init(&parsed->lines, BUFFER_UNLIMITED);
	parsed->faults = faults_new();
	file = faults_add_file(parsed->faults, "f");
	parsed->tree = yaml_parse(text, len, file, parsed->faults);
	parsed->root = parsed->tree != NULL ? yaml_root(parsed->tree) : NULL;
	(void)parsed_lines(parsed);
}

UNUSED static void
parsed_init(struct parsed *parsed, const char *text)
{
	parsed_init_len(parsed, text, strlen(text));
}

UNUSED static void
parsed_clear(struct parsed *parsed)
{
	yaml_tree_free(parsed->tree);
	faults_free(parsed->faults);
	buffer_clear(&parsed->lines);
}

/* NODE on one line, as {key: [plain, 'not plain']}. */
UNUSED static void
parsed_show(const struct yaml_node *node, struct buffer *out)
{
	const char *quote = node->plain ? "" : "'";

	if (node->kind == YAML_SCALAR) {
		buffer_append_format(out, "%s%s%s", quote, node->text, quote);
		return;
	}
	buffer_append_char(out, node->kind == YAML_LIST ? '[' : '{');
	for (size_t i = 0; i < node->count; i++) {
		if (i > 0)
			buffer_append_string(out, ", ");
		if (node->kind == YAML_LIST) {
			parsed_show(node->items[i], out);
			continue;
		}
		parsed_show(node->pairs[i].key, out);
		buffer_append_string(out, ": ");
		parsed_show(node->pairs[i].value, out);
	}
	buffer_append_char(out, node->kind == YAML_LIST ? ']' : '}');
}

/* TEXT parses to a tree that is shown as SHOWN, or to none where SHOWN is NULL, and to
 * the fault lines LINES. */
UNUSED static void
assert_parsed(const char *text, const char *shown, const char *lines)
{
	struct parsed parsed;
	struct buffer tree;

	parsed_init(&parsed, text);
	buffer_init(&tree, BUFFER_UNLIMITED);
	if (parsed.root != NULL)
		parsed_show(parsed.root, &tree);
	assert_string_equal(parsed.lines.data, lines);
	assert_int_equal(parsed.root != NULL, shown != NULL);
	if (shown != NULL)
		assert_string_equal(tree.data, shown);
	buffer_clear(&tree);
	parsed_clear(&parsed);
}

#endif
