"""What each recorded answer of a model's API comes to, by the name of its file in
tests/data/answers/ without the API.

An error is served with the HTTP status that stands in its row, all else with 200. Who is asked
again gets a Retry-After that is longer than anybody waits, so that how often it was asked says
whether it was asked again; a 503 is `rate_limited` by that header.
"""

import json
import pathlib

from models import APIS

USAGE = [f"{name}_tokens" for name in ("input", "output", "reasoning", "cached", "total")]
ANSWERS = pathlib.Path(__file__).resolve().parents[1] / "data" / "answers"


class Row:
    """`served` is the status of the answer; all else what stands in the document."""

    def __init__(self, status, kind=None, message=None, **more):
        self.served = more.pop("served", 200)
        counts = more.pop("usage", ())
        usage = dict(zip(USAGE, counts, strict=True)) if counts else None
        self.wanted = {
            "status": status,
            "kind": kind,
            "message": message,
            "response": None,
            "finish_reason": None,
            "usage": usage,
            "attempts": 1,
            "http_status": self.served,
        } | more


def well(response, finish_reason, *usage):
    return Row("ok", response=response, finish_reason=finish_reason, usage=usage)


def cut(why, response, finish_reason, *usage):
    message = f"the model's answer was cut off{why} ({finish_reason})"
    more = {"response": response, "finish_reason": finish_reason, "usage": usage}
    return Row("error", "truncated", message, **more)


def blocked(why, finish_reason, *usage):
    message = f"the model's answer was blocked: {why}"
    return Row("error", "blocked", message, finish_reason=finish_reason, usage=usage)


def bad(message, finish_reason=None, *usage):
    return Row("error", "invalid_body", message, finish_reason=finish_reason, usage=usage)


def odd(finish_reason, *usage, more=""):
    message = f"the model ended in an unexpected way ({finish_reason}){more}"
    return bad(message, finish_reason, *usage)


def denied(served, words=None, attempts=1, kind="http"):
    message = f"returned HTTP {served}" + (f": {words}" if words else "")
    return Row("http_error", kind, message, served=served, attempts=attempts)


def limited(served, words, attempts=1):
    return denied(served, words, attempts, "rate_limited")


def reported(words, attempts=1, kind="http", **more):
    message = "the provider reported an error" + (f": {words}" if words else "")
    return Row("http_error", kind, message, attempts=attempts, **more)


EMPTY = "the model answered with an empty text"
FINE = 'The shop is "fine" – 3\xa0€.'

