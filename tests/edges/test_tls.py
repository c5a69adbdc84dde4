"""TLS as a receiver asks for it, against a server with certificates made for the test."""

import asyncio
import contextlib
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.notify.http_sender import HttpSender
from monitor.notify.tls import Contexts, Tls
from tests.certificates import OPENSSL, certificate
from tests.edges.notifier_kit import NOW, http

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs the program openssl, to make certificates")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "here": certificate(folder, "here", "IP:127.0.0.1"),
        "elsewhere": certificate(folder, "elsewhere", "DNS:alerts.example"),
        "client": certificate(folder, "client"),
    }


@contextlib.asynccontextmanager
async def server(chain: tuple[str, str], clients: str | None = None) -> AsyncIterator[str]:
    """Answers 200 to everyone; `clients`: to those that show this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*chain)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(http(200))
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def verdict_on(url: str, tls: Tls | None) -> Verdict:
    sender = HttpSender(url, timeout=5.0, now=lambda: NOW, tls=tls)
    try:
        return await sender.post(b"", {})
    finally:
        await sender.close()


@pytest.mark.parametrize(
    ("shows", "settings", "trusted"),
    [
        pytest.param("here", None, False, id="what the system does not trust"),
        pytest.param("here", {"ca_file": "here"}, True, id="a certificate authority of its own"),
        pytest.param("here", {"ca_file": "client"}, False, id="another certificate authority"),
        pytest.param("elsewhere", {"ca_file": "elsewhere"}, False, id="a certificate for another name"),
        pytest.param(
            "elsewhere", {"ca_file": "elsewhere", "server_name": "alerts.example"}, True, id="the name that is expected"
        ),
        pytest.param("elsewhere", {"insecure_skip_verify": True}, True, id="no verification, as asked for"),
    ],
)
async def test_whom_to_trust(
    made: dict[str, tuple[str, str]], shows: str, settings: dict[str, str | bool] | None, trusted: bool
) -> None:
    ca_file = None if settings is None else settings.get("ca_file")
    tls = None
    if settings is not None:
        tls = Tls(
            ca_file=made[str(ca_file)][0] if ca_file else None,
            server_name=str(settings["server_name"]) if "server_name" in settings else None,
            insecure_skip_verify=bool(settings.get("insecure_skip_verify")),
        )
    async with server(made[shows]) as url:
        verdict = await verdict_on(url, tls)

    if trusted:
        assert verdict == Delivered("HTTP 200")
    else:
        assert verdict == Retry(f"no trusted TLS with {url.removeprefix('https://')}", receiver_down=True)


@pytest.mark.parametrize("shown", [True, False])
async def test_a_certificate_is_shown_to_who_asks_for_it(made: dict[str, tuple[str, str]], shown: bool) -> None:
    cert_file, key_file = made["client"] if shown else (None, None)
    async with server(made["here"], clients=made["client"][0]) as url:
        verdict = await verdict_on(url, Tls(ca_file=made["here"][0], cert_file=cert_file, key_file=key_file))

    assert isinstance(verdict, Delivered) is shown


def test_a_file_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(OSError):  # noqa: PT011 - both kinds: not there, and no certificate
            Contexts(Tls(ca_file=str(tmp_path / name)))


async def test_files_that_change_are_used_at_once_and_broken_ones_go_unheeded(
    made: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    shutil.copy(made["elsewhere"][0], ca_file)
    async with server(made["here"]) as url:
        sender = HttpSender(url, timeout=5.0, now=lambda: NOW, tls=Tls(ca_file=str(ca_file)))
        before = await sender.post(b"", {})
        shutil.copy(made["here"][0], ca_file)
        os.utime(ca_file, (1, 1))
        after = await sender.post(b"", {})
        ca_file.write_text("broken")
        still = await sender.post(b"", {})
        await sender.close()

    assert isinstance(before, Retry)
    assert after == still == Delivered("HTTP 200")
