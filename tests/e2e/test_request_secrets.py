"""The secrets of a request in full: sent where they belong, shown nowhere."""

import json
import re

import pytest

from helpers_secrets import ODD, Secret, said
from upstream import Upstream, answer

KEY = Secret("key-" + ODD)
FILE = Secret("file-" + ODD)
BEARER = Secret("literal.bearer==")
USER = Secret("literal-user")
PASSWORD = Secret("literal:pass word", user="literal-user")
URL_USER = Secret("url-user")
URL_PASSWORD = Secret("p@ss w0rd", user="url-user")
PROXY_USER = Secret("proxy-user")
PROXY_PASSWORD = Secret("proxy-p@ss", user="proxy-user")
CLIENT = Secret("client-id-4711")
CLIENT_SECRET = Secret("client-secret-4711", user="client-id-4711")
ACCESS = Secret("access-token-4711")
VALUE = Secret("value-" + ODD)
VALUE_OF_ME = Secret(VALUE.text, user="me")
ALL = [KEY, FILE, BEARER, USER, PASSWORD, URL_USER, URL_PASSWORD, PROXY_USER, PROXY_PASSWORD]
ALL += [CLIENT, CLIENT_SECRET, ACCESS, VALUE, VALUE_OF_ME]

BASIC = {"user": USER.text, "password": PASSWORD.text}
TOKEN = "{{services.login.values.token}}"

# Each a way to carry secrets, and those that it carries.
WAYS = {
    "bearer": ({"auth": {"bearer": BEARER.text}}, [BEARER]),
    "basic": ({"auth": {"basic": BASIC}}, [USER, PASSWORD]),
    "digest": ({"auth": {"digest": BASIC}}, [USER]),
    "oauth2": ({"auth": "OAUTH2"}, [ACCESS]),
    "userinfo": ({"url": "http://url-user:p%40ss%20w0rd@HOST/mirror"}, [URL_PASSWORD, URL_USER]),
    "body": ({"body": "<${KEY}>"}, [KEY]),
    "json": ({"json": {"a": ["<${KEY}>", "{{{key}}}"], "b": "{{file}}"}}, [KEY, FILE]),
    "form": ({"form": {"a": "${KEY}", "b": "<{{file}}>"}}, [KEY, FILE]),
    "query": ({"url": "URL/mirror?a={{key}}"}, [KEY]),
    "header": ({"headers": {"X-Key": "<{{key}}>"}}, [KEY]),
    "value as bearer": ({"auth": {"bearer": TOKEN}}, [VALUE]),
    "value in body": ({"body": f"<{TOKEN}>"}, [VALUE]),
    "value in JSON": ({"json": {"a": f"{{{TOKEN}}}", "b": f"<{TOKEN}>"}}, [VALUE]),
    "value in form": ({"form": {"a": TOKEN}}, [VALUE]),
    "value in query": ({"url": f"URL/mirror?a={TOKEN}"}, [VALUE]),
    "value in header": ({"headers": {"X-Key": f"<{TOKEN}>"}}, [VALUE]),
    "value as password": ({"auth": {"basic": {"user": "me", "password": TOKEN}}}, [VALUE_OF_ME]),
    "proxy": ({"proxy": "http://proxy-user:proxy-p%40ss@HOST"}, [PROXY_USER, PROXY_PASSWORD]),
}


