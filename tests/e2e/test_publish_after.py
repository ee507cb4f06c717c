"""When the daemon publishes, and what a document says of the rounds around it."""

import itertools
import time

from helpers_daemon import Daemon
from helpers_gatherd import gated
from helpers_schedule import Machine, ms


class Reader:
    """Every document that is put in place, with when it came, until it is told to stop."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.seen = []  # (monotonic ms, document), each generation once

    def read_until(self, enough):
        def note(document):
            if not self.seen or self.seen[-1][1]["generation"] < document["generation"]:
                self.seen.append((time.monotonic() * 1000, document))
            return enough(document)

        self.daemon.wait_document(note)
        return [document for _, document in self.seen]

    @property
    def gaps_ms(self):
        return [b[0] - a[0] for a, b in itertools.pairwise(self.seen)]


def is_complete(document):
    return document["outcome"] == "complete"


def dribble(upstream, count, step):
    """Services that answer one after the other, STEP seconds apart."""
    return {
        f"s{number:02}": f"{upstream.url}/delay/{number * step:.3f}"
        for number in range(count)
    }


def count_ok(document):
    return document["counts"]["ok"]


# ---- while a round runs ----


def test_answers_do_not_wait_for_one_that_hangs(gatherd, upstream, slack):
    """A second after the first of them, by default."""
    config = {
        "interval": "1h",
        "timeout": "30s",
        "services": {
            "stuck": upstream.url + "/hang",
            "well": upstream.url + "/ok",
            "ill": upstream.url + "/status/503",
        },
    }
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        document = daemon.wait_document()
        after_ms = (time.monotonic() - upstream.asked_for("/ok")[0].at) * 1000
    assert document["generation"] == 1
    assert 990 <= after_ms <= 1000 + 100 * slack + 2 * machine.late_ms
    assert document["outcome"] == "gathering"
    assert document["in_flight"] == ["stuck"]
    assert document["failed"] == ["ill"]
    # No round ended yet: it is the one that runs.
    done = document["round"]
    assert (done["number"], done["targets"], done["duration_ms"]) == (1, 3, None)
    asked_ms = (upstream.requests[0].at - time.monotonic() + time.time()) * 1000
    assert abs(ms(done["started_at"]) - asked_ms) <= 100 * slack + machine.late_ms
    status = {name: each["status"] for name, each in document["services"].items()}
    assert status == {"stuck": "pending", "well": "ok", "ill": "http_error"}


def test_at_most_one_document_each_publish_after(gatherd, upstream, slack):
    services = dribble(upstream, 30, 0.1)
    config = {"interval": "1h", "publish_after": "500ms", "services": services}
    with Machine() as machine, Daemon(gatherd, config) as daemon:
        reader = Reader(daemon)
        documents = reader.read_until(is_complete)
    generations = [document["generation"] for document in documents]
    # One that was there for a moment only a busy machine's reader may miss.
    assert generations == sorted(set(generations)) and generations[0] == 1
    assert generations[-1] <= len(documents) + (1 if machine.late_ms > 20 else 0)
    # 2.9 s: one each 500 ms, but that it takes an answer to have one; and the last.
    assert 4 <= len(documents) <= 7
    assert all(document["outcome"] == "gathering" for document in documents[:-1])
    # The last comes at once, and not when it is its time again.
    assert min(reader.gaps_ms[:-1]) >= 500 - 20 * slack - machine.late_ms
    counts = [count_ok(document) for document in documents]
    # Each has more, but that the last may say no more than that it was.
    assert counts[:-1] == sorted(set(counts[:-1])) and counts[-1] == 30
    for document in documents:
        left = [name for name in services if document["services"][name]["status"] == "pending"]
        assert document["in_flight"] == left
    assert documents[-1]["round"]["duration_ms"] >= 2890


def test_publish_after_0_publishes_each_answer(gatherd, upstream):
    config = {
        "interval": "1h",
        "publish_after": 0,
        "services": dribble(upstream, 10, 0.1),
    }
    with Daemon(gatherd, config) as daemon:
        documents = Reader(daemon).read_until(is_complete)
    # One that came while another was being written waits for it, and the last for none.
    assert len(documents) >= 8
    assert documents[0]["counts"]["ok"] <= 2


def test_runs_by_hand_publish_once_a_round(gatherd, upstream):
    config = {"publish_after": "10ms", "services": dribble(upstream, 5, 0.1)}
    result = gatherd.run("--rounds", 2, "-o", "-", config=config)
    assert result.status == 0
    for number, document in enumerate(result.documents, 1):
        assert document["generation"] == document["round"]["number"] == number
        assert document["outcome"] == "complete" and document["counts"]["ok"] == 5
    assert len(result.documents) == 2


# ---- rounds that overlap ----


def test_round_is_the_one_that_ended_last(gatherd, gated):
    """The first, which takes longer, ends after those that began later."""
    config = {
        "interval": "1h",
        "timeout": "30s",
        "publish_after": "50ms",
        "services": {
            "late": gated.url + "/gated",
            "quick": {"url": gated.url + "/ok", "interval": "400ms"},
        },
    }
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(lambda it: it["round"]["number"] == 3)
        assert document["round"]["targets"] == 1
        assert document["round"]["duration_ms"] is not None
        # All of the newest round is there.
        assert document["outcome"] == "complete" and document["in_flight"] == ["late"]
        gated.open_gate()
        document = daemon.wait_document(lambda it: it["in_flight"] == [])
        assert document["round"]["number"] == 1 and document["round"]["targets"] == 2
        assert document["round"]["duration_ms"] >= 800
        assert document["services"]["late"]["status"] == "ok"
        document = daemon.wait_document(lambda it: it["round"]["number"] >= 4)
    assert document["outcome"] == "complete" and document["round"]["targets"] == 1


# ---- what a document says ----


def test_stale_after_goes_by_the_shortest_interval(gatherd, upstream):
    config = {
        "interval": "1h",
        "timeout": "7s",
        "services": {
            "hourly": upstream.url + "/ok",
            "often": {"url": upstream.url + "/ok", "interval": "90s", "timeout": "20s"},
            "never": {"url": upstream.url + "/ok", "interval": "1s", "enabled": False},
        },
    }
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document()
    after_ms = ms(document["stale_after"]) - ms(document["generated_at"])
    assert after_ms == 2 * 90_000 + 7_000


def test_no_services_are_an_empty_document(gatherd):
    """For who reads it is to know that all is as it was configured."""
    with Daemon(gatherd, {"services": {}}) as daemon:
        document = daemon.wait_document(timeout=10)
        status, seconds = daemon.stop()
    assert document["services"] == {} and document["failed"] == []
    assert document["status"] == "ok" and document["outcome"] == "complete"
    assert document["counts"]["total"] == 0
    assert status == 0 and seconds < 1


def test_keep_last_keeps_the_last_good_answer(gatherd, upstream):
    """Round for round, until there is a newer one."""
    good = [1, 2, 5]

    def answer_number(request, number):
        body = b'{"number": %d}' % number
        return (
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (200 if number in good else 503, len(body), body)
        )

    upstream.answers["/it"] = answer_number
    config = {
        "interval": "250ms",
        "services": {
            "kept": {"url": upstream.url + "/it", "keep_last": True},
            "plain": upstream.url + "/ok",
        },
    }
    documents = {}
    with Daemon(gatherd, config) as daemon:

        def note(document):
            documents[document["round"]["number"]] = document["services"]
            return document["round"]["number"] == 5

        daemon.wait_document(note)
    assert len(documents) >= 4 and "last_data" not in documents[5]["plain"]
    for number, entries in documents.items():
        entry = entries["kept"]
        is_good = number in good
        last = max(each for each in good if each <= number)
        assert entry["status"] == ("ok" if is_good else "http_error")
        assert entry["data"] == ({"number": number} if is_good else None)
        assert entry["last_data"] == {"number": last}
        assert entry["failures"] == (0 if is_good else number - 2)
        assert (entry["last_ok_at"] == entry["checked_at"]) == is_good
