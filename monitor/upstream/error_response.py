"""An answer other than 200 as a PollFailed: the reason, in a few words without secrets. Pure."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from monitor.core.formats.clean import clean
from monitor.core.formats.http_dates import parse_http_date, parse_retry_after
from monitor.core.model import Outcome, PollFailed

_LONGEST = 200
_OUTCOMES = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.UNAUTHORIZED,
    403: Outcome.UNAUTHORIZED,
    404: Outcome.NOT_FOUND,
    429: Outcome.THROTTLED,
}
_UNKNOWN_ID = 1300
"""The code of a 404 about the instance. Any other 404 comes from a server before the API, e.g. a gateway without its
backend, and says nothing about the instance."""
_ASK_TO_WAIT = (429, 503)
_HIDDEN = "[hidden]"


class _ErrorBody(msgspec.Struct, gc=False):
    """`{"code": 1300, "message": "...", "errorId": "...", "timestamp": "..."}`, as documented."""

    message: str
    code: int | None = None


_BODY = msgspec.json.Decoder(_ErrorBody)


def read_refusal(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None, secret: str = ""
) -> PollFailed:
    """`headers` finds names in any case. `now` replaces a missing `Date`. The detail never contains `secret`."""
    outcome, error = _outcome(status), _documented(body)
    if outcome is Outcome.NOT_FOUND and (error is None or error.code != _UNKNOWN_ID):
        outcome = Outcome.MALFORMED
    detail = _redirect(status, headers) if 300 <= status < 400 else _said(status, error)  # noqa: PLR2004 - HTTP's
    if secret:
        detail = detail.replace(secret, _HIDDEN)
    retry_after = _retry_after(headers, now) if status in _ASK_TO_WAIT else None
    return PollFailed(outcome, clean(detail, _LONGEST), retry_after)


def _outcome(status: int) -> Outcome:
    if 500 <= status < 600:  # noqa: PLR2004 - HTTP's own numbers
        return Outcome.SERVER_ERROR
    return _OUTCOMES.get(status, Outcome.MALFORMED)


def _documented(body: bytes) -> _ErrorBody | None:
    try:
        return _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(status: int, error: _ErrorBody | None) -> str:
    if status not in _OUTCOMES and _outcome(status) is Outcome.MALFORMED:
        return f"{status}, expected 200"
    if error is None:
        return str(status)
    code = "" if error.code is None else f" {error.code}"
    return f"{status}{code} {error.message}"


def _redirect(status: int, headers: Mapping[str, str]) -> str:
    """The target of a redirect, which is not followed; without user, query and fragment, which may be secret."""
    try:
        parts = urlsplit(headers.get("Location", ""))
        where = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path
    except ValueError:
        where = ""
    return f"{status}, a redirect to {where or 'nowhere'} is not followed"


def _retry_after(headers: Mapping[str, str], now: datetime | None) -> float | None:
    date = headers.get("Date")
    return parse_retry_after(headers.get("Retry-After"), (parse_http_date(date) if date else None) or now)
