"""A circuit breaker per receiver: while it is open, one probe at a time, at growing distances."""

import enum
import math

from monitor.core.alerting.verdict import Retry, Verdict
from monitor.core.backoff import backoff

FAILURES_IN_A_ROW = 16
"""Failures of different deliveries in a row after which the receiver itself is in doubt."""


LONGEST_DOUBT = 10.0
"""Seconds between two retries for a receiver in doubt: since it answers, frequent retries do no harm."""


class BreakerState(enum.StrEnum):
    """Whether one receiver is sent what waits for it."""

    CLOSED = "closed"
    """It is."""
    IN_DOUBT = "in doubt"
    """It answers, and takes nothing: retries are probes, new deliveries go out."""
    OPEN = "open"
    """It is down: one probe at a time."""


class CircuitBreaker:
    """The state of one receiver: while it is down it gets one probe at a time, at growing distances.

    It is in doubt, rather than down, if it answers but has taken none of many different deliveries in a row. Then
    retries are the probes, but deliveries that were never tried go out as usual: one that is taken ends the doubt.

    Every send begins with `on_send` and ends with `on_result` or `on_skip`. Times are seconds on any one clock. A probe
    that is answered closes the breaker, also if the answer is a refusal or a failure of that one delivery.
    """

    def __init__(self) -> None:
        self.failed_probes = 0
        """0: the breaker is closed. 1: it has just opened."""
        self.doubted = False
        """Whether it is open only because one delivery after the other failed."""
        self._in_a_row = 0
        self._closed_until = -math.inf
        self._probing = False

    @property
    def state(self) -> BreakerState:
        if not self.failed_probes:
            return BreakerState.CLOSED
        return BreakerState.IN_DOUBT if self.doubted else BreakerState.OPEN

    def wait(self, now: float, *, fresh: bool = False) -> float:
        """Seconds until a delivery may be sent; infinite while a probe is under way. `fresh`: one never tried."""
        if fresh and self.doubted:
            return 0.0
        if self._probing:
            return math.inf
        return max(0.0, self._closed_until - now) if self.failed_probes else 0.0

    def on_send(self, *, fresh: bool = False) -> bool:
        """A delivery is being sent. True: it is the probe."""
        if fresh and self.doubted:
            return False
        self._probing = self.failed_probes > 0
        return self._probing

    def on_result(self, now: float, verdict: Verdict, jitter: float, *, probe: bool) -> None:
        """`probe`: the result of `on_send`. A send that began before the breaker opened proves no recovery."""
        if probe:
            self._probing = False
        if isinstance(verdict, Retry):
            self._failed(now, verdict, jitter, probe=probe)
        elif probe or self.doubted or not self.failed_probes:
            self._recovered()

    def on_skip(self, *, probe: bool) -> None:
        """The delivery was not sent after all: the next one is the probe in its place."""
        if probe:
            self._probing = False

    def _recovered(self) -> None:
        self.failed_probes = self._in_a_row = 0
        self.doubted = self._probing = False

    def _failed(self, now: float, verdict: Retry, jitter: float, *, probe: bool) -> None:
        self._in_a_row = 0 if verdict.receiver_down else self._in_a_row + 1
        if verdict.receiver_down or self._in_a_row >= FAILURES_IN_A_ROW:
            if probe or not self.failed_probes or (self.doubted and verdict.receiver_down):
                self._close(now, verdict, jitter)
            elif verdict.after is not None:
                self._closed_until = max(self._closed_until, now + backoff(1, 0.0, at_least=verdict.after))
        elif probe:
            self._recovered_from_outage()

    def _close(self, now: float, verdict: Retry, jitter: float) -> None:
        self.failed_probes += 1
        self.doubted = not verdict.receiver_down
        pause = backoff(self.failed_probes, jitter, at_least=verdict.after)
        self._closed_until = now + (min(pause, max(LONGEST_DOUBT, verdict.after or 0.0)) if self.doubted else pause)

    def _recovered_from_outage(self) -> None:
        """It answers again, although it took nothing."""
        self.failed_probes = 0
        self.doubted = False
