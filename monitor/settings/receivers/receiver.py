"""The common keys of all types of receivers, and the properties of a type."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Final, Self

from monitor.core.alerting.routing import Feed
from monitor.core.event_types import Severity
from monitor.core.scheduling.token_bucket import RateQuota
from monitor.notify import Notifier
from monitor.notify.context import NotifierContext
from monitor.settings.fields import FromText, choice, default, duration, line
from monitor.settings.globs import event_globs
from monitor.settings.section import TEXTS, Section

PAGES: Final = 4
"""Requests to a pager under way: few, so that a severe delivery seldom waits for others."""


class ReceiverSection(Section):
    """One receiver. Its type is a subclass with the keys of that type, listed in `Receiver`."""

    gets: ClassVar[Feed]
    """The unit of notification for this type."""
    concurrency: ClassVar[int] = 16
    """Requests under way at once, each about another subject."""
    urgent_first: ClassVar[bool] = False
    """Whether a more severe delivery overtakes older ones."""
    pace: ClassVar[RateQuota | None] = None
    """The rate limit of its deliveries; None: no limit."""

    name: Annotated[str, line(100)]
    min_severity: Annotated[Severity, choice(Severity)] = default("warning")
    events: Annotated[tuple[str, ...], FromText(event_globs, TEXTS)] = default(["*"])
    """Globs over types of events."""
    timeout: Annotated[float, duration("100ms", "5m")] = default("10s")
    """Of one delivery."""

    @abstractmethod
    def notifier(self, context: NotifierContext) -> Notifier:
        """Raises ValueError, with what to do, if a file of the receiver cannot be used."""

    def instances(self) -> list[tuple[str, Self]]:
        """The receivers that a drill tries separately, each with a name for people."""
        return [(self.name, self)]
