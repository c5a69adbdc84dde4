"""When to try a delivery again, and how to leave a receiver in peace that is unwell.

A transient failure is never given up: nothing is lost, however long a receiver is away. Only a receiver's own refusal
ends a delivery without success.
"""

import msgspec


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """The receiver has it."""

    detail: str = ""
    sent: bool = True
    """False: there was nothing to send any more, so nothing was learned of the receiver."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The receiver will never take it; another try would end the same."""

    detail: str


class Retry(msgspec.Struct, frozen=True, gc=False):
    """It did not work this time."""

    detail: str
    after: float | None = None
    """Seconds that the receiver asked to wait."""
    receiver_down: bool = False
    """The receiver as a whole is unwell (connection refused, timeout, throttled), not only this delivery."""


Verdict = Delivered | Refused | Retry
