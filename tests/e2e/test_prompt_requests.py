"""What prompts send: for each API the request that its vendor's own client sends, and nothing
beside it."""

import json

import pytest

from helpers_prompt_requests import EXTRA, MODEL, PLAIN, SCHEMA, SETTINGS
from helpers_prompts import KEY, ask, config, models  # noqa: F401
from models import APIS
from upstream import answer

KEY_HEADERS = {
    "gemini": ("x-goog-api-key", KEY),
    "openai": ("authorization", f"Bearer {KEY}"),
    "openai-responses": ("authorization", f"Bearer {KEY}"),
    "anthropic": ("x-api-key", KEY),
    "ollama": ("authorization", f"Bearer {KEY}"),
}


def without_doubles(pairs):
    assert len(dict(pairs)) == len(pairs), f"a doubled key: {pairs}"
    return dict(pairs)


def body_of(request):
    return json.loads(request.body, object_pairs_hook=without_doubles)


def exactly(tree):
    """TREE as a text in which 1, 1.0 and true are not the same; the order of keys is."""
    return json.dumps(tree, sort_keys=True)


def sent(gatherd, models, api, prompt, keys=None, **top):
    """The one request that is made of the keys PROMPT, and of KEYS of the provider. What it is
    answered does not matter."""
    keys = {"model": MODEL} | (keys or {})
    result = ask(gatherd, config(models, {"it": prompt}, api=api, keys=keys, **top))
    assert result.status in (0, 1), result.stderr
    [request] = models.requests
    return request


# ---- bodies ----


@pytest.mark.parametrize("api", APIS)
def test_a_plain_prompt_is_what_the_vendors_client_sends(gatherd, models, api):
    request = sent(gatherd, models, api, {"prompt": "Say hi"})
    assert request.body.decode() == PLAIN[api]


def merged(tree, more):
    """MORE over TREE: maps in both are merged."""
    made = dict(tree)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = merged(made[key], value) if both else value
    return made


def wanted(api, *settings):
    """The body of a prompt with these SETTINGS."""
    body = json.loads(PLAIN[api])
    for setting in settings:
        body = merged(body, SETTINGS[setting][1][api])
    return body


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_stands_where_the_api_has_it(gatherd, models, api, setting):
    keys, bodies = SETTINGS[setting]
    prompt = {"prompt": "Say hi"} | keys
    if bodies[api] is not None:
        request = sent(gatherd, models, api, prompt)
        assert exactly(body_of(request)) == exactly(wanted(api, setting))
        return
    result = ask(gatherd, config(models, {"it": prompt}, api=api))
    assert result.status == 2
    assert f"the API of p ({api}) takes none" in result.stderr
    assert models.requests == []


@pytest.mark.parametrize("api", APIS)
def test_all_settings_together_are_each_by_itself(gatherd, models, api):
    left_out = ["temperature of nothing", "several stops", "format: json"]
    settings = [
        setting
        for setting, (_, bodies) in SETTINGS.items()
        if bodies[api] is not None and setting not in left_out
    ]
    prompt = {"prompt": "Say hi"}
    for setting in settings:
        prompt |= SETTINGS[setting][0]
    request = sent(gatherd, models, api, prompt)
    assert exactly(body_of(request)) == exactly(wanted(api, *settings))


@pytest.mark.parametrize("field", [None, "max_tokens"])
def test_what_the_token_limit_is_called_can_be_said(gatherd, models, field):
    keys = {"max_tokens_field": field} if field else {}
    prompt = {"prompt": "Say hi", "max_tokens": 5}
    body = body_of(sent(gatherd, models, "openai", prompt, keys))
    assert body == json.loads(PLAIN["openai"]) | {field or "max_completion_tokens": 5}


# ---- further fields ----


@pytest.mark.parametrize("api", APIS)
def test_further_fields_are_merged_over_all_others_the_prompts_last(gatherd, models, api):
    of_provider, of_prompt, more = EXTRA[api]
    prompt = {"prompt": "Say hi", "extra_body": of_prompt}
    request = sent(gatherd, models, api, prompt, {"extra_body": of_provider})
    assert exactly(body_of(request)) == exactly(merged(wanted(api), more))


