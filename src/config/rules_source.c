#include "config/rules_source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_pointers.h"
#include "base/units.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "config/condition_source.h"
#include "config/config.h"
#include "config/value.h"
#include "config/walk.h"
#include "http/token.h"
#include "rules/extract.h"
#include "rules/rules.h"

/* More of them are no longer read by anyone; bounds what `defaults` give to each service. */
#define MAX_RULES    256
#define MAX_EXTRACTS 256
#define MAX_DECIMALS 15

/* One of the three keys that is being compiled. */
struct maker {
	struct target *target;
	struct walk walk;
};

/* ---- pointers ---- */

/* The number of the pointer TEXT, which stands at PLACE; false with a fault. */
static bool
add_pointer(struct maker *maker, const char *text, struct place place, size_t *number)
{
	struct target *target = maker->target;
	const char *why = json_pointer_fault(text);

	if (why != NULL) {
		walk_fault(&maker->walk, place,
		    "\"%s\" %s: expected a JSON Pointer such as /queue/depth", text,
		    why);
		return false;
	}
	if (target->format == FORMAT_TEXT || target->format == FORMAT_NONE) {
		walk_fault(&maker->walk, place,
		    "%s needs a JSON body, but format is %s", text,
		    body_format_names[target->format]);
		return false;
	}
	if (target->pointers == NULL)
		target->pointers = json_pointers_new();
	*number = json_pointers_add(target->pointers, text);
	target->wants_json = true;
	return true;
}

static bool
want_text(struct maker *maker, struct place place)
{
	if (maker->target->format == FORMAT_NONE) {
		walk_fault(&maker->walk, place, "it needs a body, but format is none");
		return false;
	}
	maker->target->wants_text = true;
	return true;
}

/* It stands in messages, in the log and in the document. */
static bool
check_is_public(struct maker *maker, const struct value *value)
{
	if (!marked_has_secret(&value->text.value))
		return true;
	walk_fault(&maker->walk, value->place,
	    "it is shown, and no place for a secret: expected ${plain:NAME}");
	return false;
}

static bool
check_header_name(struct maker *maker, const char *name, struct place place)
{
	if (http_is_token(name))
		return true;
	walk_fault(&maker->walk, place,
	    "\"%s\" is no header's name: expected letters, digits and %s", name,
	    HTTP_TOKEN_MARKS);
	return false;
}

/* ---- status ---- */

static bool
parse_status(const char *text, unsigned *status)
{
	int64_t number;

	if (!units_parse_int(text, 100, 999, &number))
		return false;
	*status = (unsigned)number;
	return true;
}

/* "200" or "200-299". */
static bool
parse_range(const char *text, struct status_range *range)
{
	const char *dash = strchr(text, '-');
	char *first;
	bool is_one;

	if (dash == NULL) {
		is_one = parse_status(text, &range->first);
		range->last = range->first;
		return is_one;
	}
	first = xmemdup0(text, (size_t)(dash - text));
	is_one = parse_status(first, &range->first) &&
	    parse_status(dash + 1, &range->last) && range->first <= range->last;
	free(first);
	return is_one;
}

static void
add_status(struct maker *maker, const struct value *value, struct rules *rules)
{
	static const char expected[] =
	    "an HTTP status such as 200, or a range such as 200-299";
	const char *text = walk_text(&maker->walk, value, expected);
	struct status_range range = { 0 };

	if (text == NULL)
		return;
	if (!parse_range(text, &range)) {
		walk_fault(&maker->walk, value->place, "expected %s", expected);
		return;
	}
	rules->statuses =
	    xgrow(rules->statuses, rules->status_count, sizeof(*rules->statuses));
	rules->statuses[rules->status_count++] = range;
}

static void
compile_status(struct maker *maker, const struct value *value, struct rules *rules)
{
	if (value->kind != VALUE_LIST) {
		add_status(maker, value, rules);
		return;
	}
	if (value->count == 0)
		walk_fault(&maker->walk, value->place, "expected at least one status");
	for (size_t i = 0; i < value->count; i++)
		add_status(maker, value->items[i], rules);
}

/* ---- rules ---- */

static void
add_rule(struct maker *maker, const struct value *value, struct rule rule,
    const char *name, struct rules *rules)
{
	if (!condition_source_compile(
	        &maker->walk, value, rule.subject, &rule.condition)) {
		condition_clear(&rule.condition);
		return;
	}
	rule.name = name != NULL ? xstrdup(name) : NULL;
	rules->items = xgrow(rules->items, rules->count, sizeof(*rules->items));
	rules->items[rules->count++] = rule;
}

/* What is spelt alike is a doubled key, and told as that. */
static bool
check_unlike_before(struct maker *maker, const struct value *map, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcasecmp(map->keys[i], map->keys[index]) != 0)
			continue;
		walk_fault(&maker->walk, map->key_places[index],
		    "%s is the same header as %s", map->keys[index], map->keys[i]);
		return false;
	}
	return true;
}

