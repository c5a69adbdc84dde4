"""What a mail says, as a real mail server gets it from the library that sends it."""

import asyncio
import email
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

from monitor.core.alerting.incidents import without_alert
from monitor.core.alerting.verdict import Delivered, Retry
from monitor.core.alerts import AlertEnd
from monitor.notify.apprise import Apprise
from monitor.notify.incident_notifier import page
from tests.edges.notifier_kit import INCIDENT, NOW

LINK = "https://monitor.example"
PAGE = page(INCIDENT, tolls=(), external_url=LINK)


class Post:
    """A mail server: what it took, and the addresses that it refuses."""

    def __init__(self, *refused: str) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0
        self._refused = refused

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self._refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def url(self, to: str = "oncall@acme.example") -> str:
        return f"mailto://127.0.0.1:{self.port}?from=monitor@acme.example&to={to}&mode=insecure"


@asynccontextmanager
async def post(*refused: str) -> AsyncIterator[Post]:
    server = Post(*refused)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(server, hostname="mail.example", loop=loop), "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def mailing(*urls: str) -> AsyncIterator[Apprise]:
    notifier = Apprise(lambda: urls, now=lambda: NOW, threads=ThreadPoolExecutor(4), timeout=10.0)
    try:
        yield notifier
    finally:
        await notifier.close()


def text(mail: EmailMessage) -> str:
    assert mail.get_content_type() == "text/plain"
    return str(mail.get_content()).replace("\r\n", "\n")


async def test_a_mail_says_how_severe_it_is_and_why_before_any_id() -> None:
    async with post() as server, mailing(server.url()) as mail:
        assert await mail.trigger(PAGE) == Delivered("sent to 1")

    (told,) = server.mails
    assert told["to"] == "oncall@acme.example"
    assert told["subject"] == "CRITICAL: Grüße terminated: step1: Invalid subaccount id 17."
    first, second, *others, end = text(told).strip().split("\n\n")
    assert first.startswith("Cause: step1: Invalid subaccount id 17.")
    assert second.startswith("Severity: critical.\n")
    assert end == f"{LINK}/targets/acme/orders/w1"
    assert others[-1].startswith("Workflow w1 of orders, version 1, account acme.\n")
    assert others[-1].endswith(f"workflow-monitor close {INCIDENT.id}")


async def test_the_mail_about_the_end_says_how_it_ended() -> None:
    over = without_alert(INCIDENT, AlertEnd.CLOSED, NOW)
    async with post() as server, mailing(server.url()) as mail:
        await mail.resolve(page(over, tolls=(), external_url=LINK))

    (told,) = server.mails
    assert told["subject"] == "Closed (critical): Grüße terminated: step1: Invalid subaccount id 17."
    assert text(told).startswith("Closed by a person. It lasted ")


async def test_a_title_of_a_customer_adds_no_header_to_a_mail() -> None:
    bad = msgspec.structs.replace(PAGE, title="Grüße\r\nBcc: all@acme.example")
    async with post() as server, mailing(server.url()) as mail:
        await mail.trigger(bad)

    (told,) = server.mails
    assert told["bcc"] is None
    assert told["subject"] == "CRITICAL: Grüße Bcc: all@acme.example"


async def test_an_address_that_is_refused_costs_the_others_no_second_mail() -> None:
    addresses = "gone@acme.example,oncall@acme.example"
    async with post("gone@acme.example") as server, mailing(server.url(addresses)) as mail:
        for _ in range(2):
            assert isinstance(await mail.trigger(PAGE), Retry)

    assert [told["to"] for told in server.mails] == ["oncall@acme.example"]
