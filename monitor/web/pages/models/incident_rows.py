"""Open alerts as rows, one for each incident: the most severe and new ones first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final
from urllib.parse import quote

import msgspec

from monitor.core.alerts import Alert
from monitor.core.event_types import EventType, Severity
from monitor.store import OpenAlert
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.models.alert_rows import RANK, Told, alert_path, label_of, told

_NEW: Final = timedelta(minutes=30)
"""So long an incident is new."""
_GROWING: Final = timedelta(minutes=5)
"""So long after its last alert an incident is growing."""
_MOST_NAMED: Final = 3


class Mark(StrEnum):
    NEW_CAUSE = "new cause"
    CAME_BACK = "came back"
    """Its cause had an incident before, which is over."""
    GROWING = "growing"
    KNOWN = "known"


class Named(msgspec.Struct, frozen=True):
    label: str
    path: str | None
    """Of the target's page; None: it is an account."""


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    severity: Severity
    marks: tuple[Mark, ...]
    summary: str
    """Of its most severe alert."""
    path: str
    definition: str | None
    """Its label; None: an account's."""
    open: int
    targets: int
    named: tuple[Named, ...]
    """The first few targets."""
    since: datetime
    last_at: datetime
    """When its last alert was opened."""
    before: datetime | None
    """When the last incident of this cause ended."""
    told: tuple[Told, ...]


class ProblemGroup(msgspec.Struct, frozen=True):
    """An incident by its open alerts, before it is written as a row."""

    head: Alert
    """The most severe one."""
    members: Sequence[OpenAlert]
    """Newest first."""
    marks: tuple[Mark, ...]
    before: datetime | None

    @property
    def severity(self) -> Severity:
        return self.head.severity


def problems_of(found: Sequence[OpenAlert], ended: Mapping[str, datetime], now: datetime) -> list[ProblemGroup]:
    """`found`: newest first. `ended`: when the last incident of a fault group ended."""
    groups: dict[str, list[OpenAlert]] = {}
    for opened in found:
        groups.setdefault(opened.alert.incident, []).append(opened)
    problems = [
        _problem(members, ended.get(members[0].alert.fault_group), now)
        for members in _without_explained(groups.values())
    ]
    return sorted(problems, key=_rank)


def _rank(problem: ProblemGroup) -> tuple[int, bool, float]:
    newest = problem.members[0].alert.opened_at
    return RANK[problem.severity], problem.marks == (Mark.KNOWN,), -newest.timestamp()


def _without_explained(groups: Iterable[Sequence[OpenAlert]]) -> Iterator[Sequence[OpenAlert]]:
    """Without failed steps of workflows that were terminated: their end says it all, and is more severe."""
    everything = list(groups)
    over = {
        opened.alert.key
        for members in everything
        for opened in members
        if opened.alert.type is EventType.TERMINATED and opened.alert.severity is Severity.CRITICAL
    }
    for members in everything:
        only_steps = all(opened.alert.type is EventType.STEP_FAILED for opened in members)
        if not (only_steps and all(opened.alert.key in over for opened in members)):
            yield members


def _problem(members: Sequence[OpenAlert], before: datetime | None, now: datetime) -> ProblemGroup:
    head = min((one.alert for one in members), key=lambda alert: (RANK[alert.severity], not _is_end(alert)))
    several = any(one.alert.key != head.key for one in members)
    since, last_at = members[-1].alert.opened_at, members[0].alert.opened_at
    return ProblemGroup(head, members, _marks(since, last_at, before, now, several=several), before)


def incident_row(problem: ProblemGroup) -> IncidentRow:
    head, members, event = problem.head, problem.members, problem.head.event
    targets = {opened.alert.key: opened.alert for opened in members}
    return IncidentRow(
        id=head.incident,
        severity=head.severity,
        marks=problem.marks,
        summary=event.summary,
        path=alert_path(head) if len(members) == 1 else f"/incidents/{quote(head.incident, safe='')}",
        definition=event.definition_alias or event.definition_name or event.definition,
        open=len(members),
        targets=len(targets),
        named=tuple(
            Named(label_of(alert), None if key is None else path_of(key))
            for key, alert in islice(targets.items(), _MOST_NAMED)
        ),
        since=members[-1].alert.opened_at,
        last_at=members[0].alert.opened_at,
        before=problem.before,
        told=told(telling for opened in members for telling in opened.tellings),
    )


def _is_end(alert: Alert) -> bool:
    return alert.type is EventType.TERMINATED


def _marks(
    since: datetime, last_at: datetime, before: datetime | None, now: datetime, *, several: bool
) -> tuple[Mark, ...]:
    marks = []
    if now - since < _NEW:
        marks.append(Mark.NEW_CAUSE if before is None else Mark.CAME_BACK)
    if several and now - last_at < _GROWING:
        marks.append(Mark.GROWING)
    return tuple(marks) or (Mark.KNOWN,)
