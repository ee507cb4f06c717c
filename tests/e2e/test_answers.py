"""What becomes of each kind of answer and fault: all of them in one round of one config."""

import re
import ssl
import types

import pytest

from conftest import Gatherd, has_ipv6
from upstream import Upstream, moves, raw, sends

# Of what hangs. All others have TIMEOUT_MS, which no answer needs.
SHORT_MS = 600
TIMEOUT_MS = 8000


def asks(url, at="_plain_", **keys):
    """The definition of a service. _NAME_ stands for where upstream NAME listens, in
    queries too."""
    return {"url": at + url, **keys}


def hangs(url, **keys):
    return asks(url, timeout=f"{SHORT_MS}ms", **keys)


def ok(service, data=None, http_status=200):
    return service, {"status": "ok", "http_status": http_status, "data": data}


def failed(service, status, kind, phase, http_status, *words, **more):
    return service, {
        "status": status,
        "kind": kind,
        "phase": phase,
        "http_status": http_status,
        "words": words,
        **more,
    }


def http_error(service, http_status, kind="http", excerpt=None):
    message = f"returned HTTP {http_status}"
    return failed(
        service, "http_error", kind, None, http_status, message, excerpt=excerpt
    )


def timeout(service, phase, http_status, *words):
    words = ("timed out after", *words)
    return failed(service, "timeout", "timeout", phase, http_status, *words)


def protocol(service, phase, http_status, *words):
    return failed(service, "error", "protocol", phase, http_status, *words)


def dns(service, *words):
    return failed(service, "error", "dns", "dns", None, *words)


def connect(service, *words):
    return failed(service, "error", "connect", "connect", None, *words)


def tls(service, *words):
    return failed(service, "error", "tls", "tls", None, *words)


def too_large(service, *words):
    return failed(service, "error", "too_large", "body", 200, *words)


def invalid_body(service, *words):
    return failed(
        service, "error", "invalid_body", None, 200, "body is not valid JSON", *words
    )


def redirect(service, http_status, *words):
    return failed(service, "error", "redirect", None, http_status, *words)


