"""What the metrics of a batch say of targets, against answers that are known."""

import contextlib
import datetime
import math

import pytest

from conftest import Authority, Gatherd
from helpers_document import read_document
from helpers_metrics import FormatFault, lint, parse_metrics, read_metrics
from helpers_outputs import Outputs
from helpers_prompts import KEY, provider
from models import Models
from upstream import BadPorts, Upstream, answer, sends

ROUNDS = 3
FAMILIES = {
    "gatherd_target_up": "gauge",
    "gatherd_target_status": "gauge",
    "gatherd_target_since_timestamp_seconds": "gauge",
    "gatherd_target_last_check_timestamp_seconds": "gauge",
    "gatherd_target_last_success_timestamp_seconds": "gauge",
    "gatherd_target_consecutive_failures": "gauge",
    "gatherd_target_required": "gauge",
    "gatherd_target_interval_seconds": "gauge",
    "gatherd_target_duration_seconds": "gauge",
    "gatherd_target_http_status": "gauge",
    "gatherd_target_response_bytes": "gauge",
    "gatherd_target_certificate_expiry_timestamp_seconds": "gauge",
    "gatherd_target_value": "gauge",
    "gatherd_target_outcomes_total": "counter",
    "gatherd_target_attempts_total": "counter",
    "gatherd_target_latency_seconds": "histogram",
    "gatherd_prompt_info": "gauge",
    "gatherd_prompt_tokens_total": "counter",
    "gatherd_prompt_cached_tokens_total": "counter",
    "gatherd_prompt_reasoning_tokens_total": "counter",
    "gatherd_prompt_cost_total": "counter",
    "gatherd_prompt_unknown_usage_attempts_total": "counter",
    "gatherd_prompt_reused_answers_total": "counter",
    "gatherd_prompt_budget_spent": "gauge",
    "gatherd_prompt_budget_limit": "gauge",
    "gatherd_build_info": "gauge",
    "gatherd_document_generation": "gauge",
    "gatherd_document_generated_timestamp_seconds": "gauge",
    "gatherd_document_stale_timestamp_seconds": "gauge",
    "gatherd_document_status": "gauge",
    "gatherd_failed_writes_total": "counter",
    "gatherd_targets": "gauge",
    "gatherd_round_number": "gauge",
    "gatherd_round_start_timestamp_seconds": "gauge",
    "gatherd_round_duration_seconds": "gauge",
    "gatherd_round_targets": "gauge",
    "gatherd_round_outcome": "gauge",
    "gatherd_in_flight_attempts": "gauge",
    "gatherd_waiting_turns": "gauge",
    "gatherd_rounds_total": "counter",
    "gatherd_missed_rounds_total": "counter",
}
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, math.inf]

NUMBERS = (
    '{"queue": 12.5, "below": -3, "ready": true, "shut": false, "name": "x", "nothing": null,'
    ' "list": [1], "map": {"a": 1}, "large": 18446744073709551615, "tiny": 1E-7,'
    ' "beyond": 1234567890123456789012345678901234567890}'
)
EXTRACTED = ["queue", "below", "ready", "shut", "name", "nothing", "list", "map", "large", "tiny"]


def at(number, before, after):
    """The answers: BEFORE up to the one with NUMBER, then AFTER."""
    return lambda _request, count: answer("{}", before if count < number else after)


