"""How a host is spared: by so many at once, so many in a time, and by patience."""

import re

import pytest

from helpers_daemon import Daemon
from helpers_reload import RARELY, complete, config_of
from helpers_retries import (  # noqa: F401 (fixtures)
    AMPLE,
    ROUNDING_MS,
    flaky,
    gaps,
    other,
    says,
    service,
)
from helpers_schedule import ms, wall_ms


def many(upstream, path, count=40):
    return {f"s{number}": f"{upstream.url}{path}/{number}" for number in range(count)}


def all_ok(document):
    return {entry["status"] for entry in document["services"].values()} == {"ok"}


def since_start_ms(document, requests):
    """When each of REQUESTS came, after its round's start. Never less than it was: the
    start is rounded down, and who answers is late."""
    start = ms(document["round"]["started_at"])
    return [wall_ms(request) - start for request in requests]


# ---- max_per_host ----


def test_no_more_than_max_per_host_are_asked_at_once(gatherd, upstream):
    config = {"max_per_host": 3, "timeout": AMPLE, "services": many(upstream, "/delay/0.02")}
    result = gatherd.once(config)
    assert result.status == 0
    assert len(upstream.requests) == 40
    assert upstream.most == 3
    # Their connections are used again.
    assert upstream.connections == 3
    order = [int(request.path.split("/")[-1]) for request in upstream.requests]
    assert sorted(order[:3]) == [0, 1, 2]


def test_another_host_is_not_held_up_by_who_waits_for_one(gatherd, flaky, other):
    """Though all that wait for the first come before it in the config."""
    services = many(flaky, "/held")
    services.update({f"o{number}": f"{other.url}/ok/{number}" for number in range(10)})
    config = {"interval": RARELY, "timeout": "1m", "max_per_host": 3, "services": services}
    config["max_concurrent"] = 8
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(lambda it: it["counts"]["ok"] == 10)
        flaky.wait_for(lambda it: it.now == 3)
        assert document["counts"]["pending"] == 40
        assert all(document["services"][f"o{number}"]["status"] == "ok" for number in range(10))
        assert sorted(flaky.paths()) == ["/held/0", "/held/1", "/held/2"]
        # One that is done makes room for one.
        flaky.let_go("/held/1")
        flaky.wait_for(lambda it: len(it.requests) == 4)
        assert flaky.paths()[3] == "/held/3"
        flaky.let_go(*(f"/held/{number}" for number in range(40)))
        assert all_ok(daemon.wait_document(complete))
    assert flaky.most == 3
    assert other.most <= 3


def test_who_fails_or_times_out_makes_room_too(gatherd, flaky):
    services = {
        "stuck": service(flaky, "/hang", timeout="300ms", retries=0),
        "lost": service(flaky, "/close", retries=0),
        "wrong": service(flaky, "/status/500", retries=0),
        "well": service(flaky, "/ok"),
    }
    result = gatherd.once({"max_per_host": 1, "services": services})
    entries = result.document["services"]
    statuses = [entry["status"] for entry in entries.values()]
    assert statuses == ["timeout", "error", "http_error", "ok"]
    assert flaky.paths() == ["/hang", "/close", "/status/500", "/ok"]
    assert entries["well"]["timing_ms"]["queued"] >= 300 - ROUNDING_MS


def test_the_wait_for_a_place_counts_against_no_timeout(gatherd, upstream):
    services = many(upstream, "/delay/0.4", 6)
    defaults = {"timeout": "2s", "deadline": "2s"}
    config = {"max_per_host": 1, "defaults": defaults, "services": services}
    document = gatherd.once(config).document
    assert all_ok(document)
    last = document["services"]["s5"]
    assert last["timing_ms"]["queued"] >= 2000 - 5 * ROUNDING_MS
    assert last["duration_ms"] < 2000


def test_a_reload_changes_how_many_are_asked_at_once(gatherd, flaky):
    services = many(flaky, "/held", 12)
    config = {"max_per_host": 2, "interval": RARELY, "timeout": "2m", "services": services}
    with Daemon(gatherd, config) as daemon:
        flaky.wait_for(lambda it: it.now == 2)
        assert daemon.reload({**config, "max_per_host": 5})
        flaky.wait_for(lambda it: it.now == 5)
        # Those who are too many now are not cut off, but nobody follows them.
        assert daemon.reload({**config, "max_per_host": 1})
        flaky.let_go(*(f"/held/{number}" for number in range(4)))
        flaky.wait_for(lambda it: it.now == 1)
        assert len(flaky.requests) == 5
        flaky.let_go("/held/4")
        flaky.wait_for(lambda it: len(it.requests) == 6)
        assert flaky.now == 1
        # Without a limit all others come.
        assert daemon.reload({key: config[key] for key in config if key != "max_per_host"})
        flaky.wait_for(lambda it: it.now == 7)
        flaky.let_go(*(f"/held/{number}" for number in range(12)))
        assert all_ok(daemon.wait_document(complete))
    assert len(flaky.requests) == 12
    assert flaky.ended == {}


