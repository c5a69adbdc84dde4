"""One version of a definition that is swept: what its lists have said, and what is known of its instances.

The end that a row shows is true: a completion is published from it, a termination once it, or some like it, are
explained (`storm_teller.py`). Anything else is a hint: an instance that a list shows as suspended, or does not show, is
looked at, and the look decides. So facts are those of plain polling, only sooner.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core.discovery.answers import answered
from monitor.core.discovery.cohorts import LAG, Sweep, begin, forgettable
from monitor.core.discovery.findings import Finding, Follows, Horizon, Known, looked, of_absence, of_rows
from monitor.core.discovery.following import Discovery
from monitor.core.discovery.list_looks import ListLook, looks
from monitor.core.discovery.running import RunningIndex
from monitor.core.discovery.starts import counts, queue_delay
from monitor.core.discovery.walk import Shown, Walk
from monitor.core.listing import ListedInstance, ListPage
from monitor.core.model import DefinitionVersion, Status, Target, TargetKey, TargetState
from monitor.core.records import StartRecord
from monitor.polling.watched import WatchedTargets

STEP_INTERVAL = 600.0
"""Seconds between two status looks at an instance that are expected if its discovery promises none."""
_LOOKS_KEPT: Final = timedelta(seconds=10)
_PRUNE_FROM: Final = 1000
_ENDED = Known(Status.COMPLETE)


class PageNews(msgspec.Struct):
    """What follows from one page."""

    found: dict[TargetKey, tuple[Target, TargetState]] = {}
    """Instances that are to be watched from now on, as the list shows them."""
    begun: dict[TargetKey, StartRecord] = {}
    """Those of them that have begun while their definition was followed."""
    ended: list[tuple[TargetKey, ListedInstance]] = []
    """Instances that have completed: published without a look."""
    terminated: list[tuple[TargetKey, ListedInstance]] = []
    """Instances that have terminated: published once they, or some like them, are explained."""
    looks: list[TargetKey] = []
    """Instances whose status is to be looked at now."""
    happened: list[datetime] = []
    """When those ended that no list has shown as ended before, on the API's clock."""


