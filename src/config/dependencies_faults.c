/*
 * What is wrong with the names of targets and of what they have.
 */
#include "config/dependencies_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/templates.h"
#include "config/types.h"

const char *const dependencies_service_fields[] = { "status", "since", "checked_at",
	"last_ok_at", "failures", "next_at", "attempts", "http_status", "url",
	"final_url", "duration_ms", "timing_ms", "bytes", "certificate_expires_at",
	"error", "warnings", "values", "data", "last_data", "group", "labels",
	"description", NULL };

const char *const dependencies_prompt_fields[] = { "status", "success", "since",
	"checked_at", "last_ok_at", "failures", "next_at", "attempts", "http_status",
	"provider", "model", "duration_ms", "timing_ms", "bytes", "prompt", "response",
	"finish_reason", "usage", "usage_unknown_attempts", "cost", "estimate",
	"budget", "input_hash", "reused", "request_id", "error", "warnings", "values",
	"data", "last_response", "last_data", "group", "labels", "description", NULL };

/* Those of them that are lists or maps. */
static const char *const compound_fields[] = { "timing_ms", "usage", "estimate",
	"budget", "error", "warnings", "values", "labels", NULL };

static const char *const *const fields[] = {
	[TARGET_SERVICE] = dependencies_service_fields,
	[TARGET_PROMPT] = dependencies_prompt_fields,
};

/* What {{counts}} holds. */
static const char *const count_names[] = { "total", "ok", "degraded", "timeout",
	"http_error", "error", "cancelled", "skipped", "pending", NULL };

static const struct target *
find_disabled(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->disabled_count; i++) {
		if (strcmp(config->disabled[i]->name, name) == 0)
			return config->disabled[i];
	}
	return NULL;
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

/* Which targets may stand somewhere: a kind, or both. */
#define ANY_KIND (-1)

/* Append the name nearest to NAME among those of all targets of KIND with DOTS dots; -1: of
 * all. */
static void
append_hint(const struct config *config, int kind, const char *name, int dots,
    struct buffer *out)
{
	const char **names = xcalloc(config->target_count + 1, sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *known = config->targets[i];

		if ((kind == ANY_KIND || (int)known->kind == kind) &&
		    (dots < 0 || count_dots(known->name) == (size_t)dots))
			names[count++] = known->name;
	}
	type_append_nearest(out, name, names, count);
	free(names);
}

/* What PATH may begin with if that is misspelt: the name of a target, with or without dots. */
static void
append_path_hint(
    const struct config *config, int kind, const char *path, struct buffer *out)
{
	size_t most_dots = count_dots(path);

	for (size_t dots = 0; dots <= most_dots && out->len == 0; dots++) {
		char *name = first_parts(path, dots);

		append_hint(config, kind, name, (int)dots, out);
		free(name);
	}
}

/* Append that PATH, behind the word for KIND, begins with the name of another kind. */
static void
append_other_kind(
    const struct config *config, int kind, const char *path, struct buffer *out)
{
	enum target_kind other =
	    kind == TARGET_SERVICE ? TARGET_PROMPT : TARGET_SERVICE;

	if (dependencies_find_longest(
	        config, path, other, dependencies_find_enabled, NULL) != NULL)
		buffer_append_format(
		    out, " (did you mean %s.%s?)", dependencies_sections[other], path);
}

static void
tell_disabled(struct resolve *resolve, const char *what, struct place place,
    const struct target *disabled)
{
	if (resolve->enabled)
		faults_error(resolve->faults, place, "%s: %s is not enabled", what,
		    disabled->name);
}

/* PATH, behind the word for KIND, begins with the name of no target of that kind. */
void
dependencies_tell_unknown_path(
    const struct look *look, enum target_kind kind, const char *path)
{
	struct resolve *resolve = look->resolve;
	const struct target *disabled =
	    dependencies_find_longest(resolve->config, path, kind, find_disabled, NULL);
	struct buffer hint;

	if (disabled != NULL) {
		tell_disabled(
		    resolve, look->one->what, look->one->text->place, disabled);
		return;
	}
	buffer_init(&hint, BUFFER_UNLIMITED);
	append_other_kind(resolve->config, kind, path, &hint);
	if (hint.len == 0 && resolve->hints_left > 0) {
		append_path_hint(resolve->config, kind, path, &hint);
		resolve->hints_left--;
	}
	faults_error(resolve->faults, look->one->text->place,
	    "%s: no %s is called %.*s%s", look->one->what, target_kind_names[kind],
	    (int)strcspn(path, "."), path, hint.data);
	buffer_clear(&hint);
}

