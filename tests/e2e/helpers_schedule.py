"""What the tests of rounds over time have in common: their times, and a fair judge of them."""

import contextlib
import datetime
import signal
import threading
import time

from conftest import PATIENCE


def ms(text):
    """A time of the document in milliseconds since the epoch."""
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def wall_ms(request):
    """When the upstream had REQUEST, by the wall clock, unless that was set since."""
    return (request.at - time.monotonic() + time.time()) * 1000


class Machine:
    """How late this machine is with everything, as nobody's timer can be better.

    Use as a context manager around what is timed.
    """

    STEP = 0.005

    def __enter__(self):
        self.late_ms = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.is_set():
            begun = time.monotonic()
            time.sleep(self.STEP)
            late = time.monotonic() - begun - self.STEP
            self.late_ms = max(self.late_ms, late * 1000)


def rounds_until(daemon, enough, timeout=PATIENCE):
    """The documents of rounds that ended, by number, up to the one that is ENOUGH.

    A reader that is slower than the daemon misses some.
    """
    found = {}

    def note(document):
        done = document["round"]
        if done["duration_ms"] is not None:
            found.setdefault(done["number"], document)
            return enough(document)
        return False

    daemon.wait_document(note, timeout)
    return found


def starts(documents):
    """When those rounds started, by number."""
    return {number: ms(each["round"]["started_at"]) for number, each in documents.items()}


def state_of(process):
    """R, S, T and so on, as proc(5) says."""
    with open(f"/proc/{process.pid}/stat") as stat:
        return stat.read().rpartition(") ")[2][0]


@contextlib.contextmanager
def away(daemon, seconds):
    """The daemon stands still meanwhile, and for SECONDS at least."""
    daemon.signal(signal.SIGSTOP)
    end = time.monotonic() + PATIENCE
    while state_of(daemon.process) != "T":
        assert time.monotonic() < end
        time.sleep(0.001)
    begun = time.monotonic()
    yield
    time.sleep(max(0, begun + seconds - time.monotonic()))
    daemon.signal(signal.SIGCONT)
