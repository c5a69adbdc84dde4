"""The verdict on a receiver's answer, and the part of it that may be shown. Pure."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import quote, unquote

from yarl import URL

from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.formats.clean import clean
from monitor.core.formats.http_dates import parse_http_date, parse_retry_after

_SHOWN = 200
"""Characters of an answer."""
_SHORTEST_SECRET = 4
"""Characters; a shorter one occurs in any text by chance."""


def verdict(status: int, headers: Mapping[str, str], text: str, now: datetime) -> Verdict:
    """The verdict on an HTTP answer. `headers` finds names in any case; `text` holds no secrets."""
    after = parse_retry_after(headers.get("Retry-After"), parse_http_date(headers.get("Date", "")) or now)
    detail = f"HTTP {status}: {shown}" if (shown := clean(text, _SHOWN)) else f"HTTP {status}"
    match status:
        case _ if 200 <= status < 300:  # noqa: PLR2004 - as RFC 9110 has them
            return Delivered(f"HTTP {status}")
        case 429:
            return Retry(detail, after, receiver_down=True)
        case 503:
            return Retry(detail, after, receiver_down=after is not None)
        case _ if status == 408 or status >= 500:  # noqa: PLR2004
            return Retry(detail, after)
        case _ if 300 <= status < 400:  # noqa: PLR2004
            return Refused(f"HTTP {status}: a redirect, which is not followed")
        case _:
            return Refused(detail)


def secrets_of(url: URL) -> frozenset[str]:
    """The secret parts of a receiver's URL: all but scheme, host and port."""
    user, password = url.user or "", url.password or ""
    basic = base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else ""
    return frozenset({user, password, basic, url.raw_path.strip("/"), url.raw_query_string, *url.query.values()})


def withhold(text: str, secrets: Iterable[str]) -> str:
    """The text, or a fixed word instead if it repeats a secret in any encoding."""
    folded = (text + unquote(text) + text.replace("\\/", "/")).casefold()
    for secret in secrets:
        spellings = {secret.casefold(), unquote(secret).casefold(), quote(secret).casefold()}
        if len(secret) >= _SHORTEST_SECRET and any(spelling in folded for spelling in spellings):
            return "(withheld: the answer repeats a secret)"
    return text
