"""The common part of all models."""

import hashlib
from collections.abc import Awaitable, Mapping
from typing import ClassVar, TypeVar

import msgspec

from monitor.store import StoreUnavailable

_T = TypeVar("_T")
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What one page shows."""

    shown_by: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The fields that a block of the template shows, by its name; a block that is not here may show all of them."""

    title: str
    http_status: int = 200

    def fingerprint(self, block: str) -> str:
        """Changes if and only if the facts that the block shows change."""
        names = self.shown_by.get(block)
        shown = self if names is None else [getattr(self, name) for name in names]
        return hashlib.blake2b(_ENCODE(shown), digest_size=12).hexdigest()


async def read(stored: Awaitable[_T]) -> _T | None:
    """None if the store cannot be read: the page shows the rest, which matters most in that case."""
    try:
        return await stored
    except StoreUnavailable:
        return None
