"""Gathering at once: what a round takes, in which order it starts, what it keeps open."""

import pytest

from upstream import Upstream


def numbered(count, definition):
    return {f"service {number}": definition for number in range(count)}


def entries(result):
    return list(result.document["services"].values())


def test_four_hundred_are_asked_at_once(gatherd, upstream):
    """Nobody gets an answer before all have asked."""
    services = numbered(400, f"{upstream.url}/together/400")
    result = gatherd.once({"timeout": "30s", "services": services})
    assert result.status == 0
    assert upstream.most == 400


def test_a_round_takes_as_long_as_the_slowest(gatherd, upstream):
    """... of 400 that take 200 to 600 ms. A busy machine has five tries."""
    factor = 1.5 if gatherd.sanitized else 1.15
    services = {
        f"service {number}": f"{upstream.url}/delay/{0.6 - number / 1000:.3f}"
        for number in range(400)
    }
    for _ in range(5):
        result = gatherd.once({"services": services})
        assert result.status == 0
        duration_ms = result.document["round"]["duration_ms"]
        assert duration_ms >= 600
        if duration_ms <= 600 * factor:
            break
    assert duration_ms <= 600 * factor


def test_no_more_than_max_concurrent_at_once(gatherd, upstream):
    """Five, neither more nor fewer: each answer waits for five requests."""
    config = {"max_concurrent": 5, "services": numbered(50, f"{upstream.url}/together/5")}
    result = gatherd.once(config)
    assert result.status == 0
    assert upstream.most == 5


def test_the_start_order_is_that_of_the_config(gatherd, upstream):
    names = [f"{number * 37 % 100}" for number in range(100)]
    services = {name: f"{upstream.url}/ok/{name}" for name in names}
    result = gatherd.once({"max_concurrent": 1, "services": services})
    assert upstream.paths() == [f"/ok/{name}" for name in names]
    assert list(result.document["services"]) == names


def test_the_start_order_is_that_of_the_config_with_many_at_once(gatherd, upstream):
    services = {
        f"{number}": f"{upstream.url}/delay/{0.01 * (number * 7 % 5)}" for number in range(40)
    }
    result = gatherd.once({"max_concurrent": 4, "services": services})
    queued = [entry["timing_ms"]["queued"] for entry in entries(result)]
    assert all(after >= before - 1 for before, after in zip(queued, queued[1:]))


def test_a_hung_service_delays_nobody(gatherd, upstream, slack):
    services = numbered(20, {"url": f"{upstream.url}/hang", "timeout": "600ms"})
    services.update({f"well {number}": f"{upstream.url}/ok" for number in range(20)})
    result = gatherd.once({"services": services})
    for name, entry in result.document["services"].items():
        if name.startswith("well"):
            assert entry["status"] == "ok"
            assert entry["duration_ms"] < 300
        else:
            assert entry["status"] == "timeout"
            assert 600 <= entry["duration_ms"] <= 600 + 50 * slack


def test_time_in_the_queue_does_not_count(gatherd, upstream):
    services = numbered(4, {"url": f"{upstream.url}/hang", "timeout": "200ms"})
    services["last"] = {"url": f"{upstream.url}/delay/0.1", "timeout": "400ms"}
    config = {"max_concurrent": 1, "services": services}
    last = gatherd.once(config).document["services"]["last"]
    assert last["status"] == "ok"
    assert last["timing_ms"]["queued"] >= 800
    assert 100 <= last["duration_ms"] < 400


def test_no_services_are_an_empty_document(gatherd):
    for config in ({}, {"services": {}}, {"services": {"off": {"url": "http://[::1]/"}}}):
        for service in config.get("services", {}).values():
            service["enabled"] = False
        result = gatherd.once(config)
        assert result.status == 0, result.stderr
        assert result.document["services"] == {}
        assert result.document["failed"] == []
        assert result.document["status"] == "ok"
        assert result.document["counts"]["total"] == 0
        assert result.document["round"]["targets"] == 0


