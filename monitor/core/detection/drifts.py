"""The kinds of drift that have an event for an account: each once, up to a limit.

An API that sends ever new words is one fault, and must not raise one alert per word.
"""

from collections.abc import Iterable
from typing import Final

MOST_KINDS: Final = 20
"""Kinds with an event of their own, for one account."""
AND_MORE: Final = "and more"
"""The kind for all further ones."""


def news(kinds: Iterable[str], known: frozenset[str]) -> list[str]:
    """Those of `kinds` that need an event, for an account with events for `known`."""
    fresh = [kind for kind in dict.fromkeys(kinds) if kind not in known]
    room = max(MOST_KINDS - len(known - {AND_MORE}), 0)
    told = fresh[:room]
    return [*told, AND_MORE] if len(fresh) > room and AND_MORE not in known else told
