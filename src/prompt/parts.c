#include "prompt/parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/json_escape.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/value.h"

/* ---- URLs ---- */

void
append_own(struct marked *out, const char *text)
{
	(void)marked_append(out, text, strlen(text), MARK_OWN);
}

static bool
is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void
append_encoded_bytes(struct marked *out, const char *text, size_t len, enum mark mark)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t plain = 0; /* bytes before I that are yet to be appended */

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		const char code[] = { '%', hex[c >> 4], hex[c & 0xf] };

		if (is_unreserved(text[i])) {
			plain++;
			continue;
		}
		(void)marked_append(out, text + i - plain, plain, mark);
		(void)marked_append(out, code, sizeof(code), mark);
		plain = 0;
	}
	(void)marked_append(out, text + len - plain, plain, mark);
}

void
append_encoded(struct marked *out, const struct marked *text, size_t start)
{
	for (size_t i = 0; i < text->part_count; i++) {
		const char *part;
		size_t len, skipped;
		enum mark mark;

		marked_part(text, i, &part, &len, &mark);
		skipped = start < len ? start : len;
		append_encoded_bytes(out, part + skipped, len - skipped, mark);
		start -= skipped;
	}
}

void
version_of(const struct prompt *prompt, struct marked *out)
{
	const struct provider *provider = prompt->provider;
	const char *usual = api_facts[provider->api].api_version;

	if (provider->api_version.value.text.len > 0) {
		marked_copy(out, &provider->api_version.value);
		return;
	}
	marked_init(out, BUFFER_UNLIMITED);
	if (usual != NULL)
		append_own(out, usual);
}

/* ---- building ---- */

/* A scalar whose text is yet to be appended. */
static struct value *
new_scalar(enum value_kind kind)
{
	struct value *value = xcalloc(1, sizeof(*value));

	value->kind = kind;
	/* A text without a source is no text. */
	value->text.source = xstrdup("");
	marked_init(&value->text.value, BUFFER_UNLIMITED);
	return value;
}

static struct value *
new_own(enum value_kind kind, const char *text)
{
	struct value *value = new_scalar(kind);

	append_own(&value->text.value, text);
	return value;
}

static struct value *
new_marked(const struct marked *text)
{
	struct value *value = xcalloc(1, sizeof(*value));

	value->kind = VALUE_STRING;
	value->text.source = xstrdup("");
	marked_copy(&value->text.value, text);
	return value;
}

static void
add_item(struct value *list, struct value *item)
{
	list->items = xgrow(list->items, list->count, sizeof(struct value *));
	list->items[list->count++] = item;
}

void
put_text(struct value *map, const char *key, const char *text)
{
	value_set(map, key, new_own(VALUE_STRING, text));
}

void
put_marked(struct value *map, const char *key, const struct marked *text)
{
	value_set(map, key, new_marked(text));
}

void
put_bool(struct value *map, const char *key, bool set)
{
	value_set(
	    map, key, new_own(set ? VALUE_TRUE : VALUE_FALSE, set ? "true" : "false"));
}

void
put_int(struct value *map, const char *key, int64_t number)
{
	char *text = xasprintf("%" PRId64, number);

	value_set(map, key, new_own(VALUE_NUMBER, text));
	free(text);
}

void
put_number(struct value *map, const char *key, const struct config_number *number)
{
	if (number->text != NULL)
		value_set(map, key, new_own(VALUE_NUMBER, number->text));
}

void
put_texts(struct value *map, const char *key, const struct config_pairs *texts)
{
	struct value *list;

	if (texts->count == 0)
		return;
	list = put_list(map, key);
	for (size_t i = 0; i < texts->count; i++)
		add_item(list, new_marked(&texts->items[i].text.value));
}

void
put_schema(struct value *map, const char *key, const struct config_schema *schema)
{
	if (schema->source != NULL)
		value_set(map, key, value_copy(schema->source));
}

struct value *
put_map(struct value *map, const char *key)
{
	struct value *item = value_new_map();

	value_set(map, key, item);
	return item;
}

