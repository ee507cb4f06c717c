"""The daemon's schedule: who is asked when, round after round."""

import itertools
import os
import re
import signal
import time

from helpers_daemon import Daemon
from helpers_schedule import Machine, away, ms, rounds_until, starts, wall_ms

# How late a round may be, beside what the machine is late with everything.
LATE_MS = 20

# How long a stop is, in seconds: a minute where one has the time.
AWAY = 60 if os.environ.get("GATHERD_SLOW_TESTS") == "1" else 5


def check_plan(times, interval_ms, late_ms):
    """TIMES, by number, follow the plan that the first of them began."""
    first = min(times)
    for number, time_ms in sorted(times.items()):
        off = time_ms - times[first] - (number - first) * interval_ms
        assert abs(off) <= late_ms, f"round {number} is off by {off} ms: {times}"


def asked_at(upstream, path):
    """When the upstream was asked for PATH, in ms, by number."""
    return dict(enumerate(request.at * 1000 for request in upstream.asked_for(path)))


def test_rounds_start_when_they_are_planned(gatherd, upstream, slack):
    """And do not drift, though the answers take most of the time."""
    services = {"quick": upstream.url + "/ok", "slow": upstream.url + "/delay/0.4"}
    with Machine() as machine:
        with Daemon(gatherd, {"interval": "500ms", "services": services}) as daemon:
            found = rounds_until(daemon, lambda it: it["round"]["number"] == 20)
    late_ms = LATE_MS * slack + machine.late_ms
    assert len(found) >= 19
    assert all(each["round"]["targets"] == 2 for each in found.values())
    check_plan(starts(found), 500, late_ms)
    # The upstream, in Python, is late too: with each request as with the first.
    check_plan(asked_at(upstream, "/ok"), 500, late_ms + machine.late_ms + 10)
    assert "missed" not in daemon.log and "skipped" not in daemon.log


