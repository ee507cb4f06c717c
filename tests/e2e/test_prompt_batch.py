"""Batches: a config with nothing but prompts is run as a script would run them, and says how
many it works on and how many went well. And gatherctl, which shows what came of it."""

import contextlib
import json
import os
import pty
import re
import signal
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, Watch
from helpers_document import read_document
from helpers_gatherd import log_lines, names_in
from helpers_limits import held  # noqa: F401
from helpers_prompts import KEY, ask, config, models, provider  # noqa: F401
from models import cuts, error, refuses, says

ENVIRONMENT = {"MODEL_KEY": KEY}


def texts(result):
    return [text for _, text in log_lines(result.stderr)]


def batch_lines(result):
    """Those that only a batch has, as (level, text)."""
    return [
        (level, text)
        for level, text in log_lines(result.stderr)
        if re.match(r"processing \d|success: ", text)
    ]


def said(count, success, most=5):
    many = "" if count == 1 else "s"
    return [
        ("info", f"processing {count} prompt{many} (max {most} concurrent)"),
        ("info", f"success: {success}/{count}"),
    ]


def numbered(count):
    return {f"ask-{number}": f"prompt {number}" for number in range(count)}


def blocks(models, *prompts):
    models.plan |= dict.fromkeys(prompts, lambda api, *_: refuses(api))


# ---- how many are worked on ----


def test_the_lines_are_the_first_and_the_last(gatherd, models):
    blocks(models, "prompt 2")
    result = ask(gatherd, config(models, numbered(3)))
    assert batch_lines(result) == said(3, 2)
    lines = texts(result)
    assert lines[0].startswith("processing ") and lines[-1].startswith("success: ")
    assert lines[-2].startswith("dashboard incomplete (2 of 3 ok in ")
    assert lines[-2].endswith("; failed prompts: ask-2")
    assert result.status == 1


def test_a_batch_ends_soon_where_nobody_is_there(gatherd, bad_ports):
    """As with an Ollama that was not started: nobody waits for it but for the own retries."""
    made = config(f"http://127.0.0.1:{bad_ports.refused()}", numbered(12))
    started = time.monotonic()
    result = ask(gatherd, made)
    assert time.monotonic() - started < 10
    assert batch_lines(result) == said(12, 0)
    entries = result.document["prompts"].values()
    assert {(entry["error"]["kind"], entry["attempts"]) for entry in entries} == {("connect", 3)}


def test_one_prompt_is_no_plural(gatherd, models):
    assert batch_lines(ask(gatherd, config(models, numbered(1)))) == said(1, 1)


def test_only_those_who_are_asked_count(gatherd, models):
    prompts = numbered(4)
    prompts["off"] = {"prompt": "off", "enabled": False}
    made = config(models, prompts)
    assert batch_lines(ask(gatherd, made)) == said(4, 4)
    assert batch_lines(ask(gatherd, made, "--only", "ask-1,ask-3")) == said(2, 2)


def test_what_only_needs_counts_as_well(gatherd, models):
    prompts = {"draft": "one", "final": "two {{prompts.draft.response}}", "other": "three"}
    result = ask(gatherd, config(models, prompts), "--only", "final")
    assert batch_lines(result) == said(2, 2)
    assert models.prompts == ["one", "two answer to one"]


@pytest.mark.parametrize("top, most", [(None, 12), (20, 12), (9, 9), (1, 1)])
def test_the_limits_of_several_providers_add_up_within_that_of_the_file(
    gatherd, models, top, most
):
    made = config(models, {"a": {"prompt": "a", "provider": "p"}})
    made["prompts"]["b"] = {"prompt": "b", "provider": "q"}
    made["providers"]["q"] = provider("ollama", models, max_concurrent=7)
    made["providers"]["unused"] = provider("ollama", models, max_concurrent=8)
    if top:
        made["max_concurrent"] = top
    assert batch_lines(ask(gatherd, made)) == said(2, 2, most)


