/*
 * The keys of a provider.
 */
#include "config/keys.h"

#include "base/compiler.h"
#include "config/config.h"
#include "config/keys_shared.h"

static const struct key price_rows[] = {
	{ "input", &type_price, offsetof(struct provider, price.input),
	    .description = "For a million tokens that are sent." },
	{ "output", &type_price, offsetof(struct provider, price.output),
	    .description = "For a million tokens that are answered, reasoning among "
	                   "them." },
};

const struct key_table price_keys = {
	.keys = price_rows,
	.count = ARRAY_COUNT(price_rows),
};

static const struct key provider_rows[] = {
	{ "api", &type_word, offsetof(struct provider, api), .names = api_names,
	    .flags = KEY_REQUIRED, .description = "What it is spoken to in." },
	{ "base_url", &type_optional_url, offsetof(struct provider, base_url),
	    .description =
	        "Where it is. By default the vendor's own address. A template "
	        "over vars." },
	{ "model", &type_optional, offsetof(struct provider, model),
	    .description = "Which model is asked where a prompt does not say." },
	{ "key", &type_key, offsetof(struct provider, key),
	    .description = "The key that the vendor gave out. Never shown." },
	{ "key_header", &type_token, offsetof(struct provider, key_header),
	    .description = "The header that the key is sent in. Authorization: behind "
	                   "Bearer. By default the API's." },
	{ "headers", &type_headers, offsetof(struct provider, headers),
	    .description = "Further headers. Their values are templates over vars." },
	{ "api_version", &type_optional, offsetof(struct provider, api_version),
	    .description =
	        "The version of the API: by default v1beta of gemini, 2023-06-01 of "
	        "anthropic, none of openai. ollama has none." },
	{ "max_tokens_field", &type_optional,
	    offsetof(struct provider, max_tokens_field),
	    .description = "What max_tokens is called in the request, of openai. By "
	                   "default max_completion_tokens." },
	{ "extra_body", &type_tree, offsetof(struct provider, extra_body),
	    .description = "Further fields of each request, over all others." },
	{ "max_concurrent", &type_int, offsetof(struct provider, max_concurrent), "5",
	    .min = 1, .max = KEYS_MAX_CONCURRENT, .flags = KEY_PACE,
	    .description = "Attempts in flight at once." },
	{ "adaptive", &type_bool, offsetof(struct provider, adaptive), "true",
	    .flags = KEY_PACE,
	    .description = "Whether fewer are in flight after it said that there were "
	                   "too many, and by and by more again." },
	{ "rate", &type_rate, offsetof(struct provider, rate), .flags = KEY_PACE,
	    .description =
	        "Attempts begun in a time. By default as many as there are." },
	{ "price", &type_prices, 0, .table = &price_keys, .flags = KEY_PACE,
	    .description = "What tokens cost, for the document and for budgets." },
	{ "budget", &type_budget, offsetof(struct provider, budget),
	    .table = &budget_keys, .flags = KEY_PACE,
	    .description = "What all its prompts may use up together in a time." },
	{ "timeout", &type_duration, offsetof(struct provider, timeout_ms), .min = 1,
	    .description = "The timeout of its prompts that do not say otherwise." },
	KEYS_OF_WAY(provider),
};

const struct key_table provider_keys = {
	.keys = provider_rows,
	.count = ARRAY_COUNT(provider_rows),
};
