"""How much of an account is used, in virtual time: asked for now and then, by nobody waited for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.core.listing import Usage
from monitor.core.model import Outcome, PollFailed
from monitor.core.records import UsageRecord
from monitor.polling.usage_watcher import UsageWatcher
from monitor.sim import script_builders
from monitor.sim.scenario_builders import ACME, role, scene
from monitor.sim.scenarios import many
from tests.stories.house import House

pytestmark = pytest.mark.looptime

LONG = script_builders.complete("order-reminder", 1e6)
ANSWER = Usage(50_000, 1_200)


class Office:
    """An API that a test scripts, and what came of it."""

    def __init__(self) -> None:
        self.polled = {"acme": ["target"]}
        self.answers: dict[str, Usage | PollFailed | Exception | None] = {}
        """By account; None: it hangs."""
        self.asked: list[tuple[float, str]] = []
        self.told: list[UsageRecord] = []
        self.faults: list[str] = []
        self.beats: list[float] = []

    async def usage(self, account: str) -> Usage | PollFailed:
        self.asked.append((asyncio.get_running_loop().time(), account))
        answer = self.answers.get(account, ANSWER)
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer

    def times(self, account: str = "acme") -> list[float]:
        return [at for at, name in self.asked if name == account]


@contextlib.asynccontextmanager
async def watching(office: Office) -> AsyncIterator[None]:
    watcher = UsageWatcher(
        office,
        lambda: [account for account, polled in office.polled.items() if polled],
        report=office.told.append,
        fault=lambda loop, error: office.faults.append(f"{loop}: {error}"),
    )
    time = asyncio.get_running_loop().time
    task = asyncio.create_task(watcher.run(lambda: office.beats.append(time())))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_account_is_asked_soon_after_its_first_polls_and_every_ten_minutes() -> None:
    office = Office()
    async with watching(office):
        await asyncio.sleep(1825)
    assert office.times() == [20, 620, 1220, 1820]
    assert office.told == [UsageRecord("acme", ANSWER)] * 4


async def test_what_has_no_answer_is_asked_for_again_after_a_minute() -> None:
    office = Office()
    office.answers["acme"] = PollFailed(Outcome.SERVER_ERROR, "500")
    async with watching(office):
        await asyncio.sleep(145)
        office.answers["acme"] = ANSWER
        await asyncio.sleep(600)
    assert office.times() == [20, 80, 140, 200]
    assert office.told == [UsageRecord("acme", ANSWER)]


async def test_an_account_that_hangs_holds_neither_the_others_nor_the_loop() -> None:
    office = Office()
    office.polled["stuck"], office.answers["stuck"] = ["target"], None
    async with watching(office):
        await asyncio.sleep(1300)
    assert len(office.times()) >= 2
    assert len(office.times("stuck")) > 5
    assert max(b - a for a, b in zip(office.beats, office.beats[1:], strict=False)) <= 10.0


async def test_a_fault_of_ours_is_told_and_ends_no_loop() -> None:
    office = Office()
    office.polled["odd"], office.answers["odd"] = ["target"], RuntimeError("odd")
    async with watching(office):
        await asyncio.sleep(625)
    assert set(office.faults) == {"usage: odd"}
    assert office.times() == [20, 620]


async def test_an_account_that_comes_is_asked_soon_and_one_that_left_no_more() -> None:
    office = Office()
    async with watching(office):
        await asyncio.sleep(25)
        office.polled["new"] = office.polled.pop("acme")
        await asyncio.sleep(700)
    assert office.times() == [20]
    assert office.times("new") == [50, 650]


async def test_an_account_without_targets_is_not_asked() -> None:
    office = Office()
    office.polled["idle"] = []
    async with watching(office):
        await asyncio.sleep(700)
    assert {account for _, account in office.asked} == {"acme"}


async def test_the_daemon_shows_what_the_api_tells(tmp_path: Path) -> None:
    house = House(tmp_path, many(3))
    daemon = await house.start()
    await asyncio.sleep(40)
    [account] = house.accounts
    value = daemon.registry.get_sample_value("workflow_account_workflows_allowed", {"account": account})
    await house.stop()
    assert value == 50_000
    assert len([sent for sent in house.sent if sent.path.endswith("/usage")]) == 1


async def test_an_account_with_discoveries_alone_is_asked_before_anything_runs_in_it(tmp_path: Path) -> None:
    house = House(tmp_path, scene("quiet", role("order-reminder", "order", LONG, starts=9000.0)), targets=[])
    house.discover = [{"definition": "*", "account": ACME.id}]
    async with house:
        await house.until(40.0)
        assert house.metric("workflow_account_workflows_allowed", account=ACME.id) is not None
