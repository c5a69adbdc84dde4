"""A drill: a test alert and its end through real receivers, without a daemon and without its store."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import msgspec

from monitor.app import parts
from monitor.app.surroundings import utc_now
from monitor.core.drill import Act, delivery, ending, opening
from monitor.core.model import Alert, Incident
from monitor.core.retry import Again, Delivered, Verdict
from monitor.core.routing import Gets
from monitor.notify import Notifier
from monitor.notify.notifier import Casebook
from monitor.settings import Receiver, Settings

_MARGIN: Final = 5.0
"""Seconds beyond the receiver's own timeout, for reading the end of an answer."""


class Answer(msgspec.Struct, frozen=True):
    """What a receiver made of one half of the drill."""

    verdict: Verdict
    latency: float
    """Seconds."""


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """How one receiver did."""

    receiver: str
    type: str
    opened: Answer
    resolved: Answer

    @property
    def passed(self) -> bool:
        return all(isinstance(answer.verdict, Delivered) for answer in (self.opened, self.resolved))


async def drill(
    settings: Settings, receivers: Sequence[Receiver], hold: float, *, report: Callable[[Drilled], None]
) -> list[Drilled]:
    """All of them at once; `report` hears of each as it is done. `hold`: seconds that the alert stays open."""
    workflow = f"drill-{uuid.uuid4()}"

    async def one(receiver: Receiver) -> Drilled:
        drilled = await _through(receiver, settings, workflow, hold)
        report(drilled)
        return drilled

    return await asyncio.gather(*(one(receiver) for receiver in receivers))


def drill_text(drilled: Drilled) -> str:
    """For a person: one line per answer."""
    head = f"{drilled.receiver} ({drilled.type}): {'passed' if drilled.passed else 'FAILED'}"
    lines = [
        f"  {name:<9} {_said(answer)}" for name, answer in (("opened", drilled.opened), ("resolved", drilled.resolved))
    ]
    return "\n".join([head, *lines])


def _said(answer: Answer) -> str:
    word = answer.verdict.detail or "acknowledged"
    return f"{word}, {answer.latency * 1000:.0f} ms"


async def _through(receiver: Receiver, settings: Settings, workflow: str, hold: float) -> Drilled:
    opened = opening(settings.accounts[0].id, workflow, receiver.name, utc_now())
    book = Book(opened)
    notifier = _notifier(receiver, settings, book)
    try:
        first = await _told(notifier, opened, receiver, settings)
        await asyncio.sleep(hold)
        book.act = ending(opened, utc_now())
        second = await _told(notifier, book.act, receiver, settings)
    finally:
        with suppress(Exception):
            await notifier.close()
    return Drilled(receiver=receiver.name, type=receiver.type.value, opened=first, resolved=second)


async def _told(notifier: Notifier, act: Act, receiver: Receiver, settings: Settings) -> Answer:
    sent = delivery(
        act,
        receiver.name,
        _gets(receiver),
        base_url=settings.api.base_url,
        external_url=settings.server.external_url,
    )
    began = time.monotonic()
    bound = receiver.timeout + _MARGIN
    try:
        async with asyncio.timeout(bound):
            verdict = await notifier.send(sent)
    except TimeoutError:
        verdict = Again(f"no answer within {bound:g} s")
    except Exception as error:  # noqa: BLE001 - the other receivers are drilled all the same
        # Its text is left out: it may hold a secret.
        verdict = Again(f"cannot send: {type(error).__name__}")
    return Answer(verdict, time.monotonic() - began)


def _gets(receiver: Receiver) -> Gets:
    """THE LEAD: from the receiver's type, as the poller's routes have it."""
    return {"alertmanager": Gets.ALERTS, "pagerduty": Gets.INCIDENTS, "apprise": Gets.INCIDENTS}.get(
        receiver.type.value, Gets.EVENTS
    )


def _notifier(receiver: Receiver, settings: Settings, book: Casebook) -> Notifier:  # noqa: ARG001 - see below
    """THE LEAD: pass settings and book on, once `parts.notifier` makes receivers that ask for them."""
    return parts.notifier(receiver, utc_now)


class Book:
    """All that is known in a drill: one alert and its incident."""

    def __init__(self, act: Act) -> None:
        self.act = act

    async def alert(self, id: str) -> Alert | None:
        return self.act.alert if self.act.alert.id == id else None

    async def incident(self, id: str) -> Incident | None:
        return self.act.incident if self.act.incident.id == id else None

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        alert = self.act.alert
        recent = alert.ended_at is None or alert.ended_at > ended_after
        return [alert] if receiver in alert.receivers and alert.id > after and recent and limit > 0 else []

    async def storms_of(self, receiver: str, *, ended_after: datetime) -> list[Incident]:  # noqa: ARG002 - a drill is no storm
        return []
