#include "config/schema_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/condition_source.h"
#include "config/types.h"
#include "config/value.h"
#include "config/walk.h"
#include "rules/schema.h"

/* What says something of one value; `exists` is a rule's word, not JSON Schema's. */
static const char *const value_words[] = { "const", "enum", "type", "minimum",
	"maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "minLength",
	"maxLength", "minItems", "maxItems", NULL };

/* What goes down; or is about doing so. */
enum structure_word {
	WORD_PROPERTIES,
	WORD_REQUIRED,
	WORD_ITEMS,
	WORD_ADDITIONAL,
};
static const char *const structure_words[] = { "properties", "required", "items",
	"additionalProperties", NULL };

/* What checks nothing, wherever it is read. */
static const char *const notes[] = { "title", "description", "default", "examples",
	"$schema", "$id", "$comment", "format", "deprecated", "readOnly", "writeOnly",
	NULL };

/* Words that are not checked and take some of what others are about: beside them, these are
 * not checked either. */
static const struct {
	const char *word, *other;
} takers[] = {
	{ "prefixItems", "items" },
	{ "patternProperties", "additionalProperties" },
};

/* One schema that is being compiled. */
struct maker {
	struct walk walk;
	const char *
	    *told; /* owned; the words that were told to be unchecked; borrowed */
	size_t told_count;
	bool fine;
};

static struct schema *compile(struct maker *maker, const struct value *value);

/* ---- words that are not checked ---- */

static bool
was_told(const struct maker *maker, const char *word)
{
	for (size_t i = 0; i < maker->told_count; i++) {
		if (strcmp(maker->told[i], word) == 0)
			return true;
	}
	return false;
}

/* The word that was perhaps meant, as " (did you mean items?)", or nothing. */
static void
append_nearest(const char *word, struct buffer *out)
{
	const char *known[ARRAY_COUNT(value_words) + ARRAY_COUNT(structure_words)];
	size_t count = 0;

	for (size_t i = 0; value_words[i] != NULL; i++)
		known[count++] = value_words[i];
	for (size_t i = 0; structure_words[i] != NULL; i++)
		known[count++] = structure_words[i];
	type_append_nearest(out, word, known, count);
}

/* What else of MAP is not checked for WORD, as ", nor is items beside it", or nothing. */
static void
append_taken(const struct value *map, const char *word, struct buffer *out)
{
	for (size_t i = 0; i < ARRAY_COUNT(takers); i++) {
		if (strcmp(takers[i].word, word) == 0 &&
		    value_get(map, takers[i].other) != NULL)
			buffer_append_format(
			    out, ", nor is %s beside it", takers[i].other);
	}
}

/* The provider gets it all the same, and may know it. */
static void
tell_unchecked(struct maker *maker, const struct value *map, size_t index)
{
	const char *word = map->keys[index];
	struct buffer hint;

	if (was_told(maker, word))
		return;
	maker->told = xgrow(maker->told, maker->told_count, sizeof(*maker->told));
	maker->told[maker->told_count++] = word;
	buffer_init(&hint, BUFFER_UNLIMITED);
	append_taken(map, word, &hint);
	if (names_find(value_words, word) < 0)
		append_nearest(word, &hint);
	else
		buffer_append_string(&hint, ", as no list and no map is");
	walk_warning(&maker->walk, map->key_places[index],
	    "%s is only passed on: it is not checked here%s", word, hint.data);
	buffer_clear(&hint);
}

/* ---- words about one value ---- */

static bool
is_plain_list(const struct value *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!walk_is_scalar(list->items[i]))
			return false;
	}
	return true;
}

/* Lists and maps can be equal to nothing here: `const` and `enum` with them are left to the
 * provider. */
static bool
is_checked(const struct value *map, size_t index)
{
	const struct value *value = map->items[index];

	if (names_find(value_words, map->keys[index]) < 0)
		return false;
	if (strcmp(map->keys[index], "const") == 0)
		return walk_is_scalar(value);
	if (strcmp(map->keys[index], "enum") == 0 && value->kind == VALUE_LIST)
		return is_plain_list(value);
	return true;
}

/* The words of MAP that conditions know become one. */
static void
compile_condition(
    struct maker *maker, const struct value *map, struct condition *condition)
{
	struct value words = { .kind = VALUE_MAP, .place = map->place };

	words.keys = xcalloc(map->count + 1, sizeof(*words.keys));
	words.key_places = xcalloc(map->count + 1, sizeof(*words.key_places));
	words.items = xcalloc(map->count + 1, sizeof(struct value *));
	for (size_t i = 0; i < map->count; i++) {
		if (!is_checked(map, i))
			continue;
		words.keys[words.count] = map->keys[i];
		words.key_places[words.count] = map->key_places[i];
		words.items[words.count++] = map->items[i];
	}
	/* Initialised by schema_new(), it owns nothing yet. */
	if (words.count > 0 &&
	    !condition_source_compile(&maker->walk, &words, RULE_JSON, condition))
		maker->fine = false;
	free(words.keys);
	free(words.key_places);
	free(words.items);
}

