"""Gauges that follow one change at a time: what they show is what is there."""

import time

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Status, Target, TargetKey
from monitor.telemetry.collectors import NamedTargets, TargetsByStatus


def test_a_named_target_beyond_the_bound_takes_the_place_of_one_that_goes() -> None:
    named = NamedTargets(most=2)
    targets = [Target(key=TargetKey("acme", "d", f"w{n}"), interval=1.0, name=f"n{n}") for n in range(4)]

    def shown() -> tuple[set[str], float]:
        status, dropped = named.collect()
        return {sample.labels["name"] for sample in status.samples}, dropped.samples[0].value

    for target in targets:
        named.place(target, Status.RUNNABLE)
    assert shown() == ({"n0", "n1"}, 2.0)
    named.move(targets[2].key, Status.SUSPENDED)
    named.remove(targets[0].key)
    assert shown() == ({"n1", "n2"}, 1.0)
    status, _ = named.collect()
    ones = [s.labels["status"] for s in status.samples if s.value == 1.0 and s.labels["name"] == "n2"]
    assert ones == ["Suspended"]
    named.place(msgspec.structs.replace(targets[1], name=None), Status.RUNNABLE)
    assert shown() == ({"n2", "n3"}, 0.0)


def test_a_hundred_thousand_named_targets_go_without_holding_the_loop() -> None:
    named = NamedTargets()
    targets = [Target(key=TargetKey("acme", "d", f"w{n}"), interval=1.0, name="n") for n in range(100_000)]
    for target in targets:
        named.place(target, Status.COMPLETE)
    begin = time.process_time()
    for target in targets:
        named.remove(target.key)
    assert time.process_time() - begin < 1.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["place", "move", "remove"]), st.integers(0, 5), st.sampled_from(Status), st.booleans()
        )
    )
)
def test_the_census_counts_what_is_there(changes: list[tuple[str, int, Status, bool]]) -> None:
    census, there = TargetsByStatus(), dict[TargetKey, tuple[str, Status]]()
    for change, number, status, alias in changes:
        key = TargetKey("acme", "d", f"w{number}")
        if change == "place":
            target = Target(key=key, interval=1.0, definition_name="alias" if alias else None)
            census.place(target, status)
            there[key] = (target.definition_label, status)
        elif change == "move":
            census.move(key, status)
            if key in there:
                there[key] = (there[key][0], status)
        else:
            census.remove(key)
            there.pop(key, None)
    (family,) = census.collect()
    counted = {(s.labels["definition"], s.labels["status"]): s.value for s in family.samples if s.value}
    believed = list(there.values())
    assert counted == {(name, status.value): believed.count((name, status)) for name, status in believed}
    assert sum(census.totals().values()) == len(there)
