#include "gather/entry_view.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/json_view.h"
#include "gather/view.h"

/* What an entry of `targets` has beside its fields. */
#define NAME "name"
#define KIND "kind"

/* A part of an entry for which something had to be made. */
struct part {
	struct part *next;
	const struct entry_view *view; /* borrowed */
	const struct field *field;
	/* Of a number, a time or a text with a NUL; empty: it is a list or an object. */
	struct marked text;
};

struct entry_view {
	const struct board_entry *entry; /* borrowed, or `seen` */
	struct board_entry *seen; /* owned: with what is held; NULL: nothing is */
	struct json_view *json;   /* borrowed */
	struct part **parts;      /* owned: where a list of them begins */
};

/* ---- parts of an entry ---- */

static struct part *
find_part(const struct entry_view *view, const struct field *field)
{
	struct part *part;

	for (part = *view->parts; part != NULL; part = part->next) {
		if (part->field == field)
			return part;
	}
	part = xcalloc(1, sizeof(*part));
	marked_init(&part->text, BUFFER_UNLIMITED);
	part->view = view;
	part->field = field;
	part->next = *view->parts;
	*view->parts = part;
	return part;
}

/* PART as a template's value. */
static void
see_part(const struct part *part, struct template_value *found)
{
	const struct buffer *text = &part->text.text;

	view_text(found, text->data);
	/* Without marks it would end at the first NUL. */
	if (memchr(text->data, '\0', text->len) != NULL)
		found->text = &part->text;
}

/* TEXT of LEN bytes; NULL: null. */
static void
set_text(const struct entry_view *view, const struct field *field, const char *text,
    size_t len, struct template_value *found)
{
	struct part *part;

	view_text(found, text);
	if (text == NULL || memchr(text, '\0', len) == NULL)
		return;
	part = find_part(view, field);
	if (part->text.text.len == 0)
		marked_append(&part->text, text, len, MARK_PUT_IN);
	see_part(part, found);
}

/* PART becomes the number that VALUE is, as in the document but for the quotes of a time. */
static void
write_number(struct part *part, const struct field_value *value)
{
	size_t quote = part->field->type == FIELD_TIME ? 1 : 0;
	struct json_write json;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	json_write_init(&json, &out);
	field_write_number(&json, part->field->type, value);
	marked_append(&part->text, out.data + quote, out.len - 2 * quote, MARK_PUT_IN);
	buffer_clear(&out);
}

/* Negative: null. */
static void
set_number(const struct entry_view *view, const struct field *field,
    const struct field_value *value, struct template_value *found)
{
	struct part *part;

	view_text(found, NULL);
	if (value->number < 0)
		return;
	part = find_part(view, field);
	if (part->text.text.len == 0)
		write_number(part, value);
	see_part(part, found);
	found->number = field->type != FIELD_TIME;
}

static bool
get_text_item(
    const struct template_value *list, size_t index, struct template_value *found)
{
	const struct part *part = list->node;
	struct field_value value;

	part->field->get(part->view->entry, &value);
	if (index >= value.count)
		return false;
	view_text(found, value.texts[index]);
	return true;
}

static const struct template_data texts_data = {
	.item = get_text_item,
	.json = view_append_list,
};

static size_t get_from_object(const struct template_value *map, const char *path,
    size_t len, struct template_value *found);
static bool append_object(const struct template_value *map, struct marked *out);

/* timing_ms, error, usage, budget */
static const struct template_data object_data = {
	.get = get_from_object,
	.json = append_object,
};

static size_t get_from_values(const struct template_value *map, const char *path,
    size_t len, struct template_value *found);
static bool append_values(const struct template_value *map, struct marked *out);

static const struct template_data values_data = {
	.get = get_from_values,
	.json = append_values,
};

static bool
is_values(const struct field *field)
{
	return strcmp(field->name, "values") == 0;
}

/* FIELD of the entry as a template's value. Returns false where it is left out. */
static bool
get_field(const struct entry_view *view, const struct field *field,
    struct template_value *found)
{
	struct field_value value;

