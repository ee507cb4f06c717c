#include "config/target_prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/render_prompt.h"
#include "config/types.h"
#include "config/value.h"
#include "config/vars.h"
#include "template/template.h"

/* So many providers are named where one of them was to be. */
#define MAX_NAMED 10

static bool
is_said(const struct templated *templated)
{
	return templated->text.place.line > 0;
}

/* ---- what is rendered at load ---- */

/* Render TEMPLATED, the key WHAT of PROMPT, over vars into OUT, which is initialised here and
 * to be cleared either way. Returns false with a fault, or where its template was one. */
static bool
render(const struct prompt *prompt, const struct config *config,
    const struct templated *templated, const char *what, struct faults *faults,
    struct marked *out)
{
	const struct vars_both both = {
		.each = prompt->target.each,
		.vars = config->vars,
	};
	struct template_value root;
	enum template_result result;
	const char *name = NULL;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	if (templated->template == NULL)
		return false;
	vars_for_template(&both, &root);
	result = template_render(templated->template, &root, out, NULL, &name);
	if (result == TEMPLATE_RENDERED && out->text.len > 0)
		return true;
	if (result == TEMPLATE_RENDERED)
		faults_error(faults, templated->text.place, "%s: expected text", what);
	else if (name != NULL)
		faults_error(faults, templated->text.place,
		    "%s: %s: only vars can stand here", what, name);
	else
		faults_error(faults, templated->text.place, "%s: too large", what);
	return false;
}

/* ---- the provider ---- */

/* "gemini, local": what there is to choose from. The caller's. */
static char *
list_providers(const struct config *config)
{
	struct buffer list;
	size_t named = 0;

	buffer_init(&list, BUFFER_UNLIMITED);
	for (size_t i = 0; i < config->provider_count && named <= MAX_NAMED; i++) {
		const struct provider *provider = config->providers[i];

		/* One of two with the same name, which was told. */
		if (config_find_provider(config, provider->name) != provider)
			continue;
		buffer_append_format(&list, "%s%s", named > 0 ? ", " : "",
		    named < MAX_NAMED ? provider->name : "...");
		named++;
	}
	return buffer_take(&list);
}

/* " (did you mean gemini?)", or what there is; nothing where there is none. The caller's. */
static char *
hint_provider(const struct config *config, const char *name)
{
	size_t count = config->provider_count;
	const char **names = xcalloc(count + 1, sizeof(*names));
	struct buffer hint;
	char *list;

	for (size_t i = 0; i < count; i++)
		names[i] = config->providers[i]->name;
	buffer_init(&hint, BUFFER_UNLIMITED);
	type_append_nearest(&hint, name, names, count);
	free(names);
	if (hint.len == 0 && count > 0) {
		list = list_providers(config);
		buffer_append_format(&hint, ": expected one of %s", list);
		free(list);
	}
	return buffer_take(&hint);
}

/* By `provider`, which is said. */
static const struct provider *
find_named(
    const struct prompt *prompt, const struct config *config, struct faults *faults)
{
	const struct provider *provider = NULL;
	struct marked name;
	char *shown, *hint;

	if (!render(prompt, config, &prompt->provider_name, "provider", faults, &name))
		goto out;
	provider = config_find_provider(config, name.text.data);
	if (provider != NULL)
		goto out;
	shown = marked_shown(&name);
	hint = marked_has_secret(&name) ? xstrdup("")
	                                : hint_provider(config, name.text.data);
	faults_error(faults, prompt->provider_name.text.place,
	    "provider: no provider is called %s%s", shown, hint);
	free(hint);
	free(shown);

out:
	marked_clear(&name);
	return provider;
}

/* Where `provider` is not said: the only one. */
static const struct provider *
find_only(
    const struct prompt *prompt, const struct config *config, struct faults *faults)
{
	const struct target *target = &prompt->target;
	char *list;

	if (config->provider_count == 1)
		return config->providers[0];
	if (config->provider_count == 0) {
		faults_error(faults, target->place,
		    "%s: there is no provider: expected one under providers",
		    target->name);
		return NULL;
	}
	list = list_providers(config);
	faults_error(faults, target->place,
	    "%s: provider is missing: expected one of %s", target->name, list);
	free(list);
	return NULL;
}

/* Of a provider that has a fault it is not known what it was to be. */
static bool
is_known(const struct provider *provider)
{
	return provider != NULL && provider->host != NULL;
}

