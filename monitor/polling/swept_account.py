"""What is swept in one account, and the looks at its lists that are offered to the account's budget."""

import asyncio
from datetime import datetime
from typing import Final

from monitor.core.discovery.following import Active, Discovery, Truncation, newest_from
from monitor.core.discovery.list_looks import ListLook, LookKey
from monitor.core.discovery.starts import DefinitionListing
from monitor.core.model import DefinitionVersion
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.list_arms import is_crowd, share_of_lists, wanted_interval
from monitor.polling.budget import LookBudget
from monitor.polling.poll_queue import PollQueue
from monitor.polling.swept_version import PageNews, SweptVersion

_ALIKE: Final = 0.05
"""A look whose worth has changed by less is offered as it was."""


class SweptAccount:
    """Runs in the loop's thread and never waits."""

    def __init__(self, queue: PollQueue, budget: LookBudget) -> None:
        self._queue = queue
        self._budget = budget
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
        self.settling = asyncio.Lock()
        """Held while it is judged whether a discovery finds too many."""
        self._offered: dict[DefinitionVersion, dict[LookKey, tuple[ListLook, Terms]]] = {}

    def fit(self, version: SweptVersion, news: PageNews) -> None:
        """Find no more than may be watched."""
        most = version.wish.max_instances
        running = [one.running for one in self.versions.values() if one.wish == version.wish]
        if news.found and sum([len(index) for index in running]) > most:
            cut = newest_from(running, most)
            version.leave_out(news, cut, most - sum([index.count(cut, None) for index in running]))

    @property
    def crowd(self) -> bool:
        """Whether there are too many instances to look at each."""
        return is_crowd(self._queue.turns.instances, self._queue.gate.requests_per_second)

    # --- the looks at its lists ---

    def look(self, key: LookKey) -> tuple[SweptVersion, ListLook] | None:
        """A look that is offered; None: it is not wanted any more."""
        version = self.versions.get(key.version)
        offered = self._offered.get(key.version, {}).get(key)
        return None if version is None or offered is None else (version, offered[0])

    def offer(self, version: SweptVersion, now: datetime) -> None:
        """The looks at a version that are wanted now are arms of the budget, and no others.

        `now`: on the API's clock.
        """
        before = self._offered.get(version.version, {})
        after: dict[LookKey, tuple[ListLook, Terms]] = {}
        crowd, stretch, wish = self.crowd, self._stretch(), version.wish
        for look in version.looks(now):
            wanted = wanted_interval(look, wish.severities, wish.interval, crowd=crowd)
            terms, known = self._budget.list_terms(version, look, wanted * stretch), before.get(look.key)
            if known is None or not _alike(known[1], terms):
                age = terms.longest if look.asked_at is None else (now - look.asked_at).total_seconds()
                self._queue.offer(look.key, terms, wanted, max(age, 0.0))
            else:
                terms = known[1]
            after[look.key] = look, terms
        for key in before.keys() - after.keys():
            self._queue.withdraw(key)
        self._offered[version.version] = after

    def leave(self, version: DefinitionVersion) -> None:
        """Sweep it no more."""
        self.versions.pop(version, None)
        for key in self._offered.pop(version, ()):
            self._queue.withdraw(key)

    def _stretch(self) -> float:
        share = share_of_lists(crowd=self.crowd)
        return max(1.0, self._queue.turns.lists_wanted / (share * self._queue.gate.requests_per_second))


def _alike(one: Terms, other: Terms) -> bool:
    return (one.cost, one.shortest) == (other.cost, other.shortest) and all(
        abs(new - old) <= _ALIKE * old
        for old, new in ((one.rate * one.weight, other.rate * other.weight), (one.longest, other.longest))
    )
