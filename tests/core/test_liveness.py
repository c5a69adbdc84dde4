"""When a monitor must not say that all is well."""

import pytest

from monitor.core.liveness import LoopHealth, unhealthy_reason

TURNS, STUCK = LoopHealth(True, 1.0), LoopHealth(False, 90.0)


@pytest.mark.parametrize(
    ("loops", "store", "acknowledges", "reason"),
    [
        ({"deliver": TURNS}, True, {"oncall": True}, None),
        ({}, True, {"oncall": True}, None),
        ({"deliver": TURNS}, True, {"oncall": True, "chat": False}, None),
        ({"a": TURNS, "c": STUCK, "b": STUCK}, True, {"oncall": True}, "loops are stuck: b, c"),
        ({"deliver": TURNS}, False, {"oncall": True}, "the store does not take commits"),
        ({"deliver": TURNS}, True, {"oncall": False, "chat": False}, "no receiver acknowledges: chat, oncall"),
        ({"deliver": TURNS}, True, {}, "there is no receiver"),
        (
            {"commit": STUCK},
            False,
            {"oncall": False},
            "loops are stuck: commit; the store does not take commits; no receiver acknowledges: oncall",
        ),
    ],
    ids=["well", "no loops yet", "one of two fails", "stuck", "store", "all receivers", "no receiver", "everything"],
)
def test_the_monitor_is_silent_where_it_does_not_do_its_work(
    loops: dict[str, LoopHealth], store: bool, acknowledges: dict[str, bool], reason: str | None
) -> None:
    assert unhealthy_reason(loops, store, acknowledges) == reason
