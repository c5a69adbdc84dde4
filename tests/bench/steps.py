"""How soon a step that fails, or becomes overdue, after a known wait is told; in virtual time, by the whole daemon.

A thousand instances wait for two minutes again and again. After every second wait the next step fails at once, or that
wait takes longer than its definition declares. The workflow goes on, so that no list shows anything.
"""

import sys
from collections.abc import Iterator
from typing import Final

from monitor.sim.definitions import CATALOGUE
from monitor.sim.population import Cast, Role
from monitor.sim.scenario import Scenario, watched
from monitor.sim.scenario_builders import ACME, role
from monitor.sim.script import Script, StepRun
from monitor.sim.seeded import fraction
from tests.bench.house import Figure, say
from tests.bench.round_robin import by_turns
from tests.bench.virtual import delays, watch, within_budget

_SIZE = 1_000
_LOADS = (0.1, 0.5, 0.9)
_DEFINITION: Final = "onboarding-reply"
_WAIT, _SEND = 120.0, 0.5
_LATE, _LONGER, _SLACK = 0.2, 300.0, 10.0
_ROUND = 2 * (_WAIT + _SEND)
"""Seconds of two waits, the later one as declared; the one that is late takes `_LONGER`."""
_ROUNDS_BEFORE = 3
_WANTED = 10.0


def run() -> Iterator[Figure]:
    for load in _LOADS:
        yield from at_load(load)


def at_load(load: float) -> Iterator[Figure]:
    """`load`: waits that end, per status request that the budget allows."""
    roles = [_role(number) for number in range(_SIZE)]
    scenario = Scenario(name=f"waits at {load:g}", accounts=(ACME,), cast=Cast(tuple(roles)))
    rate = _SIZE / (_WAIT + _SEND) / load
    warm, end = 2 * _ROUND, 5 * _ROUND
    observed = watch(
        scenario,
        warm=warm,
        until=end,
        rate=rate,
        discover={"interval": "5m"},
        alerts={"step_slack": f"{_SLACK:g}s"},
    )
    workflows = [one.workflow for one in watched(scenario)]
    facts = {workflow: _fact(one, warm) for workflow, one in zip(workflows, roles, strict=True)}
    told = observed.when_told(facts, "workflow.step_failed", "workflow.step_overdue")
    ours, robin = delays(facts, told, end), delays(facts, by_turns(facts, _SIZE, rate), end)
    times, name = robin.mean / ours.mean, f"steps: {_SIZE:,} known waits, load {load:g}"
    say(f"  {name}: {ours}; round robin: {robin}")
    yield Figure(
        f"{name}: mean delay",
        f"{ours.mean:.1f} s, {times:.1f} x shorter than round robin's",
        f">= {_WANTED:g} x",
        times >= _WANTED,
    )
    yield within_budget(name, observed)


def _role(number: int) -> Role:
    starts = -fraction("waits", number) * _ROUND - _ROUNDS_BEFORE * _ROUND
    return role(_DEFINITION, f"wait-{number}", _late() if _is_late(number) else _failing(), starts=starts)


def _is_late(number: int) -> bool:
    return fraction("late", number) < _LATE


def _failing() -> Script:
    return _script(_WAIT, "Failed")


def _late() -> Script:
    return _script(_WAIT + _LONGER, "Complete")


def _script(second_wait: float, second_send: str) -> Script:
    _, wait, send, *_ = CATALOGUE[_DEFINITION].steps(None)
    first, sent = _WAIT, _WAIT + _SEND
    again = sent + second_wait
    runs = (
        StepRun(wait.id, 0.0, first, wait.type.busy),
        StepRun(send.id, first, sent, send.type.busy),
        StepRun(wait.id, sent, again, wait.type.busy),
        StepRun(send.id, again, again + _SEND, send.type.busy, second_send),
    )
    return Script(loop=runs, loop_period=again + _SEND)


def _fact(one: Role, after: float) -> float:
    """When the first thing happens to it that is worth an event, after that time."""
    late = one.script.loop_period > _ROUND
    within = _WAIT + _SEND + (_WAIT + _SLACK if late else _WAIT + _SEND)
    turn = -((one.starts + within - after) // one.script.loop_period)
    return one.starts + within + turn * one.script.loop_period


if __name__ == "__main__":
    for wish in sys.argv[1:] or map(str, _LOADS):
        for figure in at_load(float(wish)):
            say(f"{figure.name}: {figure.value} {figure.target}")
