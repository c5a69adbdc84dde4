"""One target, also one that is not watched any more: alerts link to it."""

from datetime import datetime

import msgspec
from aiohttp import web

from monitor.core.model import Cause, Status, StepExecution, TargetKey
from monitor.core.records import NextPoll, PollTrace
from monitor.core.text.summary import target_label
from monitor.polling.watched import Watched
from monitor.web.api.target_schemas import path_of
from monitor.web.api.targets import key_in
from monitor.web.pages.models.definitions import definition_path
from monitor.web.pages.models.event_rows import EventRow, event_rows
from monitor.web.pages.models.model import Model, read
from monitor.web.pages.snapshot import Snapshot


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed of a watched target."""

    status: Status
    cause: Cause | None
    since: datetime | None
    definition_name: str | None
    version: int | None
    started_at: datetime | None
    completed_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    failures: int
    labels: tuple[tuple[str, str], ...]
    steps: tuple[StepExecution, ...]
    polls: tuple[PollTrace, ...]
    """Newest first."""
    next_poll: NextPoll


class TargetPage(Model, frozen=True, kw_only=True):
    account: str
    definition: str
    workflow: str
    api: str
    """The path of the same as JSON."""
    definition_path: str
    belief: Belief | None
    """None: it is not watched."""
    readable: bool
    events: tuple[EventRow, ...]


async def target(snapshot: Snapshot, request: web.Request) -> TargetPage:
    key = key_in(request)
    found = await read(snapshot.view.target_events(key))
    watched = snapshot.view.target(key)
    known = watched is not None or found != []
    return TargetPage(
        title="Not watched" if watched is None else _label(watched),
        http_status=200 if known else 404,
        **key._asdict(),
        api="/api/v1" + path_of(key),
        definition_path=definition_path(key.account, key.definition),
        belief=None if watched is None else _belief(watched, snapshot, key),
        readable=found is not None,
        events=event_rows(found or ()),
    )


def _belief(watched: Watched, snapshot: Snapshot, key: TargetKey) -> Belief:
    target, state = watched.target, watched.state
    return Belief(
        status=state.status,
        cause=state.cause,
        since=state.since,
        definition_name=target.definition_name,
        version=state.version,
        started_at=state.started_at,
        completed_at=state.completed_at,
        first_seen_at=state.first_seen_at,
        last_seen_at=watched.last_seen_at,
        failures=watched.failures,
        labels=tuple(target.labels.items()),
        steps=state.steps,
        polls=tuple(reversed(watched.traces)),
        next_poll=snapshot.view.next_poll(key),
    )


def _label(watched: Watched) -> str:
    target = watched.target
    return target_label(target.name, target.definition_name, target.key.definition, target.key.workflow)