	field->get(view->entry, &value);
	if (field->optional && value.absent)
		return false;
	view_text(found, NULL);
	switch (field->type) {
	case FIELD_TEXT:
		set_text(view, field, value.text, value.len, found);
		break;
	case FIELD_INT:
	case FIELD_US:
	case FIELD_MONEY:
	case FIELD_AMOUNT:
	case FIELD_TIME:
		set_number(view, field, &value, found);
		break;
	case FIELD_BOOL:
		if (value.number >= 0)
			found->kind = value.number > 0 ? TEMPLATE_TRUE : TEMPLATE_FALSE;
		break;
	case FIELD_JSON:
		if (is_values(field))
			view_map(found, view, &values_data);
		else if (value.text != NULL)
			json_view_value(view->json, span_whole(value.text, value.len),
			    false, found);
		break;
	case FIELD_TEXTS:
		view_list(found, find_part(view, field), &texts_data);
		break;
	case FIELD_OBJECT:
		if (!value.absent)
			view_map(found, find_part(view, field), &object_data);
		break;
	}
	return true;
}

/* The one of FIELDS that the first part of PATH names; NULL: none. */
static const struct field *
find_field(const struct field *fields, const char *path, size_t part)
{
	for (; fields->name != NULL; fields++) {
		if (view_is_name(path, part, fields->name))
			return fields;
	}
	return NULL;
}

static size_t
get_from_fields(const struct entry_view *view, const struct field *fields,
    const char *path, size_t len, struct template_value *found)
{
	size_t part = view_first_part(path, len);
	const struct field *field = find_field(fields, path, part);

	return field != NULL && get_field(view, field, found) ? part : 0;
}

/* BEFORE the first of FIELDS stands "{" or ",". */
static bool
append_fields(const struct entry_view *view, const struct field *fields,
    const char *before, struct marked *out)
{
	for (; fields->name != NULL; fields++) {
		struct template_value value;

		if (!get_field(view, fields, &value))
			continue;
		if (!view_append_member(out, before, fields->name, &value))
			return false;
		before = ",";
	}
	return view_append_raw(out, "}");
}

static size_t
get_from_object(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct part *part = map->node;

	return get_from_fields(part->view, part->field->fields, path, len, found);
}

static bool
append_object(const struct template_value *map, struct marked *out)
{
	const struct part *part = map->node;

	return append_fields(part->view, part->field->fields, "{", out);
}

/* ---- what a former run published ---- */

/* The whole entry as it stands there; absent where its fields are to be asked. */
static struct span
restored_text(const struct board_entry *entry)
{
	if (entry->asked || entry->restored == NULL)
		return (struct span){ .text = NULL };
	return span_whole(entry->restored, entry->restored_len);
}

/* ---- values ---- */

static bool
is_secret_value(const struct target *target, const char *name, size_t len)
{
	for (size_t i = 0; i < target->extract.count; i++) {
		if (target->extract.items[i].secret &&
		    view_is_name(name, len, target->extract.items[i].name))
			return true;
	}
	return false;
}

/* Where the values stand that may be shown. */
static struct span
open_values(const struct board_entry *entry)
{
	struct span restored = restored_text(entry);
	const struct outcome *outcome = &entry->outcome;

	if (restored.text != NULL)
		return span_member(restored, "values");
	return (struct span){ outcome->values, outcome->values_len };
}

/* What the document says of what is secret. */
static bool
is_mask(const struct template_value *value)
{
	return value->kind == TEMPLATE_TEXT && value->plain != NULL &&
	    strcmp(value->plain, MARKED_MASK) == 0;
}

/* The value called NAME. Returns false where there is none, or only *** is known. */
static bool
get_value(const struct entry_view *view, const char *name, size_t len,
    struct template_value *found)
{
	const struct board_entry *entry = view->entry;
	const struct outcome *outcome = &entry->outcome;
	bool secret = is_secret_value(entry->target, name, len);
	struct span values = open_values(entry);
	struct template_value map;

	if (secret)
		values =
		    (struct span){ outcome->secret_values, outcome->secret_values_len };
	json_view_value(view->json, values, secret, &map);
	/* All of NAME, not a part of it. */
	if (map.kind != TEMPLATE_MAP || map.data->get(&map, name, len, found) != len)
		return false;
	return restored_text(entry).text == NULL || !is_mask(found);
}

