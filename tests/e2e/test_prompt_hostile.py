"""Models that are broken, or mean harm: what they send comes to an outcome, and to no more."""

import json

import pytest

from helpers_prompts import KEY, ask, config, models, provider  # noqa: F401
from models import APIS, Like, Models, error, says
from upstream import moves, raw, sends

MIB = 1 << 20


def asked(gatherd, models, act, api="openai", **keys):
    """The entry of a prompt that ACT, of models.plan, or what it gives, answers."""
    models.plan["it"] = act if callable(act) else lambda *_: act
    prompt = {"prompt": "it", "retries": 1, "retry_delay": "1ms", "deadline": "20s"} | keys
    result = ask(gatherd, config(models, {"it": prompt}, api=api))
    assert KEY not in result.stdout + result.stderr
    return result.document["prompts"]["it"]


def outcome_of(entry):
    kind = entry["error"]["kind"] if entry["error"] else None
    return entry["status"], kind


# ---- connections and HTTP ----

# What is sent, the kind of the error, attempts where there is one retry, and how many of those
# were perhaps paid for.
HTTP_FAULTS = {
    "no answer": ("/close", "protocol", 2, 2),
    "a reset before the answer": ("/reset", "protocol", 2, 2),
    "half a head": ("/half-head", "protocol", 1, 1),
    "half a body": ("/half", "protocol", 1, 1),
    "half a chunk": ("/half-chunk", "protocol", 1, 1),
    "a reset in the body": ("/reset-body", "protocol", 1, 1),
    "no HTTP": ("/garbage", "protocol", 1, 1),
    "a huge head": ("/huge-header", "protocol", 1, 1),
    "too much": ("/size/2000000", "too_large", 1, 1),
    "too much in pieces": ("/size/2000000?chunked", "too_large", 1, 1),
}


@pytest.mark.parametrize("what", HTTP_FAULTS)
def test_what_is_no_whole_answer_is_an_error(gatherd, models, what):
    path, kind, attempts, unknown = HTTP_FAULTS[what]
    entry = asked(gatherd, models, Like(path))
    assert outcome_of(entry) == ("error", kind)
    assert entry["response"] is None and entry["usage"] is None
    assert entry["attempts"] == attempts == len(models.prompts)
    assert entry["usage_unknown_attempts"] == unknown


HANGS = {
    "a head": ("/hang", "first_byte"),
    "the rest of a head": ("/hang-head", None),
    "the rest of a body": ("/hang-body", "body"),
    "an answer after an interim one": ("/hang-interim", "first_byte"),
    "a byte now and then": ("/bytewise/0.2", None),
}


@pytest.mark.parametrize("what", HANGS)
def test_who_lets_wait_is_asked_twice_at_most(gatherd, models, what):
    """However many retries there are: each may have to be paid for."""
    path, phase = HANGS[what]
    entry = asked(gatherd, models, Like(path), timeout="300ms", retries=5)
    assert outcome_of(entry) == ("timeout", "timeout")
    assert phase is None or entry["error"]["phase"] == phase
    assert entry["attempts"] == entry["usage_unknown_attempts"] == 2


def test_nobody_there_is_no_connection_and_costs_nothing(gatherd, bad_ports):
    url = f"http://127.0.0.1:{bad_ports.refused()}"
    prompt = {"prompt": "it", "retries": 1, "retry_delay": "1ms"}
    entry = ask(gatherd, config(url, {"it": prompt})).document["prompts"]["it"]
    assert outcome_of(entry) == ("error", "connect")
    assert entry["attempts"] == 2
    assert entry["usage_unknown_attempts"] == 0


def test_who_was_lost_once_is_asked_again(gatherd, models):
    entry = asked(
        gatherd, models, lambda api, _, number: Like("/reset") if number == 1 else says(api, "x")
    )
    assert entry["response"] == "x"
    assert entry["attempts"] == 2
    assert entry["usage_unknown_attempts"] == 1


def test_a_slow_answer_in_pieces_is_whole_in_the_end(gatherd, models):
    text = json.dumps(says("openai", "slow but whole"))
    pieces = "".join(f"1\r\n{c}\r\n" for c in text)
    head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    entry = asked(gatherd, models, Like(raw(f"{head}{pieces}0\r\n\r\n".encode())))
    assert entry["response"] == "slow but whole"


def test_what_comes_before_the_answer_is_none(gatherd, models):
    text = json.dumps(says("openai", "in the end"))
    early = "HTTP/1.1 103 Early\r\nx-request-id: early\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nx-request-id: final\r\n\r\n"
    entry = asked(gatherd, models, Like(raw((early + head + text).encode())))
    assert entry["response"] == "in the end"
    assert entry["request_id"] == "final"


