"""What is told of an incident, and what needs no telling any more: with a receiver that notes what it gets."""

import msgspec
import pytest

from monitor.core.alerting.incidents import opened
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.alerts import Incident, Sample, VersionImpact
from monitor.core.commits import DeliveryKind
from monitor.core.model import TargetKey
from monitor.core.text.alert_text import incident_body, incident_title
from monitor.notify.incident_notifier import IncidentNotifier
from monitor.notify.notifier import Page
from tests.edges.notifier_kit import EVENT, INCIDENT, NOW, PAGED, Cases

HOME = "http://localhost:8808/"
TOLLS = [VersionImpact(2, 40, 1), VersionImpact(1, 10, 9)]


class Notebook:
    """A pager that writes down what it is told, and answers as it is bidden."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, Page]] = []
        self.verdict: Verdict = Delivered("HTTP 202")
        self.closed = False

    async def trigger(self, page: Page) -> Verdict:
        self.pages.append(("trigger", page))
        return self.verdict

    async def resolve(self, page: Page) -> Verdict:
        self.pages.append(("resolve", page))
        return self.verdict

    async def close(self) -> None:
        self.closed = True

    @property
    def told(self) -> list[str]:
        return [what for what, _ in self.pages]


class Desk:
    """One incident, and who is told of it."""

    def __init__(self) -> None:
        self.pager = Notebook()
        self.cases = Cases([], [INCIDENT])
        self.asked: list[tuple[str, str]] = []
        self.notifier = IncidentNotifier(self.pager, casebook=self.cases, tolls=self.tolls, external_url=HOME)

    def tolls(self, account: str, definition: str) -> list[VersionImpact]:
        self.asked.append((account, definition))
        return TOLLS

    def now(self, **changes: object) -> Incident:
        """The incident becomes another one."""
        self.cases.incidents[INCIDENT.id] = msgspec.structs.replace(self.cases.incidents[INCIDENT.id], **changes)
        return self.cases.incidents[INCIDENT.id]

    def over(self, *, expired: int = 0) -> Incident:
        return self.now(open=0, ended_at=NOW, expired=expired)

    async def tell(self, about: DeliveryKind, members: int = 1) -> Verdict:
        return await self.notifier.send(msgspec.structs.replace(PAGED, about=about, members=members))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_an_incident_is_told_grows_and_ends_under_one_key(desk: Desk) -> None:
    await desk.tell(DeliveryKind.INCIDENT_OPENED)
    desk.now(members=2, open=2)
    await desk.tell(DeliveryKind.INCIDENT_GREW, 2)
    desk.over()
    await desk.tell(DeliveryKind.INCIDENT_CLOSED, 2)

    assert desk.pager.told == ["trigger", "trigger", "resolve"]
    assert {page.key for _, page in desk.pager.pages} == {INCIDENT.id}


async def test_a_page_says_what_is_so_now_not_what_was_when_it_became_due(desk: Desk) -> None:
    now = desk.now(members=300, open=300)
    await desk.tell(DeliveryKind.INCIDENT_OPENED)

    ((_, page),) = desk.pager.pages
    assert page.title == incident_title(now)
    assert page.body == incident_body(now, tolls=TOLLS, external_url=HOME)
    assert page.details["count"] == "300"


async def test_a_page_says_what_a_pager_needs(desk: Desk) -> None:
    desk.now(samples=(*INCIDENT.samples, Sample("acme", None, NOW), Sample("w/2", TargetKey("acme", "o", "w 2"), NOW)))
    await desk.tell(DeliveryKind.INCIDENT_OPENED)

    ((_, page),) = desk.pager.pages
    link = "http://localhost:8808/targets/acme/orders/w1"
    assert msgspec.structs.replace(page, title="", body="", details={}) == Page(
        key=INCIDENT.id,
        title="",
        body="",
        severity=EVENT.severity,
        at=EVENT.time,
        account="acme",
        definition="orders",
        step="step1",
        type="workflow.terminated",
        fault_group="group-1",
        link=link,
        samples=(
            ("Grüße", link),
            ("acme", "http://localhost:8808/"),
            ("w/2", "http://localhost:8808/targets/acme/o/w%202"),
        ),
    )
    assert desk.asked == [("acme", "orders")]


async def test_an_incident_of_an_account_asks_for_no_toll(desk: Desk) -> None:
    event = msgspec.structs.replace(EVENT, definition=None, workflow=None, step=None)
    blind = msgspec.structs.replace(opened(event, "group-2"), id=INCIDENT.id)
    desk.cases.incidents[INCIDENT.id] = blind
    await desk.tell(DeliveryKind.INCIDENT_OPENED)

    ((_, page),) = desk.pager.pages
    assert (page.definition, page.step, page.link, desk.asked) == ("", "", "http://localhost:8808/", [])


# --- what needs no telling --------------------------------------------------------------------------------


async def test_growth_that_was_told_already_is_not_told_again(desk: Desk) -> None:
    desk.now(members=5, open=5)
    await desk.tell(DeliveryKind.INCIDENT_OPENED)

    assert [await desk.tell(DeliveryKind.INCIDENT_GREW, n) for n in (2, 4)] == [
        Delivered("told already", sent=False)
    ] * 2
    desk.now(members=8, open=8)
    assert await desk.tell(DeliveryKind.INCIDENT_GREW, 8) == Delivered("HTTP 202")
    assert desk.pager.told == ["trigger", "trigger"]


@pytest.mark.parametrize("verdict", [Retry("HTTP 500"), Refused("HTTP 400")], ids=["again", "refused"])
async def test_what_did_not_arrive_was_not_told(desk: Desk, verdict: Verdict) -> None:
    desk.now(members=5, open=5)
    desk.pager.verdict = verdict
    assert await desk.tell(DeliveryKind.INCIDENT_OPENED) == verdict
    assert await desk.tell(DeliveryKind.INCIDENT_GREW, 2) == verdict

    assert desk.pager.told == ["trigger", "trigger"]


async def test_after_a_restart_growth_is_told_once_more(desk: Desk) -> None:
    desk.now(members=5, open=5)
    await desk.tell(DeliveryKind.INCIDENT_GREW, 2)
    await desk.tell(DeliveryKind.INCIDENT_GREW, 4)

    assert desk.pager.told == ["trigger"]


async def test_growth_of_what_is_over_is_not_told(desk: Desk) -> None:
    desk.over()

    assert await desk.tell(DeliveryKind.INCIDENT_GREW, 2) == Delivered("it is over", sent=False)
    assert desk.pager.told == []


async def test_an_incident_that_ended_before_it_was_told_is_told_and_then_its_end(desk: Desk) -> None:
    desk.over()
    desk.cases.ends_pending.add((INCIDENT.id, "oncall"))
    await desk.tell(DeliveryKind.INCIDENT_OPENED)
    await desk.tell(DeliveryKind.INCIDENT_CLOSED)

    assert desk.pager.told == ["trigger", "resolve"]


async def test_a_beginning_that_is_retried_after_a_restart_begins_nothing_that_nobody_ends(desk: Desk) -> None:
    desk.over()

    assert await desk.tell(DeliveryKind.INCIDENT_OPENED) == Delivered("over, and told so", sent=False)
    assert desk.pager.told == []


async def test_what_expired_before_it_was_told_is_told(desk: Desk) -> None:
    desk.over(expired=1)

    assert await desk.tell(DeliveryKind.INCIDENT_OPENED) == Delivered("HTTP 202")


async def test_a_beginning_that_is_retried_after_its_end_was_told_begins_nothing_new(desk: Desk) -> None:
    desk.over()
    await desk.tell(DeliveryKind.INCIDENT_CLOSED)

    assert await desk.tell(DeliveryKind.INCIDENT_OPENED) == Delivered("over, and told so", sent=False)
    assert desk.pager.told == ["resolve"]


async def test_an_end_that_did_not_arrive_is_told_again(desk: Desk) -> None:
    desk.over()
    desk.pager.verdict = Retry("HTTP 500")
    await desk.tell(DeliveryKind.INCIDENT_CLOSED)
    desk.pager.verdict = Delivered("HTTP 202")

    assert await desk.tell(DeliveryKind.INCIDENT_CLOSED) == Delivered("HTTP 202")


@pytest.mark.parametrize("expired", [None, 1], ids=["it is open", "an alert of it expired"])
async def test_nobody_is_told_that_it_is_over_where_nobody_knows(desk: Desk, expired: int | None) -> None:
    if expired is not None:
        desk.over(expired=expired)

    assert await desk.tell(DeliveryKind.INCIDENT_CLOSED) == Delivered("not known to be over", sent=False)
    assert desk.pager.told == []


async def test_of_an_incident_that_is_not_known_any_more_nothing_is_told(desk: Desk) -> None:
    desk.cases.incidents.clear()

    assert await desk.tell(DeliveryKind.INCIDENT_OPENED) == Delivered("nothing to tell any more", sent=False)
    assert desk.pager.told == []


@pytest.mark.parametrize("about", [DeliveryKind.EVENT, DeliveryKind.ALERT_OPENED, DeliveryKind.ALERT_CLOSED])
async def test_what_is_about_no_incident_is_refused(desk: Desk, about: DeliveryKind) -> None:
    assert isinstance(await desk.tell(about), Refused)


async def test_a_casebook_that_cannot_be_read_is_an_error_of_ours(desk: Desk) -> None:
    """The deliverer tries again."""

    class Shut(Cases):
        async def incident(self, id: str) -> Incident | None:
            raise OSError("the disk is away")

    notifier = IncidentNotifier(desk.pager, casebook=Shut(), tolls=desk.tolls, external_url=HOME)
    with pytest.raises(OSError, match="the disk is away"):
        await notifier.send(PAGED)


async def test_what_was_told_is_forgotten_some_day(desk: Desk) -> None:
    async def tell(incident: str) -> None:
        desk.cases.incidents = {incident: msgspec.structs.replace(INCIDENT, id=incident)}
        await desk.notifier.send(msgspec.structs.replace(PAGED, event_id=incident, about=DeliveryKind.INCIDENT_GREW))

    for n in (*range(10_001), 0, 10_000):
        await tell(f"incident-{n}")

    assert len(desk.pager.pages) == 10_002  # the first one again, the last one not


async def test_closing_closes_the_pager(desk: Desk) -> None:
    await desk.notifier.close()

    assert desk.pager.closed
