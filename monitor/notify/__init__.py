"""How receivers are reached: the only code that knows their protocols.

The law of this folder: a notifier turns one delivery into one request and one verdict (`core/alerting/verdict.py`). It
holds no queue, tries nothing twice and decides nothing about time. What goes wrong over there is a verdict; exceptions
are ours. HTTP, its errors and the meaning of a status live once, in `http_sender.py` and `http_verdict.py`; only what
goes through Apprise is left to that library. Receivers of incidents are a `Pager` each, under the one notifier of
`incident_notifier.py`.
"""

from monitor.notify.notifier import Notifier

__all__ = ["Notifier"]
