"""Notifiers: the only code that knows the protocols of receivers.

The rule of this folder: a notifier turns one delivery into one request and one verdict (`core/alerting/verdict.py`). It
has no queue, tries nothing twice and makes no decision about time. A failure of the receiver is a verdict; an exception
is a bug of ours. HTTP, its errors and the meaning of a status are in `http_sender.py` and `http_verdict.py` only; the
services of Apprise are left to that library. Each receiver of incidents is a `Pager`, under the one notifier of
`incident_notifier.py`.
"""

from monitor.notify.notifier import Notifier

__all__ = ["Notifier"]
