"""One turn of a target: observe, detect, commit.

`commit` is the only write on this path. What is believed in memory changes only after it, and a failed poll changes
nothing that is believed.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from monitor.alerting.publisher import Publisher
from monitor.core.alerts import AlertEnd, Closing
from monitor.core.commits import Change
from monitor.core.detection.blindness import Site
from monitor.core.detection.detect import Detection, Policy, detect, overdue
from monitor.core.detection.overdue import next_deadline
from monitor.core.detection.unanswered import heard
from monitor.core.event_types import EventType
from monitor.core.listing import ListedInstance
from monitor.core.model import (
    Event,
    Observation,
    Outcome,
    PollFailed,
    SampledCause,
    Seen,
    Snapshot,
    Status,
    StepStatus,
    Target,
    TargetState,
)
from monitor.core.records import ListedEndRecord, PollRecord, PollTrace
from monitor.polling.step_limits import StepLimits
from monitor.polling.watched import Watched
from monitor.store import Store, StoreUnavailable, Writer
from monitor.upstream.client import Client
from monitor.upstream.rate_limiter import Permit

_TRACES = 5
_NO_DRIFTS: frozenset[str] = frozenset()


class Polled(NamedTuple):
    """What came of a poll."""

    before: TargetState
    last_seen_at: datetime | None
    """The last answer before this one."""
    events: tuple[Event, ...]
    failed: bool


class Poller:
    """Takes turns. Any number of turns run at once, at most one per target."""

    def __init__(
        self,
        publisher: Publisher,
        client: Client,
        writer: Writer,
        store: Store,
        limits: StepLimits,
        *,
        policy: Callable[[], Policy],
        errors_patience: float,
        now: Callable[[], datetime],
        report: Callable[[PollRecord], None],
        report_listed: Callable[[ListedEndRecord], None],
        skew: Callable[[str], float],
        answered_at: Callable[[str], float | None],
        site: Callable[[str], Site],
    ) -> None:
        """`policy`: as configured now. `errors_patience`: seconds that an alert waits for its explanation.

        `skew`: seconds that an account's API is ahead of us. `answered_at`: when an account last answered about any
        target, by the loop's clock. `site`: the address that an account asks, for texts.
        """
        self._publisher = publisher
        self._limits = limits
        self._policy = policy
        self._errors_patience = errors_patience
        self._client = client
        self._writer = writer
        self._store = store
        self._now = now
        self._report = report
        self._report_listed = report_listed
        self._skew = skew
        self._answered_at = answered_at
        self._site = site
        self._time = asyncio.get_running_loop().time
        self.drifts: dict[str, frozenset[str]] = {}
        """Per account, the kinds of drift that were told."""

    async def poll(self, watched: Watched, permit: Permit, delay: float, *, confirms: bool = False) -> Polled:
        """One poll of `watched`, `delay` seconds after it was due; returns after its change is durable.

        `confirms`: a list called for it.
        """
        with watched.held():
            try:
                await self.recall(watched)
            except StoreUnavailable:
                self._client.forgo(permit)
                raise
            return await self._poll(watched, permit, delay, confirms=confirms)

    async def recall(self, watched: Watched) -> None:
        """Read the rest of its belief from the store, unless it is at hand. Raises StoreUnavailable."""
        if watched.whole:
            return
        found = await self._store.load_target(watched.target.key)
        if not watched.whole:  # nobody else has read it meanwhile
            watched.state, watched.whole = found[0] if found else TargetState(key=watched.target.key), True

    async def recall_all(self, some: Sequence[Watched]) -> None:
        """The same for a few hundred at most, which may be read only."""
        missing = {one.target.key: one for one in some if not one.whole}
        found = {state.key: state for state, _ in await self._store.load_some(list(missing))} if missing else {}
        for key, watched in missing.items():
            if watched.whole:  # somebody else has read it meanwhile
                continue
            watched.state, watched.whole = found.get(key) or TargetState(key=key), True

    async def _poll(self, watched: Watched, permit: Permit, delay: float, *, confirms: bool) -> Polled:
        key, before, sent_at = watched.target.key, watched.state, self._now()
        try:
            observation = await self._client.status(key, permit, confirms=confirms)
        except Exception:
            self._hear(watched, Outcome.CONNECTION)  # a fault of ours: there was no answer
            raise
        observed_at, last_seen_at = self._now(), watched.last_seen_at
        failed = observation if isinstance(observation, PollFailed) else None
        outcome = failed.outcome if failed else Outcome.OK
        self._hear(watched, outcome)
        if isinstance(observation, Seen) and _wants_errors(watched.state, observation.snapshot):
            observation = await self._explained(watched.target, observation)
        while watched.judging is not None:
            await watched.judging.wait()
        verdict = self._detect(watched, observation, observed_at)
        events: tuple[Event, ...] = ()
        done_at = observed_at
        if verdict.changed or verdict.events:
            events, done_at = await self._commit(watched, verdict) or (), self._now()
        if isinstance(observation, Seen):
            watched.last_seen_at = observed_at
            self._writer.touch(key, observed_at)
        # A 404 is an answer: what vanished is looked for at its own pace, so that its return is told soon.
        watched.failures = watched.failures + 1 if failed and outcome is not Outcome.NOT_FOUND else 0
        if watched.ended_at is None and watched.state.status.ended:
            watched.ended_at = observed_at
        if watched.state is not before:
            self._limits.learn(key, before, watched.state)
        record = PollRecord(
            target=watched.target,
            before=before.status,
            state=watched.state,
            changed=watched.state is not before,
            outcome=outcome,
            detail=failed.detail if failed else verdict.reason,
            events=events,
            delay=delay,
            duration=(done_at - sent_at).total_seconds(),
            observed_at=observed_at,
            skew=self._skew(key.account),
        )
        _note(watched, record)
        self._report(record)
        if isinstance(observation, Seen):
            _share(watched, observation.snapshot)
        return Polled(before, last_seen_at, events, failed=failed is not None)

    def _hear(self, watched: Watched, outcome: Outcome) -> None:
        target = watched.target
        answered_at = self._answered_at(target.key.account)
        watched.silence = heard(watched.silence, outcome, target.interval, self._time(), answered_at)

    async def check_overdue(self, watched: Watched) -> tuple[Event, ...]:
        """Without a poll: what is overdue by what is believed, and what is so no more; the events that were stored.

        Not while a turn of the target is under way; a turn that begins meanwhile waits with its own judgement.
        """
        with _judging(watched):
            await self.recall(watched)
            while (verdict := self._overdue(watched)).changed:
                if (events := await self._commit(watched, verdict)) is not None:
                    return events
        return ()

    async def end_listed(
        self, watched: Watched, row: ListedInstance, sampled: SampledCause | None = None
    ) -> tuple[Event, ...]:
        """A list shows that it has ended, which is true for good; the events that were stored. Without a poll.

        `sampled`: the cause of a termination, as that of others tells it. It is also what the state remembers until
        its own explanation has come.
        Not while a poll of the target is under way; a poll that begins meanwhile waits.
        """
        events: tuple[Event, ...] | None = None
        with _judging(watched):
            await self.recall(watched)
            before, now, skew = watched.state, self._now(), self._skew(watched.target.key.account)
            while events is None and not watched.state.status.ended:
                steps = watched.state.steps
                seen = Seen(
                    Snapshot(
                        status=row.status,
                        version=row.version,
                        started_at=row.started_at,
                        completed_at=row.completed_at,
                        steps=steps,
                    ),
                    sampled=sampled,
                )
                found = self._detect(watched, seen, now)
                told = [msgspec.structs.replace(event, listed=True) for event in found.events]
                events = await self._commit(watched, msgspec.structs.replace(found, events=tuple(told)))
        if watched.state.status.ended:
            watched.ended_at = watched.ended_at or now
            self._report_listed(ListedEndRecord(watched.target, before.status, watched.state, events or (), skew))
        return events or ()

    def show_name(self, watched: Watched) -> None:
        """Give the target its definition's name, which may have become known since."""
        watched.target = self.named(watched.target)

    def named(self, target: Target) -> Target:
        """With its definition's name."""
        name = target.definition_alias or self._limits.name(target.key)
        if name is not None and name != target.definition_name:
            return msgspec.structs.replace(target, definition_name=name)
        return target

    def _overdue(self, watched: Watched) -> Detection:
        self.show_name(watched)
        key, state = watched.target.key, watched.state
        return overdue(
            state,
            watched.target,
            self._now(),
            self._limits.limits_for(key, state.version),
            watched.last_seen_at,
            skew=self._skew(key.account),
        )

    def next_deadline(self, watched: Watched) -> datetime | None:
        """When something becomes overdue by the last known state, on our clock; it may have passed."""
        key, state = watched.target.key, watched.state
        moment = next_deadline(state, watched.target, self._limits.limits_for(key, state.version))
        try:
            return moment - timedelta(seconds=self._skew(key.account)) if moment is not None else None
        except OverflowError:  # at the end of the calendar the skew makes no difference
            return moment

    async def _explained(self, target: Target, seen: Seen) -> Seen:
        """With the cause, if the API tells it in time; the definition's name is waited for no longer."""
        naming = asyncio.ensure_future(self._hear_name(target))
        try:
            errors = await self._client.errors(target.key, self._errors_patience)
            if isinstance(errors, PollFailed):
                return seen
            await naming
        finally:
            naming.cancel()
        return Seen(seen.snapshot, errors)

    async def _hear_name(self, target: Target) -> None:
        if target.name is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._errors_patience):
                    await self._limits.hear_name(target.key)

    def _detect(self, watched: Watched, observation: Observation, now: datetime) -> Detection:
        self.show_name(watched)
        return detect(
            watched.state,
            watched.target,
            observation,
            last_seen_at=watched.last_seen_at,
            now=now,
            policy=self._policy(),
            known_drifts=self.drifts.get(watched.target.key.account, _NO_DRIFTS),
            limits=self._limits.limits_for(watched.target.key, _version(watched.state, observation)),
            skew=self._skew(watched.target.key.account),
            silence=watched.silence.lasted,
            site=self._site(watched.target.key.account),
        )

    async def _commit(self, watched: Watched, verdict: Detection) -> tuple[Event, ...] | None:
        """The state in memory follows the store. None: another writer came first, and its state was loaded."""
        over = [Closing(id_, AlertEnd.RESOLVED, self._now()) for id_ in verdict.over]
        change = Change(target=verdict.state if verdict.changed else None, closings=tuple(over))
        account = watched.target.key.account
        drifts = _drifts(verdict.events)
        # Known before they are durable: polls that end meanwhile show the same, and would tell it, too.
        self.drifts[account] = self.drifts.get(account, _NO_DRIFTS) | drifts
        try:
            committed, told = await self._publisher.commit(change, verdict.events)
        except Exception:
            self.drifts[account] -= drifts
            raise
        if committed.stale:
            self.drifts[account] -= drifts
            await self._catch_up(watched)
            return None
        if verdict.changed:
            revision = verdict.state.revision + 1
            watched.state = msgspec.structs.replace(verdict.state, revision=revision)
        return told

    async def _catch_up(self, watched: Watched) -> None:
        found = await self._store.load_target(watched.target.key)
        watched.state = found[0] if found else TargetState(key=watched.target.key)


