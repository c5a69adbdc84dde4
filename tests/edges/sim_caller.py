"""Asks a simulated world in process, by the names of its instances."""

import json
from typing import Any

from monitor.sim.definitions import definition_id
from monitor.sim.responses import SimResponse
from monitor.sim.scenario import Scenario, watched
from monitor.sim.world import World

REMINDERS = f"/api/v1/accounts/acme/definitions/{definition_id('acme', 'order-reminder')}/workflows"


class Caller:
    """Asks a world, as acme unless told otherwise."""

    def __init__(self, scenario: Scenario, seed: int = 0) -> None:
        self.world = World(scenario, seed)
        self.named = {one.name: one for one in watched(scenario, seed)}

    def get(self, path: str, t: float = 0.0, key: str | None = "sim-key-acme", **query: str) -> SimResponse:
        return self.world.answer("GET", path, query, key, t)

    def path(self, name: str, rest: str = "") -> str:
        one = self.named[name]
        return f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}{rest}"

    def told(self, name: str, t: float, rest: str = "") -> Any:
        answer = self.get(self.path(name, rest), t, f"sim-key-{self.named[name].account}", includeLogs="true")
        return json.loads(answer.body) if answer.status == 200 else answer.status

    def status(self, name: str, t: float) -> Any:
        told = self.told(name, t)
        return told if isinstance(told, int) else told["status"]

    def patch(self, name: str, t: float, body: bytes) -> SimResponse:
        key = f"sim-key-{self.named[name].account}"
        return self.world.answer("PATCH", self.path(name), {}, key, t, body=body)

    def rows(self, t: float = 0.0, **query: str) -> list[Any]:
        answer = self.get(REMINDERS, t, **query)
        assert answer.status == 200, answer.body
        rows: list[Any] = json.loads(answer.body)
        return rows

    def ids(self, t: float = 0.0, **query: str) -> list[str]:
        return [row["workflowId"] for row in self.rows(t, **query)]