def test_a_limit_that_comes_by_reload_counts_who_is_being_asked(gatherd, flaky):
    config = {"interval": RARELY, "timeout": "2m", "services": many(flaky, "/held", 3)}
    with Daemon(gatherd, config) as daemon:
        flaky.wait_for(lambda it: it.now == 3)
        config["services"].update(last=flaky.url + "/ok")
        assert daemon.reload({**config, "max_per_host": 3})
        assert "/ok" not in flaky.asked
        flaky.let_go("/held/0")
        flaky.wait_for(lambda it: "/ok" in it.asked)
        flaky.let_go("/held/1", "/held/2")
        assert all_ok(daemon.wait_document(lambda it: it["counts"]["ok"] == 4))
    assert flaky.most == 3


# ---- rate_per_host ----


def test_a_rate_spreads_those_that_are_due_together(gatherd, upstream, other, slack):
    """Those of one second at once, and the others as they may; of one host."""
    services = many(upstream, "/ok")
    services["other"] = other.url + "/ok"
    config = {"rate_per_host": "20/s", "timeout": AMPLE, "services": services}
    document = gatherd.once(config).document
    assert all_ok(document)
    assert 1000 <= document["round"]["duration_ms"] <= 2500 * slack
    came = since_start_ms(document, upstream.requests)
    assert len(came) == 40
    for number, at in enumerate(came):
        assert at >= (number - 19) * 50 - ROUNDING_MS
    # Which waits for nobody, though it stands last.
    assert document["services"]["other"]["timing_ms"]["queued"] < 1000
    assert document["services"]["s39"]["timing_ms"]["queued"] >= 1000 - ROUNDING_MS


def test_a_rate_below_one_a_second_lets_one_start(gatherd, upstream):
    config = {"rate_per_host": "60/min", "timeout": AMPLE, "services": many(upstream, "/ok", 3)}
    document = gatherd.once(config).document
    assert all_ok(document)
    for number, at in enumerate(since_start_ms(document, upstream.requests)):
        assert at >= number * 1000 - ROUNDING_MS
    assert [request.path for request in upstream.requests] == ["/ok/0", "/ok/1", "/ok/2"]


def test_retries_keep_to_the_rate(gatherd, flaky):
    """60 a minute and no wait of their own: a second is between them."""
    it = service(flaky, "/first/2/status/503", retry_delay="0s")
    document = gatherd.once({"rate_per_host": "60/min", "services": {"it": it}}).document
    assert document["services"]["it"]["attempts"] == 3
    came = since_start_ms(document, flaky.requests)
    assert came[1] >= 1000 - ROUNDING_MS and came[2] >= 2000 - ROUNDING_MS
    # That is no time in which it waited to be asked at all.
    assert document["services"]["it"]["timing_ms"]["queued"] < 1000


def test_both_limits_hold_at_once(gatherd, upstream):
    config = {"rate_per_host": "20/s", "max_per_host": 2, "timeout": AMPLE}
    config["services"] = many(upstream, "/delay/0.05", 30)
    document = gatherd.once(config).document
    assert all_ok(document)
    assert upstream.most == 2
    for number, at in enumerate(since_start_ms(document, upstream.requests)):
        assert at >= (number - 19) * 50 - ROUNDING_MS


def test_a_reload_changes_the_rate_for_those_who_wait(gatherd, upstream):
    config = {"interval": "2h", "services": many(upstream, "/ok", 12)}
    with Daemon(gatherd, {**config, "rate_per_host": "1/h"}) as daemon:
        upstream.wait_for(lambda it: len(it.requests) == 1)
        # What was used up of the one rate is used up of the other.
        assert daemon.reload({**config, "rate_per_host": "2/h"})
        assert len(upstream.requests) == 1
        assert daemon.reload({**config, "rate_per_host": "100/s"})
        assert all_ok(daemon.wait_document(complete))
    assert len(upstream.requests) == 12


def test_a_rate_that_goes_by_reload_holds_nobody(gatherd, upstream):
    config = {"interval": "2h", "services": many(upstream, "/ok", 5)}
    with Daemon(gatherd, {**config, "rate_per_host": "1/h"}) as daemon:
        upstream.wait_for(lambda it: len(it.requests) == 1)
        assert daemon.reload(config)
        assert all_ok(daemon.wait_document(complete))
    assert upstream.paths() == [f"/ok/{number}" for number in range(5)]


