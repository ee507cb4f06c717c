"""The daemon as a process: how it starts and ends, what it does as process number 1."""

import os
import resource
import select
import signal

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, held
from helpers_gatherd import names_in, needs
from helpers_reload import complete, config_of, gather_now

__all__ = ["held"]  # a fixture

# ---- the end ----


def hanging(upstream, count):
    paths = ["/hang", "/hang-body", "/hang-head"]
    return {f"s{number}": paths[number % 3] for number in range(count)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_a_second(gatherd, upstream, slack, number):
    """However many are waited for; and what is published stays as it is."""
    config = config_of(upstream, {"well": "/ok", **hanging(upstream, 300)}, publish_after="1ms")
    with Daemon(gatherd, config) as daemon:
        upstream.wait_for(lambda upstream: len(upstream.requests) == 301)
        daemon.wait_document(lambda new: new["counts"]["ok"] == 1)
        begin = daemon.output.stat()
        status, seconds = daemon.stop(number)
        assert status == 0 and seconds < 1 * slack
        assert daemon.output.stat().st_ino == begin.st_ino
    assert daemon.matches(f"info stopping on {number.name}$")
    assert daemon.document["counts"]["pending"] == 300
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_no_harm(gatherd, held, second):
    config = config_of(held, {"a": "/ok", "b": "/held/b"}, publish_after="1ms")
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(lambda new: new["counts"]["ok"] == 1)
        daemon.signal(signal.SIGTERM)
        daemon.signal(second)
        assert daemon.process.wait(PATIENCE) == 0
        assert daemon.document["counts"]["ok"] == 1
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]


def blocked(*numbers):
    """What a child calls before it becomes the program: hold these signals back."""
    return lambda: signal.pthread_sigmask(signal.SIG_BLOCK, numbers)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_starting_daemon_is_not_killed(gatherd, upstream, number):
    """The signal is there when main begins: a parent holds it back until then."""
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, preexec_fn=blocked(number)) as daemon:
        for _ in range(3):
            daemon.signal(number)
        daemon.wait_document(complete)
        assert daemon.reload(config)
        assert daemon.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_while_it_starts_ends_well(gatherd, slack, number):
    os.mkfifo(gatherd.folder / "late.yaml")
    with Daemon(gatherd, "", "-c", "late.yaml", preexec_fn=blocked(number)) as daemon:
        # That somebody reads it says that the command line is known.
        with open(gatherd.folder / "late.yaml", "w"):
            status, seconds = daemon.stop(number)
    assert status == 0 and seconds < 1 * slack
    assert names_in(gatherd.folder) == ["gatherd.yaml", "late.yaml"]


def test_signals_that_a_parent_held_back_arrive(gatherd, upstream):
    every = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, preexec_fn=blocked(*every)) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config)
        gather_now(daemon)
        status, _ = daemon.stop()
    assert status == 0 and upstream.asked == {"/ok": 2}


def ignored(*numbers):
    def ignore():
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return ignore


def test_signals_that_a_parent_ignored_arrive(gatherd, upstream):
    """As under nohup(1), or in the background of a shell script."""
    numbers = [signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGTERM]
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, preexec_fn=ignored(*numbers)) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config)
        gather_now(daemon)
        assert daemon.stop(signal.SIGINT)[0] == 0


# ---- exit statuses ----


@pytest.mark.parametrize("text", ["interval: soon\n", "services: [\n", "nosuchkey: 1\n"])
def test_a_broken_config_is_status_2(gatherd, text):
    result = gatherd.run("-o", "out.json", config=text)
    assert result.status == 2 and ": error: " in result.stderr
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


def test_a_missing_config_is_status_2(gatherd):
    result = gatherd.run("-c", "nowhere.yaml", "-o", "out.json")
    assert result.status == 2 and "nowhere.yaml:1:1: error: " in result.stderr


# ---- what it is given ----


def limits_of(daemon):
    with open(f"/proc/{daemon.process.pid}/limits") as lines:
        words = next(line for line in lines if line.startswith("Max open files")).split()
    return int(words[3]), int(words[4])


def test_descriptors_are_raised_to_what_is_allowed(gatherd, upstream):
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)
    config = config_of(upstream, {"a": "/ok"})

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

    with Daemon(gatherd, config, preexec_fn=limit) as daemon:
        daemon.wait_document(complete)
        assert limits_of(daemon) == (hard, hard)


