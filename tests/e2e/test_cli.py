"""The command line: options, exit statuses, log, progress, signals."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE
from helpers_gatherd import (
    TIME,
    GatedUpstream,
    as_yaml,
    log_lines,
    names_in,
    needs,
)
from upstream import answer


@pytest.fixture
def gated():
    with GatedUpstream() as upstream:
        yield upstream
        upstream.open_gate()


def services(upstream, **paths):
    """A config of services, each given by what the upstream is asked."""
    return {"services": {name: upstream.url + path for name, path in paths.items()}}


# ---- wrong usage ----


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--once", "--frobnicate"], "frobnicate"),
        (["--once", "-z"], "z"),
        (["--onec"], "onec"),
        (["--once=2"], "once"),
        (["--once", "stray"], "stray"),
        (["--once", "-c"], "argument"),
        (["--once", "--output"], "argument"),
        (["--rounds", "0"], "--rounds 0: expected a whole number"),
        (["--rounds", "-1"], "--rounds -1: expected"),
        (["--rounds", "2.5"], "--rounds 2.5: expected"),
        (["--rounds", "many"], "--rounds many: expected"),
        (["--rounds", ""], "--rounds : expected"),
        (["--rounds", "99999999999999999999"], "expected a whole number"),
        (["--once", "--var", "region"], "--var region: expected NAME=VALUE"),
        (["--once", "--var", "=eu"], "--var =eu: expected NAME=VALUE"),
        (["--once", "--log-level", "loud"], "--log-level loud: expected error, warn"),
        (["--once", "-l", "INFO"], "expected error, warn, info or debug"),
        (["--once", "--log-format", "xml"], "--log-format xml: expected auto, text"),
        (["--print-schema", "dashboard"], "--print-schema dashboard: expected config"),
        (["--print-schema"], "argument"),
        (["--only", "a"], "--once"),
        ([], "daemon"),
        (["-p"], "--once"),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_asked(gatherd, upstream, arguments, words):
    gatherd.config(services(upstream, a="/ok"))
    result = gatherd.run("-c", "gatherd.yaml", "-o", "out.json", *arguments)
    assert result.status == 2
    message, hint = result.stderr.splitlines()
    assert re.match(r"(\S*/)?gatherd: ", message) and words in message
    assert hint == "Try 'gatherd --help'."
    assert result.stdout == ""
    assert upstream.connections == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


def test_without_once_a_daemon_is_announced_for_later(gatherd):
    result = gatherd.run(config={})
    assert result.status == 2
    assert "still to come" in result.stderr and "--once" in result.stderr


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option(gatherd, option):
    result = gatherd.run(option)
    assert result.status == 0 and result.stderr == ""
    assert result.stdout.startswith("Usage: gatherd")
    for name in (
        "-c, --config FILE",
        "-1, --once",
        "--rounds N",
        "-o, --output FILE",
        "-t, --check",
        "--print-config",
        "--print-schema",
        "--var NAME=VALUE",
        "--only NAME[,NAME]",
        "-l, --log-level LEVEL",
        "--log-format",
        "-p, --progress",
        "--no-progress",
        "-h, --help",
        "-V, --version",
    ):
        assert name in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    for status in range(4):
        assert re.search(rf"\b{status}\b", result.stdout[result.stdout.index("Exit") :])


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_is_that_of_the_documents_generator(gatherd, option):
    result = gatherd.run(option)
    assert result.status == 0 and result.stderr == ""
    assert re.fullmatch(r"gatherd \d+\.\d+\.\d+\S*\n", result.stdout)
    assert gatherd.once({}).document["generator"] + "\n" == result.stdout


def test_a_long_option_may_be_shortened_while_it_is_clear(gatherd):
    assert gatherd.run("--vers").stdout.startswith("gatherd ")
    result = gatherd.run("--ver=1", "--v")
    assert result.status == 2 and result.stdout == ""


def test_a_config_that_is_not_there_is_a_fault(gatherd):
    result = gatherd.run("--once", "-c", "nowhere.yaml")
    assert result.status == 2
    assert result.stderr.startswith("nowhere.yaml:1:1: error: ")
    assert "No such file" in result.stderr


# ---- rounds ----


def without_times(document):
    """DOCUMENT less what differs from run to run."""

    def strip(value):
        if isinstance(value, dict):
            return {
                key: strip(inner)
                for key, inner in value.items()
                if not key.endswith(("_at", "_ms", "_after")) and key != "since"
            }
        return value

    return strip(document)


def test_once_is_one_round(gatherd, upstream):
    config = services(upstream, a="/ok", b="/status/500")
    once = gatherd.once(config)
    rounds = gatherd.run("--rounds", "1", "-o", "-", config=config)
    assert once.status == rounds.status == 1
    assert without_times(once.document) == without_times(rounds.document)
    assert len(once.documents) == 1
    assert upstream.asked == {"/ok": 2, "/status/500": 2}


def test_each_round_has_a_document_with_the_next_numbers(gatherd, upstream):
    result = gatherd.run("--rounds", "4", "-o", "-", config=services(upstream, a="/ok"))
    assert result.status == 0
    found = result.documents
    assert [document["generation"] for document in found] == [1, 2, 3, 4]
    assert [document["round"]["number"] for document in found] == [1, 2, 3, 4]
    starts = [document["round"]["started_at"] for document in found]
    ends = [document["generated_at"] for document in found]
    assert starts == sorted(starts) and ends == sorted(ends)
    # Each begins when the document of the one before was published.
    assert all(end <= start for end, start in zip(ends, starts[1:]))
    assert upstream.asked == {"/ok": 4}


def test_the_last_option_of_rounds_counts(gatherd, upstream):
    config = services(upstream, a="/ok")
    assert len(gatherd.once(config, "--rounds", "3").documents) == 3
    result = gatherd.run("--rounds", "3", "-1", "-o", "-", config=config)
    assert len(result.documents) == 1


def test_streaks_follow_the_rounds(gatherd, upstream):
    answers = {
        1: answer('{"n": 1}'),
        2: answer("down", 503),
        3: answer("still", 503),
        4: b"this is no HTTP\r\n\r\n",
        5: answer('{"n": 5}'),
        6: answer('{"n": 6}'),
    }
    upstream.answers["/a"] = lambda request, number: answers[number]
    config = {"services": {"a": {"url": upstream.url + "/a", "reuse": False}}}
    result = gatherd.run("--rounds", "6", "-o", "-", config=config)
    assert result.status == 0  # that of the last round
    entries = [document["services"]["a"] for document in result.documents]
    checked = [entry["checked_at"] for entry in entries]
    assert [entry["status"] for entry in entries] == [
        "ok",
        "http_error",
        "http_error",
        "error",
        "ok",
        "ok",
    ]
    assert [entry["failures"] for entry in entries] == [0, 1, 2, 3, 0, 0]
    first_of_its_kind = [0, 1, 1, 3, 4, 4]
    assert [entry["since"] for entry in entries] == [checked[i] for i in first_of_its_kind]
    last_ok = [0, 0, 0, 0, 4, 5]
    assert [entry["last_ok_at"] for entry in entries] == [checked[i] for i in last_ok]
    assert [entry["data"] for entry in entries] == [{"n": 1}, None, None, None, {"n": 5}, {"n": 6}]


def test_what_never_answered_well_has_no_last_time(gatherd, upstream):
    result = gatherd.run("--rounds", "3", "-o", "-", config=services(upstream, a="/status/500"))
    entries = [document["services"]["a"] for document in result.documents]
    assert [entry["last_ok_at"] for entry in entries] == [None] * 3
    assert [entry["failures"] for entry in entries] == [1, 2, 3]
    assert len({entry["since"] for entry in entries}) == 1


def test_the_exit_status_is_that_of_the_last_round(gatherd, upstream):
    upstream.answers["/a"] = lambda request, number: answer("{}", 200 if number < 3 else 500)
    result = gatherd.run("--rounds", "3", "-o", "-", config=services(upstream, a="/a"))
    assert result.status == 1


# ---- --var ----


def test_var_overrides_and_adds(gatherd, upstream):
    config = {
        "vars": {"region": "eu", "kept": "k"},
        "services": {"a": upstream.url + "/echo/{{region}}/{{kept}}/{{new}}"},
    }
    result = gatherd.once(config, "--var", "region=us", "--var", "new=n")
    assert result.status == 0
    assert upstream.paths() == ["/echo/us/k/n"]


@pytest.mark.parametrize(
    "value, path",
    [
        ("", "/echo/<>"),
        ("a=b", "/echo/<a%3Db>"),
        ("a b&c/d", "/echo/<a%20b%26c%2Fd>"),
        ("{{region}}", "/echo/<%7B%7Bregion%7D%7D>"),
        ("${HOME}", "/echo/<%24%7BHOME%7D>"),
        ("ü", "/echo/<%C3%BC>"),
        ("007", "/echo/<007>"),
        ("true", "/echo/<true>"),
    ],
)
def test_the_value_of_a_var_is_text(gatherd, upstream, value, path):
    config = {"services": {"a": upstream.url + "/echo/%3C{{x}}%3E"}}
    assert gatherd.once(config, "--var", f"x={value}").status == 0
    assert upstream.paths() == [path.replace("<", "%3C").replace(">", "%3E")]


def test_of_two_vars_of_a_name_the_last_counts(gatherd, upstream):
    config = {"services": {"a": upstream.url + "/echo/{{x}}"}}
    assert gatherd.once(config, "--var", "x=1", "--var", "x=2").status == 0
    assert upstream.paths() == ["/echo/2"]


def test_a_var_of_an_unfit_name_is_a_fault_of_the_command_line(gatherd, upstream):
    result = gatherd.once(services(upstream, a="/ok"), "--var", "now=1", "--var", "a.b=2")
    assert result.status == 2 and result.stdout == ""
    assert result.stderr.count("<command-line>:1:1: error: --var: ") == 2
    assert upstream.connections == 0


# ---- --only ----

NAMES = ["alpha", "beta", "gamma", "a,b", "delta"]


@pytest.fixture
def five(upstream):
    return services(upstream, **{name: "/echo/" + name.replace(",", "+") for name in NAMES})


@pytest.mark.parametrize(
    "options, names",
    [
        (["--only", "beta"], ["beta"]),
        (["--only=beta"], ["beta"]),
        (["--only", "gamma,alpha"], ["alpha", "gamma"]),
        (["--only", "gamma", "--only", "alpha"], ["alpha", "gamma"]),
        (["--only", "beta,beta", "--only", "beta"], ["beta"]),
        (["--only", "a,b"], ["a,b"]),
        (["--only", "a,b", "--only", "delta,gamma"], ["gamma", "a,b", "delta"]),
    ],
)
def test_only_some_are_asked_in_config_order(gatherd, upstream, five, options, names):
    result = gatherd.once(five, *options)
    assert result.status == 0
    assert list(result.document["services"]) == names
    assert result.document["counts"]["total"] == len(names)
    assert result.document["round"]["targets"] == len(names)
    assert sorted(upstream.paths()) == sorted("/echo/" + name.replace(",", "+") for name in names)


@pytest.mark.parametrize(
    "options, words",
    [
        (["--only", "alhpa"], ['"alhpa"', "did you mean alpha?"]),
        (["--only", "beta,zzzzzz"], ['"zzzzzz"']),
        (["--only", "beta,alhpa", "--only", "gama"], ["mean alpha?", "did you mean gamma?"]),
        (["--only", "a"], ['"a"']),
    ],
)
def test_an_unknown_name_is_wrong_usage(gatherd, upstream, five, options, words):
    result = gatherd.once(five, *options)
    assert result.status == 2 and result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert "beta" not in result.stderr
    assert upstream.connections == 0


@pytest.mark.parametrize("names", ["", ","])
def test_no_name_at_all_is_wrong_usage(gatherd, upstream, five, names):
    """`--only "$NAME"` of an empty variable must not publish an empty document."""
    result = gatherd.once(five, "--only", names)
    assert result.status == 2 and result.stdout == ""
    assert "--only" in result.stderr


# ---- where the document goes ----


def test_an_option_goes_before_the_config_before_the_state_folder(gatherd, upstream):
    state = gatherd.folder / "state"
    state.mkdir()
    environment = {"STATE_DIRECTORY": str(state)}
    config = services(upstream, a="/ok")
    configured = {**config, "output": {"file": str(gatherd.folder / "configured.json")}}

    result = gatherd.run("--once", "-o", "option.json", config=configured, env=environment)
    assert result.status == 0 and result.stdout == ""
    assert names_in(gatherd.folder) == ["gatherd.yaml", "option.json", "state"]

    result = gatherd.run("--once", config=configured, env=environment)
    assert result.status == 0 and result.stdout == ""
    assert names_in(gatherd.folder) == ["configured.json", "gatherd.yaml", "option.json", "state"]
    assert names_in(state) == []

    result = gatherd.run("--once", config=config, env=environment)
    assert result.status == 0 and result.stdout == ""
    assert names_in(state) == ["status.json"]
    assert json.loads((state / "status.json").read_text())["status"] == "ok"

    result = gatherd.run("--once", config=config)
    assert result.status == 0 and result.document["status"] == "ok"


def test_of_several_state_folders_the_first_counts(gatherd):
    for name in ("one", "two"):
        (gatherd.folder / name).mkdir()
    folders = f"{gatherd.folder}/one:{gatherd.folder}/two"
    assert gatherd.run("--once", config={}, env={"STATE_DIRECTORY": folders}).status == 0
    assert names_in(gatherd.folder / "one") == ["status.json"]
    assert names_in(gatherd.folder / "two") == []


def test_an_empty_state_folder_is_none(gatherd):
    result = gatherd.run("--once", config={}, env={"STATE_DIRECTORY": ""})
    assert result.status == 0 and result.document["counts"]["total"] == 0


def test_standard_output_can_be_named_against_the_config(gatherd, upstream):
    config = {**services(upstream, a="/ok"), "output": {"file": "status.json"}}
    assert gatherd.once(config).document["status"] == "ok"
    assert names_in(gatherd.folder) == ["gatherd.yaml"]
    assert gatherd.run("--once", config={"output": {"file": "-"}}).document["status"] == "ok"


def test_every_round_replaces_the_file(gatherd, upstream):
    result = gatherd.run("--rounds", "3", "-o", "out.json", config=services(upstream, a="/ok"))
    assert result.status == 0
    assert json.loads((gatherd.folder / "out.json").read_text())["generation"] == 3
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


# ---- exit statuses ----


@pytest.mark.parametrize(
    "first, second, options, status",
    [
        ("/ok", "/ok", {}, 0),
        ("/ok", "/status/500", {}, 1),
        ("/status/500", "/close", {}, 1),
        ("/ok", "/status/500", {"required": False}, 0),
        ("/ok", "/hang", {"required": False, "timeout": "100ms"}, 0),
        ("/status/500", "/status/500", {"required": False}, 1),
        ("/ok", "/status/500", {"enabled": False}, 0),
    ],
)
def test_exit_status(gatherd, upstream, first, second, options, status):
    config = services(upstream, a=first)
    config["services"]["b"] = {"url": upstream.url + second, **options}
    assert gatherd.once(config).status == status


def test_what_is_not_required_fails_in_its_entry_only(gatherd, upstream):
    config = services(upstream, a="/ok")
    config["services"]["b"] = {"url": upstream.url + "/status/500", "required": False}
    result = gatherd.once(config)
    assert result.status == 0
    assert result.document["status"] == "ok"
    assert result.document["failed"] == ["b"]
    assert result.document["services"]["b"]["status"] == "http_error"


def test_what_is_not_enabled_is_neither_asked_nor_told(gatherd, upstream):
    config = services(upstream, a="/ok")
    config["services"]["b"] = {"url": upstream.url + "/b", "enabled": False}
    result = gatherd.once(config)
    assert list(result.document["services"]) == ["a"]
    assert result.document["counts"]["total"] == 1
    assert upstream.asked == {"/ok": 1}


def test_no_targets_are_no_error(gatherd):
    result = gatherd.once({"services": {}})
    assert result.status == 0
    assert result.document["services"] == {} and result.document["status"] == "ok"


# ---- the config from standard input ----


def test_the_config_can_come_from_standard_input(gatherd, upstream):
    text = json.dumps(services(upstream, a="/ok"))
    result = gatherd.run("-1", "-c", "-", "-o", "-", input=text)
    assert result.status == 0 and result.document["counts"]["ok"] == 1


def test_faults_of_standard_input_have_its_name(gatherd):
    result = gatherd.run("-t", "-c", "-", input="interval: soon\n")
    assert result.status == 2
    assert result.stderr.startswith("<stdin>:1:11: error: interval: ")


# ---- the log ----


def test_the_log_on_a_pipe_is_plain_text(gatherd, upstream):
    config = services(upstream, a="/ok", b="/status/500")
    result = gatherd.once(config, env={"TERM": "xterm-256color"})
    assert len(log_lines(result.stderr)) == 3
    assert "\033" not in result.stderr


def test_each_outcome_has_its_line(gatherd, upstream):
    config = services(upstream, profile="/ok", orders="/status/503")
    config["services"]["payments"] = {"url": upstream.url + "/hang", "timeout": "200ms"}
    config["services"]["reviews"] = "http://127.0.0.1:1/"
    lines = log_lines(gatherd.once(config).stderr)
    targets = dict(sorted((text, level) for level, text in lines[:-1]))
    shown = [(re.sub(r"\d+ ms", "N ms", text), level) for text, level in targets.items()]
    assert shown == [
        ("[orders] returned HTTP 503", "warn"),
        ("[payments] timed out after 200ms", "warn"),
        ("[profile] responded with 200 in N ms", "info"),
        ("[reviews] error: connection refused by 127.0.0.1:1", "warn"),
    ]
    level, text = lines[-1]
    assert level == "warn"
    assert re.fullmatch(
        r"dashboard incomplete \(1 of 4 ok in \d+ ms\); "
        r"failed services: orders, payments, reviews",
        text,
    )


def test_a_host_that_cannot_be_found_has_its_line(gatherd):
    """Without a network no name server says so late."""
    needs(["unshare", "-n", "true"])
    config = {"services": {"reviews": "http://reviews.invalid/"}}
    result = gatherd.once(config, under=["unshare", "-n"])
    lines = log_lines(result.stderr)
    assert lines[0][0] == "warn"
    assert lines[0][1].startswith("[reviews] error: could not resolve host")


def test_a_complete_round_is_told_at_info(gatherd, upstream):
    lines = log_lines(gatherd.once(services(upstream, a="/ok", b="/ok")).stderr)
    level, text = lines[-1]
    assert level == "info"
    assert re.fullmatch(r"dashboard complete \(2 of 2 ok in \d+ ms\)", text)


def test_only_changes_are_told_and_at_debug_all(gatherd, upstream):
    upstream.answers["/a"] = lambda request, number: answer("{}", 200 if number < 3 else 500)
    config = services(upstream, a="/a", b="/ok")

    lines = log_lines(gatherd.run("--rounds", "4", "-o", "out.json", config=config).stderr)
    texts = [re.sub(r"\d+ ms", "N ms", text) for _, text in lines]
    assert sorted(texts[:2]) == ["[a] responded with 200 in N ms", "[b] responded with 200 in N ms"]
    assert texts[2:] == [
        "dashboard complete (2 of 2 ok in N ms)",
        "dashboard complete (2 of 2 ok in N ms)",
        "[a] returned HTTP 500",
        "dashboard incomplete (1 of 2 ok in N ms); failed services: a",
        "dashboard incomplete (1 of 2 ok in N ms); failed services: a",
    ]

    result = gatherd.run("--rounds", "4", "-o", "out.json", "-l", "debug", config=config)
    lines = [line for line in log_lines(result.stderr) if "[b] responded" in line[1]]
    assert [level for level, _ in lines] == ["info", "debug", "debug", "debug"]


@pytest.mark.parametrize("level, count", [("debug", 4), ("info", 3), ("warn", 2), ("error", 0)])
def test_the_level_says_what_is_written(gatherd, upstream, level, count):
    config = services(upstream, a="/ok", b="/status/500")
    by_option = gatherd.once({**config, "log": {"level": "debug"}}, "--log-level", level)
    by_config = gatherd.once({**config, "log": {"level": level}})
    for result in (by_option, by_config):
        lines = log_lines(result.stderr)
        assert len(lines) > count if level == "debug" else len(lines) == count


def test_lines_of_json(gatherd, upstream):
    config = services(upstream, **{"a": "/ok", 'b"\\': "/status/500"})
    for result in (
        gatherd.once(config, "--log-format", "json"),
        gatherd.once({**config, "log": {"format": "json"}}),
    ):
        lines = [json.loads(line) for line in result.stderr.splitlines()]
        assert [list(line) for line in lines] == [["time", "level", "target", "message"]] * 3
        assert all(re.fullmatch(TIME, line["time"]) for line in lines)
        seen = {line["target"]: (line["level"], line["message"]) for line in lines}
        assert seen['b"\\'] == ("warn", "returned HTTP 500")
        assert seen["a"][0] == "info"
        assert seen[None][0] == "warn"
        assert seen[None][1].endswith('failed services: b"\\')


def stream_of(file):
    status = os.fstat(file.fileno())
    return f"{status.st_dev}:{status.st_ino}"


def test_the_journal_gets_priorities(gatherd, upstream):
    config = services(upstream, a="/ok", b="/status/500")
    with open(gatherd.folder / "log", "w+") as log:
        environment = {"JOURNAL_STREAM": stream_of(log)}
        assert gatherd.once(config, stderr=log, env=environment).status == 1
        log.seek(0)
        lines = log.read().splitlines()
    assert [line[:3] for line in sorted(lines)] == ["<4>", "<4>", "<6>"]
    assert "<4>[b] returned HTTP 500" in lines


def test_the_journal_of_another_stream_is_not_ours(gatherd, upstream):
    with open(gatherd.folder / "log", "w") as log:
        environment = {"JOURNAL_STREAM": stream_of(log)}
    result = gatherd.once(services(upstream, a="/ok"), env=environment)
    assert len(log_lines(result.stderr)) == 2


def test_a_format_that_was_asked_for_goes_before_the_journal(gatherd, upstream):
    config = services(upstream, a="/ok")
    with open(gatherd.folder / "log", "w+") as log:
        environment = {"JOURNAL_STREAM": stream_of(log)}
        gatherd.once(config, "--log-format", "text", stderr=log, env=environment)
        log.seek(0)
        assert len(log_lines(log.read())) == 2


def test_a_round_has_twenty_lines_and_tells_how_many_more(gatherd, upstream):
    config = services(upstream, **{f"s{i:02}": "/status/500" for i in range(27)})
    lines = log_lines(gatherd.once(config).stderr)
    assert len(lines) == 22
    assert all(text.endswith("returned HTTP 500") for _, text in lines[:20])
    assert lines[20] == ("warn", "and 7 more")
    assert "(0 of 27 ok in" in lines[21][1]


def test_a_name_cannot_break_a_line(gatherd, upstream):
    config = services(upstream, **{"a\u2028b\u202ec": "/status/500"})
    lines = log_lines(gatherd.once(as_yaml(config)).stderr)
    assert len(lines) == 2
    assert "\u202e" not in lines[0][1] and "\u2028" not in lines[0][1]


# ---- progress ----


class Terminal:
    """A pseudo-terminal, and what a program has written on it so far."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text = ""

    def close_slave(self):
        os.close(self.slave)

    def read_until(self, pattern, timeout=PATIENCE):
        """Read until the text holds PATTERN; None: until nobody writes any more."""
        until = time.monotonic() + timeout
        while pattern is None or not re.search(pattern, self.text):
            ready, _, _ = select.select([self.master], [], [], max(0, until - time.monotonic()))
            assert ready, f"nothing more but {self.text!r}"
            try:
                piece = os.read(self.master, 4096)
            except OSError:  # the last writer has gone
                assert pattern is None, f"the end after {self.text!r}"
                break
            self.text += piece.decode()
        return self.text

    def screen(self):
        """The lines that can be seen in the end, colours left out."""
        lines = [""]
        column = 0
        for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", self.text):
            if piece == "\r":
                column = 0
            elif piece == "\n":
                lines.append("")
                column = 0
            elif piece == "\x1b[K":
                lines[-1] = lines[-1][:column]
            elif not piece.startswith("\x1b"):
                line = lines[-1].ljust(column)
                lines[-1] = line[:column] + piece + line[column + len(piece) :]
                column += len(piece)
        return lines


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    os.close(terminal.master)


