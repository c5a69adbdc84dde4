"""Whatever lists show, what is told of found instances is what the API has on record, each fact once."""

import tempfile
from math import inf
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.sim.api_enums import Endpoint
from monitor.sim.faults import Fault, Trouble
from monitor.sim.list_settings import ListOrder, Lists, Offset
from monitor.sim.population import Role
from monitor.sim.scenario_builders import scene
from tests.stories.house import House
from tests.stories.test_oracle import (
    CONDITIONS,
    Act,
    Fact,
    acts,
    befall,
    casts,
    fact,
    facts,
    on_record,
    troubles,
)

pytestmark = pytest.mark.looptime

QUIET = 3000.0
"""When all must have been told: lists lag, and hints that were denied rest."""
_ENDS = ("workflow.completed", "workflow.terminated")

lists = st.builds(
    Lists,
    offset=st.sampled_from(Offset),
    order=st.sampled_from(ListOrder),
    from_inclusive=st.booleans(),
    to_inclusive=st.booleans(),
    whole_starts=st.booleans(),
)


@st.composite
def odd_rows(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Rows that are stale, lost or listed twice, and lists that lag."""
    odd = [Trouble.STALE_ROWS, Trouble.LOST_ROWS, Trouble.REPEATED_ROWS]
    chosen = draw(st.lists(st.sampled_from(odd), unique=True))
    rows = [
        Fault(
            trouble=trouble,
            begin=-inf,
            end=inf,
            seconds=draw(st.sampled_from([20.0, 200.0])),
            rows=draw(st.sampled_from([0.05, 0.4])),
            lasting=draw(st.sampled_from([0.0, 60.0])),
        )
        for trouble in chosen
    ]
    lag = draw(st.sampled_from([0.0, 20.0, 120.0]))
    late = Fault(trouble=Trouble.STALE, begin=-inf, end=inf, seconds=lag, endpoints=(Endpoint.LIST,))
    return (*rows, late) if lag else tuple(rows)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cast=casts(),
    faults=st.lists(troubles(), max_size=3),
    odd=odd_rows(),
    behaviour=st.tuples(lists, st.sampled_from([0.0, 30.0])),
    befalls=acts,
)
async def test_whatever_lists_show_each_end_is_told_once_and_no_fact_is_made_up(
    cast: tuple[Role, ...],
    faults: list[Fault],
    odd: tuple[Fault, ...],
    behaviour: tuple[Lists, float],
    befalls: list[Act],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = msgspec.structs.replace(
            scene("random", *cast), faults=(*faults, *odd), lists=behaviour[0], queueing=behaviour[1]
        )
        async with House(Path(folder), scenario, targets=[], polling={"max_backoff": "2m"}) as house:
            house.discover = [
                {"definition": "*", "account": account, "interval": "10s", "step_interval": "30s"}
                for account in house.accounts
            ]
            await house.reload()
            for act in sorted(befalls):
                await house.until(max(act.at, house.t))
                await befall(house, act)
            await house.until(QUIET)
            house.faults = sum(line["error"] == "StoreUnavailable" for line in house.lines("fault"))
            assert CONDITIONS.isdisjoint(await house.alerts()), "what has ended is neither held, nor gone, nor unseen"
        compare(house)


def compare(house: House) -> None:
    """A list shows no steps: those that failed just before a workflow completed may stay untold."""
    told, record = facts(house.told()), on_record(house, QUIET)
    assert {one for one in told if one[1] in _ENDS} == {one for one in record if one[1] in _ENDS}
    assert told <= record
    assert {one for one in record - told if one[0] not in completed_on_a_list(house)} == set[Fact]()
    first = [event for event in house.told() if "corrects" not in event["data"]]
    by_id = {event["id"]: fact(event) for event in first if fact(event) in record}
    assert len(by_id) == len(set(by_id.values())), "a fact has one id"


def completed_on_a_list(house: House) -> set[str]:
    completed = [event for event in house.told() if event["type"] == "workflow.completed"]
    return {event["data"]["workflow"] for event in completed if event["data"]["seen_by"] == "list"}