def test_of_several_providers_only_those_who_are_asked_count(gatherd, models):
    made = config(models, {"a": {"prompt": "a", "provider": "p"}})
    made["prompts"]["b"] = {"prompt": "b", "provider": "q"}
    made["providers"]["q"] = provider("ollama", models, max_concurrent=7)
    assert batch_lines(ask(gatherd, made, "--only", "b")) == said(1, 1, 7)


# ---- what is a success ----

OUTCOMES = {
    "blocked": (lambda api, *_: refuses(api), {}, 0),
    "truncated": (lambda api, *_: cuts(api, "half"), {}, 0),
    "denied": (lambda api, *_: (401, error(api, 401, "no")), {}, 0),
    "slow": (lambda *_: None, {"timeout": "100ms", "retries": 0}, 0),
    "broken rule": (None, {"expect": {"body": {"pattern": "never"}}}, 0),
    "broken warning": (None, {"warn": {"body": {"pattern": "never"}}}, 1),
    "no JSON": (None, {"format": "json"}, 0),
    "no money": (None, {"budget": {"tokens": 1, "per": "1d"}, "max_tokens": 9}, 0),
    "not asked": (None, {"when": "failing"}, 0),
}


@pytest.mark.parametrize("what", OUTCOMES)
def test_a_success_is_what_the_document_calls_one(gatherd, models, what):
    act, keys, success = OUTCOMES[what]
    if act:
        models.plan["it"] = act
    result = ask(gatherd, config(models, {"well": "fine", "it": {"prompt": "it"} | keys}))
    assert batch_lines(result) == said(2, 1 + success)
    entries = result.document["prompts"]
    assert [entry["success"] for entry in entries.values()] == [True, bool(success)]


def test_none_may_be_well(gatherd, models):
    blocks(models, *numbered(3).values())
    result = ask(gatherd, config(models, numbered(3)))
    assert batch_lines(result) == said(3, 0)
    assert result.status == 1
    assert result.document["status"] == "down"


def test_one_that_is_not_required_is_counted_and_not_blamed(gatherd, models):
    blocks(models, "no")
    prompts = {"yes": "yes", "no": {"prompt": "no", "required": False}}
    result = ask(gatherd, config(models, prompts))
    assert batch_lines(result) == said(2, 1)
    assert result.status == 0


@pytest.mark.parametrize("mode, success", [("fail_fast", 1), ("all_or_nothing", 0)])
def test_in_other_modes_what_was_cancelled_is_none(gatherd, models, mode, success):
    blocks(models, "no")
    prompts = {"first": "yes", "no": "no {{prompts.first.response}}"}
    prompts["last"] = "{{prompts.no.response}}"
    blocks(models, "no answer to yes")
    result = ask(gatherd, config(models, prompts, mode=mode))
    assert batch_lines(result) == said(3, success)
    assert result.status == 1


# ---- where it is said, and where not ----


@pytest.mark.parametrize("level", ["warn", "error"])
def test_a_quiet_log_has_neither(gatherd, models, level):
    blocks(models, "prompt 1")
    result = ask(gatherd, config(models, numbered(2)), "-l", level)
    assert batch_lines(result) == []
    assert bool(result.stderr) is (level == "warn")
    assert list(result.document["prompts"]) == ["ask-0", "ask-1"]


def test_a_log_of_json_has_both_as_events_of_nobody(gatherd, models):
    result = ask(gatherd, config(models, numbered(2)), "--log-format", "json")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    found = [(event["level"], event["target"], event["message"]) for event in events]
    begin, end = said(2, 2)
    assert found[0] == ("info", None, begin[1])
    assert found[-1] == ("info", None, end[1])


def test_standard_output_has_the_document_and_nothing_else(gatherd, models):
    result = ask(gatherd, config(models, numbered(2)))
    assert result.stdout.startswith("{\n") and result.stdout.endswith("\n}\n")
    assert len(result.documents) == 1
    # Where it goes without -o, as in the examples.
    path = gatherd.config(config(models, numbered(2)))
    result = gatherd.run("--once", "-c", path, env=ENVIRONMENT)
    assert list(result.document["prompts"]) == ["ask-0", "ask-1"]
    assert batch_lines(result) == said(2, 2)


