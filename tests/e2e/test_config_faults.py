"""Configs that are wrong: each fault is told at its place, and nothing is asked."""

import re
import stat

import pytest

from helpers_gatherd import names_in, needs

# What is wrong, a config with it, where it is told, and words of how. URL stands for an
# upstream; the services that have it are well.
FAULTS = [
    # ---- YAML itself ----
    ("an open list", "services:\n  a: [\n", "3:1", "not valid YAML"),
    ("an open quote", 'interval: "3s\n', "2:1", "not valid YAML", "line 1"),
    ("an open address", "listen: [::1]:80\n", "1:10", "not valid YAML", "[::1]:8787", "quoted"),
    ("a star", "listen: *:80\n", "1:10", "not valid YAML", "alias", "quoted"),
    ("a tab", "services:\n\ta: URL\n", "2:1", "not valid YAML", "a tab"),
    ("bad indentation", "services:\n  a: URL\n b: URL\n", "3:2", "not valid YAML"),
    ("two documents", "services: {a: URL}\n---\nservices: {}\n", "2:1", "second document"),
    ("no map", "- services\n", "1:1", "expected a map"),
    ("a text", "services\n", "1:1", "expected a map"),
    ("a key that is a list", "? [services]\n: {a: URL}\n", "1:3", "key", "list"),
    ("a key that is a map", "services:\n  ? {a: b}\n  : URL\n", "2:5", "key", "map"),
    ("a tag", "timeout: !!str 3s\n", "1:10", "tag"),
    ("a tag of one's own", "services:\n  a: !secret URL\n", "2:6", "tag", "!secret"),
    ("a control character", "timeout: 3s\x01\n", "1:12", "U+0001"),
    ("a NUL that is written out", 'services: {a: "URL\\0"}\n', "1:15", "NUL"),
    ("no UTF-8", b"timeout: 3s\nservices: {\xffa: URL}\n", "2:12", "UTF-8", "0xff"),
    ("UTF-16", "timeout: 3s\n".encode("utf-16"), "1:1", "UTF-16"),
    ("a doubled key", "timeout: 3s\nlog: {}\ntimeout: 4s\n", "3:1", "doubled", "line 1"),
    ("a doubled service", "services:\n  a: URL\n  b: URL\n  a: URL\n", "4:3", "doubled", "line 2"),
    ("an unknown alias", "services:\n  a: *nobody\n", "2:6", "unknown alias *nobody"),
    ("an alias in itself", "x-a: &a\n  b: [*a]\n", "2:7", "*a is part of itself"),
    ("a merge of no map", "x-a: &a 3\nlog:\n  <<: *a\n", "3:3", "<<", "map"),
    # ---- keys ----
    ("an unknown key", "intervall: 3s\n", "1:1", "unknown key intervall", "did you mean interval?"),
    ("like no other", "zzz: 3s\n", "1:1", "unknown key zzz", "expected one of interval, spread"),
    ("of a target", "retries: 3\n", "1:1", "unknown key retries: it stands in defaults"),
    ("of a target alone", "url: URL\n", "1:1", "unknown key url: expected one of interval"),
    ("in output", "output: {flie: a}\n", "1:10", "unknown key flie", "did you mean file?"),
    ("in log", "log:\n  levle: info\n", "2:3", "unknown key levle", "did you mean level?"),
    ("in defaults", "defaults: {timout: 3s}\n", "1:12", "timout", "did you mean timeout?"),
    (
        "in a service",
        "services:\n  a: URL\n  b:\n    url: URL\n    fromat: text\n",
        "5:5",
        "unknown key fromat",
        "did you mean format?",
    ),
    ("x- in a service", "services:\n  a: {url: URL, x-team: b}\n", "2:", "unknown key x-team"),
    ("a URL in defaults", "defaults:\n  url: URL\n", "2:3", "defaults", "own url"),
    ("no URL", "services:\n  a: URL\n  b: {timeout: 3s}\n", "3:3", "b: url is missing"),
    ("nothing", "services:\n  a: URL\n  b:\n", "3:3", "b: url is missing"),
    ("a list of services", "services:\n  - URL\n", "2:3", "services", "map"),
    ("a service that is a list", "services:\n  a: [URL]\n", "2:6", "a: ", "URL", "map"),
    # ---- values ----
    ("no duration", "timeout: soon\n", "1:10", "timeout", "duration", "2s"),
    ("no unit", "timeout: 3 s\n", "1:10", "timeout", "duration"),
    ("units in disorder", "timeout: 3s1m\n", "1:10", "timeout", "duration"),
    ("a negative duration", "timeout: -3s\n", "1:10", "timeout", "over 0"),
    ("no time at all", "services:\n  a: {url: URL, timeout: 0s}\n", "2:", "timeout", "over 0"),
    ("a list for a duration", "interval: [3s]\n", "1:11", "interval", "not a list"),
    ("a map for a duration", "interval: {s: 3}\n", "1:11", "interval", "not a map"),
    ("nothing for a duration", "interval:\n", "1:10", "interval", "duration"),
    ("a negative spread", "spread: -1s\n", "1:9", "spread: expected a duration such as"),
    ("no alignment", "align: hourly\n", "1:8", "align", "true or false"),
    ("no pause", "publish_after: never\n", "1:16", "publish_after", "duration such as"),
    ("an own spread", "services: {a: {url: URL, spread: 1s}}\n", "1:", "unknown key spread"),
    ("no keeping", "defaults: {keep_last: 3}\n", "1:23", "keep_last", "true or false"),
    ("no size", "output: {max_size: huge}\n", "1:20", "max_size", "size", "64KiB"),
    ("no room", "defaults: {max_body: 0}\n", "1:22", "max_body", "size over 0"),
    ("a fraction of a byte", "defaults: {max_body: 0.5B}\n", "1:22", "max_body", "size"),
    ("no number", "max_concurrent: many\n", "1:17", "max_concurrent", "whole number"),
    ("none at once", "max_concurrent: 0\n", "1:17", "max_concurrent", "from 1"),
    ("an octal number", "max_concurrent: 012\n", "1:17", "max_concurrent", "whole number"),
    ("too many redirects", "defaults: {redirects: 51}\n", "1:23", "redirects", "from 0 to 50"),
    ("too deep a body", "defaults: {max_depth: 1001}\n", "1:23", "max_depth", "to 1000"),
    ("no truth", "output: {sync: maybe}\n", "1:16", "sync", "true or false"),
    ("no permissions", "output: {permissions: rw-r--r--}\n", "1:23", "permissions", "octal"),
    ("no octal permissions", "output: {permissions: 0688}\n", "1:23", "permissions", "octal"),
    ("no level", "log: {level: loud}\n", "1:14", "level", "error, warn, info or debug"),
    ("nearly a level", "log: {level: dubug}\n", "1:14", "level", "did you mean debug?"),
    ("no format", "defaults: {format: xml}\n", "1:20", "format", "auto, json, text or none"),
    ("a text for a map", "output: out.json\n", "1:9", "output", "map"),
    ("a list of headers", "defaults: {headers: [A]}\n", "1:21", "headers", "map"),
    ("no header's name", 'defaults: {headers: {"X Y": 1}}\n', "1:22", "headers", '"X Y"'),
    ("an empty name", 'defaults: {headers: {"": 1}}\n', "1:22", "headers", "name"),
    ("a line break", 'defaults: {headers: {X: "a\\r\\nb"}}\n', "1:25", "X", "line break"),
    ("one header twice", "defaults: {headers: {Ab: 1, aB: 2}}\n", "1:29", "aB", "same", "Ab"),
    ("a list for a header", "defaults: {headers: {X: [1]}}\n", "1:25", "headers", "not a list"),
    ("a list of labels", "defaults: {labels: [a]}\n", "1:20", "labels", "map"),
    # ---- names ----
    ("no name", 'services:\n  a: URL\n  "": URL\n', "3:3", "name"),
    ("a line break in a name", 'services: {"a\\nb": URL}\n', "1:12", "control character"),
    ("C1 in a name", 'services: {"a\\x9bb": URL}\n', "1:12", "control character"),
    ("a long name", "services:\n  " + 43 * "äö" + ": URL\n", "2:3", "128 bytes"),
    ("a reserved name", "vars: {services: 1}\n", "1:8", "vars", "services"),
    ("a number as a name", "vars: {1st: 1}\n", "1:8", "vars", "1st", "letter"),
    ("a dot in a name", "vars: {a.b: 1}\n", "1:8", "vars", "a.b"),
    # ---- URLs ----
    ("another scheme", "services: {a: ftp://x/}\n", "1:15", "url", "http(s)", "scheme"),
    ("no scheme", "services: {a: www.example.com}\n", "1:15", "url", "http://"),
    ("a file", "services: {a: /etc/passwd}\n", "1:15", "url", "http://"),
    ("no host", "services: {a: 'http:///x'}\n", "1:15", "url", "host"),
    ("a blank", "services: {a: http://x/a b}\n", "1:15", "url", "blank"),
    ("no port", "services: {a: 'http://x:99999/'}\n", "1:15", "url", "port"),
    ("an empty URL", "services: {a: ''}\n", "1:15", "url"),
    ("blanks in a host", "services: {a: 'http://a b/'}\n", "1:15", "url", "blank"),
    # ---- templates ----
    (
        "an unknown name",
        "vars: {region: eu}\nservices:\n  a: URL\n  b: URL/{{regoin}}\n",
        "4:6",
        "unknown name regoin",
        "did you mean region?",
    ),
    ("a service's name", "services: {a: URL, b: 'URL/{{services.a}}'}\n", "1:", "services.a"),
    ("an open tag", "services: {a: 'URL/{{x'}\n", "1:15", "url", "not closed"),
    ("an open section", "services: {a: 'URL/{{#x}}'}\n", "1:15", "url", '"x"', "not closed"),
    ("a stray end", "services: {a: 'URL/{{/x}}'}\n", "1:15", "url", "x"),
    ("a partial", "services: {a: 'URL/{{>x}}'}\n", "1:15", "url"),
    ("a list in a URL", "vars: {l: [1]}\nservices: {a: 'URL/{{l}}'}\n", "2:15", "l is a list"),
    ("null in a URL", "vars: {l: null}\nservices: {a: 'URL/{{l}}'}\n", "2:15", "l is null"),
    (
        "in a header",
        "services:\n  a: URL\n  b:\n    url: URL\n    headers:\n      X: a{{nope}}\n",
        "6:10",
        "headers: X",
        "unknown name nope",
    ),
    ("in defaults", "defaults: {headers: {X: '{{nope}}'}}\n", "1:25", "unknown name nope"),
    ("a host of now", "services: {a: 'http://{{now}}/'}\n", "1:15", "url", "host", "now"),
    # ---- values from outside ----
    ("not set", "services: {a: 'URL/${NOT_SET}'}\n", "1:15", "NOT_SET is not set"),
    ("empty is not set", "services: {a: 'URL/${EMPTY}'}\n", "1:15", "EMPTY is not set"),
    ("in words", "services: {a: 'URL/${NOT_SET:?ask Ada}'}\n", "1:15", "NOT_SET: ask Ada"),
    ("not set and plain", "timeout: ${plain:NOT_SET}\n", "1:10", "NOT_SET is not set"),
    ("no file", "services: {a: 'URL/${file:no/key}'}\n", "1:15", "no/key", "No such file"),
    ("no file but a folder", "services: {a: 'URL/${file:/}'}\n", "1:15", "directory"),
    ("an empty file", "services: {a: 'URL/${file:empty}'}\n", "1:15", "empty"),
    ("no credential", "services: {a: 'URL/${credential:k}'}\n", "1:15", "CREDENTIALS_DIRECTORY"),
    ("a path", "services: {a: 'URL/${credential:a/b}'}\n", "1:15", "credential", "without /"),
    ("unknown", "services: {a: 'URL/${flie:k}'}\n", "1:15", "${flie:", "did you mean ${file:"),
    ("not closed", "services: {a: 'URL/${KEY'}\n", "1:15", "unclosed ${"),
    ("malformed", "services: {a: 'URL/${A B}'}\n", "1:15", "malformed ${...}"),
    ("not as it must be", "timeout: ${SECRET}\n", "1:10", "timeout", "duration", "put in"),
    # ---- include ----
    ("nothing there", "services: {a: URL}\ninclude: [no.yaml]\n", "2:11", "no.yaml", "No such"),
    ("itself", "include: [gatherd.yaml]\n", "1:11", "itself"),
    ("a map of files", "include: {a: b}\n", "1:10", "include", "list"),
    ("no name of a file", "include: ['']\n", "1:11", "include", "name of a file"),
]

