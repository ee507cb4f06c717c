"""What answers come to: every recorded one of each API by its row; and what of them, secrets
that they repeat, shows nowhere."""

import json

import pytest

from helpers_prompt_answers import ROWS, came_to, model_of, names_of, text_of
from helpers_prompts import ask, config, models, provider  # noqa: F401
from helpers_secrets import ODD, Secret, said
from models import APIS, cuts, error, prompt_of, refuses, says

# Longer than the deadline, so that nobody is asked a third time.
LATER = [("Retry-After", "3600")]


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_answer_has_its_row(api):
    assert set(ROWS[api]) == names_of(api)


def serve(models, api, name, row):
    def act(api, request, number):
        headers = [("x-request-id", f"req-{name}")] + (LATER if number > 1 else [])
        return row.served, text_of(api, name), headers

    models.plan[name] = act


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_answer_comes_to_what_it_is(gatherd, models, api):
    rows = ROWS[api]
    prompts = {}
    for name, row in rows.items():
        serve(models, api, name, row)
        prompts[name] = {"provider": name, "prompt": name}
    # A provider for each: what one says of limits is nothing to the others.
    made = {
        "providers": {name: provider(api, models) for name in rows},
        "prompts": prompts,
        "defaults": {"retries": 1, "retry_delay": "1ms", "deadline": "10s"},
    }
    entries = ask(gatherd, made).document["prompts"]
    came = {name: came_to(entry) for name, entry in entries.items()}
    other = {name: came[name] for name, row in rows.items() if came[name] != row.wanted}
    assert other == {name: rows[name].wanted for name in other}
    for name, entry in entries.items():
        assert entry["request_id"] == f"req-{name}"
        assert entry["model"] == (model_of(text_of(api, name)) or "the-model"), name
        assert entry["success"] is (entry["status"] == "ok")
        assert entry["data"] is None


def test_a_context_that_was_cut_is_warned_of(gatherd, models):
    """The server says nothing of it but how little it has read."""
    text = "word " * 8000
    models.plan[text] = lambda *_: text_of("ollama", "context-cut")
    result = ask(gatherd, config(models, {"it": text}, api="ollama"))
    entry = result.document["prompts"]["it"]
    assert entry["status"] == "ok"
    [warning] = entry["warnings"]
    assert "4096 tokens of 40000 bytes" in warning and "num_ctx" in warning


# ---- who is asked again ----

AGAIN = [
    # status, headers, attempts where one retry is left
    (402, {}, 1),
    (402, {"Retry-After": "0"}, 2),
    (400, {"x-should-retry": "true"}, 2),
    (500, {"x-should-retry": "false"}, 1),
    (503, {"x-should-retry": "true"}, 2),
    (408, {}, 2),
    (409, {}, 1),
    (418, {}, 1),
    (529, {}, 2),
    (429, {"retry-after-ms": "20", "Retry-After": "3600"}, 2),
    (429, {"Retry-After": "3600"}, 1),
    (503, {"Retry-After": "3600"}, 1),
]


@pytest.mark.parametrize("status, headers, attempts", AGAIN)
def test_headers_say_whether_to_ask_again(gatherd, models, status, headers, attempts):
    def act(api, request, number):
        if number > 1:
            return says(api, "at last")
        return status, error(api, status, "no"), list(headers.items())

    models.plan["it"] = act
    keys = {"prompt": "it", "retries": 1, "retry_delay": "1ms", "deadline": "20s"}
    entry = ask(gatherd, config(models, {"it": keys})).document["prompts"]["it"]
    assert entry["attempts"] == attempts
    assert (entry["response"] == "at last") is (attempts == 2)


# ---- secrets that come back ----

ECHOED = Secret('key"4711/+\\ü-of-the-provider')
TOLD = Secret("told-" + ODD)
GATEWAY = Secret("gateway-4711-header")
FIELD = Secret("field-4711/\\of-the-body")
SECRETS = [ECHOED, TOLD, GATEWAY, FIELD]
ENVIRONMENT = {
    "MODEL_KEY": ECHOED.text,
    "TOLD": TOLD.text,
    "GATEWAY": GATEWAY.text,
    "FIELD": FIELD.text,
}
PLAIN = "\n".join(form for secret in SECRETS for form in secret.encoded)
LINE = PLAIN.replace("\n", " ").encode().decode("latin-1")


