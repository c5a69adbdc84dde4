"""Requests in windows of time, against a budget."""

from collections.abc import Sequence


def excess(times: Sequence[float], rate: float, burst: float) -> float:
    """The most by which any window, its ends included, holds more than `burst + rate * window`; below 0: none does.

    Of all windows that end at the same time the fullest begins where `i - rate * time` is least; one pass finds it.
    """
    most = least = float("-inf")
    for number, time in enumerate(sorted(times)):
        least = max(least, rate * time - number)
        most = max(most, number + 1 - rate * time + least)
    return most - burst
