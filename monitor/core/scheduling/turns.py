"""Whose turn it is in one account: one budget for confirmations, promises, and all that is worth a look.

1.  *Confirmations*: instances at which a list says to look. The others keep a share meanwhile, or a storm would blind
    the account to all else.
2.  *Promises*: targets with an interval, by `schedule.py`. If they need more than there is, they get half of it.
3.  The rest is spent on the *arms*, lists and instances without a promise alike, by `looks.py`. While promises use
    nearly all of the budget, lists keep what their wanted intervals need, up to a quarter.

Pure: it reads no clock and starts nothing. A decision costs O(log n). Times are the loop's clock, in seconds.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from monitor.core.discovery.list_looks import LookKey
from monitor.core.model import DefinitionVersion, TargetKey
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.looks import Looks
from monitor.core.scheduling.schedule import DuePoll, Schedule, backoff
from monitor.core.scheduling.share import Share

INFEASIBLE: Final = 0.5
"""Share of the arms while promises need more than there is."""
_LISTS: Final = 0.25
"""Share that lists keep beside promises at most, if their wanted intervals need it."""
_ARMS_IN_A_STORM, _PROMISES_IN_A_STORM = 0.1, 0.3
"""Shares that these keep while confirmations wait."""
_BEHIND: Final = 3.0
"""Seconds for which a promise is due at each turn, after which they are behind."""
_AGAIN: Final = 1.0
"""Seconds until an arm that could not be looked at is chosen again."""
_BACKOFF: Final = 30.0
"""Seconds between two tries of an instance without a promise, at least, after the first failure."""
_PROMISED: Final = -1


class InstanceNews(msgspec.Struct, frozen=True, gc=False):
    """What is known of an instance without a promise."""

    terms: Terms
    moments: tuple[tuple[float, float], ...] | None = ()
    """When something changes in it, each with its probability; None: what was known of that still holds."""
    last: float | None = None
    """When it was looked at; None: now."""


class DueLook(msgspec.Struct, frozen=True, gc=False):
    """A list's turn to be looked at."""

    key: LookKey


