"""The running process: reloads, signals, a full disk, a port in use."""

import asyncio
import contextlib
import json
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario_builders import role, scene
from tests.crash.running import Daemon, Station, command, eventually, process, station, throughout, watchlist

FAULT_AT = 100.0
_RETRY_AFTER = 5.0
TWO = scene(
    "two",
    role(
        "onboarding-reply",
        "lopez",
        script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", FAULT_AT),
    ),
    role("order-reminder", "order", script_builders.complete("order-reminder", 1000)),
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path, TWO) as served:
        yield served


async def _reports_success(daemon: Daemon) -> bool:
    return await daemon.metric("workflow_monitor_config_last_reload_successful") == 1


# --- reload ---------------------------------------------------------------------------------------------------


async def test_sighup_applies_a_good_file_and_refuses_a_bad_one(here: Station) -> None:
    one, both = here.targets[:1], here.targets
    here.write(*one)
    async with here.run() as daemon:
        running = daemon.running
        here.watch(*both)
        running.signal(signal.SIGHUP)
        await eventually(lambda: running.lines("config.loaded", trigger="sighup"), "the reload")
        assert await daemon.watches() == 2
        assert await _reports_success(daemon)

        (here.folder / "watchlist.yaml").write_text("targets: [{definition: a, workflow: b/c, typo: 1}]")
        running.signal(signal.SIGHUP)
        await eventually(lambda: running.lines("config.refused", trigger="sighup"), "the refusal")
        refused = running.lines("config.refused")[0]
        assert any("watchlist.yaml: targets[0].typo" in error for error in refused["errors"])
        assert await daemon.watches() == 2
        assert not await _reports_success(daemon)
        assert await daemon.healthy()
        assert await daemon.ready()

        here.watch(*one)
        running.signal(signal.SIGHUP)
        await eventually(lambda: _reports_success(daemon), "the recovery")
        assert await daemon.watches() == 1


async def test_the_swap_of_a_config_map_reloads(here: Station) -> None:
    """Kubernetes mounts files as links into `..data`, and replaces that link."""
    mounted = here.folder / "mounted"
    here.write(*here.targets[:1])
    _config_map(mounted, "..1", here.config.read_text(), watchlist(*here.targets[:1]))
    for name in ("monitor.yaml", "watchlist.yaml"):
        (mounted / name).symlink_to(f"..data/{name}")
    here.config = mounted / "monitor.yaml"
    async with here.run() as daemon:
        _config_map(mounted, "..2", here.config.read_text(), watchlist(*here.targets))
        await eventually(lambda: daemon.running.lines("config.loaded", trigger="file"), "the reload")
        assert await daemon.watches() == 2
        assert await _reports_success(daemon)


def _config_map(mounted: Path, version: str, settings: str, targets: str) -> None:
    folder = mounted / version
    folder.mkdir(parents=True)
    (folder / "monitor.yaml").write_text(settings)
    (folder / "watchlist.yaml").write_text(targets)
    (mounted / "..new").symlink_to(version)
    (mounted / "..new").rename(mounted / "..data")


# --- the end --------------------------------------------------------------------------------------------------


def _types(events: list[dict[str, object]]) -> list[object]:
    return [event["type"] for event in events]


async def _is_being_told_of_a_fault(here: Station) -> None:
    """The receiver has it, and does not answer yet."""
    here.lifted.clear()
    here.t = FAULT_AT + 10
    await eventually(lambda: here.tries, "the delivery")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly_after_what_is_pending_was_delivered(
    here: Station, number: signal.Signals
) -> None:
    here.write()
    async with here.run() as daemon:
        await _is_being_told_of_a_fault(here)
        daemon.running.signal(number)
        await eventually(lambda: _says_no(daemon), "the end of readiness")
        assert await daemon.healthy()
        here.lifted.set()
        ended = await daemon.running.ended()
    assert ended.code == 0
    assert ended.stderr == ""
    assert _types(here.heard) == ["workflow.step_failed", "workflow.terminated"]
    assert daemon.running.lines("stopped", deliveries_pending=0)
    said = [json.loads(line) for line in ended.stdout.splitlines() if '"workflow.' not in line]
    assert {line["event"] for line in said if line["level"] != "info"} == {"config.warning"}, "links lead to localhost"


