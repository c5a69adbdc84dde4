"""The README stays true: what it must name is taken from the program."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from monitor.cli import _parser
from monitor.core.model import EventType
from monitor.telemetry import Telemetry, configure
from monitor.web import build

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def _metrics() -> set[str]:
    registry = CollectorRegistry()
    logs = configure("info", "json", io.StringIO(), now=lambda: datetime.now(UTC))
    Telemetry(registry, logs.log, external_url="http://localhost", deliveries=dict)
    logs.close()
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
        if family.type != "info"
    }


@pytest.mark.parametrize("metric", sorted(_metrics()))
def test_every_metric_is_in_the_readme(metric: str) -> None:
    assert f"`{metric}`" in README


def test_the_readme_names_no_metric_that_is_not_there() -> None:
    named = set(re.findall(r"`(workflow_[a-z_]+)`", README.split("## Metrics")[1].split("\n## ")[0]))
    assert named <= _metrics() | {"workflow_monitor_build_info"}
    assert len(named) > 20


@pytest.mark.parametrize("event", list(EventType))
def test_every_event_is_in_the_readme(event: EventType) -> None:
    assert f"`{event.value}`" in README


def test_every_command_is_in_the_readme() -> None:
    commands = re.findall(r"^    (\w+)", _parser().format_help(), re.MULTILINE)
    assert {"run", "check", "demo", "simulate", "status", "schema", "close", "deliveries", "drill"} <= set(commands)
    for command in commands:
        assert f"workflow-monitor {command}" in README


def test_every_path_is_in_the_readme() -> None:
    application = build(_Nobody(), CollectorRegistry(), external_url="http://localhost", admin_token=lambda: None)  # type: ignore[arg-type]  # asked for its routes only
    paths = {resource.canonical for resource in application.router.resources()}
    assert "/metrics" in paths
    for path in paths:
        assert re.search(rf"`(GET|POST) {re.escape(path)}[`?]", README), path


class _Nobody:
    """A view that nobody looks at."""
