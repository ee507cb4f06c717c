"""The status document: its layout, and its values as its readers see them."""

import datetime
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import PATIENCE
from helpers_document import parse_document, read_document
from helpers_gatherd import (
    COUNTS_KEYS,
    ENTRY_KEYS,
    ERROR_KEYS,
    HEAD_KEYS,
    TIME,
    TIMING_KEYS,
    as_yaml,
)
from upstream import answer, sends


def service(upstream, path, **keys):
    return {"url": upstream.url + path, **keys}


@pytest.fixture
def mixed(upstream):
    """One service of each status that there is so far."""
    return {
        "services": {
            "good": service(upstream, "/ok"),
            "slow": service(upstream, "/hang", timeout="150ms"),
            "bad": service(upstream, "/status/500"),
            "gone": service(upstream, "/close"),
            "text": service(upstream, sends("hello", "text/plain"), format="text"),
            "none": service(upstream, "/status/204"),
        }
    }


# ---- layout ----


LAYOUT = """{
  "version": 1,
  "generator": "gatherd VERSION",
  "host": "HOST",
  "generation": 1,
  "generated_at": "TIME",
  "stale_after": "TIME",
  "status": "degraded",
  "outcome": "complete",
  "mode": "settle",
  "round": {"number":1,"started_at":"TIME","duration_ms":MS,"targets":2},
  "in_flight": [],
  "counts": {"total":2,"ok":1,"degraded":0,"timeout":0,"http_error":1,"error":0,\
"cancelled":0,"skipped":0,"pending":0},
  "failed": ["bad"],
  "services": {
    "good": {"status":"ok","since":"TIME","checked_at":"TIME","last_ok_at":"TIME",\
"failures":0,"next_at":null,"attempts":1,"http_status":200,"url":"URL/ok",\
"final_url":null,"duration_ms":MS,\
"timing_ms":{"queued":MS,"dns":null,"connect":MS,"tls":null,"first_byte":MS,"total":MS},\
"bytes":12,"certificate_expires_at":null,"error":null,"warnings":[],"values":{},\
"data":{"ok":true}},
    "bad": {"status":"http_error","since":"TIME","checked_at":"TIME","last_ok_at":null,\
"failures":1,"next_at":null,"attempts":1,"http_status":500,"url":"URL/status/500",\
"final_url":null,"duration_ms":MS,\
"timing_ms":{"queued":MS,"dns":null,"connect":MS,"tls":null,"first_byte":MS,"total":MS},\
"bytes":11,"certificate_expires_at":null,"error":{"kind":"http","phase":null,\
"message":"TEXT","excerpt":"this is 500"},"warnings":[],"values":{},"data":null}
  },
  "prompts": {},
  "providers": {}
}
"""


def test_the_layout_byte_for_byte(gatherd, upstream):
    config = {
        "services": {
            "good": service(upstream, "/ok"),
            "bad": service(upstream, "/status/500"),
        },
    }
    placeholders = {
        "VERSION": r"\d+\.\d+\.\d+",
        "HOST": re.escape(os.uname().nodename),
        "TIME": TIME,
        "MS": r"\d+\.\d",
        "URL": re.escape(upstream.url),
        "TEXT": '[^"]+',
    }
    pattern = re.sub(
        r"[A-Z]{2,}", lambda match: placeholders[match[0]], re.escape(LAYOUT).replace("\\\n", "\n")
    )
    text = gatherd.once(config).stdout
    assert re.fullmatch(pattern, text), text


def test_the_empty_document_byte_for_byte(gatherd):
    text = gatherd.once({"interval": "10s", "timeout": "2s"}).stdout
    assert text.startswith('{\n  "version": 1,\n  "generator": ')
    assert text.endswith(
        '  "in_flight": [],\n'
        '  "counts": {"total":0,"ok":0,"degraded":0,"timeout":0,"http_error":0,"error":0,'
        '"cancelled":0,"skipped":0,"pending":0},\n'
        '  "failed": [],\n'
        '  "services": {},\n'
        '  "prompts": {},\n'
        '  "providers": {}\n'
        "}\n"
    )
    document = parse_document(text)
    assert list(document) == HEAD_KEYS
    assert document["status"] == "ok"
    assert document["round"]["targets"] == 0


def is_time(value):
    return isinstance(value, str) and re.fullmatch(TIME, value) is not None


def is_count(value):
    return type(value) is int and value >= 0


def is_ms(value):
    return isinstance(value, (int, float)) and type(value) is not bool and value >= 0


