"""Detects changes of the configuration's files."""

import errno
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from monitor.settings.globs import expand
from monitor.settings.yamlfile import MAX_BYTES

_CHUNK = 1024 * 1024


_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors about resources of this process, not about a file."""


def fingerprint(paths: Iterable[Path]) -> bytes | None:
    """A digest of the files' contents and of the matches of globs; None if it cannot be computed now.

    Blocking; a file never makes it raise.

    Symbolic links are followed, so that the swap of a ConfigMap's `..data` counts. `paths` are `Settings.files`.
    """
    whole = hashlib.sha256()
    try:
        for path in paths:
            for file in expand(str(path)):
                whole.update(str(file).encode("utf-8", "surrogateescape") + b"\0" + _content(file))
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # without free descriptors a glob matches nothing
    except OSError:
        return None
    return whole.digest()


def _content(path: Path) -> bytes:
    """The digest of a file's content, up to the largest size that would be read; another value if there is no file."""
    digest = hashlib.sha256()
    try:
        if not path.is_file():
            return b"none"
        with path.open("rb") as file:
            for _ in range(MAX_BYTES // _CHUNK + 1):
                digest.update(file.read(_CHUNK))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _OURS:
            raise
        return b"unreadable"
    return digest.digest()
