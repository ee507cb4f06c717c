"""The metrics and the page as files beside the document, whose disks fail or hang; and what the
listener says of that."""

import os
import re

import pytest

from helpers_gatherd import names_in
from helpers_listener import wait_until
from helpers_outputs import FORMS, QUICK, Published, age, number_of, some_rounds, stuck, wait_answer
from helpers_reload import gather_now
from helpers_tools import short_folder

SLOW = os.environ.get("GATHERD_SLOW_TESTS") == "1"
HEALTHY = (200, "ok\n")
GONE = "No such file or directory"


# ---- a disk that fails ----


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_may_go_and_come_back(gatherd, upstream, form):
    with Published(gatherd, upstream, QUICK) as daemon:
        path = getattr(daemon.outputs, form)
        daemon.wait_document()
        for each in FORMS:
            daemon.wait_generation(each, 1)
        path.parent.rename(gatherd.folder / "away")
        daemon.wait_log(f" error could not write {path}: No such file or directory")
        generation = daemon.next_document()["generation"]
        other = FORMS[1 - FORMS.index(form)]
        daemon.wait_generation(other, generation + 5)
        assert len(daemon.matches(" error ")) == 1
        words = {"metrics": "sets of metrics", "page": "pages"}[form]
        path.parent.mkdir()
        line = daemon.wait_log(rf"info {path} is written again; \d+ {words} were lost")
        count = int(re.search(r"; (\d+)", line)[1])
        assert count > 5
        daemon.wait_generation(form, generation)
        metrics = daemon.wait_for(
            daemon.outputs.metrics, lambda text: f"gatherd_failed_writes_total {count}\n" in text
        )
        assert "gatherd_failed_writes_total" in metrics
        assert daemon.stop()[0] == 0
    assert names_in(path.parent) == [path.name]


def test_health_says_what_cannot_be_written(gatherd, upstream, short_folder):
    address = f"{short_folder}/http.sock"
    extra = {"listen": f"unix:{address}"}
    with Published(gatherd, upstream, extra=extra) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()
        wait_answer(address, "/healthz", HEALTHY)
        for form in FORMS:
            folder = getattr(daemon.outputs, form).parent
            folder.rename(gatherd.folder / "away")
            gather_now(daemon)
            daemon.wait_log(f"could not write {folder}")
            wait_answer(address, "/healthz", (503, f"the {form} could not be written: {GONE}\n"))
            # The document is as good as ever.
            wait_answer(address, "/status.json", (200, daemon.output.read_text()))
            (gatherd.folder / "away").rename(folder)
            gather_now(daemon)
            daemon.wait_log(f"{folder}/.* is written again")
            wait_answer(address, "/healthz", HEALTHY)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["removed", "moved"])
def test_health_forgets_what_is_no_longer_written(
    gatherd, upstream, short_folder, form, way
):
    address = f"{short_folder}/http.sock"
    extra = {"listen": f"unix:{address}"}
    with Published(gatherd, upstream, extra=extra) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()
        folder = getattr(daemon.outputs, form).parent
        folder.rename(gatherd.folder / "away")
        gather_now(daemon)
        daemon.wait_log(f"could not write {folder}")
        wait_answer(address, "/healthz", (503, f"the {form} could not be written: {GONE}\n"))
        new = gatherd.folder / "new"
        generation = daemon.document["generation"]
        assert daemon.reload(daemon.config(**{form: None if way == "removed" else new}))
        daemon.wait_document(lambda new: new["generation"] > generation)
        if way == "moved":
            daemon.wait_generation(form, generation + 1, new)
        wait_answer(address, "/healthz", HEALTHY)


# ---- a disk that hangs ----


