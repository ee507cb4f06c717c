"""What the failure of one service does to its round: settle, fail_fast, all_or_nothing."""

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, held
from helpers_document import parse_documents
from helpers_gatherd import log_lines
from helpers_modes import OTHER_MODES, of_mode, one_by_one, read_until, statuses
from helpers_reload import gather_now

__all__ = ["held"]  # a fixture

# `good` has answered when `bad` fails, and `slow` has not.
THREE = {
    "good": {"url": "/ok", "extract": {"ok": "/ok"}},
    "bad": {"url": "/status/500", "needs": "good"},
    "slow": {"url": "/hang"},
}


# ---- --once ----


def test_settle_waits_for_everybody(gatherd, upstream):
    services = {**THREE, "slow": "/delay/0.5"}
    result = gatherd.once(of_mode("settle", upstream, services))
    assert result.status == 1
    document = result.document
    assert document["mode"] == "settle" and document["outcome"] == "complete"
    assert statuses(document) == {"good": "ok", "bad": "http_error", "slow": "ok"}
    assert document["failed"] == ["bad"] and document["in_flight"] == []
    assert document["services"]["slow"]["data"] == {"late": 0.5}


def test_fail_fast_ends_with_the_first_failure(gatherd, upstream, slack):
    result = gatherd.once(of_mode("fail_fast", upstream, THREE))
    assert result.status == 1
    assert result.seconds < 5 * slack
    document = result.document
    assert document["mode"] == "fail_fast" and document["outcome"] == "failed"
    assert statuses(document) == {"good": "ok", "bad": "http_error", "slow": "pending"}
    assert document["failed"] == ["bad"]
    assert document["in_flight"] == ["slow"]
    assert document["counts"]["pending"] == document["counts"]["ok"] == 1
    assert document["round"]["targets"] == 3 and document["round"]["duration_ms"] > 0
    services = document["services"]
    assert services["good"]["data"] == {"ok": True} == services["good"]["values"]
    assert services["slow"]["data"] is None and services["slow"]["checked_at"] is None
    lines = [text for _, text in log_lines(result.stderr) if text.startswith("dashboard")]
    assert len(lines) == 1 and "failed services: bad" in lines[0]


def test_fail_fast_without_a_failure_waits_for_everybody(gatherd, upstream):
    services = {"good": "/ok", "slow": "/delay/0.3"}
    result = gatherd.once(of_mode("fail_fast", upstream, services))
    assert result.status == 0
    assert result.document["outcome"] == "complete" and result.document["in_flight"] == []
    assert statuses(result.document) == {"good": "ok", "slow": "ok"}


def test_each_round_of_fail_fast_has_its_one_document(gatherd, upstream):
    services = {"good": "/ok", "bad": "/one/by/one", "late": "/delay/0.2"}
    upstream.answers["/one/by/one"] = one_by_one(500, 1, 500)
    config = of_mode("fail_fast", upstream, services)
    result = gatherd.run("--rounds", 3, "-o", "-", config=config)
    assert result.status == 1
    documents = result.documents
    assert [document["outcome"] for document in documents] == ["failed", "complete", "failed"]
    assert [document["round"]["number"] for document in documents] == [1, 2, 3]
    assert [document["generation"] for document in documents] == [1, 2, 3]
    # The third round has the state that the second left.
    assert [statuses(document)["late"] for document in documents] == ["pending", "ok", "ok"]
    assert [document["in_flight"] for document in documents] == [["late"], [], ["late"]]
    assert upstream.asked == {"/ok": 3, "/one/by/one": 3, "/delay/0.2": 3}


def test_all_or_nothing_cancels_the_others(gatherd, held, slack):
    services = {
        **THREE,
        "slow": "/held/slow",
        "later": {"url": "/ok", "delay": "50s"},
        "waits": {"url": "/ok", "needs": "slow"},
    }
    result = gatherd.once(of_mode("all_or_nothing", held, services))
    assert result.status == 1
    assert result.seconds < 5 * slack
    document = result.document
    assert document["mode"] == "all_or_nothing" and document["outcome"] == "cancelled"
    assert statuses(document) == {
        "good": "cancelled",
        "bad": "http_error",
        "slow": "cancelled",
        "later": "cancelled",
        "waits": "cancelled",
    }
    assert document["failed"] == ["good", "bad", "slow", "later", "waits"]
    assert document["status"] == "down" and document["in_flight"] == []
    for name, entry in document["services"].items():
        assert entry["data"] is None and entry["values"] == {}
        if name != "bad":
            assert entry["error"]["kind"] == "cancelled" and "bad" in entry["error"]["message"]
            assert entry["failures"] == 0 and entry["since"] is None
    assert document["services"]["bad"]["http_status"] == 500
    held.wait_for(lambda held: held.ended == {"/held/slow": 1})
    assert held.asked == {"/ok": 1, "/status/500": 1, "/held/slow": 1}


