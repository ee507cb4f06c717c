"""Which failures are asked again, by which methods, and how that is told."""

import re

import pytest

from helpers_daemon import Daemon
from helpers_retries import (  # noqa: F401 (fixtures)
    AMPLE,
    attempts_in,
    flaky,
    gaps,
    says,
    service,
)
from test_explain import explain, explain_json, of, sections
from upstream import Upstream, answer, raw, sends

MAY_PASS = (408, 425, 429, 500, 502, 503, 504, 529)
WILL_NOT_PASS = (400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 451, 501, 505, 507, 511)


def check_recovered(entry, attempts=2):
    assert (entry["status"], entry["http_status"]) == ("ok", 200)
    assert (entry["attempts"], entry["failures"]) == (attempts, 0)
    assert entry["error"] is None
    assert entry["next_at"] is None


# ---- what may pass ----


def test_each_status_that_may_pass_is_asked_again(gatherd, flaky):
    paths = {str(status): f"/first/1/status/{status}" for status in MAY_PASS}
    services = {name: service(flaky, path) for name, path in paths.items()}
    result = gatherd.once({"services": services})
    assert result.status == 0
    for name, path in paths.items():
        check_recovered(result.document["services"][name])
        assert len(flaky.asked_for(path)) == 2, name


def test_a_status_that_asking_again_does_not_change_is_the_answer(gatherd, flaky):
    services = {str(code): service(flaky, f"/status/{code}") for code in WILL_NOT_PASS}
    result = gatherd.once({"services": services})
    assert result.status == 1
    for code in WILL_NOT_PASS:
        entry = result.document["services"][str(code)]
        assert (entry["status"], entry["error"]["kind"]) == ("http_error", "http")
        assert (entry["http_status"], entry["attempts"]) == (code, 1)
    assert len(flaky.requests) == len(WILL_NOT_PASS)


def test_without_retries_nothing_is_asked_again(gatherd, flaky):
    services = {
        "refused": service(flaky, "/status/503", retries=0),
        "lost": service(flaky, "/close", retries=0),
    }
    result = gatherd.once({"services": services})
    assert [entry["attempts"] for entry in result.document["services"].values()] == [1, 1]
    assert sorted(flaky.paths()) == ["/close", "/status/503"]


@pytest.mark.parametrize("fault", ["reset", "close"])
def test_a_connection_lost_before_the_first_byte_is_asked_again(gatherd, flaky, fault):
    path = f"/first/1/{fault}"
    result = gatherd.once({"services": {"it": service(flaky, path)}})
    assert result.status == 0
    check_recovered(result.document["services"]["it"])
    assert len(flaky.asked_for(path)) == 2


@pytest.mark.parametrize("fault", ["hang", "hang-interim", "hang-head", "hang-body"])
def test_a_timeout_is_asked_again_wherever_it_was(gatherd, flaky, fault):
    path = f"/first/1/{fault}"
    it = service(flaky, path, timeout="2s", deadline="1m")
    entry = gatherd.once({"services": {"it": it}}).document["services"]["it"]
    check_recovered(entry)
    assert len(flaky.asked_for(path)) == 2
    # What was measured is the last attempt's, but for how long it took in all.
    assert entry["duration_ms"] >= 2000 > entry["timing_ms"]["total"]


@pytest.mark.parametrize("name", ["it.nowhere.test", "it.broken.test"])
def test_a_name_that_is_not_found_is_looked_up_again(gatherd, preload, name):
    lookups = gatherd.folder / "lookups"
    it = {"url": f"http://{name}/", "retries": 2, "retry_delay": "10ms", "timeout": AMPLE}
    environment = preload(lookups=lookups)
    result = gatherd.once({"services": {"it": it}}, env=environment)
    assert result.status == 1
    entry = result.document["services"]["it"]
    assert (entry["status"], entry["error"]["kind"]) == ("error", "dns")
    assert (entry["attempts"], entry["failures"]) == (3, 1)
    assert lookups.read_text().splitlines() == [name] * 3


