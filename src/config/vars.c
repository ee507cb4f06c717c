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

/* What PATH, of which nothing is in FROM, may have meant. */
static char *
hint_of(const struct value *from, const char *path)
{
	size_t part = strcspn(path, ".");
	char *name = xmemdup0(path, part);
	const char **names = xcalloc(from->count + 1, sizeof(*names));
	struct buffer hint;

	for (size_t i = 0; i < from->count; i++)
		names[i] = from->keys[i];
	names[from->count] = "now";
	buffer_init(&hint, BUFFER_UNLIMITED);
	type_append_nearest(&hint, name, names, from->count + 1);
	free(names);
	free(name);
	return buffer_take(&hint);
}

bool
vars_find(const struct value *vars, const char *path, struct template_value *found,
    char **hint)
{
	struct template_value at;

	value_for_template(vars, &at);
	for (;;) {
		struct template_value next = { 0 };
		size_t len = strlen(path);
		size_t taken = step(&at, path, len, &next);

		if (taken == 0) {
			if (hint == NULL)
				return false;
			/* The names of deeper levels are no business of the first. */
			*hint = at.node == vars ? hint_of(vars, path) : xstrdup("");
			return false;
		}
		at = next;
		if (taken == len)
			break;
		path += taken + 1;
	}
	*found = at;
	return true;
}

bool
vars_is_broken(const struct value *vars, const char *path)
{
	struct template_value from;
	struct template_value found;
	const struct value *value;

	value_for_template(vars, &from);
	if (from.data->get(&from, path, strcspn(path, "."), &found) == 0)
		return false;
	value = found.node;
	return value->broken;
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
