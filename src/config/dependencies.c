#include "config/dependencies.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/circles.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/templates.h"
#include "config/types.h"
#include "config/vars.h"
#include "template/template.h"

/* A near name is looked for among all of them: with so many wrong ones, hints are no use. */
#define MAX_HINTS 100

const char *const dependencies_fields[] = { "status", "since", "checked_at",
	"last_ok_at", "failures", "next_at", "attempts", "http_status", "url",
	"final_url", "duration_ms", "timing_ms", "bytes", "certificate_expires_at",
	"error", "warnings", "values", "data", "last_data", "group", "labels",
	"description", NULL };

/* Those of them that are lists or maps. */
static const char *const compound_fields[] = { "timing_ms", "error", "warnings",
	"values", "labels", NULL };

/* What {{counts}} holds. */
static const char *const count_names[] = { "total", "ok", "degraded", "timeout",
	"http_error", "error", "cancelled", "skipped", "pending", NULL };

struct resolve {
	struct config *config;
	struct faults *faults;
	unsigned hints_left;

	/* Of the target at hand: */
	const struct target *target;
	bool enabled;
	struct dependency *found; /* owned */
	size_t count;
};

/* One template that is looked through. */
struct look {
	struct resolve *resolve;
	const struct target_template *one;
};

/* ---- names ---- */

bool
dependencies_is_state(const char *path)
{
	char *first = xmemdup0(path, strcspn(path, "."));
	bool is_state = names_find(vars_reserved_names, first) >= 0 &&
	    !vars_is_now(path, strlen(path));

	free(first);
	return is_state;
}

/* PATH less its first part, where that is NAME; else NULL. */
static const char *
behind(const char *path, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(path, name, len) != 0 || (path[len] != '.' && path[len] != '\0'))
		return NULL;
	return path + len + (path[len] == '.');
}

/* As dependencies_find(), of what stands behind "services.", by FIND. */
static const struct target *
find_longest(const struct config *config, const char *path,
    const struct target *(*find)(const struct config *config, const char *name),
    const char **rest)
{
	char *name = xstrdup(path);
	const struct target *target = NULL;

	for (;;) {
		char *dot;

		target = find(config, name);
		if (target != NULL)
			break;
		dot = strrchr(name, '.');
		if (dot == NULL)
			break;
		*dot = '\0';
	}
	if (target != NULL && rest != NULL) {
		*rest = path + strlen(name);
		*rest += **rest == '.';
	}
	free(name);
	return target;
}

static const struct target *
find_enabled(const struct config *config, const char *name)
{
	return config_find(config, name);
}

static const struct target *
find_disabled(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->disabled_count; i++) {
		if (strcmp(config->disabled[i]->name, name) == 0)
			return config->disabled[i];
	}
	return NULL;
}

const struct target *
dependencies_find(const struct config *config, const char *path, const char **rest)
{
	const char *name = behind(path, "services");

	if (name == NULL)
		return NULL;
	return find_longest(config, name, find_enabled, rest);
}

/* ---- what may have been meant ---- */

/* How many dots stand in TEXT. */
static size_t
count_dots(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '.';
	return count;
}

/* The first parts of PATH, as many as a name with DOTS dots has. The caller's. */
static char *
first_parts(const char *path, size_t dots)
{
	size_t len = 0;

	for (size_t i = 0; i <= dots; i++) {
		len += strcspn(path + len, ".");
		if (i < dots)
			len++;
	}
	return xmemdup0(path, len);
}

/* Append the name nearest to NAME among those of all targets with DOTS dots; -1: of all. */
static void
append_hint(const struct config *config, const char *name, int dots, struct buffer *out)
{
	const char **names = xcalloc(config->target_count + 1, sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < config->target_count; i++) {
		const char *known = config->targets[i]->name;

		if (dots < 0 || count_dots(known) == (size_t)dots)
			names[count++] = known;
	}
	type_append_nearest(out, name, names, count);
	free(names);
}

/* What PATH may begin with if that is misspelt: the name of a target, with or without dots. */
static void
append_path_hint(const struct config *config, const char *path, struct buffer *out)
{
	size_t most_dots = count_dots(path);

	for (size_t dots = 0; dots <= most_dots && out->len == 0; dots++) {
		char *name = first_parts(path, dots);

		append_hint(config, name, (int)dots, out);
		free(name);
	}
}

static void
tell_disabled(struct resolve *resolve, const char *what, struct place place,
    const struct target *disabled)
{
	if (resolve->enabled)
		faults_error(resolve->faults, place, "%s: %s is not enabled", what,
		    disabled->name);
}

/* TEXT, a path that begins with it or the name itself, stands where the name of a service is
 * expected, and is none, or that of DISABLED; WHAT says of which text. */
