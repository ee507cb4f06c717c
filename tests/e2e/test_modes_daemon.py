"""fail_fast and all_or_nothing in the daemon: what each document says, and when there is one."""

import signal

import pytest

from helpers_daemon import Daemon, held
from helpers_modes import (
    BROKEN,
    OTHER_MODES,
    after,
    cancelled,
    chosen,
    failed,
    of_mode,
    one_by_one,
    statuses,
)
from helpers_reload import complete, gather_now

__all__ = ["held"]  # a fixture


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_nothing_is_published_before_the_verdict(gatherd, held, mode):
    services = {
        "answers": "/ok",
        "optional": {"url": "/status/404", "required": False},
        "slow": {"url": "/held/slow", "needs": "answers"},
    }
    with Daemon(gatherd, of_mode(mode, held, services, publish_after=0)) as daemon:
        held.wait_for(lambda held: "/held/slow" in held.asked and held.now == 1)
        held.let_go("/held/slow")
        document = daemon.first_document()
        assert document["generation"] == 1 and complete(document)
        held.hold("/held/slow")
        daemon.signal(signal.SIGUSR1)
        held.wait_for(lambda held: held.asked["/held/slow"] == 2 and held.now == 1)
        assert daemon.document == document
        held.let_go("/held/slow")
        document = after(daemon, document)
    assert complete(document) and document["round"]["number"] == 2


def test_fail_fast_tells_the_rest_later(gatherd, held):
    services = {"good": "/ok", "bad": {"url": "/bad", "needs": "good"}, "slow": "/held/slow"}
    chosen(held, "/bad", 500)
    config = of_mode("fail_fast", held, services, publish_after=0)
    with Daemon(gatherd, config) as daemon:
        verdict = daemon.first_document()
        assert failed(verdict) and verdict["failed"] == ["bad"]
        assert verdict["in_flight"] == ["slow"]
        assert statuses(verdict) == {"good": "ok", "bad": "http_error", "slow": "pending"}
        held.let_go("/held/slow")
        rest = after(daemon, verdict)
        assert failed(rest) and rest["in_flight"] == []
        assert statuses(rest) == {"good": "ok", "bad": "http_error", "slow": "ok"}
        assert rest["round"]["number"] == 1
        assert rest["round"]["duration_ms"] > verdict["round"]["duration_ms"]

        chosen(held, "/bad", "well")
        whole = gather_now(daemon)
        assert statuses(whole) == {"good": "ok", "bad": "ok", "slow": "ok"}

        # Who has not answered yet has the state of before.
        held.hold("/held/slow")
        chosen(held, "/bad", 503)
        daemon.signal(signal.SIGUSR1)
        again = daemon.wait_document(lambda document: document["round"]["number"] == 3)
        assert failed(again) and again["in_flight"] == ["slow"]
        assert again["services"]["slow"] == whole["services"]["slow"]
        held.let_go("/held/slow")
        last = daemon.wait_document(lambda document: document["in_flight"] == [])
    assert failed(last) and last["failed"] == ["bad"]
    assert last["services"]["slow"]["checked_at"] > whole["services"]["slow"]["checked_at"]
    assert daemon.matches("dashboard complete") and len(daemon.matches("incomplete")) >= 2


def test_further_failures_of_a_fail_fast_round_change_nothing(gatherd, held):
    """But their own state."""
    services = {
        "bad": "/status/500",
        "worse": {"url": "/held/worse", "expect": BROKEN},
        "slow": "/held/slow",
    }
    with Daemon(gatherd, of_mode("fail_fast", held, services, publish_after=0)) as daemon:
        verdict = daemon.first_document()
        held.let_go("/held/worse")
        daemon.wait_log(r"\[worse\] error")
        assert daemon.document == verdict
        held.let_go("/held/slow")
        rest = after(daemon, verdict)
    assert failed(rest) and rest["failed"] == ["bad", "worse"]
    assert rest["round"]["started_at"] == verdict["round"]["started_at"]


def test_what_answers_after_a_later_round_ended_is_no_verdict_of_it(gatherd, held):
    services = {"bad": "/bad", "slow": "/held/slow"}
    chosen(held, "/bad", 500)
    with Daemon(gatherd, of_mode("fail_fast", held, services, publish_after=0)) as daemon:
        verdict = daemon.first_document()
        assert verdict["in_flight"] == ["slow"]
        chosen(held, "/bad", "well")
        daemon.signal(signal.SIGUSR1)
        document = after(daemon, verdict)
        assert document["round"]["number"] == 2 and complete(document)
        assert document["failed"] == [] and document["in_flight"] == ["slow"]
        held.let_go("/held/slow")
        document = after(daemon, document)
    assert document["round"]["number"] == 2 and complete(document)
    assert statuses(document) == {"bad": "ok", "slow": "ok"}


