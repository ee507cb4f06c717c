"""How long it is waited before a service is asked again, and what happens meanwhile."""

import email.utils
import re
import time

import pytest

from helpers_daemon import Daemon
from helpers_reload import config_of, gather_now, verdict
from helpers_retries import (  # noqa: F401 (fixtures)
    AMPLE,
    ROUNDING_MS,
    SAME_MS,
    attempts_in,
    flaky,
    gaps,
    says,
    service,
)
from helpers_schedule import ms, wall_ms

FOREVER = [("Retry-After", "3600")]


def asks_patience(status, seconds, name=""):
    """The path that does so once, and then answers well."""
    return f"/first/1/status/{status}/{name}?retry_after={seconds}"


# ---- jitter ----


def test_waits_are_drawn_from_a_range_that_doubles(gatherd, flaky):
    """From 0 on, and none is longer than it may be ("full jitter")."""
    names = [f"s{number}" for number in range(60)]
    services = {
        name: service(flaky, f"/status/503/{name}", retries=3, retry_delay="64ms")
        for name in names
    }
    log = gatherd.once({"services": services}, "-l", "debug").stderr
    drawn = {1: [], 2: [], 3: []}
    for name in names:
        told = attempts_in(log, name)
        requests = flaky.asked_for(f"/status/503/{name}")
        assert len(told) == len(requests) == 4
        for (number, _, text), gap in zip(told, gaps(requests)):
            wait_ms = int(re.fullmatch(r"returned HTTP 503; again in (\d+) ms", text)[1])
            drawn[number].append(wait_ms)
            assert gap * 1000 >= wait_ms - ROUNDING_MS
    for number, waits in drawn.items():
        longest = 64 * 2 ** (number - 1)
        # One of each sixty million runs has none in a quarter of the range.
        assert 0 <= min(waits) < longest / 4
        assert longest * 3 / 4 < max(waits) <= longest


def test_without_a_delay_it_is_asked_again_at_once(gatherd, flaky):
    it = service(flaky, "/first/50/status/503", retries=50, retry_delay="0s")
    result = gatherd.once({"services": {"it": it}}, "-l", "debug")
    assert result.status == 0
    told = attempts_in(result.stderr, "it")
    assert [number for number, _, _ in told] == list(range(1, 52))
    assert all(text == "returned HTTP 503; again in 0 ms" for _, _, text in told[:-1])


# ---- Retry-After ----


@pytest.mark.parametrize("status", [429, 503, 500])
def test_nobody_is_asked_again_before_a_retry_after_in_seconds(gatherd, flaky, status):
    path = asks_patience(status, 1)
    # It is no longer than two intervals that would shorten it.
    config = {"interval": "100ms", "services": {"it": service(flaky, path)}}
    result = gatherd.once(config)
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["attempts"], entry["next_at"]) == ("ok", 2, None)
    assert gaps(flaky.requests)[0] >= 1


@pytest.mark.parametrize("status", [429, 503])
def test_nobody_is_asked_again_before_a_retry_after_as_a_date(gatherd, flaky, status):
    dates = []

    def act(request, number):
        if number > 1:
            return says(200)(request, number)
        dates.append(int(time.time()) + 2)
        headers = [("Retry-After", email.utils.formatdate(dates[0], usegmt=True))]
        return says(status, headers=headers)(request, number)

    flaky.answers["/it"] = act
    entry = gatherd.once({"services": {"it": service(flaky, "/it")}}).document["services"]["it"]
    assert (entry["status"], entry["attempts"]) == ("ok", 2)
    assert wall_ms(flaky.requests[1]) >= dates[0] * 1000 - ROUNDING_MS


def test_a_retry_after_that_says_nothing_is_none(gatherd, flaky):
    texts = ["soon", "-1", "1.5", "", "3600 seconds", "Soonday, 99 Foo 9999", "0"]
    texts.append("Sun, 06 Nov 1994 08:49:37 GMT")
    services = {}
    for number, text in enumerate(texts):
        flaky.answers[f"/{number}"] = lambda request, asked, text=text: says(
            503, 200, headers=[("Retry-After", text)]
        )(request, asked)
        services[f"s{number}"] = service(flaky, f"/{number}")
    result = gatherd.once({"services": services}, "-l", "debug")
    assert result.status == 0
    for name in services:
        _, _, text = attempts_in(result.stderr, name)[0]
        wait_ms = int(re.fullmatch(r"returned HTTP 503; again in (\d+) ms", text)[1])
        assert wait_ms <= 10, name


