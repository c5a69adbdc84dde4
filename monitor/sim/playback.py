"""The state of an instance at a time, from its script and its commands up to that time."""

from collections.abc import Iterable
from heapq import merge

import msgspec

from monitor.sim.api_enums import Status, Verb
from monitor.sim.script import Command, Script, StepFault


class InstanceState(msgspec.Struct, frozen=True, gc=False):
    status: Status
    own: float
    """Running time so far."""
    legs: tuple[tuple[float, float], ...]
    """(running time, world time) at the start and at each resumption."""
    ended_at: float | None = None
    faults: tuple[StepFault, ...] = ()

    def when(self, own: float) -> float:
        """World time of a moment in running time. A moment that coincides with a suspension precedes it."""
        begun, since = self.legs[0]
        for leg in self.legs[1:]:
            if leg[0] >= own:
                break
            begun, since = leg
        return since + (own - begun)


def read(script: Script, starts: float, given: tuple[Command, ...], t: float) -> InstanceState | None:
    """None before the start. `given`: commands by PATCH in world time, sorted, in addition to the script's own."""
    if t < starts:
        return None
    if not script.commands and not given:
        return _run_on(script, ((0.0, starts),), t)
    own = (Command(starts + command.at, command.verb) for command in script.commands)
    return _obey(script, starts, merge(own, given, key=_at), t)


def _obey(script: Script, starts: float, commands: Iterable[Command], t: float) -> InstanceState:
    """Each command in order; one that does not apply (a resume while running, any after the end) changes nothing."""
    legs: tuple[tuple[float, float], ...] = ((0.0, starts),)
    stood_still: float | None = None
    for command in commands:
        if command.at > t:
            break
        running = stood_still is None
        own = legs[-1][0] + (command.at - legs[-1][1]) if stood_still is None else stood_still
        if running and script.ending is not None and own >= script.ending.at:
            break
        if command.verb is Verb.TERMINATE:
            return InstanceState(Status.TERMINATED, own, legs, command.at)
        if command.verb is Verb.SUSPEND and running:
            stood_still = own
        elif command.verb is Verb.RESUME and not running:
            stood_still, legs = None, (*legs, (own, command.at))
    if stood_still is not None:
        return InstanceState(Status.SUSPENDED, stood_still, legs)
    return _run_on(script, legs, t)


def _run_on(script: Script, legs: tuple[tuple[float, float], ...], t: float) -> InstanceState:
    own = legs[-1][0] + (t - legs[-1][1])
    ending = script.ending
    if ending is None or own < ending.at:
        return InstanceState(Status.RUNNABLE, own, legs)
    ended = InstanceState(ending.status, ending.at, legs)
    return InstanceState(ending.status, ending.at, legs, ended.when(ending.at), ending.faults)


def _at(command: Command) -> float:
    return command.at