GEMINI_QUOTA = "You exceeded your current quota, please check your plan and billing details."
GEMINI = {
    "text": well("All is well.\n", "stop", 21, 5, None, None, 26),
    "thoughts": well(FINE, "stop", 40, 131, 122, None, 171),
    "cached": well("[1,2]", "stop", 2130, 4, None, 2048, 2134),
    "wrong-types": well("kept", "stop"),
    "cut": cut("", "The shop has sev", "max_tokens", 21, 4, None, None, 25),
    "cut-thinking": cut(
        " before any text, after 64 tokens of reasoning", None, "max_tokens", 21, 64, 64, None, 85
    ),
    "prompt-blocked": blocked("PROHIBITED_CONTENT", None, 12, 0, None, None, 12),
    "prompt-unsafe": blocked(
        "SAFETY: The prompt was flagged. (HARM_CATEGORY_DANGEROUS_CONTENT)",
        *(None, 12, 0, None, None, 12),
    ),
    "safety": blocked(
        "SAFETY (HARM_CATEGORY_HATE_SPEECH, HARM_CATEGORY_DANGEROUS_CONTENT)",
        *("safety", 14, 0, None, None, 14),
    ),
    "recitation": blocked("RECITATION", "recitation", 14, 6, None, None, 20),
    "empty-text": bad(EMPTY, "stop", 21, 0, None, None, 21),
    "candidates-no-list": bad("the answer has no candidates"),
    "feedback-only": bad("the answer has no candidates", None, 3, 0, None, None, 3),
    "no-candidates": bad("the answer has no candidates", None, 21, 0, None, None, 21),
    "nothing": bad("the answer has no candidates"),
    "no-finish": bad("the answer has no finishReason", None, 21, 1, None, None, 22),
    "malformed-call": odd(
        "malformed_function_call",
        *(21, 0, None, None, 21),
        more=": Malformed function call: print(default_api.look())",
    ),
    "unknown-finish": odd("tired"),
    "error-key": denied(400, "API key not valid. Please pass a valid API key."),
    "error-location": denied(400, "User location is not supported for the API use."),
    "error-credit": denied(402, "Your prepayment credits are depleted."),
    "error-denied": denied(
        403, "Your API key was reported as leaked. Please use another API key."
    ),
    "error-model": denied(
        404,
        "models/gemini-0.1 is not found for API version v1beta, or is not supported for "
        "generateContent.",
    ),
    "error-rate": limited(429, GEMINI_QUOTA),  # its RetryInfo is longer than the deadline
    "error-rate-help": limited(429, GEMINI_QUOTA, 2),
    "error-in-list": limited(429, "Resource exhausted. Please try again later.", 2),
    "error-day": limited(429, GEMINI_QUOTA),
    "error-none": limited(429, "Quota exceeded, limit: 0"),
    "error-internal": denied(500, "An internal error has occurred.", 2),
    "error-overloaded": limited(503, "The model is overloaded. Please try again later.", 2),
    "error-deadline": denied(504, "Deadline expired before operation could complete.", 2),
}

OPENAI_SERVER = "The server had an error"
OPENAI = {
    "text": well("All is well.", "stop", 21, 5, 0, 0, 26),
    "reasoning": well("42", "stop", 1050, 210, 192, 1024, 1260),
    "content-parts": well("All well", "stop", 9, 2, 0, 0, 11),
    "error-null": well("fine", "stop", 3, 1, 0, 0, 4),
    "llamacpp": well("Hello.", "stop", 11, 3, None, None, 14),
    "vllm": well("Hello.", "stop", 11, 3, None, None, 14),
    "together": well("Yes.", "eos", 7, 2, None, None, 9),
    "no-usage": well("Hello.", "stop"),
    "cut": cut("", '{"orders": [{"id": 1}, {"id"', "length", 21, 8, 0, 0, 29),
    "cut-thinking": cut(
        " before any text, after 64 tokens of reasoning", None, "length", 21, 64, 64, 0, 85
    ),
    "refusal": blocked("I'm sorry, I can't help with that.", "stop", 21, 11, 0, 0, 32),
    "filtered": blocked("content_filter", "content_filter", 21, 0, 0, 0, 21),
    "null": bad(EMPTY, "stop", 21, 0, 0, 0, 21),
    "no-choices": bad("the answer has no choices"),
    "no-choices-key": bad("the answer has no choices"),
    "no-message": bad("the answer has no message", "stop", 9, 1, 0, 0, 10),
    "no-finish": bad("the answer has no finish_reason", None, 9, 1, 0, 0, 10),
    "tool-calls": odd("tool_calls", 80, 17, 0, 0, 97),
    "choice-error": reported("Upstream connection lost", 2, finish_reason="error"),
    "error-in-200": reported("Provider returned error", 2, "rate_limited"),
    "error-llamacpp-context": denied(
        400, "the request exceeds the available context size, try increasing it"
    ),
    "error-key": denied(401, "Incorrect API key provided: sk-wrong."),
    "error-in-flight-budget": denied(402, "Insufficient credits for requests in flight"),
    "error-code-only": denied(404, "model_not_found"),
    "error-detail": denied(404, "Not Found"),
    "error-vllm-flat": denied(404, "The model `llama` does not exist."),
    "error-fastapi": denied(422, "Field required"),
    "error-rate": limited(
        429,
        "Rate limit reached for gpt-4o-mini in organization org-abc on requests per min (RPM): "
        "Limit 3, Used 3, Requested 1. Please try again in 20s.",
        2,
    ),
    "error-code-text": limited(429, "Too many requests", 2),
    "error-slow-down": limited(429, "You are sending requests too quickly. Please slow down.", 2),
    "error-of-gemini": limited(429, "You exceeded your current quota."),  # 12 s, as above
    "error-quota": limited(429, GEMINI_QUOTA),
    "error-credit": limited(429, "Your credit balance is used up."),
    "error-spend": limited(429, "The project has reached its spend limit."),
    "error-organization-spend": limited(429, "The organization has reached its spend limit."),
    "error-organization-usage": limited(429, "The organization has reached its usage limit."),
    "error-server": denied(500, f"{OPENAI_SERVER} processing your request.", 2),
    "error-null-code": denied(500, f"{OPENAI_SERVER} while processing your request.", 2),
    "error-text": denied(500, "unexpected end of input", 2),
    "error-overloaded": limited(
        503, "The engine is currently overloaded, please try again later.", 2
    ),
    "error-llamacpp-loading": limited(503, "Loading model", 2),
    "error-gateway": limited(503, "no healthy upstream", 2),
}

