"""What every kind of receiver offers, and what those ask that tell of alerts."""

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
        """One try. Calls for different deliveries may overlap. Cancelled, the receiver may have it or not."""

    async def close(self) -> None:
        """No sends after this."""


class AlertReader(Protocol):
    """What is known of alerts now. Every call may raise: the delivery is then tried again."""

    async def alert(self, id: str) -> Alert | None: ...
    async def incident(self, id: str) -> Incident | None: ...

    async def end_is_pending(self, incident: str, receiver: str) -> bool:
        """Whether `receiver` has yet to be told that this incident is over."""

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        """A page, in the order of ids, after that one, of the alerts that `receiver` gets one by one.

        Those that are open, and those that ended after that moment, unless another open alert has the same labels.
        """

    async def ends_of(self, receiver: str, keys: Collection[TargetKey]) -> list[Alert]:
        """The open alerts that one of these workflows was terminated, of those that `receiver` gets one by one."""

    async def storms_of(self, receiver: str, *, ended_after: datetime) -> list[Incident]:
        """The incidents with members that are not told one by one: those that go on, and that ended since."""


Tolls = Callable[[str, str], Sequence[VersionImpact]]
"""What became of the watched instances of an account's definition, per version, newest version first."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as a person gets it."""

    key: str
    """The same for everything that is said of the incident."""
    title: str
    """One line."""
    body: str
    severity: Severity
    at: datetime
    """When the first of it happened."""
    account: str
    definition: str
    """Its alias, or its id; empty where the account itself is meant."""
    step: str
    type: str
    """Of the event, as in `workflow.terminated`."""
    fault_group: str
    link: str
    ended: str = ""
    """In words, how it ended; empty while it goes on."""
    samples: tuple[tuple[str, str], ...] = ()
    """What people call some of the targets, and where they are shown."""
    details: Mapping[str, str] = {}
    """More facts for programs, e.g. `count`, `cause`, `error`, `runbook`, and the labels of the target."""


class Pager(Protocol):
    """A receiver of incidents, as far as its protocol goes."""

    async def trigger(self, page: Page) -> Verdict:
        """Tell of an incident; again with the same key: it has grown."""

    async def resolve(self, page: Page) -> Verdict:
        """It is over."""

    async def close(self) -> None:
        """Nothing is sent after this."""
