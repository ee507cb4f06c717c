"""Rules where they meet other things: statuses, answers that are none, defaults, TLS, YAML."""

import contextlib
import datetime
import json
import types

import pytest

from conftest import Gatherd
from helpers_rules import SECRET, asks, gather, headed, json_rule
from upstream import Upstream, answer, sends

UP = sends('{"state": "up", "depth": 250}')
KEPT = (None, None, None)


def broken(message, status="error", kind="expectation"):
    return status, kind, message


def unexpected(message, kind="http"):
    return broken(message, "http_error", kind)


def invalid(message):
    return broken("body is not valid JSON: " + message, kind="invalid_body")


def expects(path, rules, **keys):
    return asks(path, expect=rules, **keys)


def warns(path, rules, **keys):
    return asks(path, warn=rules, **keys)


# The service; status, kind and message of its failure; its warnings, where there are some.
ANSWERS = {
    # ---- statuses ----
    "a status": (expects("/status/204", {"status": 204}), KEPT),
    "a status that is a text": (expects("/status/204", {"status": "204"}), KEPT),
    "another status": (
        expects("/ok", {"status": 204}),
        unexpected("returned HTTP 200 (expected 204)"),
    ),
    "a failure that is expected": (expects("/status/503", {"status": 503}, retries=3), KEPT),
    "a range": (expects("/status/404", {"status": "400-499"}), KEPT),
    "the first of a range": (expects("/status/400", {"status": "400-499"}), KEPT),
    "the last of a range": (expects("/status/499", {"status": "400-499"}), KEPT),
    "before a range": (
        expects("/status/399", {"status": "400-499"}),
        unexpected("returned HTTP 399 (expected 400-499)"),
    ),
    "behind a range": (
        expects("/status/500", {"status": "400-499"}),
        unexpected("returned HTTP 500 (expected 400-499)"),
    ),
    "a list": (expects("/status/404", {"status": [200, 404]}), KEPT),
    "a list with a range": (expects("/status/299", {"status": [404, "200-299"]}), KEPT),
    "none of a list": (
        expects("/status/403", {"status": [404, "200-299"]}),
        unexpected("returned HTTP 403 (expected 404, 200-299)"),
    ),
    "the default with other rules": (
        expects("/status/404", {"body": "this is 404"}),
        unexpected("returned HTTP 404"),
    ),
    "429 that is expected": (expects("/status/429", {"status": 429}), KEPT),
    "429 that is not expected": (
        expects("/status/429", {"status": 200}),
        unexpected("returned HTTP 429 (expected 200)", "rate_limited"),
    ),
    "a redirect that is the answer": (
        expects("/redirect/1", {"status": 302, "header": {"Location": "/ok"}}, redirects=0),
        KEPT,
    ),
    "a status of no name": (expects("/status/799", {"status": "700-999"}), KEPT),
    "a status before rules": (
        expects("/status/500", {"body": "no", "header": {"X-No": "no"}}),
        unexpected("returned HTTP 500"),
    ),
    "rules with a status that is expected": (
        expects("/status/500", {"status": 500, "body": "no"}),
        broken('body: expected "no", got "this is 500"'),
    ),
    "a status that is warned of": (
        warns("/status/203", {"status": 200}),
        KEPT,
        ["status: expected 200, got 203"],
    ),
    "a status that is not warned of": (warns("/status/203", {"status": [200, "203-206"]}), KEPT),
    "a status that is warned of, and more": (
        warns(
            "/status/404",
            {"status": "200-299", "body": "no", "header": {"X-No": {"exists": False}}},
            expect={"status": [200, 404]},
        ),
        KEPT,
        ["status: expected 200-299, got 404", 'body: expected "no", got "this is 404"'],
    ),
    "a status that is expected, and warnings": (
        warns("/status/404", {"body": "this is 404"}, expect={"status": 404}),
        KEPT,
    ),
    # ---- several rules ----
    "three broken rules": (
        expects(sends("{}"), {"json": {"/a": 1, "/b": 2}, "body": "no"}),
        broken(
            '/a: expected 1, but the path ended at "a": the object has no such member; '
            '/b: expected 2, but the path ended at "b": the object has no such member; '
            'body: expected "no", got "{}"'
        ),
    ),
    "five broken rules": (
        expects(sends("[1,2,3,4,5]"), {"json": {f"/{number}": 0 for number in range(5)}}),
        broken("/0: expected 0, got 1; /1: expected 0, got 2; /2: expected 0, got 3; and 2 more"),
    ),
    "five broken warnings": (
        warns(sends("[1,2,3,4,5]"), {"json": {f"/{number}": 0 for number in range(5)}}),
        KEPT,
        [f"/{number}: expected 0, got {number + 1}" for number in range(5)],
    ),
    "rules that are broken, and warnings": (
        expects(UP, json_rule("/state", "down"), warn=json_rule("/depth", 1)),
        broken('/state: expected "down", got "up"'),
    ),
    "a broken rule is not asked again": (
        expects(UP, json_rule("/state", "down"), retries=3, retry_delay=0),
        broken('/state: expected "down", got "up"'),
    ),
    # ---- what is no JSON ----
    "a page for JSON": (
        expects(sends("<html>", "text/html"), json_rule("/a", {"exists": False})),
        invalid("syntax error at byte 0"),
    ),
    "a page for JSON that is warned of": (
        warns(sends("<html>", "text/html"), json_rule("/a", 1)),
        invalid("syntax error at byte 0"),
    ),
    "nothing for JSON": (expects(sends("", ""), json_rule("/a", 1)), invalid("it is empty")),
    "blanks for JSON": (expects(sends(" \n"), json_rule("/a", 1)), invalid("it is empty")),
    "cut JSON": (
        expects(sends('{"a": 1'), json_rule("/a", 1)),
        invalid("JSON that ends too early at byte 7"),
    ),
    "more behind JSON": (
        expects(sends('{"a": 1} x'), json_rule("/a", 1)),
        invalid("something behind the JSON value at byte 9"),
    ),
    "half a character": (
        expects(sends(r'{"a": 1, "b": "\ud83d"}'), json_rule("/a", 1)),
        invalid("half a surrogate pair at byte 15"),
    ),
    "a number beyond all": (
        expects(sends('{"a": 1, "b": 1e999}'), json_rule("/a", 1)),
        invalid("a number beyond the range of a double at byte 14"),
    ),
    "a page for a body": (
        expects(sends("<html>", "text/html"), {"body": {"pattern": "<HTML>"}}),
        broken('body: expected a match of "<HTML>", got "<html>"'),
    ),
    "no JSON where only its text counts": (
        expects(sends("{", "application/json"), {"body": "{"}),
        invalid("JSON that ends too early at byte 1"),
    ),
    "no JSON where text is asked for": (expects(sends("{"), {"body": "{"}, format="text"), KEPT),
    "an answer without a body": (
        expects("/ok", {"header": {"Content-Length": 12}}, method="HEAD"),
        KEPT,
    ),
    "an answer without a body, for JSON": (
        expects("/ok", json_rule("/ok", True), method="HEAD"),
        broken("/ok: expected true, but there is no JSON"),
    ),
    "a body where none is kept": (expects(UP, json_rule("/state", "up"), data=False), KEPT),
    # ---- secrets that come back ----
    "a secret that is echoed": (
        expects(
            "/echo",
            {"json": {"/headers/3/1": "no", "/method": "PUT"}},
            headers={"X-Key": "${SECRET}"},
        ),
        broken(None),
    ),
    "a secret that is echoed in a header": (
        asks(
            headed(("X-Echo", SECRET)),
            headers={"X-Key": "${SECRET}"},
            warn={"header": {"X-Echo": "no"}, "duration": {"minimum": "1h"}},
        ),
        KEPT,
        None,
    ),
}