def refuses_with(api, why):
    body = refuses(api)
    match api:
        case "gemini":
            body["promptFeedback"] |= {"blockReasonMessage": why}
        case "openai":
            body["choices"][0]["message"]["refusal"] = why
        case "openai-responses":
            body["output"][0]["content"][0]["refusal"] = why
        case "anthropic":
            body["stop_details"] = {"type": "refusal", "explanation": why}
        case "ollama":
            return error(api, 400, why)
    return body


def ends_with(api, reason):
    body = says(api, "x")
    match api:
        case "gemini":
            body["candidates"][0] |= {"finishReason": reason, "finishMessage": reason}
        case "openai":
            body["choices"][0]["finish_reason"] = reason
        case "openai-responses":
            body["status"] = reason
        case "anthropic":
            body["stop_reason"] = reason
        case "ollama":
            body["done_reason"] = reason
    return body


def says_in_parts(api, text):
    """Each letter for itself."""
    body = says(api, "")
    match api:
        case "gemini":
            body["candidates"][0]["content"]["parts"] = [{"text": c} for c in text]
        case "openai":
            parts = [{"type": "text", "text": c} for c in text]
            body["choices"][0]["message"]["content"] = parts
        case "openai-responses":
            parts = [{"type": "output_text", "text": c} for c in text]
            body["output"][0]["content"] = parts
        case "anthropic":
            body["content"] = [{"type": "text", "text": c} for c in text]
        case "ollama":
            return says(api, text)
    return body


ALL = said(SECRETS)
JSON_RULES = {
    "format": "json",
    "extract": {"all": "/all"},
    "warn": {"json": {"/all/0": "other", "/all/1": {"maxLength": 1}}, "body": {"maxLength": 1}},
}
# What comes back, and further keys of the prompt that is answered so.
ECHOES = {
    "answer": (lambda api: says(api, PLAIN, model=PLAIN), {}),
    "parts": (lambda api: says_in_parts(api, PLAIN), {}),
    "json": (lambda api: says(api, ALL), JSON_RULES),
    "fenced": (lambda api: says(api, f"```json\n{ALL}\n```"), JSON_RULES),
    "no json": (lambda api: says(api, ALL + PLAIN), {"format": "json"}),
    "schema": (lambda api: says(api, ALL), {"schema": {"properties": {"all": {"enum": ["x"]}}}}),
    "expect": (lambda api: says(api, ALL), {"expect": {"json": {"/all/0": "other"}}}),
    "cut": (lambda api: cuts(api, PLAIN), {}),
    "blocked": (lambda api: refuses_with(api, PLAIN), {}),
    "ended": (lambda api: ends_with(api, PLAIN), {}),
    "denied": (lambda api: (401, error(api, 401, PLAIN)), {}),
    "limited": (lambda api: (429, error(api, 429, PLAIN, details=[PLAIN])), {}),
    "reported": (lambda api: error(api, 400, PLAIN), {}),
    "page": (lambda api: (502, f"<html><p>{PLAIN}</p></html>"), {"retries": 0}),
    "garbage": (lambda api: f'{{"error": "{PLAIN}', {}),
}


def echoing(models, api):
    """A config of prompts that are answered with their own secrets."""
    prompts = {}
    headers = [("x-request-id", LINE), ("X-Mirror", LINE), ("Retry-After", "3600")]

    def plan(kind, echo):
        def act(api, request, number):
            body = echo(api)
            status, body = body if isinstance(body, tuple) else (200, body)
            return status, body, headers

        models.plan[f"{kind}: <{TOLD.text}>"] = act

    for kind, (echo, keys) in ECHOES.items():
        plan(kind, echo)
        prompts[kind] = {"prompt": f"{kind}: <${{TOLD}}>"} | keys
    prompts["onward"] = {"prompt": "he said {{prompts.answer.response}}"}
    keys = {
        "extra_body": {"user": "${FIELD}"},
        "headers": {"X-Gateway": "${GATEWAY}"},
    }
    providers = {kind: provider(api, models, **keys) for kind in prompts}
    for kind, prompt in prompts.items():
        prompt["provider"] = kind
    return {"providers": providers, "prompts": prompts}


