"""From page to page through the window of one look.

A page is cut at its smallest start time, to the hundredth of a second, and the next request is for starts before the
end of that hundredth: its rows come twice, and are dropped. The lower bound is a hundredth too low. So no row is lost
if the API takes bounds as exclusive, drops their fraction, or compares them with more digits than a row has.

A full page that does not get below the upper bound shows that more instances than the limit have one start time. Only
then `offset` is used, with either meaning: at `offset=1` an API that counts pages shows a page of other rows, one that
counts rows shows the same page but for one row.
"""

from datetime import datetime
from itertools import pairwise
from operator import ge

import msgspec

from monitor.core.discovery.cohorts import GRAIN, floor
from monitor.core.discovery.list_looks import ListLook
from monitor.core.listing import ListedInstance, ListPage, ListRequest


class Span(msgspec.Struct, frozen=True, gc=False):
    """Start times from `low` on, before `high`; None: until now."""

    low: datetime
    high: datetime | None

    def __contains__(self, moment: datetime) -> bool:
        return self.low <= moment and (self.high is None or moment < self.high)


class Shown(msgspec.Struct, frozen=True, gc=False):
    """The result of one page."""

    rows: tuple[ListedInstance, ...]
    """Those of the window, or without a start time; each instance once, and again if a later page has its end."""
    span: Span | None
    """The start times that are completely shown with it; None: no more than before."""