def test_all_or_nothing_keeps_the_answers_of_the_last_complete_round(gatherd, upstream):
    services = {
        "counts": {"url": "/counts", "extract": {"n": "/n"}},
        "fails": {"url": "/fails", "extract": {"n": "/n"}, "needs": "counts"},
    }
    upstream.answers["/counts"] = one_by_one(1, 2, 3, 4)
    upstream.answers["/fails"] = one_by_one("a", 500, 500, "d")
    config = of_mode("all_or_nothing", upstream, services)
    result = gatherd.run("--rounds", 4, "-o", "-", config=config)
    assert result.status == 0
    outcomes = [document["outcome"] for document in result.documents]
    assert outcomes == ["complete", "cancelled", "cancelled", "complete"]
    kept = [
        [entry["data"]["n"] for entry in document["services"].values()]
        for document in result.documents
    ]
    assert kept == [[1, "a"], [1, "a"], [1, "a"], [4, "d"]]
    for document in result.documents:
        for entry in document["services"].values():
            assert entry["values"] == entry["data"]
    first, second, third, fourth = result.documents
    assert second["services"]["counts"]["since"] == first["services"]["counts"]["since"]
    assert second["services"]["counts"]["last_ok_at"] == first["services"]["counts"]["last_ok_at"]
    assert [document["services"]["fails"]["failures"] for document in result.documents] == [
        *[0, 1, 2, 0]
    ]
    assert fourth["services"]["counts"]["since"] == first["services"]["counts"]["since"]
    assert fourth["services"]["fails"]["since"] > third["services"]["fails"]["since"]


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_what_is_not_required_decides_nothing(gatherd, upstream, mode):
    services = {
        "optional": {"url": "/status/500", "required": False},
        "good": {"url": "/delay/0.2"},
    }
    result = gatherd.once(of_mode(mode, upstream, services))
    assert result.status == 0
    document = result.document
    assert document["outcome"] == "complete" and document["failed"] == ["optional"]
    assert statuses(document) == {"optional": "http_error", "good": "ok"}
    assert document["services"]["good"]["data"] == {"late": 0.2}
    assert document["services"]["optional"]["data"] is None


@pytest.mark.parametrize("mode", ["settle", *OTHER_MODES])
def test_a_retry_after_holds_back_in_each_mode(gatherd, upstream, mode):
    services = {
        "limited": {"url": "/status/429?retry_after=600", "required": False},
        "good": "/delay/0.1",
    }
    config = of_mode(mode, upstream, services)
    result = gatherd.run("--rounds", 2, "-o", "-", config=config)
    assert result.status == 0
    first, second = [document["services"]["limited"] for document in result.documents]
    assert first["error"]["kind"] == second["error"]["kind"] == "rate_limited"
    assert first["status"] == "http_error" and second["status"] == "skipped"
    assert first["next_at"] is not None and second["next_at"] is not None
    assert upstream.asked["/status/429"] == 1


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_who_is_skipped_has_failed(gatherd, upstream, mode):
    """And decides, if it is required, though what it needs does not."""
    services = {
        "optional": {"url": "/status/500", "required": False},
        "needs it": {"url": "/ok", "needs": "optional"},
        "slow": "/hang",
    }
    document = gatherd.once(of_mode(mode, upstream, services)).document
    assert document["outcome"] == ("failed" if mode == "fail_fast" else "cancelled")
    assert statuses(document)["needs it"] == "skipped"
    assert "/ok" not in upstream.asked


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_what_is_degraded_has_not_failed(gatherd, upstream, mode):
    services = {
        "warns": {"url": "/ok", "warn": {"json": {"/ok": False}}},
        "after": {"url": "/ok", "needs": "warns"},
    }
    result = gatherd.once(of_mode(mode, upstream, services))
    assert result.status == 0
    assert statuses(result.document) == {"warns": "degraded", "after": "ok"}
    assert result.document["outcome"] == "complete"


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_one_that_retries_has_not_failed_yet(gatherd, upstream, mode):
    services = {"retries": {"url": "/n", "retries": 1, "retry_delay": "1ms"}, "good": "/ok"}
    upstream.answers["/n"] = one_by_one(503, "fine")
    result = gatherd.once(of_mode(mode, upstream, services))
    assert result.status == 0 and result.document["outcome"] == "complete"
    assert result.document["services"]["retries"]["attempts"] == 2


