"""The script of an instance of the traffic, from its life and its fate."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from monitor.sim.api_enums import Status, StepStatus, Verb
from monitor.sim.definitions import Step
from monitor.sim.script import Command, Ending, Script, StepFault, StepRun
from monitor.sim.traffic import CONFIRM, FETCH, RETRY, Flow
from monitor.sim.traffic_chunk import Fate, Oddity

_PLAIN = Fate()


def script(steps: Sequence[Step], flow: Flow, life: float, fate: Fate | None) -> Script:
    """`life`: running time until the end. `steps`: fetch, wait, reply, and those that confirm."""
    fate = fate or _PLAIN
    if fate.oddity is Oddity.STUCK:
        return Script(runs=(StepRun(steps[0].id, 0.0, busy=steps[0].type.busy),))
    if fate.status is Status.TERMINATED:
        return _terminated(steps, flow, life, fate)
    commands: tuple[Command, ...] = ()
    if fate.suspended_for:
        resumed_at = fate.suspended_at + fate.suspended_for
        commands = (Command(fate.suspended_at, Verb.SUSPEND), Command(resumed_at, Verb.RESUME))
    return Script(runs=_complete(steps, flow, life, fate.oddity), ending=Ending(life), commands=commands)


def _complete(steps: Sequence[Step], flow: Flow, life: float, oddity: Oddity | None) -> tuple[StepRun, ...]:
    fetch, wait, reply, *last = steps
    awake = FETCH + flow.wait * (2 if oddity is Oddity.LATE else 1)
    replied = life - CONFIRM - (RETRY if oddity is Oddity.RETRIED else 0.0)
    before = _run((fetch, wait), (0.0, FETCH, awake))
    if oddity is Oddity.FAILED_AT_WAKE:
        before = (*before, _failed(reply, awake))
        awake += RETRY
    waited = _run((reply,), (awake, replied))
    if oddity is Oddity.RETRIED:
        waited = (*waited, _failed(last[0], replied))
        replied += RETRY
    part = CONFIRM / len(last)
    return (*before, *waited, *_run(last, (*(replied + part * order for order in range(len(last))), life)))


def _failed(step: Step, at: float) -> StepRun:
    return StepRun(step.id, at, at + 1.0, step.type.busy, StepStatus.FAILED)


def _terminated(steps: Sequence[Step], flow: Flow, life: float, fate: Fate) -> Script:
    """The step under way at the end has failed, or, after a termination by hand, is unchanged."""
    begun = [at for at in (0.0, FETCH, FETCH + flow.wait) if at < life]
    *done, last = _run(steps[: len(begun)], (*begun, life))
    if fate.message is None:
        runs = (*done, StepRun(last.step, last.begin, inf, last.busy))
        return Script(runs=runs, commands=(Command(life, Verb.TERMINATE),))
    failed = StepRun(last.step, last.begin, life, last.busy, StepStatus.FAILED)
    ending = Ending(life, Status.TERMINATED, (StepFault(last.step, fate.message),))
    return Script(runs=(*done, failed), ending=ending)


def _run(steps: Sequence[Step], borders: Sequence[float]) -> tuple[StepRun, ...]:
    """One execution of each, one after the other."""
    return tuple(
        StepRun(step.id, begin, end, step.type.busy)
        for step, (begin, end) in zip(steps, pairwise(borders), strict=True)
    )
