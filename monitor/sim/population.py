"""The instances of a scenario: written one by one, or a crowd that is computed on demand.

Every instance has a number, from which its workflow id is made, so that a lookup needs neither a table nor memory.
"""

import enum
from collections.abc import Iterator
from functools import cached_property

import msgspec

from monitor.sim.api_enums import Status, StepStatus
from monitor.sim.definitions import CATALOGUE, Definition, definition_id
from monitor.sim.script import Ending, Script, StepFault, StepRun

CROWD = 1 << 36
"""Numbers from here on belong to the crowd; those below to roles."""
TRAFFIC = 1 << 39
"""Numbers from here on belong to the traffic."""


class Instance(msgspec.Struct, frozen=True, gc=False):
    """One workflow instance, with its whole script."""

    number: int
    account: str
    definition: Definition
    version: int
    starts: float
    """World time; may be negative."""
    script: Script
    name: str


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as a scenario defines it."""

    account: str
    definition: str
    """Name in the catalogue."""
    name: str
    """For watchlists and for people."""
    starts: float
    script: Script
    version: int | None = None
    """None: the latest."""


class Cast(msgspec.Struct, frozen=True, dict=True):
    """Roles, played once, or with new instances each `period` seconds."""

    roles: tuple[Role, ...] = ()
    period: float | None = None

    def instance(self, number: int) -> Instance | None:
        if not self.roles:
            return None
        turn, slot = divmod(number, len(self.roles))
        if turn and self.period is None:
            return None
        return self._play(self.roles[slot], number, turn * (self.period or 0.0))

    def newest_first(self, account: str, definition: str, t: float) -> Iterator[Instance]:
        for turn in range(self._turns(t), -1, -1):
            for slot, role in self._latest_roles:
                if (role.account, role.definition) != (account, definition):
                    continue
                instance = self._play(role, turn * len(self.roles) + slot, turn * (self.period or 0.0))
                if instance.starts <= t:
                    yield instance

    def visible(self, t: float) -> Iterator[Instance]:
        """Those of the turn at t, started or not; for watchlists."""
        turn = 0 if self.period is None else max(0, int(t // self.period))
        for slot, role in enumerate(self.roles):
            yield self._play(role, turn * len(self.roles) + slot, turn * (self.period or 0.0))

    def _turns(self, t: float) -> int:
        # A turn's roles may start before its beginning, so the next turn counts, too.
        return 0 if self.period is None else max(0, int(t // self.period)) + 1

    @cached_property
    def _latest_roles(self) -> list[tuple[int, Role]]:
        return sorted(enumerate(self.roles), key=lambda pair: (-pair[1].starts, pair[0]))

    def _play(self, role: Role, number: int, later: float) -> Instance:
        definition = CATALOGUE[role.definition]
        version = role.version or definition.latest
        return Instance(number, role.account, definition, version, role.starts + later, role.script, role.name)


class CrowdEvent(enum.Enum):
    """The event of a crowd's members."""

    STEP_FAILED = "a step fails and is executed again; to each member again and again"
    TERMINATED = "a fault; to each member once"
    COMPLETED = "the end; to each member once"


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """Many long-running instances. Event k is at `quiet + k / events_per_second`, of member k modulo size."""

    accounts: tuple[str, ...]
    size: int
    definition: str = "order-reminder"
    events_per_second: float = 0.0
    event: CrowdEvent = CrowdEvent.STEP_FAILED
    quiet: float = 0.0
    """No event before."""

    def instance(self, number: int) -> Instance | None:
        index = number - CROWD
        return self.member(index) if 0 <= index < self.size else None

    def newest_first(self, account: str, definition: str, t: float) -> Iterator[Instance]:
        if definition != self.definition or account not in self.accounts:
            return
        for index in range(self.accounts.index(account), self.size, len(self.accounts)):
            member = self.member(index)
            if member.starts <= t:
                yield member

    def visible(self) -> Iterator[Instance]:
        return map(self.member, range(self.size))

    def member(self, index: int) -> Instance:
        definition = CATALOGUE[self.definition]
        starts = -(self._age + 0.001 * index)
        account = self.accounts[index % len(self.accounts)]
        script = self._script(definition, index, starts)
        return Instance(CROWD + index, account, definition, definition.latest, starts, script, f"crowd-{index}")

    @property
    def _period(self) -> float:
        """Between two events of one member."""
        return self.size / self.events_per_second

    @property
    def _age(self) -> float:
        """Old enough that the steps before the one with the event are over when the first round begins."""
        return 60.0 + (self._period if self.events_per_second else 0.0)

    def _script(self, definition: Definition, index: int, starts: float) -> Script:
        first, second = definition.steps()[:2]
        before = StepRun(first.id, 0.0, 1.5, first.type.busy)
        if not self.events_per_second:
            return Script(runs=(before, StepRun(second.id, 1.5, busy=second.type.busy)))
        at = self.quiet + index / self.events_per_second - starts
        if self.event is CrowdEvent.STEP_FAILED:
            try_ = StepRun(second.id, 0.0, self._period, second.type.busy, StepStatus.FAILED)
            waiting = StepRun(second.id, 1.5, at - self._period, second.type.busy)
            return Script(runs=(before, waiting), loop=(try_,), loop_from=at - self._period, loop_period=self._period)
        if self.event is CrowdEvent.COMPLETED:
            return Script(runs=(before, StepRun(second.id, 1.5, at, second.type.busy)), ending=Ending(at))
        failing = StepRun(second.id, 1.5, at, second.type.busy, StepStatus.FAILED)
        faults = (StepFault(second.id, "Invalid subaccount id."),)
        return Script(runs=(before, failing), ending=Ending(at, Status.TERMINATED, faults))


def defined_as(instance: Instance) -> str:
    """The id of its definition."""
    return definition_id(instance.account, instance.definition.name)
