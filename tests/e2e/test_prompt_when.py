"""When a prompt is asked at all: `when: changed` and `when: failing`."""

import pytest

from helpers_money import (  # noqa: F401 (fixtures)
    ANSWERED,
    asked,
    asking,
    daemon_of,
    fails,
    hangs,
    one,
    outcome_of,
    outcomes,
    reload,
    runs,
    settled,
    settled_after,
    tokens,
)
from helpers_modes import chosen
from helpers_prompts import ask, config, models  # noqa: F401 (a fixture)
from helpers_reload import gather_now
from models import APIS, cuts, says

CHANGED = {"when": "changed"}
FAILING = {"when": "failing"}
REUSED = "reused the last answer: nothing has changed"
NOT_ASKED = "not asked: no service fails"


def answers_of(entry):
    """What an entry tells of its answer."""
    names = ["response", "data", "values", "model", "finish_reason", "usage", "cost"]
    return {name: entry[name] for name in [*names, "input_hash", "http_status", "warnings"]}


# ---- changed ----


@pytest.mark.parametrize("api", APIS)
def test_what_has_not_changed_is_answered_as_before(runs, models, api):
    models.plan["it"] = lambda api, *_: says(api, '{"n": 1.50, "s": "ä"}')
    prompt = asking(format="json", extract={"n": "/n"}, warn={"json": {"/s": "b"}}, **CHANGED)
    made = config(models, {"it": prompt}, api=api, keys={"price": {"input": 1, "output": 1}})
    first = runs.entry(made)
    assert (first["status"], first["reused"]) == ("degraded", False)
    for _ in range(2):
        entry = runs.entry(made, rounds=2)
        assert (entry["status"], entry["reused"], entry["attempts"]) == ("degraded", True, 0)
        assert answers_of(entry) == answers_of(first)
        assert entry["since"] == first["since"] and entry["failures"] == 0
        assert entry["checked_at"] == entry["last_ok_at"] > first["checked_at"]
        assert (entry["duration_ms"], entry["timing_ms"]["total"]) == (None, None)
        assert f"[it] {REUSED}" in runs.result.stderr
    assert asked(models) == 1


ASKED_AGAIN = {
    "prompt": {"prompt": "it is"},
    "system": {"system": "You are a tree."},
    "model": {"model": "another"},
    "temperature": {"temperature": 0},
    "top_p": {"top_p": 0.5},
    "max_tokens": {"max_tokens": 99},
    "stop": {"stop": "end"},
    "seed": {"seed": 7},
    "format": {"format": "json"},
    "schema": {"schema": {"type": "object"}},
    "extra_body": {"extra_body": {"top_k": 1}},
    "fence": {"fence": True, "prompt": "{{v}}"},
}


@pytest.mark.parametrize("setting", ASKED_AGAIN)
def test_with_another_setting_it_is_asked_again(runs, models, setting):
    made = one(models, **CHANGED)
    before = runs.entry(made)
    made["prompts"]["it"] |= ASKED_AGAIN[setting]
    made["vars"] = {"v": "it was"}
    models.plan = dict.fromkeys(["it", "it is", "it was"], lambda api, *_: says(api, "{}"))
    entry = runs.entry(made)
    assert (entry["status"], entry["reused"]) == ("ok", False)
    assert len(models.prompts) == 2
    assert entry["input_hash"] != before["input_hash"]
    assert runs.entry(made)["reused"] is True


@pytest.mark.parametrize(
    "keys",
    [
        {"model": "another"},
        {"extra_body": {"user": "me"}},
        {"max_tokens_field": "max_tokens"},
        {"api": "openai-responses"},
    ],
)
def test_with_another_provider_behind_its_name_it_is_asked_again(runs, models, keys):
    made = one(models, prompt="it", max_tokens=9, **CHANGED)
    runs(made)
    made["providers"]["p"] |= keys
    assert runs.entry(made)["reused"] is False
    assert asked(models) == 2


@pytest.mark.parametrize(
    "keys, prompt",
    [
        ({"max_concurrent": 1, "rate": "9/s", **tokens(99)}, {}),
        ({"headers": {"X-More": "1"}}, {}),
        ({"price": {"input": 5, "output": 5}}, {}),
        ({"key": "another-key-of-mine"}, {}),
        ({}, {"timeout": "7s", "retries": 5, "deadline": "9m"}),
        ({}, {"group": "g", "labels": {"a": "b"}, "description": "d"}),
        ({}, {"store_prompt": "none", "keep_last": True, "max_insert": "1KiB"}),
    ],
)
def test_what_is_not_sent_makes_it_no_other_prompt(runs, models, keys, prompt):
    made = one(models, **CHANGED)
    runs(made)
    made["providers"]["p"] |= keys
    made["prompts"]["it"] |= prompt
    assert runs.entry(made)["reused"] is True
    assert asked(models) == 1


