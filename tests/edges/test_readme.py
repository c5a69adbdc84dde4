"""The README stays true: what it must name is taken from the program."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from monitor.cli import _parser
from monitor.core.model import EventType
from monitor.settings import Alerts, Heartbeat, ReceiverType, load_settings
from monitor.telemetry import Telemetry, configure
from monitor.web import build

_ROOT = Path(__file__).parents[2]
README = (_ROOT / "README.md").read_text("utf-8")
_SNIPPETS = re.findall(r"```yaml\n# monitor\.yaml\n(.*?)```", README, re.DOTALL)


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
    named = set(re.findall(r"`((?:workflow|process)_[a-z_]+)`", README.split("## Metrics")[1].split("\n## ")[0]))
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


@pytest.mark.parametrize("key", list(Alerts.model_fields))
def test_every_key_of_alerts_is_in_the_readme_with_its_default(key: str) -> None:
    assert f"| `alerts.{key}` | {Alerts.model_fields[key].default} |" in README


@pytest.mark.parametrize("key", list(Heartbeat.model_fields))
def test_every_key_of_the_heartbeat_is_in_the_readme(key: str) -> None:
    assert f"`heartbeat.{key}" in README


@pytest.mark.parametrize("snippet", _SNIPPETS)
def test_the_settings_in_the_readme_load(snippet: str, tmp_path: Path) -> None:
    for name in re.findall(r"/run/secrets/(\w+)", snippet):
        (tmp_path / name).write_text("json://localhost\n" if name == "apprise" else "secret\n")
    (tmp_path / "watchlist.yaml").write_text("targets: []\n")
    whole = snippet if "accounts:" in snippet else f"{snippet}accounts: [{{id: acme}}]\n"
    settings = tmp_path / "monitor.yaml"
    settings.write_text(whole.replace("/run/secrets", str(tmp_path)))
    assert load_settings(settings, {"MONITOR_API_KEY": "key"}).receivers


def test_every_type_of_receiver_has_a_snippet() -> None:
    assert set(re.findall(r"    type: (\w+)", "".join(_SNIPPETS))) == set(ReceiverType)


def test_every_alert_of_the_rules_is_in_the_readme() -> None:
    rules = "".join(path.read_text("utf-8") for path in (_ROOT / "deploy/prometheus/rules").glob("*.yml"))
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts
    assert [alert for alert in alerts if f"`{alert}`" not in README] == []


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert [link for link in links if not (_ROOT / link).exists()] == []


class _Nobody:
    """A view that nobody looks at."""
