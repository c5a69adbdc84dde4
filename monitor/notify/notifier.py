"""The interfaces of notifiers, and of the alerts that they read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from monitor.core.alerting.verdict import Verdict
from monitor.core.alerts import Alert, Incident, VersionImpact
from monitor.core.commits import Delivery
from monitor.core.event_types import Severity
from monitor.core.model import TargetKey


class Notifier(Protocol):
    async def send(self, delivery: Delivery) -> Verdict:
        """One try. Calls for different deliveries may overlap. If it is cancelled, the receiver may have it or not."""

    async def close(self) -> None:
        """No send follows."""


class AlertReader(Protocol):
    """The present state of alerts. Every call may raise: the delivery is then tried again."""

    async def alert(self, id: str) -> Alert | None: ...
    async def incident(self, id: str) -> Incident | None: ...

    async def end_is_pending(self, incident: str, receiver: str) -> bool:
        """Whether `receiver` has a pending delivery of the incident's end."""

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        """A page, in the order of ids, after the id `after`, of the alerts that `receiver` gets one by one.

        It holds open alerts, and those that ended after `ended_after`, unless an open alert has the same labels.
        """

    async def ends_of(self, receiver: str, keys: Collection[TargetKey]) -> list[Alert]:
        """The open alerts that one of these workflows was terminated, of those that `receiver` gets one by one."""

    async def storms_of(self, receiver: str, *, ended_after: datetime) -> list[Incident]:
        """The storms that are open, or ended after `ended_after`."""


Tolls = Callable[[str, str], Sequence[VersionImpact]]
"""How many watched instances of an account's definition failed, per version, newest version first."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as its receiver shows it."""

    key: str
    """The same for all messages about the incident."""
    title: str
    """One line."""
    body: str
    severity: Severity
    at: datetime
    """When its first alert happened."""
    account: str
    definition: str
    """Its alias, or its id; empty if it is about the account itself."""
    step: str
    type: str
    """Of the event, as in `workflow.terminated`."""
    fault_group: str
    link: str
    ended: str = ""
    """How it ended, in words; empty while it is open."""
    samples: tuple[tuple[str, str], ...] = ()
    """Names of some targets, with the links to their pages."""
    details: Mapping[str, str] = {}
    """More facts for programs, e.g. `count`, `cause`, `error`, `runbook`, and the labels of the target."""


class Pager(Protocol):
    """The protocol of a receiver of incidents."""

    async def trigger(self, page: Page) -> Verdict:
        """Open the incident, or, with a known key, send its growth."""

    async def resolve(self, page: Page) -> Verdict:
        """End the incident."""

    async def close(self) -> None:
        """No call follows."""
