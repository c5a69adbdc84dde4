"""How soon an end by a fault is told among many instances, against status requests in turn; all of it in virtual time.

`python -m tests.bench.ends LIVE...` takes other numbers of instances.
"""

import sys
from collections.abc import Iterator
from typing import Any

from monitor.sim.scenarios import traffic
from monitor.sim.traffic import Storm
from tests.bench.house import Figure, say
from tests.bench.round_robin import by_turns
from tests.bench.virtual import RATE, Delays, Observed, delays, terminated, watch, within_budget

_LIVE = (10_000, 100_000)
_WARM, _MEASURED, _AFTERWARDS = 420.0, 900.0, 180.0
_FAULTS_PER_HOUR = 0.001
_P50, _P99 = 2.0, 5.0
_DAILY = 30_000
_STORM, _STORM_TOLD = 5_000, 30.0
_OVER_BOUND = 1.1


def run() -> Iterator[Figure]:
    for live in _LIVE:
        yield from ends(live)
    yield from hard(_LIVE[-1])


def ends(live: int) -> Iterator[Figure]:
    """5 definitions of 2 versions, 0.1 % faults an hour; as many faults if there are fewer instances."""
    hourly = _FAULTS_PER_HOUR * max(1.0, _LIVE[-1] / live)
    yield from _compared(f"ends: {live:,}", live, few=True, faults_per_hour=hourly)


def hard(live: int) -> Iterator[Figure]:
    yield from many_definitions(live)
    yield from many_faults(live)
    yield from a_storm(live)


def many_definitions(live: int) -> Iterator[Figure]:
    yield from _compared(f"ends: {live:,}, 200 definitions", live, definitions=200)


def many_faults(live: int) -> Iterator[Figure]:
    hourly = _DAILY / 24 / live
    yield from _compared(f"ends: {live:,}, {_DAILY:,} terminated a day", live, faults_per_hour=hourly)


def a_storm(live: int) -> Iterator[Figure]:
    at = _WARM + 60.0
    yield from _compared(f"ends: {live:,}, a storm", live, storms=(Storm(at=at, size=_STORM, definitions=1),))


def _compared(name: str, live: int, *, few: bool = False, **wishes: Any) -> Iterator[Figure]:
    scenario = traffic(live, **wishes)
    end = _WARM + _MEASURED
    observed = watch(scenario, warm=_WARM, until=end + _AFTERWARDS)
    facts = terminated(observed.world, scenario.traffic[0], _WARM, end)
    told = observed.when_told(facts, "workflow.terminated")
    ours = delays(facts, told, end + _AFTERWARDS)
    robin = delays(facts, by_turns(facts, live, RATE), end)
    say(f"  {name}: {len(facts)} faults; {ours}; round robin: {robin}; bound {observed.bound('end')} s")
    yield from _against_robin(name, ours, robin) if few else _against_bound(name, ours, observed)
    if storms := scenario.traffic[0].storms:
        yield _incident(name, observed, storms[0].at)
    yield _spent(name, observed, end + _AFTERWARDS - _WARM)
    yield within_budget(name, observed)


def _against_robin(name: str, ours: Delays, robin: Delays) -> Iterator[Figure]:
    yield Figure(f"{name}: fault to event, median", f"{ours.p50:.1f} s", f"< {_P50:g} s", ours.p50 < _P50)
    yield Figure(f"{name}: fault to event, 99 %", f"{ours.p99:.1f} s", f"< {_P99:g} s", ours.p99 < _P99)
    yield Figure(f"{name}: fault to event, longest", f"{ours.longest:.1f} s")
    yield Figure(f"{name}: the same by round robin", f"{robin}; {robin.mean / ours.mean:,.0f} times as long")


def _against_bound(name: str, ours: Delays, observed: Observed) -> Iterator[Figure]:
    bound = observed.bound("end")
    said = "no bound is told" if bound is None else f"<= {_OVER_BOUND} x {bound:.1f} s"
    reached = None if bound is None else ours.longest <= _OVER_BOUND * bound
    yield Figure(f"{name}: fault to event, longest", f"{ours.longest:.1f} s", said, reached)
    yield Figure(f"{name}: fault to event", str(ours))


def _incident(name: str, observed: Observed, begin: float) -> Figure:
    """The first event with the storm's cause opens its incident."""
    message = Storm(at=0, size=0).message
    first = min(told.at for told in observed.told if told.at >= begin and message in told.line.get("summary", ""))
    late = first - begin
    return Figure(f"{name}: begin to incident", f"{late:.1f} s", f"<= {_STORM_TOLD:g} s", late <= _STORM_TOLD)


def _spent(name: str, observed: Observed, seconds: float) -> Figure:
    made = sum(at >= _WARM for at in observed.arrivals)
    value = f"{observed.seconds / seconds * 1000:.0f} ms of CPU a second, {made / seconds:.1f} requests a second"
    return Figure(f"{name}: daemon and simulated API together", f"{value}, {observed.lists / made:.0%} of them lists")


if __name__ == "__main__":
    for wish in sys.argv[1:] or ["100000"]:
        for figure in ends(int(wish)):
            say(f"{figure.name}: {figure.value} {figure.target}")