def test_few_descriptors_are_enough_for_many(gatherd, upstream):
    """As many at a time as there are descriptors for, which is told once."""
    names = {f"s{number:03}": "/delay/0.01" for number in range(150)}
    config = config_of(upstream, names)
    with Daemon(gatherd, config, under=["prlimit", "--nofile=100:100"]) as daemon:
        document = daemon.wait_document(complete)
        assert document["counts"]["ok"] == 150
        assert gather_now(daemon)["counts"]["ok"] == 150
    assert len(daemon.matches("warn max_concurrent is .* only 100 descriptors")) == 1
    assert upstream.most < 100


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_standard_files_are_never_anything_else(gatherd, held, closed):
    config = config_of(held, {"a": "/held/a"})
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    with Daemon(gatherd, config, "-l", "debug", under=shell) as daemon:
        held.wait_for(lambda held: held.asked)
        for number, sign in enumerate(["<&-", " >&-", "2>&-"]):
            if sign in " " + closed:
                assert os.readlink(f"/proc/{daemon.process.pid}/fd/{number}") == "/dev/null"
        held.let_go("/held/a")
        generation = daemon.wait_document(complete)["generation"]
        daemon.signal(signal.SIGHUP)
        daemon.wait_document(lambda new: new["generation"] > generation)
        assert daemon.stop()[0] == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]


def test_a_log_that_nobody_reads_stops_nothing(gatherd, upstream):
    config = config_of(upstream, {"a": "/ok", "b": "/status/500"}, interval="20ms")
    read, write = os.pipe()
    os.close(read)
    process = gatherd.start(
        *("-c", gatherd.config(config), "-o", "status.json", "-l", "debug"), stderr=write
    )
    os.close(write)
    try:
        upstream.wait_for(lambda upstream: len(upstream.requests) > 10)
        process.send_signal(signal.SIGHUP)
        count = len(upstream.requests)
        upstream.wait_for(lambda upstream: len(upstream.requests) > count + 10)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()


# ---- as process number 1 ----

AS_INIT = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

# Becomes the program, and leaves a child behind whose own child is an orphan soon.
WITH_ORPHANS = """
for number in 1 2 3; do (sh -c 'read nothing < gate; exit 3' & ) ; done
exec "$@"
"""


class Init(Daemon):
    """gatherd as the first process of a container; signals go to it, not to unshare(1)."""

    def __init__(self, gatherd, config, *arguments, script='exec "$@"', **keywords):
        under = [*AS_INIT, "sh", "-c", script, "sh"]
        super().__init__(gatherd, config, *arguments, under=under, **keywords)

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children") as text:
            return [int(word) for word in text.read().split()]

    @property
    def pid(self):
        return self.children(self.process.pid)[0]

    def signal(self, number):
        os.kill(self.pid, number)


@pytest.fixture
def container():
    needs([*AS_INIT, "true"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_number_1_stops(gatherd, held, slack, container, number):
    with Init(gatherd, config_of(held, {"a": "/held/a", "b": "/ok"})) as daemon:
        held.wait_for(lambda held: "/held/a" in held.asked)
        status, seconds = daemon.stop(number)
    assert status == 0 and seconds < 1 * slack


def test_process_number_1_reloads_and_gathers(gatherd, upstream, container):
    config = config_of(upstream, {"a": "/ok"})
    with Init(gatherd, config) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config_of(upstream, {"a": "/ok", "b": "/echo/b"}))
        daemon.wait_document(lambda new: new["counts"]["ok"] == 2)
        gather_now(daemon)
        assert upstream.asked == {"/ok": 2, "/echo/b": 2}
        assert daemon.stop()[0] == 0


def test_process_number_1_is_stopped_while_it_starts(gatherd, upstream, container):
    """To process number 1 the kernel delivers no signal that has its default effect."""
    os.mkfifo(gatherd.folder / "late.yaml")
    daemon = Init(gatherd, "", "-c", "late.yaml")
    with daemon:
        # That it is open for reading says that main is past its first lines.
        with open(gatherd.folder / "late.yaml", "w"):
            daemon.signal(signal.SIGHUP)
            daemon.signal(signal.SIGUSR1)
            daemon.signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE) == 0


def test_process_number_1_buries_the_dead(gatherd, upstream, container):
    os.mkfifo(gatherd.folder / "gate")
    config = config_of(upstream, {"a": "/ok"})
    with Init(gatherd, config, script=WITH_ORPHANS) as daemon:
        daemon.wait_document(complete)
        gate = os.open(gatherd.folder / "gate", os.O_WRONLY)
        orphans = daemon.children(daemon.pid)
        assert len(orphans) == 3
        watches = [os.pidfd_open(pid) for pid in orphans]
        os.close(gate)
        for pid, watch in zip(orphans, watches):
            assert select.select([watch], [], [], PATIENCE)[0]
            os.close(watch)
            # It has ended, and nobody keeps its place.
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        gather_now(daemon)
        assert daemon.children(daemon.pid) == []
        assert daemon.stop()[0] == 0
