"""What `extract` takes out of answers: from where, of which type, and who gets to see it."""

import json

import pytest

from conftest import Gatherd
from helpers_rules import SECRET, THINGS, asks, gather, headed, json_rule, things
from upstream import Upstream, sends


class Number(str):
    """A number as it is spelled."""


def exactly(text):
    """The JSON of TEXT, with its numbers as they are spelled."""
    return json.loads(text, parse_int=Number, parse_float=Number)




RELEASE = sends("release 1.25 of 2026\nload: 0.75\n", "text/plain")
HEADED = headed(
    ("X-Left", "0007.50"),
    ("X-Words", "one; two"),
    ("X-Many", "a"),
    ("X-Many", "b"),
    ("X-Latin", "gr\xfcn"),
)

# Of THINGS: what is asked for, the value as JSON, and why there is none.
OF_THINGS = {
    # ---- by pointer ----
    "a text": ("/state", '"up"', None),
    "a text as it is escaped": ("/escaped", r'"line\nbreak"', None),
    "a text in other scripts": ("/grün/größe", '"süß"', None),
    "an empty text": ("/void", '""', None),
    "a number": ("/depth", "250", None),
    "a number of 64 bits": ("/big", "18446744073709551615", None),
    "a number with a zero at its end": ("/exact", "1.10", None),
    "a whole number with a fraction": ("/whole", "1.0", None),
    "a number that a double does not hold": ("/huge", "123456789012345678901234567890", None),
    "a number with an exponent": ("/far", "1e300", None),
    "a tenth": ("/small", "0.1", None),
    "true": ("/yes", "true", None),
    "false": ("/no", "false", None),
    "null": ("/nothing", "null", None),
    "a list": ("/list", '[1,"two",[3,4],{"five":5}]', None),
    "an empty list": ("/empty", "[]", None),
    "a map": ("/grün", '{"größe":"süß"}', None),
    "an empty map": ("/blank", "{}", None),
    "an item": ("/list/3/five", "5", None),
    "the last of doubled keys": ("/twice/x", '{"deep":3}', None),
    "the whole": ("", THINGS, None),
    "in many words": ({"path": "/state"}, '"up"', None),
    "what is not there": (
        "/queue/depth",
        "null",
        'v: /queue/depth: ended at "queue": the object has no such member',
    ),
    "an item too far": ("/list/4", "null", 'v: /list/4: ended at "4": the array has 4 items'),
    "a member of a text": (
        {"path": "/state/x"},
        "null",
        'v: /state/x: ended at "x": a string has no members',
    ),
    # ---- by pattern ----
    "the first group": ({"path": "/quoted", "pattern": r'"(\w)(.)"'}, '"s"', None),
    "the whole match": ({"path": "/quoted", "pattern": r'"\w+"'}, r'"\"so\""', None),
    "an empty match": ({"path": "/state", "pattern": "x*"}, '""', None),
    "a character": ({"path": "/emoji", "pattern": "(.)$"}, '"😀"', None),
    "of a number": ({"path": "/depth", "pattern": "^(.)5"}, '"2"', None),
    "of true": ({"path": "/yes", "pattern": "^t"}, '"t"', None),
    "of null": ({"path": "/nothing", "pattern": "^n"}, "null", None),
    "no match": (
        {"path": "/state", "pattern": "down"},
        "null",
        'v: /state: "up" has no match of the pattern',
    ),
    "a group that took no part": (
        {"path": "/state", "pattern": "(x)|up"},
        "null",
        'v: /state: "up" matches the pattern without its first group',
    ),
    "no match in a list": (
        {"path": "/list", "pattern": "two"},
        "null",
        "v: /list: an array is no text",
    ),
    # ---- scaled and rounded ----
    "scaled": ({"path": "/depth", "scale": 0.1}, "25", None),
    "scaled by something negative": ({"path": "/depth", "scale": -2}, "-500", None),
    "scaled by 1": ({"path": "/exact", "scale": 1}, "1.1", None),
    "scaled without a trace of binary": ({"path": "/small", "scale": 3}, "0.3", None),
    "scaled to a whole number": ({"path": "/half", "scale": 4}, "-2", None),
    "scaled and rounded": ({"path": "/depth", "scale": 0.00123, "round": 2}, "0.31", None),
    "rounded": ({"path": "/exact", "round": 0}, "1", None),
    "rounded to more than there is": ({"path": "/exact", "round": 5}, "1.1", None),
    "rounded half away from zero": ({"path": "/half", "round": 0}, "-1", None),
    "rounded to nothing": ({"path": "/half", "scale": 0.1, "round": 0}, "0", None),
    "a whole number rounded": ({"path": "/big", "round": 2}, "18446744073709551615", None),
    "a text that is a number": ({"path": "/digit", "scale": 10}, "10", None),
    "a part that is a number": (
        {"path": "/long", "pattern": "()$", "round": 0},
        "null",
        'v: /long: "" is no number',
    ),
    "null scaled": ({"path": "/nothing", "scale": 2}, "null", None),
    "a text that is no number": (
        {"path": "/state", "scale": 2},
        "null",
        'v: /state: "up" is no number',
    ),
    "true is no number": ({"path": "/yes", "round": 0}, "null", "v: /yes: a boolean is no number"),
    "a map is no number": (
        {"path": "/blank", "scale": 2},
        "null",
        "v: /blank: an object is no number",
    ),
    "scaled too far": (
        {"path": "/far", "scale": 1e300},
        "null",
        'v: /far: "1e300" is too large a number once scaled',
    ),
}

