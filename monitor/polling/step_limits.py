"""How long the steps of each version of a definition may take: what it declares itself, and what was learned.

The definition is asked in the background, once for each of its versions, where a watched target has no configured limit
for every step. What the API does not know is asked for again after an hour, where a target still wants it; where there
is no answer, later and later. What was learned is counted with every poll that sees a step finished, and written about
once a minute; the first limit of a step holds from when it is written, or a crash would take it back.
"""

import asyncio
import contextlib
import heapq
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from monitor.aio import beating
from monitor.core.detection.overdue import Limits
from monitor.core.detection.step_durations import Counts, add, completed_durations, p99
from monitor.core.model import DefinitionVersion, Outcome, PollFailed, Target, TargetKey, TargetState
from monitor.store import StoreUnavailable
from monitor.store.step_limits import Declared, Definition, StepDurations, StepLimitData

_TURN = 10.0
"""Seconds; an idle loop turns at least so often, and says so."""
_TICK = 0.1
"""Seconds; a timer's rounding must not wake the loop in vain."""
_WRITE_EVERY = 60.0
_ASK_AGAIN = 3600.0
"""Seconds after which the API may know what it did not."""
_FIRST_PAUSE = 30.0
_LONGEST_PAUSE = 1800.0
"""Seconds between two tries without an answer, doubled each time."""
_PERSISTENCE = 10
"""Tries without an answer before it is left to the targets' next polls to ask for more."""
_MOST_STEPS = 500
"""Steps of one version whose executions are counted; their names come from outside, and must not fill the memory."""
_FINAL = (Outcome.NOT_FOUND, Outcome.BAD_REQUEST)
_EVERY_STEP = "*"


class History(Protocol):
    """What is read of a definition."""

    @property
    def versions(self) -> Mapping[int, Declared]: ...
    @property
    def name(self) -> str: ...


class Library(Protocol):
    """Where definitions are read."""

    async def declared(self, account: str, definition: str) -> History | PollFailed: ...


class Shelf(Protocol):
    """Where all of this is kept."""

    async def declare(self, declared: Mapping[DefinitionVersion, Declared]) -> None: ...
    async def name(self, about: Definition, name: str) -> None: ...
    async def experience(self, experiences: Sequence[StepDurations]) -> None: ...


class _Entry:
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
        """Whether the limit that is learned for the step is another one now."""
        limit, before = p99(self.counts[step]), self.learned.get(step)
        if limit is None:
            self.learned.pop(step, None)
        else:
            self.learned[step] = limit
        return limit != before


class _Lookup:
    """About one definition that has no answer yet."""

    __slots__ = ("being_asked", "failures", "not_before", "wanted")

    def __init__(self) -> None:
        self.wanted: set[int] = set()
        """Versions."""
        self.being_asked = False
        self.failures = 0
        self.not_before = -math.inf
        """Loop time."""