def start_on(terminal, gatherd, config, *options, **environment):
    process = gatherd.start(
        "--once",
        *("-c", gatherd.config(config), "-o", "out.json"),
        *options,
        stderr=terminal.slave,
        env={"TERM": "xterm", "NO_COLOR": "", **environment},
    )
    terminal.close_slave()
    return process


@pytest.mark.parametrize("options", [[], ["--progress"], ["-p"]])
def test_progress_is_a_line_that_goes_again(gatherd, gated, terminal, options):
    config = services(gated, quick="/ok", bad="/status/500", slow="/gated")
    process = start_on(terminal, gatherd, config, *options)
    # Drawn, and drawn again behind the log lines that came meanwhile.
    terminal.read_until(r"gathered 2 of 3, 1 failed, \d+\.\d s")
    gated.open_gate()
    terminal.read_until(None)
    assert process.wait(PATIENCE) == 1
    screen = terminal.screen()
    assert screen.pop() == ""
    lines = log_lines("\n".join(screen))
    assert len(lines) == 4
    assert lines[3][1].startswith("dashboard incomplete (2 of 3 ok")
    assert "\r\033[K" in terminal.text


def test_no_progress_on_a_terminal(gatherd, upstream, terminal):
    process = start_on(terminal, gatherd, services(upstream, a="/ok"), "--no-progress")
    terminal.read_until(None)
    assert process.wait(PATIENCE) == 0
    assert "gathered" not in terminal.text and "\033[K" not in terminal.text
    assert "\033[" in terminal.text  # but colours


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(gatherd, upstream, terminal, environment):
    process = start_on(
        terminal, gatherd, services(upstream, a="/ok"), "--no-progress", **environment
    )
    terminal.read_until(None)
    assert process.wait(PATIENCE) == 0
    assert "\033" not in terminal.text
    assert len(log_lines(terminal.text.replace("\r\n", "\n"))) == 2


