"""A page of a long list of targets, selected without blocking the loop."""

import enum
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec

from monitor.aio import chunks
from monitor.core.model import Status, Target, TargetKey
from monitor.core.text.summary import target_label
from monitor.polling.watched import Watched

_CHUNK = 1000
"""Targets that are checked in one slice; a few milliseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NEVER: Final = 1e18
"""Microseconds; behind every moment in either direction."""


class Order(enum.StrEnum):
    """The orders of targets; of equal ones the keys decide. Those without a moment come last."""

    KEY = "id"
    NAME = "name"
    SINCE = "since"
    NEWLY_SINCE = "-since"
    STARTED = "started"
    NEWLY_STARTED = "-started"

    @property
    def by_time(self) -> bool:
        return self not in (Order.KEY, Order.NAME)


Place = tuple[str | float, TargetKey]
"""The place of a target in an order; places of one order are comparable."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The requested targets."""

    limit: int
    order: Order = Order.KEY
    after: Place | None = None
    """Only targets behind this place, whose target need not exist any more."""
    account: str | None = None
    definition: str | None = None
    """The id, or the name."""
    status: Status | None = None
    version: int | None = None
    label: tuple[str, str | None] | None = None
    """Its name and its value; a value of None: any."""
    text: str | None = None
    """A part of an id, a name or the value of a label; case makes no difference."""

    def holds(self, watched: Watched) -> bool:
        """Whether the filters that a key alone cannot answer let it pass."""
        target, state = watched.target, watched.state
        return (
            (self.status is None or state.status is self.status)
            and (self.definition is None or self.definition in (target.key.definition, target.definition_name))
            and (self.version is None or state.version == self.version)
            and (self.label is None or _has_label(target, *self.label))
            and (self.text is None or _has_text(target, self.text.casefold()))
        )

    def definitions(self, found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those that may have such targets, in the order of their keys."""
        first = self.after[1][:2] if self.order is Order.KEY and self.after is not None else ()
        return sorted(one for one in found if self.account in (None, one[0]) and one >= first)

    def keys(self, some: Iterable[TargetKey], last: Place | None) -> Iterable[TargetKey]:
        """Those that, if keys are the order, are behind `after` and before `last`."""
        if self.order is not Order.KEY:
            return some
        if self.after is not None:
            first = self.after[1]
            some = [key for key in some if key > first]
        return some if last is None else [key for key in some if key < last[1]]

    def place(self, watched: Watched) -> Place:
        return place(watched, self.order)


class Targets(Protocol):
    """Where targets are read; a part of `View`."""

    def watched_definitions(self) -> Sequence[tuple[str, str]]: ...
    def keys_of(self, account: str, definition: str) -> Sequence[TargetKey]: ...
    def target(self, key: TargetKey) -> Watched | None: ...


async def page(targets: Targets, selection: Selection) -> tuple[list[Watched], Place | None]:
    """The first targets of the selection in its order, and the place of the last of them if there are more.

    A client that follows the pages gets every target that exists from the first page to the last, and keeps its place,
    exactly once.
    """
    most = selection.limit + 1
    best: list[tuple[Place, Watched]] = []
    for about in selection.definitions(targets.watched_definitions()):
        if selection.order is Order.KEY and len(best) == most:
            break  # all other keys are behind
        async for some in chunks(targets.keys_of(*about), _CHUNK):
            best = _best(targets, selection, best, some)
    found = best[: selection.limit]
    return [watched for _, watched in found], found[-1][0] if len(best) == most else None


def _best(
    targets: Targets, selection: Selection, best: list[tuple[Place, Watched]], some: Sequence[TargetKey]
) -> list[tuple[Place, Watched]]:
    most, behind = selection.limit + 1, selection.after
    last = best[-1][0] if len(best) == most else None
    asked = (targets.target(key) for key in selection.keys(some, last))
    fit = [(selection.place(one), one) for one in asked if one is not None and selection.holds(one)]
    fit = [one for one in fit if (behind is None or one[0] > behind) and (last is None or one[0] < last)]
    return sorted([*best, *fit], key=_place_of)[:most] if fit else best


def _place_of(ranked: tuple[Place, Watched]) -> Place:
    return ranked[0]


def place(watched: Watched, order: Order) -> Place:
    target, state = watched.target, watched.state
    match order:
        case Order.KEY:
            return "", target.key
        case Order.NAME:
            return label_of(target).casefold(), target.key
        case Order.SINCE:
            return _rank(state.since), target.key
        case Order.NEWLY_SINCE:
            return _rank(state.since, -1), target.key
        case Order.STARTED:
            return _rank(state.started_at), target.key
        case Order.NEWLY_STARTED:
            return _rank(state.started_at, -1), target.key


def _rank(at: datetime | None, sign: int = 1) -> float:
    return _NEVER if at is None else sign * float((at - _EPOCH) // _MICROSECOND)


def label_of(target: Target) -> str:
    """For people."""
    return target_label(target.name, target.definition_name, target.key.definition, target.key.workflow)


def _has_label(target: Target, name: str, value: str | None) -> bool:
    found = target.labels.get(name)
    return found is not None and value in (None, found)


def _has_text(target: Target, text: str) -> bool:
    names = (target.key.workflow, target.key.definition, target.name, target.definition_name, target.definition_alias)
    return any(text in word.casefold() for word in (*names, *target.labels.values()) if word)
