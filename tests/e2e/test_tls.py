"""TLS: whom gatherd believes, what it shows of itself, and what it says about both."""

import contextlib
import json
import re

import pytest

from helpers_daemon import Daemon
from helpers_tls import (
    FAR,
    VERSIONS,
    AlertingServer,
    TlsUpstream,
    ask,
    encrypt_key,
    is_well,
    join,
    message_of,
    self_signed,
    service_of,
    tls_by,
)
from helpers_tls import identity, secured, stranger
from upstream import Upstream, moves

UNVERIFIED = "the server's certificate is not verified (tls.verify)"
TRUSTING = "tls.verify is false: whoever answers is believed, and gets what is sent"

# ---- the server's certificate ----


@pytest.fixture(scope="module")
def suspects(authority, stranger, tmp_path_factory):
    """Servers by what is wrong with their certificates."""
    here = "IP:127.0.0.1"
    certificates = {
        "expired": authority.issue(here, end="20200102000000Z"),
        "not yet valid": authority.issue(here, begin="20980101000000Z"),
        "another host": authority.issue("DNS:elsewhere.test,IP:127.0.0.2"),
        "self-signed": self_signed(tmp_path_factory.mktemp("suspect"), here),
        "unknown authority": stranger.issue(here),
    }
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(Upstream(tls=certificate))
            for name, certificate in certificates.items()
        }


# What is told of them, less who it is; the words in brackets are OpenSSL's or libcurl's.
REASONS = {
    "expired": "certificate has expired",
    "not yet valid": "certificate is not yet valid",
    "another host": r"made out to another host \(.*'127\.0\.0\.1'\)",
    "self-signed": "self-signed certificate",
    "unknown authority": r"signed by an unknown authority \(unable to .*\)",
}


def test_who_cannot_be_believed_is_told_with_the_reason(gatherd, suspects, authority):
    services = {
        name: service_of(server, tls_by(authority), retries=2, retry_delay=0)
        for name, server in suspects.items()
    }
    result = gatherd.once({"services": services})
    assert result.status == 1
    assert result.document["failed"] == list(REASONS)
    for name, reason in REASONS.items():
        entry = result.document["services"][name]
        message = message_of(entry)
        place = re.escape(f"127.0.0.1:{suspects[name].port}")
        assert re.fullmatch(f"certificate of {place}: {reason}", message), message
        assert f"[{name}] error: {message}" in result.stderr
        # Asking again would not help; and nothing was asked of whoever that is.
        assert entry["attempts"] == 1
        assert entry["timing_ms"]["connect"] is not None
        assert suspects[name].requests == []


def test_with_http_2_too(gatherd, suspects, authority):
    services = {
        name: service_of(server, tls_by(authority), http_version=2)
        for name, server in suspects.items()
    }
    document = gatherd.once({"services": services}).document
    for name, reason in REASONS.items():
        message = message_of(document["services"][name])
        assert re.search(f": {reason}$", message), message


def test_a_file_of_authorities_is_all_that_counts(gatherd, secured, authority, stranger, preload):
    services = {
        "the system's": service_of(secured, {}),
        "its own": service_of(secured, tls_by(authority)),
        "another's": service_of(secured, tls_by(stranger)),
    }
    config = {"services": services}
    # The system does not know this authority; then it does, and the file still counts.
    document = gatherd.once(config).document
    assert document["failed"] == ["the system's", "another's"]
    document = gatherd.once(config, env=preload(authority.certificate)).document
    assert document["failed"] == ["another's"]
    is_well(document["services"]["the system's"])
    is_well(document["services"]["its own"])


def test_a_certificate_may_be_its_own_authority(gatherd, suspects, tmp_path):
    """As curl(1) has it: whatever is in the file is trusted."""
    server = suspects["self-signed"]
    assert ask(gatherd, service_of(server, {"ca": str(server.tls[0])}))["status"] == "ok"
    server = suspects["another host"]
    entry = ask(gatherd, service_of(server, {"ca": str(server.tls[0])}))
    assert "made out to another host" in message_of(entry)