def test_every_key_is_there_and_of_its_type(gatherd, mixed):
    document = gatherd.once(mixed).document
    assert list(document) == HEAD_KEYS
    assert document["version"] == 1 and is_count(document["generation"])
    assert is_time(document["generated_at"]) and is_time(document["stale_after"])
    assert list(document["round"]) == ["number", "started_at", "duration_ms", "targets"]
    assert is_count(document["round"]["number"]) and is_time(document["round"]["started_at"])
    assert is_ms(document["round"]["duration_ms"])
    assert list(document["counts"]) == COUNTS_KEYS
    assert all(map(is_count, document["counts"].values()))
    assert document["prompts"] == {} and document["providers"] == {}

    for entry in document["services"].values():
        well = entry["status"] == "ok"
        assert list(entry) == ENTRY_KEYS
        assert list(entry["timing_ms"]) == TIMING_KEYS
        assert is_time(entry["since"]) and is_time(entry["checked_at"])
        assert is_time(entry["last_ok_at"]) if well else entry["last_ok_at"] is None
        assert entry["failures"] == (0 if well else 1) and entry["attempts"] == 1
        assert entry["http_status"] is None or 100 <= entry["http_status"] <= 599
        assert entry["url"].startswith("http://127.0.0.1:")
        assert is_ms(entry["duration_ms"])
        assert all(value is None or is_ms(value) for value in entry["timing_ms"].values())
        assert is_ms(entry["timing_ms"]["queued"]) and is_ms(entry["timing_ms"]["total"])
        assert is_count(entry["bytes"])
        assert entry["certificate_expires_at"] is None
        assert entry["warnings"] == [] and entry["values"] == {}
        if well:
            assert entry["error"] is None
            continue
        assert entry["data"] is None
        assert list(entry["error"]) == ERROR_KEYS
        assert isinstance(entry["error"]["kind"], str) and entry["error"]["kind"]
        assert isinstance(entry["error"]["message"], str) and entry["error"]["message"]
        for key in ("phase", "excerpt"):
            assert entry["error"][key] is None or isinstance(entry["error"][key], str)


def test_counts_and_failed_are_those_of_the_entries(gatherd, mixed):
    document = gatherd.once(mixed).document
    statuses = {name: entry["status"] for name, entry in document["services"].items()}
    assert statuses == {
        "good": "ok",
        "slow": "timeout",
        "bad": "http_error",
        "gone": "error",
        "text": "ok",
        "none": "ok",
    }
    counts = dict.fromkeys(COUNTS_KEYS, 0)
    counts |= {"total": 6, "ok": 3, "timeout": 1, "http_error": 1, "error": 1}
    assert document["counts"] == counts
    assert document["failed"] == ["slow", "bad", "gone"]
    assert list(document["services"]) == list(mixed["services"])
    assert document["round"]["targets"] == 6
    assert document["services"]["text"]["data"] == "hello"
    assert document["services"]["none"]["data"] is None


def test_targets_stand_in_config_order_whatever_ends_first(gatherd, upstream):
    delays = [0.2, 0, 0.1, 0, 0.05]
    config = {
        "services": {f"s{i}": service(upstream, f"/delay/{s}") for i, s in enumerate(delays)}
    }
    document = gatherd.once(config).document
    assert list(document["services"]) == list(config["services"])


def test_words_of_the_config_stand_at_the_end_where_they_are_set(gatherd, upstream):
    config = {
        "defaults": {"labels": {"tier": "1", 'odd "key"': "a\nb"}},
        "services": {
            "all": service(
                upstream, "/ok", group="g ü", labels={"own": 7, "tier": "2"}, description="d\t"
            ),
            "one": service(upstream, "/ok", description="only"),
            "failed": service(upstream, "/status/500", group="g"),
        },
    }
    entries = gatherd.once(config).document["services"]
    assert list(entries["all"]) == [*ENTRY_KEYS, "group", "labels", "description"]
    assert entries["all"]["group"] == "g ü" and entries["all"]["description"] == "d\t"
    assert entries["all"]["labels"] == {"own": "7", "tier": "2", 'odd "key"': "a\nb"}
    assert list(entries["one"]) == [*ENTRY_KEYS, "labels", "description"]
    assert list(entries["failed"]) == [*ENTRY_KEYS, "group", "labels"]


def test_without_words_there_are_none(gatherd, upstream):
    entries = gatherd.once({"services": {"a": upstream.url + "/ok"}}).document["services"]
    assert list(entries["a"]) == ENTRY_KEYS


# ---- the head ----


def parsed(time):
    return datetime.datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%f%z")


