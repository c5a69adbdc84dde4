"""The `apprise` receiver: chat, mail and the rest, through the library of that name (https://appriseit.com).

Each service is one URL of the library, or one address of a URL with several. They are notified in parallel, each in a
thread; a retry sends a page only to the services that do not have it yet. The library gives the reason of a failure
only in its log: this module reads the HTTP status from there, and keeps the rest out of our log, since it holds URLs
and tokens.
"""

import asyncio
import copy
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.event_types import Severity
from monitor.core.formats.clean import clean
from monitor.core.formats.units import format_duration
from monitor.core.text import alert_text
from monitor.notify import http_verdict
from monitor.notify.notifier import Page

if TYPE_CHECKING:
    from apprise import NotifyBase

_LONGEST = 2000
"""Characters of a message; a service with a smaller limit gets fewer."""
_TITLE = 200
_ROOM = 10
"""Characters that the library may put between title and body."""
_UNFINISHED = 1000
"""Messages that some services have and others do not yet."""
_SIDE_BY_SIDE: Final = 16
"""Addresses of one URL that are notified separately; more would need too many threads at once."""
_STATUS = re.compile(r"error[=:] ?(\d{3})\b")
_MENTION: Final = re.compile(r"<(?=[@!#&])|@(?=everyone|here|channel|all|room|[!&]?\d)", re.IGNORECASE)
"""Mentions in Discord, Slack, Teams, Matrix and others; a character inserted after the match disables them."""
_NO_WIDTH: Final = "\u200b"
_TYPES: Final = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}


class _Message(msgspec.Struct, frozen=True):
    title: str
    body: str
    type: str


class _Try(msgspec.Struct, frozen=True):
    outcome: asyncio.Future[Verdict]
    began: float


_K = TypeVar("_K", tuple[str, str], tuple[str, str, str])
_Tries = dict[str, _Try]
"""By the key of the service."""


class Apprise:
    def __init__(
        self,
        urls: Callable[[], Sequence[str]],
        *,
        threads: Executor,
        now: Callable[[], datetime],
        timeout: float = 10.0,
        lost_after: float = 60.0,
    ) -> None:
        """`urls` returns the URLs; `timeout` in seconds; `threads` belongs to it, and ends with `close`.

        `urls` is called at every send; a result that cannot be read or used is ignored then. At the start it raises
        OSError or ValueError, without a URL in the message. `lost_after`: seconds after which a thread counts as lost,
        and another one tries again.
        """
        self._read = urls
        self._threads = threads
        self._now = now
        self._timeout = timeout
        self._lost_after = lost_after
        self._urls = tuple(urls())
        self._services = services(self._urls, timeout)
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._refused: OrderedDict[tuple[str, str, str], _Tries] = OrderedDict()
        """By key and title: the tries of a message that was given up, for a retry by hand."""

    def __repr__(self) -> str:
        return f"Apprise({', '.join(_name(each) for each in self._services.values())})"

    async def trigger(self, page: Page) -> Verdict:
        subject = clean(alert_text.subject(page.title, page.severity), _TITLE)
        message = _Message(harmless(subject), harmless(page.body), _TYPES[page.severity])
        return await self._send(("trigger", page.key), message)

    async def resolve(self, page: Page) -> Verdict:
        subject = clean(alert_text.subject(page.title, page.severity, page.ended or "Over"), _TITLE)
        body = alert_text.end_body(page.ended, page.severity, link=page.link)
        message = _Message(harmless(subject), harmless(body), "success")
        return await self._send(("resolve", page.key), message)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(self, key: tuple[str, str], message: _Message) -> Verdict:
        """To every service that does not have it yet."""
        self._reread()
        tries = self._begun(key, message)
        await asyncio.wait([each.outcome for each in tries.values()], timeout=self._timeout)
        verdict = _verdict([self._outcome(each) for each in tries.values()])
        if not isinstance(verdict, Retry):
            self._tries.pop(key, None)
        if isinstance(verdict, Refused):
            _keep(self._refused, (*key, message.title), tries)
        return verdict

    def _begun(self, key: tuple[str, str], message: _Message) -> _Tries:
        """One try for each service: a try of an earlier call counts, unless it failed or is lost."""
        loop = asyncio.get_running_loop()
        earlier = self._tries.get(key) or self._refused.pop((*key, message.title), {})
        tries = {}
        for of, service in self._services.items():
            begun = earlier.get(of)
            if begun is None or self._to_be_repeated(begun, loop.time()):
                if begun is not None:
                    begun.outcome.cancel()  # if it still waits for a thread, it must not run any more
                outcome = loop.run_in_executor(self._threads, _notify, service, message, self._now)
                begun = _Try(outcome, loop.time())
            tries[of] = begun
        _keep(self._tries, key, tries)
        return tries

    def _to_be_repeated(self, begun: _Try, now: float) -> bool:
        if begun.outcome.done():
            return not isinstance(begun.outcome.result(), Delivered)
        return now - begun.began > self._lost_after

    def _outcome(self, begun: _Try) -> Verdict:
        if not begun.outcome.done():
            return Retry(f"no answer within {format_duration(self._timeout)}", receiver_down=True)
        return begun.outcome.result()

    def _reread(self) -> None:
        try:
            urls = tuple(self._read())
            if urls != self._urls:
                self._services, self._urls = services(urls, self._timeout), urls
        except (OSError, ValueError):
            return  # the previous ones stay in use


