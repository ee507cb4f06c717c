"""What becomes of values: secret ones, in templates of others, after failures and restarts."""

import base64
import json

import pytest

from helpers_daemon import Daemon, held
from helpers_gatherd import services as plain_services
from helpers_reload import complete, config_of, status_is
from helpers_rules import SECRET, THINGS, asks, gather, headed, json_rule, things
from upstream import answer, sends

__all__ = ["held"]  # a fixture

TOKEN = "the-token-of-a-login"
LOGIN = '{"token": "%s", "pin": 12345678, "user": {"name": "me", "key": "%s"}}' % (TOKEN, TOKEN)


def encoded(text):
    """TEXT, and what else a document or a log could hold of it."""
    return [text, base64.b64encode(text.encode()).decode(), text[:12], text[-12:]]


def assert_hidden(*outputs):
    for output in outputs:
        for form in encoded(TOKEN):
            assert form not in output


def login(extract=None, path=None, **keys):
    extract = extract or {"token": {"path": "/token", "secret": True}}
    return asks(path or sends(LOGIN), extract=extract, **keys)


# ---- secret ones ----


def test_a_secret_value_is_told_nowhere(gatherd, upstream):
    extract = {
        "token": {"path": "/token", "secret": True},
        "pin": {"path": "/pin", "secret": True},
        "name": "/user/name",
    }
    result = gather(gatherd, upstream, {"a": login(extract, keep_last=True)}, "-l", "debug")
    entry = result.document["services"]["a"]
    assert entry["values"] == {"token": "***", "pin": "***", "name": "me"}
    assert (entry["data"], entry["last_data"]) == (None, None)
    assert (entry["status"], entry["warnings"]) == ("ok", [])
    assert_hidden(result.stdout, result.stderr)
    assert "12345678" not in result.stdout + result.stderr


def test_a_secret_value_is_told_by_no_rule_and_no_failure(gatherd, upstream):
    no = {"/token": "no", "/pin": {"maximum": 1}, "/user": 1}
    upstream.answers["/500"] = answer(LOGIN, 500)
    services = {
        "expect": login(expect={"json": no}),
        "more": login(expect={"body": "no", "header": {"Content-Type": "no"}}),
        "warn": login(warn={"json": no, "body": {"pattern": "no"}}),
        "status": login(path="/500"),
        "cut": login(path=sends(LOGIN[:-1])),
    }
    result = gather(gatherd, upstream, services, "-l", "debug")
    entries = result.document["services"]
    told = [
        '/token: expected "no", got a string',
        "/pin: expected at most 1, got a number",
        "/user: expected 1, got an object",
    ]
    assert_hidden(result.stdout, result.stderr)
    assert "12345678" not in result.stdout + result.stderr
    assert entries["expect"]["error"]["message"] == "; ".join(told)
    assert entries["more"]["error"]["message"] == (
        'body: expected "no", got some text; header Content-Type: expected "no", got some text'
    )
    assert entries["warn"]["warnings"] == [
        *told,
        'body: expected a match of "no", got some text',
    ]
    for name in ("expect", "more", "status", "cut"):
        assert entries[name]["error"]["excerpt"] is None


def test_a_secret_value_that_is_missing_is_null_without_a_word_of_what_is_there(gatherd, upstream):
    extract = {
        "gone": {"path": "/gone", "secret": True},
        "match": {"path": "/token", "pattern": "no", "secret": True},
        "number": {"path": "/token", "round": 0},
        "header": {"header": "X-Gone", "secret": True},
    }
    result = gather(gatherd, upstream, {"a": login(extract)})
    entry = result.document["services"]["a"]
    assert_hidden(result.stdout, result.stderr)
    assert entry["values"] == {"gone": None, "match": None, "number": None, "header": None}
    assert entry["warnings"] == [
        'gone: /gone: ended at "gone": the object has no such member',
        "match: /token: what is there has no match of the pattern",
        "number: /token: what is there is no number",
        "header: header X-Gone: there is no such header",
    ]