@pytest.mark.parametrize("value", ["3600", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_that_does_not_fit_ends_the_turn_at_once(gatherd, flaky, status, value):
    flaky.answers["/it"] = says(status, headers=[("Retry-After", value)])
    it = service(flaky, "/it", retries=5, deadline="50m")
    result = gatherd.once({"services": {"it": it}}, "-l", "debug")
    assert result.status == 1
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["error"]["kind"]) == ("http_error", "rate_limited")
    assert (entry["http_status"], entry["attempts"], entry["failures"]) == (status, 1, 1)
    assert len(flaky.requests) == 1
    ((_, _, text),) = attempts_in(result.stderr, "it")
    told = rf"returned HTTP {status}; not again: a wait of \S+ does not fit into the deadline, "
    assert re.fullmatch(told + r"\S+ are left", text)


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_held_back_is_skipped_until_two_intervals_are_over(gatherd, flaky, status):
    flaky.answers["/it"] = says(status, 200, headers=FOREVER)
    services = {"it": service(flaky, "/it", deadline="2s"), "other": flaky.url + "/ok"}
    with Daemon(gatherd, {"interval": "1s", "services": services}, "-l", "debug") as daemon:
        first = daemon.first_document()
        held = daemon.wait_document(
            lambda it: it["services"]["it"]["status"] == "skipped"
        )
        recovered = daemon.wait_document(lambda it: it["services"]["it"]["status"] == "ok")
        log = daemon.log
    entry = first["services"]["it"]
    assert (entry["status"], entry["error"]["kind"]) == ("http_error", "rate_limited")
    until = ms(entry["next_at"])
    assert 1500 < until - ms(entry["checked_at"]) <= 2000 + ROUNDING_MS

    skipped = held["services"]["it"]
    assert skipped["error"]["kind"] == "rate_limited"
    assert abs(ms(skipped["next_at"]) - until) <= SAME_MS
    assert (skipped["attempts"], skipped["failures"]) == (0, 1)
    assert skipped["since"] == entry["since"]
    assert skipped["http_status"] is None and skipped["data"] is None
    assert skipped["url"] == flaky.url + "/it"
    assert held["failed"] == ["it"]
    assert held["services"]["other"]["status"] == "ok"

    again = recovered["services"]["it"]
    assert (again["failures"], again["next_at"], again["error"]) == (0, None, None)
    assert gaps(flaky.asked_for("/it"))[0] >= 2
    told = r"\[it\] skipped: held back until (\S+) by a Retry-After"
    assert abs(ms(re.search(told, log)[1]) - until) <= SAME_MS


def test_who_asks_for_patience_again_and_again_is_told_once(gatherd, flaky):
    flaky.answers["/it"] = says(429, headers=FOREVER)
    config = {**config_of(flaky, {"it": "/it", "other": "/ok"}), "interval": "100ms"}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(lambda document: document["services"]["it"]["failures"] >= 3)
        log = daemon.log
    told = re.findall(r"(\w+) \[it\] (\w+)", log)
    assert told == [("warn", "returned")], log


def test_who_is_held_back_is_not_asked_on_sigusr1_either(gatherd, flaky):
    """It asked for that, and perhaps many who run gatherd press the same button."""
    flaky.answers["/it"] = says(429, headers=FOREVER)
    with Daemon(gatherd, config_of(flaky, {"it": "/it", "other": "/ok"})) as daemon:
        first = daemon.first_document()
        document = gather_now(daemon)
    assert document["services"]["it"]["error"]["kind"] == "rate_limited"
    assert document["services"]["it"]["status"] == "skipped"
    before, after = (ms(each["services"]["it"]["next_at"]) for each in (first, document))
    assert abs(after - before) <= SAME_MS
    assert sorted(flaky.paths()) == ["/it", "/ok", "/ok"]


def test_a_good_answer_holds_nobody_back(gatherd, flaky):
    flaky.answers["/it"] = says(200, headers=FOREVER)
    flaky.answers["/expected"] = says(503, headers=FOREVER)
    services = {"it": "/it", "expected": {"url": "/expected", "expect": {"status": 503}}}
    with Daemon(gatherd, config_of(flaky, services)) as daemon:
        daemon.first_document()
        document = gather_now(daemon)
    for entry in document["services"].values():
        assert (entry["status"], entry["next_at"]) == ("ok", None)
    assert len(flaky.requests) == 4


# ---- one deadline ----


def test_an_attempt_has_no_more_time_than_is_left(gatherd, flaky, slack):
    it = service(
        flaky, "/hang", timeout="2s", deadline="3s", retries=50, retry_delay="1ms"
    )
    result = gatherd.once({"services": {"it": it}}, "-l", "debug")
    assert result.status == 1
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["failures"]) == ("timeout", 1)
    assert 3000 - 2 * ROUNDING_MS <= entry["duration_ms"] <= 3000 + 1000 * slack
    told = attempts_in(result.stderr, "it")
    assert told[0][2].startswith("timed out after 2s; again in ")
    given_ms = int(re.match(r"timed out after (\d+)ms", told[1][2])[1])
    assert 500 < given_ms <= 1000
    # A wait may leave a millisecond for a third one.
    assert len(told) == entry["attempts"] == len(flaky.requests) <= 3


