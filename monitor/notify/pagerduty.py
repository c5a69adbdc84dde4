"""The `pagerduty` receiver: one incident per cause, by PagerDuty's Events API v2.

https://developer.pagerduty.com/docs/events-api-v2/overview/: 202 is success; after 429, 5xx and no answer another try
follows, after 400 none. All events of one incident have the same `dedup_key`, so that a repeated try makes no second
incident if PagerDuty took the first one and its answer was lost. Fields are those of PD-CEF.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from monitor.core.alerting.verdict import Retry, Verdict
from monitor.core.event_types import Severity
from monitor.core.formats.clean import clean
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.scheduling.token_bucket import RateQuota
from monitor.notify.http_sender import HttpSender
from monitor.notify.last_good_secret import LastReadable
from monitor.notify.notifier import Page

DEFAULT_URL: Final = "https://events.pagerduty.com"
PACE: Final = RateQuota(per_minute=120)
"""Events per routing key; above it PagerDuty answers 429."""

_SUMMARY = 1024
_KEY = 255
"""Characters; the limits of PagerDuty for `summary` and `dedup_key`."""
_SIZE = 512_000
"""Bytes of a request: 512 KB, the smaller of the two readings."""
_FIELD = 255
_URL = 2048
_LINKS = 10
_DETAILS = 200
"""Our own limits, so that all fields outside `custom_details` fit. A longer URL is left out, since a cut one is
useless."""
_SHORT = 100
"""Characters; a detail that is shorter is left out rather than cut."""

_SEVERITIES: Final = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "info"}


class PagerDuty:
    def __init__(
        self,
        routing_key: Callable[[], str],
        *,
        now: Callable[[], datetime],
        base_url: str = DEFAULT_URL,
        client_url: str = "",
        timeout: float = 10.0,
    ) -> None:
        """`timeout` in seconds; `client_url`: the monitor's front page. Raises ValueError for an invalid URL.

        `routing_key` is called at every send and raises OSError or ValueError if it cannot be read; then the last
        readable one stays in use.
        """
        self._sender = HttpSender(base_url, timeout=timeout, now=now, path="v2/enqueue")
        self._routing_key = LastReadable(routing_key, called="the routing key")
        self._client_url = client_url

    def __repr__(self) -> str:
        return f"PagerDuty({self._sender!r})"

    async def trigger(self, page: Page) -> Verdict:
        return await self._send(trigger(page, self._client_url))

    async def resolve(self, page: Page) -> Verdict:
        return await self._send(resolve(page))

    async def close(self) -> None:
        await self._sender.close()

    async def _send(self, event: Mapping[str, Any]) -> Verdict:
        try:
            key = self._routing_key()
        except (OSError, ValueError):
            return Retry("the routing key cannot be read", receiver_down=True)
        body = fitted({"routing_key": key, **event})
        return await self._sender.post(body, {"Content-Type": "application/json"}, [key])


def trigger(page: Page, client_url: str) -> dict[str, Any]:
    """The event that opens an incident or shows its growth; without a routing key."""
    others = [(text, href) for text, href in page.samples if href != page.link]
    links = [(page.title, page.link), *others][:_LINKS]
    details = [*page.details.items()][:_DETAILS]
    return {
        "event_action": "trigger",
        "dedup_key": page.key[:_KEY],
        "client": "workflow-monitor",
        **({"client_url": client_url} if 0 < len(client_url) <= _URL else {}),
        "links": [{"href": href, "text": clean(text, _FIELD)} for text, href in links if 0 < len(href) <= _URL],
        "payload": {
            "summary": clean(page.title, _SUMMARY) or page.type,
            "source": clean(_source(page), _FIELD) or "workflow-monitor",
            "severity": _SEVERITIES[page.severity],
            "timestamp": format_timestamp(page.at),
            **_filled(
                component=page.step,
                group=page.definition,
                **{"class": page.type},
            ),
            "custom_details": {
                **{_sound(name): _sound(value) for name, value in details},
                "fault_group": page.fault_group,
                "text": _sound(page.body),
            },
        },
    }


def resolve(page: Page) -> dict[str, Any]:
    """The event that ends an incident; without a routing key."""
    return {"event_action": "resolve", "dedup_key": page.key[:_KEY]}


def _source(page: Page) -> str:
    return "/".join(part for part in (page.account, page.definition) if part)


def _filled(**fields: str) -> dict[str, str]:
    """The fields that are not empty."""
    cleaned = {name: clean(value, _FIELD) for name, value in fields.items()}
    return {name: value for name, value in cleaned.items() if value}


def _sound(text: str) -> str:
    """Without lone surrogates, which cannot be encoded."""
    return text.encode(errors="replace").decode()


def fitted(event: Mapping[str, Any]) -> bytes:
    """The request's body, small enough: the longest detail is halved until it fits.

    If only short details are left, the longest of them is removed. Fields outside `custom_details` do not change.
    """
    body = _encoded(event)
    if len(body) <= _SIZE:
        return body
    details = dict(event["payload"]["custom_details"])
    while len(body) > _SIZE and details:
        name = max(details, key=lambda each: len(each) + len(details[each]))
        value = details.pop(name)
        if len(name) + len(value) > _SHORT and len(name) <= _SHORT:
            details[name] = value[: len(value) // 2].rstrip() + "…"
        body = _encoded({**event, "payload": {**event["payload"], "custom_details": details}})
    return body


def _encoded(event: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(event)