def test_a_secret_value_is_masked_in_others_of_the_same_answer(gatherd, upstream):
    extract = {
        "token": {"path": "/token", "secret": True},
        "all": "",
        "user": "/user",
        "text": {"pattern": "token.{40}"},
        "header": {"header": "X-Token"},
    }
    path = headed(("X-Token", f"Bearer {TOKEN}"), body=LOGIN)
    result = gather(gatherd, upstream, {"a": login(extract, path)})
    values = result.document["services"]["a"]["values"]
    assert_hidden(result.stdout, result.stderr)
    assert values["user"] == {"name": "me", "key": "***"}
    assert values["all"] == {"token": "***", "pin": 12345678, "user": values["user"]}
    assert values["header"] == "Bearer ***"
    assert "***" in values["text"]


@pytest.mark.parametrize("where", ("/user", ""))
def test_a_secret_value_may_be_a_map(gatherd, upstream, where):
    extract = {"secret": {"path": where, "secret": True}, "key": "/user/key", "token": "/token"}
    result = gather(gatherd, upstream, {"a": login(extract)})
    assert_hidden(result.stdout, result.stderr)
    assert result.document["services"]["a"]["values"] == {
        "secret": "***",
        "key": "***",
        "token": "***",
    }


# ---- in templates ----


def test_values_are_put_into_requests_of_others_as_the_place_needs_it(gatherd, upstream):
    extract = {
        "big": "/big",
        "exact": "/exact",
        "text": {"path": "/quoted"},
        "list": "/list",
        "yes": "/yes",
        "a.b": "/a~1b",
    }
    v = "services.from.values"
    services = {
        "url": asks(f"/echo/{{{{{v}.big}}}}?t={{{{{v}.text}}}}&i={{{{{v}.list.3.five}}}}"),
        "header": asks("/echo", headers={"X-It": f"{{{{{v}.exact}}}} {{{{{v}.text}}}}"}),
        "json": asks(
            "/echo",
            json={
                "text": f"<{{{{{v}.text}}}}>",
                "big": f"{{{{{{{v}.big}}}}}}",
                "list": f"{{{{{{{v}.list}}}}}}",
                "yes": f"{{{{{{{v}.yes}}}}}}",
                "yes as text": f"{{{{{v}.yes}}}}",
            },
        ),
        "form": asks("/echo", form={"a&b": f"{{{{{v}.text}}}}"}),
        "dots": asks("/echo", headers={"X-It": f"{{{{{v}.a.b}}}}"}),
        "from": things(extract=extract),
    }
    document = gather(gatherd, upstream, services).document["services"]
    assert {name: entry["error"] for name, entry in document.items()} == dict.fromkeys(services)
    assert document["url"]["data"]["target"] == (
        "/echo/18446744073709551615?t=say%20%22so%22&i=5"
    )
    headers = dict(document["header"]["data"]["headers"])
    assert headers["X-It"] == '1.10 say "so"'
    assert json.loads(document["json"]["data"]["body"]) == {
        "text": '<say "so">',
        "big": 18446744073709551615,
        "list": [1, "two", [3, 4], {"five": 5}],
        "yes": True,
        "yes as text": "true",
    }
    assert document["form"]["data"]["body"] == "a%26b=say+%22so%22"
    assert dict(document["dots"]["data"]["headers"])["X-It"] == "slash"


def test_a_secret_value_goes_to_others_and_is_shown_by_none(gatherd, upstream):
    services = {
        "orders": asks("/echo", auth={"bearer": "{{services.login.values.token}}"}),
        "query": asks("/echo?key={{services.login.values.token}}"),
        "body": asks("/echo", json={"pin": "{{{services.login.values.pin}}}"}),
        "login": login(
            {
                "token": {"path": "/token", "secret": True},
                "pin": {"path": "/pin", "secret": True},
            }
        ),
    }
    result = gather(gatherd, upstream, services, "-l", "debug")
    assert result.status == 0
    asked = {request.target: request for request in upstream.asked_for("/echo")}
    orders, body = (request for request in upstream.asked_for("/echo") if not request.query)
    if orders.body:
        orders, body = body, orders
    assert orders.header("Authorization") == f"Bearer {TOKEN}"
    assert f"/echo?key={TOKEN}" in asked
    assert body.json() == {"pin": 12345678}
    assert_hidden(result.stdout, result.stderr)
    assert result.document["services"]["query"]["url"].endswith("/echo?key=***")


