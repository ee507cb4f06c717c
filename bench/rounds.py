"""A daemon whose rounds are begun one by one, and what they take."""

import collections
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 60
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# The daemon runs on the first core; what it asks, and what asks it, on the last.
CORES = sorted(os.sched_getaffinity(0))


def pinned(core, *command):
    return ["taskset", "-c", str(core), *map(str, command)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Upstream:
    """`with Upstream(build) as url`: the server that is gathered from."""

    def __init__(self, build):
        command = pinned(CORES[-1], build / "bench" / "upstream")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return "http://127.0.0.1:" + self.process.stdout.readline().strip()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Daemon:
    """gatherd of BUILD with CONFIG, to which OUTPUTS of `output`, relative to its folder, come:
    `with Daemon(build, config) as daemon`. It gathers when told to, not by itself. All it
    writes is in memory: no disk is measured."""

    def __init__(self, build, config, **outputs):
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        folder = pathlib.Path(self.folder.name)
        self.document = folder / "status.json"
        self.log = folder / "log"
        files = {"file": "status.json", **outputs}
        output = {key: str(folder / name) for key, name in files.items()}
        config = {"interval": "1h", "publish_after": "1h", "output": output, **config}
        (folder / "config.yaml").write_text(json.dumps(config))
        command = pinned(CORES[0], build / "gatherd", "-c", folder / "config.yaml")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stderr=log)

    def __enter__(self):
        # It gathers at once when it starts; one more round has the connections and the caches.
        self.wait_for_round(0)
        self.round()
        self.settle()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def head(self):
        """The number of the round that ended last, and what it took in ms."""
        try:
            with open(self.document) as document:
                head = document.read(2000)
        except FileNotFoundError:
            return 0, 0
        pattern = r'"round": {"number":(\d+),.*?"duration_ms":([\d.]+)'
        number, took = re.search(pattern, head).groups()
        outcome = re.search(r'"outcome": "(\w+)"', head)[1]
        return (int(number), float(took)) if outcome == "complete" else (0, 0)

    def wait_for_round(self, after):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            number, took = self.head()
            if number > after:
                return took
            time.sleep(0.005)
        raise TimeoutError(f"no round after number {after}:\n{self.log.read_text()}")

    def round(self):
        """What a round of all services, which begins now, takes in ms."""
        number, _ = self.head()
        self.process.send_signal(signal.SIGUSR1)
        return self.wait_for_round(number)

    def cpu(self):
        """CPU seconds of each thread so far, and those in user mode, as `[cpu, user]`, by the
        thread's name."""
        seconds = collections.defaultdict(lambda: [0.0, 0.0])
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                name = (task / "comm").read_text().strip()
                stat = (task / "stat").read_text().rpartition(") ")[2].split()
                user, system = (int(ticks) / TICKS_A_SECOND for ticks in stat[11:13])
                total = user + system
                # The same, to the nanosecond, where the kernel has it.
                if (task / "schedstat").exists():
                    total = int((task / "schedstat").read_text().split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended just now
            name = "loop" if task.name == str(self.process.pid) else name
            seconds[name][0] += total
            seconds[name][1] += user
        return seconds

    def cpu_seconds(self):
        return sum(total for total, _ in self.cpu().values())

    def settle(self):
        """Wait until it has nothing to do: the document is there before all is done."""
        end = time.monotonic() + PATIENCE_S
        before, now = -1, self.cpu_seconds()
        while now - before > 0.0005 and time.monotonic() < end:
            time.sleep(0.05)
            before, now = now, self.cpu_seconds()

    def check(self):
        """All of its services are well, and nothing was to be complained of."""
        assert self.process.poll() is None, self.log.read_text()
        counts = json.loads(self.document.read_text())["counts"]
        assert counts["ok"] == counts["total"], counts
        text = self.log.read_text().lower()
        assert " warn" not in text and " error" not in text, text