/* The rule of the key INDEX of MAP. */
static void
add_named(struct maker *maker, const struct value *map, size_t index,
    enum rule_subject subject, struct rules *rules)
{
	struct rule rule = { .subject = subject };
	const char *name = map->keys[index];
	struct place place = map->key_places[index];
	size_t mark;
	bool fine;

	if (subject == RULE_JSON)
		fine = add_pointer(maker, name, place, &rule.pointer);
	else
		fine = check_header_name(maker, name, place) &&
		    check_unlike_before(maker, map, index);
	if (!fine)
		return;
	if (subject == RULE_HEADER)
		maker->target->wants_head = true;
	mark = walk_down(&maker->walk, name[0] != '\0' ? name : "\"\"");
	add_rule(maker, map->items[index], rule, name, rules);
	walk_up(&maker->walk, mark);
}

static void
compile_named(struct maker *maker, const struct value *value, enum rule_subject subject,
    struct rules *rules)
{
	const char *of = subject == RULE_JSON ? "JSON Pointers and conditions"
	                                      : "headers and conditions";

	if (!walk_map(&maker->walk, value, of))
		return;
	if (value->count == 0)
		walk_fault(&maker->walk, value->place, "expected a map of %s", of);
	if (value->count > MAX_RULES) {
		walk_fault(
		    &maker->walk, value->place, "more than %d entries", MAX_RULES);
		return;
	}
	for (size_t i = 0; i < value->count; i++)
		add_named(maker, value, i, subject, rules);
}

static void
compile_single(struct maker *maker, const struct value *value,
    enum rule_subject subject, struct rules *rules)
{
	if (subject == RULE_BODY && !want_text(maker, value->place))
		return;
	add_rule(maker, value, (struct rule){ .subject = subject }, NULL, rules);
}

enum part {
	PART_STATUS,
	PART_JSON,
	PART_BODY,
	PART_HEADER,
	PART_DURATION,
	PART_CERTIFICATE_DAYS,
};

static const char *const parts[] = { "status", "json", "body", "header", "duration",
	"certificate_days", NULL };

static void
compile_part(
    struct maker *maker, enum part part, const struct value *value, struct rules *rules)
{
	switch (part) {
	case PART_STATUS:
		compile_status(maker, value, rules);
		break;
	case PART_JSON:
		compile_named(maker, value, RULE_JSON, rules);
		break;
	case PART_BODY:
		compile_single(maker, value, RULE_BODY, rules);
		break;
	case PART_HEADER:
		compile_named(maker, value, RULE_HEADER, rules);
		break;
	case PART_DURATION:
		compile_single(maker, value, RULE_DURATION, rules);
		break;
	case PART_CERTIFICATE_DAYS:
		compile_single(maker, value, RULE_CERTIFICATE_DAYS, rules);
		break;
	}
}

static void
compile_rules(struct target *target, struct faults *faults, const char *key,
    struct config_rules *rules)
{
	struct maker maker = { .target = target };
	const struct value *map = rules->source;

	rules_clear(&rules->rules);
	if (map == NULL || walk_is_nothing(map))
		return;
	walk_init(&maker.walk, faults, key);
	if (walk_map(&maker.walk, map, "rules: status, json, body, header, ...")) {
		for (size_t i = 0; i < map->count; i++) {
			int part = walk_find_word(&maker.walk, map, i, "rule", parts);
			size_t mark;

			if (part < 0)
				continue;
			mark = walk_down(&maker.walk, parts[part]);
			compile_part(
			    &maker, (enum part)part, map->items[i], &rules->rules);
			walk_up(&maker.walk, mark);
		}
	}
	walk_clear(&maker.walk);
}

/* ---- extract ---- */

enum extract_word {
	EXTRACT_PATH,
	EXTRACT_HEADER,
	EXTRACT_PATTERN,
	EXTRACT_SCALE,
	EXTRACT_ROUND,
	EXTRACT_SECRET,
};

static const char *const extract_words[] = { "path", "header", "pattern", "scale",
	"round", "secret", NULL };

static bool
set_path(struct maker *maker, const struct value *value, struct extract *extract)
{
	const char *text;

	/* "" is a pointer, too: to all of it. */
	if (!walk_is_scalar(value) || walk_is_nothing(value)) {
		walk_fault(&maker->walk, value->place,
		    "expected a JSON Pointer such as /queue/depth");
		return false;
	}
	text = value->text.value.text.data;
	if (!check_is_public(maker, value) ||
	    !add_pointer(maker, text, value->place, &extract->pointer))
		return false;
	free(extract->path);
	extract->path = xstrdup(text);
	return true;
}

static bool
set_header(struct maker *maker, const struct value *value, struct extract *extract)
{
	const char *name = walk_text(&maker->walk, value, "the name of a header");

	if (name == NULL || !check_is_public(maker, value) ||
	    !check_header_name(maker, name, value->place))
		return false;
	extract->header = xstrdup(name);
	maker->target->wants_head = true;
	return true;
}

static bool
set_pattern(struct maker *maker, const struct value *value, struct extract *extract)
{
	char *shown = NULL;

	extract->pattern = condition_source_pattern(&maker->walk, value, &shown);
	free(shown);
	return extract->pattern != NULL;
}

