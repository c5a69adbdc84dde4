"""Receivers that limit their callers, and those that were given up on: who goes first, how fast, and who goes again."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.commits import Delivery
from monitor.core.event_types import Severity
from monitor.core.records import DeliveryOutcome
from monitor.core.scheduling.token_bucket import RateQuota
from monitor.notify.incident_notifier import page as page_of
from monitor.notify.pagerduty import PACE, fitted, trigger
from tests.edges.notifier_kit import INCIDENT
from tests.edges.pagerduty_fake import ROUTING_KEY, PagerDutyFake
from tests.stories.test_deliverer import DOWN, OK, House, Scripted, house_in, now, time

PAGER = RateQuota(per_minute=120)
PAGE = page_of(INCIDENT, tolls=(), external_url="http://localhost:8808")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


pytestmark = pytest.mark.looptime


def workflows(first: str, count: int) -> list[str]:
    letters = itertools.product("abcdefghijklmnopqrst", repeat=2)
    return [first + "".join(pair) + "1" for pair in itertools.islice(letters, count)]


def most_in_a_minute(times: list[float]) -> int:
    """Over every window of 60 s that begins with a send, its ends included."""
    return max(sum(1 for at in times[n:] if at - begin <= 60) for n, begin in enumerate(times))


# --- pace and urgency -------------------------------------------------------------------------------------


async def test_of_500_pending_the_criticals_go_first_and_no_minute_holds_more_than_the_pace(house: House) -> None:
    infos, warnings, criticals = workflows("i", 200), workflows("w", 200), workflows("c", 100)
    await house.tell(*infos, severity=Severity.INFO)
    await house.tell(*warnings, severity=Severity.WARNING)
    await house.tell(*criticals, severity=Severity.CRITICAL)
    oncall = Scripted(duration=0.2)
    async with house.delivering(oncall=oncall, urgent_first=True, pace=PAGER):
        await asyncio.sleep(500 / (110 / 60) + 2)  # the pace is made use of

    assert oncall.ids == [*criticals, *warnings, *infos]
    assert most_in_a_minute([at for _, at in oncall.sent]) <= 120


async def test_a_burst_after_a_quiet_time_goes_out_at_once_and_still_keeps_the_pace(house: House) -> None:
    oncall = Scripted()
    async with house.delivering(oncall=oncall, urgent_first=True, pace=PAGER):
        await asyncio.sleep(3600)
        await house.tell(*workflows("c", 300))
        await asyncio.sleep(300)

    times = [at for _, at in oncall.sent]
    assert times[:11] == [3600.0] * 10 + [pytest.approx(3600 + 60 / 110, abs=0.001)]
    assert len(times) == 300
    assert most_in_a_minute(times) <= 120


async def test_tries_count_as_sends(house: House) -> None:
    moody = set(workflows("c", 100)[::2])
    oncall = Scripted(lambda which, attempts: Retry("HTTP 500", 1.0) if which in moody and not attempts else OK)
    async with house.delivering(oncall=oncall, pace=PAGER):
        await asyncio.sleep(600)
        await house.tell(*workflows("c", 100))
        await asyncio.sleep(600)

    assert len(oncall.sent) == 150
    assert most_in_a_minute([at for _, at in oncall.sent]) <= 120


async def test_a_restart_gives_no_second_burst(house: House) -> None:
    times = []
    for n in range(20):
        oncall = Scripted()
        async with house.delivering(oncall=oncall, pace=PAGER):
            await asyncio.sleep(60 if n == 0 else 3)
            await house.tell(*workflows(f"c{'x' * n}", 60))
            await asyncio.sleep(3)
        times += [at for _, at in oncall.sent]

    assert len(times) > 120
    assert most_in_a_minute(times) <= 120


async def test_a_critical_one_that_comes_late_overtakes_those_that_wait_for_their_turn(house: House) -> None:
    oncall = Scripted()
    async with house.delivering(oncall=oncall, urgent_first=True, pace=PAGER):
        await house.tell(*workflows("w", 50), severity=Severity.WARNING)
        await asyncio.sleep(5)
        before = len(oncall.sent)
        await house.tell("late1", severity=Severity.CRITICAL)
        await asyncio.sleep(60)

    assert before < 50
    assert oncall.ids.index("late1") == before


async def test_a_receiver_without_a_pace_is_sent_everything_at_once(house: House) -> None:
    oncall = Scripted()
    async with house.delivering(oncall=oncall, concurrency=1000):
        await house.tell(*workflows("c", 300))
        await asyncio.sleep(1)

    assert {at for _, at in oncall.sent} == {0.0}


async def test_what_the_pager_is_sent_at_its_pace_pagerduty_never_refuses(house: House) -> None:
    service = PagerDutyFake(time)

    class Wire(Scripted):
        """A pager without a network between."""

        async def send(self, delivery: Delivery) -> Verdict:
            await super().send(delivery)
            page = msgspec.structs.replace(PAGE, key=delivery.event_id)
            status, _ = service.take(fitted({"routing_key": ROUTING_KEY, **trigger(page, "")}))
            return Delivered() if status == 202 else Retry(f"HTTP {status}", receiver_down=True)

    ids = workflows("c", 400)
    async with house.delivering(oncall=Wire(duration=0.2), urgent_first=True, pace=PACE):
        await asyncio.sleep(60)
        await house.tell(*ids)
        await asyncio.sleep(400)

    assert service.refusals == []
    assert sorted(each.key for each in service.incidents) == sorted(ids)


# --- what is to wait --------------------------------------------------------------------------------------


async def test_an_offer_that_is_not_due_yet_waits_until_it_is(house: House) -> None:
    oncall = Scripted()
    await house.tell("a1", offer=False)
    (row,) = await house.pending()
    async with house.delivering(oncall=oncall) as deliverer:
        await asyncio.sleep(1)
        deliverer.enqueue(
            [msgspec.structs.replace(row, seq=9, event_id="b1", subject="b", not_before=now() + timedelta(seconds=2))]
        )
        await asyncio.sleep(60)

    assert oncall.sent == [("a1", 0.0), ("b1", 3.0)]


# --- what was given up ------------------------------------------------------------------------------------


async def test_what_was_given_up_is_sent_again_when_somebody_retries_it(house: House) -> None:
    oncall = Scripted(lambda *_: OK if time() > 10 else Refused("HTTP 400"))
    await house.tell("a1", offer=False)
    (row,) = await house.pending()
    async with house.delivering(oncall=oncall) as deliverer:
        await asyncio.sleep(60)
        assert house.outcomes("a1") == [DeliveryOutcome.DEAD]
        deliverer.retry([row])
        await asyncio.sleep(60)

    assert oncall.sent == [("a1", 0.0), ("a1", 60.0)]
    assert house.outcomes("a1") == [DeliveryOutcome.DEAD, DeliveryOutcome.DELIVERED]


async def test_what_is_retried_for_nobody_we_know_stays_in_the_store(house: House) -> None:
    await house.tell("a1", offer=False)
    (row,) = await house.pending()
    async with house.delivering(other=Scripted()) as deliverer:
        deliverer.retry([row])
        assert deliverer.pending() == {"other": 0}


# --- whether it acknowledges ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "acknowledges"),
    [
        pytest.param(OK, True, id="delivered"),
        pytest.param(DOWN, False, id="unwell"),
        pytest.param(Retry("HTTP 500", 60.0), False, id="failed"),
        pytest.param(Refused("HTTP 400"), False, id="refused"),
    ],
)
async def test_a_receiver_acknowledges_unless_its_last_send_failed(
    house: House, verdict: Verdict, acknowledges: bool
) -> None:
    oncall, other = Scripted(lambda which, _: verdict if which == "a1" and time() < 2 else OK), Scripted()
    async with house.delivering(oncall=oncall, other=other) as deliverer:
        assert deliverer.acknowledges() == {"oncall": True, "other": True}
        await house.tell("a1", to=["oncall", "other"])
        await asyncio.sleep(1)
        assert deliverer.acknowledges() == {"oncall": acknowledges, "other": True}
        await asyncio.sleep(600)
        await house.tell("b1")
        await asyncio.sleep(600)
        assert deliverer.acknowledges() == {"oncall": True, "other": True}
