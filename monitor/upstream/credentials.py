"""The keys of the accounts: their sources; no repr, log or error shows a key."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_LONGEST = 8_192
"""Characters; servers accept no longer header."""
_MOST_BYTES = 64 * 1024
"""Bytes of a file; a longer one is no key."""
_CHECK_EVERY = 1.0

_Mark = tuple[int, int, int, int]
"""Changes with a file's content: device, inode, modification in nanoseconds, size."""

_log = logging.getLogger(__name__)


class CredentialError(ValueError):
    """An unusable key; the message names its source and the reason, and repeats no part of the key."""


class Credential(Protocol):
    """One account's key."""

    def bearer(self) -> str:
        """The present key, valid in a header. Cheap; called for every request."""

    def refresh(self) -> None:
        """The API refused the key: check at once for a new one."""


class LiteralCredential:
    """A key that is constant for the life of the process."""

    def __init__(self, secret: str, source: str = "the key") -> None:
        """`source`: the key's source, for errors and the repr."""
        self._source = source
        self._secret = _checked(secret, source)

    def bearer(self) -> str:
        return self._secret

    def refresh(self) -> None:
        """Does nothing: the key is constant."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._source})"


def in_a_thread(look: Callable[[], None]) -> None:
    """Run `look` in a daemon thread: reading a file may hang, e.g. on a network disk, and must not delay the exit."""
    try:
        threading.Thread(target=look, name="key", daemon=True).start()
    except RuntimeError:  # no thread can be started
        look()


def _here(look: Callable[[], None]) -> None:
    look()


class FileCredential:
    """A key from a file, read again when the file changes, as a mounted secret does when it is rotated.

    If the file later cannot be read, or holds no key while it is being written, the last key stays in use: `trouble`
    has the reason, and the log has one line when that begins and one when it ends.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        aside: Callable[[Callable[[], None]], None] = _here,
    ) -> None:
        """Reads the file; raises CredentialError. `clock` returns seconds. `aside` runs later checks, one at a time."""
        self._path = path
        self._clock = clock
        self._aside = aside
        self._looking = threading.Lock()
        self.trouble: str | None = None
        """Why the last key is still in use although the file changed; None if the file is usable."""
        self._mark, self._secret = self._read()
        self._checked_at = clock()

    def bearer(self) -> str:
        """The key; at most once a second it starts a check of the file."""
        now = self._clock()
        if now - self._checked_at >= _CHECK_EVERY:
            self._checked_at = now
            self._look(self._take_over_changes)
        return self._secret

    def refresh(self) -> None:
        self._look(self._take_over)

    def _look(self, take_over: Callable[[], None]) -> None:
        """Check the file, unless a check is under way, which hangs as long as the disk does."""
        if not self._looking.acquire(blocking=False):
            return

        def look() -> None:
            try:
                take_over()
            finally:
                self._looking.release()

        self._aside(look)

    def _take_over_changes(self) -> None:
        if self.trouble is not None or self._marked() != self._mark:
            self._take_over()

    def _take_over(self) -> None:
        try:
            self._mark, self._secret = self._read()
        except CredentialError as error:
            self._note(str(error))
        else:
            self._note(None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path})"

    def _read(self) -> tuple[_Mark, str]:
        try:
            with self._path.open("rb") as file:
                stat = os.fstat(file.fileno())
                content = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise CredentialError(f"{self._path}: {error.strerror or type(error).__name__}") from error
        if len(content) > _MOST_BYTES:
            raise CredentialError(f"{self._path}: the file is too large for a key")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise CredentialError(f"{self._path}: the file holds no text in UTF-8") from None
        return _mark(stat), _checked(text, str(self._path))

    def _marked(self) -> _Mark | None:
        try:
            return _mark(self._path.stat())
        except OSError:
            return None

    def _note(self, trouble: str | None) -> None:
        if trouble is not None and self.trouble is None:
            _log.warning("the key's file cannot be used, the last key stays in use: %s", trouble)
        elif trouble is None and self.trouble is not None:
            _log.info("the key's file can be used again: %s", self._path)
        self.trouble = trouble


def _mark(stat: os.stat_result) -> _Mark:
    return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size


def _checked(text: str, source: str) -> str:
    try:
        return check_key(text)
    except CredentialError as error:
        raise CredentialError(f"{source}: {error}") from None


def check_key(text: str) -> str:
    """The key without a trailing newline; raises CredentialError. The settings use this, too."""
    secret = text.rstrip("\r\n")
    if not secret:
        raise CredentialError("expected a key, it is empty")
    if len(secret) > _LONGEST:
        raise CredentialError(f"expected a key of at most {_LONGEST} characters")
    for place, character in enumerate(secret, 1):
        if not "!" <= character <= "~":
            raise CredentialError(
                f"character {place} cannot stand in a header; expected ASCII letters, digits and signs"
            )
    return secret