class Turns:
    """Everything that may be asked in one account."""

    __slots__ = (
        "_arms",
        "_backing_off",
        "_confirming",
        "_held",
        "_in_storms",
        "_instances",
        "_intervals",
        "_looks",
        "_most_walks",
        "_needed",
        "_owners",
        "_promises_in_storms",
        "_refused",
        "_run",
        "_schedule",
        "_shares",
        "_under_way",
        "_walks",
        "_wanted",
    )

    def __init__(self, most_walks: int = 1 << 30) -> None:
        """`most_walks`: lists that may be looked at, at once; of one version only one."""
        self._schedule = Schedule()
        self._looks = Looks()
        self._arms: dict[TargetKey | LookKey, int] = {}
        self._owners: list[TargetKey | LookKey | None] = []
        """By arm."""
        self._instances = 0
        """How many of the arms are instances."""
        self._intervals: dict[LookKey, float] = {}
        """Requests per second that each list wants."""
        self._wanted = 0.0
        """The sum of these."""
        self._needed = 0.0
        """Requests per second that all promises take."""
        self._under_way: dict[TargetKey, int] = {}
        """Instances that are polled now, by which arm; `_PROMISED`: because of a promise."""
        self._confirming: dict[TargetKey, float] = {}
        """Arms at which a list says to look, and since when."""
        self._backing_off: dict[TargetKey, None] = {}
        self._most_walks = most_walks
        self._walks: dict[DefinitionVersion, int] = {}
        """The arms of the lists that are looked at now."""
        self._held: dict[DefinitionVersion, list[int]] = {}
        """Arms of these versions whose turn it was meanwhile."""
        self._refused: list[int] = []
        self._run = 0
        """Promises in a row that were due while arms waited."""
        self._shares, self._in_storms, self._promises_in_storms = Share(), Share(), Share()

    def __len__(self) -> int:
        """Targets that are to be polled again, including those under way."""
        return len(self._schedule) + self._instances

    @property
    def instances(self) -> int:
        """Those without a promise."""
        return self._instances

    @property
    def lists_wanted(self) -> float:
        """Requests per second that all lists take if they are looked at as often as wanted."""
        return self._wanted

    # --- targets ---

    def promise(self, key: TargetKey, interval: float, now: float, first_within: float | None = None) -> None:
        """Poll `key` every `interval`; see `Schedule.add`. One without a promise has one from now on."""
        self._drop_arm(key)
        before = self._schedule.interval(key)
        self._needed += 1 / interval - (1 / before if before is not None else 0.0)
        self._schedule.add(key, interval, now, first_within=first_within)

    def watch(self, key: TargetKey, news: InstanceNews, now: float) -> None:
        """Poll `key` when that is worth most. One with a promise has none from now on."""
        self._drop_promise(key)
        if (arm := self._arms.get(key)) is not None:
            self._renew(key, arm, news, now)
            return
        arm = self._looks.add(news.terms, now, news.last)
        self._own(arm, key)
        self._instances += 1
        for moment, chance in news.moments or ():
            self._looks.expect(arm, moment, chance, now)

    def remove(self, key: TargetKey) -> None:
        """Poll it no more; unknown keys are ignored."""
        self._drop_promise(key)
        self._drop_arm(key)

    def under_way(self, key: TargetKey) -> bool:
        return key in self._under_way

    def promised(self, key: TargetKey) -> bool:
        return self._schedule.interval(key) is not None

    def next_due(self, key: TargetKey, now: float) -> float | None:
        """When it is polled, as things are now; None for a target that is under way or unknown."""
        if key in self._under_way:
            return None
        if (arm := self._arms.get(key)) is None:
            return self._schedule.next_due(key)
        return now if key in self._confirming else self._looks.due(arm, now)

    def poll_now(self, key: TargetKey, now: float, *, confirms: bool = False) -> bool:
        """Its turn comes soon; False if it does not wait for one: unknown, under way or backing off.

        `confirms`: a list calls for it.
        """
        if (arm := self._arms.get(key)) is None:
            return self._schedule.poll_now(key, now, confirms=confirms)
        if key in self._under_way or key in self._backing_off:
            return False
        if confirms:
            self._confirming.setdefault(key, now)
        else:
            self._looks.expect(arm, now, 1.0, now)
            self._looks.wake(arm, now, now)
        return True

    def done(
        self,
        key: TargetKey,
        now: float,
        failures: int = 0,
        max_backoff: float = 0.0,
        jitter: float = 0.0,
        *,
        news: InstanceNews | None = None,
        happened: Iterable[float] = (),
    ) -> None:
        """The poll has ended. `failures` in a row, including this one, or 0. `jitter` in [0, 1).

        `news`: what is known of it now, if it has no promise. `happened`: when each fact happened that only this poll
        has shown.
        """
        arm = self._under_way.pop(key, None)
        if arm is None or arm == _PROMISED:
            self._schedule.done(key, now, failures, max_backoff, jitter)
            return
        if failures:
            self._looks.put_back(arm, now, now + backoff(_BACKOFF, failures, max_backoff, jitter))
        else:
            self._looks.looked(arm, now, happened)
        if self._arms.get(key) != arm:
            return
        if failures:
            self._backing_off[key] = None
        elif news is not None:
            self._renew(key, arm, news, now)

    def try_one(self, now: float) -> None:
        """Make one target that backs off due now: its poll shows whether the others may go on, too."""
        if self._backing_off:
            self._end_backoff(now)
        else:
            self._schedule.try_one(now)

    def reset_backoff(self, now: float, limit: int) -> bool:
        """After an outage: `limit` targets of each kind at most back off no longer; True if more remain."""
        for _ in range(min(limit, len(self._backing_off))):
            self._end_backoff(now)
        return self._schedule.reset_backoff(now, limit) or bool(self._backing_off)

    # --- lists ---

    def sweep(self, key: LookKey, terms: Terms, interval: float, now: float, last: float) -> None:
        """Look at a list when that is worth most. `interval`: seconds between two looks that are wanted."""
        rate = terms.cost / interval
        self._wanted += rate - self._intervals.get(key, 0.0)
        self._intervals[key] = rate
        if (arm := self._arms.get(key)) is not None:
            self._looks.change(arm, terms, now)
        else:
            self._own(self._looks.add(terms, now, last), key)

    def leave(self, key: LookKey) -> None:
        """Look at the list no more; unknown ones are ignored."""
        if (arm := self._arms.pop(key, None)) is not None:
            self._looks.remove(arm)
            self._wanted -= self._intervals.pop(key)

    def looked(self, key: LookKey, now: float, happened: Iterable[float] = ()) -> None:
        """The look at the list is over. `happened`: when each fact happened that it told."""
        if (arm := self._walks.pop(key.version, None)) is not None:
            self._looks.looked(arm, now, happened)
        self._release(key.version, now)

    def failed(self, key: LookKey, now: float, until: float) -> None:
        """The look told nothing, or not all; the next comes not before `until`."""
        if (arm := self._walks.pop(key.version, None)) is not None:
            self._looks.put_back(arm, now, until)
        self._release(key.version, now)

    def _release(self, version: DefinitionVersion, now: float) -> None:
        for arm in self._held.pop(version, ()):
            self._looks.put_back(arm, now, now)

    # --- whose turn it is ---

    def wait(self, now: float) -> float | None:
        """Seconds until something may be asked; 0.0: now; None: nothing waits."""
        if self._next_to_confirm() is not None:
            return 0.0
        waits = [wait for wait in (self._schedule.wait(now), self._looks.wait(now)) if wait is not None]
        return min(waits, default=None)

    def next(self, now: float, rate: float) -> DuePoll | DueLook | None:
        """What to ask now; under way until `done`, `looked` or `failed`. `rate`: requests per second that are allowed.

        None: nothing.
        """
        promises, arms = self._schedule.wait(now) == 0.0, self._looks.wait(now) == 0.0
        self._run = self._run + 1 if promises else 0
        key = self._next_to_confirm()
        if key is not None and not (arms and self._in_storms.due(_ARMS_IN_A_STORM)):
            late = promises and self._promises_in_storms.due(_PROMISES_IN_A_STORM)
            return self._next_promised(now) if late else self._confirm(key, now)
        if arms and not (promises and key is None and not self._shares.due(self._share_of_arms(rate))):
            turn = self._next_arm(now)
            if turn is not None:
                return turn
        if key is not None:
            return self._confirm(key, now)
        return self._next_promised(now) if promises else None

    def _share_of_arms(self, rate: float) -> float:
        """Of the turns at which a promise is due; none if promises leave enough to the lists by themselves.

        They do not while they are behind, as after many were made at once.
        """
        if self._needed > rate:
            return INFEASIBLE
        wanted = min(_LISTS, self._wanted / rate)
        behind = self._run > _BEHIND * rate
        return wanted if behind or self._needed > (1.0 - wanted) * rate else 0.0

    def _next_to_confirm(self) -> TargetKey | None:
        while self._confirming:
            key = next(iter(self._confirming))
            if key in self._arms and key not in self._under_way:
                return key
            del self._confirming[key]
        return None

    def _confirm(self, key: TargetKey, now: float) -> DuePoll:
        arm = self._arms[key]
        self._looks.take(arm)
        return self._begin(key, arm, now)

    def _next_promised(self, now: float) -> DuePoll | None:
        due = self._schedule.pop(now)
        if due.key in self._under_way:  # the poll of its time without a promise
            self._schedule.done(due.key, now, 0, 0.0, 0.0)
            return None
        self._under_way[due.key] = _PROMISED
        return due

    def _next_arm(self, now: float) -> DuePoll | DueLook | None:
        arm = self._looks.next(now, self._may)
        for refused in self._refused:
            self._looks.put_back(refused, now, now + _AGAIN)
        self._refused.clear()
        if arm is None:
            return None
        owner = self._owners[arm]
        if isinstance(owner, LookKey):
            self._walks[owner.version] = arm
            return DueLook(owner)
        if owner is None:
            raise RuntimeError(f"arm {arm} is nobody's")
        return self._begin(owner, arm, now)

    def _begin(self, key: TargetKey, arm: int, now: float) -> DuePoll:
        self._under_way[key] = arm
        self._backing_off.pop(key, None)
        asked_at = self._confirming.pop(key, None)
        due = now if asked_at is None else asked_at
        return DuePoll(key, due, max(now - due, 0.0), confirms=asked_at is not None)

    def _may(self, arm: int) -> bool:
        """Whether it can be looked at now: one look at the lists of a version, one poll of an instance at a time."""
        owner = self._owners[arm]
        if not isinstance(owner, LookKey):
            may = owner not in self._under_way
        elif owner.version in self._walks:
            self._held.setdefault(owner.version, []).append(arm)
            return False
        else:
            may = len(self._walks) < self._most_walks
        if not may:
            self._refused.append(arm)
        return may

    # --- arms ---

    def _own(self, arm: int, owner: TargetKey | LookKey) -> None:
        self._arms[owner] = arm
        if arm >= len(self._owners):
            self._owners.extend([None] * (arm + 1 - len(self._owners)))
        self._owners[arm] = owner

    def _renew(self, key: TargetKey, arm: int, news: InstanceNews, now: float) -> None:
        """Other terms and moments; a moment that comes first ends its rest."""
        self._looks.change(arm, news.terms, now)
        if news.moments is None:
            return
        self._looks.expect_nothing(arm, now)
        for moment, chance in news.moments:
            self._looks.expect(arm, moment, chance, now)
            if key not in self._backing_off:
                self._looks.wake(arm, moment, now)

    def _drop_arm(self, key: TargetKey) -> None:
        if (arm := self._arms.pop(key, None)) is not None:
            self._looks.remove(arm)
            self._instances -= 1
            self._backing_off.pop(key, None)
            self._confirming.pop(key, None)

    def _drop_promise(self, key: TargetKey) -> None:
        if (interval := self._schedule.interval(key)) is not None:
            self._needed -= 1 / interval
            self._schedule.remove(key)

    def _end_backoff(self, now: float) -> None:
        key = self._backing_off.popitem()[0]
        self._looks.wake(self._arms[key], now, now)