@pytest.mark.parametrize(
    "config, services, seconds",
    [
        ({"interval": "10s", "timeout": "2s"}, {"a": {}}, 22),
        ({"interval": "10s", "timeout": "2s"}, {"a": {"timeout": "9s"}}, 22),
        ({"interval": "10s", "timeout": "2s"}, {"a": {}, "b": {"interval": "3s"}}, 8),
        ({"interval": "10s", "timeout": "2s"}, {"a": {}, "b": {"interval": "1m"}}, 22),
        ({"interval": "10s", "timeout": "2s"}, {"a": {"interval": "1m"}}, 122),
        (
            {"interval": "10s", "timeout": "2s"},
            {"a": {}, "b": {"interval": "1s", "enabled": False}},
            22,
        ),
        ({"interval": "1500ms", "timeout": "250ms"}, {}, 3.25),
        ({}, {"a": {}}, 65),
    ],
)
def test_stale_after(gatherd, upstream, config, services, seconds):
    entries = {name: service(upstream, "/ok", **keys) for name, keys in services.items()}
    document = gatherd.once({**config, "services": entries}).document
    passed = parsed(document["stale_after"]) - parsed(document["generated_at"])
    assert passed.total_seconds() == seconds


OK, FAILS = "/ok", "/status/500"
AT_WILL = {"required": False}


@pytest.mark.parametrize(
    "services, status",
    [
        ([], "ok"),
        ([(OK, {}), (OK, {})], "ok"),
        ([(OK, {}), (FAILS, {})], "degraded"),
        ([(FAILS, {}), (FAILS, {})], "down"),
        ([(OK, {}), (FAILS, AT_WILL)], "ok"),
        ([(FAILS, AT_WILL)], "ok"),
        ([(FAILS, {}), (FAILS, AT_WILL)], "down"),
        ([(FAILS, {}), (OK, AT_WILL)], "degraded"),
        ([(OK, {}), (FAILS, {"enabled": False})], "ok"),
    ],
)
def test_the_status_of_the_whole(gatherd, upstream, services, status):
    entries = {f"s{i}": service(upstream, path, **keys) for i, (path, keys) in enumerate(services)}
    assert gatherd.once({"services": entries}).document["status"] == status


def test_times_are_of_now_and_in_order(gatherd, upstream):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(milliseconds=1)
    document = gatherd.once({"services": {"a": upstream.url + "/ok"}}).document
    after = datetime.datetime.now(datetime.timezone.utc)
    entry = document["services"]["a"]
    times = [document["round"]["started_at"], entry["checked_at"], document["generated_at"]]
    times = [parsed(time) for time in times]
    assert [before, *times, after] == sorted([before, *times, after])


# ---- values, as every reader sees them ----

ODD_NAMES = [
    'quotes " and \\ and /',
    "unicode ü 漢字 \U0001f600",
    "line\u2028and\u2029paragraph, right\u202eto left",
    "</script><!--",
    "a,b",
    " blanks ",
    "null",
    "{}",
    "e\u0301 and \u00e9",
    "x" * 128,
]
NUMBERS = {
    "largest": "18446744073709551615",
    "past a double": "9007199254740993",
    "long": "123456789012345678901234567890",
    "tenth": "0.1",
    "zero at the end": "1.10",
    "minus zero": "-0",
    "minus zero point": "-0.0",
    "exponent": "1e5",
    "signed exponent": "1.5E+3",
    "small": "5e-324",
    "smallest integer": "-9223372036854775808",
}
TEXTS = [
    'quote " backslash \\ slash /',
    "\b\f\n\r\t\x01\x1f\x7f",
    "\u2028 \u2029 \ufeff \U0001f600",
    "\ud7ff \ue000 \uffff",
    "</script>",
    "",
]


@pytest.fixture
def odd(upstream):
    """Names, numbers and texts that not every writer gets right."""
    numbers = ", ".join(f'"{name}": {text}' for name, text in NUMBERS.items())
    body = '{"numbers": {%s},\n "texts": %s, "raw": %s,\n "words": [true, false, null, [], {}]}' % (
        numbers,
        json.dumps(TEXTS),
        json.dumps(TEXTS, ensure_ascii=False),
    )
    upstream.answers["/odd"] = answer(body)
    config = {name: service(upstream, "/ok", group=name) for name in ODD_NAMES}
    config["odd"] = service(upstream, "/odd")
    return as_yaml({"services": config})


def test_numbers_keep_their_text(gatherd, odd):
    text = gatherd.once(odd).stdout
    document = json.loads(text, parse_int=str, parse_float=str)
    assert document["services"]["odd"]["data"]["numbers"] == NUMBERS


def test_texts_and_names_come_through(gatherd, odd):
    document = gatherd.once(odd).document
    assert list(document["services"]) == [*ODD_NAMES, "odd"]
    for name in ODD_NAMES:
        assert document["services"][name]["group"] == name
    data = document["services"]["odd"]["data"]
    assert data["texts"] == data["raw"] == TEXTS
    assert data["words"] == [True, False, None, [], {}]


