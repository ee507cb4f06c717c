"""Programs of others that come between gatherd and its readers: nginx, Caddy, Prometheus."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import PATIENCE

# Where scripts/check unpacks what it does not install.
TOOLS = os.environ.get("GATHERD_TOOLS")


def tool(name):
    """The path of a program. Without it the test is skipped; under scripts/check, which
    sees to it that all are there, it fails."""
    folders = [os.path.abspath(f"{TOOLS}/usr/{sub}") for sub in ("bin", "sbin")] if TOOLS else []
    folders += [os.environ.get("PATH", os.defpath), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if not found:
        (pytest.fail if TOOLS else pytest.skip)(f"{name} is not here")
    return found


def run_tool(name, *arguments, **keywords):
    """Run a program to its end, which must be a good one; what it said."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        **keywords,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def short_folder():
    """A folder whose name leaves room for a Unix socket's, which has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="gatherd-", dir="/tmp") as folder:
        yield folder


class Answer:
    def __init__(self, response, body=None):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read() if body is None else body


class Tool:
    """A program that answers HTTP at 127.0.0.1 while it runs: `with Tool(name, folder)`.

    Its log is what it writes to standard output and standard error.
    """

    def __init__(self, name, folder):
        self.program = tool(name)
        self.folder = folder
        self.port = free_port()
        self.log_path = folder / f"{name}.log"

    def command(self):
        raise NotImplementedError

    def environment(self):
        return os.environ

    def __enter__(self):
        self._log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            list(map(str, self.command())),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self.environment(),
        )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self._log.close()

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _wait_until_it_listens(self):
        end = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
                return
            time.sleep(0.02)

    @contextlib.contextmanager
    def opened(self, path, host=None, source="127.0.0.1", method="GET", **headers):
        """A request under way: its response, whose body is still to be read."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE, source_address=(source, 0)
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if host:
            named["Host"] = host
        try:
            connection.request(method, path, headers=named)
            # It has the socket: what is open goes on as long as the response is.
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def get(self, path, **keywords):
        with self.opened(path, **keywords) as response:
            return Answer(response)