# ---- connections ----


def run_rounds(gatherd, rounds, services, **keywords):
    return gatherd.run(
        *["--rounds", rounds, "-o", "-"], config={"services": services}, **keywords
    )


def test_connections_are_used_again(gatherd, upstream):
    result = run_rounds(gatherd, 4, numbered(10, f"{upstream.url}/together/10"))
    assert result.status == 0
    assert len(upstream.requests) == 40
    assert upstream.connections == 10


def test_reuse_false_opens_a_connection_each_time(gatherd, upstream):
    definition = {"url": f"{upstream.url}/together/10", "reuse": False}
    result = run_rounds(gatherd, 3, numbered(10, definition))
    assert result.status == 0
    assert upstream.connections == len(upstream.requests) == 30


def test_reuse_false_takes_no_connection_from_others(gatherd, upstream):
    services = {
        "kept": f"{upstream.url}/together/2",
        "probe": {"url": f"{upstream.url}/together/2", "reuse": False},
    }
    assert run_rounds(gatherd, 3, services).status == 0
    assert upstream.connections == 1 + 3


def test_reuse_false_closes_its_connection_at_once(gatherd, upstream):
    services = {
        "hang": f"{upstream.url}/hang",
        "kept": f"{upstream.url}/together/2",
        "probe": {"url": f"{upstream.url}/together/2", "reuse": False},
    }
    path = gatherd.config({"timeout": "30s", "services": services})
    process = gatherd.start("--once", "-c", path, "-o", "out.json")
    upstream.wait_for(lambda it: it.connections == 3)
    upstream.wait_for(lambda it: it.open == 2)
    process.terminate()
    process.communicate()


def test_a_connection_that_was_closed_meanwhile_is_no_fault(gatherd, upstream):
    result = run_rounds(gatherd, 3, numbered(5, f"{upstream.url}/leave"))
    assert result.status == 0, result.stderr
    assert len(upstream.requests) == 15


# ---- what is told of the time ----

FRESH = {"connect", "first_byte", "total"}


def told(entry):
    """The phases that took a time; `queued` always does."""
    timing = entry["timing_ms"]
    assert list(timing) == ["queued", "dns", "connect", "tls", "first_byte", "total"]
    assert timing["queued"] >= 0
    told = {name for name, ms in timing.items() if ms is not None and name != "queued"}
    assert sum(timing[name] for name in told - {"total"}) <= timing["total"] + 1
    return told


def test_timing_tells_the_phases_that_took_place(
    gatherd, upstream, trusted, authority, bad_ports, preload
):
    refused = bad_ports.refused()
    by_name = f"http://a.late.test:{upstream.port}"
    services = {
        "address": (f"{upstream.url}/ok", FRESH),
        "localhost": (f"http://localhost:{upstream.port}/ok", FRESH | {"dns"}),
        "name": (f"{by_name}/ok", FRESH | {"dns"}),
        "TLS": (f"{trusted.url}/ok", FRESH | {"tls"}),
        "failure": (f"{upstream.url}/status/500", FRESH),
        "hang": (f"{upstream.url}/hang", {"connect", "total"}),
        "hang in the body": (f"{upstream.url}/hang-body", FRESH),
        "hang with TLS": (f"{trusted.url}/hang", {"connect", "tls", "total"}),
        "hang in the handshake": (
            f"https://127.0.0.1:{bad_ports.silent()}/",
            {"connect", "total"},
        ),
        "no name": ("http://a.nowhere.test", {"dns", "total"}),
        "slow name": ("http://a.slow.test", {"total"}),
        "refused": (f"http://127.0.0.1:{refused}", {"total"}),
        "refused name": (f"http://a.quick.test:{refused}", {"dns", "total"}),
    }
    config = {
        "timeout": "1s",
        "services": {name: url for name, (url, _) in services.items()},
    }
    document = gatherd.once(config, env=preload(authority.certificate)).document
    for name, (_, phases) in services.items():
        assert told(document["services"][name]) == phases, name
    assert document["services"]["localhost"]["timing_ms"]["dns"] == 0
    assert document["services"]["name"]["timing_ms"]["dns"] >= 100


