"""Blind and sighted: an account that does not answer speaks once."""

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import AccountState, Condition, Episode, Event, EventType, Outcome, Severity
from monitor.core.reach import Reach, ReachVerdict, begin, heard, judge, recovered
from tests.core.beliefs import at

BLIND_AFTER = 120.0
ACME = AccountState(account="acme")
ANSWERS = [Outcome.OK, Outcome.NOT_FOUND, Outcome.BAD_REQUEST]
SILENCE = [outcome for outcome in Outcome if outcome not in ANSWERS]


def look(state: AccountState, reach: Reach, now: float) -> ReachVerdict:
    return judge(state, reach, at(now), BLIND_AFTER)


def listen(*requests: tuple[float, float, Outcome], reach: Reach | None = None) -> Reach:
    """Requests as (sent, ended, outcome)."""
    reach = reach or Reach()
    for sent, ended, outcome in requests:
        reach = heard(reach, outcome, at(sent), at(ended))
    return reach


def blind(now: float = 130) -> tuple[AccountState, Event]:
    verdict = look(ACME, listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT)), now)
    (event,) = verdict.events
    return verdict.state, event


# --- what is heard ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", SILENCE)
def test_a_streak_begins_when_its_first_request_was_sent(outcome: Outcome) -> None:
    reach = listen((0, 1, Outcome.OK), (10, 20, outcome), (15, 25, Outcome.TIMEOUT))
    assert (reach.unanswered_since, reach.streak, reach.reason) == (at(10), 2, Outcome.TIMEOUT)
    assert reach.last_answer_at == at(1)


@pytest.mark.parametrize("outcome", ANSWERS)
def test_an_answer_ends_the_streak(outcome: Outcome) -> None:
    reach = listen((10, 20, Outcome.TIMEOUT), (21, 22, outcome))
    assert reach == Reach(last_answer_at=at(22))


def test_a_slow_request_that_was_sent_first_began_the_streak() -> None:
    reach = listen((12, 13, Outcome.CONNECTION), (10, 20, Outcome.TIMEOUT))
    assert reach.unanswered_since == at(10)


def test_a_slow_request_that_others_overtook_does_not_count_from_before_their_answer() -> None:
    reach = listen((12, 13, Outcome.OK), (10, 20, Outcome.TIMEOUT))
    assert reach.unanswered_since == at(13)


# --- blind ------------------------------------------------------------------------------------------------


def test_an_account_is_blind_when_no_answer_came_for_so_long() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT), (40, 50, Outcome.UNAUTHORIZED))
    early = look(ACME, reach, 129.9)
    assert (early.events, early.check_at) == ((), at(130))
    verdict = look(early.state, reach, 130)
    (event,) = verdict.events
    assert (event.type, event.severity, event.reason) == (EventType.BLIND, Severity.CRITICAL, "unauthorized")
    assert (event.subject, event.occurred_at, event.last_seen_at) == ("acme", None, at(1))
    assert verdict.state.blind == Condition(open=True, last=Episode("", 1))


def test_an_account_that_never_answered_goes_blind_too() -> None:
    (event,) = look(ACME, listen((10, 11, Outcome.CONNECTION)), 130).events
    assert (event.type, event.last_seen_at) == (EventType.BLIND, None)


def test_blindness_is_told_once() -> None:
    state, _ = blind()
    reach = listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT), (140, 150, Outcome.TIMEOUT))
    verdict = look(state, reach, 1000)
    assert verdict.state is state
    assert (verdict.events, verdict.check_at) == ((), None)


def test_an_answer_closes_it() -> None:
    state, told = blind()
    verdict = look(state, listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT), (150, 151, Outcome.NOT_FOUND)), 151)
    (event,) = verdict.events
    assert (event.type, event.severity, event.closes) == (EventType.SIGHTED, Severity.INFO, (told.id,))
    assert event.last_seen_at == at(1)
    assert (verdict.state.blind.open, verdict.state.last_answer_at) == (False, at(151))


def test_an_answer_that_was_followed_by_silence_still_closes_it() -> None:
    state, _ = blind()
    reach = listen((150, 151, Outcome.OK), (152, 153, Outcome.TIMEOUT))
    verdict = look(state, reach, 154)
    assert [event.type for event in verdict.events] == [EventType.SIGHTED]
    assert look(verdict.state, reach, 155).check_at == at(272)


def test_the_next_blindness_is_another_episode() -> None:
    state, first = blind()
    state = look(state, listen((150, 151, Outcome.OK)), 151).state
    (second,) = look(state, listen((150, 151, Outcome.OK), (160, 161, Outcome.TIMEOUT)), 280).events
    assert second.type is EventType.BLIND
    assert second.id != first.id


def test_a_lane_shut_by_a_429_is_unanswered_since_then() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 11, Outcome.THROTTLED))
    (event,) = look(ACME, reach, 130).events
    assert event.reason == "throttled"


