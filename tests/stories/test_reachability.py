"""One account's lookout with a real gate and a real store, in virtual time: when it speaks, and what it survives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from monitor.alerting.publisher import AlertPolicy, Publisher, PublisherConfig
from monitor.core.commits import Change
from monitor.core.detection.blindness import Site
from monitor.core.model import AccountState, Condition, Event, Outcome
from monitor.core.records import AccountRecord
from monitor.core.scheduling.lane import LaneLimits
from monitor.polling.reachability_watcher import ReachabilityWatcher, leave
from monitor.store import Store, StoreUnavailable, Writer
from monitor.upstream.rate_limiter import RateLimiter
from tests.inline import InlineExecutor

pytestmark = pytest.mark.looptime

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BLIND, SIGHTED = "monitor.blind", "monitor.sighted"


class Tower:
    """A lookout, the lane it looks after, and what it told."""

    def __init__(self, store: Store, writer: Writer, state: AccountState) -> None:
        self.store = store
        self.told: list[tuple[float, Event]] = []
        self.faults: list[tuple[float, str, str]] = []
        self.beats: list[float] = []
        self.watches = True
        self.running: asyncio.Task[None]
        self.set_by = 0.0
        """Seconds by which people have set the clock."""
        self.unreadable = 0
        """So often the store will not be read."""
        limits = LaneLimits(10, 10)
        self.gate = RateLimiter(
            "acme",
            limits,
            now=self.now,
            jitter=lambda: 0.0,
            report=lambda _: self.beckon(),
            closed_until=state.closed_until,
            closed_for=state.closed_for,
            permits=1,
        )
        config = PublisherConfig(base_url="http://127.0.0.1:8", external_url="http://127.0.0.1:9")
        self.announcer = Publisher(config, writer, lambda _: None, policy=AlertPolicy, fault=self.failed)
        self.lookout = ReachabilityWatcher(
            state,
            self.gate,
            self.announcer,
            self.load,
            blind_after=lambda: 120.0,
            now=self.now,
            report=self.report,
            reset_backoff=lambda: None,
            watched=lambda: 12 if self.watches else 0,
            site=Site("automation.8x8.com:443", "/run/secrets/acme"),
            fault=self.failed,
        )

    def report(self, record: AccountRecord) -> None:
        self.told.extend((time(), event) for event in record.events)

    def failed(self, loop: str, error: Exception) -> None:
        self.faults.append((time(), loop, type(error).__name__))

    def beckon(self) -> None:
        """The lane changed; it may be while it is made."""
        if hasattr(self, "lookout"):
            self.lookout.wake()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=time() + self.set_by)

    async def load(self, account: str) -> AccountState | None:
        if self.unreadable:
            self.unreadable -= 1
            raise StoreUnavailable("the disk is away")
        return await self.store.load_account(account)

    def beat(self) -> None:
        self.beats.append(time())

    async def ask(
        self, outcome: Outcome, took: float = 1.0, retry_after: float | None = None, detail: str = ""
    ) -> None:
        """One poll."""
        permit = await self.gate.acquire_urgent()
        await asyncio.sleep(took)
        self.gate.record(permit, outcome, retry_after)
        self.lookout.record(outcome, took, self.now(), detail)

    async def rest(self) -> None:
        """Its loop is ended."""
        self.running.cancel()
        await asyncio.wait([self.running])

    @property
    def types(self) -> list[str]:
        return [event.type.value for _, event in self.told]


@contextlib.asynccontextmanager
async def running(loop: Coroutine[None, None, None]) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(loop)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def time() -> float:
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def watching(folder: Path, state: AccountState | None = None) -> AsyncIterator[Tower]:
    """A tower whose lookout runs, on a database of its own."""
    store = Store(f"sqlite:///{folder}/monitor.db", writer=InlineExecutor(), reader=InlineExecutor())
    await store.open()
    writer = Writer(store, report=lambda _: None, jitter=lambda: 0.0)
    async with running(writer.run()):
        tower = Tower(store, writer, state or AccountState(account="acme"))
        async with running(tower.lookout.run(tower.beat)) as tower.running:
            yield tower
    await store.close()


async def until(moment: float) -> None:
    await asyncio.sleep(moment - time())


# --- what is no silence ---


async def test_one_timeout_with_a_long_interval_calls_nobody(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.OK)
        await tower.ask(Outcome.TIMEOUT)
        await until(3600.0)
        assert tower.types == []
        await tower.ask(Outcome.TIMEOUT)
        await until(3602.0)
    assert tower.types == [BLIND]


async def test_a_second_timeout_within_the_time_is_told_when_it_is_over(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await until(10.0)
        await tower.ask(Outcome.TIMEOUT, took=5.0)
        await until(100.0)
        await tower.ask(Outcome.TIMEOUT, took=5.0)
        await until(1000.0)
    assert [at for at, _ in tower.told] == pytest.approx([130.0], abs=0.01)


async def test_a_lane_shut_by_a_429_is_told_though_nothing_is_sent(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.THROTTLED, retry_after=600.0)
        await until(590.0)
    assert [event.reason for _, event in tower.told] == ["throttled"]
    assert tower.told[0][0] == pytest.approx(120.0, abs=0.01)


@pytest.mark.parametrize("set_by", [-3600.0, 600.0], ids=["back", "forward"])
@pytest.mark.parametrize("during", [False, True], ids=["between polls", "during a poll"])
async def test_a_clock_that_is_set_neither_hurries_nor_delays_it(tmp_path: Path, set_by: float, during: bool) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.OK)
        await until(10.0)
        await tower.ask(Outcome.TIMEOUT)
        await until(40.0)
        second = asyncio.create_task(tower.ask(Outcome.TIMEOUT))
        await asyncio.sleep(0.5 if during else 2.0)
        tower.set_by = set_by
        await second
        await until(1000.0)
    # A jump forward looks like a long request; no request is longer than a minute.
    assert [at for at, _ in tower.told] == [pytest.approx(130.0, abs=30.0 if during else 0.01)]


# --- what is told ---


async def test_a_refused_key_is_told_with_its_place_and_with_who_is_not_watched(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.UNAUTHORIZED, detail="401")
        await tower.ask(Outcome.UNAUTHORIZED, detail="401 1200 Expired")
        await until(200.0)
    ((_, event),) = tower.told
    assert event.detail is not None
    assert event.detail.endswith("the key in /run/secrets/acme is refused by automation.8x8.com:443 (1200 Expired)")
    assert event.workflows == 12


async def test_time_without_anything_to_ask_does_not_count(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.OK)
        await tower.ask(Outcome.TIMEOUT)
        tower.watches = False
        await until(1000.0)
        tower.watches = True
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(1200.0)
    ((_, event),) = tower.told
    assert event.since is not None
    assert (event.since - NOON).total_seconds() == pytest.approx(1000.0, abs=0.01)


async def test_time_in_which_the_process_was_away_does_not_count(tmp_path: Path) -> None:
    before = AccountState(account="acme", last_answer_at=NOON - timedelta(hours=9))
    async with watching(tmp_path, before) as tower:
        await until(10.0)
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(200.0)
    ((_, event),) = tower.told
    assert event.last_seen_at == before.last_answer_at
    assert event.since is not None
    assert (event.since - NOON).total_seconds() == pytest.approx(10.0, abs=0.01)


async def test_time_in_which_a_429_kept_the_lane_shut_does_not_count(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.THROTTLED, retry_after=60.0)
        await until(62.0)
        await tower.ask(Outcome.CONNECTION, detail="no connection: Connection refused")
        await tower.ask(Outcome.CONNECTION, detail="no connection: Connection refused")
        await until(200.0)
    ((at, event),) = tower.told
    assert at == pytest.approx(120.0, abs=0.01)
    assert event.summary.startswith("Connection refused by automation.8x8.com:443; ")
    assert event.since is not None
    assert (event.since - NOON).total_seconds() == pytest.approx(62.0, abs=0.5)


# --- nothing is asked ---


async def test_who_asks_nothing_any_more_is_not_blind(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        tower.watches = False
        await until(1000.0)
        assert tower.types == []
        tower.watches = True
        await tower.ask(Outcome.TIMEOUT)
        await until(1100.0)
        await tower.ask(Outcome.TIMEOUT)
        await until(1119.0)
        assert tower.types == [], "what was not answered before does not count"
        await until(1121.0)
    assert tower.types == [BLIND]


async def test_an_open_blindness_closes_when_nothing_is_watched_any_more(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(200.0)
        tower.watches = False
        await until(1000.0)
        assert await tower.store.open_counts() == {}
    assert tower.types == [BLIND, SIGHTED]
    at, sighted = tower.told[1]
    assert at <= 210.0
    assert sighted.reason == "unwatched"


async def test_a_lane_that_is_shut_at_the_start_with_nothing_to_ask_is_not_blind(tmp_path: Path) -> None:
    shut = AccountState(account="acme", closed_until=NOON + timedelta(hours=1), closed_for=3600.0)
    async with watching(tmp_path, shut) as tower:
        tower.watches = False
        await until(500.0)
        assert tower.types == []
        tower.watches = True
        await until(615.0)
        assert tower.types == []
        await until(635.0)
    assert tower.types == [BLIND], "now somebody waits for an answer"


@pytest.mark.parametrize("stale", [False, True], ids=["known", "written by another meanwhile"])
async def test_an_account_that_leaves_takes_its_blindness_along(tmp_path: Path, stale: bool) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(200.0)
        assert tower.types == [BLIND]
        await tower.rest()
        before = tower.lookout.state
        if stale:
            await leave(before, tower.announcer, tower.load, now=tower.now, report=lambda _: None)
        after = await leave(before, tower.announcer, tower.load, now=tower.now, report=tower.report)
        assert tower.types == [BLIND] if stale else [BLIND, SIGHTED]
        assert not after.blind.open
        assert after == await tower.store.load_account("acme")
        assert await tower.store.open_counts() == {}


async def test_an_account_that_leaves_sighted_says_nothing(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.rest()
        await leave(tower.lookout.state, tower.announcer, tower.load, now=tower.now, report=tower.report)
        assert tower.types == []
        assert await tower.store.load_account("acme") is None


async def test_what_an_account_is_about_to_tell_when_it_leaves_is_judged_by_what_is_stored(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        before = tower.lookout.state
        await until(200.0)
        tower.lookout.dismiss()
        await asyncio.wait([tower.running])
        assert (await leave(before, tower.announcer, tower.load, now=tower.now, report=tower.report)).revision > 0
    assert tower.types == [BLIND, SIGHTED]


async def test_a_lookout_goes_on_from_what_somebody_else_wrote(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(200.0)
        await leave(tower.lookout.state, tower.announcer, tower.load, now=tower.now, report=tower.report)
        tower.unreadable = 1
        tower.lookout.doubt()
        await until(210.0)
        assert tower.types == [BLIND, SIGHTED, BLIND], "it is blind still, and nobody else knows"
    assert len(tower.faults) == 1


# --- restarts ---


async def test_how_long_a_lane_was_shut_for_is_stored_with_until_when(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.THROTTLED, retry_after=60.0)
        await until(2.0)
        stored = await tower.store.load_account("acme")
        assert stored is not None
        assert stored.closed_for == pytest.approx(60.0, abs=1e-3)
        assert stored.closed_until == tower.gate.closed_until
        assert stored.learned_rate == 5


# --- errors of ours ---


async def test_an_error_of_ours_is_told_and_tried_again_further_and_further_apart(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.announcer.commit(Change(account=AccountState(account="acme")), ())  # another writer was first
        tower.unreadable = 8
        await tower.ask(Outcome.OK)
        await until(200.0)
        assert {fault[1:] for fault in tower.faults} == {("look acme", "StoreUnavailable")}
        moments = [at for at, *_ in tower.faults]
        pauses = [later - earlier for earlier, later in pairwise(moments)]
        assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 10, 10])
        assert max(later - earlier for earlier, later in pairwise(tower.beats)) <= 10.01, "it turns all the while"
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(400.0)
    assert tower.types == [BLIND]


async def test_a_belief_that_is_stored_with_an_event_that_was_told_before_makes_noise(tmp_path: Path) -> None:
    async with watching(tmp_path) as tower:
        await tower.ask(Outcome.TIMEOUT)
        await tower.ask(Outcome.TIMEOUT)
        await until(200.0)
        (told,) = [event for _, event in tower.told]
        await tower.rest()
        forgotten = msgspec.structs.replace(tower.lookout.state, blind=Condition())
        again = await tower.announcer.commit(Change(account=forgotten), [told])
        assert again[1] == ()
    assert [fault[1:] for fault in tower.faults] == [("commit", "RuntimeError")]