class Mirror(Upstream):
    """Says back whatever it was told, in all ways to write it, wherever it is asked for."""

    def __enter__(self):
        self.secrets = []
        self.answers["/token"] = answer(json.dumps({"access_token": ACCESS.text}))
        self.answers["/login"] = answer(json.dumps({"token": VALUE.text, "name": "me"}))
        return super().__enter__()

    async def _act(self, request, number, reader, writer):
        mirrored = request.target.removeprefix(self.url)
        if not mirrored.startswith("/mirror"):
            return await super()._act(request, number, reader, writer)
        kind = request.header("X-Kind")
        plain = "\n".join(form for secret in self.secrets for form in secret.encoded)
        line = plain.replace("\n", " ").encode().decode("latin-1")
        headers = [("X-Mirror", line), ("X-Request", str(request.headers))]
        mirror = json.loads(said(self.secrets))
        mirror["body"] = request.body.decode("latin-1")
        mirror["headers"] = request.headers
        replies = {
            "json": lambda: answer(json.dumps(mirror), headers=headers),
            "text": lambda: answer(plain, 200, "text/plain", headers),
            "failure": lambda: answer(plain, 500, "text/plain", headers),
            "not json": lambda: answer(json.dumps(mirror)[:-1] + ", so}", headers=headers),
            "moved": lambda: answer(
                "", 302, "text/plain", [("Location", "/ok?" + self.secrets[0].encoded[1])]
            ),
            "moved out": lambda: answer(
                "", 302, "text/plain", [("Location", f"ftp://{self.secrets[0].encoded[1]}/")]
            ),
        }
        writer.write(replies[kind]())
        return True


KINDS = ["json", "text", "failure", "not json", "moved", "moved out"]


@pytest.fixture
def mirror():
    with Mirror() as mirror:
        yield mirror


@pytest.fixture
def surroundings(tmp_path):
    (tmp_path / "key").write_text(FILE.text + "\n", encoding="utf-8")
    return {"KEY": KEY.text, "CLIENT_SECRET": CLIENT_SECRET.text}


def filled(value, mirror):
    oauth2 = {
        "token_url": f"{mirror.url}/token",
        "client_id": CLIENT.text,
        "client_secret": "${CLIENT_SECRET}",
    }
    text = json.dumps(value).replace("URL/", f"{mirror.url}/").replace("HOST", mirror.url[7:])
    return json.loads(text.replace('"OAUTH2"', json.dumps({"oauth2": oauth2})))


def config_of(mirror, way):
    """Services that carry the secrets of WAY, for each kind of answer."""
    keys, mirror.secrets = WAYS[way]
    services = {
        "login": {
            "url": f"{mirror.url}/login",
            "extract": {"token": {"path": "/token", "secret": True}, "name": "/name"},
        }
    }
    for kind in KINDS:
        service = {"url": f"{mirror.url}/mirror", **filled(keys, mirror)}
        service["headers"] = {**service.get("headers", {}), "X-Kind": kind}
        service["format"] = "text" if kind == "text" else "auto"
        service["extract"] = {"mirror": {"header": "X-Mirror"}}
        if kind == "json":
            service["expect"] = {"json": {"/all/0": {"exists": True}}}
            service["warn"] = {"json": {"/all/0": "other", "/all/1": {"maxLength": 1}}}
            service["extract"]["all"] = "/all"
            service["extract"]["body"] = "/body"
        services[kind] = service
    return {"vars": {"key": "${KEY}", "file": "${file:key}"}, "services": services}


def assert_hidden(*outputs):
    for output in outputs:
        for secret in ALL:
            secret.assert_hidden_in(output)


@pytest.mark.parametrize("way", WAYS)
def test_no_document_and_no_log_line_shows_it(gatherd, mirror, surroundings, way):
    config = config_of(mirror, way)
    for log_format in ("text", "json"):
        arguments = ["--log-level", "debug", "--log-format", log_format]
        result = gatherd.once(config, *arguments, env=surroundings)
        assert_hidden(result.stdout, result.stderr)
        assert_hidden(json.dumps(result.document, ensure_ascii=False))
        entries = result.document["services"]
        assert entries["login"]["values"] == {"token": "***", "name": "me"}
        assert entries["login"]["data"] is None
        assert entries["text"]["status"] == "ok"
        assert "***" in entries["text"]["data"]
        assert entries["json"]["status"] == "degraded"
        assert set(entries["json"]["values"]["all"]) <= {"***", "<***>"}
        assert entries["failure"]["error"]["excerpt"].startswith("***")
        assert entries["moved out"]["error"]["kind"] == "redirect"