def test_odd_names_are_told_as_failed(gatherd, upstream):
    config = {"services": {name: upstream.url + "/status/500" for name in ODD_NAMES}}
    assert gatherd.once(as_yaml(config)).document["failed"] == ODD_NAMES


def doubles(value):
    """VALUE as a reader sees it that knows no numbers but doubles."""
    if isinstance(value, dict):
        return {key: doubles(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [doubles(inner) for inner in value]
    return float(value) if type(value) is int else value


def read_by(program, path):
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    done = subprocess.run(
        [*program, path], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "program",
    [
        ["node", "-e", "console.log(JSON.stringify(JSON.parse(fs.readFileSync(process.argv[1]))))"],
        ["jq", "-c", "."],
    ],
    ids=["node", "jq"],
)
def test_other_readers_see_the_same(gatherd, odd, program):
    path = gatherd.folder / "out.json"
    assert gatherd.run("--once", "-o", path, config=odd).status == 0
    assert doubles(read_by(program, path)) == doubles(read_document(path))


JSONC_READER = r"""
#include <json-c/json.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	struct json_tokener *tokener = json_tokener_new_ex(64);
	static char text[1 << 20];
	FILE *file = fopen(argv[argc - 1], "rb");
	size_t len = fread(text, 1, sizeof(text), file);
	struct json_object *tree;
	tree = json_tokener_parse_ex(tokener, text, (int)len + 1);
	if (tree == NULL)
		return 1;
	puts(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN));
	json_object_put(tree);
	json_tokener_free(tokener);
	fclose(file);
	return 0;
}
"""


def test_json_c_sees_the_same(gatherd, odd):
    source = gatherd.folder / "reader.c"
    source.write_text(JSONC_READER)
    try:
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "json-c"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        subprocess.run(
            ["cc", "-o", source.with_suffix(""), source, *flags], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing to compile with: {error}")
    path = gatherd.folder / "out.json"
    assert gatherd.run("--once", "-o", path, config=odd).status == 0
    # Its numbers end at 64 bits; from 0.17 on it refuses longer ones.
    path.write_text(path.read_text().replace(NUMBERS["long"], "1"))
    seen = read_by([str(source.with_suffix(""))], path)
    assert doubles(seen) == doubles(read_document(path))


def test_the_document_is_utf_8_without_a_mark(gatherd, odd):
    path = gatherd.folder / "out.json"
    assert gatherd.run("--once", "-o", path, config=odd).status == 0
    text = path.read_bytes().decode("utf-8")
    assert text[0] == "{" and text.endswith("}\n")
    # In JSON a control character is an escape.
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


# ---- output.max_size ----


def test_what_does_not_fit_is_left_out_largest_first(gatherd, upstream):
    sizes = {"small": 2_000, "large": 30_000, "middle": 9_000}
    for name, size in sizes.items():
        upstream.answers["/" + name] = answer(json.dumps("x" * size))
    config = {
        "output": {"file": "out.json", "max_size": "16KiB"},
        "services": {name: upstream.url + "/" + name for name in sizes},
    }
    result = gatherd.run("--rounds", "2", config=config)
    assert result.status == 0
    text = (gatherd.folder / "out.json").read_bytes()
    assert len(text) <= 16 * 1024
    document = parse_document(text)
    entries = document["services"]
    assert document["status"] == "ok"
    assert entries["large"]["data"] is None and entries["large"]["status"] == "ok"
    assert len(entries["large"]["warnings"]) == 1
    assert "16KiB" in entries["large"]["warnings"][0]
    assert "output.max_size" in entries["large"]["warnings"][0]
    for name in ("small", "middle"):
        assert entries[name]["data"] == "x" * sizes[name] and entries[name]["warnings"] == []
    # Told once, not with every document.
    told = [line for line in result.stderr.splitlines() if "output.max_size" in line]
    assert len(told) == 1 and "warn [large] " in told[0]


def test_as_little_as_possible_is_left_out(gatherd, upstream):
    upstream.answers["/a"] = answer(json.dumps("x" * 5_000))
    config = {"services": {name: upstream.url + "/a" for name in "abcd"}}
    whole = len(gatherd.once(config).stdout)
    config["output"] = {"max_size": whole + 100}
    assert all(entry["data"] for entry in gatherd.once(config).document["services"].values())
    config["output"] = {"max_size": whole - 200}
    entries = gatherd.once(config).document["services"]
    assert [name for name, entry in entries.items() if entry["data"] is None] == ["a"]