async def _says_no(daemon: Daemon) -> bool:
    return not await daemon.ready()


async def test_a_second_sigterm_ends_it_at_once_and_the_next_start_delivers(here: Station) -> None:
    here.settings["shutdown_timeout"] = "10m"
    here.write()
    async with here.run() as daemon:
        await _is_being_told_of_a_fault(here)
        daemon.running.signal(signal.SIGTERM)
        await eventually(lambda: _says_no(daemon), "the end of readiness")
        daemon.running.signal(signal.SIGTERM)
        ended = await daemon.running.ended(within=2.0)
    assert ended.code == 1
    assert "Traceback" not in ended.stderr
    assert here.heard == []
    here.lifted.set()
    here.heard.clear()
    async with here.run():
        await eventually(lambda: _types(here.heard)[-1:] == ["workflow.terminated"], "the delivery after the start")


@pytest.mark.parametrize(("trigger", "seconds"), [("sighup", 0.5), ("file", 5.5)])
async def test_a_reload_while_it_shuts_down_changes_nothing_and_ends_nothing_early(
    here: Station, trigger: str, seconds: float
) -> None:
    accounts = here.settings["accounts"]
    here.settings["accounts"] = accounts[:1]
    here.settings["shutdown_timeout"] = "1m"
    here.write(*here.targets[:1])
    async with here.run() as daemon:
        await _is_being_told_of_a_fault(here)
        daemon.running.signal(signal.SIGTERM)
        await eventually(lambda: _says_no(daemon), "the end of readiness")
        here.settings["accounts"] = accounts
        here.write(*here.targets)
        if trigger == "sighup":
            daemon.running.signal(signal.SIGHUP)
        await throughout(seconds, lambda: daemon.running.lives)
        here.lifted.set()
        ended = await daemon.running.ended()
    assert ended.code == 0
    assert ended.stderr == ""
    assert len(daemon.running.lines("config.loaded")) == 1
    assert daemon.running.lines("stopped", deliveries_pending=0)


async def test_what_is_left_when_the_time_is_up_is_delivered_after_the_next_start(here: Station) -> None:
    here.settings["shutdown_timeout"] = "300ms"
    here.write()
    async with here.run() as daemon:
        await _is_being_told_of_a_fault(here)
        daemon.running.signal(signal.SIGTERM)
        ended = await daemon.running.ended()
    assert ended.code == 0
    assert daemon.running.lines("stopped", deliveries_pending=2)
    here.lifted.set()
    here.heard.clear()
    async with here.run():
        await eventually(lambda: _types(here.heard)[-1:] == ["workflow.terminated"], "the delivery after the start")
    assert {event["id"] for event in here.heard} >= {event["id"] for event in here.tries}


# --- a full disk ----------------------------------------------------------------------------------------------


class FileSizeLimit:
    """No file of the process can grow."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def fill(self) -> None:
        _, hard = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (1024, hard))

    def free(self) -> None:
        _, hard = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (hard, hard))


class SmallDisk:
    """A file system of a megabyte, and something that fills it."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    return

    def free(self) -> None:
        self._filler.unlink()


async def test_it_pauses_while_no_file_can_grow_and_resumes_by_itself(here: Station) -> None:
    here.write()
    async with here.run() as daemon:
        await _survives(FileSizeLimit(daemon.running.pid), here, daemon)


async def test_it_pauses_while_the_disk_is_full_and_resumes_by_itself(here: Station, small_disk: Path) -> None:
    here.settings["store"] = {"url": f"sqlite:///{small_disk}/monitor.db"}
    here.write()
    async with here.run() as daemon:
        await _survives(SmallDisk(small_disk), here, daemon)


