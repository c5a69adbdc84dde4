"""The database: last known states, events, alerts and deliveries.

The rule of this folder: SQL and nothing else. Decisions are made elsewhere and come in as values of `core/`. No code
assumes a single writer: states change by compare-and-set, and the order of commits comes from a row that is locked
until the commit. One implementation for SQLite and PostgreSQL: only `engine.py` with `postgresql.py` (connections),
`errors.py` and `statements.py` know both.

Read `schema.py`, then `transaction.py` (one commit) with `alert_updates.py` (the effect of its events on alerts),
`writer.py` (group commit), `queries.py` and `alert_queries.py`, `outbox.py`, `pruning.py`; `store.py` is the interface
of all. `ownership.py` is about several daemons on one database, `readonly.py` is for processes other than the daemon.
"""

from monitor.store.errors import Lost, StoreInUse, StoreNewer, StoreUnavailable
from monitor.store.lock import StoreLock
from monitor.store.queries import Loaded
from monitor.store.readonly import running_targets
from monitor.store.store import Store
from monitor.store.values import (
    DeliveryMark,
    DeliveryStatus,
    EventFilter,
    Notification,
    OpenAlert,
    Pruned,
    StoredDelivery,
    StoredEvent,
)
from monitor.store.writer import Writer

__all__ = [
    "DeliveryMark",
    "DeliveryStatus",
    "EventFilter",
    "Loaded",
    "Lost",
    "Notification",
    "OpenAlert",
    "Pruned",
    "Store",
    "StoreInUse",
    "StoreLock",
    "StoreNewer",
    "StoreUnavailable",
    "StoredDelivery",
    "StoredEvent",
    "Writer",
    "running_targets",
]