@pytest.fixture(scope="module")
def round_of_all(tmp_path_factory):
    with Upstream() as upstream:
        services = {name: service for name, (service, *_) in ANSWERS.items()}
        return gather(Gatherd(tmp_path_factory.mktemp("rules")), upstream, services)


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(round_of_all, name):
    _, (status, kind, message), *warnings = ANSWERS[name]
    entry = round_of_all.document["services"][name]
    assert entry["attempts"] == 1
    if warnings != [None]:
        assert entry["warnings"] == (warnings[0] if warnings else [])
    if status is None:
        assert entry["status"] == ("degraded" if warnings else "ok"), entry["error"]
        assert entry["error"] is None
        return
    assert (entry["status"], entry["error"]["kind"]) == (status, kind), entry["error"]
    assert (entry["data"], entry["values"], entry["warnings"]) == (None, {}, [])
    if message is not None:
        assert entry["error"]["message"] == message


def test_a_broken_rule_shows_the_beginning_of_the_answer(round_of_all):
    error = round_of_all.document["services"]["rules that are broken, and warnings"]["error"]
    assert error["excerpt"] == '{"state": "up", "depth": 250}'


def test_what_is_echoed_of_a_secret_is_in_no_message(round_of_all):
    assert SECRET not in round_of_all.stdout + round_of_all.stderr
    services = round_of_all.document["services"]
    message = services["a secret that is echoed"]["error"]["message"]
    assert message == (
        '/headers/3/1: expected "no", got a string; /method: expected "PUT", got a string'
    )
    header, duration = services["a secret that is echoed in a header"]["warnings"]
    assert header == 'header X-Echo: expected "no", got some text'
    assert duration.startswith("duration: expected at least 1h, got ")


