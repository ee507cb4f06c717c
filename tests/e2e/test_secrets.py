"""Secrets are sent where they belong, and shown nowhere, whoever echoes them how."""

import json

import pytest

from helpers_secrets import ODD, Secret, said
from upstream import answer

ENV = Secret("env-" + ODD)
FILE = Secret("file-" + ODD)
CREDENTIAL = Secret("credential-" + ODD)
PASSWORD = Secret("password-0815", user="us er")
BEARER = Secret("literal.bearer-token")
COOKIE = Secret("literal-cookie-value")
ALL = [ENV, FILE, CREDENTIAL, PASSWORD, BEARER, COOKIE]


@pytest.fixture
def surroundings(tmp_path):
    """The environment and the files that ALL come from."""
    (tmp_path / "key").write_text(FILE.text + "\n", encoding="utf-8")
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "key").write_text(CREDENTIAL.text, encoding="utf-8")
    return {"KEY": ENV.text, "CREDENTIALS_DIRECTORY": str(folder)}


def service(upstream, path, **keys):
    """It carries ALL."""
    netloc = f"us%20er:{PASSWORD.text}@127.0.0.1:{upstream.port}"
    return {
        "url": f"http://{netloc}{path}?key={{{{key}}}}&file={{{{file}}}}",
        "headers": {
            "X-Env": "<${KEY}>",
            "X-File": "${file:key}",
            "X-Credential": "${credential:key}",
            "Proxy-Authorization": f"Bearer {BEARER.text}",
            "Cookie": f"a=1; session={COOKIE.text}",
        },
        **keys,
    }


VARS = {"key": "${KEY}", "file": "${file:key}"}


def assert_all_hidden(*outputs):
    for output in outputs:
        for secret in ALL:
            secret.assert_hidden_in(output)


@pytest.fixture
def mirrored(upstream):
    """The upstream, which says ALL that it was told."""
    everything = said(ALL)
    text = "\n".join(form for secret in ALL for form in secret.encoded + secret.escaped)
    upstream.answers.update(
        {
            "/json": answer(everything),
            "/text": answer(text, content_type="text/plain"),
            "/failure": answer(text, 500, "text/plain"),
            "/no-json": answer(everything[:-1] + ", so}"),
            "/cut": answer(everything[:-40]),
            "/large": answer(everything * 200),
            "/latin-1": answer(
                text.encode("latin-1"), content_type="text/plain; charset=latin-1"
            ),
            "/utf-16": answer(
                text.encode("utf-16-be"), content_type="text/plain; charset=utf-16be"
            ),
        }
    )
    for secret in ALL:
        # The excerpt of a failure is cut: each secret is the one at its end, in turn.
        for room in range(196, 200):
            path = f"/edge-{ALL.index(secret)}-{room}"
            upstream.answers[path] = answer("x" * room + secret.text, 500, "text/plain")
    return upstream


def services_of(mirrored):
    services = {
        path[1:]: service(
            mirrored, path, format="auto" if path in ("/json", "/no-json", "/cut") else "text"
        )
        for path in mirrored.answers
    }
    services["whole"] = service(mirrored, "/json", format="text")
    services["large"]["max_body"] = "1kB"
    services["broken"] = service(mirrored, "/garbage")
    services["late"] = service(mirrored, "/hang", timeout="300ms")
    services["elsewhere"] = service(mirrored, "/status/404")
    return services


@pytest.mark.parametrize("log_format", ["text", "json", "auto"])
def test_nothing_that_comes_back_shows_a_secret(gatherd, mirrored, surroundings, log_format):
    config = {"vars": VARS, "services": services_of(mirrored)}
    arguments = ["--log-level", "debug", "--log-format", log_format, "--progress"]
    result = gatherd.once(config, *arguments, env=surroundings)
    assert result.status == 1
    entries = result.document["services"]
    assert entries["text"]["status"] == entries["latin-1"]["status"] == "ok"
    assert "***" in entries["failure"]["error"]["excerpt"]
    strings = entries["json"]["data"]["all"]
    assert set(strings) == {"***", "<***>"}
    assert set(entries["utf-16"]["data"].split("\n")) == {"***"}
    shown = f"http://***@127.0.0.1:{mirrored.port}/json?key=***&file=***"
    assert entries["json"]["url"] == shown
    assert_all_hidden(result.stdout, result.stderr)
    # What is decoded on the way out would hide nothing from who reads the document.
    assert_all_hidden(json.dumps(result.document, ensure_ascii=False))


