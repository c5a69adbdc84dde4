"""Rows of a list of instances before paging, and requests for them."""

from math import inf

import msgspec

from monitor.sim.playback import InstanceState
from monitor.sim.population import Instance


class Row(msgspec.Struct, frozen=True, gc=False):
    """An instance on a list."""

    number: int
    definition: str
    """Name."""
    version: int
    starts: float
    """World time, as below."""
    status: str
    ended_at: float | None


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """Rows of one definition and version. The bounds are inclusive; exact ones are checked against the row itself."""

    definition: str
    version: int
    status: str | None = None
    """None: any."""
    earliest: float = -inf
    """Start, in world time."""
    latest: float = inf


def by_start(row: Row) -> float:
    """The key that sorts the latest start first."""
    return -row.starts


def row_of(instance: Instance, reading: InstanceState, t: float) -> Row:
    return Row(
        instance.number,
        instance.definition.name,
        instance.version,
        instance.starts,
        _word(instance, reading, t),
        reading.ended_at,
    )


def _word(instance: Instance, reading: InstanceState, t: float) -> str:
    if reading.ended_at is None:
        for odd in instance.script.words:
            if odd.begin <= t - instance.starts < odd.end:
                return odd.word
    return reading.status