# Words of later versions are as unknown as any other.
LATER_FILE_KEYS = ["control", "history"]
for key in LATER_FILE_KEYS:
    text = f"{key}: 1\nservices: {{a: URL}}\n"
    FAULTS.append((f"later: {key}", text, "1:1", f"unknown key {key}"))


@pytest.fixture
def broken(gatherd, upstream):
    """A function that runs a config that has faults and returns them, a line each."""
    (gatherd.folder / "empty").touch()
    gatherd.environment.pop("NOT_SET", None)
    gatherd.environment.pop("CREDENTIALS_DIRECTORY", None)
    gatherd.environment.update(EMPTY="", SECRET="s3cr3t-of-many-letters")

    def run(text, *arguments, **files):
        for name, content in {"gatherd": text, **files}.items():
            if isinstance(content, str):
                content = content.encode()
            path = gatherd.folder / f"{name}.yaml"
            path.write_bytes(content.replace(b"URL", upstream.url.encode()))
        before = names_in(gatherd.folder)
        result = gatherd.run("--once", "-c", "gatherd.yaml", "-o", "out.json", *arguments)
        assert result.status == 2
        assert result.stdout == ""
        assert upstream.connections == 0
        assert names_in(gatherd.folder) == before
        assert "s3cr3t" not in result.stderr
        return result.stderr.splitlines()

    return run


