"""The page of a target, to which alerts link."""

from collections.abc import Iterable

import msgspec
from aiohttp import web

from monitor.core.formats.timestamps import parse_timestamp
from monitor.core.formats.units import format_duration
from monitor.core.model import TargetKey
from monitor.core.text.summary import target_label
from monitor.polling.watched import Watched
from monitor.store import StoredEvent
from monitor.web.api.target_schemas import path_of
from monitor.web.api.targets import key_in
from monitor.web.pages.html import Html, facts, link, table, tag
from monitor.web.pages.layout import UNREADABLE, page, prefix, read, shown
from monitor.web.view import View


class _Facts(msgspec.Struct):
    severity: str
    summary: str
    observed_at: str


class _Told(msgspec.Struct):
    """The part of an event that a page shows."""

    type: str
    time: str
    data: _Facts


_TOLD = msgspec.json.Decoder(_Told).decode


class TargetPage:
    def __init__(self, view: View, *, external_url: str) -> None:
        self._view = view
        self._prefix = prefix(external_url)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/targets/{account}/{definition}/{workflow}", self.target)]

    def _link(self, path: str, text: str) -> Html:
        return link(self._prefix + path, text)

    async def target(self, request: web.Request) -> web.Response:
        """The page, also of a target that is not watched any more."""
        key = key_in(request)
        events = await read(self._view.target_events(key))
        watched = self._view.target(key)
        if watched is None:
            return self._not_watched(key, events)
        return page(
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
        return page(
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
            ("since", shown(state.since)),
            ("account", target.key.account),
            ("definition", " ".join(filter(None, (target.definition_name, target.key.definition)))),
            ("workflow", target.key.workflow),
            ("version", str(state.version or "")),
            ("started", shown(state.started_at)),
            ("completed", shown(state.completed_at)),
            ("first seen", shown(state.first_seen_at)),
            ("last seen", shown(watched.last_seen_at)),
            ("next poll", f"{shown(next_poll.at)} ({next_poll.reason})" if next_poll.at else next_poll.reason),
            ("failed polls in a row", str(watched.failures or "")),
            *((name, link(value, value)) for name, value in target.labels.items()),
        ])  # fmt: skip


def _title(watched: Watched) -> str:
    target = watched.target
    return target_label(target.name, target.definition_name, target.key.definition, target.key.workflow)


def _steps(watched: Watched) -> Html:
    return table(
        ("step", "status", "started", "completed"),
        (
            (step.step, step.status.value, shown(step.started_at), shown(step.completed_at))
            for step in watched.state.steps
        ),
    )


def _events(events: Iterable[StoredEvent] | None) -> Html:
    if events is None:
        return UNREADABLE
    told = [_TOLD(stored.body) for stored in events]
    return table(
        ("when", "seen", "type", "severity", "what"),
        (
            (
                shown(parse_timestamp(event.time)),
                shown(parse_timestamp(event.data.observed_at)),
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
                shown(trace.at),
                trace.outcome.value,
                format_duration(trace.duration),
                trace.detail,
                ", ".join(trace.events),
            )
            for trace in reversed(watched.traces)
        ),
    )
