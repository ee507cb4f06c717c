"""What the tests of modes, dependencies and for_each have in common."""

import json

from helpers_reload import config_of
from upstream import answer

# HTTP statuses and texts apart, a failure that the upstream can hold as long as a test likes.
BROKEN = {"json": {"/held": False}}

OTHER_MODES = ["fail_fast", "all_or_nothing"]


def of_mode(mode, upstream, services, **top):
    return config_of(upstream, services, mode=mode, **top)


def statuses(document):
    """What each service came to, in the document's order."""
    return {name: entry["status"] for name, entry in document["services"].items()}


def tells(value, status=200):
    """An answer of JSON."""
    return answer(json.dumps(value), status)


def one_by_one(*values):
    """Answers {"n": VALUE}, each for one request, and then the last again and again; a value
    that is an HTTP status fails."""

    def act(request, number):
        value = values[min(number, len(values)) - 1]
        failed = isinstance(value, int) and value >= 400
        return tells({"n": value}, value if failed else 200)

    return act


def chosen(upstream, path, value):
    """From now on PATH answers {"n": VALUE}, or fails where that is an HTTP status."""
    upstream.answers[path] = one_by_one(value)


def failed(document):
    return document["outcome"] == "failed"


def cancelled(document):
    return document["outcome"] == "cancelled"


def after(daemon, document):
    """The document that comes after DOCUMENT, which must be the next one."""
    generation = document["generation"] + 1
    found = daemon.wait_document(lambda new: new["generation"] >= generation)
    assert found["generation"] == generation
    return found


def read_until(stream, text):
    """Read lines of STREAM until one has TEXT in it."""
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"it ended without {text!r}")
