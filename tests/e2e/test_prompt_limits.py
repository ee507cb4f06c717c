"""How many prompts are asked at once and how fast, beside services and other providers."""

import time

import pytest

from helpers_daemon import Daemon
from helpers_limits import (  # noqa: F401 (fixtures)
    NAME,
    PATIENT,
    HeldModels,
    environment,
    held,
    lasting,
    rejects,
)
from helpers_prompts import ask, config, provider
from helpers_reload import complete, verdict
from helpers_schedule import ms

RARELY = {"interval": "1h"}


def prompts_of(name, count, text="{}"):
    names = [f"{name}{n}" for n in range(count)]
    return {each: {"provider": name, "prompt": text.format(each)} for each in names}


def counted(held, name, **keys):
    """A provider that is counted by its name."""
    return provider("openai", held, headers={NAME: name}, **keys)


def two_providers(held, **top):
    """p, two at once, and q, three; six prompts that are held of each."""
    return {
        "providers": {
            "p": counted(held, "p", max_concurrent=2),
            "q": counted(held, "q", max_concurrent=3),
        },
        "prompts": prompts_of("p", 6, "held {}") | prompts_of("q", 6, "held {}"),
    } | top


@pytest.fixture
def run(gatherd):
    """Starts a daemon of a config whose rounds are rare."""

    def start(made, *arguments):
        made = {"timeout": "1m", "publish_after": "10ms"} | RARELY | made
        return Daemon(gatherd, made, *arguments, env=environment())

    return start


# ---- how many at once ----


def test_each_provider_has_a_limit_of_its_own(gatherd, held):
    held.delay = (0.05, 0)
    made = two_providers(held)
    for name in "pq":
        for n in range(6):
            held.let_out.add(f"held {name}{n}")
    result = ask(gatherd, made)
    assert result.status == 0, result.stderr
    assert held.most_of == {"p": 2, "q": 3}
    assert held.most_thinking == 5


def test_whoever_is_held_by_his_provider_is_passed_over(run, held):
    services = {f"s{n}": f"{held.url}/ok" for n in range(3)}
    with run(two_providers(held, services=services)) as daemon:
        # Neither the services nor q, which stand behind, wait for p.
        texts = held.wait_for_prompts(5)
        assert set(texts) == {"held p0", "held p1", "held q0", "held q1", "held q2"}
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 3)
        assert document["outcome"] == "gathering"
        # One of p's answers makes room for one of p, and for no one of q.
        held.let_go("p1")
        assert held.wait_for_prompts(6)[5:] == ["held p2"]
        held.let_go("q0")
        assert held.wait_for_prompts(7)[6:] == ["held q3"]
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 5)
        found = {
            name: (each["max_concurrent"], each["limit"], each["in_flight"])
            for name, each in document["providers"].items()
        }
        assert found == {"p": (2, 2, 2), "q": (3, 3, 3)}
        held.let_go(*(f"{name}{n}" for name in "pq" for n in range(6)))
        document = daemon.wait_document(complete)
        assert document["counts"]["ok"] == 15
        assert all(each["in_flight"] == 0 for each in document["providers"].values())


def test_prompts_start_in_the_order_of_the_config(gatherd, held):
    prompts = {f"{n}": f"text {n}" for n in (3, 1, 4, 15, 9, 2, 6)}
    ask(gatherd, config(held, prompts, keys={"max_concurrent": 1}))
    assert held.texts() == list(prompts.values())


def test_within_the_limit_of_the_file_services_come_first(gatherd, held):
    services = {f"s{n}": f"{held.url}/delay/0.05?{n}" for n in range(4)}
    prompts = {f"p{n}": f"p{n}" for n in range(4)}
    made = config(held, prompts, services=services, max_concurrent=1)
    result = ask(gatherd, made)
    assert result.status == 0
    assert held.most == 1
    assert [request.method for request in held.requests] == ["GET"] * 4 + ["POST"] * 4
    assert held.texts() == ["p0", "p1", "p2", "p3"]


def test_the_limit_of_the_file_counts_prompts_and_services_together(gatherd, held):
    held.delay = (0.1, 0)
    services = {f"s{n}": f"{held.url}/delay/0.1" for n in range(6)}
    prompts = {f"p{n}": f"p{n}" for n in range(6)}
    made = config(held, prompts, services, keys={"max_concurrent": 5}, max_concurrent=3)
    assert ask(gatherd, made).status == 0
    assert held.most == 3


