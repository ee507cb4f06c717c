"""What prompts cost: usage and money in the document, and budgets that hold, of a prompt and of
a provider, over runs, restarts, periods and other configs."""

import signal

import pytest

from helpers_clock import clock_library, wall_clock  # noqa: F401 (fixtures)
from helpers_limits import held, rejects  # noqa: F401 (a fixture)
from helpers_money import (  # noqa: F401 (fixtures)
    ANSWERED,
    COST,
    DAY_MS,
    ONCE,
    PRICE,
    TOKENS,
    UNPAID,
    asked,
    asking,
    clocked_runs,
    cost,
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
    spent,
    tokens,
    without_usage,
)
from helpers_prompts import ask, config, models, provider  # noqa: F401 (a fixture)
from helpers_reload import gather_now
from helpers_schedule import ms
from models import APIS, cuts, error, refuses, says

# ---- what an answer cost ----


@pytest.mark.parametrize("api", APIS)
def test_what_an_answer_cost_is_told_and_paid(gatherd, models, api):
    keys = PRICE | tokens(100)
    made = config(models, {"it": asking(max_tokens=50, **cost("0.5"))}, api=api, keys=keys)
    document = ask(gatherd, made).document
    entry, p = document["prompts"]["it"], document["providers"]["p"]
    assert entry["usage"]["total_tokens"] == TOKENS
    assert entry["cost"] == COST
    assert entry["usage_unknown_attempts"] == 0
    budget = entry["budget"]
    assert budget["started_at"] is not None
    assert ms(budget["ends_at"]) - ms(budget["started_at"]) == DAY_MS
    del budget["started_at"], budget["ends_at"]
    assert budget == {"unit": "cost", "limit": 0.5, "spent": COST, "per_ms": DAY_MS}
    assert (p["budget"]["unit"], p["budget"]["limit"]) == ("tokens", 100)
    assert spent(p) == TOKENS


def test_money_is_counted_to_the_last_digit(gatherd, models):
    """None of these is a number that a double has."""
    keys = {"price": {"input": "0.1", "output": "0.000001"}} | cost("0.7")
    result = ask(gatherd, one(models, keys=keys))
    assert '"cost":0.000000700003' in result.stdout.replace('": ', '":')
    assert '"spent":0.000000700003' in result.stdout.replace('": ', '":')


@pytest.mark.parametrize("price", [{}, {"price": {"input": 1}}, {"price": {"output": 1}}])
def test_what_has_no_price_costs_nobody_knows_what(gatherd, models, price):
    result = ask(gatherd, one(models, keys=price))
    assert result.document["prompts"]["it"]["cost"] is None
    result = gatherd.run("-t", config=one(models, keys=price, **cost(1)), env={"MODEL_KEY": "k"})
    assert result.status == 2 and "price" in result.stderr


def test_what_is_free_never_passes_a_budget(runs, models):
    keys = {"price": {"input": 0, "output": 0}}
    entry = runs.entry(one(models, keys=keys, **cost("0.000001")), rounds=4)
    assert outcome_of(entry) == ANSWERED and entry["cost"] == 0
    assert (spent(entry), entry["budget"]["started_at"]) == (0, None)
    assert asked(models) == 4


# ---- the estimate ----


@pytest.mark.parametrize("api", APIS)
def test_before_the_first_answer_the_estimate_is_of_what_is_sent(gatherd, models, api):
    """A token for four bytes, and as many as it may answer with."""
    text = "x" * 4000
    prompt = asking(text, system="y" * 400, max_tokens=900, **tokens(1999))
    entry = ask(gatherd, config(models, {"it": prompt}, api=api)).document["prompts"]["it"]
    assert outcome_of(entry) == UNPAID
    assert entry["error"]["message"] == (
        "budget of 1999 tokens per 1d: 0 spent, about 2000 more asked for"
    )
    assert (entry["attempts"], entry["usage"], entry["budget"]["started_at"]) == (0, None, None)
    assert entry["prompt"] == text and entry["model"] == "the-model"
    prompt |= tokens(2000)
    entry = ask(gatherd, config(models, {"it": prompt}, api=api)).document["prompts"]["it"]
    assert outcome_of(entry) == ANSWERED and spent(entry) == TOKENS


def test_where_the_api_demands_a_token_limit_that_counts(gatherd, models):
    made = config(models, {"it": asking("four", **tokens(1024))}, api="anthropic")
    entry = ask(gatherd, made).document["prompts"]["it"]
    assert outcome_of(entry) == UNPAID and "about 1025 more" in entry["error"]["message"]