struct value *
put_list(struct value *map, const char *key)
{
	struct value *item = value_new_map();

	item->kind = VALUE_LIST;
	value_set(map, key, item);
	return item;
}

struct value *
add_map(struct value *list)
{
	struct value *item = value_new_map();

	add_item(list, item);
	return item;
}

void
add_message(struct value *list, const char *role, const struct marked *text)
{
	struct value *message;

	if (text->text.len == 0)
		return;
	message = add_map(list);
	put_text(message, "role", role);
	put_marked(message, "content", text);
}

/* The item of KEY in MAP, if that is a map itself. */
static struct value *
get_map(struct value *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->keys[i], key) == 0 && map->items[i]->kind == VALUE_MAP)
			return map->items[i];
	}
	return NULL;
}

/* Recursion is safe: FROM is at most YAML_MAX_DEPTH deep. */
void
merge_over(struct value *map, const struct value *from)
{
	for (size_t i = 0; from != NULL && i < from->count; i++) {
		const struct value *item = from->items[i];
		struct value *inner =
		    item->kind == VALUE_MAP ? get_map(map, from->keys[i]) : NULL;

		if (inner != NULL)
			merge_over(inner, item);
		else
			value_set(map, from->keys[i], value_copy(item));
	}
}

/* ---- reading ---- */

bool
append_text(struct span span, struct prompt_answer *answer)
{
	if (span_kind(span) != SPAN_STRING)
		return false;
	/* What escapes mean is never longer than they are. */
	if (buffer_reserve(&answer->text, span.len - 2) != NULL)
		json_append_unescaped(&answer->text, span.text + 1, span.len - 2);
	return true;
}

char *
text_of(struct span span)
{
	return span_text(span, NULL);
}

int64_t
tokens_of(struct span span)
{
	uint64_t count;

	return span_whole_number(span, &count) ? (int64_t)count : -1;
}

void
read_openai_usage(struct span span, const char *const names[static USAGE_NAME_COUNT],
    struct prompt_usage *usage)
{
	struct span members[USAGE_NAME_COUNT];

	span_members(span, names, USAGE_NAME_COUNT, members);
	usage->input = tokens_of(members[0]);
	usage->output = tokens_of(members[1]);
	usage->total = tokens_of(members[2]);
	usage->cached = tokens_of(span_member(members[3], "cached_tokens"));
	usage->reasoning = tokens_of(span_member(members[4], "reasoning_tokens"));
}

bool
is_true(struct span span)
{
	return span_kind(span) == SPAN_BOOL && span.text[0] == 't';
}

struct span
first_of(struct span array)
{
	struct span_walk walk;
	struct span key, item;

	span_walk_init(&walk, array);
	if (walk.in_object || !span_walk_next(&walk, &key, &item))
		return (struct span){ .text = NULL };
	return item;
}

bool
is_error(struct span error)
{
	switch (span_kind(error)) {
	case SPAN_ABSENT:
	case SPAN_NULL:
		return false;
	case SPAN_BOOL:
		return is_true(error);
	case SPAN_NUMBER:
		return true;
	case SPAN_STRING:
	case SPAN_ARRAY:
	case SPAN_OBJECT:
		/* Compact: more than the two that enclose nothing. */
		return error.len > 2;
	}
	return false;
}

void
read_missing(struct prompt_answer *answer, const char *why)
{
	answer->ending = ENDING_MISSING;
	free(answer->why);
	answer->why = xstrdup(why);
}

void
read_ending(struct prompt_answer *answer, struct span word, const char *name,
    const struct ending *endings)
{
	char *why;

	answer->finish_reason = text_of(word);
	if (answer->finish_reason == NULL) {
		why = xasprintf("the answer has no %s", name);
		read_missing(answer, why);
		free(why);
		return;
	}
	while (endings->word != NULL &&
	    strcasecmp(endings->word, answer->finish_reason) != 0)
		endings++;
	answer->ending = endings->ending;
}
