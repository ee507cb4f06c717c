"""Host names: looked up in threads, remembered, and no trouble of anybody else's."""

import os
import statistics

SLOW_MS = 6000
LIMIT_MS = 700


def asks_slow_names(count):
    return {
        f"slow {number}": {"url": f"http://{number}.slow.test/", "timeout": f"{LIMIT_MS}ms"}
        for number in range(count)
    }


def durations(document, prefix):
    return [
        entry["duration_ms"] + entry["timing_ms"]["queued"]
        for name, entry in document["services"].items()
        if name.startswith(prefix)
    ]


def test_a_hanging_name_server_is_nobody_elses_trouble(gatherd, upstream, preload, slack):
    others = {f"other {number}": f"{upstream.url}/ok" for number in range(20)}
    others["other by name"] = f"http://localhost:{upstream.port}/ok"
    quiet = gatherd.once({"services": others}).document

    config = {"services": {**asks_slow_names(100), **others}}
    result = gatherd.once(config, env=preload(slow_ms=SLOW_MS))

    document = result.document
    assert document["counts"]["ok"] == len(others)
    for name in asks_slow_names(100):
        entry = document["services"][name]
        assert entry["status"] == "timeout"
        assert entry["error"]["phase"] == "dns"
        message = f"timed out after {LIMIT_MS}ms looking up the host"
        assert entry["error"]["message"] == message
        assert entry["timing_ms"]["dns"] is None
    late = max(durations(document, "slow")) - LIMIT_MS
    assert 0 <= late <= 50 * slack
    delay = statistics.median(durations(document, "other")) - statistics.median(
        durations(quiet, "other")
    )
    assert delay <= 10 * slack
    # Who hangs in getaddrinfo(3) is not waited for in the end either.
    assert result.seconds < SLOW_MS / 2000


def test_threads_do_not_pile_up(gatherd, upstream, preload):
    services = {**asks_slow_names(100), "last": f"{upstream.url}/ok"}
    path = gatherd.config({"services": services})
    process = gatherd.start(
        "--once", "-c", path, "-o", "out.json", env=preload(slow_ms=SLOW_MS)
    )
    upstream.wait_for(lambda it: it.requests)
    threads = len(os.listdir(f"/proc/{process.pid}/task"))
    process.communicate()
    assert 2 <= threads <= 20


def test_a_quick_name_is_not_behind_a_slow_one(gatherd, upstream, preload):
    services = {
        **asks_slow_names(10),
        "quick": f"http://a.quick.test:{upstream.port}/ok",
    }
    entry = gatherd.once({"services": services}, env=preload()).document["services"]["quick"]
    assert entry["status"] == "ok"
    assert 0 <= entry["timing_ms"]["dns"] < LIMIT_MS / 2


def test_a_name_is_looked_up_once(gatherd, upstream, preload, tmp_path):
    lookups = tmp_path / "lookups"
    services = {
        f"{number}": f"http://a.late.test:{upstream.port}/ok?{number}" for number in range(20)
    }
    result = gatherd.run(
        *["--rounds", 3, "-o", "-"],
        config={"services": services},
        env=preload(lookups=lookups),
    )
    assert result.status == 0
    assert lookups.read_text() == "a.late.test\n"
    assert len(upstream.requests) == 60


def test_addresses_and_localhost_are_not_looked_up(gatherd, upstream, preload, tmp_path):
    lookups = tmp_path / "lookups"
    services = {
        "address": f"{upstream.url}/ok",
        "localhost": f"http://localhost:{upstream.port}/ok",
    }
    result = gatherd.once({"services": services}, env=preload(lookups=lookups))
    assert result.status == 0
    assert not lookups.exists()


def test_the_connections_time_holds_for_names(gatherd, preload):
    service = {"url": "http://a.slow.test/", "connect_timeout": "200ms"}
    result = gatherd.once({"services": {"slow": service}}, env=preload())
    error = result.document["services"]["slow"]["error"]
    assert error["message"] == "timed out after 200ms looking up the host"


def test_of_two_addresses_the_one_that_answers_is_taken(gatherd, upstream, preload):
    services = {"twofold": f"http://a.twofold.test:{upstream.port}/ok"}
    result = gatherd.once({"services": services}, env=preload())
    assert result.status == 0, result.stderr
    assert upstream.requests[0].header("Host") == f"a.twofold.test:{upstream.port}"
