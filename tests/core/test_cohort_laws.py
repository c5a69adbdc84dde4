"""Whatever lists show: every end is found in the end, once, nothing false is told, and the requests are bounded."""

import math
import random

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.core.discovery.cohorts import Sweep, cohort_of
from monitor.core.discovery.findings import Horizon
from monitor.core.model import Status
from tests.core.hostile_lists import Follower, Instance, ListServer, Traits, at

MINUTE, HOUR = 60.0, 3600.0
TRAITS = st.builds(
    Traits,
    from_inclusive=st.booleans(),
    to_inclusive=st.booleans(),
    whole_starts=st.booleans(),
    by_creation=st.booleans(),
    offset_of_pages=st.booleans(),
    lag=st.sampled_from([0.0, 20.0, 200.0]),
    losses=st.sampled_from([0, 1, 2]),
    repeats=st.sampled_from([0.0, 0.2]),
)


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret depends on it


def population(
    seed: int, size: int, *, same_start: int = 0, longest: float = HOUR, first: float = -HOUR, last: float = HOUR
) -> list[Instance]:
    """Instances that start between two moments; `same_start` of them at one."""
    draw = chance(seed)
    together = draw.uniform(first, last)
    starts = [together if number < same_start else draw.uniform(first, last) for number in range(size)]
    return [_instance(draw, number, start, longest) for number, start in enumerate(starts)]


def _instance(draw: random.Random, number: int, started: float, longest: float) -> Instance:
    started = round(started, draw.choice([0, 3, 6]))
    lasts = draw.uniform(0, draw.choice([MINUTE, longest]))
    held = draw.uniform(0, lasts)
    return Instance(
        workflow=f"w{number:05}",
        created=started - draw.choice([0.0, 1.0, 300.0]) * draw.random(),
        started=started,
        ended=None if draw.random() < 0.05 else started + lasts,
        end=draw.choice([Status.COMPLETE, Status.COMPLETE, Status.TERMINATED]),
        held=(started + held, started + held + 100) if draw.random() < 0.1 else None,
    )


def follower(server: ListServer, *, limit: int, tell_from: float = -1e6) -> Follower:
    return Follower(server, 0.0, limit=limit, horizon=Horizon(at(tell_from), 1e9), started_within=2 * HOUR)


def watch(watching: Follower, seed: int, until: float) -> None:
    draw, now = chance(seed), 0.0
    while now < until:
        told = len(watching.told)
        watching.turn(now)
        for workflow, status in watching.told[told:]:
            assert watching.server.status(workflow, now) is status
        now += draw.uniform(20, 600)


@settings(max_examples=40, deadline=None)
@given(TRAITS, st.integers(0, 10**6), st.integers(0, 60), st.integers(0, 15), st.sampled_from([5, 8, 20]))
def test_every_end_is_told_once_and_nothing_false(
    traits: Traits, seed: int, size: int, same_start: int, limit: int
) -> None:
    # Pages by offset shift with each row that is lost, so a look skips more rows than were lost.
    assume(same_start <= limit or not traits.losses)
    instances = population(seed, size, same_start=same_start)
    watching = follower(ListServer(instances, traits, seed), limit=limit)

    watch(watching, seed, 10 * HOUR)

    assert sorted(watching.told) == sorted((it.workflow, it.end) for it in instances if it.ended is not None)


@pytest.mark.parametrize(
    ("traits", "seed", "size", "same_start"),
    [
        (Traits(from_inclusive=False, to_inclusive=False, by_creation=True), 63311, 17, 8),
        (Traits(whole_starts=True, by_creation=True, offset_of_pages=True, repeats=0.2), 123, 25, 9),
    ],
    ids=["no page reveals it", "a hundredth of a second has more than a page"],
)
def test_an_order_of_creation_hides_no_end(traits: Traits, seed: int, size: int, same_start: int) -> None:
    instances = population(seed, size, same_start=same_start)
    watching = follower(ListServer(instances, traits, seed), limit=5)

    watch(watching, seed, 10 * HOUR)

    assert sorted(watching.told) == sorted((it.workflow, it.end) for it in instances if it.ended is not None)


@settings(max_examples=25, deadline=None)
@given(TRAITS, st.integers(0, 10**6), st.integers(0, 60))
def test_nothing_false_is_told_even_if_rows_are_lost_after_the_page_was_cut(
    traits: Traits, seed: int, size: int
) -> None:
    instances = population(seed, size)
    server = ListServer(instances, msgspec.structs.replace(traits, losses=10**6, short_pages=True), seed)
    watching = follower(server, limit=8)

    watch(watching, seed, 3 * HOUR)

    assert len(watching.told) == len(set(watching.told))