@pytest.mark.parametrize("path", ("services.from.values", "services.from"))
def test_a_secret_value_is_shown_by_nobody_who_sends_all_values(gatherd, upstream, path):
    services = {
        "from": login({"token": {"path": "/token", "secret": True}, "name": "/user/name"}),
        "to": asks("/echo", method="POST", body="{{%s}}" % path),
    }
    result = gather(gatherd, upstream, services)
    assert_hidden(result.stdout, result.stderr)
    entry = result.document["services"]["to"]
    assert entry["status"] == "ok", entry["error"]
    sent = upstream.asked_for("/echo")[0].json()
    values = sent if path.endswith("values") else sent["values"]
    assert values == {"token": TOKEN, "name": "me"}


def test_who_needs_a_value_that_is_not_there_is_skipped(gatherd, upstream):
    needs = {
        "missing": "{{services.from.values.gone}}",
        "null": "{{services.from.values.nothing}}",
        "of a failure": "{{services.failed.values.state}}",
        "of one with a broken rule": "{{services.broken.values.state}}",
    }
    extract = {"gone": "/gone", "nothing": "/nothing", "state": "/state"}
    services = {
        **{name: asks(f"/echo?it={text}") for name, text in needs.items()},
        "in a section": asks("/echo?it={{#%s}}x{{/%s}}" % (("services.from.values.gone",) * 2)),
        "a list in a URL": asks("/echo?it={{services.list.values.list}}"),
        "from": things(extract=extract),
        "list": things(extract={"list": "/list"}),
        "failed": asks("/status/500", extract=extract),
        "broken": things(extract=extract, expect=json_rule("/state", "down")),
    }
    entries = gather(gatherd, upstream, services).document["services"]
    for name, text in needs.items():
        error = entries[name]["error"]
        assert (entries[name]["status"], error["kind"]) == ("skipped", "dependency"), name
        assert text.strip("{}") in error["message"]
    assert "failed" in entries["of a failure"]["error"]["message"]
    assert entries["in a section"]["status"] == "ok"
    assert entries["a list in a URL"]["error"]["kind"] == "template"


# ---- over time ----


def changing(upstream, *answers):
    """/it, which answers each of ANSWERS once, and the last one from then on."""
    upstream.answers["/it"] = lambda _, number: answers[min(number, len(answers)) - 1]


def test_values_are_those_of_the_last_answer_and_last_data_of_the_last_good_one(gatherd, upstream):
    changing(
        upstream,
        answer('{"n": 1.0}'),
        answer("no", 503),
        answer('{"m": 1}'),
        answer('{"n": 0.30}'),
    )
    extract = {"n": "/n"}
    config = plain_services(upstream)
    config["services"]["a"] = {
        "url": upstream.url + "/it",
        "extract": extract,
        "keep_last": True,
        "warn": json_rule("/m", {"exists": False}),
    }
    entries = [
        document["services"]["a"]
        for document in gatherd.run("--rounds", 4, "-o", "-", config=config).documents
    ]
    assert [entry["status"] for entry in entries] == ["ok", "http_error", "degraded", "ok"]
    assert [entry["values"] for entry in entries] == [{"n": 1.0}, {}, {"n": None}, {"n": 0.3}]
    assert [entry["data"] for entry in entries] == [{"n": 1.0}, None, {"m": 1}, {"n": 0.3}]
    assert [entry["last_data"] for entry in entries] == [
        {"n": 1.0},
        {"n": 1.0},
        {"m": 1},
        {"n": 0.3},
    ]


def is_ok(name):
    """Has NAME, which the last run may not have known, been asked?"""
    return lambda document: document["services"].get(name, {}).get("status") == "ok"


def values_text(daemon, name):
    """The values of NAME as they stand in the document."""
    text = daemon.output.read_text()
    entry = text[text.index(f'"{name}": {{') :]
    start = entry.index('"values":')
    return entry[start : entry.index('"data":', start)]


