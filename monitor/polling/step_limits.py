"""How long the steps of each version of a definition may take: what it declares itself, and what was learned.

Also what people call the definition. It is asked for in the background (`definition_lookups.py`), once for each of its
versions, if a watched target has no configured limit for every step, or no name of its own.

What was learned is counted with every poll that sees a step finished, and written about once a minute; the first limit
of a step holds from when it is written, or a crash would take it back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from monitor.aio import TURN, at_most, beating
from monitor.core.detection.overdue import Limits
from monitor.core.detection.step_durations import Counts, add, completed_durations, p99
from monitor.core.detection.step_durations import at_most as counted_up_to
from monitor.core.model import DefinitionVersion, Target, TargetKey, TargetState
from monitor.polling.definition_lookups import DefinitionLookups, Library
from monitor.store import StoreUnavailable
from monitor.store.step_limits import Declared, DefinitionKey, StepDurations, StepLimitData, StepLimitStore
from monitor.upstream.wire_definitions import VersionHistory

_WRITE_EVERY = 60.0
_MOST_STEPS = 500
"""Steps of one version whose executions are counted; their names come from outside, and must not fill the memory."""
_EVERY_STEP = "*"


class _VersionLimits:
    """What is known of one version."""

    __slots__ = ("counts", "declared", "learned", "limits", "unproven")

    def __init__(self, slack: float) -> None:
        self.declared: Declared | None = None
        """None: not known yet."""
        self.counts: dict[str, Counts] = {}
        self.learned: dict[str, float] = {}
        self.unproven: set[str] = set()
        """Steps whose first limit is not written yet."""
        self.limits = Limits(slack=slack)

    def renew(self, slack: float) -> None:
        learned = {step: limit for step, limit in self.learned.items() if step not in self.unproven}
        self.limits = Limits(declared=self.declared or {}, learned=learned, slack=slack)

    def learn(self, step: str) -> bool:
        """Whether the limit learned for the step has changed."""
        limit, before = p99(self.counts[step]), self.learned.get(step)
        if limit is None:
            self.learned.pop(step, None)
        else:
            self.learned[step] = limit
        return limit != before


class StepLimits:
    """Of all versions of all definitions. `run` is its loop; the rest runs in the loop's thread and never waits."""

    def __init__(
        self,
        library: Library,
        shelf: StepLimitStore,
        *,
        slack: Callable[[], float],
        writable: Callable[[], Awaitable[object]],
        fault: Callable[[str, Exception], None],
        jitter: Callable[[], float],
        named: Callable[[str, str, str], None],
    ) -> None:
        """`slack`: seconds that are added to what is declared and learned, as configured now.

        `writable` returns as soon as the store takes commits. `jitter` gives numbers in [0, 1). `named` hears what
        people call a definition, at the start and each time that the API tells another name: account, definition, name.
        """
        self._shelf = shelf
        self._slack_now = slack
        self._slack = 0.0
        self._unknown = Limits(slack=self._slack)
        self.on_change: Callable[[DefinitionVersion, bool], None] = _ignore_limits
        """Called with each version whose limits have changed, and whether that is urgent."""
        self.on_name: Callable[[str, str], Awaitable[None]] = _ignore_name
        """Called with the account and id of each definition whose name has become known, or has changed."""
        self._fault = fault
        self._named = named
        self._names: dict[DefinitionKey, str] = {}
        """Empty: it has none, as of its versions that were read."""
        self._entries: dict[DefinitionVersion, _VersionLimits] = {}
        self._lookups = DefinitionLookups(library, self._take_in, writable=writable, fault=fault, jitter=jitter)
        self._unwritten: dict[tuple[DefinitionVersion, str], None] = {}
        self._write_soon = asyncio.Event()

    def restore(self, known: StepLimitData) -> None:
        """What was known at the last end; comes first of all."""
        self._slack = self._slack_now()
        self._unknown = Limits(slack=self._slack)
        self._names.update(known.names)
        for about, name in known.names.items():
            self._named(*about, name)
        for edition, declared in known.declared.items():
            self._entry(edition).declared = declared
        for edition, step, counts in known.experiences:
            entry = self._entry(edition)
            entry.counts[step] = counts
            entry.learn(step)
        for entry in self._entries.values():
            entry.renew(self._slack)

    def apply_slack(self) -> None:
        """Apply the configured slack, if it has changed."""
        if (slack := self._slack_now()) != self._slack:
            self._slack = slack
            self._unknown = Limits(slack=slack)
            for edition, entry in self._entries.items():
                entry.renew(slack)
                self.on_change(edition, True)

    # --- what is known ---

    def limits_for(self, key: TargetKey, version: int | None) -> Limits:
        """The limits of the steps of an instance of this version."""
        entry = (
            self._entries.get(DefinitionVersion(key.account, key.definition, version)) if version is not None else None
        )
        return entry.limits if entry is not None else self._unknown

    def declared(self, key: TargetKey, version: int | None, step: str) -> float | None:
        """Seconds that the definition says the step takes, or may take; None: it says nothing, or is not read yet."""
        return self.limits_for(key, version).declared.get(step)

    def durations(self, key: TargetKey, version: int | None, step: str) -> Sequence[tuple[float, int]]:
        """How long executions of the step took, as `at_most` of `core/detection/step_durations.py` says it."""
        if version is None:
            return ()
        entry = self._entries.get(DefinitionVersion(key.account, key.definition, version))
        return counted_up_to(entry.counts.get(step, ())) if entry is not None else ()

    def name(self, key: TargetKey) -> str | None:
        """What people call the target's definition, as the API tells it."""
        return self._names.get(DefinitionKey(key.account, key.definition)) or None

    async def hear_name(self, key: TargetKey) -> None:
        """For an event that is about to be told: ask for the definition's name before the polls, unless it is known."""
        if (about := DefinitionKey(key.account, key.definition)) not in self._names:
            await self._lookups.hurry(about)

    def request(self, target: Target, state: TargetState) -> None:
        """A target that is watched: ask for its definition, unless that is known or makes no difference."""
        named = target.name is not None
        if named and (state.status.ended or state.version is None or _EVERY_STEP in target.step_timeouts):
            return
        about = DefinitionKey(target.key.account, target.key.definition)
        version = state.version if self._is_unread(about, state.version) else None
        unnamed = not named and about not in self._names
        if version is not None or unnamed:
            self._lookups.want(about, version, unnamed=unnamed)

    def _is_unread(self, about: DefinitionKey, version: int | None) -> bool:
        if version is None:
            return False
        entry = self._entries.get(DefinitionVersion(*about, version))
        return entry is None or entry.declared is None

    def learn(self, key: TargetKey, before: TargetState, after: TargetState) -> None:
        """Count what finished between two beliefs about a target."""
        if after.version is None or after.steps is before.steps:
            return
        edition = DefinitionVersion(key.account, key.definition, after.version)
        entry = self._entry(edition)
        news = False
        for step, seconds in completed_durations(before.steps, after.steps):
            if (entry.declared or {}).get(step) is not None:
                continue  # what is declared goes before what is learned
            if step not in entry.counts and len(entry.counts) >= _MOST_STEPS:
                continue
            entry.counts[step] = add(entry.counts.get(step, ()), (seconds,))
            self._unwritten[edition, step] = None
            if not entry.learn(step):
                continue
            if step in entry.limits.learned:
                news = True
            elif step in entry.learned:
                entry.unproven.add(step)
                self._write_soon.set()
        if news:
            entry.renew(self._slack)
            self.on_change(edition, False)

    def _entry(self, edition: DefinitionVersion) -> _VersionLimits:
        entry = self._entries.get(edition)
        if entry is None:
            entry = self._entries[edition] = _VersionLimits(self._slack)
        return entry

    # --- asking and writing ---

    async def run(self, beat: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        write_at = loop.time() + _WRITE_EVERY
        async with asyncio.TaskGroup() as tasks:
            self._lookups.begin(tasks)
            while True:
                beat()
                await at_most(TURN, self._write_soon.wait())
                try:
                    self.apply_slack()
                    if loop.time() >= write_at or self._write_soon.is_set():
                        write_at = loop.time() + _WRITE_EVERY
                        await beating(self.write(), beat)
                except Exception as error:  # noqa: BLE001 - a fault of ours in one turn ends no loop
                    self._fault("definitions", error)

    async def write(self) -> None:
        """Write the counts that changed; if the store cannot be used, they wait for the next time."""
        some = list(self._unwritten)
        self._unwritten.clear()
        self._write_soon.clear()
        try:
            await self._shelf.experience(
                [StepDurations(edition, step, self._entries[edition].counts[step]) for edition, step in some]
            )
        except Exception as error:
            self._unwritten.update(dict.fromkeys(some))
            if not isinstance(error, StoreUnavailable):
                raise
        else:
            self._prove(some)

    def _prove(self, written: Sequence[tuple[DefinitionVersion, str]]) -> None:
        """From now on the first limits that were written hold."""
        for edition, step in written:
            entry = self._entries[edition]
            if step in entry.unproven:
                entry.unproven.discard(step)
                entry.renew(self._slack)
                self.on_change(edition, False)

    async def _take_in(self, about: DefinitionKey, history: VersionHistory) -> None:
        """Raises StoreUnavailable: then nothing of it holds."""
        declared = {DefinitionVersion(*about, number): said for number, said in history.versions.items()}
        news = {edition: said for edition, said in declared.items() if self._entry(edition).declared is None}
        await self._call(about, history)
        await self._shelf.declare(news)  # first, so that a restart believes no less
        for edition, said in news.items():
            entry = self._entry(edition)
            entry.declared = said
            entry.renew(self._slack)
            self.on_change(edition, True)

    async def _call(self, about: DefinitionKey, history: VersionHistory) -> None:
        before = self._names.get(about)
        name = history.name or before or ""
        if history.versions and name != before:
            await self._shelf.name(about, name)
            self._names[about] = name
            if name:
                self._named(*about, name)
                await self.on_name(*about)


def _ignore_limits(_version: DefinitionVersion, _urgent: bool) -> None:
    """Until the limits are followed."""


async def _ignore_name(_account: str, _definition: str) -> None:
    """Until the names are followed."""
