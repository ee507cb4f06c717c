"""Pages to look at: of a few real targets, and of made-up ones."""

from datetime import datetime, timedelta, timezone

import pytest

from helpers_browser import read_data, write_data
from helpers_prompts import KEY, models, provider  # noqa: F401
from models import says
from upstream import sends

STATUSES = {
    "ok": "o",
    "degraded": "d",
    "timeout": "t",
    "http_error": "h",
    "error": "e",
    "cancelled": "c",
    "skipped": "s",
    "pending": "p",
}

ANSWER = "All is well,\nbut <b>payments</b> are slow.\n"


def moment(seconds):
    """So many seconds from now, as the document has it."""
    then = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def write_page(gatherd, services, prompts=None, models=None, status=None, **top):
    """What one round of gatherd makes of them: the page's path."""
    page = gatherd.folder / "page.html"
    config = {"output": {"page": str(page)}, "services": services} | top
    if prompts:
        config |= {"prompts": prompts, "providers": {"p": provider("openai", models)}}
    result = gatherd.once(config, env={"MODEL_KEY": KEY})
    assert status is None or result.status == status, result.stderr
    return page


@pytest.fixture
def shop(gatherd, models):
    """The page of a few targets of which two failed and one is degraded."""
    models.plan["How is it?"] = lambda api, *_: says(api, ANSWER)
    url = models.url
    return write_page(
        gatherd,
        {
            "storefront": {
                "url": url + "/ok",
                "group": "shop",
                "description": "What customers see",
                "labels": {"team": "web", "tier": "1"},
            },
            "mail": {"url": url + "/ok"},
            "search": {"url": url + "/status/503", "group": "platform"},
            "payments": {"url": url + "/hang", "group": "shop", "timeout": "150ms"},
            "stock": {
                "url": url + sends('{"queue": 131, "state": "open"}'),
                "group": "shop",
                "warn": {"json": {"/queue": {"maximum": 100}}},
                "extract": {"queue": "/queue", "state": "/state"},
            },
        },
        {"summary": {"prompt": "How is it?", "group": "platform"}},
        models,
        status=1,
    )


def card_of(data, name):
    return next(card for card in data["entries"] if card["name"] == name)


def tell(data, cards, age=1.0, lasts=61.0):
    """DATA with these cards, made AGE seconds ago and good for LASTS."""
    counts = {status: 0 for status in STATUSES}
    for card in cards:
        counts[card["status"]] += 1
    failed = [
        card["name"]
        for card in cards
        if card["status"] not in ("ok", "degraded", "pending")
    ]
    well = counts["ok"] + counts["degraded"]
    needed = [card["name"] for card in cards if card["required"]]
    status = "ok" if not set(failed) & set(needed) else "degraded" if well else "down"
    data["entries"] = cards
    data["summary"] |= {
        "counts": {"total": len(cards)} | counts,
        "failed": failed,
        "status": status,
        "generated_at": moment(-age),
        "stale_after": moment(lasts - age),
    }
    return data


def make_card(name, status="ok", count=60, **more):
    """A card with a history of COUNT outcomes."""
    made = {
        "name": name,
        "kind": "service",
        "required": True,
        "status": status,
        "since": moment(-200),
        "checked_at": moment(-1),
        "failures": 0,
        "attempts": 1,
        "duration_ms": 120.4,
        "history": {
            "outcomes": "o" * (count - 1) + STATUSES[status],
            "durations_ms": [100 + i % 7 * 10 for i in range(count)],
        },
    }
    return made | more


def retell(page, cards, **times):
    return write_data(page, tell(read_data(page), cards, **times))
