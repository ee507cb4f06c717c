"""What a daemon knows of its targets after a restart, read back from its own document."""

import itertools
import json
import os
import random
import re
import signal
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon
from helpers_document import parse_document, parse_first_document, read_document
from helpers_gatherd import gated, names_in, needs, services
from upstream import answer, sends

__all__ = ["gated"]  # a fixture

# No round comes by itself but the first: the others are asked for.
SELDOM = {"interval": "1h", "publish_after": "10ms"}


def seldom(upstream, **paths):
    return {**SELDOM, **services(upstream, **paths)}


def gather_now(daemon):
    """One round of everything, which nothing holds up; its document."""
    number = daemon.document["round"]["number"]
    daemon.signal(signal.SIGUSR1)
    return daemon.wait_document(lambda new: new["round"]["number"] > number)


def run_rounds(gatherd, config, rounds=1, **keywords):
    """A daemon that gathers so often, and is stopped; its last document."""
    with Daemon(gatherd, config, **keywords) as daemon:
        daemon.first_document()
        document = daemon.wait_document(lambda new: new["outcome"] == "complete")
        for _ in range(rounds - 1):
            document = gather_now(daemon)
        assert daemon.stop()[0] == 0
        assert daemon.document == document
    return document


def entry_text(path, name):
    """The text of the entry of NAME, as it stands in the document."""
    key = json.dumps(name, ensure_ascii=False) + ": "
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [line for line in found if line.startswith(key)]
    assert len(found) == 1, (name, found)
    return found[0].rstrip(",")


# ---- until the first outcome ----

AWKWARD = 'ü "q" \\ {{x}} 漢字 🌍 ~/*'


@pytest.mark.parametrize(
    "before", [answer('{"ok": true}'), answer("na so was", 503, "text/plain"), None]
)
def test_until_its_first_outcome_a_target_is_as_it_was(gatherd, gated, before):
    """BEFORE is what it answered; None: nothing in time."""
    config = {**seldom(gated, **{"quick": "/ok", AWKWARD: "/gated"}), "timeout": "200ms"}
    gated.answers["/gated"] = before
    old = run_rounds(gatherd, config, rounds=2)
    path = gatherd.folder / "status.json"
    text = entry_text(path, AWKWARD)

    del gated.answers["/gated"]
    config.update(timeout="60s", interval="50ms")
    with Daemon(gatherd, config) as daemon:
        # `quick` is asked again and again meanwhile, and each time it is published.
        for _ in range(3):
            document = daemon.next_document()
            assert entry_text(path, AWKWARD) == text
            assert AWKWARD in document["in_flight"]
            assert document["counts"] == old["counts"]
            assert document["failed"] == old["failed"]
            assert document["status"] == old["status"]
            quick = document["services"]["quick"]
            assert quick["checked_at"] > old["services"]["quick"]["checked_at"]
            assert quick["since"] == old["services"]["quick"]["since"]
        gated.open_gate()
        document = daemon.wait_document(lambda new: not new["in_flight"])
    assert document["status"] == "ok" and document["failed"] == []
    entry = document["services"][AWKWARD]
    assert entry["failures"] == 0 and entry["last_ok_at"] == entry["checked_at"]
    was_ok = old["services"][AWKWARD]["status"] == "ok"
    assert entry["since"] == (
        old["services"][AWKWARD]["since"] if was_ok else entry["checked_at"]
    )


def test_what_was_never_asked_outlives_more_than_one_restart(gatherd, upstream):
    config = {**seldom(upstream, quick="/ok", slow="/hang"), "timeout": "60s"}
    upstream.answers["/hang"] = answer('{"n": 1.50, "l": [1, {"k": "ä"}]}')
    run_rounds(gatherd, config, rounds=1)
    del upstream.answers["/hang"]
    path = gatherd.folder / "status.json"
    text = entry_text(path, "slow")
    assert '"n":1.50' in text and '"k":"ä"' in text
    for end in (Daemon.stop, Daemon.kill, Daemon.stop):
        with Daemon(gatherd, config) as daemon:
            daemon.first_document()
            end(daemon)
            assert entry_text(path, "slow") == text


