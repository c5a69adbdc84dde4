"""Receivers from their settings: their notifiers, and how the deliverer treats them."""

from monitor.alerting import deliverer
from monitor.notify import Notifier
from monitor.notify.context import NotifierContext
from monitor.settings import Receiver


def notifier(receiver: Receiver, ties: NotifierContext) -> Notifier:
    """Raises ValueError, with what to do, if a file of the receiver cannot be used."""
    return receiver.notifier(ties)


def delivered(receiver: Receiver, notifier: Notifier) -> deliverer.Receiver:
    """How the deliverer is to treat it."""
    return deliverer.Receiver(receiver.name, notifier, receiver.concurrency, receiver.urgent_first, receiver.pace)
