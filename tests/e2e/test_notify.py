"""What the daemon tells systemd, by the protocol of sd_notify(3)."""

import contextlib
import os
import re
import select
import signal
import socket
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, held
from helpers_gatherd import services
from helpers_reload import complete, config_of, gather_now

__all__ = ["held"]  # a fixture


class Manager:
    """The socket of a service manager, and what came in so far: (time, {key: value})."""

    def __init__(self, folder, abstract=False):
        self.name = f"@gatherd-test-{os.getpid()}-{time.monotonic_ns()}"
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if abstract:
            self.socket.bind("\0" + self.name[1:])
        else:
            self.name = str(self.path)
            self.socket.bind(self.name)
        self.messages = []
        self.env = {"NOTIFY_SOCKET": self.name}

    def close(self):
        self.socket.close()

    def receive(self, seconds):
        """Whether there was one more within SECONDS."""
        if not select.select([self.socket], [], [], max(0, seconds))[0]:
            return False
        text = self.socket.recv(65536).decode()
        fields = dict(line.split("=", 1) for line in text.splitlines())
        self.messages.append((time.monotonic(), fields))
        return True

    def wait(self, condition, begin=0):
        """The index of the first message from BEGIN on that is so."""
        end = time.monotonic() + PATIENCE
        while True:
            for index in range(begin, len(self.messages)):
                if condition(self.messages[index][1]):
                    return index
            begin = len(self.messages)
            assert self.receive(end - time.monotonic()), self.messages

    def wait_status(self, pattern, begin=0):
        return self.wait(lambda fields: re.search(pattern, fields.get("STATUS", "")), begin)

    def rest(self):
        """All that came, in the end."""
        while self.receive(0):
            pass
        return [fields for _, fields in self.messages]


@pytest.fixture
def manager(gatherd):
    with contextlib.closing(Manager(gatherd.folder)) as manager:
        yield manager


def is_ready(fields):
    return fields.get("READY") == "1"


def keys_of(messages):
    return [key for fields in messages for key in fields if key != "STATUS"]


# ---- the beginning ----


@pytest.mark.parametrize("abstract", [False, True])
def test_it_is_ready_before_anybody_answers(gatherd, held, abstract):
    with contextlib.closing(Manager(gatherd.folder, abstract)) as manager:
        config = config_of(held, {"a": "/held/a", "b": "/status/503"})
        with Daemon(gatherd, config, env=manager.env) as daemon:
            ready = manager.wait(is_ready)
            assert manager.messages[ready][1] == {"READY": "1"}
            held.let_go("/held/a")
            status = manager.wait_status("dashboard incomplete")
            line = daemon.wait_log("dashboard incomplete")
            assert line.endswith(manager.messages[status][1]["STATUS"])
            assert manager.messages[status][1]["STATUS"].endswith("; failed services: b")
            assert daemon.stop()[0] == 0
        assert keys_of(manager.rest()) == ["READY", "STOPPING"]


@pytest.mark.parametrize("broken", ["interval: soon\n", "services: [\n"])
def test_it_is_not_ready_with_a_broken_config(gatherd, manager, broken):
    result = gatherd.run("-o", "out.json", config=broken, env=manager.env)
    assert result.status == 2
    assert "READY" not in keys_of(manager.rest())


@pytest.mark.parametrize("output", ["missing/out.json", "/proc/out.json", "."])
def test_it_is_not_ready_with_an_output_that_cannot_be_written(gatherd, upstream, manager, output):
    config = services(upstream, a="/ok")
    result = gatherd.run("-o", output, config=config, env=manager.env)
    assert result.status == 3
    assert "READY" not in keys_of(manager.rest())
    assert not upstream.requests


def test_once_tells_nobody(gatherd, upstream, manager):
    result = gatherd.once(services(upstream, a="/ok"), env=manager.env)
    assert result.status == 0
    assert "READY" not in keys_of(manager.rest())


# ---- rounds ----


def test_the_status_is_the_line_of_the_last_round(gatherd, upstream, manager):
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=manager.env) as daemon:
        status = manager.wait_status(r"^dashboard complete \(1 of 1 ok in \d+ ms\)$")
        # Not more than one a second; of those that come meanwhile the last counts.
        for _ in range(5):
            gather_now(daemon)
        upstream.answers["/ok"] = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        gather_now(daemon)
        last = manager.wait_status("failed services: a$", status)
        between = manager.messages[last][0] - manager.messages[status][0]
        assert last == status + 1 and between > 0.9


