#include "config/for_each.h"

#include <stdlib.h>
#include <string.h>

#include "base/marked.h"
#include "base/xalloc.h"
#include "config/faults.h"
#include "config/value.h"
#include "config/vars.h"
#include "config/yaml.h"
#include "template/template.h"

struct expansion {
	const struct value *for_each;
	const struct value *vars;
	const char *top; /* "services" */
	const struct yaml_node *name;
	struct template *template; /* owned: `name`, compiled */
	struct faults *faults;
	size_t *at; /* owned: for each name the number of its value */
};

/* ---- the lists ---- */

static bool
check_list(const struct expansion *x, const char *name, const struct value *list)
{
	bool fine = true;

	if (list->kind != VALUE_LIST || list->count == 0) {
		faults_error(x->faults, list->place,
		    "for_each: %s: expected a list of one or more values", name);
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i]->kind != VALUE_LIST)
			continue;
		faults_error(x->faults, list->items[i]->place,
		    "for_each: %s: expected text, a number or a map, not a list", name);
		fine = false;
	}
	return fine;
}

static bool
check_lists(const struct expansion *x)
{
	const struct value *map = x->for_each;
	size_t count = 1;
	bool fine = map->count > 0;

	if (!fine)
		faults_error(x->faults, map->place,
		    "for_each: expected names, each with a list of values");
	for (size_t i = 0; i < map->count; i++) {
		const char *why = vars_why_unfit(map->keys[i]);

		if (why != NULL)
			faults_error(x->faults, map->key_places[i], "for_each: %s: %s",
			    map->keys[i], why);
		if (!check_list(x, map->keys[i], map->items[i]) || why != NULL)
			fine = false;
		else if (count <= FOR_EACH_MAX)
			count *= map->items[i]->count;
	}
	if (fine && count > FOR_EACH_MAX) {
		faults_error(x->faults, map->place,
		    "for_each: more than %d combinations", FOR_EACH_MAX);
		fine = false;
	}
	return fine;
}

/* ---- the name ---- */

/* Which of the names the template holds. */
struct held {
	const struct value *for_each;
	bool *names; /* owned */
};

static void
note_name(const struct template_name *name, void *arg)
{
	const struct held *held = arg;
	size_t len = strcspn(name->path, ".");

	for (size_t i = 0; i < held->for_each->count; i++) {
		const char *key = held->for_each->keys[i];

		if (strncmp(key, name->path, len) == 0 && key[len] == '\0')
			held->names[i] = true;
	}
}

static bool
check_holds_all(const struct expansion *x)
{
	struct held held = {
		.for_each = x->for_each,
		.names = xcalloc(x->for_each->count, sizeof(bool)),
	};
	bool fine = true;

	template_each_name(x->template, note_name, &held);
	for (size_t i = 0; i < x->for_each->count; i++) {
		if (held.names[i] || vars_why_unfit(x->for_each->keys[i]) != NULL)
			continue;
		faults_error(x->faults, x->name->place,
		    "%s: %s: the name has to hold {{%s}}, as for_each says", x->top,
		    x->name->text, x->for_each->keys[i]);
		fine = false;
	}
	free(held.names);
	return fine;
}

static bool
compile_name(struct expansion *x)
{
	struct template_fault fault;
	struct marked source;

	marked_init(&source, BUFFER_UNLIMITED);
	(void)marked_append(&source, x->name->text, x->name->len, MARK_OWN);
	/* In a header, too, only text and numbers can stand. */
	x->template = template_compile(&source, TEMPLATE_HEADER, &fault);
	marked_clear(&source);
	if (x->template == NULL)
		faults_error(x->faults, x->name->place, "%s: %s: %s", x->top,
		    x->name->text, fault.message);
	return x->template != NULL && check_holds_all(x);
}

static void
tell_not_rendered(const struct expansion *x, enum template_result result,
    const struct value *each, const char *path)
{
	struct template_value found;
	char *hint = NULL;

	if (path == NULL)
		path = "a name";
	/* That was told where it stands. */
	if (vars_is_broken(each, x->vars, path))
		return;
	if (result != TEMPLATE_MISSING)
		faults_error(x->faults, x->name->place,
		    "%s: %s: %s is neither text nor a number", x->top, x->name->text,
		    path);
	else if (!vars_find(each, x->vars, path, &found, &hint))
		faults_error(x->faults, x->name->place, "%s: %s: unknown name %s%s",
		    x->top, x->name->text, path, hint);
	else
		faults_error(x->faults, x->name->place, "%s: %s: %s is null", x->top,
		    x->name->text, path);
	free(hint);
}

/* The name over EACH into OUT, which is initialised here and to be cleared either way. */
static bool
render_name(const struct expansion *x, const struct value *each, struct marked *out)
{
	const struct vars_both both = { .each = each, .vars = x->vars };
	struct template_value root;
	enum template_result result;
	const char *path = NULL;

	vars_for_template(&both, &root);
	marked_init(out, TEMPLATE_MAX_OUTPUT);
	result = template_render(x->template, &root, out, NULL, &path);
	if (result != TEMPLATE_RENDERED) {
		tell_not_rendered(x, result, each, path);
		return false;
	}
	if (marked_has_secret(out)) {
		faults_error(x->faults, x->name->place,
		    "%s: %s: a name is no place for a secret: expected "
		    "${plain:NAME}",
		    x->top, x->name->text);
		return false;
	}
	return true;
}

/* ---- the combinations ---- */

static struct value *
make_each(const struct expansion *x)
{
	const struct value *map = x->for_each;
	struct value *each = value_new_map();

	for (size_t i = 0; i < map->count; i++)
		value_set(
		    each, map->keys[i], value_copy(map->items[i]->items[x->at[i]]));
	return each;
}

/* On to the next combination; false behind the last. */
static bool
advance(struct expansion *x)
{
	for (size_t i = x->for_each->count; i-- > 0;) {
		if (++x->at[i] < x->for_each->items[i]->count)
			return true;
		x->at[i] = 0;
	}
	return false;
}

static bool
expand_all(struct expansion *x, for_each_fn *fn, void *arg)
{
	bool fine;

	x->at = xcalloc(x->for_each->count, sizeof(*x->at));
	do {
		struct value *each = make_each(x);
		struct marked name;

		fine = render_name(x, each, &name);
		if (fine)
			fn(name.text.data, each, arg);
		else
			value_free(each);
		marked_clear(&name);
	} while (fine && advance(x));
	free(x->at);
	return fine;
}

bool
for_each_expand(const struct value *for_each, const char *top,
    const struct yaml_node *name, const struct value *vars, struct faults *faults,
    for_each_fn *fn, void *arg)
{
	struct expansion x = {
		.for_each = for_each,
		.vars = vars,
		.top = top,
		.name = name,
		.faults = faults,
	};
	bool fine = check_lists(&x);

	/* Both are looked at, whatever came of the first. */
	fine = compile_name(&x) && fine;
	fine = fine && expand_all(&x, fn, arg);
	template_free(x.template);
	return fine;
}
