"""How an API's lists behave, of which its document says nothing."""

import enum

import msgspec


class Offset(enum.Enum):
    """The two readings of a list's `offset`."""

    ITEM = "so many items are skipped"
    PAGE = "so many pages of `limit` items are skipped"


class Order(enum.Enum):
    """What "newest first" means in a list of instances."""

    STARTED = "by `startedAt`"
    CREATED = "by the creation of the instance, when its trigger was raised"


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """What the document leaves open about lists."""

    offset: Offset = Offset.ITEM
    order: Order = Order.STARTED
    from_inclusive: bool = True
    """An instance that started exactly at `startTimeFrom` is in the list."""
    to_inclusive: bool = True
    """The same of `startTimeTo`."""
    whole_starts: bool = False
    """The bounds are compared with the start itself, of which a row tells two digits of the second only."""