class StepLimits:
    """Of all versions of all definitions. `run` is its loop; the rest runs in the loop's thread and never waits."""

    def __init__(
        self,
        library: Library,
        shelf: Shelf,
        *,
        slack: Callable[[], float],
        changed: Callable[[DefinitionVersion, bool], None],
        fault: Callable[[str, Exception], None],
        jitter: Callable[[], float],
        named: Callable[[str, str, str], None] = lambda _account, _definition, _name: None,
    ) -> None:
        """`changed` hears of every version whose limits are others now, and whether that is urgent.

        `slack` gives the seconds that are added to what is declared and learned; it is asked now and then. `jitter`
        gives numbers in [0, 1). `named` hears what people call a definition: account, definition, name.
        """
        self._library = library
        self._shelf = shelf
        self._slack_now = slack
        self._slack = 0.0
        self._unknown = Limits(slack=self._slack)
        self._changed = changed
        self._fault = fault
        self._jitter = jitter
        self._named = named
        self._names: dict[Definition, str] = {}
        self._entries: dict[DefinitionVersion, _Entry] = {}
        self._questions: dict[Definition, _Lookup] = {}
        self._unwritten: dict[tuple[DefinitionVersion, str], None] = {}
        self._write_soon = asyncio.Event()
        self._queues: dict[str, list[tuple[float, Definition]]] = {}
        """Per account, when which definition may be asked; a heap that holds each one at most once."""
        self._asking: dict[str, asyncio.Event] = {}
        """Accounts whose questions are being asked, one after the other; set when there is another one."""
        self._tasks: asyncio.TaskGroup | None = None
        self._time = asyncio.get_running_loop().time

    def restore(self, known: StepLimitData) -> None:
        """What was known at the last end; comes first of all."""
        self._slack = self._slack_now()
        self._unknown = Limits(slack=self._slack)
        for about, name in known.names.items():
            self._call(about, name)
        for edition, declared in known.declared.items():
            self._entry(edition).declared = declared
        for edition, step, counts in known.experiences:
            entry = self._entry(edition)
            entry.counts[step] = counts
            entry.learn(step)
        for entry in self._entries.values():
            entry.renew(self._slack)

    def apply_slack(self) -> None:
        """Take over another slack."""
        if (slack := self._slack_now()) != self._slack:
            self._slack = slack
            self._unknown = Limits(slack=slack)
            for edition, entry in self._entries.items():
                entry.renew(slack)
                self._changed(edition, True)

    # --- what is known ---

    def limits_for(self, key: TargetKey, version: int | None) -> Limits:
        """The limits of the steps of an instance of this version."""
        entry = (
            self._entries.get(DefinitionVersion(key.account, key.definition, version)) if version is not None else None
        )
        return entry.limits if entry is not None else self._unknown

    def name(self, key: TargetKey) -> str | None:
        """What people call the target's definition, as the API tells it."""
        return self._names.get(Definition(key.account, key.definition))

    def _call(self, about: Definition, name: str) -> None:
        self._names[about] = name
        self._named(*about, name)

    def request(self, target: Target, state: TargetState) -> None:
        """A target that is watched: ask what its definition declares, unless that is known or makes no difference."""
        if state.version is None or state.status.ended or _EVERY_STEP in target.step_timeouts:
            return
        account, definition, _ = target.key
        entry = self._entries.get(DefinitionVersion(account, definition, state.version))
        if entry is not None and entry.declared is not None:
            return
        about = Definition(account, definition)
        question = self._questions.get(about)
        if question is None:
            question = self._questions[about] = _Lookup()
        if not question.wanted and not question.being_asked:
            self._ask_soon(about, question)
        question.wanted.add(state.version)

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
            self._changed(edition, False)

    def _entry(self, edition: DefinitionVersion) -> _Entry:
        entry = self._entries.get(edition)
        if entry is None:
            entry = self._entries[edition] = _Entry(self._slack)
        return entry

    # --- asking and writing ---

    async def run(self, beat: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        write_at = loop.time() + _WRITE_EVERY
        async with asyncio.TaskGroup() as self._tasks:
            for account in self._queues:
                self._begin(account)
            while True:
                beat()
                await _first(self._write_soon.wait(), _TURN)
                try:
                    self.apply_slack()
                    if loop.time() >= write_at or self._write_soon.is_set():
                        write_at = loop.time() + _WRITE_EVERY
                        await beating(self.write(), beat)
                except Exception as error:  # noqa: BLE001 - a fault of ours in one turn ends no loop
                    self._fault("definitions", error)

    async def write(self) -> None:
        """Write the counts that changed; where the store cannot be used, they wait for the next time."""
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
        """Let the first limits that are written hold."""
        for edition, step in written:
            entry = self._entries[edition]
            if step in entry.unproven:
                entry.unproven.discard(step)
                entry.renew(self._slack)
                self._changed(edition, False)

    def _ask_soon(self, about: Definition, question: _Lookup) -> None:
        account = about.account
        heapq.heappush(self._queues.setdefault(account, []), (max(question.not_before, self._time()), about))
        if (wake := self._asking.get(account)) is not None:
            wake.set()
        else:
            self._begin(account)

    def _begin(self, account: str) -> None:
        if self._tasks is not None:
            self._asking[account] = asyncio.Event()
            self._tasks.create_task(self._ask_all(account, self._asking[account]), name=f"definitions {account}")

    async def _ask_all(self, account: str, wake: asyncio.Event) -> None:
        """One question of the account after the other, until there is none."""
        queue = self._queues[account]
        while queue:
            wake.clear()
            if (seconds := queue[0][0] - self._time()) > 0:
                await _first(wake.wait(), max(seconds, _TICK))
                continue
            about = heapq.heappop(queue)[1]
            question = self._questions[about]
            question.being_asked = True
            try:
                await self._ask(about, question)
            except Exception as error:  # noqa: BLE001 - a fault of ours about one definition ends no loop
                self._later(question)
                self._fault("definitions", error)
            question.being_asked = False
            if question.wanted:
                self._ask_soon(about, question)
            elif question.not_before <= self._time():
                del self._questions[about]
        del self._asking[account]

    async def _ask(self, about: Definition, question: _Lookup) -> None:
        answer = await self._library.declared(*about)
        if isinstance(answer, PollFailed) and answer.outcome not in _FINAL:
            self._later(question)
            return
        declared = (
            {}
            if isinstance(answer, PollFailed)
            else {DefinitionVersion(*about, number): said for number, said in answer.versions.items()}
        )
        news = {edition: said for edition, said in declared.items() if self._entry(edition).declared is None}
        try:
            if not isinstance(answer, PollFailed) and answer.name and answer.name != self._names.get(about):
                await self._shelf.name(about, answer.name)
                self._call(about, answer.name)
            await self._shelf.declare(news)  # first, so that a restart believes no less
        except StoreUnavailable:
            self._later(question)
            return
        self._take_in(news)
        question.failures = 0
        question.wanted -= {edition.version for edition in declared}
        question.not_before = self._time() + _ASK_AGAIN if question.wanted else -math.inf
        question.wanted.clear()  # a target that is still there wants it again

    def _later(self, question: _Lookup) -> None:
        question.failures += 1
        if question.failures % _PERSISTENCE == 0:
            question.wanted.clear()  # a target that is still there wants it again
        pause = min(_FIRST_PAUSE * 2.0 ** min(question.failures - 1, 16), _LONGEST_PAUSE)
        question.not_before = self._time() + pause * (1 + self._jitter()) / 2

    def _take_in(self, declared: Mapping[DefinitionVersion, Declared]) -> None:
        for edition, said in declared.items():
            entry = self._entry(edition)
            entry.declared = said
            entry.renew(self._slack)
            self._changed(edition, True)


async def _first(waiting: Awaitable[object], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting
