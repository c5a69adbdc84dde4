"""A page of a long list of targets, selected without blocking the loop."""

from collections.abc import Iterable
from operator import attrgetter

import msgspec

from monitor.aio import chunks
from monitor.core.model import Status, TargetKey
from monitor.polling.watched import Watched

_CHUNK = 5000
"""Targets that are checked in one slice; a few milliseconds."""
_BY_KEY = attrgetter("target.key")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The requested targets."""

    limit: int
    after: TargetKey | None = None
    """Only targets behind this one, which need not exist any more."""
    account: str | None = None
    definition: str | None = None
    """The id, or the name."""
    status: Status | None = None

    def holds(self, watched: Watched) -> bool:
        target, key = watched.target, watched.target.key
        return (
            (self.after is None or key > self.after)
            and (self.account is None or key.account == self.account)
            and (self.definition is None or self.definition in (key.definition, target.definition_name))
            and (self.status is None or watched.state.status is self.status)
        )


async def page(targets: Iterable[Watched], selection: Selection) -> tuple[list[Watched], TargetKey | None]:
    """The first targets of the selection in the order of their keys, and the last of them if there are more.

    A client that follows the pages gets every target that exists from the first page to the last exactly once.
    """
    everything = list(targets)  # the loop adds and removes targets between slices
    most = selection.limit + 1
    best: list[Watched] = []
    async for some in chunks(everything, _CHUNK):
        last = _BY_KEY(best[-1]) if len(best) == most else None
        fit = [watched for watched in some if selection.holds(watched) and (last is None or watched.target.key < last)]
        best = sorted(best + fit, key=_BY_KEY)[:most]
    found = best[: selection.limit]
    return found, _BY_KEY(found[-1]) if len(best) == most else None
