"""OAuth 2 client credentials (RFC 6749, 4.4), against a token server of the tests."""

import base64
import json
import urllib.parse

import pytest

from upstream import Upstream, answer

SECRET = "client-secret-4711"


class TokenServer(Upstream):
    """/token gives token-1, token-2, ...; what it says besides is a test's to set."""

    def __enter__(self):
        self.says = {"token_type": "Bearer", "expires_in": 3600}
        self.answers["/token"] = self.token
        return super().__enter__()

    def token(self, request, number):
        said = {"access_token": f"token-{number}-of-the-server", **self.says}
        return answer(json.dumps(said))


@pytest.fixture
def server():
    with TokenServer() as server:
        yield server


def oauth2(server, **keys):
    return {
        "oauth2": {
            "token_url": f"{server.url}/token",
            "client_id": "me",
            "client_secret": "${SECRET}",
            **keys,
        }
    }


def gather(gatherd, services, *arguments):
    result = gatherd.once({"services": services}, *arguments, env={"SECRET": SECRET})
    told = result.stdout + result.stderr
    assert SECRET not in told
    assert "-of-the-server" not in told
    return result


def bearers(upstream):
    return [request.header("Authorization") for request in upstream.requests]


def form(request):
    return dict(urllib.parse.parse_qsl(request.body.decode()))


def test_a_token_is_fetched_once_for_all_of_the_same_settings(gatherd, upstream, server):
    services = {
        f"it {number}": {"url": f"{upstream.url}/echo/{number}", "auth": oauth2(server)}
        for number in range(5)
    }
    result = gather(gatherd, services)
    assert result.status == 0
    assert list(result.document["services"]) == list(services)
    assert bearers(upstream) == ["Bearer token-1-of-the-server"] * 5
    (request,) = server.requests
    assert request.method == "POST"
    assert request.header("Content-Type") == "application/x-www-form-urlencoded"
    basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert request.header("Authorization") == f"Basic {basic}"
    assert form(request) == {"grant_type": "client_credentials"}


def test_scope_and_credentials_in_the_body(gatherd, upstream, server):
    auth = oauth2(server, scope="read write", client_auth="body")
    gather(gatherd, {"it": {"url": f"{upstream.url}/echo", "auth": auth}})
    (request,) = server.requests
    assert request.header("Authorization") is None
    assert form(request) == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "client_id": "me",
        "client_secret": SECRET,
    }


def test_other_settings_have_a_token_of_their_own(gatherd, upstream, server):
    services = {
        "reads": {"url": f"{upstream.url}/echo", "auth": oauth2(server, scope="read")},
        "writes": {"url": f"{upstream.url}/echo", "auth": oauth2(server, scope="write")},
        "reads, too": {"url": f"{upstream.url}/echo", "auth": oauth2(server, scope="read")},
    }
    gather(gatherd, services)
    assert sorted(form(request)["scope"] for request in server.requests) == ["read", "write"]
    assert len(set(bearers(upstream))) == 2


def test_it_is_kept_over_rounds_until_shortly_before_its_end(gatherd, upstream, server):
    config = {"services": {"it": {"url": f"{upstream.url}/ok", "auth": oauth2(server)}}}

    def run():
        return gatherd.run("--rounds", "3", "-o", "-", config=config, env={"SECRET": SECRET})

    assert run().status == 0
    assert len(server.requests) == 1
    assert len(upstream.requests) == 3

    server.says["expires_in"] = 0
    assert run().status == 0
    assert len(server.requests) == 1 + 3


def test_a_refused_token_is_fetched_again_once(gatherd, upstream, server):
    upstream.answers["/picky"] = lambda request, _: answer(
        "{}", 200 if "token-2" in request.header("Authorization") else 401
    )
    service = {"url": f"{upstream.url}/picky", "auth": oauth2(server)}
    result = gather(gatherd, {"it": service})
    assert result.document["services"]["it"]["status"] == "ok"
    assert bearers(upstream) == [
        "Bearer token-1-of-the-server",
        "Bearer token-2-of-the-server",
    ]


def test_a_token_that_is_refused_again_is_the_end(gatherd, upstream, server):
    service = {"url": f"{upstream.url}/status/401", "auth": oauth2(server), "retries": 3}
    result = gather(gatherd, {"it": service})
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["http_status"]) == ("http_error", 401)
    assert len(server.requests) == 2
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "reply, why",
    [
        (answer('{"error": "invalid_client"}', 401), "returned HTTP 401"),
        (answer("{}"), "the answer holds no access_token"),
        (answer('{"access_token": "x", "token_type": "mac"}'), "its token_type is not Bearer"),
        (
            answer('{"access_token": "x\\r\\nX-Evil: 1"}'),
            "the access_token cannot stand in a header",
        ),
        (answer("<html>", content_type="text/html"), "the body is not JSON"),
    ],
)
def test_who_has_no_token_is_not_asked(gatherd, upstream, server, reply, why):
    server.answers["/token"] = reply
    services = {
        name: {"url": f"{upstream.url}/{name}", "auth": oauth2(server)} for name in ("a", "b")
    }
    result = gather(gatherd, services)
    assert result.status == 1
    assert result.document["failed"] == ["a", "b"]
    for entry in result.document["services"].values():
        assert entry["status"] == "error"
        assert entry["error"]["kind"] == "auth"
        begin = f"could not get an access token from {server.url}/token: "
        assert entry["error"]["message"].startswith(begin)
        if "JSON" not in why:
            assert entry["error"]["message"] == begin + why
        assert begin in result.stderr
        assert entry["attempts"] == 0
    assert upstream.requests == []
    assert len(server.requests) == 1


def test_a_token_server_that_hangs_is_given_its_time(gatherd, upstream, server):
    auth = oauth2(server)
    auth["oauth2"]["token_url"] = f"{server.url}/hang"
    service = {"url": f"{upstream.url}/ok", "auth": auth, "timeout": "300ms"}
    result = gather(gatherd, {"it": service})
    entry = result.document["services"]["it"]
    assert entry["error"]["kind"] == "auth"
    assert "timed out after 300ms" in entry["error"]["message"]
    assert result.seconds < 10
