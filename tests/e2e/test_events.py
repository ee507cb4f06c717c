"""What follows /events: everything at first, then what changes, for whoever reads it."""

import contextlib
import json
import os
import time

import pytest

from helpers_listener import Listening, tcp_place, unix_place, wait_until
from helpers_metrics import parse_metrics
from helpers_reload import complete, config_of, gather_now, status_is
from helpers_tools import short_folder  # noqa: F401
from upstream import answer

SLOW = os.environ.get("GATHERD_SLOW_TESTS") == "1"


@pytest.fixture(params=["unix", "tcp"])
def place(request, short_folder):  # noqa: F811
    return unix_place(short_folder) if request.param == "unix" else tcp_place()


def names(event):
    return [card["name"] for card in event.data["entries"]]


def apply(event, cards):
    """What a page knows after EVENT that knew CARDS."""
    news = {card["name"]: card for card in event.data["entries"]}
    if event.data["complete"]:
        return news
    assert news.keys() <= cards.keys()
    return {name: news.get(name, card) for name, card in cards.items()}


def statuses(cards):
    return {name: card["status"] for name, card in cards.items()}


def test_first_comes_everything(gatherd, upstream, place):
    config = config_of(upstream, {"b": "/ok", "a": "/status/500", "<&>": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        document = daemon.wait_document(complete)
        with place.follow() as follower:
            event = follower.until(document["generation"])
            assert follower.retry == 2000
            assert follower.started.headers["content-type"] == "text/event-stream"
        assert event.data["complete"] and names(event) == ["b", "a", "<&>"]
        summary = event.data["summary"]
        for key in ("generation", "generated_at", "stale_after", "status", "counts", "failed"):
            assert summary[key] == document[key], key
        assert statuses(apply(event, {})) == {
            name: entry["status"] for name, entry in document["services"].items()
        }


def test_then_comes_what_changed_and_nothing_else(gatherd, upstream, place):
    services = {str(number): "/ok" for number in range(30)}
    config = config_of(upstream, services)
    config["services"]["busy"] = {"url": upstream.url + "/ok?busy", "interval": "50ms"}
    config["services"]["busier"] = {"url": upstream.url + "/ok?busier", "interval": "20ms"}
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        daemon.wait_document(lambda new: complete(new) and new["counts"]["ok"] == 32)
        with place.follow() as follower:
            first = follower.next()
            assert first.data["complete"] and len(names(first)) == 32
            last, seen = first.generation, set()
            for _ in range(40):
                event = follower.next()
                assert event.generation > last and not event.data["complete"]
                assert set(names(event)) <= {"busy", "busier"}
                seen.update(names(event))
                assert event.data["summary"]["generation"] == event.generation
                last = event.generation
            assert seen == {"busy", "busier"}


def test_what_comes_adds_up_to_what_is(gatherd, upstream, place):
    """Whenever one begins to follow, and however it is told."""
    flaky = {"/a": 3, "/b": 5, "/c": 7}
    for path, rhythm in flaky.items():
        upstream.answers[path] = lambda _, number, rhythm=rhythm: answer(
            "{}", 200 if number % rhythm else 503
        )
    services = {path[1:]: {"url": path, "interval": f"{10 + ord(path[1]) % 7}ms"} for path in flaky}
    config = config_of(upstream, services, output={"sync": False})
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.first_document()
        followers, known = [], []
        for round_ in range(30):
            if round_ % 6 == 0:
                followers.append(stack.enter_context(place.follow()))
                known.append({})
            for index, follower in enumerate(followers):
                known[index] = apply(follower.next(), known[index])
        # From now on all is quiet: the last word of each is the same.
        still = config_of(upstream, {path[1:]: path for path in flaky})
        assert daemon.reload(Listening.at(still, place))
        generation = gather_now(daemon)["generation"]
        ends = []
        for index, follower in enumerate(followers):
            while (event := follower.next()).generation < generation:
                known[index] = apply(event, known[index])
            ends.append(apply(event, known[index]))
        assert all(end == ends[0] for end in ends)
        services = daemon.document["services"]
        assert statuses(ends[0]) == {name: services[name]["status"] for name in services}


def test_a_changed_status_comes_within_a_second(gatherd, upstream, place, slack):
    config = config_of(upstream, {"a": "/ok", "b": "/ok"}, interval="100ms")
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            follower.next()
            upstream.answers["/ok"] = answer("{}", 503)
            generation = daemon.wait_document(status_is("b", "http_error"))["generation"]
            written = time.monotonic()
            event = follower.until(generation)
            assert time.monotonic() - written < 1 * slack
            assert event.data["summary"]["status"] == "down"


# ---- coming back ----


def test_who_comes_back_goes_on_where_it_was(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok", "b": "/ok"})
    config["services"]["busy"] = {"url": upstream.url + "/ok?busy", "interval": "50ms"}
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        daemon.wait_document(lambda new: complete(new) and new["counts"]["ok"] == 3)
        with place.follow() as follower:
            last = follower.next()
        for _ in range(3):
            daemon.wait_document(lambda new: new["generation"] > last.generation + 2)
            with place.follow(last_id=last.id) as follower:
                event = follower.next()
            assert event.generation > last.generation and not event.data["complete"]
            assert names(event) == ["busy"]
            last = event


def test_who_has_missed_nothing_gets_no_entries(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            last = follower.until(daemon.wait_document(complete)["generation"])
        with place.follow(last_id=last.id) as follower:
            event = follower.next()
        assert event.id == last.id and event.data["entries"] == []
        assert not event.data["complete"]


@pytest.mark.parametrize(
    "last_id",
    ["", "x", "-1", "1", "1.0", "99999", "18446744073709551616", "1,2", "0x1", "1-0", "1" * 500],
)
def test_an_absurd_id_counts_as_none(gatherd, upstream, short_folder, last_id):  # noqa: F811
    place = unix_place(short_folder)
    config = config_of(upstream, {"a": "/ok", "b": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow(last_id=last_id) as follower:
            event = follower.next()
        assert event.data["complete"] and names(event) == ["a", "b"]


def test_an_id_from_before_a_reload_counts_as_none(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok", "b": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            last = follower.until(daemon.wait_document(complete)["generation"])
            del config["services"]["a"]
            assert daemon.reload(Listening.at(config, place))
            event = follower.next()
            assert event.generation > last.generation and event.data["complete"]
            assert names(event) == ["b"]
        with place.follow(last_id=last.id) as follower:
            event = follower.next()
            assert event.data["complete"] and names(event) == ["b"]


def test_an_id_from_before_a_restart_counts_as_none(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok", "b": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            last = follower.until(daemon.wait_document(complete)["generation"])
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow(last_id=last.id) as follower:
            event = follower.next()
            assert event.data["complete"] and names(event) == ["a", "b"]


@pytest.mark.parametrize("keeps_document", [True, False])
def test_a_run_that_got_further_is_no_run_that_goes_on(
    gatherd, upstream, short_folder, keeps_document  # noqa: F811
):
    """Also where one without the document of before has come to a larger number."""
    place = unix_place(short_folder)
    config = config_of(upstream, {"a": "/ok", "b": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        daemon.wait_document(complete)
        with place.follow() as follower:
            last = follower.until(daemon.document["generation"])
    if not keeps_document:
        daemon.output.unlink()
    upstream.answers["/ok"] = answer("{}", 503)
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        while daemon.wait_document(complete)["generation"] <= last.generation + 1:
            gather_now(daemon)
        daemon.shown(last.generation + 1)
        assert daemon.ask("/status.json", If_None_Match=f'"{last.id}"').status == 200
        with place.follow(last_id=last.id) as follower:
            event = follower.next()
        assert event.data["complete"] and names(event) == ["a", "b"]
        assert event.id.partition("-")[2] != last.id.partition("-")[2]
        assert daemon.ask("/status.json", If_None_Match=f'"{event.id}"').status == 304


def test_a_reload_brings_everything_anew(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok", "b": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            follower.next()
            for services in (["c", "b"], ["b", "c"], ["b", "c", "a"], []):
                changed = config_of(upstream, {name: "/ok" for name in services})
                assert daemon.reload(Listening.at(changed, place))
                while names(event := follower.next()) != services:
                    pass
                assert event.data["complete"]
                assert event.data["summary"]["counts"]["total"] == len(services)


# ---- many, and those who do not read ----


def test_sixty_four_can_follow(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok"})
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.first_document()
        before = daemon.descriptors()
        followers = [stack.enter_context(place.follow()) for _ in range(64)]
        for follower in followers:
            assert follower.next().data["complete"]
        refused = place.ask("/events")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert refused.text == "too many follow the events already\n"
        assert place.ask("/events", "HEAD").status == 200
        generation = gather_now(daemon)["generation"]
        for follower in followers:
            assert follower.until(generation).generation == generation
        metrics = parse_metrics(place.ask("/metrics").text)
        assert metrics.value("gatherd_listener_event_clients") == 64
        # Whoever goes makes room.
        followers[0].sock.close()

        def comes():
            follower = stack.enter_context(place.follow())
            return follower.started.status == 200 and follower.next().generation == generation

        wait_until(comes)
        stack.close()
        daemon.descriptors_settle(before)


def test_who_does_not_read_is_dropped_and_nobody_else(gatherd, upstream, place):
    """His backlog does not grow with what comes."""
    big = {"text": 4000 * "x"}
    upstream.answers["/big"] = answer(json.dumps(big))
    service = {"url": "/big", "extract": {"text": "/text"}}
    config = config_of(upstream, {str(number): service for number in range(100)})
    config |= {"interval": "300ms", "output": {"sync": False}}
    gatherd.environment["ASAN_OPTIONS"] += ":quarantine_size_mb=1"
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.first_document()
        reader = stack.enter_context(place.follow())
        first = reader.next()
        size = len(json.dumps(first.data))
        assert size > 64 * 1024, size
        descriptors, memory = daemon.descriptors(), daemon.status_of("VmRSS")
        deaf = [stack.enter_context(place.follow(receive_buffer=4096)) for _ in range(20)]

        def all_are_cut():
            reader.next()
            metrics = parse_metrics(place.ask("/metrics").text)
            cut = metrics.value("gatherd_listener_cut_connections_total")
            return cut == 20 and metrics.value("gatherd_listener_event_clients") == 1 and metrics

        metrics = wait_until(all_are_cut)
        daemon.descriptors_settle(descriptors)
        assert daemon.status_of("VmRSS") < memory + 16 * 1024
        for follower in deaf:
            follower.rest()
        assert reader.next().generation > first.generation
        assert metrics.value("gatherd_missed_rounds_total") == 0


def test_what_a_follower_says_is_not_listened_to(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok"}, interval="100ms")
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            for _ in range(10):
                follower.send(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)
                follower.next()


@pytest.mark.skipif(not SLOW, reason="waits for 15 s: GATHERD_SLOW_TESTS=1")
def test_silence_is_broken(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok"})
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        with place.follow() as follower:
            follower.until(daemon.wait_document(complete)["generation"])
            begun = time.monotonic()
            while follower.line() != ":":
                pass
            assert 14 < time.monotonic() - begun < 20
            follower.until(gather_now(daemon)["generation"])