# ---- defaults ----


def test_rules_of_defaults_are_merged_key_by_key(gatherd, upstream):
    defaults = {
        "expect": {"status": [200, 404], "json": {"/state": "up", "/depth": 1}},
        "warn": {"json": {"/depth": {"maximum": 100}}},
    }
    services = {
        "defaults": asks(UP),
        "own json": asks(UP, expect=json_rule("/state", "up")),
        "own status": asks(UP, expect={"status": 204}),
        "own body": asks(UP, expect={"body": "no", "json": {"/state": "up"}}),
        "own warning": asks(UP, expect=json_rule("/state", "up"), warn=json_rule("/depth", 250)),
        "not of the defaults": asks("/status/404", expect={"status": 204}),
    }
    document = gather(gatherd, upstream, services, defaults=defaults).document
    found = {
        name: (entry["error"]["message"] if entry["error"] else entry["warnings"])
        for name, entry in document["services"].items()
    }
    assert found == {
        "defaults": "/depth: expected 1, got 250",
        "own json": ["/depth: expected at most 100, got 250"],
        "own status": "returned HTTP 200 (expected 204)",
        "own body": 'body: expected "no", got "{"state": "up", "depth": 250}"',
        "own warning": [],
        "not of the defaults": "returned HTTP 404 (expected 204)",
    }


# ---- certificates ----


def in_days(days):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return then.strftime("%Y%m%d%H%M%SZ")


@pytest.fixture(scope="module")
def certificates(authority):
    """Servers by when their certificates expire."""
    names = "IP:127.0.0.1"
    ends = {"soon": 13.5, "today": 0.5, "late": 400, "over": -1.5}
    begin = in_days(-10)
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(Upstream(tls=authority.issue(names, begin, in_days(days))))
            for name, days in ends.items()
        }
        yield types.SimpleNamespace(**servers)


def certified(server, rules, authority, **tls):
    return {
        "url": server.url + "/ok",
        "tls": {"ca": str(authority.certificate), **tls},
        **rules,
    }


def test_days_of_a_certificate_are_those_until_it_expires(
    gatherd, upstream, certificates, authority
):
    two_weeks = {"certificate_days": {"minimum": 14}}
    services = {
        "late": certified(certificates.late, {"expect": two_weeks}, authority),
        "soon": certified(certificates.soon, {"expect": two_weeks}, authority),
        "soon, warned of": certified(certificates.soon, {"warn": two_weeks}, authority),
        "today": certified(certificates.today, {"warn": two_weeks}, authority),
        "over": certified(certificates.over, {"warn": two_weeks}, authority, verify=False),
        "over, and checked": certified(certificates.over, {"warn": two_weeks}, authority),
        "kept": certified(
            certificates.soon,
            {"expect": {"certificate_days": {"minimum": 13, "exclusiveMaximum": 14}}},
            authority,
        ),
        "there": certified(
            certificates.soon, {"expect": {"certificate_days": {"exists": True}}}, authority
        ),
    }
    document = gather(gatherd, upstream, services).document
    found = document["services"]
    too_few = "certificate_days: expected at least 14 days, got {}"
    assert found["late"]["status"] == found["kept"]["status"] == found["there"]["status"] == "ok"
    assert found["soon"]["error"]["message"] == too_few.format("13 days")
    assert found["soon"]["certificate_expires_at"] is not None
    assert found["soon, warned of"]["status"] == "degraded"
    assert found["soon, warned of"]["warnings"] == [too_few.format("13 days")]
    assert found["today"]["warnings"] == [too_few.format("0 days")]
    assert found["over"]["warnings"] == [
        too_few.format("-2 days"),
        "the server's certificate is not verified (tls.verify)",
    ]
    assert found["over, and checked"]["error"]["kind"] == "tls"


