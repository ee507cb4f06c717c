"""--print-config, --print-schema, and the example configs."""

import re
import subprocess

import jsonschema
import pytest
import yaml

from conftest import BUILD, PATIENCE, TOP
from helpers_document import print_schema

EXAMPLES = sorted((TOP / "conf").glob("*.yaml"))

# What the examples take from outside.
OUTSIDE = {
    "SHOP_TOKEN": "token-of-the-shop",
    "SHOP_PASSWORD": "password-of-the-shop",
    "STOCK_SECRET": "secret-of-the-stock",
    "ANTHROPIC_API_KEY": "key-of-a-model",
    "GEMINI_API_KEY": "key-of-a-model",
    "OPENAI_API_KEY": "key-of-a-model",
}
CERTIFICATES = ["ca.pem", "client.pem", "client-key.pem"]

BIG = r"""
interval: 1m30s
spread: 12s
align: on
timeout: 1500ms
publish_after: 0
connect_timeout: 0.5
max_concurrent: 17
x-slow: &slow {timeout: 1m, interval: 1d}
vars:
  region: eu
  host: ${plain:HOST_OF_TESTS}
  fallback: ${NOT_SET:-instead}
  answer: 42
  yes_text: yes
  truth: true
  nothing: null
  quoted: "true"
  number_text: "012"
  tilde: ~
  dollar: $$HOME costs $5
  token: ${API_KEY}
  list: [a, 'b: c', "#d", -1.50, [], {}]
  words: [a, "b c"]
  map: {deep: {deeper: "- x"}, "odd key: {": 1}
  lines: |
    first
      second

    last
  spaces: "  both ends  "
  unicode: "ü \u2028 \x07 \U0001F600"
include: [conf.d/*.yaml]
defaults:
  headers:
    X-Team: web
    Authorization: Bearer ${API_KEY}
  labels: {tier: "1"}
  max_body: 512KiB
output:
  file: out/${plain:HOST_OF_TESTS}.json
  permissions: 0640
  max_size: 10MB
  sync: off
log: {level: debug, format: json}
services:
  short: https://${plain:HOST_OF_TESTS}/{{region}}?q={{{answer}}}
  "with: colon, \"quotes\" and ü": &one
    url: https://user:${file:secret}@example.com/
    description: |
      Several
      lines.
    labels: {tier: "2", owner: "Ada: the \"first\""}
    headers: {authorization: "Basic ${API_KEY}", X-Team: "{{region}} team"}
  "- dash":
    <<: [*slow, *one]
    url: http://[::1]:8080/a%20b#frag
    enabled: no
  "null": {url: "http://x/", format: none, data: no, keep_last: yes, reuse: false, required: off}
  "1": {url: "http://x/", format: json, max_depth: 1000, redirects: 0, deadline: 10m}
  section: "http://x/{{#words}}{{.}}{{/words}}{{^nothing}}-{{/nothing}}"
"""
MORE = "services:\n  more: http://more.example/\n  later: {url: http://x/, group: g}\n"


@pytest.fixture
def outside(gatherd):
    """gatherd where everything that BIG and the examples need is there."""
    gatherd.environment.update(OUTSIDE, HOST_OF_TESTS="host.example", API_KEY="k3y-of-the-api")
    gatherd.environment.pop("NOT_SET", None)
    gatherd.environment["CERTIFICATES"] = str(gatherd.folder)
    for name in CERTIFICATES:
        (gatherd.folder / name).write_text("a certificate or a key\n")
    (gatherd.folder / "secret").write_text("pa55word\n")
    gatherd.config(MORE, "conf.d/more.yaml")
    return gatherd


@pytest.fixture
def big(outside):
    return outside.config(BIG)


def print_config(gatherd, path, *arguments):
    result = gatherd.run("--print-config", "-c", path, *arguments)
    assert result.status == 0, result.stderr
    return result.stdout


# ---- printing ----


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_printed_example_prints_the_same(outside, example):
    once = print_config(outside, example)
    assert print_config(outside, outside.config(once, "printed.yaml")) == once


def test_a_printed_config_prints_the_same(outside, big):
    once = print_config(outside, big)
    (outside.folder / "conf.d" / "more.yaml").unlink()
    assert print_config(outside, outside.config(once, "printed.yaml")) == once