def test_each_round_has_its_own(gatherd, models):
    models.plan["prompt 1"] = lambda api, _, number: (
        refuses(api) if number == 2 else says(api, "fine")
    )
    path = gatherd.config(config(models, numbered(2)))
    result = gatherd.run("--rounds", "3", "-c", path, "-o", "-", env=ENVIRONMENT)
    assert batch_lines(result) == said(2, 2) + said(2, 1) + said(2, 2)
    assert len(result.documents) == 3
    assert result.status == 0, "as the last round came out"


def test_what_is_answered_from_memory_is_a_success(gatherd, models):
    prompts = {name: {"prompt": name, "when": "changed"} for name in ("a", "b")}
    path = gatherd.config(config(models, prompts))
    result = gatherd.run("--rounds", "2", "-c", path, "-o", "-", env=ENVIRONMENT)
    assert batch_lines(result) == said(2, 2) + said(2, 2)
    assert len(models.prompts) == 2


def test_beside_services_it_is_no_batch(gatherd, models):
    made = config(models, numbered(2), {"s": f"{models.url}/ok"})
    result = ask(gatherd, made)
    assert batch_lines(result) == []
    assert texts(result)[-1].startswith("dashboard complete (3 of 3 ok in ")
    # Unless none of the services is asked.
    assert batch_lines(ask(gatherd, made, "--only", "ask-1")) == said(1, 1)


def test_without_prompts_it_is_none_either(gatherd, models):
    assert batch_lines(ask(gatherd, config(models, {}))) == []


def test_a_daemon_says_nothing_of_the_kind(gatherd, models):
    made = config(models, numbered(2), interval="1h")
    with Daemon(gatherd, made, "-l", "debug", env=ENVIRONMENT) as daemon:
        daemon.wait_document(lambda new: new["counts"]["ok"] == 2)
        assert daemon.stop()[0] == 0
    assert not daemon.matches("processing|success:")


def test_a_document_that_cannot_be_published_takes_nothing_back(gatherd, models):
    made = config(models, numbered(2))
    with open("/dev/full", "w") as full:
        result = ask(gatherd, made, stdout=full)
    assert result.status == 3
    assert batch_lines(result) == said(2, 2)
    # Where that is known before anybody was asked, nobody is.
    models.prompts.clear()
    output = gatherd.folder / "nowhere" / "status.json"
    path = gatherd.config(made)
    result = gatherd.run("--once", "-c", path, "-o", output, env=ENVIRONMENT)
    assert result.status == 3
    assert batch_lines(result) == [] and models.prompts == []


def test_whoever_is_stopped_has_no_success_to_tell(gatherd, held):  # noqa: F811
    path = gatherd.config(config(held, {"a": "held a", "b": "b"}, publish_after="1h"))
    process = gatherd.start("--once", "-c", path, "-o", "s.json", env=ENVIRONMENT)
    held.wait_for_prompts(2)
    process.send_signal(signal.SIGTERM)
    stderr = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == -signal.SIGTERM
    assert "processing 2 prompts (max 5 concurrent)" in stderr and "success" not in stderr
    assert not (gatherd.folder / "s.json").exists()


def test_answers_stand_in_the_order_of_the_config(gatherd, held):  # noqa: F811
    path = gatherd.config(config(held, {name: f"held {name}" for name in "abcd"}))
    process = gatherd.start("--once", "-c", path, "-o", "-", env=ENVIRONMENT)
    held.wait_for_prompts(4)
    for name in "dbca":
        held.let_go(name)
        held.wait_for(lambda models, name=name: f"held {name}" in models.answered_at)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    entries = gatherd.parse(stdout)["prompts"]
    assert list(entries) == list("abcd")
    assert all(entry["response"] == f"answer to held {name}" for name, entry in entries.items())


# ---- what is there before the end ----

# Four that are answered at once, and two that are not.
SIX = numbered(4) | {"slow-0": "held 0", "slow-1": "held 1"}


def six(models, **top):
    return config(models, SIX, timeout="1m", publish_after="10ms", **top)