@pytest.mark.parametrize("way", WAYS)
def test_it_was_sent(gatherd, mirror, surroundings, way):
    config = config_of(mirror, way)
    gatherd.once(config, "--only", "json", env=surroundings)
    request = mirror.requests[-1]
    if way == "digest":
        assert request.header("Authorization") is None  # nobody has asked for it
        return
    texts = [request.target, *(value for _, value in request.headers)]
    texts = [text.encode("latin-1").decode() for text in texts] + [request.body.decode()]
    for secret in WAYS[way][1]:
        if secret in (USER, URL_USER, PROXY_USER):
            continue  # it stands in the token of its password
        # White space at the end is no part of a header's value.
        forms = [form.strip() for form in secret.encoded + secret.escaped]
        assert any(form in text for form in forms for text in texts), secret.text


@pytest.mark.parametrize("way", WAYS)
def test_no_explanation_shows_it(gatherd, mirror, surroundings, way):
    config = config_of(mirror, way)
    for kind in ("json", "failure", "moved"):
        for arguments in ([], ["--json"]):
            result = gatherd.run(
                *["--explain", kind, "--log-level", "debug", *arguments],
                config=config,
                env=surroundings,
            )
            assert "/mirror" in result.stdout
            assert "***" in result.stdout
            assert_hidden(result.stdout, result.stderr)
            if arguments:
                assert_hidden(json.dumps(json.loads(result.stdout), ensure_ascii=False))


@pytest.mark.parametrize("way", WAYS)
def test_no_printed_config_shows_it(gatherd, mirror, surroundings, way):
    config = config_of(mirror, way)
    for argument in ("--print-config", "--check"):
        result = gatherd.run(argument, config=config, env=surroundings)
        assert result.status == 0, result.stderr
        assert_hidden(result.stdout, result.stderr)


def test_references_stand_in_the_printed_config(gatherd, mirror, surroundings):
    config = config_of(mirror, "form")
    config["services"]["more"] = {
        "url": f"{mirror.url}/mirror",
        "json": {"a": "<${KEY}>", "b": TOKEN},
        "auth": {"basic": {"user": USER.text, "password": "${KEY}"}},
        "proxy": f"http://proxy-user:${{KEY}}@{mirror.url[7:]}",
    }
    result = gatherd.run("--print-config", config=config, env={**surroundings, "KEY": "a-key-4711"})
    assert result.status == 0, result.stderr
    assert result.stdout.count("${KEY}") >= 5
    assert TOKEN in result.stdout
    assert USER.text not in result.stdout


# ---- the ways there ----


def test_no_message_shows_the_way(gatherd, bad_ports, tmp_path):
    port = bad_ports.refused()
    url = f"http://a.example:{port}/"
    services = {
        "proxy": {"url": url, "proxy": f"http://${{HOST}}:{port}"},
        "proxy of a user": {"url": url, "proxy": f"socks5://u:p@${{HOST}}:{port}"},
        "socket": {"url": url, "unix_socket": "/run/${HOST}"},
        "relative socket": {"url": url, "unix_socket": "${HOST}"},
        "address": {"url": url, "resolve": {"a.example": "${ADDRESS}"}},
    }
    env = {"HOST": "Secret-Host-4711.test", "ADDRESS": "127.1.2.234"}
    arguments = ["--log-level", "debug"]
    result = gatherd.once({"services": services}, *arguments, env=env)
    assert result.document["failed"] == list(services)
    outputs = [result.stdout, result.stderr]
    for name in services:
        for more in ([], ["--json"]):
            result = gatherd.run(
                "--explain", name, *arguments, *more, config={"services": services}, env=env
            )
            outputs += [result.stdout, result.stderr]
    for output in outputs:
        assert "secret-host" not in output.lower()
        assert env["ADDRESS"] not in output


