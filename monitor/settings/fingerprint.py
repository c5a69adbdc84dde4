"""Whether the configuration's files say something else than before."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from monitor.settings.globs import expand
from monitor.settings.yamlfile import MAX_BYTES

_CHUNK = 1024 * 1024


def fingerprint(paths: Iterable[Path]) -> bytes:
    """Differs when the content of a file differs, or what a glob matches. Blocking; never raises for a file's sake.

    Symbolic links are followed, so that the swap of a ConfigMap's `..data` counts. `paths` are `Settings.files`.
    """
    whole = hashlib.sha256()
    for path in paths:
        for file in expand(str(path)):
            whole.update(str(file).encode("utf-8", "surrogateescape") + b"\0" + _content(file))
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
    except (OSError, ValueError):
        return b"unreadable"
    return digest.digest()