def test_the_secrets_were_sent(gatherd, mirrored, surroundings):
    config = {"vars": VARS, "services": {"json": service(mirrored, "/json")}}
    gatherd.once(config, env=surroundings)
    (request,) = mirrored.requests

    def text(name):
        return request.header(name).encode("latin-1").decode()

    assert request.query == {"key": ENV.text, "file": FILE.text}
    assert text("X-Env") == f"<{ENV.text}>"
    # White space at the end is no part of a header's value.
    assert text("X-File") == FILE.text.strip()
    assert text("X-Credential") == CREDENTIAL.text.strip()
    assert text("Authorization") == f"Basic {PASSWORD.encoded[-1]}"
    assert text("Cookie") == f"a=1; session={COOKIE.text}"


def test_names_and_numbers_of_an_answer_stay(gatherd, upstream, surroundings):
    body = '{"%s": "so", "pin": 12345678, "text": "12345678", "n": [112345678e2, true]}'
    upstream.answers["/json"] = answer(body % "named-like-a-secret")
    config = {
        "services": {
            "named-like-a-secret": {
                "url": f"{upstream.url}/json",
                "headers": {"X-Pin": "${PIN}", "X-Key": "${KEY}", "X-True": "${TRUE}"},
            }
        }
    }
    env = {"PIN": "12345678", "KEY": "named-like-a-secret", "TRUE": "services"}
    result = gatherd.once(config, env=env)
    assert '"pin":12345678,"text":"***","n":[112345678e2,true]' in result.stdout
    entry = result.document["services"]["named-like-a-secret"]
    assert entry["data"]["named-like-a-secret"] == "so"
    assert "[named-like-a-secret] responded with 200" in result.stderr


def test_each_request_knows_its_own_secrets_only(gatherd, upstream, surroundings):
    upstream.answers["/json"] = answer('["first-secret", "second-secret", "short"]')
    config = {
        "services": {
            name: {"url": f"{upstream.url}/json", "headers": {"X-Key": f"${{{name}}}"}}
            for name in ("FIRST", "SECOND", "SHORT")
        }
    }
    env = {"FIRST": "first-secret", "SECOND": "second-secret", "SHORT": "short"}
    entries = gatherd.once(config, env=env).document["services"]
    assert entries["FIRST"]["data"] == ["***", "second-secret", "short"]
    assert entries["SECOND"]["data"] == ["first-secret", "***", "short"]
    # Less than eight bytes would be found in much that is no secret.
    assert entries["SHORT"]["data"] == ["first-secret", "second-secret", "short"]


def test_what_is_rendered_is_masked_however_short(gatherd, upstream, surroundings):
    config = {"services": {"s": f"{upstream.url}/echo/${{PIN}}?a=${{PIN}}1"}}
    entry = gatherd.once(config, env={"PIN": "1"}).document["services"]["s"]
    assert entry["url"] == f"{upstream.url}/echo/***?a=***1"


def test_what_is_no_secret_is_shown(gatherd, upstream):
    url = f"{upstream.url}/echo/${{plain:TAG}}/${{NOT_SET:-default-text}}"
    result = gatherd.once({"services": {"s": url}}, env={"TAG": "plain-tag-text"})
    entry = result.document["services"]["s"]
    assert entry["url"] == f"{upstream.url}/echo/plain-tag-text/default-text"
    assert entry["data"]["target"] == "/echo/plain-tag-text/default-text"


def test_what_describes_a_service_is_masked(gatherd, upstream):
    service = {
        "url": f"{upstream.url}/ok",
        "group": "of ${KEY}",
        "description": "${KEY}",
        "labels": {"key": "${KEY}", "team": "web"},
    }
    result = gatherd.once({"services": {"s": service}}, env={"KEY": ENV.text})
    entry = result.document["services"]["s"]
    assert (entry["group"], entry["description"]) == ("of ***", "***")
    assert entry["labels"] == {"key": "***", "team": "web"}
    ENV.assert_hidden_in(result.stdout + result.stderr)


