"""What an instance takes in memory that lists have found, or that the store knew; and what a start with many takes."""

import json
from collections.abc import Iterator
from typing import Any

from tests.bench.house import Figure, house, say

_NUMBERS = (10_000, 100_000, 1_000_000)
_MOST_BYTES = 400.0
_FIRST_REQUEST = 15.0
_LONGEST = 0.100
_A_TENTH = 0.01
"""Of the memory; smaller parts are not worth a line."""


def run() -> Iterator[Figure]:
    for number in _NUMBERS:
        for how in ("found", "stored"):
            found = _measured(number, how)
            yield from _figures(f"memory: {number:,} {how}", found, most=number == max(_NUMBERS))


def _measured(number: int, how: str) -> dict[str, Any]:
    """Each in a process of its own, so that what the one before has freed does not count."""
    with house() as here:
        process = here.start("-m", "tests.bench.million", str(here.folder), str(number), how)
        found: dict[str, Any] = json.loads(process.read_line())
    return found


def _figures(name: str, found: dict[str, Any], *, most: bool) -> Iterator[Figure]:
    size, held, first = found["bytes"], found["held"], found["first_request"]
    say(f"  {name}: {found['polls']:,} status looks meanwhile")
    yield _judged(f"{name}: per instance", f"{size:,.0f} B", "<= 400 B", size <= _MOST_BYTES, most=most)
    total = sum(found["split"].values()) or 1
    for part, bytes_ in found["split"].items():
        if bytes_ > _A_TENTH * total:
            yield Figure(f"{name}: of that in {part}", f"{bytes_ / found['number']:,.0f} B")
    yield _judged(f"{name}: to the first request", f"{first:.1f} s", "< 15 s", first < _FIRST_REQUEST, most=most)
    yield Figure(f"{name}: until all are watched", f"{found['all_watched']:.1f} s")
    yield _judged(f"{name}: loop held", f"{held * 1000:.0f} ms", "<= 100 ms", held <= _LONGEST, most=most)


def _judged(name: str, value: str, target: str, reached: bool, *, most: bool) -> Figure:
    """What is promised is promised of the most."""
    return Figure(name, value, target, reached) if most else Figure(name, value)