def stops_in_time(daemon, slack):
    status, seconds = daemon.stop()
    assert status == 0, daemon.log
    assert seconds < 1 * slack


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", ["mkostemp", "fsync", "rename"])
def test_a_disk_that_hangs_holds_up_only_what_is_on_it(
    gatherd, upstream, preload, slack, stuck, function, form
):
    env = preload(stuck=stuck.folder)
    with Published(gatherd, upstream, QUICK, env=env) as daemon:
        daemon.wait_document()
        path = getattr(daemon.outputs, form)
        other = FORMS[1 - FORMS.index(form)]
        for each in FORMS:
            daemon.wait_generation(each, 1)
        stuck.hang(function, path.name)
        some_rounds(upstream, 3)
        before = age(path)
        generation = daemon.document["generation"]
        daemon.wait_document(lambda new: new["generation"] > generation + 20)
        daemon.wait_generation(other, generation + 20)
        assert age(path) == before
        old = number_of(form, path.read_text())
        # What it gets then is the newest, and not all that came meanwhile.
        stuck.go_on()
        assert daemon.wait_generation(form, old + 2) > generation + 15
        stuck.hang(function, path.name)
        some_rounds(upstream, 3)
        stops_in_time(daemon, slack)
    stuck.go_on()
    with Published(gatherd, upstream) as daemon:
        daemon.first_document()
        daemon.wait_all()
    for path in daemon.outputs.paths:
        assert names_in(path.parent) == [path.name]


@pytest.mark.parametrize("way", ["removed", "moved"])
def test_what_hangs_can_be_left_by_a_reload(gatherd, upstream, preload, stuck, way):
    with Published(gatherd, upstream, QUICK, env=preload(stuck=stuck.folder)) as daemon:
        daemon.wait_document()
        daemon.wait_generation("page", 1)
        stuck.hang("rename", "status.html")
        some_rounds(upstream, 3)
        before = age(daemon.outputs.page)
        new = gatherd.folder / "new.html"
        assert daemon.reload(daemon.config(page=None if way == "removed" else new))
        generation = daemon.next_document()["generation"]
        daemon.wait_generation("metrics", generation + 3)
        if way == "moved":
            daemon.wait_generation("page", generation + 3, new)
        assert age(daemon.outputs.page) == before
        stuck.go_on()
        # The one that hung comes to its end; none after it.
        folder = daemon.outputs.page.parent
        daemon.wait_for(daemon.outputs.page, lambda _text: names_in(folder) == ["status.html"])
        last = age(daemon.outputs.page)
        daemon.wait_generation("metrics", generation + 10)
        assert age(daemon.outputs.page) == last
        assert daemon.stop()[0] == 0


@pytest.mark.parametrize("form", FORMS)
def test_a_pipe_without_a_reader_holds_up_nothing(gatherd, upstream, slack, form):
    daemon = Published(gatherd, upstream, QUICK)
    path = getattr(daemon.outputs, form)
    os.mkfifo(path)
    with daemon:
        generation = daemon.first_document()["generation"]
        daemon.wait_document(lambda new: new["generation"] > generation + 20)
        other = FORMS[1 - FORMS.index(form)]
        daemon.wait_generation(other, generation + 20)
        # Whoever comes gets a whole one, the second time at least a new one.
        found = []
        while len(found) < 2:
            text = path.read_text()
            begin = "# HELP gatherd_build_info" if form == "metrics" else "<!DOCTYPE html>"
            for part in re.split(f"(?=^{begin})", text, flags=re.MULTILINE):
                if part:
                    found.append(number_of(form, part))
        assert found == sorted(set(found)) and found[-1] > generation
        stops_in_time(daemon, slack)


@pytest.mark.parametrize("form", FORMS)
def test_only_a_thread_of_its_own_asks_the_disk_of_each(gatherd, upstream, preload, stuck, form):
    daemon = Published(gatherd, upstream, QUICK, env=preload(stuck=stuck.folder))
    stuck.hang("stat", getattr(daemon.outputs, form).name)
    with daemon:
        # The loop's, and one for each place: the config was read, and looked at.
        wait_until(lambda: daemon.status_of("Threads") >= 4)
        stuck.go_on()
        daemon.wait_document()
        daemon.wait_generation(form, 1)
        assert daemon.stop()[0] == 0


@pytest.mark.skipif(not SLOW, reason="waits for 10 s: GATHERD_SLOW_TESTS=1")
@pytest.mark.parametrize("function", ["mkostemp", "stat"])
def test_a_start_does_not_wait_for_the_disk_of_the_page(
    gatherd, upstream, preload, stuck, function
):
    stuck.hang(function, "status.html")
    with Published(gatherd, upstream, QUICK, env=preload(stuck=stuck.folder)) as daemon:
        daemon.wait_log(r"warn still waiting for \S*status\.html$")
        generation = daemon.wait_document()["generation"]
        daemon.wait_generation("metrics", generation + 5)
        assert not daemon.outputs.page.exists()
        stuck.go_on()
        assert daemon.wait_generation("page", 1) > generation
        assert daemon.stop()[0] == 0
