"""What is known of how long steps take comes back as it was."""

from pathlib import Path

import pytest

from monitor.core.model import DefinitionVersion
from monitor.store import Store, StoreUnavailable
from monitor.store.step_limits import DefinitionKey, StepDurations, StepLimitStore
from tests.inline import InlineExecutor

pytestmark = pytest.mark.looptime

FIRST, SECOND = DefinitionVersion("acme", "d", 1), DefinitionVersion("acme", "d", 2)


async def test_an_empty_store_knows_nothing(store: Store) -> None:
    assert await StepLimitStore(store).load() == ({}, [], {})


async def test_what_versions_declare_comes_back(store: Store) -> None:
    shelf = StepLimitStore(store)
    await shelf.declare({FIRST: {"wait": 60.0, "reply": None}, SECOND: {}})
    await shelf.declare({})
    assert (await shelf.load()).declared == {FIRST: {"wait": 60.0, "reply": None}, SECOND: {}}


async def test_a_name_comes_back_and_a_newer_one_takes_its_place(store: Store) -> None:
    shelf = StepLimitStore(store)
    for name in ("order", "Order reminder"):
        await shelf.name(DefinitionKey("acme", "d"), name)
    await shelf.name(DefinitionKey("globex", "d"), "call")
    names = (await shelf.load()).names
    assert names == {DefinitionKey("acme", "d"): "Order reminder", DefinitionKey("globex", "d"): "call"}


async def test_newer_words_and_counts_take_the_place_of_older_ones(store: Store) -> None:
    shelf = StepLimitStore(store)
    await shelf.declare({FIRST: {"wait": 60.0}, SECOND: {"wait": 1.0}})
    await shelf.declare({FIRST: {"wait": 90.0}})
    await shelf.experience([StepDurations(FIRST, "wait", ((3, 1),)), StepDurations(FIRST, "send", ((0, 2),))])
    await shelf.experience([StepDurations(FIRST, "wait", ((3, 2), (99, 1)))])
    await shelf.experience([])
    known = await shelf.load()
    assert known.declared == {FIRST: {"wait": 90.0}, SECOND: {"wait": 1.0}}
    assert sorted(known.experiences) == [(FIRST, "send", ((0, 2),)), (FIRST, "wait", ((3, 2), (99, 1)))]


async def test_a_store_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/no/such/folder/m.db", writer=InlineExecutor(), reader=InlineExecutor())
    with pytest.raises(StoreUnavailable):
        await StepLimitStore(store).load()
