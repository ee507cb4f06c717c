#include "config/api.h"

#include <stddef.h>

const char *const api_names[] = { "gemini", "openai", "openai-responses", "anthropic",
	"ollama", NULL };

/* As the vendors' own clients send it; of Anthropic's, the pair that its pages tell of. */
const struct api_facts api_facts[API_COUNT] = {
	[API_GEMINI] = {
		.base_url = "https://generativelanguage.googleapis.com",
		.key_header = "x-goog-api-key",
		.variable = "GEMINI_API_KEY",
		.api_version = "v1beta",
		.takes_version = true,
		.takes_seed = true,
		.takes_stop = true,
	},
	[API_OPENAI] = {
		.base_url = "https://api.openai.com/v1",
		.key_header = "Authorization",
		.variable = "OPENAI_API_KEY",
		.takes_version = true, /* Azure */
		.max_tokens_field = "max_completion_tokens",
		.takes_seed = true,
		.takes_stop = true,
	},
	[API_OPENAI_RESPONSES] = {
		.base_url = "https://api.openai.com/v1",
		.key_header = "Authorization",
		.variable = "OPENAI_API_KEY",
		.takes_version = true, /* Azure */
	},
	[API_ANTHROPIC] = {
		.base_url = "https://api.anthropic.com",
		.key_header = "x-api-key",
		.variable = "ANTHROPIC_API_KEY",
		.api_version = "2023-06-01",
		.takes_version = true,
		.max_tokens = 1024,
		.takes_stop = true,
	},
	[API_OLLAMA] = {
		.base_url = "http://127.0.0.1:11434",
		.key_header = "Authorization",
		.takes_seed = true,
		.takes_stop = true,
	},
};
