"""The way to a server: which addresses, pins, and a socket in place of them."""

import contextlib
import re

import pytest

from helpers_proxy import http_proxy
from helpers_routes import PlacedUpstream, gather_in_turn, needs_ipv6
from helpers_tls import ask, identity, is_well, message_of, secured, service_of, tls_by
from upstream import Upstream, moves

# ---- the environment ----


def test_the_environments_proxies_are_never_used(gatherd, upstream, secured, authority, bad_ports):
    proxy = f"http://127.0.0.1:{bad_ports.refused()}"
    names = ["http_proxy", "https_proxy", "all_proxy"]
    env = {name: proxy for name in names} | {name.upper(): proxy for name in names}
    services = {
        "plain": f"{upstream.url}/ok",
        "by name": f"http://localhost:{upstream.port}/ok",
        "TLS": service_of(secured, tls_by(authority)),
        "HTTP/2": service_of(secured, tls_by(authority), http_version=2),
    }
    assert gatherd.once({"services": services}, env=env).status == 0


def test_the_environments_exceptions_do_not_count_either(gatherd, upstream, http_proxy):
    env = {name: "*" for name in ("no_proxy", "NO_PROXY")}
    service = {"url": f"{upstream.url}/ok", "proxy": http_proxy.url}
    assert ask(gatherd, service, env=env)["status"] == "ok"
    assert http_proxy.asked_for == [f"GET {upstream.url}/ok"]


# ---- families of addresses ----


@pytest.fixture
def upstream6():
    with Upstream("::1") as upstream6:
        yield upstream6


@needs_ipv6
@pytest.mark.parametrize("host", ["localhost", "a.twofold.test"])
def test_the_family_of_addresses_can_be_chosen(gatherd, upstream, upstream6, preload, host):
    """Of either server there is only one of the host's addresses."""
    services = {
        f"{family} to {server.host}": {"url": f"http://{host}:{server.port}/ok", "ip": family}
        for family in ("any", 4, 6)
        for server in (upstream, upstream6)
    }
    for order in services, dict(reversed(services.items())):
        for document in gather_in_turn(gatherd, order, env=preload()):
            entries = document["services"]
            assert sorted(document["failed"]) == ["4 to ::1", "6 to 127.0.0.1"]
            for name in document["failed"]:
                error = entries[name]["error"]
                assert error["kind"] == "connect"
                assert error["message"].startswith(f"connection refused by {host}:")
    assert len(upstream.requests) == len(upstream6.requests) == 8


def test_a_host_may_have_no_address_of_the_family(gatherd, upstream, preload):
    services = {
        "name": {"url": f"http://a.quick.test:{upstream.port}/ok", "ip": 6},
        "address": {"url": f"{upstream.url}/ok", "ip": 6},
        "IPv6": {"url": f"http://[::1]:{upstream.port}/ok", "ip": 4},
        "well": {"url": f"http://a.quick.test:{upstream.port}/ok", "ip": 4},
    }
    entries = gatherd.once({"services": services}, env=preload()).document["services"]
    assert entries["well"]["status"] == "ok"
    hosts = {"name": "a.quick.test", "address": "127.0.0.1", "IPv6": "::1"}
    for name, host in hosts.items():
        error = entries[name]["error"]
        assert (error["kind"], error["phase"]) == ("dns", "dns")
        assert error["message"] == f"{host} has no IPv{services[name]['ip']} address"


# ---- pins ----


@pytest.fixture(scope="module")
def shop(authority):
    """What all servers of the shop show."""
    return authority.issue("DNS:shop.nowhere.test")


@pytest.fixture(params=["1.1", "2"])
def shops(shop, request):
    """Two servers of the shop, at one port of two addresses."""
    keywords = {"tls": shop, "protocols": ("h2", "http/1.1")}
    with PlacedUpstream(("127.0.0.1", 0), **keywords) as first:
        with PlacedUpstream(("127.0.0.2", first.port), **keywords) as second:
            first.version = request.param
            yield first, second


