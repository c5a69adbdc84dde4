"""The rounds in virtual time: "pushed at 1.0; expected between 2.0 and 2.5", as Alertmanager's own tests have it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.core.alerts import Alert, AlertEnd
from monitor.notify.alertmanager import Alertmanager
from tests.edges.alertmanager_kit import Instance, alertmanager, delivery_of, ended, workflow_alert
from tests.edges.notifier_kit import Cases

pytestmark = pytest.mark.looptime

EPOCH = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
RESEND = 60.0


def now() -> datetime:
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


async def until(t: float) -> None:
    await asyncio.sleep(t - asyncio.get_running_loop().time())


class Slow(Cases):
    """A casebook whose pages take `takes` seconds to arrive; what they say is what held when they were asked for."""

    takes = 0.0
    broken = False

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        if self.broken:
            raise OSError("the disk is full")
        page = await super().alerts_of(receiver, after=after, limit=limit, ended_after=ended_after)
        await asyncio.sleep(self.takes)
        return page


class Story:
    """A receiver with its rounds, and instances."""

    def __init__(self, instances: int = 1, **more: Any) -> None:
        self.cases = Slow()
        self.instances = [Instance(now=now) for _ in range(instances)]
        self.faults: list[Exception] = []
        self.beats = 0
        self.alive = True
        self.notifier: Alertmanager = alertmanager(
            [str(n) for n in range(instances)],
            self.cases,
            now=now,
            resend=RESEND,
            alive=lambda: self.alive,
            fault=lambda _loop, error: self.faults.append(error),
            connect=lambda url: self.instances[int(url)],
            **more,
        )

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.notifier.run(self._beat))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.notifier.close()

    def _beat(self) -> None:
        self.beats += 1

    async def tell(self, alert: Alert) -> Verdict:
        self.cases.alerts[alert.id] = alert
        return await self.notifier.send(delivery_of(alert))

    async def open(self, workflow: str, id: str = "") -> Alert:
        alert = workflow_alert(workflow, id=id, at=now())
        await self.tell(alert)
        return alert

    async def close(self, alert: Alert) -> None:
        await self.tell(ended(alert, now(), AlertEnd.RESOLVED))


def wants(instance: Instance, *expected: tuple[float, float, str]) -> None:
    """What was shown is what was expected, each between its two moments: `+w1` fires, `-w1` is resolved."""
    shown = [((one.at - EPOCH).total_seconds(), "-+"[one.firing] + one.workflow) for one in instance.look()]
    assert [what for _, what in shown] == [what for _, _, what in expected], shown
    for (at, what), (start, end, _) in zip(shown, expected, strict=True):
        assert start <= at <= end, f"{what} at {at}, expected between {start} and {end}"


async def test_pushed_at_1_is_shown_at_once_and_over_30_rounds_nothing_flaps() -> None:
    async with Story() as story:
        (instance,) = story.instances
        await until(1.0)
        alert = await story.open("w1")
        await until(1 + 31 * RESEND)
        await story.close(alert)
        await until(1 + 62 * RESEND)

    wants(instance, (1.0, 1.5, "+w1"), (1861, 1861.5, "-w1"))
    assert sum(len(post) for post in instance.posts) > 2 * 31


@pytest.mark.parametrize("lag", [0.5, 20.0, 59.0])
async def test_closing_while_a_round_is_read_or_posted_never_opens_again(lag: float) -> None:
    async with Story() as story:
        (instance,) = story.instances
        await until(1.0)
        alert = await story.open("w1")
        story.cases.takes = instance.takes = lag
        await until(60.25)
        closing = asyncio.create_task(story.close(alert))
        await until(61 + 3 * lag)
        await closing
        await until(600.0)

    wants(instance, (1.0, 1.5, "+w1"), (60.0, 61 + 3 * lag, "-w1"))


async def test_what_opens_again_while_a_round_is_read_is_not_ended_by_it() -> None:
    async with Story() as story:
        (instance,) = story.instances
        await until(1.0)
        await story.close(await story.open("w1", id="first"))
        story.cases.takes = 10.0
        await until(65.0)
        await story.open("w1", id="second")
        await until(600.0)

    wants(instance, (1.0, 1.5, "+w1"), (1.0, 1.5, "-w1"), (65.0, 65.5, "+w1"))


async def test_of_two_alerts_with_the_same_labels_the_last_end_counts() -> None:
    async with Story() as story:
        (instance,) = story.instances
        first = await story.open("w1", id="first")
        await until(10.0)
        second = await story.open("w1", id="second")
        await until(100.0)
        await story.close(second)
        await until(200.0)
        await story.close(first)
        await until(600.0)

    wants(instance, (0.0, 0.5, "+w1"), (200.0, 200.5, "-w1"))


async def test_every_instance_gets_everything_and_none_delays_another() -> None:
    async with Story(2) as story:
        quick, slow = story.instances
        slow.takes = 5.0
        await until(10.0)
        alert = await story.open("w1")
        assert asyncio.get_running_loop().time() <= 10.1
        await until(100.0)
        await story.close(alert)
        assert asyncio.get_running_loop().time() <= 100.1
        await until(300.0)

    wants(quick, (10.0, 10.1, "+w1"), (100.0, 100.1, "-w1"))
    wants(slow, (15.0, 15.1, "+w1"), (105.0, 105.1, "-w1"))


async def test_an_instance_that_was_away_is_right_again_within_a_round() -> None:
    async with Story(2) as story:
        there, away = story.instances
        await until(1.0)
        lasting, passing = await story.open("w1"), await story.open("w2")
        await until(10.0)
        away.down = True
        await until(100.0)
        await story.close(passing)
        await story.open("w3")
        await until(3000.0)
        away.down = False
        await until(3000.0 + RESEND)

        wants(there, (1.0, 1.1, "+w1"), (1.0, 1.1, "+w2"), (100.0, 100.1, "-w2"), (100.0, 100.1, "+w3"))
        assert {"w1", "w3", "Watchdog"} == set(away.open)
        assert lasting.id in story.cases.alerts


async def test_what_is_posted_to_a_sick_instance_only_the_rounds_try() -> None:
    async with Story(2) as story:
        there, away = story.instances
        away.down = True
        await until(1.0)
        away.down = False  # it is well by now, but nobody knows before the next round
        for n in range(5):
            assert await story.tell(workflow_alert(f"w{n}", at=now())) == Delivered("HTTP 200")
        await until(59.0)
        assert away.posts == []
        await until(61.0)

    assert {"w0", "w1", "w2", "w3", "w4", "Watchdog"} == set(away.open) == set(there.open)


async def test_an_instance_that_lost_its_data_has_the_right_alerts_within_a_round() -> None:
    async with Story() as story:
        (instance,) = story.instances
        await until(1.0)
        passing = await story.open("w1")
        await story.open("w2")
        await story.close(passing)
        await until(30.0)
        instance.lose_everything()
        await until(30.0 + RESEND)

        assert set(instance.open) == {"w2", "Watchdog"}


async def test_what_ended_is_told_again_for_a_quarter_of_an_hour() -> None:
    async with Story() as story:
        (instance,) = story.instances
        await until(10.0)
        await story.close(await story.open("w1"))
        await until(890.0)
        instance.posts.clear()
        await until(890.0 + RESEND)
        assert _workflows(instance) == ["w1"]
        instance.posts.clear()
        await until(2000.0)
        assert _workflows(instance) == []


async def test_what_expired_before_it_was_told_fires_until_it_lapses() -> None:
    async with Story() as story:
        (instance,) = story.instances
        alert = workflow_alert("w1", at=now())
        story.cases.alerts[alert.id] = ended(alert, now(), AlertEnd.EXPIRED)
        await until(90.0)
        assert instance.look() == [], "the end of what it never saw is nothing to show"
        assert await story.notifier.send(delivery_of(alert)) == Delivered("HTTP 200")
        assert await story.tell(ended(alert, now(), AlertEnd.EXPIRED)) == Delivered(
            "nothing to tell any more", sent=False
        )
        await until(900.0)

    wants(instance, (90.0, 90.5, "+w1"), (90 + 4 * RESEND, 91 + 4 * RESEND, "-w1"))


async def test_while_all_are_sick_all_are_tried() -> None:
    async with Story(2) as story:
        first, second = story.instances
        first.down = second.down = True
        await until(1.0)
        assert await story.tell(workflow_alert("w1", at=now())) == Retry("cannot connect", receiver_down=True)
        assert not story.notifier.well
        second.down = False
        assert await story.tell(workflow_alert("w1", at=now())) == Delivered("HTTP 200")
        assert story.notifier.well


async def test_without_the_casebook_the_watchdog_falls_silent_and_the_next_round_goes_on() -> None:
    async with Story() as story:
        (instance,) = story.instances
        await until(30.0)
        assert set(instance.open) == {"Watchdog"}
        story.cases.broken = True
        await until(400.0)
        instance.look()
        assert set(instance.open) == set()
        assert [str(error) for error in story.faults] == ["the disk is full"] * 6
        story.cases.broken = False
        await until(400.0 + RESEND)
        assert set(instance.open) == {"Watchdog"}


async def test_a_monitor_that_is_not_alive_sends_no_watchdog_but_its_alerts() -> None:
    async with Story() as story:
        (instance,) = story.instances
        story.alive = False
        await story.open("w1")
        await until(400.0)

    assert set(instance.open) == {"w1"}


async def test_the_loop_says_at_least_every_ten_seconds_that_it_turns() -> None:
    async with Story(2) as story:
        await until(600.5)

    assert story.beats >= 60


async def test_a_round_that_hangs_is_seen() -> None:
    async with Story(2) as story:
        story.instances[1].hold()
        await until(600.5)

    assert story.beats == 0


def _workflows(instance: Instance) -> Sequence[str]:
    return [alert["labels"]["workflow"] for post in instance.posts for alert in post if "workflow" in alert["labels"]]
