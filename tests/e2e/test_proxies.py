"""Asking through a proxy: of HTTP, of HTTP over TLS, and of SOCKS."""

import json
import re

import pytest

from helpers_daemon import Daemon
from helpers_proxy import (
    HOST_UNREACHABLE,
    NOT_ALLOWED,
    REFUSED,
    HttpProxy,
    SocksProxy,
    http_proxy,
    socks_proxy,
)
from helpers_reload import gather_now
from helpers_tls import ask, identity, is_well, message_of, secured, tls_by
from upstream import answer, moves

PASSWORD = "p@ss:word/4711"
ESCAPED = "p%40ss%3Aword%2F4711"

# The secret names of a place that only a proxy knows.
INNER = "inner.nowhere.test"


def via(proxy, url, **keys):
    return {"url": url, "proxy": proxy if isinstance(proxy, str) else proxy.url, **keys}


def failed(entry, *words, kind="connect"):
    """A failure to get there, and its message, which has WORDS in it."""
    assert entry["status"] == "error", entry
    error = entry["error"]
    assert error["kind"] == kind, error
    for word in words:
        assert word in error["message"], error
    assert entry["http_status"] is None
    return error["message"]


# ---- HTTP ----


def test_plain_targets_are_asked_for_by_their_whole_url(gatherd, upstream, http_proxy, preload):
    http_proxy.hosts[INNER] = "127.0.0.1"
    service = via(http_proxy, f"http://{INNER}:{upstream.port}/echo?a=b%20c", method="PUT")
    service |= {"body": "of mine", "headers": {"X-Mine": "yes"}}
    result = gatherd.once({"services": {"it": service}}, env=preload())
    entry = result.document["services"]["it"]
    assert entry["status"] == "ok", entry
    assert http_proxy.asked_for == [f"PUT http://{INNER}:{upstream.port}/echo?a=b%20c"]
    (request,) = upstream.requests
    assert request.header("Host") == f"{INNER}:{upstream.port}"
    assert (request.header("X-Mine"), request.body) == ("yes", b"of mine")
    assert entry["url"] == service["url"]
    assert entry["certificate_expires_at"] is None


def test_targets_with_tls_are_asked_through_a_tunnel(gatherd, secured, http_proxy, authority):
    service = via(http_proxy, f"{secured.url}/echo", tls=tls_by(authority))
    service["headers"] = {"X-Mine": "yes"}
    result = gatherd.run("--rounds", 3, "-o", "-", config={"services": {"it": service}})
    for document in result.documents:
        is_well(document["services"]["it"])
    assert http_proxy.asked_for == [f"CONNECT 127.0.0.1:{secured.port}"]
    assert secured.connections == 1
    # To the proxy, what goes through the tunnel is none of its business.
    (request,) = http_proxy.requests
    assert request.header("X-Mine") is None
    headers = result.documents[0]["services"]["it"]["data"]["headers"]
    assert "X-Of-The-Proxy" not in json.dumps(headers)


def test_a_header_rule_sees_the_servers_answer_alone(gatherd, secured, http_proxy, authority):
    service = via(http_proxy, f"{secured.url}/ok", tls=tls_by(authority))
    service["expect"] = {"header": {"X-Of-The-Proxy": {"exists": False}}}
    is_well(ask(gatherd, service))


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_users_are_told_to_the_proxy_alone(gatherd, upstream, secured, authority, kind):
    with kind(credentials=f"me:{PASSWORD}") as proxy:
        services = {
            "plain": via("${PROXY}", f"{upstream.url}/echo"),
            "TLS": via("${PROXY}", f"{secured.url}/echo", tls=tls_by(authority)),
            "literal": via(proxy.as_user(f"me:{ESCAPED}"), f"{upstream.url}/echo"),
        }
        env = {"PROXY": proxy.as_user(f"me:{ESCAPED}")}
        result = gatherd.once({"services": services}, "--log-level", "debug", env=env)
        assert result.status == 0, result.stderr
        for told in result.stdout, result.stderr:
            assert PASSWORD not in told and ESCAPED not in told
        for request in upstream.requests + secured.requests:
            assert request.header("Proxy-Authorization") is None
            assert request.header("Authorization") is None
        printed = gatherd.run("--print-config", config={"services": services}, env=env).stdout
        assert ESCAPED not in printed and PASSWORD not in printed
        assert "proxy: ${PROXY}" in printed
        explained = gatherd.run("--explain", "TLS", config={"services": services}, env=env)
        assert explained.status == 0
        assert ESCAPED not in explained.stdout and PASSWORD not in explained.stdout