/* ---- words that go down ---- */

static void
compile_properties(struct maker *maker, const struct value *map, struct schema *schema)
{
	if (!walk_map(&maker->walk, map, "schemas")) {
		maker->fine = false;
		return;
	}
	schema->properties = xcalloc(map->count + 1, sizeof(*schema->properties));
	for (size_t i = 0; i < map->count; i++) {
		struct schema_property *property =
		    &schema->properties[schema->property_count++];
		size_t mark = walk_down(&maker->walk, map->keys[i]);

		property->name = xstrdup(map->keys[i]);
		property->schema = compile(maker, map->items[i]);
		walk_up(&maker->walk, mark);
	}
}

static void
compile_required(struct maker *maker, const struct value *list, struct schema *schema)
{
	if (list->kind != VALUE_LIST) {
		walk_fault(&maker->walk, list->place, "expected a list of names");
		maker->fine = false;
		return;
	}
	schema->required = xcalloc(list->count + 1, sizeof(*schema->required));
	for (size_t i = 0; i < list->count; i++) {
		const char *name =
		    walk_text(&maker->walk, list->items[i], "the name of a property");

		if (name != NULL)
			schema->required[schema->required_count++] = xstrdup(name);
		else
			maker->fine = false;
	}
}

static void
compile_structure(struct maker *maker, enum structure_word word,
    const struct value *value, struct schema *schema)
{
	size_t mark = walk_down(&maker->walk, structure_words[word]);

	switch (word) {
	case WORD_PROPERTIES:
		compile_properties(maker, value, schema);
		break;
	case WORD_REQUIRED:
		compile_required(maker, value, schema);
		break;
	case WORD_ITEMS:
		schema->items = compile(maker, value);
		break;
	case WORD_ADDITIONAL:
		schema->additional = compile(maker, value);
		break;
	}
	walk_up(&maker->walk, mark);
}

/* ---- a schema ---- */

static bool
has_property(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->property_count; i++) {
		if (strcmp(schema->properties[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Is a word in MAP that takes some of what OTHER is about? */
static bool
is_taken(const struct value *map, const char *other)
{
	for (size_t i = 0; i < ARRAY_COUNT(takers); i++) {
		if (strcmp(takers[i].other, other) == 0)
			return value_get(map, takers[i].word) != NULL;
	}
	return false;
}

/* What would refuse an answer that the whole of MAP takes. Its faults are told by now. */
static void
drop_taken(const struct value *map, struct schema *schema)
{
	if (is_taken(map, structure_words[WORD_ITEMS])) {
		schema_free(schema->items);
		schema->items = NULL;
	}
	if (is_taken(map, structure_words[WORD_ADDITIONAL])) {
		schema_free(schema->additional);
		schema->additional = NULL;
	}
}

/* What is required, and may not be there. */
static void
check_whole(struct maker *maker, const struct value *map, const struct schema *schema)
{
	if (schema->additional == NULL || !schema->additional->nothing)
		return;
	for (size_t i = 0; i < schema->required_count; i++) {
		const char *name = schema->required[i];

		if (has_property(schema, name))
			continue;
		walk_fault(&maker->walk, value_get(map, "required")->place,
		    "%s is required, but neither among the properties nor allowed "
		    "besides",
		    name);
		maker->fine = false;
	}
}

static struct schema *
compile_map(struct maker *maker, const struct value *map)
{
	struct schema *schema = schema_new();

	compile_condition(maker, map, &schema->condition);
	for (size_t i = 0; i < map->count; i++) {
		int word = names_find(structure_words, map->keys[i]);

		if (word >= 0)
			compile_structure(
			    maker, (enum structure_word)word, map->items[i], schema);
		else if (!is_checked(map, i) && names_find(notes, map->keys[i]) < 0)
			tell_unchecked(maker, map, i);
	}
	drop_taken(map, schema);
	check_whole(maker, map, schema);
	return schema;
}

/* Never NULL: it is freed as a whole where it is not fine. */
static struct schema *
compile(struct maker *maker, const struct value *value)
{
	struct schema *schema;

	if (value->kind == VALUE_MAP)
		return compile_map(maker, value);
	schema = schema_new();
	schema->nothing = value->kind == VALUE_FALSE;
	if (value->kind != VALUE_FALSE && value->kind != VALUE_TRUE) {
		walk_fault(&maker->walk, value->place,
		    "expected a schema: a map of its words, true or false");
		maker->fine = false;
	}
	return schema;
}

struct schema *
schema_source_compile(const struct value *source, struct faults *faults)
{
	struct maker maker = { .fine = true };
	struct schema *schema;

	walk_init(&maker.walk, faults, "schema");
	schema = compile_map(&maker, source);
	walk_clear(&maker.walk);
	free(maker.told);
	if (maker.fine)
		return schema;
	schema_free(schema);
	return NULL;
}
