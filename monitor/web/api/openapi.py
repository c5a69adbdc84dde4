"""The OpenAPI 3.1 document of `/api/v1`: made from the types of the answers, so that it says what they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from monitor import __version__
from monitor.core.event_types import EventType
from monitor.core.model import Status
from monitor.core.text.cloudevent import Envelope
from monitor.store import DeliveryStatus
from monitor.web.api import query
from monitor.web.api.alert_schemas import AlertShape, DeliveryShape
from monitor.web.api.definitions import BudgetShape, DefinitionShape
from monitor.web.api.explain import ExplanationShape
from monitor.web.api.responses import json_response
from monitor.web.api.target_schemas import TargetDetails, TargetShape

PATH: Final = "/api/v1/openapi.json"
Json = dict[str, Any]


class TargetsPage(msgspec.Struct):
    """`next` is passed as `after` to get the next page; null on the last one."""

    targets: list[TargetShape]
    next: str | None


class TargetWithEvents(TargetDetails, kw_only=True):
    events: list[Envelope]  # type: ignore[assignment]


class EventsPage(msgspec.Struct):
    """`next` is always present: passed as `after`, it goes on behind these events."""

    events: list[Envelope]
    next: int


class DefinitionsPage(msgspec.Struct):
    budgets: list[BudgetShape]
    definitions: list[DefinitionShape]
    next: str | None


class AlertsOpen(msgspec.Struct):
    alerts: list[AlertShape]


class DeliveriesPage(msgspec.Struct):
    deliveries: list[DeliveryShape]
    next: int | None


class Closed(msgspec.Struct):
    closed: str
    alerts: int


class Retried(msgspec.Struct):
    retried: int


class ErrorShape(msgspec.Struct):
    error: str


class Parameter(NamedTuple):
    """Of the query."""

    name: str
    schema: Mapping[str, Any]
    description: str


class Operation(NamedTuple):
    path: str
    """With its parts in braces, as in the document."""
    answer: type[msgspec.Struct] | None
    """None: the document itself."""
    summary: str
    parameters: Sequence[Parameter] = ()
    missing: str = ""
    """What a 404 means; empty: there is none."""
    changes: bool = False
    """A POST with the admin token."""


_TEXT: Final[Json] = {"type": "string"}
_LIMIT: Final = Parameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": query.MOST, "default": query.USUAL_LIMIT}, "rows of a page"
)
_ACCOUNT: Final = Parameter("account", _TEXT, "the account's id")
_SEQUENCE: Final = Parameter(
    "after", {"type": "integer", "minimum": 0, "maximum": query.LAST_SEQ}, "the `next` of the page before"
)
_CURSOR: Final = Parameter("after", _TEXT, "the `next` of the page before, as it is")
_RECEIVER: Final = Parameter("receiver", _TEXT, "the receiver's name")

OPERATIONS: Final = (
    Operation(
        "/api/v1/targets",
        TargetsPage,
        "Watched targets, in the order of their keys",
        (
            Parameter("status", {"enum": [one.value for one in Status]}, "the last known status"),
            Parameter("definition", _TEXT, "a definition's id, or its name in the configuration"),
            _ACCOUNT,
            _LIMIT,
            _CURSOR,
        ),
    ),
    Operation(
        "/api/v1/targets/{account}/{definition}/{workflow}",
        TargetWithEvents,
        "One target: its last known state, its step log, its events, its next poll",
        missing="it is not watched",
    ),
    Operation(
        "/api/v1/targets/{account}/{definition}/{workflow}/explain",
        ExplanationShape,
        "Why there were alerts about a target, or none",
        missing="it is not watched",
    ),
    Operation(
        "/api/v1/events",
        EventsPage,
        "Events, oldest first",
        (_SEQUENCE, Parameter("type", {"enum": [one.value for one in EventType]}, "a type, or a glob"), _LIMIT),
    ),
    Operation("/api/v1/definitions", DefinitionsPage, "Watched definitions", (_ACCOUNT, _LIMIT, _CURSOR)),
    Operation("/api/v1/alerts", AlertsOpen, "Open alerts, newest first"),
    Operation(
        "/api/v1/alerts/{id}/close",
        Closed,
        "Close an alert, or an incident with all its alerts",
        missing="no such alert is open",
        changes=True,
    ),
    Operation(
        "/api/v1/deliveries",
        DeliveriesPage,
        "Deliveries, oldest first",
        (
            Parameter("status", {"enum": [one.value for one in DeliveryStatus]}, "what became of it"),
            _RECEIVER,
            _LIMIT,
            _SEQUENCE,
        ),
    ),
    Operation("/api/v1/deliveries/retry", Retried, "Make dead deliveries pending again", (_RECEIVER,), changes=True),
    Operation(PATH, None, "This document"),
)


def document() -> Json:
    answers = [operation.answer for operation in OPERATIONS if operation.answer is not None]
    types: list[type[msgspec.Struct]] = [*answers, ErrorShape]
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, references, strict=True))
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "workflow-monitor",
            "version": __version__,
            "description": "Fields that do not apply are absent. Times are RFC 3339 in UTC with `Z`. Later versions "
            "may add fields.",
        },
        "paths": {one.path: _path(one, schemas) for one in OPERATIONS},
        "components": {
            "schemas": components,
            "securitySchemes": {
                "admin": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "the content of the file that `server.admin_token_file` names",
                }
            },
        },
    }
    plain: Json = msgspec.json.decode(msgspec.json.encode(described))
    return plain


def _path(operation: Operation, schemas: Mapping[type[msgspec.Struct], Json]) -> Json:
    error = _content(schemas[ErrorShape])
    answer = schemas[operation.answer] if operation.answer is not None else {"type": "object"}
    responses = {
        "200": {"description": operation.summary, **_content(answer)},
        "400": {"description": "a parameter is invalid; the error says what is expected", **error},
        "503": {"description": "the monitor is starting, or its store cannot be used now", **error},
    }
    if operation.missing:
        responses["404"] = {"description": operation.missing, **error}
    described: Json = {"summary": operation.summary, "parameters": _parameters(operation), "responses": responses}
    if operation.changes:
        responses["401"] = {"description": "the token is missing, or wrong", **error}
        responses["403"] = {"description": "no admin token is configured, or it cannot be read now", **error}
        described["security"] = [{"admin": []}]
    return {"post" if operation.changes else "get": described}


def _content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _parameters(operation: Operation) -> list[Json]:
    of_path = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for part in operation.path.split("/")
        if part.startswith("{")
    ]
    of_query = [
        {"name": one.name, "in": "query", "required": False, "schema": one.schema, "description": one.description}
        for one in operation.parameters
    ]
    return of_path + of_query


class OpenApi:
    """Made once."""

    def __init__(self) -> None:
        self._document = document()

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self.openapi)]

    async def openapi(self, request: web.Request) -> web.Response:
        query.parameters(request.query, ())
        return json_response(self._document)