@contextlib.contextmanager
def _judging(watched: Watched) -> Iterator[None]:
    """A poll of the target that begins meanwhile waits."""
    watched.judging = over = asyncio.Event()
    try:
        with watched.held():
            yield
    finally:
        over.set()
        watched.judging = None


def _drifts(events: Sequence[Event]) -> frozenset[str]:
    """The kinds of drift among them."""
    return frozenset([event.reason for event in events if event.type is EventType.SCHEMA_DRIFT and event.reason])


def _version(state: TargetState, observation: Observation) -> int | None:
    seen = observation.snapshot.version if isinstance(observation, Seen) else None
    return seen if seen is not None else state.version


def _wants_errors(state: TargetState, snapshot: Snapshot) -> bool:
    """Whether this answer brings something that needs an explanation from `/errors`."""
    if (snapshot.steps == state.steps and snapshot.status is state.status) or state.status.ended:
        return False
    return snapshot.status is Status.TERMINATED or any(
        step.status is StepStatus.FAILED and step.id not in state.told for step in snapshot.steps
    )


def _share(watched: Watched, snapshot: Snapshot) -> None:
    """Share one step log between the last known state and the response cache, if they are equal."""
    steps = watched.state.steps
    if steps is not snapshot.steps and steps == snapshot.steps:
        watched.state = msgspec.structs.replace(watched.state, steps=snapshot.steps)


def _note(watched: Watched, record: PollRecord) -> None:
    """Keep the poll among the traces; the next one replaces an unremarkable one."""
    trace = PollTrace(
        record.observed_at,
        record.outcome,
        record.detail,
        record.duration,
        tuple([event.type.value for event in record.events]),
    )
    before = watched.traces
    if before and not _remarkable(before[-1]):
        before = before[:-1]
    watched.traces = (*before, trace)[-_TRACES:]
    watched.heard = watched.heard or record.outcome is Outcome.OK


def _remarkable(trace: PollTrace) -> bool:
    return trace.outcome is not Outcome.OK or bool(trace.events)
