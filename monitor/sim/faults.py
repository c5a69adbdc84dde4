"""Failures of the API itself, in windows of time, for all accounts or for some."""

import enum

import msgspec

from monitor.sim.api_enums import Endpoint


class Trouble(enum.Enum):
    RESET = "the connection is cut without an answer"
    HANG = "no answer ever comes"
    SLOW = "the answer comes `seconds` late"
    STATUS = "answered with `status` instead (5xx)"
    THROTTLED = "429"
    UNAUTHORIZED = "401, whatever the key"
    MALFORMED = "200, but the body is not what was promised"
    STALE = "told as it was `seconds` ago, by a replica that lags"
    SKEW = "the API's clock is `seconds` ahead, in `Date` and in what it writes down"
    STALE_ROWS = "a list tells some rows as they were `seconds` ago, and lacks them if they had not started"
    LOST_ROWS = "a list lacks some rows"
    REPEATED_ROWS = "a list holds some rows twice"


class RetryAfter(enum.Enum):
    """The form of `Retry-After` in a 429."""

    SECONDS = "seconds"
    DATE = "an HTTP date"
    ABSENT = "not at all"


class Shape(enum.Enum):
    """Of a malformed body."""

    TRUNCATED = "JSON cut in the middle"
    HTML = "somebody's error page"
    EMPTY = "nothing"
    WRONG_TYPES = "JSON of other types than documented"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One failure from `begin` until `end` (exclusive), repeated each `every` seconds."""

    trouble: Trouble
    begin: float
    end: float
    accounts: tuple[str, ...] = ()
    """Empty: all."""
    endpoints: tuple[Endpoint, ...] = ()
    """Empty: all. STALE of LIST alone: a list shows new and changed instances only `seconds` later."""
    every: float | None = None
    share: float = 1.0
    """Share of requests that it affects, chosen by a stable hash of path and time."""
    seconds: float = 0.0
    status: int = 503
    retry_after: float = 1.0
    retry_form: RetryAfter = RetryAfter.SECONDS
    shape: Shape = Shape.TRUNCATED
    rows: float = 0.1
    """Share of a list's rows that a failure of rows affects, chosen by a stable hash."""
    lasting: float = 0.0
    """Seconds for which it affects the same rows; 0: others in each request; `inf`: always the same."""

    def active(self, t: float) -> bool:
        if self.every is not None and t >= self.begin:
            t = self.begin + (t - self.begin) % self.every
        return self.begin <= t < self.end

    def concerns(self, account: str) -> bool:
        return not self.accounts or account in self.accounts

    def meets(self, endpoint: Endpoint | None) -> bool:
        """Whether it affects requests of this kind; None: an undocumented path."""
        return not self.endpoints or endpoint in self.endpoints
