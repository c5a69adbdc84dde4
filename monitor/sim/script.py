"""What an instance will go through, as data: its step executions, its ending, and what is done to it from outside.

Two clocks. *Running time* counts seconds since the instance started and stands still while it is suspended: step
executions and the ending are written in it. What comes from outside (commands, odd words, gaps) is written in
seconds since the start that pass for everybody.
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
    """From then until `begin` it is in the log as Pending."""

    @property
    def shown(self) -> float:
        """When it appears in the log."""
        return self.begin if self.queued is None else self.queued


class StepFault(msgspec.Struct, frozen=True, gc=False):
    """An entry of `/errors`."""

    step: str
    message: str


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How the instance ends by itself. Faults stand only with Terminated."""

    at: float
    status: Status = Status.COMPLETE
    faults: tuple[StepFault, ...] = ()


class Command(msgspec.Struct, frozen=True, gc=False):
    """Somebody suspends, resumes or terminates the instance."""

    at: float
    verb: Verb


class OddWord(msgspec.Struct, frozen=True, gc=False):
    """The API uses a word of its own for the status of an instance that has not ended."""

    begin: float
    end: float
    word: str


class Gap(msgspec.Struct, frozen=True, gc=False):
    """The API says 404 about the instance."""

    begin: float
    end: float


class Script(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    runs: tuple[StepRun, ...] = ()
    """In the order of the log; none is shown before the one ahead of it."""
    loop: tuple[StepRun, ...] = ()
    """Executed again and again, every time as new executions; times count from the round's beginning."""
    loop_from: float = 0.0
    loop_period: float = 0.0
    """Seconds of one round; > 0 where there is a loop. A round's executions all show within it."""
    ending: Ending | None = None
    commands: tuple[Command, ...] = ()
    words: tuple[OddWord, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def shown(self, own: float) -> Iterator[StepRun]:
        """The executions that the log holds at that running time, oldest first; ever only appended to."""
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
