"""PagerDuty's Events API v2, made small: a real server that takes what the documentation allows, and nothing else.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ and .../overview/. Stricter than PagerDuty in one
thing: a field that is not documented is refused, so that a slip of the pen is not taken for a success.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
LIMIT = 512_000
PER_MINUTE = 120

_TOP = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
_PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")


@dataclass
class Incident:
    """One alert of PagerDuty, which makes one incident where nothing groups them."""

    key: str
    triggers: list[dict[str, Any]] = field(default_factory=list)
    """The payloads, one for each time that it was told."""
    resolved: bool = False


class PagerDutyFake:
    def __init__(self, clock: Callable[[], float], *, keys: tuple[str, ...] = (ROUTING_KEY,)) -> None:
        """`clock` in seconds; `keys`: the integrations that there are."""
        self.incidents: list[Incident] = []
        self.events: list[dict[str, Any]] = []
        """All that were accepted."""
        self.refusals: list[tuple[int, list[str]]] = []
        self.unheard = 0
        """So many answers do not arrive: it was done, and the caller sees a timeout."""
        self.url = ""
        self._clock = clock
        self._keys = keys
        self._calls: dict[str, deque[float]] = {}

    def open(self, key: str) -> Incident | None:
        return next((each for each in self.incidents if each.key == key and not each.resolved), None)

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """The answer to one request: its status and its JSON."""
        if len(body) > LIMIT:
            return self._refuse(413, [f"{len(body)} bytes are more than {LIMIT}"])
        try:
            event = json.loads(body)
        except ValueError:
            return self._refuse(400, ["the body is no JSON"])
        if errors := list(_errors(event)):
            return self._refuse(400, errors)
        if event["routing_key"] not in self._keys:
            return self._refuse(400, ["Invalid routing key"])
        if self._too_many(event["routing_key"]):
            return self._refuse(429, [])
        self._accept(event)
        return 202, {"status": "success", "message": "Event processed", "dedup_key": event.get("dedup_key", "made-up")}

    def _refuse(self, status: int, errors: list[str]) -> tuple[int, dict[str, Any]]:
        self.refusals.append((status, errors))
        return status, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}

    def _too_many(self, key: str) -> bool:
        calls, now = self._calls.setdefault(key, deque()), self._clock()
        while calls and calls[0] < now - 60:
            calls.popleft()
        calls.append(now)
        return len(calls) > PER_MINUTE

    def _accept(self, event: Mapping[str, Any]) -> None:
        self.events.append(dict(event))
        incident = self.open(event.get("dedup_key", ""))
        if event["event_action"] == "trigger":
            if incident is None:
                self.incidents.append(incident := Incident(event.get("dedup_key", "made-up")))
            incident.triggers.append(event["payload"])
        elif event["event_action"] == "resolve" and incident is not None:
            incident.resolved = True  # of one that is not there it is dropped, and that is a success

    async def answer(self, request: web.Request) -> web.Response:
        status, answer = self.take(await request.read())
        if self.unheard:
            self.unheard -= 1
            await asyncio.sleep(3600)
        return web.json_response(answer, status=status)


def _errors(event: Any) -> list[str]:
    """What the documentation does not allow."""
    if not isinstance(event, dict):
        return ["the body is no object"]
    errors = [f"'{name}' is no field" for name in event.keys() - _TOP]
    if len(_text(event, "routing_key")) != 32:
        errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    action = _text(event, "event_action")
    if action not in _ACTIONS:
        errors.append("'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')")
    if "dedup_key" in event and not 0 < len(_text(event, "dedup_key")) <= 255:
        errors.append("'dedup_key' must be a string of at most 255 characters")
    if action == "trigger":
        errors += _payload_errors(event.get("payload"))
    elif "dedup_key" not in event:
        errors.append("'dedup_key' is missing or blank")
    errors += [f"'{name}' must be a string" for name in ("client", "client_url") if not _text(event, name, "ok")]
    for name, needed in (("links", "href"), ("images", "src")):
        listed = event.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(each, dict) and each.get(needed) for each in listed):
            errors.append(f"'{name}' must be objects with '{needed}'")
    return errors


def _payload_errors(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    errors = [f"'payload.{name}' is no field" for name in payload.keys() - _PAYLOAD]
    errors += [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not _text(payload, name)]
    if len(_text(payload, "summary")) > 1024:
        errors.append("'payload.summary' is longer than 1024 characters")
    if payload.get("severity") not in _SEVERITIES:
        errors.append("'payload.severity' is invalid")
    errors += [
        f"'payload.{name}' must be a string"
        for name in ("component", "group", "class")
        if not _text(payload, name, "ok")
    ]
    if not isinstance(payload.get("custom_details", {}), dict):
        errors.append("'payload.custom_details' must be an object")
    if not _is_moment(payload.get("timestamp", "2026-01-05T10:00:00Z")):
        errors.append("'payload.timestamp' is no ISO 8601")
    return errors


def _is_moment(text: Any) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _text(fields: Mapping[str, Any], name: str, absent: str = "") -> str:
    """The field, or an empty text where it is none."""
    value = fields.get(name, absent)
    return value if isinstance(value, str) else ""


@contextlib.asynccontextmanager
async def pagerduty(
    clock: Callable[[], float] = lambda: 0.0, *, keys: tuple[str, ...] = (ROUTING_KEY,)
) -> AsyncIterator[PagerDutyFake]:
    """A server on a free port; `clock` stands still where none is given."""
    fake = PagerDutyFake(clock, keys=keys)
    application = web.Application(client_max_size=10 * LIMIT)
    application.router.add_post("/v2/enqueue", fake.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()
