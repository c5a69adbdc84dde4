"""The other ends of a bench, each a process of its own: `python -m tests.bench.servers WHAT`; see `main`.

Each prints its port on a line of its own and serves until it is terminated. They cost as little CPU as they can, since
the machine is shared with what is measured.
"""

import argparse
import asyncio
import gzip
import json
import ssl
import sys
import time
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import formatdate

from aiohttp import web

from monitor.sim.scenario import Scenario
from monitor.sim.scenarios import many, storm
from monitor.sim.simulate import simulate
from monitor.sim.world import World
from tests.bench.pages import page_text
from tests.edges.pagerduty_fake import PagerDutyFake

STEPS = 5
_MARK = "@workflow@"
_CREATED = b'{"ok":true}'


def answer_text(steps: int = STEPS) -> str:
    """An instance as the API documents it, `_MARK` for its id: a log of `steps`, customers' data beside it."""
    began = "2026-01-05T10:00:{:02d}.{}Z"
    logs = [
        {
            "id": f"b2c6185b-9a1c-4d5e-8f00-0000000000{number:02d}",
            "stepName": f"step{number}",
            "status": "Complete" if number < steps else "WaitingForEvent",
            "startedAt": began.format(number, "3857479"),
            "completedAt": began.format(number + 1, "49") if number < steps else None,
        }
        for number in range(1, steps + 1)
    ]
    message = {"user": "Jane Doe", "from": "+6512345678", "text": "I would like to change my order, please.", "n": 3}
    payload = {"payload": {"messages": [message] * 2, "channel": "sms"}, "accountId": "acme", "triggeredAt": began}
    return json.dumps(
        {
            "workflowId": _MARK,
            "data": payload,
            "definitionId": "5870442f-3ddd-4657-b74c-6e17308f5230",
            "version": 1,
            "status": "Runnable",
            "startedAt": "2026-01-05T10:00:01.3857479Z",
            "completedAt": None,
            "logs": logs,
        }
    )


class _Api(asyncio.Protocol):
    """Says of every instance that it waits in its last step, and of every list the same.

    `/count` and `/times` tell which instances were asked for so far.
    """

    count = 0
    delay = 0.0
    """Seconds; so the rate is given by it and by the concurrency, the same for whoever asks."""
    times = array("d")
    head = b""
    before, after = (part.encode() for part in answer_text().split(_MARK))
    page = gzip.compress(page_text().encode(), 6)

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment] # a socket's is both

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            path = self._received[: self._received.index(b"\r")].split(b" ")[1]
            self._received = self._received[end + 4 :]
            self._reply(path)

    def _reply(self, path: bytes) -> None:
        if path == b"/count":
            body = str(_Api.count).encode()
        elif path == b"/times":
            body = _Api.times.tobytes()
        elif b"/workflows?" in path:
            self._transport.write(_Api.head + b"%d\r\nContent-Encoding: gzip\r\n\r\n%b" % (len(self.page), self.page))
            return
        else:
            _Api.count += 1
            _Api.times.append(time.monotonic())
            body = self.before + path[path.rindex(b"/") + 1 :].split(b"?")[0] + self.after
        answer = b"%b%d\r\n\r\n%b" % (_Api.head, len(body), body)
        if _Api.delay:
            asyncio.get_running_loop().call_later(_Api.delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _dated() -> None:
    """A new `Date`, each second."""
    now = time.time()
    _Api.head = (
        b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: "
        % formatdate(now, usegmt=True).encode()
    )
    asyncio.get_running_loop().call_later(1.0 - now % 1.0 + 0.001, _dated)


class _Webhook(asyncio.Protocol):
    """Acknowledges every event at once."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment] # a socket's is both

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(_CREATED), _CREATED))


async def _listen(protocol: type[asyncio.Protocol], chain: Sequence[str] = ()) -> None:
    """`chain`: files of a certificate and its key; none: plain HTTP."""
    context = None
    if chain:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*chain)
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=1024, ssl=context)
    _say(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _api(delay: float, chain: Sequence[str]) -> None:
    _Api.delay = delay
    _dated()
    await _listen(_Api, chain)


async def _crowd(size: int, events_per_second: float, quiet: float) -> None:
    """The simulator itself, with so many failing steps a second after a quiet beginning."""
    await _simulated(many(size, events_per_second=events_per_second, quiet=quiet))


async def _simulated(scenario: Scenario) -> None:
    def ready(address: str, _world: World) -> None:
        _say(address.rpartition(":")[2])

    await simulate("127.0.0.1", 0, scenario, now=lambda: datetime.now(UTC), on_ready=ready)


async def _pager() -> None:
    """PagerDuty with its limits; `/report` tells what it was told."""
    fake = PagerDutyFake(time.monotonic)
    calls: list[float] = []

    async def take(request: web.Request) -> web.Response:
        calls.append(time.monotonic())
        return await fake.answer(request)

    async def report(_request: web.Request) -> web.Response:
        most = max((sum(begin <= at < begin + 60 for at in calls) for begin in calls), default=0)
        begun = [incident.triggers[0]["severity"] for incident in fake.incidents]
        told = {"begun": begun, "calls": len(calls), "most_in_a_minute": most, "refused": len(fake.refusals)}
        return web.json_response(told)

    application = web.Application()
    application.add_routes([web.post("/v2/enqueue", take), web.get("/report", report)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _say(runner.addresses[0][1])
    await asyncio.Event().wait()


def _say(port: object) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("api", "crowd", "storm", "webhook", "pager"))
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--events", type=float, default=0.0)
    parser.add_argument("--quiet", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--tls", nargs=2, default=(), metavar=("CERTIFICATE", "KEY"))
    options = parser.parse_args()
    match options.what:
        case "api":
            asyncio.run(_api(options.delay, options.tls))
        case "webhook":
            asyncio.run(_listen(_Webhook))
        case "storm":
            asyncio.run(_simulated(storm(options.size, begins=options.quiet)))
        case "pager":
            asyncio.run(_pager())
        case _:
            asyncio.run(_crowd(options.size, options.events, options.quiet))


if __name__ == "__main__":
    main()
