"""Providers that push back: who is asked again and when, who waits with it, who is not."""

import datetime
import email.utils
import re
import time

import pytest

from helpers_limits import (  # noqa: F401 (fixtures)
    HeldModels,
    Run,
    answers,
    ask_one,
    held,
    in_turn,
    kind_of,
    rejects,
    retry_info,
)
from helpers_prompts import ask, config, models, provider  # noqa: F401 (fixtures)
from helpers_retries import ROUNDING_MS, attempts_in, gaps
from helpers_schedule import ms
from models import APIS, error

# A day that no deadline here lasts until.
TOMORROW = [("Retry-After", "86400")]

ONE_SECOND = [("Retry-After", "1")]

SDK_APIS = ["openai", "openai-responses", "anthropic"]


def attempt_texts(result):
    return [text for _, _, text in attempts_in(result.stderr, "it")]


# ---- who asks for patience ----


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize("api", APIS)
def test_a_push_back_is_tried_again_and_is_no_retry(gatherd, models, api, status):
    models.plan["it"] = rejects(status, times=3)
    entry, provider, result = ask_one(gatherd, models, "-l", "debug", api=api, retries=0)
    assert (entry["status"], entry["attempts"]) == ("ok", 4), result.stderr
    told = attempts_in(result.stderr, "it")
    assert [(number, most) for number, most, _ in told[:3]] == [(1, 2), (2, 3), (3, 4)]
    assert told[0][2].startswith(f"returned HTTP {status}: too many; again in ")
    assert provider["rejections"] == 3
    assert provider["pauses"] == 0 and provider["paused_until"] is None


def test_a_503_of_what_stands_in_front_is_a_retry_like_any_other(gatherd, models):
    models.plan["it"] = rejects(503, times=9, body="<html>no healthy upstream</html>")
    entry, provider, _ = ask_one(gatherd, models, retries=2)
    assert (entry["status"], entry["attempts"], kind_of(entry)) == ("http_error", 3, "http")
    assert provider["rejections"] == 3


def test_a_503_of_what_stands_in_front_is_push_back_where_it_says_when(gatherd, models):
    headers = [("retry-after-ms", "20")]
    models.plan["it"] = rejects(503, headers, times=3, body="<html>come back soon</html>")
    entry, provider, _ = ask_one(gatherd, models, retries=0)
    assert (entry["status"], entry["attempts"]) == ("ok", 4)
    assert provider["pauses"] == 3


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_other_faults_of_the_provider_are_retried_as_often_as_said(gatherd, models, status):
    models.plan["it"] = rejects(status, times=9)
    entry, provider, _ = ask_one(gatherd, models, retries=1)
    assert (entry["status"], entry["attempts"], kind_of(entry)) == ("http_error", 2, "http")
    assert (provider["rejections"], provider["cuts"], provider["limit"]) == (0, 0, 5)


@pytest.mark.parametrize("status", [500, 408])
def test_no_retries_are_none(gatherd, models, status):
    models.plan["it"] = rejects(status)
    entry, _, _ = ask_one(gatherd, models, retries=0)
    assert (entry["status"], entry["attempts"]) == ("http_error", 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501])
def test_what_would_not_get_better_is_not_asked_again(gatherd, models, status):
    models.plan["it"] = rejects(status)
    entry, provider, _ = ask_one(gatherd, models, retries=3)
    assert (entry["status"], entry["attempts"], kind_of(entry)) == ("http_error", 1, "http")
    assert (provider["rejections"], provider["limit"]) == (0, 5)


def test_push_backs_and_retries_are_counted_apart(gatherd, models):
    models.plan["it"] = in_turn(
        rejects(429), rejects(500), rejects(429), rejects(500), rejects(429), answers
    )
    entry, _, result = ask_one(gatherd, models, "-l", "debug", retries=2)
    assert (entry["status"], entry["attempts"]) == ("ok", 6), result.stderr


@pytest.mark.parametrize("api", ["gemini", "openai"])
def test_a_push_back_within_a_good_status_is_one(gatherd, models, api):
    words = error(api, 429, "Rate limit reached")
    if api == "openai":
        words["error"]["code"] = "rate_limit_exceeded"
    models.plan["it"] = in_turn(lambda *_: words, lambda *_: words, answers)
    entry, provider, _ = ask_one(gatherd, models, api=api, retries=0)
    assert (entry["status"], entry["attempts"]) == ("ok", 3)
    assert provider["rejections"] == 2