def test_in_money_input_and_output_are_estimated_by_their_own_prices(gatherd, models):
    """1,000 tokens at 2, and 100 at 8, for a million."""
    prompt = {"prompt": "x" * 4000, "max_tokens": 100}
    few = ask(gatherd, one(models, PRICE, **prompt, **cost("0.002799"))).document
    assert few["prompts"]["it"]["error"]["message"] == (
        "budget of cost 0.002799 per 1d: 0 spent, about 0.0028 more asked for"
    )
    enough = ask(gatherd, one(models, PRICE, **prompt, **cost("0.0028"))).document
    assert outcomes(enough) == {"it": ANSWERED}


@pytest.mark.parametrize("limit, times", [(10, 1), (19, 1), (20, 2), (29, 2), (30, 3)])
def test_after_an_answer_the_estimate_is_what_that_took(runs, models, limit, times):
    entry = runs.entry(one(models, **tokens(limit)), rounds=5)
    assert asked(models) == times and spent(entry) == times * TOKENS
    assert outcome_of(entry) == UNPAID
    begin = f"budget of {limit} tokens per 1d: {times * TOKENS} spent, about 10 more asked for, "
    assert entry["error"]["message"] == (
        f"{begin}next period begins at {entry['budget']['ends_at']}"
    )


@pytest.mark.parametrize("limit, times", [("0.000038", 1), ("0.000113", 2), ("0.000114", 3)])
def test_a_budget_of_money_is_used_up_likewise(runs, models, limit, times):
    entry = runs.entry(one(models, PRICE, **cost(limit)), rounds=5)
    assert asked(models) == times and outcome_of(entry) == UNPAID
    assert spent(entry) == round(times * COST, 6)
    assert f"budget of cost {limit} per 1d: " in entry["error"]["message"]


@pytest.mark.parametrize("whose", ["prompt", "provider"])
def test_the_estimate_outlives_any_outcome_and_any_restart(runs, models, whose):
    """By its text alone it would be one token, for which there is room."""
    made = one(models, **tokens(25)) if whose == "prompt" else one(models, tokens(25))
    outcomes = [outcome_of(runs.entry(made)) for _ in range(5)]
    assert outcomes == [ANSWERED, ANSWERED, UNPAID, UNPAID, UNPAID]
    assert asked(models) == 2


def test_what_the_next_attempt_is_taken_to_cost_is_told(runs, models):
    made = one(models, PRICE)
    models.plan["it"] = fails(400)
    assert runs.entry(made)["estimate"] is None
    del models.plan["it"]
    assert runs.entry(made)["estimate"] == {"tokens": TOKENS, "cost": COST}
    models.plan["it"] = fails(400)
    entry = runs.entry(made)
    assert (entry["usage"], entry["cost"]) == (None, None)
    assert entry["estimate"] == {"tokens": TOKENS, "cost": COST}


def test_a_long_text_does_not_count_once_its_answer_is_known(runs, models):
    """By itself it would be 2,500 tokens."""
    text = "x" * 10_000
    assert outcome_of(runs.entry(one(models, prompt=text))) == ANSWERED
    entry = runs.entry(one(models, prompt=text, **tokens(20)), rounds=5)
    assert asked(models, text) == 3 and spent(entry) == 20


def test_an_answer_that_takes_more_than_was_estimated_is_paid_all_the_same(runs, models):
    models.plan["it"] = lambda api, *_: says(api, "well", input_tokens=900, output_tokens=100)
    entry = runs.entry(one(models, **tokens(50)), rounds=3)
    assert asked(models) == 1 and spent(entry) == 1000
    assert outcome_of(entry) == UNPAID


HUGE = 2**63 - 1


@pytest.mark.parametrize(
    "numbers, total",
    [
        ({"prompt_tokens": 10**12, "completion_tokens": 1, "total_tokens": 10**12}, 10**12),
        ({"prompt_tokens": HUGE, "completion_tokens": HUGE, "total_tokens": HUGE}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 10**30}, None),
        ({"prompt_tokens": -7, "completion_tokens": -3, "total_tokens": -10}, None),
        ({"prompt_tokens": "7", "completion_tokens": [3], "total_tokens": {}}, None),
        ({"prompt_tokens": 1.5, "completion_tokens": None, "total_tokens": 1e300}, None),
    ],
)
def test_no_usage_that_is_told_refills_a_budget(runs, models, numbers, total):
    """Where it makes no sense the estimate counts: 100 tokens."""
    models.plan["it"] = lambda api, *_: says(api, "well") | {"usage": numbers}
    made = one(models, PRICE | cost(5), max_tokens=100, **tokens(250))
    entry = runs.entry(made)
    assert entry["status"] == "ok"
    assert (entry["usage"] or {"total_tokens": None})["total_tokens"] == total
    assert spent(entry) == (total or 100)
    assert entry["usage_unknown_attempts"] == (total is None)
    assert runs.entry(made, rounds=3)["error"]["kind"] == "budget"
    assert asked(models) == (1 if total else 2)