static void
tell_unknown(struct resolve *resolve, const char *what, struct place place,
    const struct target *disabled, const char *text, bool is_path)
{
	size_t len = is_path ? strcspn(text, ".") : strlen(text);
	struct buffer hint;

	if (disabled != NULL) {
		tell_disabled(resolve, what, place, disabled);
		return;
	}
	buffer_init(&hint, BUFFER_UNLIMITED);
	if (resolve->hints_left > 0) {
		if (is_path)
			append_path_hint(resolve->config, text, &hint);
		else
			append_hint(resolve->config, text, -1, &hint);
		resolve->hints_left--;
	}
	faults_error(resolve->faults, place, "%s: no service is called %.*s%s", what,
	    (int)len, text, hint.data);
	buffer_clear(&hint);
}

static void
tell_unknown_path(
    struct resolve *resolve, const char *what, struct place place, const char *path)
{
	tell_unknown(resolve, what, place,
	    find_longest(resolve->config, path, find_disabled, NULL), path, true);
}

static void
tell_unknown_name(
    struct resolve *resolve, const char *what, struct place place, const char *name)
{
	tell_unknown(
	    resolve, what, place, find_disabled(resolve->config, name), name, false);
}

/* ---- dependencies ---- */

static void
add(struct resolve *resolve, const struct target *on, bool needed)
{
	resolve->found = xgrow(resolve->found, resolve->count, sizeof(*resolve->found));
	resolve->found[resolve->count++] = (struct dependency){
		.target = on,
		.needed = needed,
	};
}

static int
compare_dependencies(const void *left, const void *right)
{
	const struct dependency *a = left;
	const struct dependency *b = right;

	return (a->target->index > b->target->index) -
	    (a->target->index < b->target->index);
}

/* What was found becomes TARGET's: each once, in config order. */
static void
hand_over(struct resolve *resolve, struct target *target)
{
	struct dependency *found = resolve->found;
	size_t kept = 0;

	if (resolve->count > 0)
		qsort(found, resolve->count, sizeof(*found), compare_dependencies);
	for (size_t i = 0; i < resolve->count; i++) {
		if (kept > 0 && found[kept - 1].target == found[i].target)
			found[kept - 1].needed |= found[i].needed;
		else
			found[kept++] = found[i];
	}
	free(target->dependencies);
	target->dependencies = found;
	target->dependency_count = kept;
	resolve->found = NULL;
	resolve->count = 0;
}

/* ---- what is behind a name ---- */

static void
tell_no_text(const struct look *look, const char *path, const char *is)
{
	if (look->one->takes_any)
		return;
	faults_error(look->resolve->faults, look->one->text->place,
	    "%s: %s is %s: expected text or a number", look->one->what, path, is);
}

/* "services.login.datta" has no such NAME, of which NAMES are known. */
static void
tell_no_member(const struct look *look, const char *path, const char *of,
    const char *name, const char *const *names)
{
	struct buffer hint;
	size_t count = 0;

	while (names[count] != NULL)
		count++;
	buffer_init(&hint, BUFFER_UNLIMITED);
	type_append_nearest(&hint, name, names, count);
	faults_error(look->resolve->faults, look->one->text->place,
	    "%s: %s: %s no %s%s", look->one->what, path, of, name, hint.data);
	buffer_clear(&hint);
}

/* REST, behind "values.", is to begin with a value that ON extracts; its name may hold dots. */
static void
check_value(const struct look *look, const struct target *on, const char *path,
    const char *rest)
{
	const struct config_extracts *list = &on->extract;
	const char **names = xcalloc(list->count + 1, sizeof(*names));
	char *of, *name;

	for (size_t i = 0; i < list->count; i++) {
		names[i] = list->items[i].name;
		if (behind(rest, names[i]) != NULL)
			goto out;
	}
	of = xasprintf("%s extracts", on->name);
	name = xmemdup0(rest, strcspn(rest, "."));
	tell_no_member(look, path, of, name, names);
	free(name);
	free(of);

out:
	free(names);
}

/* What ON is told to leave out of its entry. */
static void
check_is_kept(const struct look *look, const struct target *on, const char *path,
    const char *field)
{
	const char *why = NULL;

	if (strcmp(field, "data") == 0 && !on->data)
		why = "data: false";
	else if (strcmp(field, "data") == 0 && on->has_secret_value)
		why = "one of its values is secret";
	else if (strcmp(field, "last_data") == 0 && !on->keep_last)
		why = "no keep_last";
	if (why != NULL)
		faults_error(look->resolve->faults, look->one->text->place,
		    "%s: %s: %s keeps none (%s)", look->one->what, path, on->name, why);
}

