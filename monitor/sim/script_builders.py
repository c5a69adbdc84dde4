"""Builders of scripts. Seconds are running time from the instance's start, unless said otherwise.

Every script executes the steps of a definition in their order; waits take longer than messages.
"""

from collections.abc import Sequence
from math import inf

import msgspec

from monitor.sim.api_enums import Status, StepStatus, StepType, Verb
from monitor.sim.definitions import CATALOGUE, Step
from monitor.sim.script import Command, Ending, Gap, OddWord, Script, StepFault, StepRun

_WEIGHTS = {StepType.WAIT: 6.0, StepType.WAIT_FOR_REPLY: 8.0, StepType.WAIT_FOR_DTMF: 4.0, StepType.HTTP: 1.5}
_QUEUEING = 0.05
"""Share of a step's time in which it is Pending first."""


def complete(definition: str, took: float, *, version: int | None = None) -> Script:
    """A run to Complete without failures."""
    return Script(runs=_walk(_steps(definition, version), took), ending=Ending(took))


def fault(definition: str, step: str, message: str, at: float, *, version: int | None = None) -> Script:
    """The step fails, the instance with it: Terminated, with an entry in `/errors`."""
    runs = _walk(_upto(definition, step, version), at)
    ending = Ending(at, Status.TERMINATED, (StepFault(step, message),))
    failed = msgspec.structs.replace(_ends_as(runs[-1], StepStatus.FAILED), end=at)  # exactly, not by a sum
    return Script(runs=(*runs[:-1], failed), ending=ending)


def terminated(definition: str, after: float, *, version: int | None = None) -> Script:
    """Somebody terminates it half-way: Terminated, without errors, with its step unchanged."""
    return terminated_by_hand(complete(definition, 2 * after, version=version), after)


def terminated_by_hand(script: Script, at: float) -> Script:
    """The same, until somebody terminates it at `at` seconds since its start."""
    return _commanded(script, Command(at, Verb.TERMINATE))


def retried(definition: str, step: str, at: float, took: float, *, failures: int = 1) -> Script:
    """The step fails at `at` and is executed again under a new id, `failures` times; then the instance completes.

    `took` is the total time, and > `at`.
    """
    steps = _steps(definition, None)
    index = _index(steps, step)
    runs = _walk(steps[: index + 1], at)
    failed = _ends_as(runs[-1], StepStatus.FAILED)
    pause = (took - at) / (failures + len(steps) - index)
    again = [_later(failed, at - failed.begin + turn * pause, pause) for turn in range(failures - 1)]
    recovered_from = at + (failures - 1) * pause
    rest = _walk(steps[index:], took - recovered_from, recovered_from)
    return Script(runs=(*runs[:-1], failed, *again, *rest), ending=Ending(took))


def cancelled(definition: str, step: str, at: float, took: float) -> Script:
    """The event that the step waits for does not come in time: Cancelled, and the workflow goes on."""
    steps = _steps(definition, None)
    index = _index(steps, step)
    runs = _walk(steps[: index + 1], at)
    rest = _walk(steps[index + 1 :], took - at, at)
    return Script(runs=(*runs[:-1], _ends_as(runs[-1], StepStatus.CANCELLED), *rest), ending=Ending(took))


def stuck(definition: str, step: str, since: float, *, version: int | None = None) -> Script:
    """The step begins at `since` and never ends."""
    runs = _walk(_upto(definition, step, version), 2 * since)
    before = _squeeze(runs[:-1], since)
    return Script(runs=(*before, StepRun(step, since, inf, runs[-1].busy)))


def suspended(script: Script, at: float, resumed_after: float | None = None) -> Script:
    """The same, suspended at `at` seconds since its start; None: for ever."""
    if resumed_after is not None:
        script = _commanded(script, Command(at + resumed_after, Verb.RESUME))
    return _commanded(script, Command(at, Verb.SUSPEND))


def flapping(script: Script, every: float, times: int, *, begin: float = 1.0) -> Script:
    """The same, suspended and resumed in turn: half of `every` seconds each, `times` times."""
    for turn in range(times):
        script = suspended(script, begin + turn * every, every / 2)
    return script


def looping(definition: str, period: float, *, failing: str | None = None) -> Script:
    """All steps again and again for ever, one round a period; the step `failing` fails in every round."""
    runs = _walk(_steps(definition, None), period)
    round_ = tuple(_ends_as(run, StepStatus.FAILED) if run.step == failing else run for run in runs)
    return Script(loop=round_, loop_period=period)


def odd(script: Script, begin: float, end: float, word: str = "Paused") -> Script:
    """The same, with an undocumented status for a while (seconds since its start)."""
    return msgspec.structs.replace(script, words=(*script.words, OddWord(begin, end, word)))


def odd_step(script: Script, step: str, word: str = "Skipped") -> Script:
    """The same, with a step that ends with an undocumented status."""
    runs = tuple(_ends_as(run, word) if run.step == step else run for run in script.runs)
    return msgspec.structs.replace(script, runs=runs)


def vanishing(script: Script, begin: float, end: float) -> Script:
    """The same, but 404 for a while (seconds since its start)."""
    return msgspec.structs.replace(script, gaps=(*script.gaps, Gap(begin, end)))


def _commanded(script: Script, command: Command) -> Script:
    commands = sorted((*script.commands, command), key=lambda given: given.at)
    return msgspec.structs.replace(script, commands=tuple(commands))


def _steps(definition: str, version: int | None) -> tuple[Step, ...]:
    return CATALOGUE[definition].steps(version)


def _index(steps: Sequence[Step], step: str) -> int:
    return [candidate.id for candidate in steps].index(step)


def _upto(definition: str, step: str, version: int | None) -> tuple[Step, ...]:
    steps = _steps(definition, version)
    return steps[: _index(steps, step) + 1]


def _walk(steps: Sequence[Step], took: float, begin: float = 0.0) -> tuple[StepRun, ...]:
    """One execution of each step, back to back, ending exactly at `begin + took`."""
    weights = [_WEIGHTS.get(step.type, 1.0) for step in steps]
    total, done = sum(weights), 0.0
    runs = []
    for step, weight in zip(steps, weights, strict=True):
        queued = begin + took * done / total
        done += weight
        end = begin + took * done / total
        runs.append(StepRun(step.id, queued + _QUEUEING * (end - queued), end, step.type.busy, queued=queued))
    return tuple(runs)


def _ends_as(run: StepRun, word: str) -> StepRun:
    return msgspec.structs.replace(run, ends_as=word)


def _later(run: StepRun, by: float, took: float) -> StepRun:
    begin = run.begin + by
    return msgspec.structs.replace(run, begin=begin, end=begin + took, queued=None)


def _squeeze(runs: Sequence[StepRun], into: float) -> tuple[StepRun, ...]:
    """The same runs, ending at `into`."""
    scale = into / runs[-1].end if runs else 1.0
    return tuple(
        msgspec.structs.replace(run, begin=run.begin * scale, end=run.end * scale, queued=run.shown * scale)
        for run in runs
    )
