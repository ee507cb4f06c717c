"""fail_fast and all_or_nothing with prompts, and prompts that are not required."""

import json
import signal

import pytest

from helpers_limits import held  # noqa: F401 (a fixture)
from helpers_money import (  # noqa: F401 (fixtures)
    ANSWERED,
    asked,
    asking,
    daemon_of,
    fails,
    outcomes,
    spent,
    tokens,
)
from helpers_prompts import ask, config, models  # noqa: F401 (a fixture)
from helpers_reload import complete, gather_now
from models import cuts, says


def of_mode(mode, models, **bad):
    """Two prompts and a service that answer, and one that can fail."""
    prompts = {"a": asking("a"), "bad": asking("bad", **bad), "held": asking("held z")}
    return config(models, prompts, {"s": models.url + "/ok"}) | {"mode": mode, "publish_after": 0}


def test_fail_fast_is_decided_by_a_prompt(daemon_of, held):
    held.plan["bad"] = fails(400)
    with daemon_of(of_mode("fail_fast", held, needs=["a", "s"])) as daemon:
        document = daemon.first_document()
        assert document["outcome"] == "failed" and document["failed"] == ["bad"]
        assert document["in_flight"] == ["held"]
        assert outcomes(document) == {
            "a": ANSWERED,
            "bad": ("http_error", "http"),
            "held": ("pending", None),
        }
        held.let_go("z")
        document = daemon.wait_document(lambda new: new["counts"]["ok"] == 3)
        assert document["outcome"] == "failed"


def test_fail_fast_with_once_waits_for_no_prompt(gatherd, held):
    held.plan["bad"] = fails(400)
    result = ask(gatherd, of_mode("fail_fast", held, needs=["a", "s"]))
    assert result.status == 1 and result.document["failed"] == ["bad"]
    assert result.document["prompts"]["a"]["response"] == "answer to a"


def test_all_or_nothing_keeps_the_answers_of_the_last_complete_round(daemon_of, held):
    """Of prompts their texts, too."""
    held.let_go("z")
    held.plan = {"a": lambda api, _, number: says(api, json.dumps({"n": number}))}
    made = of_mode("all_or_nothing", held, needs=["a", "held", "s"])
    made["prompts"]["a"] |= {"format": "json", "extract": {"n": "/n"}, "keep_last": True}

    def answers(document):
        entries = document["prompts"]
        values = [entries["a"][name] for name in ("data", "values", "response")]
        return values + [entries[name]["response"] for name in ("bad", "held")]

    with daemon_of(made) as daemon:
        document = daemon.first_document()
        kept = answers(document)
        assert kept == [{"n": 1}, {"n": 1}, '{"n": 1}', "answer to bad", "answer to held z"]
        held.plan["bad"] = lambda api, *_: cuts(api, "half of")
        daemon.signal(signal.SIGUSR1)
        document = daemon.wait_document(lambda new: new["outcome"] == "cancelled")
        assert answers(document) == kept
        assert outcomes(document) == {
            "a": ("cancelled", "cancelled"),
            "bad": ("error", "truncated"),
            "held": ("cancelled", "cancelled"),
        }
        assert document["failed"] == ["s", "a", "bad", "held"]
        assert document["prompts"]["a"]["success"] is False
        assert document["prompts"]["a"]["failures"] == 0
        assert document["prompts"]["a"]["last_response"] == '{"n": 1}'
        del held.plan["bad"]
        document = gather_now(daemon)
        assert complete(document) and answers(document)[0] == {"n": 3}


def test_a_restart_keeps_the_answers_of_the_last_complete_round(daemon_of, models):
    """They outlast a round that was cancelled after it, and one that was before it."""
    made = config(models, {"a": asking("a"), "b": asking("b", needs="a")})
    made |= {"mode": "all_or_nothing"}
    with daemon_of(made) as daemon:
        assert complete(daemon.first_document())
    models.plan["b"] = fails(400)
    for count in (1, 2):
        with daemon_of(made) as daemon:
            daemon.first_document()
            daemon.signal(signal.SIGUSR1)
            document = daemon.wait_document(lambda new: new["prompts"]["b"]["failures"] == count)
            assert document["outcome"] == "cancelled" and document["failed"] == ["a", "b"]
            responses = [entry["response"] for entry in document["prompts"].values()]
            assert responses == ["answer to a", "answer to b"]


def test_a_reused_answer_counts_in_a_round_that_is_all_or_nothing(daemon_of, models):
    prompts = {"a": asking("a", when="changed"), "b": asking("b", needs="a")}
    made = config(models, prompts) | {"mode": "all_or_nothing"}
    with daemon_of(made) as daemon:
        first = daemon.first_document()["prompts"]["a"]
        models.plan["b"] = fails(400)
        daemon.signal(signal.SIGUSR1)
        document = daemon.wait_document(lambda new: new["outcome"] == "cancelled")
        entry = document["prompts"]["a"]
        assert (entry["status"], entry["response"]) == ("cancelled", "answer to a")
        del models.plan["b"]
        document = gather_now(daemon)
        entry = document["prompts"]["a"]
        assert complete(document)
        assert (entry["reused"], entry["response"]) == (True, "answer to a")
        assert entry["usage"] == first["usage"] and entry["input_hash"] == first["input_hash"]
    assert asked(models, "a") == 1


def test_all_or_nothing_has_nothing_before_a_complete_round(gatherd, held):
    """What one of them took is paid all the same."""
    held.let_go("z")
    held.plan["bad"] = fails(400)
    made = of_mode("all_or_nothing", held, needs=["a", "held", "s"])
    made["prompts"]["a"] |= tokens(100) | {"keep_last": True}
    result = ask(gatherd, made)
    document = result.document
    assert result.status == 1 and document["outcome"] == "cancelled"
    for entry in document["prompts"].values():
        assert (entry["response"], entry["data"], entry["values"]) == (None, None, {})
    assert document["prompts"]["a"]["last_response"] is None
    assert spent(document["prompts"]["a"]) == 10


def test_all_or_nothing_gives_up_those_that_are_asked(daemon_of, held):
    made = of_mode("all_or_nothing", held, needs=["a", "s"])
    made["providers"]["p"] |= tokens(1000)
    made["prompts"]["held"]["max_tokens"] = 99
    held.plan["bad"] = fails(400)
    with daemon_of(made) as daemon:
        document = daemon.wait_document(lambda new: new["outcome"] == "cancelled")
        assert document["prompts"]["held"]["error"]["message"] == "bad failed"
        p = document["providers"]["p"]
        assert (p["in_flight"], spent(p)) == (0, 10 + 100)


@pytest.mark.parametrize("mode", ["settle", "fail_fast", "all_or_nothing"])
def test_what_is_not_required_decides_nothing(gatherd, models, mode):
    models.plan["bad"] = fails(400)
    made = of_mode(mode, models, required=False)
    result = ask(gatherd, made)
    document = result.document
    assert result.status == 0 and document["status"] == "ok"
    assert complete(document) and document["failed"] == ["bad"]
    assert document["counts"]["ok"] == 3
