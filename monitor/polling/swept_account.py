"""What is swept in one account, and which list is looked at next."""

from datetime import datetime
from typing import Final, NamedTuple

from monitor.core.discovery.following import Active, Discovery, Truncation, newest_from
from monitor.core.discovery.list_looks import ListLook
from monitor.core.discovery.starts import DefinitionListing
from monitor.core.model import DefinitionVersion, TargetKey
from monitor.polling.swept_version import PageNews, SweptVersion

SHARE: Final = 0.5
"""Of the account's rate that lists take at most."""


class DueLook(NamedTuple):
    """The look that is the most overdue."""

    wait: float
    """Seconds until it is due; negative: since when it is."""
    version: SweptVersion
    look: ListLook


class SweptAccount:
    """Runs in the loop's thread and never waits."""

    def __init__(self) -> None:
        self.active: dict[str, Active] = {}
        self.wishes: dict[str, Discovery] = {}
        """By definition, as they are followed now."""
        self.versions: dict[DefinitionVersion, SweptVersion] = {}
        self.over: set[DefinitionVersion] = set()
        """Superseded versions that need no looks any more."""
        self.listings: tuple[DefinitionListing | None, DefinitionListing | None] = (None, None)
        """The last list of definitions, and the one before."""
        self.refresh_at = 0.0
        self.save_at = 0.0
        self.truncations: dict[str, Truncation] = {}
        """By the definition of the discovery, which may be `*`."""
        self.confirming: set[TargetKey] = set()
        """Instances whose status is to be looked at because of a list."""

    def next_look(self, now: datetime, time: float, rate: float) -> DueLook | None:
        """The look to make next; None: nothing is swept.

        `now` on the API's clock, `time` on the loop's. `rate`: requests per second that lists may take. If all looks
        need more, their intervals stretch by the same factor.
        """
        wanted = [(version, look) for version in self.versions.values() for look in version.looks(now)]
        needed = sum(look.requests / version.wish.interval for version, look in wanted)
        stretch = max(1.0, needed / rate)
        waits = [
            DueLook(max(_due_in(look, version.wish.interval * stretch, now), version.not_before - time), version, look)
            for version, look in wanted
        ]
        return min(waits, key=_wait, default=None)

    def fit(self, version: SweptVersion, news: PageNews) -> None:
        """Find no more than may be watched."""
        most = version.wish.max_instances
        running = [one.running for one in self.versions.values() if one.wish == version.wish]
        if news.found and sum([len(index) for index in running]) > most:
            cut = newest_from(running, most)
            version.leave_out(news, cut, most - sum([index.count(cut, None) for index in running]))


def _wait(due: DueLook) -> float:
    return due.wait


def _due_in(look: ListLook, interval: float, now: datetime) -> float:
    """Seconds; what was never asked is due since long ago."""
    if look.asked_at is None:
        return -interval
    return interval - (now - look.asked_at).total_seconds()
