"""Digest authentication (RFC 7616), against a server of the tests that checks each proof."""

import pytest

from helpers_digest import Digest, parameters
from upstream import Upstream, answer, moves

PASSWORD = 'pass "word\\ü'
USER = 'us"er\\ü'
AUTH = {"digest": {"user": USER, "password": "${PASSWORD}"}}
ALGORITHMS = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"]
CHALLENGES = [
    (algorithm, qop)
    for algorithm in ALGORITHMS
    for qop in ["auth", "auth,auth-int", "auth-int,auth", None]
    # A session needs what is only there with a quality (RFC 7616, 3.4.2).
    if qop or not algorithm.endswith("-sess")
]


def service(upstream, path="/digest?a=b&c=%20", **keys):
    return {"url": upstream.url + path, "auth": AUTH, **keys}


def gather(gatherd, services, *arguments, **keys):
    result = gatherd.run(
        *["-o", "-", "--log-level", "debug", *(arguments or ["--once"])],
        config={"services": services, **keys},
        env={"PASSWORD": PASSWORD},
    )
    for text in (PASSWORD, PASSWORD.replace("\\", "\\\\").replace('"', '\\"')):
        assert text not in result.stdout + result.stderr
    return result


@pytest.fixture
def digest(upstream):
    upstream.answers["/digest"] = Digest(USER, PASSWORD)
    return upstream.answers["/digest"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("algorithm, qop", CHALLENGES)
def test_who_asks_proves_to_know_the_password(gatherd, upstream, algorithm, qop, method):
    digest = upstream.answers["/digest"] = Digest(USER, PASSWORD, algorithm, qop)
    body = {} if method == "GET" else {"body": "the body"}
    result = gather(gatherd, {"it": service(upstream, method=method, **body)})
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["data"], entry["attempts"]) == ("ok", {"proven": True}, 1)
    assert digest.wrong == []
    first, second = upstream.requests
    assert first.header("Authorization") is None
    assert first.body == b""  # nobody has asked for it yet
    assert second.body.decode() == body.get("body", "")
    assert (first.method, second.method) == (method, method)
    assert parameters(second)["qop" if qop else "uri"] == ("auth" if qop else second.target)


def test_a_wrong_password_is_shown_once(gatherd, upstream, digest):
    digest.password = "another"
    entry = gather(gatherd, {"it": service(upstream, retries=2)}).document["services"]["it"]
    assert (entry["status"], entry["http_status"]) == ("http_error", 401)
    assert entry["attempts"] == 1
    assert digest.wrong == ["a wrong response"]
    assert len(upstream.requests) == 2


def test_each_round_proves_it_anew(gatherd, upstream, digest):
    result = gather(gatherd, {"it": service(upstream, body="text")}, "--rounds", "3")
    assert [document["status"] for document in result.documents] == ["ok"] * 3
    assert digest.wrong == []
    assert [request.body for request in digest.proven] == [b"text"] * 3


def test_a_stale_nonce_is_replaced(gatherd, upstream):
    class Forgetful(Digest):
        def why_not(self, request, given):
            if not self.proven and len(self.nonces) < 2:
                self.renew()
                return "stale"
            return super().why_not(request, given)

    digest = upstream.answers["/digest"] = Forgetful(USER, PASSWORD)
    entry = gather(gatherd, {"it": service(upstream, body="text")}).document["services"]["it"]
    assert (entry["status"], entry["attempts"]) == ("ok", 1)
    assert digest.wrong == ["stale"]
    assert digest.proven[0].body == b"text"
    assert len(upstream.requests) == 3


def test_nonces_that_are_always_stale_end_in_a_fault(gatherd, upstream):
    class Endless(Digest):
        def why_not(self, request, given):
            self.renew()
            return "stale"

    upstream.answers["/digest"] = Endless(USER, PASSWORD)
    entry = gather(gatherd, {"it": service(upstream, retries=2)}).document["services"]["it"]
    assert (entry["error"]["kind"], entry["http_status"]) == ("protocol", 401)
    assert entry["error"]["message"] == "the server asks for authentication again and again"
    assert (entry["attempts"], len(upstream.requests)) == (1, 4)


@pytest.mark.parametrize("offer", ["Basic realm=x", "NTLM", "Negotiate", "Bearer", None])
def test_the_password_is_sent_in_no_other_way(gatherd, upstream, offer):
    headers = [("WWW-Authenticate", offer)] if offer else []
    upstream.answers["/digest"] = answer("who?", 401, "text/plain", headers)
    entry = gather(gatherd, {"it": service(upstream, body="text")}).document["services"]["it"]
    assert (entry["status"], entry["http_status"]) == ("http_error", 401)
    for request in upstream.requests:
        assert request.header("Authorization") is None


@pytest.mark.parametrize("says", [{"algorithm": "SHA-1"}, {"qop": "auth-int"}])
def test_what_nobody_can_prove_is_a_401(gatherd, upstream, says):
    upstream.answers["/digest"] = Digest(USER, PASSWORD, **says)
    entry = gather(gatherd, {"it": service(upstream)}).document["services"]["it"]
    assert (entry["status"], entry["http_status"]) == ("http_error", 401)


def test_a_server_without_passwords_gets_the_body_at_last(gatherd, upstream):
    """It is asked without a body first; where that is well, nothing more is asked."""
    entry = gather(gatherd, {"it": service(upstream, "/ok", body="text")}).document
    assert entry["services"]["it"]["status"] == "ok"
    assert upstream.requests[-1].body == b"text"


def test_another_service_shows_its_own_user(gatherd, upstream):
    """The same server, one after the other, over what may be the same connection."""
    one = upstream.answers["/one"] = Digest("one", PASSWORD)
    two = upstream.answers["/two"] = Digest("two", PASSWORD)
    services = {
        name: {
            "url": f"{upstream.url}/{name}",
            "auth": {"digest": {"user": name, "password": "${PASSWORD}"}},
        }
        for name in ("one", "two")
    }
    services["none"] = f"{upstream.url}/ok"
    result = gather(gatherd, services, "--rounds", "3", max_concurrent=1)
    assert [document["status"] for document in result.documents] == ["ok"] * 3
    assert one.wrong == two.wrong == []
    for request in upstream.asked_for("/ok"):
        assert request.header("Authorization") is None


def test_what_is_proven_stays_with_its_origin(gatherd, upstream):
    """Who moves to another server is not asked by it who he is."""
    with Upstream() as other:
        other.answers["/digest"] = Digest(USER, PASSWORD)
        upstream.answers["/ours"] = Digest(USER, PASSWORD)
        services = {
            "away": service(upstream, moves(f"{other.url}/digest")),
            "home": service(upstream, moves("/ours")),
        }
        entries = gather(gatherd, services).document["services"]
        assert entries["home"]["status"] == "ok"
        assert entries["away"]["http_status"] == 401
        assert [request.header("Authorization") for request in other.requests] == [None]


def test_an_answer_is_read_from_the_second_request_only(gatherd, upstream):
    """What is said to who has not proven anything yet is not its body."""

    class Wordy(Digest):
        def challenge(self):
            line, rest = super().challenge().split(b"Content-Length: 9\r\n")
            text = b"x" * 3000
            return line + b"Content-Length: 3000\r\n" + rest.removesuffix(b"who asks?") + text

    upstream.answers["/digest"] = Wordy(USER, PASSWORD)
    entry = gather(gatherd, {"it": service(upstream, max_body="1kB")}).document["services"]["it"]
    assert entry["status"] == "ok"
    assert (entry["data"], entry["bytes"]) == ({"proven": True}, len('{"proven": true}'))
