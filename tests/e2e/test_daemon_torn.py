"""Whoever reads a daemon's document sees a whole one, through 100 kills, and nothing in it
ever goes back."""

import json
import random
import subprocess
import sys
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon
from helpers_document import read_document
from helpers_gatherd import names_in
from upstream import answer

ROUNDS = 1000
KILLS = 100
LARGE = 10
DATA_BYTES = 10_000

# Reads a document over and over until its standard input ends, then tells what it saw.
# Two that differ are of different generations, and everything in them goes on.
READER = """
import json, select, sys

def look(document):
    assert list(document["services"]) == ["bad"] + ["s%d" % i for i in range(large)]
    for name, entry in document["services"].items():
        if name == "bad":
            assert entry["status"] == "http_error", entry
        else:
            assert entry["status"] == "ok" and len(entry["data"]) == size, entry["status"]

def compare(old, new):
    assert new["generation"] > old["generation"], (old["generation"], new["generation"])
    assert new["generated_at"] >= old["generated_at"]
    for name, entry in new["services"].items():
        before = old["services"][name]
        assert entry["since"] == before["since"], name
        assert entry["checked_at"] >= before["checked_at"], name
        assert entry["failures"] >= before["failures"], name

path, large, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
reads, seen, last, document = 0, 0, None, None
while not select.select([sys.stdin], [], [], 0)[0]:
    with open(path, "rb") as file:
        text = file.read()
    assert text.endswith(b"}\\n"), text[-100:]
    reads += 1
    if text == last:
        continue
    new = json.loads(text)
    look(new)
    if last is None:
        print("ready", flush=True)
    else:
        compare(document, new)
    last, document, seen = text, new, seen + 1
print(json.dumps({"reads": reads, "documents": seen}))
"""


class Reader:
    """Use as a context manager, while there is a document; `seen` is there afterwards."""

    def __init__(self, path):
        arguments = [str(path), str(LARGE), str(DATA_BYTES)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()
        return self

    def __exit__(self, *_):
        stdout, stderr = self.process.communicate("", timeout=PATIENCE)
        assert self.process.returncode == 0, stderr
        self.seen = json.loads(stdout)


@pytest.fixture
def config(upstream):
    upstream.answers["/large"] = answer(json.dumps("x" * DATA_BYTES))
    services = {f"s{i}": upstream.url + "/large" for i in range(LARGE)}
    services = {"bad": upstream.url + "/status/503", **services}
    # Now and then one goes out in the middle of a round, too.
    return {"interval": "10ms", "publish_after": "1ms", "services": services}


def is_whole(document):
    return document["outcome"] == "complete" and document["counts"]["pending"] == 0


def test_no_reader_sees_a_part(gatherd, config):
    with Daemon(gatherd, config) as daemon:
        daemon.wait_document(is_whole)
        with Reader(daemon.output) as reader:
            daemon.wait_document(
                lambda document: document["round"]["number"] > ROUNDS, 2 * PATIENCE
            )
        assert daemon.stop()[0] == 0
    assert reader.seen["documents"] > ROUNDS / 10
    assert reader.seen["reads"] > reader.seen["documents"]
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]


def kill_at_random(gatherd, config, moment):
    """A daemon that publishes, and is killed MOMENT seconds later."""
    before = read_document(gatherd.folder / "status.json")
    with Daemon(gatherd, config) as daemon:
        daemon.first_document()
        time.sleep(moment)
        daemon.kill()
        after = daemon.document
        assert not daemon.matches("warn could not|error ")
    assert after["generation"] > before["generation"]


def test_kills_tear_nothing_and_take_nothing_back(gatherd, config):
    with Daemon(gatherd, config) as daemon:
        first = daemon.wait_document(is_whole)
    path = gatherd.folder / "status.json"
    chance = random.Random(20261121)
    litter = 0
    with Reader(path) as reader:
        for _ in range(KILLS):
            kill_at_random(gatherd, config, chance.uniform(0, 0.03))
            left = len(names_in(gatherd.folder)) - 2
            litter += left
            # The next start takes away what a kill has left: never more than one.
            assert left <= 1
    assert reader.seen["documents"] > KILLS
    assert litter > 0, "no kill came in the middle of a write: this tests nothing"

    with Daemon(gatherd, config) as daemon:
        last = daemon.first_document()
        assert daemon.stop()[0] == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "status.json"]
    assert last["generation"] > first["generation"] + KILLS
    assert last["round"]["number"] > first["round"]["number"] + KILLS / 2
    bad, before = last["services"]["bad"], first["services"]["bad"]
    assert bad["since"] == before["since"]
    assert bad["failures"] > before["failures"] + KILLS / 2
    assert last["services"]["s0"]["since"] == first["services"]["s0"]["since"]
