"""gatherd --explain of prompts: whom it asks and by which limits, what it sends, what the model
made of it, and why it was not asked."""

import re

import pytest

from conftest import TOP
from helpers_explain import explain, explain_json, keys_of, of, sections
from helpers_prompts import KEY, config, models, provider  # noqa: F401
from models import APIS, cuts, error, refuses, says
from upstream import moves

ENV = {"MODEL_KEY": KEY}


def ask(gatherd, text, name, *arguments):
    """(the result, what is told by heading) of explaining the prompt NAME."""
    result = explain(gatherd, text, name, *arguments, env=ENV)
    assert KEY not in result.stdout + result.stderr
    return result, sections(result.stdout)


def ask_json(gatherd, text, name):
    result, told = explain_json(gatherd, text, name, env=ENV)
    assert KEY not in result.stdout
    return result, told


def why(told):
    return told[""][1].strip()


@pytest.mark.parametrize("api", APIS)
def test_an_answer_is_told_with_what_it_took(gatherd, models, api):
    text = config(
        models,
        {"it": {"prompt": "Say hi", "system": "Be short.", "max_tokens": 50}},
        api=api,
        keys={"price": {"input": 0.5, "output": 2}, "rate": "60/min", "max_concurrent": 20},
    )
    result, told = ask(gatherd, text, "it")
    assert (result.status, result.stderr) == (0, "")
    assert told[""][0] == "it: ok"
    assert re.fullmatch(
        r"The model answered to the end \(\w+\)\. HTTP 200 is an expected status\.", why(told)
    )
    asked = told["Provider"]
    assert of(asked, "Name") == ["p"]
    assert of(asked, "API") == [f"{api} at {text['providers']['p']['base_url']}"]
    assert of(asked, "Model") == ["the-model"]
    assert of(asked, "At once")[0].startswith("at most 20, 8 for now: ")
    assert of(asked, "Rate") == ["at most 60/min started"]
    assert of(asked, "Price") == ["0.5 in, 2 out, for a million tokens"]
    assert of(asked, "Push-back") == of(asked, "Budget") == []
    limits = told["Limits"]
    assert of(limits, "Redirects") == of(limits, "When") == of(limits, "Budget") == []
    assert of(limits, "Push-back") == [
        "tried again while the deadline lasts, without being counted"
    ]
    assert of(limits, "Retries")[0].endswith("; after a timeout once at most")
    assert of(limits, "Max tokens") == ["50 for the answer"]
    attempt = told["Attempt 1"]
    assert of(attempt, "Prompt") == ["Say hi"]
    assert of(attempt, "Input") == ["15 bytes, about 4 tokens"]
    assert any(line.endswith(": ***") or "Bearer ***" in line for line in of(attempt, "Request"))
    assert re.fullmatch(r"\d+ bytes", *of(attempt, "Body"))
    assert of(attempt, "Model") == ["the-model-2"]
    assert len(of(attempt, "Finish")) == 1
    assert of(attempt, "Tokens") == ["7 in, 3 out, 10 in all"]
    assert of(attempt, "Cost") == ["0.0000095"]
    assert of(attempt, "Schema") == of(attempt, "Usage") == of(attempt, "Then") == []
    assert told["Begin of the answer"] == ["  answer to Say hi"]


def test_the_lines_of_an_answer_stay_lines(gatherd, models):
    lines = "\n".join(f"line {number}" for number in range(1, 60))
    models.plan["Say much"] = lambda api, *_: says(api, lines + "\033[31m")
    _, told = ask(gatherd, config(models, {"it": "Say much"}), "it")
    shown = told["Begin of the answer"]
    assert shown[:2] == ["  line 1", "  line 2"]
    assert shown[39:] == ["  line 40", "  ... (of 467 bytes in all)"]


def test_what_a_model_says_is_not_obeyed_by_a_terminal(gatherd, models):
    models.plan["Paint it"] = lambda api, *_: says(api, "\033[31mred", model="m\033[2J")
    result, _ = ask(gatherd, config(models, {"it": "Paint it"}), "it")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.stdout)


