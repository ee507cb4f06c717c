"""Who stays down is asked less and less often, up to its `backoff`."""

from helpers_daemon import Daemon
from helpers_reload import config_of, gather_now
from helpers_retries import (  # noqa: F401 (fixtures)
    ROUNDING_MS,
    SAME_MS,
    flaky,
    gaps,
    says,
)
from helpers_schedule import ms, rounds_until, wall_ms


def down(upstream, *statuses, **keys):
    """A service that gives these STATUSES, the last one for good; with none, it is down."""
    upstream.answers["/it"] = says(*(statuses or (500,)))
    return {"url": upstream.url + "/it", "backoff": "1h", **keys}


def entry_of(document):
    return document["services"]["it"]


def failures_are(count):
    return lambda document: entry_of(document)["failures"] >= count


def status_is(status):
    return lambda document: entry_of(document)["status"] == status


def test_the_interval_doubles_with_each_failure_up_to_the_backoff(gatherd, flaky):
    """Rounds of nobody go on meanwhile, so that the document stays young."""
    config = {"interval": "400ms", "services": {"it": down(flaky, backoff="1600ms")}}
    with Daemon(gatherd, config) as daemon:
        found = rounds_until(daemon, failures_are(6))
        log = daemon.log
    asked = {}  # the start of the round with that failure, and how long it was held back then
    for document in found.values():
        entry, begun = entry_of(document), ms(document["round"]["started_at"])
        assert document["failed"] == ["it"]
        assert document["round"]["targets"] in (0, 1)
        if document["round"]["targets"] == 1:
            held_ms = ms(entry["next_at"]) - begun if entry["next_at"] else 400
            asked[entry["failures"]] = begun, held_ms
    assert len(asked) >= 5 and len(found) > len(asked)
    for failures, (begun, held_ms) in asked.items():
        assert abs(held_ms - min(400 * 2 ** (failures - 1), 1600)) <= SAME_MS
        if failures + 1 in asked:
            # A quarter of an interval early is not too early.
            assert asked[failures + 1][0] - begun >= held_ms - 100 - ROUNDING_MS
    # Nothing was skipped: it was not due.
    assert "skipped" not in log


def test_who_recovers_is_asked_in_its_usual_interval_again(gatherd, flaky):
    it = down(flaky, 500, 500, 500, 200, 500, 200)
    with Daemon(gatherd, {"interval": "300ms", "services": {"it": it}}) as daemon:
        document = daemon.wait_document(failures_are(3))
        assert entry_of(document)["next_at"] is not None
        document = daemon.wait_document(status_is("ok"))
        assert (entry_of(document)["failures"], entry_of(document)["next_at"]) == (0, None)
        # Its next failure is a first one again.
        document = daemon.wait_document(
            lambda each: entry_of(each)["failures"] > 0 or len(flaky.requests) > 6
        )
        assert entry_of(document)["failures"] <= 1
        assert entry_of(document)["next_at"] is None


def test_without_it_who_is_down_is_asked_in_every_round(gatherd, flaky):
    it = down(flaky)
    del it["backoff"]
    with Daemon(gatherd, {"interval": "100ms", "services": {"it": it}}) as daemon:
        found = rounds_until(daemon, failures_are(6))
    assert all(each["round"]["targets"] == 1 for each in found.values())
    assert all(entry_of(each)["next_at"] is None for each in found.values())


def test_who_is_degraded_is_not_down(gatherd, flaky):
    it = down(flaky, 200, warn={"status": 404})
    with Daemon(gatherd, {"interval": "100ms", "services": {"it": it}}) as daemon:
        document = daemon.wait_document(lambda each: len(flaky.requests) >= 5)
    assert entry_of(document)["status"] == "degraded"
    assert entry_of(document)["next_at"] is None


def test_sigusr1_asks_who_is_backed_off(gatherd, flaky):
    it = down(flaky, 500, 500, 500, 200)
    with Daemon(gatherd, {"interval": "30m", "services": {"it": it}}) as daemon:
        daemon.first_document()
        document = gather_now(daemon)
        assert entry_of(document)["failures"] == 2
        held_ms = ms(entry_of(document)["next_at"]) - ms(entry_of(document)["checked_at"])
        assert abs(held_ms - 3600_000) < 2000
        document = gather_now(daemon)
        assert entry_of(document)["failures"] == 3
        document = gather_now(daemon)
        assert (entry_of(document)["status"], entry_of(document)["next_at"]) == ("ok", None)
    assert len(flaky.requests) == 4


