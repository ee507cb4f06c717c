"""The end of a server's certificate: told on each connection, and what rules make of it."""

import datetime
import re

import pytest

from helpers_daemon import Daemon
from helpers_h2 import H2Upstream
from helpers_reload import gather_now
from helpers_tls import FAR, TlsUpstream, ask, service_of, tls_by
from helpers_tls import identity, secured
from upstream import moves

DAYS = 10


@pytest.fixture(scope="module")
def ending(authority):
    """A certificate that ends in ten days and a half, with its key, and that time."""
    end = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    end += datetime.timedelta(days=DAYS, hours=12)
    return (
        authority.issue("IP:127.0.0.1", end=end.strftime("%Y%m%d%H%M%SZ")),
        end.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    )


@pytest.fixture(params=["1.1", "2"])
def soon(ending, request):
    """A server whose certificate ends soon, by both versions of HTTP."""
    with H2Upstream(tls=ending[0]) as soon:
        soon.version = request.param
        yield soon
        assert set(soon.versions) == {request.param}


def asks(server, authority, path="/ok", **keys):
    keys.setdefault("http_version", getattr(server, "version", "1.1"))
    return service_of(server, tls_by(authority), path, **keys)


def test_its_end_is_told_on_new_and_reused_connections(gatherd, soon, ending, authority):
    services = {
        "kept": asks(soon, authority),
        "its own": asks(soon, authority, reuse=False),
        "missing": asks(soon, authority, "/status/404"),
        "wrong": asks(soon, authority, format="json", path="/status/200"),
    }
    config = {"max_concurrent": 1, "services": services}
    result = gatherd.run("--rounds", 3, "-o", "-", config=config)
    for number, document in enumerate(result.documents):
        assert document["failed"] == ["missing", "wrong"]
        for name, entry in document["services"].items():
            assert entry["certificate_expires_at"] == ending[1], name
        tls = [entry["timing_ms"]["tls"] for entry in document["services"].values()]
        assert (tls[0] is None) == (number > 0)
        assert tls[1] is not None
    assert soon.connections == 1 + 3


def test_rules_on_the_days_that_are_left(gatherd, soon, authority):
    def days(condition):
        return {"certificate_days": condition}

    services = {
        "well": asks(soon, authority, expect=days({"minimum": DAYS}), warn=days({"minimum": 1})),
        "equal": asks(soon, authority, expect=days(DAYS)),
        "warned": asks(soon, authority, warn=days({"minimum": 14})),
        "failed": asks(soon, authority, expect=days({"minimum": 14})),
        "over": asks(soon, authority, expect=days({"exclusiveMinimum": DAYS})),
        "missing": asks(soon, authority, "/status/404", expect=days({"minimum": 1})),
    }
    result = gatherd.run("--rounds", 3, "-o", "-", config={"services": services})
    for document in result.documents:
        entries = document["services"]
        statuses = {name: entry["status"] for name, entry in entries.items()}
        assert statuses == {
            "well": "ok",
            "equal": "ok",
            "warned": "degraded",
            "failed": "error",
            "over": "error",
            "missing": "http_error",
        }
        assert entries["warned"]["warnings"] == [
            "certificate_days: expected at least 14 days, got 10 days"
        ]
        assert entries["warned"]["data"] == {"ok": True}
        for name, words in ("failed", "at least 14"), ("over", "more than 10"):
            error = entries[name]["error"]
            assert error["kind"] == "expectation"
            assert error["message"] == f"certificate_days: expected {words} days, got 10 days"


def test_a_certificate_that_is_over_has_no_days_left(gatherd, authority):
    expired = authority.issue("IP:127.0.0.1", end="20200102000000Z")
    with TlsUpstream(tls=expired) as server:
        service = service_of(
            server, {"verify": False}, expect={"certificate_days": {"minimum": 0}}
        )
        entry = ask(gatherd, service)
    assert entry["certificate_expires_at"] == "2020-01-02T00:00:00.000Z"
    message = entry["error"]["message"]
    assert message.startswith("certificate_days: expected at least 0 days, got -"), message