def test_days_of_a_certificate_are_known_on_a_connection_that_is_used_again(
    gatherd, certificates, authority
):
    rules = {"warn": {"certificate_days": {"minimum": 14}}}
    server = certificates.soon
    before = server.connections
    config = {"timeout": "30s", "services": {"soon": certified(server, rules, authority)}}
    result = gatherd.run("--rounds", "3", "-o", "-", config=config)
    assert server.connections == before + 1
    assert len(result.documents) == 3
    for document in result.documents:
        entry = document["services"]["soon"]
        assert entry["warnings"] == ["certificate_days: expected at least 14 days, got 13 days"]
        assert entry["certificate_expires_at"] is not None


# ---- as YAML has it ----

SPELLED = {
    "1": 1,
    '"1"': "1",
    "1.50": 1.5,
    "true": True,
    "'true'": "true",
    "null": None,
    "yes": "yes",
    "on": "on",
    "True": "True",
    "012": "012",
    "0x1F": "0x1F",
    "1_000": "1_000",
    ".5": ".5",
    "+1": "+1",
    "1e3": 1000,
    "-0": 0,
    "2026-11-21": "2026-11-21",
    '"{{x}} $$"': "{{x}} $",
}


def test_conditions_are_of_the_type_that_they_look_like(gatherd, upstream):
    upstream.answers["/all"] = answer(json.dumps(list(SPELLED.values())))
    conditions = "".join(f"\n        /{n}: {text}" for n, text in enumerate(SPELLED))
    config = f"""
timeout: 30s
services:
  a:
    url: {upstream.url}/all
    expect:
      json:{conditions}
"""
    entry = gatherd.once(config).document["services"]["a"]
    assert (entry["status"], entry["error"]) == ("ok", None)


FAULTS = {
    "{jsn: {/a: 1}}": "did you mean json?",
    "{json: {a: 1}}": '"a" does not begin with /: expected a JSON Pointer',
    "{json: {/~2: 1}}": '"/~2" has a ~ that is neither ~0 nor ~1',
    "{json: {/a: {minium: 1}}}": "did you mean minimum?",
    "{json: {/a: {}}}": "expected conditions; {exists: true} takes any value",
    "{json: {/a: []}}": "expected a list of one or more values",
    "{json: {/a: [[1]]}}": "expected text, a number, true, false or null, not a list",
    "{json: {/a: {const: 1, enum: [1]}}}": "const and enum do not go together",
    "{json: {/a: {type: strin}}}": "did you mean string?",
    "{json: {/a: {minimum: x}}}": "expected a number",
    "{json: {/a: {minimum: 2, maximum: 1}}}": "no number is within these bounds",
    "{json: {/a: {minLength: 2, maxLength: 1}}}": "minLength is more than maxLength",
    "{json: {/a: {minItems: -1}}}": "minItems",
    '{json: {/a: {pattern: "("}}}': "missing closing parenthesis",
    '{json: {/a: {pattern: "\\\\C"}}}': "\\C is not allowed",
    "{json: {/a: {exists: maybe}}}": "exists",
    "{json: {/a: {exists: false, minimum: 1}}}": "exists: false goes with no other condition",
    "{json: {/a: 1, /a: 2}}": "/a",
    "{body: {type: string}}": "type is no condition for the text of a body",
    "{header: {X-A: {minItems: 1}}}": "minItems is no condition for a header",
    "{header: {'X A': 1}}": '"X A" is no header\'s name',
    "{header: {X-A: 1, x-a: 2}}": "x-a is the same header as X-A",
    "{duration: {pattern: x}}": "pattern is no condition for a duration",
    "{duration: {maximum: 1 fortnight}}": "expected a duration such as 2s or 500ms",
    "{certificate_days: {maximum: 2w}}": "expected a number",
    "{status: 99}": "expected an HTTP status such as 200, or a range such as 200-299",
    "{status: 1000}": "expected an HTTP status",
    "{status: 2xx}": "expected an HTTP status",
    "{status: 299-200}": "expected an HTTP status",
    "{status: []}": "expected at least one status",
    "{status: {minimum: 200}}": "expected an HTTP status",
    "[200]": "expected a map of rules",
}


@pytest.mark.parametrize("key", ("expect", "warn"))
def test_rules_that_are_none_are_faults_with_their_place(gatherd, key):
    lines = [f"  s{n}: {{url: 'http://x', {key}: {rule}}}" for n, rule in enumerate(FAULTS)]
    result = gatherd.run("--check", config="services:\n" + "\n".join(lines) + "\n")
    told = result.stderr.splitlines()
    assert result.status == 2
    for number, (rule, text) in enumerate(FAULTS.items()):
        found = [line for line in told if f".yaml:{number + 2}:" in line and ": error: " in line]
        assert len(found) == 1, (rule, found)
        assert text in found[0]