@pytest.mark.parametrize("extract", [{"n": "/n", "m": "/m"}, {"m": "/m"}, {}])
def test_whoever_takes_other_values_out_asks_again(runs, models, extract):
    models.plan["it"] = lambda api, *_: says(api, '{"n": 1, "m": 2}')
    made = one(models, format="json", extract={"n": "/n"}, **CHANGED)
    runs(made)
    made["prompts"]["it"]["extract"] = extract
    entry = runs.entry(made)
    assert list(entry["values"]) == list(extract) and entry["reused"] is False


@pytest.mark.parametrize("place", ["prompt", "system"])
def test_it_is_asked_again_when_a_service_says_something_else(daemon_of, models, place):
    texts = {"prompt": "it", "system": "plain"} | {place: "{{services.s.values.n}}"}
    chosen(models, "/s", 1)
    services = {"s": {"url": models.url + "/s", "extract": {"n": "/n"}}}
    with daemon_of(one(models, services=services, **texts, **CHANGED)) as daemon:
        settled(daemon)
        assert gather_now(daemon)["prompts"]["it"]["reused"] is True
        # Something that it does not name may change as it likes.
        models.answers["/s"] = models.answers["/s"](None, 1).replace(b'{"n"', b'{"m": 5, "n"')
        models.answers["/s"] = models.answers["/s"].replace(b"h: 8", b"h: 16")
        assert gather_now(daemon)["prompts"]["it"]["reused"] is True
        assert len(models.prompts) == 1
        chosen(models, "/s", 2)
        assert gather_now(daemon)["prompts"]["it"]["reused"] is False
        assert gather_now(daemon)["prompts"]["it"]["reused"] is True
        # It is the last answer that counts: not any.
        chosen(models, "/s", 1)
        assert gather_now(daemon)["prompts"]["it"]["reused"] is False
    assert len(models.prompts) == 3


def test_what_tells_the_time_is_always_another_prompt(runs, models):
    runs(one(models, prompt="{{now}}", **CHANGED), rounds=3)
    assert len(set(models.prompts)) == 3


@pytest.mark.parametrize(
    "act", [fails(500), hangs, lambda api, *_: cuts(api, "half of")], ids=["denied", "hangs", "cut"]
)
@pytest.mark.parametrize("keep_last", [False, True])
def test_a_failure_is_no_answer_and_takes_none_away(daemon_of, models, act, keep_last):
    """The last good answer is to the first text; the other one fails."""
    models.plan["{2}"] = act
    chosen(models, "/s", 1)
    services = {"s": {"url": models.url + "/s", "extract": {"n": "/n"}}}
    prompt = {"prompt": "{{=[ ]=}}{[services.s.values.n]}", "keep_last": keep_last}
    with daemon_of(one(models, services=services, timeout="300ms", **prompt, **CHANGED)) as daemon:
        first = settled(daemon)["prompts"]["it"]
        chosen(models, "/s", 2)
        for count in (1, 2):
            entry = gather_now(daemon)["prompts"]["it"]
            assert (entry["success"], entry["reused"], entry["failures"]) == (False, False, count)
            assert entry["data"] is None and entry["input_hash"] == first["input_hash"]
            assert entry.get("last_response") == ("answer to {1}" if keep_last else None)
        chosen(models, "/s", 1)
        entry = gather_now(daemon)["prompts"]["it"]
        assert (entry["success"], entry["reused"], entry["failures"]) == (True, True, 0)
        assert answers_of(entry) == answers_of(first)
    assert models.prompts == ["{1}", "{2}", "{2}"]


def test_who_cannot_be_asked_keeps_the_last_answer_aside(daemon_of, models):
    chosen(models, "/s", 1)
    services = {"s": {"url": models.url + "/s", "extract": {"n": "/n"}}}
    text = "{{services.s.values.n}}"
    with daemon_of(one(models, services=services, prompt=text, **CHANGED)) as daemon:
        settled(daemon)
        chosen(models, "/s", 500)
        entry = gather_now(daemon)["prompts"]["it"]
        assert outcome_of(entry) == ("skipped", "dependency") and entry["response"] is None
        chosen(models, "/s", 1)
        entry = gather_now(daemon)["prompts"]["it"]
        assert (entry["reused"], entry["response"]) == (True, "answer to 1")
    assert len(models.prompts) == 1


