"""TLS settings of a receiver: trusted authorities and the client certificate."""

import ssl
from pathlib import Path

import msgspec


class Tls(msgspec.Struct, frozen=True):
    """Paths of PEM files; by default the authorities of the system are trusted."""

    ca_file: str | None = None
    cert_file: str | None = None
    """The monitor's client certificate, with its chain."""
    key_file: str | None = None
    """Its key, if it is not in `cert_file`."""
    server_name: str | None = None
    """Expected in the receiver's certificate instead of the host of its URL."""
    insecure_skip_verify: bool = False


class Contexts:
    """The `ssl.SSLContext` of a `Tls`, made anew when one of the files has changed."""

    def __init__(self, tls: Tls) -> None:
        """Raises OSError (ssl.SSLError is one) if a file cannot be used."""
        self._tls = tls
        self._made_of = self._files()
        self._context = _context(tls)

    def current(self) -> ssl.SSLContext:
        """The context of the present files, or the previous one if they cannot be used."""
        if (files := self._files()) != self._made_of:
            self._made_of = files
            try:
                self._context = _context(self._tls)
            except OSError:
                return self._context
        return self._context

    def _files(self) -> list[tuple[int, int, int] | None]:
        paths = (self._tls.ca_file, self._tls.cert_file, self._tls.key_file)
        return [_stamp(path) for path in paths if path is not None]


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
