"""Blind and sighted: an account that does not answer speaks once."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.detection.blindness import Site
from monitor.core.detection.reachability import (
    UNWATCHED,
    Reachability,
    ReachabilityChange,
    assess,
    idle,
    initial,
    more_silent,
    record,
    recovered,
)
from monitor.core.event_types import EventType, Severity
from monitor.core.model import AccountState, Condition, Episode, Event, Outcome
from tests.core.beliefs import at

BLIND_AFTER = 120.0
ACME = AccountState(account="acme")
ANSWERS = [Outcome.OK, Outcome.NOT_FOUND]
SILENCE = [outcome for outcome in Outcome if outcome not in ANSWERS]


SITE = Site("automation.8x8.com:443", "/run/secrets/acme")


def look(
    state: AccountState, reach: Reachability, now: float, *, watched: int = 12, shut: bool = False
) -> ReachabilityChange:
    reach = idle(reach, now, asks=watched > 0, shut=shut)
    return assess(state, reach, now, at(now), BLIND_AFTER, watched=watched, shut=shut, site=SITE)


def listen(
    *requests: tuple[float, float, Outcome], reach: Reachability | None = None, detail: str = ""
) -> Reachability:
    """Requests as (sent, ended, outcome)."""
    reach = reach or Reachability()
    for sent, ended, outcome in requests:
        reach = record(reach, outcome, sent, ended, at(ended), detail=detail)
    return reach


SILENT = listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT), (40, 50, Outcome.TIMEOUT))


def blind(now: float = 130) -> tuple[AccountState, Event]:
    verdict = look(ACME, SILENT, now)
    (event,) = verdict.events
    return verdict.state, event


# --- what is heard ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", SILENCE)
def test_a_streak_begins_when_its_first_request_was_sent(outcome: Outcome) -> None:
    reach = listen((0, 1, Outcome.OK), (10, 20, outcome), (15, 25, Outcome.TIMEOUT))
    assert (reach.unanswered_since, reach.streak, reach.reason) == (10, 2, Outcome.TIMEOUT)
    assert reach.last_answer_at == at(1)


@pytest.mark.parametrize("outcome", ANSWERS)
def test_an_answer_ends_the_streak(outcome: Outcome) -> None:
    reach = listen((10, 20, Outcome.TIMEOUT), (21, 22, outcome))
    assert reach == Reachability(last_answer_at=at(22), answered=22)


def test_a_slow_request_that_was_sent_first_began_the_streak() -> None:
    reach = listen((12, 13, Outcome.CONNECTION), (10, 20, Outcome.TIMEOUT))
    assert reach.unanswered_since == 10


def test_a_slow_request_that_others_overtook_does_not_count_from_before_their_answer() -> None:
    reach = listen((12, 13, Outcome.OK), (10, 20, Outcome.TIMEOUT))
    assert reach.unanswered_since == 13


# --- blind ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False], ids=["it answered before", "it never answered"])
def test_outages_have_names_of_their_own_also_where_nothing_is_known_of_those_before(answered: bool) -> None:
    ids = set()
    for begin_ in (0, 90_000):
        reach = listen((begin_, begin_ + 1, Outcome.OK)) if answered else Reachability()
        reach = listen(*[(begin_ + sent, begin_ + sent + 1, Outcome.TIMEOUT) for sent in (10, 40)], reach=reach)
        (event,) = look(ACME, reach, begin_ + 130).events
        assert look(ACME, reach, begin_ + 140).events[0].id == event.id
        ids.add(event.id)
    assert len(ids) == 2


def test_an_account_is_blind_when_no_answer_came_for_so_long() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT), (40, 50, Outcome.UNAUTHORIZED))
    early = look(ACME, reach, 129.9)
    assert (early.events, early.check_at) == ((), 130)
    verdict = look(early.state, reach, 130)
    (event,) = verdict.events
    assert (event.type, event.severity, event.reason) == (EventType.BLIND, Severity.CRITICAL, "unauthorized")
    assert (event.subject, event.occurred_at, event.last_seen_at) == ("acme", None, at(1))
    assert verdict.state.blind == Condition(open=True, last=Episode("2026-01-05T10:00:01.000000Z", 1))


def test_an_account_that_never_answered_goes_blind_too() -> None:
    reach = listen((10, 11, Outcome.CONNECTION), (40, 41, Outcome.CONNECTION))
    (event,) = look(ACME, reach, 130).events
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
    reach = listen((150, 151, Outcome.OK), (152, 153, Outcome.TIMEOUT), (153, 154, Outcome.TIMEOUT))
    verdict = look(state, reach, 154)
    assert [event.type for event in verdict.events] == [EventType.SIGHTED]
    assert look(verdict.state, reach, 155).check_at == 272


def test_the_next_blindness_is_another_episode() -> None:
    state, first = blind()
    state = look(state, listen((150, 151, Outcome.OK)), 151).state
    reach = listen((150, 151, Outcome.OK), (160, 161, Outcome.TIMEOUT), (190, 191, Outcome.TIMEOUT))
    (second,) = look(state, reach, 280).events
    assert second.type is EventType.BLIND
    assert second.id != first.id


def test_one_request_alone_is_no_silence_however_long_the_next_is_away() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT))
    verdict = look(ACME, reach, 3600)
    assert (verdict.events, verdict.check_at) == ((), None)
    (event,) = look(ACME, listen((3610, 3620, Outcome.TIMEOUT), reach=reach), 3620).events
    assert event.type is EventType.BLIND


@pytest.mark.parametrize(
    ("outcome", "news"),
    [(Outcome.OK, [True, False]), (Outcome.TIMEOUT, [True, True, False])],
    ids=["answers", "timeouts"],
)
def test_what_is_heard_is_news_when_it_changes_when_to_judge(outcome: Outcome, news: list[bool]) -> None:
    after = listen((0, 1, Outcome.OK if outcome is Outcome.TIMEOUT else Outcome.TIMEOUT))
    for number, expected in enumerate(news):
        before, after = after, listen((10 + number, 11 + number, outcome), reach=after)
        assert more_silent(before, after) is expected


def test_a_lane_shut_by_a_429_is_unanswered_since_then() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 11, Outcome.THROTTLED))
    assert look(ACME, reach, 129.9, shut=True).check_at == 130
    (event,) = look(ACME, reach, 130, shut=True).events
    assert event.reason == "throttled"


def test_a_lane_that_a_429_shut_for_a_moment_is_one_request_without_an_answer() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 11, Outcome.THROTTLED))
    assert look(ACME, reach, 3600, shut=False).events == ()


def test_an_answer_that_overtook_the_429_does_not_hide_a_shut_lane() -> None:
    reach = listen((10, 11, Outcome.THROTTLED), (9, 12, Outcome.OK))
    reach = idle(reach, 12, asks=True, shut=True)
    (event,) = look(ACME, reach, 132, shut=True).events
    assert event.reason == "throttled"


def test_a_clock_that_is_set_neither_hurries_nor_delays_it() -> None:
    for set_by in (-3600, 600):
        early = assess(ACME, SILENT, 129, at(129 + set_by), BLIND_AFTER)
        assert (early.events, early.check_at) == ((), 130)
        assert assess(ACME, SILENT, 130, at(130 + set_by), BLIND_AFTER).events


# --- what is told of it -----------------------------------------------------------------------------------


def test_it_is_told_with_the_newest_answer_and_who_is_not_watched() -> None:
    reach = listen((0, 1, Outcome.OK), (10, 20, Outcome.TIMEOUT))
    reach = listen((40, 50, Outcome.UNAUTHORIZED), reach=reach, detail="401 1200 Invalid token")
    (event,) = look(ACME, reach, 130, watched=12).events
    refused = "401 Unauthorized: the key in /run/secrets/acme is refused by automation.8x8.com:443"
    assert event.detail == f"{refused} (1200 Invalid token)"
    assert event.workflows == 12
    assert event.summary.startswith("401 Unauthorized: the key in /run/secrets/acme is refused")
    assert "12 workflows of account acme" in event.summary


def test_an_answer_and_its_closing_say_no_more_why() -> None:
    reach = listen((10, 20, Outcome.TIMEOUT), (40, 50, Outcome.TIMEOUT), detail="no whole answer within 10s")
    state = look(ACME, reach, 130).state
    reach = listen((150, 151, Outcome.OK), reach=reach)
    assert reach == Reachability(at(151), 151)
    (event,) = look(state, reach, 151).events
    assert (event.detail, event.since, event.workflows) == (None, None, None)


REFUSED, BUSY = Outcome.CONNECTION, Outcome.THROTTLED


@pytest.mark.parametrize(
    ("requests", "since"),
    [
        pytest.param([(0, 1, Outcome.OK), (3600, 3601, REFUSED), (3610, 3611, REFUSED)], 3600, id="nothing to ask"),
        pytest.param([(3600, 3601, REFUSED), (3610, 3611, REFUSED)], 3600, id="never an answer"),
        pytest.param([(12, 13, REFUSED), (10, 20, Outcome.TIMEOUT)], 10, id="the first was the slowest"),
        pytest.param([(10, 11, BUSY), (71, 72, REFUSED), (72, 73, REFUSED)], 71, id="another trouble after a pause"),
        pytest.param([(10, 11, BUSY), (71, 72, BUSY), (133, 134, BUSY)], 10, id="the same trouble after a pause"),
        pytest.param([(10, 11, BUSY), (12, 13, REFUSED), (14, 15, BUSY)], 10, id="hardly a pause"),
        pytest.param(
            [(10, 11, BUSY), (71, 72, REFUSED), (60, 80, REFUSED), (81, 82, BUSY)], 71, id="what it began anew with"
        ),
    ],
)
def test_time_in_which_nothing_was_asked_does_not_count(
    requests: list[tuple[float, float, Outcome]], since: float
) -> None:
    (event,) = look(ACME, listen(*requests), 4000).events
    assert event.since == at(since)


def test_a_lane_that_is_shut_from_the_start_is_silent_since_then() -> None:
    state = msgspec.structs.replace(ACME, last_answer_at=at(0))
    reach = idle(initial(state), 5000, asks=True, shut=True)
    (event,) = look(state, reach, 5120, shut=True).events
    assert (event.since, event.detail) == (at(5000), None)


def test_since_when_is_by_the_clock_that_runs_not_by_the_one_that_is_set() -> None:
    (event,) = assess(ACME, SILENT, 130, at(130 + 3600), BLIND_AFTER).events
    assert event.since == at(10 + 3600)


# --- nothing is asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shut", [False, True], ids=["open", "shut"])
def test_who_asks_nothing_is_not_blind(shut: bool) -> None:
    for reach in (SILENT, listen((0, 1, Outcome.OK)), Reachability()):
        verdict = look(ACME, reach, 1_000_000, watched=0, shut=shut)
        assert (verdict.events, verdict.check_at) == ((), None)


def test_who_asks_again_is_not_blind_for_what_was_not_answered_before() -> None:
    reach = idle(SILENT, 60, asks=False, shut=False)
    assert reach == Reachability(at(1), 1)
    reach = listen((1000, 1010, Outcome.TIMEOUT), (1030, 1040, Outcome.TIMEOUT), reach=reach)
    assert look(ACME, reach, 1040).check_at == 1120


def test_when_nothing_is_asked_any_more_an_open_blindness_is_closed_and_says_why() -> None:
    state, told = blind()
    verdict = look(state, SILENT, 200, watched=0)
    (event,) = verdict.events
    assert (event.type, event.closes, event.reason) == (EventType.SIGHTED, (told.id,), UNWATCHED)
    assert event.last_seen_at == at(1)
    assert "answers again" not in event.summary
    assert (verdict.state.blind.open, verdict.state.last_answer_at) == (False, at(1))
    assert look(verdict.state, SILENT, 300, watched=0) == ReachabilityChange(verdict.state)


# --- restarts ---------------------------------------------------------------------------------------------


def test_blindness_survives_a_restart_and_is_closed_by_the_next_answer() -> None:
    state, told = blind()
    restarted = msgspec.json.decode(msgspec.json.encode(state), type=AccountState)
    reach = initial(restarted)
    assert look(restarted, reach, 500).events == ()
    reach = listen((500, 510, Outcome.TIMEOUT), (530, 540, Outcome.TIMEOUT), reach=reach)
    assert look(restarted, reach, 10_000).events == ()
    reach = listen((10_001, 10_002, Outcome.OK), reach=reach)
    (event,) = look(restarted, reach, 10_002).events
    assert (event.type, event.closes, event.last_seen_at) == (EventType.SIGHTED, (told.id,), at(1))


def test_after_a_restart_the_clock_starts_with_the_first_request_without_an_answer() -> None:
    state = msgspec.structs.replace(ACME, last_answer_at=at(0))
    reach = initial(state)
    assert look(state, reach, 6000).events == ()
    reach = listen((6000, 6010, Outcome.TIMEOUT), (6005, 6015, Outcome.TIMEOUT), reach=reach)
    assert look(state, reach, 6015).check_at == 6120


def test_a_lane_that_is_still_shut_after_a_restart_counts_from_the_start() -> None:
    reach = idle(initial(ACME), 5000, asks=True, shut=True)
    verdict = look(ACME, reach, 5120, shut=True)
    assert [(event.type, event.reason) for event in verdict.events] == [(EventType.BLIND, "throttled")]


def test_a_lane_that_is_open_after_a_restart_is_no_silence() -> None:
    assert look(ACME, initial(ACME), 9000).events == ()


def test_a_state_from_before_closings_had_a_length_is_readable() -> None:
    row = b'{"account":"acme","closed_until":"2026-01-05T10:00:00Z","revision":3}'
    assert msgspec.json.decode(row, type=AccountState).closed_for is None


def test_the_last_answer_is_stored_often_enough_to_be_honest_to_a_minute() -> None:
    state = look(ACME, listen((0, 1, Outcome.OK)), 1).state
    assert state.last_answer_at == at(1)
    assert look(state, listen((45, 45.9, Outcome.OK)), 46).state is state
    assert look(state, listen((45, 46, Outcome.OK)), 46).state.last_answer_at == at(46)


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
    after = listen((ended, ended, Outcome.OK), reach=before)
    assert recovered(before, after, ended) is expected
    assert not recovered(before, listen((ended, ended, Outcome.TIMEOUT), reach=before), ended)


# --- law --------------------------------------------------------------------------------------------------

REQUESTS = st.lists(st.tuples(st.integers(1, 300), st.sampled_from(Outcome)), max_size=40)


@given(REQUESTS)
def test_every_silence_that_lasted_is_told_once_and_closed_by_the_next_answer(
    requests: list[tuple[int, Outcome]],
) -> None:
    assert watch(requests) == silences(requests)


def watch(requests: list[tuple[int, Outcome]]) -> list[EventType]:
    """One request after the other; judged after each, and when a verdict asks for it, as the daemon does."""
    state, reach, now = ACME, Reachability(), 0
    told: list[EventType] = []
    check_at: float | None = None
    for pause, outcome in requests:
        sent, now = now, now + pause
        if check_at is not None and check_at <= now:
            verdict = look(state, reach, check_at)
            state = verdict.state
            told += [event.type for event in verdict.events]
        reach = listen((sent, now, outcome), reach=reach)
        verdict = look(state, reach, now)
        state, check_at = verdict.state, verdict.check_at
        told += [event.type for event in verdict.events]
        assert look(state, reach, now) == ReachabilityChange(state, (), check_at)
    return told


def silences(requests: list[tuple[int, Outcome]]) -> list[EventType]:
    told: list[EventType] = []
    now, since, streak, blind = 0, 0, 0, False
    for pause, outcome in requests:
        since = since if streak else now
        now += pause
        if outcome.answered:
            # Before it came it may have been too late.
            lasted = streak > 1 and now - since >= BLIND_AFTER
            told += [EventType.BLIND] * (lasted and not blind) + [EventType.SIGHTED] * (lasted or blind)
            streak, blind = 0, False
            continue
        streak += 1
        if streak > 1 and now - since >= BLIND_AFTER and not blind:
            told.append(EventType.BLIND)
            blind = True
    return told
