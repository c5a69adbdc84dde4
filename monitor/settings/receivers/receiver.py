"""The keys that every type of receiver has, and what a type says of itself to those that use it."""

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
"""Requests to a pager under way: few, so that what is most severe seldom waits for what is not."""


class ReceiverSection(Section):
    """One receiver. Its type is a subclass with the keys of that type, listed in `Receiver`."""

    gets: ClassVar[Feed]
    """What this type is told."""
    concurrency: ClassVar[int] = 16
    """Requests under way at once, each about another subject."""
    urgent_first: ClassVar[bool] = False
    """Whether what is more severe overtakes what is older."""
    pace: ClassVar[RateQuota | None] = None
    """How often it may be sent anything; None: no limit."""

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
        """What a drill tries by itself, each with a name for people."""
        return [(self.name, self)]