def test_a_deadline_shorter_than_the_timeout_counts_in_its_place(gatherd, flaky):
    it = service(flaky, "/hang", timeout=AMPLE, deadline="400ms", retries=3)
    entry = gatherd.once({"services": {"it": it}}).document["services"]["it"]
    assert (entry["status"], entry["attempts"]) == ("timeout", 1)
    assert entry["error"]["message"].startswith("timed out after 400ms")


def test_a_deadline_ends_a_turn_that_waits_for_a_place_again(gatherd, flaky):
    """With what the attempt before came to, though another holds the place."""
    services = {
        "it": service(flaky, "/first/1/status/503", deadline="1s", retry_delay="1ms"),
        "other": service(flaky, "/held/other"),
    }
    config = {"interval": "1h", "max_concurrent": 1, "services": services}
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(
            lambda it: it["services"]["it"]["status"] != "pending"
        )
        assert document["in_flight"] == ["other"]
        entry = document["services"]["it"]
        assert (entry["status"], entry["http_status"]) == ("http_error", 503)
        assert entry["attempts"] == 1
        assert entry["duration_ms"] >= 1000 - ROUNDING_MS
        flaky.let_go("/held/other")
        document = daemon.wait_document(lambda it: it["outcome"] == "complete")
        assert document["services"]["other"]["status"] == "ok"
    assert flaky.paths() == ["/first/1/status/503", "/held/other"]


def test_who_waits_between_attempts_holds_no_place(gatherd, flaky):
    it = asks_patience(503, 1)
    services = {"it": service(flaky, it), "other": service(flaky, "/ok")}
    result = gatherd.once({"max_concurrent": 1, "services": services})
    assert result.status == 0
    assert flaky.paths() == ["/first/1/status/503/", "/ok", "/first/1/status/503/"]


# ---- what comes in between ----


def waiting(flaky, **keys):
    """A service that waits long for its second attempt."""
    flaky.answers["/it"] = says(503, headers=FOREVER)
    return service(flaky, "/it", deadline="2h", **keys)


def wait_until_it_waits(daemon, count=1):
    daemon.wait_log(r"\[it\] attempt 1 of 3: returned HTTP 503; again in 3600\d* ms", count)


def test_who_waits_is_in_flight_and_due_turns_are_skipped(gatherd, flaky):
    config = {"interval": "300ms", "services": {"it": waiting(flaky), "other": flaky.url + "/ok"}}
    with Daemon(gatherd, config, "-l", "debug") as daemon:
        daemon.wait_log(r"\[it\] still running when due again: turn skipped")
        document = daemon.wait_document(lambda it: it["round"]["number"] >= 3)
        assert document["in_flight"] == ["it"]
        assert document["services"]["it"]["status"] == "pending"
        assert document["services"]["other"]["status"] == "ok"
    assert len(flaky.asked_for("/it")) == 1


