"""The documented resources of one account: from path, query and time to JSON values. Refusals are raised."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from monitor.sim import json_bodies
from monitor.sim.api_clock import ApiClock
from monitor.sim.api_enums import Endpoint, Verb
from monitor.sim.definitions import Publication, definition_id
from monitor.sim.faults import Fault
from monitor.sim.instances import Instances, Overlay
from monitor.sim.json_bodies import Json, JsonRenderer
from monitor.sim.listing import Listing, Query, paged
from monitor.sim.playback import InstanceState
from monitor.sim.population import Instance
from monitor.sim.publications import published
from monitor.sim.responses import invalid, not_allowed, not_found
from monitor.sim.scenario import Scenario
from monitor.sim.script import Command
from monitor.sim.timestamps import TICKS

_WORKFLOW = re.compile(r"[0-9a-f]{24}")


class Body(msgspec.Struct):
    """Of a PATCH."""

    status: Verb


class Resources:
    def __init__(self, scenario: Scenario, seed: int, account: str, overlay: Overlay, clock: ApiClock) -> None:
        self._scenario = scenario
        self._account = account
        self._overlay = overlay
        self._clock = clock
        self._teller = JsonRenderer(scenario, seed, account, clock)
        self.instances = Instances(scenario, seed, account, overlay)
        self._listing = Listing(scenario, seed, clock, self.instances)
        self._published: Mapping[str, Publication] = {
            definition_id(account, one.definition.name): one for one in published(scenario, account)
        }

    def get(  # noqa: PLR0911 - one return per documented resource
        self, parts: list[str], query: Query, t: float, troubles: Sequence[Fault] = ()
    ) -> Any:
        """The value at the path after the account; None if there is no such resource.

        `troubles`: the active faults of rows.
        """
        match parts:
            case ["definitions", definition, "workflows", workflow]:
                instance, reading = self._find(definition, workflow, t)
                return self._teller.instance(instance, reading, t, logs=query.get("includeLogs") == "true")
            case ["definitions", definition, "workflows", workflow, "errors"]:
                return self._teller.errors(*self._find(definition, workflow, t))
            case ["definitions", definition, "workflows"]:
                found = self._definition(definition, t)
                page = self._listing.page(found.definition.name, found.latest(t), query, t, troubles)
                return [self._teller.row(row) for row in page]
            case ["definitions"]:
                active = [(one, latest) for one in self._published.values() if (latest := one.latest(t))]
                return self._told(active, query)
            case ["definitions", definition]:
                return self._told(self._history(definition, t), query)
            case ["usage"]:
                return json_bodies.usage(self._account, *self._executed(t))
            case ["usage", "history"]:
                return json_bodies.usage_history(self._account, *self._executed(t))
        return None

    def patch(self, parts: list[str], body: bytes | None, t: float) -> None:
        """Suspends, resumes or terminates an instance from t on."""
        match parts:
            case ["definitions", definition, "workflows", workflow]:
                _, reading = self._find(definition, workflow, t)
            case _:
                raise not_allowed("GET")
        try:
            verb = msgspec.json.decode(body or b"", type=Body).status
        except msgspec.MsgspecError:
            raise invalid("Invalid status. Supported commands are suspend, resume and terminate.") from None
        if reading.ended_at is not None:
            raise invalid("Workflow has ended.")
        given = (*self._overlay.get(workflow, ()), Command(t, verb))
        self._overlay[workflow] = tuple(sorted(given, key=lambda command: command.at))

    def _history(self, id: str, t: float) -> list[tuple[Publication, int]]:
        """Its versions; an unknown definition has none, which is no error."""
        if not _is_uuid(id):
            raise invalid("Invalid definition id.")
        found = self._published.get(id)
        return [] if found is None else [(found, version) for version in range(found.latest(t), 0, -1)]

    def _definition(self, id: str, t: float) -> Publication:
        if not _is_uuid(id):
            raise invalid("Invalid definition id.")
        found = self._published.get(id)
        if found is None or not found.latest(t):
            raise not_found("Definition", id)
        return found

    def _find(self, definition: str, workflow: str, t: float) -> tuple[Instance, InstanceState]:
        found = self._definition(definition, t)
        if _WORKFLOW.fullmatch(workflow) is None:
            raise invalid("Invalid workflow id.")
        instance = self.instances.find(workflow)
        if instance is None or instance.definition.name != found.definition.name:
            raise not_found("Workflow", workflow)
        reading = self.instances.read(instance, workflow, t)
        if reading is None:
            raise not_found("Workflow", workflow)
        return instance, reading

    def _told(self, versions: Sequence[tuple[Publication, int]], query: Query) -> list[Json]:
        page = paged(versions, query, self._scenario.lists.offset)
        return [self._teller.definition(publication, version) for publication, version in page]

    def _executed(self, t: float) -> tuple[int, int, int]:
        """Count, year, month. Without traffic, one workflow a second is plausible."""
        moment = datetime.fromtimestamp(self._clock.ticks(t) / TICKS, UTC)
        traffic = self.instances.traffic
        started = int(t) if traffic is None else traffic.started(t) - traffic.started(0.0)
        return 1200 + max(0, started), moment.year, moment.month


def endpoint(parts: list[str]) -> Endpoint | None:
    """The kind of request, from the path after the account."""
    match parts:
        case ["definitions", _, "workflows", _]:
            return Endpoint.STATUS
        case ["definitions", _, "workflows", _, "errors"]:
            return Endpoint.ERRORS
        case ["definitions", _, "workflows"]:
            return Endpoint.LIST
        case ["definitions", *_]:
            return Endpoint.DEFINITIONS
        case ["usage", *_]:
            return Endpoint.USAGE
    return None


def _is_uuid(id: str) -> bool:
    try:
        uuid.UUID(id)
    except ValueError:
        return False
    return True
