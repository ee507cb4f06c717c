"""What gatherd(8) says of the view from outside, held against the sources and a daemon that
listens: metrics, paths, events, limits, examples."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from conftest import PATIENCE
from helpers_document import parse_document
from helpers_listener import Listening, tcp_place, unix_place, wait_until
from helpers_man import (
    SOURCE,
    commands,
    displays,
    items,
    page,
    plain,
    section,
    sentence,
    source,
)
from helpers_metrics import parse_metrics
from helpers_prompts import KEY, models, provider  # noqa: F401 (a fixture)
from helpers_tools import short_folder  # noqa: F401 (a fixture)

PAGE = page("gatherd.8")
LISTENING = PAGE[PAGE.index("\n.Sh LISTENING\n") : PAGE.index("\n.Sh LOG\n")]


@pytest.fixture
def daemon(gatherd, upstream, models):  # noqa: F811
    """One that has all there is to tell, but for a certificate."""
    budget = {"tokens": 100000, "per": "1d"}
    price = {"input": 1, "output": 2}
    config = {
        "interval": "200ms",
        "services": {
            "orders": {"url": f"{upstream.url}/ok", "extract": {"ok": "/ok"}, "group": "shop"},
            "my shop": f"{upstream.url}/status/500",
        },
        "providers": {"p": provider("openai", models, budget=budget, price=price)},
        "prompts": {"said": {"prompt": "yes", "interval": "1m", "budget": budget}},
    }
    environment = {"MODEL_KEY": KEY}
    with Listening(gatherd, config, tcp_place(), env=environment) as daemon:
        document = daemon.wait_document(lambda document: document["counts"]["ok"] == 2)
        daemon.shown(document["generation"])
        yield daemon


# ---- metrics ----

# The labels of all lines in a section.
SECTIONS = {
    "Metrics of a target": {"target", "kind", "group"},
    "Metrics of a provider": {"provider"},
    "Metrics of the whole": set(),
}


def documented_families(title):
    """{name: (type, the labels of its own)}."""
    families = {}
    for head, _ in items(section(PAGE, title, "Ss"), "Va"):
        found = re.fullmatch(r"(\w+) : No (\w+)(?: Pq Va (.+))?", head)
        assert found, f"unreadable: .It Va {head}"
        name, kind, labels = found.groups()
        families[name] = (kind, set(labels.split(" , ")) if labels else set())
    return families


def families_of(metrics, labels_of_all):
    families = {}
    for name, family in metrics.families.items():
        labels = {label for _, pairs in family.samples for label, _ in pairs}
        families[name] = (family.type, labels - labels_of_all - {"le"})
    return families


def test_page_has_every_family_of_metrics():
    named = set()
    for path in (SOURCE / "publish" / "metrics").glob("*.c"):
        named.update(re.findall(r'"(gatherd_\w+)"', path.read_text()))
    # The parts of a summary are no families.
    parts = {name for name in named if name.removesuffix("_sum") in named - {name}}
    parts |= {name for name in named if name.removesuffix("_count") in named - {name}}
    documented = [name for title in SECTIONS for name in documented_families(title)]
    assert sorted(documented) == sorted(named - parts)


def test_page_has_types_labels_and_order_of_the_families(daemon):
    def all_metrics():
        metrics = parse_metrics(daemon.ask("/metrics").text)
        # The loop is measured each second.
        return metrics if "gatherd_loop_lag_seconds" in metrics.families else None

    metrics = wait_until(all_metrics)
    seen = 0
    for title, labels in SECTIONS.items():
        documented = documented_families(title)
        documented.pop("gatherd_target_certificate_expiry_timestamp_seconds", None)
        told = families_of(metrics, labels)
        assert list(documented.items()) == [
            (name, told[name]) for name in told if name in documented
        ], title
        seen += len(documented)
    assert seen == len(metrics.families)


def test_page_has_the_labels_that_are_taken(gatherd, upstream):
    told = re.search(r"^\.Pq Va (target , kind .*)$", PAGE, re.M).group(1).split(" , ")
    title = "Metrics of a target"
    used = [labels for _, labels in documented_families(title).values()]
    assert set(told) == SECTIONS[title].union(*used, {"le", "quantile"})

    free = ["team", "code", "outcome", "version"]
    services = {"a": {"url": f"{upstream.url}/ok", "labels": dict.fromkeys(told + free, "x")}}
    config = {"services": services, "output": {"metrics": "status.prom"}}
    gatherd.once(config)
    metrics = parse_metrics((gatherd.folder / "status.prom").read_text())
    ((labels, _),) = metrics.series("gatherd_target_up")
    own = {name for name, value in labels.items() if value == "x"}
    assert own == {f"label_{name}" for name in told} | set(free)


def test_page_has_the_phases_and_the_bounds_of_the_buckets():
    bodies = dict(items(section(PAGE, "Metrics of a target", "Ss"), "Va"))
    facts = source("publish/metrics/sample_facts.c")
    found = re.search(r"sample_phase_names\[\] = \{(.*?)NULL", facts, re.S)
    body = bodies["gatherd_target_duration_seconds : No gauge Pq Va phase"]
    for phase in re.findall(r'"(\w+)"', found.group(1)):
        assert re.search(rf"^\.Cm .*\b{phase}\b", body, re.M), phase
    found = re.search(r"tally_bucket_us\[.*?\{(.*?)\}", source("gather/tally.c"), re.S)
    bounds = [int(bound) for bound in re.findall(r"\d+", found.group(1))]
    assert (min(bounds), max(bounds)) == (5000, 120000000)
    assert "from 5 ms to 2 minutes" in bodies["gatherd_target_latency_seconds : No histogram"]


# ---- the listener ----


def documented_paths():
    heads = [head for head, _ in items(section(PAGE, "Paths", "Ss"), "Pa")]
    return [path for head in heads for path in head.split(" , ")]


def test_page_has_the_paths_of_the_listener():
    known = re.findall(r'\{ "(/\S*)", ASKED_\w+ \}', source("serve/asked.c"))
    assert len(known) >= 7
    expected = [path + "NAME" if path.endswith("s/") else path for path in known]
    assert sorted(documented_paths()) == sorted(expected)


def test_paths_are_answered(daemon):
    document = parse_document(daemon.ask("/status.json").text)
    assert document["services"].keys() == {"orders", "my shop"}
    names = {"/services/NAME": "/services/my%20shop", "/prompts/NAME": "/prompts/said"}
    # The example of the page is one of them.
    assert f".Pa {names['/services/NAME']} ." in PAGE
    for path in documented_paths():
        if path != "/events":
            assert daemon.ask(names.get(path, path) + "?a=b").status == 200, path
    assert daemon.ask("/healthz").text == "ok\n"


def refused(daemon, **keywords):
    return daemon.ask("/status.json", **keywords).status


def too_many_follow(daemon):
    with contextlib.ExitStack() as followers:
        for _ in range(64):
            follower = followers.enter_context(daemon.place.follow())
            assert follower.started.status == 200
        return daemon.ask("/events").status


REFUSED = {
    "400": lambda daemon: refused(daemon, host=None),
    "404": lambda daemon: daemon.ask("/services/said").status,
    "405": lambda daemon: refused(daemon, method="DELETE"),
    "413": lambda daemon: refused(daemon, method="POST", Content_Length="4097"),
    "421": lambda daemon: refused(daemon, host="www.example.com"),
    "503": too_many_follow,
}


def test_page_has_what_is_refused(daemon):
    documented = re.findall(r"^\.It (\d+)$", section(PAGE, "What is refused", "Ss"), re.M)
    assert documented == list(REFUSED)
    for status, ask in REFUSED.items():
        assert str(ask(daemon)) == status
    # All that the sources answer with: by names of evhttp, or of their own.
    named = set(re.findall(r"\b(HTTP_[A-Z]+|MISDIRECTED),", source("serve/answers.c")))
    well = {"HTTP_OK", "HTTP_NOTMODIFIED"}
    assert named - well == {
        "HTTP_BADREQUEST",
        "HTTP_NOTFOUND",
        "HTTP_BADMETHOD",
        "MISDIRECTED",
        "HTTP_SERVUNAVAIL",
    }


# Where a limit of the listener stands, and how the page tells it.
LIMITS = [
    ("serve/clients.c", r"\.max = 256\b", "At most 256 are open"),
    ("serve/clients.c", r"\.request_ms = 5000\b", "within 5 seconds of its first byte"),
    ("serve/clients.c", r"\.life_ms = 30000\b", "done in 30 seconds"),
    ("serve/clients.c", r"\.max_requests = 100\b", "of a connection, 100 at most,"),
    ("serve/answers.c", r"MAX_HEADER_BYTES \(\(ev_ssize_t\)8 \* 1024\)", "8 KiB of headers"),
    ("serve/answers.c", r"MAX_BODY_BYTES \(\(ev_ssize_t\)4 \* 1024\)", "A body of more than 4 KiB"),
    ("serve/shown.h", r"SHOWN_MIN_GZIP 1024\b", "Bodies of 1 KiB and more"),
    ("serve/events.h", r"EVENTS_MAX_CLIENTS 64\b", "No more than 64 can follow"),
    ("serve/events.h", r"EVENTS_MAX_BACKLOG \(\(size_t\)256 \* 1024\)", "256 KiB before it"),
    ("serve/events.h", r"EVENTS_HEARTBEAT_MS 15000\b", "a comment every 15 seconds"),
    ("serve/health.h", r"HEALTH_OVERDUE_US \(\(int64_t\)5000000\)", "late by more than 5 seconds"),
    ("publish/page/card.h", r"CARD_MAX_TEXT_BYTES \(\(size_t\)4 \* 1024\)", "texts cut at 4 KiB"),
    ("gather/history.h", r"HISTORY_MAX 60\b", "the last 60 outcomes"),
    ("daemon/serving.c", r"\? 0666 : 0660", "has the permissions 0666 where"),
]


@pytest.mark.parametrize("path, told_by, words", LIMITS, ids=[words for _, _, words in LIMITS])
def test_page_has_the_limits_of_the_listener(path, told_by, words):
    assert re.search(told_by, source(path))
    assert words in sentence(LISTENING)


def test_page_has_the_fields_of_events(daemon):
    text = section(PAGE, "Events", "Ss")
    documented = [head.split(" : ")[0] for head, _ in items(text, "Va")]
    with daemon.place.follow() as follower:
        first = follower.next()
        assert list(first.data) == documented
        assert first.data["complete"] is True and follower.next().data["complete"] is False
    document = parse_document(daemon.ask("/status.json").text)
    lists = ["services", "prompts", "providers"]
    assert list(first.data["summary"]) == [name for name in document if name not in lists]

    for card in first.data["entries"]:
        entry = document[card["kind"] + "s"][card["name"]]
        own = ["name", "kind", "required"]
        assert list(card)[:3] == own and list(card)[-1] == "history"
        assert card.keys() - {*own, "history"} <= entry.keys() - {"timing_ms", "bytes", "data"}
        assert {f"history.{name}" for name in card["history"]} == set(
            re.findall(r"^\.Va (history\.\w+)", text, re.M)
        )
    letters = {card["name"]: card["history"]["outcomes"][-1] for card in first.data["entries"]}
    assert letters == {"orders": "o", "my shop": "h", "said": "o"}


# ---- examples ----

ENTRY, UP, HEALTH, COMPARED, BY_SOCKET, FOLLOWED = (
    command for text in displays(PAGE) for command in commands(text, "curl")
)


def here(daemon, command):
    """COMMAND of the page, to DAEMON."""
    command = command.replace("127.0.0.1:8787", daemon.place.listen)
    return command.replace("/run/gatherd/http.sock", daemon.place.listen.removeprefix("unix:"))


def shell(daemon, command, folder):
    """What it prints; nothing may go wrong."""
    run = subprocess.run(
        ["sh", "-c", here(daemon, command)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (run.stderr, run.returncode) == ("", 0)
    return run.stdout


def test_examples_of_curl_work(daemon, tmp_path):
    assert shell(daemon, ENTRY, tmp_path) == '"ok"\n'
    assert re.fullmatch(r"(gatherd_target_up\{.*\} [01]\n){3}", shell(daemon, UP, tmp_path))
    assert shell(daemon, HEALTH, tmp_path) == "ok\n"


@contextlib.contextmanager
def quiet(gatherd, place):
    """One that has a single generation."""
    config = {"interval": "1h", "services": {}}
    with Listening(gatherd, config, place) as daemon:
        daemon.wait_document()
        daemon.shown()
        yield daemon


def test_example_fetches_a_document_once(gatherd, tmp_path):
    folder = tmp_path / "fetched"
    folder.mkdir()
    with quiet(gatherd, tcp_place()) as daemon:
        shell(daemon, COMPARED, folder)
        fetched = folder / "status.json"
        assert fetched.read_text() == daemon.ask("/status.json").text
        fetched.write_text("what was fetched before")
        shell(daemon, COMPARED, folder)
        assert fetched.read_text() == "what was fetched before"


def test_example_asks_a_unix_socket(gatherd, short_folder, tmp_path):  # noqa: F811
    with quiet(gatherd, unix_place(short_folder)) as daemon:
        told = shell(daemon, BY_SOCKET, tmp_path)
        assert told == daemon.ask("/status.json").text


def test_example_follows_what_fails(daemon):
    with subprocess.Popen(
        ["sh", "-c", here(daemon, FOLLOWED)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout.readline() == '["my shop"]\n'
            assert process.stdout.readline() == '["my shop"]\n'
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_example_of_gatherctl_reads_from_the_listener(daemon, gatherctl, tmp_path):
    line = re.search(r"^\.Dl \$ ssh web1 (curl .*)$", page("gatherctl.1"), re.M).group(1)
    command = plain(line).replace("gatherctl ", f"{gatherctl.program} ") + " || true"
    assert "degraded: 2 of 3 ok" in shell(daemon, command, tmp_path)
