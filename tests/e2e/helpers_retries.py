"""What the tests of retries and of politeness have in common: an upstream that gets well."""

import asyncio
import re

import pytest

from helpers_daemon import HeldUpstream
from upstream import answer

# An attempt that is answered ends long before, on the busiest of machines.
AMPLE = "30s"

# Times are rounded to a millisecond, and so is where they are counted from.
ROUNDING_MS = 2

# The clock of the wall and the one that is never set are looked at one after the other, and
# in between a program may have to wait: by so much the same time may seem another.
SAME_MS = 50


class FlakyUpstream(HeldUpstream):
    """An upstream whose /first/N/... does for the first N requests what ... stands for, and
    answers the others well. What follows in a path only tells it from others."""

    async def do_first(self, request, rest, reader, writer):
        count, name, *rest = rest
        if self.asked[request.path] > int(count):
            return await self.do_ok(request, rest, reader, writer)
        act = getattr(self, "do_" + name.replace("-", "_"))
        return await act(request, rest, reader, writer)

    async def do_late(self, request, rest, reader, writer):
        """/late/0.5/503: that status, so many seconds late."""
        seconds, *rest = rest
        await asyncio.sleep(float(seconds))
        return await self.do_status(request, rest, reader, writer)


@pytest.fixture
def flaky():
    with FlakyUpstream() as flaky:
        yield flaky


@pytest.fixture
def other():
    """Another host."""
    with FlakyUpstream() as other:
        yield other


def says(*statuses, headers=()):
    """What gives each of STATUSES to a request, one after the other, and the last to all
    that follow."""

    def act(request, number):
        status = statuses[min(number, len(statuses)) - 1]
        return answer(f'{{"status": {status}}}', status, headers=headers)

    return act


def service(upstream, path, **keys):
    """A service that is asked again, soon and often enough."""
    patient = {"retries": 2, "retry_delay": "10ms", "timeout": AMPLE}
    return {"url": upstream.url + path, **patient, **keys}


def gaps(requests):
    """The seconds between one of them and the next."""
    return [after.at - before.at for before, after in zip(requests, requests[1:])]


def attempts_in(log, name):
    """What the log says of each attempt of the service called NAME."""
    pattern = rf"\[{re.escape(name)}\] attempt (\d+) of (\d+): (.*)"
    return [(int(number), int(most), text) for number, most, text in re.findall(pattern, log)]
