"""gatherd --explain: one target asked now, and all that is to be known of it."""

import os
import pty
import re
import socket

import pytest

from helpers_explain import KEY, explain, explain_json, of, rows, sections
from upstream import answer, moves, sends


def with_key(url):
    """URL, in which ${KEY} stands as it has to in a config."""
    return url.replace("%24%7BKEY%7D", "${KEY}")


def test_a_target_that_is_well(gatherd, upstream):
    url = upstream.url + sends('{"state": "up", "queue": {"depth": 12}}')
    config = {
        "services": {
            "orders": {
                "url": url,
                "headers": {"X-Team": "web", "X-Key": "${KEY}"},
                "expect": {"json": {"/state": "up"}},
                "warn": {"json": {"/queue/depth": {"maximum": 100}}},
                "extract": {"queue": "/queue/depth"},
            },
            "other": f"{upstream.url}/ok",
        }
    }
    result = explain(gatherd, config, "orders")
    assert result.status == 0
    assert result.stderr == ""
    assert KEY not in result.stdout
    told = sections(result.stdout)
    assert told[""][0] == "orders: ok"
    assert "HTTP 200 is an expected status" in told[""][1]
    attempt = told["Attempt 1"]
    assert of(attempt, "Request") == [f"GET {url}", "X-Team: web", "X-Key: ***"]
    assert of(attempt, "Answer")[0] == "HTTP/1.1 200 Whatever"
    assert "Content-Type: application/json" in of(attempt, "Answer")
    assert of(attempt, "Body") == ["39 bytes"]
    assert of(attempt, "Expect") == ["holds   status: 200", 'holds   /state: "up"']
    assert of(attempt, "Warn") == ["holds   /queue/depth: 12"]
    assert re.fullmatch(r"connect .* ms, first byte .* ms, total .* ms", *of(attempt, "Phases"))
    assert told["Begin of the body"] == ['  {"state":"up","queue":{"depth":12}}']
    assert told["Values"] == ["  queue        12"]
    assert upstream.paths() == ["/body"]


@pytest.mark.parametrize("depth", [12, 250])
def test_an_answer_with_a_secret_value_is_not_shown(gatherd, upstream, depth):
    service = {
        "url": upstream.url + sends(f'{{"token": "t-o-k-e-n-1", "depth": {depth}}}'),
        "expect": {"json": {"/depth": {"maximum": 100}}},
        "extract": {"token": {"path": "/token", "secret": True}},
    }
    result = explain(gatherd, {"services": {"it": service}}, "it")
    assert result.status == (0 if depth == 12 else 1)
    told = sections(result.stdout)
    assert told["Begin of the body"] == ["  not shown: one of its values is secret"]
    assert "t-o-k-e-n-1" not in result.stdout


@pytest.mark.parametrize(
    "keys, why",
    [
        ({}, "text/plain, format auto"),
        ({"format": "none"}, "text/plain, format none"),
        ({"format": "text", "data": False}, "data: false"),
    ],
)
def test_why_a_body_was_not_kept_is_told(gatherd, upstream, keys, why):
    upstream.answers["/text"] = answer("twenty bytes of text", 200, "text/plain")
    service = {"url": f"{upstream.url}/text", **keys}
    told = sections(explain(gatherd, {"services": {"it": service}}, "it").stdout)
    assert of(told["Attempt 1"], "Body") == [f"20 bytes, not kept: {why}"]
    assert "Begin of the body" not in told


def test_a_text_that_was_kept_is_shown(gatherd, upstream):
    upstream.answers["/text"] = answer('all "is"\nwell', 200, "text/plain")
    service = {"url": f"{upstream.url}/text", "format": "text"}
    told = sections(explain(gatherd, {"services": {"it": service}}, "it").stdout)
    assert told["Begin of the body"] == ['  all "is" well']


def test_without_retries_there_is_nothing_to_decide(gatherd, upstream):
    config = {"services": {"it": {"url": f"{upstream.url}/status/503", "timeout": "1s"}}}
    told = sections(explain(gatherd, config, "it").stdout)
    assert told[""][1] == "  It answered, but returned HTTP 503."
    assert of(told["Attempt 1"], "Then") == []
    assert of(told["Limits"], "Timeout") == ["1s for an attempt"]