def test_further_fields_win_over_settings(gatherd, models):
    prompt = {
        "prompt": "Say hi",
        "temperature": 0.1,
        "schema": SCHEMA,
        "extra_body": {"temperature": 0.9, "response_format": {"type": "text"}, "x": "${MORE}"},
    }
    result = ask(gatherd, config(models, {"it": prompt}), env={"MORE": '"1": {}'})
    assert result.status in (0, 1), result.stderr
    [request] = models.requests
    body = body_of(request)
    assert body["temperature"] == 0.9
    assert body["response_format"]["type"] == "text"
    assert body["x"] == '"1": {}', "a text, whatever is in it"


# ---- heads ----


def headers_of(request):
    return sorted((name.lower(), value) for name, value in request.headers)


def wanted_headers(models, request, *more):
    return sorted(
        [
            ("host", models.url.removeprefix("http://")),
            ("user-agent", request.header("User-Agent")),
            ("accept", "*/*"),
            ("content-type", "application/json"),
            ("content-length", str(len(request.body))),
            *more,
        ]
    )


VERSION = ("anthropic-version", "2023-06-01")

# API, keys of the provider, where it is asked, headers beside those of every request.
HEADS = {
    **{
        api: (api, {}, path, [KEY_HEADERS[api]] + [VERSION] * (api == "anthropic"))
        for api, path in {
            "gemini": "/v1beta/models/the-model:generateContent",
            "openai": "/v1/chat/completions",
            "openai-responses": "/v1/responses",
            "anthropic": "/v1/messages",
            "ollama": "/api/chat",
        }.items()
    },
    "without a key": ("ollama", {"key": None}, "/api/chat", []),
    "key_header": (
        "openai",
        {"key_header": "X-Gateway-Key"},
        "/v1/chat/completions",
        [("x-gateway-key", KEY)],
    ),
    "key_header for a bearer": (
        "gemini",
        {"key_header": "authorization"},
        "/v1beta/models/the-model:generateContent",
        [("authorization", f"Bearer {KEY}")],
    ),
    "the newer pair of Anthropic": (
        "anthropic",
        {"key_header": "Authorization", "api_version": "2026-10-21"},
        "/v1/messages",
        [("authorization", f"Bearer {KEY}"), ("anthropic-version", "2026-10-21")],
    ),
    "another version of Gemini": (
        "gemini",
        {"api_version": "v1"},
        "/v1/models/the-model:generateContent",
        [KEY_HEADERS["gemini"]],
    ),
    "Azure": (
        "openai",
        {
            "base_url": "URL/openai/deployments/the-deployment/",
            "api_version": "2024-10-21",
            "key_header": "api-key",
        },
        "/openai/deployments/the-deployment/chat/completions?api-version=2024-10-21",
        [("api-key", KEY)],
    ),
    "responses of Azure": (
        "openai-responses",
        {"base_url": "URL/openai", "api_version": "2025-04-01-preview", "key_header": "api-key"},
        "/openai/responses?api-version=2025-04-01-preview",
        [("api-key", KEY)],
    ),
    "further headers": (
        "openai",
        {"headers": {"OpenAI-Organization": "org-{{team}}", "X-Title": "a b"}},
        "/v1/chat/completions",
        [KEY_HEADERS["openai"], ("openai-organization", "org-web"), ("x-title", "a b")],
    ),
    "headers of a gateway that knows the key": (
        "anthropic",
        {"key": None, "headers": {"anthropic-version": "2000-01-01", "Authorization": "Basic x"}},
        "/v1/messages",
        [("anthropic-version", "2000-01-01"), ("authorization", "Basic x")],
    ),
    "models/": (
        "gemini",
        {"model": "models/gemini-x"},
        "/v1beta/models/gemini-x:generateContent",
        [KEY_HEADERS["gemini"]],
    ),
    "tunedModels/": (
        "gemini",
        {"model": "tunedModels/mine"},
        "/v1beta/tunedModels/mine:generateContent",
        [KEY_HEADERS["gemini"]],
    ),
    "a model that is no path": (
        "gemini",
        {"model": "../a b?c#d%2e"},
        "/v1beta/models/..%2Fa%20b%3Fc%23d%252e:generateContent",
        [KEY_HEADERS["gemini"]],
    ),
}


