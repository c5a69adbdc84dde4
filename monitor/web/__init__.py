"""Pages, JSON and probes over HTTP.

The law of this folder: it reads what the daemon knows, through `view.py`, and changes nothing but by `POST /-/reload`.
It holds the loop for milliseconds, however many targets there are. Whatever is shown is escaped by construction
(`html.py`), no page loads or runs anything, and a question that is not understood is answered with what was expected.

Read `application.py` (every path), `view.py` (what it needs), `probes.py`, `api.py` with `query.py`, `listing.py` and
`shapes.py`, then `pages.py`.
"""

from monitor.web.application import build
from monitor.web.view import View

__all__ = ["View", "build"]
