"""One watched target of the running daemon, and the registry of all of them: others subscribe to it.

Memory holds an index of all targets, and the full beliefs of those that were polled last, up to a bound. What is not
among these is made from the index when it is asked for: its state then is what the index has (status, version, times,
revision), until `Poller` reads the rest from the store.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Final, Protocol

from monitor.aio import in_chunks
from monitor.core import step_log
from monitor.core.detection.unanswered import NO_SILENCE, Silence
from monitor.core.model import Cause, Status, Target, TargetKey, TargetState
from monitor.core.records import PollTrace
from monitor.polling.definition_targets import DefinitionTargets
from monitor.polling.shared_settings import OWN
from monitor.polling.target_index import Glance, IndexRow, TargetIndex

MOST_CACHED: Final = 50_000
_NO_GROUP: Final = -1
_DROPPED_AT_ONCE: Final = 16
"""A smaller bound is reached step by step, so that it holds nobody up."""


class CountedGroup:
    """Targets of one definition, version and status that are counted together; see `definition_counts.py`."""

    __slots__ = ("begun", "number", "place", "status", "version")

    def __init__(self, version: int | None, status: Status, begun: bool) -> None:
        """`begun`: whether it is known when they started."""
        self.version = version
        self.status = status
        self.begun = begun
        self.number = 0
        self.place: int | None = None
        """Among the groups of the registry; None: it is not there yet."""


class Watched:
    """One target of the running daemon: its configuration, its last known state, its last polls."""

    __slots__ = (
        "counted",
        "ended_at",
        "failures",
        "followed",
        "heard",
        "in_use",
        "judging",
        "last_seen_at",
        "silence",
        "state",
        "target",
        "traces",
        "whole",
    )

    def __init__(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        self.target = target
        self.state = state
        self.last_seen_at = last_seen_at
        """The last answer (200); kept in memory, written to the store within a minute."""
        self.traces: tuple[PollTrace, ...] = ()
        """The last few polls worth a note, oldest first: the newest, and those that failed or brought an event."""
        self.ended_at: datetime | None = state.since if state.status.ended else None
        """When the monitor learned that it had ended."""
        self.failures = 0
        """Consecutive polls without an answer about the instance."""
        self.silence = NO_SILENCE
        """For how long it alone has had no usable answer."""
        self.heard = False
        """Whether it has answered since it is watched."""
        self.followed: TargetState | None = None
        """The state that its next deadline was taken from."""
        self.counted: CountedGroup | None = None
        """The group that it is counted in; None: in none."""
        self.judging: asyncio.Event | None = None
        """Set once a check without a poll, which is being committed, is over: a poll waits for it."""
        self.whole = True
        """Whether its state is the full belief, or what the index has of it."""
        self.in_use = 0
        """Polls and checks under way: what they change must not be forgotten."""

    @property
    def answered(self) -> bool:
        """Whether it has answered since it is watched, or has ended, so that it is not polled any more."""
        return self.ended_at is not None or self.heard

    @property
    def failed(self) -> bool:
        """Terminated by a fault, or under way with a failed step that was not retried."""
        state = self.state
        if state.status is Status.COMPLETE:
            return False
        return state.cause is Cause.FAULT or step_log.has_failed(state.steps)

    @contextmanager
    def held(self) -> Iterator[None]:
        """It stays the same object in the registry meanwhile."""
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1

    def succeed(self, other: "Watched") -> None:
        """The target left and came back while `other` was being polled: what that poll learned holds."""
        self.state, self.last_seen_at, self.ended_at = other.state, other.last_seen_at, other.ended_at
        self.traces, self.failures, self.silence = other.traces, other.failures, other.silence
        self.heard, self.whole = other.heard, other.whole


class TargetObserver(Protocol):
    """Follows the watched targets. Called in the loop's thread; must not wait."""

    def target_added(self, target: Target, state: TargetState, /) -> None: ...
    def target_changed(self, target: Target, state: TargetState, /) -> None:
        """A watched target has another configuration; its key is the same."""
        ...

    def target_removed(self, key: TargetKey, /) -> None:
        """It is watched no more from now on; the registry still has it."""
        ...

    def target_polled(self, key: TargetKey, /) -> None:
        """One of its polls has ended, whatever came of it."""
        ...