@contextlib.contextmanager
def running(gatherd, made, *arguments, output="s.json"):
    """A run that is under way, and does not outlive the test."""
    path = gatherd.config(made)
    process = gatherd.start(*arguments, "-c", path, "-o", output, env=ENVIRONMENT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_document(path, condition):
    """The document at PATH, once it is there and CONDITION says that it is it."""
    watch = Watch(path.parent)
    end = time.monotonic() + PATIENCE
    try:
        while True:
            with contextlib.suppress(FileNotFoundError):
                document = read_document(path)
                if condition(document):
                    return document
            assert time.monotonic() < end, "no such document"
            watch.wait(end - time.monotonic())
    finally:
        watch.close()


def has_four(document):
    return document["counts"]["ok"] == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_was_answered_survives_the_end_of_the_run(gatherd, held, number):  # noqa: F811
    output = gatherd.folder / "s.json"
    with running(gatherd, six(held), "--once") as process:
        wait_document(output, has_four)
        process.send_signal(number)
        stderr = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == -number, stderr
    assert "success" not in stderr and "could not" not in stderr
    document = read_document(output)
    assert document["outcome"] == "gathering" and document["counts"]["ok"] == 4
    assert document["round"]["duration_ms"] is None
    entries = document["prompts"]
    assert [entries[name]["response"] for name in numbered(4)] == [
        f"answer to prompt {index}" for index in range(4)
    ]
    assert {entries[name]["status"] for name in ("slow-0", "slow-1")} == {"pending"}
    if number != signal.SIGKILL:
        assert names_in(gatherd.folder) == ["gatherd.yaml", "s.json"]


def test_such_a_document_is_neither_the_end_nor_the_next_round(gatherd, held):  # noqa: F811
    output = gatherd.folder / "s.json"
    with running(gatherd, six(held), "--rounds", "2") as process:
        first = wait_document(output, has_four)
        held.let_go("0")
        wait_document(output, lambda it: it["counts"]["ok"] == 5)
        assert len(held.prompts) == 6 and process.poll() is None
        held.let_go("1")
        stderr = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, stderr
    lines = [text for _, text in log_lines(stderr)]
    begin, end = (text for _, text in said(6, 6))
    assert lines.count(begin) == lines.count(end) == 2
    assert lines[0] == begin and lines[-1] == end and lines.index(end) < lines.index(begin, 1)
    assert len(held.prompts) == 12
    document = read_document(output)
    assert document["outcome"] == "complete" and document["counts"]["ok"] == 6
    assert (first["round"]["number"], document["round"]["number"]) == (1, 2)


@pytest.mark.parametrize("after", ["0s", "1s"])
def test_an_undisturbed_batch_ends_as_ever(gatherd, models, after):
    made = config(models, numbered(6), publish_after=after)
    path = gatherd.config(made)
    result = gatherd.run("--once", "--progress", "-c", path, "-o", "s.json", env=ENVIRONMENT)
    assert result.status == 0 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].endswith(said(6, 6)[0][1])
    assert lines[-2].startswith("gathered 6 of 6, 0 failed, ")
    assert lines[-1].endswith("success: 6/6")
    document = read_document(gatherd.folder / "s.json")
    assert document["outcome"] == "complete" and document["counts"]["ok"] == 6
    assert document["in_flight"] == []
    assert names_in(gatherd.folder) == ["gatherd.yaml", "s.json"]


def test_one_that_cannot_be_written_does_not_decide(gatherd, held):  # noqa: F811
    folder = gatherd.folder / "out"
    away = gatherd.folder / "away"
    folder.mkdir()
    with running(gatherd, six(held), "--once", output="out/s.json") as process:
        wait_document(folder / "s.json", has_four)
        folder.rename(away)
        held.let_go("0")
        lines = iter(process.stderr.readline, "")
        assert any("error could not write " in line for line in lines)
        away.rename(folder)
        held.let_go("1")
        stderr = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, stderr
    assert stderr.endswith(" success: 6/6\n")
    document = read_document(folder / "s.json")
    assert document["outcome"] == "complete" and document["counts"]["ok"] == 6


