"""What tells of deadlines survives errors of ours: one target's keep no other waiting, and end no loop."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from monitor.core.event_types import EventType, Severity
from monitor.core.model import DefinitionVersion, Event, Status, TargetKey, TargetState
from monitor.polling.overdue_watcher import OverdueWatcher
from monitor.polling.watched import Watched, WatchedTargets
from tests.core.beliefs import KEY, TARGET

pytestmark = pytest.mark.looptime

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CURSED, FINE = KEY._replace(workflow="cursed"), KEY._replace(workflow="fine")


def now() -> datetime:
    return NOON + timedelta(seconds=asyncio.get_running_loop().time())


class Poller:
    """Everything is due a minute after noon; of the cursed one nothing can be said any more."""

    def __init__(self) -> None:
        self.cursed = False
        self.judged: list[str] = []

    def next_deadline(self, watched: Watched) -> datetime | None:
        if self.cursed and watched.target.key == CURSED:
            raise ZeroDivisionError
        return None if watched.target.key.workflow in self.judged else NOON + timedelta(seconds=60)

    async def recall_all(self, some: Sequence[Watched]) -> None:
        """All are at hand."""

    async def check_overdue(self, watched: Watched) -> tuple[Event, ...]:
        key = watched.target.key
        self.judged.append(key.workflow)
        return (
            Event(
                id=key.workflow,
                type=EventType.OVERDUE,
                severity=Severity.WARNING,
                summary="",
                account=key.account,
                observed_at=now(),
            ),
        )


class Scheduler:
    """Nobody polls."""

    def poll_now(self, _key: TargetKey) -> bool:
        return False

    def in_flight(self, _key: TargetKey) -> bool:
        return False

    def renew(self, _key: TargetKey) -> None:
        """Nothing is looked at."""


@pytest.mark.parametrize("when", ["at its deadline", "when limits change"])
async def test_an_error_of_ours_about_one_target_keeps_no_other_from_its_deadline(when: str) -> None:
    poller, targets, faults = Poller(), WatchedTargets(), list[str]()
    keeper = OverdueWatcher(
        poller,
        Scheduler(),
        targets,
        now=now,
        skew=lambda _: 0.0,
        want=lambda _target, _state: None,
        report=lambda _: None,
        fault=lambda loop, error: faults.append(f"{loop}: {type(error).__name__}"),
    )
    targets.subscribe(keeper)
    for key in (CURSED, FINE):
        target = msgspec.structs.replace(TARGET, key=key)
        state = TargetState(key=key, status=Status.RUNNABLE, version=1)
        targets.add(Watched(target, state, NOON))
    poller.cursed = True
    running = asyncio.create_task(keeper.run(lambda: None))
    if when == "when limits change":
        keeper.limits_changed(DefinitionVersion(KEY.account, KEY.definition, 1), True)
        await asyncio.sleep(1)
        assert faults == ["deadlines: ZeroDivisionError"]
    await asyncio.sleep(400)
    assert not running.done()
    assert poller.judged == ["fine"]
    assert set(faults) == {"deadlines: ZeroDivisionError"}
    poller.cursed = False
    await asyncio.sleep(100)
    assert sorted(poller.judged) == ["cursed", "fine"]
    running.cancel()
