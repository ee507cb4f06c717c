"""Configs with prompts for the tests of them, asked of an upstream of models (models.py)."""

import pytest

from models import APIS, Models, base_url

KEY = "sk-this-is-the-key-0123456789"


@pytest.fixture
def models():
    with Models() as models:
        yield models


def provider(api, models, **keys):
    """A provider of API at MODELS, with a key."""
    url = models if isinstance(models, str) else models.url
    return {
        "api": api,
        "base_url": base_url(api, url),
        "model": "the-model",
        "key": "${MODEL_KEY}",
    } | keys


def providers(models, **keys):
    """One for each API, by its name."""
    return {api: provider(api, models, **keys) for api in APIS}


def config(models, prompts, services=None, api="openai", keys=None, **top):
    """A config of PROMPTS (a text or a map of keys each), of a single provider with KEYS."""
    prompts = {
        name: {"prompt": value} if isinstance(value, str) else value
        for name, value in prompts.items()
    }
    made = {
        "timeout": "5s",
        "providers": {"p": provider(api, models, **(keys or {}))},
        "prompts": prompts,
    } | top
    if services:
        made["services"] = services
    return made


def ask(gatherd, text, *arguments, env=None, **keywords):
    """One round, with the key in the environment."""
    return gatherd.once(
        text, *arguments, env={"MODEL_KEY": KEY} | (env or {}), **keywords
    )
