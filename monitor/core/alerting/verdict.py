"""The result of one try to deliver.

A delivery with transient failures is never given up, however long a receiver is down. Only a receiver's own refusal
ends a delivery without success.
"""

import msgspec


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """The receiver has it."""

    detail: str = ""
    sent: bool = True
    """False: there was nothing to send any more, so the result says nothing about the receiver."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The receiver will never take it; another try would have the same result."""

    detail: str


class Retry(msgspec.Struct, frozen=True, gc=False):
    """The try failed; a later one may succeed."""

    detail: str
    after: float | None = None
    """Seconds that the receiver asked to wait."""
    receiver_down: bool = False
    """The receiver as a whole is down (connection refused, timeout, throttled), not only this delivery."""


Verdict = Delivered | Refused | Retry
