"""Against the real Alertmanager, with a webhook behind it: what a person would hear, in real time, seconds each."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest

from monitor.core.alerting.incidents import with_alert
from monitor.core.alerting.verdict import Delivered, Refused, Verdict
from monitor.core.alerts import Alert, AlertEnd
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.notify.alertmanager import Alertmanager
from tests.edges.alertmanager_kit import alertmanager, delivery_of, ended, with_labels, workflow_alert
from tests.edges.notifier_kit import ALERT, INCIDENT, OPENED, Cases
from tests.edges.real_alertmanager import PROGRAM, Phone, Running, cluster_of, instance, phone, when

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="needs the Debian package prometheus-alertmanager: .ci/packages prometheus-alertmanager"
)

RESEND = 0.2
"""Seconds."""


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def behind() -> AsyncIterator[Phone]:
    async with phone() as one:
        yield one


class Told:
    """The receiver with its rounds, and the casebook that it reads."""

    def __init__(self, notifier: Alertmanager, cases: Cases) -> None:
        self.notifier = notifier
        self.cases = cases
        self.turns = 0

    def beat(self) -> None:
        self.turns += 1

    async def tell(self, alert: Alert) -> Verdict:
        self.cases.alerts[alert.id] = alert
        return await self.notifier.send(delivery_of(alert))

    async def open(self, workflow: str) -> Alert:
        alert = workflow_alert(workflow, at=now())
        assert await self.tell(alert) == Delivered("HTTP 200")
        return alert

    async def close(self, alert: Alert) -> None:
        assert await self.tell(ended(alert, now(), AlertEnd.RESOLVED)) == Delivered("HTTP 200")

    async def rounds(self, count: int) -> None:
        """At least so many rounds of every instance."""
        until = self.turns + 3 * count  # a round turns after its page, at its end, and before the next one
        await when(lambda: self.turns >= until, within=30.0)


@contextlib.asynccontextmanager
async def receiver(instances: Sequence[Running], resend: float = RESEND) -> AsyncIterator[Told]:
    cases = Cases()
    notifier = alertmanager(
        [one.url for one in instances], cases, now=now, resend=resend, timeout=2.0, started_at=now()
    )
    told = Told(notifier, cases)
    running = asyncio.create_task(notifier.run(told.beat))
    try:
        yield told
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await notifier.close()


async def test_over_30_rounds_a_person_hears_once_that_it_fires_and_once_that_it_is_resolved(
    tmp_path: Path, behind: Phone
) -> None:
    async with instance(tmp_path / "one", behind) as one, receiver([one]) as told:
        alert = await told.open("w1")
        await when(lambda: behind.heard("firing"))
        await told.rounds(30)
        await told.close(alert)
        await when(lambda: behind.heard("resolved"))
        await told.rounds(10)

    assert [rung.status for rung in behind.rang if rung.labels["alertname"] != "Watchdog"] == ["firing", "resolved"]
    (resolved,) = behind.heard("resolved")
    assert resolved.annotations["ended"]
    assert resolved.labels["fault_group"] == ALERT.fault_group
    assert [rung.status for rung in behind.rang if rung.labels["alertname"] == "Watchdog"] == ["firing"]


async def test_a_step_that_ended_its_workflow_does_not_ring_beside_the_end_however_long_ago_it_happened(
    tmp_path: Path, behind: Phone
) -> None:
    async with instance(tmp_path / "one", behind, wait="3s") as one, receiver([one]) as told:
        ends = [_long_ago(workflow_alert(f"w{n}", at=now())) for n in range(6)]
        for end in ends:
            await told.tell(_step_of(end))
            await told.tell(end)
        await when(lambda: len(behind.heard("firing")) >= len(ends))
        await told.rounds(10)

    assert {rung.labels["alertname"] for rung in behind.heard("firing")} == {"WorkflowTerminated"}
    assert len(behind.heard("firing")) == len(ends)


async def test_after_an_outage_no_step_rings_whose_end_rings_however_many_alerts_waited(
    tmp_path: Path, behind: Phone
) -> None:
    ends = [workflow_alert(f"w{n:03}", at=now() - timedelta(hours=1)) for n in range(250)]
    async with instance(tmp_path / "one", behind, wait="3s") as one:
        await one.crash()
        async with receiver([one], resend=2.0) as told:
            waiting = [*map(_step_of, ends), *ends]
            told.cases.alerts = {alert.id: alert for alert in map(_at_random, waiting)}
            await one.start()
            await when(lambda: len(behind.heard("firing")) >= len(ends), within=60.0)
            await told.rounds(2)

    assert {rung.labels["alertname"] for rung in behind.heard("firing")} == {"WorkflowTerminated"}
    assert len({rung.labels["workflow"] for rung in behind.heard("firing")}) == len(ends)


def _at_random(alert: Alert) -> Alert:
    """Under an id as real ones are: what belongs together does not sort together."""
    id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, alert.id))
    return msgspec.structs.replace(alert, id=id_, event=msgspec.structs.replace(alert.event, id=id_))


def _long_ago(alert: Alert) -> Alert:
    """Observed now, and happened before any `group_wait`."""
    event = msgspec.structs.replace(alert.event, occurred_at=alert.opened_at - timedelta(hours=1))
    return msgspec.structs.replace(alert, event=event)


def _step_of(end: Alert) -> Alert:
    event = msgspec.structs.replace(
        end.event, id=f"step-of-{end.id}", type=EventType.STEP_FAILED, severity=Severity.WARNING, cause=None
    )
    return msgspec.structs.replace(end, id=event.id, event=event)


async def test_alerts_with_one_cause_are_grouped_by_their_label(tmp_path: Path, behind: Phone) -> None:
    async with (
        instance(tmp_path / "one", behind, group_by=["alertname", "fault_group"]) as one,
        receiver([one]) as told,
    ):
        await asyncio.gather(*(told.open(f"w{n}") for n in range(20)))
        await when(lambda: len({rung.labels["workflow"] for rung in behind.heard("firing")}) == 20)

    assert len({rung.group for rung in behind.heard("firing")}) <= 2, "one notification, or two where it was on its way"


async def test_after_a_restart_with_lost_data_what_is_open_is_there_again_and_nothing_else(
    tmp_path: Path, behind: Phone
) -> None:
    async with instance(tmp_path / "one", behind) as one, receiver([one]) as told:
        lasting, passing = await told.open("w1"), await told.open("w2")
        await when(lambda: len(behind.heard("firing")) == 2)
        await one.crash(and_lose_everything=True)
        told.cases.alerts[passing.id] = ended(passing, now())

        await one.start()
        await when(lambda: _shows(one, {"w1", "Watchdog"}))
        await told.rounds(5)

        assert await one.workflows() == {"w1", "Watchdog"}
        assert lasting.ended_at is None


async def test_two_instances_that_know_one_another_ring_once(tmp_path: Path, behind: Phone) -> None:
    first, second = cluster_of(2)
    async with (
        instance(tmp_path / "one", behind, cluster=first) as one,
        instance(tmp_path / "two", behind, cluster=second) as two,
        receiver([one, two]) as told,
    ):
        alert = await told.open("w1")
        for each in (one, two):
            await when(lambda each=each: _shows(each, {"w1", "Watchdog"}))  # type: ignore[misc]
        await when(lambda: behind.heard("firing"))
        await told.rounds(15)
        await told.close(alert)
        await when(lambda: behind.heard("resolved"))
        await told.rounds(15)

    assert [rung.status for rung in behind.rang if rung.labels["alertname"] != "Watchdog"] == ["firing", "resolved"]


async def test_the_outage_of_one_instance_delays_nothing_and_it_catches_up(tmp_path: Path, behind: Phone) -> None:
    async with (
        instance(tmp_path / "one", behind) as one,
        instance(tmp_path / "two", behind) as two,
        receiver([one, two]) as told,
    ):
        lasting, passing = await told.open("w1"), await told.open("w2")
        await when(lambda: _shows(two, {"w1", "w2", "Watchdog"}))
        await two.crash()
        await told.close(passing)
        await told.open("w3")
        await when(lambda: _shows(one, {"w1", "w3", "Watchdog"}))
        await told.rounds(15)

        await two.start()
        await when(lambda: _shows(two, {"w1", "w3", "Watchdog"}))
        assert lasting.ended_at is None


async def test_a_long_outage_loses_nothing(tmp_path: Path, behind: Phone) -> None:
    async with instance(tmp_path / "one", behind) as one, receiver([one]) as told:
        await told.open("w1")
        await when(lambda: behind.heard("firing", "w1"))
        await one.crash()
        late = workflow_alert("w2", at=now())
        assert not isinstance(await told.tell(late), Delivered)
        await told.rounds(20)

        await one.start()
        await when(lambda: behind.heard("firing", "w2"))

    assert behind.heard("resolved") == [], "an outage of four rounds and more ends nothing for people"


@pytest.mark.parametrize("labels", [{"not-a-name": "x"}, {"1st": "x"}])
async def test_a_bad_alert_does_not_lose_the_batch(tmp_path: Path, behind: Phone, labels: dict[str, str]) -> None:
    async with instance(tmp_path / "one", behind) as one, receiver([one]) as told:
        good = [workflow_alert(f"w{n}", at=now()) for n in range(9)]
        bad = with_labels(workflow_alert("bad", at=now()), **labels)
        verdicts = await asyncio.gather(*(told.tell(alert) for alert in [*good[:4], bad, *good[4:]]))
        await when(lambda: _shows(one, {"Watchdog", *(f"w{n}" for n in range(9))}))
        await told.rounds(3)

    assert [place for place, verdict in enumerate(verdicts) if isinstance(verdict, Refused)] == [4]
    assert verdicts[4].detail.startswith("HTTP 400")
    assert "invalid label set" in verdicts[4].detail
    assert len(behind.heard("firing")) == 9


async def test_of_a_batch_with_a_bad_alert_the_real_one_takes_the_good_ones_and_says_400_all_the_same(
    tmp_path: Path, behind: Phone
) -> None:
    """Why a 400 is no news about any single alert, and a small instance of ours does likewise."""
    alerts = [{"labels": {"alertname": "Good"}}, {"labels": {"alertname": "Bad", "not-a-name": "x"}}]
    async with instance(tmp_path / "one", behind) as one:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{one.url}/api/v2/alerts", json=alerts) as response,
        ):
            assert response.status == 400
        assert [alert["labels"]["alertname"] for alert in await one.alerts()] == ["Good"]


async def test_a_storm_is_one_alert_and_ends(tmp_path: Path, behind: Phone) -> None:
    async with instance(tmp_path / "one", behind) as one, receiver([one]) as told:
        storm = msgspec.structs.replace(INCIDENT, storm_receivers=("oncall",), first_at=now(), opened_at=now())
        for n in range(70):
            storm = with_alert(storm, workflow_alert(f"w{n}", at=now()).event, 50)
        opened = msgspec.structs.replace(OPENED, about=DeliveryKind.INCIDENT_OPENED, event_id=storm.id)
        told.cases.incidents[storm.id] = storm
        assert await told.notifier.send(opened) == Delivered("HTTP 200")
        await when(lambda: behind.heard("firing"))
        await told.rounds(10)
        told.cases.incidents[storm.id] = msgspec.structs.replace(storm, open=0, ended_at=now())
        await told.notifier.send(msgspec.structs.replace(opened, about=DeliveryKind.INCIDENT_CLOSED))
        await when(lambda: behind.heard("resolved"))

    (firing,), (resolved,) = behind.heard("firing"), behind.heard("resolved")
    assert firing.labels["storm"] == "true"
    assert "workflow" not in firing.labels
    assert firing.annotations["count"] == "71"
    assert resolved.annotations["ended"]


async def _shows(one: Running, workflows: set[str]) -> bool:
    return await one.workflows() == workflows