RESPONSES = {
    "text": well("All is well.", "completed", 21, 5, 0, 0, 26),
    "reasoning": well(FINE, "completed", 1050, 210, 192, 1024, 1260),
    "search": well("Found.", "completed", 80, 17, 0, 0, 97),
    "wrong-types": well("kept", "completed"),
    "cut": cut("", "The shop has sev", "max_output_tokens", 21, 16, 0, 0, 37),
    "cut-thinking": cut(
        " before any text, after 64 tokens of reasoning",
        *(None, "max_output_tokens", 21, 64, 64, 0, 85),
    ),
    "refusal": blocked("I'm sorry, I can't help with that.", "completed", 21, 11, 0, 0, 32),
    "filtered": blocked("content_filter", "content_filter", 21, 0, 0, 0, 21),
    "empty": bad(EMPTY, "completed", 21, 0, 0, 0, 21),
    "no-output": bad("the answer has no output", "completed", 21, 0, 0, 0, 21),
    "no-status": bad("the answer has no status", None, 21, 1, 0, 0, 22),
    "call": odd("function_call", 80, 17, 0, 0, 97),
    "incomplete": odd("incomplete", 21, 2, 0, 0, 23),
    "queued": odd("queued"),
    "cancelled": odd("cancelled"),
    "failed": reported("The model failed to generate a response.", 2, finish_reason="failed"),
    "failed-silently": reported(None, finish_reason="failed"),
    "failed-rate": reported(
        "Rate limit reached.",
        *(2, "rate_limited"),
        finish_reason="failed",
        usage=(21, 1, 0, 0, 22),
    ),
    "error-rate": limited(429, "Rate limit reached.", 2),
    "error-quota": limited(429, "You exceeded your current quota."),
}

