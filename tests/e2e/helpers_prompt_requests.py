"""The bodies of requests as the vendors' own clients send them, for each API."""

MODEL = "the-model"
SCHEMA = {
    "type": "object",
    "properties": {"state": {"enum": ["up", "down"]}, "open": {"type": "integer"}},
    "required": ["state"],
    "additionalProperties": False,
}

# What a vendor's client sends for a plain prompt, byte by byte.
PLAIN = {
    "gemini": '{"contents":[{"parts":[{"text":"Say hi"}],"role":"user"}]}',
    "openai": '{"model":"the-model","messages":[{"role":"user","content":"Say hi"}]}',
    "openai-responses": '{"model":"the-model","input":"Say hi","store":false}',
    "anthropic": '{"model":"the-model","max_tokens":1024,'
    '"messages":[{"role":"user","content":"Say hi"}]}',
    "ollama": '{"model":"the-model","messages":[{"role":"user","content":"Say hi"}],'
    '"stream":false}',
}

# For each API, what each setting of a prompt adds to the plain request, or puts in the place
# of what it has; None: the API has no such thing.
SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Say hi"}


def format_of_schema(**more):
    return {"type": "json_schema", **more, "schema": SCHEMA}


SETTINGS = {
    "system text": (
        {"system": "Be brief."},
        {
            "gemini": {"systemInstruction": {"parts": [{"text": "Be brief."}], "role": "user"}},
            "openai": {"messages": [SYSTEM, USER]},
            "openai-responses": {"instructions": "Be brief."},
            "anthropic": {"system": "Be brief."},
            "ollama": {"messages": [SYSTEM, USER]},
        },
    ),
    "temperature and token limit": (
        {"temperature": 0.2, "max_tokens": 64},
        {
            "gemini": {"generationConfig": {"temperature": 0.2, "maxOutputTokens": 64}},
            "openai": {"temperature": 0.2, "max_completion_tokens": 64},
            "openai-responses": {"temperature": 0.2, "max_output_tokens": 64},
            "anthropic": {"temperature": 0.2, "max_tokens": 64},
            "ollama": {"options": {"temperature": 0.2, "num_predict": 64}},
        },
    ),
    "temperature of nothing": (
        {"temperature": 0},
        {
            "gemini": {"generationConfig": {"temperature": 0}},
            "openai": {"temperature": 0},
            "openai-responses": {"temperature": 0},
            "anthropic": {"temperature": 0},
            "ollama": {"options": {"temperature": 0}},
        },
    ),
    "top_p": (
        {"top_p": 0.95},
        {
            "gemini": {"generationConfig": {"topP": 0.95}},
            "openai": {"top_p": 0.95},
            "openai-responses": {"top_p": 0.95},
            "anthropic": {"top_p": 0.95},
            "ollama": {"options": {"top_p": 0.95}},
        },
    ),
    "one stop": (
        {"stop": "END"},
        {
            "gemini": {"generationConfig": {"stopSequences": ["END"]}},
            "openai": {"stop": ["END"]},
            "openai-responses": None,
            "anthropic": {"stop_sequences": ["END"]},
            "ollama": {"options": {"stop": ["END"]}},
        },
    ),
    "several stops": (
        {"stop": ["\n\n", "true", "12"]},
        {
            "gemini": {"generationConfig": {"stopSequences": ["\n\n", "true", "12"]}},
            "openai": {"stop": ["\n\n", "true", "12"]},
            "openai-responses": None,
            "anthropic": {"stop_sequences": ["\n\n", "true", "12"]},
            "ollama": {"options": {"stop": ["\n\n", "true", "12"]}},
        },
    ),
    "seed": (
        {"seed": 42},
        {
            "gemini": {"generationConfig": {"seed": 42}},
            "openai": {"seed": 42},
            "openai-responses": None,
            "anthropic": None,
            "ollama": {"options": {"seed": 42}},
        },
    ),
    "schema": (
        {"schema": SCHEMA},
        {
            "gemini": {
                "generationConfig": {
                    "responseMimeType": "application/json",
                    "responseJsonSchema": SCHEMA,
                }
            },
            "openai": {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
                }
            },
            "openai-responses": {
                "text": {"format": format_of_schema(name="answer", strict=True)}
            },
            "anthropic": {"output_config": {"format": format_of_schema()}},
            "ollama": {"format": SCHEMA},
        },
    ),
    "format: json": (
        {"format": "json"},
        {
            "gemini": {"generationConfig": {"responseMimeType": "application/json"}},
            "openai": {"response_format": {"type": "json_object"}},
            "openai-responses": {"text": {"format": {"type": "json_object"}}},
            "anthropic": {},
            "ollama": {"format": "json"},
        },
    ),
}

# Of the provider and of the prompt, and what they add to the plain request.
EXTRA = {
    "gemini": (
        {
            "safetySettings": [{"category": "C", "threshold": "BLOCK_NONE"}],
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "a": 1}, "topK": 3},
        },
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 128}, "temperature": 1.5}},
        {
            "safetySettings": [{"category": "C", "threshold": "BLOCK_NONE"}],
            "generationConfig": {
                "thinkingConfig": {"thinkingBudget": 128, "a": 1},
                "topK": 3,
                "temperature": 1.5,
            },
        },
    ),
    "openai": (
        {"user": "us", "logit_bias": {"50256": -100}, "n": 1},
        {"n": 2, "logit_bias": {"1": 1}, "max_tokens": 7, "stop": None},
        {
            "user": "us",
            "logit_bias": {"50256": -100, "1": 1},
            "n": 2,
            "max_tokens": 7,
            "stop": None,
        },
    ),
    "openai-responses": (
        {"store": True, "reasoning": {"effort": "low"}},
        {"reasoning": {"summary": "auto"}},
        {"store": True, "reasoning": {"effort": "low", "summary": "auto"}},
    ),
    "anthropic": (
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "metadata": {}},
        {"max_tokens": 4096, "thinking": {"budget_tokens": 2048}},
        {
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "metadata": {},
            "max_tokens": 4096,
        },
    ),
    "ollama": (
        {"options": {"num_ctx": 8192, "top_k": 40}, "keep_alive": "5m"},
        {"options": {"num_ctx": 16384}, "think": False, "stream": False},
        {"options": {"num_ctx": 16384, "top_k": 40}, "keep_alive": "5m", "think": False},
    ),
}
