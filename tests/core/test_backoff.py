import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.circuit_breaker import FAILURES_IN_A_ROW, LONGEST_DOUBT, BreakerState, CircuitBreaker
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.backoff import FIRST, LONGEST, LONGEST_ASKED, backoff

DOWN = Retry("connection refused", receiver_down=True)
ODD = Retry("HTTP 500")
AN_ANSWER = [pytest.param(Delivered(), id="delivered"), pytest.param(Refused("no"), id="refused")]
JITTER = 0.5


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(1, 0.0, 0.25), (1, 0.5, 0.375), (2, 0.5, 0.75), (5, 0.5, 6.0), (11, 0.5, 225.0), (10**9, 0.5, 225.0)],
)
def test_tries_spread_out_exponentially(attempts: int, jitter: float, seconds: float) -> None:
    assert backoff(attempts, jitter) == seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        pytest.param(30.0, 30.0, id="obeyed"),
        pytest.param(0.0, 0.375, id="no shorter than the back-off"),
        pytest.param(1e9, LONGEST_ASKED, id="at most an hour"),
    ],
)
def test_what_the_receiver_asks_is_waited_for(asked: float, seconds: float) -> None:
    assert backoff(1, JITTER, at_least=asked) == seconds


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_a_wait_is_never_earlier_than_asked_and_never_without_end(
    attempts: int, jitter: float, asked: float | None
) -> None:
    wait = backoff(attempts, jitter, at_least=asked)

    assert min(asked or 0.0, LONGEST_ASKED) <= wait <= max(LONGEST, min(asked or 0.0, LONGEST_ASKED))
    assert wait >= FIRST / 2, "no try follows at once"


def try_once(wellness: CircuitBreaker, now: float, verdict: Verdict) -> None:
    wellness.on_result(now, verdict, JITTER, probe=wellness.on_send())


def test_a_well_receiver_is_sent_to_at_once() -> None:
    wellness = CircuitBreaker()
    try_once(wellness, 0.0, Delivered())

    assert wellness.wait(0.0) == 0.0


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([], BreakerState.CLOSED),
        ([ODD], BreakerState.CLOSED),
        ([DOWN], BreakerState.OPEN),
        ([ODD] * FAILURES_IN_A_ROW, BreakerState.IN_DOUBT),
        ([DOWN, Delivered()], BreakerState.CLOSED),
    ],
)
def test_a_breaker_has_a_word_for_its_state(verdicts: list[Verdict], state: BreakerState) -> None:
    wellness = CircuitBreaker()
    for place, verdict in enumerate(verdicts):
        try_once(wellness, 1000.0 * place, verdict)
    assert wellness.state is state


def test_a_failure_of_one_delivery_does_not_make_the_receiver_unwell() -> None:
    wellness = CircuitBreaker()
    try_once(wellness, 0.0, ODD)

    assert wellness.wait(0.0) == 0.0


def test_an_unwell_receiver_is_left_in_peace_longer_after_each_probe() -> None:
    wellness = CircuitBreaker()
    now, waits = 0.0, []
    for _ in range(12):
        try_once(wellness, now, DOWN)
        waits.append(wellness.wait(now))
        now += waits[-1]

    assert waits == [min(LONGEST, FIRST * 2**n) * (1 + JITTER) / 2 for n in range(12)]


def test_while_a_probe_is_out_nothing_else_is_sent() -> None:
    wellness = CircuitBreaker()
    try_once(wellness, 0.0, DOWN)
    wellness.on_send()

    assert wellness.wait(10.0) == math.inf


@pytest.mark.parametrize("answer", [*AN_ANSWER, pytest.param(ODD, id="a failure of that one delivery")])
def test_a_probe_that_is_answered_makes_it_well(answer: Verdict) -> None:
    wellness = CircuitBreaker()
    try_once(wellness, 0.0, DOWN)
    try_once(wellness, 10.0, answer)

    assert wellness.wait(10.0) == 0.0


def test_many_under_way_that_fail_together_count_as_one_outage() -> None:
    wellness = CircuitBreaker()
    probes = [wellness.on_send() for _ in range(16)]
    for probe in probes:
        wellness.on_result(0.0, DOWN, JITTER, probe=probe)

    assert wellness.failed_probes == 1


