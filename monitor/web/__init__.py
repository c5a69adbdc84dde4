"""Pages, JSON and probes over HTTP.

The law of this folder: it reads what the daemon knows, through `view.py`. What changes something is a POST that bears
the admin token (`api/admin_token.py`): it reloads the configuration, closes an alert, has what was given up tried
again. Nothing holds the loop for longer than milliseconds, however many targets there are. Whatever is shown is escaped
by construction (`pages/html.py`), no page loads or runs anything, and a question that is not understood is answered
with what was expected.

Read `application.py` (every path), `connections.py` (how many, and how long), `view.py` (what it needs), `probes.py`,
`api/targets.py` with `api/query.py`, `api/pagination.py` and `api/target_schemas.py`, `api/alerts.py` with
`api/alert_schemas.py`, then `pages/layout.py`, `pages/front.py` and `pages/target.py`.
"""

from monitor.web.application import build
from monitor.web.connections import BoundedRunner
from monitor.web.view import View

__all__ = ["BoundedRunner", "View", "build"]
