"""A client on a real socket, with a gate and a report that remember what they were told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitor.core.model import Outcome, PollFailed, Seen, TargetKey
from monitor.core.records import RequestRecord
from monitor.core.scheduling.lane import LaneLimits
from monitor.upstream.client import Client, ClientConfig
from monitor.upstream.credentials import Credential, LiteralCredential
from monitor.upstream.rate_limiter import Permit, RateLimiter
from monitor.upstream.transport import AiohttpTransport

KEY = TargetKey("acme", "5870442f-3ddd-4657-b74c-6e17308f5230", "60dbe307fe55d99fc083db61")
SECRET = "s3cr3t-of-the-account"
NOW = datetime(2026, 1, 5, 10, 0, 0, 500_000, tzinfo=UTC)


class NotedGate(RateLimiter):
    """A real gate that remembers what it was told of its permits."""

    def __init__(self, account: str) -> None:
        limits = LaneLimits(requests_per_second=1000.0, burst=100)
        super().__init__(account, limits, now=lambda: NOW, jitter=lambda: 0.0, report=lambda _record: None)
        self.ended: list[tuple[Permit, Outcome, float | None]] = []

    def record(self, permit: Permit, outcome: Outcome, retry_after: float | None) -> None:
        self.ended.append((permit, outcome, retry_after))
        super().record(permit, outcome, retry_after)


@dataclass
class House:
    client: Client
    gate: NotedGate
    records: list[RequestRecord] = field(default_factory=list)

    async def status(self, key: TargetKey = KEY) -> Seen | PollFailed:
        return await self.client.status(key, await self.gate.acquire_urgent())

    @property
    def outcomes(self) -> list[Outcome]:
        """Of every permit; the records say the same."""
        assert [record.outcome for record in self.records] == [outcome for _, outcome, _ in self.gate.ended]
        return [record.outcome for record in self.records]


@asynccontextmanager
async def house(url: str, credential: Credential | None = None, *, patience: float = 5.0) -> AsyncIterator[House]:
    config = ClientConfig(base_url=url, user_agent="workflow-monitor/1.2.3", timeout=patience)
    network = AiohttpTransport(timeout=config.timeout, max_response_bytes=10_000)
    gate, records = NotedGate("acme"), list[RequestRecord]()
    keys = {"acme": credential or LiteralCredential(SECRET)}
    try:
        client = Client(config, keys, {"acme": gate}, network, now=lambda: NOW, report=records.append)
        yield House(client, gate, records)
    finally:
        await network.close()
