"""What /healthz says: whether documents are written, rounds go on, and what is shown is fresh."""

import contextlib
import ctypes
import os
import re
import signal

import pytest

from conftest import PATIENCE
from helpers_daemon import libc
from helpers_gatherd import needs_mounts
from helpers_listener import Listening, unix_place, wait_until
from helpers_outputs import stuck  # noqa: F401
from helpers_reload import config_of, gather_now
from helpers_tools import short_folder  # noqa: F401
from test_daemon_disk import Disk

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
__WALL = 0x40000000


@pytest.fixture
def place(short_folder):  # noqa: F811
    return unix_place(short_folder)


def health(place):
    answer = place.ask("/healthz")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.endswith("\n") and answer.text.count("\n") == 1
    return answer.status, answer.text[:-1]


def becomes(place, status, pattern):
    """Wait until health is that."""

    def look():
        found = health(place)
        return found[0] == status and re.fullmatch(pattern, found[1])

    wait_until(look)


def test_a_document_that_cannot_be_written_is_told(gatherd, upstream, place):
    config = config_of(upstream, {"a": "/ok"})
    folder = gatherd.folder / "out"
    folder.mkdir()
    with Listening(gatherd, config, place, output="out/status.json") as daemon:
        daemon.wait_log("complete|incomplete|info listening")
        wait_until(lambda: place.ask("/status.json").status == 200)
        assert health(place) == (200, "ok")
        before = place.ask("/status.json").json()["generation"]
        folder.rename(gatherd.folder / "away")
        daemon.signal(signal.SIGUSR1)
        becomes(place, 503, "the document could not be written: No such file or directory")
        # What could not be written is shown all the same.
        assert place.ask("/status.json").json()["generation"] > before
        assert place.ask("/healthz", "HEAD").status == 503
        (gatherd.folder / "away").rename(folder)
        daemon.signal(signal.SIGUSR1)
        becomes(place, 200, "ok")
        assert place.ask("/status.json").body == daemon.output.read_bytes()


def test_a_full_disk_is_told(gatherd, upstream, place):
    needs_mounts()
    config = Listening.at(config_of(upstream, {"a": "/ok"}), place)
    with Disk(gatherd, config, "size=64k") as disk:
        disk.daemon.first_document()
        wait_until(lambda: place.ask("/status.json").status == 200)
        assert health(place) == (200, "ok")
        with open(disk.folder / "filler", "wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(bytes(4096)):
                    pass
        disk.daemon.signal(signal.SIGUSR1)
        becomes(place, 503, "the document could not be written: No space left on device")
        (disk.folder / "filler").unlink()
        gather_now(disk.daemon)
        becomes(place, 200, "ok")


def test_a_disk_that_hangs_makes_the_document_stale(
    gatherd, upstream, place, preload, stuck  # noqa: F811
):
    config = config_of(upstream, {"a": "/ok"}, interval="200ms", timeout="100ms")
    config["output"] = {"sync": False}
    env = preload(stuck=stuck.folder)
    with Listening(gatherd, config, place, env=env) as daemon:
        daemon.first_document()
        becomes(place, 200, "ok")
        stuck.hang("rename", "status.json")
        becomes(place, 503, r"the document became stale \S+ ago")
        # What is shown is what was written last.
        assert place.ask("/status.json").body == daemon.output.read_bytes()
        stuck.go_on()
        becomes(place, 200, "ok")


@contextlib.contextmanager
def main_thread_stopped(process):
    """While all other threads of PROCESS go on (ptrace(2))."""
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, process.pid, None, None) == -1:
        pytest.skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
    assert libc.ptrace(PTRACE_INTERRUPT, process.pid, None, None) == 0
    os.waitpid(process.pid, __WALL)
    yield
    assert libc.ptrace(PTRACE_DETACH, process.pid, None, None) == 0


def test_a_loop_that_stands_still_is_told(gatherd, upstream, place):
    """The listener answers as ever: it has a loop of its own."""
    config = config_of(upstream, {"a": "/ok"}, interval="500ms", timeout="10m")
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        assert health(place) == (200, "ok")
        with main_thread_stopped(daemon.process):
            before = place.ask("/status.json")
            becomes(place, 503, "the round that was due 5s ago has not begun")
            assert place.ask("/status.json").body == before.body
            assert place.ask("/").status == 200
        becomes(place, 200, "ok")
        assert daemon.stop()[0] == 0


def test_a_daemon_that_is_asked_to_gather_nothing_is_well(gatherd, place):
    with Listening(gatherd, {"services": {}}, place) as daemon:
        daemon.first_document(PATIENCE)
        assert health(place) == (200, "ok")
        assert place.ask("/status.json").json()["counts"]["total"] == 0


def test_health_outlives_a_reload(gatherd, upstream, place):
    """What could not be written before still is not after it."""
    config = config_of(upstream, {"a": "/ok"})
    folder = gatherd.folder / "out"
    folder.mkdir()
    with Listening(gatherd, config, place, output="out/status.json") as daemon:
        wait_until(lambda: daemon.output.exists() and health(place) == (200, "ok"))
        folder.rename(gatherd.folder / "away")
        daemon.signal(signal.SIGUSR1)
        becomes(place, 503, "the document could not be written: .*")
        # The listener begins anew, and knows.
        assert daemon.reload(config)
        daemon.wait_log("no longer listening")
        assert daemon.reload(Listening.at(config, place))
        becomes(place, 503, "the document could not be written: .*")
        (gatherd.folder / "away").rename(folder)
        daemon.signal(signal.SIGUSR1)
        becomes(place, 200, "ok")
