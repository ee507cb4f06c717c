#include "publish/entry.h"

#include <string.h>

#include "base/json_write.h"
#include "base/names.h"
#include "base/span.h"
#include "config/config.h"
#include "gather/board.h"

static void put_fields(struct json_write *json, const struct field *fields,
    const struct board_entry *entry, const char *left_out);

/* The parts whose size an answer decides, or what was put into a prompt; LEN bytes of
 * `values` only where they are more than what is usually taken out of an answer. */
static const char *const data_names[] = { "data", "last_data", "values", "prompt",
	"response", "last_response", NULL };
#define MANY_VALUES_BYTES ((size_t)4 * 1024)

static bool
is_values(const char *name)
{
	return strcmp(name, "values") == 0;
}

static bool
is_data(const char *name, size_t len)
{
	return names_find(data_names, name) >= 0 &&
	    (!is_values(name) || len > MANY_VALUES_BYTES);
}

/* What stands in its place. */
static const char *
empty_data(const char *name)
{
	return is_values(name) ? "{}" : "null";
}

static void
put_texts(
    struct json_write *json, const struct field_value *value, const char *left_out)
{
	json_write_begin_array(json);
	for (size_t i = 0; i < value->count; i++)
		json_write_string(json, value->texts[i]);
	if (left_out != NULL)
		json_write_string(json, left_out);
	json_write_end_array(json);
}

/* A text, or JSON. */
static void
put_text(struct json_write *json, const struct field *field,
    const struct field_value *value, bool leave_out)
{
	if (value->text == NULL)
		json_write_null(json);
	else if (leave_out && is_data(field->name, value->len))
		json_write_raw(
		    json, empty_data(field->name), strlen(empty_data(field->name)));
	else if (field->type == FIELD_TEXT)
		json_write_string_len(json, value->text, value->len);
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
	case FIELD_JSON:
		put_text(json, field, value, left_out != NULL);
		break;
	case FIELD_INT:
	case FIELD_US:
	case FIELD_MONEY:
	case FIELD_AMOUNT:
	case FIELD_BOOL:
	case FIELD_TIME:
		field_write_number(json, field->type, value);
		break;
	case FIELD_TEXTS:
		put_texts(json, value, left_out);
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

/* ---- what a former run published ---- */

/* It goes out as it stood there: most of what it says is known from nowhere else. */
static bool
is_restored(const struct board_entry *entry)
{
	return !entry->asked && entry->restored != NULL;
}

/* The one of data_names that KEY of a former run's VALUE is; NULL: none of them. */
static const char *
data_name(struct span key, struct span value)
{
	for (const char *const *name = data_names; *name != NULL; name++) {
		if (span_is_text(key, *name) && is_data(*name, value.len))
			return *name;
	}
	return NULL;
}

/* The texts of LIST, and TEXT behind them. */
static void
append_more_texts(struct buffer *out, struct span list, const char *text)
{
	struct json_write json;
	struct span_walk walk;
	struct span key, item;

	json_write_init(&json, out);
	json_write_begin_array(&json);
	span_walk_init(&walk, list);
	while (span_walk_next(&walk, &key, &item))
		json_write_raw(&json, item.text, item.len);
	json_write_string(&json, text);
	json_write_end_array(&json);
}

/* The text of ENTRY, but for its data. */
static void
append_without_data(struct buffer *out, struct span entry, const char *left_out)
{
	const char *at = entry.text;
	struct span_walk walk;
	struct span key, value;

	span_walk_init(&walk, entry);
	while (span_walk_next(&walk, &key, &value)) {
		bool warnings = span_is_text(key, "warnings");
		const char *name = data_name(key, value);

		if (!warnings && name == NULL)
			continue;
		buffer_append(out, at, (size_t)(value.text - at));
		if (warnings)
			append_more_texts(out, value, left_out);
		else
			buffer_append_string(out, empty_data(name));
		at = value.text + value.len;
	}
	buffer_append(out, at, (size_t)(entry.text + entry.len - at));
}

static void
append_restored(
    struct buffer *out, const struct board_entry *entry, const char *left_out)
{
	struct span text = { entry->restored, entry->restored_len };

	if (left_out == NULL)
		buffer_append(out, text.text, text.len);
	else
		append_without_data(out, text, left_out);
}

static size_t
restored_data_bytes(const struct board_entry *entry)
{
	struct span_walk walk;
	struct span key, value;
	size_t bytes = 0;

	span_walk_init(&walk, span_whole(entry->restored, entry->restored_len));
	while (span_walk_next(&walk, &key, &value)) {
		if (data_name(key, value) != NULL && !span_is_nothing(value))
			bytes += value.len;
	}
	return bytes;
}

/* ---- the whole ---- */

size_t
entry_data_bytes(const struct board_entry *entry)
{
	size_t bytes = 0;

	if (is_restored(entry))
		return restored_data_bytes(entry);
	for (const struct field *field = fields_of(entry); field->name != NULL;
	     field++) {
		struct field_value value = { .number = -1 };

		/* Only these are long. */
		if (field->type != FIELD_JSON && field->type != FIELD_TEXT)
			continue;
		field->get(entry, &value);
		if (value.text != NULL && is_data(field->name, value.len) &&
		    !(field->optional && value.absent))
			bytes += value.len;
	}
	return bytes;
}

/* Most entries without their data are shorter. */
#define USUAL_BYTES 1024

static size_t
expected_bytes(const struct board_entry *entry, const char *left_out)
{
	if (left_out != NULL)
		return USUAL_BYTES;
	if (is_restored(entry))
		return entry->restored_len + CONFIG_MAX_NAME_BYTES;
	return entry_data_bytes(entry) + USUAL_BYTES;
}

void
entry_append(struct buffer *out, const struct board_entry *entry, const char *left_out)
{
	struct json_write json;

	/* At once, so that the data is copied once. A full buffer tells by itself. */
	(void)!buffer_reserve(out, expected_bytes(entry, left_out));
	json_write_init(&json, out);
	json_write_string(&json, entry->target->name);
	buffer_append_string(out, ": ");
	if (is_restored(entry)) {
		append_restored(out, entry, left_out);
		return;
	}
	json_write_init(&json, out);
	put_object(&json, fields_of(entry), entry, left_out);
}