def test_elsewhere_there_is_one_document_a_round(gatherd, held):  # noqa: F811
    """On standard output, by each of its names and also where that is a file; of other modes; and
    where services are asked, too."""
    held.let_go("0", "1")
    held.delay = (0.05, 0.04)
    for output in ("-", "/dev/stdout"):
        with open(gatherd.folder / "all.json", "w+") as file:
            path = gatherd.config(six(held))
            arguments = ("--rounds", "2", "-c", path, "-o", output)
            assert gatherd.run(*arguments, env=ENVIRONMENT, stdout=file).status == 0
            file.seek(0)
            text = file.read()
        assert text.count('"outcome": "complete"') == text.count('"generation"') == 2
    services = {"s": f"{held.url}/ok"}
    beside = config(held, SIX, services, timeout="1m", publish_after="10ms")
    for made in (six(held, mode="all_or_nothing"), six(held, mode="fail_fast"), beside):
        (gatherd.folder / "s.json").unlink(missing_ok=True)
        path = gatherd.config(made)
        arguments = ("--rounds", "3", "-c", path, "-o", "s.json")
        assert gatherd.run(*arguments, env=ENVIRONMENT).status == 0
        document = read_document(gatherd.folder / "s.json")
        assert document["generation"] == document["round"]["number"] == 3


# ---- progress ----


def on_a_terminal(gatherd, path, *arguments):
    """What gatherd writes to a terminal that is its standard error."""
    parent, child = pty.openpty()
    process = gatherd.start(
        "--once", "-c", path, "-o", "s.json", *arguments, env=ENVIRONMENT, stderr=child
    )
    os.close(child)
    text = b""
    while True:
        try:
            more = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        text += more
    os.close(parent)
    process.communicate(timeout=PATIENCE)
    return process.returncode, text.decode()


def as_seen(text):
    """The lines that are there in the end: \\r goes back, and ESC [K wipes what is behind."""
    lines = []
    for line in re.sub("\x1b\\[[0-9;]*m", "", text).split("\r\n"):
        shown = ""
        for part in re.split("(\r|\x1b\\[K)", line):
            if part == "\r":
                column = 0
            elif part == "\x1b[K":
                shown = shown[:column]
            else:
                column = 0 if part is line else column
                shown = shown[:column] + part + shown[column + len(part) :]
                column += len(part)
        lines.append(shown)
    return lines


def test_on_a_terminal_a_line_tells_how_far_it_is(gatherd, models):
    models.delay = (0.15, 0)
    blocks(models, "prompt 3")
    path = gatherd.config(config(models, numbered(8)))
    status, text = on_a_terminal(gatherd, path)
    assert status == 1
    drawn = re.findall(r"gathered (\d+) of 8, (\d+) failed, \d+\.\d s", text)
    counts = [int(done) for done, _ in drawn]
    assert counts == sorted(counts) and 0 in counts and max(counts) >= 5
    assert drawn[-1][1] == "1"
    # Nothing of it is left, and no line of the log has anything of it.
    lines = as_seen(text)
    assert lines.pop() == ""
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z (info|warn) ", line) for line in lines)
    assert "gathered" not in "".join(lines)
    assert lines[0].endswith("processing 8 prompts (max 5 concurrent)")
    assert lines[-1].endswith("success: 7/8")


def test_on_a_terminal_it_can_be_left_out(gatherd, models):
    path = gatherd.config(config(models, numbered(2)))
    status, text = on_a_terminal(gatherd, path, "--no-progress")
    assert status == 0 and "gathered" not in text
    assert as_seen(text)[-2].endswith("success: 2/2")


def test_elsewhere_progress_is_lines_if_it_is_wanted(gatherd, models):
    blocks(models, "prompt 0")
    result = ask(gatherd, config(models, numbered(3)), "--progress")
    lines = result.stderr.splitlines()
    assert re.fullmatch(r"gathered 3 of 3, 1 failed, \d+\.\d s", lines[-2])
    assert lines[-1].endswith("success: 2/3")


# ---- gatherctl ----