def test_sigterm_does_not_wait_for_a_rate(gatherd, upstream, slack):
    config = {"rate_per_host": "1/h", "services": many(upstream, "/ok", 5)}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(lambda it: it["counts"]["ok"] == 1)
        status, seconds = daemon.stop()
    assert status == 0
    assert seconds < 1 * slack


# ---- a host that was asked too much ----


def asked_too_much(upstream, status, seconds):
    upstream.answers["/first"] = says(status, 200, headers=[("Retry-After", str(seconds))])
    return {
        "first": upstream.url + "/first",
        "second": upstream.url + "/ok/2",
        "third": upstream.url + "/ok/3",
    }


def test_a_429_holds_back_all_of_its_host_where_there_is_a_rate(gatherd, flaky, other):
    services = asked_too_much(flaky, 429, 2)
    services["elsewhere"] = other.url + "/ok"
    config = {"max_concurrent": 1, "rate_per_host": "100/s", "services": services}
    document = gatherd.once(config).document
    statuses = {name: entry["status"] for name, entry in document["services"].items()}
    assert statuses == {"first": "http_error", "second": "ok", "third": "ok", "elsewhere": "ok"}
    first, second, third = flaky.requests
    assert second.at - first.at >= 2
    assert third.at >= second.at
    assert document["services"]["second"]["timing_ms"]["queued"] >= 2000
    assert other.requests[0].at < second.at


@pytest.mark.parametrize("status, rate", [(429, None), (503, "100/s")])
def test_else_nobody_but_the_target_is_held_back(gatherd, flaky, status, rate):
    config = {"max_concurrent": 1, "services": asked_too_much(flaky, status, 60)}
    if rate is not None:
        config["rate_per_host"] = rate
    document = gatherd.once(config).document
    first = document["services"].pop("first")
    assert first["error"]["kind"] == "rate_limited"
    assert all_ok(document)
    assert gaps(flaky.requests)[0] < 60


def test_a_429_is_asked_again_when_the_whole_host_is(gatherd, flaky):
    services = {"it": service(flaky, "/first/1/status/429?retry_after=1")}
    services["other"] = flaky.url + "/ok"
    config = {"max_concurrent": 1, "rate_per_host": "100/s", "services": services}
    document = gatherd.once(config).document
    assert all_ok(document)
    assert document["services"]["it"]["attempts"] == 2
    first, *others = flaky.requests
    assert min(request.at for request in others) - first.at >= 1


def test_a_reload_without_a_rate_ends_the_patience_of_a_host(gatherd, flaky):
    config = {"interval": RARELY, "max_concurrent": 1, "services": asked_too_much(flaky, 429, 240)}
    with Daemon(gatherd, {**config, "rate_per_host": "100/s"}) as daemon:
        daemon.wait_document(lambda it: it["services"]["first"]["status"] == "http_error")
        assert len(flaky.requests) == 1
        assert daemon.reload(config)
        document = daemon.wait_document(complete)
    assert document["counts"]["ok"] == 2
    assert document["services"]["first"]["next_at"] is not None


# ---- delay ----


def test_a_delay_comes_before_the_first_attempt_and_holds_no_place(gatherd, flaky):
    services = {
        "late": service(flaky, "/first/1/status/503", delay="700ms"),
        "other": flaky.url + "/ok",
    }
    document = gatherd.once({"max_concurrent": 1, "services": services}).document
    late = document["services"]["late"]
    assert (late["status"], late["attempts"]) == ("ok", 2)
    assert flaky.paths() == ["/ok", "/first/1/status/503", "/first/1/status/503"]
    assert since_start_ms(document, flaky.requests)[1] >= 700 - ROUNDING_MS
    # It is part of the round, but not of how long the service takes.
    duration_ms = document["round"]["duration_ms"]
    assert duration_ms >= 700 - ROUNDING_MS
    assert late["duration_ms"] <= duration_ms - 700 + ROUNDING_MS
    assert late["timing_ms"]["queued"] <= duration_ms - 700 + ROUNDING_MS


def test_a_delay_that_is_changed_by_reload_begins_anew(gatherd, flaky):
    services = {"it": service(flaky, "/ok", delay="1h")}
    with Daemon(gatherd, config_of(flaky, services), "-l", "debug") as daemon:
        daemon.wait_log(r"\[it\] due -> delayed")
        assert flaky.requests == []
        services["it"]["delay"] = "10ms"
        assert daemon.reload(config_of(flaky, services))
        assert all_ok(daemon.wait_document(complete))
        assert not re.search("skipped|cancelled", daemon.log)
    assert len(flaky.requests) == 1
