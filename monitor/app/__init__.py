"""The composition root: the only place that names concrete classes.

`daemon.py` is the order in which things start, turn and stop; `parts.py` makes each part from the settings;
`start_log.py` is what a log begins with; `reloading.py` applies a changed configuration; `view.py` is what the pages
see; `look.py` polls once, `drill.py` sends a test alert.
"""

from monitor.app.daemon import Daemon
from monitor.app.descriptors import raise_limit
from monitor.app.drill import Drilled, drill, drill_text, unusable
from monitor.app.environment import AlreadyRunningError, StartError, Surroundings, utc_now
from monitor.app.from_settings import routes
from monitor.app.watchlist_losses import losses
from monitor.commands.status import LookFailedError, as_json, as_text, look, try_key

__all__ = [
    "AlreadyRunningError",
    "Daemon",
    "Drilled",
    "LookFailedError",
    "StartError",
    "Surroundings",
    "as_json",
    "as_text",
    "drill",
    "drill_text",
    "look",
    "losses",
    "raise_limit",
    "routes",
    "try_key",
    "unusable",
    "utc_now",
]
