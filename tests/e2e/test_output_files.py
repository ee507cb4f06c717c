"""The metrics and the page as files beside the document, written by a batch."""

import os
import signal
import stat
import threading

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon
from helpers_document import parse_document, read_document
from helpers_gatherd import names_in, needs, needs_mounts
from helpers_metrics import lint, read_metrics
from helpers_outputs import FORMS, Outputs, parse_page, read_page, stuck
from upstream import answer


@pytest.fixture
def outputs(gatherd):
    return Outputs(gatherd.folder)


@pytest.fixture
def small(upstream, outputs):
    return {"output": outputs.config, "services": {"a": upstream.url + "/ok"}}


def with_output(config, **keys):
    return {**config, "output": {**config["output"], **keys}}


def once(gatherd, config, *arguments, **keywords):
    return gatherd.run("--once", *arguments, config=config, **keywords)


# ---- where they go ----


def test_a_batch_writes_all_three(gatherd, small, outputs):
    result = once(gatherd, small)
    assert result.status == 0 and result.stdout == ""
    assert outputs.generations() == (1, 1, 1)
    page = read_page(outputs.page)
    assert page["live"] is False
    document = read_document(outputs.file)
    same = document.keys() - {"services", "prompts", "providers"}
    assert {key: page["summary"][key] for key in same} == {key: document[key] for key in same}
    assert [entry["name"] for entry in page["entries"]] == ["a"]
    assert lint(outputs.metrics.read_text()) == ""
    assert len(names_in(gatherd.folder)) == 4


def test_each_round_writes_all_three(gatherd, small, outputs):
    for rounds, generation in ((3, 3), (2, 5)):
        assert gatherd.run("--rounds", rounds, config=small).status == 0
        assert outputs.generations() == (generation,) * 3


def test_relative_paths_begin_in_the_current_folder(gatherd, small, outputs):
    (gatherd.folder / "conf").mkdir()
    config = gatherd.config(
        with_output(small, file="status.json", metrics="gatherd.prom", page="status.html"),
        "conf/gatherd.yaml",
    )
    assert gatherd.run("--once", "-c", config).status == 0
    assert outputs.generations() == (1, 1, 1)
    assert names_in(gatherd.folder / "conf") == ["gatherd.yaml"]


def test_the_option_moves_only_the_document(gatherd, small, outputs):
    assert once(gatherd, small, "-o", "other.json").status == 0
    assert read_document(gatherd.folder / "other.json")["generation"] == 1
    assert not outputs.file.exists()
    assert read_metrics(outputs.metrics).value("gatherd_document_generation") == 1
    assert read_page(outputs.page)["summary"]["generation"] == 1


def test_the_document_may_go_to_standard_output_alone(gatherd, small, outputs):
    result = gatherd.run("--rounds", "2", "-o", "-", config=small)
    assert [document["generation"] for document in result.documents] == [1, 2]
    assert read_page(outputs.page)["summary"]["generation"] == 2
    assert read_metrics(outputs.metrics).value("gatherd_document_generation") == 2
    assert not outputs.file.exists()


def test_without_a_file_the_others_are_written_all_the_same(gatherd, small, outputs):
    del small["output"]["file"]
    result = once(gatherd, small)
    assert result.status == 0 and result.document["generation"] == 1
    assert read_page(outputs.page)["summary"]["generation"] == 1


def test_the_variables_of_a_path_are_put_in_and_not_told(gatherd, small):
    config = with_output(small, page="${FOLDER}/p.html", metrics="${MISSING_FOLDER}/m.prom")
    (gatherd.folder / "secret-folder").mkdir()
    env = {"FOLDER": "secret-folder", "MISSING_FOLDER": "secret-that-is-missing"}
    result = once(gatherd, config, env=env)
    assert result.status == 3
    assert "error cannot write ***/m.prom: No such file or directory" in result.stderr
    assert "secret-" not in result.stderr
    (gatherd.folder / "secret-that-is-missing").mkdir()
    assert once(gatherd, config, env=env).status == 0
    assert names_in(gatherd.folder / "secret-folder") == ["p.html"]


@pytest.mark.parametrize(
    "arguments", [["--check"], ["--print-config"], ["--explain", "a"]], ids=lambda it: it[0]
)
def test_whoever_only_looks_writes_none(gatherd, small, arguments):
    assert gatherd.run(*arguments, config=small).status == 0
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