# ---- how long it is waited ----


def rejects_until_a_date(api, request, number):
    date = email.utils.formatdate(int(time.time()) + 2, usegmt=True)
    return rejects(headers=[("Retry-After", date)])(api, request, number)


def waits(api):
    """What asks to wait for 0.6 s at least, in the ways that API has."""
    found = {
        "seconds": rejects(headers=ONE_SECOND),
        "a date": rejects_until_a_date,
        "milliseconds": rejects(headers=[("Retry-After-Ms", "600")]),
        "both, of which the exact one counts": rejects(
            headers=[("Retry-After", "3600"), ("retry-after-ms", "600.5")]
        ),
    }
    if api == "gemini":
        found["RetryInfo"] = rejects(body=retry_info("0.6s"))
        found["a long RetryInfo"] = rejects(body=retry_info("0.600000001s"))
    return found


@pytest.mark.parametrize("api", ["gemini", "anthropic"])
def test_it_is_waited_as_long_as_the_provider_asks(gatherd, models, api):
    keys = {"max_concurrent": 1}
    for text, act in waits(api).items():
        models.plan["it"] = act
        models.requests.clear()
        models.prompts.clear()
        entry, provider, _ = ask_one(gatherd, models, api=api, keys=keys, retries=0)
        assert (entry["status"], entry["attempts"]) == ("ok", 2), text
        assert gaps(models.requests)[0] >= 0.6, text
        assert entry["duration_ms"] >= 600 - ROUNDING_MS, text
        assert (provider["pauses"], provider["paused_until"]) == (1, None), text


@pytest.mark.parametrize("value", ["0", "soon", "-5", "", "Sun, 06 Nov 1994 08:49:37 GMT"])
def test_a_wait_that_says_nothing_is_no_pause(gatherd, models, value):
    models.plan["it"] = rejects(headers=[("Retry-After", value)])
    entry, provider, _ = ask_one(gatherd, models, retries=0)
    assert (entry["status"], entry["attempts"]) == ("ok", 2)
    assert (provider["rejections"], provider["pauses"]) == (1, 0)


@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_past_the_deadline_ends_the_turn_at_once(gatherd, models, status):
    models.plan["it"] = rejects(status, TOMORROW)
    entry, provider, result = ask_one(gatherd, models, "-l", "debug", deadline="20m")
    assert (entry["status"], entry["attempts"]) == ("http_error", 1)
    assert (kind_of(entry), entry["http_status"]) == ("rate_limited", status)
    assert "not again" in attempt_texts(result)[0]
    assert (provider["rejections"], provider["pauses"]) == (1, 1)
    # Whatever it says, the provider is not given up for a day.
    assert ms(provider["paused_until"]) <= ms(entry["checked_at"]) + 5 * 60_000 + ROUNDING_MS
    assert ms(provider["paused_until"]) >= ms(entry["checked_at"]) + 4 * 60_000


@pytest.mark.parametrize("value", ["9" * 18, "9" * 40, "1e999"])
def test_no_wait_is_too_long_to_be_understood(gatherd, models, value):
    models.plan["it"] = rejects(headers=[("retry-after-ms", value)])
    entry, provider, _ = ask_one(gatherd, models, deadline="1s", timeout="1s")
    if value == "1e999":  # no number of theirs
        assert entry["status"] == "ok"
    else:
        assert (entry["attempts"], kind_of(entry)) == (1, "rate_limited")
        assert ms(provider["paused_until"]) > ms(entry["checked_at"])


def test_push_back_without_end_lasts_until_the_deadline(gatherd, models):
    models.plan["it"] = rejects(times=10**6, message="slow down")
    entry, provider, result = ask_one(gatherd, models, deadline="800ms", retries=0)
    assert (entry["status"], kind_of(entry)) == ("http_error", "rate_limited")
    assert "slow down" in entry["error"]["message"]
    assert entry["attempts"] > 1
    assert entry["duration_ms"] < 5000
    assert provider["rejections"] == entry["attempts"]
    # Nothing is left to cut at last: then it pauses by itself.
    assert provider["limit"] == 1 and provider["pauses"] >= 1


