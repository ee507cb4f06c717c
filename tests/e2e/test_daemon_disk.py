"""A daemon whose disk is full, read-only, away or hangs; and its very first moments."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, Watch
from helpers_document import parse_document, parse_first_document
from helpers_gatherd import names_in, needs_mounts, services
from upstream import answer

SLOW = os.environ.get("GATHERD_SLOW_TESTS") == "1"

# ---- a disk that fails ----


class Disk:
    """A daemon on a file system of its own, which nobody else sees: ./disk.

    Use as a context manager, as Daemon; `folder` is where that disk is seen from here.
    """

    def __init__(self, gatherd, config, options, *arguments):
        (gatherd.folder / "disk").mkdir(exist_ok=True)
        script = f'mount -t tmpfs -o {options} tmpfs disk && exec "$@"'
        under = ["unshare", "-m", "sh", "-c", script, "sh"]
        self.daemon = Daemon(
            gatherd, config, *arguments, output="disk/status.json", under=under
        )

    def __enter__(self):
        self.daemon.__enter__()
        try:
            # Whoever logs is gatherd, and no longer unshare(1) or a shell.
            self.daemon.wait_log(".")
            self.pid = self.daemon.process.pid
            inside = f"/proc/{self.pid}/root{self.daemon.gatherd.folder}/disk"
            self.folder = pathlib.Path(inside)
            self.daemon.output = self.folder / "status.json"
            self.daemon.watch.close()
            self.daemon.watch = Watch(self.folder)
        except BaseException:
            self.daemon.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.daemon.__exit__()

    def remount(self, options):
        """Refused while a file is open for writing: as often as it takes."""
        mount = ["mount", "-o", "remount," + options, self.daemon.gatherd.folder / "disk"]
        enter = ["nsenter", "-t", str(self.pid), "-m"]
        end = time.monotonic() + PATIENCE
        while subprocess.run([*enter, *mount], capture_output=True).returncode != 0:
            assert time.monotonic() < end, options


class Size:
    """What /a answers: so many bytes; it can be told otherwise at any time."""

    def __init__(self, upstream, size):
        self.size = size
        upstream.answers["/a"] = lambda request, number: answer(json.dumps("x" * self.size))


def some_rounds(upstream, path="/a", count=20):
    """Wait until PATH was asked for so many times more."""
    asked = upstream.asked.get(path, 0)
    upstream.wait_for(lambda upstream: upstream.asked.get(path, 0) >= asked + count)


QUICK = {"interval": "20ms"}
FAILED = r" error could not write \S*status\.json: "
AGAIN = r" info \S*status\.json is written again; \d+ documents? w(?:as|ere) lost"


def test_a_disk_that_fills_up_is_told_once(gatherd, upstream):
    needs_mounts()
    size = Size(upstream, 100)
    config = {**QUICK, **services(upstream, a="/a", b="/status/503")}
    with Disk(gatherd, config, "size=64k") as disk:
        daemon = disk.daemon
        daemon.wait_document()
        for times in (1, 2):
            size.size = 100_000
            daemon.wait_log(FAILED + "No space left on device", times)
            old = daemon.output.read_bytes()
            assert len(parse_document(old)["services"]["a"]["data"]) == 100 * times
            some_rounds(upstream)
            assert daemon.output.read_bytes() == old
            assert len(daemon.matches(FAILED)) == times
            assert len(daemon.matches(AGAIN)) == times - 1

            size.size = 200
            daemon.wait_log(AGAIN, times)
            document = daemon.wait_document(
                lambda new: len(new["services"]["a"]["data"]) == 200
            )
            # What could not be written was counted, and nothing of it is lost.
            before = parse_document(old)
            assert document["generation"] > before["generation"] + 10
            assert document["services"]["b"]["since"] == before["services"]["b"]["since"]
        os.kill(disk.pid, signal.SIGSTOP)  # no document is being written when we look
        some = [name for name in names_in(disk.folder) if name != "status.json"]
        os.kill(disk.pid, signal.SIGCONT)
        assert len(some) <= 1
        assert daemon.stop()[0] == 0
    assert len(daemon.matches(" error ")) == 2


def test_a_disk_that_is_full_keeps_no_litter(gatherd, upstream):
    """Each document fails while it is written: not one of them may stay."""
    needs_mounts()
    size = Size(upstream, 100)
    config = {"interval": "1h", **services(upstream, a="/a")}
    with Disk(gatherd, config, "size=64k,nr_inodes=6", "-l", "debug") as disk:
        disk.daemon.wait_document()
        size.size = 100_000
        for count in range(1, 12):
            disk.daemon.signal(signal.SIGUSR1)
            disk.daemon.wait_log("could not write", count)
            assert names_in(disk.folder) == ["status.json"]
        size.size = 50
        disk.daemon.signal(signal.SIGUSR1)
        disk.daemon.wait_document(lambda new: len(new["services"]["a"]["data"]) == 50)
        assert names_in(disk.folder) == ["status.json"]


def test_a_disk_that_becomes_read_only_is_told_once(gatherd, upstream):
    needs_mounts()
    config = {**QUICK, **services(upstream, a="/ok")}
    with Disk(gatherd, config, "size=1m") as disk:
        daemon = disk.daemon
        daemon.wait_document()
        disk.remount("ro")
        daemon.wait_log(FAILED + "Read-only file system")
        old = daemon.output.read_bytes()
        some_rounds(upstream, "/ok")
        assert daemon.output.read_bytes() == old
        disk.remount("rw")
        daemon.wait_log(AGAIN)
        generation = parse_document(old)["generation"]
        daemon.wait_document(lambda new: new["generation"] > generation + 10)
        assert len(daemon.matches(" error ")) == 1
        assert daemon.stop()[0] == 0


def test_a_folder_may_go_and_come_back(gatherd, upstream):
    folder = gatherd.folder / "folder"
    folder.mkdir()
    config = {**QUICK, **services(upstream, a="/ok")}
    with Daemon(gatherd, config, output="folder/status.json") as daemon:
        daemon.watch.close()
        daemon.watch = Watch(folder)
        old = daemon.wait_document()
        folder.rename(gatherd.folder / "away")
        daemon.wait_log(FAILED + "No such file or directory")
        some_rounds(upstream, "/ok")
        assert len(daemon.matches(FAILED)) == 1
        folder.mkdir()
        daemon.wait_log(AGAIN)
        daemon.watch.close()
        daemon.watch = Watch(folder)
        new = daemon.wait_document()
        assert new["generation"] > old["generation"] + 10
        assert new["services"]["a"]["since"] == old["services"]["a"]["since"]
        assert daemon.stop()[0] == 0
    assert names_in(folder) == ["status.json"]
    assert "status.json" in names_in(gatherd.folder / "away")


def test_a_folder_that_takes_the_documents_place_is_told(gatherd, upstream):
    config = {**QUICK, **services(upstream, a="/ok")}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document()
        (gatherd.folder / "folder").mkdir()
        while True:  # rename(2) of a folder over a file is refused
            with contextlib.suppress(FileNotFoundError, FileExistsError, NotADirectoryError):
                daemon.output.unlink()
                (gatherd.folder / "folder").rename(daemon.output)
                break
        daemon.wait_log(FAILED + "Is a directory")
        daemon.output.rmdir()
        daemon.wait_log(AGAIN)
        daemon.wait_document()


def test_a_document_that_is_taken_away_comes_back(gatherd, upstream):
    """Somebody removes it, or writes into it: the next one is whole again."""
    config = {"interval": "1h", **services(upstream, a="/ok")}
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document()
        for number, spoil in enumerate(
            (
                lambda: None,
                lambda: daemon.output.write_text("spoilt"),
                lambda: daemon.output.symlink_to("/dev/null"),
            ),
            2,
        ):
            daemon.output.unlink()
            spoil()
            daemon.signal(signal.SIGUSR1)
            end = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(ValueError, OSError):
                    if daemon.document["round"]["number"] == number:
                        break
                assert daemon.watch.wait(end - time.monotonic()), daemon.log
            assert daemon.output.is_file() and not daemon.output.is_symlink()


def test_a_link_is_followed_at_the_start_only(gatherd, upstream):
    for name in ("real", "other"):
        (gatherd.folder / name).mkdir()
    link = gatherd.folder / "status.json"
    link.symlink_to("real/document.json")
    config = {"interval": "1h", **services(upstream, a="/ok")}
    real, other = (gatherd.folder / name / "document.json" for name in ("real", "other"))
    for generation in (1, 3):
        with Daemon(gatherd, config) as daemon:
            daemon.watch.close()
            daemon.watch = Watch(gatherd.folder / "real")
            daemon.wait_document(lambda new: new["generation"] >= generation)
            assert link.is_symlink() and not real.is_symlink()
            link.unlink()
            link.symlink_to("other/document.json")
            daemon.signal(signal.SIGUSR1)
            daemon.output = real
            daemon.wait_document(lambda new: new["generation"] == generation + 1)
            assert link.is_symlink() and not other.exists()
            assert daemon.stop()[0] == 0
        daemon.output = link
        link.unlink()
        link.symlink_to("real/document.json")
    assert names_in(gatherd.folder / "real") == ["document.json"]


# ---- an output that cannot be ----


@pytest.mark.parametrize(
    "path, words",
    [
        ("missing/status.json", "No such file or directory"),
        ("gatherd.yaml/status.json", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("/proc/status.json", ""),
        ("n" * 256, "File name too long"),
    ],
)
def test_what_cannot_be_written_ends_the_start(gatherd, upstream, path, words):
    (gatherd.folder / "loop").symlink_to("loop")
    result = gatherd.run("-o", path, config=services(upstream, a="/ok"))
    assert result.status == 3
    assert f"error cannot write {path}: {words}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert upstream.connections == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "loop"]


def test_without_a_file_the_daemon_says_what_is_missing(gatherd, upstream):
    result = gatherd.run(config=services(upstream, a="/ok"))
    assert result.status == 2 and result.stdout == ""
    assert "-o FILE" in result.stderr and "output.file" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert upstream.connections == 0


def test_the_state_directory_is_where_it_goes(gatherd, upstream):
    for name in ("state", "second"):
        (gatherd.folder / name).mkdir()
    state = f"{gatherd.folder}/state:{gatherd.folder}/second"
    config = services(upstream, a="/ok")
    with Daemon(gatherd, config, output=None, env={"STATE_DIRECTORY": state}) as daemon:
        daemon.wait_log("dashboard complete")
        assert daemon.stop()[0] == 0
    assert names_in(gatherd.folder / "state") == ["status.json"]
    assert names_in(gatherd.folder / "second") == []


# ---- a disk that hangs ----

WRITING = ["mkostemp", "fsync", "rename"]


@pytest.fixture
def stuck(gatherd):
    """While there is a file of its name in here, a function does not return."""
    folder = gatherd.folder / "stuck"
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.unlink()


def stops_in_time(daemon, number, slack):
    status, seconds = daemon.stop(number)
    assert status == 0, daemon.log
    assert seconds < 1 * slack
    assert len(daemon.matches("stopping on SIG")) <= 1


@pytest.mark.parametrize("function", WRITING)
def test_rounds_do_not_wait_for_a_disk(gatherd, upstream, preload, stuck, function):
    env = preload(stuck=stuck)
    config = {**QUICK, **services(upstream, a="/ok", b="/status/503")}
    with Daemon(gatherd, config, env=env) as daemon:
        daemon.wait_document()
        (stuck / function).touch()
        some_rounds(upstream, "/ok", 3)  # the one that is being written is done
        old = daemon.output.read_bytes()
        begun = time.monotonic()
        some_rounds(upstream, "/ok", 30)
        assert time.monotonic() - begun > 29 * 0.02 * 0.9  # at their times, at that
        assert daemon.output.read_bytes() == old
        (stuck / function).unlink()
        before = parse_document(old)
        document = daemon.wait_document(
            lambda new: new["round"]["number"] > before["round"]["number"] + 25
        )
        # What came meanwhile is in one document, the one behind that which hung.
        assert before["generation"] < document["generation"] <= before["generation"] + 4
        assert document["services"]["b"]["since"] == before["services"]["b"]["since"]
        assert daemon.stop()[0] == 0
    # On a machine that is busy a round of 20 ms may be missed: that is none of the disk's doing.
    assert not daemon.matches(r" (warn|error) (?!dashboard|\[|\d+ rounds? missed)")
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json", "stuck"]


def test_what_comes_while_the_disk_hangs_is_published_after(gatherd, upstream, preload, stuck):
    """No further round is needed for that."""
    upstream.answers["/n"] = lambda request, number: answer(str(number))
    config = {"interval": "1h", **services(upstream, n="/n")}
    with Daemon(gatherd, config, "-l", "debug", env=preload(stuck=stuck)) as daemon:
        daemon.wait_document()
        (stuck / "rename").touch()
        for rounds in (2, 3, 4):
            daemon.signal(signal.SIGUSR1)
            daemon.wait_log("dashboard complete", rounds)
        assert daemon.document["services"]["n"]["data"] == 1
        (stuck / "rename").unlink()
        document = daemon.wait_document(lambda new: new["services"]["n"]["data"] == 4)
        assert document["generation"] <= 3 and document["round"]["number"] == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("paths", [{"a": "/ok"}, {"a": "/ok", "b": "/hang", "c": "/hang-body"}])
@pytest.mark.parametrize("function", WRITING)
def test_a_stop_does_not_wait_for_a_disk(
    gatherd, upstream, preload, slack, stuck, function, paths, number
):
    env = preload(stuck=stuck)
    config = {**QUICK, **services(upstream, **paths), "timeout": "60s"}
    with Daemon(gatherd, config, env=env) as daemon:
        daemon.wait_document()
        (stuck / function).touch()
        some_rounds(upstream, "/ok", 3)
        old = daemon.output.read_bytes()
        stops_in_time(daemon, number, slack)
        assert daemon.output.read_bytes() == old
    assert parse_document(old)["services"]["a"]["status"] == "ok"
    # What it had to leave behind is found by the next one.
    (stuck / function).unlink()
    with Daemon(gatherd, config, env=env) as daemon:
        daemon.first_document()
        assert daemon.stop()[0] == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json", "stuck"]


def test_a_disk_that_wakes_up_in_time_gets_the_last_document(gatherd, upstream, preload, stuck):
    config = {**QUICK, **services(upstream, a="/ok")}
    with Daemon(gatherd, config, env=preload(stuck=stuck)) as daemon:
        daemon.wait_document()
        (stuck / "rename").touch()
        some_rounds(upstream, "/ok", 3)
        old = daemon.document
        daemon.signal(signal.SIGTERM)
        daemon.wait_log("stopping on SIGTERM")
        (stuck / "rename").unlink()
        assert daemon.process.wait(PATIENCE) == 0
        assert daemon.document["generation"] > old["generation"]
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json", "stuck"]


def test_hanging_upstreams_alone_do_not_hold_it_up(gatherd, upstream, slack):
    paths = {str(i): "/hang" for i in range(50)}
    config = {**services(upstream, **paths, a="/ok"), "timeout": "60s"}
    with Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda upstream: upstream.asked.get("/hang") == 50)
        status, seconds = daemon.stop()
    # Nothing hangs in the disk, that would have to be waited for.
    assert status == 0 and seconds < 0.5 * slack


def test_a_second_signal_waits_for_nothing(gatherd, upstream, preload, slack, stuck):
    config = {**QUICK, **services(upstream, a="/ok")}
    with Daemon(gatherd, config, env=preload(stuck=stuck)) as daemon:
        daemon.wait_document()
        (stuck / "fsync").touch()
        some_rounds(upstream, "/ok", 3)
        begun = time.monotonic()
        daemon.signal(signal.SIGTERM)
        daemon.wait_log("stopping on SIGTERM")
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE) == 0
        assert time.monotonic() - begun < 0.5 * slack


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("function", ["mkostemp", "open"])
def test_a_start_that_hangs_in_the_disk_can_be_stopped(
    gatherd, upstream, preload, slack, stuck, function, number
):
    """In the trial whether it can be written, or in the reading of the old one."""
    config = {**QUICK, **services(upstream, a="/ok")}
    env = preload(stuck=stuck)
    with Daemon(gatherd, config, env=env) as daemon:
        daemon.wait_document()
        assert daemon.stop()[0] == 0
    old = daemon.output.read_bytes()
    asked = upstream.asked["/ok"]
    (stuck / function).touch()
    with Daemon(gatherd, config, env=env) as daemon:
        # The thread that hangs is there, and so is the loop that handles signals.
        wait_until(lambda: daemon.status_of("Threads") >= 2 and handles(daemon, number))
        assert not daemon.lines
        stops_in_time(daemon, number, slack)
        assert daemon.output.read_bytes() == old and upstream.asked["/ok"] == asked


@pytest.mark.parametrize("function", ["mkostemp", "open"])
def test_a_start_waits_for_the_disk(gatherd, upstream, preload, stuck, function):
    """Without what was, and whether it can publish at all, it does not ask."""
    config = {**QUICK, **services(upstream, a="/status/503")}
    env = preload(stuck=stuck)
    with Daemon(gatherd, config, env=env) as daemon:
        daemon.wait_document()
        assert daemon.stop()[0] == 0
        old = daemon.document
    asked = upstream.asked["/status/503"]
    (stuck / function).touch()
    with Daemon(gatherd, config, env=env) as daemon:
        wait_until(lambda: daemon.status_of("Threads") >= 2)
        time.sleep(0.1)  # that nothing happens, no event can tell
        # Neither of these kills it, or is lost.
        daemon.signal(signal.SIGHUP)
        daemon.signal(signal.SIGUSR1)
        time.sleep(0.1)
        assert upstream.asked["/status/503"] == asked
        (stuck / function).unlink()
        new = daemon.wait_document(lambda new: new["generation"] > old["generation"])
        assert new["services"]["a"]["since"] == old["services"]["a"]["since"]
        daemon.wait_log("config reloaded|nothing changed")
        assert daemon.stop()[0] == 0


@pytest.mark.parametrize("align", [False, True])
def test_who_asks_for_a_round_before_the_disk_answers_gets_one(
    gatherd, upstream, preload, stuck, align
):
    """SIGUSR1 in a start: with `align` the schedule's own first round may be far."""
    config = {"interval": "1h", "align": align, **services(upstream, a="/ok")}
    (stuck / "mkostemp").touch()
    with Daemon(gatherd, config, env=preload(stuck=stuck)) as daemon:
        wait_until(
            lambda: daemon.status_of("Threads") >= 2
            and not is_pending(daemon, signal.SIGUSR1)
            and handles(daemon, signal.SIGTERM)
        )
        daemon.signal(signal.SIGUSR1)
        wait_until(lambda: not is_pending(daemon, signal.SIGUSR1))
        (stuck / "mkostemp").unlink()
        document = daemon.wait_document(lambda new: new["outcome"] == "complete")
        assert daemon.reload()
        assert daemon.stop()[0] == 0
    assert document["round"]["number"] == 1 and upstream.asked == {"/ok": 1}


