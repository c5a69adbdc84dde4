"""Why requests get no usable answer, in words: what was answered or broke, with the API's address and the key's place.

Of a blind account, and of a workflow that alone has no answer. Pure.
"""

import re
from http import HTTPStatus
from typing import Final

import msgspec

from monitor.core.formats.clean import clean
from monitor.core.model import Outcome

LIMIT: Final = 400
"""Characters."""
_PLACE: Final = 120
_STATUS: Final = re.compile(r"(\d{3})(?: (.*))?")
_REFUSED: Final = "no connection: Connection refused"
"""In the words of the transport."""


class Site(msgspec.Struct, frozen=True, gc=False):
    """Whom an account asks, and as whom; for people. What is not known is empty."""

    address: str = ""
    """Host and port of the API."""
    key: str = ""
    """Where the account's key is: a file or a variable; never the key."""


NOWHERE: Final = Site()
"""Nothing is known of it."""


def why(outcome: Outcome, detail: str, site: Site) -> str:
    """One line of at most `LIMIT` characters; "" where no more is known than the kind.

    `detail` is that of the `PollFailed`: the status with the API's word, or what broke.
    """
    if not detail:
        return ""
    status = _STATUS.fullmatch(detail)
    said = _answered(outcome, int(status[1]), status[2] or "", site) if status is not None else _broke(detail, site)
    return clean(said, LIMIT)


def _answered(outcome: Outcome, status: int, word: str, site: Site) -> str:
    phrase = _phrase(status)
    name = f"{status} {phrase}".rstrip()
    if outcome is Outcome.UNAUTHORIZED:
        place = f" in {clean(site.key, _PLACE)}" if site.key else ""
        name = f"{name}: the key{place} is refused{_told(site, ' by {}')}"
    else:
        name += _told(site, " from {}")
    return f"{name} ({word})" if word and word != phrase else name


def _broke(detail: str, site: Site) -> str:
    if detail == _REFUSED:
        return f"Connection refused{_told(site, ' by {}')}"
    return f"{detail[0].upper()}{detail[1:]}{_told(site, ' ({})')}"


def _told(site: Site, words: str) -> str:
    return words.format(clean(site.address, _PLACE)) if site.address else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