@pytest.mark.parametrize(
    "text, place, words", [pytest.param(*row[1:3], row[3:], id=row[0]) for row in FAULTS]
)
def test_a_fault_is_told_at_its_place(broken, text, place, words):
    lines = broken(text)
    assert len(lines) == 1, lines
    match = re.fullmatch(r"gatherd\.yaml:(\d+:\d+): error: (.+)", lines[0])
    assert match, lines[0]
    # The column behind a URL depends on its length.
    if place.endswith(":"):
        assert match[1].startswith(place), lines[0]
    else:
        assert match[1] == place, lines[0]
    for word in words:
        assert word in match[2]


def test_check_tells_the_same(gatherd, broken):
    text = "interval: 0\nservices:\n  a: URL\n  b: {url: URL, fromat: text}\n  c: 'URL/{{x}}'\n"
    lines = broken(text)
    result = gatherd.run("--check", "-c", "gatherd.yaml")
    assert result.status == 2 and result.stdout == ""
    assert result.stderr.splitlines() == lines
    for option in ("--print-config", "-t"):
        result = gatherd.run(option, "-c", "gatherd.yaml")
        assert result.status == 2 and result.stdout == ""
        assert result.stderr.splitlines() == lines


def places(lines):
    return [line.partition(": ")[0] for line in lines]


