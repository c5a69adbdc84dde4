"""Reads a SQLite store in a process other than its daemon, without creating any file.

Opening a database for reading may create its -shm file, which a daemon under another user could then not write. So it
is opened in a way that creates nothing: with the daemon's own files if both exist, else as an immutable file. The
result may be a little old, which is good enough for a warning.
"""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import and_, create_engine, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from monitor.core.model import TargetKey
from monitor.store.schema import sightings, targets

_RECENT: Final = timedelta(hours=1)
"""Before the newest sighting of any target: a target with an older one has left the watchlist long ago."""


def running_targets(url: str) -> frozenset[TargetKey] | None:
    """Targets that have not ended and were seen recently; None if there is no store that can be read so."""
    parsed = make_url(url)
    path = Path(parsed.database or "")
    if parsed.get_backend_name() != "sqlite" or not path.is_file():
        return None
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(_address(path), uri=True))
    try:
        with engine.connect() as connection:
            newest = connection.execute(select(func.max(sightings.c.last_seen_at))).scalar()
            if newest is None:
                return frozenset()
            key = tuple(targets.primary_key)
            same = and_(*(targets.c[column.name] == column for column in sightings.primary_key))
            recent = and_(targets.c.ended_at.is_(None), sightings.c.last_seen_at >= newest - _RECENT)
            found = connection.execute(select(*key).join(sightings, same).where(recent))
            return frozenset(TargetKey(*row) for row in found)
    except (SQLAlchemyError, sqlite3.Error):
        return None
    finally:
        engine.dispose()


def _address(path: Path) -> str:
    lives = all(path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    return f"file:{quote(str(path.absolute()))}?{'mode=ro' if lives else 'immutable=1'}"