def test_what_answers_while_a_later_round_is_undecided_waits_for_its_verdict(gatherd, held):
    services = {
        "bad": "/bad",
        "slow": "/held/slow",
        "next": {"url": "/held/next", "needs": "bad"},
    }
    chosen(held, "/bad", 500)
    with Daemon(gatherd, of_mode("fail_fast", held, services, publish_after=0)) as daemon:
        verdict = daemon.first_document()
        chosen(held, "/bad", "well")
        daemon.signal(signal.SIGUSR1)
        held.wait_for(lambda held: "/held/next" in held.asked)
        held.let_go("/held/slow")
        daemon.wait_log(r"\[slow\] responded")
        assert daemon.document == verdict
        held.let_go("/held/next")
        document = after(daemon, verdict)
    assert complete(document) and document["round"]["number"] == 2
    assert statuses(document) == {"bad": "ok", "slow": "ok", "next": "ok"}


def test_all_or_nothing_in_the_daemon(gatherd, held):
    services = {
        "n": {"url": "/n", "extract": {"n": "/n"}},
        "bad": {"url": "/bad", "needs": "n"},
        "slow": "/held/slow",
    }
    held.answers["/n"] = one_by_one(1, 2, 3)
    chosen(held, "/bad", 500)
    with Daemon(gatherd, of_mode("all_or_nothing", held, services, publish_after=0)) as daemon:
        nothing = daemon.first_document()
        assert cancelled(nothing) and nothing["failed"] == ["n", "bad", "slow"]
        assert [entry["data"] for entry in nothing["services"].values()] == [None] * 3
        assert [entry["values"] for entry in nothing["services"].values()] == [{}] * 3
        held.wait_for(lambda held: held.ended == {"/held/slow": 1})

        chosen(held, "/bad", "well")
        held.let_go("/held/slow")
        whole = gather_now(daemon)
        assert statuses(whole) == {"n": "ok", "bad": "ok", "slow": "ok"}
        assert whole["services"]["n"]["values"] == {"n": 2}

        held.hold("/held/slow")
        chosen(held, "/bad", 500)
        daemon.signal(signal.SIGUSR1)
        kept = after(daemon, whole)
    assert cancelled(kept) and kept["in_flight"] == []
    assert statuses(kept) == {"n": "cancelled", "bad": "http_error", "slow": "cancelled"}
    for name, entry in kept["services"].items():
        before = whole["services"][name]
        for key in ("data", "values", "last_ok_at"):
            assert entry[key] == before[key]
        if name != "bad":
            assert entry["since"] == before["since"] and entry["failures"] == 0


def test_all_or_nothing_cancels_whoever_retries(gatherd, held):
    services = {
        "bad": {"url": "/held/bad", "expect": BROKEN},
        "retries": {"url": "/status/503", "retries": 50, "retry_delay": "50s", "deadline": "1h"},
    }
    with Daemon(gatherd, of_mode("all_or_nothing", held, services)) as daemon:
        held.wait_for(lambda held: "/status/503" in held.asked and "/held/bad" in held.asked)
        held.let_go("/held/bad")
        document = daemon.first_document()
    assert statuses(document) == {"bad": "error", "retries": "cancelled"}
    assert held.asked["/status/503"] <= 2


def test_a_restart_keeps_what_all_or_nothing_kept(gatherd, upstream):
    services = {"n": {"url": "/n", "extract": {"n": "/n"}}, "bad": {"url": "/bad", "needs": "n"}}
    upstream.answers["/n"] = one_by_one(1, 2, 3, 4)
    upstream.answers["/bad"] = one_by_one("well", 500, 500, "well again")
    config = of_mode("all_or_nothing", upstream, services)
    with Daemon(gatherd, config) as daemon:
        whole = daemon.first_document()
        assert complete(whole)
        daemon.signal(signal.SIGUSR1)
        assert cancelled(after(daemon, whole))
    with Daemon(gatherd, config) as daemon:
        restarted = daemon.first_document()
        assert cancelled(restarted) and restarted["round"]["number"] == 3
        for name, entry in restarted["services"].items():
            assert entry["data"] == whole["services"][name]["data"] is not None
            assert entry["values"] == whole["services"][name]["values"]
        assert restarted["services"]["bad"]["failures"] == 2
        assert complete(gather_now(daemon))
    assert daemon.document["services"]["n"]["values"] == {"n": 4}