@pytest.mark.skipif(not SLOW, reason="waits for 10 s: GATHERD_SLOW_TESTS=1")
def test_what_hangs_in_the_disk_is_told_and_not_piled_up(gatherd, upstream, preload, stuck):
    config = {**QUICK, **services(upstream, a="/ok"), "output": {"file": "status.json"}}
    waiting = r"warn still waiting for \S*%s\.json$"
    (stuck / "mkostemp").touch()
    with Daemon(gatherd, config, output=None, env=preload(stuck=stuck)) as daemon:
        daemon.wait_log(waiting % "status")
        (stuck / "mkostemp").unlink()
        some_rounds(upstream, "/ok")
        daemon.output = gatherd.folder / "status.json"
        document = daemon.document

        (stuck / "mkostemp").touch()
        other = {**config, "output": {"file": "other.json"}}
        assert not daemon.reload(other)
        daemon.wait_log(waiting % "other")
        threads, descriptors = daemon.status_of("Threads"), daemon.descriptors()
        begun = time.monotonic()
        for _ in range(5):
            assert not daemon.reload()
        assert time.monotonic() - begun < 5
        assert len(daemon.matches("cannot write .*the last try is still waiting")) == 5
        assert (daemon.status_of("Threads"), daemon.descriptors()) == (threads, descriptors)

        (stuck / "mkostemp").unlink()
        wait_until(lambda: daemon.status_of("Threads") < threads)
        assert daemon.reload()
        daemon.output = gatherd.folder / "other.json"
        daemon.wait_document(lambda new: new["generation"] > document["generation"])
        assert daemon.stop()[0] == 0
    assert len(daemon.matches("still waiting for ")) == 2 + 5


