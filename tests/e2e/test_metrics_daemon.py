"""What the metrics of a daemon say over its rounds, its reloads and its restarts; and of
targets with hostile names."""

import contextlib
import json
import os
import signal

import pytest

from helpers_daemon import Daemon, held
from helpers_metrics import lint, read_metrics, wait_metrics
from helpers_outputs import Outputs
from helpers_prompts import KEY, config as prompt_config, models
from helpers_reload import complete, config_of, gather_now
from upstream import answer, sends

QUICK = "20ms"


@pytest.fixture
def outputs(gatherd):
    return Outputs(gatherd.folder)


def generation_is(number):
    return lambda metrics: metrics.value("gatherd_document_generation") >= number


def metrics_of(daemon, outputs, document):
    """The metrics of DOCUMENT, or later ones."""
    return wait_metrics(daemon, outputs.metrics, generation_is(document["generation"]))


def batch_metrics(gatherd, outputs, config, *arguments, **keywords):
    """What one round of CONFIG came to."""
    config = {**config, "output": {"metrics": "gatherd.prom"}}
    gatherd.once(config, *arguments, **keywords)
    return read_metrics(outputs.metrics)


# ---- hostile names ----

HOSTILE = [
    "<script>alert(1)</script>",
    'a "quoted" \\ name\\',
    '"} 1',
    "\\n",
    "{a=b,c}",
    "# HELP gatherd_target_up x",
    "näme 🦆",
    "ü" * 64,
    " ",
]


def test_names_of_any_kind_come_back_as_they_are(gatherd, upstream, outputs):
    config = config_of(upstream, dict.fromkeys(HOSTILE, "/ok"))
    metrics = batch_metrics(gatherd, outputs, config)
    assert metrics.by("target", "gatherd_target_up") == dict.fromkeys(HOSTILE, 1)
    assert lint(metrics.text) == ""


LABELS = {
    "target": "mine",
    "kind": "mine",
    "group": "mine",
    "le": "mine",
    "quantile": "mine",
    "status": "mine",
    "phase": "mine",
    "name": "mine",
    "type": "mine",
    "unit": "mine",
    "__name__": "mine",
    "__": "mine",
    "": "empty",
    "1st": "digit",
    "a-b": "dash",
    "a.b": "dot",
    "a_b": "as it is",
    "ä": "letter",
    "🦆🦆": "ducks",
    'x="y",z': "quote",
    "instance": "taken as it is",
    "text": 'a "b"\\\n{c}\ttab \x01 é 🦆',
    "void": "",
    "label_target": "as it is",
}


def test_labels_of_any_kind_are_labels(gatherd, upstream, outputs):
    service = {"url": "/ok", "labels": LABELS, "group": 'the "group"\\\n', "extract": {"ok": "/ok"}}
    metrics = batch_metrics(gatherd, outputs, config_of(upstream, {"a": service}))
    assert lint(metrics.text) == ""
    ((labels, _),) = metrics.series("gatherd_target_up")
    assert (labels["target"], labels["kind"], labels["group"]) == (
        "a",
        "service",
        'the "group"\\\n',
    )
    assert sorted(labels.values()) == sorted([*LABELS.values(), "a", "service", labels["group"]])
    for name in ("a_b", "instance", "text", "void", "label_target"):
        assert labels[name] == LABELS[name]
    assert labels["label_kind"] == labels["label_le"] == "mine" and labels["_1st"] == "digit"
    # What the format and the families need for themselves is still theirs.
    assert metrics.value("gatherd_target_status", status="ok") == 1
    assert metrics.value("gatherd_target_value", name="ok") == 1
    assert metrics.value("gatherd_target_latency_seconds_bucket", le="+Inf") == 1


def test_names_of_values_come_back_as_they_are(gatherd, upstream, outputs):
    names = ["a b", 'the "queue"', "back\\slash", "two\nlines", "ü", "<b>"]
    service = {"url": sends('{"n": 7}'), "extract": dict.fromkeys(names, "/n")}
    metrics = batch_metrics(gatherd, outputs, config_of(upstream, {"a": service}))
    assert metrics.by("name", "gatherd_target_value") == dict.fromkeys(names, 7)
    assert lint(metrics.text) == ""


def test_models_may_be_called_anything(gatherd, outputs, models):
    name = 'a "model"\\} 1 <b>'
    models.plan["Hello"] = lambda api, request, number: {
        "model": "another",
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
    }
    config = prompt_config(models, {"p": {"prompt": "Hello", "model": name}})
    metrics = batch_metrics(gatherd, outputs, config, env={"MODEL_KEY": KEY})
    ((labels, _),) = metrics.series("gatherd_prompt_info")
    assert labels["model"] == name and lint(metrics.text) == ""