def test_the_limit_of_a_host_counts_prompts_and_services_together(gatherd, held):
    held.delay = (0.1, 0)
    with HeldModels(delay=(0.1, 0)) as other:
        made = {
            "max_per_host": 2,
            "services": {f"s{n}": f"{held.url}/delay/0.1" for n in range(4)},
            "providers": {
                "p": counted(held, "p", max_concurrent=5),
                "q": counted(held, "q", max_concurrent=1),
                "elsewhere": counted(other, "elsewhere", max_concurrent=5),
            },
            "prompts": prompts_of("p", 4) | prompts_of("q", 4) | prompts_of("elsewhere", 4),
        }
        result = ask(gatherd, made)
        assert result.status == 0, result.stderr
        assert held.most == 2
        assert held.most_of["p"] <= 2 and held.most_of["q"] == 1
        assert other.most == 2
        assert other.texts() == [f"elsewhere{n}" for n in range(4)]


def test_a_provider_that_is_full_leaves_its_host_to_services(run, held):
    """One of two places of the host is taken by a prompt for good."""
    made = two_providers(held, max_per_host=2)
    made["providers"]["p"]["max_concurrent"] = made["providers"]["q"]["max_concurrent"] = 1
    made["prompts"] = prompts_of("p", 3, "held {}")
    made["services"] = {f"s{n}": f"{held.url}/ok" for n in range(20)}
    with run(made) as daemon:
        daemon.wait_document(lambda document: document["counts"]["ok"] == 20)
        assert held.wait_for_prompts(1) == ["held p0"]
        held.let_go("p0", "p1", "p2")
        daemon.wait_document(complete)


def test_services_go_on_in_their_rounds_while_prompts_hang(run, held):
    made = {
        "interval": "100ms",
        "services": {"s": {"url": f"{held.url}/ok", "timeout": "5s"}},
        "providers": {"p": counted(held, "p", max_concurrent=1)},
        "prompts": prompts_of("p", 3, "held {}"),
    }
    with run(made) as daemon:
        held.wait_for_prompts(1)
        held.wait_for(lambda held: held.asked.get("/ok", 0) >= 5)
        document = daemon.wait_document(lambda document: document["round"]["number"] >= 4)
        assert document["in_flight"] == ["p0", "p1", "p2"]
        assert document["services"]["s"]["status"] == "ok"
        assert held.texts() == ["held p0"]


# ---- how many in a time ----


def assert_paced(requests, since, per_s):
    """None of them came before a bucket of one second's worth, which was full at SINCE at the
    latest, can have let it start. (How one follows another is nothing to look at: the one
    before may have been late.)"""
    burst = max(1, per_s)
    for number, request in enumerate(requests):
        assert request.at >= since + (number + 1 - burst) / per_s, number


def test_a_rate_limits_how_many_start(gatherd, held):
    prompts = {f"p{n}": f"p{n}" for n in range(7)}
    begun = time.monotonic()
    result = ask(gatherd, config(held, prompts, keys={"rate": "4/s"}))
    assert result.status == 0
    assert_paced(held.prompt_requests(), begun, 4)
    assert held.texts() == list(prompts)


def test_attempts_that_are_made_again_count_in_the_rate(gatherd, held):
    held.plan["it"] = rejects(times=3)
    prompts = {"it": {"prompt": "it"} | PATIENT}
    begun = time.monotonic()
    result = ask(gatherd, config(held, prompts, keys={"rate": "150/min"}))
    assert result.document["prompts"]["it"]["attempts"] == 4
    assert_paced(held.requests, begun, 150 / 60)


def test_a_rate_holds_no_other_provider_and_no_service(gatherd, held):
    with HeldModels() as other:
        made = {
            "services": {f"s{n}": f"{held.url}/ok" for n in range(5)},
            "providers": {
                "p": counted(held, "p", rate="1/s"),
                "q": counted(held, "q"),
                "r": counted(other, "r"),
            },
            "prompts": prompts_of("p", 2) | prompts_of("q", 3) | prompts_of("r", 3),
        }
        begun = time.monotonic()
        assert ask(gatherd, made).status == 0
        slow = held.asked_at("p1")[0]
        assert slow - begun >= 1
        assert held.texts()[-1] == "p1"
        assert all(request.at < slow for request in other.requests)


def test_the_rate_of_a_host_counts_prompts_and_services_together(gatherd, held):
    made = config(
        held,
        {f"p{n}": f"p{n}" for n in range(4)},
        {f"s{n}": f"{held.url}/ok" for n in range(3)},
        rate_per_host="4/s",
    )
    begun = time.monotonic()
    assert ask(gatherd, made).status == 0
    assert_paced(held.requests, begun, 4)