def test_a_proxy_is_shown_without_its_user(gatherd, bad_ports):
    port = bad_ports.refused()
    proxy = f"http://proxy-user:proxy-p%40ss@127.0.0.1:{port}"
    services = {"it": {"url": "http://a.example/", "proxy": proxy}}
    result = gatherd.once({"services": services})
    message = result.document["services"]["it"]["error"]["message"]
    assert message == f"connection refused by proxy 127.0.0.1:{port}"
    result = gatherd.run("--print-config", config={"services": services})
    assert f"http://***@127.0.0.1:{port}" in result.stdout


# ---- rules and values ----


def test_no_rule_shows_it(gatherd, upstream):
    """What was expected is ours to show; but not where it is a secret."""
    upstream.answers["/it"] = answer(
        '{"a": "no", "b": [1]}', headers=[("X-A", "no"), ("X-Key", KEY.text[:8])]
    )
    key = "${KEY}"
    rules = {
        "json": {"/a": key, "/b": {"enum": [key]}},
        "body": {"pattern": f"^{key}$$"},
        "header": {"X-A": key, "X-Gone": {"const": key}},
    }
    for kind in ("expect", "warn"):
        config = {"services": {"it": {"url": f"{upstream.url}/it", kind: rules}}}
        env = {"KEY": "key-4711-of-nobody"}
        result = gatherd.once(config, "--log-level", "debug", env=env)
        assert result.document["services"]["it"]["status"] == (
            "error" if kind == "expect" else "degraded"
        )
        outputs = [result.stdout, result.stderr]
        for arguments in (
            ["--explain", "it"],
            ["--explain", "it", "--json"],
            ["--print-config"],
            ["--check"],
        ):
            result = gatherd.run(*arguments, config=config, env=env)
            outputs += [result.stdout, result.stderr]
        for output in outputs:
            assert env["KEY"] not in output