def test_a_secret_in_a_models_name_is_not_in_them(gatherd, outputs, models):
    config = prompt_config(models, {"p": {"prompt": "Hello", "model": "a-${TOKEN}"}})
    env = {"MODEL_KEY": KEY, "TOKEN": "hidden-0123456789"}
    metrics = batch_metrics(gatherd, outputs, config, env=env)
    ((labels, _),) = metrics.series("gatherd_prompt_info")
    assert labels["model"] == "a-***" and "hidden" not in metrics.text


def test_secrets_are_not_in_them(gatherd, upstream, outputs):
    secret = "sk-this-is-secret-0123456789"
    service = {
        "url": upstream.url + sends(json.dumps({"n": 7, secret: 8})),
        "labels": {"token": "${TOKEN}", "part": "a-${TOKEN}-b"},
        "group": "${TOKEN}",
        "headers": {"X-Token": "${TOKEN}"},
        "extract": {"n": {"path": "/n", "secret": True}, "m": f"/{secret}"},
    }
    config = {"services": {"a": service}}
    metrics = batch_metrics(gatherd, outputs, config, env={"TOKEN": secret})
    assert secret not in metrics.text
    ((labels, _),) = metrics.series("gatherd_target_up")
    assert (labels["token"], labels["part"], labels["group"]) == ("***", "a-***-b", "***")
    assert metrics.by("name", "gatherd_target_value") == {"m": 8}


# ---- few targets and many ----


def test_no_target_at_all_is_well(gatherd, outputs):
    metrics = batch_metrics(gatherd, outputs, {"services": {}})
    assert lint(metrics.text) == ""
    assert metrics.by("status", "gatherd_document_status")["ok"] == 1
    assert not [name for name in metrics.families if name.startswith("gatherd_target_")]


@pytest.mark.parametrize("limit, there", [(0, False), (2, False), (3, True), (None, True)])
def test_histograms_are_for_few_targets_only(gatherd, upstream, outputs, limit, there):
    config = config_of(upstream, {"a": "/ok", "b": "/ok", "c": "/ok"})
    if limit is not None:
        config["metrics"] = {"max_histograms": limit}
    metrics = batch_metrics(gatherd, outputs, config)
    assert ("gatherd_target_latency_seconds" in metrics.families) == there
    assert metrics.value("gatherd_target_duration_seconds", target="a", phase="total") > 0


def test_by_themselves_they_are_for_200_targets(gatherd, upstream, outputs):
    for count in (200, 201):
        config = config_of(upstream, {str(number): "/ok" for number in range(count)})
        metrics = batch_metrics(gatherd, outputs, config)
        assert len(metrics.series("gatherd_target_up")) == count
        histograms = metrics.series("gatherd_target_latency_seconds_count")
        assert len(histograms) == (200 if count == 200 else 0)
    assert lint(metrics.text) == ""


def test_a_reload_takes_histograms_away_and_brings_them_back(gatherd, upstream, outputs):
    """Of targets, too, that did not change and are not asked."""
    few = config_of(upstream, {"a": "/ok", "b": "/ok"})
    few |= {"output": {"metrics": "gatherd.prom"}, "metrics": {"max_histograms": 2}}
    many = {**few, "services": {**few["services"], "c": upstream.url + "/ok"}}
    with Daemon(gatherd, few) as daemon:
        document = daemon.wait_document(complete)
        counts = []
        for config in (many, few, {**few, "metrics": {"max_histograms": 0}}, few):
            metrics = metrics_of(daemon, outputs, document)
            counts.append(metrics.by("target", "gatherd_target_latency_seconds_count"))
            number = document["generation"]
            assert daemon.reload(config)
            names = config["services"].keys()
            document = daemon.wait_document(
                lambda new: new["generation"] > number
                and complete(new)
                and new["services"].keys() == names
                and new["counts"]["ok"] == len(names)
            )
        metrics = metrics_of(daemon, outputs, document)
        counts.append(metrics.by("target", "gatherd_target_latency_seconds_count"))
    assert counts == [{"a": 1, "b": 1}, {}, {"a": 1, "b": 1}, {}, {"a": 1, "b": 1}]
    assert upstream.asked == {"/ok": 3}


# ---- modes ----


def test_what_was_not_asked_yet_is_pending_and_not_down(gatherd, upstream, outputs):
    config = config_of(upstream, {"bad": "/status/500", "slow": "/hang"}, mode="fail_fast")
    metrics = batch_metrics(gatherd, outputs, config)
    assert metrics.value("gatherd_target_status", target="slow", status="pending") == 1
    assert metrics.by("target", "gatherd_target_up") == {"bad": 0}
    assert metrics.by("outcome", "gatherd_round_outcome")["failed"] == 1
    assert sum(metrics.by("status", "gatherd_target_outcomes_total", target="slow").values()) == 0


