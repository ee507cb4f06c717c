"""A wall clock that is set by a year while the daemon runs: it is for show alone."""

import datetime

import pytest

from helpers_clock import clock_library, wall_clock
from helpers_daemon import Daemon
from helpers_schedule import Machine, ms, rounds_until, wall_ms

YEAR_MS = 365 * 86_400_000

# How late a round may be, beside what the machine is late with everything.
LATE_MS = 20


def wait_asked(upstream, path, count):
    upstream.wait_for(lambda it: it.asked.get(path, 0) >= count)


def test_a_year_more_or_less_moves_nothing(gatherd, upstream, wall_clock, slack):
    """Rounds, timeouts and the log's hourly repeats go by the time that passed."""
    config = {
        "interval": "250ms",
        "timeout": "1s",
        "services": {
            "well": upstream.url + "/ok",
            "ill": upstream.url + "/status/503",
            "slow": upstream.url + "/delay/0.6",
            "stuck": {"url": upstream.url + "/hang", "timeout": "700ms"},
        },
    }
    documents = []
    with (
        Machine() as machine,
        Daemon(gatherd, config, env=wall_clock.environment) as daemon,
    ):
        first = daemon.wait_document(lambda it: it["services"]["stuck"]["failures"] == 1)
        for by_ms in (YEAR_MS, -2 * YEAR_MS, YEAR_MS):
            # Somebody is being asked, and somebody hangs.
            upstream.wait_for(lambda it: it.now >= 2)
            wall_clock.step(by_ms)
            wait_asked(upstream, "/ok", upstream.asked["/ok"] + 4)
            documents.append((wall_clock.shift_ms, daemon.next_document()))
        last = daemon.wait_document(lambda it: it["services"]["stuck"]["failures"] >= 3)
        log = daemon.log
    begun = upstream.requests[0].at * 1000
    late_ms = LATE_MS * slack + 2 * machine.late_ms + 10
    for number, request in enumerate(upstream.asked_for("/ok")):
        assert abs(request.at * 1000 - begun - number * 250) <= late_ms
    # Those who take longer than the interval miss turns, by the same plan.
    for path, interval_ms in (("/delay/0.6", 750), ("/hang", 750)):
        for number, request in enumerate(upstream.asked_for(path)):
            assert abs(request.at * 1000 - begun - number * interval_ms) <= late_ms
    for shift_ms, document in documents:
        off_ms = ms(document["generated_at"]) - shift_ms - ms(first["generated_at"])
        assert 0 < off_ms < 60_000
        assert document["services"]["slow"]["status"] == "ok"
        assert document["services"]["well"]["failures"] == 0
        stale_ms = ms(document["stale_after"]) - ms(document["generated_at"])
        assert stale_ms == 2 * 250 + 1000
        # It says when that began, by the clock of then.
        for name in ("well", "ill", "slow", "stuck"):
            since = document["services"][name]["since"]
            assert since == first["services"][name]["since"]
    entry = last["services"]["stuck"]
    assert entry["status"] == "timeout" and 690 <= entry["duration_ms"] <= 700 + late_ms
    assert 590 <= last["services"]["slow"]["duration_ms"] <= 600 + late_ms
    # Each was told once, and in all that time nothing again.
    lines = [line.split(" ", 2)[2] for line in log.splitlines()]
    for name, word in (("well", "200"), ("ill", "503"), ("slow", "200"), ("stuck", "timed out")):
        told = [line for line in lines if line.startswith(f"[{name}]") and word in line]
        assert len(told) == 1, log
    assert len([line for line in lines if line.startswith("dashboard")]) <= 3, log
    assert "missed" not in log


def test_the_log_shows_the_clock_as_it_is(gatherd, upstream, wall_clock):
    with Daemon(
        gatherd,
        {"interval": "1h", "services": {"it": upstream.url + "/ok"}},
        env=wall_clock.environment,
    ) as daemon:
        before = daemon.wait_log("dashboard complete").split()[0]
        wall_clock.step(-YEAR_MS)
        daemon.stop()
        after = daemon.wait_log("stopping").split()[0]
    passed = ms(after) - ms(before) + YEAR_MS
    assert 0 <= passed < 60_000
    assert datetime.datetime.fromisoformat(after).tzinfo == datetime.UTC


def test_a_clock_may_be_set_before_the_output_is_open(
    gatherd, upstream, wall_clock, preload
):
    """There is no schedule yet that it concerns."""
    stuck = gatherd.folder / "mkostemp"
    stuck.touch()
    disk = preload(stuck=gatherd.folder)
    libraries = " ".join([wall_clock.environment["LD_PRELOAD"], disk["LD_PRELOAD"]])
    environment = {**disk, **wall_clock.environment, "LD_PRELOAD": libraries}
    config = {"align": True, "interval": "500ms", "services": {"it": upstream.url + "/ok"}}
    with Daemon(gatherd, config, "-l", "debug", env=environment) as daemon:
        wall_clock.step(YEAR_MS)
        daemon.wait_log("the wall clock was set")
        wall_clock.step(YEAR_MS)
        daemon.wait_log("the wall clock was set", 2)
        stuck.unlink()
        document = daemon.wait_document(lambda it: it["outcome"] == "complete")
        assert daemon.stop()[0] == 0
    begun_ms = ms(document["round"]["started_at"]) - 2 * YEAR_MS
    assert abs(begun_ms - wall_ms(upstream.requests[0])) < 10_000


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("by_ms", [YEAR_MS + 250, -YEAR_MS - 150])
def test_aligned_rounds_follow_the_clock(
    gatherd, upstream, wall_clock, slack, by_ms, told
):
    """Within an interval; where nobody tells of the step, with the round that comes next."""
    config = {"align": True, "interval": "500ms", "services": {"it": upstream.url + "/ok"}}
    with (
        Machine() as machine,
        Daemon(gatherd, config, env=wall_clock.environment) as daemon,
    ):
        wait_asked(upstream, "/ok", 2)
        wall_clock.step(by_ms, told)
        last = rounds_until(daemon, lambda it: it["round"]["number"] == 5).popitem()[1]
    late_ms = LATE_MS * slack + 2 * machine.late_ms + 10
    assert abs(ms(last["round"]["started_at"]) - wall_ms(upstream.requests[4]) - by_ms) <= late_ms
    at = [wall_ms(request) for request in upstream.requests]
    for number in (0, 1):
        assert at[number] % 500 <= late_ms
    # The one after the step is the new clock's, if that is known by then.
    for number in range(2 if told else 3, 5):
        assert (at[number] + by_ms) % 500 <= late_ms, at
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert max(gaps) <= (500 if told else 750) + late_ms and min(gaps) >= 100, gaps
    assert "missed" not in daemon.log


@pytest.mark.parametrize("by_ms", [100, -100])
def test_a_small_step_doubles_and_skips_no_round(
    gatherd, upstream, wall_clock, slack, by_ms
):
    config = {"align": True, "interval": "500ms", "services": {"it": upstream.url + "/ok"}}
    with (
        Machine() as machine,
        Daemon(gatherd, config, env=wall_clock.environment),
    ):
        wait_asked(upstream, "/ok", 1)
        # Just after a round, as after this one it is set back before its time.
        wall_clock.step(by_ms)
        wait_asked(upstream, "/ok", 4)
    late_ms = LATE_MS * slack + 2 * machine.late_ms + 10
    at = [wall_ms(request) for request in upstream.requests]
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert abs(gaps[0] - (500 - by_ms)) <= late_ms, gaps
    assert all(abs(gap - 500) <= late_ms for gap in gaps[1:]), gaps