def test_progress_ends_with_a_signal(gatherd, gated, terminal):
    process = start_on(terminal, gatherd, services(gated, a="/gated"))
    terminal.read_until(r"gathered 0 of 1, 0 failed")
    process.send_signal(signal.SIGINT)
    terminal.read_until(None)
    assert process.wait(PATIENCE) == -signal.SIGINT
    assert terminal.screen() == [""]


def test_progress_on_a_pipe_is_asked_for(gatherd, upstream):
    config = services(upstream, a="/ok")
    assert "gathered" not in gatherd.once(config).stderr
    assert "gathered" not in gatherd.once(config, "--no-progress").stderr
    result = gatherd.once(config, "--progress")
    assert re.search(r"^gathered 1 of 1, 0 failed, \d+\.\d s$", result.stderr, re.MULTILINE)
    assert "\033" not in result.stderr and "\r" not in result.stderr


# ---- signals ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("path", ["/hang", "/hang-body"])
def test_a_signal_stops_at_once_and_leaves_the_document(gatherd, upstream, slack, number, path):
    old = gatherd.folder / "out.json"
    old.write_bytes(b"whatever stood here before")
    config = services(upstream, quick="/ok", a=path)
    process = gatherd.start("--once", "-c", gatherd.config(config), "-o", "out.json")
    upstream.wait_for(lambda upstream: path in upstream.asked and "/ok" in upstream.asked)
    begun = time.monotonic()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == -number, stderr
    assert time.monotonic() - begun < 1 * slack
    assert old.read_bytes() == b"whatever stood here before"
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_a_signal_between_rounds_leaves_the_last_document(gatherd, gated):
    gated.answers["/a"] = lambda request, number: answer('{"n": %d}' % number)
    config = services(gated, a="/a")
    config["services"]["b"] = gated.url + "/ok"
    process = gatherd.start("--rounds", "1000000", "-c", gatherd.config(config), "-o", "out.json")
    gated.wait_for(lambda upstream: upstream.asked.get("/a", 0) > 3)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGTERM
    document = json.loads((gatherd.folder / "out.json").read_text())
    assert document["services"]["a"]["data"]["n"] == document["generation"] > 2
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_signals_of_the_daemon_do_not_kill_once(gatherd, gated):
    config = services(gated, a="/gated")
    process = gatherd.start("--once", "-c", gatherd.config(config), "-o", "-")
    gated.wait_for(lambda upstream: upstream.asked)
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
    gated.open_gate()
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["status"] == "ok"


