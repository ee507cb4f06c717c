"""A wall clock of a program's own, which a test can set (see preload_clock.c)."""

import os
import pathlib
import subprocess

import pytest


class WallClock:
    """The wall clock of a program that runs with `environment` (see preload_clock.c)."""

    def __init__(self, library, folder):
        self.shift_ms = 0
        self._shift = folder / "clock"
        self._steps = folder / "steps"
        os.mkfifo(self._steps)
        self._shift.write_bytes(bytes(8))
        # Open as long as the program may be, lest a step finds no reader.
        self._told = os.open(self._steps, os.O_RDWR | os.O_NONBLOCK)
        self.environment = {
            "LD_PRELOAD": str(library),
            "PRELOAD_CLOCK": str(self._shift),
            "PRELOAD_STEPS": str(self._steps),
        }

    def step(self, by_ms, told=True):
        """Set it BY_MS forward; TOLD: the kernel says so to who waits for that."""
        self.shift_ms += by_ms
        with open(self._shift, "r+b", buffering=0) as file:
            file.write(self.shift_ms.to_bytes(8, "little", signed=True))
        if told:
            os.write(self._told, b"!")

    def close(self):
        os.close(self._told)


@pytest.fixture(scope="session")
def clock_library(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload-clock") / "preload_clock.so"
    source = pathlib.Path(__file__).with_name("preload_clock.c")
    subprocess.run(
        [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", str(library)]
        + [str(source), "-ldl"],
        check=True,
    )
    return library


@pytest.fixture
def wall_clock(clock_library, tmp_path_factory):
    clock = WallClock(clock_library, tmp_path_factory.mktemp("clock"))
    yield clock
    clock.close()