def test_a_printed_config_asks_the_same(gatherd, upstream):
    text = """
vars: {region: e u, list: [a, "b/c"], token: "${API_KEY}", half: "$${API_KEY}"}
defaults: {headers: {X-Both: "{{region}}", Authorization: "Bearer ${API_KEY}"}, redirects: 0}
services:
  a: URL/echo/{{region}}?{{#list}}{{.}},{{/list}}
  "b: c": {url: "URL/echo/{{half}}", headers: {x-both: "own # one", X-More: " y "}}
  d: {url: URL/echo/d, format: text, enabled: yes}
"""
    gatherd.environment["API_KEY"] = "k3y-of-the-api"
    first = gatherd.config(text.replace("URL", upstream.url))
    second = gatherd.config(print_config(gatherd, first), "printed.yaml")
    asked = []
    for path in (first, second):
        upstream.requests.clear()
        assert gatherd.run("--once", "-c", path, "-o", "-").status == 0
        asked.append(
            sorted((request.target, sorted(request.headers)) for request in upstream.requests)
        )
    assert asked[0] == asked[1]
    assert any(("Authorization", "Bearer k3y-of-the-api") in headers for _, headers in asked[0])
    assert any("%24%7BAPI_KEY%7D" in target for target, _ in asked[0])


def test_defaults_and_includes_are_filled_in(outside, big):
    printed = yaml.safe_load(print_config(outside, big))
    assert printed["interval"] == "1m30s"
    assert printed["connect_timeout"] == "500ms" and printed["spread"] == "12s"
    assert printed["align"] is True and printed["publish_after"] == "0s"
    assert printed["output"]["max_size"] == 10_000_000
    assert list(printed["services"]) == [
        "short",
        'with: colon, "quotes" and ü',
        "- dash",
        "null",
        "1",
        "section",
        "more",
        "later",
    ]
    assert not {"include", "defaults", "x-slow"} & set(printed)
    more = printed["services"]["more"]
    assert more["headers"]["X-Team"] == "web" and more["labels"] == {"tier": "1"}
    assert more["timeout"] == "1.5s" and more["interval"] == "1m30s"
    assert more["deadline"] == "1m30s" and more["max_depth"] == 28
    assert more["keep_last"] is False and printed["services"]["null"]["keep_last"] is True
    dash = printed["services"]["- dash"]
    assert dash["timeout"] == "1m" and dash["interval"] == "1d" and dash["enabled"] is False
    assert dash["labels"]["tier"] == "2" and dash["description"] == "Several\nlines.\n"
    odd = printed["services"]['with: colon, "quotes" and ü']
    # Headers are the same in any case: the default is overridden, not added.
    assert [name.lower() for name in odd["headers"]] == ["authorization", "x-team"]


def test_values_keep_what_they_are(outside, big):
    printed = yaml.safe_load(print_config(outside, big))["vars"]
    assert printed["truth"] is True and printed["quoted"] == "true"
    assert printed["nothing"] is None and printed["number_text"] == "012"
    assert printed["answer"] == 42
    assert printed["list"] == ["a", "b: c", "#d", -1.5, [], {}]
    assert printed["map"] == {"deep": {"deeper": "- x"}, "odd key: {": 1}
    assert printed["lines"] == "first\n  second\n\nlast\n"
    assert printed["spaces"] == "  both ends  "
    assert printed["unicode"] == "ü \u2028 \x07 \U0001f600"
    assert printed["dollar"] == "$$HOME costs $5"


def test_secrets_are_printed_as_their_references(outside, big):
    text = print_config(outside, big)
    for secret in ("k3y", "pa55word"):
        assert secret not in text
    printed = yaml.safe_load(text)
    assert printed["vars"]["token"] == "${API_KEY}"
    assert printed["vars"]["host"] == "${plain:HOST_OF_TESTS}"
    odd = printed["services"]['with: colon, "quotes" and ü']
    assert odd["url"] == "https://user:${file:secret}@example.com/"
    assert odd["headers"]["authorization"] == "Basic ${API_KEY}"


def test_files_of_included_files_are_found_from_the_printed_config(gatherd, upstream):
    (gatherd.folder / "secret").write_text("of-the-main-file\n")
    (gatherd.folder / "conf.d").mkdir()
    (gatherd.folder / "conf.d" / "secret").write_text("of-the-included-file\n")
    echo = f"{upstream.url}/echo"
    main = {"include": "conf.d/*.yaml", "services": {"a": echo + "/${file:secret}/{{v}}"}}
    more = {"vars": {"v": "${file:secret}"}, "services": {"b": echo + "/${file:secret}"}}
    gatherd.config(main)
    gatherd.config(more, "conf.d/more.yaml")
    text = print_config(gatherd, "gatherd.yaml")
    printed = yaml.safe_load(text)
    assert printed["vars"] == {"v": "${file:conf.d/secret}"}
    assert printed["services"]["a"]["url"].endswith("/echo/${file:secret}/{{v}}")
    assert printed["services"]["b"]["url"].endswith("/echo/${file:conf.d/secret}")
    gatherd.config(text, "printed.yaml")
    assert gatherd.run("--once", "-c", "printed.yaml", "-o", "-").status == 0
    assert sorted(request.target for request in upstream.requests) == [
        "/echo/of-the-included-file",
        "/echo/of-the-main-file/of-the-included-file",
    ]


