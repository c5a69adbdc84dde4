"""What ran when it was last seen is watched again after a start, page by page, whatever the store does meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from monitor.core.discovery.following import Discovery
from monitor.core.model import Status, Target, TargetKey, TargetState
from monitor.polling.resumption import Resumption
from monitor.store import StoreUnavailable

pytestmark = pytest.mark.looptime

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Stored:
    """1,200 instances of two definitions; some reads fail."""

    def __init__(self, failing: Mapping[int, int]) -> None:
        """`failing`: how often the read of this number fails."""
        keys = [TargetKey("acme", one, f"{number:04d}") for one in ("orders", "replies") for number in range(600)]
        self.states = [TargetState(key=key, status=Status.RUNNABLE, revision=1) for key in keys]
        self._failing = dict(failing)
        self._reads = 0

    async def read(self, after: TargetKey | None, limit: int) -> Sequence[tuple[TargetState, datetime | None]]:
        if self._failing.get(self._reads, 0) > 0:
            self._failing[self._reads] -= 1
            raise StoreUnavailable("the disk is away")
        self._reads += 1
        return [(state, NOON) for state in self.states if after is None or state.key > after][:limit]


@pytest.mark.parametrize("failing", [{}, {0: 2, 2: 1}], ids=["all is read", "some reads fail"])
async def test_all_that_a_discovery_follows_is_watched_once(failing: Mapping[int, int]) -> None:
    stored, watched = Stored(failing), list[tuple[Target, TargetState, datetime | None]]()
    wish = Discovery(account="acme", definition="orders", max_runtime=60.0)
    resumption = Resumption(stored.read, lambda *one: watched.append(one), lambda: [wish])
    await resumption.run()
    assert [state for _, state, _ in watched] == [s for s in stored.states if s.key.definition == "orders"]
    assert all(target.key == state.key and target.max_runtime == 60.0 for target, state, _ in watched)
    assert {seen for *_, seen in watched} == {NOON}