def test_a_pipe_without_a_reader_holds_up_nothing(gatherd, upstream, slack):
    path = gatherd.folder / "pipe"
    os.mkfifo(path)
    config = {**QUICK, **services(upstream, a="/ok")}
    with Daemon(gatherd, config, output="pipe") as daemon:
        some_rounds(upstream, "/ok")
        # Whoever comes later gets a whole one, and the next one after that.
        for _ in range(3):
            text = path.read_text()
            while text:
                document, end = parse_first_document(text)
                assert document["status"] == "ok" and document["round"]["number"] >= 1
                text = text[end:].lstrip()
        some_rounds(upstream, "/ok")
        stops_in_time(daemon, signal.SIGTERM, slack)


# ---- signals in the first moments ----

STARTS = 200


def wait_until(condition):
    """What only the kernel tells of a process is not told as an event."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def has_bit(pid, field, number):
    """Is the signal in that mask in /proc/PID/status?"""
    with open(f"/proc/{pid}/status") as lines:
        for line in lines:
            if line.startswith(field + ":"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    raise KeyError(field)


def handles(daemon, number):
    return has_bit(daemon.process.pid, "SigCgt", number)


def is_pending(daemon, number):
    return has_bit(daemon.process.pid, "ShdPnd", number)


def is_prepared(pid, number):
    """Has main taken care of the signal? Before that nobody could."""
    return has_bit(pid, "SigCgt", number) or has_bit(pid, "SigBlk", number)


@pytest.fixture
def waiting(gatherd):
    """A daemon in its very first moments, for as long as nobody writes its config."""
    config = gatherd.folder / "gatherd.yaml"
    os.mkfifo(config)
    process = gatherd.start("-c", config, "-o", "status.json")
    with open(config, "w") as writing:  # until it was opened for reading, too
        yield process, writing
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_is_stopped_and_not_killed(gatherd, waiting, number):
    process, _ = waiting
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


def test_a_start_holds_back_what_it_cannot_do_yet(gatherd, upstream, waiting):
    process, writing = waiting
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
    writing.write(json.dumps(services(upstream, a="/ok")))
    writing.close()
    upstream.wait_for(lambda upstream: upstream.asked.get("/ok"))
    # It may hang in reading the config again by now, for SIGHUP, as nobody writes any.
    process.terminate()
    assert process.wait(PATIENCE) == 0


def start_and_signal(gatherd, arguments, moment, number):
    """(exit status, whether it came after main had begun to care)."""
    process = gatherd.start(*arguments)
    time.sleep(moment)
    prepared = is_prepared(process.pid, number)
    process.send_signal(number)
    if number in (signal.SIGHUP, signal.SIGUSR1):
        # It goes on, until this one ends it: in the start, as well, if it comes to that.
        wait_until(lambda: process.poll() is not None or is_prepared(process.pid, signal.SIGTERM))
        process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode != 99, stderr
    return process.returncode, prepared


def start_seconds(gatherd, config):
    begun = time.monotonic()
    with Daemon(gatherd, config) as daemon:
        daemon.wait_log(" gathers ")
        return time.monotonic() - begun


def test_no_signal_kills_a_start(gatherd, upstream):
    config = {**QUICK, **services(upstream, a="/ok", b="/hang")}
    longest = 1.5 * start_seconds(gatherd, config)
    arguments = ["-c", gatherd.config(config), "-o", "status.json"]
    chance = random.Random(7)
    numbers = [signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT]
    met = 0
    for start in range(STARTS):
        number = numbers[start % len(numbers)]
        moment = chance.uniform(0, longest)
        status, prepared = start_and_signal(gatherd, arguments, moment, number)
        met += prepared
        if prepared:
            assert status == 0, (number, moment)
        else:
            assert status in (0, -number), (number, moment)
    assert met > STARTS / 4
    with Daemon(gatherd, config) as daemon:
        daemon.first_document()
        assert daemon.stop()[0] == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]
