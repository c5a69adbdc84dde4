"""The keys of the accounts: where they come from, and that they are shown nowhere."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_LONGEST = 8_192
"""Characters; servers take no longer header."""
_MOST_BYTES = 64 * 1024
"""Of a file; what is longer was never meant as a key."""
_CHECK_EVERY = 1.0

_Mark = tuple[int, int, int, int]
"""What differs when a file's content was replaced: device, inode, modification in nanoseconds, size."""

_log = logging.getLogger(__name__)


class CredentialError(ValueError):
    """A key that cannot be used; the message says where it should come from and why not, and nothing of the key."""


class Credential(Protocol):
    """One account's key."""

    def bearer(self) -> str:
        """The key as it is now, fit for a header. Cheap; called for every request."""

    def refresh(self) -> None:
        """The API refused the key: look at once whether there is a new one."""


class LiteralCredential:
    """A key that was given as it is, and stays so for the life of the process."""

    def __init__(self, secret: str, source: str = "the key") -> None:
        """`source` says in errors and in the repr where it came from."""
        self._source = source
        self._secret = _checked(secret, source)

    def bearer(self) -> str:
        return self._secret

    def refresh(self) -> None:
        """There is nowhere to look."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._source})"


def in_a_thread(look: Callable[[], None]) -> None:
    """For a look at a file that may take for ever, as on a network's disk that is away; no process waits for it."""
    try:
        threading.Thread(target=look, name="key", daemon=True).start()
    except RuntimeError:  # no thread is to be had
        look()


def _here(look: Callable[[], None]) -> None:
    look()


class FileCredential:
    """A key from a file, read again when the file changes, as a mounted secret does when it is rotated.

    What cannot be read later, or holds no key while it is being written, leaves the last key in use: `trouble` says so,
    and the log, once, when it begins and when it ends.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        aside: Callable[[Callable[[], None]], None] = _here,
    ) -> None:
        """Reads the file (CredentialError). `clock` gives seconds. `aside` does the later looks, one at a time."""
        self._path = path
        self._clock = clock
        self._aside = aside
        self._looking = threading.Lock()
        self.trouble: str | None = None
        """Why the last key is still in use although the file changed; None where all is well."""
        self._mark, self._secret = self._read()
        self._checked_at = clock()

    def bearer(self) -> str:
        """Has the file looked at, at most once a second."""
        now = self._clock()
        if now - self._checked_at >= _CHECK_EVERY:
            self._checked_at = now
            self._look(self._take_over_changes)
        return self._secret

    def refresh(self) -> None:
        self._look(self._take_over)

    def _look(self, take_over: Callable[[], None]) -> None:
        """Unless a look is under way, which hangs for as long as the disk does."""
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
    """The key without the newline that editors leave behind it; raises CredentialError. The settings ask here, too."""
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
