/*
 * The types that hold a single text: plain ones, templates, paths, what is secret.
 */
#include "config/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/shown.h"
#include "config/sources.h"
#include "config/text.h"
#include "config/types_parts.h"
#include "config/yaml.h"
#include "http/token.h"
#include "template/template.h"

/* A text that is not said never grows. */
#define EMPTY_MAX_BYTES 0

void
type_init_text(void *field)
{
	struct text *text = field;

	text->source = xstrdup("");
	marked_init(&text->value, EMPTY_MAX_BYTES);
}

void
type_clear_text(void *field)
{
	text_clear(field);
}

void
type_inherit_text(void *field, const void *from)
{
	text_clear(field);
	text_copy(field, from);
}

bool
type_equal_texts(const void *a, const void *b)
{
	return text_equal(a, b);
}

/* Is there anything, be it empty? */
static bool
is_said(const struct text *text)
{
	return text->place.line > 0;
}

/* As type_read_text(), but there is nothing to be cleared where it fails. */
static bool
read_text(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, struct text *text)
{
	if (type_read_text(key, node, loading, text))
		return true;
	text_clear(text);
	return false;
}

/* FIELD becomes TEXT, which is taken over. */
static void
put_text(void *field, const struct text *text)
{
	text_clear(field);
	*(struct text *)field = *text;
}

static bool
load_text(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct text text;

	if (!read_text(key, node, loading, &text))
		return false;
	put_text(field, &text);
	return true;
}

/* `key:` with nothing there takes away what `defaults` say. */
static bool
load_optional(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return type_is_nothing(node) || load_text(key, node, loading, field);
}

void
type_print_source(
    const struct key *key, const struct text *text, struct printing *printing)
{
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_text(&printing->yaml, text->source);
}

static void
print_text(const struct key *key, const void *field, struct printing *printing)
{
	const struct text *text = field;

	if (text->source[0] != '\0')
		type_print_source(key, text, printing);
}

/* SHOW makes TEXT's source as it may be printed; the caller's. */
static void
print_shown(const struct key *key, const struct text *text, struct printing *printing,
    char *(*show)(const char *source))
{
	char *shown = show(text->source);

	yaml_write_key(&printing->yaml, key->name);
	yaml_write_text(&printing->yaml, shown);
	free(shown);
}

static void
write_text_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("text", json);
}

const struct type type_text = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_text,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_text,
	.schema = write_text_schema,
};

const struct type type_optional = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_optional,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_text,
	.schema = write_text_schema,
};

/* ---- templates ---- */

static void
clear_templated(void *field)
{
	struct templated *templated = field;

	text_clear(&templated->text);
	template_free(templated->template);
}

static bool
equal_templated(const void *left, const void *right)
{
	const struct templated *a = left;
	const struct templated *b = right;

	/* An empty body is another thing than none. */
	return is_said(&a->text) == is_said(&b->text) && text_equal(&a->text, &b->text);
}

static void
print_template(const struct key *key, const void *field, struct printing *printing)
{
	const struct templated *templated = field;

	if (is_said(&templated->text))
		type_print_source(key, &templated->text, printing);
}

static void
write_template_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("template", json);
}

const struct type type_template = {
	.size = sizeof(struct templated),
	.init = type_init_text,
	.clear = clear_templated,
	.load = load_optional,
	.inherit = type_inherit_text,
	.equal = equal_templated,
	.print = print_template,
	.schema = write_template_schema,
};

/* ---- secrets ---- */

static void
print_secret(const struct key *key, const void *field, struct printing *printing)
{
	const struct templated *templated = field;

	if (is_said(&templated->text))
		print_shown(key, &templated->text, printing, shown_secret);
}

const struct type type_secret = {
	.size = sizeof(struct templated),
	.init = type_init_text,
	.clear = clear_templated,
	.load = load_text,
	.inherit = type_inherit_text,
	.equal = equal_templated,
	.print = print_secret,
	.schema = write_template_schema,
};

/* One that could not be read has a stand-in: nobody is to miss the key as well. */
static bool
load_key(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct text text;
	bool loaded;

	if (type_is_nothing(node))
		return true;
	loaded = type_read_text(key, node, loading, &text);
	if (!loaded) {
		text_clear(&text);
		text = (struct text){ .source = xstrdup(""), .place = node->place };
		marked_init(&text.value, BUFFER_UNLIMITED);
		(void)marked_append(&text.value, "-", 1, MARK_OWN);
	}
	put_text(field, &text);
	return loaded;
}

static void
print_key(const struct key *key, const void *field, struct printing *printing)
{
	const struct text *text = field;

	if (text->source[0] != '\0')
		print_shown(key, text, printing, shown_secret);
}

const struct type type_key = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_key,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_key,
	.schema = write_text_schema,
};

/* ---- URLs ---- */

static void
print_url(const struct key *key, const void *field, struct printing *printing)
{
	const struct templated *templated = field;

	if (templated->text.source[0] != '\0')
		print_shown(key, &templated->text, printing, shown_url);
}