def test_a_stop_before_the_first_answer_leaves_the_document(gatherd, upstream):
    run_rounds(gatherd, seldom(upstream, a="/status/503"))
    path = gatherd.folder / "status.json"
    before = path.read_bytes(), path.stat().st_mtime_ns
    config = {**seldom(upstream, a="/hang"), "timeout": "60s"}
    with Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda upstream: "/hang" in upstream.asked)
        assert daemon.stop()[0] == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_another_url_leaves_the_old_entry_until_it_has_answered(gatherd, gated):
    config = {**seldom(gated, quick="/ok", moved="/ok"), "timeout": "60s"}
    run_rounds(gatherd, config)
    path = gatherd.folder / "status.json"
    text = entry_text(path, "moved")
    with Daemon(gatherd, {**config, **seldom(gated, quick="/ok", moved="/gated")}) as daemon:
        daemon.first_document()
        assert entry_text(path, "moved") == text
        gated.open_gate()
        new = daemon.wait_document(
            lambda new: new["services"]["moved"]["url"].endswith("/gated")
        )
    assert new["services"]["moved"]["data"] == {"gated": True}


KEY = "the-key-of-nobody"


@pytest.mark.parametrize("text", [KEY, KEY[:5]])
def test_what_became_a_secret_is_not_published_any_more(gatherd, gated, text):
    """A key that stood in the URL stands in ${KEY} now: in no document of now on."""

    def config(key):
        services = {"a": f"{gated.url}/gated?key={key}", "quick": gated.url + "/ok"}
        return {**SELDOM, "timeout": "60s", "services": services}

    gated.answers["/gated"] = answer(f"no {text}", 503, "text/plain")
    old = run_rounds(gatherd, config(text), rounds=2)["services"]["a"]
    path = gatherd.folder / "status.json"
    assert text in old["url"] and text in old["error"]["excerpt"]
    del gated.answers["/gated"]
    with Daemon(gatherd, config("${KEY}"), env={"KEY": text}) as daemon:
        new = daemon.first_document()["services"]["a"]
        assert text not in path.read_text() and text not in daemon.log
        assert new["url"].endswith("?key=***") and new["data"] is None
        for name in ("status", "since", "checked_at", "last_ok_at", "failures"):
            assert new[name] == old[name]
        gated.open_gate()
        new = daemon.wait_document(lambda new: new["counts"]["ok"] == 2)["services"]["a"]
        assert new["failures"] == 0 and new["since"] > old["since"]


def test_what_a_secret_was_echoed_in_is_masked(gatherd, gated):
    """Who knew it as no secret has published it: in a header then, as here, or a variable."""

    def config(key):
        one = {"url": gated.url + "/gated", "headers": {"X-Key": key}}
        return {**SELDOM, "timeout": "60s", "services": {"a": one, "quick": gated.url + "/ok"}}

    gated.answers["/gated"] = answer(json.dumps({"said": f"<{KEY}>", KEY: KEY}))
    old = run_rounds(gatherd, config(KEY))["services"]["a"]
    assert old["data"] == {"said": f"<{KEY}>", KEY: KEY}
    del gated.answers["/gated"]
    with Daemon(gatherd, config("${KEY}"), env={"KEY": KEY}) as daemon:
        new = daemon.first_document()["services"]["a"]
    assert new == {**old, "data": {"said": "<***>", KEY: "***"}}


# ---- from the first outcome on ----

KINDS = {
    "ok": "/ok",
    "http_error": "/status/500",
    "timeout": "/hang",
    "error": "/close",
}


@pytest.fixture
def kinds(upstream):
    def config(**paths):
        return {**seldom(upstream, **paths), "timeout": "100ms"}

    return config


