"""How many targets a definition has in each version and status follows every change."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Status, Target, TargetKey, TargetState
from monitor.polling.definition_counts import DefinitionCounts, LastHour
from monitor.polling.watched import Watched, WatchedTargets
from monitor.store.step_limits import DefinitionKey

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
KEYS = [TargetKey("acme", f"d{number % 2}", f"w{number}") for number in range(5)]
STATES = st.tuples(
    st.sampled_from(Status),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, 10, 50, 90]),
    st.sampled_from([5, 80]),
)


def state_of(key: TargetKey, status: Status, version: int | None, began: int | None, ended: int) -> TargetState:
    """`began`, `ended`: minutes ago."""
    started_at = NOW - timedelta(minutes=began) if began is not None else None
    completed_at = NOW - timedelta(minutes=ended) if status.ended else None
    return TargetState(key=key, status=status, version=version, started_at=started_at, completed_at=completed_at)


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.none() | STATES), max_size=40))
def test_the_counts_are_those_of_the_targets_whatever_happens_to_them(
    steps: list[tuple[TargetKey, tuple[Status, int | None, int | None, int] | None]],
) -> None:
    targets = WatchedTargets()
    counts = DefinitionCounts(targets, lambda: NOW)
    targets.subscribe(counts)
    for key, made in steps:
        if made is None:
            targets.remove(key)
            continue
        state = state_of(key, *made)
        if key in targets:
            targets[key].state = state
            targets.polled(key)
        else:
            targets.add(Watched(Target(key=key, interval=10.0), state, None))
    for about in (DefinitionKey("acme", "d0"), DefinitionKey("acme", "d1")):
        mine = [watched.state for key, watched in targets.items() if key.definition == about.definition]
        found = counts.get(about)
        if found is None:
            assert mine == []
            continue
        expected = Counter(state.status for state in mine)
        assert found.statuses == {status: expected[status] for status in Status}
        assert set(found.versions) == {state.version for state in mine if state.version is not None}


def test_what_begins_and_ends_within_the_hour_is_counted_once() -> None:
    targets, moment = WatchedTargets(), [NOW]
    counts = DefinitionCounts(targets, lambda: moment[0])
    targets.subscribe(counts)
    about = DefinitionKey("acme", "d0")
    watched = Watched(Target(key=KEYS[0], interval=10.0), TargetState(key=KEYS[0]), None)
    targets.add(watched)
    for status, ended in ((Status.RUNNABLE, 0), (Status.SUSPENDED, 0), (Status.TERMINATED, 1), (Status.TERMINATED, 1)):
        watched.state = state_of(KEYS[0], status, 1, 10, ended)
        targets.polled(KEYS[0])
    found = counts.get(about)
    assert found is not None
    assert (found.begun.count(NOW), found.ended.count(NOW), found.failed.count(NOW)) == (1, 1, 1)
    assert found.begun.minutes(NOW) == (0,) * 49 + (1,) + (0,) * 10
    assert found.ended.minutes(NOW) == found.failed.minutes(NOW) == (0,) * 58 + (1, 0)
    targets.remove(KEYS[0])
    assert counts.get(about) is found, "its end is still within the hour"
    moment[0] = NOW + timedelta(minutes=55)
    assert (found.begun.count(moment[0]), found.ended.count(moment[0])) == (0, 1)
    moment[0] = NOW + timedelta(minutes=61)
    assert counts.get(about) is None


def test_a_target_that_leaves_and_comes_back_has_begun_once() -> None:
    targets = WatchedTargets()
    counts = DefinitionCounts(targets, lambda: NOW)
    targets.subscribe(counts)
    for _ in range(2):
        targets.add(Watched(Target(key=KEYS[0], interval=10.0), state_of(KEYS[0], Status.RUNNABLE, 1, 10, 0), None))
        found = counts.get(DefinitionKey("acme", "d0"))
        assert found is not None
        assert found.begun.count(NOW) == 1
        targets.remove(KEYS[0])


def test_the_alias_is_that_of_the_newest_configuration() -> None:
    targets = WatchedTargets()
    counts = DefinitionCounts(targets, lambda: NOW)
    targets.subscribe(counts)
    watched = Watched(Target(key=KEYS[0], interval=10.0), TargetState(key=KEYS[0]), None)
    targets.add(watched)
    watched.target = msgspec.structs.replace(watched.target, definition_alias="orders")
    targets.changed(watched)
    found = counts.get(DefinitionKey("acme", "d0"))
    assert found is not None
    assert found.alias == "orders"


def test_a_time_ahead_of_ours_counts_as_now() -> None:
    hour = LastHour()
    hour.add(NOW + timedelta(minutes=5), NOW)
    hour.add(NOW - timedelta(minutes=60), NOW)
    assert hour.count(NOW) == 1
    assert hour.count(NOW + timedelta(minutes=60)) == 0