async def _survives(disk: FileSizeLimit | SmallDisk, here: Station, daemon: Daemon) -> None:
    running = daemon.running
    disk.fill()
    here.t = FAULT_AT + 10
    await eventually(lambda: _says_no(daemon), "the end of readiness")
    assert "the store does not take commits" in (await daemon.get("/-/ready"))[1]
    await eventually(lambda: here.silent_for(2.0), "the pause")
    asked = here.asked
    await throughout(0.5, lambda: here.asked == asked)
    assert here.tries == [], "told before it was durable"
    assert await daemon.healthy()

    disk.free()
    await eventually(daemon.ready, "readiness")
    await eventually(lambda: _types(here.heard)[-1:] == ["workflow.terminated"], "the delivery")
    await eventually(lambda: here.asked > asked + 3, "polling")
    assert len(running.lines("store.unavailable")) == len(running.lines("store.available")) == 1
    assert "full" in running.lines("store.unavailable")[0]["detail"]
    assert running.lines("fault") == []
    running.signal(signal.SIGTERM)
    assert (await running.ended()).code == 0


async def test_sigterm_ends_it_while_the_disk_is_full_and_the_next_start_tells_what_happened(here: Station) -> None:
    here.settings["shutdown_timeout"] = "500ms"
    here.write()
    async with here.run() as daemon:
        FileSizeLimit(daemon.running.pid).fill()
        here.t = FAULT_AT + 10
        await eventually(lambda: daemon.running.lines("store.unavailable"), "the failure")
        daemon.running.signal(signal.SIGTERM)
        ended = await daemon.running.ended()
    assert ended.code == 0
    assert ended.stderr == ""
    assert here.tries == [], "told before it was durable"
    async with here.run():
        await eventually(lambda: _types(here.heard) == ["workflow.step_failed", "workflow.terminated"], "the delivery")


async def test_a_start_on_a_full_disk_waits_says_why_and_goes_on_by_itself(here: Station, small_disk: Path) -> None:
    disk = SmallDisk(small_disk)
    disk.fill()
    here.settings["store"] = {"url": f"sqlite:///{small_disk}/monitor.db"}
    here.write()
    async with here.run(until_ready=False) as daemon:
        await eventually(lambda: daemon.running.lines("store.unavailable"), "the word about the disk")
        status, said = await daemon.get("/-/ready")
        assert (status, "full" in said) == (503, True)
        assert await daemon.healthy()
        assert (await daemon.get("/api/v1/targets"))[0] == 503, "nothing known is not the same as no targets"
        disk.free()
        await eventually(daemon.ready, "readiness")
        await eventually(lambda: here.asked > 0, "polling")


async def test_a_stop_ends_a_start_that_waits(here: Station, small_disk: Path) -> None:
    SmallDisk(small_disk).fill()
    here.settings["store"] = {"url": f"sqlite:///{small_disk}/monitor.db"}
    here.write()
    async with here.run(until_ready=False) as daemon:
        await eventually(lambda: daemon.running.lines("store.unavailable"), "the word about the disk")
        daemon.running.signal(signal.SIGTERM)
        assert (await daemon.running.ended()).code == 0


# --- one daemon per database --------------------------------------------------------------------------------


async def test_a_second_daemon_on_one_database_ends_at_once_and_names_the_first(here: Station) -> None:
    here.write()
    async with here.run() as daemon:
        asked = here.asked
        second = await command("run", "--config", str(here.config))
        assert second.code == 2
        (line,) = second.stderr.splitlines()
        assert f"pid {daemon.running.pid} on " in line
        assert "store.url" in line
        assert await daemon.ready()
        await eventually(lambda: here.asked > asked, "the first one's polls")


