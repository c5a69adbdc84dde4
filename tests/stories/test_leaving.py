"""Accounts that leave the configuration at a bad moment, and come back."""

from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.responses import SimResponse
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime


def night(*faults: Fault) -> Scenario:
    """An order at acme and a few calls at globex, none of which ends."""
    order = role("order-reminder", "order", script_builders.complete("order-reminder", 1e6))
    calls = [role("appointment-call", f"call-{n}", script_builders.complete("appointment-call", 1e6)) for n in range(8)]
    return scene("night", order, *calls, faults=faults)


def without_globex(house: House) -> None:
    house.accounts = [ACME.id]
    house.targets = [one for one in house.targets if one.account == ACME.id]


AWAY = Fault(trouble=Trouble.RESET, begin=100.0, end=1e9, accounts=(GLOBEX.id,))


async def test_blindness_that_waits_for_the_disk_while_its_account_leaves_is_told_and_closed(tmp_path: Path) -> None:
    async with House(tmp_path, night(AWAY)) as house:
        await house.until(200.0)
        with house.disk_fails():
            await house.until(260.0)  # blind by now, and the commit waits
            without_globex(house)
            assert await house.reload() == ()
        await house.until(400.0)
        assert house.types() == ["monitor.blind", "monitor.sighted"]
        assert await house.alerts() == []
        assert await house.daemon.store.pending_counts() == {}


async def test_what_is_open_about_an_account_that_left_is_closed_once_the_store_can_be_read(tmp_path: Path) -> None:
    async with House(tmp_path, night(AWAY)) as house:
        await house.until(300.0)
        assert await house.alerts() == ["monitor.blind"]
        without_globex(house)
        house.write()
        house.faults = 1
        with house.reading_fails("accounts"):
            assert await house.daemon.reload("http") == ()
        assert await house.alerts() == ["monitor.blind"]
        await house.until(400.0)
        assert await house.alerts() == []


async def test_definitions_are_asked_again_after_an_account_left_with_its_lane_shut(tmp_path: Path) -> None:
    shut = Fault(trouble=Trouble.THROTTLED, begin=1.0, end=100.0, accounts=(GLOBEX.id,), retry_after=600.0)
    house = House(tmp_path, night(shut), lane={"requests_per_second": 0.5, "burst": 1})
    house.defaults = {}  # limits of steps come from the definitions
    async with house:
        await house.until(60.0)
        everybody = house.targets
        without_globex(house)
        assert await house.reload() == ()
        await house.until(1200.0)
        house.targets, house.accounts = everybody, [ACME.id, GLOBEX.id]
        assert await house.reload() == ()
        await house.until(2000.0)
        definition = next(one.definition for one in everybody if one.account == GLOBEX.id)
        assert [sent.at for sent in house.sent if sent.path.endswith(f"/definitions/{definition}")]


async def test_an_account_that_is_back_before_its_429_could_be_written_finds_its_lane_closed(tmp_path: Path) -> None:
    async with House(tmp_path, night()) as house:
        await house.until(100.0)
        everybody, asked = house.targets, len(house.sent)
        refusal = SimResponse(429, {"Retry-After": "900"}, b"", delay=1.0)
        house.instead = lambda path: refusal if f"/accounts/{GLOBEX.id}/" in path else None
        await house.when(lambda: any(sent.status == 429 for sent in house.sent[asked:]), look_every=0.1)
        refused = next(sent.at for sent in house.sent[asked:] if sent.status == 429)
        with house.disk_fails():
            without_globex(house)
            assert await house.reload() == ()
            house.targets, house.accounts = everybody, [ACME.id, GLOBEX.id]
            assert await house.reload() == ()
        await house.until(1200.0)
        later = [sent.at for sent in house.sent if sent.account == GLOBEX.id and sent.at > refused + 1.0]
        assert min(later) >= refused + 900.0
