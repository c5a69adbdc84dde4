"""Many ends at once: who is explained first, and what is told of the others."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.discovery.storm import (
    LEAST,
    SAMPLE,
    Choice,
    Ended,
    SampleExplanation,
    StormSample,
    StormTold,
    choose,
    contradicts,
    explainable,
    sentence,
    told_with,
)
from monitor.core.model import Cause, DefinitionVersion, TargetKey
from tests.core.hostile_lists import at

FAULT, MANUAL = SampleExplanation(Cause.FAULT, "step1: refused"), SampleExplanation(Cause.MANUAL)
OTHER, UNKNOWN = SampleExplanation(Cause.FAULT, "step2: gone"), SampleExplanation(Cause.UNKNOWN)


def ended(number: int, version: int = 1) -> Ended:
    key = TargetKey("acme", "orders", f"v{version}-{number:05}")
    return Ended(key, DefinitionVersion("acme", "orders", version), at(number))


def sample(*explained: SampleExplanation, wanted: int = 3) -> StormSample:
    return StormSample(wanted, explained)


@pytest.mark.parametrize(
    ("rate", "timeout", "waiting", "expected"),
    [(10, 10, 0, 50), (10, 10, 45, 5), (10, 10, 60, 0), (0.1, 10, 0, 0), (2, 3, 0, 3)],
)
def test_an_explanation_takes_two_requests(rate: float, timeout: float, waiting: int, expected: int) -> None:
    assert explainable(rate, timeout, waiting) == expected


def test_what_can_be_explained_in_time_is_no_storm() -> None:
    few = tuple(ended(n) for n in range(50))

    assert choose(few, 50) == Choice(few)
    assert not choose(few, 50).storm


def test_of_a_storm_some_are_chosen_over_the_whole_time_of_it() -> None:
    choice = choose([ended(n) for n in range(5000)], 50)

    moments = [(one.ended_at - at(0)).total_seconds() for one in choice.first if one.ended_at is not None]
    assert len(choice.first) == SAMPLE
    assert len(choice.waiting) == 5000 - SAMPLE
    assert (moments[0], moments[-1]) == (0, 4999)
    assert max(b - a for a, b in pairwise(moments)) < 5000 / SAMPLE * 1.1


def test_each_version_speaks_for_itself() -> None:
    many = [ended(n, version) for version in range(1, 31) for n in range(100)]

    choice = choose(many, 50)

    for version in range(1, 31):
        assert sum(one.version.version == version for one in choice.first) == LEAST


def test_a_storm_that_goes_on_needs_no_second_sample() -> None:
    version = ended(0).version

    assert choose([ended(n) for n in range(500)], 0, {version: SAMPLE}).first == ()
    assert len(choose([ended(n) for n in range(500)], 50, {version: SAMPLE - 4}).first) == 4


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 4)), unique=True), st.integers(0, 60))
def test_everyone_is_explained_first_or_waits(members: list[tuple[int, int]], room: int) -> None:
    everyone = [ended(*member) for member in members]

    choice = choose(everyone, room)

    assert sorted([*choice.first, *choice.waiting], key=repr) == sorted(everyone, key=repr)
    assert choice.storm or len(choice.first) == len(everyone)
    assert not (choice.storm and len(everyone) <= room)
    assert set(choose(reversed(everyone), room).first) == set(choice.first)


@pytest.mark.parametrize(
    ("explained", "expected"),
    [
        pytest.param((FAULT, FAULT, FAULT), StormTold(Cause.FAULT, FAULT.group, from_sample=True), id="all the same"),
        pytest.param((MANUAL, MANUAL, MANUAL), StormTold(Cause.MANUAL, from_sample=True), id="all deliberate"),
        pytest.param((FAULT, MANUAL), StormTold(Cause.UNKNOWN), id="some deliberate"),
        pytest.param((FAULT, OTHER), StormTold(Cause.UNKNOWN), id="different faults"),
        pytest.param((FAULT, FAULT), StormTold(Cause.UNKNOWN), id="too few to speak for others"),
        pytest.param((UNKNOWN, UNKNOWN, UNKNOWN), StormTold(Cause.UNKNOWN), id="nobody knows"),
        pytest.param((), StormTold(Cause.UNKNOWN), id="no explanation came"),
    ],
)
def test_what_the_others_are_told_with(explained: tuple[SampleExplanation, ...], expected: StormTold) -> None:
    assert told_with(sample(*explained)) == expected


def test_a_sample_speaks_when_it_is_complete_or_nobody_can_wait_longer() -> None:
    assert sample(FAULT, FAULT, FAULT).speaks(0.0, timeout=10)
    assert not sample(FAULT).speaks(9.9, timeout=10)
    assert not sample(wanted=0).speaks(9.9, timeout=10), "nobody has been looked at"
    assert sample().speaks(10.0, timeout=10)


@pytest.mark.parametrize(
    ("told", "explanation", "expected"),
    [
        (StormTold(Cause.FAULT, FAULT.group, from_sample=True), FAULT, False),
        (StormTold(Cause.FAULT, FAULT.group, from_sample=True), OTHER, True),
        (StormTold(Cause.FAULT, FAULT.group, from_sample=True), MANUAL, True),
        (StormTold(Cause.MANUAL, from_sample=True), FAULT, True),
        (StormTold(Cause.FAULT, FAULT.group, from_sample=True), UNKNOWN, False),
        (StormTold(Cause.UNKNOWN), FAULT, False),
    ],
)
def test_it_is_told_again_only_if_the_sample_was_wrong(
    told: StormTold, explanation: SampleExplanation, expected: bool
) -> None:
    assert contradicts(told, explanation) is expected


@pytest.mark.parametrize(
    ("looked", "same", "text"),
    [
        (30, True, "5,000 listed as Terminated, 30 looked at: all the same"),
        (2, False, "5,000 listed as Terminated, 2 looked at: they differ"),
        (1, True, "5,000 listed as Terminated, 1 looked at"),
        (0, False, "5,000 listed as Terminated, none looked at yet"),
    ],
)
def test_people_are_told_how_much_was_looked_at(looked: int, same: bool, text: str) -> None:
    assert sentence(5000, looked, same=same) == text