/* What the names of targets in CONFIG may be those of. */
static const char *
kinds_there_are(const struct config *config)
{
	if (config->service_count == config->target_count)
		return target_kind_names[TARGET_SERVICE];
	if (config->service_count == 0)
		return target_kind_names[TARGET_PROMPT];
	return "service or prompt";
}

/* NAME, which `needs` has at PLACE, is that of no target. */
void
dependencies_tell_unknown_name(
    struct resolve *resolve, struct place place, const char *name)
{
	const struct target *disabled = find_disabled(resolve->config, name);
	struct buffer hint;

	if (disabled != NULL) {
		tell_disabled(resolve, "needs", place, disabled);
		return;
	}
	buffer_init(&hint, BUFFER_UNLIMITED);
	if (resolve->hints_left > 0) {
		append_hint(resolve->config, ANY_KIND, name, -1, &hint);
		resolve->hints_left--;
	}
	faults_error(resolve->faults, place, "needs: no %s is called %s%s",
	    kinds_there_are(resolve->config), name, hint.data);
	buffer_clear(&hint);
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
		if (dependencies_behind(rest, names[i]) != NULL)
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

static bool
is_either(const char *field, const char *name, const char *other)
{
	return strcmp(field, name) == 0 || strcmp(field, other) == 0;
}

/* Why there is never anything in FIELD of the prompt ON; NULL: there may be. */
static const char *
why_prompt_lacks(const struct prompt *on, const char *field)
{
	const struct provider *provider = on->provider;

	if (strcmp(field, "prompt") == 0 && on->store == STORE_NONE)
		return "store_prompt: none";
	if (is_either(field, "data", "last_data") && on->format == PROMPT_TEXT)
		return "format: text";
	if (strcmp(field, "budget") == 0 && on->budget.per_ms == 0)
		return "it has none";
	if (strcmp(field, "cost") == 0 && provider != NULL &&
	    (provider->price.input < 0 || provider->price.output < 0))
		return "its provider has no price";
	return NULL;
}

static const char *
why_lacks(const struct target *on, const char *field)
{
	const struct prompt *prompt = target_prompt(on);
	const char *why = prompt != NULL ? why_prompt_lacks(prompt, field) : NULL;
	bool is_last = is_either(field, "last_data", "last_response");

	if (why != NULL)
		return why;
	if (strcmp(field, "data") == 0 && prompt == NULL && !on->data)
		return "data: false";
	if (is_last && !on->keep_last)
		return "no keep_last";
	if ((is_last || is_either(field, "data", "response")) && on->has_secret_value)
		return "one of its values is secret";
	return NULL;
}

/* What ON is told to leave out of its entry, or has no means to put there. */
static void
check_is_kept(const struct look *look, const struct target *on, const char *path,
    const char *field)
{
	const char *why = why_lacks(on, field);

	if (why != NULL)
		faults_error(look->resolve->faults, look->one->text->place,
		    "%s: %s: %s keeps none (%s)", look->one->what, path, on->name, why);
}

/* PATH names the target ON; REST is what stands behind its name. */
void
dependencies_check_field(const struct look *look, const struct target *on,
    const char *path, const char *rest)
{
	char *field = xmemdup0(rest, strcspn(rest, "."));
	const char *behind_field = dependencies_behind(rest, field);

	if (rest[0] == '\0')
		tell_no_text(look, path, "a map");
	else if (names_find(fields[on->kind], field) < 0)
		tell_no_member(look, path,
		    on->kind == TARGET_PROMPT ? "a prompt has" : "a service has", field,
		    fields[on->kind]);
	else if (!look->one->takes_any && behind_field[0] == '\0' &&
	    names_find(compound_fields, field) >= 0)
		tell_no_text(
		    look, path, strcmp(field, "warnings") == 0 ? "a list" : "a map");
	else if (strcmp(field, "values") == 0 && behind_field[0] != '\0')
		check_value(look, on, path, behind_field);
	else
		check_is_kept(look, on, path, field);
	free(field);
}

/* PATH names what is said of all targets. */
void
dependencies_check_whole(const struct look *look, const char *path)
{
	const char *rest = dependencies_behind(path, "counts");

	if (rest != NULL && rest[0] != '\0' && names_find(count_names, rest) < 0)
		tell_no_member(look, path, "counts has", rest, count_names);
	if (rest != NULL && rest[0] == '\0')
		tell_no_text(look, path, "a map");
	if (strcmp(path, "services") == 0 || strcmp(path, "prompts") == 0)
		tell_no_text(look, path, "a map");
	if (strcmp(path, "targets") == 0 || strcmp(path, "failed") == 0)
		tell_no_text(look, path, "a list");
}
