"""Waiting for others, for a time or an event, and for one's turn in a long list."""

import asyncio

import pytest

from monitor.aio import CHUNK, TURN, beating, chunks, in_chunks, sleep

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


@pytest.mark.parametrize(("set_after", "slept"), [(0.0, 0.0), (3.0, 3.0), (50.0, 10.0)])
async def test_a_sleep_ends_with_its_time_or_with_what_wakes_it(set_after: float, slept: float) -> None:
    loop, wakeup = asyncio.get_running_loop(), asyncio.Event()
    began = loop.time()
    waking = loop.call_at(began + set_after, wakeup.set)
    await sleep(10.0, wakeup)
    assert loop.time() - began == pytest.approx(slept)
    assert wakeup.is_set()
    waking.cancel()


async def test_what_woke_a_sleep_before_it_began_is_not_missed() -> None:
    loop, wakeup = asyncio.get_running_loop(), asyncio.Event()
    wakeup.set()
    began = loop.time()
    await sleep(10.0, wakeup)
    assert loop.time() == began


async def test_a_sleep_until_a_moment_that_rounding_puts_just_after_now_lets_time_pass() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(2088.770322)
    began = loop.time()
    await sleep(4.6e-13, asyncio.Event())
    assert loop.time() > began


async def test_a_cancelled_sleep_wakes_nobody_later() -> None:
    wakeup = asyncio.Event()
    sleeping = asyncio.ensure_future(sleep(10.0, wakeup))
    await asyncio.sleep(1)
    sleeping.cancel()
    await asyncio.sleep(60)
    assert sleeping.cancelled()
    assert not wakeup.is_set()


@pytest.mark.parametrize("number", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
async def test_a_long_list_is_taken_whole_and_in_order_while_others_have_their_turns(number: int) -> None:
    turns: list[int] = []
    taken: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(taken))
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(other())
    await in_chunks(range(number), taken.append)
    beside.cancel()
    assert taken == list(range(number))
    assert all(later - before <= CHUNK for before, later in zip([0, *turns], [*turns, number], strict=True))


async def test_slices_have_the_size_that_is_asked_for() -> None:
    assert [list(some) async for some in chunks("abcde", 2)] == [["a", "b"], ["c", "d"], ["e"]]
