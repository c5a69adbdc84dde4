"""The receiver: it posts every alert to every instance, at once and then in rounds."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never

from yarl import URL

from monitor.aio import TURN
from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.core.alerts import Alert, AlertEnd, Incident
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.event_types import EventType
from monitor.core.model import TargetKey
from monitor.notify.alertmanager import payload
from monitor.notify.alertmanager.auth import Auth, Credentials
from monitor.notify.alertmanager.dedup import Dedup
from monitor.notify.alertmanager.instance import BATCH, OLD_NEWS, AlertmanagerInstance, Channel
from monitor.notify.alertmanager.payload import PostableAlert
from monitor.notify.http_sender import HttpSender
from monitor.notify.notifier import AlertReader
from monitor.notify.tls import Tls

API: Final = "api/v2/alerts"
RESOLVED_FOR: Final = 900.0
"""Seconds that the end of an alert is posted again in rounds."""
_LASTS = 4
"""Rounds without a posting after which Alertmanager ends an open alert."""
_CLOSE_ENOUGH = 1e-6
"""Seconds."""


class Alertmanager:
    """`send` succeeds once one instance has the alert; the others get it at the same time, or in the next round.

    A failing instance gets alerts in rounds only, as long as another one works. An alert about a workflow is posted
    with the end of that workflow, in `send` as in a round: after an outage Alertmanager notifies at once of an alert
    that is older than its `group_wait`, so an end that came in a later request would inhibit nothing.
    """

    def __init__(
        self,
        receiver: str,
        urls: Sequence[str],
        *,
        casebook: AlertReader,
        now: Callable[[], datetime],
        external_url: str,
        runbook_url: str = "",
        host: str = "",
        hold: Callable[[], float],
        alive: Callable[[], bool],
        started_at: datetime,
        fault: Callable[[str, Exception], None],
        latest: Callable[[], datetime] | None = None,
        resend: float = 60.0,
        timeout: float = 10.0,
        access: Auth | None = None,
        tls: Tls | None = None,
        connect: Callable[[str], Channel] | None = None,
    ) -> None:
        """`resend` and `timeout` in seconds. `hold`: seconds that an event alert stays open now, for the texts.

        `latest`: the latest time that it may be now, for `endsAt`, which Alertmanager compares with its own clock;
        `now` by default. `alive`: whether the Watchdog may be posted. `fault` reports our own errors in `run`, with the
        loop's name. `connect`: makes the channel to the instance at a URL, instead of HTTP.
        Raises ValueError for an invalid URL or a second set of credentials, OSError for files of `tls`.
        """
        if access and any(URL(url).user is not None for url in urls):
            raise ValueError("expected credentials either in the receiver's URLs or beside them, not both")
        self._receiver = receiver
        self._casebook = casebook
        self._now = now
        self._texts = {"external_url": external_url, "runbook_url": runbook_url}
        self._hold = hold
        self._alive = alive
        self._watchdog = payload.watchdog(external_url=external_url, started_at=started_at, host=host)
        self._fault = fault
        self._resend = resend
        self._known = Dedup(max(RESOLVED_FOR, _LASTS * resend))
        credentials = Credentials(access or Auth())
        connect = connect or (lambda url: HttpSender(url, timeout=timeout, now=now, path=API, tls=tls))
        self._peers = [
            AlertmanagerInstance(connect(url), credentials, self._known, now=latest or now, lasts=_LASTS * resend)
            for url in dict.fromkeys(urls)
        ]
        self._telling: set[asyncio.Task[Verdict]] = set()

    def __repr__(self) -> str:
        return f"Alertmanager({self._receiver}, {self._peers})"

    @property
    def well(self) -> bool:
        """Whether some instance accepted its last POST."""
        return any(peer.acknowledged for peer in self._peers)

    async def send(self, delivery: Delivery) -> Verdict:
        """Posts the present state of the alert, not that of the delivery. Raises the errors of the alert reader."""
        postings = await self._what_holds(delivery)
        if not postings:
            return OLD_NEWS
        for posting in postings:
            self._known.record(posting, self._now())
        well = [peer for peer in self._peers if not peer.sick]
        sick = [peer for peer in self._peers if peer.sick]
        verdict = await self._tell(well, postings) if well else None
        if isinstance(verdict, Delivered) or (verdict is not None and not sick):
            return verdict
        return _worst([await self._tell(sick, postings), *([verdict] if verdict is not None else [])])

    async def run(self, beat: Callable[[], None]) -> None:
        """Run until cancelled: a round each `resend` seconds, the first at once. Calls `beat` once all loops turned."""
        turned: set[AlertmanagerInstance] = set()

        def turn(peer: AlertmanagerInstance) -> None:
            turned.add(peer)
            if len(turned) == len(self._peers):
                turned.clear()
                beat()

        async with asyncio.TaskGroup() as loops:
            for peer in self._peers:
                loops.create_task(self._rounds(peer, lambda peer=peer: turn(peer)))  # type: ignore[misc]

    async def close(self) -> None:
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        for peer in self._peers:
            await peer.close()

    # --- one delivery ---------------------------------------------------------------------------------------

    async def _what_holds(self, delivery: Delivery) -> list[PostableAlert]:
        """The delivery's own posting is the last; none if its alert is unknown by now."""
        match delivery.about:
            case DeliveryKind.ALERT_OPENED | DeliveryKind.ALERT_CLOSED:
                if (alert := await self._casebook.alert(delivery.event_id)) is None:
                    return []
                ends = [self._of_alert(end) for end in await self._ends_of([alert])]
                return [*ends, _telling(delivery, self._of_alert(alert), alert.end)]
            case DeliveryKind.INCIDENT_OPENED | DeliveryKind.INCIDENT_GREW | DeliveryKind.INCIDENT_CLOSED:
                storm = await self._casebook.incident(delivery.event_id)
                return [_telling(delivery, self._of_storm(storm), storm.outcome)] if storm is not None else []
            case DeliveryKind.EVENT:
                raise ValueError("a receiver of alerts was given a delivery about an event")
            case _:
                assert_never(delivery.about)

    async def _tell(self, peers: Iterable[AlertmanagerInstance], postings: Sequence[PostableAlert]) -> Verdict:
        """Post to all of them in parallel, until the first one succeeds."""
        telling = {asyncio.create_task(_post_together(peer, postings)) for peer in peers}
        for task in telling:
            self._telling.add(task)
            task.add_done_callback(self._told)
        verdicts: list[Verdict] = []
        while telling:
            done, telling = await asyncio.wait(telling, return_when=asyncio.FIRST_COMPLETED)
            verdicts += [task.result() for task in done]
            if (success := next((one for one in verdicts if isinstance(one, Delivered)), None)) is not None:
                return success
        return _worst(verdicts)

    def _told(self, task: asyncio.Task[Verdict]) -> None:
        self._telling.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._fault(f"tell {self._receiver}", error)

    # --- rounds ---------------------------------------------------------------------------------------------

    async def _rounds(self, peer: AlertmanagerInstance, turn: Callable[[], None]) -> None:
        time = asyncio.get_running_loop().time
        while True:
            due = time() + self._resend
            try:
                await self._round(peer, turn)
            except Exception as error:  # noqa: BLE001 - the one broad except of this loop
                self._fault(f"resend {self._receiver}", error)
            turn()
            await asyncio.sleep(0)
            while (left := due - time()) > _CLOSE_ENOUGH:
                await asyncio.sleep(min(left, TURN))
                turn()

    async def _round(self, peer: AlertmanagerInstance, turn: Callable[[], None]) -> None:
        """Post all alerts to this instance; the Watchdog only if all of them could be read and posted."""
        self._known.forget(self._now())
        async with contextlib.aclosing(self._pages()) as pages:
            async for page in pages:
                for posting in page:
                    self._known.record(posting, self._now())
                await peer.post(page)
                turn()
                if peer.sick:
                    return
        if self._alive():
            (verdict,) = await peer.post([self._watchdog])
            peer.acknowledged = isinstance(verdict, Delivered)

    async def _pages(self) -> AsyncGenerator[list[PostableAlert], None]:
        ended_after = self._now() - timedelta(seconds=RESOLVED_FOR)
        after, more = "", True
        while more:
            alerts = await self._casebook.alerts_of(self._receiver, after=after, limit=BATCH, ended_after=ended_after)
            if alerts:
                ends = await self._ends_of(alerts)
                yield [self._of_alert(alert) for alert in (*ends, *alerts)]
                after = alerts[-1].id
            more = len(alerts) == BATCH
        if storms := await self._casebook.storms_of(self._receiver, ended_after=ended_after):
            yield [self._of_storm(storm) for storm in storms]

    async def _ends_of(self, alerts: Sequence[Alert]) -> list[Alert]:
        """The open ends of the alerts' workflows that are not among the alerts."""
        here = {alert.id for alert in alerts}
        keys = {key for alert in alerts if (key := _workflow_of(alert)) is not None}
        ends = await self._casebook.ends_of(self._receiver, keys) if keys else []
        return [end for end in ends if end.id not in here]

    def _of_alert(self, alert: Alert) -> PostableAlert:
        return payload.of_alert(alert, hold=self._hold(), **self._texts)

    def _of_storm(self, incident: Incident) -> PostableAlert:
        return payload.of_storm(incident, hold=self._hold(), **self._texts)


def _workflow_of(alert: Alert) -> TargetKey | None:
    """The workflow whose end must go with the alert; None if nothing may inhibit it."""
    return alert.key if alert.ended_at is None and alert.type is not EventType.TERMINATED else None


def _telling(delivery: Delivery, posting: PostableAlert, end: AlertEnd | None) -> PostableAlert:
    """An alert that expired before this receiver had it is posted as open all the same: a person must see it."""
    opens = delivery.about in (DeliveryKind.ALERT_OPENED, DeliveryKind.INCIDENT_OPENED)
    return payload.untold(posting) if opens and posting.ended_at is not None and end is AlertEnd.EXPIRED else posting


async def _post_together(peer: AlertmanagerInstance, postings: Sequence[PostableAlert]) -> Verdict:
    """The verdict on the last one."""
    return (await peer.post(postings))[-1]


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on several failures: one that may succeed later outweighs a refusal."""
    return max(verdicts, key=lambda one: (isinstance(one, Retry), isinstance(one, Retry) and one.receiver_down))
