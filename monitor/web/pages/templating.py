"""Templates: jinja2, which escapes everything, and refuses a name that a model does not have."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor import __version__
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.formats.units import format_duration
from monitor.web.pages.charts import bars, polyline

NAVIGATION: Final = (
    ("/", "Overview"),
    ("/alerts", "Alerts"),
    ("/definitions", "Definitions"),
    ("/targets", "Targets"),
    ("/events", "Events"),
    ("/receivers", "Receivers"),
)
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Templates:
    def __init__(self, now: Callable[[], datetime], *, url: Callable[[str], str], static: Callable[[str], str]) -> None:
        """`url` and `static`: what a browser asks for, by a path of ours and by the plain name of a file."""
        self._environment = environment = Environment(
            loader=PackageLoader("monitor.web.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters |= {
            "iso": format_timestamp,
            "utc": _utc,
            "relative": lambda moment: relative((now() - moment).total_seconds()),
            "duration": format_duration,
            "polyline": polyline,
            "bars": bars,
        }
        environment.tests["web_url"] = is_web_url
        environment.globals |= {
            "NAVIGATION": NAVIGATION,
            "VERSION": __version__,
            "now": now,
            "url": url,
            "static": static,
        }
        environment.globals["ui"] = environment.get_template("macros.html").module

    def page(self, name: str, variables: Mapping[str, Any]) -> str:
        """The whole page."""
        return self._environment.get_template(name).render(variables)

    def fragment(self, name: str, block: str, variables: Mapping[str, Any]) -> str | None:
        """One named block of the page; None: it has no such block."""
        template = self._environment.get_template(name)
        if block not in template.blocks:
            return None
        return "".join(template.blocks[block](template.new_context(dict(variables))))


def relative(seconds: float) -> str:
    """`3 min ago`, `in 2 h`."""
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= size), (1, "s"))
    words = f"{int(abs(seconds) // size)} {unit}"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def is_web_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _utc(moment: datetime) -> str:
    return f"{moment.isoformat(' ', 'seconds')[:19]} UTC"  # strftime takes ten times as long
