"""What was learned of how often things happen comes back as it was."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.model import DefinitionVersion
from monitor.core.scheduling.hazard import Evidence, HazardKey
from monitor.store import Store
from monitor.store.hazards import HazardStore
from monitor.store.step_limits import DefinitionKey

pytestmark = pytest.mark.looptime

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
WAIT, SEND = (HazardKey(DefinitionVersion("acme", "d", 1), step) for step in ("wait", "send"))
OTHER = HazardKey(DefinitionVersion("acme", "e", 7), "*complete")
SEEN = Evidence(NOW, events=1.5, seconds=86400.25, hits=0.1, tries=3.0)


async def test_newer_evidence_takes_the_place_of_older(store: Store) -> None:
    shelf = HazardStore(store)
    assert await shelf.load() == {}
    await shelf.save({})
    await shelf.save({WAIT: SEEN, SEND: SEEN})
    later = Evidence(NOW + timedelta(days=1), events=2.0)
    await shelf.save({WAIT: later, OTHER: SEEN})
    assert await shelf.load() == {WAIT: later, SEND: SEEN, OTHER: SEEN}


async def test_what_is_too_old_to_count_is_deleted(store: Store) -> None:
    shelf = HazardStore(store)
    await shelf.save({WAIT: SEEN})
    later = Evidence(NOW + timedelta(days=150))
    await shelf.save({SEND: later})
    assert await shelf.load() == {SEND: later}


async def test_it_is_deleted_with_its_definition(store: Store) -> None:
    shelf = HazardStore(store)
    await shelf.save({WAIT: SEEN, SEND: SEEN, OTHER: SEEN})
    await shelf.forget(DefinitionKey("acme", "d"))
    assert await shelf.load() == {OTHER: SEEN}
