"""What the tests of the command line, the config and the document have in common."""

import asyncio
import json
import os
import re
import subprocess

import pytest

from helpers_document import TIME
from upstream import Upstream, answer

HEAD_KEYS = [
    "version",
    "generator",
    "host",
    "generation",
    "generated_at",
    "stale_after",
    "status",
    "outcome",
    "mode",
    "round",
    "in_flight",
    "counts",
    "failed",
    "services",
    "prompts",
    "providers",
]
COUNTS_KEYS = [
    "total",
    "ok",
    "degraded",
    "timeout",
    "http_error",
    "error",
    "cancelled",
    "skipped",
    "pending",
]
ENTRY_KEYS = [
    "status",
    "since",
    "checked_at",
    "last_ok_at",
    "failures",
    "next_at",
    "attempts",
    "http_status",
    "url",
    "final_url",
    "duration_ms",
    "timing_ms",
    "bytes",
    "certificate_expires_at",
    "error",
    "warnings",
    "values",
    "data",
]
TIMING_KEYS = ["queued", "dns", "connect", "tls", "first_byte", "total"]
ERROR_KEYS = ["kind", "phase", "message", "excerpt"]


class GatedUpstream(Upstream):
    """An upstream that answers /gated, and what is below it, once the gate is open."""

    async def _serve(self, *arguments):
        self._gate = asyncio.Event()
        await super()._serve(*arguments)

    def open_gate(self):
        self._loop.call_soon_threadsafe(self._gate.set)

    async def do_gated(self, request, rest, reader, writer):
        await self._gate.wait()
        writer.write(answer('{"gated": true}'))


@pytest.fixture
def gated():
    with GatedUpstream() as upstream:
        yield upstream
        upstream.open_gate()


def services(upstream, **paths):
    """A config of services, each given by what the upstream is asked."""
    return {"services": {name: upstream.url + path for name, path in paths.items()}}


def as_yaml(config):
    """CONFIG as JSON, less what YAML reads otherwise: pairs of escapes, and raw breaks and
    control characters."""
    text = json.dumps(config, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def log_lines(stderr):
    """(level, text) of each line, all of which must be as the format says."""
    found = []
    for line in stderr.splitlines():
        match = re.fullmatch(rf"{TIME} (error|warn|info|debug) (.*)", line)
        assert match, f"no log line: {line!r}"
        found.append(match.groups())
    return found


def names_in(folder):
    return sorted(os.listdir(folder))


def needs(program):
    """Skip the test where PROGRAM (a list) cannot be run here, as in some containers."""
    try:
        done = subprocess.run(program, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"{program[0]}: {error.strerror}")
    if done.returncode != 0:
        pytest.skip(f"{' '.join(program)}: {done.stderr.strip()}")


def needs_mounts():
    """Skip where no file system can be mounted for one test alone."""
    needs(["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"])