def test_after_a_failure_and_a_restart_it_is_asked_again(runs, models):
    """Its good answer is no longer in the document."""
    made = one(models, prompt="{{v}}", **CHANGED) | {"vars": {"v": "good"}}
    runs(made)
    models.plan["bad"] = fails(400)
    assert runs.entry(made | {"vars": {"v": "bad"}})["status"] == "http_error"
    entry = runs.entry(made)
    assert (entry["reused"], entry["response"]) == (False, "answer to good")


def test_whoever_was_killed_uses_the_answer_that_was_published(daemon_of, models):
    made = one(models, **CHANGED)
    with daemon_of(made) as daemon:
        settled(daemon)
        daemon.kill()
    for _ in range(2):
        with daemon_of(made) as daemon:
            daemon.first_document()
            entry = gather_now(daemon)["prompts"]["it"]
            assert (entry["reused"], entry["response"]) == (True, "answer to it")
            daemon.kill()
    assert asked(models) == 1


SECRETS = {
    "prompt": {"prompt": "${SECRET} it"},
    "system": {"system": "${SECRET}"},
    "model": {"model": "${SECRET}"},
    "var": {"prompt": "{{v}}"},
}


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("place", SECRETS)
def test_another_secret_is_another_prompt(runs, models, place, has_key):
    """But what it is does not stand in the document."""
    made = one(models, **({"prompt": "it"} | SECRETS[place]), **CHANGED)
    made["vars"] = {"v": "${SECRET}"}
    if not has_key:
        del made["providers"]["p"]["key"]
    hashes = []
    for secret in ("the-first-of-them", "the-second-one"):
        entry = runs.entry(made, env={"SECRET": secret})
        assert (entry["status"], entry["reused"]) == ("ok", False)
        assert secret not in runs.path.read_text()
        hashes.append(entry["input_hash"])
        assert runs.entry(made, env={"SECRET": secret})["reused"] is True
    assert hashes[0] != hashes[1]
    assert len(models.prompts) == 2


def test_an_edited_file_is_another_prompt(runs, models, tmp_path):
    """What ${file:} puts in is secret, and counts all the same."""
    note = tmp_path / "note.txt"
    made = one(models, prompt="${file:%s}" % note, **CHANGED)
    for text in ("it was so", "it is so"):
        note.write_text(text + "\n")
        entry = runs.entry(made)
        assert (entry["prompt"], entry["reused"]) == ("***", False)
        assert runs.entry(made)["reused"] is True
    assert models.prompts == ["it was so", "it is so"]


def test_a_file_that_was_edited_before_a_reload_is_another_prompt(daemon_of, models, tmp_path):
    note = tmp_path / "note.txt"
    made = one(models, prompt="${file:%s}" % note, **CHANGED)
    note.write_text("it was so")
    with daemon_of(made) as daemon:
        document = settled(daemon)
        note.write_text("it is so")
        reload(daemon, made)
        document = settled_after(daemon, document)
        assert document["prompts"]["it"]["reused"] is False
        assert gather_now(daemon)["prompts"]["it"]["reused"] is True
    assert models.prompts == ["it was so", "it is so"]


def test_a_secret_value_is_not_kept_and_so_not_used_again_after_a_restart(runs, models):
    models.plan["it"] = lambda api, *_: says(api, '{"token": "the-secret-token"}')
    extract = {"token": {"path": "/token", "secret": True}}
    made = one(models, format="json", extract=extract, **CHANGED)
    made["services"] = {
        "s": {
            "url": models.url + "/echo",
            "headers": {"X-Token": "{{prompts.it.values.token}}"},
        }
    }
    for count in (1, 2):
        document = runs(made)
        assert document["services"]["s"]["status"] == "ok"
        assert "the-secret-token" not in runs.path.read_text()
        assert asked(models) == count
    runs(made, rounds=3)
    assert asked(models) == 3, "once more, and from then on it is known"


def test_a_reload_asks_whoever_judges_otherwise(daemon_of, models):
    made = one(models, **CHANGED)
    with daemon_of(made) as daemon:
        document = settled(daemon)
        made["prompts"]["it"]["expect"] = {"body": {"maxLength": 3}}
        reload(daemon, made)
        document = settled_after(daemon, document)
        assert outcomes(document) == {"it": ("error", "expectation")}
        # By these rules nothing was answered well, and by those that were before it was.
        reload(daemon, one(models, **CHANGED))
        document = settled_after(daemon, document)
        assert outcomes(document) == {"it": ANSWERED}
        assert document["prompts"]["it"]["reused"] is True
    assert asked(models) == 2


