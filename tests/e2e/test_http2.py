"""HTTP/2: agreed on over TLS, or known beforehand; many services on one connection."""

import pytest

from helpers_daemon import Daemon
from helpers_h2 import H2Upstream, h2_upstream
from helpers_reload import gather_now
from helpers_routes import gather_in_turn
from helpers_tls import ask, identity, is_well, tls_by
from upstream import moves, sends

MANY = 50


@pytest.fixture
def h2c():
    """In clear text."""
    with H2Upstream() as upstream:
        yield upstream


@pytest.fixture(params=["2", "2-prior-knowledge"])
def asks(request, authority):
    """Services of a server that speaks it, by either way to say so: (server, service of a
    path)."""
    tls = None if request.param != "2" else authority.issue("IP:127.0.0.1")

    with H2Upstream(tls=tls) as server:

        def service(path, **keys):
            common = {"url": server.url + path, "http_version": request.param}
            return {**common, **({"tls": tls_by(authority)} if tls else {}), **keys}

        service.server = server
        # Up to libcurl 8.0 only what is agreed on can be kept.
        service.shares = tls is not None
        yield service
        assert set(server.versions) <= {"2"}


def test_requests_and_answers_are_as_ever(gatherd, asks):
    port = asks.server.port
    services = {
        "posted": asks("/echo?a=b", json={"x": [1, 2]}, headers={"X-Mine": "Yes"}),
        "missing": asks("/status/404"),
        "text": asks(sends("grüße", "text/plain; charset=utf-8"), format="text"),
        "moved": asks(moves("/echo/there")),
        "HEAD": asks("/ok", method="HEAD"),
        "large": asks("/size/900000", format="text"),
        "too large": asks("/size/2000000?chunked"),
    }
    for document in gather_in_turn(gatherd, services, 2):
        entries = document["services"]
        assert document["failed"] == ["missing", "too large"]
        seen = entries["posted"]["data"]
        assert (seen["method"], seen["target"]) == ("POST", "/echo?a=b")
        assert seen["body"] == '{"x":[1,2]}'
        headers = dict(seen["headers"])
        assert headers["Host"] == f"127.0.0.1:{port}"
        assert headers["x-mine"] == "Yes"
        assert headers["content-type"] == "application/json"
        assert entries["missing"]["http_status"] == 404
        assert entries["text"]["data"] == "grüße"
        assert entries["moved"]["final_url"].endswith("/echo/there")
        assert entries["HEAD"]["data"] is None
        assert len(entries["large"]["data"]) == 900000
        assert entries["too large"]["error"]["kind"] == "too_large"


def test_what_hangs_times_out_alone(gatherd, asks):
    """All at once, and where they can be, on the one connection of who came first."""
    services = {f"well {n}": asks(f"/together/{MANY}?{n}") for n in range(MANY)}
    services |= {
        "hangs": asks("/hang", timeout="600ms"),
        "slow": asks("/delay/0.3"),
    }
    for service in services.values():
        service["needs"] = "first"
    services["first"] = asks("/ok")
    result = gatherd.run(
        *["--rounds", 2, "-o", "-"], config={"timeout": "30s", "services": services}
    )
    for document in result.documents:
        assert document["failed"] == ["hangs"]
        entry = document["services"]["hangs"]
        assert entry["error"]["message"] == "timed out after 600ms waiting for the first byte"
        assert 600 <= entry["duration_ms"] < 5000
        assert document["counts"]["ok"] == len(services) - 1
    assert asks.server.most >= MANY
    if asks.shares:
        assert asks.server.connections == 1
        # He who gave up said so, and the others went on.
        asks.server.wait_for(lambda it: it.resets >= 1)


def test_large_bodies_come_to_their_end(gatherd, asks):
    """No socket tells of what libcurl has read already, but not handed on."""
    services = {f"{n}": asks("/size/900000", format="none", timeout="30s") for n in range(20)}
    result = gatherd.run("--rounds", 2, "-o", "-", config={"services": services})
    for document in result.documents:
        assert document["status"] == "ok", document["services"]
        assert {entry["bytes"] for entry in document["services"].values()} == {900000}