# ---- who says whether to try again ----


@pytest.mark.parametrize("api", SDK_APIS)
def test_a_provider_that_says_that_it_helps_is_asked_again(gatherd, models, api):
    models.plan["it"] = rejects(400, [("x-should-retry", "true")], times=9)
    entry, _, _ = ask_one(gatherd, models, api=api, retries=2)
    assert entry["attempts"] == 3, "as often as may be"


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("api", SDK_APIS)
def test_a_provider_that_says_that_it_does_not_help_is_left_alone(gatherd, models, api, status):
    models.plan["it"] = rejects(status, [("x-should-retry", "false")])
    entry, _, _ = ask_one(gatherd, models, api=api, retries=5)
    assert (entry["status"], entry["attempts"]) == ("http_error", 1)


@pytest.mark.parametrize("api", ["gemini", "ollama"])
def test_only_the_apis_that_have_it_are_heard_on_whether_to_retry(gatherd, models, api):
    models.plan["it"] = rejects(429, [("x-should-retry", "false")])
    entry, _, _ = ask_one(gatherd, models, api=api)
    assert entry["status"] == "ok"


# ---- quota and money ----


def quota(name):
    violation = {"quotaId": name, "quotaMetric": "generate_content_free_tier_requests"}
    detail = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [violation | {"quotaValue": "50"}],
    }
    return {"details": [detail, *retry_info("0.2s")["details"]]}


EXHAUSTED = {
    "openai, by type": ("openai", 429, {"type": "insufficient_quota"}),
    "openai, by code": ("openai", 429, {"code": "insufficient_quota"}),
    "openai, credit": (
        "openai",
        429,
        {"type": "insufficient_quota", "code": "credit_balance_exhausted"},
    ),
    "openai, limit": ("openai-responses", 429, {"code": "project_spend_limit_exceeded"}),
    "openai, payment": ("openai", 402, {}),
    "anthropic, payment": ("anthropic", 402, {"type": "billing_error"}),
    "anthropic, limit": (
        "anthropic",
        429,
        {"details": {"error_code": "enforced_spend_limit_reached"}},
    ),
    "anthropic, contract": (
        "anthropic",
        429,
        {"details": {"error_code": "contract_spend_limit_reached"}},
    ),
    "gemini, payment": ("gemini", 402, {"status": "RESOURCE_EXHAUSTED"}),
    "gemini, day": (
        "gemini",
        429,
        quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    ),
}


@pytest.mark.parametrize("name", EXHAUSTED)
def test_what_is_used_up_is_not_asked_for_again(gatherd, models, name):
    api, status, words = EXHAUSTED[name]

    def act(api, request, number):
        body = error(api, status, "used up")
        body["error"] |= words
        return status, body

    models.plan["it"] = act
    entry, provider, _ = ask_one(gatherd, models, api=api, retries=5)
    assert entry["attempts"] == 1
    assert kind_of(entry) == ("http" if status == 402 else "rate_limited")
    assert "used up" in entry["error"]["message"]
    # Fewer at once would not help.
    assert (provider["limit"], provider["rejections"], provider["cuts"]) == (5, 0, 0)
    assert (provider["pauses"], provider["paused_until"]) == (0, None)


def test_a_quota_of_a_minute_is_waited_for(gatherd, models):
    models.plan["it"] = rejects(
        body=quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
    )
    entry, _, _ = ask_one(gatherd, models, api="gemini", retries=0)
    assert (entry["status"], entry["attempts"]) == ("ok", 2)
    assert gaps(models.requests)[0] >= 0.2


def test_a_402_that_says_when_is_waited_for(gatherd, models):
    models.plan["it"] = rejects(402, [("retry-after-ms", "300")])
    entry, _, _ = ask_one(gatherd, models, retries=1)
    assert (entry["status"], entry["attempts"]) == ("ok", 2)
    assert gaps(models.requests)[0] >= 0.3


# ---- timeouts, and connections that are lost ----


