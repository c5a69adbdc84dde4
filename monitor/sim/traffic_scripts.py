"""What an instance of the traffic goes through, from its life and its fate."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from monitor.sim.api_enums import Status, StepStatus, Verb
from monitor.sim.definitions import Step
from monitor.sim.script import Command, Ending, Script, StepFault, StepRun
from monitor.sim.traffic import CONFIRM, FETCH, RETRY, Flow
from monitor.sim.traffic_chunk import Fate

_PLAIN = Fate()


def script(steps: Sequence[Step], flow: Flow, life: float, fate: Fate | None) -> Script:
    """`life`: running time until the end. `steps`: fetch, wait, reply, and those that confirm."""
    fate = fate or _PLAIN
    if fate.stuck:
        return Script(runs=(StepRun(steps[0].id, 0.0, busy=steps[0].type.busy),))
    if fate.status is Status.TERMINATED:
        return _terminated(steps, flow, life, fate)
    commands: tuple[Command, ...] = ()
    if fate.suspended_for:
        resumed_at = fate.suspended_at + fate.suspended_for
        commands = (Command(fate.suspended_at, Verb.SUSPEND), Command(resumed_at, Verb.RESUME))
    return Script(runs=_complete(steps, flow, life, retried=fate.retried), ending=Ending(life), commands=commands)


def _complete(steps: Sequence[Step], flow: Flow, life: float, *, retried: bool) -> tuple[StepRun, ...]:
    last = steps[-1]
    confirm = life - CONFIRM - (RETRY if retried else 0.0)
    runs = _run(steps[:3], (0.0, FETCH, FETCH + flow.wait, confirm))
    if retried:
        runs = (*runs, StepRun(last.id, confirm, confirm + 1.0, last.type.busy, StepStatus.FAILED))
        confirm += RETRY
    part = CONFIRM / len(steps[3:])
    borders = [confirm + part * order for order in range(len(steps[3:]))]
    return (*runs, *_run(steps[3:], (*borders, life)))


def _terminated(steps: Sequence[Step], flow: Flow, life: float, fate: Fate) -> Script:
    """In the step that is under way then: failed, or left as it was by whoever terminated it."""
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
