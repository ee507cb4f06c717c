"""How the document takes its place, and what happens where it cannot."""

import json
import os
import stat
import subprocess
import threading

import pytest

from conftest import PATIENCE
from helpers_document import parse_document, parse_first_document, read_document
from helpers_gatherd import names_in, needs, needs_mounts
from upstream import answer

# ---- the file ----


@pytest.fixture
def small(upstream):
    return {"services": {"a": upstream.url + "/ok"}}


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_permissions_are_those_of_the_config_whatever_the_umask(gatherd, small, umask):
    path = gatherd.folder / "out.json"
    assert gatherd.run("--once", "-o", path, config=small, umask=umask).status == 0
    assert mode_of(path) == 0o644
    for permissions in (0o600, 0o664):
        config = {**small, "output": {"permissions": f"{permissions:04o}"}}
        assert gatherd.run("--once", "-o", path, config=config, umask=umask).status == 0
        assert mode_of(path) == permissions


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(gatherd, small):
    path = gatherd.folder / "out.json"
    path.write_text("old")
    os.chown(path, 12345, 23456)
    assert gatherd.run("--once", "-o", path, config=small).status == 0
    status = path.stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)
    assert read_document(path)["status"] == "ok"


def test_whoever_has_the_old_file_open_keeps_it(gatherd, small):
    path = gatherd.folder / "out.json"
    path.write_text("old")
    os.link(path, gatherd.folder / "link")
    with open(path) as old:
        assert gatherd.run("--once", "-o", path, config=small).status == 0
        assert old.read() == "old"
    assert (gatherd.folder / "link").read_text() == "old"
    assert read_document(path)["status"] == "ok"


def test_a_symbolic_link_stays_and_its_target_is_replaced(gatherd, small):
    (gatherd.folder / "real").mkdir()
    target = gatherd.folder / "real" / "document.json"
    target.write_text("old")
    middle = gatherd.folder / "real" / "middle.json"
    middle.symlink_to("document.json")
    link = gatherd.folder / "out.json"
    link.symlink_to("real/middle.json")
    assert gatherd.run("--rounds", "2", "-o", "out.json", config=small).status == 0
    assert os.readlink(link) == "real/middle.json" and os.readlink(middle) == "document.json"
    assert not target.is_symlink()
    assert read_document(target)["generation"] == 2
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json", "real"]
    assert names_in(gatherd.folder / "real") == ["document.json", "middle.json"]


def test_a_link_to_what_is_not_there_yet_is_followed(gatherd, small):
    (gatherd.folder / "real").mkdir()
    (gatherd.folder / "out.json").symlink_to("real/new.json")
    assert gatherd.run("--once", "-o", "out.json", config=small).status == 0
    assert (gatherd.folder / "out.json").is_symlink()
    assert names_in(gatherd.folder / "real") == ["new.json"]


def test_a_long_name_has_room_for_a_temporary_one(gatherd, small):
    name = "ä" * 120 + ".json"
    assert gatherd.run("--once", "-o", name, config=small).status == 0
    assert names_in(gatherd.folder) == sorted(["gatherd.yaml", name])


def test_a_device_is_written_into_and_not_replaced(gatherd, small):
    before = os.stat("/dev/null")
    assert gatherd.run("--once", "-o", "/dev/null", config=small).status == 0
    after = os.stat("/dev/null")
    assert (before.st_ino, before.st_mode, before.st_rdev) == (
        after.st_ino,
        after.st_mode,
        after.st_rdev,
    )


def test_a_pipe_gets_the_document(gatherd, small):
    path = gatherd.folder / "pipe"
    os.mkfifo(path)
    texts = []
    reader = threading.Thread(target=lambda: texts.append(path.read_text()))
    reader.start()
    assert gatherd.run("--once", "-o", path, config=small).status == 0
    reader.join(PATIENCE)
    assert parse_document(texts[0])["status"] == "ok"
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_standard_output_has_other_names(gatherd, small):
    result = gatherd.run("--rounds", "2", "-o", "/dev/stdout", config=small)
    assert result.status == 0
    assert [document["generation"] for document in result.documents] == [1, 2]


def documents_in(text):
    """The documents in TEXT, whose other lines are passed over."""
    found = []
    while (begin := text.find('{\n  "version"')) != -1:
        document, end = parse_first_document(text[begin:])
        found.append(document)
        text = text[begin + end :]
    return found


