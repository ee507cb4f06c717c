#include "config/walk.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/types.h"
#include "config/value.h"

void
walk_init(struct walk *walk, struct faults *faults, const char *name)
{
	walk->faults = faults;
	buffer_init(&walk->way, BUFFER_UNLIMITED);
	buffer_append_string(&walk->way, name);
}

void
walk_clear(struct walk *walk)
{
	buffer_clear(&walk->way);
}

size_t
walk_down(struct walk *walk, const char *name)
{
	size_t mark = walk->way.len;

	buffer_append_format(&walk->way, ": %s", name);
	return mark;
}

void
walk_up(struct walk *walk, size_t mark)
{
	buffer_truncate(&walk->way, mark);
}

void
walk_fault(struct walk *walk, struct place place, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	faults_error(walk->faults, place, "%s: %s", walk->way.data, text);
	free(text);
}

void
walk_warning(struct walk *walk, struct place place, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	faults_warning(walk->faults, place, "%s: %s", walk->way.data, text);
	free(text);
}

/* ---- what a value is ---- */

bool
walk_is_nothing(const struct value *value)
{
	if (value->kind == VALUE_NULL)
		return true;
	return value->kind == VALUE_STRING && value->text.plain &&
	    (value->text.source[0] == '\0' || strcmp(value->text.source, "~") == 0);
}

bool
walk_is_scalar(const struct value *value)
{
	return value->kind != VALUE_LIST && value->kind != VALUE_MAP;
}

int
walk_find_word(struct walk *walk, const struct value *map, size_t index,
    const char *kind, const char *const *names)
{
	const char *word = map->keys[index];
	int found = names_find(names, word);
	struct buffer hint;
	size_t count = 0;

	if (found >= 0)
		return found;
	while (names[count] != NULL)
		count++;
	buffer_init(&hint, BUFFER_UNLIMITED);
	type_append_nearest(&hint, word, names, count);
	if (hint.len == 0) {
		for (size_t i = 0; i < count; i++)
			buffer_append_format(&hint, "%s%s",
			    i > 0 ? ", " : ": expected one of ", names[i]);
	}
	walk_fault(
	    walk, map->key_places[index], "unknown %s %s%s", kind, word, hint.data);
	buffer_clear(&hint);
	return -1;
}

bool
walk_map(struct walk *walk, const struct value *value, const char *of)
{
	if (value->kind == VALUE_MAP)
		return true;
	walk_fault(walk, value->place, "expected a map of %s", of);
	return false;
}

/* ---- scalars ---- */

/* What VALUE, of which EXPECTED was expected, is instead; never what came from outside. */
static void
tell_unfit(struct walk *walk, const struct value *value, const char *expected)
{
	const char *but = "";

	if (value->kind == VALUE_LIST)
		but = ", not a list";
	else if (value->kind == VALUE_MAP)
		but = ", not a map";
	else if (text_has_reference(&value->text))
		but = ", which the value put in is not";
	walk_fault(walk, value->place, "expected %s%s", expected, but);
}

bool
walk_number(struct walk *walk, const struct value *value, double *number)
{
	const char *text =
	    walk_is_scalar(value) ? value->text.value.text.data : "not a number";
	double read = 0;

	if (!value_text_is_number(text)) {
		tell_unfit(walk, value, "a number");
		return false;
	}
	read = strtod(text, NULL);
	if (!isfinite(read)) {
		walk_fault(walk, value->place, "the number is too large");
		return false;
	}
	*number = read;
	return true;
}

bool
walk_int(struct walk *walk, const struct value *value, int64_t min, int64_t max,
    int64_t *number)
{
	char *expected;

	if (walk_is_scalar(value) &&
	    units_parse_int(value->text.value.text.data, min, max, number))
		return true;
	expected = max == INT64_MAX
	    ? xasprintf("a whole number from %" PRId64, min)
	    : xasprintf("a whole number from %" PRId64 " to %" PRId64, min, max);
	tell_unfit(walk, value, expected);
	free(expected);
	return false;
}

bool
walk_bool(struct walk *walk, const struct value *value, bool *truth)
{
	static const char *const words[] = { "false", "no", "off", "true", "yes", "on",
		NULL };
	int word = -1;

	if (walk_is_scalar(value))
		word = names_find(words, value->text.value.text.data);
	if (word < 0) {
		tell_unfit(walk, value, "true or false");
		return false;
	}
	*truth = word >= 3;
	return true;
}

const char *
walk_text(struct walk *walk, const struct value *value, const char *expected)
{
	if (walk_is_scalar(value) && value->text.value.text.len > 0)
		return value->text.value.text.data;
	tell_unfit(walk, value, expected);
	return NULL;
}
