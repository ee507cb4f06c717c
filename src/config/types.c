#include "config/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/sources.h"
#include "config/text.h"
#include "config/types_parts.h"
#include "config/yaml.h"

/* ---- for all types ---- */

bool
type_is_nothing(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && node->plain &&
	    (node->len == 0 || strcmp(node->text, "~") == 0 ||
	        strcmp(node->text, "null") == 0);
}

void
type_append_nearest(
    struct buffer *out, const char *text, const char *const *names, size_t count)
{
	const char *nearest = names_nearest(text, names, count);

	if (nearest != NULL)
		buffer_append_format(out, " (did you mean %s?)", nearest);
}

/* "timeout: expected a duration over 0 such as 2s"; TAIL follows. */
static void
tell_expected(const struct key *key, struct place place, const struct loading *loading,
    const char *tail)
{
	struct buffer expected;

	buffer_init(&expected, BUFFER_UNLIMITED);
	if (key->type->expect != NULL)
		key->type->expect(key, &expected);
	else
		buffer_append_string(&expected, "text");
	faults_error(loading->faults, place, "%s: expected %s%s", key->name,
	    expected.data, tail);
	buffer_clear(&expected);
}

/* It may be printed as part of the main file. */
static void
rebase(struct text *text, const struct sources *sources)
{
	char *prefix = sources_prefix(sources, text->place.file);

	text_rebase(text, prefix);
	free(prefix);
}

bool
type_read_text(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, struct text *text)
{
	memset(text, 0, sizeof(*text));
	if (node->kind != YAML_SCALAR) {
		tell_expected(key, node->place, loading,
		    node->kind == YAML_LIST ? ", not a list" : ", not a map");
		return false;
	}
	if (!text_load(node, sources_folder(loading->sources, node->place.file),
	        loading->faults, text))
		return false;
	rebase(text, loading->sources);
	return true;
}

/* ---- single values ---- */

/* "1.2", as a word of a key. */
static bool
looks_like_number(const char *word)
{
	return strspn(word, "0123456789.") == strlen(word);
}

/* A word that is none: which one was meant? Never said of what came in from outside, and of
 * numbers nobody knows. */
static void
tell_unfit(
    const struct key *key, const struct text *text, const struct loading *loading)
{
	struct buffer hint;
	size_t count = 0;

	buffer_init(&hint, BUFFER_UNLIMITED);
	if (text_has_reference(text)) {
		buffer_append_string(&hint, ", which the value put in is not");
	} else if (key->names != NULL && !looks_like_number(text->value.text.data)) {
		while (key->names[count] != NULL)
			count++;
		type_append_nearest(&hint, text->value.text.data, key->names, count);
	}
	tell_expected(key, text->place, loading, hint.data);
	buffer_clear(&hint);
}

bool
type_load_single(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	struct text text;
	bool loaded = type_read_text(key, node, loading, &text);

	if (loaded && !key->type->parse(key, text.value.text.data, field)) {
		tell_unfit(key, &text, loading);
		loaded = false;
	}
	text_clear(&text);
	return loaded;
}

void
type_print_word(const struct key *key, const char *word, struct printing *printing)
{
	yaml_write_key(&printing->yaml, key->name);
	yaml_write_word(&printing->yaml, word);
}

void
type_write_definition(const char *name, struct json_write *json)
{
	char *reference = xasprintf("#/$defs/%s", name);

	json_write_key(json, "$ref");
	json_write_string(json, reference);
	free(reference);
}

/* ---- truth ---- */

static const char *const true_words[] = { "true", "yes", "on", NULL };
static const char *const false_words[] = { "false", "no", "off", NULL };

static bool
parse_bool(UNUSED const struct key *key, const char *text, void *field)
{
	bool value = names_find(true_words, text) >= 0;

	if (!value && names_find(false_words, text) < 0)
		return false;
	*(bool *)field = value;
	return true;
}

static void
expect_bool(UNUSED const struct key *key, struct buffer *out)
{
	buffer_append_string(out, "true or false");
}

static void
print_bool(const struct key *key, const void *field, struct printing *printing)
{
	type_print_word(key, *(const bool *)field ? "true" : "false", printing);
}

static void
write_bool_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("truth", json);
}

const struct type type_bool = {
	.size = sizeof(bool),
	.load = type_load_single,
	.parse = parse_bool,
	.expect = expect_bool,
	.print = print_bool,
	.schema = write_bool_schema,
	.default_is_json = true,
};

/* ---- file permissions ---- */

static bool
parse_mode(UNUSED const struct key *key, const char *text, void *field)
{
	return units_parse_mode(text, field);
}

static void
expect_mode(UNUSED const struct key *key, struct buffer *out)
{
	buffer_append_string(out, "permissions in octal such as 0644");
}

static void
print_mode(const struct key *key, const void *field, struct printing *printing)
{
	char text[UNITS_TEXT_SIZE];

	snprintf(text, sizeof(text), "%04o", *(const unsigned *)field);
	type_print_word(key, text, printing);
}

static void
write_mode_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("permissions", json);
}

const struct type type_mode = {
	.size = sizeof(unsigned),
	.load = type_load_single,
	.parse = parse_mode,
	.expect = expect_mode,
	.print = print_mode,
	.schema = write_mode_schema,
};

/* ---- one of some words ---- */

/* The fields are enums of several types, all of an int's size and values. */
static bool
parse_word(const struct key *key, const char *text, void *field)
{
	int number = names_find(key->names, text);

	if (number < 0)
		return false;
	memcpy(field, &number, sizeof(number));
	return true;
}

static void
expect_word(const struct key *key, struct buffer *out)
{
	for (size_t i = 0; key->names[i] != NULL; i++) {
		if (i > 0)
			buffer_append_string(
			    out, key->names[i + 1] == NULL ? " or " : ", ");
		buffer_append_string(out, key->names[i]);
	}
}

static void
print_one_word(const struct key *key, const void *field, struct printing *printing)
{
	int number;

	memcpy(&number, field, sizeof(number));
	type_print_word(key, key->names[number], printing);
}

/* One more form of a word: as it is, or as the number that it looks like to whoever does
 * not know the key. Nothing where no word looks like one. */
static void
write_words(const char *const *words, bool as_numbers, struct json_write *json)
{
	bool any = false;

	for (size_t i = 0; words[i] != NULL; i++) {
		if (as_numbers && !looks_like_number(words[i]))
			continue;
		if (!any) {
			json_write_begin_object(json);
			json_write_key(json, "enum");
			json_write_begin_array(json);
		}
		any = true;
		if (as_numbers)
			json_write_raw(json, words[i], strlen(words[i]));
		else
			json_write_string(json, words[i]);
	}
	if (any) {
		json_write_end_array(json);
		json_write_end_object(json);
	}
}

static void
write_word_schema(const struct key *key, struct json_write *json)
{
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	write_words(key->names, false, json);
	write_words(key->names, true, json);
	json_write_begin_object(json);
	type_write_definition("reference", json);
	json_write_end_object(json);
	json_write_end_array(json);
}

const struct type type_word = {
	.size = sizeof(int),
	.load = type_load_single,
	.parse = parse_word,
	.expect = expect_word,
	.print = print_one_word,
	.schema = write_word_schema,
};
