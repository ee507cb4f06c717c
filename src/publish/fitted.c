#include "publish/fitted.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/names.h"
#include "config/config.h"
#include "gather/fields.h"
#include "gather/outcome.h"

/* No object of the table has more. */
#define MAX_FIELDS 48

/* ---- does it fit? ---- */

static bool
is_name(struct span value, const char *const *names)
{
	if (names == NULL)
		return true;
	for (; *names != NULL; names++) {
		if (**names != '\0' && span_is_text(value, *names))
			return true;
	}
	return false;
}

static bool
has_only_texts(struct span container)
{
	struct span_walk walk;
	struct span key, value;

	span_walk_init(&walk, container);
	while (span_walk_next(&walk, &key, &value)) {
		if (span_kind(value) != SPAN_STRING)
			return false;
	}
	return true;
}

/* Of fields that are JSON only those with a schema have a kind, and are objects; `values`
 * may hold anything. */
static bool
is_json_of(struct span value, const struct field *field)
{
	if (field->json_schema == NULL)
		return true;
	return span_kind(value) == SPAN_OBJECT &&
	    (strcmp(field->name, "labels") != 0 || has_only_texts(value));
}

static void find_members(
    struct span object, const struct field *fields, struct span *values);

/* Is VALUE, which is there and not null, one that FIELD can have? */
static bool
fits(struct span value, const struct field *field)
{
	struct span members[MAX_FIELDS];
	uint64_t number;

	switch (field->type) {
	case FIELD_TEXT:
		return span_kind(value) == SPAN_STRING && is_name(value, field->names);
	case FIELD_INT:
		return span_whole_number(value, &number);
	case FIELD_US:
		return span_ms_as_us(value) >= 0;
	case FIELD_MONEY:
		return span_money(value) >= 0;
	case FIELD_AMOUNT:
		return span_whole_number(value, &number) || span_money(value) >= 0;
	case FIELD_BOOL:
		return span_kind(value) == SPAN_BOOL;
	case FIELD_TIME:
		return span_time_ms(value) >= 0;
	case FIELD_JSON:
		return is_json_of(value, field);
	case FIELD_TEXTS:
		return span_kind(value) == SPAN_ARRAY && has_only_texts(value);
	case FIELD_OBJECT:
		break;
	}
	if (span_kind(value) != SPAN_OBJECT)
		return false;
	/* Without a part that has to be there, all of it means nothing. */
	find_members(value, field->fields, members);
	for (size_t i = 0; field->fields[i].name != NULL; i++) {
		if (!field->fields[i].nullable &&
		    (span_is_nothing(members[i]) ||
		        !fits(members[i], &field->fields[i])))
			return false;
	}
	return true;
}

/* ---- what may not be said again ---- */

static bool
is_secret_name(struct span key, const struct target *target)
{
	for (size_t i = 0; i < target->extract.count; i++) {
		if (target->extract.items[i].secret &&
		    span_is_text(key, target->extract.items[i].name))
			return true;
	}
	return false;
}

static void
put_values(struct json_write *json, struct span values, const struct target *target)
{
	struct span_walk walk;
	struct span key, value;

	json_write_begin_object(json);
	span_walk_init(&walk, values);
	while (span_walk_next(&walk, &key, &value)) {
		size_t len;
		char *name = span_text(key, &len);

		/* A name with a NUL in it is none that gatherd wrote. */
		if (strlen(name) == len) {
			json_write_key(json, name);
			if (is_secret_name(key, target))
				json_write_string(json, MARKED_MASK);
			else
				json_write_raw(json, value.text, value.len);
		}
		free(name);
	}
	json_write_end_object(json);
}

/* Is FIELD to be left out of what is said of TARGET? */
static bool
is_past(const struct field *field, const struct target *target)
{
	static const char *const answers[] = { "data", "last_data", "response",
		"last_response", "excerpt", NULL };

	/* Whoever starts again does not hold back. */
	if (strcmp(field->name, "next_at") == 0)
		return true;
	return target->has_secret_value && names_find(answers, field->name) >= 0;
}

/* Is VALUE, the text of a prompt, told otherwise than TARGET's `store_prompt` says? Whoever
 * wants it hidden does not want that of the run before shown. */
static bool
is_stored_otherwise(
    const struct field *field, struct span value, const struct target *target)
{
	static const char lead[] = "\"" OUTCOME_DIGEST_LEAD;
	const struct prompt *prompt = target_prompt(target);

	if (prompt == NULL || strcmp(field->name, "prompt") != 0)
		return false;
	switch (prompt->store) {
	case STORE_FULL:
		return false;
	case STORE_HASH:
		return value.len != strlen(lead) + DIGEST_HEX_LEN + 1 ||
		    strncmp(value.text, lead, strlen(lead)) != 0;
	case STORE_NONE:
		break;
	}
	return true;
}

/* ---- writing ---- */

static void put_object(struct json_write *json, const struct field *fields,
    struct span object, const struct target *target);

/* What stands for nothing. */
static void
put_nothing(
    struct json_write *json, const struct field *field, const struct target *target)
{
	if (field->nullable) {
		json_write_null(json);
		return;
	}
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_TIME:
		json_write_string(json, "");
		break;
	case FIELD_INT:
	case FIELD_US:
	case FIELD_MONEY:
	case FIELD_AMOUNT:
		json_write_int(json, 0);
		break;
	case FIELD_BOOL:
		json_write_bool(json, false);
		break;
	case FIELD_JSON:
		json_write_begin_object(json);
		json_write_end_object(json);
		break;
	case FIELD_TEXTS:
		json_write_begin_array(json);
		json_write_end_array(json);
		break;
	case FIELD_OBJECT:
		put_object(json, field->fields, (struct span){ .text = NULL }, target);
		break;
	}
}

static void
put_field(struct json_write *json, const struct field *field, struct span value,
    const struct target *target)
{
	if (span_is_nothing(value) || is_past(field, target) || !fits(value, field) ||
	    is_stored_otherwise(field, value, target))
		put_nothing(json, field, target);
	else if (field->type == FIELD_OBJECT)
		put_object(json, field->fields, value, target);
	else if (strcmp(field->name, "values") == 0)
		put_values(json, value, target);
	else
		json_write_raw(json, value.text, value.len);
}

/* The values of FIELDS in OBJECT, in one pass. */
static void
find_members(struct span object, const struct field *fields, struct span *values)
{
	const char *names[MAX_FIELDS];
	size_t count = 0;

	for (; fields->name != NULL; fields++) {
		assert(count < MAX_FIELDS);
		names[count++] = fields->name;
	}
	span_members(object, names, count, values);
}

static void
put_object(struct json_write *json, const struct field *fields, struct span object,
    const struct target *target)
{
	struct span values[MAX_FIELDS];

	find_members(object, fields, values);
	json_write_begin_object(json);
	for (size_t i = 0; fields[i].name != NULL; i++) {
		if (fields[i].optional && span_kind(values[i]) == SPAN_ABSENT)
			continue;
		/* Left out, it says less than an empty text would. */
		if (fields[i].optional && !fields[i].nullable &&
		    !fits(values[i], &fields[i]))
			continue;
		json_write_key(json, fields[i].name);
		put_field(json, &fields[i], values[i], target);
	}
	json_write_end_object(json);
}

void
fitted_append(struct buffer *out, struct span entry, const struct target *target)
{
	struct json_write json;

	json_write_init(&json, out);
	put_object(&json, fields_of_target(target), entry, target);
}
