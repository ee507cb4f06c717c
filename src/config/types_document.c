/*
 * The type of a template that may stand in a file of its own: text, or {file: PATH}.
 */
#include "config/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/text.h"
#include "config/types_parts.h"
#include "config/yaml.h"
#include "template/template.h"

/* A table of its own for what stands in place of the text. */
static const struct key document_rows[] = {
	{ "file", &type_path, offsetof(struct config_document, file),
	    .flags = KEY_REQUIRED,
	    .description = "A file with the template. ${...} in it is left alone." },
};

static const struct key_table document_keys = {
	.keys = document_rows,
	.count = ARRAY_COUNT(document_rows),
};

static void
init_document(void *field)
{
	struct config_document *document = field;

	type_init_text(&document->templated.text);
	type_init_text(&document->file);
}

static void
clear_document(void *field)
{
	struct config_document *document = field;

	text_clear(&document->templated.text);
	template_free(document->templated.template);
	text_clear(&document->file);
}

/* ---- loading ---- */

/* What editors put in front of UTF-8 is none of the text. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* All of it is the author's: a template, in which ${...} is nothing special. */
static void
set_content(struct text *text, const struct buffer *content, struct place place)
{
	size_t mark_len = strlen(BYTE_ORDER_MARK);
	size_t skipped = content->len >= mark_len &&
	        memcmp(content->data, BYTE_ORDER_MARK, mark_len) == 0
	    ? mark_len
	    : 0;

	text_clear(text);
	*text = (struct text){ .source = xstrdup(""), .place = place };
	marked_init(&text->value, BUFFER_UNLIMITED);
	(void)marked_append(
	    &text->value, content->data + skipped, content->len - skipped, MARK_OWN);
}

static bool
read_document(struct config_document *document, const struct loading *loading)
{
	const struct text *file = &document->file;
	struct buffer content;
	char *why = text_read_file(file->value.text.data, &content);
	char *shown;

	if (why == NULL && !utf8_valid(content.data, content.len))
		why = xstrdup("is not UTF-8");
	if (why == NULL) {
		set_content(&document->templated.text, &content, file->place);
	} else {
		shown = marked_shown(&file->value);
		faults_error(loading->faults, file->place, "file %s %s", shown, why);
		free(shown);
	}
	buffer_clear(&content);
	if (why == NULL)
		return true;
	free(why);
	return false;
}

static bool
load_from_file(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, struct config_document *document)
{
	if (!keyed_load(&document_keys, node, loading, document))
		return false;
	if (document->file.value.text.len > 0)
		return read_document(document, loading);
	faults_error(loading->faults, node->place, "%s: file is missing", key->name);
	return false;
}

static bool
load_from_config(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, struct config_document *document)
{
	struct text text;

	if (!type_read_text(key, node, loading, &text)) {
		text_clear(&text);
		return false;
	}
	text_clear(&document->templated.text);
	document->templated.text = text;
	return true;
}

/* Where it is in the end empty is for those who render it to tell. */
static bool
load_document(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	if (type_is_nothing(node)) {
		if ((key->flags & KEY_REQUIRED) == 0)
			return true;
		faults_error(loading->faults, node->place,
		    "%s: expected text, or {file: PATH}", key->name);
		return false;
	}
	if (node->kind == YAML_MAP)
		return load_from_file(key, node, loading, field);
	return load_from_config(key, node, loading, field);
}

/* ---- all else ---- */

static void
inherit_document(void *field, const void *from)
{
	struct config_document *own = field;
	const struct config_document *document = from;

	type_inherit_text(&own->templated.text, &document->templated.text);
	type_inherit_text(&own->file, &document->file);
}

/* What is in it counts, not where it stands. */
static bool
equal_documents(const void *left, const void *right)
{
	const struct config_document *a = left;
	const struct config_document *b = right;

	return text_equal(&a->templated.text, &b->templated.text);
}

static void
print_document(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_document *document = field;

	if (document->file.source[0] != '\0') {
		yaml_write_key(&printing->yaml, key->name);
		yaml_write_begin_map(&printing->yaml);
		keyed_print(&document_keys, document, printing);
		yaml_write_end_map(&printing->yaml);
	} else if (document->templated.text.place.line > 0) {
		type_print_source(key, &document->templated.text, printing);
	}
}

static void
write_document_schema(UNUSED const struct key *key, struct json_write *json)
{
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	json_write_begin_object(json);
	type_write_definition("template", json);
	json_write_end_object(json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "object");
	keyed_schema(&document_keys, 0, false, json);
	json_write_end_object(json);
	json_write_end_array(json);
}

const struct type type_document = {
	.size = sizeof(struct config_document),
	.init = init_document,
	.clear = clear_document,
	.load = load_document,
	.inherit = inherit_document,
	.equal = equal_documents,
	.print = print_document,
	.schema = write_document_schema,
};
