"""gatherctl reads what gatherd wrote, and says plainly what it cannot read."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest

from helpers_document import read_document

STALE = "2001-01-01T00:00:00.000Z"
FRESH = "2999-01-01T00:00:00.000Z"


WELL = ("ok", "degraded")


def entry(status="ok", **more):
    error = {"kind": "http", "message": "returned HTTP 503"}
    return {
        "status": status,
        "since": "2026-11-21T03:40:00.000Z",
        "duration_ms": 183.4,
        "error": None if status in WELL else error,
        "warnings": [],
        "values": {},
        "data": None,
        **more,
    }


def document(services, status=None, **more):
    """A status document of SERVICES, as text."""
    statuses = {name: entry["status"] for name, entry in services.items()}
    failed = [name for name, status in statuses.items() if status not in (*WELL, "pending")]
    ok = list(statuses.values()).count("ok")
    return json.dumps(
        {
            "version": 1,
            "host": "web1",
            "generation": 17,
            "generated_at": "2026-11-21T03:40:00.123Z",
            "stale_after": FRESH,
            "status": status or ("degraded" if failed else "ok"),
            "counts": {"total": len(services), "ok": ok},
            "failed": failed,
            "services": services,
            "prompts": {},
            **more,
        }
    )


@pytest.fixture
def published(gatherd, upstream, tmp_path):
    """The path of a document that gatherd wrote: one service is well, one is not."""
    path = tmp_path / "status.json"
    config = {
        "interval": "1h",
        "services": {
            "profile": {"url": f"{upstream.url}/ok", "group": "shop"},
            "reviews": f"{upstream.url}/status/503",
        },
    }
    assert gatherd.run("--once", "-o", path, config=config).status == 1
    return path


def test_status_shows_what_gatherd_published(gatherctl, published):
    result = gatherctl.run("status", "-f", published)
    assert (result.status, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("degraded: 1 of 2 ok, 1 http_error")
    assert "generation 1" in lines[1]
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert rows["profile"][1] == "ok"
    assert rows["reviews"][1] == "http_error"
    assert "returned HTTP 503" in result.stdout
    assert "shop" in lines  # the group, on a line of its own


def test_status_json_is_the_document_byte_for_byte(gatherctl, published):
    result = gatherctl.run("status", "--json", "-f", published)
    assert result.status == 1
    assert result.stdout == published.read_text()


def test_failed_json_has_only_what_failed(gatherctl, published):
    result = gatherctl.run("status", "--failed", "--json", "-f", published)
    assert result.status == 1
    services = read_document(published)["services"]
    assert result.document == {"failed": {"reviews": services["reviews"]}}
    assert gatherctl.run("status", "--failed", "-f", published).stdout.count("profile") == 0


def test_show_tells_one_target(gatherctl, published):
    result = gatherctl.run("show", "reviews", "-f", published)
    assert (result.status, result.stderr) == (1, "")
    assert result.stdout.startswith("reviews: http_error\n")
    assert "returned HTTP 503" in result.stdout
    assert "/status/503" in result.stdout
    assert gatherctl.run("show", "profile", "-f", published).status == 0


def test_numbers_keep_their_text(gatherctl):
    numbers = "[18446744073709551616,0.10,1E+2]"
    text = document({"a": entry(data="NUMBERS")}).replace('"NUMBERS"', numbers)
    shown = gatherctl.run("show", "a", "-f", "-", input=text).stdout
    assert "      18446744073709551616,\n      0.10,\n      1E+2\n" in shown
    assert numbers in gatherctl.run("show", "--json", "a", "-f", "-", input=text).stdout


@pytest.mark.parametrize(
    "text, status",
    [
        (document({}), 0),
        (document({"a": entry()}), 0),
        (document({"a": entry("degraded")}, status="degraded"), 1),
        (document({"a": entry("error")}, status="down"), 1),
        (document({"a": entry()}, stale_after=STALE), 1),
        (document({"a": entry()}, stale_after=None), 0),
        # Not required, so the document is ok.
        (document({"a": entry("error")}, status="ok"), 0),
    ],
)
def test_the_exit_status_of_status_is_that_of_the_document(gatherctl, text, status):
    for options in ([], ["--json"], ["--failed"], ["--failed", "--json"]):
        assert gatherctl.run("status", "-f", "-", *options, input=text).status == status


def test_a_stale_document_is_warned_of(gatherctl):
    text = document({"a": entry()}, stale_after=STALE)
    for command in (["status"], ["show", "a"]):
        result = gatherctl.run(*command, "-f", "-", input=text)
        assert "STALE" in result.stdout
        assert result.status == 1


def test_the_exit_status_of_show_is_that_of_the_target(gatherctl):
    text = document({s: entry(s) for s in ("ok", "degraded", "timeout", "skipped", "pending")})
    for name, status in {"ok": 0, "degraded": 0, "timeout": 1, "skipped": 1, "pending": 1}.items():
        assert gatherctl.run("show", name, "-f", "-", input=text).status == status
        assert gatherctl.run("show", "--json", name, "-f", "-", input=text).status == status


def test_an_unknown_name_gets_a_proposal(gatherctl):
    result = gatherctl.run("show", "paymnets", "-f", "-", input=document({"payments": entry()}))
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "gatherctl: no service or prompt is called 'paymnets'; did you mean 'payments'?\n"
    )


def test_a_prompt_is_shown_with_its_response(gatherctl):
    prompts = {"headline": {"status": "ok", "response": "All is\nwell.", "prompt": "How?"}}
    result = gatherctl.run("show", "headline", "-f", "-", input=document({}, prompts=prompts))
    assert result.status == 0
    assert "  Response\n    All is\n    well.\n" in result.stdout


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "empty instead of JSON"),
        (document({"a": entry()})[:100], "JSON that ends too early at byte 100"),
        ("<html>", "not valid JSON at byte 0"),
        ("[]", "no status document: it has no version"),
        ('{"version": 2}', "a status document of version 2; only version 1 is known"),
        (
            '{"version": 1, "status": "ok", "services": []}',
            "no status document: its services are no objects",
        ),
        ("[" * 100000, "JSON nested too deeply at byte 1024"),
    ],
    ids=["empty", "cut", "html", "list", "version", "services", "deep"],
)
def test_what_is_no_document_is_told(gatherctl, text, complaint):
    for command in (["status"], ["status", "--json"], ["show", "a"]):
        result = gatherctl.run(*command, "-f", "-", input=text)
        assert (result.status, result.stdout) == (3, "")
        assert result.stderr == f"gatherctl: standard input: {complaint}\n"


def test_a_document_that_is_missing_is_told(gatherctl, tmp_path):
    result = gatherctl.run("status", "-f", tmp_path / "none.json")
    assert result.status == 3
    assert result.stderr == f"gatherctl: {tmp_path}/none.json: No such file or directory\n"
    result = gatherctl.run("status", "-f", tmp_path)
    assert (result.status, result.stderr) == (3, f"gatherctl: {tmp_path}: Is a directory\n")


def test_the_document_is_named_by_the_environment(gatherctl, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(document({"a": entry()}))
    assert gatherctl.run("status", env={"GATHERD_STATUS": str(path)}).status == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["stauts"],
        ["show"],
        ["show", "a", "b"],
        ["status", "a"],
        ["--nonsense", "status"],
        ["show", "a", "--failed"],
    ],
)
def test_wrong_usage(gatherctl, arguments):
    result = gatherctl.run(*arguments)
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("gatherctl: ")
    assert result.stderr.endswith("Try 'gatherctl --help'.\n")


def test_help_and_version(gatherctl):
    result = gatherctl.run("--help")
    assert result.status == 0
    for word in ("status", "show", "--file", "--failed", "--json", "--help", "--version"):
        assert word in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert gatherctl.run("-V").stdout.startswith("gatherctl ")


def test_a_full_standard_output_is_told(gatherctl):
    with open("/dev/full", "w") as full:
        process = gatherctl.start("status", "-f", "-", stdin=subprocess.PIPE, stdout=full)
        _, stderr = process.communicate(document({}), timeout=60)
    assert process.returncode == 3
    assert stderr == "gatherctl: standard output: No space left on device\n"


def on_terminal(gatherctl, path, *arguments, columns=80, **environment):
    """What a terminal of so many columns gets to see."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {"TERM": "xterm", "NO_COLOR": "", "COLUMNS": "", **environment}
    process = gatherctl.start(*arguments, "-f", path, stdout=follower, env=environment)
    os.close(follower)
    output = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        output += part
    os.close(leader)
    process.communicate(timeout=60)
    return output.decode()


