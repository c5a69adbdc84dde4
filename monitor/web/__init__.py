"""Pages, JSON and probes over HTTP.

The rule of this folder: it reads the daemon's state through `view.py`. Only a POST with the admin token
(`api/admin_token.py`) changes something: it reloads the configuration, closes an alert, or retries dead deliveries. No
request blocks the loop for longer than milliseconds, with any number of targets. All output is escaped by construction
(`pages/`), no page loads anything from another host, and an invalid request is answered with the expected form.

Read `application.py` (every path), `access.py`, `connections.py` (their limits), `view.py` (the daemon's side),
`probes.py`, `api/targets.py` with `api/query.py`, `api/pagination.py` and `api/target_schemas.py`, `api/alerts.py` with
`api/alert_schemas.py`, then `pages/`.
"""

from monitor.web.application import build
from monitor.web.connections import BoundedRunner
from monitor.web.view import View

__all__ = ["BoundedRunner", "View", "build"]