@pytest.mark.parametrize("rules", [{"expect": {"body": "x"}}, {"warn": {"body": "x"}}])
def test_by_other_rules_an_answer_is_no_answer_after_a_restart_either(runs, models, rules):
    runs(one(models, **CHANGED))
    entry = runs.entry(one(models, **rules, **CHANGED))
    assert (entry["status"], entry["reused"]) == ("degraded" if "warn" in rules else "error", False)


def test_what_is_changed_but_not_sent_asks_nobody(daemon_of, models):
    """It is due, as all that was changed."""
    with daemon_of(one(models, **CHANGED)) as daemon:
        document = settled(daemon)
        reload(daemon, one(models, timeout="7s", **CHANGED))
        document = settled_after(daemon, document)
    assert document["prompts"]["it"]["reused"] is True
    assert asked(models) == 1


def test_whoever_has_not_changed_waits_for_no_slot_and_no_pause(daemon_of, models):
    """The provider asks not to be asked, and its budget is used up."""
    models.plan["busy"] = lambda api, *_: (429, "{}", [("Retry-After", "1000")])
    made = config(models, {"it": asking(**CHANGED)}, keys=tokens(10))
    with daemon_of(made) as daemon:
        first = settled(daemon)
        made["providers"]["p"] |= tokens(1000)
        made["prompts"]["busy"] = asking("busy", deadline="1s")
        reload(daemon, made)
        document = settled_after(daemon, first)
        assert document["providers"]["p"]["paused_until"] is not None
        made["providers"]["p"] |= tokens(10)
        reload(daemon, made)
        document = gather_now(daemon)
    assert document["prompts"]["it"]["reused"] is True


# ---- failing ----


def failing(models, services, **prompt):
    return config(models, {"it": asking(**FAILING, **prompt)}, services)


def test_while_no_service_fails_it_is_not_asked(gatherd, models):
    services = {
        "fine": models.url + "/ok",
        "late": models.url + "/delay/0.2",
        "degraded": {"url": models.url + "/ok", "warn": {"json": {"/ok": False}}},
        "off": {"url": models.url + "/status/500", "enabled": False},
    }
    result = ask(gatherd, failing(models, services))
    document = result.document
    entry = document["prompts"]["it"]
    assert result.status == 0 and models.prompts == []
    assert (entry["status"], entry["success"], entry["error"]) == ("pending", False, None)
    assert (entry["checked_at"], entry["attempts"], entry["response"]) == (None, 0, None)
    assert document["status"] == "degraded" and document["failed"] == []
    assert document["counts"]["pending"] == 1
    assert f"[it] {NOT_ASKED}" in result.stderr
    assert "dashboard complete (3 of 4 ok in " in result.stderr


@pytest.mark.parametrize(
    "service, status",
    [
        ("/status/500", "http_error"),
        ("/hang", "timeout"),
        ("/reset", "error"),
        ({"url": "/status/404", "required": False}, "http_error"),
    ],
)
def test_whatever_service_fails_it_is_asked(gatherd, models, service, status):
    service = service if isinstance(service, dict) else {"url": service}
    service = {**service, "url": models.url + service["url"], "timeout": "300ms"}
    text = "{{#failed}}{{.}} {{/failed}}{{services.ill.status}}"
    services = {"well": models.url + "/ok", "ill": service}
    result = ask(gatherd, failing(models, services, prompt=text))
    assert models.prompts == [f"ill {status}"]
    assert outcomes(result.document) == {"it": ANSWERED}
    assert result.status == (0 if service.get("required") is False else 1)


def test_what_is_skipped_or_a_prompt_that_fails_is_no_service_that_fails(gatherd, models):
    models.plan["bad"] = fails(400)
    made = failing(models, {"s": {"url": models.url + "/ok", "needs": "bad"}})
    made["prompts"]["bad"] = asking("bad")
    result = ask(gatherd, made)
    assert models.prompts == ["bad"]
    assert result.document["services"]["s"]["status"] == "skipped"
    assert outcomes(result.document)["it"] == ("pending", None)


