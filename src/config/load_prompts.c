/*
 * load_prompts(): what is special about prompts.
 */
#include "config/load_parts.h"

#include "config/faults.h"
#include "config/target_prompt.h"

static const struct yaml_node *
find_map(struct load *load, const struct yaml_node *name, const struct yaml_node *node)
{
	if (node->kind == YAML_MAP)
		return node;
	faults_error(load->faults, node->place,
	    "%s: expected a map of keys such as {prompt: TEXT}", name->text);
	return NULL;
}

/* `format: text` beside a schema, which means JSON; that of `defaults` gives way to a schema of
 * the prompt's own. */
static void
check_format(struct load *load, struct target *target, const struct yaml_node *map)
{
	const struct prompt *prompt = target_prompt(target);
	const struct yaml_node *defaults = load->defaults[TARGET_PROMPT].map;
	const struct yaml_node *format = yaml_get(map, "format");

	if (prompt->schema.source == NULL || prompt->format != PROMPT_TEXT)
		return;
	if (format == NULL && yaml_get(map, "schema") == NULL)
		format = yaml_get(defaults, "format");
	if (format != NULL)
		faults_error(load->faults, format->place,
		    "format: text beside schema: an answer that keeps to it is JSON");
}

/* The provider's timeout comes before that of `defaults`. */
static void
complete(struct load *load, struct target *target, const struct yaml_node *map)
{
	struct prompt *prompt = (struct prompt *)target;

	target_prompt_find_provider(prompt, load->config, load->faults);
	if (prompt->provider != NULL && prompt->provider->timeout_ms > 0 &&
	    yaml_get(map, "timeout") == NULL)
		target->timeout_ms = prompt->provider->timeout_ms;
}

void
load_prompts(struct load *load)
{
	static const struct load_kind prompts = {
		.kind = TARGET_PROMPT,
		.top = "prompts",
		.find_map = find_map,
		.check = check_format,
		.complete = complete,
	};

	load_targets(load, &prompts);
}