def test_a_reload_leaves_who_waits_alone_where_it_is_unchanged(gatherd, flaky):
    services = {"it": service(flaky, asks_patience(503, 2)), "old": "/ok?old"}
    with Daemon(gatherd, config_of(flaky, services), "-l", "debug") as daemon:
        daemon.wait_log(r"\[it\] attempt 1 of 3: .*; again in")
        services["new"] = "/ok?new"
        assert daemon.reload(config_of(flaky, services))
        assert verdict(daemon) == [1, 0, 0, 2]
        document = daemon.wait_document(
            lambda it: it["services"]["it"]["status"] not in ("pending",)
        )
    entry = document["services"]["it"]
    assert (entry["status"], entry["attempts"]) == ("ok", 2)
    assert gaps(flaky.asked_for("/first/1/status/503/"))[0] >= 2


def test_a_reload_asks_who_waits_at_once_where_it_is_changed(gatherd, flaky):
    services = {"it": waiting(flaky)}
    with Daemon(gatherd, config_of(flaky, services), "-l", "debug") as daemon:
        wait_until_it_waits(daemon)
        services["it"]["headers"] = {"X-New": "1"}
        assert daemon.reload(config_of(flaky, services))
        wait_until_it_waits(daemon, count=2)
        # Not any more, and its turn ends with what it came to.
        services["it"] = service(flaky, "/it", deadline="1s")
        assert daemon.reload(config_of(flaky, services))
        document = daemon.wait_document(
            lambda it: it["services"]["it"]["status"] == "http_error"
        )
    entry = document["services"]["it"]
    assert (entry["attempts"], entry["failures"]) == (1, 1)
    headers = [request.header("X-New") for request in flaky.asked_for("/it")]
    assert headers == [None, "1", None]


def test_a_reload_without_who_waits_forgets_it(gatherd, flaky):
    services = {"it": waiting(flaky), "other": "/ok"}
    with Daemon(gatherd, config_of(flaky, services), "-l", "debug") as daemon:
        wait_until_it_waits(daemon)
        del services["it"]
        assert daemon.reload(config_of(flaky, services))
        document = daemon.wait_document(lambda it: "it" not in it["services"])
        assert "it" not in document["in_flight"]
        assert gather_now(daemon)["status"] == "ok"
    assert len(flaky.asked_for("/it")) == 1


def test_sigterm_ends_a_wait(gatherd, flaky, slack):
    config = config_of(flaky, {"it": waiting(flaky), "other": "/ok"})
    with Daemon(gatherd, config, "-l", "debug") as daemon:
        wait_until_it_waits(daemon)
        daemon.wait_document(lambda it: it["services"]["other"]["status"] == "ok")
        before = daemon.output.read_bytes()
        status, seconds = daemon.stop()
        assert status == 0
        assert seconds < 1 * slack
    assert daemon.output.read_bytes() == before
    assert len(flaky.asked_for("/it")) == 1


def test_sigterm_ends_a_wait_of_once_too(gatherd, flaky):
    config = {"services": {"it": waiting(flaky)}}
    with Daemon(gatherd, config, "--once", "-l", "debug") as once:
        wait_until_it_waits(once)
        status, _ = once.stop()
    assert status == -15
    assert not once.output.exists()


def test_a_due_turn_that_is_held_back_fails_a_round_that_fails_fast(gatherd, flaky):
    flaky.answers["/it"] = says(429, headers=FOREVER)
    config = {"mode": "fail_fast", "services": {"it": flaky.url + "/it"}}
    result = gatherd.run("--rounds", "2", "-o", "-", config=config)
    assert result.status == 1
    last = result.documents[-1]
    assert (last["outcome"], last["round"]["number"]) == ("failed", 2)
    assert last["services"]["it"]["status"] == "skipped"
    assert len(flaky.requests) == 1
