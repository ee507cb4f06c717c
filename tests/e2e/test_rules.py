"""Each word of `expect` and `warn`, kept and broken: what breaks, and what is told of it."""

import re

import pytest

from conftest import Gatherd
from helpers_json_rules import JSON_RULES, KEPT
from helpers_rules import SECRET, asks, gather, headed, json_rule, things
from upstream import Upstream, sends

TEXT = "release 1.2.3\nall is wéll\n"
PLAIN = sends(TEXT, "text/plain; charset=utf-8")
BODY_RULES = {
    "equal": (PLAIN, TEXT, KEPT),
    "not equal": (PLAIN, "all", 'expected "all", got "release 1.2.3 all is wéll"'),
    "one of several": (PLAIN, ["no", TEXT], KEPT),
    "pattern": (PLAIN, {"pattern": "(?m)^all is"}, KEPT),
    "no match": (
        PLAIN,
        {"pattern": "^all"},
        'expected a match of "^all", got "release 1.2.3 all is wéll"',
    ),
    "characters": (PLAIN, {"minLength": 26, "maxLength": 26}, KEPT),
    "too few characters": (
        sends("so", "text/plain"),
        {"minLength": 3},
        'expected at least 3 characters, got "so"',
    ),
    "a number": (sends(" 42\n", "text/plain"), {"minimum": 42, "maximum": 42}, KEPT),
    "equal to a number": (sends("42.0\n", "text/plain"), 42, KEPT),
    "too large a number": (
        sends("43\n", "text/plain"),
        {"maximum": 42},
        'expected at most 42, got "43"',
    ),
    "no number": (
        sends("0x2A", "text/plain"),
        {"maximum": 42},
        'expected at most 42, got "0x2A"',
    ),
    "true": (sends("true", "text/plain"), True, KEPT),
    "decoded": (
        sends("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1"),
        "grün",
        KEPT,
    ),
    "of a type that has no words": (sends("OK", "x/y"), "OK", KEPT),
    "without a type": (sends("OK", ""), {"pattern": "^OK$"}, KEPT),
    "of JSON as it came": (sends('{ "a": 1 }'), '{ "a": 1 }', KEPT),
    "empty": (sends("", "text/plain"), "", KEPT),
    "empty where something is to be": (
        sends("", "text/plain"),
        {"minLength": 1},
        'expected at least 1 character, got ""',
    ),
    "exists": (PLAIN, {"exists": True}, KEPT),
    "none": (
        "/status/204",
        {"pattern": "so"},
        'expected a match of "so", but there is no body',
    ),
    "none is expected": ("/status/204", {"exists": False}, KEPT),
}

HEADED = headed(
    ("X-Queue", "7"),
    ("X-Word", "  Up and \t running  "),
    ("X-Many", "one"),
    ("x-many", "two"),
    ("X-Empty", ""),
    ("X-Latin", "gr\xfcn"),
)
HEADER_RULES = {
    "equal": ("X-Word", "Up and \t running", KEPT),
    "in any case": ("x-QUEUE", 7, KEPT),
    "equal as text": ("X-Queue", "7", KEPT),
    "not equal": ("X-Queue", 8, 'header X-Queue: expected 8, got "7"'),
    "one of several": ("X-Queue", [6, 7], KEPT),
    "bounds": ("X-Queue", {"minimum": 7, "exclusiveMaximum": 8}, KEPT),
    "out of bounds": ("X-Queue", {"maximum": 6}, 'header X-Queue: expected at most 6, got "7"'),
    "several of one name": ("X-Many", "one, two", KEPT),
    "pattern": ("Content-Type", {"pattern": "^application/json$"}, KEPT),
    "no match": (
        "content-type",
        {"pattern": "html"},
        'header content-type: expected a match of "html", got "application/json"',
    ),
    "length": ("X-Word", {"maxLength": 16}, KEPT),
    "too long": (
        "X-Many",
        {"maxLength": 7},
        'header X-Many: expected at most 7 characters, got "one, two"',
    ),
    "empty": ("X-Empty", "", KEPT),
    "not ASCII": ("X-Latin", {"minLength": 4, "maxLength": 4}, KEPT),
    "exists": ("X-Empty", {"exists": True}, KEPT),
    "exists not": ("X-Que", {"exists": False}, KEPT),
    "does exist": ("X-Queue", {"exists": False}, 'header X-Queue: expected nothing, got "7"'),
    "missing": ("X-Other", "7", 'header X-Other: expected "7", but there is no such header'),
}

