"""Every request is the one that curl(1) would send for the same wish."""

import json
import string
import urllib.parse

import pytest

from conftest import Gatherd
from helpers_curl import Recorder, Wish, seen, wish_number
from helpers_digest import Digest
from helpers_gatherd import as_yaml

# All that means something in a form, and more.
ODD = "a_b&c=d+e%f;g/h?i#j\"k'l<m>n\\o{p}[q]@r:s,t!u*v(w)~x-y_z.|^`$\r\n\tü€\U0001f600"
# What no text should hold, and a body may; but no NUL.
BINARY = "".join(map(chr, range(1, 0x100))) + "\u2028\ufeff\ufffd\U0010ffff"
BYTES = bytes(range(1, 0x20)) + bytes(range(0x21, 0x100))  # no UTF-8
LINES = "\r\n\r\nGET / HTTP/1.1\n\n"
TYPE = "Content-Type"


def data(text):
    """The arguments that send TEXT as it is."""
    return ["--data-raw", text]


def encoded(**fields):
    return [part for pair in fields.items() for part in ("--data-urlencode", "=".join(pair))]


def as_json(tree):
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    return ["--json", text, "-H", "Accept: */*"]


def headers(**fields):
    """Arguments for the headers FIELDS, "_" for "-"."""
    lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return [
        part
        for name, value in lines
        for part in ("-H", f"{name}: {value}" if value else f"{name};")
    ]


TREE = {"text": ODD, "list": [1, -2.5, 1e300, True, False, None, [], {}, ""], "": {"ü": "ü"}}
USER = {"user": "me", "password": "pass word:ü"}
DIGEST = {"user": "me", "password": "pass word"}