# ---- in the middle of a round ----


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_a_reload_before_the_verdict_publishes_nothing(gatherd, held, mode):
    """And the round goes on with whoever is unchanged."""
    services = {
        "good": "/ok",
        "bad": {"url": "/held/bad", "needs": "good", "expect": BROKEN},
        "other": "/held/other",
    }
    with Daemon(gatherd, of_mode(mode, held, services, publish_after=0)) as daemon:
        held.wait_for(lambda held: {"/held/bad", "/held/other"} <= set(held.asked))
        services["new"] = "/held/new"
        assert daemon.reload(of_mode(mode, held, services, publish_after=0))
        held.wait_for(lambda held: "/held/new" in held.asked)
        held.let_go("/held/bad")
        document = daemon.first_document()
        assert document["generation"] == 1
        # The newest round, that of the new one, is not cancelled with the first.
        assert document["outcome"] == "gathering"
        assert document["failed"] == (["bad"] if mode == "fail_fast" else ["good", "bad", "other"])
        held.let_go("/held/new", "/held/other")
        document = daemon.wait_document(lambda document: document["in_flight"] == [])
    assert statuses(document)["new"] == "ok"
    assert held.asked["/ok"] == 1


def test_what_is_dropped_by_a_reload_decides_nothing(gatherd, held):
    services = {"good": "/ok", "bad": {"url": "/held/bad", "needs": "good"}, "slow": "/held/slow"}
    with Daemon(gatherd, of_mode("all_or_nothing", held, services)) as daemon:
        held.wait_for(lambda held: {"/held/bad", "/held/slow"} <= set(held.asked))
        del services["bad"]
        assert daemon.reload(of_mode("all_or_nothing", held, services))
        held.wait_for(lambda held: held.ended == {"/held/bad": 1})
        held.let_go("/held/slow")
        document = daemon.first_document()
    assert complete(document) and document["generation"] == 1
    assert statuses(document) == {"good": "ok", "slow": "ok"}
    assert held.asked["/ok"] == 1


@pytest.mark.parametrize("later", ["settle", "fail_fast"])
def test_a_round_ends_by_the_mode_that_it_began_with(gatherd, held, later):
    services = {
        "good": "/ok",
        "bad": {"url": "/held/bad", "needs": "good", "expect": BROKEN},
        "slow": "/held/slow",
    }
    with Daemon(gatherd, of_mode("all_or_nothing", held, services)) as daemon:
        held.wait_for(lambda held: {"/held/bad", "/held/slow"} <= set(held.asked))
        assert daemon.reload(of_mode(later, held, services, publish_after="1h"))
        held.let_go("/held/bad")
        document = daemon.wait_document(lambda document: document["failed"])
        assert cancelled(document) and document["mode"] == later
        assert statuses(document) == {"good": "cancelled", "bad": "error", "slow": "cancelled"}
        held.let_go("/held/slow")
        daemon.signal(signal.SIGUSR1)
        document = daemon.wait_document(lambda document: document["round"]["number"] == 2)
    assert document["outcome"] == ("complete" if later == "settle" else "failed")
    assert statuses(document)["bad"] == "error"


def test_whoever_is_still_in_an_undecided_round_is_left_to_it(gatherd, held):
    services = {"good": "/ok", "slow": {"url": "/held/slow", "needs": "good"}}
    with Daemon(gatherd, of_mode("all_or_nothing", held, services)) as daemon:
        held.wait_for(lambda held: "/held/slow" in held.asked)
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("gathering everything now")
        held.let_go("/held/slow")
        document = daemon.first_document()
        assert complete(document) and document["generation"] == 1
        document = gather_now(daemon)
    assert document["generation"] == 2
    assert held.asked == {"/ok": 2, "/held/slow": 2}


def test_a_stop_before_the_verdict_leaves_the_document_as_it_is(gatherd, held, slack):
    services = {"good": "/ok", "slow": {"url": "/held/slow", "needs": "good"}}
    held.let_go("/held/slow")
    with Daemon(gatherd, of_mode("all_or_nothing", held, services)) as daemon:
        document = daemon.first_document()
        held.hold("/held/slow")
        daemon.signal(signal.SIGUSR1)
        held.wait_for(lambda held: held.asked["/held/slow"] == 2)
        status, seconds = daemon.stop()
        assert status == 0 and seconds < slack
        assert daemon.document == document


