"""What is written on standard error: the log, and the progress line."""

import json
import os
import pty
import re
import select
import signal
import time

import pytest

from conftest import PATIENCE
from helpers_gatherd import TIME, as_yaml, gated, log_lines, needs, services
from upstream import answer

__all__ = ["gated"]  # a fixture

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
    with open(gatherd.folder / "log", "w+") as log, open(gatherd.folder / "other", "w") as other:
        environment = {"JOURNAL_STREAM": stream_of(other)}
        gatherd.once(services(upstream, a="/ok"), stderr=log, env=environment)
        log.seek(0)
        assert len(log_lines(log.read())) == 2


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