def test_the_same_status_goes_on(gatherd, kinds):
    config = kinds(**KINDS)
    old = run_rounds(gatherd, config, rounds=2)
    for restart in range(1, 4):
        new = run_rounds(gatherd, config, rounds=1)
        assert new["generation"] > old["generation"]
        assert new["round"]["number"] == old["round"]["number"] + 1
        for status, entry in new["services"].items():
            before = old["services"][status]
            assert entry["status"] == status
            assert entry["since"] == before["since"]
            assert entry["checked_at"] > before["checked_at"]
            assert entry["failures"] == (0 if status == "ok" else 2 + restart)
        old = new


@pytest.mark.parametrize("before, after", itertools.permutations(KINDS, 2))
def test_another_status_begins_at_its_first_outcome(gatherd, kinds, before, after):
    old = run_rounds(gatherd, kinds(a=KINDS[before]))["services"]["a"]
    new = run_rounds(gatherd, kinds(a=KINDS[after]))["services"]["a"]
    assert new["status"] == after
    assert new["since"] == new["checked_at"] > old["checked_at"]
    if after == "ok":
        assert new["failures"] == 0
        assert new["last_ok_at"] == new["checked_at"]
    else:
        assert new["failures"] == old["failures"] + 1
        assert new["last_ok_at"] == old["last_ok_at"]


def test_that_it_was_well_once_is_not_forgotten(gatherd, kinds):
    well = run_rounds(gatherd, kinds(a="/ok"), rounds=2)["services"]["a"]
    for failures, path in enumerate(["/status/500", "/hang", "/close", "/close"], 1):
        entry = run_rounds(gatherd, kinds(a=path))["services"]["a"]
        assert entry["last_ok_at"] == well["checked_at"]
        assert entry["failures"] == failures


def test_the_log_tells_each_target_again_but_no_change(gatherd, kinds):
    """After a restart one line says how each target is."""
    run_rounds(gatherd, kinds(a="/ok", b="/status/500"))
    with Daemon(gatherd, kinds(a="/ok", b="/status/500")) as daemon:
        daemon.first_document()
        daemon.wait_log(r"\[a\] responded with 200")
        daemon.wait_log(r"\[b\] returned HTTP 500")
        gather_now(daemon)
        gather_now(daemon)
        assert len(daemon.matches(r"\[[ab]\]")) == 2


def test_numbers_go_on_whether_it_is_stopped_or_killed(gatherd, upstream):
    config = seldom(upstream, a="/status/500")
    old = run_rounds(gatherd, config)
    for number in range(2, 12):
        with Daemon(gatherd, config) as daemon:
            new = daemon.first_document()
            if number % 2 == 0:
                daemon.kill()
        assert new["round"]["number"] == new["services"]["a"]["failures"] == number
        assert new["generation"] == old["generation"] + 1
        old = new


# ---- the last good answer ----

NUMBERS = '{"n":[18446744073709551615,0.10,1e2],"t":"\\u00e9\\/"}'


def test_the_last_good_answer_outlives_restarts(gatherd, upstream):
    def config(path, keep_last=True):
        one = {"url": upstream.url + path, "keep_last": keep_last}
        return {**SELDOM, "services": {"a": one, "b": upstream.url + "/ok"}}

    path = gatherd.folder / "status.json"
    entry = run_rounds(gatherd, config(sends(NUMBERS)))["services"]["a"]
    assert entry["data"] == json.loads(NUMBERS) and entry["last_data"] == entry["data"]
    numbers = re.search(r'"last_data":(.*)}$', entry_text(path, "a"))[1]
    assert "[18446744073709551615,0.10,1e2]" in numbers
    for _ in range(3):
        entry = run_rounds(gatherd, config("/status/503"), rounds=2)["services"]["a"]
        assert entry["data"] is None
        assert entry_text(path, "a").endswith('"data":null,"last_data":' + numbers + "}")
    # A new one takes its place.
    entry = run_rounds(gatherd, config(sends('{"n":2}')))["services"]["a"]
    assert entry["data"] == entry["last_data"] == {"n": 2}
    entry = run_rounds(gatherd, config("/status/503"))["services"]["a"]
    assert entry["last_data"] == {"n": 2}
    # Who does not want it any more does not get it back later.
    assert "last_data" not in run_rounds(gatherd, config("/close", False))["services"]["a"]
    assert run_rounds(gatherd, config("/close"))["services"]["a"]["last_data"] is None