/* The longest name that fits. */
static size_t
get_from_values(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	while (len > 0) {
		if (get_value(map->node, path, len, found))
			return len;
		len = view_without_last_part(path, len);
	}
	return 0;
}

/* All of them, in their order; what is missing is null. */
static bool
append_values(const struct template_value *map, struct marked *out)
{
	const struct entry_view *view = map->node;
	const char *before = "{";
	struct span_walk walk;
	struct span key, value;

	span_walk_init(&walk, open_values(view->entry));
	while (span_walk_next(&walk, &key, &value)) {
		struct template_value found;
		size_t len;
		char *name = span_text(key, &len);
		bool fits;

		if (!get_value(view, name, len, &found))
			view_text(&found, NULL);
		fits = view_append_member(out, before, name, &found);
		free(name);
		if (!fits)
			return false;
		before = ",";
	}
	return (*before == ',' || view_append_raw(out, "{")) &&
	    view_append_raw(out, "}");
}

/* ---- the whole entry ---- */

static size_t
get_from_entry(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct entry_view *view = map->node;
	struct span restored = restored_text(view->entry);
	struct template_value whole;

	if (restored.text == NULL ||
	    view_is_name(path, view_first_part(path, len), "values"))
		return get_from_fields(view, fields_of(view->entry), path, len, found);
	json_view_value(view->json, restored, false, &whole);
	return whole.data->get(&whole, path, len, found);
}

/* All members of the entry, which has some, and its end, behind BEFORE: "{" or ",". */
static bool
append_members(const struct entry_view *view, const char *before, struct marked *out)
{
	struct span restored = restored_text(view->entry);

	if (restored.text == NULL)
		return append_fields(view, fields_of(view->entry), before, out);
	return view_append_raw(out, before) &&
	    view_put(out, restored.text + 1, restored.len - 1, MARK_PUT_IN);
}

static bool
append_entry(const struct template_value *map, struct marked *out)
{
	return append_members(map->node, "{", out);
}

static const struct template_data entry_data = {
	.get = get_from_entry,
	.json = append_entry,
};

static const char *
kind_name(const struct entry_view *view)
{
	return target_kind_names[view->entry->target->kind];
}

static size_t
get_from_listed(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct entry_view *view = map->node;
	size_t part = view_first_part(path, len);

	if (view_is_name(path, part, NAME))
		view_text(found, view->entry->target->name);
	else if (view_is_name(path, part, KIND))
		view_text(found, kind_name(view));
	else
		return get_from_entry(map, path, len, found);
	return part;
}

/* The entry's text, with name and kind in front of all else. */
static bool
append_listed(const struct template_value *map, struct marked *out)
{
	const struct entry_view *view = map->node;
	struct template_value name, kind;

	view_text(&name, view->entry->target->name);
	view_text(&kind, kind_name(view));
	return view_append_member(out, "{", NAME, &name) &&
	    view_append_member(out, ",", KIND, &kind) && append_members(view, ",", out);
}

static const struct template_data listed_data = {
	.get = get_from_listed,
	.json = append_listed,
};

struct entry_view *
entry_view_new(const struct board_entry *entry, struct json_view *json)
{
	struct entry_view *view = xcalloc(1, sizeof(*view));

	view->entry = entry;
	if (entry->held != NULL) {
		view->seen = xmalloc(sizeof(*view->seen));
		board_see(entry, view->seen);
		view->entry = view->seen;
	}
	view->json = json;
	view->parts = xcalloc(1, sizeof(struct part *));
	return view;
}

void
entry_view_free(struct entry_view *view)
{
	struct part *part;

	if (view == NULL)
		return;
	part = *view->parts;
	while (part != NULL) {
		struct part *next = part->next;

		marked_clear(&part->text);
		free(part);
		part = next;
	}
	free((void *)view->parts);
	free(view->seen);
	free(view);
}

void
entry_view_value(const struct entry_view *view, struct template_value *value)
{
	view_map(value, view, &entry_data);
}

void
entry_view_listed(const struct entry_view *view, struct template_value *value)
{
	view_map(value, view, &listed_data);
}