class ClosedPort:
    """A port on which nobody listens, until somebody answers there."""

    def __init__(self, bad_ports):
        self.socket = bad_ports._bound("127.0.0.1")
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]

    def answer_one(self):
        """Open it and answer one request with 200; the request."""
        self.socket.listen()
        self.socket.settimeout(60)
        connection, _ = self.socket.accept()
        connection.settimeout(60)
        with connection:
            request = b""
            while b"\r\n\r\n" not in request or not request.endswith((b"\r\n\r\n", b"a body")):
                data = connection.recv(65536)
                assert data, request
                request += data
            connection.sendall(answer('{"ok": true}'))
            while connection.recv(65536):  # until it is closed
                pass
        return request


@pytest.mark.parametrize("body", [None, "a body"])
def test_a_port_that_opens_meanwhile_is_found_open(gatherd, bad_ports, body):
    """Also with a POST: nothing of it was sent."""
    port = ClosedPort(bad_ports)
    keys = {"retries": 100, "deadline": "1m", "retry_delay": "10ms", "reuse": False}
    if body is not None:
        keys["body"] = body
    config = {"interval": "1h", "services": {"it": {"url": port.url + "/x", **keys}}}
    with Daemon(gatherd, config, "-l", "debug") as daemon:
        daemon.wait_log(r"attempt 2 of 101: error: connection refused by .*; again in \d+ ms")
        request = port.answer_one()
        document = daemon.first_document()
        log = daemon.log
    assert request.startswith(b"POST /x " if body else b"GET /x ")
    entry = document["services"]["it"]
    assert entry["attempts"] >= 3
    check_recovered(entry, entry["attempts"])
    told = attempts_in(log, "it")
    assert [number for number, _, _ in told] == list(range(1, entry["attempts"] + 1))
    assert told[-1][2].startswith("responded with 200")


# ---- what will not ----

NOT_AGAIN = {
    "half": ("/half", "protocol", {}),
    "half a chunk": ("/half-chunk", "protocol", {}),
    "half a head": ("/half-head", "protocol", {}),
    "reset body": ("/reset-body", "protocol", {}),
    "garbage": ("/garbage", "protocol", {}),
    "huge header": ("/huge-header", "protocol", {}),
    "no status": (raw(b"HTTP/1.1 nothing\r\n\r\n"), "protocol", {}),
    "invalid": (sends("{"), "invalid_body", {}),
    "empty": (sends(""), "invalid_body", {}),
    "unexpected": (sends('{"a": 1}'), "expectation", {"expect": {"json": {"/a": 2}}}),
    "too large": ("/size/5000", "too_large", {"max_body": 1024}),
    "endless": ("/loop", "redirect", {"redirects": 3}),
    "down": ("/redirect?to=ftp%3A%2F%2Fx", "redirect", {}),
}


def test_an_answer_that_is_no_good_is_not_asked_for_again(gatherd, upstream):
    services = {
        name: service(upstream, path, **keys) for name, (path, _, keys) in NOT_AGAIN.items()
    }
    result = gatherd.once({"services": services})
    assert result.status == 1
    for name, (_, kind, _) in NOT_AGAIN.items():
        entry = result.document["services"][name]
        assert (entry["status"], entry["error"]["kind"]) == ("error", kind), name
        assert entry["attempts"] == 1, name
    # The loop has three more hops.
    assert len(upstream.requests) == len(NOT_AGAIN) + 3


def test_who_has_the_wrong_certificate_is_not_asked_again(gatherd, certificate):
    with Upstream(tls=certificate) as upstream:
        result = gatherd.once({"services": {"it": service(upstream, "/ok")}})
    entry = result.document["services"]["it"]
    assert (entry["error"]["kind"], entry["attempts"]) == ("tls", 1)
    assert upstream.requests == []


def test_a_status_that_is_expected_is_no_failure(gatherd, flaky):
    """And where the status was expected, but what came with it was not, it is an answer."""
    services = {
        "well": service(flaky, "/status/503/well", expect={"status": 503}),
        "not": service(flaky, "/status/503/not", expect={"status": 503, "body": "well"}),
    }
    document = gatherd.once({"services": services}).document
    assert document["services"]["well"]["status"] == "ok"
    assert document["services"]["not"]["error"]["kind"] == "expectation"
    assert sorted(flaky.paths()) == ["/status/503/not", "/status/503/well"]