def test_all_faults_are_told_in_file_order(broken):
    lines = broken(
        "services:\n"
        "  a: {url: ftp://x/, timeout: 0, fromat: text}\n"
        "  b: URL\n"
        "  c:\n"
        "    headers: {X: '{{nope}}'}\n"
        "log: {level: loud}\n"
        "interval: soon\n"
        "vars: {now: 1}\n"
        "intervall: 3s\n"
        "output: {permissions: 9, sync: maybe}\n"
    )
    assert places(lines) == [
        "gatherd.yaml:2:12",
        "gatherd.yaml:2:31",
        "gatherd.yaml:2:34",
        "gatherd.yaml:4:3",
        "gatherd.yaml:5:18",
        "gatherd.yaml:6:14",
        "gatherd.yaml:7:11",
        "gatherd.yaml:8:8",
        "gatherd.yaml:9:1",
        "gatherd.yaml:10:23",
        "gatherd.yaml:10:32",
    ]


def test_faults_of_included_files_have_their_names(broken, gatherd):
    (gatherd.folder / "conf.d").mkdir()
    lines = broken(
        "include: [conf.d/*.yaml]\nservices: {a: URL, shared: URL}\ntimeout: 0\n",
        **{
            "conf.d/20-two": "services:\n  c: URL\n  shared: URL\n  d: {url: URL, fromat: 1}\n",
            "conf.d/10-one": "interval: 3s\nvars: {x: 1}\nservices: {b: 'URL/{{y}}'}\n",
            "conf.d/30-three": "services: [\n",
            "conf.d/40-four": "include: [more.yaml]\nservces: {}\n",
        },
    )
    assert places(lines) == [
        "gatherd.yaml:3:10",
        "conf.d/10-one.yaml:1:1",
        "conf.d/10-one.yaml:3:15",
        "conf.d/20-two.yaml:3:3",
        lines[4].partition(": ")[0],
        "conf.d/30-three.yaml:2:1",
        "conf.d/40-four.yaml:1:1",
        "conf.d/40-four.yaml:2:1",
    ]
    assert lines[4].startswith("conf.d/20-two.yaml:4:")
    assert "shared is already set at gatherd.yaml:2:" in lines[3]
    assert "cannot stand in an included file" in lines[1]
    assert "did you mean services?" in lines[7]


def test_a_var_of_two_files_is_a_fault_with_both_places(broken):
    lines = broken("vars: {x: 1}\ninclude: more.yaml\n", more="vars:\n  x: 2\n")
    assert len(lines) == 1
    assert lines[0].startswith("more.yaml:2:3: error: vars: x is already set at gatherd.yaml:1:8")