def test_a_status_stays_one_short_line(gatherd, upstream, manager):
    names = {f"ein-längerer-name-{number:03}": "/status/500" for number in range(100)}
    with Daemon(gatherd, config_of(upstream, names), env=manager.env):
        status = manager.wait_status("failed services: ein")
        assert len(manager.messages[status][1]["STATUS"].encode()) <= 303


# ---- reload ----


def now_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def reloads(daemon, manager, config):
    """SIGHUP; the index of the READY=1 that ends it."""
    begin = len(manager.rest())
    before = now_us()
    daemon.reload(config)
    reloading = manager.wait(lambda fields: "RELOADING" in fields, begin)
    fields = manager.messages[reloading][1]
    assert list(fields) == ["RELOADING", "MONOTONIC_USEC"] and fields["RELOADING"] == "1"
    assert before <= int(fields["MONOTONIC_USEC"]) <= now_us()
    return manager.wait(is_ready, reloading)


def test_a_reload_begins_and_ends(gatherd, upstream, manager):
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=manager.env) as daemon:
        manager.wait(is_ready)
        daemon.wait_document(complete)
        reloads(daemon, manager, config)
        begin = reloads(daemon, manager, "services: [\n")
        status = manager.wait_status("^config not reloaded: .*gatherd.yaml:2:1: error: ", begin - 1)
        gather_now(daemon)
        manager.wait_status(r"^config not reloaded: .*dashboard complete", status)
        begin = reloads(daemon, manager, config)
        status = manager.wait_status("^config reloaded", begin - 1)
        gather_now(daemon)
        manager.wait_status("^dashboard complete", status)
        daemon.stop()
    wanted = ["READY"] + 3 * ["RELOADING", "MONOTONIC_USEC", "READY"] + ["STOPPING"]
    assert keys_of(manager.rest()) == wanted


def test_every_reload_is_answered(gatherd, upstream, manager):
    """systemctl reload waits for READY=1 behind the RELOADING=1 that came after its signal."""
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=manager.env) as daemon:
        manager.wait(is_ready)
        for _ in range(100):
            sent = now_us()
            daemon.signal(signal.SIGHUP)
        last = manager.wait(
            lambda fields: int(fields.get("MONOTONIC_USEC", 0)) >= sent, len(manager.messages)
        )
        manager.wait(is_ready, last)
        daemon.stop()
    words = [key for key in keys_of(manager.rest()) if key != "MONOTONIC_USEC"]
    assert words[0] == "READY" and words[-1] == "STOPPING"
    assert words[1:-1] == ["RELOADING", "READY"] * (len(words) // 2 - 1)
    assert len(words) // 2 - 1 <= 100


# ---- the end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_announced(gatherd, held, manager, number):
    with Daemon(gatherd, config_of(held, {"a": "/held/a"}), env=manager.env) as daemon:
        held.wait_for(lambda held: held.asked)
        assert daemon.stop(number)[0] == 0
    last = manager.rest()[-1]
    assert last["STOPPING"] == "1"


# ---- watchdog ----


def watchdogs(manager, count):
    """The times of the next COUNT signs of life."""
    found = []
    begin = len(manager.messages)
    while len(found) < count:
        begin = manager.wait(lambda fields: "WATCHDOG" in fields, begin) + 1
        assert manager.messages[begin - 1][1] == {"WATCHDOG": "1"}
        found.append(manager.messages[begin - 1][0])
    return found


@pytest.mark.parametrize("interval", ["1h", "20ms"])
def test_a_sign_of_life_in_a_third_of_the_time(gatherd, upstream, manager, slack, interval):
    environment = {**manager.env, "WATCHDOG_USEC": "900000"}
    config = config_of(upstream, {"a": "/ok"}, interval=interval)
    with Daemon(gatherd, config, env=environment) as daemon:
        manager.wait(is_ready)
        times = watchdogs(manager, 5)
        assert daemon.reload()
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert all(abs(gap - 0.3) < 0.1 * slack for gap in gaps), gaps


def test_signs_of_life_for_its_own_number(gatherd, upstream, manager):
    """WATCHDOG_PID names whom the variable is for: the shell becomes that process."""
    environment = {**manager.env, "WATCHDOG_USEC": "100000"}
    under = ["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh"]
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=environment, under=under):
        watchdogs(manager, 3)


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "90000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "90000", "WATCHDOG_PID": "nonsense"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": ""},
        {},
    ],
)
def test_no_signs_of_life_where_nobody_asks(gatherd, upstream, manager, environment):
    config = config_of(upstream, {"a": "/ok"}, interval="50ms")
    with Daemon(gatherd, config, env={**manager.env, **environment}) as daemon:
        manager.wait(is_ready)
        upstream.wait_for(lambda upstream: len(upstream.requests) > 6)
        daemon.stop()
    assert "WATCHDOG" not in keys_of(manager.rest())


