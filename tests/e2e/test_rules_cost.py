"""What rules may cost: no pattern and no body holds up the services beside it."""

import json

import pytest

from helpers_rules import asks, gather
from helpers_schedule import Machine
from upstream import answer

# Late by so much is who waited behind others, or for a busy machine; who waited for a
# pattern without limits is so by seconds, or for ever.
LATE_MS = 150

HARD = "looking for it was given up: it takes too much time"

MIB = 1 << 20

# Each of these would keep a matcher busy without end, in a way of its own: for a text of
# many "a", and one "b" that stands apart.
PATTERNS = [
    r"^(a+)+$",
    r"(a|a?)+$",
    r"(a*)*(a*)*ab",
    r"(.*a){20}b",
    r"^(?:a|aa|aaa)+b",
    r"(?=(a+))\1+b",
    r"(a+?)+?b",
    r"([a-z]+)*=",
    r"(.+)(.+)(.+)(.+)ab",
    r"(\w+\s?)*b",
]


def beside(steps=40, step_ms=10):
    """Services that are answered one after the other, and after how many ms."""
    return {
        f"beside-{number}": (asks(f"/delay/{number * step_ms / 1000}"), number * step_ms)
        for number in range(1, steps + 1)
    }


def spread(services, step_ms=40):
    """SERVICES, one asked after the other."""
    return {
        name: {**service, "delay": f"{number * step_ms}ms"}
        for number, (name, service) in enumerate(services.items())
    }


def gather_beside(gatherd, upstream, services, slack):
    """The entries of SERVICES, which must not make the others late."""
    others = beside()
    plain = {name: service for name, (service, _) in others.items()}
    with Machine() as machine:
        result = gather(gatherd, upstream, {**plain, **spread(services)})
    entries = result.document["services"]
    for name, (_, due_ms) in others.items():
        late_ms = entries[name]["duration_ms"] - due_ms
        assert entries[name]["status"] == "ok"
        assert late_ms < LATE_MS * slack + 2 * machine.late_ms, name
    return {name: entries[name] for name in services}


@pytest.mark.parametrize("length", (40, MIB - 3))
def test_a_pattern_without_end_holds_up_nobody(gatherd, upstream, slack, length):
    upstream.answers["/text"] = answer("a" * length + "!-b", content_type="text/plain")
    services = {
        pattern: asks("/text", expect={"body": {"pattern": pattern}}) for pattern in PATTERNS
    }
    entries = gather_beside(gatherd, upstream, services, slack)
    given_up = [pattern for pattern, entry in entries.items() if HARD in str(entry["error"])]
    assert len(given_up) >= 5


def test_what_was_given_up_is_told_by_rules_and_values(gatherd, upstream, slack):
    hard = {"pattern": "^(a+)+$"}
    upstream.answers["/json"] = answer(json.dumps({"it": "a" * 40 + "!"}))
    services = {
        "expect": asks("/json", expect={"json": {"/it": hard}}),
        "warn": asks("/json", warn={"json": {"/it": hard}}),
        "extract": asks("/json", extract={"v": {"path": "/it", **hard}, "it": "/it"}),
    }
    entries = gather_beside(gatherd, upstream, services, slack)
    told = f'/it: expected a match of "^(a+)+$", but {HARD}'
    assert entries["expect"]["error"]["message"] == told
    assert entries["warn"]["warnings"] == [told]
    assert entries["warn"]["status"] == "degraded"
    assert entries["extract"]["values"] == {"v": None, "it": "a" * 40 + "!"}
    assert entries["extract"]["warnings"] == [
        "v: /it: looking for the pattern was given up: it takes too much time"
    ]


def test_many_hard_patterns_for_one_answer_take_no_longer_than_one(gatherd, upstream, slack):
    upstream.answers["/json"] = answer(json.dumps(["a" * 40 + "!"] * 50))
    rules = {f"/{number}": {"pattern": f"^(a+)+{'b?' * number}$"} for number in range(50)}
    services = {f"hard-{number}": asks("/json", warn={"json": rules}) for number in range(10)}
    entries = gather_beside(gatherd, upstream, services, slack)
    for entry in entries.values():
        assert entry["status"] == "degraded"
        assert len(entry["warnings"]) == 50


def large_json():
    """1 MiB of JSON, in which fifty things are to be found."""
    items = [
        {"id": number, "state": "up", "tags": ["a", "b"], "note": 'ä"' * 12}
        for number in range(9000)
    ]
    text = json.dumps({"items": items, "total": len(items)}, ensure_ascii=False)
    assert MIB * 0.9 < len(text.encode()) < MIB
    return text


def test_a_large_body_against_fifty_rules_holds_up_nobody(gatherd, upstream, slack):
    upstream.answers["/large"] = answer(large_json())
    there = {f"/items/{number * 200}/id": number * 200 for number in range(40)}
    missing = {f"/items/{9000 + number}/state": {"exists": False} for number in range(5)}
    more = {
        "/items": {"minItems": 9000, "maxItems": 9000},
        "/items/8999/note": {"pattern": '^(ä")+$', "maxLength": 24},
        "/total": {"type": "integer", "minimum": 9000},
        "/items/-": {"exists": False},
        "/items/0": {"type": "object"},
    }
    rules = {"json": {**there, **missing, **more}}
    services = {
        f"large-{number}": asks("/large", expect=rules, extract={"total": "/total"})
        for number in range(5)
    }
    entries = gather_beside(gatherd, upstream, services, slack)
    for entry in entries.values():
        assert (entry["status"], entry["error"]) == ("ok", None)
        assert entry["values"] == {"total": 9000}


def test_a_secret_made_to_be_looked_for_without_end_holds_up_nobody(gatherd, upstream, slack):
    tokens = {"long": "a" * 20000 + "b", "percent": "%" * 300000}
    echoes = {"long": "a" * 1000000, "percent": "%25" * 300000}
    services = {}
    for name, token in tokens.items():
        upstream.answers[f"/token-{name}"] = answer(json.dumps({"token": token}))
        upstream.answers[f"/echo-{name}"] = answer(json.dumps([echoes[name], 12345678]))
        services[f"from-{name}"] = asks(
            f"/token-{name}", extract={"token": {"path": "/token", "secret": True}}
        )
        services[name] = asks(
            f"/echo-{name}",
            method="POST",
            body="{{services.from-%s.values.token}}" % name,
            warn={"json": {"/0": {"maxLength": 1}}},
        )
    entries = gather_beside(gatherd, upstream, services, slack)
    for name in tokens:
        assert upstream.asked_for(f"/echo-{name}")[0].body.decode() == tokens[name]
        # What would take too long to look through is told as if it were the secret.
        assert entries[name]["data"] == ["***", 12345678]
        assert entries[name]["warnings"] == ["/0: expected at most 1 character, got a string"]