# ---- whose budget ----


def test_each_prompt_has_a_budget_of_its_own_and_their_provider_one_of_all(runs, models):
    made = config(models, {}, keys=tokens(55))
    made["defaults"] = ONCE
    made["prompts"] = {
        "p{{n}}": {"prompt": "p{{n}}", "for_each": {"n": [1, 2, 3]}} | tokens(20),
        "free": {"prompt": "free"},
    }
    document = runs(made)
    assert set(outcomes(document).values()) == {ANSWERED}
    assert spent(document["providers"]["p"]) == 40
    document = runs(made)
    assert list(outcomes(document).values()) == [ANSWERED, UNPAID, UNPAID, UNPAID]
    assert spent(document["providers"]["p"]) == 50
    assert [spent(document["prompts"][f"p{n}"]) for n in (1, 2, 3)] == [20, 10, 10]
    assert document["prompts"]["free"]["budget"] is None
    p2 = document["prompts"]["p2"]
    assert p2["error"]["message"].startswith("p: budget of 55 tokens per 1d: 40 spent, 10 under")
    p1 = runs(made)["prompts"]["p1"]
    assert p1["error"]["message"].startswith("budget of 20 tokens per 1d: 20 spent")
    assert runs.result.status == 1


def test_a_provider_whose_budget_is_used_up_stops_no_other(runs, models):
    providers = {
        "p": provider("openai", models, **tokens(10)),
        "q": provider("gemini", models, **PRICE, **cost("0.0001")),
    }
    prompts = {name: asking(name, provider=name) for name in providers}
    document = runs({"providers": providers, "prompts": prompts}, rounds=3)
    assert (asked(models, "p"), asked(models, "q")) == (1, 2)
    assert spent(document["providers"]["p"]) == 10
    assert spent(document["providers"]["q"]) == round(2 * COST, 6)


def test_those_under_way_cannot_pass_a_budget_together(daemon_of, held):
    """Each takes as much as 100 tokens, until it is known that it took ten."""
    prompts = {f"p{n}": asking(f"held p{n}", max_tokens=99) for n in range(6)}
    keys = tokens(350) | {"max_concurrent": 6}
    with daemon_of(config(held, prompts, keys=keys)) as daemon:
        assert held.wait_for_prompts(3) == ["held p0", "held p1", "held p2"]
        document = daemon.wait_document(lambda document: document["counts"]["skipped"] == 3)
        p = document["providers"]["p"]
        assert (spent(p), p["in_flight"]) == (0, 3)
        assert document["prompts"]["p3"]["error"]["message"] == (
            "p: budget of 350 tokens per 1d: 0 spent, 300 under way, about 100 more asked for"
        )
        held.let_go(*(f"p{n}" for n in range(6)))
        document = settled(daemon)
        assert spent(document["providers"]["p"]) == 30
        # What was reserved is free again: 30 + 3 x 10, and 3 x 100 more are under way.
        held.let_out.clear()
        daemon.signal(signal.SIGUSR1)
        held.wait_for_prompts(8)
        held.let_go(*(f"p{n}" for n in range(6)))
        document = settled_after(daemon, document)
        assert len(held.texts()) == 8
        assert spent(document["providers"]["p"]) == 80
        assert document["failed"] == ["p5"]


def test_those_who_queue_are_looked_at_when_it_is_their_turn(gatherd, models):
    """One after the other there is room for all: each gives back what it did not take."""
    prompts = {f"p{n}": asking(f"p{n}", max_tokens=60) for n in range(5)}
    keys = tokens(110) | {"max_concurrent": 1}
    document = ask(gatherd, config(models, prompts, keys=keys)).document
    assert set(outcomes(document).values()) == {ANSWERED}
    assert spent(document["providers"]["p"]) == 50


# ---- what is paid ----


