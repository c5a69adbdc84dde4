"""Whether the configuration's files say something else than before."""

import errno
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from monitor.settings.globs import expand
from monitor.settings.yamlfile import MAX_BYTES

_CHUNK = 1024 * 1024


_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What this process lacks; it says nothing about a file."""


def fingerprint(paths: Iterable[Path]) -> bytes | None:
    """Differs when the content of a file differs, or what a glob matches; None if it cannot be told just now.

    Blocking; never raises for a file's sake.

    Symbolic links are followed, so that the swap of a ConfigMap's `..data` counts. `paths` are `Settings.files`.
    """
    whole = hashlib.sha256()
    try:
        for path in paths:
            for file in expand(str(path)):
                whole.update(str(file).encode("utf-8", "surrogateescape") + b"\0" + _content(file))
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # without descriptors a glob matches nothing
    except OSError:
        return None
    return whole.digest()


def _content(path: Path) -> bytes:
    """The digest of a file's content, as much of it as would be read; something else where there is none."""
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
