"""How often a receiver may be sent anything, where it limits its callers by the minute."""

import msgspec

from monitor.core.scheduling.token_bucket import Bucket

_WINDOW = 60.0
"""Seconds."""


class Pace(msgspec.Struct, frozen=True, gc=False):
    """No window of 60 s, its ends included, holds more than `per_minute` sends; the rest is as `core/scheduling/token_bucket.py` says.

    A window holds at most its burst and what the rate lets in, so what is saved for a burst is taken off the rate.
    """

    per_minute: int
    burst: int = 10
    """So many go out at once after a quiet time; fewer than `per_minute`."""

    def begun(self, now: float) -> Bucket:
        """With nothing saved: what an earlier process sent a moment ago counts, too."""
        return Bucket.holding(0, (self.per_minute - self.burst) / _WINDOW, self.burst, now)