@pytest.mark.parametrize(
    "act, outcome, paid, unknown",
    [
        (hangs, ("timeout", "timeout"), 100, 1),
        (without_usage, ANSWERED, 100, 1),
        (fails(500), ("http_error", "http"), 0, 0),
        (fails(400), ("http_error", "http"), 0, 0),
        (lambda api, *_: error(api, 400, "within a good answer"), ("http_error", "http"), 100, 1),
        (lambda api, *_: cuts(api, "half of"), ("error", "truncated"), 10, 0),
        (lambda api, *_: refuses(api), ("error", "blocked"), 10, 0),
        (lambda api, *_: says(api, ""), ("error", "invalid_body"), 10, 0),
        (lambda *_: "no JSON", ("error", "invalid_body"), 100, 1),
    ],
)
def test_what_may_have_been_paid_for_is_charged(gatherd, models, act, outcome, paid, unknown):
    models.plan["it"] = act
    made = one(models, tokens(5000), max_tokens=100, timeout="300ms", **tokens(1000))
    result = ask(gatherd, made)
    entry = result.document["prompts"]["it"]
    assert outcome_of(entry) == outcome
    assert (spent(entry), entry["usage_unknown_attempts"]) == (paid, unknown)
    assert spent(result.document["providers"]["p"]) == paid


def test_each_attempt_that_timed_out_is_charged(gatherd, models):
    """100 each; after an answer of a former run it would be ten."""
    models.plan["it"] = hangs
    keys = {"timeout": "200ms", "retry_delay": "1ms", "max_tokens": 100, "deadline": "1m"}
    made = one(models, **keys, **tokens(250))
    made["prompts"]["it"]["retries"] = 2
    entry = ask(gatherd, made).document["prompts"]["it"]
    assert outcome_of(entry) == ("timeout", "timeout")
    assert (entry["attempts"], entry["usage_unknown_attempts"], spent(entry)) == (2, 2, 200)


def test_a_budget_is_looked_at_before_each_attempt(gatherd, models):
    """What cannot be tried again ends as it did before."""
    models.plan["it"] = hangs
    keys = {"timeout": "200ms", "retry_delay": "1ms", "max_tokens": 100, "deadline": "1m"}
    made = one(models, **keys, **tokens(150))
    made["prompts"]["it"]["retries"] = 2
    entry = ask(gatherd, made).document["prompts"]["it"]
    assert outcome_of(entry) == ("timeout", "timeout")
    assert (entry["attempts"], entry["usage_unknown_attempts"], spent(entry)) == (1, 1, 100)


def test_what_is_pushed_back_costs_nothing(gatherd, models):
    models.plan["it"] = rejects(times=5)
    made = one(models, max_tokens=100, retry_delay="1ms", deadline="1m", **tokens(100))
    entry = ask(gatherd, made).document["prompts"]["it"]
    assert outcome_of(entry) == ANSWERED
    assert (entry["attempts"], spent(entry), entry["usage_unknown_attempts"]) == (6, 10, 0)


def test_whoever_cannot_be_reached_costs_nothing(gatherd, models, bad_ports):
    made = one(f"http://127.0.0.1:{bad_ports.refused()}", **tokens(1000))
    entry = ask(gatherd, made).document["prompts"]["it"]
    assert outcome_of(entry) == ("error", "connect")
    assert (spent(entry), entry["usage_unknown_attempts"]) == (0, 0)


def test_an_attempt_that_is_given_up_is_charged(daemon_of, held):
    """Nobody will know what it took."""
    made = one(held, prompt="held it", max_tokens=99, **tokens(1000))
    with daemon_of(made) as daemon:
        held.wait_for_prompts(1)
        made["prompts"]["it"]["temperature"] = 0
        reload(daemon, made)
        held.wait_for_prompts(2)
        held.let_go("it")
        entry = settled(daemon)["prompts"]["it"]
    assert outcome_of(entry) == ANSWERED and spent(entry) == 100 + TOKENS


# ---- over restarts ----


def test_a_killed_daemon_has_spent_what_it_told(daemon_of, models):
    made = one(models, tokens(1000), **tokens(35))
    told = []
    for _ in range(5):
        with daemon_of(made) as daemon:
            daemon.first_document()
            told.append(gather_now(daemon))
            daemon.kill()
    # The first of them was asked twice: at its start, and then.
    assert [spent(document["prompts"]["it"]) for document in told] == [20, 30, 30, 30, 30]
    assert [spent(document["providers"]["p"]) for document in told] == [20, 30, 30, 30, 30]
    assert len({document["prompts"]["it"]["budget"]["started_at"] for document in told}) == 1
    assert asked(models) == 3