WISHES = {
    # ---- methods ----
    "GET": Wish(),
    "HEAD": Wish("-I", method="HEAD"),
    "PUT": Wish("-X", "PUT", *data("text"), method="PUT", body="text"),
    "PUT without a body": Wish("-X", "PUT", method="PUT"),
    "PATCH": Wish("-X", "PATCH", *data("text"), method="PATCH", body="text"),
    "DELETE": Wish("-X", "DELETE", method="DELETE"),
    "DELETE with a body": Wish("-X", "DELETE", *data("text"), method="DELETE", body="text"),
    "OPTIONS": Wish("-X", "OPTIONS", method="OPTIONS"),
    "a method of its own": Wish("-X", "M-SEARCH", method="M-SEARCH"),
    "POST": Wish(*data("text"), body="text"),
    "POST that says so": Wish("-X", "POST", *data("text"), method="POST", body="text"),
    "POST without a body": Wish("-X", "POST", method="POST"),
    "HEAD with a body": Wish("-X", "HEAD", *data("text"), method="HEAD", body="text"),
    "GET with a body": Wish("-X", "GET", *data("text"), method="GET", body="text"),
    # ---- bodies ----
    "an empty body": Wish(*data(""), body=""),
    "an empty body by PUT": Wish("-X", "PUT", *data(""), method="PUT", body=""),
    "a body of all characters": Wish(*data(BINARY), body=BINARY),
    "a body that looks like a file": Wish(*data("@name"), body="@name"),
    "a body of lines": Wish(*data(LINES), body=LINES),
    "the bytes of a file": Wish("--data-binary", "@bytes", body="${file:bytes}"),
    "the bytes of a file in a form": Wish(
        "--data-urlencode", "a@bytes", form={"a": "${file:bytes}"}
    ),
    "a large body": Wish(*data("ü" * 40000), body="ü" * 40000),
    "a body of another type": Wish(
        *data("<a/>"), "-H", "Content-Type: text/xml", body="<a/>", headers={TYPE: "text/xml"}
    ),
    "a body of a type in lower case": Wish(
        *data("<a/>"), "-H", "content-type: a/b", body="<a/>", headers={"content-type": "a/b"}
    ),
    "a body of an empty type": Wish(
        *data("x"), "-H", "Content-Type;", body="x", headers={TYPE: ""}
    ),
    "a type without a body": Wish("-H", "Content-Type: a/b", headers={TYPE: "a/b"}),
    "JSON": Wish(*as_json(TREE), json=TREE),
    "JSON by PUT": Wish(*as_json({"a": 1}), "-X", "PUT", method="PUT", json={"a": 1}),
    "JSON of another type": Wish(
        *as_json([1]), "-H", "Content-Type: a/b+json", json=[1], headers={TYPE: "a/b+json"}
    ),
    "JSON, an empty map": Wish(*as_json({}), json={}),
    "JSON, an empty list": Wish(*as_json([]), json=[]),
    "JSON, an empty text": Wish(*as_json(""), json=""),
    "JSON, a text": Wish(*as_json(ODD), json=ODD),
    "JSON, a number": Wish(*as_json(12.5), json=12.5),
    "JSON, false": Wish(*as_json(False), json=False),
    "JSON, null": Wish(*as_json(None), json=None),
    "a form": Wish(*encoded(a="1", b="x"), form={"a": "1", "b": "x"}),
    "a form of odd texts": Wish(
        *encoded(a=ODD, b=BINARY), form={"a": ODD, "b": BINARY}
    ),
    "a form of one empty text": Wish(*data("a="), form={"a": ""}),
    "a form of an odd name": Wish(*data("a+b%26%3D%C3%BC=1"), form={"a b&=ü": 1}),
    "an empty form": Wish(*data(""), form={}),
    "a form by PUT": Wish("-X", "PUT", *encoded(a="b"), method="PUT", form={"a": "b"}),
    "a form by GET": Wish("-X", "GET", *encoded(a="b"), method="GET", form={"a": "b"}),
    "a form of another type": Wish(
        *encoded(a="b"), *headers(Content_Type="a/b"), form={"a": "b"}, headers={TYPE: "a/b"}
    ),
    # ---- headers ----
    "headers": Wish(
        *headers(X_Team="web", x_lower="a  b", X_UTF_8="grün", X_Colon="a: b;c"),
        headers={"X-Team": "web", "x-lower": "a  b", "X-UTF-8": "grün", "X-Colon": "a: b;c"},
    ),
    "empty headers": Wish(*headers(X_A="", X_B=""), headers={"X-A": "", "X-B": "  "}),
    "other words of its own": Wish(
        *headers(User_Agent="me/1.0", Accept="text/html"),
        headers={"User-Agent": "me/1.0", "Accept": "text/html"},
    ),
    "no words of its own": Wish(
        *headers(User_Agent="", Accept=""), headers={"User-Agent": "", "Accept": ""}
    ),
    "a cookie": Wish("-b", "a=1; b=2", headers={"Cookie": "a=1; b=2"}),
    "another Host": Wish(*headers(Host="a.example"), headers={"Host": "a.example"}),
    "another Host, and port": Wish(*headers(host="a.example:1"), headers={"host": "a.example:1"}),
    "its own Authorization": Wish(
        *headers(Authorization="Negotiate x"), headers={"Authorization": "Negotiate x"}
    ),
    "kept open no longer": Wish(*headers(Connection="close"), headers={"Connection": "close"}),
    # ---- who asks ----
    "a user in the URL": Wish(url="http://me:secret@127.0.0.1:PORT/wish"),
    "a user alone in the URL": Wish(url="http://me@127.0.0.1:PORT/wish"),
    "a user with an empty password": Wish(url="http://me:@127.0.0.1:PORT/wish"),
    "a password alone in the URL": Wish(url="http://:secret@127.0.0.1:PORT/wish"),
    "an odd user in the URL": Wish(url="http://m%40%20e:%3A%2F%C3%BC%25:@127.0.0.1:PORT/wish"),
    "basic": Wish("-u", "me:pass word:ü", auth={"basic": USER}),
    "basic without a password": Wish("-u", "me:", auth={"basic": {"user": "me"}}),
    "basic without a user": Wish("-u", ":x", auth={"basic": {"user": "", "password": "x"}}),
    "bearer": Wish("--oauth2-bearer", "abc.def==", auth={"bearer": "abc.def=="}),
    "digest": Wish(
        "--digest", "-u", "me:pass word", auth={"digest": DIGEST}, reply=Digest(**DIGEST)
    ),
    "digest by SHA-256, with a body": Wish(
        *["--digest", "-u", "me:pass word", *data("text")],
        auth={"digest": DIGEST},
        body="text",
        reply=Digest(**DIGEST, algorithm="SHA-256"),
    ),
    # ---- URLs ----
    "no path": Wish(url="URL?wish"),
    "an empty path": Wish(url="URL/?wish"),
    "an empty query": Wish(url="URL/wish?"),
    "a fragment": Wish(url="URL/wish?a#b?c"),
    "a query": Wish(url="URL/wish?a=b&a=c&&=&d=e+f%20g%2b&%zz"),
    "an odd query": Wish(url="URL/wish?a[]={b}|\"c\"<d>`^'*()!$;,:@/?\\"),
    "an odd path": Wish(url="URL/wish/a%2Fb;c=d,e:@!$&'()*+~/{f}|\"<g>^`[h]//"),
    "letters that are not ASCII": Wish(url="URL/wish/grün/€/\U0001f600"),
    "all that is not encoded": Wish(url=f"URL/wish?{string.punctuation.replace('#', '')}"),
    "dots": Wish(url="URL/a/./b/../../wish/../wish/.?a=/../b"),
    "encoded dots": Wish(url="URL/a/%2e%2e/wish/%2E/b"),
    "a name for a host": Wish(url="http://localhost:PORT/wish"),
    "a host in upper case": Wish(url="HTTP://LOCALHOST:PORT/wish"),
    "a host with a dot": Wish(
        *["--resolve", "a.example.:PORT:127.0.0.1"],
        url="http://a.example.:PORT/wish",
        resolve={"a.example.": "127.0.0.1"},
    ),
    "an international host": Wish(
        *["--resolve", "xn--bcher-kva.example:PORT:127.0.0.1"],
        url="http://Bücher.example:PORT/wish",
        resolve={"bücher.example": "127.0.0.1"},
    ),
    "a port with zeros": Wish(url="http://127.0.0.1:000PORT/wish"),
    # ---- ways ----
    "a pinned host": Wish(
        *["--resolve", "a.example:PORT:127.0.0.1"],
        url="http://a.example:PORT/wish",
        resolve={"a.example": "127.0.0.1"},
    ),
    "IPv4": Wish("-4", url="http://localhost:PORT/wish", ip=4),
    "compressed": Wish("--compressed", compressed=True),
    "compressed as it likes": Wish(
        *["--compressed", *headers(Accept_Encoding="br")],
        compressed=True,
        headers={"Accept-Encoding": "br"},
    ),
    "a proxy": Wish("-x", "URL", url="http://a.example/wish?a=b", proxy="URL"),
    "a proxy and a user of it": Wish(
        *["-x", "http://us%40er:pass@127.0.0.1:PORT", "-u", "me:x"],
        url="http://a.example:81/wish",
        proxy="http://us%40er:pass@127.0.0.1:PORT",
        auth={"basic": {"user": "me", "password": "x"}},
    ),
    "a proxy with a user in the URL": Wish(
        "-x", "URL", *data("x"), url="http://me:secret@a.example/wish", proxy="URL", body="x"
    ),
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """For each wish what gatherd asked, and what curl asked; in two lists."""
    folder = tmp_path_factory.mktemp("wishes")
    gatherd = Gatherd(folder)
    (folder / "bytes").write_bytes(BYTES)
    with Recorder() as upstream:
        services = {}
        for number, (name, wish) in enumerate(WISHES.items()):
            services[name] = wish.service(upstream, number)
            if wish.reply is not None:
                upstream.answers[f"/wish-{number}"] = wish.reply
        result = gatherd.once(as_yaml({"timeout": "30s", "services": services}))
        assert result.status == 0, result.stderr
        border = len(upstream.requests)
        for number, wish in enumerate(WISHES.values()):
            wish.ask_curl(upstream, number, folder)
        found = {name: ([], []) for name in WISHES}
        names = list(WISHES)
        for at, request in enumerate(upstream.requests):
            found[names[wish_number(request)]][at >= border].append(request)
    return found


@pytest.mark.parametrize("name", WISHES)
def test_a_wish_is_asked_for_as_curl_does(asked, name):
    ours, curls = asked[name]
    assert [seen(request) for request in ours] == [seen(request) for request in curls]
    assert len(ours) == (2 if "digest" in name else 1)
    assert ours[0].version == "HTTP/1.1"


# ---- where they differ ----


def test_a_query_that_is_not_ascii_is_percent_encoded(gatherd, upstream):
    """curl(1) sends the bytes, which are no HTTP (RFC 3986, 2; RFC 9112, 3.2)."""
    gatherd.once({"services": {"query": f"{upstream.url}/ok?a=ü&€=\U0001f600"}})
    (request,) = upstream.requests
    assert request.target.lower() == "/ok?a=%c3%bc&%e2%82%ac=%f0%9f%98%80"