class Walk:
    """One look under way. `asked_at`: when its first request is sent; `may_hide`: see `Sweep`."""

    __slots__ = (
        "_before",
        "_inside",
        "_may_hide",
        "_ordered",
        "_pages",
        "_reads_pages",
        "_top",
        "asked_at",
        "by_start",
        "disordered",
        "look",
        "reached",
        "request",
        "rows",
        "scattered",
    )

    def __init__(self, look: ListLook, asked_at: datetime, *, may_hide: bool = False) -> None:
        self.look = look
        self.asked_at = asked_at
        self.reached: datetime | None = None
        """The window is shown from here on; None: nothing of it yet."""
        self.rows: dict[str, ListedInstance] = {}
        """All listed instances, also beyond the window."""
        self.scattered: list[Span] = []
        """Parts that were shown by a full page that may hide instances: they may hold more."""
        self.disordered = False
        """Whether any page was out of order."""
        self.by_start = False
        """Whether any page was in order by start time alone; not determined if no page may hide instances."""
        self._top = look.started_to
        self._may_hide = may_hide
        self._ordered = not may_hide
        """Of the pages since the last cut."""
        self._before: frozenset[str] = frozenset()
        """Ids on the page before, if this one is its next by `offset`."""
        self._inside = 0
        """Instances of the window that were listed."""
        self._pages = 0
        """Pages by `offset` since the last cut."""
        self._reads_pages: bool | None = None
        """Whether the API counts pages by `offset`, not rows; None: unknown."""
        top = None if look.started_to is None else _ceil(look.started_to)
        self.request: ListRequest | None = self._asks(top)
        """The next request; None: the walk has ended."""

    @property
    def complete(self) -> bool:
        """Whether the whole window was shown."""
        return self.reached is not None and self.reached <= self.look.started_from

    def take(self, page: ListPage) -> Shown:
        """Take the answer to `request`, and set the next one."""
        if self.request is None:
            raise RuntimeError("the walk has ended: ask for another look")
        smallest, ordered = _order(page)
        rows = page.rows if ordered and self._all_new(page) else self._fresh(page)
        self._ordered = self._ordered and ordered
        self.disordered = self.disordered or not ordered
        self.by_start = self.by_start or (self._may_hide and ordered and _by_start_alone(page))
        if page.received < self.request.limit:
            return Shown(rows, self._reach(self.look.started_from, ordered=True))
        if smallest is None:
            self.request = None
            return Shown(rows, None)
        cut = floor(smallest) + GRAIN
        below = self.request.started_to is None or cut < self.request.started_to
        if below and not self._hides_few(cut):
            return Shown(rows, self._cut(cut))
        self.request = self._next_page(self.request, page)
        return Shown(rows, None)

    def _hides_few(self, cut: datetime) -> bool:
        """Whether a full page reaches the lower end of a window and holds few of its instances, or it is the smallest.

        Most of its rows began in its last hundredth of a second, or in the one before. If the list is in the order of
        creation, they may hide instances that began later, and no smaller window would show those.
        """
        few = self._inside <= self.look.limit * 4 // 5 or (not self._ordered and self._is_smallest)
        return cut <= self.look.started_from and few

    @property
    def _is_smallest(self) -> bool:
        """Whether the window cannot be split."""
        low, high = self.look.started_from, self.look.started_to
        return high is not None and high - low <= GRAIN

    def _all_new(self, page: ListPage) -> bool:
        """Whether every row of an ordered page is in the window, new, and listed once.

        This is true for nearly all pages, and takes a fifth of the time.
        """
        if not page.rows:
            return True
        first, last, high = page.rows[0].started_at, page.rows[-1].started_at, self.look.started_to
        if first is None or last is None or last < self.look.started_from or (high is not None and first >= high):
            return False
        rows = {row.workflow: row for row in page.rows}
        if len(rows) < len(page.rows) or not self.rows.keys().isdisjoint(rows):
            return False
        self.rows.update(rows)
        self._inside += len(rows)
        return True

    def _fresh(self, page: ListPage) -> tuple[ListedInstance, ...]:
        """The rows of the window that were not listed before, or had not ended."""
        known, fresh = self.rows, dict[str, ListedInstance]()
        low, high = self.look.started_from, self.look.started_to
        for row in page.rows:
            twin = known.get(row.workflow)
            if twin is not None and (twin.status.ended or not row.status.ended):
                continue
            known[row.workflow] = row
            at = row.started_at
            if at is None or (low <= at and (high is None or at < high)):
                fresh[row.workflow] = row
                self._inside += twin is None
        return tuple(fresh.values())

    def _cut(self, cut: datetime) -> Span | None:
        """All from the cut on is shown; go on below it."""
        span = self._reach(max(cut, self.look.started_from), ordered=self._ordered)
        self._pages, self._before, self._ordered = 0, frozenset(), not self._may_hide
        if not self.complete and not self.look.probe:
            self.request = self._asks(cut)
        return span

    def _reach(self, low: datetime, *, ordered: bool) -> Span | None:
        self.request = None
        if self._top is not None and low >= self._top:
            return None
        span = Span(low, self._top)
        self._top = self.reached = low
        if not ordered:
            self.scattered.append(span)
            return None
        return span

    def _next_page(self, request: ListRequest, page: ListPage) -> ListRequest | None:
        """By `offset`, since more instances than the limit have one start time; None: the API ignores it."""
        ids = frozenset([row.workflow for row in page.rows])
        repeats = 2 * len(ids & self._before) > len(ids)
        tries = request.offset == 1 and self._reads_pages is None
        if tries:
            self._reads_pages = not repeats
        elif request.offset and repeats:
            return None
        if not (tries and repeats):
            self._pages += 1
            self._before = ids
        unit = self.look.limit if self._reads_pages is False else 1
        return msgspec.structs.replace(request, offset=self._pages * unit)

    def _asks(self, started_to: datetime | None) -> ListRequest:
        look = self.look
        return ListRequest(
            account=look.version.account,
            definition=look.version.definition,
            version=look.version.version,
            status=look.question,
            started_from=floor(look.started_from) - GRAIN,
            started_to=started_to,
            limit=look.limit,
        )


def _order(page: ListPage) -> tuple[datetime | None, bool]:
    """The smallest start time of a page, and whether its instances are in order, newest first."""
    starts = [row.started_at for row in page.rows]
    known = [start for start in starts if start is not None]
    if all(map(ge, known, known[1:])):
        return (known[-1] if known else None), True
    once: dict[str, datetime] = {}
    for row in page.rows:
        if row.started_at is not None:
            once.setdefault(row.workflow, row.started_at)
    firsts = list(once.values())
    return min(known), all(map(ge, firsts, firsts[1:]))


def _by_start_alone(page: ListPage) -> bool:
    """Whether a page that is in order by start time is out of order by trigger."""
    times = [(row.started_at, row.triggered_at) for row in page.rows]
    return any(
        start and older_start and trigger and older_trigger and older_start < start and trigger < older_trigger
        for (start, trigger), (older_start, older_trigger) in pairwise(times)
    )


def _ceil(moment: datetime) -> datetime:
    whole = floor(moment)
    return whole if whole == moment else whole + GRAIN
