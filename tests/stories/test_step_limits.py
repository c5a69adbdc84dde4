"""What learns how long steps may take survives an error of ours, and forgets nothing by it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.core.detection.step_durations import ENOUGH
from monitor.core.model import DefinitionVersion, Outcome, PollFailed, StepStatus, TargetState
from monitor.polling.step_limits import StepLimits
from monitor.store import Store
from monitor.store.step_limits import StepDurations, StepLimitStore
from tests.core.beliefs import KEY, step
from tests.inline import InlineExecutor

pytestmark = pytest.mark.looptime


class Library:
    async def declared(self, _account: str, _definition: str, _patience: float) -> PollFailed:
        return PollFailed(Outcome.TIMEOUT)


class BreakableStepLimitStore(StepLimitStore):
    broken = False

    async def experience(self, experiences: Sequence[StepDurations]) -> None:
        if self.broken:
            raise ZeroDivisionError
        await super().experience(experiences)


async def _at_once() -> None:
    """The store takes commits."""


async def test_a_limit_holds_once_it_is_written_though_an_error_of_ours_came_first(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/monitor.db", writer=InlineExecutor(), reader=InlineExecutor())
    await store.open()
    shelf, faults, changed = BreakableStepLimitStore(store), list[str](), list[DefinitionVersion]()
    limits = StepLimits(
        Library(),
        shelf,
        slack=lambda: 0.0,
        writable=_at_once,
        named=lambda _account, _definition, _name: None,
        fault=lambda loop, error: faults.append(f"{loop}: {type(error).__name__}"),
        jitter=lambda: 0.0,
    )
    limits.on_change = lambda version, _urgent: changed.append(version)
    shelf.broken = True
    running = asyncio.create_task(limits.run(lambda: None))
    done = tuple([step(str(number), StepStatus.COMPLETE, 0, 10) for number in range(ENOUGH)])
    limits.learn(KEY, TargetState(key=KEY, version=1), TargetState(key=KEY, version=1, steps=done))
    await asyncio.sleep(1.0)
    assert faults == ["definitions: ZeroDivisionError"]
    assert (limits.limits_for(KEY, 1).learned, changed) == ({}, [])
    shelf.broken = False
    await asyncio.sleep(100.0)
    assert not running.done()
    assert [one.step for one in (await shelf.load()).experiences] == ["step1"]
    assert list(limits.limits_for(KEY, 1).learned) == ["step1"]
    assert len(changed) == 1
    running.cancel()
    await store.close()
