"""Publishes terminations that lists show, if there are too many to explain each within `api.timeout`.

`core/discovery/storm.py` decides: a sample of each version is looked at first; once it is explained, the others are
published from their rows. Those that are few are looked at, and have their events from that. None waits for ever: if no
look comes, it is published with cause `unknown`. What is published before its own look is explained later, by
`LateExplainer`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from monitor.aio import TURN, at_most, beating
from monitor.core.detection.late import explanation, sampled_cause
from monitor.core.discovery.storm import Choice, Ended, SampleExplanation, StormSample, choose, explainable
from monitor.core.model import Cause, DefinitionVersion, Event, SampledCause, Target, TargetKey, TargetState
from monitor.polling.explained_ends import ExplainedEnds
from monitor.polling.late_explainer import LateExplainer
from monitor.polling.listed_ends import ListedEnd, ListedEnds
from monitor.polling.scheduler import Scheduler
from monitor.polling.watched import WatchedTargets
from monitor.store import StoreUnavailable
from monitor.upstream.rate_limiter import RateLimiter

_LOOK_AGAIN: Final = 1.0
"""Seconds between two checks of ends that wait."""
_FRESH: Final = 30.0
"""Seconds that a sample speaks for ends that are listed later."""
_PATIENCE: Final = 2.0
"""Times `api.timeout` that an end waits whose look is called for: its status and its errors may take that long."""
_AFTER_A_FAULT: Final = 5.0


class _Pending:
    """A termination that is listed and not published."""

    __slots__ = ("end", "looked", "since", "version", "waits")

    def __init__(self, end: ListedEnd, version: DefinitionVersion, since: float) -> None:
        self.end = end
        self.version = version
        self.since = since
        self.looked = False
        """Whether its status is to be looked at first."""
        self.waits = False
        """Whether it is published as soon as the sample of its version is explained."""


class _Sampling:
    """What the looks at terminations of one version have said of late."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.wanted = 0
        """Looks that were called for and have not failed."""
        self.explained: list[Event] = []
        self._explanations: tuple[SampleExplanation, ...] = ()
        self._told: tuple[int, SampledCause] = -1, SampledCause()

    def add(self, event: Event) -> None:
        self.explained.append(event)
        self._explanations = (*self._explanations, explanation(event))

    def speaks(self, now: float, timeout: float) -> bool:
        return StormSample(self.wanted, self._explanations, self.began_at).speaks(now, timeout)

    def cause(self) -> SampledCause:
        """The same object as long as nothing more is explained."""
        if self._told[0] != len(self.explained):
            self._told = len(self.explained), sampled_cause(self.explained)
        return self._told[1]