def test_without_tls_a_rule_about_days_is_passed_over(gatherd, upstream, soon, secured, authority):
    def days(**condition):
        return {"certificate_days": condition}

    plain = f"{upstream.url}/ok"
    config = {
        "defaults": {"warn": days(minimum=21)},
        "services": {
            "default": plain,
            "expects": {"url": plain, "expect": days(minimum=14)},
            "none": {"url": plain, "expect": days(exists=False)},
            "any": {"url": plain, "expect": days(exists=True)},
            "warned": {"url": plain, "warn": days(exists=True, minimum=14)},
            # The answer came over TLS, or was to.
            "led to": asks(soon, authority, url=upstream.url + moves(f"{soon.url}/ok")),
            "led away": asks(secured, authority, moves(plain)),
            "secured": asks(secured, authority),
        },
    }
    entries = gatherd.once(config).document["services"]
    assert {name: entry["status"] for name, entry in entries.items()} == {
        "default": "ok",
        "expects": "ok",
        "none": "ok",
        "any": "error",
        "warned": "degraded",
        "led to": "degraded",
        "led away": "degraded",
        "secured": "ok",
    }
    for name in set(entries) - {"led to", "secured"}:
        assert entries[name]["certificate_expires_at"] is None
    assert "certificate_days" in entries["any"]["error"]["message"]
    lacks = "certificate_days: expected at least 21 days, but there is no certificate"
    assert entries["led away"]["warnings"] == [lacks]
    explained = gatherd.run("--explain", "default", config=config).stdout
    assert re.search(r"holds +certificate_days: no TLS", explained), explained


def test_of_several_servers_the_last_one_counts(gatherd, secured, ending, authority, upstream):
    with TlsUpstream(tls=ending[0]) as soon:
        ways = {
            "far": (asks(soon, authority, moves(f"{secured.url}/ok")), FAR),
            "soon": (asks(secured, authority, moves(f"{soon.url}/ok")), ending[1]),
            "plain": (asks(secured, authority, moves(f"{upstream.url}/ok")), None),
        }
        result = gatherd.run(
            *["--rounds", 2, "-o", "-"],
            config={"services": {name: way[0] for name, way in ways.items()}},
        )
    for document in result.documents:
        for name, (_, end) in ways.items():
            entry = document["services"][name]
            assert entry["status"] == "ok"
            assert entry["certificate_expires_at"] == end, name


def test_a_daemon_sees_a_certificate_renewed(gatherd, ending, authority, identity):
    """With the next connection, whoever makes it: a session that were resumed (RFC 8446,
    2.2) would say what was, not what is."""
    rule = {"certificate_days": {"minimum": 14}}
    with TlsUpstream(tls=ending[0]) as server:
        config = {
            "interval": "1h",
            "services": {
                "probe": asks(server, authority, warn=rule, reuse=False),
                "kept": asks(server, authority, warn=rule),
                "left": asks(server, authority, "/leave", warn=rule),
            },
        }

        def ends(document):
            return {
                name: entry["certificate_expires_at"]
                for name, entry in document["services"].items()
            }

        with Daemon(gatherd, config) as daemon:
            before = daemon.first_document()
            assert before["counts"]["degraded"] == 3
            assert set(ends(before).values()) == {ending[1]}
            assert set(ends(gather_now(daemon)).values()) == {ending[1]}
            server.renew(identity)
            after = gather_now(daemon)
            assert server.resumed == 0
            assert ends(after) == {"probe": FAR, "kept": ending[1], "left": FAR}
            assert after["services"]["probe"]["status"] == "ok"
            # The other way round: a bad one does not hide behind an old session either.
            server.renew(ending[0])
            after = gather_now(daemon)
            assert ends(after) == {"probe": ending[1], "kept": ending[1], "left": ending[1]}
            assert after["services"]["probe"]["status"] == "degraded"


def test_a_certificate_that_came_to_be_refused_is(gatherd, authority, identity):
    wrong = authority.issue("DNS:elsewhere.test")
    with TlsUpstream(tls=identity) as server:
        config = {
            "interval": "1h",
            "services": {"probe": asks(server, authority, reuse=False)},
        }
        with Daemon(gatherd, config) as daemon:
            assert daemon.first_document()["status"] == "ok"
            assert gather_now(daemon)["status"] == "ok"
            server.renew(wrong)
            entry = gather_now(daemon)["services"]["probe"]
            assert entry["error"]["kind"] == "tls"
            assert entry["certificate_expires_at"] is None
            daemon.wait_log(r"\[probe\] error: certificate of 127\.0\.0\.1:.* another host")
            server.renew(identity)
            assert gather_now(daemon)["services"]["probe"]["certificate_expires_at"] == FAR