def test_a_prompt_that_is_rejected_does_not_hold_the_services_of_its_host(gatherd, held):
    """Its provider is paused; the host with a rate is held by its services' answers only."""
    held.plan["it"] = rejects(headers=[("Retry-After", "1")])
    made = config(
        held,
        {"it": {"prompt": "it"} | PATIENT},
        {"s": {"url": f"{held.url}/ok", "delay": "100ms"}},
        rate_per_host="50/s",
    )
    assert ask(gatherd, made).status == 0
    [service] = held.asked_for("/ok")
    first, again = held.asked_at("it")
    assert service.at < again and again - first >= 1


# ---- what the document says of it ----


def test_the_section_of_providers_is_there_while_they_are_asked(run, held):
    made = two_providers(held, services={"s": f"{held.url}/ok"})
    made["providers"]["p"] |= {"max_concurrent": 20, "rate": "600/min"}
    made["providers"]["idle"] = counted(held, "idle", adaptive=False, max_concurrent=9)
    with run(made) as daemon:
        held.wait_for_prompts(9)
        held.let_go("p3")
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 2)
        assert list(document)[-1] == "providers"
        assert list(document["providers"]) == ["p", "q", "idle"]
        p = document["providers"]["p"]
        assert p == {
            "api": "openai",
            "model": "the-model",
            "url": f"{held.url}/v1",
            "max_concurrent": 20,
            "limit": 9,  # one was answered while eight were the most
            "adaptive": True,
            "in_flight": 5,
            "paused_until": None,
            "pauses": 0,
            "rejections": 0,
            "cuts": 0,
            "budget": None,
        }
        assert document["providers"]["q"]["in_flight"] == 3
        idle = document["providers"]["idle"]
        assert (idle["limit"], idle["in_flight"], idle["adaptive"]) == (9, 0, False)


def test_a_pause_is_told_while_it_lasts_and_is_over_then(run, held):
    held.plan["it"] = rejects(headers=[("Retry-After", "2")])
    made = config(held, {"it": {"prompt": "it"} | PATIENT}, {"s": f"{held.url}/delay/0.2"})
    with run(made | RARELY) as daemon:
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 1)
        p = document["providers"]["p"]
        left_ms = ms(p["paused_until"]) - ms(document["generated_at"])
        assert 0 < left_ms <= 2000
        assert (p["pauses"], p["rejections"], p["in_flight"]) == (1, 1, 0)
        assert document["in_flight"] == ["it"]
        # It may ask four at once now, as five were too many.
        assert (p["limit"], p["cuts"]) == (3, 1)
        p = daemon.wait_document(complete)["providers"]["p"]
        assert (p["paused_until"], p["pauses"], p["in_flight"]) == (None, 1, 0)


# ---- another config while they are asked ----


def one_provider(held, count=6, **keys):
    return {
        "interval": "1h",
        "timeout": "1m",
        "publish_after": "10ms",
        "providers": {"p": counted(held, "p", **keys)},
        "prompts": prompts_of("p", count, "held {}"),
    }


def test_a_higher_limit_counts_at_once_and_disturbs_nobody(run, held):
    with run(one_provider(held, max_concurrent=2)) as daemon:
        held.wait_for_prompts(2)
        assert daemon.reload(one_provider(held, max_concurrent=4))
        assert verdict(daemon) == [0, 0, 0, 6]
        assert held.wait_for_prompts(4) == [f"held p{n}" for n in range(4)]
        held.let_go(*(f"p{n}" for n in range(6)))
        document = daemon.wait_document(complete)
        assert document["counts"]["ok"] == 6
        assert document["providers"]["p"]["max_concurrent"] == 4
        assert len(held.prompt_requests()) == 6, "none of them twice"


def test_a_lower_limit_lets_those_end_who_are_being_asked(run, held):
    with run(one_provider(held, max_concurrent=4)) as daemon:
        held.wait_for_prompts(4)
        assert daemon.reload(one_provider(held, max_concurrent=1))
        assert verdict(daemon) == [0, 0, 0, 6]
        held.let_go("p0", "p1", "p2")
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 3)
        p = document["providers"]["p"]
        assert (p["max_concurrent"], p["limit"], p["in_flight"]) == (1, 1, 1)
        held.let_go("p3", "p5")
        assert held.wait_for_prompts(5)[4:] == ["held p4"]
        held.let_go("p4")
        document = daemon.wait_document(complete)
        assert document["counts"]["ok"] == 6
        assert held.texts() == [f"held p{n}" for n in range(6)]


