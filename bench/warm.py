"""What a warm round costs of gatherd's CPU, for two configs in turns."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 40


def cpu(command, core):
    """User and system time, in seconds, of COMMAND run to its end on CORE."""
    pid = os.posix_spawnp(
        "taskset", ["taskset", "-c", str(core), *map(str, command)], os.environ
    )
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"{command} failed"
    return usage.ru_utime + usage.ru_stime


class Warm:
    """Runs CONFIG, of COUNT targets, in a folder of its own."""

    def __init__(self, program, folder, core, config, count):
        folder.mkdir()
        self.core = core
        self.count = count
        self.document = folder / "status.json"
        path = folder / "config.yaml"
        path.write_text(json.dumps(config))
        self.command = [program, "--no-progress", "-l", "error"]
        self.command += ["-c", path, "-o", self.document]

    def cost(self):
        """CPU microseconds a target, once all is warm: the cost of many rounds less that
        of one, divided."""
        one = cpu([*self.command, "--rounds", 1], self.core)
        many = cpu([*self.command, "--rounds", 1 + ROUNDS], self.core)
        return (many - one) / ROUNDS / self.count * 1e6

    def entries(self, section):
        return json.loads(self.document.read_text())[section].values()


def compare(build, repeats, count, first, second, check):
    """The medians of what the configs FIRST(url) and SECOND(url), of COUNT targets each,
    cost, and of their ratio in each turn. CHECK gets both once they ran. The upstream runs
    on the last core, gatherd on the first."""
    cores = sorted(os.sched_getaffinity(0))
    upstream = subprocess.Popen(
        ["taskset", "-c", str(cores[-1]), build / "bench" / "upstream"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        try:
            url = "http://127.0.0.1:" + upstream.stdout.readline().strip()
            made = [
                Warm(build / "gatherd", pathlib.Path(folder) / name, cores[0], config(url), count)
                for name, config in (("first", first), ("second", second))
            ]
            turns = [[warm.cost() for warm in made] for _ in range(repeats)]
            check(*made)
        finally:
            upstream.terminate()
            upstream.wait()
    ratio = statistics.median(b / a for a, b in turns)
    return *map(statistics.median, zip(*turns)), ratio


def run(count, first, second, check, names, max_ratio):
    """The program: [BUILD [REPEATS]]."""
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    *costs, ratio = compare(build, repeats, count, first, second, check)
    for name, cost in zip(names, costs):
        print(f"{name:<42} {cost:>9.1f} us each")
    print(f"{'ratio':<42} {ratio:>9.2f} (at most {max_ratio})")
    sys.exit(ratio > max_ratio)
