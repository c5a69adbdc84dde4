"""A drill: a test alert and its end through real receivers, without a daemon and without its store."""

import asyncio
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from monitor.app.environment import utc_now
from monitor.core.alerting.drill import DrillAlert, delivery, ending, opening
from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.core.alerts import Alert, Incident
from monitor.core.commits import Delivery
from monitor.core.model import TargetKey
from monitor.notify import Notifier
from monitor.notify.context import NotifierContext
from monitor.notify.notifier import AlertReader
from monitor.settings import Receiver, SecretError, Settings

_MARGIN: Final = 5.0
"""Seconds beyond the receiver's own timeout, for reading the end of an answer."""


Making = Callable[[Receiver, Settings, AlertReader], Notifier]
"""Makes the notifier of a receiver; raises OSError or ValueError if it cannot be made."""


class DrillResult(msgspec.Struct, frozen=True):
    """How a receiver took one half of the drill."""

    verdict: Verdict
    latency: float
    """Seconds."""


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """How one receiver did."""

    receiver: str
    type: str
    opened: DrillResult
    resolved: DrillResult

    @property
    def passed(self) -> bool:
        return all(isinstance(answer.verdict, Delivered) for answer in (self.opened, self.resolved))


async def drill(
    settings: Settings,
    receivers: Sequence[Receiver],
    hold: float,
    *,
    report: Callable[[Drilled], None],
    notifier: Making | None = None,
) -> list[Drilled]:
    """All of them at once; `report` takes each as it is done. `hold`: seconds that the test alert stays open."""
    workflow = f"drill-{uuid.uuid4()}"
    # All are made before the first one sends: making one may take a second, which is not the receiver's latency.
    ways = [
        _Way(name, one, settings, workflow, notifier or _notifier)
        for receiver in receivers
        for name, one in receiver.instances()
    ]

    async def through(way: _Way) -> Drilled:
        drilled = await way.through(hold)
        report(drilled)
        return drilled

    return await asyncio.gather(*map(through, ways))


def unusable(settings: Settings) -> list[str]:
    """What is wrong with receivers beyond what their settings show: files and URLs that their libraries refuse."""
    book, found = Book(opening("check", "check", "check", utc_now())), []
    for index, receiver in enumerate(settings.receivers):
        try:
            _notifier(receiver, settings, book)
        except ValueError as error:
            found.append(f"{settings.path}: receivers[{index}]: {error}")
    return found


def drill_text(drilled: Drilled) -> str:
    """For a person: one line per answer."""
    head = f"{drilled.receiver} ({drilled.type}): {'passed' if drilled.passed else 'FAILED'}"
    return f"{head}\n  opened    {_said(drilled.opened)}\n  resolved  {_said(drilled.resolved)}"


def _said(answer: DrillResult) -> str:
    word = answer.verdict.detail or "acknowledged"
    return f"{word}, {answer.latency * 1000:.0f} ms"


def _notifier(receiver: Receiver, settings: Settings, book: AlertReader) -> Notifier:
    ties = NotifierContext(
        now=utc_now,
        casebook=book,
        external_url=settings.server.external_url,
        runbook_url=settings.server.runbook_url,
        started_at=utc_now(),
    )
    return receiver.notifier(ties)


class _Way:
    """One receiver that is drilled."""

    def __init__(self, name: str, receiver: Receiver, settings: Settings, workflow: str, making: Making) -> None:
        self._name = name
        self._receiver = receiver
        self._settings = settings
        self._book = Book(opening(settings.accounts[0].id, workflow, receiver.name, utc_now()))
        self._notifier: Notifier | None = None
        try:
            self._notifier = making(receiver, settings, self._book)
        except (OSError, ValueError) as error:
            self._broken = DrillResult(Retry(f"cannot be set up: {_reason(error)}"), 0.0)

    async def through(self, hold: float) -> Drilled:
        if self._notifier is None:
            return self._drilled(self._broken, self._broken)
        try:
            opened = await self._told(self._notifier)
            await asyncio.sleep(hold)
            self._book.act = ending(self._book.act, utc_now())
            return self._drilled(opened, await self._told(self._notifier))
        finally:
            with suppress(Exception):
                await self._notifier.close()

    def _drilled(self, opened: DrillResult, resolved: DrillResult) -> Drilled:
        return Drilled(receiver=self._name, type=self._receiver.type, opened=opened, resolved=resolved)

    async def _told(self, notifier: Notifier) -> DrillResult:
        sent = delivery(
            self._book.act,
            self._receiver.name,
            self._receiver.gets,
            base_url=self._settings.api.base_url,
            external_url=self._settings.server.external_url,
        )
        began = time.monotonic()
        verdict = await self._verdict(notifier, sent)
        return DrillResult(verdict, time.monotonic() - began)

    async def _verdict(self, notifier: Notifier, sent: Delivery) -> Verdict:
        bound = self._receiver.timeout + _MARGIN
        try:
            async with asyncio.timeout(bound):
                return await notifier.send(sent)
        except TimeoutError:
            return Retry(f"no answer within {bound:g} s")
        except Exception as error:  # noqa: BLE001 - the other receivers are drilled all the same
            # Its text is left out: it may hold a secret.
            return Retry(f"cannot send: {type(error).__name__}")


def _reason(error: Exception) -> str:
    """Our own words; others may hold a secret."""
    return str(error) if type(error) in (ValueError, SecretError) else type(error).__name__


class Book:
    """All that is known in a drill: one alert and its incident."""

    def __init__(self, act: DrillAlert) -> None:
        self.act = act

    async def alert(self, id: str) -> Alert | None:
        return self.act.alert if self.act.alert.id == id else None

    async def incident(self, id: str) -> Incident | None:
        return self.act.incident if self.act.incident.id == id else None

    async def end_is_pending(self, incident: str, receiver: str) -> bool:  # noqa: ARG002 - it is told by hand
        return False

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        alert = self.act.alert
        recent = alert.ended_at is None or alert.ended_at > ended_after
        return [alert] if receiver in alert.receivers and alert.id > after and recent and limit > 0 else []

    async def ends_of(self, receiver: str, keys: Collection[TargetKey]) -> list[Alert]:  # noqa: ARG002 - nothing of a drill is inhibited
        return []

    async def storms_of(self, receiver: str, *, ended_after: datetime) -> list[Incident]:  # noqa: ARG002 - a drill is no storm
        return []
