"""Why requests get no usable answer, in words: the answer or the failure, the API's address and the key's place.

For a blind account, and for a workflow that alone has no answer. Pure.
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
"""The transport's own text."""


class Site(msgspec.Struct, frozen=True, gc=False):
    """The API's address and the key of an account, for people; empty if unknown."""

    address: str = ""
    """Host and port of the API."""
    key: str = ""
    """The place of the account's key: a file or a variable; never the key."""


NOWHERE: Final = Site()
"""An unknown site."""


def why(outcome: Outcome, detail: str, site: Site) -> str:
    """One line of at most `LIMIT` characters; "" if only the kind is known.

    `detail` is that of the `PollFailed`: the status with the API's word, or the failure.
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
