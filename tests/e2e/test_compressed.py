"""Compressed answers: asked for and taken apart where the config says so."""

import gzip
import json
import zlib

import pytest

from helpers_tls import ask
from upstream import answer

BODY = {"text": "again and again " * 1000}
TEXT = json.dumps(BODY).encode()


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without a header": ("deflate", raw_deflate(TEXT)),
    "twice": ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
    "identity": ("identity", TEXT),
}


def packed(encoding, body, content_type="application/json"):
    return answer(body, 200, content_type, [("Content-Encoding", encoding)])


@pytest.mark.parametrize("name", PACKED)
def test_what_was_asked_for_is_taken_apart(gatherd, upstream, name):
    upstream.answers["/packed"] = packed(*PACKED[name])
    service = {
        "url": f"{upstream.url}/packed",
        "compressed": True,
        "expect": {"json": {"/text": {"minLength": 16000}}, "body": {"pattern": "^.{16000,}$"}},
        "extract": {"first": {"path": "/text", "pattern": "^(again)"}},
    }
    result = gatherd.run("--rounds", 2, "-o", "-", config={"services": {"it": service}})
    for document in result.documents:
        entry = document["services"]["it"]
        assert entry["status"] == "ok", entry
        assert entry["data"] == BODY
        assert entry["values"] == {"first": "again"}
    for request in upstream.requests:
        offered = request.header("Accept-Encoding").replace(" ", "").split(",")
        assert {"gzip", "deflate"} <= set(offered)


def test_who_does_not_ask_gets_what_is_sent(gatherd, upstream):
    upstream.answers["/packed"] = packed("gzip", gzip.compress(TEXT))
    upstream.answers["/plain"] = answer(TEXT)
    services = {
        "packed": {"url": f"{upstream.url}/packed"},
        "plain": {"url": f"{upstream.url}/plain"},
        "asked": {"url": f"{upstream.url}/plain", "compressed": True},
    }
    entries = gatherd.once({"services": services}).document["services"]
    assert entries["plain"]["data"] == entries["asked"]["data"] == BODY
    assert entries["packed"]["error"]["kind"] == "invalid_body"
    asked = [request.header("Accept-Encoding") is not None for request in upstream.requests]
    assert sum(asked) == 1


def test_an_own_wish_is_passed_on(gatherd, upstream):
    headers = {"Accept-Encoding": "gzip;q=0.5"}
    for compressed in False, True:
        service = {"url": f"{upstream.url}/echo", "headers": headers, "compressed": compressed}
        assert ask(gatherd, service)["status"] == "ok"
    for request in upstream.requests:
        fields = [value for name, value in request.headers if name == "Accept-Encoding"]
        assert fields == ["gzip;q=0.5"]


def test_a_bomb_is_cut_off_at_once(gatherd, upstream):
    """10 MB, and 100 MB in three layers, of which hardly anything was sent."""
    packer = zlib.compressobj(9)
    huge = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    upstream.answers["/huge"] = packed("deflate, gzip, gzip", gzip.compress(gzip.compress(huge)))
    services = {
        name: {"url": f"{upstream.url}{path}", "compressed": True, **keys}
        for name, path, keys in [
            ("bomb", "/gzip-bomb", {}),
            ("small limit", "/gzip-bomb", {"max_body": "10KiB"}),
            ("not kept", "/gzip-bomb", {"format": "none"}),
            ("huge", "/huge", {}),
        ]
    }
    result = gatherd.once({"timeout": "30s", "services": services})
    entries = result.document["services"]
    for name in "bomb", "small limit", "huge":
        limit = "10KiB" if name == "small limit" else "1MiB"
        error = entries[name]["error"]
        assert error["kind"] == "too_large", error
        assert error["message"] == f"body is larger than {limit}"
        assert entries[name]["data"] is None
    assert result.seconds < 30


def test_the_limit_is_on_what_comes_out(gatherd, upstream):
    """What is packed may well be the larger of the two."""
    text = b"x" * 10240
    upstream.answers["/stored"] = packed("gzip", gzip.compress(text, 0), "text/plain")
    service = {"url": f"{upstream.url}/stored", "compressed": True, "format": "text"}
    entry = ask(gatherd, {**service, "max_body": "10KiB"})
    assert (entry["status"], entry["data"]) == ("ok", text.decode())
    entry = ask(gatherd, {**service, "max_body": 10239})
    assert entry["error"]["kind"] == "too_large"


@pytest.mark.parametrize(
    "encoding, body",
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:10] + b"\xff" * 100),
        ("deflate", b"\x00\x01\x02 neither"),
        ("x-unknown", TEXT),
        (", ".join(["gzip"] * 20), TEXT),
    ],
)
def test_what_cannot_be_taken_apart_is_told(gatherd, upstream, encoding, body):
    upstream.answers["/packed"] = packed(encoding, body)
    entry = ask(gatherd, {"url": f"{upstream.url}/packed", "compressed": True})
    assert entry["status"] == "error", entry
    assert entry["error"]["kind"] == "protocol", entry["error"]
    assert entry["error"]["message"].startswith("the body cannot be decoded: ")
    assert entry["data"] is None


def test_a_part_of_a_packed_body_is_no_body(gatherd, upstream):
    upstream.answers["/packed"] = packed("gzip", gzip.compress(TEXT)[:-20])
    entry = ask(gatherd, {"url": f"{upstream.url}/packed", "compressed": True})
    assert entry["error"]["kind"] == "invalid_body"
    assert entry["data"] is None


def test_without_a_body_there_is_nothing_to_take_apart(gatherd, upstream):
    upstream.answers["/none"] = packed("gzip", b"")
    services = {
        "empty": {"url": f"{upstream.url}/none", "format": "none"},
        "HEAD": {"url": f"{upstream.url}/none", "method": "HEAD"},
        "204": {"url": f"{upstream.url}/status/204"},
    }
    upstream.answers["/none"] = lambda request, _: (
        packed("gzip", b"")
        if request.method == "GET"
        else packed("gzip", gzip.compress(TEXT)).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    )
    services = {name: {**service, "compressed": True} for name, service in services.items()}
    document = gatherd.once({"services": services}).document
    assert document["status"] == "ok", document["services"]
