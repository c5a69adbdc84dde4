"""Whether a watchlist has lost by accident what the daemon watched: asked before a start or a reload, by `check`."""

from monitor.core.watchlist import lost_half
from monitor.settings import Settings
from monitor.store import running_targets


def losses(settings: Settings) -> list[str]:
    """A warning if the list has lost more than half of what ran of late by what the store says. Blocking."""
    watchlist = settings.watchlist
    running = [key for key in running_targets(settings.store.url) or () if not watchlist.is_discovered(key)]
    gone = sum(key not in watchlist.targets for key in running)
    if not lost_half(len(running), gone):
        return []
    lost = f"{gone:,} of the {len(running):,} targets that ran of late are not in it"
    return [f"{settings.path}: watchlist: {lost}: was it cut, or does a glob match less?"]