def pinned(shop, authority, pins, path="/ok", **keys):
    return {
        "url": f"https://shop.nowhere.test:{shop.port}{path}",
        "tls": tls_by(authority),
        "resolve": pins,
        **keys,
    }


def test_who_pins_otherwise_goes_elsewhere(gatherd, shops, authority, preload):
    """Neither connections nor addresses of one get to the other."""
    first, second = shops
    port = first.port
    pins = {
        "first": {"shop.nowhere.test": "127.0.0.1"},
        "second": {"shop.nowhere.test": "127.0.0.2"},
        "first by port": {f"shop.nowhere.test:{port}": "127.0.0.1"},
        "second by upper case": {"SHOP.nowhere.test": "127.0.0.2"},
        "second by port": {
            "shop.nowhere.test": "127.0.0.1",
            f"shop.nowhere.test:{port}": "127.0.0.2",
        },
        "nowhere": {"other.test": "127.0.0.1", "shop.nowhere.test:1": "127.0.0.2"},
    }
    services = {
        name: pinned(
            first, authority, pin, f"/echo?{name.split()[0]}", http_version=first.version
        )
        for name, pin in pins.items()
    }
    lookups = gatherd.folder / "lookups"
    env = preload(lookups=lookups)
    documents = gather_in_turn(gatherd, services, 3, env=env)
    at_once = gatherd.run("--rounds", 3, "-o", "-", config={"services": services}, env=env)
    for document in documents + at_once.documents:
        assert document["failed"] == ["nowhere"]
        error = document["services"]["nowhere"]["error"]
        assert error["kind"] == "dns"
        assert "shop.nowhere.test" in error["message"]
    assert {request.target for request in first.requests} == {"/echo?first"}
    assert {request.target for request in second.requests} == {"/echo?second"}
    assert len(first.requests) == 2 * 6
    assert len(second.requests) == 3 * 6
    assert set(lookups.read_text().split()) == {"shop.nowhere.test"}
    for request in first.requests + second.requests:
        assert request.header("Host") == f"shop.nowhere.test:{port}"
    assert set(first.names + second.names) == {"shop.nowhere.test"}
    assert set(first.versions + second.versions) == {first.version}


def test_who_does_not_pin_gets_what_the_lookup_finds(gatherd, preload):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(PlacedUpstream(("127.0.0.1", 0)))
        second = stack.enter_context(PlacedUpstream(("127.0.0.2", first.port)))
        url = f"http://a.quick.test:{first.port}/echo?"
        services = {
            "looked up": {"url": url + "first"},
            "pinned": {"url": url + "second", "resolve": {"a.quick.test": "127.0.0.2"}},
            "looked up, too": {"url": url + "first"},
        }
        for order in services, dict(reversed(services.items())):
            for document in gather_in_turn(gatherd, order, env=preload()):
                assert document["status"] == "ok"
        assert {request.target for request in first.requests} == {"/echo?first"}
        assert {request.target for request in second.requests} == {"/echo?second"}


@needs_ipv6
def test_a_pin_may_be_of_any_family(gatherd, preload):
    with Upstream("::1") as upstream6:
        url = f"http://a.nowhere.test:{upstream6.port}/ok"
        services = {
            "bare": {"url": url, "resolve": {"a.nowhere.test": "::1"}},
            "in brackets": {"url": url, "resolve": {"a.nowhere.test": "[::1]"}, "ip": 6},
            "of another": {"url": url, "resolve": {"a.nowhere.test": "::1"}, "ip": 4},
        }
        document = gatherd.once({"services": services}, env=preload()).document
        assert document["failed"] == ["of another"]
        message = document["services"]["of another"]["error"]["message"]
        assert message == "::1 has no IPv4 address"


