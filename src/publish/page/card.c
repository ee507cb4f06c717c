#include "publish/page/card.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_escape.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "config/config.h"
#include "gather/board.h"
#include "publish/metrics/exposition.h"

const char card_status_letters[] = "odthecsp";
_Static_assert(
    sizeof(card_status_letters) == STATUS_COUNT + 1, "a letter for each status");

/* What a card takes over of the document's keys, in this order. */
static const char *const part_names[] = { "status", "since", "checked_at", "last_ok_at",
	"failures", "next_at", "attempts", "http_status", "url", "final_url",
	"provider", "model", "duration_ms", "certificate_expires_at", "error",
	"warnings", "values", "response", "reused", "cost", "group", "labels",
	"description" };
#define PART_COUNT ARRAY_COUNT(part_names)

/* Most cards are smaller. */
#define USUAL_BYTES 1536

#define ELLIPSIS "\xE2\x80\xA6" /* in UTF-8 */

/* ---- texts that may be long ---- */

/* How many of the LEN bytes at TEXT, which is JSON or the inside of a string of it, are whole
 * characters and escapes within MAX. */
static size_t
whole_prefix(const char *text, size_t len, size_t max)
{
	size_t at = 0;

	while (at < len) {
		uint32_t ignored;
		size_t taken = json_read_escape(text + at, text + len, &ignored);

		if (taken == 0)
			taken = utf8_decode(text + at, len - at, NULL);
		if (taken == 0)
			taken = 1;
		if (at + taken > max)
			break;
		at += taken;
	}
	return at;
}

/* VALUE, a string of more than MAX bytes, up to there. */
static void
put_cut_string(struct json_write *json, struct span value, size_t max)
{
	const char *inside = value.text + 1;
	size_t len = whole_prefix(inside, value.len - 2, max);
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append_char(&text, '"');
	buffer_append(&text, inside, len);
	buffer_append_string(&text, ELLIPSIS "\"");
	json_write_raw(json, text.data, text.len);
	buffer_clear(&text);
}

/* Any other VALUE that long: the beginning of its JSON, as a text. */
static void
put_cut_json(struct json_write *json, struct span value, size_t max)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_append(&text, value.text, whole_prefix(value.text, value.len, max));
	buffer_append_string(&text, ELLIPSIS);
	json_write_string_len(json, text.data, text.len);
	buffer_clear(&text);
}

/* Returns how many of MAX bytes are left. */
static size_t
put_limited(struct json_write *json, struct span value, size_t max)
{
	if (value.len <= max) {
		json_write_raw(json, value.text, value.len);
		return max - value.len;
	}
	if (span_kind(value) == SPAN_STRING)
		put_cut_string(json, value, max);
	else
		put_cut_json(json, value, max);
	return 0;
}

/* ---- objects and lists of them ---- */

static void
put_key(struct json_write *json, struct span key)
{
	char *name = span_text(key, NULL);

	json_write_key(json, name);
	free(name);
}

/* The items of CONTAINER, an object or a list, within the limit; behind one that does not fit
 * there is no other. */
static void
put_items(struct json_write *json, struct span container)
{
	bool in_object = span_kind(container) == SPAN_OBJECT;
	size_t left = CARD_MAX_TEXT_BYTES;
	struct span_walk walk;
	struct span key, value;

	span_walk_init(&walk, container);
	while (span_walk_next(&walk, &key, &value)) {
		if (left <= key.len)
			break;
		left -= key.len;
		if (in_object)
			put_key(json, key);
		left = put_limited(json, value, left);
	}
}

static void
put_container(struct json_write *json, struct span container)
{
	if (container.len <= CARD_MAX_TEXT_BYTES) {
		json_write_raw(json, container.text, container.len);
	} else if (span_kind(container) == SPAN_OBJECT) {
		json_write_begin_object(json);
		put_items(json, container);
		json_write_end_object(json);
	} else {
		json_write_begin_array(json);
		put_items(json, container);
		json_write_end_array(json);
	}
}

/* ---- the parts of a card ---- */