class Batch:
    """What was asked, what was published of it, and where it had been told to go."""

    def __init__(self, folder, authority, preload):
        self.outputs = Outputs(folder)
        self.gatherd = Gatherd(folder)
        with contextlib.ExitStack() as stack:
            upstream = self.upstream = stack.enter_context(Upstream())
            secure = stack.enter_context(Upstream(tls=authority.issue("IP:127.0.0.1")))
            models = stack.enter_context(Models())
            refused = stack.enter_context(BadPorts()).refused()
            upstream.answers["/flaky"] = lambda _, number: answer("{}", 503 if number % 2 else 200)
            upstream.answers["/recovers"] = at(3, 500, 200)
            upstream.answers["/breaks"] = at(2, 200, 404)
            env = preload(authority.certificate) | {"MODEL_KEY": KEY}
            config = self.config(upstream.url, secure.url, refused, models)
            arguments = ["--rounds", ROUNDS, "-c", self.gatherd.config(config)]
            self.result = self.gatherd.run(*arguments, env=env)
        self.document = read_document(self.outputs.file)
        self.metrics = read_metrics(self.outputs.metrics)

    def config(self, url, secure, refused, models):
        return {
            "output": self.outputs.config,
            "interval": "90s",
            "timeout": "20s",
            "services": {
                "good": {
                    "url": url + sends(NUMBERS),
                    "extract": {name: f"/{name}" for name in [*EXTRACTED, "beyond"]},
                    "group": "shop",
                    "labels": {"team": "web", "number": 5},
                },
                "warned": {"url": url + "/ok", "warn": {"header": {"X-None": {"exists": True}}}},
                "unwell": {"url": url + "/status/503", "required": False, "interval": "2m"},
                "flaky": {"url": url + "/flaky", "retries": 1, "retry_delay": "1ms"},
                "hopeless": {"url": url + "/status/500", "retries": 2, "retry_delay": "1ms"},
                "silent": {"url": url + "/hang", "timeout": "60ms"},
                "refused": f"http://127.0.0.1:{refused}/",
                "secure": {"url": secure + "/ok", "reuse": False},
                "late": url + "/delay/0.06",
                "recovers": url + "/recovers",
                "breaks": url + "/breaks",
                "needs": url + "/echo?of={{services.refused.data.x}}",
            },
            "providers": {
                "priced": {
                    **provider("openai", models),
                    "price": {"input": 3, "output": 12.5},
                    "budget": {"cost": 10, "per": "1d"},
                },
                "plain": provider("anthropic", models),
            },
            "prompts": {
                "summary": {
                    "provider": "priced",
                    "prompt": "How is it?",
                    "budget": {"tokens": 5000, "per": "1d"},
                },
                "once": {"provider": "plain", "prompt": "Once.", "when": "changed"},
            },
        }

    def entries(self):
        """(name, kind, entry of the document)."""
        for kind in ("service", "prompt"):
            for name, entry in self.document[kind + "s"].items():
                yield name, kind, entry


@pytest.fixture(scope="module")
def batch(tmp_path_factory, authority: Authority, preload):
    return Batch(tmp_path_factory.mktemp("batch"), authority, preload)


@pytest.fixture(scope="module")
def metrics(batch):
    return batch.metrics


def seconds(time):
    return datetime.datetime.fromisoformat(time).timestamp()


# ---- the form ----


def test_it_is_published_with_the_document(batch, metrics):
    assert batch.result.status == 1 and batch.document["generation"] >= ROUNDS
    assert metrics.value("gatherd_document_generation") == batch.document["generation"]
    made = metrics.value("gatherd_document_generated_timestamp_seconds")
    assert made == pytest.approx(seconds(batch.document["generated_at"]), abs=1e-3)
    stale = metrics.value("gatherd_document_stale_timestamp_seconds")
    assert stale == pytest.approx(seconds(batch.document["stale_after"]), abs=1e-3)


def test_all_families_are_there_and_of_their_types(metrics):
    found = {name: family.type for name, family in metrics.families.items()}
    assert {name: found.get(name) for name in FAMILIES} == FAMILIES
    assert all(name.startswith("gatherd_provider_") for name in found.keys() - FAMILIES.keys())


def test_each_family_says_in_a_sentence_what_it_is(metrics):
    for family in metrics.families.values():
        assert family.help[0].isupper() and family.help.endswith("."), family.help


def test_promtool_has_nothing_to_say(metrics):
    assert lint(metrics.text) == ""
    assert lint(metrics.text.replace("# HELP gatherd_target_up ", "# HELP other ")) != ""


