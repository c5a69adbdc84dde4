import math
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.step_durations import add, at_most
from monitor.core.model import DefinitionVersion
from monitor.core.scheduling.hazard import (
    HALF_LIFE,
    MOST_STEPS,
    VERSIONS,
    Evidence,
    HazardKey,
    Hazards,
    chance,
    rate,
    step_moments,
)

NOW = datetime(2026, 1, 5, tzinfo=UTC)
DAY = 86400.0


def key(version: int = 1, step: str = "wait", definition: str = "d") -> HazardKey:
    return HazardKey(DefinitionVersion("acme", definition, version), step)


def seen(events: float = 0.0, days: float = 0.0, tries: float = 0.0, hits: float = 0.0, at: datetime = NOW) -> Evidence:
    return Evidence(at, events=events, seconds=days * DAY, tries=tries, hits=hits)


@given(st.floats(0, 1e4), st.floats(1e3, 1e6))
def test_much_evidence_of_its_own_decides(events: float, days: float) -> None:
    assert rate(seen(events, days)) * days * DAY == pytest.approx(events, rel=0.001, abs=2.0)


@given(st.floats(1e-6, 10.0), st.floats(1e-6, 10.0))
def test_a_wrong_prior_is_forgotten_after_a_few_events(true: float, believed: float) -> None:
    others = [Evidence(NOW, events=1e6, seconds=1e6 / believed)]
    assert rate(Evidence(NOW, events=400.0, seconds=400.0 / true), others) == pytest.approx(
        404.0 / (400.0 / true + 4.0 / believed), rel=0.01
    )


def test_a_new_version_begins_as_its_sisters_are() -> None:
    hazards = Hazards()
    hazards.learn(key(1), seen(events=1000, days=100, tries=1000, hits=900))
    hazards.learn(key(1, step="other"), seen(events=0, days=10))
    assert hazards.rate(key(2), NOW) == pytest.approx(10 / DAY, rel=0.01)
    assert hazards.chance(key(2), NOW) == pytest.approx(0.9, rel=0.01)
    assert hazards.rate(key(2, definition="e"), NOW) == pytest.approx(1 / DAY)
    hazards.learn(key(2), seen(days=1))
    assert hazards.rate(key(2), NOW) < 5 / DAY


def test_moments_at_which_nothing_happens_are_soon_not_believed() -> None:
    assert chance(seen(tries=20)) < 0.03
    assert chance(seen(tries=20, hits=20)) > 0.97


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1000), st.floats(0, 1000))
def test_what_was_learned_fades_and_its_rate_does_not(events: float, days: float, first: float, then: float) -> None:
    before = seen(events, days)
    after = before.faded(NOW + timedelta(days=first)).faded(NOW + timedelta(days=first + then))
    left = 0.5 ** (timedelta(days=first + then) / HALF_LIFE)
    assert after.events == pytest.approx(events * left, abs=1e-9)
    assert after.seconds == pytest.approx(days * DAY * left, abs=1e-6)
    assert before.faded(NOW - timedelta(days=1)) == before


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 9), st.floats(0, 9)), max_size=20))
def test_what_was_stored_is_restored(looks: list[tuple[int, float, float]]) -> None:
    hazards, stored = Hazards(), dict[HazardKey, Evidence]()
    for number, (version, events, days) in enumerate(looks):
        hazards.learn(key(version), seen(events, days, at=NOW + timedelta(hours=number)))
        stored |= hazards.take_changed()
    text = msgspec.json.encode(list(stored.items()))
    restored = Hazards(dict(msgspec.json.decode(text, type=list[tuple[HazardKey, Evidence]])))
    later = NOW + timedelta(days=3)
    for version in range(5):
        assert restored.rate(key(version), later) == pytest.approx(hazards.rate(key(version), later))
    assert hazards.take_changed() == {}


def test_versions_are_bounded_and_a_definition_can_be_forgotten() -> None:
    hazards = Hazards()
    for version in range(VERSIONS + 5):
        hazards.learn(key(version), seen(events=1, days=1, at=NOW + timedelta(hours=version)))
    assert len(hazards._versions(key())) == VERSIONS
    hazards.forget("acme", "d")
    assert hazards.rate(key(), NOW) == pytest.approx(1 / DAY)
    assert hazards.take_changed() == {}


# --- when a step is over ----------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.floats(0.1, 1e6), st.integers(1, 100)), min_size=1, max_size=40, unique_by=lambda one: one[0]
    ),
    st.floats(0, 1e6),
    st.floats(0.01, 1.0),
    st.integers(0, 50),
)
def test_moments_of_a_step_lie_ahead_and_hold_what_is_left(
    durations: list[tuple[float, int]], age: float, chance: float, endless: int
) -> None:
    durations.sort()
    moments = step_moments([*durations, (math.inf, endless)], age, chance)
    left = sum(count for seconds, count in durations if seconds > age)
    assert len(moments) <= 4
    assert all(seconds > age and 0 < share <= chance * (1 + 1e-9) for seconds, share in moments)
    if left:
        assert sum(share for _, share in moments) == pytest.approx(chance * left / (left + endless))
    else:
        assert moments == ()


def test_what_was_learned_of_a_step_tells_when_it_is_over() -> None:
    counts = add((), [30.0] * 60 + [600.0] * 20 + [1e9] * 20)
    ((seconds, share),) = step_moments(at_most(counts), 100.0, 1.0)
    assert 600 <= seconds <= 600 * 1.19
    assert share == 0.5


def test_a_step_that_always_takes_as_long_has_one_moment() -> None:
    assert step_moments([(64.0, 100)], 10.0, 0.5) == ((64.0, 0.5),)


def test_no_more_steps_of_a_definition_are_learned_than_the_memory_holds() -> None:
    hazards = Hazards()
    for number in range(MOST_STEPS + 10):
        hazards.learn(key(step=f"step-{number}"), seen(days=1))
    assert len(hazards.take_changed()) == MOST_STEPS
    hazards.learn(key(step="step-1"), seen(days=1))
    hazards.learn(key(step="wait", definition="e"), seen(days=1))
    assert len(hazards.take_changed()) == 2
    hazards.forget("acme", "d")
    hazards.learn(key(step="new"), seen(days=1))
    assert len(hazards.take_changed()) == 1
