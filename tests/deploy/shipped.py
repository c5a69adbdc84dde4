"""What is shipped in `deploy/`, read once, and the metrics that it speaks of."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client import CollectorRegistry, Metric

from monitor.telemetry import Telemetry, configure
from monitor.telemetry.collectors import LoopIdle, PendingDeliveries

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOK = DEPLOY / "RUNBOOK.md"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "workflow-monitor.json"


def tree(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def _all_rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in tree(path)["groups"] for rule in group["rules"]]


ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in _all_rules() if "alert" in rule}
"""Alerting rules by their name."""
RECORDED: dict[str, str] = {rule["record"]: rule["expr"] for rule in _all_rules() if "record" in rule}
"""Expressions of the recording rules by their name."""


class Check(NamedTuple):
    """One line of a unit test: what fires at a moment."""

    alert: str
    fires: bool


def checks() -> list[Check]:
    cases = [case for path in UNIT_TESTS for case in tree(path)["tests"]]
    return [Check(check["alertname"], bool(check["exp_alerts"])) for case in cases for check in case["alert_rule_test"]]


def families() -> list[Metric]:
    """Every metric of the monitor."""
    registry = CollectorRegistry()
    logs = configure("info", "json", io.StringIO(), now=lambda: datetime.now(UTC))
    Telemetry(registry, logs.log, external_url="http://localhost")
    registry.register(PendingDeliveries(dict))
    registry.register(LoopIdle(dict))
    logs.close()
    return list(registry.collect())