def _keep(kept: OrderedDict[_K, _Tries], key: _K, tries: _Tries) -> None:
    kept[key] = tries
    if len(kept) > _UNFINISHED:
        kept.popitem(last=False)


def _verdict(verdicts: Sequence[Verdict]) -> Verdict:
    """The common verdict: it is tried again as long as some service may still take it."""
    trouble = [each for each in verdicts if not isinstance(each, Delivered)]
    if not trouble:
        return Delivered(f"sent to {len(verdicts)}")
    detail = "; ".join(dict.fromkeys(each.detail for each in trouble))
    again = [each for each in trouble if isinstance(each, Retry)]
    if again:
        return Retry(detail, receiver_down=len(again) == len(verdicts) and all(each.receiver_down for each in again))
    return Refused(detail)


# --- the library ----------------------------------------------------------------------------------------------


def services(urls: Sequence[str], timeout: float) -> dict[str, "NotifyBase"]:
    """The services, by URL and number of the address, without empty lines and those that begin with `#`.

    Raises ValueError, whose message names line numbers, but no URL.
    """
    _divert()
    from apprise import Apprise as Library  # noqa: PLC0415 - takes a second, which other receivers need not pay
    from apprise import AppriseAsset  # noqa: PLC0415

    asset = AppriseAsset(http_redirects=False)
    found: dict[str, NotifyBase] = {}
    for number, line in enumerate(urls, start=1):
        url = line.strip()
        if not url or url.startswith("#"):
            continue
        with _log():
            service = Library.instantiate(url, asset=asset)
        if service is None:
            raise ValueError(f"expected a URL that Apprise knows, as slack://...; number {number} is none")
        service.socket_connect_timeout = min(service.socket_connect_timeout, timeout)
        service.socket_read_timeout = min(service.socket_read_timeout, timeout)
        found |= {f"{url} {order}": one for order, one in enumerate(_one_each(service))}
    if not found:
        raise ValueError("expected at least one Apprise URL")
    return found


def _one_each(service: "NotifyBase") -> list["NotifyBase"]:
    """One service for each address, since the library notifies all of them again if one fails."""
    addresses = getattr(service, "targets", None)
    if not isinstance(addresses, list) or not 1 < len(addresses) <= _SIDE_BY_SIDE:
        return [service]
    if len(service) < len(addresses):
        return [service]  # one request is for several of them
    alone = [copy.copy(service) for _ in addresses]
    for one, address in zip(alone, addresses, strict=True):
        vars(one)["targets"] = [address]
    return alone


def _notify(service: "NotifyBase", message: _Message, now: Callable[[], datetime]) -> Verdict:
    """One try, in a thread."""
    name = _name(service)
    body = fitted(message.body, min(service.body_maxlen, _LONGEST) - len(message.title) - _ROOM)
    with _log() as log:
        try:
            sent = service.notify(
                title=message.title, body=body, notify_type=message.type, body_format="text", overflow="truncate"
            )
        except Exception as error:  # noqa: BLE001 - from a plugin: its text may name the URL
            return Retry(f"{name}: {type(error).__name__}")
    if sent:
        return Delivered(name)
    text = "\n".join(log)
    if (status := _STATUS.search(text)) is None:
        return Retry(f"{name}: not sent", receiver_down="onnection error" in text)
    return _named(name, http_verdict.verdict(int(status[1]), {}, "", now()))


def _named(name: str, verdict: Verdict) -> Verdict:
    """A failure with the service's name. A failure with a status of success is tried again."""
    if isinstance(verdict, Delivered):
        return Retry(f"{name}: {verdict.detail}, and not sent")
    return msgspec.structs.replace(verdict, detail=f"{name}: {verdict.detail}")


def _name(service: "NotifyBase") -> str:
    return clean(str(service.service_name), 40)


def harmless(text: str) -> str:
    """The text with mentions disabled by an invisible character, so that it notifies nobody else in a chat."""
    return _MENTION.sub(rf"\g<0>{_NO_WIDTH}", text)


def fitted(body: str, limit: int) -> str:
    """The text in at most `limit` characters. Its last line, the link, is kept if it fits."""
    if len(body) <= limit:
        return body
    link = body.rstrip().rpartition("\n")[2]
    room = limit - len(link) - len("…\n\n")
    return f"{body[:room].rstrip()}…\n\n{link}" if room > 0 else link[: max(limit, 0)]


def _divert() -> None:
    """Keep the log lines of the library and its dependencies out of our log."""
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_DIVERSION)  # idempotent


@contextmanager
def _log() -> Iterator[list[str]]:
    """The lines that the library logs in this thread meanwhile."""
    lines: list[str] = []
    _DIVERSION.here.lines = lines
    try:
        yield lines
    finally:
        del _DIVERSION.here.lines


class _Diversion(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        if (lines := getattr(self.here, "lines", None)) is not None:
            lines.append(record.getMessage())
        return False


_DIVERSION: Final = _Diversion()