ANSWERS = {
    "JSON": ok(asks("/ok"), {"ok": True}),
    "JSON of a type that ends in +json": ok(
        asks(sends('{"title": "so"}', "application/problem+json; charset=utf-8")),
        {"title": "so"},
    ),
    "JSON of a type in capitals": ok(asks(sends("[1]", "Application/JSON")), [1]),
    "JSON that is a text": ok(asks(sends('"so"')), "so"),
    "JSON that is null": ok(asks(sends("null")), None),
    "JSON with white space around": ok(asks(sends(" \r\n\t{ } \n")), {}),
    "JSON that nobody calls so": ok(asks(sends('{"a": 1}', "text/plain"))),
    "JSON without a type": ok(asks(sends('{"a": 1}', ""))),
    "JSON asked for, whatever the type": ok(
        asks(sends('{"a": 1}', "text/plain"), format="json"), {"a": 1}
    ),
    "HTML": ok(asks(sends("<html>", "text/html"))),
    "HTML where JSON is asked for": invalid_body(
        asks(sends("<html>", "text/html"), format="json"), "syntax error at byte 0"
    ),
    "text": ok(asks(sends("so", "text/plain"), format="text"), "so"),
    "text of JSON": ok(asks(sends('{"a": 1}'), format="text"), '{"a": 1}'),
    "text without a type": ok(asks(sends("grün", ""), format="text"), "grün"),
    "text that is empty": ok(asks(sends("", "text/plain"), format="text"), ""),
    "text with all that JSON escapes": ok(
        asks(sends('"\\\b\f\n\r\t\x01\x7f\u2028', "text/plain"), format="text"),
        '"\\\b\f\n\r\t\x01\x7f\u2028',
    ),
    "text in Latin-1": ok(
        asks(
            sends("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1"), format="text"
        ),
        "grün",
    ),
    "text in UTF-16": ok(
        asks(sends("grün".encode("utf-16"), 'text/plain;charset="UTF-16"'), format="text"),
        "grün",
    ),
    "text in broken UTF-8": ok(
        asks(sends(b"gr\xfcn", "text/plain; charset=utf-8"), format="text"), "gr\ufffdn"
    ),
    "text in a charset that nobody knows": ok(
        asks(sends("so", "text/plain; charset=x-klingon"), format="text"), "so"
    ),
    "anything, with format none": ok(asks(sends('{"cut": '), format="none")),
    "JSON, with data false": ok(asks("/ok", data=False)),
    "201": ok(asks(sends("[1]", status=201)), [1], 201),
    "204": ok(asks("/status/204"), http_status=204),
    "204 where JSON is asked for": ok(asks("/status/204", format="json"), http_status=204),
    "205": ok(asks("/status/205?text=", format="json"), http_status=205),
    "interim answers first": ok(asks("/interim"), {"ok": "in the end"}),
    "byte by byte, but in time": ok(asks("/bytewise/0.002"), {"slow": "but whole"}),
    "HTTP/1.0": ok(
        asks(raw(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[1]")), [1]
    ),
    "a body that the end of the connection ends": ok(
        asks(raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[1, 2]")), [1, 2]
    ),
    "chunks and a trailer": ok(
        asks(
            raw(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
                b"1\r\n[\r\n4;x=y\r\n1, 2\r\n1\r\n]\r\n0\r\nContent-Type: text/plain\r\n\r\n"
            )
        ),
        [1, 2],
    ),
    "more than was said": ok(asks("/longer"), {}),
    "as large as is allowed": ok(asks("/size/1000", max_body=1000)),
    "as deep as is allowed": ok(asks("/deep/28"), eval("[" * 28 + "]" * 28)),
    "as deep as it is allowed itself": ok(
        asks("/deep/29", max_depth=29), eval("[" * 29 + "]" * 29)
    ),
    "a doubled key": ok(asks(sends('{"a": 1, "a": 2}')), {"a": 2}),
    "a pair of surrogates": ok(asks(sends(r'"\ud83d\ude00"')), "\U0001f600"),
    "IPv6": ok(asks("/ok", at="_six_"), {"ok": True}),
    "a name that needs no name server": ok(asks("/ok", at="_localhost_"), {"ok": True}),
    "a name that needs one": ok(asks("/ok", at="_name_"), {"ok": True}),
    "a name of two machines, of which one is down": ok(
        asks("/ok", at="_twofold_"), {"ok": True}
    ),
    "TLS": ok(asks("/ok", at="_trusted_"), {"ok": True}),
    "TLS with a name": ok(asks("/ok", at="_trusted-name_"), {"ok": True}),
    # ---- statuses ----
    "400": http_error(asks("/status/400"), 400, excerpt="this is 400"),
    "404": http_error(asks("/status/404"), 404, excerpt="this is 404"),
    "500": http_error(asks("/status/500?text=a%0Ab%00%20%20c"), 500, excerpt="a b c"),
    "503": http_error(asks("/status/503"), 503, excerpt="this is 503"),
    "503 with Retry-After": http_error(
        asks("/status/503?retry_after=10"), 503, "rate_limited", "this is 503"
    ),
    "500 with Retry-After": http_error(
        asks("/status/500?retry_after=10"), 500, excerpt="this is 500"
    ),
    "429": http_error(asks("/status/429"), 429, "rate_limited", "this is 429"),
    "304": http_error(asks("/status/304"), 304),
    "JSON of a failure": http_error(
        asks(sends('{"why": "so"}', status=500)), 500, excerpt='{"why": "so"}'
    ),
    "a long text of a failure": http_error(
        asks("/status/500?text=" + "%C3%BC" * 300), 500, excerpt="ü" * 200
    ),
    # ---- too late ----
    "hang before the header": timeout(
        hangs("/hang"), "first_byte", None, f"{SHORT_MS}ms waiting for the first byte"
    ),
    "hang in the body": timeout(
        hangs("/hang-body"), "body", 200, f"{SHORT_MS}ms receiving the body"
    ),
    "hang after an interim answer": timeout(
        hangs("/hang-interim"), "first_byte", None, "waiting for the first byte"
    ),
    "hang in the header": timeout(
        hangs("/hang-head"), "body", 200, f"{SHORT_MS}ms receiving the body"
    ),
    "hang before the handshake": timeout(
        hangs("/", at="_silent-tls_"), "tls", None, f"{SHORT_MS}ms in the TLS handshake"
    ),
    "hang after the handshake": timeout(
        hangs("/", at="_silent_"), "first_byte", None, "waiting for the first byte"
    ),
    "no answer to the connection": timeout(
        hangs("/", at="_full_"), "connect", None, f"{SHORT_MS}ms connecting"
    ),
    "no answer to the connection within its own time": timeout(
        asks("/", at="_full_", connect_timeout="300ms"), "connect", None, "300ms connecting"
    ),
    "no handshake within the connection's time": timeout(
        asks("/", at="_silent-tls_", connect_timeout="300ms"), "tls", None, "300ms in the TLS"
    ),
    "the connection's time is over, but it stands": timeout(
        hangs("/hang", connect_timeout="200ms"), "first_byte", None, f"{SHORT_MS}ms waiting"
    ),
    "the deadline is over": timeout(
        hangs("/hang", deadline="200ms"), "first_byte", None, "200ms waiting for the first"
    ),
    "redirects that take too long together": timeout(
        hangs(moves(moves(moves("/hang", after=0.2), after=0.2))),
        "first_byte",
        None,
        f"{SHORT_MS}ms waiting for the first byte",
    ),
    # ---- broken ----
    "close": protocol(asks("/close"), "first_byte", None, "closed the connection before"),
    "reset": protocol(asks("/reset"), "first_byte", None, "before the answer", "reset"),
    "reset in the body": protocol(
        asks("/reset-body"), "body", 200, "within the answer", "reset"
    ),
    "half a body": protocol(asks("/half"), "body", 200, "cut off after 50 of 100 bytes"),
    "half a chunk": protocol(asks("/half-chunk"), "body", 200, "cut off after 14 bytes"),
    "half a head": protocol(asks("/half-head"), "body", 200, "cut off"),
    "half a head of two": protocol(
        asks(raw(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: ")),
        *("body", 200, "cut off"),
    ),
    "an interim answer only": protocol(
        asks(raw(b"HTTP/1.1 103 Early Hints\r\n\r\n")), "first_byte", None
    ),
    "no HTTP": protocol(asks("/garbage"), "first_byte", None, "no valid HTTP"),
    "HTTP/7.0": protocol(
        asks(raw(b"HTTP/7.0 200 OK\r\n\r\n")), "first_byte", None, "no valid HTTP"
    ),
    "a length that is none": protocol(
        asks(raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")), "body", 200
    ),
    "huge headers": protocol(asks("/huge-header"), "body", 200, "larger than 64KiB"),
    # ---- too large ----
    "20 MB": too_large(asks("/size/20000000"), "body is larger than 1MiB"),
    "20 MB in chunks": too_large(asks("/size/20000000?chunked"), "larger than 1MiB"),
    "20 MB that nobody keeps": too_large(asks("/size/20000000", format="none"), "1MiB"),
    "a byte too large": too_large(asks("/size/1001", max_body=1000), "larger than 1000"),
    "a byte too large, in chunks": too_large(
        asks("/size/1001?chunked", max_body=1000), "larger than 1000"
    ),
    "a length that no number holds": too_large(
        asks(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n")), "1MiB"
    ),
    # ---- bodies ----
    "compressed, though nobody asked for it": invalid_body(asks("/gzip-bomb")),
    "no JSON": invalid_body(asks(sends("{'a': 1}")), "syntax error at byte 1"),
    "cut JSON": invalid_body(asks(sends('{"a": [1, ')), "ends too early at byte 10"),
    "nothing": invalid_body(asks(sends("")), "it is empty"),
    "blanks": invalid_body(asks(sends(" \n")), "it is empty"),
    "NaN": invalid_body(asks(sends('{"a": NaN}')), "syntax error at byte 6"),
    "a comma too many": invalid_body(asks(sends("[1,]")), "syntax error at byte 3"),
    "two values": invalid_body(asks(sends("{} {}")), "behind the JSON value at byte 3"),
    "too deep": invalid_body(asks("/deep/29"), "nested too deeply at byte 28"),
    "too deep for its own limit": invalid_body(
        asks("/deep/3", max_depth=2), "nested too deeply at byte 2"
    ),
    "far too deep": invalid_body(asks("/deep/400000"), "nested too deeply at byte 28"),
    "half a pair of surrogates": invalid_body(asks(sends(r'["\ud83d"]')), "surrogate"),
    "broken UTF-8": invalid_body(asks(sends(b'["gr\xfcn"]')), "not valid UTF-8 at byte 4"),
    "overlong UTF-8": invalid_body(asks(sends(b'["\xc0\xaf"]')), "not valid UTF-8 at byte 2"),
    "a control character": invalid_body(asks(sends(b'["\x01"]')), "at byte 2"),
    "a number beyond all": invalid_body(asks(sends("[1e999]")), "double at byte 1"),
    "no JSON, with data false": invalid_body(asks(sends("so"), data=False), "at byte 0"),
    # ---- connections ----
    "refused": connect(asks("/", at="_refused_"), "connection refused by 127.0.0.1:"),
    "refused over IPv6": connect(asks("/", at="_refused-six_"), "refused by [::1]:"),
    "a name that nobody has": dns(
        asks("/", at="http://a.nowhere.test"),
        "could not resolve host a.nowhere.test: name or service not known",
    ),
    "a name server that is down": dns(
        asks("/", at="http://a.broken.test"), "could not resolve host a.broken.test: "
    ),
    "a certificate that nobody vouches for": tls(
        asks("/ok", at="_tls_"), "certificate of 127.0.0.1:", "self-signed"
    ),
    "a certificate that has expired": tls(
        asks("/ok", at="_expired_"), "certificate of 127.0.0.1:", "certificate has expired"
    ),
    "a certificate of another name": tls(
        asks("/ok", at="_another-name_"), "certificate of c.quick.test:", "match"
    ),
    "TLS 1.1": tls(asks("/ok", at="_old-tls_"), "TLS handshake with 127.0.0.1:", "failed"),
    "TLS where none is spoken": tls(
        asks("/ok", at="_no-tls_"), "TLS handshake with 127.0.0.1:", "failed"
    ),
    "no TLS where it is spoken": protocol(asks("/ok", at="_not-plain_"), "first_byte", None),
    # ---- redirects ----
    "a redirect": ok(asks("/redirect/1"), {"ok": True}),
    "as many redirects as are allowed": ok(asks("/redirect/5"), {"ok": True}),
    "as many redirects as it is allowed itself": ok(
        asks("/redirect/8", redirects=8), {"ok": True}
    ),
    "a redirect too many": redirect(asks("/redirect/6"), 302, "more than 5 redirects"),
    "a redirect more than the only one": redirect(
        asks("/redirect/2", redirects=1), 302, "more than 1 redirect"
    ),
    "an endless redirect": redirect(asks("/loop"), 302, "more than 5 redirects"),
    "redirects that are not wanted": http_error(
        asks("/redirect/1", redirects=0), 302, excerpt="moved"
    ),
    "a redirect to nowhere": http_error(asks("/status/302"), 302, excerpt="this is 302"),
    "300 is none": http_error(asks(moves("/ok", 300)), 300, excerpt="moved"),
    "305 is none": http_error(asks(moves("/ok", 305)), 305, excerpt="moved"),
    **{
        f"a redirect by {status}": ok(asks(moves("/ok", status)), {"ok": True})
        for status in (301, 302, 303, 307, 308)
    },
    "a redirect to another server": ok(asks(moves("_other_/ok")), {"ok": True}),
    "a redirect to another server of this scheme": ok(
        asks(moves("//_other-address_/ok")), {"ok": True}
    ),
    "a redirect beside the path": ok(asks(moves("ok")), {"ok": True}),
    "a redirect with a fragment": ok(asks(moves("/ok#part")), {"ok": True}),
    "a redirect to a failure": http_error(
        asks(moves("/status/404")), 404, excerpt="this is 404"
    ),
    "a redirect to a server that is none": connect(asks(moves("_refused_/")), "refused by"),
    "a redirect to a name that nobody has": dns(
        asks(moves("http://b.nowhere.test/")), "could not resolve host b.nowhere.test"
    ),
    "a redirect to a name that is none": redirect(
        asks(moves(f"http://{'a' * 64}.test/")), 302, "not followed"
    ),
    "a redirect to a file": redirect(
        asks(moves("file:///etc/passwd")), 302, "redirect to file: not followed"
    ),
    "a redirect to FTP": redirect(
        asks(moves("ftp://user:hidden@ftp.example.com/x")),
        302,
        "redirect to ftp://ftp.example.com not followed",
    ),
    "a redirect to no URL": redirect(asks(moves("http://")), 302, "not followed"),
    "a redirect to a port that is none": redirect(
        asks(moves("http://127.0.0.1:99999/")), 302, "not followed"
    ),
}
NEED_IPV6 = ("IPv6", "refused over IPv6")


class Places:
    """Where the services are: the upstreams, and ports that are worse than those."""

    def __init__(self, certificate, authority, bad_ports):
        names = "IP:127.0.0.1,DNS:b.quick.test"
        good = authority.issue(names)
        self.plain = Upstream()
        self.other = Upstream()
        self.tls = Upstream(tls=certificate)
        self.trusted = Upstream(tls=good)
        self.expired = Upstream(tls=authority.issue(names, end="20200102000000Z"))
        self.old_tls = Upstream(tls=good, latest_tls=ssl.TLSVersion.TLSv1_1)
        self.six = Upstream("::1")
        self.bad_ports = bad_ports

    def __enter__(self):
        servers = [self.plain, self.other, self.tls, self.trusted, self.expired, self.old_tls]
        if has_ipv6:
            servers.append(self.six)
        self.servers = [server.__enter__() for server in servers]
        self.names = self.name_all()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.__exit__()

    def name_all(self):
        bad, six = self.bad_ports, self.six in self.servers
        return {
            "plain": self.plain.url,
            "other": self.other.url,
            "other-address": f"127.0.0.1:{self.other.port}",
            "localhost": f"http://localhost:{self.plain.port}",
            "name": f"http://a.quick.test:{self.plain.port}",
            "twofold": f"http://a.twofold.test:{self.plain.port}",
            "trusted": self.trusted.url,
            "trusted-name": f"https://b.quick.test:{self.trusted.port}",
            "expired": self.expired.url,
            "old-tls": self.old_tls.url,
            "another-name": f"https://c.quick.test:{self.trusted.port}",
            "tls": self.tls.url,
            "no-tls": f"https://127.0.0.1:{self.plain.port}",
            "not-plain": f"http://127.0.0.1:{self.tls.port}",
            "six": self.six.url if six else "http://[::1]",
            "refused": f"http://127.0.0.1:{bad.refused()}",
            "refused-six": f"http://[::1]:{bad.refused('::1') if six else 1}",
            "silent": f"http://127.0.0.1:{bad.silent()}",
            "silent-tls": f"https://127.0.0.1:{bad.silent()}",
            "full": f"http://127.0.0.1:{bad.full()}",
        }

    def place(self, service):
        """SERVICE with its _NAME_s filled in."""
        url = re.sub(r"_([a-z-]+)_", lambda name: self.names[name[1]], service["url"])
        return {**service, "url": url}


@pytest.fixture(scope="module")
def round_of_all(tmp_path_factory, certificate, authority, bad_ports, preload):
    """The result of the one round, and the services that were in it."""
    gatherd = Gatherd(tmp_path_factory.mktemp("answers"))
    with Places(certificate, authority, bad_ports) as places:
        services = {
            name: places.place(service)
            for name, (service, _) in ANSWERS.items()
            if has_ipv6 or name not in NEED_IPV6
        }
        config = {
            "timeout": f"{TIMEOUT_MS}ms",
            "connect_timeout": f"{TIMEOUT_MS}ms",
            "services": services,
        }
        result = gatherd.once(config, env=preload(authority.certificate))
    return types.SimpleNamespace(result=result, services=services, document=result.document)


def test_all_of_them_take_no_longer_than_the_slowest(round_of_all, slack):
    assert round_of_all.document["round"]["duration_ms"] <= SHORT_MS + 300 * slack


def test_failures_are_the_exit_status_and_nothing_else(round_of_all):
    assert round_of_all.result.status == 1


def test_document_is_in_the_order_of_the_config(round_of_all):
    document = round_of_all.document
    names = list(round_of_all.services)
    failed = [name for name in names if document["services"][name]["status"] != "ok"]
    assert list(document["services"]) == names
    assert document["failed"] == failed
    assert document["status"] == "degraded"
    assert document["outcome"] == "complete"
    assert document["round"]["targets"] == document["counts"]["total"] == len(names)
    assert document["counts"]["ok"] == len(names) - len(failed)
    assert sum(document["counts"].values()) == 2 * len(names)


def test_a_doubled_key_is_passed_on(round_of_all):
    assert '"data":{"a":1,"a":2}' in round_of_all.result.stdout


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(round_of_all, name):
    if name not in round_of_all.services:
        pytest.skip("no IPv6 on this machine")
    entry = round_of_all.document["services"][name]
    expected = ANSWERS[name][1]
    assert entry["status"] == expected["status"], entry["error"]
    assert entry["http_status"] == expected["http_status"]
    assert entry["attempts"] == 1
    assert entry["data"] == expected.get("data")
    if entry["status"] == "ok":
        assert entry["error"] is None
        return
    error = entry["error"]
    assert error["kind"] == expected["kind"], error
    assert error["phase"] == expected["phase"], error
    for words in expected["words"]:
        assert words in error["message"]
    if "excerpt" in expected:
        assert error["excerpt"] == expected["excerpt"]
