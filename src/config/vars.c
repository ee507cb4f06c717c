#include "config/vars.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/types.h"
#include "config/value.h"
#include "template/template.h"

bool
vars_is_now(const char *path, size_t len)
{
	return len >= 3 && strncmp(path, "now", 3) == 0 && (len == 3 || path[3] == '.');
}

const char *const vars_reserved_names[] = { "now", "services", "prompts", "targets",
	"failed", "counts", "status", NULL };

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

const char *
vars_why_unfit(const char *name)
{
	if (names_find(vars_reserved_names, name) >= 0)
		return "this name means something else in templates";
	if (!is_letter(name[0]))
		return "a name begins with a letter or _";
	for (const char *c = name; *c != '\0'; c++) {
		if (!is_letter(*c) && (*c < '0' || *c > '9') && *c != '-')
			return "a name holds only letters, digits, _ and -";
	}
	return NULL;
}

/* ---- finding ---- */

/* One step along PATH, of LEN bytes: how many of them it took, or 0. */
static size_t
step(const struct template_value *from, const char *path, size_t len,
    struct template_value *found)
{
	size_t part = strcspn(path, ".");
	int64_t index;
	char *number;
	bool is_number;

	if (from->kind == TEMPLATE_MAP)
		return from->data->get(from, path, len, found);
	if (from->kind != TEMPLATE_LIST)
		return 0;
	number = xmemdup0(path, part);
	is_number = units_parse_int(number, 0, INT64_MAX, &index);
	free(number);
	return is_number && from->data->item(from, (size_t)index, found) ? part : 0;
}

static size_t
add_keys(const char **names, size_t count, const struct value *map)
{
	for (size_t i = 0; map != NULL && i < map->count; i++)
		names[count++] = map->keys[i];
	return count;
}

/* What PATH, whose first part is in neither map, may have meant. */
static char *
hint_of(const struct value *each, const struct value *vars, const char *path)
{
	size_t most = vars->count + (each != NULL ? each->count : 0) + 1;
	char *name = xmemdup0(path, strcspn(path, "."));
	const char **names = xcalloc(most, sizeof(*names));
	size_t count = add_keys(names, 0, each);
	struct buffer hint;

	count = add_keys(names, count, vars);
	names[count++] = "now";
	buffer_init(&hint, BUFFER_UNLIMITED);
	type_append_nearest(&hint, name, names, count);
	free(names);
	free(name);
	return buffer_take(&hint);
}

/* The value in MAP that the first part of PATH, of LEN bytes, names; or NULL. */
static const struct value *
find_first(const struct value *map, const char *path, size_t len)
{
	const char *dot = memchr(path, '.', len);
	struct template_value from;
	struct template_value found;

	value_for_template(map, &from);
	if (from.data->get(
	        &from, path, dot != NULL ? (size_t)(dot - path) : len, &found) == 0)
		return NULL;
	return found.node;
}

const struct value *
vars_holder(
    const struct value *each, const struct value *vars, const char *path, size_t len)
{
	return each != NULL && find_first(each, path, len) != NULL ? each : vars;
}

bool
vars_find(const struct value *each, const struct value *vars, const char *path,
    struct template_value *found, char **hint)
{
	const struct value *holder = vars_holder(each, vars, path, strlen(path));
	const char *rest = path;
	struct template_value at;

	value_for_template(holder, &at);
	for (;;) {
		struct template_value next = { 0 };
		size_t len = strlen(rest);
		size_t taken = step(&at, rest, len, &next);

		if (taken == 0) {
			if (hint == NULL)
				return false;
			/* The names of deeper levels are no business of the first. */
			*hint = rest == path ? hint_of(each, vars, path) : xstrdup("");
			return false;
		}
		at = next;
		if (taken == len)
			break;
		rest += taken + 1;
	}
	*found = at;
	return true;
}

static size_t
get_from_both(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct vars_both *both = map->node;
	struct template_value holder;

	value_for_template(vars_holder(both->each, both->vars, path, len), &holder);
	return holder.data->get(&holder, path, len, found);
}

void
vars_for_template(const struct vars_both *both, struct template_value *out)
{
	static const struct template_data data = { .get = get_from_both };

	*out = (struct template_value){
		.kind = TEMPLATE_MAP,
		.node = both,
		.data = &data,
	};
}

bool
vars_is_broken(const struct value *each, const struct value *vars, const char *path)
{
	size_t len = strlen(path);
	const struct value *holder = vars_holder(each, vars, path, len);
	const struct value *value = find_first(holder, path, len);

	return value != NULL && value->broken;
}

bool
vars_has_key(const struct value *value, const char *name, size_t len)
{
	for (size_t i = 0; i < value->count; i++) {
		if (value->kind == VALUE_MAP && strlen(value->keys[i]) == len &&
		    memcmp(value->keys[i], name, len) == 0)
			return true;
		if (vars_has_key(value->items[i], name, len))
			return true;
	}
	return false;
}