# ---- other targets than before ----


def test_targets_come_and_go_between_runs(gatherd, upstream):
    bad = "/status/500"
    old = run_rounds(gatherd, seldom(upstream, a=bad, b=bad, c=bad), rounds=3)
    # `b` is gone, `c` is called `see`, `new` is new, and their order is another one.
    new = run_rounds(gatherd, seldom(upstream, see=bad, new=bad, a=bad))
    assert list(new["services"]) == ["see", "new", "a"]
    assert new["failed"] == ["see", "new", "a"]
    assert new["counts"]["total"] == 3
    assert new["services"]["a"]["failures"] == 4
    assert new["services"]["a"]["since"] == old["services"]["a"]["since"]
    for name in ("see", "new"):
        entry = new["services"][name]
        assert entry["failures"] == 1
        assert entry["since"] == entry["checked_at"]
    # What was away begins anew.
    back = run_rounds(gatherd, seldom(upstream, a=bad, b=bad))
    assert back["services"]["a"]["failures"] == 5
    assert back["services"]["b"]["failures"] == 1


def test_what_is_new_is_pending_beside_what_is_restored(gatherd, upstream):
    run_rounds(gatherd, seldom(upstream, a="/ok", quick="/ok"))
    config = {
        **seldom(upstream, new="/hang", a="/hang", quick="/ok"),
        "timeout": "60s",
    }
    with Daemon(gatherd, config) as daemon:
        document = daemon.first_document()
    assert document["services"]["new"]["status"] == "pending"
    assert document["services"]["new"]["since"] is None
    assert document["services"]["a"]["status"] == "ok"
    assert document["counts"]["pending"] == 1 and document["counts"]["ok"] == 2
    assert document["status"] == "ok" and document["failed"] == []


def test_a_name_may_be_of_any_letters(gatherd, upstream):
    names = ["ä", "a\u0308", "Σίσυφος", "🦊" * 32, "a" * 128, " ", "\u202e", "</b>"]
    names += ['"', "\\"]
    config = {
        **SELDOM,
        "services": {name: upstream.url + "/status/500" for name in names},
    }
    run_rounds(gatherd, config)
    new = run_rounds(gatherd, config)
    assert list(new["services"]) == names
    assert {entry["failures"] for entry in new["services"].values()} == {2}


# ---- --once by a timer ----


def test_runs_of_once_go_on_from_each_other(gatherd, upstream):
    paths = {"good": "/ok", "bad": "/status/503"}
    config = services(upstream, **paths)
    path = gatherd.folder / "out.json"
    old = None
    for run in range(1, 4):
        result = gatherd.run("--once", "-o", path, config=config)
        assert result.status == 1
        assert "read" not in result.stderr
        new = read_document(path)
        assert new["generation"] == new["round"]["number"] == run
        assert new["services"]["bad"]["failures"] == run
        if old is not None:
            for name in paths:
                assert new["services"][name]["since"] == old["services"][name]["since"]
        old = new
    # A daemon, and --rounds, know of them as well.
    new = run_rounds(gatherd, {**SELDOM, **config}, output="out.json")
    assert new["services"]["bad"]["failures"] == 4
    assert new["services"]["bad"]["since"] == old["services"]["bad"]["since"]
    assert gatherd.run("--rounds", "3", "-o", path, config=config).status == 1
    assert read_document(path)["services"]["bad"]["failures"] == 7


def test_through_a_link_it_is_read_where_it_leads(gatherd, upstream):
    (gatherd.folder / "real").mkdir()
    (gatherd.folder / "out.json").symlink_to("real/document.json")
    config = services(upstream, a="/status/503")
    for failures in (1, 2):
        assert gatherd.run("--once", "-o", "out.json", config=config).status == 1
        document = read_document(gatherd.folder / "real" / "document.json")
        assert document["services"]["a"]["failures"] == failures
    assert names_in(gatherd.folder / "real") == ["document.json"]


