"""A real Prometheus scrapes a real gatherd, as contrib/prometheus.yml has it, and answers
what the dashboard and the alerts ask."""

import contextlib
import json
import time
import urllib.parse

import pytest

from conftest import PATIENCE, Gatherd
from helpers_contrib import CONTRIB, adapted, dashboard_expressions
from helpers_daemon import Daemon
from helpers_prompts import KEY, provider
from helpers_tools import Tool, free_port
from models import Models
from upstream import Upstream, sends


class Prometheus(Tool):
    """Prometheus as in contrib/prometheus.yml, which scrapes the gatherd at ADDRESS."""

    def __init__(self, folder, address):
        super().__init__("prometheus", folder)
        config = adapted(
            "prometheus.yml",
            ("127.0.0.1:8787", address),
            ("scrape_interval: 30s", "scrape_interval: 500ms"),
            ("evaluation_interval: 30s", "evaluation_interval: 500ms"),
            ("[prometheus-alerts.yml]", f"[{CONTRIB / 'prometheus-alerts.yml'}]"),
        )
        (folder / "prometheus.yml").write_text(config)

    def command(self):
        return [
            *[self.program, f"--config.file={self.folder}/prometheus.yml"],
            *[f"--storage.tsdb.path={self.folder}/data", "--log.level=warn"],
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def wait_until_ready(self):
        """It listens before it has read what it stored."""
        end = time.monotonic() + PATIENCE
        while self.get("/-/ready").status != 200:
            assert time.monotonic() < end, self.log
            time.sleep(0.05)

    def ask(self, what, **query):
        """What the API (version 1) answers to WHAT."""
        answer = self.get(f"/api/v1/{what}?{urllib.parse.urlencode(query)}")
        told = json.loads(answer.body)
        assert told["status"] == "success", f"{query}: {told}"
        return told["data"]

    def query(self, expression):
        """The (labels, number) of each series."""
        found = self.ask("query", query=expression)["result"]
        return [(series["metric"], float(series["value"][1])) for series in found]

    def wait(self, expression):
        """The answer, once there is one. It tells nobody when it has scraped."""
        end = time.monotonic() + PATIENCE
        while not (found := self.query(expression)):
            assert time.monotonic() < end, f"no {expression}\n{self.log}"
            time.sleep(0.1)
        return found


HARD_NAME = 'a "hard" \\ näme'

# What has nothing to show here: no certificates, no reload.
EMPTY = {"Certificates that end first", "Reloads"}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A Prometheus that has scraped a gatherd some times."""
    gatherd = Gatherd(tmp_path_factory.mktemp("gatherd"))
    listen = f"127.0.0.1:{free_port()}"
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Upstream())
        models = stack.enter_context(Models())
        config = {
            "interval": "500ms",
            "listen": listen,
            "services": {
                "good": {
                    "url": upstream.url + sends('{"queue": 12.5}'),
                    "group": "shop",
                    "labels": {"team": "web", "job": "clash"},
                    "extract": {"queue": "/queue"},
                },
                HARD_NAME: upstream.url + "/ok",
                "degraded": {
                    "url": upstream.url + sends('{"queue": 12.5}'),
                    "warn": {"json": {"/queue": {"maximum": 1}}},
                },
                "failing": upstream.url + "/status/503",
                "optional": {"url": upstream.url + "/status/500", "required": False},
            },
            "providers": {
                "model": {
                    **provider("openai", models),
                    "price": {"input": 1000, "output": 2000},
                    "budget": {"cost": 1000000, "per": "1d"},
                }
            },
            "prompts": {
                "summary": {
                    "provider": "model",
                    "prompt": "How is it?",
                    "budget": {"tokens": 1000000, "per": "1d"},
                }
            },
        }
        daemon = stack.enter_context(Daemon(gatherd, config, env={"MODEL_KEY": KEY}))
        daemon.first_document()
        folder = tmp_path_factory.mktemp("prometheus")
        prometheus = stack.enter_context(Prometheus(folder, listen))
        prometheus.wait_until_ready()
        prometheus.wait('count_over_time(gatherd_target_up{target="good"}[1m]) > 4')
        yield prometheus


def test_it_scrapes_without_a_fault(scraped):
    (target,) = scraped.ask("targets", state="active")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert "warn" not in scraped.log, scraped.log


def test_it_answers_a_query_about_a_target(scraped):
    ((labels, up),) = scraped.query('gatherd_target_up{target="good"}')
    assert up == 1
    assert labels.pop("instance").startswith("127.0.0.1:")
    assert labels == {
        "__name__": "gatherd_target_up",
        "job": "gatherd",
        "exported_job": "clash",
        "target": "good",
        "kind": "service",
        "group": "shop",
        "team": "web",
    }
    assert scraped.query('gatherd_target_value{target="good"}')[0][1] == 12.5
    assert scraped.query('gatherd_target_http_status{target="failing"}')[0][1] == 503
    assert scraped.query('gatherd_target_consecutive_failures{target="failing"}')[0][1] > 3


def test_each_target_has_one_status(scraped):
    found = scraped.query("gatherd_target_status == 1")
    assert {labels["target"]: labels["status"] for labels, _ in found} == {
        "good": "ok",
        HARD_NAME: "ok",
        "degraded": "degraded",
        "failing": "http_error",
        "optional": "http_error",
        "summary": "ok",
    }
    assert len(found) == 6
    assert not scraped.query("sum by (target) (gatherd_target_status) != 1")


def test_a_prompt_is_counted(scraped):
    tokens = 'gatherd_prompt_tokens_total{target="summary"}'
    found = {labels["type"]: number for labels, number in scraped.query(tokens)}
    # 7 and 3 an answer.
    assert found["input"] > 7
    assert found["input"] / 7 == found["output"] / 3
    ((_, cost),) = scraped.query("gatherd_prompt_cost_total")
    assert cost == pytest.approx(found["input"] * 0.001 + found["output"] * 0.002)


def test_what_the_dashboard_asks_is_answered(scraped):
    dashboard = json.loads((CONTRIB / "grafana-dashboard.json").read_text(encoding="utf-8"))
    empty = {
        title
        for title, expression in dashboard_expressions(dashboard)
        if not scraped.query(expression)
    }
    # One column of the table is about certificates, too.
    assert empty - {"Targets"} == EMPTY


def test_the_alerts_are_on_their_way(scraped):
    groups = scraped.ask("rules", type="alert")["groups"]
    assert len(groups) == 3
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["health"] == "ok", rule
    pending = scraped.wait('ALERTS{alertname="GatherdTargetDown"}')
    assert [labels["target"] for labels, _ in pending] == ["failing"]
    assert pending[0][0]["alertstate"] == "pending"
    pending = scraped.wait('ALERTS{alertname="GatherdOptionalTargetDown"}')
    assert [labels["target"] for labels, _ in pending] == ["optional"]
    pending = scraped.wait('ALERTS{alertname="GatherdTargetDegraded"}')
    assert [labels["target"] for labels, _ in pending] == ["degraded"]
    others = scraped.query('ALERTS{alertname!~"Gatherd(Optional)?TargetD.*"}')
    assert {labels["alertname"] for labels, _ in others} <= {"GatherdTargetUnreliable"}
