"""A circuit breaker per receiver: while it is open, one probe at a time, further and further apart."""

import math

from monitor.core.alerting.verdict import Retry, Verdict
from monitor.core.backoff import backoff

FAILURES_IN_A_ROW = 16
"""So many different failures without a success between them put the receiver in doubt, not only the deliveries."""


LONGEST_DOUBT = 10.0
"""Seconds between two retries for a receiver that is in doubt: it answers, so that it is no burden to ask it."""


class CircuitBreaker:
    """How one receiver is: while it is unwell it gets one probe at a time, further and further apart.

    It is in doubt, rather than down, if it answers and has taken nothing for many different deliveries in a row. Then
    retries are the probes, but what was never tried goes out as always: it may be taken, and ends the doubt.

    Every send begins with `began` and ends with `ended`. Times are seconds on one clock, whichever. A probe that is
    answered makes it well again, also by a refusal or by a failure of that one delivery.
    """

    def __init__(self) -> None:
        self.failed_probes = 0
        """0: it is well. 1: it has just fallen ill."""
        self.doubted = False
        """Whether it is unwell only in that it fails one delivery after the other."""
        self._in_a_row = 0
        self._closed_until = -math.inf
        self._probing = False

    def wait(self, now: float, *, fresh: bool = False) -> float:
        """Seconds until something may be sent; infinite while a probe is out. `fresh`: something never tried."""
        if fresh and self.doubted:
            return 0.0
        if self._probing:
            return math.inf
        return max(0.0, self._closed_until - now) if self.failed_probes else 0.0

    def on_send(self, *, fresh: bool = False) -> bool:
        """Something is being sent. True: it is the probe."""
        if fresh and self.doubted:
            return False
        self._probing = self.failed_probes > 0
        return self._probing

    def on_result(self, now: float, verdict: Verdict, jitter: float, *, probe: bool) -> None:
        """`probe`: what `began` said. Whatever was sent before it fell ill says nothing about its recovery."""
        if probe:
            self._probing = False
        if isinstance(verdict, Retry):
            self._failed(now, verdict, jitter, probe=probe)
        elif probe or self.doubted or not self.failed_probes:
            self._recovered()

    def on_skip(self, *, probe: bool) -> None:
        """What had begun was not sent after all: the next one is the probe in its place."""
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
        """It answers again, though it took nothing."""
        self.failed_probes = 0
        self.doubted = False
