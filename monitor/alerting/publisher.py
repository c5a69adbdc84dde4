"""Commits changes with their events and hands on the deliveries: the one way out for every event."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from monitor.core.alerting.fault_groups import fault_group
from monitor.core.alerting.incidents import covered_by
from monitor.core.alerting.labels import alert_labels, fingerprint
from monitor.core.alerting.routing import Feed, Route, receivers_for
from monitor.core.alerts import Closing
from monitor.core.commits import AlertRouting, Change, Committed, Delivery, OutboxEntry
from monitor.core.event_types import EventType
from monitor.core.model import Event
from monitor.core.text import cloudevent
from monitor.store import Writer


class PublisherConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bound at the start."""

    base_url: str
    external_url: str
    routes: tuple[Route, ...] = ()


class AlertPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Live: a reload may change it."""

    settle: float = 60.0
    """Seconds that an alert stays open after its condition has ended, so that it does not flap."""
    group_window: float = 3600.0
    """Seconds in which an incident takes in alerts of its group."""
    storm_threshold: int = 50
    """Members from which on an incident is a storm."""


class Publisher:
    """The one way out for every event."""

    def __init__(
        self,
        config: PublisherConfig,
        writer: Writer,
        offer: Callable[[Sequence[Delivery]], None],
        *,
        policy: Callable[[], AlertPolicy],
        fault: Callable[[str, Exception], None],
    ) -> None:
        """`policy`: as configured now. `offer`: takes what is to be delivered, once it is durable.

        `fault`: takes the errors of ours that show in what the store made of a change, with the loop's name.
        """
        self._config = config
        self._policy = policy
        self._writer = writer
        self._offer = offer
        self._fault = fault

    async def commit(
        self, change: Change, events: Sequence[Event], *, beside: Sequence[Event] = ()
    ) -> tuple[Committed, tuple[Event, ...]]:
        """The outcome, and those of `events` that were stored by it (a duplicate of an old one is not).

        `beside`: events that were published before, and whose alerts are about the same fault.
        """
        outgoing = tuple(self._outgoing(event, (*events, *beside)) for event in events)
        committed = await self._commit(msgspec.structs.replace(change, outgoing=outgoing))
        belief = change.target or change.account or change.truncation
        if not committed.stale and belief is not None and belief.revision > 0:
            for event in events:
                if event.id not in committed.told and event.type is not EventType.SCHEMA_DRIFT:
                    self._fault("commit", _swallowed(event))
        return committed, tuple(event for event in events if event.id in committed.told)

    async def close(self, closings: Sequence[Closing]) -> frozenset[str]:
        """End alerts; the ids of those that were open until now."""
        return (await self._commit(Change(closings=tuple(closings)))).closed

    async def tell_size(self, incident: str, now: datetime) -> None:
        """Publish the final size of an incident that does not grow any more."""
        await self._commit(Change(calmed=((incident, now),)))

    async def _commit(self, change: Change) -> Committed:
        """Deliveries are handed on once they are durable, even if the caller was cancelled meanwhile."""
        return await self._writer.commit(change, self._hand_on)

    def _hand_on(self, committed: Committed) -> None:
        if committed.deliveries:
            self._offer(committed.deliveries)

    def _outgoing(self, event: Event, beside: Sequence[Event]) -> OutboxEntry:
        config = self._config
        body = cloudevent.encode(event, base_url=config.base_url, external_url=config.external_url)
        paging = self._paging(event, beside) if event.opens_alert else None
        return OutboxEntry(event, body, receivers_for(event, config.routes), paging, self._policy().settle)

    def _paging(self, event: Event, beside: Sequence[Event]) -> AlertRouting:
        config, policy, group = self._config, self._policy(), fault_group(event)
        grouped = receivers_for(event, config.routes, Feed.INCIDENTS)
        other = covered_by(event, beside)
        spared = receivers_for(other, config.routes, Feed.INCIDENTS) if other is not None else ()
        return AlertRouting(
            fault_group=group,
            fingerprint=fingerprint(alert_labels(event, group)),
            window=policy.group_window,
            storm_threshold=policy.storm_threshold,
            singles=receivers_for(event, config.routes, Feed.ALERTS),
            grouped=tuple([name for name in grouped if name not in spared]),
            spared=tuple([name for name in grouped if name in spared]),
        )


def _swallowed(event: Event) -> Exception:
    """A state changes once, so an event that comes with a change cannot be a duplicate: its id is wrong.

    Except of drift, which many targets show at once; and of a first sight, which may be one of what was forgotten.
    """
    return RuntimeError(
        f"{event.type.value} of {event.account}/{event.subject} has the id {event.id}, which was told before: "
        "it is believed, and told to nobody"
    )
