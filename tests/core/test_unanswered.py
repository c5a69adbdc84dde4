"""One target without a usable answer: how long that counts, when it is told, and what ends it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.blindness import Site
from monitor.core.detection.unanswered import NO_SILENCE, Silence, heard, patience
from monitor.core.detection.unwatched import unwatched
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Event, Observation, Outcome, PollFailed, Status
from tests.core.beliefs import MISS, NEW, TARGET, poll, seen, types

UNANSWERED, ANSWERED = EventType.UNANSWERED, EventType.ANSWERED
USELESS = [o for o in Outcome if o not in (Outcome.OK, Outcome.NOT_FOUND, Outcome.THROTTLED)]
SICK = PollFailed(Outcome.SERVER_ERROR)
LONG = 600.0


def listen(*polls: tuple[float, Outcome, float | None], interval: float = 30.0) -> Silence:
    """Polls as (ended, outcome, when the account last answered)."""
    silence = NO_SILENCE
    for clock, outcome, answered_at in polls:
        silence = heard(silence, outcome, interval, clock, answered_at)
    return silence


# --- how long ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "seconds"), [(10.0, 600.0), (60.0, 600.0), (90.0, 900.0), (3600.0, 36_000.0)])
def test_ten_intervals_are_waited_for_and_ten_minutes_at_least(interval: float, seconds: float) -> None:
    assert patience(interval) == seconds


@pytest.mark.parametrize("outcome", USELESS)
def test_the_time_between_failed_polls_counts_while_others_are_answered(outcome: Outcome) -> None:
    assert listen((10, outcome, 5), (40, outcome, 39), (100, outcome, 99)).lasted == 90


def test_it_does_not_count_while_nobody_is_answered() -> None:
    timeout = Outcome.TIMEOUT
    assert listen((10, timeout, None), (40, timeout, None)).lasted == 0
    assert listen((10, timeout, 5), (40, timeout, 39), (100, timeout, 39), (160, timeout, 39)).lasted == 30


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.NOT_FOUND])
def test_what_says_something_of_it_ends_it(outcome: Outcome) -> None:
    assert listen((10, Outcome.TIMEOUT, 5), (40, Outcome.TIMEOUT, 39), (70, outcome, 70)) == NO_SILENCE


def test_a_429_counts_neither_way() -> None:
    sick = Outcome.SERVER_ERROR
    assert listen((10, sick, 5), (40, Outcome.THROTTLED, 39), (70, sick, 69)).lasted == 60


def test_no_gap_counts_for_more_than_half() -> None:
    assert listen((10, Outcome.TIMEOUT, 5), (9000, Outcome.TIMEOUT, 8999)).lasted == LONG / 2


@given(
    st.lists(st.tuples(st.floats(1, 400), st.sampled_from([*Outcome]), st.booleans()), max_size=40),
    st.sampled_from([30.0, 120.0]),
)
def test_it_is_never_longer_than_since_its_last_answer(
    steps: list[tuple[float, Outcome, bool]], interval: float
) -> None:
    silence, clock, last = NO_SILENCE, 0.0, 0.0
    others: float | None = None
    for gap, outcome, answers in steps:
        clock += gap
        others = clock if answers else others
        silence = heard(silence, outcome, interval, clock, others)
        last = clock if outcome.answered else last
        assert 0 <= silence.lasted <= clock - last + 1e-6


# --- what is told -----------------------------------------------------------------------------------------


def told(*polls: tuple[Observation, float]) -> list[Event]:
    """Polls with the silence at each, of a target that was Runnable."""
    state, events = poll(NEW, seen(Status.RUNNABLE)).state, list[Event]()
    for observation, silence in polls:
        verdict = poll(state, observation, silence=silence)
        state = verdict.state
        events += verdict.events
    return events


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (PollFailed(Outcome.SERVER_ERROR, "500"), "500 Internal Server Error from automation.8x8.com:443"),
        (PollFailed(Outcome.BAD_REQUEST, "400 Go."), "400 Bad Request from automation.8x8.com:443 (Go.)"),
        (PollFailed(Outcome.TIMEOUT, "no answer within 10s"), "No answer within 10s (automation.8x8.com:443)"),
        (PollFailed(Outcome.CONNECTION), "the API cannot be reached"),
    ],
    ids=["500", "400", "timeout", "only its kind is known"],
)
def test_it_says_why_in_words(failed: PollFailed, why: str) -> None:
    (event,) = poll(NEW, failed, silence=LONG, site=Site("automation.8x8.com:443", "/run/acme")).events
    assert f": {why}; its account answers" in event.summary
    assert event.detail in (why, None)


@pytest.mark.parametrize("outcome", USELESS)
def test_no_kind_is_told_without_words(outcome: Outcome) -> None:
    (event,) = poll(NEW, PollFailed(outcome), silence=LONG).events
    assert "not known" not in event.summary


@pytest.mark.parametrize("outcome", USELESS)
def test_it_is_told_once_after_so_long(outcome: Outcome) -> None:
    state = poll(NEW, seen(Status.RUNNABLE)).state
    assert poll(state, PollFailed(outcome), silence=LONG - 0.1).state is state
    verdict = poll(state, PollFailed(outcome), silence=LONG)
    (event,) = verdict.events
    assert (event.type, event.severity, event.reason) == (UNANSWERED, Severity.WARNING, outcome.value)
    assert verdict.state.status is Status.RUNNABLE
    again = poll(verdict.state, PollFailed(outcome), silence=LONG + 300)
    assert (again.state, again.events) == (verdict.state, ())


@pytest.mark.parametrize(
    ("answer", "also"),
    [
        (seen(Status.RUNNABLE), []),
        (seen(Status.SUSPENDED), [EventType.SUSPENDED]),
        (seen(Status.TERMINATED, errors=()), [EventType.TERMINATED]),
        (MISS, []),
    ],
    ids=["as believed", "suspended", "the end", "a 404"],
)
def test_any_usable_answer_ends_it_before_all_else(answer: Observation, also: list[EventType]) -> None:
    assert types(told((SICK, LONG), (answer, 0))) == [UNANSWERED, ANSWERED, *also]


def test_an_end_names_its_beginning_and_each_time_is_another() -> None:
    well = seen(Status.RUNNABLE)
    events = told((SICK, LONG), (well, 0), (SICK, LONG), (well, 0))
    assert [event.closes for event in events] == [(), (events[0].id,), (), (events[2].id,)]
    assert len({event.id for event in events}) == 4


def test_a_target_that_was_never_seen_is_told_too() -> None:
    (event,) = poll(NEW, SICK, silence=LONG, last=None).events
    assert (event.type, event.last_seen_at) == (UNANSWERED, None)


def test_what_has_ended_is_told_nothing_of() -> None:
    state = poll(NEW, seen(Status.COMPLETE)).state
    assert poll(state, SICK, silence=LONG).events == ()


def test_the_watchlist_decides_its_severity() -> None:
    target = msgspec.structs.replace(TARGET, severities={UNANSWERED: Severity.CRITICAL})
    (event,) = poll(NEW, SICK, silence=LONG, target=target).events
    assert event.severity is Severity.CRITICAL


def test_of_what_is_not_watched_any_more_it_is_not_open() -> None:
    state = unwatched(poll(NEW, SICK, silence=LONG).state)
    assert not state.unanswered.open
    assert types(poll(state, SICK, silence=LONG).events) == [UNANSWERED]