def test_who_is_not_let_in_is_told(gatherd, upstream, secured, authority):
    with HttpProxy(credentials="me:right") as proxy:
        services = {
            "nobody": via(proxy, f"{secured.url}/ok", tls=tls_by(authority)),
            "wrong": via(
                proxy.as_user("me:wrong-0815"), f"{secured.url}/ok", tls=tls_by(authority)
            ),
            "plain": via(proxy, f"{upstream.url}/ok"),
        }
        result = gatherd.once({"services": services})
        entries = result.document["services"]
        for name in "nobody", "wrong":
            assert failed(entries[name]) == (
                f"proxy {proxy.place} does not connect to 127.0.0.1:{secured.port}: "
                "HTTP 407, it demands another user or password"
            )
        # In clear text nobody can tell whose answer that is.
        assert entries["plain"]["status"] == "http_error"
        assert entries["plain"]["http_status"] == 407
        assert "wrong-0815" not in result.stdout + result.stderr
    assert upstream.requests == secured.requests == []


@pytest.mark.parametrize(
    "says, reason",
    [
        (answer("no way", 502, "text/plain"), "HTTP 502"),
        (answer("no way", 403, "text/plain", [("Location", "/x")]), "HTTP 403"),
        (answer("", 302, None, [("Location", "https://evil.test/")]), "HTTP 302"),
        (b"", ""),
        (b"no HTTP at all\r\n\r\n", "what answers there is no HTTP proxy"),
        (b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n", "what answers there is no HTTP proxy"),
    ],
)
def test_a_proxy_that_does_not_connect_is_named(gatherd, secured, authority, says, reason):
    with HttpProxy(says=says) as proxy:
        service = via(proxy, f"{secured.url}/ok", tls=tls_by(authority), timeout="10s")
        entry = ask(gatherd, service)
        begin = f"proxy {proxy.place} does not connect to 127.0.0.1:{secured.port}: "
        message = failed(entry, begin + reason)
        assert message.isprintable()
        assert entry["error"]["excerpt"] is None
    assert secured.connections == 0


def test_where_the_proxy_cannot_connect(gatherd, secured, http_proxy, bad_ports):
    port = bad_ports.refused()
    services = {
        "TLS": via(http_proxy, f"https://127.0.0.1:{port}/"),
        "plain": via(http_proxy, f"http://127.0.0.1:{port}/"),
    }
    entries = gatherd.once({"services": services}).document["services"]
    failed(entries["TLS"], f"proxy {http_proxy.place} does not connect to 127.0.0.1:{port}")
    assert entries["plain"]["http_status"] == 502


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_a_proxy_that_hangs_is_given_its_time(gatherd, upstream, secured, authority, kind):
    with kind(hangs=True) as proxy:
        tls = {"tls": tls_by(authority)}
        services = {
            "plain": via(proxy, f"{upstream.url}/ok", timeout="400ms"),
            "TLS": via(proxy, f"{secured.url}/ok", timeout="400ms", **tls),
            "connect": via(proxy, f"{secured.url}/ok", connect_timeout="300ms", **tls),
            "other": f"{upstream.url}/ok",
        }
        result = gatherd.once({"services": services})
        entries = result.document["services"]
        assert result.document["failed"] == ["plain", "TLS", "connect"]
        for name in "plain", "TLS", "connect":
            assert entries[name]["status"] == "timeout", name
        assert "timed out after 400ms" in entries["TLS"]["error"]["message"]
        assert "timed out after 300ms" in entries["connect"]["error"]["message"]
        assert entries["TLS"]["error"]["phase"] == "connect"


def test_a_proxy_that_is_not_there_is_named(gatherd, upstream, secured, bad_ports, preload):
    port = bad_ports.refused()
    services = {
        f"{scheme} to {url}": via(f"{scheme}://{host}:{port}", url)
        for scheme in ("http", "https", "socks5")
        for host in ("127.0.0.1", "proxy.nowhere.test")
        for url in (upstream.url, secured.url)
    }
    services |= {
        f"{scheme}: {host}": via(f"{scheme}://me:secret-0815@{host}:{port}", upstream.url)
        for scheme in ("http", "https", "socks5", "socks5h")
        for host in ("127.0.0.1", "proxy.nowhere.test")
    }
    result = gatherd.once({"services": services}, env=preload())
    assert "secret-0815" not in result.stdout + result.stderr
    for name, entry in result.document["services"].items():
        if "nowhere" in services[name]["proxy"]:
            failed(entry, "could not resolve proxy proxy.nowhere.test: ", kind="dns")
        else:
            assert failed(entry) == f"connection refused by proxy 127.0.0.1:{port}"


def test_the_proxys_name_is_looked_up_and_no_other(gatherd, upstream, http_proxy, preload):
    lookups = gatherd.folder / "lookups"
    http_proxy.hosts[INNER] = "127.0.0.1"
    proxy = f"http://proxy.quick.test:{http_proxy.port}"
    service = via(proxy, f"http://{INNER}:{upstream.port}/ok")
    entry = ask(gatherd, service, env=preload(lookups=lookups))
    assert entry["status"] == "ok", entry
    assert lookups.read_text() == "proxy.quick.test\n"


def test_redirects_go_through_the_proxy_too(gatherd, upstream, secured, http_proxy, authority):
    http_proxy.hosts[INNER] = "127.0.0.1"
    there = moves(f"http://{INNER}:{upstream.port}/ok")
    service = via(http_proxy, upstream.url + moves(secured.url + there), tls=tls_by(authority))
    entry = ask(gatherd, service)
    assert entry["status"] == "ok", entry
    assert entry["final_url"] == f"http://{INNER}:{upstream.port}/ok"
    assert [line.split("?")[0] for line in http_proxy.asked_for] == [
        f"GET {upstream.url}/redirect",
        f"CONNECT 127.0.0.1:{secured.port}",
        f"GET http://{INNER}:{upstream.port}/ok",
    ]


def test_connections_of_one_way_are_not_taken_by_another(
    gatherd, upstream, http_proxy, socks_proxy
):
    with HttpProxy() as other:
        services = {
            "directly": {"url": f"{upstream.url}/ok?directly"},
            "proxy": via(http_proxy, f"{upstream.url}/ok?proxy"),
            "other": via(other, f"{upstream.url}/ok?other"),
            "socks": via(socks_proxy, f"{upstream.url}/ok?socks"),
            "directly, too": {"url": f"{upstream.url}/ok?too"},
        }
        config = {"max_concurrent": 1, "services": services}
        assert gatherd.run("--rounds", 2, "-o", "-", config=config).status == 0
        assert http_proxy.asked_for == [f"GET {upstream.url}/ok?proxy"] * 2
        assert other.asked_for == [f"GET {upstream.url}/ok?other"] * 2
        assert socks_proxy.targets == [f"127.0.0.1:{upstream.port}"]
    queries = [request.target.partition("?")[2] for request in upstream.requests]
    assert queries == ["directly", "proxy", "other", "socks", "too"] * 2


def test_users_of_one_proxy_have_connections_of_their_own(gatherd, secured, authority):
    """Who is let in does not let in others."""
    with HttpProxy(credentials="me:right") as proxy:
        tls = {"tls": tls_by(authority)}
        services = {
            "known": via(proxy.as_user("me:right"), f"{secured.url}/ok", **tls),
            "nobody": via(proxy, f"{secured.url}/ok", **tls),
            "wrong": via(proxy.as_user("me:wrong"), f"{secured.url}/ok", **tls),
        }
        config = {"max_concurrent": 1, "services": services}
        for document in gatherd.run("--rounds", 2, "-o", "-", config=config).documents:
            assert document["failed"] == ["nobody", "wrong"]


def test_a_reload_changes_the_proxy(gatherd, upstream, http_proxy):
    def config(**keys):
        service = {"url": f"{upstream.url}/ok", **keys}
        return {"interval": "1h", "services": {"it": service}}

    with Daemon(gatherd, config()) as daemon:
        daemon.first_document()
        assert daemon.reload(config(proxy=http_proxy.url))
        upstream.wait_for(lambda it: len(it.requests) == 2)
        assert http_proxy.asked_for == [f"GET {upstream.url}/ok"]
        assert daemon.reload(config())
        upstream.wait_for(lambda it: len(it.requests) == 3)
        assert gather_now(daemon)["status"] == "ok"
        assert len(http_proxy.asked_for) == 1


# ---- HTTP over TLS ----


@pytest.fixture
def tls_proxy(identity):
    with HttpProxy(tls=identity, credentials="me:right") as proxy:
        yield proxy


def test_a_proxy_may_be_asked_by_tls(gatherd, upstream, secured, tls_proxy, authority, preload):
    proxy = tls_proxy.as_user("me:right")
    services = {
        "plain": via(proxy, f"{upstream.url}/ok"),
        "TLS": via(proxy, f"{secured.url}/ok", tls=tls_by(authority)),
        "both by the system's": via(proxy, f"{secured.url}/ok"),
    }
    result = gatherd.run(
        *["--rounds", 2, "-o", "-"],
        config={"services": services},
        env=preload(authority.certificate),
    )
    for document in result.documents:
        assert document["status"] == "ok", result.stderr
        ends = [each["certificate_expires_at"] for each in document["services"].values()]
        assert [end is None for end in ends] == [True, False, False]
    assert len(upstream.requests) == 2
    assert len(secured.requests) == 4


def test_a_proxy_proves_who_it_is_to_the_system(gatherd, secured, tls_proxy, authority):
    """The authorities of a service are for its server, and so is who believes anybody."""
    proxy = tls_proxy.as_user("me:right")
    services = {
        "its own": via(proxy, f"{secured.url}/ok", tls=tls_by(authority)),
        "blind": via(proxy, f"{secured.url}/ok", tls={"verify": False}),
    }
    entries = gatherd.once({"services": services}).document["services"]
    for entry in entries.values():
        message = failed(entry, kind="tls")
        begin = re.escape(f"certificate of proxy {tls_proxy.place}: signed by an unknown ")
        assert re.match(begin, message), message
    assert tls_proxy.requests == []


def test_what_answers_may_be_no_tls(gatherd, upstream, secured, http_proxy, authority):
    services = {
        "proxy": via(http_proxy.url.replace("http", "https"), f"{upstream.url}/ok"),
        "server": via(http_proxy, f"https://127.0.0.1:{upstream.port}/", tls=tls_by(authority)),
    }
    entries = gatherd.once({"services": services}).document["services"]
    place = f"proxy {http_proxy.place}"
    assert message_of(entries["proxy"]).startswith(f"TLS handshake with {place} failed: what")
    place = f"127.0.0.1:{upstream.port}"
    assert message_of(entries["server"]).startswith(f"TLS handshake with {place} failed: what")


# ---- SOCKS ----


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_looks_names_up_itself(gatherd, upstream, socks_proxy, preload, scheme):
    lookups = gatherd.folder / "lookups"
    socks_proxy.hosts[INNER] = "127.0.0.1"
    proxy = f"{scheme}://{socks_proxy.place}"
    services = {
        "name": via(proxy, f"http://{INNER}:{upstream.port}/echo"),
        "address": via(proxy, f"{upstream.url}/echo"),
    }
    config = {"max_concurrent": 1, "services": services}
    result = gatherd.once(config, env=preload(lookups=lookups))
    assert result.status == 0, result.stderr
    assert socks_proxy.targets == [f"{INNER}:{upstream.port}", f"127.0.0.1:{upstream.port}"]
    assert socks_proxy.kinds == ["name", "address"]
    assert not lookups.exists()
    assert [request.target for request in upstream.requests] == ["/echo"] * 2


def test_tls_through_socks(gatherd, secured, socks_proxy, authority):
    service = via(socks_proxy, f"{secured.url}/ok", tls=tls_by(authority))
    result = gatherd.run("--rounds", 2, "-o", "-", config={"services": {"it": service}})
    for document in result.documents:
        is_well(document["services"]["it"])
    assert len(socks_proxy.targets) == 1


def test_a_socks_proxy_lets_in_who_knows_the_password(gatherd, upstream):
    with SocksProxy(credentials=f"me:{PASSWORD}") as proxy:
        services = {
            "known": via(proxy.as_user(f"me:{ESCAPED}"), f"{upstream.url}/ok"),
            "wrong": via(proxy.as_user("me:wrong-0815"), f"{upstream.url}/ok"),
            "nobody": via(proxy, f"{upstream.url}/ok"),
        }
        config = {"max_concurrent": 1, "services": services}
        result = gatherd.once(config)
        assert proxy.users == [f"me:{PASSWORD}", "me:wrong-0815"]
        entries = result.document["services"]
        assert result.document["failed"] == ["wrong", "nobody"]
        place = f"proxy {proxy.place} does not connect to 127.0.0.1:{upstream.port}: "
        for name in "wrong", "nobody":
            assert failed(entries[name]) == place + "it demands another user or password"
        assert "0815" not in result.stdout + result.stderr


REPLIES = {
    NOT_ALLOWED: "that is not allowed",
    HOST_UNREACHABLE: "host unreachable",
    REFUSED: "connection refused",
    77: "",
}


@pytest.mark.parametrize("reply", REPLIES)
def test_a_socks_proxy_that_refuses_is_named(gatherd, upstream, reply):
    with SocksProxy(replies=reply) as proxy:
        message = failed(ask(gatherd, via(proxy, f"{upstream.url}/ok")))
        begin = f"proxy {proxy.place} does not connect to 127.0.0.1:{upstream.port}: "
        assert message.startswith(begin + REPLIES[reply]), message
        assert message.isprintable()
    assert upstream.connections == 0


def test_what_answers_may_be_no_socks(gatherd, upstream, socks_proxy):
    service = via(f"socks5://127.0.0.1:{upstream.port}", f"{upstream.url}/ok")
    failed(ask(gatherd, service), "what answers there is no SOCKS5 proxy")
    service = via(f"http://{socks_proxy.place}", f"{upstream.url}/ok", timeout="10s")
    assert ask(gatherd, service)["status"] == "error"


# ---- an enemy as a proxy ----


def test_a_proxy_that_sends_without_end_is_left(gatherd, secured, authority):
    endless = b"HTTP/1.1 200 OK\r\n" + b"X-More: and more of it\r\n" * 30000
    with HttpProxy(says=endless) as proxy:
        service = via(proxy, f"{secured.url}/ok", tls=tls_by(authority), timeout="20s")
        failed(ask(gatherd, service), f"proxy {proxy.place} does not ", "headers of its answer")
    huge = b"HTTP/1.1 502 No\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 50_000_000
    with HttpProxy(says=huge) as proxy:
        service = via(proxy, f"{secured.url}/ok", tls=tls_by(authority), timeout="20s")
        failed(ask(gatherd, service), "HTTP 502")


def test_faults_of_the_config(gatherd, upstream):
    cases = {
        "ftp://127.0.0.1:1": "no http://, https://, socks5:// or socks5h://",
        "127.0.0.1:3128": "no http://, https://, socks5:// or socks5h://",
        "http://127.0.0.1:1/path": "a path or query behind the host",
        "http://:3128": "",
        f"socks5://me:{'x' * 256}@127.0.0.1:1": "a user or password of more than 255 bytes",
    }
    for proxy, why in cases.items():
        result = gatherd.run("--check", config={"services": {"it": via(proxy, upstream.url)}})
        assert result.status == 2, proxy
        assert "error: proxy is no URL such as http://proxy.example.com:3128: " + why in (
            result.stderr + result.stdout
        )
        assert "xxx" not in result.stderr
