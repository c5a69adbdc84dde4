"""The script of an instance, as data: its step executions, its ending, and its events from outside.

Two clocks. *Running time* counts seconds since the instance's start, without the time of suspensions: it is used for
step executions and the ending. Events from outside (commands, odd words, gaps) are in seconds since the start,
including suspensions.
"""

from collections.abc import Iterator
from math import inf

import msgspec

from monitor.sim.api_enums import Status, StepStatus, Verb


class StepRun(msgspec.Struct, frozen=True, gc=False):
    """One execution of a step, in running time."""

    step: str
    begin: float
    end: float = inf
    """`inf`: it never ends."""
    busy: str = StepStatus.RUNNING
    """Its status between begin and end."""
    ends_as: str = StepStatus.COMPLETE
    queued: float | None = None
    """From this time until `begin` it is in the log as Pending."""

    @property
    def shown(self) -> float:
        """When it appears in the log."""
        return self.begin if self.queued is None else self.queued


class StepFault(msgspec.Struct, frozen=True, gc=False):
    """An entry of `/errors`."""

    step: str
    message: str


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How the instance ends by itself. Only Terminated has faults."""

    at: float
    status: Status = Status.COMPLETE
    faults: tuple[StepFault, ...] = ()


class Command(msgspec.Struct, frozen=True, gc=False):
    """Somebody suspends, resumes or terminates the instance."""

    at: float
    verb: Verb


class OddWord(msgspec.Struct, frozen=True, gc=False):
    """The API uses an undocumented status for an instance that has not ended."""

    begin: float
    end: float
    word: str


class Gap(msgspec.Struct, frozen=True, gc=False):
    """The API answers 404 about the instance."""

    begin: float
    end: float


class Script(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    runs: tuple[StepRun, ...] = ()
    """In the order of the log; none is shown before its predecessor."""
    loop: tuple[StepRun, ...] = ()
    """Repeated, every time as new executions; times count from the round's beginning."""
    loop_from: float = 0.0
    loop_period: float = 0.0
    """Seconds of one round; > 0 with a loop. All executions of a round are shown within it."""
    ending: Ending | None = None
    commands: tuple[Command, ...] = ()
    words: tuple[OddWord, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def shown(self, own: float) -> Iterator[StepRun]:
        """The executions in the log at that running time, oldest first; the log only grows."""
        for run in self.runs:
            if run.shown > own:
                return
            yield run
        if self.loop:
            yield from self._rounds(own)

    def _rounds(self, own: float) -> Iterator[StepRun]:
        turn = 0
        while (begin := self.loop_from + turn * self.loop_period) <= own:
            for run in self.loop:
                if begin + run.shown > own:
                    return
                yield _later(run, begin)
            turn += 1


def _later(run: StepRun, by: float) -> StepRun:
    queued = None if run.queued is None else run.queued + by
    return StepRun(run.step, run.begin + by, run.end + by, run.busy, run.ends_as, queued)
