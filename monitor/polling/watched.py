"""One watched target of the running daemon, and the registry of all of them: others subscribe to it."""

import asyncio
from collections.abc import Iterator, Mapping, ValuesView
from datetime import datetime
from typing import Protocol

from monitor.core.detection.unanswered import NO_SILENCE
from monitor.core.model import Outcome, Status, Target, TargetKey, TargetState
from monitor.core.records import PollTrace


class CountedGroup:
    """Targets of one definition, version and status that are counted together; see `definition_counts.py`."""

    __slots__ = ("begun", "number", "status", "version")

    def __init__(self, version: int | None, status: Status, begun: bool) -> None:
        """`begun`: whether it is known when they started."""
        self.version = version
        self.status = status
        self.begun = begun
        self.number = 0


class Watched:
    """One target of the running daemon: its configuration, its last known state, its last polls."""

    __slots__ = (
        "counted",
        "ended_at",
        "failures",
        "followed",
        "judging",
        "last_seen_at",
        "silence",
        "state",
        "target",
        "traces",
    )

    def __init__(self, target: Target, state: TargetState, last_seen_at: datetime | None) -> None:
        self.target = target
        self.state = state
        self.last_seen_at = last_seen_at
        """The last answer (200); kept in memory, written to the store within a minute."""
        self.traces: list[PollTrace] = []
        """The last few polls worth a note, oldest first: the newest, and those that failed or brought an event."""
        self.ended_at: datetime | None = state.since if state.status.ended else None
        """When the monitor learned that it had ended."""
        self.failures = 0
        """Consecutive polls without an answer about the instance."""
        self.silence = NO_SILENCE
        """For how long it alone has had no usable answer."""
        self.followed: TargetState | None = None
        """The state that its next deadline was taken from."""
        self.counted: CountedGroup | None = None
        """The group that it is counted in; None: in none."""
        self.judging: asyncio.Event | None = None
        """Set once a check without a poll, which is being committed, is over: a poll waits for it."""

    @property
    def answered(self) -> bool:
        """Whether it has answered since it is watched, or has ended, so that it is not polled any more."""
        return self.ended_at is not None or any(trace.outcome is Outcome.OK for trace in self.traces)

    def succeed(self, other: "Watched") -> None:
        """The target left and came back while `other` was being polled: what that poll learned holds."""
        self.state, self.last_seen_at, self.ended_at = other.state, other.last_seen_at, other.ended_at
        self.traces, self.failures, self.silence = other.traces, other.failures, other.silence


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
    """Every target that is shown: those that are polled, and those that ended within the retention."""

    def __init__(self) -> None:
        self._by_key: dict[TargetKey, Watched] = {}
        self._observers: list[TargetObserver] = []

    def subscribe(self, observer: TargetObserver) -> None:
        """The observer is called for every change from now on, after those that subscribed before."""
        self._observers.append(observer)

    def add(self, watched: Watched) -> None:
        self._by_key[watched.target.key] = watched
        for observer in self._observers:
            observer.target_added(watched.target, watched.state)

    def changed(self, watched: Watched) -> None:
        """A watched target has another configuration."""
        for observer in self._observers:
            observer.target_changed(watched.target, watched.state)

    def remove(self, key: TargetKey) -> None:
        """Unknown keys are ignored."""
        if key in self._by_key:
            for observer in self._observers:
                observer.target_removed(key)
            del self._by_key[key]

    def polled(self, key: TargetKey) -> None:
        """A poll of the target has ended; ignored if the target is not watched any more."""
        if key in self._by_key:
            for observer in self._observers:
                observer.target_polled(key)

    def peek(self, key: TargetKey) -> Watched | None:
        """To be read only. None: it is not watched."""
        return self._by_key.get(key)

    def __getitem__(self, key: TargetKey) -> Watched:
        return self._by_key[key]

    def __iter__(self) -> Iterator[TargetKey]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def values(self) -> ValuesView[Watched]:
        return self._by_key.values()