class StormTeller:
    """`run` is its loop; a `TargetObserver` beside that."""

    def __init__(
        self,
        ends: ListedEnds,
        scheduler: Scheduler,
        targets: WatchedTargets,
        *,
        gates: Mapping[str, RateLimiter],
        explained: ExplainedEnds,
        late: LateExplainer,
        timeout: float,
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`timeout`: of the API, in seconds. `late` explains later what is published without a look."""
        self._ends = ends
        self._scheduler = scheduler
        self._targets = targets
        self._gates = gates
        self._explained = explained
        self._late = late
        self._timeout = timeout
        self._fault = fault
        self._pending: dict[TargetKey, _Pending] = {}
        self._samples: dict[DefinitionVersion, _Sampling] = {}
        self._wake = asyncio.Event()
        self._time = asyncio.get_running_loop().time

    def listed(self, version: DefinitionVersion, rows: Sequence[ListedEnd]) -> set[TargetKey]:
        """These have terminated; the result: those of them whose status is looked at first."""
        now = self._time()
        new = {end[0]: end for end in rows if self._is_news(end[0])}
        if not new:
            return set()
        choice = self._choose(version, [Ended(key, version, row.completed_at) for key, row in new.values()], now)
        self._pending |= {key: _Pending(end, version, now) for key, end in new.items()}
        for one in choice.waiting:
            self._pending[one.key].waits = True
        self._late.hold(version.account, self._timeout)
        looked = {one.key for one in choice.first if self._look(one.key)}
        self._samples[version].wanted += len(looked)
        self._wake.set()
        return looked

    def _is_news(self, key: TargetKey) -> bool:
        watched = self._targets.get(key)
        return watched is not None and watched.ended_at is None and key not in self._pending

    def _choose(self, version: DefinitionVersion, ended: Iterable[Ended], now: float) -> Choice:
        sample = self._samples.get(version)
        if sample is None or now - sample.began_at > _FRESH:
            sample = self._samples[version] = _Sampling(now)
        gate = self._gates.get(version.account)
        rate = gate.requests_per_second if gate is not None and gate.open else 0.0
        waiting = sum([one.looked for key, one in self._pending.items() if key.account == version.account])
        return choose(ended, explainable(rate, self._timeout, waiting), {version: sample.wanted})

    def _look(self, key: TargetKey) -> bool:
        looks = self._scheduler.in_flight(key) or self._scheduler.poll_now(key, confirms=True)
        self._pending[key].looked = looks
        return looks

    # --- observes what is watched ---

    def target_added(self, target: Target, state: TargetState) -> None:
        """Lists come before."""

    def target_changed(self, target: Target, state: TargetState) -> None:
        """Its configuration makes no difference here."""

    def target_removed(self, key: TargetKey) -> None:
        if (pending := self._pending.pop(key, None)) is not None:
            self._without_look(pending)

    def target_polled(self, key: TargetKey) -> None:
        if (pending := self._pending.get(key)) is None:
            return
        event = self._explained.take(key)
        watched = self._targets[key]
        if watched.state.status.ended:
            del self._pending[key]
            if watched.state.sampled is not None or not watched.whole:
                self._late.owe(key)
        sample = self._samples.get(pending.version)
        if sample is not None and event is not None and event.cause is not Cause.UNKNOWN:
            sample.wanted += not pending.looked
            sample.add(event)
        else:
            self._without_look(pending)
        self._wake.set()

    def _without_look(self, pending: _Pending) -> None:
        """Its look has not explained it, or is not made."""
        sample = self._samples.get(pending.version)
        if pending.looked and sample is not None:
            sample.wanted -= 1
        pending.looked = False

    # --- the loop ---

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._wake.clear()
            pause = await beating(self._turn_safely(), beat)
            await at_most(pause, self._wake.wait())

    async def _turn_safely(self) -> float:
        try:
            await self._publish_due()
        except StoreUnavailable:
            return _AFTER_A_FAULT  # the writer reports it
        except Exception as error:  # noqa: BLE001 - a fault of ours in one turn must not end the others
            self._fault("storms", error)
            return _AFTER_A_FAULT
        return _LOOK_AGAIN if self._pending else TURN

    async def _publish_due(self) -> None:
        now = self._time()
        due: dict[DefinitionVersion, list[ListedEnd]] = {}
        speaks = {version: one.speaks(now, self._timeout) for version, one in self._samples.items()}
        for key, one in self._pending.items():
            is_due = (one.waits and speaks.get(one.version, True)) or now - one.since >= self._longest(one)
            if is_due and not self._scheduler.in_flight(key):
                due.setdefault(one.version, []).append(one.end)
        for version, ends in due.items():
            sample = self._samples.get(version)
            await self._publish(ends, sample.cause() if sample is not None else SampledCause())
        for version in [version for version, one in self._samples.items() if now - one.began_at > 2 * _FRESH]:
            del self._samples[version]

    def _longest(self, one: _Pending) -> float:
        """Seconds that it may wait."""
        return self._timeout if one.waits else self._timeout * _PATIENCE

    async def _publish(self, ends: Sequence[ListedEnd], sampled: SampledCause) -> None:
        await self._ends.publish(ends, sampled)
        for key, _ in ends:
            watched = self._targets.get(key)
            if watched is None or watched.ended_at is not None:
                self._pending.pop(key, None)
