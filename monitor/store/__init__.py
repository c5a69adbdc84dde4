"""What is believed and what is told, kept on disk.

The law of this folder: SQL and nothing else. Decisions are made elsewhere and come in as values of `core/model.py`.
Nothing assumes that there is one writer: beliefs change by compare-and-set, events take their place in the order of
commits from a row that is locked until the commit. One implementation for SQLite and PostgreSQL.

Read `schema.py`, then `transaction.py` (what one commit does) with `alert_updates.py` (what its events do to alerts),
`writer.py` (who commits when), `queries.py` and `alert_queries.py`, `outbox.py`, `pruning.py`; `store.py` is the face
of all. `readonly.py` is for who is not the daemon.
"""

from monitor.store.errors import StoreInUse, StoreNewer, StoreUnavailable
from monitor.store.lock import StoreLock
from monitor.store.queries import Loaded
from monitor.store.readonly import running_targets
from monitor.store.store import Store
from monitor.store.values import (
    DeliveryMark,
    DeliveryStatus,
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
    "Loaded",
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