static bool
set_scale(struct maker *maker, const struct value *value, struct extract *extract)
{
	if (!walk_number(&maker->walk, value, &extract->scale))
		return false;
	extract->scaled = true;
	if (extract->scale != 0)
		return true;
	walk_fault(&maker->walk, value->place, "expected a number other than 0");
	return false;
}

static bool
set_round(struct maker *maker, const struct value *value, struct extract *extract)
{
	int64_t decimals;

	if (!walk_int(&maker->walk, value, 0, MAX_DECIMALS, &decimals))
		return false;
	extract->round = (int)decimals;
	return true;
}

static bool
set_extract_word(struct maker *maker, enum extract_word word, const struct value *value,
    struct extract *extract)
{
	switch (word) {
	case EXTRACT_PATH:
		return set_path(maker, value, extract);
	case EXTRACT_HEADER:
		return set_header(maker, value, extract);
	case EXTRACT_PATTERN:
		return set_pattern(maker, value, extract);
	case EXTRACT_SCALE:
		return set_scale(maker, value, extract);
	case EXTRACT_ROUND:
		return set_round(maker, value, extract);
	case EXTRACT_SECRET:
		return walk_bool(&maker->walk, value, &extract->secret);
	}
	return false;
}

/* Where the value is to come from. */
static bool
check_origin(
    struct maker *maker, const struct value *value, const struct extract *extract)
{
	if (extract->path != NULL && extract->header != NULL) {
		walk_fault(
		    &maker->walk, value->place, "path and header do not go together");
		return false;
	}
	if (extract->path != NULL || extract->header != NULL)
		return true;
	if (extract->pattern != NULL)
		return want_text(maker, value->place);
	walk_fault(&maker->walk, value->place, "expected path, header or pattern");
	return false;
}

static bool
set_extract_words(struct maker *maker, const struct value *map, struct extract *extract)
{
	bool fine = true;

	for (size_t i = 0; i < map->count; i++) {
		int word = walk_find_word(&maker->walk, map, i, "key", extract_words);
		size_t mark;

		if (word < 0) {
			fine = false;
			continue;
		}
		mark = walk_down(&maker->walk, extract_words[word]);
		if (!set_extract_word(
		        maker, (enum extract_word)word, map->items[i], extract))
			fine = false;
		walk_up(&maker->walk, mark);
	}
	return fine && check_origin(maker, map, extract);
}

/* It names a member of `values`. */
static bool
check_extract_name(struct maker *maker, const struct value *map, size_t index)
{
	const char *name = map->keys[index];
	const char *why = NULL;

	if (name[0] == '\0')
		why = "a value needs a name";
	else if (strlen(name) > CONFIG_MAX_NAME_BYTES)
		why = "the name of a value has at most 128 bytes";
	if (why != NULL)
		walk_fault(&maker->walk, map->key_places[index], "%s", why);
	return why == NULL;
}

static void
compile_extract(struct maker *maker, const struct value *map, size_t index)
{
	struct config_extracts *list = &maker->target->extract;
	const struct value *value = map->items[index];
	struct extract extract = { .round = -1 };
	size_t mark;
	bool fine;

	if (!check_extract_name(maker, map, index))
		return;
	mark = walk_down(&maker->walk, map->keys[index]);
	if (value->kind == VALUE_MAP)
		fine = set_extract_words(maker, value, &extract);
	else
		fine = set_path(maker, value, &extract);
	walk_up(&maker->walk, mark);
	if (!fine) {
		extract_clear(&extract);
		return;
	}
	extract.name = xstrdup(map->keys[index]);
	if (extract.secret)
		maker->target->has_secret_value = true;
	list->items = xgrow(list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = extract;
}

static void
clear_extracts(struct config_extracts *list)
{
	for (size_t i = 0; i < list->count; i++)
		extract_clear(&list->items[i]);
	free(list->items);
	list->items = NULL;
	list->count = 0;
}

static void
compile_extracts(struct target *target, struct faults *faults)
{
	struct maker maker = { .target = target };
	const struct value *map = target->extract.source;

	clear_extracts(&target->extract);
	if (map == NULL || walk_is_nothing(map))
		return;
	walk_init(&maker.walk, faults, "extract");
	if (walk_map(&maker.walk, map, "names and JSON Pointers")) {
		if (map->count > MAX_EXTRACTS)
			walk_fault(&maker.walk, map->place, "more than %d entries",
			    MAX_EXTRACTS);
		for (size_t i = 0; i < map->count && i < MAX_EXTRACTS; i++)
			compile_extract(&maker, map, i);
	}
	walk_clear(&maker.walk);
}

/* ---- the three keys ---- */

void
rules_source_compile(struct target *target, struct faults *faults)
{
	json_pointers_free(target->pointers);
	target->pointers = NULL;
	target->wants_json = false;
	target->wants_head = false;
	target->wants_text = false;
	target->has_secret_value = false;
	compile_rules(target, faults, "expect", &target->expect);
	compile_rules(target, faults, "warn", &target->warn);
	compile_extracts(target, faults);
}
