"""What the tests of how prompts are limited and pushed back have in common."""

import asyncio
import threading
import time

import pytest

from helpers_prompts import KEY, ask, config
from models import Models, error, says

# Nothing ends by its deadline before the test does.
PATIENT = {"deadline": "10m", "retry_delay": "10ms"}

# What a provider's header X-Provider tells.
NAME = "X-Provider"


class HeldModels(Models):
    """Models whose answers to "held ..." wait until they are let go. A provider that sends
    its name in X-Provider is counted by it."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.let_out = set()  # the prompts that are answered at once
        self.thinking_of = {}  # X-Provider -> prompts being thought of
        self.most_of = {}  # ... at once, at the most
        self.answered_at = {}  # prompt -> time.monotonic() of its last answer
        self._news = None

    async def _serve(self, *arguments):
        self._news = asyncio.Condition()
        await super()._serve(*arguments)

    def let_go(self, *texts):
        """Answer "held TEXT" of each, once it is asked."""
        self.let_out |= {f"held {text}" for text in texts}
        asyncio.run_coroutine_threadsafe(self._tell(), self._loop).result()

    def hold(self):
        """Let go of nothing that comes from now on."""
        self.let_out.clear()

    async def _tell(self):
        async with self._news:
            self._news.notify_all()

    async def _think(self, api, request, text, *streams):
        name = request.header(NAME)
        count = self.thinking_of[name] = self.thinking_of.get(name, 0) + 1
        self.most_of[name] = max(self.most_of.get(name, 0), count)
        try:
            if text.startswith("held "):
                async with self._news:
                    await self._news.wait_for(lambda: text in self.let_out)
            return await super()._think(api, request, text, *streams)
        finally:
            self.thinking_of[name] -= 1
            self.answered_at[text] = time.monotonic()

    def asked_at(self, text):
        """When the prompt TEXT came, each time."""
        return [request.at for request in self.prompt_requests() if text_of(request) == text]

    def prompt_requests(self):
        with self._lock:
            return [request for request in self.requests if request.method == "POST"]

    def texts(self):
        """The prompts, in the order in which they came."""
        return [text_of(request) for request in self.prompt_requests()]

    def wait_for_prompts(self, count):
        """Wait until so many prompts came in all; their texts."""
        self.wait_for(lambda _: sum(r.method == "POST" for r in self.requests) >= count)
        return self.texts()


def text_of(request):
    """The prompt in a request of the openai API, with which these tests mostly ask."""
    body = request.json()
    if "messages" in body:
        return body["messages"][-1]["content"]
    return body["contents"][-1]["parts"][0]["text"] if "contents" in body else body["input"]


@pytest.fixture
def held():
    with HeldModels() as held:
        yield held


class Run(threading.Thread):
    """GATHERD with CONFIG, beside the test."""

    def __init__(self, gatherd, config):
        super().__init__()
        self.gatherd = gatherd
        self.config = config
        self.result = None
        self.start()

    def run(self):
        self.result = ask(self.gatherd, self.config)

    def wait(self):
        self.join()
        assert self.result, "it did not end well"
        return self.result


def rejects(status=429, headers=(), times=1, body=None, message="too many"):
    """What answers so TIMES times, and then well. BODY is a text, or of what the API's own
    error has more than its message; without that it is that error."""

    def act(api, request, number):
        if number > times:
            return says(api, "well")
        if isinstance(body, str):
            return status, body, headers
        return status, error(api, status, message, **(body or {})), headers

    return act


def in_turn(*acts):
    """The first of ACTS for the first time, and so on; the last for all that follow."""

    def act(api, request, number):
        return acts[min(number, len(acts)) - 1](api, request, 1)

    return act


def lasting(act):
    """As if each time were the first one."""
    return lambda api, request, number: act(api, request, 1)


def answers(api, request, number):
    return says(api, "well")


def retry_info(seconds):
    """The part of Gemini's error that says when to come again."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": seconds}
    return {"details": [detail]}


def ask_one(gatherd, models, *arguments, api="openai", keys=None, **prompt):
    """One prompt called `it`, patient unless PROMPT says otherwise; its entry, the provider's
    and the run's Result."""
    prompts = {"it": {"prompt": "it"} | PATIENT | prompt}
    result = ask(gatherd, config(models, prompts, api=api, keys=keys), *arguments)
    document = result.document
    return document["prompts"]["it"], document["providers"]["p"], result


def kind_of(entry):
    return entry["error"]["kind"] if entry["error"] else None


def environment():
    return {"MODEL_KEY": KEY}
