"""What the tests of what prompts cost, and of when they are asked at all, have in common."""

import pytest

from helpers_daemon import Daemon
from helpers_document import read_document
from helpers_limits import environment
from helpers_prompts import config
from helpers_reload import complete
from models import error, says

# Each answer costs ten tokens, and this much money by PRICE (see says() in models.py).
TOKENS = 10
COST = 0.000038
PRICE = {"price": {"input": 2, "output": 8}}

DAY = "1d"
DAY_MS = 86_400_000

# Nothing is asked twice, unless a test says so.
ONCE = {"retries": 0}


def tokens(count, per=DAY):
    return {"budget": {"tokens": count, "per": per}}


def cost(amount, per=DAY):
    return {"budget": {"cost": amount, "per": per}}


def asking(text="it", **keys):
    """A prompt of TEXT that is asked once in a round."""
    return {"prompt": text} | ONCE | keys


def outcome_of(entry):
    return entry["status"], entry["error"]["kind"] if entry["error"] else None


ANSWERED = ("ok", None)
UNPAID = ("skipped", "budget")


def outcomes(document):
    return {name: outcome_of(entry) for name, entry in document["prompts"].items()}


def spent(part):
    """What was spent of the budget of a prompt's entry, or a provider's."""
    return part["budget"]["spent"]


class Runs:
    """Runs of --once, or --rounds, that go on from each other's document."""

    def __init__(self, gatherd, clock=None):
        self.gatherd = gatherd
        self.clock = clock
        self.path = gatherd.folder / "status.json"

    def __call__(self, made, *arguments, rounds=1, env=None):
        """So many rounds; the document that the last of them left."""
        env = environment() | (self.clock.environment if self.clock else {}) | (env or {})
        arguments = ["--rounds", rounds, "-o", self.path, *arguments]
        self.result = self.gatherd.run(*arguments, config=made, env=env)
        assert self.result.status in (0, 1), self.result.stderr
        return read_document(self.path)

    def entry(self, made, *arguments, name="it", **keywords):
        """Likewise; the entry of one prompt."""
        return self(made, *arguments, **keywords)["prompts"][name]


@pytest.fixture
def runs(gatherd):
    return Runs(gatherd)


@pytest.fixture
def clocked_runs(gatherd, wall_clock):
    return Runs(gatherd, wall_clock)


def one(models, keys=None, services=None, **prompt):
    """A config of one prompt called `it`; KEYS are its provider's."""
    return config(models, {"it": asking(**prompt)}, services, keys=keys)


@pytest.fixture
def daemon_of(gatherd):
    """Starts a daemon whose rounds come when they are asked for."""

    def start(made, *arguments, env=None, **keywords):
        made = rarely(made)
        return Daemon(gatherd, made, *arguments, env=environment() | (env or {}), **keywords)

    return start


def rarely(made):
    return {"interval": "1h", "publish_after": "10ms", "timeout": "1m"} | made


def reload(daemon, made):
    """Go over to what MADE is, in a daemon of daemon_of()."""
    assert daemon.reload(rarely(made))


def settled(daemon):
    """The document of a round that is over, and of which nobody is in flight."""
    return daemon.wait_document(
        lambda document: complete(document) and not document["in_flight"]
    )


def settled_after(daemon, document):
    """Likewise, of a round after that of DOCUMENT."""
    number = document["round"]["number"]
    return daemon.wait_document(
        lambda new: new["round"]["number"] > number and complete(new) and not new["in_flight"]
    )


def asked(models, text="it"):
    """How often TEXT was asked."""
    return models.prompts.count(text)


def hangs(*_):
    return None


def fails(status):
    return lambda api, *_: (status, error(api, status, "no"))


def without_usage(api, *_):
    body = says(api, "well")
    del body["usage"]
    return body

