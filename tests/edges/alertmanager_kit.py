"""An Alertmanager made small, for tests in virtual time, and alerts to tell it of."""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from monitor.core.alerting.verdict import Delivered, Refused, Retry
from monitor.core.alerts import Alert, AlertEnd
from monitor.core.commits import Delivery, DeliveryKind
from monitor.notify.alertmanager import Alertmanager
from monitor.notify.http_sender import HttpResult
from monitor.notify.notifier import AlertReader
from tests.edges.notifier_kit import ALERT, EVENT, NOW, OPENED

LINK = "http://localhost:8808"


def no_fault(loop: str, error: Exception) -> None:
    raise AssertionError(f"an error of ours in {loop}") from error


def alertmanager(urls: Sequence[str], casebook: AlertReader, **more: Any) -> Alertmanager:
    """The receiver `oncall`, at `NOW` unless told otherwise."""
    settings: dict[str, Any] = {
        "now": lambda: NOW,
        "hold": lambda: 14_400.0,
        "alive": lambda: True,
        "started_at": NOW,
        "fault": no_fault,
    }
    return Alertmanager("oncall", urls, casebook=casebook, external_url=LINK, **{**settings, **more})


async def one_round(notifier: Alertmanager) -> None:
    """Let every instance have a round, in virtual time."""
    running = asyncio.create_task(notifier.run(lambda: None))
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# --- alerts -------------------------------------------------------------------------------------------------


def numbered(count: int) -> list[Alert]:
    """Alerts about the workflows `w000`, `w001`, ..."""
    return [workflow_alert(f"w{n:03}") for n in range(count)]


def workflow_alert(workflow: str, *, id: str = "", at: datetime = NOW) -> Alert:
    event = msgspec.structs.replace(
        EVENT, id=id or f"alert-{workflow}", workflow=workflow, occurred_at=at, observed_at=at
    )
    return msgspec.structs.replace(ALERT, id=event.id, event=event, opened_at=at)


def with_labels(alert: Alert, **labels: str) -> Alert:
    return msgspec.structs.replace(alert, event=msgspec.structs.replace(alert.event, labels=labels))


def ended(alert: Alert, at: datetime, end: AlertEnd = AlertEnd.RESOLVED) -> Alert:
    return msgspec.structs.replace(alert, end=end, ended_at=at)


def delivery_of(alert: Alert) -> Delivery:
    about = DeliveryKind.ALERT_OPENED if alert.ended_at is None else DeliveryKind.ALERT_CLOSED
    return msgspec.structs.replace(OPENED, event_id=alert.id, about=about)


# --- an instance --------------------------------------------------------------------------------------------


class Shown(msgspec.Struct, frozen=True):
    """What a person behind an instance sees change: an alert fires, or is resolved."""

    at: datetime
    workflow: str
    firing: bool


class Instance:
    """Knows alerts by their labels until their `endsAt`; it takes the good ones of a batch, as the real one does."""

    def __init__(
        self, *, now: Callable[[], datetime] = lambda: NOW, bad: Callable[[Any], int | None] = lambda _: None
    ) -> None:
        """`bad`: the status that an alert is refused with."""
        self.posts: list[list[dict[str, Any]]] = []
        """Those that were answered."""
        self.tries = 0
        self.shown: list[Shown] = []
        self.open: dict[str, datetime] = {}
        """`endsAt` of what fires, by workflow, or by `alertname` where there is none."""
        self.down = False
        self.takes = 0.0
        """Seconds before each answer."""
        self.asked = asyncio.Event()
        self._now = now
        self._bad = bad
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """No answers, until `release`."""
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def lose_everything(self) -> None:
        """A restart without its data; what fires is not seen to end."""
        self.open.clear()

    async def ask(self, body: bytes, headers: Mapping[str, str], secrets: Collection[str] = ()) -> HttpResult:
        self.tries += 1
        self.asked.set()
        await self._free.wait()
        await asyncio.sleep(self.takes)
        if self.down:
            return HttpResult(Retry("cannot connect", receiver_down=True))
        alerts = json.loads(body)
        self.posts.append(alerts)
        refused = [(status, alert) for alert in alerts if (status := self._bad(alert)) is not None]
        for alert in alerts:
            if self._bad(alert) is None:
                self._take(alert)
        if refused:
            status, alert = refused[0]
            return HttpResult(Refused(f"HTTP {status}: because of {_who(alert)}"), status)
        return HttpResult(Delivered("HTTP 200"), 200)

    async def close(self) -> None:
        """There is nothing to close."""

    def look(self) -> list[Shown]:
        """Everything that was shown until now, what ended by itself included."""
        for who, ends_at in sorted(self.open.items(), key=lambda one: one[1]):
            if ends_at <= self._now():
                del self.open[who]
                self.shown.append(Shown(ends_at, who, firing=False))
        return [one for one in self.shown if one.workflow != "Watchdog"]

    def _take(self, alert: dict[str, Any]) -> None:
        self.look()
        who, ends_at = _who(alert), datetime.fromisoformat(alert["endsAt"])
        assert datetime.fromisoformat(alert["startsAt"]) <= min(ends_at, self._now())
        if ends_at <= self._now():
            if self.open.pop(who, None) is not None:
                self.shown.append(Shown(self._now(), who, firing=False))
            return
        if who not in self.open:
            self.shown.append(Shown(self._now(), who, firing=True))
        self.open[who] = ends_at


def _who(alert: dict[str, Any]) -> str:
    labels = alert["labels"]
    return str(labels.get("workflow") or labels["alertname"])
