"""Budgets in another config, after a restart and by a reload, also while prompts are asked."""

import pytest

from helpers_limits import held, rejects  # noqa: F401 (a fixture)
from helpers_money import (  # noqa: F401 (fixtures)
    ANSWERED,
    COST,
    PRICE,
    TOKENS,
    UNPAID,
    asking,
    cost,
    daemon_of,
    one,
    outcome_of,
    outcomes,
    reload,
    runs,
    settled,
    settled_after,
    spent,
    tokens,
)
from helpers_prompts import config, models  # noqa: F401 (a fixture)
from helpers_reload import gather_now, verdict

# ---- another config ----

CHANGES = [
    (tokens(20), tokens(30), 20, ANSWERED),
    (tokens(100), tokens(20), 20, UNPAID),
    (tokens(20), tokens(20, "2d"), 20, UNPAID),
    (tokens(20), cost(1), 0, ANSWERED),
    (cost("0.00008"), cost("0.0001"), 2 * COST, UNPAID),
    (cost(1), tokens(20), 0, ANSWERED),
    (tokens(20), {}, None, ANSWERED),
    ({}, tokens(20), 0, ANSWERED),
]


def last_of(part, outcome):
    """What the last turn added to the budget of PART."""
    if outcome != ANSWERED:
        return 0
    return COST if part["budget"]["unit"] == "cost" else TOKENS


@pytest.mark.parametrize("whose", ["prompt", "provider"])
@pytest.mark.parametrize("before, after, kept, outcome", CHANGES)
def test_a_budget_that_changes_counts_on_in_the_same_unit(
    runs, models, whose, before, after, kept, outcome
):
    def made(budget):
        if whose == "prompt":
            return one(models, PRICE, **budget)
        return one(models, PRICE | budget)

    runs(made(before), rounds=2)
    document = runs(made(after))
    part = document["prompts"]["it"] if whose == "prompt" else document["providers"]["p"]
    assert outcomes(document) == {"it": outcome}
    if kept is None:
        assert part["budget"] is None
        return
    assert spent(part) == pytest.approx(kept + last_of(part, outcome))
    for name, value in after["budget"].items():
        if name != "per":
            assert part["budget"]["limit"] == float(value)


@pytest.mark.parametrize("before, after, kept, outcome", CHANGES)
def test_a_reload_changes_the_budget_of_a_prompt_likewise(
    daemon_of, models, before, after, kept, outcome
):
    with daemon_of(one(models, PRICE, **before)) as daemon:
        settled(daemon)
        document = gather_now(daemon)
        # It is another prompt, so it is due.
        reload(daemon, one(models, PRICE, **after))
        document = settled_after(daemon, document)
        entry = document["prompts"]["it"]
    assert outcome_of(entry) == outcome
    if kept is not None:
        assert spent(entry) == pytest.approx(kept + last_of(entry, outcome))


@pytest.mark.parametrize("before, after, kept, outcome", CHANGES)
def test_a_reload_changes_the_budget_of_a_provider_and_asks_nobody(
    daemon_of, models, before, after, kept, outcome
):
    with daemon_of(one(models, PRICE | before)) as daemon:
        settled(daemon)
        gather_now(daemon)
        reload(daemon, one(models, PRICE | after))
        assert verdict(daemon) == [0, 0, 0, 1]
        document = gather_now(daemon)
        p = document["providers"]["p"]
    assert outcomes(document) == {"it": outcome}
    if kept is not None:
        assert spent(p) == pytest.approx(kept + last_of(p, outcome))


@pytest.mark.parametrize("before, after, kept, outcome", CHANGES)
def test_what_is_under_way_is_paid_as_its_provider_counts_then(
    daemon_of, held, before, after, kept, outcome
):
    """The budget is another one between the question and the answer."""
    with daemon_of(one(held, PRICE | before, prompt="held it")) as daemon:
        held.wait_for_prompts(1)
        reload(daemon, one(held, PRICE | after, prompt="held it"))
        assert verdict(daemon) == [0, 0, 0, 1]
        held.let_go("it")
        p = settled(daemon)["providers"]["p"]
    if after:
        assert spent(p) == (COST if "cost" in after["budget"] else TOKENS)
        assert p["budget"]["started_at"] is not None


def test_attempts_that_are_yet_to_come_go_by_the_new_budget(daemon_of, held):
    """Two are under way, and the new budget is for the second attempt of one of them."""
    held.plan = {f"held p{n}": rejects(500) for n in range(2)}
    keys = {"max_tokens": 99, "retry_delay": "1ms", "deadline": "1m"}
    prompts = {f"p{n}": asking(f"held p{n}", **keys) | {"retries": 1} for n in range(2)}
    with daemon_of(config(held, prompts, keys=tokens(1000))) as daemon:
        held.wait_for_prompts(2)
        reload(daemon, config(held, prompts, keys=tokens(100)))
        assert verdict(daemon) == [0, 0, 0, 2]
        held.let_go("p0", "p1")
        document = settled(daemon)
    assert len(held.texts()) == 3
    assert sorted(outcomes(document).values()) == [("http_error", "http"), ANSWERED]
    assert spent(document["providers"]["p"]) == 10
