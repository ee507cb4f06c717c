#include "publish/schema_parts.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/span.h"
#include "gather/fields.h"

void
schema_put_type(struct json_write *json, const char *type, bool nullable)
{
	json_write_key(json, "type");
	if (!nullable) {
		json_write_string(json, type);
		return;
	}
	json_write_begin_array(json);
	json_write_string(json, type);
	json_write_string(json, "null");
	json_write_end_array(json);
}

void
schema_put_names(struct json_write *json, const char *const *names, bool nullable)
{
	json_write_key(json, "enum");
	json_write_begin_array(json);
	for (; *names != NULL; names++) {
		if (**names != '\0')
			json_write_string(json, *names);
	}
	if (nullable)
		json_write_null(json);
	json_write_end_array(json);
}

void
schema_put_time(struct json_write *json, bool nullable)
{
	schema_put_type(json, "string", nullable);
	json_write_key(json, "format");
	json_write_string(json, "date-time");
}

static void
put_minimum(struct json_write *json)
{
	json_write_key(json, "minimum");
	json_write_int(json, 0);
}

void
schema_put_count(struct json_write *json, bool nullable)
{
	schema_put_type(json, "integer", nullable);
	put_minimum(json);
}

void
schema_put_number(struct json_write *json, bool nullable)
{
	schema_put_type(json, "number", nullable);
	put_minimum(json);
}

void
schema_put_texts(struct json_write *json)
{
	schema_put_type(json, "array", false);
	json_write_key(json, "items");
	json_write_begin_object(json);
	schema_put_type(json, "string", false);
	json_write_end_object(json);
}

void
schema_begin_object(struct json_write *json, bool nullable)
{
	schema_put_type(json, "object", nullable);
	json_write_key(json, "properties");
	json_write_begin_object(json);
}

void
schema_begin_required(struct json_write *json)
{
	json_write_end_object(json);
	json_write_key(json, "required");
	json_write_begin_array(json);
}

void
schema_end_object(struct json_write *json)
{
	json_write_end_array(json);
	json_write_key(json, "additionalProperties");
	json_write_bool(json, false);
}

void
schema_begin_property(
    struct json_write *json, const char *name, const char *description)
{
	json_write_key(json, name);
	json_write_begin_object(json);
	if (description != NULL) {
		json_write_key(json, "description");
		json_write_string(json, description);
	}
}

void
schema_end_property(struct json_write *json)
{
	json_write_end_object(json);
}

/* ---- tables of fields ---- */

/* MEMBERS stand between the braces of an object. */
static void
put_members(struct json_write *json, const char *members)
{
	struct buffer object;
	struct span_walk walk;
	struct span key, value;

	buffer_init(&object, BUFFER_UNLIMITED);
	buffer_append_format(&object, "{%s}", members);
	span_walk_init(&walk, span_whole(object.data, object.len));
	while (span_walk_next(&walk, &key, &value)) {
		char *name = span_text(key, NULL);

		json_write_key(json, name);
		json_write_raw(json, value.text, value.len);
		free(name);
	}
	buffer_clear(&object);
}

static void
put_field(struct json_write *json, const struct field *field)
{
	switch (field->type) {
	case FIELD_TEXT:
		if (field->names != NULL)
			schema_put_names(json, field->names, field->nullable);
		else
			schema_put_type(json, "string", field->nullable);
		break;
	case FIELD_INT:
		schema_put_count(json, field->nullable);
		break;
	case FIELD_US:
	case FIELD_MONEY:
	case FIELD_AMOUNT:
		schema_put_number(json, field->nullable);
		break;
	case FIELD_BOOL:
		schema_put_type(json, "boolean", field->nullable);
		break;
	case FIELD_TIME:
		schema_put_time(json, field->nullable);
		break;
	case FIELD_JSON:
		if (field->json_schema != NULL)
			put_members(json, field->json_schema);
		break;
	case FIELD_TEXTS:
		schema_put_texts(json);
		break;
	case FIELD_OBJECT:
		schema_put_fields(json, field->fields, field->nullable);
		break;
	}
}

void
schema_put_fields(struct json_write *json, const struct field *fields, bool nullable)
{
	schema_begin_object(json, nullable);
	for (const struct field *field = fields; field->name != NULL; field++) {
		schema_begin_property(json, field->name, field->description);
		put_field(json, field);
		schema_end_property(json);
	}
	schema_begin_required(json);
	for (const struct field *field = fields; field->name != NULL; field++) {
		if (!field->optional)
			json_write_string(json, field->name);
	}
	schema_end_object(json);
}
