"""Secrets and redirects: what belongs to one server is told to no other."""

import pytest

from upstream import Upstream, answer, moves

KEY = "key-4711-of-nobody"
PASSWORD = "pass-word-0815"
BASIC = "Basic dXNlcjpwYXNzLXdvcmQtMDgxNQ=="


@pytest.fixture
def other():
    """Another origin: the same host, another port."""
    with Upstream() as other:
        yield other


def home_service(upstream, path, **keys):
    """A service with all kinds of secrets, and two headers that are none."""
    return {
        "url": f"{upstream.url}{path}",
        "headers": {
            "Authorization": "Bearer literal-token",
            "Cookie": "session=literal-cookie",
            "Proxy-Authorization": "Basic literal-proxy",
            "X-Api-Key": "${KEY}",
            "X-Mixed": "id=${KEY};",
            "X-Templated": "{{key}}",
            "X-Team": "web",
            "X-Region": "{{region}}",
        },
        **keys,
    }


def gather(gatherd, service, env=()):
    config = {
        "vars": {"key": "${KEY}", "region": "eu"},
        "services": {"secret": service},
    }
    env = {"KEY": KEY, **dict(env)}
    result = gatherd.once(config, "--log-level", "debug", env=env)
    return result, result.document["services"]["secret"]


SECRETS = {
    "Authorization": "Bearer literal-token",
    "Cookie": "session=literal-cookie",
    "Proxy-Authorization": "Basic literal-proxy",
    "X-Api-Key": KEY,
    "X-Mixed": f"id={KEY};",
    "X-Templated": KEY,
}
OPEN = {"X-Team": "web", "X-Region": "eu"}


def sent(request):
    """The headers that are not in every request."""
    common = {"Host", "User-Agent", "Accept"}
    return {name: value for name, value in request.headers if name not in common}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_secrets_stay_with_their_origin(gatherd, upstream, other, status):
    there = moves(f"{other.url}/echo/there", status)
    result, entry = gather(gatherd, home_service(upstream, there))
    assert entry["status"] == "ok"
    assert sent(upstream.requests[0]) == SECRETS | OPEN
    assert sent(other.requests[0]) == OPEN
    assert other.requests[0].header("Host") == f"127.0.0.1:{other.port}"
    assert entry["url"] == upstream.url + there


def test_secrets_follow_within_their_origin(gatherd, upstream):
    _, entry = gather(gatherd, home_service(upstream, moves("/redirect/2")))
    assert entry["status"] == "ok"
    assert len(upstream.requests) == 4
    for request in upstream.requests:
        assert sent(request) == SECRETS | OPEN


def test_who_has_left_home_gets_nothing_when_he_returns(gatherd, upstream, other):
    back = moves(f"{upstream.url}/echo/back")
    _, entry = gather(gatherd, home_service(upstream, moves(other.url + back)))
    assert entry["status"] == "ok"
    assert sent(upstream.requests[0]) == SECRETS | OPEN
    assert sent(other.requests[0]) == OPEN
    assert sent(upstream.requests[1]) == OPEN


def test_another_name_of_the_same_server_is_another_origin(gatherd, upstream):
    there = moves(f"http://localhost:{upstream.port}/echo")
    _, entry = gather(gatherd, home_service(upstream, there))
    assert entry["status"] == "ok"
    assert [sent(request) for request in upstream.requests] == [SECRETS | OPEN, OPEN]


def test_the_users_name_stays_with_its_origin(gatherd, upstream, other):
    netloc = f"user:{PASSWORD}@127.0.0.1:{upstream.port}"
    services = {
        "home": f"http://{netloc}{moves('/echo/home')}",
        "away": f"http://{netloc}{moves(other.url + '/echo/away')}",
        "back": f"http://{netloc}{moves(other.url + moves(upstream.url + '/echo/back'))}",
    }
    result = gatherd.once({"services": services})
    assert result.status == 0
    basic = {"Authorization": BASIC}
    assert [sent(request) for request in upstream.asked_for("/redirect")] == [basic] * 3
    assert [sent(request) for request in upstream.asked_for("/echo/home")] == [basic]
    assert [sent(request) for request in upstream.asked_for("/echo/back")] == [{}]
    assert [sent(request) for request in other.requests] == [{}] * 2
    for name, entry in result.document["services"].items():
        assert entry["url"].startswith(f"http://***@127.0.0.1:{upstream.port}/redirect?"), name