static bool
is_container(struct span value)
{
	return span_kind(value) == SPAN_OBJECT || span_kind(value) == SPAN_ARRAY;
}

/* Null, {} and [] say nothing, and there are many of them. */
static bool
says_nothing(struct span value)
{
	return span_is_nothing(value) || (is_container(value) && value.len == 2);
}

/* The part that KEY is; PART_COUNT: none. FIRST, up to that, is looked at first. */
static size_t
find_part(struct span key, size_t first)
{
	for (size_t tried = 0; tried < PART_COUNT; tried++) {
		size_t part = first + tried;

		part -= part >= PART_COUNT ? PART_COUNT : 0;
		if (span_is_text(key, part_names[part]))
			return part;
	}
	return PART_COUNT;
}

/* As span_members(), but for an object that has most of the parts, and in their order. */
static void
find_parts(struct span text, struct span values[static PART_COUNT])
{
	struct span_walk walk;
	struct span key, value;
	size_t next = 0;

	memset(values, 0, PART_COUNT * sizeof(*values));
	if (span_kind(text) != SPAN_OBJECT)
		return;
	span_walk_init(&walk, text);
	while (span_walk_next(&walk, &key, &value)) {
		size_t part = find_part(key, next);

		if (part == PART_COUNT)
			continue;
		values[part] = value;
		next = part + 1;
	}
}

static void
put_parts(struct json_write *json, struct span text)
{
	struct span values[PART_COUNT];

	find_parts(text, values);
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (says_nothing(values[i]))
			continue;
		json_write_key(json, part_names[i]);
		if (is_container(values[i]))
			put_container(json, values[i]);
		else
			put_limited(json, values[i], CARD_MAX_TEXT_BYTES);
	}
}

/* ---- history ---- */

/* The longest one and its comma. */
#define DURATION_SIZE ((size_t)EXPOSITION_NUMBER_SIZE + 1)

/* Write US in milliseconds to AT, to a tenth where that is more than a hundredth of it. Returns
 * where it ends. */
static char *
put_duration(char *at, int32_t us)
{
	if (us < 0)
		return stpcpy(at, "null");
	if (us < 10000)
		return exposition_put_number(at, (us + 50) / 100, 1);
	return exposition_put_number(at, ((int64_t)us + 500) / 1000, 0);
}

/* By hand: there are sixty of them, in each card. */
static void
put_history(struct json_write *json, const struct history *history)
{
	char letters[HISTORY_MAX];
	char durations[HISTORY_MAX * DURATION_SIZE + sizeof("[]")] = "[";
	char *at = durations + 1;

	for (size_t i = 0; i < history->count; i++) {
		const struct history_point *point = history_at(history, i);

		letters[i] = card_status_letters[point->status];
		if (i > 0)
			*at++ = ',';
		at = put_duration(at, point->duration_us);
	}
	*at++ = ']';
	json_write_key(json, "history");
	json_write_begin_object(json);
	json_write_key(json, "outcomes");
	json_write_string_len(json, letters, history->count);
	json_write_key(json, "durations_ms");
	json_write_raw(json, durations, (size_t)(at - durations));
	json_write_end_object(json);
}

/* ---- the whole ---- */

static void
put_target(struct json_write *json, const struct target *target)
{
	json_write_key(json, "name");
	json_write_string(json, target->name);
	json_write_key(json, "kind");
	json_write_string(json, target_kind_names[target->kind]);
	json_write_key(json, "required");
	json_write_bool(json, target->required);
}

void
card_append(struct buffer *out, const struct board_entry *entry, struct span text)
{
	size_t start = out->len;
	struct json_write json;

	/* At once, so that little is copied. A full buffer tells by itself. */
	(void)!buffer_reserve(out, USUAL_BYTES);
	json_write_init(&json, out);
	json_write_begin_object(&json);
	put_target(&json, entry->target);
	put_parts(&json, text);
	put_history(&json, &entry->history);
	json_write_end_object(&json);
	json_escape_markup(out, start);
}
