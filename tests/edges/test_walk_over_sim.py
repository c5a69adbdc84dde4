"""A walk through the lists of the simulated API finds all of its window, however that reads bounds and offsets."""

import math
from datetime import timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.discovery.list_looks import ListLook
from monitor.core.discovery.walk import Walk
from monitor.core.listing import ListPage
from monitor.core.model import DefinitionVersion, Status
from monitor.sim.definitions import definition_id
from monitor.sim.list_settings import Lists, Offset
from monitor.sim.playback import read
from monitor.sim.scenario import workflow_id
from monitor.sim.scenarios import traffic
from monitor.sim.world import World
from monitor.upstream.paths import list_path
from monitor.upstream.wire_lists import read_page

NOW, VERSION = 60.0, 2
LIMIT = 100
lists = st.builds(Lists, offset=st.sampled_from(Offset), from_inclusive=st.booleans(), to_inclusive=st.booleans())


@lru_cache(maxsize=2)
def started(batch: int) -> tuple[World, list[tuple[str, float, str]]]:
    """A world, and (id, start as told, status) of each instance of the newest version."""
    world = World(traffic(9000, definitions=1, lifetime=300.0, batch=batch))
    index, found = world.traffic("traffic"), []
    for one in (*index.running(NOW), *index.ended(-math.inf, NOW)):
        state = read(one.script, one.starts, (), NOW)
        if one.version == VERSION and state is not None:
            found.append((workflow_id(0, one), math.floor(one.starts * 100) / 100, state.status.value))
    return world, found


def ask(world: World, walk: Walk) -> ListPage:
    assert walk.request is not None
    url = urlsplit(list_path(walk.request))
    answer = world.answer("GET", url.path, dict(parse_qsl(url.query)), world.scenario.accounts[0].key, NOW)
    page = read_page(answer.status, answer.headers, answer.body, definition=walk.request.definition)
    assert isinstance(page, ListPage), page
    return page


@pytest.mark.parametrize("batch", [1, 300], ids=["by chance", "three pages at one moment"])
@settings(max_examples=25, deadline=None)
@given(
    lists=lists,
    begin=st.integers(-100, 40),
    lasts=st.integers(1, 60),
    status=st.sampled_from([None, Status.RUNNABLE, Status.COMPLETE]),
)
def test_a_walk_finds_all_of_its_window(
    batch: int, lists: Lists, begin: int, lasts: int, status: Status | None
) -> None:
    known, instances = started(batch)
    world = World(msgspec.structs.replace(known.scenario, lists=lists))
    start = world.epoch + timedelta(seconds=begin)
    look = ListLook(
        version=DefinitionVersion("traffic", definition_id("traffic", "journey-000"), VERSION),
        question=status,
        started_from=start,
        started_to=start + timedelta(seconds=lasts),
        limit=LIMIT,
    )
    walk, shown = Walk(look, world.epoch + timedelta(seconds=NOW)), []
    while walk.request is not None:
        shown.extend([row.workflow for row in walk.take(ask(world, walk)).rows])
    assert walk.complete
    assert sorted(shown) == sorted(
        workflow for workflow, at, now in instances if begin <= at < begin + lasts and status in (None, now)
    )
