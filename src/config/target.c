#include "config/target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/json_pointers.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "config/json_body.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/render.h"
#include "config/routes.h"
#include "config/schema_source.h"
#include "config/target_prompt.h"
#include "config/templates.h"
#include "config/vars.h"
#include "http/route.h"
#include "rules/schema.h"
#include "template/template.h"

/* As target_prompt(), of one that is being made. */
static struct prompt *
prompt_of(struct target *target)
{
	return target->kind == TARGET_PROMPT ? (struct prompt *)target : NULL;
}

struct target *
target_new(enum target_kind kind, const char *name, struct place place)
{
	size_t size =
	    kind == TARGET_PROMPT ? sizeof(struct prompt) : sizeof(struct target);
	struct target *target = xcalloc(1, size);

	target->name = xstrdup(name);
	target->kind = kind;
	target->place = place;
	keyed_init(keys_of_targets(kind), target);
	if (kind == TARGET_PROMPT)
		marked_init(&prompt_of(target)->model_name, BUFFER_UNLIMITED);
	return target;
}

void
target_free(struct target *target)
{
	if (target == NULL)
		return;
	rendered_request_free(target->rendered);
	keyed_clear(keys_of_targets(target->kind), target);
	if (target->kind == TARGET_PROMPT)
		marked_clear(&prompt_of(target)->model_name);
	value_free(target->each);
	route_clear(&target->way.route);
	json_pointers_free(target->pointers);
	free(target->dependencies);
	free(target->host);
	free(target->definition);
	free(target->name);
	free(target);
}

/* ---- templates ---- */

/* One template that is looked through. */
struct look {
	const struct target *target;
	const struct config *config;
	struct faults *faults;
	const struct target_template *one;
	bool fine;
};

/* "url: PATH is a list: expected text or a number" */
static void
tell(struct look *look, const char *path, const char *fault)
{
	faults_error(look->faults, look->one->text->place, "%s: %s%s", look->one->what,
	    path, fault);
	look->fine = false;
}

/* What VALUE is where only text or a number can stand; NULL: fine. */
static const char *
why_unfit(const struct target_template *one, const struct template_value *value)
{
	switch (value->kind) {
	case TEMPLATE_NULL:
		return " is null: expected text or a number";
	case TEMPLATE_LIST:
		return one->takes_any ? NULL : " is a list: expected text or a number";
	case TEMPLATE_MAP:
		return one->takes_any ? NULL : " is a map: expected text or a number";
	case TEMPLATE_FALSE:
	case TEMPLATE_TRUE:
	case TEMPLATE_TEXT:
		break;
	}
	return NULL;
}

/* Is it a lone {{{name}}} that takes its value, whatever that is? */
static bool
becomes_value(const struct target_template *one)
{
	return one->typed && template_is_value(*one->template);
}

/* A name that stands for a variable or an entry of `for_each`. */
static void
check_variable(struct look *look, const char *path)
{
	const struct value *each = look->target->each;
	const struct value *vars = look->config->vars;
	struct template_value value;
	const char *fault;
	char *hint = NULL;

	if (vars_find(each, vars, path, &value, &hint)) {
		fault = why_unfit(look->one, &value);
		if (fault != NULL && !becomes_value(look->one))
			tell(look, path, fault);
	} else {
		faults_error(look->faults, look->one->text->place,
		    "%s: unknown name %s%s", look->one->what, path, hint);
		look->fine = false;
	}
	free(hint);
}

static void
check_name(const struct template_name *name, void *arg)
{
	struct look *look = arg;

	/* That was told where it stands, and may be anything. */
	if (vars_is_broken(look->target->each, look->config->vars, name->path)) {
		look->fine = false;
		return;
	}
	/* Of the state only its targets are known at load: config/dependencies. */
	if (dependencies_is_state(name->path)) {
		/* In a section it may be a name in an element of a list. */
		if (!look->one->from_state && !name->in_section)
			tell(look, name->path, ": only vars can stand here");
		return;
	}
	/* Sections are for what may be missing: of them, --check warns. */
	if (name->in_section || name->is_section || strcmp(name->path, "now") == 0)
		return;
	check_variable(look, name->path);
}

/* What is faulty is left without a template. */
static void
compile(const struct target_template *one, void *arg)
{
	struct look *look = arg;
	struct template_fault fault;

	look->one = one;
	look->fine = true;
	if (!one->typed) {
		template_free(*one->template);
		*one->template =
		    template_compile(&one->text->value, one->place, &fault);
		if (*one->template == NULL)
			faults_error(look->faults, one->text->place, "%s: %s",
			    one->what, fault.message);
	}
	if (*one->template == NULL)
		return;
	template_each_name(*one->template, check_name, look);
	if (!look->fine) {
		template_free(*one->template);
		*one->template = NULL;
	}
}

