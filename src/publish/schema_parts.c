#include "publish/schema_parts.h"

#include <stddef.h>

#include "base/json_write.h"

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
schema_put_duration(struct json_write *json, bool nullable)
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