def test_who_has_an_interval_of_its_own_is_asked_in_it(gatherd, upstream, slack):
    config = {
        "interval": "900ms",
        "services": {
            "seldom": upstream.url + "/ok?seldom",
            "often": {"url": upstream.url + "/ok?often", "interval": "300ms"},
        },
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        found = rounds_until(daemon, lambda it: it["round"]["number"] == 7)
    assert len(found) >= 6
    for number, document in found.items():
        assert document["round"]["targets"] == (2 if number in (1, 4, 7) else 1)
    check_plan(starts(found), 300, LATE_MS * slack + machine.late_ms)
    asked = [request.target for request in upstream.requests]
    assert asked.count("/ok?seldom") == 3 and asked.count("/ok?often") == 7


def test_what_never_answers_holds_up_nobody(gatherd, upstream, slack):
    """It misses its turns, which is told once, and is asked again when it timed out."""
    config = {
        "interval": "200ms",
        "timeout": "900ms",
        "services": {"stuck": upstream.url + "/hang", "well": upstream.url + "/ok"},
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        daemon.wait_log(r"\[stuck\] still running when due again: turn skipped \(1 so far\)")
        document = daemon.wait_document(lambda it: it["services"]["well"]["status"] == "ok")
        assert document["in_flight"] == ["stuck"]
        assert document["services"]["stuck"]["status"] == "pending"
        # Twice more: one that never answers is not given up.
        upstream.wait_for(lambda it: it.asked.get("/hang", 0) == 3)
        document = daemon.wait_document(
            lambda it: it["services"]["stuck"]["failures"] == 2
        )
        assert len(daemon.matches("skipped")) == 1
    assert document["services"]["stuck"]["status"] == "timeout"
    assert document["services"]["well"]["failures"] == 0
    late_ms = LATE_MS * slack + machine.late_ms
    check_plan(asked_at(upstream, "/ok"), 200, late_ms + machine.late_ms + 10)
    # Due at 0, 200, ... 800, and 1000, which is the first time after its timeout.
    check_plan(asked_at(upstream, "/hang"), 1000, late_ms + machine.late_ms + 10)


# ---- spread ----


def test_spread_gives_each_target_its_place(gatherd, upstream, slack):
    names = [f"target-{number}" for number in range(12)]
    config = {
        "interval": "1500ms",
        "spread": "1s",
        "services": {name: f"{upstream.url}/ok/{name}" for name in names},
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        found = rounds_until(daemon, lambda it: it["round"]["number"] == 3)
    begun = starts(found)
    begun.setdefault(2, begun[3] - 1500)
    begun.setdefault(1, begun[3] - 3000)
    late_ms = LATE_MS * slack + 2 * machine.late_ms + 10
    places = {}
    for name in names:
        asked = [wall_ms(request) for request in upstream.asked_for("/ok/" + name)]
        assert len(asked) == 3
        offsets = [at - begun[number] for number, at in enumerate(asked, 1)]
        assert max(offsets) - min(offsets) <= late_ms
        assert -5 <= min(offsets) and max(offsets) <= 1000 + late_ms
        places[name] = min(offsets)
    # They are all over the time: no two thirds of a second without one.
    assert len({round(place / 50) for place in places.values()}) >= 6
    gaps = sorted([0, *places.values(), 1000])
    assert max(b - a for a, b in itertools.pairwise(gaps)) < 667
    # A round is complete when the last one is.
    for document in found.values():
        assert document["round"]["duration_ms"] >= max(places.values()) - late_ms
        assert document["outcome"] == "complete" and document["in_flight"] == []
        assert document["counts"]["ok"] == len(names)


def test_sigusr1_knows_no_spread(gatherd, upstream):
    services = {f"target-{number}": f"{upstream.url}/ok/{number}" for number in range(12)}
    config = {"interval": "1h", "spread": "1h", "services": services}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_log("gathers 12 services")
        daemon.signal(signal.SIGUSR1)
        document = daemon.wait_document(lambda it: it["counts"]["ok"] == 12)
    assert document["round"]["targets"] == 12


def test_neither_does_a_run_by_hand(gatherd, upstream):
    services = {f"target-{number}": f"{upstream.url}/ok/{number}" for number in range(12)}
    config = {"interval": "1h", "spread": "1h", "align": True, "services": services}
    assert gatherd.once(config).document["counts"]["ok"] == 12


# ---- align ----


def test_aligned_rounds_start_on_the_clock(gatherd, upstream, slack):
    config = {
        "align": True,
        "interval": "1s",
        "services": {
            "seldom": upstream.url + "/ok/seldom",
            "often": {"url": upstream.url + "/ok/often", "interval": "500ms"},
        },
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        found = rounds_until(daemon, lambda it: it["round"]["number"] == 5)
    late_ms = LATE_MS * slack + machine.late_ms
    assert 1 in found and len(found) >= 4
    for document in found.values():
        done = document["round"]
        past_ms = ms(done["started_at"]) % 500
        assert past_ms <= late_ms or past_ms >= 499, f"{past_ms} ms past: {done}"
        half = ms(done["started_at"]) // 100 % 10
        assert done["targets"] == (1 if 3 <= half <= 7 else 2)
    check_plan(starts(found), 500, late_ms)


# ---- stopped ----


def test_after_a_stop_there_is_one_round_and_no_burst(gatherd, upstream, slack):
    """And nothing is marked that did not happen."""
    config = {
        "interval": "200ms",
        "timeout": "1s",
        "services": {
            "well": upstream.url + "/ok",
            "slow": {"url": upstream.url + "/delay/0.3", "interval": "1h"},
        },
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda it: it.asked.get("/ok", 0) == 2)
        assert upstream.now >= 1
        with away(daemon, AWAY):
            upstream.wait_for(lambda it: it.now == 0)
            before = len(upstream.asked_for("/ok"))
        back_ms = time.monotonic() * 1000
        told = daemon.wait_log(r"rounds missed")
        count = before + 5
        upstream.wait_for(lambda it: it.asked["/ok"] >= count)
        document = daemon.next_document()
    # It answered while nobody listened, and is no timeout for that.
    assert document["services"]["slow"]["status"] == "ok"
    assert document["services"]["slow"]["failures"] == 0
    assert document["failed"] == [] and "timed out" not in daemon.log
    missed = int(re.search(r"(\d+) rounds missed", told)[1])
    # The stop began right after a round, and took some milliseconds more.
    assert AWAY * 5 - 1 <= missed <= AWAY * 5 + slack and "every 200ms" in told
    at = asked_at(upstream, "/ok")
    late_ms = LATE_MS * slack + 2 * machine.late_ms + 10
    # One at once; the others when they would have been without the stop.
    assert at[before] - back_ms <= late_ms
    later = {number: at[number] for number in range(before + 1, count)}
    check_plan(later, 200, late_ms)
    off = (later[before + 1] - at[0]) % 200
    assert min(off, 200 - off) <= late_ms
    assert ms(document["stale_after"]) == ms(document["generated_at"]) + 2 * 200 + 1000


# ---- SIGUSR1 ----


def test_sigusr1_gathers_all_and_moves_nothing(gatherd, upstream, slack):
    config = {
        "interval": "1s",
        "services": {
            "often": upstream.url + "/ok/often",
            "seldom": {"url": upstream.url + "/ok/seldom", "interval": "1h"},
        },
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda it: it.asked.get("/ok/often") == 2)
        time.sleep(0.4)
        sent_ms = time.monotonic() * 1000
        daemon.signal(signal.SIGUSR1)
        upstream.wait_for(lambda it: it.asked.get("/ok/often") == 5)
    often, seldom = asked_at(upstream, "/ok/often"), asked_at(upstream, "/ok/seldom")
    late_ms = LATE_MS * slack + 2 * machine.late_ms + 10
    assert len(seldom) == 2
    for at in (often.pop(2), seldom[1]):
        assert at - sent_ms <= late_ms
    check_plan(dict(enumerate(often.values())), 1000, late_ms)


def test_sigusr1_never_asks_twice_at_once(gatherd, upstream):
    services = {f"slow-{number}": f"{upstream.url}/delay/0.7?{number}" for number in range(5)}
    config = {"interval": "1h", "services": services}
    with Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda it: it.now == 5)
        for number in range(1, 31):
            daemon.signal(signal.SIGUSR1)
            daemon.wait_log("on SIGUSR1", number)
        document = daemon.wait_document(lambda it: it["counts"]["ok"] == 5)
        assert upstream.asked["/delay/0.7"] == upstream.most == 5
        # They were being asked already: nobody missed a turn of the schedule.
        assert not daemon.matches("turn skipped")
        daemon.signal(signal.SIGUSR1)
        upstream.wait_for(lambda it: it.asked["/delay/0.7"] == 10)
    assert document["failed"] == []


def test_sigusr1_as_often_as_one_likes(gatherd, upstream):
    """Signals melt into one another, and each comes after the round that was."""
    services = {f"quick-{number}": f"{upstream.url}/ok" for number in range(3)}
    with Daemon(gatherd, {"interval": "1h", "services": services}) as daemon:
        first = daemon.wait_document(lambda it: it["counts"]["ok"] == 3)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            daemon.signal(signal.SIGUSR1)
        last = daemon.wait_document(
            lambda it: it["round"]["number"] > first["round"]["number"]
        )
        status, _ = daemon.stop()
    assert status == 0
    assert last["counts"]["ok"] == 3 and last["failed"] == []
    assert upstream.most <= 3


def test_a_round_in_which_nobody_can_take_part_changes_nothing(gatherd, upstream):
    """All its targets still run: there is no document of it, and no line."""
    config = {
        "interval": "1h",
        "timeout": "30s",
        "publish_after": "1h",
        "services": {
            "a": upstream.url + "/delay/0.8",
            "b": upstream.url + "/delay/0.8",
        },
    }
    with Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda it: it.now == 2)
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("gathering everything now")
        document = daemon.wait_document()
        assert document["generation"] == 1
        assert document["counts"]["ok"] == 2
        assert document["round"]["number"] == 1
        assert len(daemon.matches("dashboard")) == 1
        assert not daemon.matches("skipped")
        assert len(upstream.requests) == 2