def test_what_was_spent_is_known_whatever_the_entry_says(runs, models):
    """It is skipped, and fails, and has a secret value: all that leaves out the answer."""
    made = one(models, tokens(1000), prompt="{{v}}", **tokens(60))
    for v in ("good", "bad", "good", "bad"):
        made["vars"] = {"v": v}
        models.plan["bad"] = lambda api, *_: cuts(api, "half of")
        entry = runs.entry(made)
    assert outcome_of(entry) == ("error", "truncated") and spent(entry) == 40
    made["prompts"]["it"]["needs"] = "s"
    made["services"] = {"s": f"{models.url}/status/500"}
    document = runs(made)
    assert outcomes(document) == {"it": ("skipped", "dependency")}
    assert spent(document["prompts"]["it"]) == 40
    del made["prompts"]["it"]["needs"]
    made["prompts"]["it"] |= {
        "prompt": "{}",
        "format": "json",
        "extract": {"x": {"path": "/x", "secret": True}},
    }
    models.plan["{}"] = lambda api, *_: says(api, '{"x": "a secret value"}')
    document = runs(made)
    document = runs(made)
    assert outcomes(document) == {"it": ANSWERED}
    assert spent(document["prompts"]["it"]) == 60
    assert spent(document["providers"]["p"]) == 60
    assert outcomes(runs(made)) == {"it": UNPAID}


def test_what_nobody_has_spent_begins_no_period(runs, models):
    models.plan["it"] = fails(500)
    entry = runs.entry(one(models, **tokens(100)), rounds=2)
    assert spent(entry) == 0
    assert (entry["budget"]["started_at"], entry["budget"]["ends_at"]) == (None, None)


# ---- periods ----


def test_a_period_begins_with_the_first_spending_and_ends_after_its_time(clocked_runs, models):
    runs, made = clocked_runs, one(models, tokens(1000), **tokens(20))
    assert outcome_of(runs.entry(made, rounds=3)) == UNPAID
    runs.clock.step(DAY_MS - 3_600_000)
    entry = runs.entry(made)
    assert outcome_of(entry) == UNPAID and spent(entry) == 20
    runs.clock.step(3_600_000)
    document = runs(made)
    later = document["prompts"]["it"]
    assert outcome_of(later) == ANSWERED and spent(later) == 10
    assert ms(later["budget"]["started_at"]) > ms(entry["budget"]["ends_at"])
    # The provider's is as old, and as long.
    assert spent(document["providers"]["p"]) == 10
    # A year in which nothing happened is not made up for.
    runs.clock.step(365 * DAY_MS)
    assert outcome_of(runs.entry(made, rounds=3)) == UNPAID
    assert asked(models) == 2 + 1 + 1 + 2 - 1


def test_a_daemon_begins_a_new_period_too(daemon_of, models, wall_clock):
    made = one(models, **tokens(10))
    with daemon_of(made, env=wall_clock.environment) as daemon:
        settled(daemon)
        assert outcomes(gather_now(daemon)) == {"it": UNPAID}
        wall_clock.step(DAY_MS)
        entry = gather_now(daemon)["prompts"]["it"]
        assert outcome_of(entry) == ANSWERED and spent(entry) == 10
        assert outcomes(gather_now(daemon)) == {"it": UNPAID}


def test_a_period_that_ends_while_a_prompt_is_asked_is_another(daemon_of, held, wall_clock):
    """The answer is paid in the period in which it came."""
    made = one(held, prompt="held it", **tokens(20))
    held.let_go("it")
    with daemon_of(made, env=wall_clock.environment) as daemon:
        first = settled(daemon)
        held.let_out.clear()
        daemon.signal(signal.SIGUSR1)
        held.wait_for_prompts(2)
        wall_clock.step(2 * DAY_MS)
        held.let_go("it")
        budget = settled_after(daemon, first)["prompts"]["it"]["budget"]
    assert budget["spent"] == 10
    assert ms(budget["started_at"]) >= ms(first["prompts"]["it"]["budget"]["ends_at"])


@pytest.mark.parametrize("back_ms, outcome", [(DAY_MS // 2, UNPAID), (2 * DAY_MS, ANSWERED)])
def test_a_clock_that_was_wrong_does_not_stop_a_prompt_for_long(
    clocked_runs, models, back_ms, outcome
):
    runs, made = clocked_runs, one(models, **tokens(10))
    runs(made)
    runs.clock.step(-back_ms)
    assert outcome_of(runs.entry(made)) == outcome
