"""The list of a definition's instances: from a query and a time to a page of rows, with the traps of the real API."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush, merge
from itertools import islice
from typing import TypeVar

from monitor.sim.api_clock import ApiClock
from monitor.sim.api_enums import Status
from monitor.sim.faults import Fault, Trouble
from monitor.sim.instances import Instances
from monitor.sim.json_bodies import DIGITS
from monitor.sim.list_settings import ListOrder, Lists, Offset
from monitor.sim.responses import invalid
from monitor.sim.rows import Row, Wanted, by_start
from monitor.sim.scenario import Scenario, triggered_at
from monitor.sim.seeded import fraction
from monitor.sim.timestamps import TICKS, parse

T = TypeVar("T")
Query = Mapping[str, str]

_MOST, _USUAL = 500, 100
_TOLD = TICKS // 10**DIGITS
"""Ticks in the last digit of a row's start."""


class Listing:
    """The lists of one account."""

    def __init__(self, scenario: Scenario, seed: int, clock: ApiClock, instances: Instances) -> None:
        self._scenario = scenario
        self._seed = seed
        self._clock = clock
        self._instances = instances

    def page(self, definition: str, latest: int, query: Query, t: float, troubles: Sequence[Fault]) -> list[Row]:
        """Newest first; of the `latest` version only, unless the query has one. `troubles`: those of rows."""
        status = query.get("status")
        if status is not None and status not in set(Status):
            raise invalid("Invalid status.")
        within = _Bounds(query, self._scenario.lists, self._clock)
        wanted = Wanted(definition, _whole(query, "version", latest, 1), status, *within.around())
        rows = self._troubled(wanted, t, troubles)
        if within.any:
            rows = filter(within.holds, rows)
        if self._scenario.lists.order is ListOrder.CREATED and self._scenario.queueing:
            rows = _by_creation(rows, self._created)
        return paged(rows, query, self._scenario.lists.offset)

    def _troubled(self, wanted: Wanted, t: float, troubles: Sequence[Fault]) -> Iterator[Row]:
        rows = self._instances.rows(wanted, t)
        for trouble in troubles:
            hit = self._hit(trouble, t)
            match trouble.trouble:
                case Trouble.STALE_ROWS:
                    # An affected row is shown in its earlier state, on the list of that state; for a row that is
                    # shown late already, the later fault counts.
                    past = self._instances.rows(wanted, t - trouble.seconds)
                    rows = merge(_but(rows, hit), filter(hit, past), key=by_start)
                case Trouble.LOST_ROWS:
                    rows = _but(rows, hit)
                case Trouble.REPEATED_ROWS:
                    rows = _twice(rows, hit)
                case _:
                    raise AssertionError(trouble.trouble)
        return rows

    def _hit(self, trouble: Fault, t: float) -> Callable[[Row], bool]:
        draw = math.floor(t / trouble.lasting) if trouble.lasting else t
        about = (self._seed, trouble.trouble.name, draw)
        return lambda row: fraction(*about, row.number) < trouble.rows

    def _created(self, row: Row) -> float:
        return triggered_at(self._scenario, self._seed, row.number, row.starts)


def paged(items: Iterable[T], query: Query, offset: Offset) -> list[T]:
    limit = _whole(query, "limit", _USUAL, 1, _MOST)
    skipped = _whole(query, "offset", 0, 0)
    if offset is Offset.PAGE:
        skipped *= limit
    return list(islice(items, skipped, skipped + limit))


class _Bounds:
    """`startTimeFrom` and `startTimeTo`, compared with the API's own timestamp of a start."""

    def __init__(self, query: Query, lists: Lists, clock: ApiClock) -> None:
        self._clock = clock
        self._from, self._to = _moment(query, "startTimeFrom"), _moment(query, "startTimeTo")
        self._least = None if self._from is None else self._from + (not lists.from_inclusive)
        self._most = None if self._to is None else self._to - (not lists.to_inclusive)
        self._cut = 1 if lists.whole_starts else _TOLD
        self.any = (self._from, self._to) != (None, None)

    def around(self) -> tuple[float, float]:
        """World times around all starts within the bounds."""
        earliest = -math.inf if self._from is None else self._clock.around(self._from)[0]
        return earliest, math.inf if self._to is None else self._clock.around(self._to)[1]

    def holds(self, row: Row) -> bool:
        at = self._clock.ticks(row.starts)
        at -= at % self._cut
        return (self._least is None or at >= self._least) and (self._most is None or at <= self._most)


def _moment(query: Query, name: str) -> int | None:
    """Ticks."""
    text = query.get(name)
    moment = None if text is None else parse(text)
    if text is not None and moment is None:
        raise invalid(f"Invalid {name}.")
    return moment


def _whole(query: Query, name: str, default: int, least: int, most: int | None = None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text) < least or (most is not None and int(text) > most):
        raise invalid(f"Invalid {name}.")
    return int(text)


def _but(rows: Iterator[Row], hit: Callable[[Row], bool]) -> Iterator[Row]:
    return (row for row in rows if not hit(row))


def _twice(rows: Iterator[Row], hit: Callable[[Row], bool]) -> Iterator[Row]:
    for row in rows:
        yield row
        if hit(row):
            yield row


def _by_creation(rows: Iterator[Row], created: Callable[[Row], float]) -> Iterator[Row]:
    """The latest creation first. The rows come by start, the latest first, and creation precedes the start.

    So a row that was created after the start of the next row is in its final place.
    """
    waiting: list[tuple[float, int, Row]] = []
    for order, row in enumerate(rows):
        while waiting and -waiting[0][0] >= row.starts:
            yield heappop(waiting)[2]
        heappush(waiting, (-created(row), order, row))
    while waiting:
        yield heappop(waiting)[2]