def test_without_services_nobody_asks_it(gatherd, models):
    result = ask(gatherd, config(models, {"it": asking(**FAILING), "other": asking("other")}))
    assert models.prompts == ["other"] and result.status == 0
    assert result.document["status"] == "ok"


def test_it_is_pending_again_when_all_is_well(daemon_of, models):
    chosen(models, "/s", 1)
    services = {"s": models.url + "/s"}
    with daemon_of(failing(models, services)) as daemon:
        assert settled(daemon)["status"] == "ok"
        chosen(models, "/s", 500)
        document = gather_now(daemon)
        asked_at = document["prompts"]["it"]["checked_at"]
        since = document["prompts"]["it"]["since"]
        assert outcomes(document) == {"it": ANSWERED} and document["failed"] == ["s"]
        chosen(models, "/s", 1)
        document = gather_now(daemon)
        entry = document["prompts"]["it"]
        assert (entry["status"], entry["success"], entry["response"]) == ("pending", False, None)
        assert (entry["checked_at"], entry["last_ok_at"]) == (asked_at, asked_at)
        assert (entry["since"], entry["failures"]) == (since, 0)
        assert "last_response" not in entry
        assert document["status"] == "ok" and document["failed"] == []
        models.plan["it"] = fails(400)
        chosen(models, "/s", 500)
        for count in (1, 2):
            document = gather_now(daemon)
            assert document["prompts"]["it"]["failures"] == count
            assert document["failed"] == ["s", "it"] and document["status"] == "down"
        chosen(models, "/s", 1)
        document = gather_now(daemon)
        entry = document["prompts"]["it"]
        assert (entry["status"], entry["failures"], entry["error"]) == ("pending", 2, None)
        assert document["status"] == "ok" and document["failed"] == []
    assert asked(models) == 3
    told = [line.split("[it] ")[1] for line in daemon.matches(r"\[it\]")]
    assert told[0] == told[2] == told[-1] == NOT_ASKED and len(told) == 5, told


def test_the_last_good_answer_outlasts_that_it_is_not_asked(daemon_of, models):
    chosen(models, "/s", 500)
    services = {"s": models.url + "/s"}
    made = failing(models, services, keep_last=True)
    with daemon_of(made) as daemon:
        assert settled(daemon)["prompts"]["it"]["last_response"] == "answer to it"
        chosen(models, "/s", 1)
        for _ in range(2):
            entry = gather_now(daemon)["prompts"]["it"]
            assert (entry["status"], entry["response"]) == ("pending", None)
            assert entry["last_response"] == "answer to it"
    for _ in range(2):
        with daemon_of(made) as daemon:
            daemon.first_document()
            entry = gather_now(daemon)["prompts"]["it"]
            assert entry["status"] == "pending"
            assert entry["last_response"] == "answer to it"


def test_it_sees_the_last_known_state_where_no_service_is_asked(daemon_of, models):
    """Its own turn comes when the services' does not."""
    chosen(models, "/s", 500)
    services = {"s": {"url": models.url + "/s", "interval": "1h"}}
    with daemon_of(failing(models, services) | {"interval": "50ms"}) as daemon:
        models.wait_for(lambda models: len(models.prompts) >= 3)
        assert models.asked["/s"] == 1
        assert daemon.document["services"]["s"]["status"] == "http_error"


def test_a_restart_knows_that_a_service_had_failed(daemon_of, models):
    """And so is asked before the service was asked again."""
    chosen(models, "/s", 500)
    made = failing(models, {"s": models.url + "/s"})
    with daemon_of(made) as daemon:
        settled(daemon)
    del models.answers["/s"]
    made["services"]["s"] = models.url + "/hang"
    made["prompts"]["it"]["interval"] = "50ms"
    with daemon_of(made) as daemon:
        daemon.wait_document(lambda document: len(models.prompts) >= 3)
        assert daemon.document["services"]["s"]["status"] == "http_error"


def test_those_who_need_it_wait_with_it(gatherd, models):
    made = failing(models, {"s": models.url + "/ok"})
    made["prompts"]["next"] = asking("{{prompts.it.response}}")
    made["prompts"]["needs"] = asking("needs", needs="it")
    result = ask(gatherd, made)
    assert outcomes(result.document) == dict.fromkeys(made["prompts"], ("pending", None))
    assert models.prompts == [] and result.status == 0
    made["services"]["s"] = models.url + "/status/500"
    assert set(outcomes(ask(gatherd, made).document).values()) == {ANSWERED}
    assert models.prompts[0] == "it" and sorted(models.prompts[1:]) == ["answer to it", "needs"]
