"""Prompts: language models asked by each API, what became of each, and what it costs."""

import json

import pytest

from helpers_prompts import KEY, ask, config, models, provider, providers  # noqa: F401
from models import APIS, cuts, error, refuses, says
from upstream import answer

ANSWERING = ["gemini", "openai", "openai-responses", "anthropic"]


def outcome_of(entry):
    kind = entry["error"]["kind"] if entry["error"] else None
    return entry["status"], kind


@pytest.mark.parametrize("api", APIS)
def test_a_prompt_is_answered(gatherd, models, api):
    result = ask(gatherd, config(models, {"hello": "Say hi"}, api=api))
    entry = result.document["prompts"]["hello"]
    assert result.status == 0, result.stderr
    assert entry["status"] == "ok" and entry["success"] is True
    assert entry["response"] == "answer to Say hi"
    assert entry["prompt"] == "Say hi"
    assert entry["provider"] == "p"
    assert entry["model"] == "the-model-2", "the one that answered"
    assert entry["finish_reason"] in ("stop", "end_turn", "completed")
    assert entry["usage"] == {
        "input_tokens": 7,
        "output_tokens": 3,
        "reasoning_tokens": None,
        "cached_tokens": None,
        "total_tokens": 10,
    }
    assert entry["attempts"] == 1 and entry["http_status"] == 200
    assert entry["reused"] is False and entry["data"] is None


def fourteen(models):
    """14 prompts over four APIs, and what each is to come to."""
    plan = models.plan
    prompts, wanted = {}, {}

    def add(api, what, act, outcome, **keys):
        name = f"{api}-{what}"
        prompts[name] = {"provider": api, "prompt": name} | keys
        wanted[name] = outcome
        if act is not None:
            plan[name] = act

    for api in ANSWERING:
        add(api, "answers", None, ("ok", None))
        add(api, "blocks", lambda api, *_: refuses(api), ("error", "blocked"))
    add("gemini", "cuts", lambda api, *_: cuts(api, "half of"), ("error", "truncated"))
    add("openai", "hangs", lambda *_: None, ("timeout", "timeout"), timeout="300ms", retries=0)
    add(
        "anthropic",
        "denies",
        lambda api, *_: (401, error(api, 401, f"no such key: {KEY}")),
        ("http_error", "http"),
    )
    add("openai-responses", "breaks", lambda *_: '{"status": "compl', ("error", "invalid_body"))
    add(
        "gemini",
        "limits",
        lambda api, *_: (429, error(api, 429, "slow down")),
        ("http_error", "rate_limited"),
        deadline="700ms",
        retry_delay="100ms",
    )
    add(
        "openai",
        "errs",
        lambda api, *_: error(api, 500, "upstream error within a good answer"),
        ("http_error", "http"),
        retries=0,
    )
    return prompts, wanted


def test_fourteen_prompts_over_four_apis_come_to_what_they_are(gatherd, models):
    prompts, wanted = fourteen(models)
    assert len(prompts) == 14
    result = ask(gatherd, {"providers": providers(models), "prompts": prompts})
    document = result.document
    assert result.status == 1
    entries = document["prompts"]
    assert {name: outcome_of(entry) for name, entry in entries.items()} == wanted
    assert list(entries) == list(prompts), "in the order of the config"
    assert KEY not in result.stdout + result.stderr
    assert entries["gemini-cuts"]["response"] == "half of"
    assert entries["gemini-cuts"]["data"] is None
    assert entries["anthropic-denies"]["attempts"] == 1
    message = entries["anthropic-denies"]["error"]["message"]
    assert message == "returned HTTP 401: no such key: ***"
    assert "slow down" in entries["gemini-limits"]["error"]["message"]
    assert entries["gemini-limits"]["attempts"] > 1
    assert "within a good answer" in entries["openai-errs"]["error"]["message"]


@pytest.mark.parametrize("api", APIS)
def test_the_key_goes_where_the_api_wants_it(gatherd, models, api):
    ask(gatherd, config(models, {"hello": "Say hi"}, api=api))
    [request] = models.requests
    header = {"gemini": "x-goog-api-key", "anthropic": "x-api-key"}.get(api, "Authorization")
    wanted = f"Bearer {KEY}" if header == "Authorization" else KEY
    assert request.header(header) == wanted
    assert KEY not in request.target
    assert request.header("Content-Type") == "application/json"
    assert request.method == "POST"