@pytest.mark.parametrize(
    "keys", [{"rate": "100/s"}, {"adaptive": False}]
)
def test_other_limits_disturb_nobody(run, held, keys):
    with run(one_provider(held, max_concurrent=2)) as daemon:
        held.wait_for_prompts(2)
        assert daemon.reload(one_provider(held, max_concurrent=2, **keys))
        assert verdict(daemon) == [0, 0, 0, 6]
        held.let_go(*(f"p{n}" for n in range(6)))
        document = daemon.wait_document(complete)
        assert document["counts"]["ok"] == 6
        assert held.texts() == [f"held p{n}" for n in range(6)]


def test_whoever_is_asked_with_another_key_is_asked_anew(run, held):
    with run(one_provider(held, max_concurrent=2)) as daemon:
        held.wait_for_prompts(2)
        assert daemon.reload(one_provider(held, max_concurrent=3, key="another-key-of-mine"))
        assert verdict(daemon) == [0, 0, 6, 0]
        assert held.wait_for_prompts(5)[2:] == [f"held p{n}" for n in range(3)]
        assert held.requests[4].header("Authorization") == "Bearer another-key-of-mine"
        held.let_go(*(f"p{n}" for n in range(6)))
        document = daemon.wait_document(
            lambda document: complete(document) and document["counts"]["ok"] == 6
        )
        p = document["providers"]["p"]
        assert (p["limit"], p["in_flight"]) == (3, 0)


def test_a_provider_that_is_gone_takes_its_prompts_with_it(run, held):
    both = two_providers(held)
    with run(both | RARELY) as daemon:
        held.wait_for_prompts(5)
        held.wait_for(lambda held: held.open == 5)
        less = {
            "interval": "1h",
            "publish_after": "10ms",
            "timeout": "1m",
            "providers": {"q": both["providers"]["q"]},
            "prompts": prompts_of("q", 6, "held {}"),
        }
        assert daemon.reload(less)
        assert verdict(daemon) == [0, 6, 0, 6]
        held.let_go(*(f"q{n}" for n in range(6)))
        document = daemon.wait_document(
            lambda document: complete(document) and document["counts"]["ok"] == 6
        )
        assert list(document["providers"]) == ["q"]
        assert not any(text.startswith("held p") for text in held.texts()[5:])


def test_a_pause_outlives_a_reload(run, held):
    held.plan["p"] = lasting(rejects(headers=[("Retry-After", "1000")]))
    made = config(held, {"p": {"prompt": "p", "deadline": "1m"}}) | RARELY
    with run(made) as daemon:
        before = daemon.wait_document(complete)["providers"]["p"]
        made["prompts"]["q"] = {"prompt": "q"}
        made["services"] = {"s": f"{held.url}/ok"}
        made["providers"]["p"]["max_concurrent"] = 50
        assert daemon.reload(made)
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 1)
        after = document["providers"]["p"]
        assert abs(ms(after["paused_until"]) - ms(before["paused_until"])) < 50
        assert (after["pauses"], after["rejections"]) == (1, 1)
        assert after["max_concurrent"] == 50
        assert held.texts() == ["p"]


# ---- the end ----


def test_a_stop_waits_for_no_prompt(run, held, slack):
    """Some are being asked, some wait for a slot, some for a pause, some to be asked again."""
    with HeldModels() as other:
        other.plan = {f"r{n}": rejects(headers=[("Retry-After", "100")]) for n in range(3)}
        other.plan |= {f"s{n}": rejects(500) for n in range(3)}
        made = two_providers(held, services={"s": f"{held.url}/ok"})
        made["providers"] |= {"r": counted(other, "r"), "s": counted(other, "s")}
        made["prompts"] |= prompts_of("r", 6) | prompts_of("s", 3)
        for name in ("s0", "s1", "s2"):
            made["prompts"][name]["retry_delay"] = "1h"
            made["prompts"][name]["deadline"] = "3h"
        del made["services"]
        with run(made, "-l", "debug") as daemon:
            held.wait_for_prompts(5)
            daemon.wait_log(r"\[s\d\] asking -> backing off", 3)
            daemon.wait_log(r"\[r\d\] asking -> (backing off|done)")
            status, seconds = daemon.stop()
    assert status == 0
    assert seconds < 1 * slack