def assert_hidden(*outputs):
    for output in outputs:
        for secret in SECRETS:
            secret.assert_hidden_in(output)


@pytest.mark.parametrize("api", APIS)
def test_secrets_that_come_back_show_in_no_document_and_no_log(gatherd, models, api):
    made = echoing(models, api)
    for log_format in ("text", "json"):
        arguments = ["--log-level", "debug", "--log-format", log_format]
        result = ask(gatherd, made, *arguments, env=ENVIRONMENT)
        assert_hidden(result.stdout, result.stderr)
        assert_hidden(json.dumps(result.document, ensure_ascii=False))
    entries = result.document["prompts"]
    for kind, entry in entries.items():
        where = [entry["response"], entry["data"], entry["error"], entry["prompt"]]
        assert "***" in json.dumps(where), kind
    for kind in ECHOES:
        assert entries[kind]["prompt"] == f"{kind}: <***>"
        assert entries[kind]["request_id"].startswith("***")
    assert entries["answer"]["model"].startswith("***")
    assert entries["parts"]["response"] == entries["answer"]["response"]
    assert entries["json"]["status"] == entries["fenced"]["status"] == "degraded"
    assert set(entries["json"]["values"]["all"]) <= {"***", "<***>"}
    assert set(entries["fenced"]["data"]["all"]) <= {"***", "<***>"}
    assert entries["cut"]["response"].startswith("***")
    assert entries["ended"]["finish_reason"].startswith("***")
    for request in models.requests:
        if prompt_of(request).startswith("he said"):
            assert "he said ***" in prompt_of(request)
            TOLD.assert_hidden_in(prompt_of(request))


@pytest.mark.parametrize("api", APIS)
def test_secrets_that_come_back_show_in_no_explanation(gatherd, models, api):
    made = echoing(models, api)
    env = ENVIRONMENT
    for kind in ECHOES:
        for more in ([], ["--json"]):
            arguments = ["--explain", kind, "--log-level", "debug", *more]
            result = gatherd.run(*arguments, config=made, env=env)
            assert result.status in (0, 1), result.stderr
            assert "***" in result.stdout
            assert_hidden(result.stdout, result.stderr)
            if more:
                assert_hidden(json.dumps(json.loads(result.stdout), ensure_ascii=False))


def test_secrets_that_come_back_show_in_no_table(gatherd, gatherctl, models, tmp_path):
    made = echoing(models, "openai")
    path = tmp_path / "status.json"
    gatherd.run("--once", "-o", path, config=made, env=ENVIRONMENT)
    outputs = [path.read_text(encoding="utf-8")]
    for arguments in [["status"], ["status", "--json"], *(["show", kind] for kind in ECHOES)]:
        result = gatherctl.run(*arguments, "-f", path)
        assert "***" in result.stdout
        outputs += [result.stdout, result.stderr]
    for argument in ("--print-config", "--check"):
        result = gatherd.run(argument, config=made, env=ENVIRONMENT)
        assert result.status == 0, result.stderr
        outputs += [result.stdout, result.stderr]
    assert_hidden(*outputs)


@pytest.mark.parametrize("api", APIS)
def test_a_secret_is_found_before_the_finish_reason_becomes_lower_case(gatherd, models, api):
    key = "Sk-With-CAPITALS-4711"
    models.plan["it"] = lambda api, *_: ends_with(api, f"<{key}>")
    made = config(models, {"it": "it"}, api=api)
    result = ask(gatherd, made, "--log-level", "debug", env={"MODEL_KEY": key})
    assert result.document["prompts"]["it"]["finish_reason"] == "<***>"
    assert key.lower() not in (result.stdout + result.stderr).lower()
