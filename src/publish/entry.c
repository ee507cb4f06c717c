#include "publish/entry.h"

#include <string.h>

#include "base/json_write.h"
#include "config/config.h"
#include "gather/board.h"

static void put_fields(struct json_write *json, const struct field *fields,
    const struct board_entry *entry, const char *left_out);

/* The one field whose size a service decides. */
static bool
is_data(const struct field *field)
{
	return field->type == FIELD_JSON && strcmp(field->name, "data") == 0;
}

static void
put_texts(struct json_write *json, const char *left_out)
{
	json_write_begin_array(json);
	if (left_out != NULL)
		json_write_string(json, left_out);
	json_write_end_array(json);
}

static void
put_json(struct json_write *json, const struct field_value *value, bool left_out)
{
	if (value->text == NULL || left_out)
		json_write_null(json);
	else
		json_write_raw(json, value->text, value->len);
}

static void
put_object(struct json_write *json, const struct field *fields,
    const struct board_entry *entry, const char *left_out)
{
	json_write_begin_object(json);
	put_fields(json, fields, entry, left_out);
	json_write_end_object(json);
}

static void
put_value(struct json_write *json, const struct field *field,
    const struct field_value *value, const struct board_entry *entry,
    const char *left_out)
{
	switch (field->type) {
	case FIELD_TEXT:
		json_write_string(json, value->text);
		break;
	case FIELD_INT:
		if (value->number < 0)
			json_write_null(json);
		else
			json_write_int(json, value->number);
		break;
	case FIELD_US:
		json_write_us_as_ms(json, value->number);
		break;
	case FIELD_TIME:
		json_write_time(json, value->number);
		break;
	case FIELD_JSON:
		put_json(json, value, left_out != NULL && is_data(field));
		break;
	case FIELD_TEXTS:
		put_texts(json, left_out);
		break;
	case FIELD_OBJECT:
		if (value->absent)
			json_write_null(json);
		else
			put_object(json, field->fields, entry, left_out);
		break;
	}
}

static void
put_fields(struct json_write *json, const struct field *fields,
    const struct board_entry *entry, const char *left_out)
{
	for (const struct field *field = fields; field->name != NULL; field++) {
		struct field_value value = { .number = -1 };

		if (field->get != NULL)
			field->get(entry, &value);
		if (field->optional && value.absent)
			continue;
		json_write_key(json, field->name);
		put_value(json, field, &value, entry, left_out);
	}
}

size_t
entry_data_bytes(const struct board_entry *entry)
{
	return entry->outcome.data == NULL ? 0 : entry->outcome.data_len;
}

/* Most entries without their data are shorter. */
#define USUAL_BYTES 1024

void
entry_append(struct buffer *out, const struct board_entry *entry, const char *left_out)
{
	size_t data_bytes = left_out == NULL ? entry_data_bytes(entry) : 0;
	struct json_write json;

	/* At once, so that the data is copied once. A full buffer tells by itself. */
	(void)!buffer_reserve(out, data_bytes + USUAL_BYTES);
	json_write_init(&json, out);
	json_write_string(&json, entry->target->name);
	buffer_append_string(out, ": ");
	json_write_init(&json, out);
	put_object(&json, service_fields, entry, left_out);
}