def test_a_key_that_comes_back_is_not_told(gatherd, models):
    models.plan["Who am I"] = lambda api, *_: says(api, f"You are {KEY}.", model=f"m {KEY}")
    _, told = ask(gatherd, config(models, {"it": "Who am I"}), "it")
    assert told["Begin of the answer"] == ["  You are ***."]
    assert of(told["Attempt 1"], "Model") == ["m ***"]
    models.plan["Who am I"] = lambda api, *_: (401, error(api, 401, f"wrong key {KEY}"))
    result, told = ask(gatherd, config(models, {"it": "Who am I"}), "it")
    assert result.status == 1
    assert why(told).startswith("No model answered: returned HTTP 401: wrong key ***.")


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}


def test_what_came_of_the_schema_and_the_rules(gatherd, models):
    models.plan["Count"] = lambda api, *_: says(api, '{"n": 3}')
    prompt = {
        "prompt": "Count",
        "schema": SCHEMA,
        "expect": {"json": {"/n": {"minimum": 1}}},
        "warn": {"json": {"/n": 4}},
        "extract": {"n": "/n"},
    }
    text = config(models, {"it": prompt})
    result, told = ask(gatherd, text, "it")
    assert result.status == 0
    assert told[""][0] == "it: degraded"
    assert ", and its answer keeps to the schema. HTTP 200 is an expected " in why(told)
    assert ", and the other rule of `expect` holds. But the rule of `warn` is " in why(told)
    attempt = told["Attempt 1"]
    assert of(attempt, "Schema") == ["holds   the model's answer keeps to the schema"]
    assert of(attempt, "Expect") == ["holds   status: 200", "holds   /n: 3"]
    assert of(attempt, "Warn") == ["broken  /n: expected 4, got 3"]
    assert told["Values"] == ["  n            3"]

    models.plan["Count"] = lambda api, *_: says(api, '{"n": "three"}')
    result, told = ask(gatherd, text, "it")
    assert result.status == 1
    assert "the model's answer breaks the schema: /n" in why(told)
    assert of(told["Attempt 1"], "Schema")[0].startswith("broken  the model's answer breaks")
    assert of(told["Attempt 1"], "Expect") == ["holds   status: 200"]
    assert told["Begin of the body"] == ['  {"n": "three"}']

    models.plan["Count"] = lambda api, *_: says(api, "three")
    _, told = ask(gatherd, text, "it")
    assert "the model's answer is not valid JSON" in why(told)
    assert of(told["Attempt 1"], "Schema") == []


def test_a_broken_schema_never_quotes_the_key(gatherd, models):
    models.plan["Count"] = lambda api, *_: says(api, f'{{"n": "{KEY}"}}')
    _, told = ask(gatherd, config(models, {"it": {"prompt": "Count", "schema": SCHEMA}}), "it")
    assert of(told["Attempt 1"], "Schema") == ["broken  the model's answer breaks the schema"]


@pytest.mark.parametrize("api", [api for api in APIS if api != "ollama"])
def test_a_refusal(gatherd, models, api):
    models.plan["No"] = lambda api, *_: refuses(api)
    result, told = ask(gatherd, config(models, {"it": "No"}, api=api), "it")
    assert (result.status, told[""][0]) == (1, "it: error")
    assert why(told).startswith("It answered, but the model's answer was blocked")
    assert of(told["Attempt 1"], "Then") == [
        "not tried again: another attempt would change nothing"
    ]


def test_an_answer_that_was_cut_off_is_shown_all_the_same(gatherd, models):
    models.plan["Go on"] = lambda api, *_: cuts(api, "and on and")
    text = config(models, {"it": {"prompt": "Go on", "max_tokens": 3}})
    result, told = ask(gatherd, text, "it")
    assert result.status == 1
    assert why(told).startswith(
        "It answered, but the model's answer was cut off (length). Its `max_tokens` is 3. "
    )
    assert of(told["Attempt 1"], "Finish") == ["length"]
    assert told["Begin of the answer"] == ["  and on and"]