def test_who_asks_nothing_is_not_blind() -> None:
    verdict = look(ACME, listen((0, 1, Outcome.OK)), 1_000_000)
    assert (verdict.events, verdict.check_at) == ((), None)


# --- restarts ---------------------------------------------------------------------------------------------


def test_blindness_survives_a_restart_and_is_closed_by_the_next_answer() -> None:
    state, told = blind()
    restarted = msgspec.json.decode(msgspec.json.encode(state), type=AccountState)
    reach = begin(restarted, at(500))
    assert look(restarted, reach, 500).events == ()
    reach = heard(reach, Outcome.TIMEOUT, at(500), at(510))
    assert look(restarted, reach, 10_000).events == ()
    reach = heard(reach, Outcome.OK, at(10_001), at(10_002))
    (event,) = look(restarted, reach, 10_002).events
    assert (event.type, event.closes, event.last_seen_at) == (EventType.SIGHTED, (told.id,), at(1))


def test_after_a_restart_the_clock_starts_with_the_first_request_without_an_answer() -> None:
    state = msgspec.structs.replace(ACME, last_answer_at=at(0))
    reach = begin(state, at(5000))
    assert look(state, reach, 6000).events == ()
    reach = heard(reach, Outcome.TIMEOUT, at(6000), at(6010))
    assert look(state, reach, 6010).check_at == at(6120)


def test_a_lane_that_is_still_shut_after_a_restart_counts_from_the_start() -> None:
    state = msgspec.structs.replace(ACME, closed_until=at(9000))
    verdict = look(state, begin(state, at(5000)), 5120)
    assert [(event.type, event.reason) for event in verdict.events] == [(EventType.BLIND, "throttled")]


def test_a_lane_that_has_opened_before_the_restart_is_no_silence() -> None:
    state = msgspec.structs.replace(ACME, closed_until=at(4000))
    assert look(state, begin(state, at(5000)), 9000).events == ()


def test_the_last_answer_is_stored_once_a_minute() -> None:
    state = look(ACME, listen((0, 1, Outcome.OK)), 1).state
    assert state.last_answer_at == at(1)
    assert look(state, listen((60, 60.9, Outcome.OK)), 61).state is state
    assert look(state, listen((60, 61, Outcome.OK)), 61).state.last_answer_at == at(61)


# --- recovery ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "ended", "expected"),
    [
        pytest.param([(0, 1), (1, 2), (2, 3)], 10, True, id="three requests, ten seconds"),
        pytest.param([(0, 1), (1, 2)], 100, False, id="only two requests"),
        pytest.param([(0, 1), (1, 2), (2, 3)], 9.9, False, id="only a moment"),
        pytest.param([], 100, False, id="none at all"),
    ],
)
def test_an_outage_has_ended(failures: list[tuple[float, float]], ended: float, expected: bool) -> None:
    before = listen(*((sent, failed, Outcome.TIMEOUT) for sent, failed in failures))
    after = heard(before, Outcome.OK, at(ended), at(ended))
    assert recovered(before, after, at(ended)) is expected
    assert not recovered(before, heard(before, Outcome.TIMEOUT, at(ended), at(ended)), at(ended))


# --- law --------------------------------------------------------------------------------------------------

REQUESTS = st.lists(st.tuples(st.integers(1, 300), st.sampled_from(Outcome)), max_size=40)


@given(REQUESTS)
def test_every_silence_that_lasted_is_told_once_and_closed_by_the_next_answer(
    requests: list[tuple[int, Outcome]],
) -> None:
    assert watch(requests) == silences(requests)


def watch(requests: list[tuple[int, Outcome]]) -> list[EventType]:
    """One request after the other; judged after each, and when a verdict asks for it, as the daemon does."""
    state, reach, now = ACME, Reach(), 0
    told: list[EventType] = []
    check_at: datetime | None = None
    for pause, outcome in requests:
        sent, now = now, now + pause
        if check_at is not None and check_at <= at(now):
            verdict = judge(state, reach, check_at, BLIND_AFTER)
            state = verdict.state
            told += [event.type for event in verdict.events]
        reach = heard(reach, outcome, at(sent), at(now))
        verdict = look(state, reach, now)
        state, check_at = verdict.state, verdict.check_at
        told += [event.type for event in verdict.events]
        assert look(state, reach, now) == ReachVerdict(state, (), check_at)
    return told


def silences(requests: list[tuple[int, Outcome]]) -> list[EventType]:
    told: list[EventType] = []
    now, since, blind = 0, None, False
    for pause, outcome in requests:
        since = now if since is None and not outcome.answered else since
        now += pause
        if since is not None and now - since >= BLIND_AFTER and not blind:
            told.append(EventType.BLIND)
            blind = True
        if outcome.answered:
            told += [EventType.SIGHTED] if blind else []
            since, blind = None, False
    return told