def test_standard_output_is_not_read_back(gatherd, upstream):
    """Not even where it is a file that could be read."""
    path = gatherd.folder / "out.json"
    for name in ("-", "/dev/stdout", "/proc/self/fd/1"):
        for _ in range(2):
            with open(path, "r+" if path.exists() else "w+") as output:
                config = services(upstream, a="/status/503")
                result = gatherd.run("--once", "-o", name, config=config, stdout=output)
            assert result.status == 1 and "read" not in result.stderr
            # Of a longer one before, the end still stands behind it.
            document, _ = parse_first_document(path.read_text())
            assert document["generation"] == 1
            assert document["services"]["a"]["failures"] == 1


def test_a_pipe_is_not_read_back(gatherd, upstream):
    path = gatherd.folder / "pipe"
    os.mkfifo(path)
    config = services(upstream, a="/status/503")
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        for _ in range(2):  # the second one finds the document of the first in the pipe
            assert gatherd.run("--once", "-o", path, config=config).status == 1
        text = os.read(pipe, 1 << 20).decode()
    finally:
        os.close(pipe)
    first, end = parse_first_document(text)
    second = parse_document(text[end:])
    assert first["generation"] == second["generation"] == 1
    assert second["services"]["a"]["failures"] == 1


# ---- what cannot be read back ----


def other_version(text):
    return text.replace('"version": 1', '"version": 2')


UNREADABLE = {
    "blank": lambda text: " \n\n",
    "torn": lambda text: text[: len(text) // 2],
    "less its end": lambda text: text.rstrip()[:-1],
    "no JSON": lambda text: "<html>what is this</html>",
    "zeros": lambda text: "\0" * 4096,
    "no UTF-8": lambda text: text.replace("na so was", "\udcff"),
    "two": lambda text: text + text,
    "a list": lambda text: "[" + text + "]",
    "a number": lambda text: "17",
    "another version": other_version,
    "no version": lambda text: text.replace('"version": 1,', ""),
    "no status": lambda text: text.replace('"status": "down"', '"x": 1'),
    "services of another kind": lambda text: re.sub(
        r'"services": \{.*\},\s*"prompts"', '"services": 7, "prompts"', text, flags=re.S
    ),
    "deep": lambda text: "[" * 1_000_000,
    "a number beyond all bounds": lambda text: text.replace(
        '"generation": 2', '"generation": 1e999'
    ),
}


def start_over(gatherd, config, old, **keywords):
    """A daemon that finds the bytes OLD where its document goes; the document that takes
    their place, and the log."""
    path = gatherd.folder / "status.json"
    path.write_bytes(old)
    with open(path, "rb") as file, Daemon(gatherd, config, **keywords) as daemon:
        while os.path.samestat(os.fstat(file.fileno()), path.stat()):
            assert daemon.watch.wait(PATIENCE), daemon.log
        document = daemon.wait_document(lambda new: new["outcome"] == "complete")
        assert daemon.stop()[0] == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]
    return document, daemon.lines


def begins_anew(document):
    return (
        document["generation"] == document["round"]["number"] == 1
        and document["services"]["a"]["failures"] == 1
    )


WARNING = r" warn could not read \S*status\.json back: \S.*; since and failures begin anew$"


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_document_is_a_warning(gatherd, upstream, kind):
    config = seldom(upstream, a="/status/503?text=na%20so%20was")
    run_rounds(gatherd, config, rounds=2)
    text = (gatherd.folder / "status.json").read_text()
    old = UNREADABLE[kind](text)
    assert old != text
    document, log = start_over(gatherd, config, old.encode(errors="surrogateescape"))
    assert begins_anew(document)
    assert len([line for line in log if " warn could not read" in line]) == 1
    assert re.search(WARNING, log[0]), log


def test_a_document_may_be_torn_anywhere(gatherd, upstream):
    config = services(upstream, a="/status/503")
    path = gatherd.folder / "status.json"
    assert gatherd.run("--once", "-o", path, config=config).status == 1
    whole = path.read_bytes()
    chance = random.Random(3)
    for length in [1, 2, len(whole) - 2] + chance.sample(range(len(whole)), 30):
        path.write_bytes(whole[:length])
        result = gatherd.run("--once", "-o", path, config=config)
        assert result.status == 1
        assert re.search(WARNING, result.stderr.splitlines()[0])
        assert begins_anew(read_document(path))