def test_a_model_that_nobody_knows_is_named(gatherd, models):
    models.plan["Hi"] = lambda api, *_: (404, error(api, 404, "no such model"))
    _, told = ask(gatherd, config(models, {"it": "Hi"}), "it")
    assert why(told) == (
        "No model answered: returned HTTP 404: no such model. It asked for the model "
        "the-model. It was not tried again: another attempt would change nothing."
    )
    # There is none that answered.
    assert of(told["Attempt 1"], "Model") == of(told["Attempt 1"], "Tokens") == []
    assert of(told["Attempt 1"], "Expect") == ["broken  status: expected 200-299, got 404"]


def test_another_status_than_expected_is_an_answer(gatherd, models):
    text = config(models, {"it": {"prompt": "Hi", "expect": {"status": 201}}})
    _, told = ask(gatherd, text, "it")
    assert why(told).startswith("It answered, but returned HTTP 200 (expected 201).")


def test_push_backs_are_told_one_by_one(gatherd, models):
    def busy(api, _, number):
        if number > 2:
            return says(api, "at last")
        return 429, error(api, 429, "slow down"), [("retry-after-ms", "30")]

    models.plan["Hi"] = busy
    result, told = ask(gatherd, config(models, {"it": {"prompt": "Hi", "retries": 0}}), "it")
    assert result.status == 0
    assert why(told).endswith("It took 3 attempts.")
    first = told["Attempt 1 of 3"]
    assert of(first, "Result") == ["returned HTTP 429: slow down"]
    assert re.fullmatch(
        r"tried again after \d+ ms \(not counted: the provider pushed back\)",
        *of(first, "Then"),
    )
    assert re.fullmatch(
        r"2 times \(no answer counts, too\), lowered its limit \d times?, paused it 2 times",
        *of(told["Provider"], "Push-back"),
    )
    assert re.match(r"at most 5, \d for now: ", *of(told["Provider"], "At once"))
    assert of(told["Limits"], "Retries") == ["none"]
    assert told["Begin of the answer"] == ["  at last"]


def test_a_push_back_that_outlasts_the_deadline(gatherd, models):
    models.plan["Hi"] = lambda api, *_: (
        *(429, error(api, 429, "slow down")),
        [("Retry-After", "60")],
    )
    text = config(
        models, {"it": {"prompt": "Hi", "retries": 0, "deadline": "5s"}}, keys={"adaptive": False}
    )
    result, told = ask(gatherd, text, "it")
    assert result.status == 1
    assert why(told).startswith("Its provider turned it away: returned HTTP 429: slow down. ")
    assert "a wait of 1m does not fit into the deadline" in why(told)
    assert of(told["Provider"], "At once") == ["at most 5, whatever it says to that"]
    assert re.search(r"paused it 1 time, now for (5\d|1m)", *of(told["Provider"], "Push-back"))


def test_a_quota_that_is_used_up(gatherd, models):
    models.plan["Hi"] = lambda api, *_: (
        429,
        error(api, 429, "You exceeded your current quota", code="insufficient_quota"),
    )
    _, told = ask(gatherd, config(models, {"it": "Hi"}), "it")
    assert why(told).endswith(
        "It was not tried again: its provider says that quota or money is used up."
    )


def test_an_attempt_that_may_have_been_paid_for(gatherd, models):
    models.plan["Hi"] = lambda *_: None
    text = config(models, {"it": {"prompt": "Hi", "timeout": "200ms", "retry_delay": "10ms"}})
    result, told = ask(gatherd, text, "it")
    assert result.status == 1
    assert "That is its `timeout`." in why(told)
    last = told["Attempt 2 of 2"]
    assert of(last, "Usage") == [
        "unknown of 2 attempts, which may have been paid for all the same"
    ]
    assert of(last, "Then") == [
        "not tried again: each attempt that times out may have been paid for"
    ]


