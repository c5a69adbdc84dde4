"""The rules that are shipped: Prometheus takes them, each was seen firing and silent, and each says what to do."""

import re
from pathlib import Path

import pytest

from monitor.core.alerting.labels import alertname
from monitor.core.event_types import EventType
from tests.deploy.programs import said
from tests.deploy.shipped import ALERTS, PROMETHEUS, RECORDED, RULES, UNIT_TESTS, checks, families, tree

_NEVER_SILENT = {"Watchdog"}
_METRIC = re.compile(r"\b(?:workflow|process)_\w+|\b\w+:\w+:\w+")


def metrics() -> set[str]:
    """Names of all series that the monitor has, those of histograms with their endings."""
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}
    return {family.name + ending for family in families() for ending in endings.get(family.type, ("",))}


def series_in(expression: str) -> set[str]:
    """Names of the series that an expression asks for."""
    without_labels = re.sub(r"\{[^}]*\}", "", expression)
    without_grouping = re.sub(r"\b(by|on|without|ignoring)\s*\([^)]*\)", "", without_labels)
    return set(_METRIC.findall(without_grouping))


# --- in the real programs ---


async def test_prometheus_takes_the_rules() -> None:
    code, text = await said("promtool", "check", "rules", *map(str, RULES))
    assert code == 0, text


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
async def test_the_rules_fire_and_stay_silent_as_their_unit_tests_say(path: Path) -> None:
    code, text = await said("promtool", "test", "rules", path.name, cwd=path.parent)
    assert code == 0, text


async def test_prometheus_takes_its_example_of_a_configuration() -> None:
    code, text = await said("promtool", "check", "config", "prometheus.yml", cwd=PROMETHEUS)
    assert code == 0, text
    assert text.count("rules found") == len(RULES)


async def test_alertmanager_takes_its_example_of_a_configuration() -> None:
    code, text = await said("amtool", "check-config", "alertmanager.yml", cwd=PROMETHEUS)
    assert code == 0, text


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param({"alertname": "WorkflowMonitorDown", "severity": "critical"}, "oncall", id="the monitor is down"),
        pytest.param({"alertname": "WorkflowFailureRatioHigh", "severity": "warning"}, "chat", id="a trend"),
        pytest.param({"alertname": "WorkflowTerminated", "severity": "critical"}, "oncall", id="an event"),
        pytest.param({"alertname": "Watchdog", "severity": "none"}, "watchdog", id="the watchdog"),
        pytest.param(
            {"alertname": "Watchdog", "severity": "none", "monitor": "http://monitor:8808"},
            "watchdog-monitor",
            id="the monitor's own watchdog",
        ),
    ],
)
async def test_an_alert_is_routed_to(labels: dict[str, str], receiver: str) -> None:
    given = [f"{name}={value}" for name, value in labels.items()]
    code, text = await said(
        "amtool", "config", "routes", "test", "--config.file", "alertmanager.yml", *given, cwd=PROMETHEUS
    )
    assert code == 0, text
    assert receiver in text.splitlines()


# --- what is written ---


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_a_unit_test_evaluates_all_groups_what_is_recorded_first(path: Path) -> None:
    groups = {group["name"]: "record" in group["rules"][0] for rules in RULES for group in tree(rules)["groups"]}
    order = tree(path)["group_eval_order"]
    assert sorted(order) == sorted(groups)
    assert [groups[name] for name in order] == sorted(groups.values(), reverse=True)


def test_every_rule_has_a_unit_test_that_fires_and_one_that_is_silent() -> None:
    seen = checks()
    assert {check.alert for check in seen if check.fires} == set(ALERTS)
    assert {check.alert for check in seen if not check.fires} == set(ALERTS) - _NEVER_SILENT


@pytest.mark.parametrize("name", ALERTS)
def test_a_rule_says_what_it_is_about_how_bad_it_is_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"].endswith(f"RUNBOOK.md#{name.lower()}")


def test_nothing_that_pages_by_the_monitors_receivers_pages_by_a_rule_too() -> None:
    critical = {name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "critical"}
    assert all(name.startswith("WorkflowMonitor") for name in critical)
    assert "WorkflowMonitorBlind" not in critical
    assert ALERTS.keys().isdisjoint(alertname(type_) for type_ in EventType)


@pytest.mark.parametrize("name", [*ALERTS, *RECORDED])
def test_a_rule_asks_only_for_series_that_there_are(name: str) -> None:
    expression = ALERTS[name]["expr"] if name in ALERTS else RECORDED[name]
    asked = series_in(expression)
    assert asked <= metrics() | RECORDED.keys()
    assert asked or name in {"WorkflowMonitorDown", "WorkflowMonitorAbsent", "Watchdog"}
