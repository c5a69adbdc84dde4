"""Pages, JSON and probes over HTTP.

The law of this folder: it reads what the daemon knows, through `view.py`. What changes something is a POST that bears
the admin token (`admission.py`): it reloads the configuration, closes an alert, has what was given up tried again.
Nothing holds the loop for longer than milliseconds, however many targets there are. Whatever is shown is escaped by
construction (`html.py`), no page loads or runs anything, and a question that is not understood is answered with what
was expected.

Read `application.py` (every path), `connections.py` (how many, and how long), `view.py` (what it needs), `probes.py`,
`api.py` with `query.py`, `listing.py` and `shapes.py`, `alerts.py` with `alert_shapes.py`, then `page.py`, `front.py`
and `target.py`.
"""

from monitor.web.application import build
from monitor.web.connections import BoundedRunner
from monitor.web.view import View

__all__ = ["BoundedRunner", "View", "build"]
