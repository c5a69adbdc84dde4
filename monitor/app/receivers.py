"""The receivers that run: their notifiers, and what waits for them."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from monitor.alerting.deliverer import Breaker, Deliverer
from monitor.notify import Notifier
from monitor.notify.alertmanager import Alertmanager


class Receivers:
    def __init__(self, notifiers: Mapping[str, Notifier], deliverer: Deliverer) -> None:
        """`notifiers` by the receiver's name."""
        self.notifiers = notifiers
        self._deliverer = deliverer

    def resenders(self) -> Iterator[tuple[str, Alertmanager]]:
        """Receivers with a loop of their own."""
        for name, notifier in self.notifiers.items():
            if isinstance(notifier, Alertmanager):
                yield name, notifier

    def pending(self) -> Mapping[str, tuple[int, datetime | None]]:
        """Per receiver, how many deliveries wait, and since when. Called by scrapes, in a thread of theirs."""
        oldest = self._deliverer.oldest()
        return {name: (count, oldest[name]) for name, count in self._deliverer.pending().items()}

    def breakers(self) -> Mapping[str, Breaker]:
        """Per receiver, its circuit breaker."""
        return self._deliverer.breakers()

    def acknowledges(self) -> Mapping[str, bool]:
        """Per receiver, whether it took what it was sent last."""
        return {**self._deliverer.acknowledges(), **{name: one.well for name, one in self.resenders()}}
