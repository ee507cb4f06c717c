"""An upstream of language models: it speaks each API that gatherd knows, and can refuse, cut
short, be slow, be full and be broken in the shapes in which their vendors do that.

What it does with a prompt stands in `plan`, by the prompt's text; anything else it answers
with "answer to TEXT". Where it has a `capacity`, it rejects at once what comes above that.
"""

import asyncio
import json
import random

from upstream import Request, Upstream, answer

# The path of each API behind its base_url, less the model.
APIS = ["gemini", "openai", "openai-responses", "anthropic", "ollama"]


def base_url(api, url):
    return url + "/v1" if api.startswith("openai") else url


def api_of(path):
    """The API that a request's path is of, or None."""
    ends = {
        ":generateContent": "gemini",
        "/chat/completions": "openai",  # at Azure behind the name of a deployment
        "/responses": "openai-responses",
        "/v1/messages": "anthropic",
        "/api/chat": "ollama",
    }
    return next((api for end, api in ends.items() if path.endswith(end)), None)


def prompt_of(request):
    """The text of the last thing that was said."""
    body = request.json()
    match api_of(request.path):
        case "gemini":
            return body["contents"][-1]["parts"][0]["text"]
        case "openai-responses":
            return body["input"]
    return body["messages"][-1]["content"]


def says(api, text, model="the-model-2", input_tokens=7, output_tokens=3):
    """The answer of API that says TEXT."""
    match api:
        case "gemini":
            return {
                "candidates": [
                    {
                        "content": {"parts": [{"text": text}], "role": "model"},
                        "finishReason": "STOP",
                    }
                ],
                "usageMetadata": {
                    "promptTokenCount": input_tokens,
                    "candidatesTokenCount": output_tokens,
                    "totalTokenCount": input_tokens + output_tokens,
                },
                "modelVersion": model,
            }
        case "openai":
            message = {"role": "assistant", "content": text, "refusal": None}
            return {
                "id": "chatcmpl-1",
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": input_tokens,
                    "completion_tokens": output_tokens,
                    "total_tokens": input_tokens + output_tokens,
                },
            }
        case "openai-responses":
            content = [{"type": "output_text", "text": text, "annotations": []}]
            return {
                "id": "resp_1",
                "status": "completed",
                "error": None,
                "model": model,
                "output": [{"type": "message", "role": "assistant", "content": content}],
                "usage": {
                    "input_tokens": input_tokens,
                    "output_tokens": output_tokens,
                    "total_tokens": input_tokens + output_tokens,
                },
            }
        case "anthropic":
            return {
                "type": "message",
                "model": model,
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens},
            }
    return {
        "model": model,
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": input_tokens,
        "eval_count": output_tokens,
    }


def refuses(api):
    """The answer of API to what it will not answer."""
    body = says(api, "")
    match api:
        case "gemini":
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        case "openai":
            body["choices"][0]["message"] |= {"content": None, "refusal": "I cannot do that."}
        case "openai-responses":
            refusal = {"type": "refusal", "refusal": "I cannot do that."}
            body["output"][0]["content"] = [refusal]
        case "anthropic":
            body |= {"content": [], "stop_reason": "refusal"}
        case "ollama":
            return None
    return body


def cuts(api, text):
    """The answer of API that says TEXT, and is cut off."""
    body = says(api, text)
    match api:
        case "gemini":
            body["candidates"][0]["finishReason"] = "MAX_TOKENS"
        case "openai":
            body["choices"][0]["finish_reason"] = "length"
        case "openai-responses":
            body |= {
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
            }
        case "anthropic":
            body["stop_reason"] = "max_tokens"
        case "ollama":
            body["done_reason"] = "length"
    return body


ERROR_WORDS = {
    400: ("INVALID_ARGUMENT", "invalid_request_error"),
    401: ("UNAUTHENTICATED", "authentication_error"),
    403: ("PERMISSION_DENIED", "permission_error"),
    429: ("RESOURCE_EXHAUSTED", "rate_limit_error"),
    500: ("INTERNAL", "api_error"),
    503: ("UNAVAILABLE", "overloaded_error"),
}


def error(api, status, message, **more):
    """The body of an error of API; MORE goes into it."""
    google, word = ERROR_WORDS.get(status, ("UNKNOWN", "api_error"))
    match api:
        case "gemini":
            return {"error": {"code": status, "message": message, "status": google} | more}
        case "openai" | "openai-responses":
            return {
                "error": {"message": message, "type": word, "param": None, "code": None} | more
            }
        case "anthropic":
            return {"type": "error", "error": {"type": word, "message": message} | more}
    return {"error": message}


class Like:
    """The answer that the Upstream has for PATH, whatever API was spoken."""

    def __init__(self, path):
        self.request = Request("GET", path, [])


class Models(Upstream):
    """Use as an Upstream. `delay` is how long an answer takes, (seconds, give or take)."""

    def __init__(self, capacity=None, delay=(0, 0), retry_after=None, **keywords):
        super().__init__(**keywords)
        # The text of a prompt -> a function of (api, request, number of its askings) to the
        # body, or to (status, body), or to (status, body, headers); or to None: no answer; or
        # to a Like.
        self.plan = {}
        self.capacity = capacity
        self.delay = delay
        self.retry_after = retry_after
        self.thinking = 0
        self.most_thinking = 0
        self.rejected = 0
        self.prompts = []  # in the order in which they came
        self._chance = random.Random(5)

    async def _act(self, request, number, reader, writer):
        api = api_of(request.path)
        if api is None:
            return await super()._act(request, number, reader, writer)
        text = prompt_of(request)
        self.prompts.append(text)
        if self.capacity is not None and self.thinking >= self.capacity:
            self.rejected += 1
            headers = [] if self.retry_after is None else [("Retry-After", self.retry_after)]
            body = error(api, 429, "Too many requests")
            writer.write(answer(json.dumps(body), 429, headers=headers))
            return True
        self.thinking += 1
        self.most_thinking = max(self.most_thinking, self.thinking)
        try:
            return await self._think(api, request, text, reader, writer) is not False
        finally:
            self.thinking -= 1

    async def _think(self, api, request, text, reader, writer):
        seconds, spread = self.delay
        if seconds:
            await asyncio.sleep(seconds + self._chance.uniform(-spread, spread))
        act = self.plan.get(text)
        if act is None:
            body = says(api, f"answer to {text}")
        else:
            body = act(api, request, self.prompts.count(text))
        if isinstance(body, Like):
            return await super()._act(body.request, 1, reader, writer)
        if body is None:
            await self._release.wait()
            return None
        status, body, *headers = body if isinstance(body, tuple) else (200, body)
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        writer.write(answer(body, status, headers=headers[0] if headers else ()))
        return True
