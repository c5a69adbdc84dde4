"""Which kinds of drift are told of an account: each once, and only so many.

An API that says something else each time is one fault, not an alert for each of its words.
"""

from collections.abc import Iterable
from typing import Final

MOST_KINDS: Final = 20
"""Of one account."""
AND_MORE: Final = "and more"
"""The kind that stands for all beyond those."""


def news(kinds: Iterable[str], known: frozenset[str]) -> list[str]:
    """Those of `kinds` that are to be told of an account where `known` were told."""
    fresh = [kind for kind in dict.fromkeys(kinds) if kind not in known]
    room = max(MOST_KINDS - len(known - {AND_MORE}), 0)
    told = fresh[:room]
    return [*told, AND_MORE] if len(fresh) > room and AND_MORE not in known else told