def test_a_part_of_the_targets_is_a_part_of_all_three(gatherd, upstream, small, outputs):
    small["services"]["b"] = upstream.url + "/ok"
    assert once(gatherd, small, "--only", "b").status == 0
    assert list(read_document(outputs.file)["services"]) == ["b"]
    assert read_metrics(outputs.metrics).by("target", "gatherd_target_up") == {"b": 1}
    assert [entry["name"] for entry in read_page(outputs.page)["entries"]] == ["b"]


# ---- how they are written ----


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_the_permissions_are_those_of_all(gatherd, small, outputs, umask):
    assert once(gatherd, small, umask=umask).status == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in outputs.paths} == {0o644}
    private = with_output(small, permissions="0600")
    assert once(gatherd, private, umask=umask).status == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in outputs.paths} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owners_stay(gatherd, small, outputs):
    for number, path in enumerate(outputs.paths, 12345):
        path.write_text("")
        os.chown(path, number, number + 10)
    assert once(gatherd, small).status == 0
    for number, path in enumerate(outputs.paths, 12345):
        assert (path.stat().st_uid, path.stat().st_gid) == (number, number + 10)


def test_symbolic_links_stay_and_lead_to_them(gatherd, small, outputs):
    real = Outputs(gatherd.folder / "real")
    for link, target in zip(outputs.paths, real.paths):
        link.symlink_to(f"real/{target.name}")
    assert gatherd.run("--rounds", "2", config=small).status == 0
    assert all(path.is_symlink() for path in outputs.paths)
    assert not any(path.is_symlink() for path in real.paths)
    assert real.generations() == (2, 2, 2)
    assert len(names_in(gatherd.folder / "real")) == 3


def test_whoever_has_an_old_one_open_keeps_it(gatherd, small, outputs):
    for path in outputs.paths[1:]:
        path.write_text("old")
    with open(outputs.metrics) as metrics, open(outputs.page) as page:
        assert once(gatherd, small).status == 0
        assert metrics.read() == page.read() == "old"
    assert outputs.generations() == (1, 1, 1)


def test_what_stood_there_does_not_matter(gatherd, small, outputs):
    """Only the document is read back."""
    outputs.metrics.write_bytes(b"\xff\x00 no metrics\n" * 1000)
    outputs.page.write_text("x" * 5_000_000)
    result = once(gatherd, small)
    assert result.status == 0 and "warn" not in result.stderr
    assert outputs.generations() == (1, 1, 1)


@pytest.mark.parametrize("sync", [False, True])
def test_none_is_flushed_where_that_is_not_wanted(
    gatherd, small, outputs, preload, stuck, sync
):
    stuck.hang("fsync")
    config = gatherd.config(with_output(small, sync=sync))
    env = preload(stuck=stuck.folder)
    process = gatherd.start("--once", "-c", config, env=env)
    try:
        if sync:
            # It hangs in the first one, and all three try at once.
            process.stderr.readline()
            assert not any(path.exists() for path in outputs.paths)
            stuck.go_on()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()
    assert outputs.generations() == (1, 1, 1)


# ---- what is no file ----


@pytest.mark.parametrize("form", FORMS)
def test_a_device_is_written_into_and_not_replaced(gatherd, small, outputs, form):
    before = os.stat("/dev/null")
    assert once(gatherd, with_output(small, **{form: "/dev/null"})).status == 0
    after = os.stat("/dev/null")
    assert (before.st_ino, before.st_rdev) == (after.st_ino, after.st_rdev)
    assert read_document(outputs.file)["generation"] == 1
    assert len(names_in(gatherd.folder)) == 3


def test_a_pipe_gets_a_page_and_another_the_metrics(gatherd, small, outputs):
    texts = {}

    def read(path):
        texts[path] = path.read_text()

    pipes = outputs.paths[1:]
    for path in pipes:
        os.mkfifo(path)
    readers = [threading.Thread(target=read, args=[path]) for path in pipes]
    for reader in readers:
        reader.start()
    assert once(gatherd, small).status == 0
    for reader in readers:
        reader.join(PATIENCE)
    assert parse_page(texts[outputs.page])["summary"]["generation"] == 1
    assert lint(texts[outputs.metrics]) == ""
    assert all(stat.S_ISFIFO(path.stat().st_mode) for path in pipes)


