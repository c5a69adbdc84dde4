"""What every kind of receiver offers."""

from typing import Protocol

from monitor.core.model import Delivery
from monitor.core.retry import Verdict


class Notifier(Protocol):
    async def send(self, delivery: Delivery) -> Verdict:
        """One try. Calls for different deliveries may overlap. Cancelled, the receiver may have it or not."""

    async def close(self) -> None:
        """No sends after this."""