def test_literal_secrets_are_not_printed(gatherd):
    text = """
vars: {key: l1teral, base: "https://u:l1teral@x", fine: shown}
services:
  a:
    url: http://user:l1teral@x/
    headers: {Authorization: Bearer l1teral, Cookie: "id=l1teral; b=${COOKIE}"}
  b: {url: "{{{base}}}/{{fine}}", headers: {Authorization: "Bearer {{key}}"}}
"""
    gatherd.environment["COOKIE"] = "c00kie"
    printed = print_config(gatherd, gatherd.config(text))
    assert "l1teral" not in printed and "c00kie" not in printed
    assert "***" in printed and "shown" in printed and "b=${COOKIE}" in printed


def test_options_show_in_what_is_printed(gatherd, upstream):
    config = {
        "vars": {"x": 1},
        "services": {name: upstream.url + "/{{x}}" for name in ("a", "b")},
    }
    printed = yaml.safe_load(
        print_config(gatherd, gatherd.config(config), "--var", "x=two", "--only", "b")
    )
    assert printed["vars"] == {"x": "two"}
    assert list(printed["services"]) == ["b"]
    assert upstream.connections == 0


def test_of_a_for_each_of_which_only_some_are_wanted_all_of_it_is_printed(gatherd):
    each = {"url": "http://x/{{n}}", "for_each": {"n": [1, 2, 3]}}
    services = {"s-{{n}}": each, "t": "http://y/"}
    path = gatherd.config({"services": services})
    text = print_config(gatherd, path, "--only", "s-2,s-3")
    printed = yaml.safe_load(text)
    assert list(printed["services"]) == ["s-{{n}}"]
    assert printed["services"]["s-{{n}}"]["for_each"] == {"n": [1, 2, 3]}
    again = gatherd.config(text, "printed.yaml")
    assert print_config(gatherd, again, "--only", "s-2,s-3") == text


def test_durations_and_sizes_are_printed_short(gatherd):
    text = "interval: 3600\ntimeout: 0.25s\nconnect_timeout: 90s\noutput: {max_size: 1048576}\n"
    printed = yaml.safe_load(print_config(gatherd, gatherd.config(text)))
    assert printed["interval"] == "1h" and printed["timeout"] == "250ms"
    assert printed["connect_timeout"] == "1m30s" and printed["output"]["max_size"] == "1MiB"


@pytest.mark.parametrize(
    "options",
    [["--print-config", "-c", "gatherd.yaml"], ["--print-schema", "config"], ["-h"], ["-V"]],
    ids=lambda options: options[0],
)
def test_what_could_not_be_printed_is_told(gatherd, options):
    gatherd.config({})
    with open("/dev/full", "w") as full:
        result = gatherd.run(*options, stdout=full)
    assert result.status == 3
    assert "No space left" in result.stderr


# ---- the schema ----


@pytest.fixture(scope="session")
def schema():
    return print_schema("config")