def test_includes_are_relative_to_the_config(gatherd, upstream):
    gatherd.config(f"include: [sub/*.yaml]\nservices: {{z: {upstream.url}/z/ok}}\n", "etc/g.yaml")
    for name in ("b", "a"):
        gatherd.config({"services": {name: upstream.url + "/ok"}}, f"etc/sub/{name}.yaml")
    result = gatherd.run("--once", "-c", "etc/g.yaml", "-o", "-")
    # Its own first, the others in the order of their names.
    assert list(result.document["services"]) == ["z", "a", "b"]


# ---- bombs ----


def lots(count):
    """A list nested so that COUNT levels of ten aliases each stand for 10^COUNT nodes."""
    text = "x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
    for i in range(1, count):
        text += f"x-{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n"
    return text


def test_aliases_that_multiply_are_refused(broken):
    lines = broken(lots(12) + "services: {a: URL}\n")
    assert len(lines) == 1
    assert re.match(r"gatherd\.yaml:5:\d+: error: the aliases .* 100000 nodes", lines[0])


def test_large_texts_that_multiply_are_refused(broken):
    text = f"x-0: &x0 {'a' * 1_000_000}\nx-1: [{', '.join(['*x0'] * 80)}]\n"
    lines = broken(text)
    assert len(lines) == 1
    assert re.match(r"gatherd\.yaml:2:\d+: error: the aliases .* 64MiB of text", lines[0])


def test_deep_nesting_is_refused_soon(broken):
    lines = broken("x-deep: " + "[" * 100_000)
    assert lines == ["gatherd.yaml:1:40: error: nested over 32 levels"]


def test_deep_nesting_by_aliases_is_refused(broken):
    text = "x-0: &x0 " + "[" * 20 + "]" * 20 + "\nx-1: " + "[" * 20 + "*x0" + "]" * 20 + "\n"
    lines = broken(text)
    assert len(lines) == 1
    assert lines[0].startswith("gatherd.yaml:2:26: error: nested over 32 levels")


def test_a_file_over_8_mib_is_refused(gatherd, broken):
    lines = broken("#" * (9 << 20) + "\nservices: {a: URL}\n")
    assert lines == ["gatherd.yaml:1:1: error: the file is larger than 8MiB"]
    result = gatherd.run("-t", "-c", "-", input="#" * (9 << 20))
    assert result.status == 2
    assert result.stderr == "<stdin>:1:1: error: the file is larger than 8MiB\n"


def test_what_is_no_file_is_refused(gatherd):
    assert "directory" in gatherd.run("-t", "-c", ".").stderr
    result = gatherd.run("-t", "-c", "/dev/zero")
    assert result.status == 2 and "larger than 8MiB" in result.stderr


def test_what_may_not_be_read_is_told(gatherd):
    path = gatherd.config({})
    path.chmod(0)
    blind = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    needs([*blind, "true"])
    result = gatherd.run("-t", "-c", "gatherd.yaml", under=blind)
    assert result.status == 2
    assert result.stderr == "gatherd.yaml:1:1: error: cannot be read: Permission denied\n"


# ---- what is not wrong ----


def test_anchors_merges_and_extensions_work(gatherd, upstream):
    text = """
x-quick: &quick {timeout: 2s, format: json}
x-shop: &shop
  group: shop
  description: of the shop
x-anything: [{of: any}, kind, ~]
services:
  plain: URL/ok
  merged:
    <<: *quick
    url: URL/ok
    timeout: 3s
  several:
    <<: [*shop, *quick]
    url: &url URL/ok
  again: *url
"""
    result = gatherd.once(text.replace("URL", upstream.url))
    assert result.status == 0, result.stderr
    entries = result.document["services"]
    assert list(entries) == ["plain", "merged", "several", "again"]
    assert entries["several"]["group"] == "shop"
    assert entries["several"]["description"] == "of the shop"
    printed = gatherd.run("--print-config", "-c", "gatherd.yaml").stdout
    merged = printed[printed.index("  merged:") : printed.index("  several:")]
    assert "timeout: 3s" in merged and "format: json" in merged


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "\ufeffservices: {}\n"])
def test_an_empty_config_is_one(gatherd, text):
    result = gatherd.run("--check", "-c", gatherd.config(text).name)
    assert result.status == 0
    place = "1:11" if "services" in text else "1:1"
    warning = "warning: no services or prompts: nothing is asked"
    assert result.stderr == f"gatherd.yaml:{place}: {warning}\n"
    assert gatherd.once(text).document["services"] == {}


