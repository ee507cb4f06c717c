"""How many prompts at once a provider takes is found out, and what that costs."""

import json

import pytest

from conftest import Gatherd
from helpers_limits import Run, environment, held, rejects  # noqa: F401 (fixtures)
from helpers_prompts import ask, config
from models import Models

CAPACITY = 10
MOST_REJECTIONS = 30


def batch(models, count, **keys):
    prompts = {"p{{n}}": {"prompt": "{{n}}", "for_each": {"n": list(range(count))}}}
    return config(models, prompts, keys=keys, interval="1h")


def test_adapting_is_about_as_fast_as_the_best_limit_there_is(gatherd, tmp_path):
    """Both at the same time, so that both have the same machine."""
    beside = tmp_path / "beside"
    beside.mkdir()
    delay = (0.4, 0.2)
    with (
        Models(capacity=CAPACITY, delay=delay) as one,
        Models(capacity=CAPACITY, delay=delay) as other,
    ):
        best = Run(Gatherd(beside), batch(one, 150, max_concurrent=CAPACITY, adaptive=False))
        adaptive = ask(gatherd, batch(other, 150, max_concurrent=50))
        best = best.wait()
    assert best.status == adaptive.status == 0, adaptive.stderr
    assert one.rejected == 0
    assert 0 < other.rejected <= MOST_REJECTIONS
    # Some more than it has to be: this is a short run.
    assert adaptive.seconds <= 1.4 * best.seconds
    it = adaptive.document["providers"]["p"]
    assert it["rejections"] == other.rejected
    assert CAPACITY / 2 <= it["limit"] <= 2 * CAPACITY


def test_a_provider_that_takes_them_all_is_asked_as_many_as_may_be(gatherd, held):
    names = [f"{n}" for n in range(60)]
    held.delay = (0.1, 0)
    result = ask(gatherd, config(held, dict(zip(names, names)), keys={"max_concurrent": 20}))
    it = result.document["providers"]["p"]
    assert held.most_thinking == 20
    assert (it["limit"], it["rejections"], it["cuts"]) == (20, 0, 0)


def test_whoever_takes_fewer_all_at_once_is_asked_fewer(gatherd):
    with Models(capacity=20, delay=(0.1, 0.05)) as models:
        run = Run(gatherd, batch(models, 200, max_concurrent=20))
        models.wait_for(lambda models: len(models.requests) >= 60)
        models.capacity = 2
        result = run.wait()
    assert result.status == 0, result.stderr
    it = result.document["providers"]["p"]
    assert it["limit"] <= 6
    assert it["rejections"] == models.rejected <= 100


@pytest.mark.parametrize("capacity", [1, 2])
def test_a_provider_that_takes_one_or_two_at_a_time_gets_that(gatherd, capacity):
    """It waits longer and longer by itself; each answer ends that."""
    with Models(capacity=capacity, delay=(0.02, 0.01)) as models:
        result = ask(gatherd, batch(models, 30, max_concurrent=50))
    assert result.status == 0, result.stderr
    assert models.most_thinking == capacity
    assert models.rejected <= 60


def test_what_was_learned_stays_from_round_to_round(gatherd, tmp_path):
    with Models(capacity=6, delay=(0.05, 0.02)) as models:
        text = batch(models, 40, max_concurrent=50)
        arguments = ("--rounds", "4", "-o", tmp_path / "status.json")
        result = gatherd.run(*arguments, config=text, env=environment())
    assert result.status == 0, result.stderr
    it = json.loads((tmp_path / "status.json").read_text())["providers"]["p"]
    assert it["rejections"] == models.rejected
    # About one in each time that it finds out whether it may be one more.
    assert models.rejected <= 40
    assert 3 <= it["limit"] <= 9


def test_those_who_are_rejected_together_cut_the_limit_once(gatherd, held):
    """As many as it starts with, all of them asked before the first is rejected."""
    texts = [f"held {n}" for n in range(8)]
    held.plan |= {text: rejects() for text in texts}
    run = Run(gatherd, config(held, dict(zip(texts, texts)), keys={"max_concurrent": 10}))
    held.wait_for_prompts(8)
    held.let_go(*range(8))
    result = run.wait()
    assert result.status == 0, result.stderr
    it = result.document["providers"]["p"]
    assert (it["rejections"], it["cuts"], it["pauses"]) == (8, 1, 0)
    # Eight, cut to seven tenths, and from there on the way back.
    assert 5 <= it["limit"] <= 8


def test_two_providers_learn_each_for_itself(gatherd):
    with Models(capacity=3, delay=(0.05, 0.02)) as narrow, Models(delay=(0.05, 0.02)) as wide:
        made = batch(narrow, 30, max_concurrent=12)
        other = batch(wide, 30, max_concurrent=12)
        made["providers"]["q"] = other["providers"]["p"]
        made["prompts"]["p{{n}}"]["provider"] = "p"
        made["prompts"]["q{{n}}"] = made["prompts"]["p{{n}}"] | {"provider": "q"}
        result = ask(gatherd, made)
    assert result.status == 0, result.stderr
    found = result.document["providers"]
    assert found["p"]["limit"] < found["q"]["limit"] == 12
    assert found["q"]["rejections"] == 0 < found["p"]["rejections"]
    assert wide.most_thinking == 12