def test_a_connection_serves_nobody_who_would_not_have_made_it(
    gatherd, secured, authority, stranger
):
    services = {
        "blind": service_of(secured, {"verify": False}),
        "careful": service_of(secured, tls_by(stranger)),
        "blind, too": service_of(secured, {"verify": False}),
        "trusting": service_of(secured, tls_by(authority)),
        "by another name": service_of(secured, tls_by(authority, server_name="else.test")),
    }
    for services in services, dict(reversed(services.items())):
        result = gatherd.run(
            *["--rounds", 3, "-o", "-"], config={"max_concurrent": 1, "services": services}
        )
        for document in result.documents:
            assert sorted(document["failed"]) == ["by another name", "careful"]


# ---- the client's ----


@pytest.fixture(params=VERSIONS)
def gatekeeper(identity, authority, request):
    with AlertingServer(identity, VERSIONS[request.param], authority) as gatekeeper:
        yield gatekeeper


@pytest.fixture(scope="session")
def client(authority):
    return authority.issue("DNS:client.test")


def shows(certificate, key=None):
    identity = {"cert": str(certificate)}
    return {**identity, "key": str(key)} if key else identity


def test_a_client_certificate_missing_wrong_and_right(
    gatherd, gatekeeper, authority, stranger, client, tmp_path
):
    wrong = stranger.issue("DNS:client.test")
    both = join(tmp_path / "both.pem", *client)
    services = {
        "missing": tls_by(authority),
        "right": tls_by(authority, **shows(*client)),
        "wrong": tls_by(authority, **shows(*wrong)),
        "in one file": tls_by(authority, **shows(both)),
        "still missing": tls_by(authority),
    }
    services = {
        name: service_of(gatekeeper, tls, retries=2, retry_delay=0)
        for name, tls in services.items()
    }
    # One after the other: no connection or session of one lets in another.
    config = {"max_concurrent": 1, "services": services}
    for document in gatherd.run("--rounds", 2, "-o", "-", config=config).documents:
        entries = document["services"]
        assert document["failed"] == ["missing", "wrong", "still missing"]
        is_well(entries["right"])
        is_well(entries["in one file"])
        begin = f"TLS handshake with 127.0.0.1:{gatekeeper.port} failed: the server "
        demands = re.escape(begin + "demands a client certificate (")
        refuses = re.escape(begin + "refuses the client certificate (")
        for name, words in ("missing", demands), ("wrong", refuses), ("still missing", demands):
            assert re.match(words, message_of(entries[name])), entries[name]["error"]
            assert entries[name]["attempts"] == 1
    assert gatekeeper.paths == ["/ok"] * 4


@pytest.mark.parametrize("version", VERSIONS)
def test_who_hangs_up_for_want_of_a_certificate_demands_it(gatherd, authority, identity, version):
    """Not everybody sends an alert: asyncio's servers do not."""
    keywords = {"latest_tls": VERSIONS[version], "client_ca": authority.certificate}
    with Upstream(tls=identity, **keywords) as rude:
        missing = {"url": f"{rude.url}/ok", "tls": tls_by(authority)}
        services = {f"{n}": {**missing, "http_version": 1.1 if n % 2 else 2} for n in range(10)}
        result = gatherd.once({"services": services})
        begin = f"TLS handshake with 127.0.0.1:{rude.port} failed: the server demands a client "
        for entry in result.document["services"].values():
            # However the connection is found to be gone.
            assert message_of(entry).startswith(begin + "certificate ("), entry["error"]
        stranger = ask(gatherd, service_of(rude, tls_by(authority, **shows(*identity))))
        assert stranger["status"] == "ok"


