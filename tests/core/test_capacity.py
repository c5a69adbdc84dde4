"""What a budget buys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Target, TargetKey
from monitor.core.scheduling.capacity import Budget, plan


def _targets(count: int, interval: float, account: str = "acme") -> list[Target]:
    return [Target(key=TargetKey(account, "d", f"{interval}-{n}"), interval=interval) for n in range(count)]


def test_a_budget_that_suffices_keeps_the_intervals() -> None:
    (account,) = plan(_targets(300, 30.0), {"acme": Budget(10, 20)}, timeout=10.0).accounts
    assert account.needed == pytest.approx(10.0)
    assert account.sufficient
    assert account.stretch == 1.0
    assert account.detection_delay == pytest.approx(40.0)


def test_a_budget_that_is_too_small_stretches_all_intervals_alike() -> None:
    targets = [*_targets(1000, 10.0), *_targets(3000, 60.0)]
    (account,) = plan(targets, {"acme": Budget(10, 20)}, timeout=5.0).accounts
    assert account.needed == pytest.approx(150.0)
    assert account.stretch == pytest.approx(15.0)
    assert account.detection_delay == pytest.approx(60 * 15 + 5)


def test_the_plan_of_an_overdrawn_account_says_what_to_do() -> None:
    text = plan(_targets(2000, 30.0), {"acme": Budget(10, 200)}, timeout=10.0).text()
    assert text == (
        "account acme: 2,000 targets\n"
        "  needed    66.67 requests/s (one per target and interval, while all of them run)\n"
        "  allowed   10 requests/s\n"
        "  interval  30s asked for, stretched 6.67 times to 3m 20s\n"
        "  worst-case detection delay 3m 30s (longest interval and a timeout of 10s, while the API answers)\n"
        "  WARNING: 66.67 requests/s needed, 10 allowed: every interval is stretched 6.67 times. Raise"
        " requests_per_second to 67 if the API allows it, or lengthen the intervals, or watch fewer targets."
    )


def test_a_plan_that_fits_has_no_warning() -> None:
    text = plan([*_targets(10, 10.0), *_targets(10, 60.0)], {"acme": Budget(10, 20)}, timeout=10.0).text()
    assert "WARNING" not in text
    assert "  interval  10s to 1m, as asked for" in text


def test_too_little_concurrency_for_slow_answers_is_noted() -> None:
    text = plan(_targets(300, 30.0), {"acme": Budget(10, 20)}, timeout=10.0).text()
    assert "note: this rate is reached while answers take less than 2s; beyond that, max_concurrency 20" in text


def test_an_account_without_targets_is_listed() -> None:
    both = plan(_targets(1, 30.0), {"acme": Budget(10, 20), "idle": Budget(2.5, 1)}, timeout=10.0)
    assert both.sufficient
    assert both.accounts[1].detection_delay == 0.0
    assert both.text().splitlines()[-1] == "account idle: no targets; allowed 2.5 requests/s"
    assert both.text().startswith("account acme: 1 target\n")


@given(
    st.lists(st.floats(0.1, 86400), min_size=1, max_size=50),
    st.floats(0.001, 1000),
    st.integers(1, 100),
    st.floats(0.1, 60),
)
def test_stretched_intervals_fit_the_budget(
    intervals: list[float], rate: float, concurrency: int, timeout: float
) -> None:
    targets = [Target(key=TargetKey("a", "d", str(n)), interval=i) for n, i in enumerate(intervals)]
    whole = plan(targets, {"a": Budget(rate, concurrency)}, timeout)
    (account,) = whole.accounts
    assert sum(1 / (i * account.stretch) for i in intervals) <= rate * (1 + 1e-9)
    assert account.stretch >= 1
    assert account.detection_delay >= max(intervals) + timeout
    assert ("WARNING" in whole.text()) is not whole.sufficient
