"""The metrics and the page as files beside the document, written by a daemon: never torn, of
one generation, and through reloads."""

import random
import threading
import time

import pytest

from conftest import PATIENCE
from helpers_document import parse_document
from helpers_gatherd import names_in
from helpers_metrics import read_metrics
from helpers_outputs import (
    FORMS,
    QUICK,
    Published,
    age,
    generations_of,
    parse_page,
    read_page,
    wait_answer,
)
from helpers_reload import gather_now
from helpers_tools import short_folder

# ---- whole, and of one generation ----


def test_readers_never_see_a_part_of_any(gatherd, upstream):
    with Published(gatherd, upstream, QUICK, {"a": "/ok", "b": "/status/500"}) as daemon:
        daemon.wait_document()
        for form in FORMS:
            daemon.wait_generation(form, 1)
        seen = [set(), set(), set()]
        over = threading.Event()

        def read(path, texts):
            while not over.is_set():
                texts.add(path.read_text(encoding="utf-8"))

        readers = [
            threading.Thread(target=read, args=pair)
            for pair in zip(daemon.outputs.paths, seen)
        ]
        for reader in readers:
            reader.start()
        try:
            end = daemon.document["generation"] + 50
            for form in FORMS:
                daemon.wait_generation(form, end)
        finally:
            over.set()
            for reader in readers:
                reader.join(PATIENCE)
        assert daemon.stop()[0] == 0
    assert min(map(len, seen)) > 10
    first = [next(iter(texts)) for texts in seen]
    for form, texts in enumerate(seen):
        for text in texts:
            assert all(generations_of([*first[:form], text, *first[form + 1 :]]))


def test_all_three_are_of_one_generation(gatherd, upstream):
    upstream.answers["/ok"] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with Published(gatherd, upstream) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        for _ in range(5):
            gather_now(daemon)
            daemon.wait_all()
        document, metrics, page = daemon.outputs.texts()
        entry = parse_document(document)["services"]["a"]
        (card,) = parse_page(page)["entries"]
        assert {key: card[key] for key in ("status", "since", "checked_at")} == {
            key: entry[key] for key in ("status", "since", "checked_at")
        }
        assert len(card["history"]["outcomes"]) == 6
        assert 'gatherd_target_attempts_total{target="a",kind="service"} 6\n' in metrics


def test_the_listener_gives_the_same_bytes(gatherd, upstream, short_folder):
    address = f"{short_folder}/http.sock"
    extra = {"listen": f"unix:{address}"}
    with Published(gatherd, upstream, extra=extra) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        for _ in range(3):
            gather_now(daemon)
            daemon.wait_all()
            document, metrics, page = daemon.outputs.texts()
            wait_answer(address, "/status.json", (200, document))
            wait_answer(address, "/metrics", (200, metrics))
            wait_answer(address, "/", (200, page.replace('{"live":false,', '{"live":true,')))


def test_a_restart_goes_on_with_the_generation_of_the_document(gatherd, upstream):
    with Published(gatherd, upstream) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        before = daemon.wait_all()
        assert daemon.stop()[0] == 0
    with Published(gatherd, upstream) as daemon:
        daemon.first_document()
        assert daemon.wait_all() == before + 1


def test_kills_leave_no_part_and_no_litter(gatherd, upstream):
    chance = random.Random(11)
    for number in range(8):
        with Published(gatherd, upstream, "1ms") as daemon:
            daemon.first_document()
            for form in FORMS:
                daemon.wait_generation(form, number)
            time.sleep(chance.uniform(0, 0.03))  # anywhere in its work
            daemon.process.kill()
            daemon.process.wait(PATIENCE)
        assert all(daemon.outputs.generations())
    with Published(gatherd, upstream) as daemon:
        daemon.first_document()
        daemon.wait_all()
        assert daemon.stop()[0] == 0
    for path in daemon.outputs.paths:
        assert names_in(path.parent) == [path.name]


# ---- reload ----