def test_how_much_is_taken_can_be_said(gatherd, models):
    text = "long " * (3 * MIB // 5)
    entry = asked(gatherd, models, lambda api, *_: says(api, text), max_body="4MiB")
    assert entry["response"] == text
    entry = asked(gatherd, models, lambda api, *_: says(api, "short"), max_body="100")
    assert outcome_of(entry) == ("error", "too_large")


def test_what_is_small_only_while_packed_is_too_large(gatherd, models):
    models.plan["it"] = lambda *_: Like("/gzip_bomb")
    made = config(models, {"it": "it"}, keys={"compressed": True})
    entry = ask(gatherd, made).document["prompts"]["it"]
    assert outcome_of(entry) == ("error", "too_large")


# ---- redirects ----


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("api", ["gemini", "openai", "anthropic"])
def test_nobody_is_followed_elsewhere(gatherd, models, api, status):
    with Models() as elsewhere:
        for to in (f"{elsewhere.url}/v1/chat/completions", "/ok", f"//127.0.0.1:1/?{KEY}"):
            entry = asked(gatherd, models, Like(moves(to, status)), api=api)
            assert outcome_of(entry) == ("http_error", "http")
            assert entry["error"]["message"] == f"returned HTTP {status}"
            assert entry["http_status"] == status
            assert entry["attempts"] == 1
        assert elsewhere.connections == 0
    assert len(models.requests) == 3


# ---- bodies that are none of the API ----


def test_a_page_of_a_proxy_is_told_in_part(gatherd, models):
    page = "<html>\r\n<head><title>502 Bad\tGateway</title></head>\r\n" + "<p>x</p>" * 9000
    entry = asked(gatherd, models, Like(sends(page, "text/html", 502)))
    assert outcome_of(entry) == ("http_error", "http")
    assert entry["error"]["message"] == "returned HTTP 502"
    excerpt = entry["error"]["excerpt"]
    assert excerpt.startswith("<html> <head><title>502 Bad Gateway</title></head> <p>x</p>")
    assert len(excerpt) <= 201
    assert entry["attempts"] == 2


GOOD = json.dumps(says("openai", "x"))
DEEP = 100_000
NO_ANSWERS = {
    "nothing": b"",
    "a page": b"<html>Log in, please</html>",
    "a stream of events": b'data: {"choices": []}\n\ndata: [DONE]\n\n',
    "several lines": f"{GOOD}\n{GOOD}\n".encode(),
    "a cut one": GOOD[:-3].encode(),
    "bytes that are no UTF-8": GOOD.replace("x", "\xff").encode("latin-1"),
    "a lone surrogate": GOOD.replace('"x"', '"\\ud800"').encode(),
    "a number beyond all": GOOD.replace("{", '{"n": 1e999, ', 1).encode(),
    "depth": b"[" * DEEP + b"]" * DEEP,
    "depth within": GOOD.replace('"x"', "[" * DEEP + "]" * DEEP).encode(),
    "depth without an end": b'{"a":' * DEEP,
    "a NUL": GOOD.replace("x", "\x00").encode(),
    "a text": b'"fine"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "a list": b"[]",
    "a map of nothing": b"{}",
    "lists for maps": b'{"choices": [[]], "candidates": [[]], "output": [[]], "message": []}',
}


@pytest.mark.parametrize("api", APIS)
def test_what_is_no_answer_of_the_api_is_an_invalid_body(gatherd, models, api):
    prompts = {}
    for name, body in NO_ANSWERS.items():
        models.plan[name] = lambda *_, body=body: Like(sends(body))
        prompts[name] = name
    result = ask(gatherd, config(models, prompts, api=api))
    for name, entry in result.document["prompts"].items():
        assert (name, outcome_of(entry)) == (name, ("error", "invalid_body"))
        assert entry["attempts"] == 1
        assert entry["response"] is None or entry["response"] == "x"
        assert len(entry["error"]["message"]) < 200
    assert len(models.prompts) == len(prompts)


def test_the_last_of_doubled_names_counts(gatherd, models):
    """As with the readers of JSON that the vendors' clients have."""
    stop = '"finish_reason": "stop"'
    doubled = GOOD.replace(stop, stop + ', "finish_reason": "length"')
    assert doubled != GOOD
    entry = asked(gatherd, models, doubled)
    assert outcome_of(entry) == ("error", "truncated")


COUNTS = [0, -1, 1.5, 1e300, "7", None, True, [], {}, 2**53, 2**63, 2**64, 10**40]


@pytest.mark.parametrize("api", APIS)
def test_counts_that_are_none_are_not_counted(gatherd, models, api):
    """Neither is what they cost."""
    prompts = {}
    for number, count in enumerate(COUNTS):
        name = f"p{number}"
        body = says(api, "x", input_tokens=7, output_tokens=7)
        text = json.dumps(body).replace(": 14", f": {json.dumps(count)}")
        text = text.replace(": 7", f": {json.dumps(count)}")
        models.plan[name] = lambda *_, text=text: text
        prompts[name] = {"prompt": name, "budget": {"tokens": 10**15, "per": "1d"}}
    keys = {"price": {"input": 1000, "output": 1000}}
    document = ask(gatherd, config(models, prompts, api=api, keys=keys)).document
    for entry, count in zip(document["prompts"].values(), COUNTS, strict=True):
        assert entry["status"] == "ok"
        whole = isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**63
        if count == 0:
            assert entry["usage"]["total_tokens"] == 0 and entry["cost"] == 0
        elif not whole:
            assert entry["usage"] is None and entry["cost"] is None
        assert entry["budget"]["spent"] >= 0


WAITS = [
    {"Retry-After": "99999999999999999999999"},
    {"Retry-After": "-1"},
    {"Retry-After": "soon"},
    {"Retry-After": "0x10"},
    {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"retry-after-ms": "1e400"},
    {"retry-after-ms": "nan"},
    {"retry-after-ms": "-5"},
    {"retry-after-ms": "9" * 400},
    {"x-should-retry": "perhaps"},
]


@pytest.mark.parametrize("headers", WAITS, ids=lambda headers: next(iter(headers.values()))[:20])
def test_times_to_wait_that_are_none_harm_nobody(gatherd, models, headers):
    """Either it is asked again soon, or it ends with what was said."""

    def act(api, request, number):
        if number > 1:
            return says(api, "x")
        return 429, error(api, 429, "wait"), list(headers.items())

    entry = asked(gatherd, models, act)
    if entry["attempts"] == 1:
        assert outcome_of(entry) == ("http_error", "rate_limited")
    else:
        assert entry["response"] == "x" and entry["attempts"] == 2


# ---- texts ----

ODD = 'NUL \x00, escape \x1b[31m\x1b]0;title\x07, \x7f, \u0085, \u202e, "\\/", \ufeff, \ufffe 🙂'


@pytest.mark.parametrize("api", APIS)
def test_an_answers_text_is_kept_as_it_came(gatherd, models, api):
    entry = asked(gatherd, models, lambda api, *_: says(api, ODD), api=api)
    assert entry["response"] == ODD


@pytest.mark.parametrize("api", APIS)
def test_what_an_error_says_is_one_line_without_control_characters(
    gatherd, gatherctl, models, api
):
    words = "It\r\n\tsays: \x1b[31mred\x1b[0m\x07 and\u0085 \u2028 \u202e more" + " and" * 5000
    models.plan["it"] = lambda api, *_: (400, error(api, 400, words))
    models.plan["text"] = lambda api, *_: says(api, ODD, model=f"m\x1b[31m\n{ODD}")
    path = gatherd.folder / "status.json"
    made = config(models, {"it": "it", "text": "text"}, api=api)
    log = ask(gatherd, made, "-o", path, "--log-level", "debug").stderr
    entry = json.loads(path.read_text(encoding="utf-8"))["prompts"]["it"]
    message = entry["error"]["message"]
    assert message.startswith("returned HTTP 400: It says: ") and "more and and" in message
    assert len(message) < 600
    assert [line for line in log.splitlines() if message in line]
    outputs = [log, message, gatherctl.run("status", "-f", path).stdout]
    outputs += [gatherctl.run("show", name, "-f", path).stdout for name in ("it", "text")]
    outputs += [
        gatherd.run("--explain", name, config=made, env={"MODEL_KEY": KEY}).stdout
        for name in ("it", "text")
    ]
    for output in outputs:
        odd = [c for c in output if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
        assert odd == [], output


def test_an_error_that_is_no_utf8_is_told_all_the_same(gatherd, models):
    body = json.dumps(error("openai", 400, "no x here")).replace("x", "\xe4").encode("latin-1")
    entry = asked(gatherd, models, Like(sends(body, status=400)))
    assert entry["error"]["message"] == "returned HTTP 400: no \ufffd here"


@pytest.mark.parametrize("depth, status", [(28, "ok"), (29, "error"), (DEEP, "error")])
def test_json_of_a_model_is_only_so_deep(gatherd, models, depth, status):
    text = "[" * depth + "]" * depth
    entry = asked(gatherd, models, lambda api, *_: says(api, text), format="json")
    assert entry["status"] == status
    if status == "ok":
        assert entry["data"] == json.loads(text)
    else:
        assert outcome_of(entry) == ("error", "invalid_body")
        assert "the model's answer" in entry["error"]["message"]


NO_JSON = ["", " ", "no", "{}{}", '{"a": 1,}', "{'a': 1}", "```json\n{}", "NaN", "\x00"]
NO_JSON += ['"\\ud800"']


@pytest.mark.parametrize("text", NO_JSON)
def test_a_text_that_is_to_be_json_and_is_none_is_invalid(gatherd, models, text):
    entry = asked(gatherd, models, lambda api, *_: says(api, text), format="json")
    assert outcome_of(entry) == ("error", "invalid_body")
    assert entry["data"] is None


def test_many_parts_are_no_harm(gatherd, models):
    body = says("openai", "")
    parts = [{"type": "text", "text": "ab"}] * 15_000
    body["choices"][0]["message"]["content"] = parts
    entry = asked(gatherd, models, body)
    assert entry["response"] == "ab" * 15_000
