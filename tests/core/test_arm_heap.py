import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.scheduling.arm_heap import NEVER, ArmHeap, tick

ARMS = 20
TIMES = st.one_of(st.integers(-1000, 1000).map(lambda whole: whole / 8), st.just(math.inf))
CHANGES = st.lists(st.tuples(st.integers(0, ARMS - 1), st.integers(0, 1), st.one_of(st.none(), TIMES)), max_size=400)


@given(CHANGES)
def test_heaps_that_share_their_ticks_hold_what_was_put_last(changes: list[tuple[int, int, float | None]]) -> None:
    ticks = array("q", [NEVER] * ARMS)
    heaps = [ArmHeap(ticks, 0), ArmHeap(ticks, 1)]
    expected: dict[int, tuple[int, float]] = {}
    for arm, tag, time in changes:
        if arm in expected:
            heaps[expected.pop(arm)[0]].drop(arm)
        if time is not None:
            heaps[tag].put(arm, time)
            if time < math.inf:
                expected[arm] = tag, time
    for tag, heap in enumerate(heaps):
        left = {arm: time for arm, (its, time) in expected.items() if its == tag}
        assert len(heap) == len(left)
        popped = []
        while (due := heap.pop_due(tick(1000.0))) is not None:
            popped.append(left.pop(due))
        assert not left
        assert popped == sorted(popped)


@given(TIMES.filter(math.isfinite))
def test_nothing_is_due_before_its_time(time: float) -> None:
    heap = ArmHeap(array("q", [NEVER]))
    heap.put(0, time + 1e-4)
    assert heap.pop_due(tick(time)) is None
    assert heap.pop_due(tick(time + 0.01)) == 0


def test_garbage_is_bounded_however_often_times_change() -> None:
    heap = ArmHeap(array("q", [NEVER] * 100))
    for number in range(100_000):
        heap.put(number % 100, float(number % 977))
    assert len(heap) == 100
    assert len(heap._items) + len(heap._set_aside) < 600