def test_a_redirect_brings_no_user_of_its_own(gatherd, upstream, other):
    services = {
        "away": upstream.url + moves(f"http://who:ever@127.0.0.1:{other.port}/echo"),
        "home": upstream.url + moves(f"http://who:ever@127.0.0.1:{upstream.port}/echo"),
    }
    result = gatherd.once({"services": services})
    assert result.status == 0
    for request in upstream.requests + other.requests:
        assert sent(request) == {}


def test_a_secret_that_the_server_sends_along_is_masked(gatherd, upstream, other):
    """It is the server's to tell; but not ours to show."""
    upstream.answers["/along"] = lambda request, _: answer(
        "moved", 302, "text/plain", [("Location", f"{other.url}/echo?{request.query['key']}")]
    )
    service = home_service(upstream, "/along?key=${KEY}")
    result, entry = gather(gatherd, service)
    assert other.requests[0].target == f"/echo?{KEY}"
    assert entry["data"]["target"] == "/echo?***"
    assert entry["url"] == f"{upstream.url}/along?key=***"
    assert KEY not in result.stdout + result.stderr


def test_a_refused_redirect_shows_no_secret(gatherd, upstream):
    places = [
        f"ftp://user:{PASSWORD}@ftp.example.com/{KEY}",
        f"file:///srv/{KEY}",
        f"http://user:{PASSWORD}@127.0.0.1:99999/{KEY}",
        f"http://{PASSWORD}@:80/{KEY}",
        f"mailto:{KEY}",
        f"//{PASSWORD}@/{KEY}",
    ]
    services = {}
    for number, place in enumerate(places):
        upstream.answers[f"/{number}"] = answer("x", 302, headers=[("Location", place)])
        services[place.replace(KEY, "").replace(PASSWORD, "")] = home_service(
            upstream, f"/{number}"
        )
    config = {"vars": {"key": "${KEY}", "region": "eu"}, "services": services}
    result = gatherd.once(config, "--log-level", "debug", env={"KEY": KEY})
    for name, entry in result.document["services"].items():
        assert entry["error"]["kind"] == "redirect", name
    assert KEY not in result.stdout + result.stderr
    assert PASSWORD not in result.stdout + result.stderr


def test_a_refused_redirect_shows_no_path(gatherd, upstream):
    """Paths and queries may hold what is not for everybody."""
    services = {
        "ftp": upstream.url + moves("ftp://ftp.example.com/private/path?and=query"),
        "file": upstream.url + moves("file:///private/path"),
        "one slash": upstream.url + moves("gopher:/private/path"),
    }
    document = gatherd.once({"services": services}).document
    for name, entry in document["services"].items():
        assert "private" not in entry["error"]["message"], name


# ---- with TLS, by an authority that is trusted for the test ----


def test_no_secret_goes_from_https_to_http(gatherd, upstream, trusted, authority, preload):
    down = moves(f"{upstream.url}/echo")
    services = {
        "header": {"url": trusted.url + down, "headers": {"Authorization": "Bearer x"}},
        "key": {"url": trusted.url + down, "headers": {"X-Key": "${KEY}"}},
        "query": trusted.url + down + "&key=${KEY}",
        "user": trusted.url.replace("://", f"://user:{PASSWORD}@") + down,
        "no secret": {"url": trusted.url + down, "headers": {"X-Team": "web"}},
    }
    result = gatherd.once(
        {"services": services}, env={**preload(authority.certificate), "KEY": KEY}
    )
    entries = result.document["services"]
    assert entries.pop("no secret")["status"] == "ok"
    for name, entry in entries.items():
        assert entry["error"]["kind"] == "redirect", name
        assert entry["error"]["message"] == (
            f"redirect to http://127.0.0.1:{upstream.port} not followed: "
            "secrets are not sent without TLS"
        )
    assert [sent(request) for request in upstream.requests] == [{"X-Team": "web"}]


def test_https_is_an_origin_of_its_own(gatherd, upstream, trusted, authority, preload):
    up = moves(f"{trusted.url}/echo")
    _, entry = gather(gatherd, home_service(upstream, up), preload(authority.certificate))
    assert entry["status"] == "ok"
    assert sent(upstream.requests[0]) == SECRETS | OPEN
    assert sent(trusted.requests[0]) == OPEN


def test_secrets_follow_within_https(gatherd, trusted, authority, preload):
    service = home_service(trusted, "/redirect/2")
    _, entry = gather(gatherd, service, preload(authority.certificate))
    assert entry["status"] == "ok"
    assert [sent(request) for request in trusted.requests] == [SECRETS | OPEN] * 3
