"""Globs: over types of events, and over files."""

import difflib
import glob
import os
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeGuard

from monitor.core.event_types import EventType
from monitor.settings.errors import describe

_MOST = 1000
_LONGEST = 4000
_MAGIC = re.compile(r"[*?[]")


def event_globs(value: object) -> tuple[str, ...]:
    """Globs over types of events; raises ValueError for one without a match, since it would silence a receiver."""
    if not isinstance(value, list) or not value or len(value) > _MOST:
        raise ValueError(f"expected a list of types of events such as ['workflow.*'], got {_came(value)}")
    return tuple(_event_glob(item) for item in value)


def _event_glob(value: object) -> str:
    if not isinstance(value, str) or len(value) > 100:  # noqa: PLR2004 - three times the longest type
        raise ValueError(f"expected types of events such as 'workflow.*', got {describe(value)}")
    if any(fnmatchcase(known.value, value) for known in EventType):
        return value
    near = difflib.get_close_matches(value, [known.value for known in EventType], n=1)
    raise ValueError(f"{describe(value)} matches no type of event" + (f"; did you mean {near[0]!r}?" if near else ""))


def _came(value: object) -> str:
    return "an empty one, which would mute the receiver" if value == [] else describe(value)


def paths(value: object) -> tuple[str, ...]:
    """A path, or a list of paths and globs; raises ValueError."""
    items = value if isinstance(value, list) else [value]
    if not items or len(items) > _MOST:
        raise ValueError("expected a path, or a list of paths and globs")
    for item in items:
        if not is_path(item):
            raise ValueError(f"expected a path, or a list of paths and globs, got {describe(item)}")
    return tuple(dict.fromkeys(items))


def is_path(value: object) -> TypeGuard[str]:
    """Whether it could be a path or a glob."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value and len(value) <= _LONGEST


def anchored(path: str, folder: Path) -> str:
    """A path or glob that is relative to a folder."""
    # The name of the folder itself is escaped: it is no glob.
    inside = folder if not _MAGIC.search(path) else Path(glob.escape(str(folder)))
    return str(inside / path)


def expand(path: str) -> tuple[Path, ...]:
    """The files that a path or glob names now, sorted. A path that is no glob names itself, also if it does not exist.

    Hidden files match no glob, since a ConfigMap keeps its own copies in `..data`. `**` means `*`, since the files are
    checked every few seconds, and a whole tree would take too long.
    """
    if not _MAGIC.search(path) or os.path.lexists(path):
        return (Path(path),)
    return tuple(found for found in map(Path, sorted(glob.glob(path))) if found.is_file())  # noqa: PTH207 - Path.glob has no absolute patterns