# ---- standard files that are closed, or go away ----

CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_standard_files_do_not_touch_the_document(gatherd, upstream, closed):
    config = gatherd.config(services(upstream, a="/ok", b="/status/500"))
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    result = gatherd.run(
        *("--rounds", "2", "-p", "-l", "debug", "-c", config, "-o", "out.json"), under=shell
    )
    assert result.status == 1
    text = (gatherd.folder / "out.json").read_text()
    assert json.loads(text)["generation"] == 2
    assert result.stdout == ""
    assert upstream.asked == {"/ok": 2, "/status/500": 2}
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_a_document_for_a_closed_standard_output_is_not_published(gatherd, upstream):
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"]
    assert gatherd.once(services(upstream, a="/ok"), under=shell).status == 3


def test_a_reader_that_went_away_is_no_reader(gatherd, upstream):
    read, write = os.pipe()
    os.close(read)
    try:
        result = gatherd.once(services(upstream, a="/ok"), stdout=write)
    finally:
        os.close(write)
    assert result.status == 3
    assert "Broken pipe" in result.stderr


def test_a_log_that_nobody_reads_stops_nothing(gatherd, upstream):
    read, write = os.pipe()
    os.close(read)
    try:
        result = gatherd.once(services(upstream, a="/ok"), stderr=write)
    finally:
        os.close(write)
    assert result.status == 0 and result.document["status"] == "ok"


