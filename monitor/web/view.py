"""The interface of the running daemon for pages and JSON."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from monitor.core.alerts import Alert, Incident, VersionImpact
from monitor.core.liveness import LoopHealth
from monitor.core.model import Status, TargetKey
from monitor.core.records import AccountSummary, Activity, DefinitionSummary, NextPoll, ReceiverSummary
from monitor.core.scheduling.plan import BudgetPlan
from monitor.polling.watched import Watched
from monitor.store import DeliveryStatus, EventFilter, Notification, OpenAlert, StoredDelivery, StoredEvent
from monitor.store.step_limits import DefinitionKey
from monitor.web.explanation import Explanation


class View(Protocol):
    """The state of the daemon. Async methods may raise StoreUnavailable."""

    def now(self) -> datetime: ...

    def loops(self) -> Mapping[str, LoopHealth]:
        """Whether each loop turns."""
        ...

    def loaded(self) -> bool:
        """Whether the states are loaded; False while the daemon starts."""
        ...

    def ready(self) -> str | None:
        """Why it is not ready, for people; None: it is ready."""
        ...

    async def reload(self, trigger: str) -> tuple[str, ...]:
        """Read the configuration again; returns its errors, none if it was applied."""
        ...

    def totals(self) -> Mapping[Status, int]:
        """The number of targets in each status."""
        ...

    def watched_definitions(self) -> Sequence[tuple[str, str]]:
        """The account and the id of each definition with visible targets, in any order."""
        ...

    def keys_of(self, account: str, definition: str) -> Sequence[TargetKey]:
        """Of the visible targets of one definition as of now, in any order."""
        ...

    def target(self, key: TargetKey) -> Watched | None:
        """To be read only; None: it is not visible."""
        ...

    def definitions(self) -> Collection[DefinitionKey]:
        """Definitions with targets, and those that a discovery follows, in any order."""
        ...

    def definition(self, about: DefinitionKey) -> DefinitionSummary | None:
        """None if nothing is known of it any more."""
        ...

    def budgets(self) -> Mapping[str, BudgetPlan]:
        """What the budget of each account buys now; an account is absent while that is not known."""
        ...

    def activity(self, about: DefinitionKey) -> Activity:
        """Its last hour."""
        ...

    def accounts(self) -> list[AccountSummary]:
        """The configured accounts, sorted by name."""
        ...

    async def receivers(self) -> list[ReceiverSummary]:
        """The configured receivers, sorted by name."""
        ...

    async def ended_groups(self, groups: Collection[str]) -> Mapping[str, datetime]:
        """Of these fault groups those with an incident that is over, and when the last one ended."""
        ...

    def next_poll(self, key: TargetKey) -> NextPoll:
        """The next poll of a visible target."""
        ...

    async def explain(self, key: TargetKey) -> Explanation | None:
        """Why there were alerts about a target, or none; None: it is not watched."""
        ...

    async def events(self, after: int, type: str | None, limit: int) -> tuple[list[StoredEvent], int]:
        """Events after the cursor, oldest first, and the cursor to go on with; `after` again if there are none."""
        ...

    async def target_events(self, key: TargetKey) -> list[StoredEvent]:
        """The newest events of one target, oldest first; also of one that is not watched any more."""
        ...

    async def chosen_events(
        self, wanted: EventFilter, *, before: int | None, after: int | None, limit: int
    ) -> list[StoredEvent]:
        """Oldest first: the first ones with a greater `seq` than `after`, or else the last ones, before `before`."""
        ...

    async def alert(self, id: str) -> Alert | None:
        """Open or over; None if it is unknown, or forgotten."""
        ...

    async def incident(self, id: str) -> Incident | None:
        """Open or over; None if it is unknown, or forgotten."""
        ...

    async def members_of(self, incident: str, limit: int) -> list[Alert]:
        """The first alerts of an incident, open or over, oldest first."""
        ...

    async def notifications(self, refs: Collection[str]) -> Mapping[str, list[Notification]]:
        """By the id of the event, alert or incident that each is about, in the order of the deliveries."""
        ...

    def impact(self, account: str, definition: str) -> Sequence[VersionImpact]:
        """How many watched instances of each version of a definition have failed; the newest version first."""
        ...

    async def alerts(self) -> list[OpenAlert]:
        """The open alerts, newest first."""
        ...

    async def deliveries(
        self, status: DeliveryStatus | None, receiver: str | None, after: int, limit: int
    ) -> list[StoredDelivery]:
        """The first `limit` deliveries with a greater `seq` than `after`, in the order of (seq, receiver)."""
        ...

    async def close_alert(self, id: str) -> int:
        """A person closes an alert, or all alerts of an incident; `id` is that of either.

        Returns how many were closed; 0: none is open, or the id is unknown.
        """
        ...

    async def retry_deliveries(self, receiver: str | None) -> int:
        """Make the dead deliveries of one receiver, or of all, pending again; returns how many."""
        ...