def test_files_of_a_client_that_are_of_no_use(gatherd, secured, authority, client, tmp_path):
    (tmp_path / "junk.pem").write_text("no certificate\n")
    locked = encrypt_key(client[1], tmp_path / "locked.key")
    other_key = authority.issue("DNS:other.test")[1]
    cases = {
        "junk": shows(tmp_path / "junk.pem"),
        "no key": shows(client[0]),
        "another's key": shows(client[0], other_key),
        "a locked key": shows(client[0], locked),
    }
    services = {
        name: service_of(secured, tls_by(authority, **tls)) for name, tls in cases.items()
    }
    result = gatherd.once({"services": services})
    assert result.document["failed"] == list(cases)
    for name in cases:
        message = result.document["services"][name]["error"]["message"]
        assert message.startswith("the client certificate cannot be used: "), name
        # For a person, and on one line.
        assert "error:" not in message and "\n" not in message, message


def test_files_that_are_not_there_are_faults_of_the_config(gatherd, secured):
    tls = {"ca": "ca.pem", "cert": "there.pem", "key": "."}
    (gatherd.folder / "there.pem").touch()
    result = gatherd.once({"services": {"it": service_of(secured, tls)}})
    assert result.status == 2
    assert "error: ca: " in result.stderr
    assert "ca.pem cannot be read: No such file or directory" in result.stderr
    assert "cannot be read: it is no regular file" in result.stderr
    assert "there.pem" not in result.stderr
    assert secured.connections == 0


def test_a_client_certificate_is_for_the_services_own_server(
    gatherd, secured, authority, identity, client
):
    with AlertingServer(identity, VERSIONS["1.3"], authority) as away:
        tls = tls_by(authority, **shows(*client))
        entry = ask(gatherd, service_of(secured, tls, moves(f"{away.url}/ok")))
        assert "demands a client certificate" in entry["error"]["message"]
        assert away.paths == []
        # It is not the address that counts, but what the service itself asks.
        is_well(ask(gatherd, service_of(away, tls)))


# ---- names ----


@pytest.fixture
def inner(authority):
    """A server that has a certificate for a name, and is asked by its address."""
    with TlsUpstream(tls=authority.issue("DNS:inner.test")) as inner:
        yield inner


def test_who_is_asked_by_address_can_prove_a_name(gatherd, inner, authority):
    tls = tls_by(authority, server_name="inner.test")
    result = gatherd.run(
        *["--rounds", 2, "-o", "-"],
        config={"services": {"it": service_of(inner, tls, "/echo?a=b%20c")}},
    )
    for document in result.documents:
        entry = document["services"]["it"]
        is_well(entry)
        assert entry["url"] == f"{inner.url}/echo?a=b%20c"
        assert entry["final_url"] is None
    assert inner.names == ["inner.test"]
    for request in inner.requests:
        assert request.target == "/echo?a=b%20c"
        hosts = [value for name, value in request.headers if name.lower() == "host"]
        assert hosts == [f"127.0.0.1:{inner.port}"]


def test_without_it_the_name_of_the_url_counts(gatherd, inner, authority):
    assert re.search(
        r"made out to another host \(.*'127\.0\.0\.1'\)",
        message_of(ask(gatherd, service_of(inner, tls_by(authority)))),
    )
    tls = tls_by(authority, server_name="other.test")
    message = message_of(ask(gatherd, service_of(inner, tls)))
    assert message.startswith(f"certificate of 127.0.0.1:{inner.port}: made out to another")
    assert "'other.test'" in message
    assert inner.names == [None, "other.test"]


def test_an_own_host_header_stays(gatherd, inner, authority):
    tls = tls_by(authority, server_name="inner.test")
    headers = {"Host": "own.test"}
    is_well(ask(gatherd, service_of(inner, tls, headers=headers)))
    (request,) = inner.requests
    assert request.header("Host") == "own.test"


def test_another_server_proves_its_own_name(gatherd, inner, secured, authority):
    tls = tls_by(authority, server_name="inner.test")
    is_well(ask(gatherd, service_of(inner, tls, moves(f"{secured.url}/ok"))))
    assert secured.names == [None]
    entry = ask(gatherd, service_of(inner, tls, moves("/ok")))
    is_well(entry)
    assert entry["final_url"] == f"{inner.url}/ok"