def test_a_failed_login_is_told_with_where_it_was_tried(gatherd, upstream):
    token_url = f"{upstream.url}/status/401?key={KEY}"
    auth = {
        "oauth2": {
            "token_url": token_url.replace(KEY, "${KEY}"),
            "client_id": "me",
            "client_secret": "${KEY}",
        }
    }
    service = {"url": f"{upstream.url}/ok", "auth": auth}
    result = explain(gatherd, {"services": {"it": service}}, "it")
    assert result.status == 1
    assert KEY not in result.stdout + result.stderr
    assert sections(result.stdout)[""][1].endswith(
        f"could not get an access token from {upstream.url}/status/401?key=***: "
        "returned HTTP 401."
    )


def test_broken_rules_are_told_with_what_was_there(gatherd, upstream):
    config = {
        "services": {
            "orders": {
                "url": upstream.url + sends('{"state": "down", "queue": {"depth": 250}}'),
                "expect": {"json": {"/state": "up", "/queue/depth": {"maximum": 300}}},
            }
        }
    }
    result = explain(gatherd, config, "orders")
    assert result.status == 1
    told = sections(result.stdout)
    assert told[""][0] == "orders: error"
    assert of(told["Attempt 1"], "Expect") == [
        "holds   status: 200",
        'broken  /state: expected "up", got "down"',
        "holds   /queue/depth: 250",
    ]
    assert '/state: expected "up", got "down"' in told[""][1]


def test_a_degraded_target_is_a_success(gatherd, upstream):
    config = {
        "services": {
            "orders": {
                "url": upstream.url + sends('{"depth": 250}'),
                "warn": {"json": {"/depth": {"maximum": 100}}},
            }
        }
    }
    result = explain(gatherd, config, "orders")
    assert result.status == 0
    told = sections(result.stdout)
    assert told[""][0] == "orders: degraded"
    assert told["Warnings"] == ["  /depth: expected at most 100, got 250"]


def test_each_attempt_is_told_and_why_it_was_made(gatherd, upstream):
    upstream.answers["/flaky"] = lambda _, number: answer(
        "sorry" if number < 3 else '{"ok": true}', 503 if number < 3 else 200
    )
    config = {
        "max_per_host": 3,
        "rate_per_host": "100/s",
        "services": {
            "flaky": {
                "url": f"{upstream.url}/flaky",
                "retries": 4,
                "retry_delay": "10ms",
                "delay": "100ms",
            }
        },
    }
    result = explain(gatherd, config, "flaky")
    assert result.status == 0
    told = sections(result.stdout)
    attempts = [f"Attempt {number} of 3" for number in (1, 2, 3)]
    assert list(told) == ["", "Limits", *attempts, "Begin of the body"]
    assert "It took 3 attempts." in told[""][1]
    limits = dict(rows(told["Limits"]))
    assert limits["Retries"].startswith("up to 4, the first after at most 10ms")
    assert limits["Delay"] == "100ms before it is asked"
    assert limits["Each host"] == "at most 3 at once, at most 100/s started"
    first = told["Attempt 1 of 3"]
    assert of(first, "Before") == ["waits for its delay of 100ms"]
    assert of(first, "Waited")
    assert of(first, "Result") == ["returned HTTP 503"]
    assert re.fullmatch(r"tried again after \d+ ms \(2 of 5\)", *of(first, "Then"))
    assert of(told["Attempt 3 of 3"], "Then") == []


def test_a_post_is_not_repeated_and_that_is_told(gatherd, upstream):
    service = {"url": f"{upstream.url}/status/503", "body": "x=${KEY}", "retries": 3}
    result = explain(gatherd, {"services": {"it": service}}, "it")
    assert result.status == 1
    told = sections(result.stdout)
    assert of(told["Attempt 1"], "Sends") == ["x=***"]
    assert "It was not tried again: the POST may have had its effect." in told[""][1]
    assert told["Begin of the body"] == ["  this is 503"]


def test_a_retry_after_is_told(gatherd, upstream):
    url = f"{upstream.url}/status/429?retry_after=20"
    service = {"url": url, "retries": 1, "deadline": "5s"}
    result = explain(gatherd, {"services": {"it": service}}, "it")
    assert result.status == 1
    told = sections(result.stdout)
    assert of(told["Attempt 1"], "After") == ["held back for 20s by its Retry-After"]
    assert "does not fit into the deadline" in told[""][1]


def test_redirects_are_told_one_by_one(gatherd, upstream):
    url = with_key(upstream.url + moves("/redirect/1?key=${KEY}", 301))
    result = explain(gatherd, {"services": {"it": url}}, "it")
    assert KEY not in result.stdout
    told = sections(result.stdout)["Attempt 1"]
    first, second = of(told, "Redirects")
    assert re.fullmatch(r"301 from .*/redirect\?to=.*\*\*\*.* \(.* ms\)", first)
    assert re.fullmatch(r"302 from .*/redirect/1\?key=\*\*\* \(.* ms\)", second)
    assert of(told, "Final URL") == [f"{upstream.url}/ok"]