/* PATH names the target ON; REST is what stands behind its name. */
static void
check_field(const struct look *look, const struct target *on, const char *path,
    const char *rest)
{
	char *field = xmemdup0(rest, strcspn(rest, "."));
	const char *behind_field = behind(rest, field);

	if (rest[0] == '\0')
		tell_no_text(look, path, "a map");
	else if (names_find(dependencies_fields, field) < 0)
		tell_no_member(look, path, "a service has", field, dependencies_fields);
	else if (behind_field[0] == '\0' && names_find(compound_fields, field) >= 0)
		tell_no_text(
		    look, path, strcmp(field, "warnings") == 0 ? "a list" : "a map");
	else if (strcmp(field, "values") == 0 && behind_field[0] != '\0')
		check_value(look, on, path, behind_field);
	else
		check_is_kept(look, on, path, field);
	free(field);
}

/* PATH names what is said of all targets. */
static void
check_whole(const struct look *look, const char *path)
{
	const char *rest = behind(path, "counts");

	if (rest != NULL && rest[0] != '\0' && names_find(count_names, rest) < 0)
		tell_no_member(look, path, "counts has", rest, count_names);
	if (rest != NULL && rest[0] == '\0')
		tell_no_text(look, path, "a map");
	if (strcmp(path, "services") == 0 || strcmp(path, "prompts") == 0)
		tell_no_text(look, path, "a map");
	if (strcmp(path, "targets") == 0 || strcmp(path, "failed") == 0)
		tell_no_text(look, path, "a list");
	if (behind(path, "prompts") != NULL && strcmp(path, "prompts") != 0)
		faults_error(look->resolve->faults, look->one->text->place,
		    "%s: %s: there are no prompts", look->one->what, path);
}

/* ---- the names in a template ---- */

static void
look_at_name(const struct template_name *name, void *arg)
{
	struct look *look = arg;
	struct resolve *resolve = look->resolve;
	const struct target *on;
	const char *rest = "";
	/* Sections are for what may be missing: of them, --check warns. */
	bool may_miss = name->in_section || name->is_section;

	if (!dependencies_is_state(name->path))
		return;
	on = dependencies_find(resolve->config, name->path, &rest);
	if (on != NULL) {
		add(resolve, on, false);
		if (!may_miss)
			check_field(look, on, name->path, rest);
	} else if (!may_miss) {
		rest = behind(name->path, "services");
		if (rest == NULL || rest[0] == '\0')
			check_whole(look, name->path);
		else
			tell_unknown_path(
			    resolve, look->one->what, look->one->text->place, rest);
	}
}

static void
look_at_template(const struct target_template *one, void *arg)
{
	struct look look = { .resolve = arg, .one = one };

	/* Where the state is no place to take from, its names were told as unknown. */
	if (one->from_state && *one->template != NULL)
		template_each_name(*one->template, look_at_name, &look);
}

static void
look_at_needs(struct resolve *resolve, const struct target *target)
{
	for (size_t i = 0; i < target->needs.count; i++) {
		const struct text *text = &target->needs.items[i].text;
		const struct target *on =
		    config_find(resolve->config, text->value.text.data);

		if (on != NULL) {
			add(resolve, on, true);
		} else {
			char *shown = marked_shown(&text->value);

			tell_unknown_name(resolve, "needs", text->place, shown);
			free(shown);
		}
	}
}

static void
resolve_target(struct resolve *resolve, struct target *target, bool enabled)
{
	resolve->target = target;
	resolve->enabled = enabled;
	templates_each(target, look_at_template, resolve);
	look_at_needs(resolve, target);
	/* What is not asked waits for nobody. */
	if (!enabled)
		resolve->count = 0;
	hand_over(resolve, target);
}

void
dependencies_resolve(struct config *config, struct faults *faults)
{
	struct resolve resolve = {
		.config = config,
		.faults = faults,
		.hints_left = MAX_HINTS,
	};

	for (size_t i = 0; i < config->target_count; i++)
		resolve_target(&resolve, config->targets[i], true);
	for (size_t i = 0; i < config->disabled_count; i++)
		resolve_target(&resolve, config->disabled[i], false);
	circles_tell(config, faults);
}

/* ---- what is needed for some ---- */

void
dependencies_close(const struct config *config, bool *kept)
{
	/* Each target comes onto the heap once at most. */
	size_t *heap = xcalloc(config->target_count + 1, sizeof(*heap));
	size_t count = 0;

	for (size_t i = 0; i < config->target_count; i++) {
		if (kept[i])
			heap[count++] = i;
	}
	while (count > 0) {
		const struct target *target = config->targets[heap[--count]];

		for (size_t i = 0; i < target->dependency_count; i++) {
			size_t on = target->dependencies[i].target->index;

			if (!kept[on])
				heap[count++] = on;
			kept[on] = true;
		}
	}
	free(heap);
}