OF_OTHERS = {
    # ---- from text ----
    "of text": (asks(RELEASE), {"pattern": "release ([0-9.]+)"}, '"1.25"', None),
    "of text, the whole match": (asks(RELEASE), {"pattern": "(?m)^load.*$"}, '"load: 0.75"', None),
    "of text, a number": (asks(RELEASE), {"pattern": "load: (.*)", "scale": 100}, "75", None),
    "of text, rounded": (asks(RELEASE), {"pattern": r"release (\S*)", "round": 1}, "1.3", None),
    "of text, none": (
        asks(sends("so", "text/plain")),
        {"pattern": "no"},
        "null",
        'v: body: "so" has no match of the pattern',
    ),
    "of text that is kept": (asks(RELEASE, format="text"), {"pattern": "^r"}, '"r"', None),
    "of text in another charset": (
        asks(sends("grün".encode("latin-1"), "text/plain; charset=latin1")),
        {"pattern": "gr(.)n"},
        '"ü"',
        None,
    ),
    "of JSON as text": (asks(sends('{ "a":  7 }')), {"pattern": '"a":( *[0-9])'}, '"  7"', None),
    "of nothing, by pattern": (
        asks("/status/204"),
        {"pattern": "so"},
        "null",
        "v: body: there is none",
    ),
    "of nothing, by pointer": (asks("/status/204"), "/a", "null", "v: /a: there is no JSON"),
    # ---- from headers ----
    "a header": (asks(HEADED), {"header": "X-Left"}, '"0007.50"', None),
    "a header in other case": (asks(HEADED), {"header": "x-WORDS"}, '"one; two"', None),
    "several headers": (asks(HEADED), {"header": "X-Many"}, '"a, b"', None),
    "a header in Latin-1": (asks(HEADED), {"header": "X-Latin", "pattern": "^gr"}, '"gr"', None),
    "a header as a number": (asks(HEADED), {"header": "X-Left", "scale": 2}, "15", None),
    "a header rounded": (asks(HEADED), {"header": "X-Left", "round": 0}, "8", None),
    "a part of a header": (
        asks(HEADED),
        {"header": "X-Words", "pattern": "; (.*)"},
        '"two"',
        None,
    ),
    "a header of no body": (
        asks("/status/429?retry_after=7", expect={"status": 429}, format="none"),
        {"header": "Retry-After", "round": 0},
        "7",
        None,
    ),
    "no header": (
        asks(HEADED),
        {"header": "X-Gone"},
        "null",
        "v: header X-Gone: there is no such header",
    ),
    # ---- with other keys ----
    "where data is not kept": (things(data=False), "/state", '"up"', None),
    "JSON that nobody calls so": (asks(sends("[7]", "text/html")), "/0", "7", None),
    "of a failure that is expected": (
        asks("/status/404", expect={"status": 404}),
        {"pattern": "[0-9]+"},
        '"404"',
        None,
    ),
}

VALUES = {
    **{name: (things(), *rest) for name, rest in OF_THINGS.items()},
    **OF_OTHERS,
}


@pytest.fixture(scope="module")
def round_of_all(tmp_path_factory):
    with Upstream() as upstream:
        services = {
            name: {**service, "extract": {"v": wanted}}
            for name, (service, wanted, _, _) in VALUES.items()
        }
        return gather(Gatherd(tmp_path_factory.mktemp("values")), upstream, services)


@pytest.mark.parametrize("name", VALUES)
def test_value(round_of_all, name):
    _, _, value, why = VALUES[name]
    entry = exactly(round_of_all.stdout)["services"][name]
    assert entry["values"] == {"v": exactly(value)}
    assert entry["warnings"] == ([why] if why else [])
    assert (entry["status"], entry["error"]) == ("ok", None)


def test_values_that_are_missing_fail_nothing(round_of_all):
    assert round_of_all.status == 0
    assert round_of_all.document["status"] == "ok"


def test_values_may_be_all_that_is_kept(round_of_all):
    services = round_of_all.document["services"]
    assert services["where data is not kept"]["data"] is None
    assert services["a text"]["data"]["state"] == "up"


def test_doubled_keys_are_as_they_came(gatherd, upstream):
    twice = {"v": "/twice"}
    result = gather(gatherd, upstream, {"a": things(extract=twice, data=False)})
    assert '"values":{"v":{"x":2,"x":{"deep":3}}}' in result.stdout.replace(" ", "")


