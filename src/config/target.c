#include "config/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/render.h"
#include "config/vars.h"
#include "template/template.h"

struct target *
target_new(const char *name, struct place place)
{
	struct target *target = xcalloc(1, sizeof(*target));

	target->name = xstrdup(name);
	target->place = place;
	keyed_init(&service_keys, target);
	return target;
}

void
target_free(struct target *target)
{
	if (target == NULL)
		return;
	rendered_request_free(target->rendered);
	template_free(target->url_template);
	keyed_clear(&service_keys, target);
	free(target->name);
	free(target);
}

/* ---- templates ---- */

/* One template that is looked through. */
struct look {
	const char *what; /* "url", "headers: X-Team" */
	struct place place;
	const struct config *config;
	struct faults *faults;
	bool fine;
};

static const char *
kind_name(enum template_kind kind)
{
	switch (kind) {
	case TEMPLATE_NULL:
		return "null";
	case TEMPLATE_LIST:
		return "a list";
	case TEMPLATE_MAP:
		return "a map";
	case TEMPLATE_FALSE:
	case TEMPLATE_TRUE:
	case TEMPLATE_TEXT:
		break;
	}
	return NULL;
}

static void
check_name(const struct template_name *name, void *arg)
{
	struct look *look = arg;
	struct template_value value;
	char *hint = NULL;

	/* That was told where it stands, and may be anything. */
	if (vars_is_broken(look->config->vars, name->path)) {
		look->fine = false;
		return;
	}
	/* Sections are for what may be missing: of them, --check warns. */
	if (name->in_section || name->is_section || strcmp(name->path, "now") == 0)
		return;
	if (!vars_find(look->config->vars, name->path, &value, &hint)) {
		faults_error(look->faults, look->place, "%s: unknown name %s%s",
		    look->what, name->path, hint);
		look->fine = false;
	} else if (kind_name(value.kind) != NULL) {
		faults_error(look->faults, look->place,
		    "%s: %s is %s: expected text or a number", look->what, name->path,
		    kind_name(value.kind));
		look->fine = false;
	}
	free(hint);
}

/* *COMPILED becomes TEXT's template, or NULL where there was a fault in it. */
static void
compile(const struct text *text, enum template_place place, struct look *look,
    struct template **compiled)
{
	struct template_fault fault;

	look->place = text->place;
	look->fine = true;
	*compiled = template_compile(&text->value, place, &fault);
	if (*compiled == NULL) {
		faults_error(
		    look->faults, text->place, "%s: %s", look->what, fault.message);
		return;
	}
	template_each_name(*compiled, check_name, look);
	if (!look->fine) {
		template_free(*compiled);
		*compiled = NULL;
	}
}

static void
compile_header(struct config_pair *header, struct look *look)
{
	char *what = xasprintf("headers: %s", header->name);

	look->what = what;
	compile(&header->text, TEMPLATE_HEADER, look, &header->template);
	look->what = NULL;
	free(what);
}

void
target_compile(
    struct target *target, const struct config *config, struct faults *faults)
{
	struct look look = {
		.what = "url",
		.config = config,
		.faults = faults,
	};

	/* A line of 0: not said, which was told. */
	if (target->url.place.line > 0)
		compile(&target->url, TEMPLATE_URL, &look, &target->url_template);
	for (size_t i = 0; i < target->headers.count; i++)
		compile_header(&target->headers.items[i], &look);
}

/* ---- the first request ---- */

static void
note_now(const struct template_name *name, void *arg)
{
	bool *names_now = arg;

	/* In a section "now" may mean something else; then nothing is lost but time. */
	if (vars_is_now(name->path, strlen(name->path)))
		*names_now = true;
}

static bool
names_now(const struct target *target)
{
	bool named = false;

	if (target->url_template != NULL)
		template_each_name(target->url_template, note_now, &named);
	for (size_t i = 0; i < target->headers.count; i++) {
		const struct template *template = target->headers.items[i].template;

		if (template != NULL)
			template_each_name(template, note_now, &named);
	}
	return named;
}

void
target_try(struct target *target, const struct config *config, struct faults *faults)
{
	struct rendered_request *rendered;
	bool changes = names_now(target);

	if (changes && target->url_template != NULL &&
	    !render_authority_is_fixed(config, target)) {
		faults_error(faults, target->url.place,
		    "url: scheme, host and port cannot come from {{now}}");
		return;
	}
	rendered = render_checked(config, target, faults);
	target->tls = rendered != NULL && rendered->request.url.tls;
	if (changes)
		rendered_request_free(rendered);
	else
		target->rendered = rendered;
}