ANTHROPIC_LIMIT = (
    "This request would exceed your organization's rate limit of 50 requests per minute."
)
ANTHROPIC = {
    "text": well("All is well.", "end_turn", 21, 5, None, 0, 26),
    "thinking": well(FINE, "end_turn", 40, 131, 122, None, 171),
    "cached": well("[1,2]", "end_turn", 2100, 4, None, 2048, 2104),
    "stop-sequence": well("One, two", "stop_sequence", 21, 4, None, None, 25),
    "no-usage": well("Hello.", "end_turn"),
    "wrong-types": well("kept", "end_turn", 7, None, None, 7, None),
    "cut": cut("", "The shop has sev", "max_tokens", 21, 16, None, None, 37),
    "cut-thinking": cut(
        " before any text, after 64 tokens of reasoning", None, "max_tokens", 21, 64, 64, None, 85
    ),
    "context-full": cut(
        "", "The sh", "model_context_window_exceeded", 199990, 10, None, None, 200000
    ),
    "refusal": blocked(
        "This request was declined by the safety system.", "refusal", 21, 1, None, None, 22
    ),
    "refusal-category": blocked("bio", "refusal", 21, 1, None, None, 22),
    "refusal-silent": blocked("refusal", "refusal", 21, 1, None, None, 22),
    "empty": bad(EMPTY, "end_turn", 21, 2, None, None, 23),
    "no-content": bad("the answer has no content", "end_turn", 21, 2, None, None, 23),
    "no-stop": bad("the answer has no stop_reason", None, 21, 1, None, None, 22),
    "pause": odd("pause_turn", 80, 17, None, None, 97),
    "tool-use": odd("tool_use", 80, 17, None, None, 97),
    "unknown-stop": odd("tired", 1, 1, None, None, 2),
    "in-200": reported("Overloaded", 2),
    "error-request": denied(400, "max_tokens: Field required"),
    "error-key": denied(401, "invalid x-api-key"),
    "error-billing": denied(402, "There is an issue with your billing or payment information."),
    "error-too-large": denied(413, "Request exceeds the maximum size"),
    "error-rate": limited(429, ANTHROPIC_LIMIT, 2),
    "error-spend": limited(429, "You have reached your specified API usage limits."),
    "error-contract": limited(429, "Your contract's spend limit is reached."),
    "error-internal": denied(500, "Internal server error", 2),
    "error-overloaded": denied(529, "Overloaded", 2),
}

OLLAMA = {
    "text": well("All is well.", "stop", 26, 5, None, None, 31),
    "thinking": well("42", "stop", 26, 5, None, None, 31),
    "cached": well("Once more.", "stop", None, 5, None, None, None),
    "context-cut": well("Something about the end.", "stop", 4096, 5, None, None, 4101),
    "no-reason": well("Old, but well.", None, 26, 5, None, None, 31),
    "cut": cut("", "The shop has sev", "length", 26, 5, None, None, 31),
    "cut-thinking": cut(" before any text", None, "length", 26, 5, None, None, 31),
    "load": odd("load"),
    "tool-call": odd("stop", 26, 5, None, None, 31, more=": it calls a tool"),
    "no-message": bad("the answer has no message"),
    "not-done": bad("the answer is not done"),
    "error-in-200": reported(
        "an error was encountered while running the model: unexpected EOF"
    ),
    "error-model": denied(404, "model 'llama9' not found"),
    "error-busy": limited(
        503, "server busy, please try again. maximum pending requests exceeded", 2
    ),
}

ROWS = dict(zip(APIS, [GEMINI, OPENAI, RESPONSES, ANTHROPIC, OLLAMA], strict=True))


def text_of(api, name):
    return (ANSWERS / f"{api}-{name}.json").read_text(encoding="utf-8")


def names_of(api):
    """The recorded answers of API."""
    found = {}
    for path in ANSWERS.glob("*.json"):
        # The longest name that fits: openai-responses has files beside openai.
        owner = max((one for one in APIS if path.stem.startswith(f"{one}-")), key=len)
        found.setdefault(owner, set()).add(path.stem.removeprefix(f"{owner}-"))
    return found[api]


def model_of(text):
    """The model that the answer TEXT names, or None."""
    tree = json.loads(text)
    if not isinstance(tree, dict):
        return None
    model = tree.get("modelVersion", tree.get("model"))
    return model if isinstance(model, str) else None


def came_to(entry):
    """What ENTRY of a document says of the same things as a Row."""
    error = entry["error"] or {"kind": None, "message": None}
    names = ["status", "response", "finish_reason", "usage", "attempts", "http_status"]
    return {
        **{name: entry[name] for name in names},
        "kind": error["kind"],
        "message": error["message"],
    }