@pytest.mark.parametrize("answer", AN_ANSWER)
def test_an_answer_to_what_was_sent_before_does_not_end_a_pause(answer: Verdict) -> None:
    wellness = CircuitBreaker()
    first, second = wellness.on_send(), wellness.on_send()
    wellness.on_result(0.0, Retry("HTTP 429", 30.0, receiver_down=True), JITTER, probe=first)
    wellness.on_result(1.0, answer, JITTER, probe=second)

    assert wellness.wait(1.0) == 29.0


def test_the_longest_wait_that_was_asked_for_holds() -> None:
    wellness = CircuitBreaker()
    first, second = wellness.on_send(), wellness.on_send()
    wellness.on_result(0.0, Retry("HTTP 429", 10.0, receiver_down=True), JITTER, probe=first)
    wellness.on_result(0.0, Retry("HTTP 429", 30.0, receiver_down=True), JITTER, probe=second)

    assert wellness.wait(0.0) == 30.0


def test_a_receiver_that_fails_every_delivery_is_unwell() -> None:
    wellness = CircuitBreaker()
    for _ in range(FAILURES_IN_A_ROW):
        assert wellness.wait(0.0) == 0.0
        try_once(wellness, 0.0, ODD)
    assert wellness.wait(0.0) > 0.0

    try_once(wellness, 10.0, ODD)
    assert wellness.failed_probes == 2

    try_once(wellness, 20.0, Delivered())
    assert wellness.wait(20.0) == 0.0


@pytest.mark.parametrize("answer", AN_ANSWER)
def test_one_answer_between_failures_shows_that_it_is_well(answer: Verdict) -> None:
    wellness = CircuitBreaker()
    for _ in range(3):
        for _ in range(FAILURES_IN_A_ROW - 1):
            try_once(wellness, 0.0, ODD)
        try_once(wellness, 0.0, answer)

    assert wellness.wait(0.0) == 0.0


# --- in doubt: it answers, and takes nothing --------------------------------------------------------------


def in_doubt() -> CircuitBreaker:
    wellness = CircuitBreaker()
    for _ in range(FAILURES_IN_A_ROW):
        try_once(wellness, 0.0, ODD)
    return wellness


def test_a_receiver_in_doubt_gets_what_was_never_tried_and_one_retry_at_a_time() -> None:
    wellness = in_doubt()
    assert wellness.wait(0.0) > 0.0
    assert wellness.wait(0.0, fresh=True) == 0.0
    assert wellness.on_send(fresh=False)
    assert wellness.wait(60.0) == math.inf
    assert wellness.wait(60.0, fresh=True) == 0.0


def test_retries_for_a_receiver_in_doubt_are_never_far_apart() -> None:
    wellness, now = in_doubt(), 0.0
    for _ in range(20):
        now += wellness.wait(now)
        try_once(wellness, now, ODD)
    assert wellness.wait(now) == LONGEST_DOUBT


def test_one_that_is_taken_ends_the_doubt() -> None:
    wellness = in_doubt()
    wellness.on_result(1.0, Delivered(), JITTER, probe=wellness.on_send(fresh=True))
    assert (wellness.wait(1.0), wellness.doubted) == (0.0, False)


def test_a_receiver_in_doubt_that_goes_away_is_down() -> None:
    wellness = in_doubt()
    wellness.on_result(1.0, DOWN, JITTER, probe=wellness.on_send(fresh=True))
    assert wellness.wait(1.0, fresh=True) > 0.0


def test_one_that_is_taken_while_a_probe_is_out_lets_all_go_on() -> None:
    wellness = in_doubt()
    slow = wellness.on_send(fresh=False)
    wellness.on_result(12.0, Delivered(), JITTER, probe=wellness.on_send(fresh=True))
    assert (wellness.wait(12.0), wellness.wait(12.0, fresh=True)) == (0.0, 0.0)
    wellness.on_result(20.0, Delivered(), JITTER, probe=slow)
    assert wellness.wait(20.0) == 0.0