async def test_a_crash_leaves_the_database_to_the_next_daemon_at_once(here: Station) -> None:
    here.write()
    async with here.run() as daemon:
        daemon.running.signal(signal.SIGKILL)
        await daemon.running.ended()
    async with here.run() as daemon:
        assert await daemon.ready()


async def test_the_database_is_readable_to_its_user_alone(here: Station) -> None:
    here.write()
    async with here.run():
        found = {file.name: file.stat().st_mode & 0o777 for file in here.folder.glob("monitor.db*")}
    assert set(found) >= {"monitor.db", "monitor.db-wal", "monitor.db-shm", "monitor.db.lock"}
    assert set(found.values()) == {0o600}


# --- SIGHUP before anything is ready ------------------------------------------------------------------------


@pytest.mark.parametrize("line", [1, 2], ids=["while it imports", "while it starts"])
async def test_a_hangup_during_the_start_ends_nothing(here: Station, line: int) -> None:
    here.write()
    async with process("run", "--config", str(here.config), environ={"PYTHONVERBOSE": "1"}) as running:
        # The interpreter says each import: the first one after the entry point, and the last one before the daemon.
        named = {1: "import 'argparse'", 2: "import 'monitor.app.daemon'"}[line]
        await eventually(lambda: named in running.stderr, "the import")
        running.signal(signal.SIGHUP)
        await eventually(lambda: running.lines("serving"), "the start")
        running.signal(signal.SIGTERM)
        assert (await running.ended()).code == 0


@pytest.fixture
async def small_disk(tmp_path: Path) -> AsyncIterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if await _call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)) != 0:
        pytest.skip("no permission to mount")
    try:
        yield folder
    finally:
        assert await _call("umount", str(folder)) == 0


async def _call(*words: str) -> int:
    quiet = asyncio.subprocess.DEVNULL
    try:
        called = await asyncio.create_subprocess_exec(*words, stdout=quiet, stderr=quiet)
    except FileNotFoundError:
        return -1
    return await called.wait()


# --- a kill -------------------------------------------------------------------------------------------------


async def test_a_lane_that_was_closed_by_retry_after_stays_closed_across_a_kill(tmp_path: Path) -> None:
    throttled = Fault(trouble=Trouble.THROTTLED, begin=50, end=60, retry_after=_RETRY_AFTER)
    async with station(tmp_path, scene("throttled", *TWO.cast.roles[:1], faults=(throttled,))) as here:
        here.write()
        async with here.run() as daemon:
            here.t = 55
            await eventually(lambda: daemon.running.lines("lane.closed"), "the 429")
            throttled_at = here.asked_at
            here.t = 70
            await eventually(lambda: _knows_a_closed_lane(here.folder / "monitor.db"), "the commit")
            daemon.running.signal(signal.SIGKILL)
            assert (await daemon.running.ended()).code == -signal.SIGKILL
        assert here.asked_at == throttled_at
        asked = here.asked
        async with here.run() as daemon:
            assert here.asked == asked
            await eventually(lambda: here.asked > asked, "the probe")
            assert here.asked_at - throttled_at > _RETRY_AFTER - 0.1


def _knows_a_closed_lane(file: Path) -> bool:
    with contextlib.closing(sqlite3.connect(file)) as database:
        states = [json.loads(state) for (state,) in database.execute("SELECT state FROM accounts")]
    return any(state.get("closed_until") for state in states)


# --- a port in use --------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_told_in_one_line_and_nothing_is_sent(here: Station) -> None:
    here.write()
    async with here.run() as first:
        port = int(first.running.lines("serving")[0]["address"].rpartition(":")[2])
        here.settings["server"] = {"port": port}
        here.settings["store"] = {"url": f"sqlite:///{here.folder}/another.db"}
        here.write()
        ended = await command("run", "--config", str(here.config))
    assert ended.code == 1
    assert len(ended.stderr.splitlines()) == 1
    assert f"server.port: cannot listen on 127.0.0.1:{port}" in ended.stderr