def test_a_pinned_server_that_is_gone_is_named(gatherd, bad_ports):
    port = bad_ports.refused()
    pins = {"a.nowhere.test": "127.0.0.1"}
    entry = ask(gatherd, {"url": f"http://a.nowhere.test:{port}/", "resolve": pins})
    assert entry["error"]["message"] == f"connection refused by 127.0.0.1:{port}"


def test_pins_hold_for_redirects(gatherd, upstream, preload):
    there = f"http://a.nowhere.test:{upstream.port}/echo/there"
    service = {
        "url": upstream.url + moves(there),
        "resolve": {"A.nowhere.test": "127.0.0.1"},
    }
    entry = ask(gatherd, service, env=preload())
    assert entry["status"] == "ok", entry
    assert entry["final_url"] == there
    assert upstream.requests[1].header("Host") == f"a.nowhere.test:{upstream.port}"


def test_a_pin_and_another_name_in_the_certificate(gatherd, authority, preload):
    with PlacedUpstream(("127.0.0.1", 0), tls=authority.issue("DNS:inner.test")) as inner:
        service = pinned(inner, authority, {"shop.nowhere.test": "127.0.0.1"})
        service["tls"]["server_name"] = "inner.test"
        is_well(ask(gatherd, service, env=preload()))
        assert inner.names == ["inner.test"]
        assert inner.requests[0].header("Host") == f"shop.nowhere.test:{inner.port}"


def test_a_proxy_is_told_of_pins_and_not_of_server_names(
    gatherd, authority, http_proxy, preload
):
    with PlacedUpstream(("127.0.0.1", 0), tls=authority.issue("DNS:inner.test")) as inner:
        tls = tls_by(authority, server_name="inner.test")
        services = {
            "named": service_of(inner, tls, proxy=http_proxy.url),
            "pinned": pinned(inner, authority, {"shop.nowhere.test": "127.0.0.1"}, tls=tls),
        }
        services["named"]["url"] = f"https://127.0.0.1:{inner.port}/ok"
        services["pinned"]["proxy"] = http_proxy.url
        for document in gather_in_turn(gatherd, services, env=preload()):
            for entry in document["services"].values():
                is_well(entry)
        assert set(http_proxy.targets) == {f"127.0.0.1:{inner.port}"}
        hosts = {request.header("Host") for request in inner.requests}
        assert hosts == {f"127.0.0.1:{inner.port}", f"shop.nowhere.test:{inner.port}"}


# ---- sockets ----


@pytest.fixture
def local(tmp_path):
    with PlacedUpstream(tmp_path / "server.sock") as local:
        yield local


def test_a_socket_takes_the_place_of_host_and_port(gatherd, local, preload):
    lookups = gatherd.folder / "lookups"
    services = {
        "absolute": {"url": "http://docker/echo", "unix_socket": str(local.place)},
        "relative": {"url": "http://a.nowhere.test:81/echo", "unix_socket": "server.sock"},
        "address": {"url": "http://127.0.0.1:1/echo", "unix_socket": "server.sock", "ip": 6},
    }
    for document in gather_in_turn(gatherd, services, env=preload(lookups=lookups)):
        assert document["status"] == "ok", document["services"]
    hosts = [request.header("Host") for request in local.requests]
    assert hosts == ["docker", "a.nowhere.test:81", "127.0.0.1:1"] * 2
    assert {request.target for request in local.requests} == {"/echo"}
    assert not lookups.exists()
    assert local.connections == 3


def test_other_sockets_are_other_servers(gatherd, upstream, local, tmp_path):
    with PlacedUpstream(tmp_path / "other.sock") as other:
        url = f"{upstream.url}/echo?"
        services = {
            "TCP": {"url": url + "TCP"},
            "local": {"url": url + "local", "unix_socket": "server.sock"},
            "other": {"url": url + "other", "unix_socket": "other.sock"},
            "TCP, too": {"url": url + "TCP"},
        }
        for order in services, dict(reversed(services.items())):
            for document in gather_in_turn(gatherd, order):
                assert document["status"] == "ok"
        assert {request.target for request in upstream.requests} == {"/echo?TCP"}
        assert {request.target for request in local.requests} == {"/echo?local"}
        assert {request.target for request in other.requests} == {"/echo?other"}