@pytest.mark.parametrize(
    "name", ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2", "link-to-it", "link-to-that"]
)
def test_standard_error_is_written_into_and_not_replaced(gatherd, small, name):
    (gatherd.folder / "link-to-it").symlink_to("/dev/stderr")
    (gatherd.folder / "link-to-that").symlink_to("link-to-it")
    path = gatherd.folder / "err.log"
    path.write_text("what was logged before\n")
    inode = path.stat().st_ino
    with open(path, "a") as log:
        process = gatherd.start(
            "--rounds", "2", "-c", gatherd.config(small), "-o", name, stderr=log
        )
        assert process.wait(PATIENCE) == 0
    text = path.read_text()
    assert path.stat().st_ino == inode and text.startswith("what was logged before\n")
    assert [document["generation"] for document in documents_in(text)] == [1, 2]
    assert text.count("dashboard complete") == 2
    assert "err.log" in names_in(gatherd.folder) and len(names_in(gatherd.folder)) == 4


@pytest.mark.parametrize("form", ["/dev/fd/%d", "/proc/self/fd/%d"])
def test_a_descriptor_that_the_shell_opened_is_written_into(gatherd, small, form):
    path = gatherd.folder / "documents"
    with open(path, "a") as file:
        name = form % file.fileno()
        result = gatherd.run(
            "--rounds", "2", "-o", name, config=small, pass_fds=[file.fileno()]
        )
    assert result.status == 0 and result.stdout == ""
    assert [it["generation"] for it in documents_in(path.read_text())] == [1, 2]
    assert names_in(gatherd.folder) == ["documents", "gatherd.yaml"]


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 1000])
def test_a_descriptor_that_nobody_opened_for_it_is_told(gatherd, upstream, small, number):
    """Those that the program has by then are its own."""
    result = gatherd.run("--once", "-o", f"/dev/fd/{number}", config=small)
    is_unpublished(gatherd, upstream, result, f"cannot write /dev/fd/{number}: ")


# ---- where it cannot be published ----


def is_unpublished(gatherd, upstream, result, words):
    """Nothing was asked, and it was told why."""
    assert result.status == 3
    assert result.stdout == ""
    assert words in result.stderr
    assert upstream.connections == 0