SECRETS = {
    "text": KEY.text,
    "number": 471108154711,
    "list": ["list-item-4711", {"a": "list-map-4711"}],
    "map": {"a": "map-item-4711", "b": 471108154711},
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_value_is_shown_by_nobody(gatherd, upstream, name):
    """Whatever its type is; and not by who fails over it."""
    upstream.answers["/login"] = answer(json.dumps({"token": SECRETS[name], "state": "up"}))
    login = {
        "url": f"{upstream.url}/login",
        "extract": {"token": {"path": "/token", "secret": True}},
    }
    token = "services.login.values.token"
    services = {
        "login": login,
        "typed": {"url": f"{upstream.url}/ok", "json": {"a": f"{{{{{{{token}}}}}}}"}},
        "within": {"url": f"{upstream.url}/ok", "body": f"<{{{{{token}}}}}>"},
        "broken": {**login, "expect": {"json": {"/token": "another", "/state": "down"}}},
        "warned": {**login, "warn": {"json": {"/token": {"minLength": 1000, "type": "null"}}}},
        "not json": {"url": f"{upstream.url}/broken", "extract": login["extract"]},
        "failed": {"url": f"{upstream.url}/failed", "extract": login["extract"]},
    }
    text = json.dumps({"token": SECRETS[name]})
    upstream.answers["/broken"] = answer(text + "}")
    upstream.answers["/failed"] = answer(text, 500)
    config = {"services": services}
    result = gatherd.once(config, "--log-level", "debug")
    entries = result.document["services"]
    assert entries["typed"]["status"] == entries["within"]["status"] == "ok"
    bodies = {request.body for request in upstream.asked_for("/ok")}
    compact = json.dumps(SECRETS[name], ensure_ascii=False, separators=(",", ":")).encode()
    assert b'{"a":' + compact + b"}" in bodies
    assert entries["login"]["values"] == {"token": "***"}
    outputs = [result.stdout, result.stderr]
    for service in services:
        for more in ([], ["--json"]):
            result = gatherd.run("--explain", service, *more, config=config)
            outputs += [result.stdout, result.stderr]
    for output in outputs:
        assert not re.search("4711", output), output


def test_what_echoes_a_secret_value_gives_it_to_nobody(gatherd, upstream):
    """Templates, too, find *** in what a server repeated."""
    upstream.answers["/login"] = answer('{"token": "a-token-4711"}')
    services = {
        "login": {
            "url": f"{upstream.url}/login",
            "extract": {"token": {"path": "/token", "secret": True}},
        },
        "second": {
            "url": f"{upstream.url}/echo/second",
            "json": {"a": TOKEN},
            "extract": {"body": "/body"},
        },
        "third": {
            "url": f"{upstream.url}/echo/third",
            "json": ["{{services.second.values.body}}", "{{services.second.data.body}}"],
        },
    }
    result = gatherd.once({"services": services})
    assert result.status == 0
    assert "4711" not in result.stdout + result.stderr
    assert upstream.asked_for("/echo/second")[0].json() == {"a": "a-token-4711"}
    assert upstream.asked_for("/echo/third")[0].json() == ['{"a":"***"}'] * 2


# ---- faults of the config ----

MORE = {
    "method": {"method": "${KEY} x"},
    "body beside json": {"body": "${KEY}", "json": {"a": "${KEY}"}},
    "auth beside header": {"auth": {"bearer": "${KEY}"}, "headers": {"Authorization": "${KEY}"}},
    "auth": {"auth": "${KEY}"},
    "basic user": {"auth": {"basic": {"user": "${KEY}:x"}}},
    "token_url": {"auth": {"oauth2": {"token_url": "${KEY}", "client_id": "${KEY}"}}},
    "client_auth": {
        "auth": {"oauth2": {"token_url": "http://h/", "client_id": "x", "client_auth": "${KEY}"}}
    },
    "proxy": {"proxy": "${KEY}"},
    "proxy scheme": {"proxy": "${KEY}://h"},
    "proxy host": {"proxy": "http://${KEY} x/"},
    "proxy password": {"proxy": "ftp://u:literal-4711-key@h/"},
    "ip": {"ip": "${KEY}"},
    "http_version": {"http_version": "${KEY}"},
    "compressed": {"compressed": "${KEY}"},
    "resolve": {"resolve": {"h": "${KEY}"}},
    "unix_socket": {"unix_socket": "/${KEY}" * 10},
    "ca": {"tls": {"ca": "/nowhere/${KEY}"}},
    "cert": {"tls": {"cert": "${KEY}"}},
    "server_name": {"tls": {"server_name": "${KEY}/x"}},
    "min_version": {"tls": {"min_version": "${KEY}"}},
    "verify": {"tls": {"verify": "${KEY}"}},
    "retries": {"retries": "${KEY}"},
    "backoff": {"backoff": "${KEY}"},
    "expect.status": {"expect": {"status": "${KEY}"}},
    "pattern": {"expect": {"body": {"pattern": "(${KEY}"}}},
    "type": {"expect": {"json": {"/a": {"type": "${KEY}"}}}},
    "minimum": {"warn": {"json": {"/a": {"minimum": "${KEY}"}}}},
    "duration": {"warn": {"duration": {"maximum": "${KEY}"}}},
    "extract": {"extract": {"a": "${KEY}"}},
    "scale": {"extract": {"a": {"path": "/a", "scale": "${KEY}"}}},
    "needs": {"needs": "${KEY}"},
    "for_each": {"for_each": {"x": "${KEY}"}},
    "template": {"json": {"a": "${KEY}{{unknown_name}}"}},
    "form": {"form": "${KEY}"},
}


@pytest.mark.parametrize("name", MORE)
def test_no_fault_shows_it(gatherd, name):
    config = {"services": {"s": {"url": "http://localhost/", **MORE[name]}}}
    result = gatherd.run("--check", config=config, env={"KEY": "literal-4711-key"})
    assert result.status == 2, result.stderr
    assert "4711" not in result.stdout + result.stderr
