"""SIGHUP again and again, under a schedule that runs."""

import os
import random
import signal
import time

import pytest

from helpers_daemon import Daemon
from helpers_document import read_document
from helpers_gatherd import as_yaml, names_in
from helpers_reload import complete, config_of

SLOW = os.environ.get("GATHERD_SLOW_TESTS") == "1"
RELOADS = 1000 if SLOW else 150
STEPS = 1000 if SLOW else 120
SEEDS = range(10) if SLOW else range(2)

BROKEN = ["interval: soon\n", "services: [\n", "services: {a: 1}\nx: y\n", "\t", "a: &a [*a]\n"]


def put_in_place(daemon, config):
    """At once: a reload may be reading the file just now."""
    new = daemon.config_path.with_name("new.yaml")
    new.write_text(config if isinstance(config, str) else as_yaml(config), encoding="utf-8")
    new.rename(daemon.config_path)


def noting(times, status):
    def note(request, number):
        times.append(time.monotonic())
        return b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % status

    return note


def gathers_rarely(config):
    """CONFIG with rounds that nobody lives to see."""
    return {**config, "interval": "1h"}


def resident(daemon):
    """Memory and descriptors while nothing is in flight."""
    return daemon.status_of("VmRSS"), daemon.descriptors()


def test_a_thousand_reloads_lose_no_round_and_no_state(gatherd, upstream, slack):
    """A third of them broken; some targets come, go and change, others never do."""
    interval = 0.1 * slack
    times = []
    upstream.answers["/steady"] = noting(times, 200)
    upstream.answers["/broken"] = noting([], 500)
    steady = {"steady": "/steady", "broken": "/broken", "slow": f"/delay/{0.7 * interval}"}

    def with_others(number):
        others = {f"o{number % 7}": f"/echo/{number}", "changes": f"/echo/c{number}"}
        ballast = {"ballast": ["x" * 50] * 500}  # if it were kept, that would be seen
        config = config_of(upstream, {**steady, **others}, vars=ballast)
        return {**config, "interval": f"{interval}s"}

    with Daemon(gatherd, with_others(0)) as daemon:
        before = daemon.wait_document(complete)
        for number in range(1, RELOADS + 1):
            good = number % 3 != 0
            config = with_others(number) if good else BROKEN[number % len(BROKEN)]
            assert daemon.reload(config) == good
            # So that there are rounds enough to be lost.
            upstream.wait_for(lambda upstream, number=number: len(times) >= number // 5)
            if number == RELOADS // 3:
                early = resident(daemon)
        late = resident(daemon)
        assert daemon.reload(gathers_rarely(with_others(0)))
        after = daemon.wait_document(
            lambda new: complete(new)
            and not new["in_flight"]
            and new["services"]["broken"]["failures"] == upstream.asked["/broken"]
        )
    planned = round((times[-1] - times[0]) / interval) + 1
    lost = daemon.matches(r"missed|\[(steady|broken|slow)\].* skipped")
    assert len(times) == upstream.asked["/steady"] == upstream.asked["/broken"] == planned, lost
    assert not lost
    for name in ("steady", "broken", "slow"):
        assert after["services"][name]["since"] == before["services"][name]["since"]
    assert after["counts"]["cancelled"] == 0
    if not gatherd.sanitized:
        assert late[0] - early[0] < 1024  # KiB
    assert late[1] <= early[1] + 8


# ---- at random ----

OUTPUTS = ["status.json", "one.json", "two.json"]

EXPECTED = {
    "/ok": "ok",
    "/echo/it": "ok",
    "/size/3000": "ok",
    "/delay/0.03": "ok",
    "/status/500": "http_error",
    "/status/404": "http_error",
    "/close": "error",
    "/reset-body": "error",
    "/garbage": "error",
    "/hang": "timeout",
    "/hang-body": "timeout",
    "/redirect/2": "ok",
}


class Fuzz:
    """A seeded source of configs."""

    def __init__(self, seed, upstream, folder):
        self.random = random.Random(seed)
        self.upstream = upstream
        # The last one cannot be written.
        self.outputs = [str(folder / name) for name in (*OUTPUTS, "missing/never.json")]

    def duration(self, *choices):
        return f"{self.random.choice(choices)}ms"

    def service(self):
        path = self.random.choice(list(EXPECTED))
        service = {"url": f"{path}?{self.random.randrange(3)}"}
        if self.random.random() < 0.7:
            service["interval"] = self.duration(20, 50, 51, 100, 333, 1000)
        if self.random.random() < 0.5:
            service["timeout"] = self.duration(20, 100, 1000)
        if self.random.random() < 0.3:
            service["headers"] = {"X-Fuzz": str(self.random.randrange(3))}
        if self.random.random() < 0.2:
            service["group"] = self.random.choice(["one", "two"])
        if self.random.random() < 0.1:
            service["enabled"] = False
        if self.random.random() < 0.3:
            service["keep_last"] = True
        return service

    def config(self):
        names = [f"s{number}" for number in range(self.random.randrange(12))]
        self.random.shuffle(names)
        top = {
            "interval": self.duration(20, 70, 500),
            "timeout": self.duration(50, 300, 2000),
            "spread": self.duration(0, 0, 10, 400),
            "align": self.random.random() < 0.3,
            "max_concurrent": self.random.choice([1, 2, 5, 512]),
            "publish_after": self.duration(1, 20, 1000),
            "output": {
                "file": self.random.choices(self.outputs, [6, 3, 3, 1])[0],
                "permissions": self.random.choice(["0600", "0644"]),
                "sync": self.random.random() < 0.5,
                "max_size": self.random.choice(["4kB", "64MiB"]),
            },
        }
        return config_of(self.upstream, {name: self.service() for name in names}, **top)

    def mutated(self, config):
        """Some of its services are others; most stay."""
        services = {}
        for name, service in config["services"].items():
            chance = self.random.random()
            if chance < 0.1:
                continue
            services[name] = self.service() if chance < 0.2 else service
        if self.random.random() < 0.5:
            services[f"s{self.random.randrange(20)}"] = self.service()
        top = {key: value for key, value in config.items() if key != "services"}
        if self.random.random() < 0.3:
            top = {key: value for key, value in self.config().items() if key != "services"}
        return config_of(self.upstream, services, **top)


def last_words(fuzz):
    """A config whose document is known: each target is asked with time enough."""
    services = {
        f"s{number}": {"url": path, "headers": {"X-Last": "yes"}}
        for number, path in enumerate(EXPECTED)
        if fuzz.random.random() < 0.7
    }
    output = {"file": fuzz.outputs[0]}
    return config_of(fuzz.upstream, services, timeout="1500ms", interval="1h", output=output)


@pytest.mark.parametrize("seed", SEEDS)
def test_reloads_at_random(gatherd, upstream, seed):
    fuzz = Fuzz(seed, upstream, gatherd.folder)
    config = last_words(fuzz)
    with Daemon(gatherd, config, output=None) as daemon:
        daemon.output = gatherd.folder / OUTPUTS[0]
        daemon.wait_document()
        for _ in range(STEPS):
            chance = fuzz.random.random()
            if chance < 0.3:
                put_in_place(daemon, fuzz.random.choice(BROKEN))
            elif chance < 0.4:
                put_in_place(daemon, config := fuzz.config())
            elif chance < 0.8:
                put_in_place(daemon, config := fuzz.mutated(config))
            if fuzz.random.random() < 0.5:
                daemon.signal(signal.SIGUSR1)
            if fuzz.random.random() < 0.5:
                daemon.reload()
            else:
                daemon.signal(signal.SIGHUP)
            # A document comes, or it does not.
            daemon.watch.wait(fuzz.random.choice([0, 0.005, 0.03]))
            assert daemon.process.poll() is None, daemon.log
        last = last_words(fuzz)
        put_in_place(daemon, last)
        daemon.signal(signal.SIGHUP)
        names = list(last["services"])
        document = daemon.wait_document(
            lambda new: complete(new)
            and list(new["services"]) == names
            and all(entry["status"] != "pending" for entry in new["services"].values())
            and all(
                entry["url"] == last["services"][name]["url"]
                for name, entry in new["services"].items()
            )
        )
        assert daemon.stop()[0] == 0
    assert len(daemon.matches("config reloaded")) > STEPS / 3
    assert len(daemon.matches("config not reloaded")) > STEPS / 6
    for name, entry in document["services"].items():
        path = last["services"][name]["url"].removeprefix(upstream.url)
        assert entry["status"] == EXPECTED[path], (name, entry)
    assert document["counts"]["total"] == len(names) and document["in_flight"] == []
    assert set(names_in(gatherd.folder)) == {"gatherd.yaml", *OUTPUTS}
    for name in OUTPUTS[1:]:
        older = read_document(gatherd.folder / name)
        assert 0 < older["generation"] < document["generation"]