def test_what_was_cancelled_is_counted_as_that(gatherd, upstream, outputs):
    config = config_of(upstream, {"bad": "/status/500", "slow": "/hang"}, mode="all_or_nothing")
    metrics = batch_metrics(gatherd, outputs, config)
    assert metrics.value("gatherd_target_status", target="slow", status="cancelled") == 1
    assert metrics.value("gatherd_target_outcomes_total", target="slow", status="cancelled") == 1
    assert metrics.by("target", "gatherd_target_consecutive_failures") == {"bad": 1, "slow": 0}
    assert metrics.by("outcome", "gatherd_round_outcome")["cancelled"] == 1


# ---- while it runs ----


def test_what_is_under_way_is_counted(gatherd, held, outputs):
    services = {name: f"/held/{name}" for name in "abcde"}
    config = config_of(held, services, max_concurrent=3, publish_after="50ms")
    config["output"] = {"metrics": "gatherd.prom"}
    with Daemon(gatherd, config) as daemon:
        held.wait_for(lambda upstream: upstream.now == 3)
        held.let_go("/held/a")
        document = daemon.wait_document(
            lambda new: new["outcome"] == "gathering" and new["counts"]["ok"] == 1
        )
        metrics = metrics_of(daemon, outputs, document)
        assert metrics.value("gatherd_in_flight_attempts") == 3
        assert metrics.value("gatherd_waiting_turns") == 1
        assert metrics.by("outcome", "gatherd_round_outcome")["gathering"] == 1
        assert metrics.value("gatherd_rounds_total") == 0
        held.let_go(*services.values())
        metrics = metrics_of(daemon, outputs, daemon.wait_document(complete))
        assert metrics.value("gatherd_in_flight_attempts") == 0
        assert metrics.value("gatherd_waiting_turns") == 0
        assert metrics.value("gatherd_rounds_total") == 1


def test_a_daemon_tells_of_itself(gatherd, upstream, outputs):
    config = config_of(upstream, {"a": "/ok"}, interval="100ms")
    config["output"] = {"metrics": "gatherd.prom"}
    with Daemon(gatherd, config) as daemon:
        metrics = wait_metrics(
            daemon,
            outputs.metrics,
            lambda metrics: metrics.value("gatherd_loop_delay_seconds_count") == 2,
        )
        total = metrics.value("gatherd_loop_delay_seconds_sum")
        lag = metrics.value("gatherd_loop_lag_seconds")
        assert 0 <= lag <= total and lag <= metrics.value("gatherd_loop_lag_max_seconds") <= total
        made = metrics.value("gatherd_document_generated_timestamp_seconds")
        begun = metrics.value("gatherd_process_start_time_seconds")
        assert 0 < made - begun < 60
        assert metrics.value("gatherd_process_cpu_seconds_total") > 0
        assert metrics.value("gatherd_process_resident_memory_bytes") > 1e6
        assert 3 < metrics.value("gatherd_process_open_fds") < 200
        assert metrics.value("gatherd_rounds_total") > 10
        # Nobody listens.
        assert "gatherd_listener_connections" not in metrics.families
        assert lint(metrics.text) == ""


def test_a_loop_that_stood_still_is_told(gatherd, upstream, outputs):
    config = config_of(upstream, {"a": "/ok"}, interval="100ms")
    config["output"] = {"metrics": "gatherd.prom"}

    def beats(count):
        return lambda metrics: (metrics.value("gatherd_loop_delay_seconds_count") or 0) >= count

    with Daemon(gatherd, config) as daemon:
        wait_metrics(daemon, outputs.metrics, beats(1))
        daemon.signal(signal.SIGSTOP)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)
        daemon.watch.wait(0)
        while daemon.watch.wait(2.5):  # nothing comes
            pass
        daemon.signal(signal.SIGCONT)
        metrics = wait_metrics(daemon, outputs.metrics, beats(2))
        assert metrics.value("gatherd_loop_delay_seconds_sum") > 1.4
        assert metrics.value("gatherd_missed_rounds_total") >= 10


def test_reloads_are_counted(gatherd, upstream, outputs):
    config = config_of(upstream, {"a": "/ok"})
    config["output"] = {"metrics": "gatherd.prom"}
    with Daemon(gatherd, config) as daemon:
        metrics = metrics_of(daemon, outputs, daemon.wait_document(complete))
        begun = metrics.value("gatherd_config_loaded_timestamp_seconds")
        assert not daemon.reload("no: config")
        metrics = metrics_of(daemon, outputs, gather_now(daemon))
        assert metrics.value("gatherd_config_last_reload_successful") == 0
        assert metrics.value("gatherd_config_failed_reloads_total") == 1
        assert metrics.value("gatherd_config_reloads_total") == 0
        assert metrics.value("gatherd_config_loaded_timestamp_seconds") == begun
        number = daemon.document["generation"]
        assert daemon.reload(config_of(upstream, {"b": "/ok"}) | {"output": config["output"]})
        document = daemon.wait_document(
            lambda new: new["generation"] > number and complete(new) and new["status"] == "ok"
        )
        metrics = metrics_of(daemon, outputs, document)
        assert metrics.value("gatherd_config_last_reload_successful") == 1
        assert metrics.value("gatherd_config_failed_reloads_total") == 1
        assert metrics.value("gatherd_config_reloads_total") == 1
        assert metrics.value("gatherd_config_loaded_timestamp_seconds") > begun