# ---- versions ----


def test_old_versions_can_be_refused(gatherd, authority, identity):
    with AlertingServer(identity, VERSIONS["1.2"]) as old:
        is_well(ask(gatherd, service_of(old, tls_by(authority))))
        is_well(ask(gatherd, service_of(old, tls_by(authority, min_version="1.2"))))
        entry = ask(gatherd, service_of(old, tls_by(authority, min_version="1.3")))
        begin = f"TLS handshake with 127.0.0.1:{old.port} failed: the server has no version"
        assert message_of(entry).startswith(begin + " of TLS in common (")


def test_a_connection_of_an_old_version_is_not_taken_over(gatherd, authority, identity):
    with AlertingServer(identity, VERSIONS["1.2"]) as old:
        services = {
            "lax": service_of(old, tls_by(authority)),
            "strict": service_of(old, tls_by(authority, min_version="1.3")),
        }
        result = gatherd.run(
            *["--rounds", 3, "-o", "-"], config={"max_concurrent": 1, "services": services}
        )
        assert [each["failed"] for each in result.documents] == [["strict"]] * 3


# ---- whoever answers is believed ----


def test_blind_trust_is_told_at_the_start_and_in_every_entry(
    gatherd, suspects, upstream
):
    services = {name: service_of(it, {"verify": False}) for name, it in suspects.items()}
    services["plain"] = service_of(upstream, {"verify": False})
    services["failing"] = service_of(suspects["expired"], {"verify": False}, "/status/500")
    result = gatherd.run("--rounds", 2, "-o", "-", config={"services": services})
    for document in result.documents:
        assert document["failed"] == ["failing"]
        for name, entry in document["services"].items():
            assert entry["warnings"] == ([] if name == "plain" else [UNVERIFIED]), name
        ends = {name: each["certificate_expires_at"] for name, each in document["services"].items()}
        assert ends["expired"] == ends["failing"] == "2020-01-02T00:00:00.000Z"
        assert ends["another host"] == FAR
        assert ends["plain"] is None
    for name in suspects:
        assert result.stderr.count(f"warn [{name}] {TRUSTING}\n") == 1
    checked = gatherd.run("--check", config={"services": services})
    assert checked.status == 0
    assert checked.stderr.count(f"warning: expired: {UNVERIFIED}") == 1
    assert f"plain: {UNVERIFIED}" not in checked.stderr + checked.stdout


def test_blind_trust_is_told_at_a_reload(gatherd, secured, authority):
    def config(verify):
        return {
            "interval": "1h",
            "services": {"it": service_of(secured, tls_by(authority, verify=verify))},
        }

    def warnings_are(warnings):
        return lambda document: document["services"]["it"]["warnings"] == warnings

    with Daemon(gatherd, config(True)) as daemon:
        is_well(daemon.first_document()["services"]["it"])
        assert not daemon.matches(TRUSTING)
        assert daemon.reload(config(False))
        daemon.wait_document(warnings_are([UNVERIFIED]))
        assert len(daemon.matches(re.escape(f"[it] {TRUSTING}"))) == 1
        # As long as it is so, each reload says it.
        assert daemon.reload()
        daemon.wait_log(re.escape(f"[it] {TRUSTING}"), count=2)
        assert daemon.reload(config(True))
        daemon.wait_document(warnings_are([]))
        assert len(daemon.matches(TRUSTING)) == 2
    # It was not asked over the connection that nobody had looked at.
    assert secured.connections >= 2


def test_the_printed_config_tells_of_it(gatherd, secured):
    config = {"services": {"it": service_of(secured, {"verify": False})}}
    assert "verify: false" in gatherd.run("--print-config", config=config).stdout
    explained = gatherd.run("--explain", "it", "--json", config=config)
    assert UNVERIFIED in json.dumps(json.loads(explained.stdout))
