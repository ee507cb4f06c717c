"""contrib/ for Prometheus and Grafana, checked by promtool, and against what gatherd writes."""

import json
import re

import pytest
import yaml

from conftest import TOP
from helpers_contrib import CONTRIB, dashboard_expressions, dashboard_panels
from helpers_tools import run_tool

ALERTS = "prometheus-alerts.yml"

# What a histogram or a summary adds to its name.
PARTS = r"_(bucket|count|sum)$"


def read_yaml(name):
    return yaml.safe_load((CONTRIB / name).read_text(encoding="utf-8"))


def rules():
    return [rule for group in read_yaml(ALERTS)["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def families():
    """The names of all metrics that gatherd's sources know."""
    found = set()
    for source in (TOP / "src" / "publish" / "metrics").glob("*.c"):
        found |= set(re.findall(r'"(gatherd_[a-z_]+)"', source.read_text(encoding="utf-8")))
    assert "gatherd_target_up" in found and "gatherd_build_info" in found
    return found


def unknown(expression, families):
    """The names in EXPRESSION that gatherd does not write."""
    names = set(re.findall(r"\bgatherd_[a-zA-Z_]+", expression))
    return {name for name in names if not {name, re.sub(PARTS, "", name)} & families}


def test_the_config_of_the_pictures_is_valid(gatherd):
    path = TOP / "doc" / "pictures" / "shop.yaml"
    checked = gatherd.run("--check", "-c", path, env={"STOCK_SECRET": "not-a-secret"})
    assert checked.status == 0, checked.stderr
    assert "warning" not in checked.stdout + checked.stderr


# ---- Prometheus ----


def test_the_config_of_prometheus_is_valid():
    said = run_tool("promtool", "check", "config", CONTRIB / "prometheus.yml")
    assert "1 rule files found" in said


def test_the_alerts_are_valid():
    said = run_tool("promtool", "check", "rules", "--lint-fatal", CONTRIB / ALERTS)
    assert f"{len(rules())} rules found" in said


def test_the_alerts_do_what_their_tests_say():
    run_tool("promtool", "test", "rules", CONTRIB / "prometheus-alerts-test.yml")


def test_each_alert_is_tested_for_coming():
    tested = set()
    for test in read_yaml("prometheus-alerts-test.yml")["tests"]:
        for case in test["alert_rule_test"]:
            if case.get("exp_alerts"):
                tested.add(case["alertname"])
    assert tested == {rule["alert"] for rule in rules()}


def test_each_alert_says_what_is_wrong_and_how_bad_it_is():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert set(rule["annotations"]) == {"summary", "description"}, rule


def test_the_alerts_name_only_metrics_that_there_are(families):
    for rule in rules():
        assert not unknown(rule["expr"], families), rule["alert"]


# ---- Grafana ----


@pytest.fixture(scope="module")
def dashboard():
    return json.loads((CONTRIB / "grafana-dashboard.json").read_text(encoding="utf-8"))


def test_each_expression_of_the_dashboard_parses(dashboard, tmp_path):
    expressions = dashboard_expressions(dashboard)
    assert len(expressions) > 40
    # As rules, which promtool reads.
    listed = [
        {"record": f"dashboard:expression_{number}", "expr": expression}
        for number, (_, expression) in enumerate(expressions)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": listed}]}))
    assert f"{len(listed)} rules found" in run_tool("promtool", "check", "rules", path)


def test_the_dashboard_names_only_metrics_that_there_are(dashboard, families):
    for title, expression in dashboard_expressions(dashboard):
        assert not unknown(expression, families), title


def test_the_dashboard_asks_the_source_that_was_chosen(dashboard):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in dashboard_panels(dashboard):
        if panel["type"] != "row":
            assert panel["datasource"] == chosen, panel["title"]
        for query in panel.get("targets", []):
            assert query["datasource"] == chosen, panel["title"]
    for variable in dashboard["templating"]["list"]:
        assert variable.get("datasource", chosen) == chosen, variable["name"]


def test_the_dashboard_uses_the_variables_that_it_has(dashboard):
    has = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert has == {"datasource", "instance", "kind", "group", "target"}
    used = set(re.findall(r"\$\{?([a-z_]+)", json.dumps(dashboard)))
    used = {name for name in used if not name.startswith("__")}
    assert used == has


def test_the_panels_of_the_dashboard_stand_side_by_side(dashboard):
    panels = dashboard_panels(dashboard)
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = {}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{panel['title']} lies over {other}"


def test_each_panel_says_what_it_shows(dashboard):
    for panel in dashboard_panels(dashboard):
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["targets"], panel["title"]


def test_the_queries_of_a_panel_have_names_of_their_own(dashboard):
    for panel in dashboard_panels(dashboard):
        names = [query["refId"] for query in panel.get("targets", [])]
        assert len(set(names)) == len(names), panel["title"]