def test_values_are_in_the_order_of_the_config_whatever_they_are_called(gatherd, upstream):
    names = ["z", "a", 'say "so"', "a.b", "grün", "😀", "back\\slash", "status", "{{x}}", "7"]
    extract = {name: f"/list/{number % 5}" for number, name in enumerate(names)}
    entry = gather(gatherd, upstream, {"a": things(extract=extract)}).document["services"]["a"]
    assert list(entry["values"]) == names
    assert entry["values"]['say "so"'] == [3, 4]
    assert [text.split(": /list")[0] for text in entry["warnings"]] == ["grün", "7"]


def test_a_failure_has_no_values(gatherd, upstream):
    extract = {"v": "/state"}
    services = {
        "rule": things(extract=extract, expect=json_rule("/state", "down")),
        "status": asks("/status/500", extract=extract),
        "body": asks(sends("<html>", "text/html"), extract=extract),
        "cut": asks("/half", extract=extract),
        "degraded": things(extract={**extract, "w": "/gone"}, warn=json_rule("/state", "down")),
    }
    result = gather(gatherd, upstream, services)
    entries = result.document["services"]
    kinds = {name: (entry["error"] or {}).get("kind") for name, entry in entries.items()}
    assert kinds == {
        "rule": "expectation",
        "status": "http",
        "body": "invalid_body",
        "cut": "protocol",
        "degraded": None,
    }
    for name in ("rule", "status", "body", "cut"):
        assert (entries[name]["values"], entries[name]["warnings"]) == ({}, [])
    assert entries["degraded"]["values"] == {"v": "up", "w": None}
    assert entries["degraded"]["warnings"] == [
        '/state: expected "down", got "up"',
        'w: /gone: ended at "gone": the object has no such member',
    ]


def test_values_of_defaults_are_merged_with_those_of_a_service(gatherd, upstream):
    defaults = {"extract": {"one": "/list/0", "state": "/state"}}
    services = {"a": things(), "b": things(extract={"state": "/digit", "own": "/yes"})}
    document = gather(gatherd, upstream, services, defaults=defaults).document
    assert document["services"]["a"]["values"] == {"one": 1, "state": "up"}
    assert document["services"]["b"]["values"] == {"state": "1", "own": True, "one": 1}


def test_secrets_that_are_echoed_into_values_are_masked(gatherd, upstream):
    headers = {"X-Key": "${SECRET}"}
    extract = {
        "body": {"pattern": f"{SECRET[:4]}[^\"]*"},
        "headers": "/headers",
        "number": {"path": "/body", "round": 0},
        "none": {"path": "/target", "pattern": "x"},
    }
    result = gather(gatherd, upstream, {"a": asks("/echo", headers=headers, extract=extract)})
    entry = result.document["services"]["a"]
    assert SECRET not in result.stdout + result.stderr
    assert entry["values"]["body"] == "***"
    assert ["X-Key", "***"] in entry["values"]["headers"]
    assert entry["warnings"] == [
        "number: /body: what is there is no number",
        "none: /target: what is there has no match of the pattern",
    ]


FAULTS = {
    "{v: state}": '"state" does not begin with /: expected a JSON Pointer such as /queue/depth',
    "{v: /a~}": '"/a~" has a ~ that is neither ~0 nor ~1',
    "{v: [/a]}": "expected a JSON Pointer such as /queue/depth",
    "{v: }": "expected a JSON Pointer such as /queue/depth",
    "{v: {}}": "expected path, header or pattern",
    "{v: {scale: 2}}": "expected path, header or pattern",
    "{v: {path: /a, header: X-A}}": "path and header do not go together",
    "{v: {pth: /a}}": "did you mean path?",
    "{v: {header: X A}}": '"X A" is no header\'s name',
    '{v: {pattern: "("}}': "missing closing parenthesis",
    "{v: {path: /a, scale: 0}}": "expected a number other than 0",
    "{v: {path: /a, scale: x}}": "expected a number",
    "{v: {path: /a, round: -1}}": "round",
    "{v: {path: /a, round: 16}}": "round",
    "{v: {path: /a, secret: perhaps}}": "secret",
    "{v: /a, v: /b}": "v",
    '{"": /a}': "a value needs a name",
    f"{{{'n' * 129}: /a}}": "the name of a value has at most 128 bytes",
    "/a": "expected a map of names and JSON Pointers",
    "{v: /a}, format: text": "/a needs a JSON body, but format is text",
    "{v: /a}, format: none": "/a needs a JSON body, but format is none",
    "{v: {pattern: x}}, format: none": "it needs a body, but format is none",
}


def test_values_that_are_none_are_faults_with_their_place(gatherd):
    lines = [f"  s{n}: {{url: 'http://x', extract: {text}}}" for n, text in enumerate(FAULTS)]
    result = gatherd.run("--check", config="services:\n" + "\n".join(lines) + "\n")
    told = result.stderr.splitlines()
    assert result.status == 2
    for number, (extract, text) in enumerate(FAULTS.items()):
        found = [line for line in told if f".yaml:{number + 2}:" in line and ": error: " in line]
        assert len(found) == 1, (extract, found)
        assert text in found[0]