def test_what_the_prompt_is_made_of_comes_from_the_same_round(gatherd, models):
    models.answers["/orders"] = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n"
        b'{"open": 3}'
    )
    text = "Open: {{services.orders.data.open}}, all: {{services.orders.data}}"
    result = ask(
        gatherd,
        config(models, {"sum": text}, {"orders": f"{models.url}/orders"}),
    )
    assert result.status == 0, result.stderr
    assert models.prompts == ['Open: 3, all: {"open":3}']


def test_a_prompt_over_all_targets_waits_for_all_services(gatherd, models):
    services = {
        "slow": f"{models.url}/delay/0.3",
        "broken": f"{models.url}/status/500",
        "fine": f"{models.url}/ok",
    }
    text = "{{#targets}}{{name}}: {{status}};{{/targets}}"
    ask(gatherd, config(models, {"sum": text}, services))
    assert models.prompts == ["slow: ok;broken: http_error;fine: ok;"]


def test_the_second_prompt_reads_the_first_ones_answer(gatherd, models):
    prompts = {
        "first": "one",
        "second": "He said: {{prompts.first.response}}",
        "third": "{{prompts.second.status}}",
    }
    result = ask(gatherd, config(models, prompts))
    assert models.prompts == ["one", "He said: answer to one", "ok"]
    assert result.status == 0


def test_who_depends_on_a_prompt_that_failed_is_skipped(gatherd, models):
    models.plan["one"] = lambda api, *_: refuses(api)
    prompts = {"first": "one", "second": "He said: {{prompts.first.response}}"}
    result = ask(gatherd, config(models, prompts))
    entry = result.document["prompts"]["second"]
    assert outcome_of(entry) == ("skipped", "dependency")
    assert "first failed: blocked" in entry["error"]["message"]
    assert models.prompts == ["one"]


def test_a_batch_says_how_many_went_well(gatherd, models):
    for number in (7, 21):
        models.plan[f"prompt {number}"] = lambda api, *_: refuses(api)
    prompts = {"ask-{{n}}": {"prompt": "prompt {{n}}", "for_each": {"n": list(range(40))}}}
    result = ask(gatherd, config(models, prompts))
    lines = [line.split(" ", 2)[2] for line in result.stderr.splitlines()]
    assert lines[0] == "processing 40 prompts (max 5 concurrent)"
    assert lines[-1] == "success: 38/40"
    assert result.status == 1
    assert models.most_thinking <= 5
    entries = result.document["prompts"]
    assert list(entries) == [f"ask-{n}" for n in range(40)]
    assert entries["ask-3"]["prompt"] == "prompt 3"
    assert entries["ask-3"]["response"] == "answer to prompt 3"
    assert entries["ask-7"]["error"]["kind"] == "blocked"


def test_an_unchanged_prompt_is_asked_once_in_ten_rounds(gatherd, models, tmp_path):
    result = gatherd.run(
        "--rounds",
        "10",
        "-o",
        tmp_path / "status.json",
        config=config(models, {"sum": {"prompt": "the same", "when": "changed"}}),
        env={"MODEL_KEY": KEY},
    )
    assert result.status == 0, result.stderr
    assert models.prompts == ["the same"]
    document = json.loads((tmp_path / "status.json").read_text())
    entry = document["prompts"]["sum"]
    assert entry["reused"] is True and entry["attempts"] == 0
    assert entry["response"] == "answer to the same"
    assert entry["checked_at"] > entry["since"]


def test_a_budget_holds_over_a_restart(gatherd, models, tmp_path):
    text = config(models, {"sum": {"prompt": "ten", "budget": {"tokens": 25, "per": "1d"}}})
    outcomes = []
    for _ in range(2):
        gatherd.run(
            "--rounds",
            "2",
            "-o",
            tmp_path / "status.json",
            config=text,
            env={"MODEL_KEY": KEY},
        )
        document = json.loads((tmp_path / "status.json").read_text())
        outcomes.append(outcome_of(document["prompts"]["sum"]))
    assert models.prompts == ["ten", "ten"]
    assert outcomes == [("ok", None), ("skipped", "budget")]
    assert document["prompts"]["sum"]["budget"]["spent"] == 20


