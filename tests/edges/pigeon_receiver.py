"""The `pigeon` receiver, of a service that does not exist: a type of receiver in one file.

Tests place it in a copy of the program, and it shows what such a file needs: the keys, the requests, the notifier.
"""

from typing import Annotated, ClassVar, Final, Literal

import msgspec
from pydantic import AfterValidator, Field

from monitor.core.alerting.routing import Feed
from monitor.core.alerting.verdict import Verdict
from monitor.core.formats.urls import require_https
from monitor.notify.context import NotifierContext
from monitor.notify.http_sender import HttpSender
from monitor.notify.incident_notifier import IncidentNotifier
from monitor.notify.notifier import Page
from monitor.settings import urls
from monitor.settings.fields import FromText, default, line
from monitor.settings.receivers.receiver import PAGES, ReceiverSection
from monitor.settings.section import URL

_HEADERS: Final = {"Content-Type": "application/json"}


def _with_https(url: str) -> str:
    return require_https(url, allow_http=False)


class PigeonReceiver(ReceiverSection):
    """One message for many alerts, and one for their end."""

    gets: ClassVar[Feed] = Feed.INCIDENTS
    concurrency: ClassVar[int] = PAGES
    urgent_first: ClassVar[bool] = True

    type: Literal["pigeon"]
    url: Annotated[str, FromText(urls.web_url, URL), AfterValidator(_with_https)] = Field(repr=False)
    loft: Annotated[str, line(50)] = default("home")

    def notifier(self, context: NotifierContext) -> IncidentNotifier:
        sender = HttpSender(self.url, timeout=self.timeout, now=context.now)
        return IncidentNotifier.within(context, _Pigeon(sender, self.loft))


class _Pigeon:
    """The requests of the service."""

    def __init__(self, sender: HttpSender, loft: str) -> None:
        self._sender = sender
        self._loft = loft

    async def trigger(self, page: Page) -> Verdict:
        return await self._fly("open", page, page.body)

    async def resolve(self, page: Page) -> Verdict:
        return await self._fly("over", page, page.ended)

    async def close(self) -> None:
        await self._sender.close()

    async def _fly(self, news: str, page: Page, text: str) -> Verdict:
        message = {"loft": self._loft, "news": news, "key": page.key, "title": page.title, "text": text}
        return await self._sender.post(msgspec.json.encode(message), _HEADERS)
