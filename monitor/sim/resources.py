"""The documented resources of one account: path, query and time in, JSON values out. Refusals are raised."""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TypeVar

import msgspec

from monitor.sim import json_bodies
from monitor.sim.api_enums import Status, Verb
from monitor.sim.definitions import CATALOGUE, Definition, definition_id
from monitor.sim.json_bodies import Json, JsonRenderer
from monitor.sim.playback import InstanceState, read
from monitor.sim.population import Instance
from monitor.sim.responses import invalid, not_allowed, not_found
from monitor.sim.scenario import Offset, Scenario, number_of, workflow_id
from monitor.sim.script import Command
from monitor.sim.timestamps import TICKS, parse

T = TypeVar("T")
Query = Mapping[str, str]
Overlay = dict[str, tuple[Command, ...]]
"""Workflow id -> the commands that PATCH gave it, by world time."""

_WORKFLOW = re.compile(r"[0-9a-f]{24}")
_MOST, _USUAL = 500, 100


class Body(msgspec.Struct):
    """Of a PATCH."""

    status: Verb


class Resources:
    def __init__(self, scenario: Scenario, seed: int, account: str, overlay: Overlay, teller: JsonRenderer) -> None:
        self._scenario = scenario
        self._seed = seed
        self._account = account
        self._overlay = overlay
        self._teller = teller
        self._definitions: dict[str, Definition] = {
            definition_id(account, name): CATALOGUE[name] for name in _names(scenario, account)
        }

    def get(  # noqa: PLR0911 - one return per documented resource
        self, parts: list[str], query: Query, t: float
    ) -> Json | list[Json] | None:
        """The value at what follows the account in the path; None where there is no such resource."""
        match parts:
            case ["definitions", definition, "workflows", workflow]:
                instance, reading = self._find(definition, workflow, t)
                return self._teller.instance(instance, reading, t, logs=query.get("includeLogs") == "true")
            case ["definitions", definition, "workflows", workflow, "errors"]:
                return self._teller.errors(*self._find(definition, workflow, t))
            case ["definitions", definition, "workflows"]:
                return self._list(self._definition(definition), query, t)
            case ["definitions"]:
                latest = [(one, one.latest) for one in self._definitions.values()]
                return self._told(self._page(latest, query))
            case ["definitions", definition]:
                found = self._definition(definition)
                return self._told(self._page(((found, version) for version in range(found.latest, 0, -1)), query))
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

    def _definition(self, id: str) -> Definition:
        if not _is_uuid(id):
            raise invalid("Invalid definition id.")
        definition = self._definitions.get(id)
        if definition is None:
            raise not_found("Definition", id)
        return definition

    def _find(self, definition: str, workflow: str, t: float) -> tuple[Instance, InstanceState]:
        found = self._definition(definition)
        if _WORKFLOW.fullmatch(workflow) is None:
            raise invalid("Invalid workflow id.")
        instance = self._instance(workflow)
        if instance is None or (instance.account, instance.definition) != (self._account, found):
            raise not_found("Workflow", workflow)
        reading = self._read(instance, workflow, t)
        if reading is None:
            raise not_found("Workflow", workflow)
        return instance, reading

    def _instance(self, workflow: str) -> Instance | None:
        number = number_of(self._seed, workflow)
        if number is None:
            return None
        crowd = self._scenario.crowd
        return self._scenario.cast.instance(number) or (crowd.instance(number) if crowd else None)

    def _read(self, instance: Instance, workflow: str, t: float) -> InstanceState | None:
        """None: not started, or 404 for now."""
        since = t - instance.starts
        for gap in instance.script.gaps:
            if gap.begin <= since < gap.end:
                return None
        return read(instance.script, instance.starts, self._overlay.get(workflow, ()), t)

    def _list(self, definition: Definition, query: Query, t: float) -> list[Json]:
        """Newest first, without logs; the latest version only, unless one is asked for."""
        version = _whole(query, "version", definition.latest, 1)
        status = query.get("status")
        if status is not None and status not in set(Status):
            raise invalid("Invalid status.")
        started = _bounds(query)
        rows = (
            row
            for instance in self._newest_first(definition, t)
            if instance.version == version and (row := self._row(instance, t)) is not None
        )
        return self._page((row for row in rows if status in (None, row["status"]) and _within(row, started)), query)

    def _row(self, instance: Instance, t: float) -> Json | None:
        reading = self._read(instance, workflow_id(self._seed, instance), t)
        return None if reading is None else self._teller.instance(instance, reading, t, logs=False)

    def _newest_first(self, definition: Definition, t: float) -> Iterator[Instance]:
        roles = self._scenario.cast.newest_first(self._account, definition.name, t)
        crowd = self._scenario.crowd
        # A crowd is older than any role: nothing has to be merged.
        return chain(roles, crowd.newest_first(self._account, definition.name, t)) if crowd else roles

    def _page(self, items: Iterable[T], query: Query) -> list[T]:
        limit = _whole(query, "limit", _USUAL, 1, _MOST)
        offset = _whole(query, "offset", 0, 0)
        skipped = offset * limit if self._scenario.offset is Offset.PAGE else offset
        return list(islice(items, skipped, skipped + limit))

    def _told(self, versions: Iterable[tuple[Definition, int]]) -> list[Json]:
        return [json_bodies.definition(self._account, definition, version) for definition, version in versions]

    def _executed(self, t: float) -> tuple[int, int, int]:
        """Count, year, month. One workflow a second is a plausible customer."""
        moment = datetime.fromtimestamp(self._teller.ticks_at(t) / TICKS, UTC)
        return 1200 + max(0, int(t)), moment.year, moment.month


def _names(scenario: Scenario, account: str) -> list[str]:
    """Of the definitions that the account's instances are made of."""
    names = {role.definition for role in scenario.cast.roles if role.account == account}
    if scenario.crowd is not None and account in scenario.crowd.accounts:
        names.add(scenario.crowd.definition)
    return sorted(names)


def _is_uuid(id: str) -> bool:
    try:
        uuid.UUID(id)
    except ValueError:
        return False
    return True


def _whole(query: Query, name: str, default: int, least: int, most: int | None = None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text) < least or (most is not None and int(text) > most):
        raise invalid(f"Invalid {name}.")
    return int(text)


def _bounds(query: Query) -> tuple[int | None, int | None]:
    """Ticks of `startTimeFrom` and `startTimeTo`."""
    bounds = []
    for name in ("startTimeFrom", "startTimeTo"):
        text = query.get(name)
        bound = None if text is None else parse(text)
        if text is not None and bound is None:
            raise invalid(f"Invalid {name}.")
        bounds.append(bound)
    return bounds[0], bounds[1]


def _within(row: Json, started: tuple[int | None, int | None]) -> bool:
    """By what the API itself says of the start; both bounds belong to the range."""
    if started == (None, None):
        return True
    at = parse(row["startedAt"])
    earliest, latest = started
    return at is not None and (earliest is None or at >= earliest) and (latest is None or at <= latest)