PROVIDER = "providers: {p: {api: ollama, model: m}}\n"


@pytest.mark.parametrize(
    "text, out",
    [
        ("services: {a: http://x/}", "ok (1 service)"),
        ("services: {a: http://x/, b: http://y/}", "ok (2 services)"),
        (
            "services: {a: http://x/, b: {url: http://y/, enabled: no}}",
            "ok (1 service, 1 disabled)",
        ),
        (PROVIDER + "prompts: {a: {prompt: hi}}", "ok (1 prompt)"),
        (PROVIDER + "prompts: {a: {prompt: hi}, b: {prompt: ho}}", "ok (2 prompts)"),
        (
            PROVIDER + "services: {s: http://x/}\n"
            "prompts: {a: {prompt: hi}, b: {prompt: ho}, c: {prompt: hm, enabled: no}}",
            "ok (1 service, 2 prompts, 1 disabled)",
        ),
    ],
)
def test_check_says_how_many(gatherd, text, out):
    result = gatherd.run("--check", config=text)
    assert result.status == 0 and result.stderr == ""
    assert result.stdout == f"{gatherd.folder}/gatherd.yaml: {out}\n"


def test_check_asks_and_publishes_nothing(gatherd, upstream):
    result = gatherd.run("-t", "--once", "-o", "out.json", config={"services": {"a": upstream.url}})
    assert result.status == 0
    assert upstream.connections == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


WARNINGS = [
    ("timeout: 4s\nservices:\n  a: {url: http://x/, interval: 3s}\n", "3:3", "timeout", "interval"),
    ("services:\n  a: http://user:pass@x/\n", "2:6", "secret", "${file:PATH}"),
    (
        "services: {a: {url: http://x/, headers: {Authorization: Bearer abc}}}\n",
        "1:57",
        "Authorization",
        "secret",
    ),
    ("services: {a: 'http://x/{{#l}}{{b}}{{/l}}'}\nvars: {l: [1]}\n", "1:15", "b", "nothing"),
    ("spread: 40s\nservices: {a: http://x/}\n", "1:9", "spread", "40s", "interval, 30s"),
    (
        "spread: 20s\nservices: {a: http://x/, b: {url: http://x/, interval: 10s}}\n",
        "1:9",
        "spread",
        "interval, 10s",
    ),
    ("interval: 3s\n", "1:1", "no services"),
    ("include: [conf.d/*.yaml]\nservices: {}\n", "2:11", "no services"),
]


@pytest.mark.parametrize("text, place, words", [(*row[:2], row[2:]) for row in WARNINGS])
def test_check_warns(gatherd, text, place, words):
    gatherd.config(text).chmod(0o644)
    result = gatherd.run("--check", "-c", "gatherd.yaml")
    assert result.status == 0
    assert re.fullmatch(r"gatherd\.yaml: ok \(\d services?, 1 warning\)\n", result.stdout)
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"gatherd.yaml:{place}: warning: ")
    for word in words:
        assert word in lines[0]


def test_check_warns_of_too_few_descriptors(gatherd):
    gatherd.config("services: {a: http://x/}\nmax_concurrent: 961\n")
    few = ["prlimit", "--nofile=1024:1024"]
    result = gatherd.run("--check", "-c", "gatherd.yaml", under=few)
    assert result.status == 0
    assert result.stderr.startswith("gatherd.yaml:2:17: warning: max_concurrent: 961 ")
    gatherd.config("services: {a: http://x/}\nmax_concurrent: 960\n")
    result = gatherd.run("--check", "-c", "gatherd.yaml", under=few)
    assert result.status == 0 and result.stderr == ""


def test_a_secret_in_a_private_file_is_no_warning(gatherd):
    path = gatherd.config("services:\n  a: http://user:pass@x/\n")
    path.chmod(0o640)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    result = gatherd.run("--check", "-c", "gatherd.yaml")
    assert result.status == 0 and result.stderr == ""


def test_warnings_stand_among_errors_in_file_order(gatherd):
    text = "services:\n  a: http://user:pass@x/\n  b: {url: http://x/, fromat: text}\n"
    gatherd.config(text).chmod(0o644)
    result = gatherd.run("--check", "-c", "gatherd.yaml")
    assert result.status == 2 and result.stdout == ""
    assert "gatherd.yaml:3:23: error: " in result.stderr
    assert "pass" not in result.stderr
