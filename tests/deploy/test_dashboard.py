"""The dashboard shows something: each of its queries has an answer of a real Prometheus that scrapes a running demo."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.crash.running import eventually, process
from tests.deploy.programs import Prometheus, free_port, prometheus
from tests.deploy.shipped import DASHBOARD, DEPLOY, RECORDED, RULES, tree
from tests.deploy.test_rules import metrics, series_in

_DASHBOARD = json.loads(DASHBOARD.read_text("utf-8"))
_VARIABLES = {variable["name"]: variable for variable in _DASHBOARD["templating"]["list"]}
_SOON = 60.0
"""Seconds within which a demo has shown a bit of everything, on a busy machine."""


def queries() -> Iterator[tuple[str, str]]:
    """Title of the panel, and what it asks, with everything chosen."""
    for panel in _DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$__rate_interval", "10s")
            for name in _VARIABLES:
                text = text.replace(f"${name}", ".*")
            assert "$" not in text, text
            yield panel["title"], text


async def _empty(server: Prometheus) -> list[str]:
    """The queries that have no answer yet: no sample, or none that is a number."""
    asked = [(title, text, await server.query(text)) for title, text in queries()]
    return [
        f"{title}: {text}" for title, text, samples in asked if all(sample["value"][1] == "NaN" for sample in samples)
    ]


async def _choices(server: Prometheus, variable: str) -> list[str]:
    """What one may choose from."""
    asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable)
    assert asked is not None
    match = asked[1].replace("$account", ".*")
    values: list[str] = await server.get(f"label/{asked[2]}/values", **{"match[]": match})
    return values


async def test_every_query_of_the_dashboard_has_an_answer_about_a_running_demo(tmp_path: Path) -> None:
    port = free_port()
    config: dict[str, Any] = tree(DEPLOY / "prometheus" / "prometheus.yml")
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(path) for path in RULES]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    del config["alerting"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    async with process("demo", "--port", str(port)) as demo, prometheus(tmp_path / "prometheus.yml") as server:
        left: list[str] = ["all"]

        async def answered() -> bool:
            assert demo.lives, demo.stderr
            left[:] = await _empty(server)
            return not left

        try:
            await eventually(answered, "an answer to every query", _SOON)
        except AssertionError:
            raise AssertionError("without an answer:\n" + "\n".join(left)) from None
        for name in ("account", "definition", "receiver"):
            assert await _choices(server, _VARIABLES[name]["definition"]), name


def test_the_dashboard_has_a_row_for_each_thing_and_says_what_each_panel_shows() -> None:
    rows = [panel["title"] for panel in _DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Per definition", "Per account: the lane", "Delivery", "The daemon itself"]
    assert len(list(queries())) > 40
    assert {panel["datasource"]["uid"] for panel in _DASHBOARD["panels"] if "datasource" in panel} == {"${datasource}"}
    assert _VARIABLES["datasource"]["type"] == "datasource"


def test_no_panel_lies_upon_another() -> None:
    places = [panel["gridPos"] for panel in _DASHBOARD["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in _DASHBOARD["panels"]}) == len(places)


def test_every_metric_of_the_monitor_is_somewhere_on_the_dashboard() -> None:
    recorded = {name: series_in(expression) for name, expression in RECORDED.items()}
    shown: set[str] = set()
    for _, text in queries():
        for name in series_in(text):
            shown |= {name} | recorded.get(name, set())
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics() if name.startswith("workflow_")}
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert ours - named <= {"workflow_transitions_total"}


def test_grafana_finds_the_datasource_and_the_dashboard() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = tree(provisioning / "datasources" / "prometheus.yml")["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = tree(provisioning / "dashboards" / "workflow-monitor.yml")["providers"]
    assert provider["options"]["path"]