def test_a_connection_that_stood_before_took_no_time(
    gatherd, upstream, trusted, authority, preload
):
    services = {
        "plain": (f"{upstream.url}/ok", {"first_byte", "total"}),
        "name": (f"http://a.late.test:{upstream.port}/ok", {"first_byte", "total"}),
        "TLS": (f"{trusted.url}/ok", {"first_byte", "total"}),
        "no reuse": (f"{upstream.url}/ok", FRESH),
        "no reuse of a name": (f"http://a.late.test:{upstream.port}/ok", FRESH | {"dns"}),
    }
    config = {name: {"url": url} for name, (url, _) in services.items()}
    config["no reuse"]["reuse"] = config["no reuse of a name"]["reuse"] = False
    result = run_rounds(gatherd, 2, config, env=preload(authority.certificate))
    assert result.status == 0
    entries = result.documents[-1]["services"]
    for name, (_, phases) in services.items():
        assert told(entries[name]) == phases, name
    assert entries["no reuse of a name"]["timing_ms"]["dns"] == 0


# ---- few descriptors ----


@pytest.mark.parametrize("descriptors", [64, 100, 256])
def test_few_descriptors_are_made_do_with(gatherd, upstream, descriptors):
    services = numbered(300, f"{upstream.url}/delay/0.01")
    result = gatherd.once(
        {"services": services}, under=["prlimit", f"--nofile={descriptors}:{descriptors}"]
    )
    assert result.status == 0, [each["error"] for each in entries(result) if each["error"]][0]
    assert f"only {descriptors} descriptors" in result.stderr
    assert upstream.most < descriptors


@pytest.mark.parametrize("descriptors", [100, 256])
def test_idle_connections_leave_descriptors_to_others(gatherd, descriptors):
    with Upstream("0.0.0.0") as upstream:
        services = {
            f"{number}": f"http://127.1.{number // 200}.{number % 200 + 1}:{upstream.port}/ok"
            for number in range(600)
        }
        limit = ["prlimit", f"--nofile={descriptors}:{descriptors}"]
        result = run_rounds(gatherd, 2, services, under=limit)
    assert result.status == 0, [
        each["error"] for each in result.documents[-1]["services"].values() if each["error"]
    ][0]


def test_the_soft_limit_is_raised_and_no_reason_to_warn(gatherd, upstream):
    services = numbered(200, f"{upstream.url}/together/200")
    result = gatherd.once({"services": services}, under=["prlimit", "--nofile=64:1024"])
    assert result.status == 0
    assert "descriptors" not in result.stderr


# ---- own times ----


def test_each_has_its_own_time(gatherd, upstream, bad_ports):
    hang, full = f"{upstream.url}/hang", f"http://127.0.0.1:{bad_ports.full()}/"
    services = {
        "file's": (hang, "timed out after 900ms waiting for the first byte"),
        "own": ({"url": hang, "timeout": "300ms"}, "timed out after 300ms waiting"),
        "longer": ({"url": hang, "timeout": "1s200ms"}, "timed out after 1.2s waiting"),
        "file's to connect": (full, "timed out after 500ms connecting"),
        "own to connect": ({"url": full, "connect_timeout": "200ms"}, "200ms connecting"),
        "deadline": ({"url": hang, "deadline": "400ms"}, "timed out after 400ms waiting"),
    }
    config = {
        "timeout": "900ms",
        "connect_timeout": "500ms",
        "services": {name: definition for name, (definition, _) in services.items()},
    }
    result = gatherd.once(config)
    for name, (_, words) in services.items():
        assert words in result.document["services"][name]["error"]["message"], name
        assert f"[{name}] timed out after " in result.stderr
