"""The plan of the budget: requests per second needed and allowed, and the worst detection delay."""

import math
from collections.abc import Iterable, Mapping

import msgspec

from monitor.core.formats.units import format_duration
from monitor.core.model import Target


class Budget(msgspec.Struct, frozen=True):
    """The limits of one account."""

    requests_per_second: float
    max_concurrency: int


class AccountPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The budget of one account and the need of its targets."""

    account: str
    targets: int
    needed: float
    """Requests per second: one per target and interval, while all of them run. An ended target is not polled."""
    allowed: float
    """Requests per second: the ceiling of the lane."""
    shortest: float
    longest: float
    """The longest configured interval, in seconds; 0.0 without targets."""
    timeout: float
    """Seconds that one request may take."""
    max_concurrency: int

    @property
    def sufficient(self) -> bool:
        return self.needed <= self.allowed

    @property
    def stretch(self) -> float:
        """The factor by which every interval becomes longer to keep the budget; 1.0 if the budget suffices."""
        return max(self.needed / self.allowed, 1.0)

    @property
    def detection_delay(self) -> float:
        """Seconds from a change to its detection, at worst: the longest interval, stretched, and one full timeout.

        It assumes an API that answers, and excludes outages, closed lanes and back-offs.
        """
        return self.longest * self.stretch + self.timeout if self.targets else 0.0

    @property
    def latency_allowed(self) -> float:
        """Seconds that answers may take on average before `max_concurrency` limits the rate."""
        rate = min(self.needed, self.allowed)
        return self.max_concurrency / rate if rate else math.inf

    def text(self) -> str:
        if not self.targets:
            return f"account {self.account}: no targets; allowed {self.allowed:g} requests/s"
        lines = [
            f"account {self.account}: {self.targets:,} target{'s' if self.targets != 1 else ''}",
            f"  needed    {_rate(self.needed)} requests/s (one per target and interval, while all of them run)",
            f"  allowed   {_rate(self.allowed)} requests/s",
            f"  interval  {self._intervals()}",
            f"  worst-case detection delay {self._delay()}",
            *self._warnings(),
        ]
        return "\n".join(lines)

    def _delay(self) -> str:
        counted = f"longest interval and a timeout of {format_duration(self.timeout)}, while the API answers"
        return f"{format_duration(self.detection_delay)} ({counted})"

    def _intervals(self) -> str:
        asked = _span(self.shortest, self.longest)
        if self.sufficient:
            return f"{asked}, as asked for"
        return f"{asked} asked for, stretched {self.stretch:.3g} times to " + _span(
            self.shortest * self.stretch, self.longest * self.stretch
        )

    def _warnings(self) -> Iterable[str]:
        if not self.sufficient:
            yield (
                f"  WARNING: {_rate(self.needed)} requests/s needed, {_rate(self.allowed)} allowed:"
                f" every interval is stretched {self.stretch:.3g} times. Raise requests_per_second to"
                f" {math.ceil(self.needed)} if the API allows it, or lengthen the intervals, or watch fewer targets."
            )
        if self.latency_allowed < self.timeout:
            yield (
                f"  note: this rate is reached while answers take less than {format_duration(self.latency_allowed)};"
                f" beyond that, max_concurrency {self.max_concurrency} limits it."
            )


class Plan(msgspec.Struct, frozen=True):
    """The plan of every account."""

    accounts: tuple[AccountPlan, ...]

    @property
    def sufficient(self) -> bool:
        return all(account.sufficient for account in self.accounts)

    def text(self) -> str:
        """For people; several lines, without a newline at the end."""
        return "\n".join(account.text() for account in self.accounts)


def plan(targets: Iterable[Target], budgets: Mapping[str, Budget], timeout: float) -> Plan:
    """The plan for these targets; `budgets` holds the account of each. `timeout`: seconds that one request may take."""
    intervals: dict[str, list[float]] = {account: [] for account in budgets}
    for target in targets:
        intervals[target.key.account].append(target.interval)
    return Plan(
        tuple(
            AccountPlan(
                account=account,
                targets=len(asked),
                needed=math.fsum(1 / interval for interval in asked),
                allowed=budgets[account].requests_per_second,
                shortest=min(asked, default=0.0),
                longest=max(asked, default=0.0),
                timeout=timeout,
                max_concurrency=budgets[account].max_concurrency,
            )
            for account, asked in intervals.items()
        )
    )


def _rate(requests_per_second: float) -> str:
    return (
        f"{requests_per_second:,.2f}".rstrip("0").rstrip(".")
        if requests_per_second >= 1
        else f"{requests_per_second:.3g}"
    )


def _span(shortest: float, longest: float) -> str:
    if format_duration(shortest) == format_duration(longest):
        return format_duration(longest)
    return f"{format_duration(shortest)} to {format_duration(longest)}"
