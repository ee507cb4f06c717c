/*
 * The APIs that prompts can be asked by: what a config has to know of each.
 *
 * How requests and answers of each look is for the room prompt.
 */
#ifndef GATHERD_CONFIG_API_H
#define GATHERD_CONFIG_API_H

#include <stdbool.h>
#include <stdint.h>

enum api {
	API_GEMINI,           /* generateContent */
	API_OPENAI,           /* chat completions, and all servers that speak it */
	API_OPENAI_RESPONSES, /* responses */
	API_ANTHROPIC,        /* messages */
	API_OLLAMA,           /* its own /api/chat */
};
#define API_COUNT (API_OLLAMA + 1)
/* "gemini", "openai", "openai-responses", "anthropic", "ollama"; NULL-terminated */
extern const char *const api_names[];

/* What one of them takes. */
struct api_facts {
	const char *base_url;   /* the vendor's */
	const char *key_header; /* "Authorization" sends "Bearer KEY", others the key */
	const char *variable;   /* where people keep the key; NULL: no key is needed */
	const char *api_version; /* by default; NULL: none is sent */
	/* What `max_tokens` is called in the body; NULL: it is not to be renamed. */
	const char *max_tokens_field;
	int64_t
	    max_tokens; /* demanded: what is sent where nothing is said; 0: nothing */
	bool takes_version; /* `api_version` may be said */
	bool takes_seed;
	bool takes_stop;
};

extern const struct api_facts api_facts[API_COUNT];

#endif