def test_an_answer_as_json_is_checked_by_its_schema(gatherd, models):
    schema = {
        "type": "object",
        "properties": {"state": {"type": "string"}, "n": {"type": "integer", "minimum": 0}},
        "required": ["state"],
        "additionalProperties": False,
    }
    models.plan["good"] = lambda api, *_: says(api, '```json\n{"state": "up", "n": 3}\n```')
    models.plan["bad"] = lambda api, *_: says(api, '{"state": "up", "n": -3}')
    models.plan["odd"] = lambda api, *_: says(api, "I would say it is up.")
    prompts = {
        name: {"prompt": name, "schema": schema, "extract": {"n": "/n"}}
        for name in ("good", "bad", "odd")
    }
    entries = ask(gatherd, config(models, prompts)).document["prompts"]
    assert entries["good"]["data"] == {"state": "up", "n": 3}
    assert entries["good"]["values"] == {"n": 3}
    assert outcome_of(entries["bad"]) == ("error", "invalid_body")
    assert "/n" in entries["bad"]["error"]["message"]
    assert outcome_of(entries["odd"]) == ("error", "invalid_body")


def test_prompts_that_push_back_are_asked_again_until_all_are_answered(gatherd):
    from models import Models

    with Models(capacity=10, delay=(0.1, 0.05)) as models:
        prompts = {"ask-{{n}}": {"prompt": "{{n}}", "for_each": {"n": list(range(200))}}}
        result = ask(
            gatherd,
            config(models, prompts, keys={"max_concurrent": 50}, interval="5m"),
        )
        entries = result.document["prompts"]
        provider_part = result.document["providers"]["p"]
    assert result.status == 0, result.stderr
    assert all(entry["status"] == "ok" for entry in entries.values())
    assert models.rejected <= 30
    assert provider_part["rejections"] == models.rejected
    assert provider_part["max_concurrent"] == 50
    assert 1 <= provider_part["limit"] <= 50
    assert provider_part["in_flight"] == 0


def test_a_missing_key_names_the_variable(gatherd, models):
    text = config(models, {"hello": "Say hi"}, keys={"key": "${GEMINI_API_KEY}"})
    result = gatherd.once(text, env={"GEMINI_API_KEY": ""})
    assert result.status == 2
    assert "GEMINI_API_KEY is not set" in result.stderr
    assert models.requests == []


def alarm(models):
    """A config whose prompt is for failures, with services that send on what it says."""
    why = {"prompt": "Why? {{#failed}}{{.}} {{/failed}}", "when": "failing"}
    services = {
        "shop": f"{models.url}/status/{{{{status_of_shop}}}}",
        "alert": {"url": f"{models.url}/echo", "body": "{{prompts.why.response}}"},
        "page": {"url": f"{models.url}/ok", "needs": "alert"},
    }
    return config(models, {"why": why}, services) | {"vars": {"status_of_shop": 200}}


def test_who_waits_for_a_prompt_that_is_put_off_is_put_off(gatherd, models):
    result = ask(gatherd, alarm(models))
    document = result.document
    entries = document["services"] | document["prompts"]
    assert {name: outcome_of(entry) for name, entry in entries.items()} == {
        "shop": ("ok", None),
        "alert": ("pending", None),
        "page": ("pending", None),
        "why": ("pending", None),
    }
    assert result.status == 0 and document["status"] == "ok" and document["failed"] == []
    assert models.paths() == ["/status/200"]


def test_an_alert_sends_what_the_prompt_says_of_all_services(gatherd, models):
    result = ask(gatherd, alarm(models), "--var", "status_of_shop=503")
    [alert] = models.asked_for("/echo")
    assert alert.body == b"answer to Why? shop "
    assert result.document["services"]["page"]["status"] == "ok"


def test_an_error_within_a_good_answer_is_tried_again_where_that_may_help(gatherd, models):
    def act(api, request, number):
        return says(api, "in the end") if number == 3 else error(api, 0, "busy", code=502)

    models.plan["x"] = act
    entry = ask(gatherd, config(models, {"x": {"prompt": "x", "retry_delay": "1ms"}})).document[
        "prompts"
    ]["x"]
    assert (entry["response"], entry["attempts"]) == ("in the end", 3)


def test_an_alert_that_fails_is_no_reason_for_another_one(gatherd, models, tmp_path):
    def shop(request, number):
        return answer("{}", 503 if number == 1 else 200)

    models.answers["/shop"] = shop
    text = alarm(models)
    text["services"]["shop"] = f"{models.url}/shop"
    text["services"]["alert"]["url"] = f"{models.url}/status/404"
    gatherd.run(
        "--rounds", "2", "-o", tmp_path / "s.json", config=text, env={"MODEL_KEY": KEY}
    )
    entries = json.loads((tmp_path / "s.json").read_text())
    assert models.prompts == ["Why? shop "]
    assert outcome_of(entries["prompts"]["why"]) == ("pending", None)
    assert outcome_of(entries["services"]["alert"]) == ("pending", None)
    assert entries["services"]["alert"]["failures"] == 1
