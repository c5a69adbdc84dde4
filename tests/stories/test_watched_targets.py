"""The registry of watched targets: what it forgets of them is in the store, all else comes back as it was."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.unanswered import Silence
from monitor.core.model import Cause, Status, StepExecution, StepStatus, Target, TargetKey, TargetState
from monitor.polling.watched import CountedGroup, Watched, WatchedTargets

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEYS = [TargetKey("acme", definition, f"w{number}") for definition in ("orders", "replies") for number in range(4)]
STEPS = (StepExecution("s1", "step1", StepStatus.FAILED, NOON),)


def target(key: TargetKey, name: str | None = None, interval: float = 30.0) -> Target:
    return Target(key=key, interval=interval, name=name, labels={"team": "shop"}, place=name or "discover[0]")


moments = st.integers(0, 10**9).map(lambda micros: NOON + timedelta(microseconds=micros))
watched = st.builds(
    lambda key, name, status, version, revision, since, started, seen, failures, heard, silent: (
        key, name, status, version, revision, since, started, seen, failures, heard, silent
    ),
    st.sampled_from(KEYS),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(Status),
    st.none() | st.integers(1, 2**31 - 1),
    st.integers(1, 10**6),
    moments,
    st.none() | moments,
    st.none() | moments,
    st.integers(0, 60_000),
    st.booleans(),
    st.sampled_from([0.0, 700.0]),
)  # fmt: skip


@given(st.lists(watched, max_size=12), st.integers(1, 3), st.lists(st.sampled_from(KEYS), max_size=12))
def test_what_is_not_cached_is_as_it_was_but_for_what_the_store_has(
    made: list[tuple[TargetKey, str, Status, int, int, datetime, datetime, datetime, int, bool, float]],
    most: int,
    asked: list[TargetKey],
) -> None:
    targets, known = WatchedTargets(lambda: most), dict[TargetKey, Watched]()
    for key, name, status, version, revision, since, started, seen, failures, heard, silent in made:
        targets.remove(key)
        state = TargetState(
            key=key, status=status, since=since, version=version, started_at=started, revision=revision, steps=STEPS
        )
        one = Watched(target(key, name), state, seen)
        one.failures, one.heard, one.silence = failures, heard, Silence(silent, 5.0 if silent else None)
        one.counted = CountedGroup(version, status, started is not None)
        known[key] = one
        targets.add(one)
    for key in asked:
        if key in known:
            targets.polled(key)
    assert len(targets) == len(known)
    assert set(targets) == known.keys()
    assert len(targets._cached) <= most
    for key, one in known.items():
        glance = targets.glance(key)
        assert glance is not None
        assert glance[:3] == (one.state.status, one.state.version, one.state.started_at)

        again = targets[key]
        assert (again.target, again.last_seen_at, again.ended_at) == (one.target, one.last_seen_at, one.ended_at)
        assert (again.failures, again.heard, again.silence) == (one.failures, one.heard, one.silence)
        assert again.counted is one.counted
        assert again.whole or again.state == msgspec.structs.replace(one.state, steps=())


def test_what_is_in_use_stays_the_same_object() -> None:
    targets = WatchedTargets(lambda: 1)
    for key in KEYS:
        targets.add(Watched(target(key), TargetState(key=key, revision=1), NOON))
    one = targets[KEYS[0]]
    with one.held():
        for key in KEYS:
            targets.polled(key)
        assert targets[KEYS[0]] is one
        one.state = TargetState(key=KEYS[0], status=Status.TERMINATED, cause=Cause.FAULT, revision=2)
    targets.polled(KEYS[1])
    again = targets[KEYS[0]]
    assert again is not one
    assert (again.state.status, again.state.revision) == (Status.TERMINATED, 2)


def test_a_found_target_that_was_never_committed_is_whole() -> None:
    targets = WatchedTargets(lambda: 1)
    states = [TargetState(key=key, status=Status.RUNNABLE, since=NOON, version=2, started_at=NOON) for key in KEYS]
    for state in states:
        targets.add(Watched(target(state.key), state, None))
    assert all(targets[state.key].whole and targets[state.key].state == state for state in states)