static void
write_url_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("url", json);
}

const struct type type_url = {
	.size = sizeof(struct templated),
	.init = type_init_text,
	.clear = clear_templated,
	.load = load_text,
	.inherit = type_inherit_text,
	.equal = equal_templated,
	.print = print_url,
	.schema = write_url_schema,
};

/* `null` and nothing at all say nothing. */
const struct type type_optional_url = {
	.size = sizeof(struct templated),
	.init = type_init_text,
	.clear = clear_templated,
	.load = load_optional,
	.inherit = type_inherit_text,
	.equal = equal_templated,
	.print = print_url,
	.schema = write_text_schema,
};

static void
print_proxy(const struct key *key, const void *field, struct printing *printing)
{
	const struct text *text = field;

	if (text->source[0] != '\0')
		print_shown(key, text, printing, shown_url);
}

const struct type type_proxy = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_optional,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_proxy,
	.schema = write_text_schema,
};

/* ---- paths ---- */

/* TEXT's value behind FOLDER. */
static void
start_in(struct text *text, const char *folder)
{
	struct marked from = text->value;
	struct marked path;

	marked_init(&path, BUFFER_UNLIMITED);
	(void)marked_append(&path, folder, strlen(folder), MARK_OWN);
	(void)marked_append(&path, "/", strcmp(folder, "/") != 0, MARK_OWN);
	for (size_t i = 0; i < from.part_count; i++) {
		const char *part;
		size_t len;
		enum mark mark;

		marked_part(&from, i, &part, &len, &mark);
		(void)marked_append(&path, part, len, mark);
	}
	marked_clear(&from);
	text->value = path;
}

/* TEXT's source behind PREFIX, as the main file could have it. */
static void
print_behind(struct text *text, const char *prefix)
{
	struct buffer source;

	buffer_init(&source, BUFFER_UNLIMITED);
	for (; *prefix != '\0'; prefix++) {
		if (*prefix == '$')
			buffer_append_char(&source, '$');
		buffer_append_char(&source, *prefix);
	}
	buffer_append_string(&source, text->source);
	free(text->source);
	text->source = buffer_take(&source);
}

/* TEXT, the path of a file that its config file names. */
static void
start_at_file(struct text *text, const struct sources *sources)
{
	const char *folder = sources_folder(sources, text->place.file);
	char *prefix;

	if (text->value.text.len == 0 || text->value.text.data[0] == '/')
		return;
	if (strcmp(folder, ".") != 0)
		start_in(text, folder);
	prefix = sources_prefix(sources, text->place.file);
	print_behind(text, prefix);
	free(prefix);
}

static bool
load_path(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct text text;

	if (type_is_nothing(node))
		return true;
	if (!read_text(key, node, loading, &text))
		return false;
	start_at_file(&text, loading->sources);
	put_text(field, &text);
	return true;
}

const struct type type_path = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_path,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_text,
	.schema = write_text_schema,
};

/* ---- texts of few forms ---- */

/* What is expected where TEXT is anything else; NULL: it fits. */
typedef const char *expected_fn(const char *text);

static bool
load_fitting(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, expected_fn *expected_for, void *field)
{
	struct text text;
	const char *expected;

	if (type_is_nothing(node))
		return true;
	if (!read_text(key, node, loading, &text))
		return false;
	expected = expected_for(text.value.text.data);
	if (expected == NULL) {
		put_text(field, &text);
		return true;
	}
	faults_error(
	    loading->faults, text.place, "%s: expected %s", key->name, expected);
	text_clear(&text);
	return false;
}

/* ---- methods ---- */

/* Those of a token (RFC 9110, 5.6.2) that are no lower-case letters: methods are told apart
 * by case, and no known one has any. */
#define METHOD_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+.^_`|~-"

/* A tunnel is no answer, and no client may send TRACE with credentials (RFC 9110, 9.3). */
static const char *const refused_methods[] = { "CONNECT", "TRACE", NULL };

static const char *
expected_method(const char *method)
{
	if (method[0] == '\0' || method[strspn(method, METHOD_CHARACTERS)] != '\0')
		return "a method in upper case such as POST";
	if (names_find(refused_methods, method) >= 0)
		return "a method other than CONNECT and TRACE";
	return NULL;
}

static bool
load_method(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_fitting(key, node, loading, expected_method, field);
}

static void
write_method_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("method", json);
}

const struct type type_method = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_method,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_text,
	.schema = write_method_schema,
};

/* ---- names of headers ---- */

static const char *
expected_token(const char *name)
{
	return http_is_token(name)
	    ? NULL
	    : "a header's name: letters, digits and " HTTP_TOKEN_MARKS;
}

static bool
load_token(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return load_fitting(key, node, loading, expected_token, field);
}

static void
write_token_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("token", json);
}

const struct type type_token = {
	.size = sizeof(struct text),
	.init = type_init_text,
	.clear = type_clear_text,
	.load = load_token,
	.inherit = type_inherit_text,
	.equal = type_equal_texts,
	.print = print_text,
	.schema = write_token_schema,
};
