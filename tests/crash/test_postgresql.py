"""The running process on a PostgreSQL server: it is killed, and the server goes away and comes back."""

import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.scenario_builders import role, scene
from tests.crash.running import Daemon, Station, command, eventually, station, throughout
from tests.postgresql import Server

FAULT_AT, END_AT = 100.0, 200.0
THREE = scene(
    "three",
    role("onboarding-reply", "lopez", script_builders.fault("onboarding-reply", "step1", "No.", FAULT_AT)),
    role("delivery-notice", "parcel", script_builders.fault("delivery-notice", "close_case", "HTTP 502", END_AT)),
    role("order-reminder", "order", script_builders.complete("order-reminder", 1000)),
)


@pytest.fixture
async def here(tmp_path: Path, own_postgresql: Server) -> AsyncIterator[Station]:
    async with station(tmp_path, THREE) as served:
        served.settings["store"] = {"url": own_postgresql.url(), "schema": "monitor"}
        served.write()
        yield served


def _ends(here: Station) -> list[str]:
    """The workflows whose ends the receiver has acknowledged."""
    return [event["subject"].rpartition("/")[2] for event in here.heard if event["type"] == "workflow.terminated"]


async def _unready(daemon: Daemon) -> bool:
    return not await daemon.ready()


async def test_after_a_kill_nothing_is_lost_and_nothing_is_told_twice(here: Station) -> None:
    first, second, _ = (target.workflow for target in here.targets)
    async with here.run() as daemon:
        here.t = FAULT_AT + 10
        await eventually(lambda: _ends(here) == [first], "the first end")
        await eventually(lambda: _nothing_pending(daemon), "the mark")
        daemon.running.signal(signal.SIGKILL)
        await daemon.running.ended()
    here.t = END_AT + 10
    async with here.run() as daemon:
        await eventually(lambda: _ends(here) == [first, second], "the second end")
        await throughout(0.5, lambda: _ends(here) == [first, second])
        assert len({event["id"] for event in here.heard}) == len(here.heard)
        daemon.running.signal(signal.SIGTERM)
        assert (await daemon.running.ended()).code == 0


async def _nothing_pending(daemon: Daemon) -> bool:
    return await daemon.metric("workflow_monitor_deliveries_pending") == 0


@pytest.mark.parametrize("stop", [Server.stop, Server.crash], ids=["stopped", "crashed"])
async def test_it_waits_for_a_server_that_is_away_and_goes_on_by_itself(
    here: Station, own_postgresql: Server, stop: Callable[[Server], None]
) -> None:
    first, *_ = (target.workflow for target in here.targets)
    async with here.run() as daemon:
        running = daemon.running
        stop(own_postgresql)
        here.t = FAULT_AT + 10
        await eventually(lambda: _unready(daemon), "the end of readiness")
        await eventually(lambda: here.silent_for(2.0), "the pause")
        assert here.tries == [], "told before it was durable"
        assert await daemon.healthy()

        own_postgresql.start()
        await eventually(lambda: _ends(here) == [first], "the delivery")
        await eventually(daemon.ready, "readiness")
        assert len(running.lines("store.unavailable")) == len(running.lines("store.available")) == 1
        assert running.lines("fault") == []
        running.signal(signal.SIGTERM)
        assert (await running.ended()).code == 0
    assert len({event["id"] for event in here.heard}) == len(here.heard)


async def test_sigterm_ends_it_while_the_server_answers_nothing_and_the_next_start_tells_what_happened(
    here: Station, own_postgresql: Server
) -> None:
    first, *_ = (target.workflow for target in here.targets)
    here.settings["shutdown_timeout"] = "500ms"
    here.write()
    async with here.run() as daemon:
        own_postgresql.freeze()
        here.t = FAULT_AT + 10
        await eventually(lambda: here.silent_for(2.0), "the pause")
        daemon.running.signal(signal.SIGTERM)
        ended = await daemon.running.ended(within=10)
        own_postgresql.thaw()
    assert ended.code == 0
    assert ended.stderr == ""
    assert here.tries == [], "told before it was durable"
    async with here.run():
        await eventually(lambda: _ends(here) == [first], "the delivery")
    assert len({event["id"] for event in here.heard}) == len(here.heard)


async def test_a_start_without_a_server_waits_for_it_and_says_why(here: Station, own_postgresql: Server) -> None:
    own_postgresql.stop()
    async with here.run(until_ready=False) as daemon:
        await eventually(lambda: daemon.running.lines("store.unavailable"), "the word about the server")
        status, said = await daemon.get("/-/ready")
        assert (status, "look whether it runs and can be reached" in said) == (503, True)
        own_postgresql.start()
        await eventually(daemon.ready, "readiness")
        await eventually(lambda: here.asked > 0, "polling")


async def test_a_start_with_a_database_that_is_not_there_ends_and_says_what_to_do(
    here: Station, own_postgresql: Server
) -> None:
    here.settings["store"] = {"url": own_postgresql.url(database="gone")}
    here.write()
    ended = await command("run", "--config", str(here.config))
    assert ended.code == 1
    assert "store.url: " in ended.stderr
    assert "there is no such database: create it, or look at its name in store.url" in ended.stderr
    assert here.asked == 0