static void
compile_schema(struct prompt *prompt, struct faults *faults)
{
	schema_free(prompt->schema.schema);
	prompt->schema.schema = NULL;
	if (prompt->schema.source == NULL)
		return;
	prompt->schema.schema = schema_source_compile(prompt->schema.source, faults);
	prompt->format = PROMPT_JSON;
}

void
target_compile(
    struct target *target, const struct config *config, struct faults *faults)
{
	struct look look = { .target = target, .config = config, .faults = faults };

	if (target->kind == TARGET_PROMPT)
		compile_schema(prompt_of(target), faults);
	json_body_free(target->json.body);
	target->json.body = NULL;
	if (target->json.source != NULL)
		target->json.body = json_body_compile(target->json.source, faults);
	templates_each(target, compile, &look);
}

/* ---- what excludes each other ---- */

static bool
is_said(const struct templated *templated)
{
	return templated->text.place.line > 0;
}

/* The line and column that come later count. */
static bool
is_behind(struct place a, struct place b)
{
	if (a.file != b.file)
		return a.file > b.file;
	return a.line != b.line ? a.line > b.line : a.column > b.column;
}

/* One of the keys of which a request has one. */
struct said {
	const char *name;
	bool said;
	struct place place;
};

static void
check_bodies(const struct target *target, struct faults *faults)
{
	const struct config_pairs *form = &target->form;
	const struct said bodies[] = {
		{ "body", is_said(&target->body), target->body.text.place },
		{ "json", target->json.source != NULL,
		    target->json.source != NULL ? target->json.source->place
		                                : target->place },
		{ "form", form->count > 0 || form->items != NULL,
		    form->count > 0 ? form->items[0].text.place : target->place },
	};
	const struct said *first = NULL;

	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
		const struct said *other = &bodies[i];

		if (!other->said)
			continue;
		if (first != NULL)
			faults_error(faults,
			    is_behind(first->place, other->place) ? first->place
			                                          : other->place,
			    "%s beside %s: a request has one body", other->name,
			    first->name);
		first = other;
	}
}

/* Where `auth` is said; a line of 0: it is not. */
static struct place
place_of_auth(const struct target *target)
{
	const struct templated *const first[] = { &target->auth.bearer,
		&target->auth.basic.user, &target->auth.digest.user,
		&target->auth.oauth2.token_url };

	for (size_t i = 0; i < ARRAY_COUNT(first); i++) {
		if (is_said(first[i]))
			return first[i]->text.place;
	}
	return (struct place){ 0 };
}

static void
check_auth(const struct target *target, bool has_userinfo, struct faults *faults)
{
	struct place place = place_of_auth(target);

	if (place.line == 0)
		return;
	for (size_t i = 0; i < target->headers.count; i++) {
		const struct config_pair *header = &target->headers.items[i];

		if (strcasecmp(header->name, "Authorization") == 0)
			faults_error(faults, header->text.place,
			    "headers: %s beside auth: expected only one", header->name);
	}
	if (has_userinfo)
		faults_error(faults, target->url.text.place,
		    "url: a user beside auth: expected only one");
}

/* ---- the first request ---- */

static void
note_change(const struct template_name *name, void *arg)
{
	bool *changes = arg;

	/* In a section a name may mean something else; then nothing is lost but time. */
	if (vars_is_now(name->path, strlen(name->path)) ||
	    dependencies_is_state(name->path))
		*changes = true;
}

static void
note_changes(const struct target_template *one, void *arg)
{
	if (*one->template != NULL)
		template_each_name(*one->template, note_change, arg);
}

/* May its request differ from one turn to the next? */
static bool
is_changing(const struct target *target)
{
	bool changes = is_said(&target->auth.oauth2.token_url);

	templates_each(target, note_changes, &changes);
	return changes;
}

static void
try_service(struct target *target, const struct config *config, struct faults *faults)
{
	bool changes = is_changing(target);
	struct rendered_request *rendered;

	routes_fill(&target->way, faults);
	check_bodies(target, faults);
	free(target->host);
	target->host = NULL;
	rendered_request_free(target->rendered);
	target->rendered = NULL;
	if (changes && target->url.template != NULL &&
	    !render_authority_is_fixed(config, target)) {
		check_auth(target, false, faults);
		faults_error(faults, target->url.text.place,
		    "url: scheme, host and port cannot come from {{now}} or from services");
		return;
	}
	rendered = render_checked(config, target, faults);
	check_auth(
	    target, rendered != NULL && rendered->request.url.user != NULL, faults);
	if (rendered != NULL) {
		target->asks_tls = rendered->request.url.tls;
		target->host = render_origin(&rendered->request.url);
	}
	if (changes) {
		rendered_request_free(rendered);
		rendered = NULL;
	}
	target->rendered = rendered;
}

void
target_try(struct target *target, const struct config *config, struct faults *faults)
{
	switch (target->kind) {
	case TARGET_SERVICE:
		try_service(target, config, faults);
		break;
	case TARGET_PROMPT:
		target_prompt_try(prompt_of(target), config, faults);
		break;
	}
}
