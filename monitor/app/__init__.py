"""The composition root: the only place that names concrete classes.

`daemon.py` is the order in which things start, turn and stop; `from_settings.py` makes each part from the settings;
`start_log.py` is what a log begins with; `reloader.py` applies a changed configuration; `view.py` is what the pages
see; `drill.py` sends a test alert.
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
