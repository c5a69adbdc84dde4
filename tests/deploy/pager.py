"""What is behind Alertmanager in a test, and the shipped configuration in the quicker time of a test.

A day of the rules is made short: every duration in them (`for`, the ranges) is divided by `_FASTER`, but for a floor
that a scrape every half second can fill. Thresholds, labels, annotations and expressions stay as they are shipped.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.deploy.shipped import PROMETHEUS, RULES, tree

_FASTER = 120.0
_LEAST_RANGE, _LEAST_FOR = 4.0, 1.0
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _quicker(duration: str, least: float) -> str:
    seconds = int(duration[:-1]) * _SECONDS[duration[-1]]
    return f"{max(seconds / _FASTER, least) * 1000:.0f}ms"


def quick_rules(folder: Path) -> list[str]:
    """Copies of the rules in which time runs faster; their paths."""
    for path in RULES:
        rules = tree(path)
        for rule in [rule for group in rules["groups"] for rule in group["rules"]]:
            rule["expr"] = re.sub(
                r"\[(\d+[smhd])\]", lambda found: f"[{_quicker(found[1], _LEAST_RANGE)}]", rule["expr"]
            )
            if "for" in rule:
                rule["for"] = _quicker(rule["for"], _LEAST_FOR)
        (folder / path.name).write_text(yaml.safe_dump(rules))
    return [str(folder / path.name) for path in RULES]


def quick_prometheus(folder: Path, monitor: int, alertmanager: str) -> Path:
    """The shipped configuration; the monitor is at that port, Alertmanager at that address."""
    config = tree(PROMETHEUS / "prometheus.yml")
    config["global"] |= {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = quick_rules(folder)
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{monitor}"]}]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    return folder / "prometheus.yml"


def quick_alertmanager(folder: Path, webhook: str) -> Path:
    """The shipped routes; whoever they lead to is reached at `webhook/NAME`, at once."""
    config = tree(PROMETHEUS / "alertmanager.yml")
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": "1s"}
    config["receivers"] = [
        {"name": one["name"], "webhook_configs": [{"url": f"{webhook}/{one['name']}"}]} for one in config["receivers"]
    ]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    return folder / "alertmanager.yml"


class Pager:
    """Everybody whom Alertmanager tells."""

    def __init__(self) -> None:
        self.address = ""
        self._told: list[tuple[str, dict[str, Any]]] = []

    async def hear(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self._told.extend((name, alert) for alert in (await request.json())["alerts"])
        return web.Response()

    def told(self, receiver: str, alertname: str, status: str = "firing") -> list[dict[str, Any]]:
        """What a receiver was told of these alerts."""
        return [
            alert
            for name, alert in self._told
            if name == receiver and alert["labels"]["alertname"] == alertname and alert["status"] == status
        ]


@contextlib.asynccontextmanager
async def pager() -> AsyncIterator[Pager]:
    here = Pager()
    application = web.Application()
    application.router.add_post("/{name}", here.hear)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        here.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield here
    finally:
        await runner.cleanup()