class WatchedTargets(Mapping[TargetKey, Watched]):
    """Every target that is shown: those that are polled, and those that ended within the retention.

    A target that was asked for is the same object as long as it is in use, or cached: whatever changes one gets it here
    first, and holds it across a wait. `peek` and `values` make objects to be read only, and cache none.
    """

    def __init__(self, most: Callable[[], int] = lambda: MOST_CACHED) -> None:
        """`most`: targets that are cached, as configured now."""
        self._most = most
        self._definitions: dict[tuple[str, str], DefinitionTargets] = {}
        self._index = TargetIndex()
        self._cached: OrderedDict[int, Watched] = OrderedDict()
        """By number, the least recently polled first."""
        self._own: dict[int, Target] = {}
        """Configurations that are not shared, of what is not cached."""
        self._silences: dict[int, Silence] = {}
        """Of what is not cached and has had no usable answer for a while."""
        self._groups: list[CountedGroup] = []
        """Those that targets are counted in that are not cached."""
        self._observers: list[TargetObserver] = []

    def subscribe(self, observer: TargetObserver) -> None:
        """The observer is called for every change from now on, after those that subscribed before."""
        self._observers.append(observer)

    # --- changes ---

    def add(self, watched: Watched) -> None:
        """Its key must not be there yet. If there is no room for one more, it is not cached."""
        account, id_, workflow = watched.target.key
        about = self._definitions.get((account, id_))
        if about is None:
            about = self._definitions[account, id_] = DefinitionTargets(account, id_)
        number = about.numbers[workflow] = self._index.allot()
        self._cached[number] = watched
        for observer in self._observers:
            observer.target_added(watched.target, watched.state)
        if len(self._cached) > self._bound() and not watched.in_use and self._cached.get(number) is watched:
            self._drop(number, watched, about)

    def changed(self, watched: Watched) -> None:
        """A watched target has another configuration."""
        with watched.held():
            for observer in self._observers:
                observer.target_changed(watched.target, watched.state)

    def remove(self, key: TargetKey) -> None:
        """Unknown keys are ignored."""
        if key not in self:
            return
        with self[key].held():
            for observer in self._observers:
                observer.target_removed(key)
        about = self._definitions[key[:2]]
        number = about.numbers.pop(key.workflow)
        del self._cached[number]
        self._index.free(number)

    def polled(self, key: TargetKey) -> None:
        """A poll of the target has ended; ignored if the target is not watched any more."""
        if (number := self._number(key)) is None:
            return
        watched = self._at(number, key)
        self._cached.move_to_end(number)
        with watched.held():
            for observer in self._observers:
                observer.target_polled(key)
        self._make_room()

    async def rename(self, account: str, definition: str, change: Callable[[Target], Target]) -> None:
        """Change the configuration of all targets of a definition without telling anybody, nor holding the loop."""
        about = self._definitions.get((account, definition))
        if about is None:
            return

        def change_one(number: int) -> None:
            if (watched := self._cached.get(number)) is not None and watched.target.key[:2] == (account, definition):
                watched.target = change(watched.target)
            elif (target := self._own.get(number)) is not None and target.key[:2] == (account, definition):
                self._own[number] = change(target)

        about.settings.change(change)
        await in_chunks([*self._cached, *self._own], change_one)

    # --- what there is ---

    def glance(self, key: TargetKey) -> Glance | None:
        """What the index has of it, without making an object; None: it is not watched."""
        about = self._definitions.get(key[:2])
        number = about.numbers.get(key[2]) if about is not None else None
        if number is None:
            return None
        watched = self._cached.get(number)
        if watched is None:
            return self._index.glance(number)
        state = watched.state
        return Glance(state.status, state.version, state.started_at, watched.ended_at is not None)

    def peek(self, key: TargetKey) -> Watched | None:
        """To be read only. None: it is not watched."""
        number = self._number(key)
        if number is None:
            return None
        return self._cached.get(number) or self._made(number, key)

    def definitions(self) -> Sequence[tuple[str, str]]:
        """The account and the id of each definition that has, or had, a target."""
        return list(self._definitions)

    def keys_of(self, account: str, definition: str) -> Sequence[TargetKey]:
        """The targets of one definition, in any order, as they are now."""
        about = self._definitions.get((account, definition))
        return about.keys() if about is not None else ()

    def failures_of(self, account: str, definition: str) -> Iterator[tuple[int | None, bool]]:
        """The version of each target of one definition, and whether it has failed."""
        about = self._definitions.get((account, definition))
        for number in about.numbers.values() if about is not None else ():
            watched = self._cached.get(number)
            if watched is None:
                yield self._index.version(number), self._index.failed(number)
            else:
                yield watched.state.version, watched.failed if watched.whole else self._index.failed(number)

    def looked_at(self, key: TargetKey) -> datetime | None:
        """When it was last seen, or found; None for what has ended, has vanished, or is not watched."""
        number = self._number(key)
        if number is None:
            return None
        if (watched := self._cached.get(number)) is None:
            return self._index.looked_at(number)
        if watched.ended_at is not None or watched.state.status is Status.NOT_FOUND:
            return None
        return watched.last_seen_at or watched.state.since

    def __getitem__(self, key: TargetKey) -> Watched:
        if (number := self._number(key)) is None:
            raise KeyError(key)
        return self._at(number, key)

    def __iter__(self) -> Iterator[TargetKey]:
        for about in self._definitions.values():
            for workflow in about.numbers:
                yield TargetKey(about.account, about.id, workflow)

    def __len__(self) -> int:
        return sum([len(about.numbers) for about in self._definitions.values()])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self._number(key) is not None

    def values(self) -> ValuesView[Watched]:
        """To be read only."""
        return _Peeked(self)

    # --- what is cached ---

    def _number(self, key: Sequence[str]) -> int | None:
        about = self._definitions.get((key[0], key[1]))
        return None if about is None else about.numbers.get(key[2])

    def _bound(self) -> int:
        return max(self._most(), 1)

    def _at(self, number: int, key: TargetKey) -> Watched:
        watched = self._cached.get(number)
        if watched is None:
            watched = self._made(number, key)
            if self._index.settings[number] == OWN:
                del self._own[number]
            else:
                self._definitions[key[:2]].settings.release(self._index.settings[number])
            self._silences.pop(number, None)
            self._cached[number] = watched
            with watched.held():
                self._make_room()
        return watched

    def _made(self, number: int, key: TargetKey) -> Watched:
        row, place = self._index.row(number), self._index.settings[number]
        target = self._own[number] if place == OWN else self._definitions[key[:2]].settings.take(place, key)
        state = TargetState(
            key=target.key,
            status=row.status,
            since=row.since,
            version=row.version,
            started_at=row.started_at,
            revision=row.revision,
        )
        watched = Watched(target, state, row.last_seen_at)
        watched.ended_at, watched.failures, watched.heard = row.ended_at, row.failures, row.heard
        watched.silence = self._silences.get(number, NO_SILENCE)
        group = self._index.groups[number]
        watched.counted = self._groups[group] if group != _NO_GROUP else None
        watched.whole = not row.revision
        return watched

    def _make_room(self) -> None:
        """Forget the beliefs of those that were polled least recently; the store has them."""
        excess = len(self._cached) - self._bound()
        if excess <= 0:
            return
        for number, watched in list(islice(self._cached.items(), min(excess + 1, _DROPPED_AT_ONCE))):
            if watched.in_use:
                self._cached.move_to_end(number)
            elif len(self._cached) > self._bound():
                self._drop(number, watched, self._definitions[watched.target.key[:2]])

    def _drop(self, number: int, watched: Watched, about: DefinitionTargets) -> None:
        index, state = self._index, watched.state
        failed = watched.failed if watched.whole else index.failed(number)
        index.put(
            number,
            IndexRow(
                state.status,
                state.version,
                state.revision,
                state.since,
                state.started_at,
                watched.last_seen_at,
                watched.ended_at,
                watched.failures,
                watched.heard,
                failed,
            ),
        )
        index.settings[number] = place = about.settings.share(watched.target)
        if place == OWN:
            self._own[number] = watched.target
        index.groups[number] = self._group(watched.counted)
        if watched.silence is not NO_SILENCE:
            self._silences[number] = watched.silence
        del self._cached[number]

    def _group(self, group: CountedGroup | None) -> int:
        if group is None:
            return _NO_GROUP
        if group.place is None:
            group.place = len(self._groups)
            self._groups.append(group)
        return group.place


class _Peeked(ValuesView[Watched]):
    """Every target, to be read only."""

    _mapping: WatchedTargets

    def __iter__(self) -> Iterator[Watched]:
        for key in self._mapping:
            watched = self._mapping.peek(key)
            if watched is not None:
                yield watched