# ---- methods ----

METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH")
UNSAFE = ("POST", "PATCH")


@pytest.mark.parametrize("fault", ["status/503", "status/429", "reset", "close", "hang"])
def test_only_what_may_be_done_twice_is_asked_twice(gatherd, flaky, fault):
    services, paths = {}, {}
    for method in METHODS:
        for unsafe in (False, True) if method in UNSAFE else (False,):
            name = method + (" unsafe" if unsafe else "")
            paths[name] = f"/first/1/{fault}/{method}{unsafe}"
            services[name] = service(flaky, paths[name], method=method, reuse=False)
            services[name].update(timeout="2s" if fault == "hang" else AMPLE, deadline="1m")
            if unsafe:
                services[name]["retry_unsafe"] = True
            if method in ("PUT", "POST", "PATCH"):
                services[name]["json"] = {"say": name}
    result = gatherd.once({"services": services}, "-l", "debug")
    for name, entry in result.document["services"].items():
        requests = flaky.asked_for(paths[name])
        again = name not in UNSAFE
        assert len(requests) == entry["attempts"] == (2 if again else 1), name
        assert {request.method for request in requests} == {name.split()[0]}
        assert len({(request.body, request.target) for request in requests}) == 1
        assert entry["status"] == "ok" if again else entry["status"] != "ok"
        refusal = f"not again: the {name} may have had its effect"
        assert again == (refusal not in result.stderr)


def test_a_post_of_which_nothing_was_sent_is_asked_again(gatherd, preload, bad_ports):
    post = {"method": "POST", "body": "x", "retries": 2, "retry_delay": "10ms"}
    services = {
        "refused": {"url": f"http://127.0.0.1:{bad_ports.refused()}/", **post},
        "unknown": {"url": "http://it.nowhere.test/", **post},
        "full": {
            "url": f"http://127.0.0.1:{bad_ports.full()}/",
            "connect_timeout": "300ms",
            **post,
        },
    }
    document = gatherd.once({"services": services}, env=preload()).document
    entries = document["services"]
    assert {name: entry["attempts"] for name, entry in entries.items()} == {
        "refused": 3,
        "unknown": 3,
        "full": 3,
    }
    kinds = {name: entry["error"]["kind"] for name, entry in entries.items()}
    assert kinds == {"refused": "connect", "unknown": "dns", "full": "timeout"}


@pytest.mark.parametrize("unsafe", [False, True])
def test_a_post_lost_on_a_connection_that_was_kept_is_not_sent_twice_unasked(
    gatherd, flaky, unsafe
):
    """libcurl would, as it does for a GET: it takes such a connection for an old one."""
    path = "/first/1/reset"
    services = {
        "before": flaky.url + "/ok",
        "it": service(flaky, path, method="POST", needs="before", retry_unsafe=unsafe),
    }
    entry = gatherd.once({"services": services}).document["services"]["it"]
    if unsafe:
        check_recovered(entry)
        assert len(flaky.asked_for(path)) == 2
    else:
        assert (entry["error"]["kind"], entry["attempts"]) == ("protocol", 1)
        assert len(flaky.asked_for(path)) == 1


# ---- what is told ----


def test_the_last_attempt_is_what_is_told_and_all_of_them_took_the_time(gatherd, flaky):
    services = {
        "well": service(flaky, "/first/1/late/0.5/503"),
        "ill": service(flaky, "/ill", retries=2),
    }
    flaky.answers["/ill"] = says(500, 502, 504)
    result = gatherd.once({"services": services})
    assert result.status == 1
    well = result.document["services"]["well"]
    check_recovered(well)
    assert well["bytes"] == len('{"ok": true}')
    assert well["duration_ms"] - well["timing_ms"]["total"] >= 499
    ill = result.document["services"]["ill"]
    assert (ill["http_status"], ill["attempts"], ill["failures"]) == (504, 3, 1)
    assert ill["error"]["excerpt"] == '{"status": 504}'
    assert len(flaky.asked_for("/ill")) == 3


