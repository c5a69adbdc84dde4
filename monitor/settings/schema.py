"""JSON Schemas, for editors and for receivers of events."""

import json
from typing import Any, Literal

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Cause, Status, StepStatus
from monitor.settings.model import Document
from monitor.settings.watchlist_model import WatchlistDocument

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(what: Literal["settings", "watchlist", "event"]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the settings file, of a watchlist file, or of an event for receivers."""
    match what:
        case "settings":
            return _written(Document.model_json_schema(), "Settings of workflow-monitor")
        case "watchlist":
            return _written(WatchlistDocument.model_json_schema(), "Watchlist of workflow-monitor")
        case "event":
            return _event()


def _written(generated: dict[str, Any], title: str) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(generated)
    return {"$schema": _DIALECT, **plain, "title": title}


def _plain(node: Any) -> Any:
    """Without titles that only repeat a key, and with defaults of the key's type."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if node.get("type") in ("boolean", "integer", "number") and isinstance(node.get("default"), str):
        plain["default"] = json.loads(node["default"])
    return plain


_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"}


def _event() -> dict[str, Any]:
    """A CloudEvents 1.0 object. Fields that do not apply are absent; later versions may add keys."""
    fields = {
        "severity": _one_of(Severity),
        "summary": {**_TEXT, "description": "One line for people."},
        "account": _TEXT,
        "definition": _TEXT,
        "workflow": _TEXT,
        "name": _TEXT,
        "version": {"type": "integer"},
        "from_status": _one_of(Status),
        "to_status": _one_of(Status),
        "cause": _one_of(Cause),
        "cause_from": {
            "const": "sample",
            "description": "The cause is that of other instances that ended at the same time and were looked at.",
        },
        "corrects": {
            **_TEXT,
            "description": "The id of the event whose cause, from a sample, was wrong; its alert is closed.",
        },
        "reason": {
            **_TEXT,
            "description": "Of monitor.blind and workflow.unanswered, why; of monitor.schema_drift, the kind of drift; "
            "of what is overdue, who says so: configured, declared or learned; of monitor.discovery_complete, "
            "unwatched if the discovery is not configured any more.",
        },
        "detail": {
            **_TEXT,
            "description": "Of monitor.blind and workflow.unanswered, what the last poll was answered, or what broke, "
            "with the API's address and where the key is.",
        },
        "since": {
            **_MOMENT,
            "description": "Of monitor.blind, since when its requests get no answer; time in which nothing was asked "
            "does not count.",
        },
        "workflows": {"type": "integer", "description": "Of monitor.blind, how many workflows nobody watches now."},
        "found": {"type": "integer", "description": "Of a discovery, how many running workflows its lists show."},
        "watched": {"type": "integer", "description": "Of a discovery, how many of them it may watch."},
        "step": {
            "type": "object",
            "required": ["id", "name", "status"],
            "properties": {"id": _TEXT, "name": _TEXT, "status": _one_of(StepStatus)},
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["step", "message"],
                "properties": {"step": _TEXT, "message": _TEXT, "time": _MOMENT},
            },
        },
        "occurred_at": {**_MOMENT, "description": "Where the API tells it."},
        "observed_at": _MOMENT,
        "last_seen_at": {**_MOMENT, "description": "When the monitor had last looked before."},
        "seen_by": {
            "enum": ["status", "list"],
            "description": "Of events of a workflow, the kind of request that showed it.",
        },
        "link": {"type": "string", "format": "uri"},
        "labels": {"type": "object", "additionalProperties": _TEXT},
        "repeats": {
            **_TEXT,
            "description": "The id of the event that told it first; its target left the watchlist and is back.",
        },
    }
    return {
        "$schema": _DIALECT,
        "title": "Event of workflow-monitor",
        "description": "A CloudEvents 1.0 object. Fields that do not apply are absent.",
        "type": "object",
        "required": ["specversion", "id", "type", "source", "time", "datacontenttype", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**_TEXT, "minLength": 1, "description": "The same for the same fact, wherever it is seen."},
            "type": _one_of(EventType),
            "source": {"type": "string", "format": "uri"},
            "subject": _TEXT,
            "time": _MOMENT,
            "datacontenttype": {"const": "application/json"},
            "data": {
                "type": "object",
                "required": ["severity", "summary", "account", "observed_at"],
                "properties": fields,
            },
        },
    }


def _one_of(words: Any) -> dict[str, Any]:
    return {"enum": [word.value for word in words]}