def test_a_reload_asks_at_once_whom_it_changes_and_nobody_else(gatherd, flaky):
    services = {"it": down(flaky), "other": "/ok"}
    with Daemon(gatherd, config_of(flaky, services, interval="100ms")) as daemon:
        # It is held back for 3.2 s now.
        document = daemon.wait_document(failures_are(6))
        until = entry_of(document)["next_at"]
        services["new"] = "/ok?new"
        assert daemon.reload(config_of(flaky, services, interval="100ms"))
        document = daemon.wait_document(lambda each: "new" in each["services"])
        assert entry_of(document)["next_at"] == until
        services["it"]["backoff"] = "2h"
        assert daemon.reload(config_of(flaky, services, interval="100ms"))
        # Its state stays with its name.
        document = daemon.wait_document(failures_are(7))
        assert wall_ms(flaky.asked_for("/it")[6]) < ms(until)
        # Without it, its next turns come in each round.
        del services["it"]["backoff"]
        assert daemon.reload(config_of(flaky, services, interval="100ms"))
        document = daemon.wait_document(failures_are(12))
    assert entry_of(document)["next_at"] is None


def test_after_a_restart_who_is_down_is_asked_once_and_then_as_seldom(gatherd, flaky):
    config = {"interval": "500ms", "services": {"it": down(flaky)}}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(failures_are(3))
    failures = len(flaky.requests)
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(failures_are(failures + 1))
    assert len(flaky.requests) == failures + 1
    held_ms = ms(entry_of(document)["next_at"]) - ms(document["round"]["started_at"])
    assert abs(held_ms - 500 * 2**failures) <= SAME_MS


def test_a_restart_ends_the_hold_of_a_retry_after(gatherd, flaky):
    flaky.answers["/it"] = says(429, 200, headers=[("Retry-After", "3600")])
    config = config_of(flaky, {"it": "/it"})
    with Daemon(gatherd, config) as daemon:
        assert entry_of(daemon.first_document())["next_at"] is not None
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(status_is("ok"))
    assert entry_of(document)["next_at"] is None
    assert len(flaky.requests) == 2


def test_who_is_skipped_is_not_put_off_by_that(gatherd, flaky):
    """It was not asked, so that it is due as soon as what it needs is well again."""
    statuses = {"before": 200, "it": 500}
    for name in statuses:
        flaky.answers[f"/{name}"] = lambda request, number, name=name: says(statuses[name])(
            request, number
        )
    services = {
        "before": {"url": "/before"},
        "it": {"url": "/it", "backoff": "1h", "needs": "before"},
    }
    with Daemon(gatherd, config_of(flaky, services, interval="150ms")) as daemon:
        daemon.wait_document(failures_are(4))
        statuses["before"] = 500
        document = daemon.wait_document(status_is("skipped"))
        entry = entry_of(document)
        assert entry["error"]["kind"] == "dependency"
        # Its turn may come a quarter of an interval before that.
        until = ms(entry["next_at"] or entry["checked_at"])
        assert until - ms(entry["checked_at"]) <= 150 / 4 + ROUNDING_MS
        statuses.update(before=200, it=200)
        document = daemon.wait_document(status_is("ok"))
        assert entry_of(document)["failures"] == 0


def test_of_a_retry_after_and_a_backoff_the_later_counts(gatherd, flaky):
    flaky.answers["/it"] = says(503, headers=[("Retry-After", "3600")])
    services = {"it": {"url": "/it", "backoff": "1h"}, "other": "/ok"}
    with Daemon(gatherd, config_of(flaky, services, interval="200ms")) as daemon:
        found = rounds_until(daemon, failures_are(4))
    seen = 0
    for document in found.values():
        entry = entry_of(document)
        if entry["status"] != "http_error" or document["round"]["targets"] != 2:
            continue
        seen += 1
        begun = ms(document["round"]["started_at"])
        held_ms = ms(entry["next_at"]) - begun
        # Two intervals, from the answer on, are the most that it may ask for.
        wanted_ms = 200 * max(2, 2 ** (entry["failures"] - 1))
        took_ms = ms(entry["checked_at"]) - begun
        assert wanted_ms - SAME_MS <= held_ms <= wanted_ms + took_ms + SAME_MS
    assert seen >= 3
    assert min(gaps(flaky.asked_for("/it"))) >= 0.4