@pytest.fixture
def published(gatherd, models):
    """The path of a document with services, good prompts and bad ones."""
    blocks(models, "no")
    price = {"input": 1, "output": 2}
    made = config(
        models,
        {
            "yes": {"prompt": "two\nlines", "budget": {"tokens": 1000, "per": "1d"}},
            "no": {"prompt": "no", "group": "texts"},
            "later": "{{prompts.no.response}}",
        },
        {"orders": f"{models.url}/ok", "reviews": f"{models.url}/status/503"},
        keys={"price": price},
    )
    path = gatherd.folder / "status.json"
    result = gatherd.run("--once", "-o", path, config=made, env=ENVIRONMENT)
    assert result.status == 1
    return path


def rows(text):
    """The lines of a table by their first word."""
    return {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}


def test_status_has_a_table_of_prompts_beside_that_of_services(gatherctl, published):
    result = gatherctl.run("status", "-f", published)
    assert (result.status, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "degraded: 2 of 5 ok, 1 http_error, 1 error, 1 skipped"
    found = rows(result.stdout)
    assert found["NAME"][:3] == ["NAME", "STATUS", "SINCE"]
    assert found["PROMPT"][-3:] == ["MODEL", "TOKENS", "ERROR"]
    assert found["yes"][1] == "ok" and found["yes"][-2:] == ["the-model-2", "10"]
    assert found["no"][1] == "error" and "blocked" in " ".join(found["no"])
    assert found["later"][1] == "skipped"
    assert found["orders"][1] == "ok"
    assert list(found).index("reviews") < list(found).index("PROMPT")


def test_failed_prompts_are_among_the_failed(gatherctl, published):
    result = gatherctl.run("status", "--failed", "-f", published)
    found = rows(result.stdout)
    assert {"reviews", "no", "later"} < set(found) and not {"orders", "yes"} & set(found)
    result = gatherctl.run("status", "--failed", "--json", "-f", published)
    document = json.loads(published.read_text())
    assert list(result.document["failed"]) == document["failed"] == ["reviews", "no", "later"]
    assert result.document["failed"]["no"] == document["prompts"]["no"]


def test_show_tells_one_prompt_with_all_that_was_said(gatherctl, published):
    result = gatherctl.run("show", "yes", "-f", published)
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout.startswith("yes (prompt): ok\n")
    told = dict(re.findall(r"^  (\S[^\n]*?)  +(\S.*)$", result.stdout, re.M))
    assert told["Provider"] == "p" and told["Model"] == "the-model-2"
    assert told["Tokens"] == "7 input, 3 output, 10 total"
    assert told["Budget"].startswith("10 of 1000 tokens spent, until ")
    assert told["Cost"] == "0.000013"
    assert told["Estimate"] == "10 tokens, cost 0.000013 for the next attempt"
    assert "\n  Prompt\n    two\n    lines\n" in result.stdout
    assert "\n  Response\n    answer to two\n    lines\n" in result.stdout
    # Every field has words of its own: none is shown as bare JSON under its key.
    assert not re.search(r"^  [a-z_]+ ", result.stdout, re.M)


def test_show_of_what_failed_says_why(gatherctl, published):
    result = gatherctl.run("show", "no", "-f", published)
    assert result.status == 1
    assert result.stdout.startswith("no (prompt): error\n")
    why = "the model's answer was blocked: I cannot do that."
    assert re.search(rf"^  Error +{re.escape(why)}\n  Kind +blocked$", result.stdout, re.M)
    result = gatherctl.run("show", "later", "-f", published)
    assert result.status == 1
    assert "prompts.no.response is missing (no failed: blocked)" in result.stdout


def test_show_json_is_the_entry_as_it_stands(gatherctl, published):
    document = json.loads(published.read_text())
    for name, entry in document["prompts"].items():
        result = gatherctl.run("show", name, "--json", "-f", published)
        assert result.document == entry
        assert result.status == (0 if entry["success"] else 1)


def test_a_name_that_no_prompt_has_is_told(gatherctl, published):
    result = gatherctl.run("show", "yess", "-f", published)
    assert result.status == 2 and "yess" in result.stderr
