#include "rules/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/xalloc.h"
#include "rules/pattern.h"
#include "rules/plain.h"

/* A name that a model made up is told up to here. */
#define MAX_SHOWN_NAME 80

/* One check on its way down. */
struct checking {
	struct pattern_budget *budget;
	struct buffer *why;
	struct buffer way; /* a JSON Pointer (RFC 6901) to where it is */
};

struct schema *
schema_new(void)
{
	struct schema *schema = xcalloc(1, sizeof(*schema));

	condition_init(&schema->condition);
	return schema;
}

void
schema_free(struct schema *schema)
{
	if (schema == NULL)
		return;
	condition_clear(&schema->condition);
	for (size_t i = 0; i < schema->property_count; i++) {
		free(schema->properties[i].name);
		schema_free(schema->properties[i].schema);
	}
	free(schema->properties);
	for (size_t i = 0; i < schema->required_count; i++)
		free(schema->required[i]);
	free(schema->required);
	schema_free(schema->items);
	schema_free(schema->additional);
	free(schema);
}

/* ---- the way ---- */

/* One step down to NAME; returns what way_up() needs to come back. The name may be the
 * model's: what cannot be shown is told as JSON's escapes. */
static size_t
way_down(struct checking *checking, const char *name, size_t len)
{
	struct buffer *way = &checking->way;
	size_t mark = way->len;
	size_t start = 0;

	if (len > MAX_SHOWN_NAME)
		len = MAX_SHOWN_NAME;
	buffer_append_char(way, '/');
	for (size_t i = 0; i < len; i++) {
		if (name[i] != '~' && name[i] != '/')
			continue;
		json_write_append_escaped(way, name + start, i - start);
		buffer_append_string(way, name[i] == '~' ? "~0" : "~1");
		start = i + 1;
	}
	json_write_append_escaped(way, name + start, len - start);
	return mark;
}

static void
way_up(struct checking *checking, size_t mark)
{
	buffer_truncate(&checking->way, mark);
}

/* Begin to tell what is wrong where the check is. */
static void
append_way(const struct checking *checking)
{
	if (checking->way.len == 0)
		return;
	buffer_append(checking->why, checking->way.data, checking->way.len);
	buffer_append_string(checking->why, ": ");
}

/* ---- one value ---- */

/* Those words of CONDITION that say something of a value of KIND; all is borrowed. */
static struct condition
words_about(const struct condition *condition, enum span_kind kind)
{
	struct condition about = *condition;

	if (kind != SPAN_NUMBER) {
		about.minimum.set = about.maximum.set = false;
		about.exclusive_minimum.set = about.exclusive_maximum.set = false;
	}
	if (kind != SPAN_STRING) {
		about.min_length = about.max_length = -1;
		about.pattern = NULL;
		about.pattern_text = NULL;
	}
	if (kind != SPAN_ARRAY)
		about.min_items = about.max_items = -1;
	return about;
}

static bool
value_holds(const struct schema *schema, struct span value, struct checking *checking)
{
	struct condition about = words_about(&schema->condition, span_kind(value));
	struct fact fact = { .kind = FACT_JSON, .json = value };
	bool too_hard = false;

	if (!schema->nothing &&
	    condition_holds(&about, &fact, checking->budget, &too_hard))
		return true;
	append_way(checking);
	buffer_append_string(checking->why, "expected ");
	if (schema->nothing)
		buffer_append_string(checking->why, "nothing");
	else
		condition_describe(&about, checking->why);
	if (too_hard) {
		buffer_append_string(checking->why,
		    ", but looking for it was given up: it takes too much time");
		return false;
	}
	buffer_append_string(checking->why, ", got ");
	plain_describe_json(value, checking->why);
	return false;
}

/* ---- objects and lists ---- */

static bool holds(
    const struct schema *schema, struct span value, struct checking *checking);

/* There is nothing called NAME. */
static void
tell_missing(struct checking *checking, const char *name)
{
	size_t mark = way_down(checking, name, strlen(name));

	append_way(checking);
	buffer_append_string(checking->why, "required, but not there");
	way_up(checking, mark);
}

static bool
has_required(const struct schema *schema, struct span object, struct checking *checking)
{
	size_t count = schema->required_count;
	struct span *found = xcalloc(count + 1, sizeof(*found));
	size_t i = 0;

	span_members(object, (const char *const *)schema->required, count, found);
	while (i < count && found[i].text != NULL)
		i++;
	if (i < count)
		tell_missing(checking, schema->required[i]);
	free(found);
	return i == count;
}

/* The place in `properties` of NAME; their count: it is none of them. */
static size_t
find_property(const struct schema *schema, const char *name, size_t len)
{
	size_t i = 0;

	while (i < schema->property_count &&
	    (strlen(schema->properties[i].name) != len ||
	        memcmp(schema->properties[i].name, name, len) != 0))
		i++;
	return i;
}

static bool
member_holds(const struct schema *schema, struct span key, struct span value,
    struct checking *checking)
{
	const struct schema *of = schema->additional;
	struct plain name;
	bool fine = plain_init(&name, key);
	size_t place = find_property(schema, name.text, name.len);

	if (place < schema->property_count)
		of = schema->properties[place].schema;
	if (of != NULL) {
		size_t mark = way_down(checking, name.text, name.len);

		fine = holds(of, value, checking);
		way_up(checking, mark);
	}
	plain_clear(&name);
	return fine;
}

static bool
object_holds(const struct schema *schema, struct span object, struct checking *checking)
{
	struct span_walk walk;
	struct span key, value;

	if (!has_required(schema, object, checking))
		return false;
	if (schema->property_count == 0 && schema->additional == NULL)
		return true;
	span_walk_init(&walk, object);
	while (span_walk_next(&walk, &key, &value)) {
		if (!member_holds(schema, key, value, checking))
			return false;
	}
	return true;
}

static bool
items_hold(const struct schema *schema, struct span list, struct checking *checking)
{
	struct span_walk walk;
	struct span key, value;
	size_t number = 0;

	if (schema->items == NULL)
		return true;
	span_walk_init(&walk, list);
	while (span_walk_next(&walk, &key, &value)) {
		size_t mark = checking->way.len;
		bool fine;

		buffer_append_format(&checking->way, "/%zu", number++);
		fine = holds(schema->items, value, checking);
		way_up(checking, mark);
		if (!fine)
			return false;
	}
	return true;
}

/* Goes as deep as the schema does. */
static bool
holds(const struct schema *schema, struct span value, struct checking *checking)
{
	if (!value_holds(schema, value, checking))
		return false;
	switch (span_kind(value)) {
	case SPAN_OBJECT:
		return object_holds(schema, value, checking);
	case SPAN_ARRAY:
		return items_hold(schema, value, checking);
	case SPAN_ABSENT:
	case SPAN_NULL:
	case SPAN_BOOL:
	case SPAN_NUMBER:
	case SPAN_STRING:
		break;
	}
	return true;
}

bool
schema_holds(const struct schema *schema, struct span json,
    struct pattern_budget *budget, struct buffer *why)
{
	struct checking checking = { .budget = budget, .why = why };
	bool fine;

	buffer_init(&checking.way, BUFFER_UNLIMITED);
	fine = holds(schema, json, &checking);
	buffer_clear(&checking.way);
	return fine;
}