def test_an_empty_file_is_a_beginning(gatherd, upstream):
    """Somebody may have made it so that it belongs to the right one."""
    document, _ = start_over(gatherd, seldom(upstream, a="/status/503"), b"")
    assert begins_anew(document)


def test_numbers_beyond_all_bounds_stop_nothing(gatherd, upstream):
    config = seldom(upstream, a="/status/503", b="/hang-body")
    config = {**config, "timeout": "100ms", "publish_after": "1m"}
    run_rounds(gatherd, config)
    old = (gatherd.folder / "status.json").read_text()
    for number in (2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**200, -1, 1.5, "1e308"):
        text = re.sub(r'("(?:generation|number|failures|targets)":) ?\d+', rf"\1 {number}", old)
        text = re.sub(r'("(?:duration_ms|total)":) ?[\d.]+', rf"\1 {number}", text)
        text = re.sub(r'("(?:\w+_at|since)": ?)"....-', r'\1"9999-', text)
        assert text.count(str(number)) >= 8, text
        document, log = start_over(gatherd, config, text.encode())
        # Nothing that could be counted on from.
        assert begins_anew(document), number
        assert document["services"]["b"]["failures"] == 1
        assert document["failed"] == ["a", "b"]
        assert not [line for line in log if "could not read" in line]


def test_100_megabytes_of_garbage_are_a_warning(gatherd, upstream, slack):
    """They are looked at no further than they are JSON."""
    path = gatherd.folder / "status.json"
    config = seldom(upstream, a="/status/503")
    for begin, size in ((b"\0", 100 << 20), (b'{"version": 1, "x": "', 1 << 30)):
        with open(path, "wb") as file:
            file.write(begin)
            file.truncate(size)  # what follows is a hole, that reads as zeros
        begun = time.monotonic()
        with open(path, "rb") as old, Daemon(gatherd, config) as daemon:
            assert re.search(WARNING, daemon.wait_log("."))
            while os.path.samestat(os.fstat(old.fileno()), path.stat()):
                assert daemon.watch.wait(PATIENCE), daemon.log
            assert time.monotonic() - begun < 5 * slack
            assert begins_anew(daemon.document)
            # Nor is the memory for them kept.
            assert daemon.status_of("VmRSS") < (200 if slack > 1 else 20) << 10


@pytest.fixture
def nobody(gatherd):
    """A command that runs another one as nobody, whose the folder is then."""
    if os.geteuid() != 0:
        return ["env"]
    becomes = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    os.chown(gatherd.folder, 65534, 65534)
    for above in list(gatherd.folder.parents)[:-2]:  # all but /tmp and /
        above.chmod(above.stat().st_mode | 0o111)
    needs([*becomes, "test", "-w", gatherd.folder, "-a", "-x", gatherd.program])
    return becomes


def test_what_must_not_be_read_is_a_warning(gatherd, upstream, nobody):
    config = seldom(upstream, a="/status/503")
    path = gatherd.folder / "status.json"
    path.write_text("{}")
    path.chmod(0)
    with Daemon(gatherd, config, under=nobody) as daemon:
        line = daemon.wait_log(".")
        assert re.search(WARNING, line) and "Permission denied" in line
        daemon.wait_log(r"\[a\] returned HTTP 503")
        while path.stat().st_size <= 2:
            assert daemon.watch.wait(PATIENCE), daemon.log
        assert daemon.stop()[0] == 0
    assert begins_anew(read_document(path))
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_in_its_place_is_told_at_the_start(gatherd, upstream):
    path = gatherd.folder / "status.json"
    path.mkdir()
    result = gatherd.run("-o", path, config=seldom(upstream, a="/ok"))
    assert result.status == 3
    assert f"error cannot write {path}: Is a directory" in result.stderr
    assert names_in(path) == [] and upstream.connections == 0