@pytest.fixture(scope="session")
def validator(schema):
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_one_of_2020_12(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_of_the_schema_is_described(schema):
    service = schema["properties"]["services"]["additionalProperties"]["anyOf"][1]
    prompt = schema["properties"]["prompts"]["additionalProperties"]
    provider = schema["properties"]["providers"]["additionalProperties"]
    tables = [schema, service, prompt, provider]
    tables += [schema["properties"][key] for key in ("output", "metrics", "log")]
    for table in (prompt, provider):
        tables += [table["properties"]["budget"]]
    for table in tables:
        assert table["additionalProperties"] is False
        for key, its in table["properties"].items():
            assert its["description"].endswith("."), key
    assert service["required"] == ["url"] and prompt["required"] == ["prompt"]
    assert provider["required"] == ["api"]
    defaults = schema["properties"]["defaults"]
    targets = set(service["properties"]) | set(prompt["properties"])
    assert set(defaults["properties"]) == targets - {"url", "prompt", "for_each"}
    assert "required" not in defaults


def test_the_defaults_of_the_schema_are_those_of_the_program(gatherd, schema):
    text = print_config(gatherd, gatherd.config("services: {a: http://x/}"))
    printed = yaml.safe_load(text.replace(": 0644", ": '0644'"))
    service = schema["properties"]["services"]["additionalProperties"]["anyOf"][1]
    for table, values in (
        (schema, printed),
        (schema["properties"]["output"], printed["output"]),
        (schema["properties"]["metrics"], printed["metrics"]),
        (schema["properties"]["log"], printed["log"]),
        (service, printed["services"]["a"]),
    ):
        stated = [key for key, its in table["properties"].items() if "default" in its]
        assert stated
        for key in stated:
            # What is a word here, as 1.1, is a number to some readers.
            assert str(values[key]) == str(table["properties"][key]["default"]), key


def test_every_key_of_the_schema_is_taken(gatherd, schema):
    service = schema["properties"]["services"]["additionalProperties"]["anyOf"][1]
    samples = {"headers": {"X": "y"}, "labels": {"a": "b"}, "url": "http://x/"}
    samples |= {"group": "g", "description": "d"}
    samples |= {key: "7s" for key in ("interval", "timeout", "connect_timeout", "deadline")}
    samples |= {"method": "PUT", "json": {"a": [1, "{{a}}"]}, "auth": {"bearer": "${TOKEN}"}}
    samples |= {"tls": {"min_version": "1.3", "verify": True}, "proxy": "http://p:3128"}
    samples |= {"resolve": {"x": "127.0.0.1"}, "expect": {"status": "200-299"}}
    samples |= {"warn": {"json": {"/a": {"maximum": 1}}}, "extract": {"v": "/v"}}
    samples |= {"needs": "b", "for_each": {"b": [1, 2]}}
    # One body is enough, and a proxy leads to no socket.
    others = {"body", "form", "unix_socket"}
    whole = {
        key: samples[key] if key in samples else its["default"]
        for key, its in service["properties"].items()
        if key not in others
    }
    own_only = {"url", "for_each", "needs"}
    config = {
        "services": {"a{{b}}": whole, "b": "http://x/"},
        "defaults": {key: value for key, value in whole.items() if key not in own_only},
        "output": {"file": "out.json", "metrics": "out.prom", "page": "out.html"},
        "listen": "127.0.0.1:8787",
        "metrics": {},
        "log": {},
        "include": [],
        "vars": {"a": 1},
        "x-mine": [],
    }
    for table in ("output", "metrics", "log"):
        for key, its in schema["properties"][table]["properties"].items():
            config[table].setdefault(key, its.get("default"))
    config |= {"max_per_host": 4, "rate_per_host": "20/s"}
    for key, its in schema["properties"].items():
        config.setdefault(key, its.get("default"))
    result = gatherd.run("--check", config=config, env={"TOKEN": "a-token"})
    assert result.status == 0, result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_fit_the_schema(validator, example):
    validator.validate(yaml.safe_load(example.read_text()))


def test_good_configs_fit_the_schema(outside, big, validator):
    validator.validate(yaml.safe_load(BIG.replace("tilde: ~", "")))
    validator.validate(yaml.safe_load(MORE))
    validator.validate(yaml.safe_load(print_config(outside, big)))
    validator.validate({})


GOOD = [
    "interval: 1.5",
    "interval: '1.5'",
    "interval: 1d2h3m4s5ms",
    "spread: 0",
    "spread: 1m",
    "align: yes",
    "publish_after: 0s",
    "timeout: ${TIMEOUT}",
    "timeout: ${TIMEOUT:-3s}",
    "max_concurrent: '12'",
    "output: {permissions: 0644}",
    "output: {permissions: '0644'}",
    "output: {permissions: 0o600}",
    "output: {permissions: 0777}",
    "output: {sync: off}",
    "output: {sync: 'off'}",
    "output: {max_size: 1.5GiB}",
    "output: ",
    "log: {level: debug}",
    "include: a.yaml",
    "include: [a.yaml, b/*.yaml]",
    "vars: {a: {b: [1, null, true]}}",
    "services: ",
    "prompts: ",
    "providers: {}",
    "services: {a: http://x/}",
    "services: {a: {url: http://x/, headers: {X: 1, Y: true, Z: }}}",
    "defaults: {max_depth: 28, redirects: 0, max_body: 0.5KiB}",
    "x-any: [thing]",
]


@pytest.mark.parametrize("text", GOOD)
def test_the_schema_takes_what_the_program_takes(gatherd, validator, text):
    gatherd.environment.update(TIMEOUT="3s")
    for name in ("a.yaml", "b/b.yaml"):
        gatherd.config("{}", name)
    result = gatherd.run("--check", config=text)
    assert result.status == 0, result.stderr
    validator.validate(yaml.safe_load(text))


BAD = [
    "intervall: 3s",
    "interval: soon",
    "interval: 0",
    "interval: 0s",
    "interval: -1",
    "interval: 3s1m",
    "interval: 1s500",
    "interval: 'ms'",
    "interval: ''",
    "spread: -1",
    "spread: all",
    "align: 1",
    "publish_after: ''",
    "timeout: [3]",
    "timeout: true",
    "max_concurrent: 0",
    "max_concurrent: 1000001",
    "max_concurrent: 1.5",
    "max_concurrent: many",
    "output: out.json",
    "output: {file: a, flie: b}",
    "output: {permissions: rw}",
    "output: {permissions: '0688'}",
    "output: {sync: maybe}",
    "output: {max_size: 0}",
    "output: {max_size: 64KB}",
    "log: {level: loud}",
    "log: {format: xml}",
    "log: {colour: true}",
    "include: {a: b}",
    "include: [[a]]",
    "vars: [a]",
    "vars: {now: 1}",
    "vars: {1st: 1}",
    "vars: {a.b: 1}",
    "defaults: {url: http://x/}",
    "defaults: {format: xml}",
    "defaults: {redirects: 51}",
    "defaults: {keep_last: maybe}",
    "defaults: {spread: 1s}",
    "defaults: {headers: [X]}",
    "defaults: {headers: {'X Y': 1}}",
    "defaults: {headers: {X: [1]}}",
    "services: [http://x/]",
    "services: {a: [http://x/]}",
    "services: {a: {timeout: 3s}}",
    "services: {a: {url: http://x/, fromat: text}}",
    "services: {a: {url: http://x/, retry: 1}}",
    "services: {a: {url: ''}}",
    "services: {'': http://x/}",
    "prompts: []",
    "providers: []",
]


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_the_program_refuses(gatherd, validator, text):
    assert gatherd.run("--check", config=text).status == 2
    assert not validator.is_valid(yaml.safe_load(text))


# ---- the examples ----


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_have_no_fault(outside, example):
    result = outside.run("--check", "-c", example)
    assert result.status == 0
    # The one to begin with has none yet.
    lines = result.stderr.splitlines()
    empty = "warning: no services or prompts: nothing is asked"
    assert [line.partition(": ")[2] for line in lines] == (
        [empty] if example.name == "gatherd.yaml" else []
    )
    counts = r"(0 services, 1 warning|\d+ services?(, \d+ prompts?)?|\d+ prompts?)"
    assert re.fullmatch(rf"{example}: ok \({counts}\)\n", result.stdout)


def test_a_missing_token_of_an_example_is_told(gatherd):
    gatherd.environment.pop("SHOP_TOKEN", None)
    result = gatherd.run("--check", "-c", TOP / "conf" / "dashboard.yaml")
    assert result.status == 2
    assert "SHOP_TOKEN: set it to a token that may read" in result.stderr


def test_the_demo_runs(gatherd):
    with subprocess.Popen(
        [BUILD / "gatherd-demo", "--port", "0", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        url = re.search(r"http://\S+", demo.stdout.readline())[0]
        result = gatherd.run(
            "--once", "-c", TOP / "conf" / "demo.yaml", "--var", f"shop={url}", "-o", "-"
        )
        again = gatherd.run(
            "--once", "-c", TOP / "conf" / "demo.yaml", "--var", f"shop={url}", "-o", "-"
        )
        demo.stdin.close()
        assert demo.wait(PATIENCE) == 0
    assert result.status == 1
    entries = result.document["services"]
    assert {name: entry["status"] for name, entry in entries.items()} == {
        "profile": "ok",
        "orders": "ok",
        "payments": "timeout",
        "reviews": "http_error",
        "terms": "ok",
    }
    assert entries["profile"]["data"]["name"] == "Ada"
    # Numbers that no double can tell apart keep their text.
    assert [order["id"] for order in entries["orders"]["data"]["latest"]] == [
        9007199254740993,
        9007199254740992,
    ]
    assert isinstance(entries["terms"]["data"], str)
    # Demanded was 0.8 s of a service that takes 8.
    assert result.document["round"]["duration_ms"] < 4000
    assert again.document["services"]["reviews"]["status"] == "ok"