/* Its own, or that of its provider, if that is known. */
static void
find_model(struct prompt *prompt, const struct config *config, struct faults *faults)
{
	const struct provider *provider = prompt->provider;
	struct marked model;

	if (is_said(&prompt->model)) {
		if (render(prompt, config, &prompt->model, "model", faults, &model)) {
			marked_clear(&prompt->model_name);
			prompt->model_name = model;
			return;
		}
		marked_clear(&model);
	} else if (provider != NULL && provider->model.value.text.len > 0) {
		marked_clear(&prompt->model_name);
		marked_copy(&prompt->model_name, &provider->model.value);
	} else if (is_known(provider)) {
		faults_error(faults, prompt->target.place,
		    "%s: model is missing, and its provider %s has none",
		    prompt->target.name, provider->name);
	}
}

void
target_prompt_find_provider(
    struct prompt *prompt, const struct config *config, struct faults *faults)
{
	const struct provider *provider = is_said(&prompt->provider_name)
	    ? find_named(prompt, config, faults)
	    : find_only(prompt, config, faults);
	struct target *target = &prompt->target;

	prompt->provider = provider;
	find_model(prompt, config, faults);
	free(target->host);
	target->host =
	    provider != NULL && provider->host != NULL ? xstrdup(provider->host) : NULL;
	target->asks_tls = provider != NULL && provider->asks_tls;
}

/* ---- settings ---- */

/* What `stop` and `seed` would be is not sent where the API has no such thing: an answer that
 * does not heed them is not what was asked for. */
static void
check_settings(const struct prompt *prompt, struct faults *faults)
{
	const struct target *target = &prompt->target;
	const struct provider *provider = prompt->provider;
	const struct api_facts *facts = &api_facts[provider->api];

	if (prompt->stop.count > 0 && !facts->takes_stop)
		faults_error(faults, prompt->stop.items[0].text.place,
		    "stop: the API of %s (%s) takes none", provider->name,
		    api_names[provider->api]);
	if (prompt->seed.text != NULL && !facts->takes_seed)
		faults_error(faults, target->place,
		    "%s: seed: the API of %s (%s) takes none", target->name,
		    provider->name, api_names[provider->api]);
}

/* What costs nobody knows is never spent. */
static void
check_budget(const struct prompt *prompt, struct faults *faults)
{
	const struct provider *provider = prompt->provider;

	if (prompt->budget.cost > 0 &&
	    (provider->price.input < 0 || provider->price.output < 0))
		faults_error(faults, prompt->target.place,
		    "%s: budget: its provider %s has no price to count by",
		    prompt->target.name, provider->name);
}

/* SOURCE, which is named NAME, if it is said, as part of RULES. Returns how long it is as
 * JSON. */
static size_t
append_rules(struct buffer *rules, const char *name, const struct value *source)
{
	struct template_value value;
	struct marked json;
	size_t json_bytes;
	char *shown;

	if (source == NULL || source->kind != VALUE_MAP)
		return 0;
	value_for_template(source, &value);
	marked_init(&json, BUFFER_UNLIMITED);
	if (value.data->json(&value, &json)) {
		shown = marked_shown(&json);
		buffer_append_format(rules, "%s %s\n", name, shown);
		free(shown);
	}
	json_bytes = json.text.len;
	marked_clear(&json);
	return json_bytes;
}

/* An answer is used again only while it would be judged as it was. */
static void
hash_rules(struct prompt *prompt)
{
	const struct target *target = &prompt->target;
	struct buffer rules;

	buffer_init(&rules, BUFFER_UNLIMITED);
	(void)append_rules(&rules, "expect", target->expect.source);
	(void)append_rules(&rules, "warn", target->warn.source);
	(void)append_rules(&rules, "extract", target->extract.source);
	prompt->schema.json_bytes =
	    append_rules(&rules, "schema", prompt->schema.source);
	if (prompt->format != PROMPT_TEXT)
		buffer_append_string(&rules, prompt_format_names[prompt->format]);
	prompt->rules_hash[0] = '\0';
	if (rules.len > 0)
		digest_hex(prompt->rules_hash, rules.data, rules.len);
	buffer_clear(&rules);
}

void
target_prompt_try(
    struct prompt *prompt, const struct config *config, struct faults *faults)
{
	if (prompt->provider == NULL)
		target_prompt_find_provider(prompt, config, faults);
	if (is_known(prompt->provider)) {
		check_settings(prompt, faults);
		check_budget(prompt, faults);
	}
	hash_rules(prompt);
	/* What is wrong was told. */
	(void)render_prompt_checked(config, prompt, faults);
}
