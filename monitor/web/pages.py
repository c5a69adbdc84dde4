"""Pages for people: plain, complete in themselves, and with no script."""

import base64
import hashlib
from collections.abc import Awaitable, Iterable
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from monitor import __version__
from monitor.core.model import TargetKey
from monitor.core.moments import parse_moment
from monitor.core.text import target_label
from monitor.core.units import format_duration
from monitor.poller import Watched
from monitor.store import Alert, StoredEvent, StoreUnavailable
from monitor.web.api import key_in
from monitor.web.html import Html, facts, link, table, tag
from monitor.web.shapes import path_of
from monitor.web.view import View

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;overflow-wrap:anywhere}"
    "h2{margin-top:2rem}.critical,.warning{font-weight:600}.critical{color:#c62828}"
)
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""For the Content-Security-Policy: this style, and no other."""

_PATHS: Final = (
    ("/metrics", "for Prometheus"),
    ("/api/v1/targets", "what is watched, and what is believed of it"),
    ("/api/v1/events", "what was told, oldest first"),
    ("/api/v1/alerts", "what is open now"),
    ("/-/healthy", "whether every loop turns"),
    ("/-/ready", "whether it is ready"),
)
_MOST_ALERTS = 50
_UNREADABLE: Final = tag("p", "The store cannot be read now; the log says why.")
_T = TypeVar("_T")


class _Facts(msgspec.Struct):
    severity: str
    summary: str
    observed_at: str


class _Told(msgspec.Struct):
    """As much of an event as a page shows."""

    type: str
    time: str
    data: _Facts


_TOLD = msgspec.json.Decoder(_Told).decode


class Pages:
    def __init__(self, view: View, *, external_url: str) -> None:
        self._view = view
        self._prefix = urlsplit(external_url).path.rstrip("/")
        """Before every path, where a proxy serves us under one."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.front),
            web.get("/targets/{account}/{definition}/{workflow}", self.target),
        ]

    async def front(self, _request: web.Request) -> web.Response:
        alerts = await _read(self._view.alerts())
        reason = self._view.ready()
        totals = self._view.totals()
        stuck = [name for name, loop in self._view.loops().items() if not loop.turns]
        return _page(
            "workflow-monitor",
            facts([
                ("version", __version__),
                ("ready", "yes" if reason is None else f"no: {reason}"),
                ("healthy", f"no: {', '.join(stuck)} stuck" if stuck else "yes"),
            ]),
            tag("h2", "Targets"),
            table(("status", "targets"), ((status.value, str(count)) for status, count in totals.items())),
            tag("h2", "Open alerts" if alerts is None else f"Open alerts: {len(alerts)}"),
            _UNREADABLE if alerts is None else self._alerts(alerts[:_MOST_ALERTS]),
            tag("h2", "More"),
            facts((self._link(path, path), text) for path, text in _PATHS),
        )  # fmt: skip

    def _alerts(self, alerts: Iterable[Alert]) -> Html:
        return table(
            ("since", "severity", "what"),
            (
                (
                    _shown(alert.opened_at),
                    tag("span", alert.severity.value, class_=alert.severity.value),
                    alert.summary if alert.key is None else self._link(path_of(alert.key), alert.summary),
                )
                for alert in alerts
            ),
        )

    def _link(self, path: str, text: str) -> Html:
        return link(self._prefix + path, text)

    async def target(self, request: web.Request) -> web.Response:
        """Where the link of an alert leads; also when the target is watched no more."""
        key = key_in(request)
        events = await _read(self._view.target_events(key))
        watched = self._view.target(key)
        if watched is None:
            return self._not_watched(key, events)
        return _page(
            _title(watched),
            self._belief(watched),
            tag("h2", "Steps"),
            _steps(watched),
            tag("h2", "Events"),
            _events(events),
            tag("h2", "Last polls"),
            _polls(watched),
            tag("p", self._link("/api/v1" + path_of(key), "the same as JSON"), " · ", self._link("/", "front page")),
        )

    def _not_watched(self, key: TargetKey, events: list[StoredEvent] | None) -> web.Response:
        return _page(
            "Not watched",
            tag("p", "This target is not watched, or it ended longer ago than the retention."),
            facts(key._asdict().items()),
            *((tag("h2", "Events"), _events(events)) if events != [] else ()),
            tag("p", self._link("/", "front page")),
            status=404 if events == [] else 200,
        )

    def _belief(self, watched: Watched) -> Html:
        target, state = watched.target, watched.state
        next_poll = self._view.next_poll(target.key)
        return facts([
            ("status", state.status.value),
            ("cause", state.cause.value if state.cause is not None else ""),
            ("since", _shown(state.since)),
            ("account", target.key.account),
            ("definition", " ".join(filter(None, (target.definition_name, target.key.definition)))),
            ("workflow", target.key.workflow),
            ("version", str(state.version or "")),
            ("started", _shown(state.started_at)),
            ("completed", _shown(state.completed_at)),
            ("first seen", _shown(state.first_seen_at)),
            ("last seen", _shown(watched.last_seen_at)),
            ("next poll", f"{_shown(next_poll.at)} ({next_poll.reason})" if next_poll.at else next_poll.reason),
            ("failed polls in a row", str(watched.failures or "")),
            *((name, link(value, value)) for name, value in target.labels.items()),
        ])  # fmt: skip


async def _read(stored: Awaitable[_T]) -> _T | None:
    """None where the store cannot be read: a page shows what else is known, all the more on such a day."""
    try:
        return await stored
    except StoreUnavailable:
        return None


def _title(watched: Watched) -> str:
    target = watched.target
    return target_label(target.name, target.definition_name, target.key.definition, target.key.workflow)


def _steps(watched: Watched) -> Html:
    return table(
        ("step", "status", "started", "completed"),
        (
            (step.step, step.status.value, _shown(step.started_at), _shown(step.completed_at))
            for step in watched.state.steps
        ),
    )


def _events(events: Iterable[StoredEvent] | None) -> Html:
    if events is None:
        return _UNREADABLE
    told = [_TOLD(stored.body) for stored in events]
    return table(
        ("when", "seen", "type", "severity", "what"),
        (
            (
                _shown(parse_moment(event.time)),
                _shown(parse_moment(event.data.observed_at)),
                event.type,
                tag("span", event.data.severity, class_=event.data.severity),
                event.data.summary,
            )
            for event in reversed(told)
        ),
    )


def _polls(watched: Watched) -> Html:
    return table(
        ("when", "outcome", "took", "detail", "events"),
        (
            (
                _shown(trace.at),
                trace.outcome.value,
                format_duration(trace.duration),
                trace.detail,
                ", ".join(trace.events),
            )
            for trace in reversed(watched.traces)
        ),
    )


def _shown(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _page(title: str, *content: Html, status: int = 200) -> web.Response:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    document = tag("html", head, tag("body", tag("h1", title), *content), lang="en")
    return web.Response(text=f"<!doctype html>{document}", status=status, content_type="text/html")
