"""What goes wrong with the simulated API itself: windows, accounts, shares, budgets and clocks."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sim.faults import Fault, RetryAfter, Shape, Trouble
from monitor.sim.request_limit import RequestLimit
from monitor.sim.responses import SimResponse
from monitor.sim.scenario import Scenario, watched
from monitor.sim.scenarios import calm, skewed
from monitor.sim.world import EPOCH, World


def ask(world: World, t: float, *, account: str = "acme", logs: str = "true") -> SimResponse:
    one = next(one for one in watched(world.scenario) if one.account == account)
    path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"
    return world.answer("GET", path, {"includeLogs": logs}, f"sim-key-{account}", t)


def troubled(*faults: Fault) -> World:
    return World(msgspec.structs.replace(calm(), faults=faults))


def limited(limit_rps: float, window: float = 1.0) -> Scenario:
    scenario = calm()
    first, *others = scenario.accounts
    return msgspec.structs.replace(
        scenario, accounts=(msgspec.structs.replace(first, limit_rps=limit_rps, limit_window=window), *others)
    )


@pytest.mark.parametrize(
    ("trouble", "seen"),
    [
        (Trouble.RESET, (0, "reset", 0.0)),
        (Trouble.HANG, (0, "hang", 0.0)),
        (Trouble.STATUS, (503, None, 0.0)),
        (Trouble.THROTTLED, (429, None, 0.0)),
        (Trouble.UNAUTHORIZED, (401, None, 0.0)),
        (Trouble.SLOW, (200, None, 5.0)),
    ],
    ids=lambda value: value.name if isinstance(value, Trouble) else "",
)
def test_a_trouble_lasts_as_long_as_its_window_and_meets_its_account(
    trouble: Trouble, seen: tuple[int, str | None, float]
) -> None:
    world = troubled(Fault(trouble=trouble, begin=10.0, end=20.0, accounts=("acme",), seconds=5.0))

    def look(t: float, account: str = "acme") -> tuple[int, str | None, float]:
        answer = ask(world, t, account=account)
        return answer.status, answer.broken, answer.delay

    fine = (200, None, 0.0)
    assert [look(t) for t in (9.9, 10.0, 19.9, 20.0)] == [fine, seen, seen, fine]
    assert look(15.0, "globex") == fine


def test_a_trouble_can_come_again() -> None:
    world = troubled(Fault(trouble=Trouble.STATUS, begin=10.0, end=12.0, every=30.0))
    assert [t for t in range(100) if ask(world, float(t)).status == 503] == [10, 11, 40, 41, 70, 71]


def test_a_trouble_can_hit_a_share_of_the_requests() -> None:
    world = troubled(Fault(trouble=Trouble.STATUS, begin=0.0, end=1e6, share=0.25))
    hits = [ask(world, float(t)).status == 503 for t in range(400)]
    assert 60 < sum(hits) < 140
    assert hits == [ask(world, float(t)).status == 503 for t in range(400)]


def test_slow_and_broken_come_together() -> None:
    slow = Fault(trouble=Trouble.SLOW, begin=0.0, end=9.0, seconds=2.0)
    world = troubled(slow, slow, Fault(trouble=Trouble.STATUS, begin=0.0, end=9.0, status=502))
    answer = ask(world, 1.0)
    assert (answer.status, answer.delay) == (502, 4.0)
    assert b"Bad Gateway" in answer.body


@pytest.mark.parametrize(
    ("form", "seconds", "header"),
    [
        (RetryAfter.SECONDS, 30.0, "30"),
        (RetryAfter.SECONDS, 0.5, "0.5"),
        (RetryAfter.DATE, 30.0, "Mon, 05 Jan 2026 10:00:32 GMT"),
        (RetryAfter.ABSENT, 30.0, None),
    ],
    ids=["seconds", "fraction", "date", "absent"],
)
def test_throttling_says_when_to_come_again(form: RetryAfter, seconds: float, header: str | None) -> None:
    fault = Fault(trouble=Trouble.THROTTLED, begin=0.0, end=60.0, retry_after=seconds, retry_form=form)
    answer = ask(troubled(fault), 1.5)
    assert answer.headers.get("Retry-After") == header


@pytest.mark.parametrize("shape", Shape)
def test_a_malformed_answer_is_200_and_no_instance(shape: Shape) -> None:
    answer = ask(troubled(Fault(trouble=Trouble.MALFORMED, begin=0.0, end=60.0, shape=shape)), 1.0)
    assert answer.status == 200
    try:
        told = json.loads(answer.body)
    except ValueError:
        return
    assert not isinstance(told["status"], str)


def test_a_replica_that_lags_tells_the_past_under_todays_date() -> None:
    world = troubled(Fault(trouble=Trouble.STALE, begin=16.0, end=20.0, seconds=5.0))
    assert [json.loads(ask(world, t).body)["status"] for t in (15.0, 16.0, 20.0)] == [
        "Complete",
        "Runnable",
        "Complete",
    ]
    assert ask(world, 16.0).headers["Date"] == "Mon, 05 Jan 2026 10:00:16 GMT"


@pytest.mark.parametrize(("account", "ahead"), [("acme", 90.0), ("globex", -45.0)])
def test_skew_moves_the_date_and_what_the_api_writes_down_alike(account: str, ahead: float) -> None:
    answer, straight = ask(World(skewed()), 200.0, account=account), ask(World(calm()), 200.0, account=account)
    shift = timedelta(seconds=ahead)
    assert parsedate_to_datetime(answer.headers["Date"]) == EPOCH + timedelta(seconds=200) + shift
    for field in ("startedAt", "completedAt"):
        told, meant = (datetime.fromisoformat(json.loads(one.body)[field]) for one in (answer, straight))
        assert told == meant + shift


def test_a_real_limit_counts_in_a_sliding_window() -> None:
    world = World(limited(2.0))
    answers = [ask(world, t) for t in (0.0, 0.6, 0.9, 1.0, 1.5, 1.6)]
    assert [answer.status for answer in answers] == [200, 200, 429, 200, 429, 200]
    assert answers[2].headers["Retry-After"] == "1"
    assert ask(world, 1.7, account="globex").status == 200


def test_a_wrong_key_costs_no_budget() -> None:
    world = World(limited(1.0, 10.0))
    for _ in range(20):
        assert world.answer("GET", "/api/v1/accounts/acme/definitions", {}, "wrong", 0.0).status == 401
    assert ask(world, 0.0).status == 200


@given(st.lists(st.floats(0.0, 20.0), max_size=60).map(sorted), st.integers(1, 5), st.floats(0.5, 5.0))
def test_no_window_holds_more_than_the_limit(times: list[float], limit: int, window: float) -> None:
    meter = RequestLimit(limit, window)
    passed = [t for t in times if meter.wait(t) == 0.0]
    for begin in passed:
        assert sum(begin <= t < begin + window - 1e-9 for t in passed) <= limit
    assert not times or passed[0] == times[0]


def test_the_epoch_is_known_and_in_utc() -> None:
    assert EPOCH.tzinfo is UTC