HOST = Secret("Secret-Host-4711")


def test_a_secret_host_is_shown_in_no_error(gatherd, preload, bad_ports):
    """A host is compared without case, and shown in lower case."""
    port = bad_ports.refused()
    services = {
        "unknown": "http://${HOST}.nowhere.test/",
        "refused": f"http://${{HOST}}.quick.test:{port}/",
        "TLS": f"https://${{HOST}}.quick.test:{port}/",
    }
    env = {**preload(), "HOST": HOST.text}
    result = gatherd.once({"services": services}, "--log-level", "debug", env=env)
    assert result.document["failed"] == list(services)
    HOST.assert_hidden_in(result.stdout + result.stderr)
    assert HOST.text.lower() not in result.stdout + result.stderr


# ---- the config, printed and checked ----


def test_the_printed_config_shows_references(gatherd, upstream, surroundings):
    config = {"vars": VARS, "services": {"s": service(upstream, "/json")}}
    result = gatherd.run("--print-config", config=config, env=surroundings)
    assert result.status == 0
    assert_all_hidden(result.stdout, result.stderr)
    for reference in ("${KEY}", "${file:key}", "${credential:key}"):
        assert reference in result.stdout


def test_a_check_shows_none(gatherd, upstream, surroundings):
    config = {"vars": VARS, "services": {"s": service(upstream, "/json")}}
    result = gatherd.run("--check", config=config, env=surroundings)
    assert result.status == 0
    assert "a secret stands here literally" in result.stderr
    assert_all_hidden(result.stdout, result.stderr)


KEY = "${KEY}"
BROKEN = {
    "interval": {"interval": KEY},
    "timeout": {"timeout": KEY},
    "max_concurrent": {"max_concurrent": KEY},
    "include": {"include": [KEY]},
    "included pattern": {"include": [KEY + "/*.yaml"]},
    "permissions": {"output": {"permissions": KEY}},
    "max_size": {"output": {"max_size": KEY}},
    "sync": {"output": {"sync": KEY}},
    "log level": {"log": {"level": KEY}},
    "log format": {"log": {"format": KEY}},
    "url": {"services": {"s": KEY}},
    "host": {"services": {"s": f"http://{KEY}/"}},
    "port": {"services": {"s": f"http://localhost:{KEY}/"}},
    "scheme": {"services": {"s": f"{KEY}://localhost/"}},
    "userinfo": {"services": {"s": f"http://user:{KEY}@local host/"}},
    "literal userinfo": {"services": {"s": f"http://user:{BEARER.text}@local host/"}},
    "rendered host": {
        "vars": {"key": KEY},
        "services": {"s": "http://{{{key}}}/"},
    },
    "template": {"services": {"s": {"url": "http://localhost/{{" + KEY}}},
    "unknown name": {"services": {"s": {"url": "http://localhost/{{x}}" + KEY}}},
    "format": {"services": {"s": {"url": "http://localhost", "format": KEY}}},
    "max_body": {"services": {"s": {"url": "http://localhost", "max_body": KEY}}},
    "max_depth": {"services": {"s": {"url": "http://localhost", "max_depth": KEY}}},
    "redirects": {"services": {"s": {"url": "http://localhost", "redirects": KEY}}},
    "data": {"services": {"s": {"url": "http://localhost", "data": KEY}}},
    "line break": {
        "services": {"s": {"url": "http://localhost", "headers": {"X-Key": "${TWO_LINES}"}}}
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_shows_none(gatherd, name):
    env = {"KEY": ENV.text, "TWO_LINES": f"{ENV.text}\n{ENV.text}"}
    result = gatherd.run("--check", config=BROKEN[name], env=env)
    if name not in ("template", "included pattern"):  # a literal, and no match, are no faults
        assert result.status == 2, result.stderr
    for secret in (ENV, BEARER):
        secret.assert_hidden_in(result.stdout + result.stderr)


def test_an_output_that_cannot_be_written_is_named_without_it(gatherd, upstream):
    config = {"output": {"file": "${KEY}/status.json"}, "services": {}}
    result = gatherd.run("--once", config=config, env={"KEY": "folder-4711"})
    assert result.status == 3
    assert "folder-4711" not in result.stderr
