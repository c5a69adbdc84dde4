"""The common part of all models."""

import hashlib
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from monitor.store import StoreUnavailable

_T = TypeVar("_T")
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What one page shows."""

    title: str
    http_status: int = 200

    @property
    def fingerprint(self) -> str:
        """Changes if and only if the shown facts change."""
        return hashlib.blake2b(_ENCODE(self), digest_size=12).hexdigest()


async def read(stored: Awaitable[_T]) -> _T | None:
    """None if the store cannot be read: the page shows the rest, which matters most in that case."""
    try:
        return await stored
    except StoreUnavailable:
        return None