def test_values_of_the_last_run_are_there_until_new_ones_are(gatherd, held):
    extract = {"big": "/big", "exact": "/exact", "gone": "/gone", "list": "/list"}
    secret = {**extract, "state": {"path": "/state", "secret": True}}
    held.answers["/things"] = answer(THINGS)
    config = config_of(held, {"a": {"url": "/things", "extract": secret}})
    with Daemon(gatherd, config) as daemon:
        before = daemon.wait_document(complete)["services"]["a"]
        text = values_text(daemon, "a")
    assert "18446744073709551615" in text and "1.10" in text
    del held.answers["/things"]
    config = config_of(
        held,
        {
            "a": {"url": "/held/a", "extract": secret},
            "b": {"url": "/ok"},
        },
    )
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(is_ok("b"))
        assert values_text(daemon, "a") == text
        assert document["services"]["a"]["values"] == before["values"]
        assert document["services"]["a"]["values"]["state"] == "***"
        held.let_go("/held/a")
        after = daemon.wait_document(complete)["services"]["a"]
    assert after["values"] == dict.fromkeys(secret)


def test_a_value_that_becomes_secret_is_hidden_at_once(gatherd, held):
    held.answers["/login"] = answer(LOGIN)
    extract = {"token": "/token", "name": "/user/name"}
    config = config_of(held, {"a": {"url": "/login", "extract": extract, "keep_last": True}})
    with Daemon(gatherd, config) as daemon:
        entry = daemon.wait_document(complete)["services"]["a"]
        assert entry["values"] == {"token": TOKEN, "name": "me"}
        extract = {**extract, "token": {"path": "/token", "secret": True}}
        config = config_of(
            held,
            {
                "a": {"url": "/held/a", "extract": extract, "keep_last": True},
                "b": {"url": "/ok"},
            },
        )
        assert daemon.reload(config)
        entry = daemon.wait_document(is_ok("b"))["services"]["a"]
        # What was taken out of an answer before is nothing to go by any more.
        assert (entry["status"], entry["values"]) == ("ok", {})
        assert (entry["data"], entry["last_data"]) == (None, None)
        assert_hidden(daemon.output.read_text(), daemon.log)
    with Daemon(gatherd, config) as daemon:  # and what the last run wrote is no way around it
        daemon.wait_document(is_ok("b"))
        assert_hidden(daemon.output.read_text(), daemon.log)


def test_a_value_that_became_secret_is_hidden_after_a_restart(gatherd, held):
    held.answers["/login"] = answer(LOGIN)
    config = config_of(held, {"a": {"url": "/login", "extract": {"token": "/token"}}})
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(complete)
    extract = {"token": {"path": "/token", "secret": True}}
    config = config_of(held, {"a": {"url": "/held/a", "extract": extract}, "b": "/ok"})
    with Daemon(gatherd, config) as daemon:
        document = daemon.wait_document(is_ok("b"))
        assert document["services"]["a"]["values"]["token"] in ("***", None)
        assert document["services"]["a"]["data"] is None
        assert_hidden(daemon.output.read_text(), daemon.log)


def test_what_is_known_of_a_service_outside_of_the_round_is_taken(gatherd, upstream):
    config = {
        "login": login(),
        "from": things(extract={"state": "/state"}),
        "to": asks("/status/404"),
    }
    to = {
        "url": "/echo?state={{services.from.values.state}}",
        "auth": {"bearer": "{{services.login.values.token}}"},
    }
    with Daemon(gatherd, config_of(upstream, config)) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config_of(upstream, {**config, "to": to}))
        daemon.wait_document(status_is("to", "ok"))
        assert len(upstream.asked_for("/body")) == 2
        (request,) = upstream.asked_for("/echo")
        assert request.target == "/echo?state=up"
        assert request.header("Authorization") == f"Bearer {TOKEN}"
        assert_hidden(daemon.output.read_text(), daemon.log)


def test_a_secret_of_the_config_that_comes_back_as_a_value_stays_one(gatherd, upstream):
    services = {
        "from": asks(
            "/echo",
            method="POST",
            body="${SECRET}",
            extract={"open": "/body", "kept": {"path": "/body", "secret": True}},
        ),
        "to": asks("/echo", headers={"X-It": "{{services.from.values.kept}}"}),
    }
    result = gather(gatherd, upstream, services)
    assert result.document["services"]["from"]["values"] == {"open": "***", "kept": "***"}
    assert SECRET not in result.stdout + result.stderr
    assert upstream.asked_for("/echo")[1].header("X-It") == SECRET
