"""What the contract names and a later version brings. It is refused with these words, never ignored.

This is the one place: who brings a thing takes it from here.
"""

from monitor import __version__

STORES = ("postgresql",)
"""What a store's URL begins with."""
WATCHLIST = frozenset({"discover"})
"""Keys of a watchlist."""

REASON = f"not supported yet by this version ({__version__})"