def test_what_it_depends_on_is_asked_first(gatherd, upstream):
    config = {
        "services": {
            "orders": {
                "url": f"{upstream.url}/echo",
                "auth": {"bearer": "{{services.login.values.token}}"},
            },
            "login": {
                "url": upstream.url + sends('{"token": "t-o-k-e-n-1"}'),
                "extract": {"token": {"path": "/token", "secret": True}},
            },
            "other": f"{upstream.url}/ok",
        }
    }
    result = explain(gatherd, config, "orders")
    assert result.status == 0
    assert "t-o-k-e-n-1" not in result.stdout
    told = sections(result.stdout)
    assert len(told["Depends on"]) == 1
    assert told["Depends on"][0].startswith("  login: ok, responded with 200")
    assert "Authorization: Bearer ***" in of(told["Attempt 1"], "Request")
    assert upstream.paths() == ["/body", "/echo"]
    assert upstream.requests[1].header("Authorization") == "Bearer t-o-k-e-n-1"

    config["services"]["login"]["url"] = f"{upstream.url}/status/500"
    result = explain(gatherd, config, "orders")
    assert result.status == 1
    told = sections(result.stdout)
    assert told[""][0] == "orders: skipped"
    assert told["Depends on"] == ["  login: http_error, returned HTTP 500"]
    assert "It was not asked" in told


def test_the_certificate_is_told(gatherd, trusted, authority):
    service = {"url": f"{trusted.url}/ok", "tls": {"ca": str(authority.certificate)}}
    result = explain(gatherd, {"services": {"it": service}}, "it")
    assert result.status == 0
    told = sections(result.stdout)["Attempt 1"]
    assert of(told, "TLS") == ["TLSv1.3"]
    subject, issuer, expires = of(told, "Certificate")
    assert "a server" in subject
    assert issuer.startswith("issued by ") and "A Test's Authority" in issuer
    assert re.fullmatch(r"expires 2099-12-31 23:59:59 UTC, in \d+ days", expires)
    assert "tls " in of(told, "Phases")[0]


def test_programs_get_json(gatherd, upstream, trusted, authority):
    config = {
        "services": {
            "it": {
                "url": with_key(trusted.url + moves("/echo?key=${KEY}", 308)),
                "json": {"key": "${KEY}"},
                "tls": {"ca": str(authority.certificate)},
                "expect": {"json": {"/method": "POST"}},
                "warn": {"duration": {"maximum": "1h"}},
                "extract": {"method": "/method"},
            }
        }
    }
    result, told = explain_json(gatherd, config, "it")
    assert result.status == 0
    assert KEY not in result.stdout
    assert list(told) == [
        *["name", "status", "why", "asked_at", "services", "prompts", "provider"],
        *["limits", "attempts", "notes"],
    ]
    assert (told["name"], told["status"]) == ("it", "ok")
    assert told["services"]["it"]["values"] == {"method": "POST"}
    (attempt,) = told["attempts"]
    assert attempt["request"]["method"] == "POST"
    assert attempt["request"]["headers"] == ["Content-Type: application/json"]
    assert attempt["request"]["body"] == '{"key":"***"}'
    assert [hop["http_status"] for hop in attempt["redirects"]] == [308]
    assert attempt["final_url"] == f"{trusted.url}/echo?key=***"
    assert attempt["tls"]["version"] == "TLSv1.3"
    assert attempt["tls"]["expires_at"] == "2099-12-31T23:59:59.000Z"
    assert attempt["tls"]["days_left"] > 20000
    assert attempt["http_status"] == 200
    assert attempt["head"][0] == "HTTP/1.1 200 Whatever"
    assert [rule["holds"] for rule in attempt["expect"]] == [True, True]
    assert [rule["holds"] for rule in attempt["warn"]] == [True]
    assert attempt["timing_ms"]["total"] > 0
    assert attempt["decision"] is None


def test_the_entry_is_that_of_the_document(gatherd, upstream):
    config = {"services": {"it": {"url": f"{upstream.url}/status/404", "labels": {"a": "b"}}}}
    entry = gatherd.once(config).document["services"]["it"]
    _, told = explain_json(gatherd, config, "it")
    assert list(told["services"]["it"]) == list(entry)
    assert told["services"]["it"]["error"] == entry["error"]