@pytest.fixture
def long_lines(tmp_path):
    """The path of a document with a long error."""
    error = {"kind": "connect", "message": "x" * 300}
    path = tmp_path / "status.json"
    path.write_text(document({"well": entry(), "bad": entry("error", error=error)}))
    return path


def test_on_a_terminal_lines_are_cut_to_its_width(gatherctl, long_lines):
    for columns in (60, 80, 200):
        output = on_terminal(gatherctl, long_lines, "status", columns=columns, NO_COLOR="1")
        assert max(map(len, output.splitlines())) == columns
        assert "…" in output
    output = on_terminal(gatherctl, long_lines, "status", COLUMNS="70", NO_COLOR="1")
    assert max(map(len, output.splitlines())) == 70


def test_elsewhere_lines_are_whole(gatherctl, long_lines):
    output = gatherctl.run("status", "-f", long_lines, env={"COLUMNS": "70"}).stdout
    assert "x" * 300 in output
    assert "\x1b" not in output


def test_colours_are_for_terminals_that_want_them(gatherctl, long_lines):
    for command in (["status"], ["show", "bad"]):
        assert "\x1b[31m" in on_terminal(gatherctl, long_lines, *command)
        assert "\x1b" not in on_terminal(gatherctl, long_lines, *command, NO_COLOR="1")
        assert "\x1b" not in on_terminal(gatherctl, long_lines, *command, TERM="dumb")


def test_foreign_text_never_steers_the_terminal(gatherctl, tmp_path):
    evil = "e\x1b]0;pwned\x07\x9b31m\u202e"
    error = {"kind": evil, "message": evil, "excerpt": evil, "phase": evil}
    target = entry("error", error=error, group=evil, url=evil, data=[evil], warnings=[evil])
    path = tmp_path / "status.json"
    # With the characters themselves where JSON allows them, as gatherd writes them.
    text = json.loads(document({evil: target}, host=evil))
    path.write_text(json.dumps(text, ensure_ascii=False))
    for command in (["status"], ["status", "--json"], ["show", evil], ["show", "--json", evil]):
        output = on_terminal(gatherctl, path, *command, NO_COLOR="1")
        assert output
        assert not set(output) & {"\x1b", "\x07", "\x9b", "\u202e"}
    result = gatherctl.run("show", evil[:-3], "-f", path)
    assert result.status == 2
    assert not set(result.stderr) & {"\x1b", "\x07", "\x9b", "\u202e"}