def test_a_socket_does_without_what_the_others_need(gatherd, upstream, local, http_proxy):
    """Families and pins say nothing of it, and a proxy can be taken back."""
    defaults = {"ip": 6, "resolve": {"docker": "127.0.0.1"}, "proxy": http_proxy.url}
    service = {"url": "http://docker/ok", "unix_socket": "server.sock", "proxy": ""}
    config = {"defaults": defaults, "services": {"it": service}}
    document = gatherd.once(config).document
    assert document["status"] == "ok", document["services"]
    assert len(local.requests) == 1
    assert http_proxy.requests == []


def test_tls_over_a_socket(gatherd, authority, shop, tmp_path):
    with PlacedUpstream(tmp_path / "tls.sock", tls=shop) as server:
        keys = {"tls": tls_by(authority), "unix_socket": "tls.sock"}
        is_well(ask(gatherd, {"url": "https://shop.nowhere.test/ok", **keys}))
        message = message_of(ask(gatherd, {"url": "https://a.nowhere.test/ok", **keys}))
        assert "made out to another host" in message
        keys["tls"]["server_name"] = "shop.nowhere.test"
        is_well(ask(gatherd, {"url": "https://a.nowhere.test/ok", **keys}))
        assert server.names == ["shop.nowhere.test", "a.nowhere.test", "shop.nowhere.test"]
        assert server.requests[-1].header("Host") == "a.nowhere.test"


def test_a_socket_that_is_not_there_is_named(gatherd, tmp_path):
    (tmp_path / "file").touch()
    with PlacedUpstream(tmp_path / "left.sock"):
        pass
    for name, why in {
        "missing.sock": "No such file or directory",
        "file": "Connection refused",
        "left.sock": "Connection refused",
    }.items():
        entry = ask(gatherd, {"url": "http://docker/", "unix_socket": name})
        error = entry["error"]
        assert (error["kind"], error["phase"]) == ("connect", "connect")
        assert str(tmp_path / name) in error["message"]
        assert re.search(why, error["message"], re.IGNORECASE), error["message"]


def test_redirects_stay_at_the_socket(gatherd, upstream, local):
    """As curl(1) has it: whatever the host, the socket is in place of it."""
    there = f"{upstream.url}/echo/there"
    service = {"url": "http://docker" + moves(there), "unix_socket": "server.sock"}
    entry = ask(gatherd, {**service, "headers": {"Authorization": "Bearer 4711-of-docker"}})
    assert entry["final_url"] == there
    assert upstream.requests == []
    first, second = local.requests
    assert first.header("Authorization") == "Bearer 4711-of-docker"
    assert second.header("Authorization") is None


def test_faults_of_the_config(gatherd, upstream, tmp_path):
    def told(**keys):
        service = {"url": f"{upstream.url}/ok", **keys}
        result = gatherd.once({"services": {"it": service}})
        assert result.status == 2, result.stdout
        return result.stderr

    assert "unix_socket: a path of more than 107 bytes" in told(unix_socket="x" * 120)
    assert "beside proxy" in told(unix_socket="a.sock", proxy="http://127.0.0.1:1")
    assert "error: " in told(resolve={"a.test": "b.test"})
    assert "error: " in told(resolve={"a.test/x": "127.0.0.1"})
    assert "error: " in told(resolve={"a.test:http": "127.0.0.1"})
    assert "error: " in told(ip=5)
    assert 'did you mean "2"' in told(http_version="2.0") or "error: " in told(http_version="3")
    assert upstream.connections == 0