def test_another_interval_is_told_at_once(gatherd, upstream, outputs):
    """Nothing is asked for that."""
    config = config_of(upstream, {"a": "/ok"}) | {"output": {"metrics": "gatherd.prom"}}
    with Daemon(gatherd, config) as daemon:
        metrics = metrics_of(daemon, outputs, daemon.wait_document(complete))
        assert metrics.value("gatherd_target_interval_seconds") == 3600
        assert daemon.reload({**config, "interval": "2h"})
        wait_metrics(
            daemon,
            outputs.metrics,
            lambda metrics: metrics.value("gatherd_target_interval_seconds") == 7200,
        )
    assert upstream.asked == {"/ok": 1}


def test_counters_never_go_back(gatherd, upstream, outputs):
    """Not by rounds that fail, nor by reloads, for whatever targets stay."""
    upstream.answers["/now-and-then"] = lambda _, number: answer("{}", 500 if number % 3 else 200)
    stays = {
        "a": "/ok",
        "b": "/now-and-then",
        "c": {"url": "/status/503", "retries": 1, "retry_delay": "1ms"},
    }
    configs = [
        config_of(upstream, stays, interval=QUICK),
        config_of(upstream, {**stays, "d": "/ok"}, interval="15ms"),
        config_of(upstream, {**stays, "a": "/delay/0.001"}, interval=QUICK),
    ]
    for config in configs:
        config["output"] = {"metrics": "gatherd.prom", "sync": False}
    latest, seen = {}, 0

    def is_further(metrics):
        nonlocal latest, seen
        now = metrics.counters()
        for key, number in now.items():
            assert number >= latest.get(key, 0), key
        seen += now != latest
        latest = now  # who is gone begins anew
        return seen >= wanted

    with Daemon(gatherd, configs[0]) as daemon:
        for number in range(6):
            wanted = seen + 10
            wait_metrics(daemon, outputs.metrics, is_further)
            assert daemon.reload(configs[(number + 1) % 3])
    attempts = {
        dict(labels)["target"]: number
        for (name, labels), number in latest.items()
        if name == "gatherd_target_attempts_total"
    }
    assert attempts["c"] <= upstream.asked["/status/503"]
    assert attempts["b"] > 20 and attempts["c"] > 40


# ---- a former run ----


def test_what_a_former_run_published_is_told_again(gatherd, held, outputs):
    """Until it is asked: the gauges are those of the document, the counters begin anew."""
    held.answers["/held/a"] = answer('{"n": 4.5}')
    service = {"url": "/held/a", "extract": {"n": "/n"}}
    config = config_of(held, {"a": service, "b": "/ok"}, publish_after="50ms")
    config["output"] = {"metrics": "gatherd.prom"}
    with Daemon(gatherd, config) as daemon:
        before = metrics_of(daemon, outputs, daemon.wait_document(complete))
        assert daemon.stop()[0] == 0
    outputs.metrics.unlink()
    del held.answers["/held/a"]
    with Daemon(gatherd, config) as daemon:
        metrics = metrics_of(daemon, outputs, daemon.first_document())
        for name in (
            "gatherd_target_up",
            "gatherd_target_http_status",
            "gatherd_target_value",
            "gatherd_target_last_success_timestamp_seconds",
            "gatherd_target_since_timestamp_seconds",
            "gatherd_target_response_bytes",
        ):
            assert metrics.value(name, target="a") == before.value(name, target="a") is not None
        now, then = (
            it.by("phase", "gatherd_target_duration_seconds", target="a")
            for it in (metrics, before)
        )
        assert now.keys() == then.keys() and "first_byte" in now
        assert now == pytest.approx(then, abs=0.0001)
        assert metrics.value("gatherd_target_attempts_total", target="a") == 0
        assert metrics.value("gatherd_target_latency_seconds_count", target="a") == 0
        assert metrics.value("gatherd_target_attempts_total", target="b") == 1
        held.let_go("/held/a")
        metrics = metrics_of(daemon, outputs, daemon.wait_document(complete))
        assert metrics.value("gatherd_target_attempts_total", target="a") == 1
