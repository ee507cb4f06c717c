"""The document, the metrics and the page as files, and what the listener says of them."""

import contextlib
import http.client
import json
import os
import re
import socket
import time

import pytest

from conftest import PATIENCE
from helpers_daemon import Daemon, Watch
from helpers_document import checked
from helpers_metrics import parse_metrics
from helpers_reload import RARELY

FORMS = ["metrics", "page"]  # what stands beside the document
QUICK = "20ms"

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def parse_page(text):
    """What the script of a page goes by: {"live", "summary", "entries"}."""
    assert text.startswith("<!DOCTYPE html>\n") and text.endswith("</html>\n"), text[-200:]
    (data,) = DATA.findall(text)
    assert "<" not in data
    return json.loads(data)


def read_page(path):
    return parse_page(path.read_text(encoding="utf-8"))


class Outputs:
    """The places of all three in a folder; FOLDERS: each in one of its own."""

    def __init__(self, folder, folders=("", "", "")):
        self.file, self.metrics, self.page = (
            folder / its / name
            for its, name in zip(folders, ("status.json", "gatherd.prom", "status.html"))
        )
        for path in self.paths:
            path.parent.mkdir(exist_ok=True)

    @property
    def paths(self):
        return (self.file, self.metrics, self.page)

    @property
    def config(self):
        return {"file": str(self.file), "metrics": str(self.metrics), "page": str(self.page)}

    def texts(self):
        return tuple(path.read_text(encoding="utf-8") for path in self.paths)

    def generations(self):
        return generations_of(self.texts())


def generations_of(texts):
    """Of a document, metrics and a page; each has to be whole."""
    return (
        checked(json.loads(texts[0]))["generation"],
        parse_metrics(texts[1]).value("gatherd_document_generation"),
        parse_page(texts[2])["summary"]["generation"],
    )


# ---- a daemon ----


class Published(Daemon):
    """A daemon whose config says where all three go: each into a folder of its own, so that
    each can be watched for by itself."""

    def __init__(self, gatherd, upstream, interval=RARELY, paths=None, **keywords):
        self.outputs = Outputs(gatherd.folder, ("file", "metrics", "page"))
        self.upstream = upstream
        self.interval = interval
        self.paths = paths or {"a": "/ok"}
        self.extra = keywords.pop("extra", {})
        super().__init__(gatherd, self.config(), output=None, **keywords)
        self.output = self.outputs.file

    def config(self, **places):
        """As it is, but for PLACES, of which None is left out."""
        output = self.outputs.config | places
        return {
            "interval": self.interval,
            "output": {key: str(path) for key, path in output.items() if path is not None},
            "services": {name: self.upstream.url + path for name, path in self.paths.items()},
            **self.extra,
        }

    def __enter__(self):
        super().__enter__()
        self.watch.close()
        self.watch = Watch(self.outputs.file.parent)
        return self

    def wait_for(self, path, condition, timeout=PATIENCE):
        """Wait for a text in PATH of which CONDITION holds; the text."""
        watch = Watch(path.parent)
        end = time.monotonic() + timeout
        text = None
        try:
            while True:
                with contextlib.suppress(FileNotFoundError):
                    text = path.read_text(encoding="utf-8")
                    if condition(text):
                        return text
                left = end - time.monotonic()
                assert left > 0 and self.process.poll() is None, f"{text}\n{self.log}"
                watch.wait(min(left, 1))
        finally:
            watch.close()

    def wait_generation(self, form, generation, path=None):
        """Until the FORM in PATH is of GENERATION or later; which one."""
        path = path or getattr(self.outputs, form)
        text = self.wait_for(path, lambda text: number_of(form, text) >= generation)
        return number_of(form, text)

    def wait_all(self):
        """Until all three are of the last generation."""
        generation = self.document["generation"]
        for form in FORMS:
            assert self.wait_generation(form, generation) == generation
        return generation


def number_of(form, text):
    """The generation of TEXT, which has to be a whole one."""
    if form == "metrics":
        return parse_metrics(text).value("gatherd_document_generation")
    return parse_page(text)["summary"]["generation"]


def some_rounds(upstream, count=20):
    asked = upstream.asked.get("/ok", 0)
    upstream.wait_for(lambda upstream: upstream.asked.get("/ok", 0) >= asked + count)


def age(path):
    return path.stat().st_mtime_ns, path.stat().st_ino


# ---- a disk that hangs (preload.c) ----


class Stuck:
    """`folder` is what preload.c calls PRELOAD_STUCK."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def hang(self, function, text=""):
        """From now on FUNCTION does not return for paths with TEXT in them."""
        new = self.folder / "new"
        new.write_text(text)
        new.rename(self.folder / function)

    def go_on(self):
        for path in self.folder.iterdir():
            path.unlink()


@pytest.fixture
def stuck(gatherd):
    stuck = Stuck(gatherd.folder / "stuck")
    yield stuck
    stuck.go_on()


# ---- the listener at a Unix socket ----


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(os.fspath(self.path))


def ask_at(path, target):
    """(status, text) of what the listener at PATH answers to TARGET."""
    connection = UnixConnection(path)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8")
    finally:
        connection.close()


def wait_answer(path, target, wanted):
    """Wait until the listener answers WANTED, (status, text): it is told a moment after the
    log, and after the document is in place."""
    end = time.monotonic() + PATIENCE
    while (found := ask_at(path, target)) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.005)