OTHER_RULES = {
    "duration": ("/ok", {"duration": {"maximum": "30s"}}, KEPT),
    "duration in seconds": ("/ok", {"duration": {"maximum": 30, "minimum": 0}}, KEPT),
    "too long a duration": (
        "/delay/0.02",
        {"duration": {"maximum": "15ms"}},
        re.compile(r"duration: expected at most 15ms, got [\dms.]+"),
    ),
    "too short a duration": (
        "/ok",
        {"duration": {"exclusiveMinimum": "1m30s"}},
        re.compile(r"duration: expected more than 1m30s, got [\dms.]+"),
    ),
    "no certificate": (
        "/ok",
        {"certificate_days": {"exists": True, "minimum": 14}},
        "certificate_days: expected at least 14 days, but there is no certificate",
    ),
    "no certificate without TLS": ("/ok", {"certificate_days": {"minimum": 14}}, KEPT),
    "no certificate is expected": ("/ok", {"certificate_days": {"exists": False}}, KEPT),
    "one broken of many": (
        sends('{"a": 1, "b": 2}'),
        {"json": {"/a": 1, "/b": 1}, "header": {"Content-Length": 16}, "body": {"minLength": 1}},
        "/b: expected 1, got 2",
    ),
    "a secret that is expected": (
        sends('{"a": 1}'),
        json_rule("/a", "x${SECRET}y"),
        "/a: expected ***, got 1",
    ),
    "a secret among others": (
        sends('{"a": 1}'),
        json_rule("/a", ["${SECRET}", 2]),
        "/a: expected one of ***, 2, got 1",
    ),
    "a secret that is there": (sends(f'"{SECRET}"'), json_rule("", "${SECRET}"), KEPT),
    "a secret in a pattern": (
        sends("so", "text/plain"),
        {"body": {"pattern": "^${SECRET}$"}},
        'body: expected a match of "^***$", got "so"',
    ),
    "no secret": (
        sends('{"a": 1}'),
        json_rule("/a", "${plain:SECRET}"),
        f'/a: expected "{SECRET}", got 1',
    ),
    "a top value that is no map": (sends("[1]"), json_rule("/0", 1), KEPT),
    "a top value that is a number": (sends(" 7 "), json_rule("", 7), KEPT),
    "a body without content": (
        "/status/204",
        json_rule("/a", 1),
        "/a: expected 1, but there is no JSON",
    ),
    "nothing in a body without content": (
        "/status/204",
        json_rule("/a", {"exists": False}),
        KEPT,
    ),
    "JSON that nobody calls so": (sends('{"a": 1}', "text/html"), json_rule("/a", 1), KEPT),
    "a large index": (
        sends("[" + "0," * 5000 + "7]"),
        json_rule("/5000", 7),
        KEPT,
    ),
}


def subjects():
    for name, (pointer, condition, said) in JSON_RULES.items():
        text = said and f"{pointer or 'JSON'}: {said}"
        yield f"json: {name}", (things(), json_rule(pointer, condition), text)
    for name, (path, condition, said) in BODY_RULES.items():
        yield f"body: {name}", (asks(path), {"body": condition}, said and f"body: {said}")
    for name, (header, condition, said) in HEADER_RULES.items():
        yield f"header: {name}", (asks(HEADED), {"header": {header: condition}}, said)
    for name, (path, rules, said) in OTHER_RULES.items():
        yield name, (asks(path), rules, said)


RULES = dict(subjects())


def is_said(expected, text):
    if isinstance(expected, str):
        return text == expected
    return expected.fullmatch(text)


def round_with(key, tmp_path_factory):
    with Upstream() as upstream:
        services = {name: {**it, key: rules} for name, (it, rules, _) in RULES.items()}
        gatherd = Gatherd(tmp_path_factory.mktemp(key))
        return gather(gatherd, upstream, services)


@pytest.fixture(scope="module")
def expecting(tmp_path_factory):
    return round_with("expect", tmp_path_factory)


@pytest.fixture(scope="module")
def warning(tmp_path_factory):
    return round_with("warn", tmp_path_factory)


@pytest.mark.parametrize("name", RULES)
def test_expected(expecting, name):
    entry = expecting.document["services"][name]
    said = RULES[name][2]
    assert entry["warnings"] == []
    if said is KEPT:
        assert (entry["status"], entry["error"]) == ("ok", None)
        return
    error = entry["error"]
    assert is_said(said, error["message"]), error["message"]
    assert (entry["status"], error["kind"], error["phase"]) == ("error", "expectation", None)
    assert (entry["failures"], entry["data"], entry["values"]) == (1, None, {})
    assert entry["http_status"] in (200, 204)


@pytest.mark.parametrize("name", RULES)
def test_warned_of(warning, name):
    entry = warning.document["services"][name]
    said = RULES[name][2]
    assert (entry["error"], entry["failures"]) == (None, 0)
    if said is KEPT:
        assert (entry["status"], entry["warnings"]) == ("ok", [])
        return
    assert len(entry["warnings"]) == 1
    assert is_said(said, entry["warnings"][0]), entry["warnings"]
    assert entry["status"] == "degraded"
    assert entry["last_ok_at"] is not None


def test_what_is_broken_is_a_failure_of_the_document(expecting):
    broken = [name for name, (_, _, said) in RULES.items() if said is not KEPT]
    assert expecting.status == 1
    assert expecting.document["failed"] == broken
    assert expecting.document["status"] == "degraded"
    assert expecting.document["counts"]["error"] == len(broken)


def test_what_is_warned_of_degrades_the_document_and_fails_nothing(warning):
    degraded = [name for name, (_, _, said) in RULES.items() if said is not KEPT]
    assert warning.status == 0
    assert warning.document["failed"] == []
    assert warning.document["status"] == "degraded"
    assert warning.document["counts"]["degraded"] == len(degraded)


def test_secrets_of_rules_are_told_nowhere(expecting, warning):
    for result in (expecting, warning):
        hidden = result.stdout.replace(f'expected \\"{SECRET}\\"', "")  # the plain one
        hidden = hidden.replace(f'"data":"{SECRET}"', "")  # which the request did not carry
        assert SECRET not in hidden
        assert SECRET not in result.stderr.replace(f'expected "{SECRET}"', "")


def test_degraded_targets_are_shown_with_their_warnings(gatherd, gatherctl, upstream):
    rules = json_rule("/depth", {"maximum": 100})
    result = gather(gatherd, upstream, {"a": things(warn=rules), "b": asks("/ok")})
    (gatherd.folder / "status.json").write_text(result.stdout)
    shown = gatherctl.run("status", "-f", "status.json")
    warned = "/depth: expected at most 100, got 250"
    assert shown.status == 1
    assert re.search(rf"a +degraded .*{re.escape(warned)}", shown.stdout)
    one = gatherctl.run("show", "a", "-f", "status.json")
    assert one.status == 0
    assert warned in one.stdout