class SweptVersion:
    """Runs in the loop's thread and never waits."""

    def __init__(self, version: DefinitionVersion, wish: Discovery, now: datetime, counted_from: datetime) -> None:
        """`counted_from`: instances that began before do not count as begun; on the API's clock."""
        self.version = version
        self.wish = wish
        self._counted_from = counted_from
        self._begun_at = now
        self.sweep: Sweep = begin(version, now, wish.started_within)
        self.adopts = True
        """False: only known instances are followed, to their end."""
        self.running = RunningIndex()
        self.failures = 0
        """Lists in a row without a usable answer."""
        self._ended: dict[str, datetime | None] = {}
        """Ids of what has ended, and when it started, as long as lists may show it."""
        self._prune_at = _PRUNE_FROM
        """How many of these there may be before they are looked through."""
        self._owed: dict[str, datetime] = {}
        """Ids whose end is listed, or is supposed since this time, and which no look has answered about yet."""
        self._hints: dict[str, Known] = {}
        """By id: hints that a status look has denied, or is to decide."""
        self._looks: tuple[datetime, tuple[ListLook, ...]] | None = None
        self._news: list[datetime] = []
        """Start times of what the walk under way has found."""

    def key(self, workflow: str) -> TargetKey:
        return TargetKey(self.version.account, self.version.definition, workflow)

    # --- a walk from page to page ---

    def take(self, walk: Walk, page: ListPage, targets: WatchedTargets, horizon: Horizon, now: datetime) -> PageNews:
        """What follows from the answer to the walk's request."""
        shown, news = walk.take(page), PageNews()
        for row, finding in of_rows(shown.rows, lambda id_: self._known(id_, targets), self.sweep, horizon, now):
            self._follow(row, finding, news, now, watched=self.key(row.workflow) in targets)
        for key in self._missing(walk, shown, targets, now):
            news.looks.append(key)
        since = walk.look.asked_at or horizon.tell_from + 2 * LAG
        for key in (*news.looks, *[key for key, _ in (*news.ended, *news.terminated)]):
            self._owed.setdefault(key.workflow, since)
        return news

    def end(self, walk: Walk) -> None:
        """The walk is over, or was given up: what it has shown wholly counts."""
        self.sweep = answered(self.sweep, walk, self.running, self._news)
        self._news = []
        self._looks = None
        if len(self._ended) > self._prune_at:
            self._forget()

    def _forget(self) -> None:
        """Lists that show what is forgotten are not asked, or believed, any more."""
        kept = {id_: at for id_, at in self._ended.items() if at is None or not forgettable(self.sweep, at)}
        self._ended, self._prune_at = kept, 2 * len(kept) + _PRUNE_FROM

    @property
    def owed_since(self) -> datetime | None:
        """When the first of the ends was that lists show, or suppose, and that no look has answered about yet."""
        return min(self._owed.values(), default=None)

    def _follow(self, row: ListedInstance, finding: Finding, news: PageNews, now: datetime, *, watched: bool) -> None:
        key = self.key(row.workflow)
        match finding.follows:
            case Follows.RECORDED:
                self._ended[row.workflow] = row.started_at
            case Follows.BEGUN:
                self._find(row, news, now, look=finding.look)
            case Follows.COMPLETED | Follows.TERMINATED:
                if row.workflow not in self._owed:
                    news.happened.append(row.completed_at or now)
                if not watched:
                    self._find(row, news, now, look=False)
                if not row.certain:
                    news.looks.append(key)
                elif finding.follows is Follows.COMPLETED:
                    news.ended.append((key, row))
                else:
                    news.terminated.append((key, row))
            case Follows.LOOK:
                self._hints.setdefault(row.workflow, Known(Status.RUNNABLE, row.started_at))
                news.looks.append(key)
            case Follows.NOTHING:
                pass

    def _find(self, row: ListedInstance, news: PageNews, now: datetime, *, look: bool) -> None:
        """Watch it, as alive: that it has ended is published by the look that follows."""
        key = self.key(row.workflow)
        state = TargetState(key=key, status=Status.RUNNABLE, since=now, version=row.version, started_at=row.started_at)
        target = target_of(key, self.wish)
        news.found[key] = target, state
        if counts(row, self._counted_from):
            news.begun[key] = StartRecord(target, queue_delay(row))
        if row.started_at is not None:
            self._news.append(row.started_at)
            self.running.add(row.workflow, row.started_at)
        if look:
            news.looks.append(key)

    def _missing(self, walk: Walk, shown: Shown, targets: WatchedTargets, now: datetime) -> Iterable[TargetKey]:
        """Those that should stand on what is shown wholly, and do not."""
        if shown.span is None:
            return
        for workflow in self.running.between(shown.span.low, shown.span.high):
            known = self._known(workflow, targets) if workflow not in walk.rows else None
            if known is not None and of_absence(known, walk.look.question, now).look:
                self._hints.setdefault(workflow, known)
                yield self.key(workflow)

    def _known(self, workflow: str, targets: WatchedTargets) -> Known | None:
        if (seen := targets.glance(self.key(workflow))) is not None:
            if seen.ended:
                return _ENDED
            hint = self._hints.get(workflow)
            denied = (hint.denied, hint.denied_at) if hint is not None else (0, None)
            return Known(seen.status, seen.started_at, None, *denied)
        return _ENDED if workflow in self._ended else None

    def looks(self, now: datetime) -> tuple[ListLook, ...]:
        """The looks that are wanted; they change only after a look, or when a cohort settles."""
        if self._looks is None or now - self._looks[0] > _LOOKS_KEPT:
            self._looks = now, looks(self.sweep, now)
        return self._looks[1]

    def oldest_look(self, now: datetime) -> datetime:
        """When the oldest of its last looks was made; if there was none, when it was first followed.

        A part that is new, and so was never looked at, does not count while others were.
        """
        moments = [look.asked_at for look in self.looks(now) if look.asked_at is not None]
        return min(moments, default=self._begun_at)

    # --- what becomes of its instances ---

    def know(self, workflow: str, started_at: datetime | None) -> None:
        """It is watched, and may run."""
        if started_at is not None:
            self.running.add(workflow, started_at)

    def leave_out(self, news: PageNews, newest_from: datetime, room: int) -> None:
        """Watch no more than `room` of those just found that run and began before: there are too many."""
        needed = {*news.looks, *[key for key, _ in (*news.ended, *news.terminated)]}
        older = [
            (state.started_at, key)
            for key, (_, state) in news.found.items()
            if key not in needed and state.started_at is not None and state.started_at < newest_from
        ]
        for started_at, key in sorted(older, reverse=True)[room:]:
            del news.found[key]
            news.begun.pop(key, None)
            self.running.remove(key.workflow, started_at)

    def found(self, news: PageNews, targets: WatchedTargets) -> None:
        """They are watched now, but for those that ended so long ago that they are not."""
        for key, (_, listed) in news.found.items():
            seen = targets.glance(key)
            if seen is not None and not seen.ended:
                continue
            self._owed.pop(key.workflow, None)
            if seen is None:
                self._ended[key.workflow] = listed.started_at
            if listed.started_at is not None:
                self.running.remove(key.workflow, listed.started_at)

    def polled(self, state: TargetState, now: datetime) -> None:
        """One of its instances was looked at, and the API has answered."""
        workflow = state.key.workflow
        self._owed.pop(workflow, None)
        if (hint := self._hints.pop(workflow, None)) is not None and not state.status.ended:
            self._hints[workflow] = looked(hint, state.status, now)
        if state.status.ended:
            self._end(state)
        else:
            self.know(workflow, state.started_at)

    def removed(self, state: TargetState) -> None:
        """One of its instances is not watched any more."""
        self._hints.pop(state.key.workflow, None)
        self._owed.pop(state.key.workflow, None)
        self._end(state)

    def _end(self, state: TargetState) -> None:
        if state.status.ended:
            self._ended[state.key.workflow] = state.started_at
        if state.started_at is not None:
            self.running.remove(state.key.workflow, state.started_at)


def target_of(key: TargetKey, wish: Discovery) -> Target:
    """The configuration of an instance that this discovery finds."""
    labels: Mapping[str, str] = wish.labels
    return Target(
        key=key,
        interval=wish.step_interval or STEP_INTERVAL,
        promised=wish.step_interval is not None,
        definition_name=wish.name,
        definition_alias=wish.name,
        labels=labels,
        severities=wish.severities,
        max_runtime=wish.max_runtime,
        step_timeouts=wish.step_timeouts,
        place=wish.place,
    )
