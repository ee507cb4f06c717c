#include "publish/status_schema.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/pretty.h"
#include "base/span.h"
#include "gather/fields.h"
#include "publish/head.h"
#include "publish/schema_parts.h"

/* ---- an entry ---- */

static void put_fields(
    struct json_write *json, const struct field *fields, bool nullable);

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
		schema_put_duration(json, field->nullable);
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
		put_fields(json, field->fields, field->nullable);
		break;
	}
}

static void
put_fields(struct json_write *json, const struct field *fields, bool nullable)
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

/* ---- the document ---- */

#define SERVICE "service"

static void
put_services(struct json_write *json)
{
	schema_begin_property(
	    json, "services", "What came of each service, in the config's order");
	schema_put_type(json, "object", false);
	json_write_key(json, "additionalProperties");
	json_write_begin_object(json);
	json_write_key(json, "$ref");
	json_write_string(json, "#/$defs/" SERVICE);
	json_write_end_object(json);
	schema_end_property(json);
}

/* There are none so far. */
static void
put_prompts(struct json_write *json)
{
	schema_begin_property(
	    json, "prompts", "What came of each prompt, in the config's order");
	schema_put_type(json, "object", false);
	json_write_key(json, "maxProperties");
	json_write_int(json, 0);
	schema_end_property(json);
}

static void
put_definitions(struct json_write *json)
{
	json_write_key(json, "$defs");
	json_write_begin_object(json);
	schema_begin_property(json, SERVICE, "What came of one service");
	put_fields(json, service_fields, false);
	schema_end_property(json);
	json_write_end_object(json);
}

static void
put_document(struct json_write *json)
{
	schema_begin_object(json, false);
	head_put_properties(json, head_rows);
	put_services(json);
	put_prompts(json);
	schema_begin_required(json);
	head_put_names(json, head_rows);
	json_write_string(json, "services");
	json_write_string(json, "prompts");
	schema_end_object(json);
	put_definitions(json);
}

static void
put_schema(struct json_write *json)
{
	json_write_begin_object(json);
	json_write_key(json, "$schema");
	json_write_string(json, "https://json-schema.org/draft/2020-12/schema");
	json_write_key(json, "title");
	json_write_string(json, "gatherd status document");
	json_write_key(json, "description");
	json_write_string(json,
	    "What gatherd says of the services that it asks: see gatherd(8). A key is "
	    "always there, null where there is nothing to say, but for those that a "
	    "config adds.");
	put_document(json);
	json_write_end_object(json);
}

void
status_schema_append(struct buffer *out)
{
	struct json_write json;
	struct buffer compact;

	buffer_init(&compact, BUFFER_UNLIMITED);
	json_write_init(&json, &compact);
	put_schema(&json);
	pretty_append_whole(out, span_whole(compact.data, compact.len));
	buffer_clear(&compact);
}