@pytest.mark.parametrize("mode", OTHER_MODES)
def test_a_thousand_that_wait_are_dealt_with_at_once(gatherd, upstream, mode, slack):
    services = {f"n{number}": "/hang" for number in range(1000)}
    services["n5"] = "/status/500"
    config = of_mode(mode, upstream, services, max_concurrent=20)
    result = gatherd.once(config)
    assert result.seconds < 5 * slack
    counts = result.document["counts"]
    others = counts["pending" if mode == "fail_fast" else "cancelled"]
    assert others == 999 and counts["http_error"] == 1
    assert upstream.now <= 20


@pytest.mark.parametrize("mode", ["settle", *OTHER_MODES])
def test_a_round_of_nobody_is_complete(gatherd, mode):
    result = gatherd.once({"mode": mode, "services": {}})
    assert result.status == 0 and result.document["outcome"] == "complete"
    assert result.document["mode"] == mode


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_reader_that_is_slow_gets_each_document_once(gatherd, held, rounds):
    """The others end while the verdict of fail_fast is still being written."""
    services = {
        "large": {"url": "/size/300000", "format": "text"},
        "bad": {"url": "/status/500", "needs": "large"},
        "late": "/held/late",
    }
    config = gatherd.config(of_mode("fail_fast", held, services))
    process = gatherd.start("--rounds", rounds, "-c", config, "-o", "-")
    read_until(process.stderr, "dashboard incomplete")
    # It does not fit into the pipe.
    held.let_go("/held/late")
    read_until(process.stderr, "[late] responded")
    documents = parse_documents(process.communicate(timeout=PATIENCE)[0])
    assert process.returncode == 1
    assert [document["round"]["number"] for document in documents] == [1, 2][:rounds]
    assert {document["outcome"] for document in documents} == {"failed"}


# ---- what a mode goes with ----

FAULTS = {
    "interval": ("a", "interval: 10s", "interval: with mode fail_fast all targets have that"),
    "defaults": (None, "defaults: {interval: 10s}", "interval: with mode fail_fast all targets"),
    "spread": (None, "spread: 1s", "spread: with mode fail_fast all targets begin at once"),
    "backoff": ("a", "backoff: 5m", "backoff: with mode fail_fast all targets are asked"),
    "backoffs": (None, "defaults: {backoff: 5m}", "backoff: with mode fail_fast all targets are"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_go_with_a_mode(gatherd, fault):
    service, key, text = FAULTS[fault]
    config = "mode: fail_fast\nservices:\n  a:\n    url: http://127.0.0.1/\n"
    config += f"    {key}\n" if service else f"{key}\n"
    result = gatherd.run("--check", config=config)
    assert result.status == 2
    (line,) = result.stderr.splitlines()
    assert f": error: {text}" in line
    assert f":{config.count(chr(10))}:" in line
    settled = config.replace("fail_fast", "settle")
    assert gatherd.run("--check", config=settled).status == 0


def test_a_reload_to_what_does_not_go_with_a_mode_is_refused(gatherd, upstream):
    config = of_mode("settle", upstream, {"a": {"url": "/ok", "backoff": "5h"}})
    with Daemon(gatherd, config) as daemon:
        daemon.first_document()
        assert not daemon.reload({**config, "mode": "all_or_nothing"})
        assert gather_now(daemon)["mode"] == "settle"
        config["services"]["a"].pop("backoff")
        assert daemon.reload({**config, "mode": "all_or_nothing"})
        assert gather_now(daemon)["mode"] == "all_or_nothing"
