"""The undocumented behaviour of an API's lists."""

import enum

import msgspec


class Offset(enum.Enum):
    """The two readings of a list's `offset`."""

    ITEM = "so many items are skipped"
    PAGE = "so many pages of `limit` items are skipped"


class ListOrder(enum.Enum):
    """The meaning of "newest first" in a list of instances."""

    STARTED = "by `startedAt`"
    CREATED = "by the creation of the instance, when its trigger was raised"


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """The choices that the documentation leaves open for lists."""

    offset: Offset = Offset.ITEM
    order: ListOrder = ListOrder.STARTED
    from_inclusive: bool = True
    """An instance that started exactly at `startTimeFrom` is in the list."""
    to_inclusive: bool = True
    """The same for `startTimeTo`."""
    whole_starts: bool = False
    """The bounds are compared with the exact start, of which a row shows only two digits of the second."""