def full_pipe():
    """Both ends of a pipe that takes no more; what it holds are blanks."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b" " * 512)
    os.set_blocking(write, True)
    return read, write


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_all_of_it(gatherd, upstream, blocking):
    """The pipe is full at first; who else has it may have made it non-blocking."""
    upstream.answers["/large"] = answer(json.dumps("x" * 300_000))
    config = gatherd.config(services(upstream, a="/large"))
    read, write = full_pipe()
    os.set_blocking(write, blocking)
    process = gatherd.start("--once", "-c", config, "-o", "-", stdout=write)
    os.close(write)
    # That it waits, no event can tell; whoever gives up is gone long before.
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    with open(read, "rb", buffering=0) as pipe:
        text = b"".join(iter(lambda: pipe.read(1000), b""))
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert json.loads(text)["services"]["a"]["data"] == "x" * 300_000


def test_a_signal_does_not_wait_for_a_reader_that_sleeps(gatherd, upstream, slack):
    config = gatherd.config(services(upstream, a="/ok"))
    read, write = full_pipe()
    try:
        process = gatherd.start("--once", "-c", config, "-o", "-", stdout=write)
        # Behind the line of the round it writes the document, or tries to.
        assert "[a] responded" in process.stderr.readline()
        assert "dashboard complete" in process.stderr.readline()
        begun = time.monotonic()
        process.terminate()
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGTERM, stderr
        assert time.monotonic() - begun < 1 * slack
    finally:
        os.close(read)
        os.close(write)
