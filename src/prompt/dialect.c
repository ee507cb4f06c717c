#include "prompt/dialect.h"

const struct dialect *
dialect_of(enum api api)
{
	static const struct dialect *const dialects[API_COUNT] = {
		[API_GEMINI] = &dialect_gemini,
		[API_OPENAI] = &dialect_openai,
		[API_OPENAI_RESPONSES] = &dialect_openai_responses,
		[API_ANTHROPIC] = &dialect_anthropic,
		[API_OLLAMA] = &dialect_ollama,
	};

	return dialects[api];
}