def test_a_server_may_allow_few_at_once(gatherd, authority, identity):
    with H2Upstream(tls=identity, max_streams=3) as few:
        services = {
            str(n): {
                "url": f"{few.url}/delay/0.02",
                "http_version": 2,
                "tls": tls_by(authority),
            }
            for n in range(30)
        }
        result = gatherd.run("--rounds", 2, "-o", "-", config={"services": services})
        assert result.status == 0, result.stderr
        assert len(few.requests) == 60


def test_what_breaks_breaks_alone(gatherd, asks):
    services = {
        "reset": asks("/close", retries=0),
        "cut": asks("/half"),
        "well": asks("/ok"),
        "well, too": asks("/delay/0.1"),
    }
    for document in gatherd.run(
        "--rounds", 2, "-o", "-", config={"services": services}
    ).documents:
        assert document["failed"] == ["reset", "cut"]
        for name in document["failed"]:
            error = document["services"][name]["error"]
            assert error["kind"] == "protocol", error
            assert error["message"].isprintable()


def test_who_does_not_agree_is_asked_by_1_1(gatherd, authority, identity):
    for protocols in ["http/1.1"], []:
        with H2Upstream(tls=identity, protocols=protocols) as old:
            service = {"url": f"{old.url}/ok", "http_version": 2, "tls": tls_by(authority)}
            services = {str(n): service for n in range(3)}
            for document in gather_in_turn(gatherd, services, 2):
                assert document["status"] == "ok"
            assert set(old.versions) == {"1.1"}
            assert old.connections == 1


def test_in_clear_text_nothing_is_agreed_on(gatherd, upstream):
    service = {"url": f"{upstream.url}/ok", "http_version": 2}
    assert ask(gatherd, service)["status"] == "ok"
    (request,) = upstream.requests
    assert request.header("Upgrade") is None
    assert request.header("HTTP2-Settings") is None


def test_who_says_nothing_is_asked_by_1_1(gatherd, h2_upstream, authority):
    services = {
        "default": {"url": f"{h2_upstream.url}/ok", "tls": tls_by(authority)},
        "new": {"url": f"{h2_upstream.url}/ok", "tls": tls_by(authority), "http_version": 2},
        "old": {"url": f"{h2_upstream.url}/ok", "tls": tls_by(authority), "http_version": 1.1},
    }
    for document in gather_in_turn(gatherd, services, 2):
        for entry in document["services"].values():
            is_well(entry)
    assert h2_upstream.versions == ["1.1", "2"]
    assert len(h2_upstream.requests) == 6


def test_prior_knowledge_may_be_wrong(gatherd, upstream, bad_ports):
    services = {
        "HTTP/1.1": {"url": f"{upstream.url}/ok"},
        "silent": {"url": f"http://127.0.0.1:{bad_ports.silent()}/", "timeout": "500ms"},
        "nobody": {"url": f"http://127.0.0.1:{bad_ports.refused()}/"},
    }
    services = {
        name: {**service, "http_version": "2-prior-knowledge"}
        for name, service in services.items()
    }
    entries = gatherd.once({"services": services}).document["services"]
    # Whether it still reads what the server says, or finds the connection broken.
    assert entries["HTTP/1.1"]["error"]["kind"] == "protocol"
    assert entries["silent"]["status"] == "timeout"
    assert entries["nobody"]["error"]["message"].startswith("connection refused by ")


def test_rounds_of_a_daemon_stay_on_their_connections(gatherd, h2_upstream, authority):
    services = {
        str(n): {
            "url": f"{h2_upstream.url}/ok?{n}",
            "http_version": 2,
            "tls": tls_by(authority),
            "warn": {"certificate_days": {"minimum": 14}},
        }
        for n in range(10)
    }
    with Daemon(gatherd, {"interval": "1h", "services": services}) as daemon:
        daemon.first_document()
        connections = h2_upstream.connections
        for _ in range(3):
            document = gather_now(daemon)
            for entry in document["services"].values():
                is_well(entry)
        assert h2_upstream.connections == connections
        assert len(h2_upstream.requests) == 40


def test_secrets_are_not_in_the_log_of_frames(gatherd, asks):
    headers = {"Authorization": "Bearer ${KEY}"}
    config = {"services": {"it": asks("/echo", headers=headers)}}
    env = {"KEY": "key-4711-of-nobody"}
    result = gatherd.once(config, "--log-level", "debug", env=env)
    assert asks.server.requests[0].header("Authorization") == "Bearer key-4711-of-nobody"
    assert "4711" not in result.stdout + result.stderr