@settings(max_examples=25, deadline=None)
@given(TRAITS, st.integers(0, 10**6), st.integers(0, 60))
def test_a_sweep_can_be_stored_and_its_cohorts_lie_side_by_side(traits: Traits, seed: int, size: int) -> None:
    watching = follower(ListServer(population(seed, size), traits, seed), limit=8)

    for now in range(0, 3600, 300):
        watching.turn(now)
        cohorts = watching.sweep.cohorts
        assert msgspec.json.decode(msgspec.json.encode(watching.sweep), type=Sweep) == watching.sweep
        assert [cohort.started_to for cohort in cohorts] == [*(c.started_from for c in cohorts[1:]), None]


@settings(max_examples=15, deadline=None)
@given(
    TRAITS.map(lambda traits: msgspec.structs.replace(traits, lag=0.0, losses=0, repeats=0.0)),
    st.integers(0, 10**6),
    st.integers(0, 3000),
)
def test_a_look_takes_one_request_for_each_full_page_and_one_more(traits: Traits, seed: int, size: int) -> None:
    starts = chance(seed).sample(range(3_600_000), size)
    instances = [_instance(chance(seed + n), n, -start / 1000, HOUR) for n, start in enumerate(starts)]
    instances = [
        msgspec.structs.replace(it, started=-start / 1000) for it, start in zip(instances, starts, strict=True)
    ]
    watching = follower(ListServer(instances, traits, seed), limit=500)

    for now in (0.0, 10.0, 400.0, 800.0, 1200.0):
        watching.turn(now)

    for look, rows, requests in watching.walks:
        assert requests <= math.ceil(rows / 500) + 1, look


def test_an_old_survivor_costs_one_look_and_what_has_ended_is_closed() -> None:
    survivor = Instance(workflow="old", created=-100, started=-100)
    others = [Instance(workflow=f"w{n}", created=-n, started=-n, ended=60 + n) for n in range(1, 1500)]
    server = ListServer([survivor, *others], Traits())
    watching = follower(server, limit=500)
    for now in range(0, 7200, 60):
        watching.turn(now)

    before = len(server.requests)
    watching.turn(7200)

    assert len(watching.told) == len(others)
    assert list(watching.known) == ["old"] or cohort_of(watching.sweep, at(-100)) is not None
    assert len(server.requests) - before <= 3


@pytest.mark.parametrize("of_pages", [False, True], ids=["offset counts rows", "offset counts pages"])
def test_more_instances_than_a_page_holds_may_have_one_start_time(of_pages: bool) -> None:
    crowd = [Instance(workflow=f"w{n:04}", created=-60, started=-60, ended=300 + n) for n in range(1300)]
    server = ListServer(crowd, Traits(offset_of_pages=of_pages))
    watching = follower(server, limit=500)

    for now in range(0, 7200, 120):
        watching.turn(now)

    assert sorted(watching.told) == [(it.workflow, it.end) for it in crowd]
    assert {request.offset for request in server.requests} > {0}


def test_offset_is_not_used_without_need() -> None:
    instances = population(1, 3000, longest=2 * HOUR)
    server = ListServer(instances, Traits(by_creation=True))
    watching = follower(server, limit=500)

    for now in range(0, 7200, 300):
        watching.turn(now)

    assert {request.offset for request in server.requests} == {0}


def test_what_began_and_ended_while_nobody_looked_is_told_afterwards() -> None:
    instances = population(5, 2000, longest=HOUR, last=8 * HOUR)
    server = ListServer(instances, Traits())
    watching = follower(server, limit=100)

    for now in (0, 60, 120, *range(7 * 3600, 11 * 3600, 300)):
        watching.turn(now)

    ended = {it.workflow for it in instances if it.ended is not None and it.ended < 10.5 * HOUR}
    assert sorted(workflow for workflow, _ in watching.told) == sorted(ended)


def test_a_small_definition_is_known_after_one_request() -> None:
    server = ListServer(population(3, 200, last=0.0), Traits())
    watching = follower(server, limit=500)

    watching.turn(0.0)

    assert len(server.requests) == 1
    assert len(watching.known) == 200


def test_what_ended_before_the_first_start_s_lookback_is_recorded_and_not_told() -> None:
    early = Instance(workflow="early", created=-7000, started=-7000, ended=-3601)
    late = Instance(workflow="late", created=-7000, started=-7000, ended=-3599)
    watching = follower(ListServer([early, late], Traits()), limit=500, tell_from=-HOUR)

    for now in range(0, 3600, 60):
        watching.turn(now)

    assert watching.recorded == ["early"]
    assert watching.told == [("late", Status.COMPLETE)]
