"""What every notifier must survive: a receiver that answers in every way there is, and ways there are not.

A notifier's tests give a `Making` (URL to notifier) to `verdict_on`, with the table `ANSWERS`; the kit brings the
receiver: a real server on a free port, which answers what it is told and remembers what it was asked. A notifier that
tells of alerts or incidents is made with `CASES`, a casebook in memory, and gets `OPENED` or `PAGED` to send.
"""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from monitor.core.alerting.incidents import opened
from monitor.core.alerting.labels import alert_labels
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.alerts import Alert, Incident
from monitor.core.commits import Delivery, DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Cause, Event, Status, StepExecution, StepStatus, TargetKey, WorkflowError
from monitor.notify import Notifier

NOW = datetime(2026, 1, 5, 10, 0, 30, tzinfo=UTC)
DELIVERY = Delivery(
    seq=7,
    receiver="oncall",
    event_id="3f0c9d1e-7c39-5c9f-9c1c-0d4f5a1e2b3c",
    type=EventType.TERMINATED,
    severity=Severity.CRITICAL,
    subject="acme/orders/w1",
    body='{"id":"3f0c9d1e","data":{"summary":"Grüße terminated"}}'.encode(),
    observed_at=NOW,
    attempts=2,
)

# --- what notifiers tell that know of alerts ----------------------------------------------------------------

EVENT = Event(
    id=DELIVERY.event_id,
    type=EventType.TERMINATED,
    severity=Severity.CRITICAL,
    summary="Grüße terminated: step1: Invalid subaccount id 17.",
    account="acme",
    definition="orders",
    workflow="w1",
    name="Grüße",
    version=1,
    from_status=Status.RUNNABLE,
    to_status=Status.TERMINATED,
    cause=Cause.FAULT,
    step=StepExecution("s1", "step1", StepStatus.FAILED, NOW - timedelta(minutes=1), NOW - timedelta(seconds=20)),
    errors=(WorkflowError("step1", "Invalid subaccount id 17.", NOW - timedelta(seconds=20)),),
    labels={"team": "messaging", "runbook": "https://wiki.example/greetings"},
    occurred_at=NOW - timedelta(seconds=20),
    observed_at=NOW - timedelta(seconds=5),
    last_seen_at=NOW - timedelta(seconds=35),
)
INCIDENT: Incident = msgspec.structs.replace(opened(EVENT, "group-1"), receivers=("oncall",))
ALERT = Alert(
    id=EVENT.id,
    event=EVENT,
    fault_group="group-1",
    incident=INCIDENT.id,
    single=True,
    opened_at=EVENT.observed_at,
    receivers=("oncall",),
)


class Cases:
    """A casebook in memory: the store's, made small. Its alerts and incidents may be replaced at any time."""

    def __init__(self, alerts: Sequence[Alert] = (), incidents: Sequence[Incident] = ()) -> None:
        self.alerts = {alert.id: alert for alert in alerts}
        self.incidents = {incident.id: incident for incident in incidents}
        self.ends_pending: set[tuple[str, str]] = set()
        """Of an incident, to a receiver."""

    async def alert(self, id: str) -> Alert | None:
        return self.alerts.get(id)

    async def incident(self, id: str) -> Incident | None:
        return self.incidents.get(id)

    async def end_is_pending(self, incident: str, receiver: str) -> bool:
        return (incident, receiver) in self.ends_pending

    async def alerts_of(self, receiver: str, *, after: str, limit: int, ended_after: datetime) -> list[Alert]:
        theirs = [alert for alert in self.alerts.values() if alert.single and receiver in alert.receivers]
        open_labels = [_labels(alert) for alert in theirs if alert.ended_at is None]
        page = [
            alert
            for alert in sorted(theirs, key=lambda one: one.id)
            if alert.id > after
            and (alert.ended_at is None or (alert.ended_at > ended_after and _labels(alert) not in open_labels))
        ]
        return page[:limit]

    async def ends_of(self, receiver: str, keys: Collection[TargetKey]) -> list[Alert]:
        return [
            alert
            for alert in self.alerts.values()
            if alert.single and receiver in alert.receivers and alert.ended_at is None
            if alert.type is EventType.TERMINATED and alert.key in keys
        ]

    async def storms_of(self, receiver: str, *, ended_after: datetime) -> list[Incident]:
        return [
            incident
            for incident in self.incidents.values()
            if incident.storm
            and receiver in incident.storm_receivers
            and (incident.ended_at is None or incident.ended_at > ended_after)
        ]


def _labels(alert: Alert) -> dict[str, str]:
    return alert_labels(alert.event, alert.fault_group)


CASES = Cases([ALERT], [INCIDENT])
OPENED = msgspec.structs.replace(DELIVERY, about=DeliveryKind.ALERT_OPENED, body=b"", subject="labels-1")
"""About `ALERT`."""
PAGED = msgspec.structs.replace(
    DELIVERY, about=DeliveryKind.INCIDENT_OPENED, body=b"", subject=INCIDENT.id, event_id=INCIDENT.id, members=1
)
"""About `INCIDENT`."""

# --- receivers ----------------------------------------------------------------------------------------------

TIMEOUT = 1.0
"""Seconds, that the notifiers under test must be made with."""

Making = Callable[[str], Notifier]


class Request(msgspec.Struct, frozen=True):
    line: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