@pytest.mark.parametrize(
    "text",
    [
        "a 1\n",
        "# HELP a b\n# TYPE a gauge\na 1",
        "# HELP a b\n# TYPE a gauge\na 1\na 1\n",
        "# HELP a b\n# TYPE a gauge\na 1 1700000000\n",
        '# HELP a b\n# TYPE a gauge\na{b="1",b="2"} 1\n',
        '# HELP a b\n# TYPE a gauge\na{b="\\t"} 1\n',
        "# HELP a b\n# TYPE a gauge\na 1\n# HELP c d\n# TYPE c gauge\nc 1\na 2\n",
        "# HELP a b\n# TYPE a counter\na 1\n",
        "# HELP a b\n# TYPE a gauge\n",
        '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    ],
)
def test_what_is_no_such_text_would_be_seen(text):
    with pytest.raises(FormatFault):
        parse_metrics(text)


# ---- the labels ----


def test_each_target_has_its_labels_on_every_line(batch, metrics):
    of_target = [
        dict(labels)
        for family in metrics.families.values()
        for _name, labels in family.samples
        if "target" in dict(labels)
    ]
    names = {(name, kind) for name, kind, _ in batch.entries()}
    assert {(labels["target"], labels["kind"]) for labels in of_target} == names
    for labels in of_target:
        own = {key: labels.get(key) for key in ("group", "team", "number")}
        good = labels["target"] == "good"
        assert own == (
            {"group": "shop", "team": "web", "number": "5"} if good else dict.fromkeys(own)
        )


# ---- how it is ----


def test_up_is_what_answered_well(batch, metrics):
    assert metrics.by("target", "gatherd_target_up") == {
        name: entry["status"] in ("ok", "degraded") for name, _, entry in batch.entries()
    }
    assert metrics.value("gatherd_target_up", target="warned") == 1
    assert metrics.value("gatherd_target_up", target="needs") == 0


def test_each_status_has_a_series_and_one_of_them_is_set(batch, metrics):
    for name, _, entry in batch.entries():
        series = metrics.by("status", "gatherd_target_status", target=name)
        counted = ["total", *series]
        assert sorted(batch.document["counts"]) == sorted(counted)
        assert [status for status, number in series.items() if number] == [entry["status"]]
        assert set(series.values()) == {0, 1}
    wanted = {"warned": "degraded", "silent": "timeout", "refused": "error", "needs": "skipped"}
    for name, status in wanted.items():
        assert metrics.value("gatherd_target_status", target=name, status=status) == 1


def test_the_times_are_those_of_the_document(batch, metrics):
    for name, _, entry in batch.entries():
        for key, family in (
            ("since", "since"),
            ("checked_at", "last_check"),
            ("last_ok_at", "last_success"),
        ):
            number = metrics.value(f"gatherd_target_{family}_timestamp_seconds", target=name)
            if entry[key] is None:
                assert number is None
            else:
                assert number == pytest.approx(seconds(entry[key]), abs=1e-3)
    success = "gatherd_target_last_success_timestamp_seconds"
    assert metrics.value(success, target="unwell") is None
    check = metrics.value("gatherd_target_last_check_timestamp_seconds", target="breaks")
    assert 0 < metrics.value(success, target="breaks") < check


def test_failures_in_a_row_are_counted(batch, metrics):
    found = metrics.by("target", "gatherd_target_consecutive_failures")
    assert found == {name: entry["failures"] for name, _, entry in batch.entries()}
    wanted = {"good": 0, "unwell": 3, "silent": 3, "recovers": 0, "breaks": 2, "needs": 0}
    assert {name: found[name] for name in wanted} == wanted


def test_what_the_config_says_of_a_target(metrics):
    required = metrics.by("target", "gatherd_target_required")
    assert [name for name, number in required.items() if number == 0] == ["unwell"]
    interval = metrics.by("target", "gatherd_target_interval_seconds")
    assert interval.pop("unwell") == 120 and set(interval.values()) == {90}


# ---- the last answer ----


def test_the_durations_are_those_of_the_document(batch, metrics):
    for name, kind, entry in batch.entries():
        phases = metrics.by("phase", "gatherd_target_duration_seconds", target=name)
        told = {**entry["timing_ms"], "total": entry["duration_ms"]} if kind == "service" else {}
        for phase, ms in told.items():
            assert (ms is None) == (phase not in phases), (name, phase)
            if ms is not None:
                assert phases[phase] * 1000 == pytest.approx(ms, abs=0.0501), (name, phase)
    late = metrics.by("phase", "gatherd_target_duration_seconds", target="late")
    assert 0.06 <= late["first_byte"] <= late["total"] < 20
    assert "tls" not in late
    secure = metrics.by("phase", "gatherd_target_duration_seconds", target="secure")
    assert 0 < secure["connect"] and 0 < secure["tls"] < secure["total"]


def test_http_statuses_are_those_that_came(metrics):
    assert metrics.by("target", "gatherd_target_http_status", kind="service") == {
        "good": 200,
        "warned": 200,
        "unwell": 503,
        "flaky": 200,
        "hopeless": 500,
        "secure": 200,
        "late": 200,
        "recovers": 200,
        "breaks": 404,
    }


def test_bytes_are_those_of_the_answer(metrics):
    size = metrics.by("target", "gatherd_target_response_bytes", kind="service")
    assert size["good"] == len(NUMBERS) and size["recovers"] == 2
    assert "silent" not in size and "refused" not in size


def test_only_certificates_have_an_expiry(metrics):
    found = metrics.by("target", "gatherd_target_certificate_expiry_timestamp_seconds")
    assert found == {"secure": seconds("2099-12-31T23:59:59+00:00")}


def test_values_are_numbers_and_nothing_else(metrics):
    assert metrics.by("name", "gatherd_target_value") == {
        "queue": 12.5,
        "below": -3,
        "ready": 1,
        "shut": 0,
        "large": float(2**64),
        "tiny": 1e-7,
        "beyond": 1.2345678901234568e39,
    }
    assert 'name="large"} 18446744073709551615\n' in metrics.text


# ---- counters ----


def test_outcomes_are_counted_by_status(batch, metrics):
    wanted = {
        "good": {"ok": 3},
        "warned": {"degraded": 3},
        "unwell": {"http_error": 3},
        "flaky": {"ok": 3},
        "hopeless": {"http_error": 3},
        "silent": {"timeout": 3},
        "refused": {"error": 3},
        "recovers": {"http_error": 2, "ok": 1},
        "breaks": {"ok": 1, "http_error": 2},
        "needs": {"skipped": 3},
        "summary": {"ok": 3},
        "once": {"ok": 3},
    }
    for name, counts in wanted.items():
        found = metrics.by("status", "gatherd_target_outcomes_total", target=name)
        assert {status: number for status, number in found.items() if number} == counts, name
    for name, _, _ in batch.entries():
        total = metrics.by("status", "gatherd_target_outcomes_total", target=name)
        assert sum(total.values()) == ROUNDS and len(total) == 8


def test_attempts_are_counted_with_the_retries(batch, metrics):
    attempts = metrics.by("target", "gatherd_target_attempts_total")
    asked = batch.upstream.asked
    assert attempts["hopeless"] == asked["/status/500"] == 9
    assert attempts["flaky"] == asked["/flaky"] == 6
    assert attempts["silent"] == asked["/hang"] == 3
    wanted = {"good": 3, "refused": 3, "needs": 0, "summary": 3, "once": 1}
    assert {name: attempts[name] for name in wanted} == wanted


def test_latencies_fall_into_their_buckets(batch, metrics):
    for name, _, _ in batch.entries():
        buckets = metrics.by("le", "gatherd_target_latency_seconds_bucket", target=name)
        assert [float(bound) for bound in buckets] == BOUNDS
    count = metrics.by("target", "gatherd_target_latency_seconds_count")
    # What was not asked took no time.
    assert count["needs"] == 0 and count["once"] == 1
    assert all(count[name] == 3 for name in ("good", "unwell", "silent", "refused", "summary"))
    late = metrics.by("le", "gatherd_target_latency_seconds_bucket", target="late")
    assert late["0.05"] == 0 and late["+Inf"] == 3
    total = metrics.value("gatherd_target_latency_seconds_sum", target="late")
    last = metrics.value("gatherd_target_duration_seconds", target="late", phase="total")
    assert total >= 3 * 0.06 and total > last


# ---- prompts ----


def test_tokens_and_cost_add_up(metrics):
    tokens = metrics.by("type", "gatherd_prompt_tokens_total", target="summary")
    assert tokens == {"input": 3 * 7, "output": 3 * 3}
    cost = metrics.value("gatherd_prompt_cost_total", target="summary")
    assert cost == pytest.approx(3 * (7 * 3 + 3 * 12.5) / 1e6, rel=1e-9)
    # Nobody knows what it costs without a price.
    assert metrics.value("gatherd_prompt_cost_total", target="once") is None


def test_an_answer_that_is_used_again_is_not_paid_again(metrics):
    tokens = metrics.by("type", "gatherd_prompt_tokens_total", target="once")
    assert tokens == {"input": 7, "output": 3}
    assert metrics.value("gatherd_prompt_reused_answers_total", target="once") == 2
    assert metrics.value("gatherd_prompt_reused_answers_total", target="summary") == 0


def test_whom_a_prompt_asks_is_told(metrics):
    """By the config: the one that answered calls itself the-model-2."""
    ((labels, one),) = metrics.series("gatherd_prompt_info", target="summary")
    assert (labels["provider"], labels["model"], one) == ("priced", "the-model", 1)


def test_budgets_are_told_with_what_was_spent(metrics):
    spent = metrics.value("gatherd_prompt_budget_spent", target="summary", unit="tokens")
    limit = metrics.value("gatherd_prompt_budget_limit", target="summary", unit="tokens")
    assert (spent, limit) == (30, 5000)
    cost = metrics.value("gatherd_prompt_cost_total", target="summary")
    spent = metrics.value("gatherd_provider_budget_spent", provider="priced", unit="cost")
    limit = metrics.value("gatherd_provider_budget_limit", provider="priced", unit="cost")
    assert spent == pytest.approx(cost, rel=1e-9) and limit == 10


def test_services_have_nothing_of_prompts(metrics):
    for name in metrics.families:
        if name.startswith("gatherd_prompt_"):
            assert {labels["kind"] for labels, _ in metrics.series(name)} == {"prompt"}


# ---- the whole ----


def test_the_whole_is_that_of_the_document(batch, metrics):
    document = batch.document
    counts = {name: number for name, number in document["counts"].items() if name != "total"}
    assert metrics.by("status", "gatherd_targets") == counts
    status = metrics.by("status", "gatherd_document_status")
    assert status == {"ok": 0, "degraded": 1, "down": 0}
    assert document["status"] == "degraded"
    assert metrics.value("gatherd_failed_writes_total") == 0


def test_the_last_round_is_that_of_the_document(batch, metrics):
    told = batch.document["round"]
    assert metrics.value("gatherd_round_number") == told["number"] == ROUNDS
    took = metrics.value("gatherd_round_duration_seconds")
    assert took * 1000 == pytest.approx(told["duration_ms"], abs=0.0501) and took > 0.06
    begun = metrics.value("gatherd_round_start_timestamp_seconds")
    assert begun == pytest.approx(seconds(told["started_at"]), abs=1e-3)
    assert metrics.value("gatherd_round_targets") == told["targets"] == 14
    outcome = metrics.by("outcome", "gatherd_round_outcome")
    assert outcome == {"complete": 1, "failed": 0, "cancelled": 0, "gathering": 0}
    assert metrics.value("gatherd_rounds_total") == ROUNDS
    assert metrics.value("gatherd_in_flight_attempts") == 0
    assert metrics.value("gatherd_waiting_turns") == 0


def test_the_version_is_that_of_the_program(batch, metrics):
    ((labels, one),) = metrics.series("gatherd_build_info")
    version = batch.gatherd.run("--version").stdout.split("\n")[0].split()[-1]
    assert (labels, one) == ({"version": version}, 1)
    assert batch.document["generator"] == f"gatherd {version}"