@pytest.mark.parametrize("case", HEADS)
def test_the_request_goes_to_its_place_with_its_headers_and_no_others(gatherd, models, case):
    api, keys, target, headers = HEADS[case]
    made = config(models, {"it": "Say hi"}, api=api, keys=keys, vars={"team": "web"})
    provider = made["providers"]["p"]
    provider["base_url"] = provider["base_url"].replace("URL", models.url)
    if provider["key"] is None:
        del provider["key"]
    result = ask(gatherd, made)
    assert result.status in (0, 1), result.stderr
    [request] = models.requests
    assert (request.method, request.target) == ("POST", target)
    assert request.version == "HTTP/1.1"
    assert headers_of(request) == wanted_headers(models, request, *headers)
    assert request.header("User-Agent").startswith("gatherd/")


def test_a_model_is_told_as_it_is_named(gatherd, models):
    name = 'org/"model" ü:8b'
    body = body_of(sent(gatherd, models, "openai", {"prompt": "x", "model": name}))
    assert body["model"] == name


# ---- texts ----

TEXTS = {
    "quotes": 'He said: "no\\" \\n {"a": 1}\n',
    "lines": "one\ntwo\r\nthree\ttabs\n\n",
    "many scripts": "Zoë – 東京 🙂 \u2028\u2029 a\u0301 \ufffd",
    "blanks": "  before and behind  ",
    "braces of nobody": "{a} }} {{{user}}} ${not} %7B",
    "long": "word and " * 40_000,
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("api", ["gemini", "openai"])
def test_a_text_arrives_as_it_was_written(gatherd, models, api, text):
    """It comes from a file, which templates and the end of its last line alone change."""
    written = TEXTS[text] + "\n"
    (gatherd.folder / "prompt.txt").write_text(written, encoding="utf-8", newline="")
    prompt = {"prompt": {"file": "prompt.txt"}, "system": {"file": "prompt.txt"}}
    request = sent(gatherd, models, api, prompt, vars={"user": "Ann"})
    arrived = TEXTS[text].replace("{{{user}}}", "Ann")
    if api == "gemini":
        body = body_of(request)
        texts = [
            body["contents"][0]["parts"][0]["text"],
            body["systemInstruction"]["parts"][0]["text"],
        ]
    else:
        texts = [message["content"] for message in body_of(request)["messages"]]
    assert texts == [arrived] * 2
    assert request.header("Expect") is None


def test_what_was_fetched_arrives_as_it_was_sent(gatherd, models):
    """With control characters and NUL, which JSON has its escapes for."""
    fetched = 'a "quote", \\ {{no}} ${no}\r\n\x00\x01\x1b[31m\x7f\u0085 ü 🙂'
    models.answers["/it"] = answer(json.dumps({"text": fetched}))
    prompt = {"prompt": "<{{services.it.data.text}}>", "system": "{{services.it.data}}"}
    made = config(models, {"sum": prompt}, {"it": f"{models.url}/it"})
    result = ask(gatherd, made)
    assert result.status == 0, result.stderr
    system, user = body_of(models.requests[-1])["messages"]
    assert user["content"] == f"<{fetched}>"
    assert json.loads(system["content"]) == {"text": fetched}
    shown = fetched.replace("\x00", "\ufffd")
    assert result.document["prompts"]["sum"]["prompt"] == f"<{shown}>"


def test_an_empty_system_text_is_not_sent(gatherd, models):
    made = config(models, {"it": {"prompt": "Say hi", "system": "{{nothing}}"}})
    ask(gatherd, made | {"vars": {"nothing": ""}})
    [request] = models.requests
    assert request.body.decode() == PLAIN["openai"]