@pytest.mark.parametrize("form", FORMS)
def test_a_reload_adds_moves_and_removes_one(gatherd, upstream, form):
    with Published(gatherd, upstream) as daemon:
        path = getattr(daemon.outputs, form)
        moved = path.with_name("moved")
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()

        assert daemon.reload(daemon.config(**{form: moved}))
        # At once, of targets that are not asked for that.
        generation = daemon.wait_generation(form, 1, moved)
        before = age(path)
        gather_now(daemon)
        daemon.wait_generation(form, generation + 1, moved)
        assert age(path) == before

        assert daemon.reload(daemon.config(**{form: None}))
        before = age(moved)
        generation = gather_now(daemon)["generation"]
        other = FORMS[1 - FORMS.index(form)]
        daemon.wait_generation(other, generation)
        assert age(moved) == before and moved.exists()

        path.unlink()
        assert daemon.reload(daemon.config())
        daemon.wait_generation(form, generation + 1)
        assert upstream.asked == {"/ok": 3}
    assert names_in(path.parent) == sorted([path.name, "moved"])


def test_a_daemon_that_began_without_gets_them(gatherd, upstream):
    """The targets have outcomes by then, which the new ones show."""
    daemon = Published(gatherd, upstream)
    gatherd.config(daemon.config(metrics=None, page=None))
    with daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        gather_now(daemon)
        assert not daemon.outputs.metrics.exists() and not daemon.outputs.page.exists()
        assert daemon.reload(daemon.config())
        for form in FORMS:
            daemon.wait_generation(form, 1)
        attempts = read_metrics(daemon.outputs.metrics).value("gatherd_target_attempts_total")
        (card,) = read_page(daemon.outputs.page)["entries"]
        assert attempts == len(card["history"]["outcomes"]) == 2


def test_two_may_change_places(gatherd, upstream):
    with Published(gatherd, upstream) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()
        metrics, page = daemon.outputs.metrics, daemon.outputs.page
        assert daemon.reload(daemon.config(metrics=page, page=metrics))
        daemon.wait_for(page, lambda text: text.startswith("# HELP"))
        daemon.wait_for(metrics, lambda text: text.startswith("<!DOCTYPE"))
        assert daemon.reload(daemon.config())
        daemon.wait_for(metrics, lambda text: text.startswith("# HELP"))
        daemon.wait_for(page, lambda text: text.startswith("<!DOCTYPE"))
        gather_now(daemon)
        daemon.wait_all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "path, words",
    [
        ("missing/x", "cannot write missing/x: No such file or directory"),
        ("page", "cannot write page: Is a directory"),
        ("link", "cannot write link: it leads to the same place as .*status.json"),
        ("file/./status.json", "gatherd.yaml:1:.*: this is output.file already"),
    ],
)
def test_a_reload_to_where_it_cannot_be_is_refused(gatherd, upstream, form, path, words):
    (gatherd.folder / "link").symlink_to("file/status.json")
    with Published(gatherd, upstream) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()
        daemon.paths = {"a": "/ok", "b": "/echo"}
        assert not daemon.reload(daemon.config(**{form: path}))
        assert daemon.matches(f" error .*{words}")
        gather_now(daemon)
        daemon.wait_all()
        assert upstream.asked == {"/ok": 2}
        assert daemon.reload(daemon.config())
        daemon.wait_document(lambda new: new["counts"]["ok"] == 2)
        daemon.wait_all()


@pytest.mark.parametrize("form", ["file", *FORMS])
def test_a_reload_does_not_write_over_the_config(gatherd, upstream, form):
    (gatherd.folder / "link").symlink_to("gatherd.yaml")
    with Published(gatherd, upstream) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()
        assert not daemon.reload(daemon.config(**{form: "link"}))
        words = "would be written over" if form == "file" else "cannot write link: it leads to"
        assert daemon.matches(f" error .*{words} .*gatherd.yaml, the config")
        assert (gatherd.folder / "gatherd.yaml").read_text().startswith('{"interval"')
        gather_now(daemon)
        daemon.wait_all()


def test_a_reload_changes_the_permissions_of_all(gatherd, upstream):
    with Published(gatherd, upstream) as daemon:
        daemon.wait_document(lambda new: new["outcome"] == "complete")
        daemon.wait_all()
        config = daemon.config()
        config["output"]["permissions"] = "0600"
        generation = daemon.document["generation"]
        assert daemon.reload(config)
        daemon.wait_document(lambda new: new["generation"] > generation)
        daemon.wait_all()
        assert {path.stat().st_mode & 0o777 for path in daemon.outputs.paths} == {0o600}