@pytest.mark.parametrize("form", FORMS)
def test_they_can_go_to_standard_output_by_its_other_name(gatherd, small, outputs, form):
    result = gatherd.run("--rounds", "2", config=with_output(small, **{form: "/dev/stdout"}))
    assert result.status == 0
    begin = "<!DOCTYPE html>" if form == "page" else "# HELP gatherd_build_info "
    assert result.stdout.startswith(begin) and result.stdout.count(begin) == 2
    assert read_document(outputs.file)["generation"] == 2


# ---- where they cannot be written ----

UNWRITABLE = [
    ("missing/x", "No such file or directory"),
    ("gatherd.yaml/x", "Not a directory"),
    ("folder", "Is a directory"),
    ("folder/", "Is a directory"),
    ("loop", "Too many levels of symbolic links"),
    ("socket", ""),
    ("n" * 256, "File name too long"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path, words", UNWRITABLE, ids=[path[:9] for path, _ in UNWRITABLE])
@pytest.mark.parametrize("run", [["--once"], []], ids=["once", "daemon"])
def test_what_cannot_be_written_is_told_before_anything_is_asked(
    gatherd, upstream, small, outputs, form, path, words, run
):
    (gatherd.folder / "folder").mkdir()
    (gatherd.folder / "loop").symlink_to("loop")
    os.mknod(gatherd.folder / "socket", stat.S_IFSOCK | 0o600)
    outputs.file.write_text("")
    result = gatherd.run(*run, config=with_output(small, **{form: path}))
    assert result.status == 3 and result.stdout == ""
    assert f"error cannot write {path}: {words}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert upstream.connections == 0
    names = ["folder", "gatherd.yaml", "loop", "socket", "status.json"]
    assert names_in(gatherd.folder) == names
    assert outputs.file.read_text() == ""


@pytest.mark.parametrize("form", FORMS)
def test_a_full_device_does_not_keep_the_document_back(gatherd, upstream, small, outputs, form):
    config = with_output(small, **{form: "/dev/full"})
    result = gatherd.run("--rounds", "3", config=config)
    assert result.status == 3
    assert result.stderr.count("could not write /dev/full: No space left on device") == 1
    assert result.stderr.count(" error ") == 1
    assert read_document(outputs.file)["round"]["number"] == 3
    other = outputs.page if form == "metrics" else outputs.metrics
    assert other.exists()
    assert upstream.asked == {"/ok": 3}


def test_what_failed_is_counted_in_the_next_metrics(gatherd, small, outputs):
    config = with_output(small, page="/dev/full")
    gatherd.run("--rounds", "4", config=config)
    # A round may be over before the page of the one before has failed.
    failed = read_metrics(outputs.metrics).value("gatherd_failed_writes_total")
    assert 2 <= failed <= 3


@pytest.mark.parametrize("form", FORMS)
def test_all_rounds_go_to_standard_output_whatever_fails_beside_it(gatherd, small, form):
    """Only a reader who is gone, of the documents, ends them."""
    config = with_output(small, **{form: "/dev/full"})
    result = gatherd.run("--rounds", "3", "-o", "-", config=config)
    assert result.status == 3
    assert [document["generation"] for document in result.documents] == [1, 2, 3]


def test_failed_targets_do_not_hide_that_the_page_was_not_written(gatherd, upstream, small):
    config = with_output(small, page="/dev/full")
    config["services"] = {"a": upstream.url + "/status/500"}
    assert once(gatherd, config).status == 3
    assert once(gatherd, small | {"services": config["services"]}).status == 1


def test_a_page_that_no_longer_fits_stays_as_it_was(gatherd, upstream, small, outputs):
    """The page is larger than the document, which has its room."""
    limit = ["prlimit", "--fsize=16384"]
    needs([*limit, "true"])
    assert once(gatherd, small).status == 0
    assert outputs.page.stat().st_size > 16384 > outputs.metrics.stat().st_size
    before = outputs.page.read_bytes()
    result = gatherd.run("--rounds", "2", "-c", "gatherd.yaml", under=limit)
    assert result.status == 3
    assert result.stderr.count(f"could not write {outputs.page}: File too large") == 1
    assert outputs.page.read_bytes() == before
    assert read_document(outputs.file)["generation"] == 3
    assert read_metrics(outputs.metrics).value("gatherd_document_generation") == 3
    assert len(names_in(gatherd.folder)) == 4


def test_a_disk_that_is_full_of_pages_leaves_the_old_one(gatherd, small):
    needs_mounts()
    (gatherd.folder / "disk").mkdir()
    (gatherd.folder / "kept").mkdir()
    config = with_output(small, page="disk/status.html")
    gatherd.config(config)
    script = (
        "mount -t tmpfs -o size=256k tmpfs disk && echo old >disk/status.html\n"
        "head -c 240k /dev/zero >disk/filler\n"
        '"$1" --once -c gatherd.yaml; echo status $?; cp -a disk/. kept; rm disk/filler\n'
        '"$1" --once -c gatherd.yaml; echo status $?; cp disk/status.html after.html\n'
    )
    result = gatherd.run(under=["unshare", "-m", "sh", "-c", script, "sh"])
    assert result.stdout.split("\n")[:2] == ["status 3", "status 0"]
    assert "could not write disk/status.html: No space left on device" in result.stderr
    assert (gatherd.folder / "kept" / "status.html").read_text() == "old\n"
    assert names_in(gatherd.folder / "kept") == ["filler", "status.html"]
    assert read_page(gatherd.folder / "after.html")["summary"]["generation"] == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_reader_who_is_gone_is_an_error_like_others(gatherd, small, outputs, form):
    """No SIGPIPE ends it."""
    reading, writing = os.pipe()
    os.close(reading)
    config = with_output(small, **{form: f"/dev/fd/{writing}"})
    result = once(gatherd, config, pass_fds=[writing])
    os.close(writing)
    assert result.status == 3 and "Broken pipe" in result.stderr
    assert read_document(outputs.file)["generation"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_batch_whose_page_nobody_reads(gatherd, small, outputs, slack, number):
    os.mkfifo(outputs.page)
    with Daemon(gatherd, small, "--once", output=None) as batch:
        batch.output = outputs.file
        batch.wait_document(lambda new: new["outcome"] == "complete")
        batch.wait_log("dashboard complete")
        status, seconds = batch.stop(number)
        assert status == -number and seconds < 1 * slack
    names = ["gatherd.prom", "gatherd.yaml", "status.html", "status.json"]
    assert names_in(gatherd.folder) == names


# ---- one place for two ----


@pytest.mark.parametrize(
    "keys",
    [
        {"metrics": "a", "page": "a"},
        {"file": "a", "page": "a"},
        {"file": "a", "metrics": "a"},
        {"metrics": "/dev/null", "page": "/dev/null"},
    ],
    ids=str,
)
@pytest.mark.parametrize("run", [["--check"], ["--once"], ["-o", "b"]], ids=" ".join)
def test_one_path_for_two_is_a_fault(gatherd, upstream, small, keys, run):
    config = {**small, "output": keys}
    result = gatherd.run(*run, config=config)
    assert result.status == 2 and upstream.connections == 0
    (line,) = result.stderr.splitlines()
    assert "gatherd.yaml:1:" in line and "error: " in line
    assert names_in(gatherd.folder) == ["gatherd.yaml"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["link", "folder", "dots"])
def test_one_place_by_two_names_is_told(gatherd, upstream, small, outputs, form, way):
    path = getattr(outputs, form)
    (gatherd.folder / "folder").symlink_to(".")
    (gatherd.folder / "link").symlink_to(path.name)
    name = {"link": "link", "folder": f"folder/{path.name}", "dots": f"./folder/../{path.name}"}
    if way == "dots":
        (gatherd.folder / "folder").unlink()
        (gatherd.folder / "folder").mkdir()
    result = once(gatherd, small, "-o", name[way])
    assert result.status == 3 and upstream.connections == 0
    assert f"error cannot write {path}: it leads to the same place as {name[way]}" in result.stderr
    assert not any(it.exists() for it in outputs.paths)
    # Nor where it is there; and no daemon starts.
    path.write_text("old")
    for run in (["--once"], []):
        result = gatherd.run(*run, "-o", name[way], config=small)
        assert result.status == 3 and upstream.connections == 0
        assert f"it leads to the same place as {name[way]}" in result.stderr
        assert path.read_text() == "old"


@pytest.mark.parametrize("run", [["--once"], []])
def test_a_link_from_one_to_another_is_told(gatherd, upstream, small, outputs, run):
    outputs.page.symlink_to(outputs.metrics.name)
    result = gatherd.run(*run, "-o", "out.json", config=small)
    assert result.status == 3 and upstream.connections == 0
    place = outputs.metrics
    assert f"cannot write {outputs.page}: it leads to the same place as {place}" in result.stderr
    assert not place.exists() and not (gatherd.folder / "out.json").exists()


@pytest.mark.parametrize("form", FORMS)
def test_the_option_may_not_take_anothers_place(gatherd, upstream, small, outputs, form):
    path = getattr(outputs, form)
    for run in (["--once"], []):
        for name in (path, f"{path.parent}/.//{path.name}"):
            result = gatherd.run(*run, "-o", name, config=small)
            assert result.status == 2 and upstream.connections == 0
            assert f"the document and output.{form} go to the same file" in result.stderr
    assert not any(it.exists() for it in outputs.paths)


def test_a_hard_link_is_another_place(gatherd, small, outputs):
    outputs.page.write_text("")
    os.link(outputs.page, outputs.metrics)
    assert once(gatherd, small).status == 0
    assert outputs.generations() == (1, 1, 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name, status, words",
    [
        ("./gatherd.yaml", 2, "output.FORM would be written over gatherd.yaml, the config"),
        ("link", 3, "error cannot write link: it leads to gatherd.yaml, the config"),
        ("hard", 3, "error cannot write hard: it leads to gatherd.yaml, the config"),
    ],
)
def test_the_config_is_not_written_over(gatherd, upstream, small, form, name, status, words):
    path = gatherd.config(with_output(small, **{form: name}))
    (gatherd.folder / "link").symlink_to("gatherd.yaml")
    os.link(path, gatherd.folder / "hard")
    before = path.read_text()
    for run in (["--once"], []):
        result = gatherd.run(*run, "-c", "gatherd.yaml", "-o", "out.json")
        assert result.status == status
        assert words.replace("FORM", form) in result.stderr
    assert path.read_text() == before and upstream.connections == 0
    assert not (gatherd.folder / "out.json").exists()


# ---- litter ----


@pytest.mark.parametrize("function", ["fsync", "rename"])
def test_what_was_killed_leaves_nothing_behind_the_next_time(
    gatherd, small, outputs, preload, stuck, function
):
    assert once(gatherd, small).status == 0
    before = outputs.texts()
    stuck.hang(function)
    process = gatherd.start("--once", "-c", "gatherd.yaml", env=preload(stuck=stuck.folder))
    names = []
    while len(names) < 8:  # three more: all are being written
        assert process.poll() is None
        names = names_in(gatherd.folder)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stuck.go_on()
    assert outputs.texts() == before
    assert gatherd.run("--once", "-c", "gatherd.yaml").status == 0
    assert outputs.generations() == (2, 2, 2)
    assert len(names_in(gatherd.folder)) == 5


def test_what_others_have_there_stays(gatherd, small, outputs):
    """Temporary names of documents, of others' files, and ours that somebody is writing."""
    strangers = [".other.html.gatherd-abcdef", "status.html.gatherd-abcdef", ".status.html.x"]
    for name in strangers:
        (gatherd.folder / name).write_text("")
    (gatherd.folder / ".status.html.gatherd-abcdef").write_text("")
    (gatherd.folder / ".gatherd.prom.gatherd-abcdef").write_text("")
    assert once(gatherd, small).status == 0
    ours = ["gatherd.yaml", *(path.name for path in outputs.paths)]
    assert names_in(gatherd.folder) == sorted([*strangers, *ours])


# ---- much of it ----


def test_a_large_answer_is_not_in_the_page(gatherd, upstream, small, outputs):
    upstream.answers["/large"] = answer('"' + "x" * 1_000_000 + '"')
    small["services"]["large"] = upstream.url + "/large"
    assert once(gatherd, small).status == 0
    assert len(parse_document(outputs.file.read_text())["services"]["large"]["data"]) == 1_000_000
    assert outputs.page.stat().st_size < 300_000
    assert outputs.metrics.stat().st_size < 100_000
