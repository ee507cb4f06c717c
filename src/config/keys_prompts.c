/*
 * The keys of a prompt.
 */
#include "config/keys.h"

#include "base/compiler.h"
#include "config/config.h"
#include "config/keys_shared.h"

/* More is written by no model. */
#define MAX_TOKENS INT64_C(1000000000)

const char *const prompt_when_names[] = { "always", "changed", "failing", NULL };
const char *const prompt_format_names[] = { "text", "json", NULL };
const char *const prompt_store_names[] = { "full", "hash", "none", NULL };

static const struct key prompt_rows[] = {
	{ "provider", &type_template, offsetof(struct prompt, provider_name),
	    .description =
	        "Which of the providers is asked. By default the only one. A "
	        "template over vars and for_each." },
	{ "model", &type_template, offsetof(struct prompt, model),
	    .description =
	        "Which model is asked. By default the provider's. A template "
	        "over vars and for_each." },
	{ "prompt", &type_document, offsetof(struct prompt, prompt),
	    .flags = KEY_REQUIRED | KEY_OWN_ONLY,
	    .description = "What it is asked: text, or {file: PATH}. A template." },
	{ "system", &type_document, offsetof(struct prompt, system),
	    .description = "What it is told beforehand: text, or {file: PATH}. A "
	                   "template." },
	{ "temperature", &type_number, offsetof(struct prompt, temperature),
	    .description =
	        "How freely it chooses its words. By default as the model has it." },
	{ "top_p", &type_number, offsetof(struct prompt, top_p), .max = 1,
	    .description =
	        "From how much of all likely words it chooses. By default as "
	        "the model has it." },
	{ "max_tokens", &type_int, offsetof(struct prompt, max_tokens), .min = 1,
	    .max = MAX_TOKENS,
	    .description = "The most tokens that it may answer with. By default as the "
	                   "model has it, and 1024 where the API demands a number." },
	{ "stop", &type_texts, offsetof(struct prompt, stop),
	    .description = "Texts that end the answer: one or a list." },
	{ "seed", &type_whole, offsetof(struct prompt, seed),
	    .description = "What the model draws its chances by." },
	{ "format", &type_word, offsetof(struct prompt, format), "text",
	    .names = prompt_format_names,
	    .description =
	        "What the answer is to be. json: it must be JSON, and is data." },
	{ "schema", &type_schema, offsetof(struct prompt, schema),
	    .description =
	        "A JSON Schema that the answer must keep to. Means format: json." },
	{ "extra_body", &type_tree, offsetof(struct prompt, extra_body),
	    .description = "Further fields of the request, over those of the provider "
	                   "and all others." },
	{ "when", &type_word, offsetof(struct prompt, when), "always",
	    .names = prompt_when_names,
	    .description = "When it is asked. changed: if the request differs from the "
	                   "one that the last good answer was to; failing: while a "
	                   "service fails." },
	{ "budget", &type_budget, offsetof(struct prompt, budget),
	    .table = &budget_keys, .description = "What it may use up in a time." },
	{ "store_prompt", &type_word, offsetof(struct prompt, store), "full",
	    .names = prompt_store_names,
	    .description =
	        "What the document has of the text that was sent: all of it, "
	        "a hash or nothing." },
	{ "max_insert", &type_size, offsetof(struct prompt, max_insert_bytes), "16KiB",
	    .min = 1,
	    .description = "The most bytes of each value that a template puts in." },
	{ "fence", &type_bool, offsetof(struct prompt, fence), "false",
	    .description = "Whether what was fetched is put in as a marked block that "
	                   "it cannot end itself." },
	KEY_INTERVAL,
	{ "timeout", &type_duration, offsetof(struct prompt, target.timeout_ms), "60s",
	    .min = 1,
	    .description =
	        "For one attempt, from the name lookup to the last byte. The "
	        "provider's comes before that of defaults." },
	KEYS_OF_START,
	KEY_RETRIES("2"),
	KEY_RETRY_DELAY,
	KEYS_OF_END,
	KEYS_OF_BODY,
	KEYS_OF_ANSWER,
	KEY_KEEP_LAST,
	KEYS_OF_TARGET,
};

const struct key_table prompt_keys = {
	.keys = prompt_rows,
	.count = ARRAY_COUNT(prompt_rows),
};

/* ---- also of a provider ---- */

/* No period sees more of them. */
#define MAX_BUDGET INT64_C(1000000000000000)

static const struct key budget_rows[] = {
	{ "tokens", &type_int, offsetof(struct config_budget, tokens), .min = 1,
	    .max = MAX_BUDGET, .description = "So many tokens, in and out." },
	{ "cost", &type_cost, offsetof(struct config_budget, cost),
	    .description = "So much money, counted by the provider's price." },
	{ "per", &type_duration, offsetof(struct config_budget, per_ms), .min = 1,
	    .flags = KEY_REQUIRED,
	    .description = "In this time, which begins with the first attempt." },
};

const struct key_table budget_keys = {
	.keys = budget_rows,
	.count = ARRAY_COUNT(budget_rows),
};