@pytest.mark.parametrize("retries, attempts", [(0, 1), (1, 2), (5, 2)])
def test_a_timeout_is_tried_again_once_at_most(gatherd, models, retries, attempts):
    models.plan["it"] = lambda *_: None
    keys = {"timeout": "200ms", "retries": retries}
    entry, provider, result = ask_one(gatherd, models, "-l", "debug", **keys)
    assert (entry["status"], entry["attempts"]) == ("timeout", attempts)
    assert entry["usage_unknown_attempts"] == attempts
    assert len(models.requests) == attempts
    assert provider["rejections"] == attempts
    if retries == 5:
        assert "may have been paid for" in attempt_texts(result)[-1]


def test_two_timeouts_are_two_whatever_came_between(gatherd, models):
    models.plan["it"] = in_turn(
        lambda *_: None, rejects(429), rejects(500), lambda *_: None, answers
    )
    entry, _, _ = ask_one(gatherd, models, timeout="300ms", retries=5)
    assert (entry["status"], entry["attempts"]) == ("timeout", 4)
    assert entry["usage_unknown_attempts"] == 2


def test_a_timeout_and_then_an_answer_are_both_told(gatherd, models):
    models.plan["it"] = in_turn(lambda *_: None, answers)
    entry, _, _ = ask_one(gatherd, models, timeout="400ms")
    assert (entry["status"], entry["attempts"]) == ("ok", 2)
    assert entry["usage_unknown_attempts"] == 1


def test_a_provider_that_refuses_connections_is_tried_as_often_as_said(gatherd, bad_ports):
    url = f"http://127.0.0.1:{bad_ports.refused()}"
    entry, provider, _ = ask_one(gatherd, url, retries=3)
    assert (entry["status"], entry["attempts"], kind_of(entry)) == ("error", 4, "connect")
    assert entry["usage_unknown_attempts"] == 0, "nothing was sent"
    assert provider["rejections"] == 4 and provider["limit"] < 5


def lose(times):
    """Connections are lost when a prompt came, so often."""

    class Losing(HeldModels):
        async def _act(self, request, number, reader, writer):
            if number > times:
                return await super()._act(request, number, reader, writer)
            self._reset(writer)
            return False

    return Losing()


def test_a_connection_that_is_lost_is_tried_again_though_it_is_a_post(gatherd):
    with lose(2) as losing:
        entry, provider, _ = ask_one(gatherd, losing, retries=2)
    assert (entry["status"], entry["attempts"]) == ("ok", 3)
    assert entry["usage_unknown_attempts"] == 2, "who knows whether it was paid for"
    assert provider["rejections"] == 0


def test_connections_that_are_always_lost_are_a_failure(gatherd):
    with lose(99) as losing:
        entry, _, _ = ask_one(gatherd, losing, retries=1)
    assert (entry["status"], entry["attempts"], kind_of(entry)) == ("error", 2, "protocol")


# ---- the provider as a whole ----


def test_a_pause_is_for_all_prompts_of_the_provider_and_for_no_one_else(gatherd, held):
    with HeldModels() as other:
        held.plan["first"] = rejects(headers=ONE_SECOND)
        made = config(
            held,
            {
                "first": {"prompt": "first"},
                **{f"p{n}": {"prompt": f"p{n}"} for n in range(3)},
                **{f"q{n}": {"prompt": f"q{n}", "provider": "q"} for n in range(3)},
            },
            services={"service": f"{held.url}/ok"},
            keys={"max_concurrent": 1},
        )
        for each in made["prompts"].values():
            each.setdefault("provider", "p")
        made["providers"]["q"] = provider("openai", other, max_concurrent=1)
        result = ask(gatherd, made)
        document = result.document
        assert result.status == 0, result.stderr
        begun = held.asked_at("first")[0]
        for text in ("p0", "p1", "p2"):
            assert held.asked_at(text)[0] - begun >= 1
        over = held.asked_at("p0")[0]
        assert all(other.asked_at(f"q{n}")[0] < over for n in range(3))
    assert document["providers"]["p"]["pauses"] == 1
    assert document["providers"]["q"]["pauses"] == 0
    assert document["prompts"]["p0"]["timing_ms"]["queued"] >= 1000 - 50
    assert document["prompts"]["p0"]["attempts"] == 1
    # A service at the same host has nothing to do with it.
    [service] = held.asked_for("/ok")
    assert service.at < over