class Answering:
    """A receiver that sends the same bytes to everyone, and then closes, hangs or resets."""

    def __init__(self, answer: bytes, after: str) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.serving: set[asyncio.Task[None]] = set()
        self.url = ""
        self._answer = answer
        self._after = after

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.requests.append(await _request(reader))
                writer.write(self._answer)
                await writer.drain()
                if self._after == "hang":
                    await reader.read()
                if self._after == "reset":
                    writer.transport.abort()
                if self._after != "keep":
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return Request(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


@contextlib.asynccontextmanager
async def receiver(answer: bytes, after: str = "keep") -> AsyncIterator[Answering]:
    """`after` the answer the connection is kept (`keep`), closed (`close`), left as it is (`hang`) or `reset`."""
    answering = Answering(answer, after)
    server = await asyncio.start_server(answering.connected, "127.0.0.1", 0)
    answering.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield answering
    finally:
        server.close()
        await asyncio.gather(*answering.serving)


def http(status: int, text: str = "", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(text.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", text]).encode()


async def verdict_of(making: Making, url: str, delivery: Delivery = DELIVERY) -> Verdict:
    notifier = making(url)
    try:
        return await notifier.send(delivery)
    finally:
        await notifier.close()


async def verdict_on(making: Making, answer: bytes, after: str = "keep", delivery: Delivery = DELIVERY) -> Verdict:
    async with receiver(answer, after) as answering:
        return await verdict_of(making, answering.url, delivery)


def _endless(status: int) -> bytes:
    return http(status, Content_Type="text/plain").replace(b"Content-Length: 0", b"Content-Length: 99999999")


_LATER = {"Date": "Mon, 05 Jan 2026 08:00:00 GMT", "Retry_After": "Mon, 05 Jan 2026 08:02:00 GMT"}

ANSWERS = [
    *(pytest.param(http(n), "keep", Delivered(f"HTTP {n}"), id=f"{n}") for n in (200, 201, 202, 204)),
    pytest.param(http(200, "thanks"), "keep", Delivered("HTTP 200"), id="200 with a text"),
    pytest.param(_endless(200), "hang", Delivered("HTTP 200"), id="200 and a text that never ends"),
    pytest.param(_endless(200), "reset", Delivered("HTTP 200"), id="200 and a reset"),
    pytest.param(_endless(200) + b"x" * 500_000, "hang", Delivered("HTTP 200"), id="200 and a huge text"),
    *(
        pytest.param(
            http(n, Location="http://127.0.0.1:1/?key=s3cret"),
            "keep",
            Refused(f"HTTP {n}: a redirect, which is not followed"),
            id=f"{n} is not followed",
        )
        for n in (301, 302, 303, 307, 308)
    ),
    *(pytest.param(http(n), "keep", Refused(f"HTTP {n}"), id=f"{n}") for n in (400, 401, 403, 404, 410, 422, 499)),
    pytest.param(http(400, "no\r\n  such\x1b[31m field"), "keep", Refused("HTTP 400: no such field"), id="says why"),
    pytest.param(http(400, "x" * 500), "keep", Refused("HTTP 400: " + "x" * 199 + "…"), id="says why at length"),
    pytest.param(
        http(400, Content_Encoding="gzip").replace(b"Length: 0", b"Length: 20") + gzip.compress(b""),
        "keep",
        None,
        id="an encoding nobody asked for",
    ),
    pytest.param(_endless(400) + b"because", "hang", Refused("HTTP 400: because"), id="says why and hangs"),
    pytest.param(http(408), "keep", Retry("HTTP 408"), id="408"),
    pytest.param(http(429), "keep", Retry("HTTP 429", receiver_down=True), id="429"),
    pytest.param(http(429, Retry_After="7"), "keep", Retry("HTTP 429", 7.0, receiver_down=True), id="429 in seconds"),
    pytest.param(
        http(429, Retry_After="0.25"), "keep", Retry("HTTP 429", 0.25, receiver_down=True), id="429 in a fraction"
    ),
    pytest.param(http(429, **_LATER), "keep", Retry("HTTP 429", 120.0, receiver_down=True), id="429 by its own clock"),
    pytest.param(
        http(429, Retry_After="Mon, 05 Jan 2026 10:01:00 GMT"),
        "keep",
        Retry("HTTP 429", 30.0, receiver_down=True),
        id="429 by date",
    ),
    pytest.param(http(429, Retry_After="soon"), "keep", Retry("HTTP 429", receiver_down=True), id="429 with nonsense"),
    pytest.param(
        http(429, Retry_After="-1"), "keep", Retry("HTTP 429", receiver_down=True), id="429 with less than nothing"
    ),
    *(pytest.param(http(n), "keep", Retry(f"HTTP {n}"), id=f"{n}") for n in (500, 501, 502, 503, 504, 599)),
    pytest.param(http(500, Retry_After="5"), "keep", Retry("HTTP 500", 5.0), id="500 with Retry-After"),
    pytest.param(
        http(503, Retry_After="5"), "keep", Retry("HTTP 503", 5.0, receiver_down=True), id="503 with Retry-After"
    ),
    pytest.param(b"", "hang", Retry("no answer within 1s", receiver_down=True), id="no answer"),
    pytest.param(b"HTTP/1.1 200 OK\r\n", "hang", Retry("no answer within 1s", receiver_down=True), id="half an answer"),
    pytest.param(b"", "close", Retry("the connection was closed without an answer"), id="closed"),
    pytest.param(b"", "reset", None, id="reset"),
    pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", "close", Retry("the answer is not HTTP"), id="not HTTP"),
    pytest.param(http(200, X=200_000 * "x"), "close", Retry("the answer is not HTTP"), id="huge headers"),
]
"""(answer, after, verdict); without a verdict, what matters is that it did not succeed, and nothing is raised."""
