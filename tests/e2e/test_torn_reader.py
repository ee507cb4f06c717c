"""Whoever reads the document sees a whole one, whenever gatherd is killed."""

import fcntl
import json
import os
import random
import subprocess
import sys
import time

import pytest

from conftest import PATIENCE
from helpers_document import read_document
from helpers_gatherd import names_in
from upstream import answer

KILLS = 40
SERVICES = 20
DATA_BYTES = 10_000

# Reads a document over and over until its standard input ends, then tells what it saw.
READER = """
import json, select, sys

path, services = sys.argv[1], int(sys.argv[2])
reads = 0
seen = set()
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    with open(path, "rb") as file:
        text = file.read()
    document = json.loads(text)
    assert text.endswith(b"}\\n") and len(document["services"]) == services
    for name, entry in document["services"].items():
        assert entry["status"] == "ok" and len(entry["data"]) > 1000, name
    reads += 1
    seen.add(document["generated_at"])
print(json.dumps({"reads": reads, "documents": len(seen)}))
"""


@pytest.fixture
def config(gatherd, upstream):
    upstream.answers["/large"] = answer(json.dumps("x" * DATA_BYTES))
    return gatherd.config(
        {"services": {f"s{i}": upstream.url + "/large" for i in range(SERVICES)}}
    )


def kill_at_random(gatherd, upstream, config, moment):
    """Start it, let it publish, and kill it MOMENT seconds later."""
    asked = upstream.asked["/large"]
    process = gatherd.start("--rounds", "1000000", "-c", config, "-o", "out.json")
    try:
        # A second round begins when the document of the first one is in its place.
        upstream.wait_for(lambda upstream: upstream.asked["/large"] > asked + SERVICES)
        time.sleep(moment)
    finally:
        process.kill()
        process.communicate()


def test_no_reader_sees_a_part_whatever_is_killed(gatherd, upstream, config):
    path = gatherd.folder / "out.json"
    assert gatherd.run("--once", "-c", config, "-o", path).status == 0
    assert path.stat().st_size > SERVICES * DATA_BYTES
    chance = random.Random(20261121)
    with subprocess.Popen(
        [sys.executable, "-c", READER, path, str(SERVICES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout.readline() == "ready\n"
        for _ in range(KILLS):
            kill_at_random(gatherd, upstream, config, chance.uniform(0, 0.03))
            # What it left behind the next start takes away: never more than one.
            assert len(names_in(gatherd.folder)) <= 3
        stdout, stderr = reader.communicate("", timeout=PATIENCE)
    assert reader.returncode == 0, stderr
    seen = json.loads(stdout)
    assert seen["reads"] > KILLS and seen["documents"] > KILLS / 2

    assert gatherd.run("--once", "-c", config, "-o", path).status == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_the_sweep_takes_only_what_was_left_of_this_document(gatherd):
    ours = [".out.json.gatherd-aB3xYz", ".out.json.gatherd-000000"]
    others = [
        ".other.json.gatherd-aB3xYz",
        ".out.json.gatherd-aB3xY",
        ".out.json.gatherd-aB3xYz7",
        ".out.json.gatherd-aB3x.z",
        ".out.json.gatherd-",
        ".out.json.tmp",
        "out.json.gatherd-aB3xYz",
        ".out.jsonx.gatherd-aB3xYz",
        "xout.json",
    ]
    for name in ours + others:
        (gatherd.folder / name).write_text("left behind")
    (gatherd.folder / ".out.json.gatherd-folder").mkdir()
    (gatherd.folder / ".out.json.gatherd-linked").symlink_to("gatherd.yaml")
    os.mkfifo(gatherd.folder / ".out.json.gatherd-piped0")
    assert gatherd.run("--once", "-o", "out.json", config={}).status == 0
    expected = others + ["gatherd.yaml", "out.json", ".out.json.gatherd-folder"]
    expected += [".out.json.gatherd-linked", ".out.json.gatherd-piped0"]
    assert names_in(gatherd.folder) == sorted(expected)
    assert all((gatherd.folder / name).read_text() == "left behind" for name in others)


def test_the_sweep_leaves_what_is_in_use(gatherd):
    name = ".out.json.gatherd-aB3xYz"
    with open(gatherd.folder / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert gatherd.run("--once", "-o", "out.json", config={}).status == 0
        assert names_in(gatherd.folder) == [name, "gatherd.yaml", "out.json"]
    assert gatherd.run("--once", "-o", "out.json", config={}).status == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_the_sweep_is_where_a_link_leads(gatherd):
    (gatherd.folder / "real").mkdir()
    (gatherd.folder / "out.json").symlink_to("real/document.json")
    (gatherd.folder / "real" / ".document.json.gatherd-aB3xYz").touch()
    (gatherd.folder / ".out.json.gatherd-aB3xYz").touch()
    assert gatherd.run("--once", "-o", "out.json", config={}).status == 0
    assert names_in(gatherd.folder / "real") == ["document.json"]
    # That of another document, for all we know.
    assert ".out.json.gatherd-aB3xYz" in names_in(gatherd.folder)


def test_two_at_the_same_document_do_not_disturb_each_other(gatherd, config):
    """They should not, but cron starts a second one while the first still runs."""
    arguments = ["--rounds", "30", "-c", config, "-o", "out.json"]
    both = [gatherd.start(*arguments) for _ in range(2)]
    for process in both:
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, stderr
    document = read_document(gatherd.folder / "out.json")
    # Who came second may have gone on from what the first had written by then.
    assert 30 <= document["generation"] <= 60 and document["status"] == "ok"
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]
