/*
 * What is probably not meant in prompts and providers.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/check_parts.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/shown.h"
#include "config/templates.h"
#include "config/value.h"
#include "config/vars.h"
#include "rules/schema.h"
#include "template/template.h"

/* Anthropic's own client counts an hour for 128,000 tokens and refuses what would take longer
 * than ten minutes without streaming. */
#define ANTHROPIC_MAX_TOKENS 21333

/* ---- what is no template ---- */

/* What would be sent as it stands. */
static void
check_no_template(const struct check *check, const char *name, const struct text *text)
{
	if (text->source != NULL && strstr(text->source, "{{") != NULL)
		faults_warning(check->faults, text->place,
		    "%s is no template here: what stands between {{ and }} is sent as "
		    "it stands",
		    name);
}

/* Likewise of all texts in TREE; NULL: there are none. */
static void
check_no_templates(
    const struct check *check, const char *name, const struct value *tree)
{
	if (tree == NULL)
		return;
	if (tree->kind == VALUE_STRING)
		check_no_template(check, name, &tree->text);
	for (size_t i = 0; i < tree->count; i++)
		check_no_templates(check, name, tree->items[i]);
}

/* ---- what is asked each time ---- */

/* Fields of an entry that are hardly ever the same twice. */
static const char *const restless_fields[] = { "checked_at", "next_at", "duration_ms",
	"timing_ms", NULL };

/* One prompt whose templates are looked through. */
struct look {
	const struct check *check;
	const struct target_template *one;
	bool told;
};

/* Does PATH end with one of them, at any depth? */
static bool
has_restless_part(const char *path)
{
	bool found = false;

	while (!found && *path != '\0') {
		size_t len = strcspn(path, ".");
		char *part = xmemdup0(path, len);

		found = names_find(restless_fields, part) >= 0;
		free(part);
		path += len + (path[len] == '.');
	}
	return found;
}

/* Is all of an entry, or of several, put in, times and all? */
static bool
is_whole_entry(const struct config *config, const char *path)
{
	static const char *const several[] = { "services", "prompts", "targets", NULL };
	const char *rest = "";

	if (names_find(several, path) >= 0)
		return true;
	return dependencies_find(config, path, &rest) != NULL && *rest == '\0';
}

static bool
is_restless(const struct look *look, const struct template_name *name)
{
	const char *path = name->path;
	bool is_state = dependencies_is_state(path);

	if (vars_is_now(path, strlen(path)))
		return true;
	if (!is_state && !name->in_section)
		return false;
	return has_restless_part(path) ||
	    (!name->is_section && is_whole_entry(look->check->config, path));
}

static void
note_name(const struct template_name *name, void *arg)
{
	struct look *look = arg;

	if (look->told || !is_restless(look, name))
		return;
	look->told = true;
	faults_warning(look->check->faults, look->one->text->place,
	    "%s: %s differs each time: with when: changed it is asked each time all "
	    "the same",
	    look->one->what, name->path);
}

static void
note_names(const struct target_template *one, void *arg)
{
	struct look *look = arg;

	look->one = one;
	template_each_name(*one->template, note_name, look);
}

static void
check_when(const struct check *check, const struct prompt *prompt)
{
	struct look look = { .check = check };

	switch (prompt->when) {
	case WHEN_ALWAYS:
		break;
	case WHEN_CHANGED:
		templates_each(&prompt->target, note_names, &look);
		break;
	case WHEN_FAILING:
		if (check->config->service_count == 0)
			faults_warning(check->faults, prompt->target.place,
			    "%s: when: failing, and there is no service that could: it "
			    "is never asked",
			    check_written_name(&prompt->target));
		break;
	}
}

/* ---- what the API refuses ---- */

static void
check_max_tokens(const struct check *check, const struct prompt *prompt)
{
	if (prompt->provider->api == API_ANTHROPIC &&
	    prompt->max_tokens > ANTHROPIC_MAX_TOKENS)
		faults_warning(check->faults, prompt->target.place,
		    "%s: max_tokens: an answer of %" PRId64
		    " tokens may take more than 10 minutes, for which Anthropic wants "
		    "streaming: expected at most %d",
		    check_written_name(&prompt->target), prompt->max_tokens,
		    ANTHROPIC_MAX_TOKENS);
}

/* The vendor is strict where servers that speak like it are not. */
static bool
is_at_openai(const struct prompt *prompt)
{
	const struct provider *provider = prompt->provider;

	return (provider->api == API_OPENAI || provider->api == API_OPENAI_RESPONSES) &&
	    provider->host != NULL &&
	    strcmp(provider->host, "https://api.openai.com:443") == 0;
}

static bool
is_required(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->required_count; i++) {
		if (strcmp(schema->required[i], name) == 0)
			return true;
	}
	return false;
}

/* What OpenAI's structured outputs do not take in SCHEMA; NULL: nothing is known. */
static const char *
why_not_strict(const struct schema *schema)
{
	const char *why = NULL;
	bool is_object = schema->property_count > 0 ||
	    (schema->condition.types & 1u << CONDITION_OBJECT) != 0;

	if (is_object && (schema->additional == NULL || !schema->additional->nothing))
		return "an object without additionalProperties: false";
	for (size_t i = 0; why == NULL && i < schema->property_count; i++) {
		const struct schema_property *property = &schema->properties[i];

		if (!is_required(schema, property->name))
			return "a property that is not required";
		why = why_not_strict(property->schema);
	}
	if (why == NULL && schema->items != NULL)
		why = why_not_strict(schema->items);
	return why;
}

