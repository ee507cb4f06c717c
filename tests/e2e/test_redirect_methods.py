"""Redirects of requests that are more than a GET: what becomes of method and body."""

import pytest

from upstream import Upstream, moves

KEY = "key-4711-of-nobody"


@pytest.fixture
def other():
    """Another origin: the same host, another port."""
    with Upstream() as other:
        yield other


def posts(url, method="POST", **keys):
    return {"url": url, "method": method, "json": {"a": "b"}, "retries": 0, **keys}


def seen(request):
    """The method, and what tells of a body."""
    return (
        request.method,
        request.body.decode(),
        request.header("Content-Type"),
        request.header("Content-Length"),
    )


JSON = ('{"a":"b"}', "application/json", "9")
NOTHING = ("", None, None)


@pytest.mark.parametrize(
    "method, status, then",
    [
        ("POST", 301, ("GET", *NOTHING)),
        ("POST", 302, ("GET", *NOTHING)),
        ("POST", 303, ("GET", *NOTHING)),
        ("PUT", 303, ("GET", *NOTHING)),
        ("DELETE", 303, ("GET", *NOTHING)),
        ("PUT", 301, ("PUT", *JSON)),
        ("PATCH", 302, ("PATCH", *JSON)),
        ("POST", 307, ("POST", *JSON)),
        ("POST", 308, ("POST", *JSON)),
        ("DELETE", 307, ("DELETE", *JSON)),
    ],
)
def test_method_and_body_after_a_redirect(gatherd, upstream, method, status, then):
    url = upstream.url + moves("/echo/there", status)
    result = gatherd.once({"services": {"it": posts(url, method)}})
    assert seen(upstream.requests[0]) == (method, *JSON)
    assert seen(upstream.requests[1]) == then
    entry = result.document["services"]["it"]
    assert entry["status"] == "ok"
    assert entry["url"] == url
    assert entry["final_url"] == f"{upstream.url}/echo/there"
    assert entry["attempts"] == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_head_stays_head(gatherd, upstream, status):
    service = {"url": upstream.url + moves("/ok", status), "method": "HEAD"}
    result = gatherd.once({"services": {"it": service}})
    assert result.document["services"]["it"]["status"] == "ok"
    assert [request.method for request in upstream.requests] == ["HEAD", "HEAD"]


def test_what_became_get_stays_so(gatherd, upstream):
    url = upstream.url + moves(moves("/echo", 307), 302)
    gatherd.once({"services": {"it": posts(url)}})
    assert [seen(request) for request in upstream.requests] == [
        ("POST", *JSON),
        ("GET", *NOTHING),
        ("GET", *NOTHING),
    ]


def test_a_body_goes_to_another_origin_where_it_holds_no_secret(gatherd, upstream, other):
    url = upstream.url + moves(f"{other.url}/echo", 307)
    services = {
        "open": posts(url),
        "secret": posts(url, json={"key": "${KEY}"}),
        "secret, but lost": posts(
            upstream.url + moves(f"{other.url}/echo/lost", 303), json={"key": "${KEY}"}
        ),
    }
    result = gatherd.once({"services": services}, env={"KEY": KEY})
    entries = result.document["services"]
    assert entries["open"]["status"] == "ok"
    assert entries["secret, but lost"]["status"] == "ok"
    assert entries["secret"]["error"] == {
        "kind": "redirect",
        "phase": None,
        "message": f"redirect to {other.url} not followed: "
        "the body holds a secret, which is not sent to another origin",
        "excerpt": entries["secret"]["error"]["excerpt"],
    }
    assert [seen(request) for request in other.asked_for("/echo")] == [("POST", *JSON)]
    assert [seen(request) for request in other.asked_for("/echo/lost")] == [("GET", *NOTHING)]
    assert KEY not in result.stdout + result.stderr


def test_a_secret_body_follows_within_its_origin(gatherd, upstream):
    url = upstream.url + moves("/echo", 308)
    service = posts(url, json={"key": "${KEY}"})
    result = gatherd.once({"services": {"it": service}}, env={"KEY": KEY})
    assert result.document["services"]["it"]["status"] == "ok"
    assert upstream.requests[1].json() == {"key": KEY}


def test_an_own_content_type_goes_with_the_body(gatherd, upstream):
    headers = {"Content-Type": "text/x-own", "Content-Language": "en", "X-Team": "web"}
    url = upstream.url + moves("/echo", 302)
    gatherd.once({"services": {"it": {"url": url, "body": "text", "headers": headers}}})
    first, second = upstream.requests
    assert [first.header(name) for name in headers] == ["text/x-own", "en", "web"]
    assert [second.header(name) for name in headers] == [None, None, "web"]


def test_the_final_url_is_told_without_user_and_fragment(gatherd, upstream, other):
    there = f"http://who:ever@127.0.0.1:{other.port}/echo?x=1#part"
    services = {
        "moved": upstream.url + moves(there),
        "there": f"{upstream.url}/ok",
        "refused": upstream.url + moves(moves("ftp://nowhere.test/")),
    }
    entries = gatherd.once({"services": services}).document["services"]
    assert entries["moved"]["final_url"] == f"{other.url}/echo?x=1"
    assert entries["there"]["final_url"] is None
    assert entries["refused"]["final_url"] == upstream.url + moves("ftp://nowhere.test/")