def test_budgets_are_told_with_what_this_run_spent(gatherd, models):
    text = config(
        models,
        {"it": {"prompt": "Say hi", "budget": {"tokens": 100, "per": "1d"}, "max_tokens": 20}},
        keys={"price": {"input": 1, "output": 1}, "budget": {"cost": 0.5, "per": "30d"}},
    )
    _, told = ask(gatherd, text, "it")
    assert of(told["Limits"], "Budget") == [
        "100 tokens per 1d, of which this run spent 10: of other runs it knows nothing"
    ]
    assert of(told["Provider"], "Budget") == [
        "a cost of 0.5 per 30d, of which this run spent 0.00001: of other runs it knows nothing"
    ]
    assert of(told["Attempt 1"], "Before") == [
        "sets about 21 tokens of its budget aside",
        "sets a cost of about 0.000021 of its budget aside",
    ]


def test_what_could_cost_too_much_is_not_asked(gatherd, models):
    prompt = {"prompt": "Say hi", "budget": {"tokens": 5, "per": "1d"}, "max_tokens": 20}
    result, told = ask(gatherd, config(models, {"it": prompt}), "it")
    assert (result.status, told[""][0]) == (1, "it: skipped")
    assert why(told) == (
        "It was not asked, as there is too little left to spend: budget of 5 tokens per 1d: "
        "0 spent, about 21 more asked for."
    )
    assert of(told["It was not asked"], "Prompt") == ["Say hi"]
    assert of(told["It was not asked"], "Request")[0].endswith("/v1/chat/completions")
    assert models.prompts == []


@pytest.mark.parametrize("status", [200, 500])
def test_one_that_is_asked_only_where_a_service_fails(gatherd, models, status):
    text = config(
        models,
        {"it": {"prompt": "What is wrong", "when": "failing"}},
        services={"shop": f"{models.url}/status/{status}"},
    )
    result, told = ask(gatherd, text, "it")
    waits, shop = told["Depends on"]
    assert waits == "  It waits for all services, as it is asked only where one fails."
    assert shop.startswith("  shop: ")
    assert of(told["Limits"], "When") == ["failing: only while a service fails"]
    if status == 500:
        assert result.status == 0
        assert told[""][0] == "it: ok"
    else:
        assert result.status == 1
        assert told[""] == [
            "it: pending",
            "  It was not asked, as it is only while a service fails, and none does.",
        ]
        assert "It was not asked" in told


def test_what_it_waits_for_and_what_it_puts_in(gatherd, models):
    text = config(
        models,
        {
            "first": "Begin: {{services.long.data}}",
            "it": {
                "prompt": "Sum up: {{#targets}}{{name}} {{/targets}}\n{{prompts.first.response}}",
                "max_insert": "10",
                "when": "changed",
            },
        },
        services={
            "long": {"url": f"{models.url}/ok", "format": "text"},
            "bad": f"{models.url}/status/404",
        },
    )
    _, told = ask(gatherd, text, "it")
    waits, *others = told["Depends on"]
    assert waits == "  It waits for all services, as what it says is of all of them."
    assert [line.split(":")[0].strip() for line in others] == ["long", "bad", "first"]
    assert of(told["Limits"], "When")[0].startswith("changed: ")
    attempt = told["Attempt 1"]
    assert of(attempt, "Prompt")[0] == "Sum up: long bad"
    assert of(attempt, "Input")[0].endswith("; 1 value was cut to `max_insert`, 10")
    assert told["Warnings"] == ["  a value was cut: longer than max_insert (10)"]


def test_a_dependency_that_failed_is_told(gatherd, models):
    models.plan["No"] = lambda api, *_: refuses(api)
    text = config(models, {"first": "No", "it": "More: {{prompts.first.response}}"})
    result, told = ask(gatherd, text, "it")
    assert (result.status, told[""][0]) == (1, "it: skipped")
    assert why(told).startswith("It was not asked, as it depends on what is not there: ")
    assert told["Depends on"][0].startswith("  first: error, error: the model's answer was")
    assert "first" in why(told)