static void
check_strict(const struct check *check, const struct prompt *prompt)
{
	const struct schema *schema = prompt->schema.schema;
	const char *why;

	if (!is_at_openai(prompt) || schema == NULL)
		return;
	why = why_not_strict(schema);
	if (why == NULL && schema->condition.types != 1u << CONDITION_OBJECT)
		why = "anything but type: object at its top";
	if (why != NULL)
		faults_warning(check->faults, prompt->schema.source->place,
		    "schema: OpenAI refuses %s", why);
}

static bool
says_json(const struct config_document *document)
{
	return strcasestr(document->templated.text.value.text.data, "json") != NULL;
}

/* "'messages' must contain the word 'json' in some form". */
static void
check_word(const struct check *check, const struct prompt *prompt)
{
	if (is_at_openai(prompt) && prompt->format == PROMPT_JSON &&
	    prompt->schema.source == NULL && !says_json(&prompt->prompt) &&
	    !says_json(&prompt->system))
		faults_warning(check->faults, prompt->prompt.templated.text.place,
		    "prompt: with format: json OpenAI refuses what does not hold the "
		    "word JSON, here or in system");
}

/* Before the first answer nobody knows how long it will be, and several are asked at once. */
static void
check_budget(const struct check *check, const struct prompt *prompt)
{
	bool limited = prompt->budget.per_ms > 0 || prompt->provider->budget.per_ms > 0;

	if (!limited || prompt->max_tokens > 0 ||
	    api_facts[prompt->provider->api].max_tokens > 0)
		return;
	faults_warning(check->faults, prompt->target.place,
	    "%s: budget without max_tokens: until the first answer is in, attempts are "
	    "counted by what is sent alone",
	    check_written_name(&prompt->target));
}

void
check_prompt(const struct check *check, const struct prompt *prompt)
{
	check_when(check, prompt);
	check_max_tokens(check, prompt);
	check_strict(check, prompt);
	check_word(check, prompt);
	check_budget(check, prompt);
	check_no_templates(check, "extra_body", prompt->extra_body);
}

/* ---- providers ---- */

/* `$NAME`, as a shell has it, is no reference. */
static void
check_no_shell(const struct check *check, const struct text *key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "abcdefghijklmnopqrstuvwxyz_";

	if (key->source != NULL && key->source[0] == '$' && key->source[1] != '\0' &&
	    strchr(letters, key->source[1]) != NULL)
		faults_warning(check->faults, key->place,
		    "key: without braces a $ is sent as it stands: expected ${NAME}");
}

/* `base_url` takes none. */
static void
check_secrets(const struct check *check, const struct provider *provider)
{
	const struct text *proxy = &provider->way.proxy;

	if (provider->key.place.line > 0)
		check_literal(
		    check, &provider->key, "key", shown_secret(provider->key.source));
	if (proxy->place.line > 0)
		check_literal(check, proxy, "proxy", shown_url(proxy->source));
	for (size_t i = 0; i < provider->headers.count; i++) {
		const struct config_pair *header = &provider->headers.items[i];
		char *what = xasprintf("headers: %s", header->name);

		check_literal(check, &header->text, what,
		    shown_header(header->name, header->text.source));
		free(what);
	}
}

static void
check_limits(const struct check *check, const struct provider *provider)
{
	const struct config *config = check->config;

	if (provider->max_concurrent > config->max_concurrent)
		faults_warning(check->faults, provider->place,
		    "%s: its max_concurrent, %" PRId64
		    ", is more than that of the file, %" PRId64 ": it does nothing",
		    provider->name, provider->max_concurrent, config->max_concurrent);
}

/* Do its prompts fall due more often than they may be asked? */
static void
check_pace(const struct check *check, const struct provider *provider)
{
	const struct config *config = check->config;
	const struct config_rate *rate = &provider->rate;
	char per[UNITS_TEXT_SIZE];
	double due = 0; /* in the time that the rate is for */

	if (rate->count == 0)
		return;
	for (size_t i = 0; i < config->target_count; i++) {
		const struct prompt *prompt = target_prompt(config->targets[i]);

		if (prompt != NULL && prompt->provider == provider &&
		    prompt->when == WHEN_ALWAYS)
			due +=
			    (double)rate->per_ms / (double)prompt->target.interval_ms;
	}
	/* Thirds of a turn do not add up to a whole one. */
	if (due <= (double)rate->count + 1e-6)
		return;
	units_format_duration(per, rate->per_ms);
	faults_warning(check->faults, provider->place,
	    "%s: its prompts would start %.3g times in %s, and its rate allows %" PRId64
	    ": turns will be skipped",
	    provider->name, due, per, rate->count);
}

void
check_provider(const struct check *check, const struct provider *provider)
{
	check_no_template(check, "model", &provider->model);
	check_no_template(check, "key", &provider->key);
	check_no_templates(check, "extra_body", provider->extra_body);
	check_no_shell(check, &provider->key);
	check_secrets(check, provider);
	check_limits(check, provider);
	check_pace(check, provider);
	if (provider->asks_tls && !provider->way.tls.verify)
		faults_warning(check->faults, provider->place,
		    "%s: the server's certificate is not verified (tls.verify)",
		    provider->name);
}
