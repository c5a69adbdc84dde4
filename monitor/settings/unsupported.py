"""Parts of the contract that a later version brings. They are refused with these words, never ignored.

This is the only place: the change that brings one removes it here.
"""

from monitor import __version__

STORES = ("postgresql",)
"""Prefixes of a store's URL."""

REASON = f"not supported yet by this version ({__version__})"