def test_an_answer_with_a_secret_value_is_not_shown(gatherd, models):
    models.plan["Token"] = lambda api, *_: says(api, '{"token": "t-o-k-e-n-1"}')
    prompt = {
        "prompt": "Token",
        "format": "json",
        "extract": {"token": {"path": "/token", "secret": True}},
    }
    result, told = ask(gatherd, config(models, {"it": prompt}), "it")
    assert result.status == 0
    assert "t-o-k-e-n-1" not in result.stdout
    assert told["Begin of the body"] == ["  not shown: one of its values is secret"]


def test_programs_get_the_same(gatherd, models):
    models.plan["Count ok"] = lambda api, *_: says(api, '{"n": 3}')
    prompt = {
        "prompt": "Count {{services.shop.status}}",
        "schema": SCHEMA,
        "max_tokens": 20,
        "when": "changed",
        "store_prompt": "none",
    }
    text = config(
        models,
        {"it": prompt},
        services={"shop": f"{models.url}/ok"},
        keys={
            "rate": "60/min",
            "price": {"input": 0.5, "output": 2},
            "budget": {"tokens": 100, "per": "1d"},
        },
    )
    result, told = ask_json(gatherd, text, "it")
    assert result.status == 0
    assert list(told["services"]) == ["shop"]
    assert list(told["prompts"]) == ["it"]
    assert told["prompts"]["it"]["data"] == {"n": 3}
    asked = told["provider"]
    assert asked["budget"].pop("started_at") and asked["budget"].pop("ends_at")
    assert asked == {
        "name": "p",
        "api": "openai",
        "url": f"{models.url}/v1",
        "model": "the-model",
        "max_concurrent": 5,
        "limit": 5,
        "pauses": 0,
        "rejections": 0,
        "cuts": 0,
        "adaptive": True,
        "rate": "60/min",
        "price": {"input": 0.5, "output": 2},
        "budget": {"unit": "tokens", "limit": 100, "spent": 10, "per_ms": 86400000},
    }
    limits = told["limits"]
    assert (limits["when"], limits["max_tokens"]) == ("changed", 20)
    assert (limits["redirects"], limits["max_insert"]) == (0, 16384)
    (attempt,) = told["attempts"]
    sent = attempt["input"]
    assert sent.pop("hash") == told["prompts"]["it"]["input_hash"]
    assert sent.pop("bytes") > len("Count ok")
    assert sent == {"prompt": "Count ok", "cut_values": 0}
    assert attempt["schema"]["holds"] is True
    assert attempt["decision"] is None


def test_a_service_has_no_provider(gatherd, models):
    text = config(models, {"other": "Hi"}, services={"shop": f"{models.url}/ok"})
    _, told = ask_json(gatherd, text, "shop")
    assert told["provider"] is told["attempts"][0]["input"] is None
    assert told["attempts"][0]["schema"] is told["limits"]["when"] is None
    assert told["prompts"] == {}
    assert models.prompts == []


def test_the_page_has_all_keys(gatherd, models, trusted, authority):
    models.plan["Count"] = lambda api, *_: says(api, '{"n": 3}')
    service = {
        "url": trusted.url + moves("/ok", 302),
        "delay": "10ms",
        "tls": {"ca": str(authority.certificate)},
        "warn": {"json": {"/ok": True}},
    }
    prompts = {"count": {"prompt": "Count", "schema": SCHEMA}}
    text = config(models, prompts, services={"it": service})
    _, of_service = ask_json(gatherd, text, "it")
    _, of_prompt = ask_json(gatherd, text, "count")
    page = (TOP / "man" / "gatherd.8.in").read_text()
    part = re.split(r"^\.S[sh] ", page.split(".Ss Explanation as JSON\n")[1], flags=re.M)[0]
    documented = set(re.findall(r"^\.It Va (\S+) : ", part, re.M))
    # The rules of both lists look alike.
    alike = {f"attempts[].warn[].{key}" for key in ("holds", "text")}
    assert documented == (keys_of(of_service) | keys_of(of_prompt)) - alike