@pytest.mark.parametrize(
    "path, words",
    [
        ("missing/out.json", "No such file or directory"),
        ("gatherd.yaml/out.json", "Not a directory"),
        ("folder", "Is a directory"),
        ("folder/", "Is a directory"),
        (".", "Is a directory"),
        ("new/", "No such file or directory"),
        ("loop", "Too many levels of symbolic links"),
        ("dangling", "No such file or directory"),
        ("/proc/gatherd.json", ""),
        ("n" * 256, "File name too long"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_asked(
    gatherd, upstream, small, path, words
):
    (gatherd.folder / "folder").mkdir()
    (gatherd.folder / "loop").symlink_to("loop")
    (gatherd.folder / "dangling").symlink_to("missing/out.json")
    result = gatherd.run("--once", "-o", path, config=small)
    is_unpublished(gatherd, upstream, result, words)
    assert names_in(gatherd.folder) == ["dangling", "folder", "gatherd.yaml", "loop"]
    assert names_in(gatherd.folder / "folder") == []


def test_a_folder_without_permission_is_told_before(gatherd, upstream, small):
    folder = gatherd.folder / "folder"
    folder.mkdir()
    old = folder / "out.json"
    old.write_text("old")
    folder.chmod(0o555)
    meek = ["setpriv", "--bounding-set=-dac_override"]
    if os.geteuid() == 0:
        needs([*meek, "true"])
    else:
        meek = ["env"]
    result = gatherd.run("--once", "-o", old, config=small, under=meek)
    folder.chmod(0o755)
    is_unpublished(gatherd, upstream, result, "Permission denied")
    assert old.read_text() == "old" and names_in(folder) == ["out.json"]


def test_a_full_device_is_told(gatherd, upstream, small):
    result = gatherd.run("--rounds", "2", "-o", "/dev/full", config=small)
    assert result.status == 3
    # Once: the other is one more of the same.
    assert result.stderr.count("could not write /dev/full: No space left on device") == 1
    assert upstream.asked == {"/ok": 2}
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def in_mount(gatherd, options, *commands):
    """Run shell COMMANDS with a file system of its own at ./disk; it is gone afterwards.

    What they leave in ./disk is copied to ./kept.
    """
    (gatherd.folder / "disk").mkdir()
    script = [
        "set -e",
        f"mount -t tmpfs -o {options} tmpfs disk",
        *commands,
        "cp -a disk/. kept",
    ]
    (gatherd.folder / "kept").mkdir()
    shell = ["unshare", "-m", "sh", "-c", "\n".join(script), "sh"]
    return gatherd.run(under=shell, stderr=subprocess.STDOUT)


def test_a_full_disk_leaves_the_old_document(gatherd, upstream, small):
    needs_mounts()
    upstream.answers["/large"] = answer(json.dumps("x" * 200_000))
    gatherd.config(small, "small.yaml")
    gatherd.config({"services": {"a": upstream.url + "/large"}}, "large.yaml")
    result = in_mount(
        gatherd,
        "size=64k",
        '"$1" --once -c small.yaml -o disk/out.json',
        "cp disk/out.json before.json",
        'status=0; "$1" --rounds 2 -c large.yaml -o disk/out.json || status=$?',
        "echo status $status",
        # What was taken is given back: there is room for a small one.
        "cp disk/out.json after.json",
        '"$1" --once -c small.yaml -o disk/out.json',
    )
    assert result.status == 0, result.stdout
    assert "status 3\n" in result.stdout
    assert result.stdout.count("could not write disk/out.json: No space left on device") == 1
    before = (gatherd.folder / "before.json").read_bytes()
    assert (gatherd.folder / "after.json").read_bytes() == before
    assert parse_document(before)["status"] == "ok"
    assert names_in(gatherd.folder / "kept") == ["out.json"]


def test_a_disk_without_inodes_is_told_before(gatherd, upstream, small):
    needs_mounts()
    gatherd.config(small)
    result = in_mount(
        gatherd,
        "size=64k,nr_inodes=2",
        "echo old >disk/out.json",
        'status=0; "$1" --once -c gatherd.yaml -o disk/out.json || status=$?',
        "echo status $status",
    )
    assert "status 3\n" in result.stdout and "No space left" in result.stdout
    assert (gatherd.folder / "kept" / "out.json").read_text() == "old\n"
    assert upstream.connections == 0


def test_a_disk_that_is_read_only_is_told_before(gatherd, upstream, small):
    needs_mounts()
    gatherd.config(small)
    result = in_mount(
        gatherd,
        "size=64k",
        "echo old >disk/out.json",
        "mount -o remount,ro disk",
        'status=0; "$1" --once -c gatherd.yaml -o disk/out.json || status=$?',
        "echo status $status",
    )
    assert "status 3\n" in result.stdout and "Read-only file system" in result.stdout
    assert (gatherd.folder / "kept" / "out.json").read_text() == "old\n"
    assert names_in(gatherd.folder / "kept") == ["out.json"]
    assert upstream.connections == 0


def test_a_limit_of_file_sizes_is_an_error_like_others(gatherd, upstream, small):
    upstream.answers["/large"] = answer(json.dumps("x" * 20_000))
    path = gatherd.folder / "out.json"
    path.write_text("old")
    config = {"services": {"a": upstream.url + "/large"}}
    limit = ["prlimit", "--fsize=8192"]
    needs([*limit, "true"])
    result = gatherd.run("--once", "-o", path, config=config, under=limit)
    assert result.status == 3
    assert "File too large" in result.stderr
    assert path.read_text() == "old"
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


def test_a_disk_that_gets_room_again_gets_the_next_document(gatherd, upstream):
    upstream.answers["/a"] = lambda request, number: answer(
        json.dumps("x" * (20_000 if number < 3 else 20))
    )
    limit = ["prlimit", "--fsize=8192"]
    needs([*limit, "true"])
    config = {"services": {"a": upstream.url + "/a"}}
    result = gatherd.run("--rounds", "3", "-o", "out.json", config=config, under=limit)
    assert result.status == 0
    assert result.stderr.count("could not write out.json: File too large") == 1
    assert "info out.json is written again; 2 documents were lost" in result.stderr
    assert read_document(gatherd.folder / "out.json")["round"]["number"] == 3
    assert names_in(gatherd.folder) == ["gatherd.yaml", "out.json"]


@pytest.mark.parametrize("by", ["-o", "output.file", "a link"])
def test_the_config_is_not_written_over(gatherd, upstream, by):
    config = {"services": {"a": f"{upstream.url}/ok"}}
    if by == "output.file":
        config["output"] = {"file": "gatherd.yaml"}
    path = gatherd.config(config)
    before = (gatherd.folder / "gatherd.yaml").read_text()
    (gatherd.folder / "link").symlink_to("gatherd.yaml")
    output = {"-o": ["-o", "gatherd.yaml"], "output.file": [], "a link": ["-o", "link"]}[by]
    for run in (["--once"], []):
        result = gatherd.run(*run, "-c", path, *output)
        assert result.status == 2
        assert "the document would be written over" in result.stderr
    assert (gatherd.folder / "gatherd.yaml").read_text() == before
    assert upstream.requests == []
