"""What waits for others still turns."""

import asyncio

import pytest

from monitor.aio import TURN, beating

pytestmark = pytest.mark.looptime


async def test_who_waits_for_somebody_else_says_each_turn_that_it_lives() -> None:
    beats: list[float] = []
    time = asyncio.get_running_loop().time
    began = time()
    assert await beating(asyncio.sleep(3.5 * TURN, "done"), lambda: beats.append(time() - began)) == "done"
    assert beats == pytest.approx([TURN, 2 * TURN, 3 * TURN])


async def test_what_went_wrong_meanwhile_is_raised() -> None:
    async def fails() -> None:
        await asyncio.sleep(1)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await beating(fails(), lambda: None)


async def test_who_is_cancelled_cancels_what_it_waits_for() -> None:
    waited_for = asyncio.ensure_future(asyncio.sleep(1e6))
    waiting = asyncio.ensure_future(beating(waited_for, lambda: None))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.wait({waiting, waited_for}, timeout=1)
    assert waiting.cancelled()
    assert waited_for.cancelled()