def test_nothing_is_published_and_no_file_is_touched(gatherd, upstream):
    config = gatherd.config({"output": {"file": "status.json"}, "services": {"it": f"{upstream.url}/ok"}})
    before = sorted(os.listdir(gatherd.folder))
    result = gatherd.run("-c", config, "--explain", "it")
    assert result.status == 0
    assert sorted(os.listdir(gatherd.folder)) == before


@pytest.mark.parametrize("mode", ["fail_fast", "all_or_nothing"])
def test_modes_of_rounds_do_not_matter(gatherd, upstream, mode):
    config = {
        "mode": mode,
        "services": {
            "it": {"url": f"{upstream.url}/ok", "extract": {"ok": "/ok"}, "needs": "bad"},
            "bad": f"{upstream.url}/status/500",
        },
    }
    _, told = explain_json(gatherd, config, "bad")
    assert told["status"] == "http_error"
    _, told = explain_json(gatherd, config, "it")
    assert told["status"] == "skipped"
    assert told["services"]["bad"]["status"] == "http_error"


def test_a_name_that_is_none(gatherd, upstream):
    config = {
        "services": {
            "orders": f"{upstream.url}/ok",
            "off": {"url": f"{upstream.url}/ok", "enabled": False},
        }
    }
    result = explain(gatherd, config, "order")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        'gatherd: --explain: there is no target "order" (did you mean orders?)\n'
    )
    result = explain(gatherd, config, "off")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == 'gatherd: --explain: "off" has enabled: false\n'
    assert upstream.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--explain", "it", "--once"],
        ["--explain", "it", "--rounds", "2"],
        ["--explain", "it", "--only", "it"],
        ["--explain", "it", "-o", "-"],
        ["--explain", "it", "--explain", "other"],
        ["--json", "--once"],
        ["--json"],
        ["--explain"],
    ],
)
def test_what_does_not_go_together(gatherd, upstream, arguments):
    result = gatherd.run(*arguments, config={"services": {"it": f"{upstream.url}/ok"}})
    assert result.status == 2
    assert result.stdout == ""
    assert result.stderr.startswith("gatherd: ")
    assert upstream.requests == []


def test_a_faulty_config_is_told_and_nobody_asked(gatherd, upstream):
    result = gatherd.run("--explain", "it", config={"services": {"it": {"urll": "x"}}})
    assert result.status == 2
    assert "error: " in result.stderr
    assert result.stdout == ""


def on_terminal(gatherd, *arguments, env):
    """What a run prints on a terminal of 80 columns."""
    outside, inside = pty.openpty()
    process = gatherd.start(*arguments, stdout=inside, env=env)
    os.close(inside)
    text = b""
    try:
        while chunk := os.read(outside, 65536):
            text += chunk
    except OSError:  # how a terminal ends
        pass
    os.close(outside)
    process.communicate()
    return text.decode().replace("\r\n", "\n")


def test_there_is_colour_on_a_terminal_only(gatherd, upstream):
    service = {"url": f"{upstream.url}/ok", "warn": {"json": {"/ok": False}}}
    config = gatherd.config({"services": {"it": service}})
    arguments = ["-c", config, "--explain", "it"]
    env = {"TERM": "xterm", "COLUMNS": "60"}
    text = on_terminal(gatherd, *arguments, env=env)
    assert text.startswith("\033[33m!\033[0m \033[1mit\033[0m: \033[33mdegraded\033[0m\n")
    assert "\033[33mbroken\033[0m  /ok: " in text
    text = on_terminal(gatherd, *arguments, env={**env, "NO_COLOR": "1"})
    assert text.startswith("! it: degraded\n")
    assert "\033" not in text
    assert "\033" not in gatherd.run(*arguments).stdout


def test_what_a_server_says_is_not_obeyed(gatherd, upstream):
    upstream.answers["/evil"] = answer(
        "\033[2Jtext", 500, "text/plain", [("X-Evil", "\033[31mred\033]0;title\x07")]
    )
    result = explain(gatherd, {"services": {"it": f"{upstream.url}/evil"}}, "it")
    assert result.status == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.stdout)
    result = explain(gatherd, {"services": {"it": f"{upstream.url}/evil"}}, "it", "--json")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", result.stdout)


def test_nobody_reads_it(gatherd, upstream):
    config = gatherd.config({"services": {"it": f"{upstream.url}/ok"}})
    ours, theirs = socket.socketpair()
    ours.close()
    process = gatherd.start("-c", config, "--explain", "it", stdout=theirs)
    theirs.close()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "standard output" in stderr
