"""What the contract names and a later version brings. It is refused with these words, never ignored.

This is the one place: who brings a thing takes it from here.
"""

from monitor import __version__

SETTINGS = frozenset({"alerts", "heartbeat"})
"""Keys of the settings."""
RECEIVER_TYPES = frozenset({"alertmanager", "pagerduty", "apprise"})
STORES = ("postgresql",)
"""What a store's URL begins with."""
WATCHLIST = frozenset({"discover"})
"""Keys of a watchlist."""
TARGET = frozenset({"max_runtime", "step_timeouts"})
"""Keys of a target, and of a watchlist's defaults."""
EVENT_TYPES = frozenset(
    {
        "workflow.overdue",
        "workflow.overdue_cleared",
        "workflow.step_overdue",
        "workflow.step_overdue_cleared",
        "workflow.unwatched",
    }
)

REASON = f"not supported yet by this version ({__version__})"