def test_a_daemon_that_stands_still_gives_no_sign(gatherd, upstream, manager):
    environment = {**manager.env, "WATCHDOG_USEC": "150000"}
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=environment) as daemon:
        watchdogs(manager, 2)
        daemon.signal(signal.SIGSTOP)
        while manager.receive(0.5):
            pass
        daemon.signal(signal.SIGCONT)
        watchdogs(manager, 3)


# ---- a manager that is not there ----


@pytest.mark.parametrize(
    "name", ["/nowhere/notify", "@nobody-listens-here", "relative", "", "@", "/" + 200 * "x"]
)
def test_nothing_breaks_where_nobody_listens(gatherd, upstream, name):
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "50000"}
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=environment) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload()
        gather_now(daemon)
        assert daemon.stop()[0] == 0
    assert not daemon.matches("warn|error")


def test_a_manager_that_goes_and_comes_back(gatherd, upstream, manager):
    """systemd opens its socket anew when it is reexecuted."""
    config = config_of(upstream, {"a": "/ok"})
    with Daemon(gatherd, config, env=manager.env) as daemon:
        manager.wait(is_ready)
        manager.close()
        manager.path.unlink()
        daemon.wait_document(complete)
        assert daemon.reload(config)
        gather_now(daemon)
        with contextlib.closing(Manager(gatherd.folder)) as another:
            reloads(daemon, another, config)
            assert daemon.stop()[0] == 0
            assert another.rest()[-1]["STOPPING"] == "1"


def fill(name):
    """Until its queue takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"X_FULL=1", name)
                count += 1
        return count


def test_what_counts_waits_for_a_manager_that_is_busy(gatherd, upstream, manager):
    """Its queue is full at first. Ready, or a reload's end, must not get lost."""
    config = config_of(upstream, {"a": "/ok"}, interval="50ms")
    environment = {**manager.env, "WATCHDOG_USEC": "100000"}
    assert fill(manager.name) > 0
    with Daemon(gatherd, config, env=environment) as daemon:
        daemon.wait_document(complete)
        assert daemon.reload(config)
        upstream.wait_for(lambda upstream: len(upstream.requests) > 5)
        manager.wait(is_ready)
        reloading = manager.wait(lambda fields: "RELOADING" in fields)
        manager.wait(is_ready, reloading)
        manager.wait_status("dashboard complete")


def test_a_manager_that_never_reads_holds_nobody_up(gatherd, upstream, manager, slack):
    config = config_of(upstream, {"a": "/ok"}, interval="20ms")
    environment = {**manager.env, "WATCHDOG_USEC": "30000"}
    fill(manager.name)
    with Daemon(gatherd, config, env=environment) as daemon:
        daemon.wait_document(complete)
        for _ in range(100):
            assert daemon.reload(config)
        asked = upstream.asked["/ok"]
        upstream.wait_for(lambda upstream: upstream.asked["/ok"] > asked + 20)
        status, seconds = daemon.stop()
    assert status == 0 and seconds < 1 * slack


def test_a_burst_of_reloads_ends_ready_for_a_manager_that_is_busy(gatherd, upstream, manager):
    """More than would be kept for it: the newest, with the reload that it ends, is what counts."""
    config = config_of(upstream, {"a": "/ok"})
    assert fill(manager.name) > 0
    with Daemon(gatherd, config, env=manager.env) as daemon:
        daemon.wait_document(complete)
        for _ in range(40):
            sent = now_us()
            assert daemon.reload()
        ready = manager.wait(is_ready)
        fields = manager.messages[ready][1]
        assert list(fields) == ["RELOADING", "MONOTONIC_USEC", "READY"]
        assert sent <= int(fields["MONOTONIC_USEC"]) <= now_us()
        reloads(daemon, manager, config)
        assert daemon.stop()[0] == 0
    told = [key for key in keys_of(manager.rest()) if key != "X_FULL"]
    assert told == [*fields, "RELOADING", "MONOTONIC_USEC", "READY", "STOPPING"]
