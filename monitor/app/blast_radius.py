"""The blast radius of a fault: what became of the watched instances of a definition, per version."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from monitor.core.alerts import VersionImpact
from monitor.polling.watched import WatchedTargets

_FRESH = 1.0
"""Seconds that a count is good for: it stands beside the size of an incident, which is that of now. Counting a hundred
thousand targets takes some 20 ms."""


class BlastRadius:
    """Counts on demand; to be called on the loop's thread."""

    def __init__(self, targets: WatchedTargets) -> None:
        self._targets = targets
        self._counted: dict[tuple[str, str], tuple[float, Sequence[VersionImpact]]] = {}

    def __call__(self, account: str, definition: str) -> Sequence[VersionImpact]:
        """The newest version first; a version that is not known yet last."""
        now = asyncio.get_running_loop().time()
        self._counted = {key: counted for key, counted in self._counted.items() if now - counted[0] < _FRESH}
        counted = self._counted.get((account, definition))
        if counted is None:
            counted = self._counted[account, definition] = now, self._count(account, definition)
        return counted[1]

    def _count(self, account: str, definition: str) -> list[VersionImpact]:
        watched: Counter[int | None] = Counter()
        failed: Counter[int | None] = Counter()
        for version, has_failed in self._targets.failures_of(account, definition):
            watched[version] += 1
            failed[version] += has_failed
        versions = sorted(watched, key=lambda version: version or 0, reverse=True)
        return [VersionImpact(version, watched[version], failed[version]) for version in versions]
