#include "config/dependencies.h"

#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/xalloc.h"
#include "config/circles.h"
#include "config/config.h"
#include "config/dependencies_parts.h"
#include "config/faults.h"
#include "config/templates.h"
#include "config/vars.h"
#include "template/template.h"

/* A near name is looked for among all of them: with so many wrong ones, hints are no use. */
#define MAX_HINTS 100

const char *const dependencies_sections[] = {
	[TARGET_SERVICE] = "services",
	[TARGET_PROMPT] = "prompts",
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

const char *
dependencies_behind(const char *path, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(path, name, len) != 0 || (path[len] != '.' && path[len] != '\0'))
		return NULL;
	return path + len + (path[len] == '.');
}

/* Which kind PATH says; *NAME is what stands behind that. Returns -1 where it says none, or
 * nothing stands behind it. */
static int
kind_in(const char *path, const char **name)
{
	for (size_t kind = 0; kind < ARRAY_COUNT(dependencies_sections); kind++) {
		*name = dependencies_behind(path, dependencies_sections[kind]);
		if (*name != NULL && **name != '\0')
			return (int)kind;
	}
	return -1;
}

const struct target *
dependencies_find_longest(const struct config *config, const char *path,
    enum target_kind kind, dependencies_find_fn *find, const char **rest)
{
	char *name = xstrdup(path);
	const struct target *target = NULL;

	for (;;) {
		char *dot;

		target = find(config, name);
		if (target != NULL && target->kind == kind)
			break;
		target = NULL;
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

const struct target *
dependencies_find_enabled(const struct config *config, const char *name)
{
	return config_find(config, name);
}

const struct target *
dependencies_find(const struct config *config, const char *path, const char **rest)
{
	const char *name;
	int kind = kind_in(path, &name);

	if (kind < 0)
		return NULL;
	return dependencies_find_longest(
	    config, name, (enum target_kind)kind, dependencies_find_enabled, rest);
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

/* ---- what is said of all services ---- */

/* Inside of a section a short name may be that of an element's own key. */
static bool
may_be_of_element(const struct look *look, const struct template_name *name)
{
	const struct resolve *resolve = look->resolve;
	const struct value *each = resolve->target->each;
	size_t len = strcspn(name->path, ".");

	return name->in_section &&
	    (look->over_state || vars_has_key(resolve->config->vars, name->path, len) ||
	        (each != NULL && vars_has_key(each, name->path, len)));
}

static void
note_section(const struct template_name *name, void *arg)
{
	struct look *look = arg;
	const char *behind_kind;

	if (name->is_section &&
	    (kind_in(name->path, &behind_kind) >= 0 ||
	        strcmp(name->path, "services") == 0 ||
	        strcmp(name->path, "prompts") == 0 ||
	        dependencies_behind(name->path, "targets") != NULL))
		look->over_state = true;
}

/* Does NAME stand for something that is known when all services are? */
static bool
is_of_all_services(const struct look *look, const struct template_name *name)
{
	if (strcmp(name->path, "services") == 0)
		return true;
	return (dependencies_behind(name->path, "targets") != NULL ||
	           dependencies_behind(name->path, "failed") != NULL ||
	           dependencies_behind(name->path, "counts") != NULL ||
	           dependencies_behind(name->path, "status") != NULL) &&
	    !may_be_of_element(look, name);
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
	int kind;

	if (!dependencies_is_state(name->path))
		return;
	if (is_of_all_services(look, name))
		resolve->names_all = true;
	on = dependencies_find(resolve->config, name->path, &rest);
	if (on != NULL) {
		add(resolve, on, false);
		if (!may_miss)
			dependencies_check_field(look, on, name->path, rest);
	} else if (!may_miss) {
		kind = kind_in(name->path, &rest);
		if (kind < 0)
			dependencies_check_whole(look, name->path);
		else
			dependencies_tell_unknown_path(
			    look, (enum target_kind)kind, rest);
	}
}

static void
look_at_template(const struct target_template *one, void *arg)
{
	struct look look = { .resolve = arg, .one = one };

	/* Where the state is no place to take from, its names were told as unknown. */
	if (!one->from_state || *one->template == NULL)
		return;
	template_each_name(*one->template, note_section, &look);
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

			dependencies_tell_unknown_name(resolve, text->place, shown);
			free(shown);
		}
	}
}

static bool
waits_for_services(const struct resolve *resolve, const struct target *target)
{
	const struct prompt *prompt = target_prompt(target);

	return prompt != NULL && (resolve->names_all || prompt->when == WHEN_FAILING);
}

static void
resolve_target(struct resolve *resolve, struct target *target, bool enabled)
{
	resolve->target = target;
	resolve->enabled = enabled;
	resolve->names_all = false;
	templates_each(target, look_at_template, resolve);
	look_at_needs(resolve, target);
	target->waits_for_services = enabled && waits_for_services(resolve, target);
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
	circles_resolve(config, faults);
}

/* ---- what is needed for some ---- */

/* Those that are kept, and still to be looked behind. */
struct heap {
	bool *kept;
	size_t *items; /* owned; each target comes onto it once at most */
	size_t count;
};

static void
keep(struct heap *heap, size_t index)
{
	if (!heap->kept[index])
		heap->items[heap->count++] = index;
	heap->kept[index] = true;
}

/* All that a prompt waits for that waits for all of them. */
static void
keep_services(struct heap *heap, const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++) {
		if (!config->targets[i]->follows_services)
			keep(heap, i);
	}
}

void
dependencies_close(const struct config *config, bool *kept)
{
	struct heap heap = {
		.kept = kept,
		.items = xcalloc(config->target_count + 1, sizeof(*heap.items)),
	};
	bool all_services = false;

	for (size_t i = 0; i < config->target_count; i++) {
		if (kept[i])
			heap.items[heap.count++] = i;
	}
	while (heap.count > 0) {
		const struct target *target = config->targets[heap.items[--heap.count]];

		for (size_t i = 0; i < target->dependency_count; i++)
			keep(&heap, target->dependencies[i].target->index);
		if (target->waits_for_services && !all_services)
			keep_services(&heap, config);
		all_services |= target->waits_for_services;
	}
	free(heap.items);
}