def test_nobody_waits_for_a_pause_past_his_deadline(gatherd, held):
    """A batch does not take five minutes for each of its prompts, nor call well what was."""
    names = [f"p{n}" for n in range(20)]
    held.plan |= {name: rejects(headers=TOMORROW) for name in names}
    made = config(held, dict(zip(names, names)), services={"s": f"{held.url}/ok"})
    made["prompts"]["p3"] |= {"deadline": "3m"}
    result = ask(gatherd, made | {"interval": "100s"})
    document = result.document
    assert result.status == 1
    asked = held.texts()
    assert 1 <= len(asked) <= 5
    for name in names:
        entry = document["prompts"][name]
        assert kind_of(entry) == "rate_limited"
        if name in asked:
            assert (entry["status"], entry["attempts"]) == ("http_error", 1)
        else:
            assert (entry["status"], entry["attempts"]) == ("skipped", 0)
            assert re.fullmatch(
                r"held back until 20\d\d-.*Z by its provider, past its deadline of 3m",
                entry["error"]["message"],
            )
    assert document["services"]["s"]["status"] == "ok"
    assert document["failed"] == names


def test_whoever_has_the_time_waits_for_a_pause(gatherd, held):
    held.plan["first"] = rejects(headers=ONE_SECOND)
    prompts = {
        "first": {"prompt": "first", "deadline": "1m"},
        "patient": {"prompt": "patient", "deadline": "1m"},
        "hasty": {"prompt": "hasty", "deadline": "500ms"},
        "meek": {"prompt": "meek {{prompts.hasty.status}}", "deadline": "2m"},
    }
    document = ask(gatherd, config(held, prompts, keys={"max_concurrent": 1})).document
    found = {name: each["status"] for name, each in document["prompts"].items()}
    assert found == {"first": "ok", "patient": "ok", "hasty": "skipped", "meek": "ok"}
    assert "hasty" not in held.texts()
    assert "meek skipped" in held.texts()


def test_after_a_pause_one_goes_first(gatherd, held):
    """The others follow when that is answered or, as here, a second later."""
    texts = [f"held {n}" for n in range(5)]
    held.plan |= {text: rejects(headers=ONE_SECOND) for text in texts}
    run = Run(gatherd, config(held, dict(zip(texts, texts))) | {"interval": "10m"})
    held.wait_for_prompts(5)
    held.let_go(*range(5))
    held.wait_for(lambda held: held.now == 0 and len(held.answered_at) == 5)
    held.hold()
    held.wait_for_prompts(7)
    held.let_go(*range(5))
    assert run.wait().status == 0
    requests = held.prompt_requests()
    assert requests[5].at - requests[4].at >= 1
    # Less would be some lateness of the one that goes first, but not so much of it.
    assert requests[6].at - requests[5].at >= 0.5


def test_without_adapting_the_limit_stays_whatever_comes_back(gatherd, models):
    names = [f"p{n}" for n in range(12)]
    models.plan |= {name: rejects(times=2) for name in names}
    prompts = {name: {"prompt": name, "retry_delay": "10ms"} for name in names}
    keys = {"max_concurrent": 7, "adaptive": False}
    it = ask(gatherd, config(models, prompts, keys=keys)).document["providers"]["p"]
    assert (it["max_concurrent"], it["limit"], it["adaptive"]) == (7, 7, False)
    assert (it["rejections"], it["cuts"], it["pauses"]) == (24, 0, 0)


def test_a_pause_holds_without_adapting_too(gatherd, models):
    models.plan["it"] = rejects(headers=ONE_SECOND)
    keys = {"adaptive": False}
    entry, provider, _ = ask_one(gatherd, models, keys=keys)
    assert entry["status"] == "ok" and gaps(models.requests)[0] >= 1
    assert (provider["limit"], provider["pauses"], provider["cuts"]) == (5, 1, 0)


def test_what_is_paused_is_told_while_it_is(gatherd, models):
    models.plan["it"] = rejects(headers=TOMORROW)
    entry, provider, result = ask_one(gatherd, models)
    paused = datetime.datetime.fromisoformat(provider["paused_until"])
    assert paused.timestamp() > time.time()
    line = [line for line in result.stderr.splitlines() if "[it]" in line][-1]
    assert re.search(r"warn \[it\] returned HTTP 429: too many", line)
