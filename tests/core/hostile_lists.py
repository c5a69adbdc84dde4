"""A list server in memory that does all that lists may do, and a small follower that watches by it.

What the server shows may be late, old, lost or twice, in either order and with either reading of a bound or an offset;
an end that it shows is true. Moments are seconds after `NOON`.
"""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from monitor.core.discovery import findings
from monitor.core.discovery.answers import answered
from monitor.core.discovery.cohorts import Sweep, begin, floor, forgettable
from monitor.core.discovery.findings import Finding, Follows, Horizon, Known
from monitor.core.discovery.list_looks import ListLook, looks
from monitor.core.discovery.running import RunningIndex
from monitor.core.discovery.walk import Shown, Walk
from monitor.core.listing import ListedInstance, ListPage, ListRequest
from monitor.core.model import DefinitionVersion, Status

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
VERSION = DefinitionVersion("acme", "orders", 3)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of an instance."""

    workflow: str
    created: float
    started: float
    ended: float | None = None
    end: Status = Status.COMPLETE
    held: tuple[float, float] | None = None
    """Between these it is suspended."""

    def status(self, now: float) -> Status:
        if self.ended is not None and self.ended <= now:
            return self.end
        if self.held is not None and self.held[0] <= now < self.held[1]:
            return Status.SUSPENDED
        return Status.RUNNABLE


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """How the lists of a server err."""

    from_inclusive: bool = True
    to_inclusive: bool = True
    whole_starts: bool = False
    """A row tells two digits of the second; bounds are compared with all."""
    by_creation: bool = False
    offset_of_pages: bool = False
    lag: float = 0.0
    """Rows and statuses are late by at most this."""
    losses: int = 0
    """How often each instance is left out, although it should be there."""
    repeats: float = 0.0
    """Share of instances that stand on two rows."""
    short_pages: bool = False
    """What is left out is left out after the page was cut."""


class ListServer:
    def __init__(self, instances: Sequence[Instance], traits: Traits, seed: int = 0) -> None:
        self.instances = {instance.workflow: instance for instance in instances}
        self.requests: list[ListRequest] = []
        self._starts = {workflow: at(instance.started) for workflow, instance in self.instances.items()}
        self._traits = traits
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it
        self._twice = {workflow for workflow in self.instances if self._random.random() < traits.repeats}
        self._lost: Counter[str] = Counter()

    def page(self, request: ListRequest, now: float) -> ListPage:
        self.requests.append(request)
        traits = self._traits
        late = self._random.uniform(0, traits.lag)
        chosen = [
            instance
            for instance in self.instances.values()
            if instance.started <= now - self._random.uniform(0, late)
            and request.status in (None, instance.status(now - late))
            and self._within(request, self._starts[instance.workflow])
        ]
        if not traits.short_pages:
            chosen = self._without_losses(chosen)
        order = (lambda it: (it.created, it.workflow)) if traits.by_creation else (lambda it: (it.started, it.workflow))
        chosen.sort(key=order, reverse=True)
        chosen = [instance for instance in chosen for _ in range(2 if instance.workflow in self._twice else 1)]
        skipped = request.offset * (request.limit if traits.offset_of_pages else 1)
        cut = chosen[skipped : skipped + request.limit]
        if traits.short_pages:
            cut = self._without_losses(cut)
        rows = [self._row(instance, now, late) for instance in cut]
        return ListPage(tuple(rows), len(rows))

    def status(self, workflow: str, now: float) -> Status:
        return self.instances[workflow].status(now)

    def matching(self, look: ListLook, now: float) -> int:
        """How many rows a look is about, in truth."""
        return sum(
            look.started_from <= self._starts[it.workflow]
            and (look.started_to is None or self._starts[it.workflow] < look.started_to)
            and it.started <= now
            and look.question in (None, it.status(now))
            for it in self.instances.values()
        )

    def _within(self, request: ListRequest, started: datetime) -> bool:
        low, high = request.started_from, request.started_to
        above = low is None or low < started or (self._traits.from_inclusive and low == started)
        below = high is None or started < high or (self._traits.to_inclusive and high == started)
        return above and below

    def _without_losses(self, chosen: list[Instance]) -> list[Instance]:
        kept = []
        for instance in chosen:
            if self._lost[instance.workflow] < self._traits.losses and self._random.random() < 0.4:
                self._lost[instance.workflow] += 1
            else:
                kept.append(instance)
        return kept

    def _row(self, instance: Instance, now: float, late: float) -> ListedInstance:
        """It may show an older status than the one by which it was chosen; never one to come."""
        seen_at = now - late - self._random.uniform(0, self._traits.lag - late)
        status = instance.status(seen_at)
        ended = instance.ended if status.ended else None
        start = self._starts[instance.workflow]
        return ListedInstance(
            instance.workflow,
            status,
            VERSION.version,
            floor(start) if self._traits.whole_starts else start,
            at(ended) if ended is not None else None,
            at(instance.created),
        )


class Server(Protocol):
    requests: list[ListRequest]

    def page(self, request: ListRequest, now: float) -> ListPage: ...
    def status(self, workflow: str, now: float) -> Status: ...
    def matching(self, look: ListLook, now: float) -> int: ...


class Follower:
    """What the daemon does with the core's decisions, without its clockwork: every wanted look, one after another."""

    def __init__(
        self,
        server: Server,
        now: float,
        *,
        limit: int,
        horizon: Horizon,
        started_within: float,
        version: DefinitionVersion = VERSION,
    ) -> None:
        self.server = server
        self.sweep: Sweep = begin(version, at(now), started_within, limit)
        self.running = RunningIndex()
        self.known: dict[str, Known] = {}
        self.told: list[tuple[str, Status]] = []
        self.recorded: list[str] = []
        self.hints = 0
        self._horizon = horizon
        self.walks: list[tuple[ListLook, int, int]] = []
        """Look, rows in truth, requests."""

    def turn(self, now: float) -> None:
        for look in looks(self.sweep, at(now)):
            self._look(look, now)
        for workflow in [id_ for id_, known in self.known.items() if known.status.ended and self._forgotten(known)]:
            del self.known[workflow]

    def _look(self, look: ListLook, now: float) -> None:
        rows, before = self.server.matching(look, now), len(self.server.requests)
        walk = Walk(look, at(now), may_hide=self.sweep.may_hide)
        news: list[datetime] = []
        while walk.request is not None:
            news += self._shown(walk, walk.take(self.server.page(walk.request, now)), now)
        self.sweep = answered(self.sweep, walk, self.running, news)
        self.walks.append((look, rows, len(self.server.requests) - before))

    def _shown(self, walk: Walk, shown: Shown, now: float) -> list[datetime]:
        found = findings.of_rows(shown.rows, self.known.get, self.sweep, self._horizon, at(now))
        news = [row.started_at for row, _ in found if row.workflow not in self.known and row.started_at is not None]
        for row, finding in found:
            self._follow(row, finding, now)
        if shown.span is not None:
            for workflow in self.running.between(shown.span.low, shown.span.high):
                if workflow not in walk.rows:
                    absent = findings.of_absence(self.known[workflow], walk.look.question, at(now))
                    if absent.look:
                        self._status_look(workflow, now)
        return news

    def _follow(self, row: ListedInstance, finding: Finding, now: float) -> None:
        assert row.started_at is not None
        match finding.follows:
            case Follows.BEGUN:
                self.known[row.workflow] = Known(Status.RUNNABLE, row.started_at)
                self.running.add(row.workflow, row.started_at)
            case Follows.COMPLETED | Follows.TERMINATED:
                self._ended(row.workflow, row.status, row.started_at)
            case Follows.RECORDED:
                self.known[row.workflow] = Known(row.status, row.started_at)
                self.recorded.append(row.workflow)
            case _:
                pass
        if finding.look:
            self._status_look(row.workflow, now)

    def _status_look(self, workflow: str, now: float) -> None:
        self.hints += 1
        known, status = self.known[workflow], self.server.status(workflow, now)
        assert known.started_at is not None
        if status.ended:
            self._ended(workflow, status, known.started_at)
        else:
            self.known[workflow] = findings.looked(known, status, at(now))

    def _ended(self, workflow: str, status: Status, started_at: datetime) -> None:
        self.told.append((workflow, status))
        self.known[workflow] = Known(status, started_at)
        self.running.remove(workflow, started_at)

    def _forgotten(self, known: Known) -> bool:
        return known.started_at is not None and forgettable(self.sweep, known.started_at)
