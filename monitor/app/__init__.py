"""The composition root: the only place that names concrete classes.

Read `wiring.py` (every part once, each made from parts above it), `daemon.py` (in which order they start, turn and
stop), `current_settings.py` (what a reload may change) and `reloader.py` (how it does). `accounts.py` and
`receivers.py` hold what there is one of for each account and receiver; `from_settings.py` and `notifiers.py` turn
settings into what parts take; `view.py` is what the pages see; `drill.py` sends a test alert.
"""

from monitor.app.daemon import Daemon
from monitor.app.descriptors import raise_limit
from monitor.app.drill import Drilled, drill, drill_text, unusable
from monitor.app.environment import AlreadyRunningError, Environment, StartError, utc_now
from monitor.app.from_settings import routes
from monitor.app.watchlist_losses import losses

__all__ = [
    "AlreadyRunningError",
    "Daemon",
    "Drilled",
    "Environment",
    "StartError",
    "drill",
    "drill_text",
    "losses",
    "raise_limit",
    "routes",
    "unusable",
    "utc_now",
]