def test_attempts_are_told_at_debug_and_their_end_as_ever(gatherd, flaky):
    services = {
        "well": service(flaky, "/first/2/status/503"),
        "ill": service(flaky, "/status/502", retries=1),
        "once": service(flaky, "/status/404"),
    }
    result = gatherd.once({"services": services}, "-l", "debug")
    again = r"; again in \d+ ms"
    first, second, third = attempts_in(result.stderr, "well")
    assert first[:2] == (1, 3) and re.fullmatch("returned HTTP 503" + again, first[2])
    assert second[:2] == (2, 3) and re.fullmatch("returned HTTP 503" + again, second[2])
    assert third[:2] == (3, 3) and re.fullmatch(r"responded with 200 in \d+ ms", third[2])
    first, second = attempts_in(result.stderr, "ill")
    assert re.fullmatch("returned HTTP 502" + again, first[2])
    assert second == (2, 2, "returned HTTP 502")
    assert attempts_in(result.stderr, "once") == [(1, 3, "returned HTTP 404")]

    flaky.asked.clear()
    result = gatherd.once({"services": services})
    assert "attempt" not in result.stderr
    assert re.search(r" info \[well\] responded with 200 in \d+ ms$", result.stderr, re.M)
    assert re.search(r" warn \[ill\] returned HTTP 502$", result.stderr, re.M)


def test_a_failure_that_passes_fails_no_round(gatherd, flaky):
    config = {"mode": "fail_fast", "services": {}}
    config["services"]["it"] = service(flaky, "/first/2/status/500")
    config["services"]["other"] = service(flaky, "/ok")
    result = gatherd.once(config)
    assert result.status == 0
    assert result.document["outcome"] == "complete"


def test_the_exit_status_is_of_the_last_attempts(gatherd, flaky):
    for retries, status in ((1, 1), (2, 0)):
        flaky.asked.clear()
        it = service(flaky, "/first/2/close", retries=retries)
        assert gatherd.once({"services": {"it": it}}).status == status


def test_a_request_is_made_anew_for_each_attempt(gatherd, flaky):
    """But for its time it is the same."""
    path = "/first/2/status/500"
    it = service(flaky, path + "?at={{now}}", method="PUT", body="now: {{now}}")
    it["retry_delay"] = "1s"
    assert gatherd.once({"services": {"it": it}}).status == 0
    requests = flaky.asked_for(path)
    assert len(requests) == 3
    for request in requests:
        assert request.body.decode() == "now: " + request.query["at"]
    assert len({str(request.headers) for request in requests}) == 1


def test_explain_tells_each_attempt_and_why_there_was_no_other(gatherd, flaky):
    flaky.answers["/it"] = says(503, 500, 502)
    it = service(flaky, "/it")
    result = explain(gatherd, {"services": {"it": it}}, "it")
    assert result.status == 1
    told = sections(result.stdout)
    for number, status in enumerate((503, 500), start=1):
        attempt = told[f"Attempt {number} of 3"]
        assert of(attempt, "Result") == [f"returned HTTP {status}"]
        (then,) = of(attempt, "Then")
        assert re.fullmatch(rf"tried again after \d+ ms \({number + 1} of 3\)", then)
    assert of(told["Attempt 3 of 3"], "Result") == ["returned HTTP 502"]
    assert "It was not tried again: 3 of 3 attempts were made." in told[""][1]


def test_explain_for_programs_tells_what_each_attempt_was_given(gatherd, flaky):
    it = service(flaky, "/first/1/hang", timeout="2s", deadline="1m")
    result, told = explain_json(gatherd, {"services": {"it": it}}, "it")
    assert result.status == 0
    assert told["limits"]["retries"] == 2
    assert told["limits"]["deadline_ms"] == 60000
    first, second = told["attempts"]
    assert first["timeout_ms"] == second["timeout_ms"] == 2000
    assert first["result"] == "timed out after 2s"
    assert first["decision"].startswith("tried again after ")
    assert second["decision"] is None and second["http_status"] == 200
    assert gaps(flaky.requests)[0] * 1000 >= second["waited_ms"]
