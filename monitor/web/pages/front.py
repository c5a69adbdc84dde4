"""The front page: the monitor's state, the open alerts with their notifications, and links to the rest."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from monitor import __version__
from monitor.store import DeliveryStatus, Notification, OpenAlert
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.html import Html, facts, link, table, tag
from monitor.web.pages.layout import UNREADABLE, page, prefix, read, shown
from monitor.web.view import View

_PATHS: Final = (
    ("/metrics", "for Prometheus"),
    ("/api/v1/targets", "what is watched, and what is believed of it"),
    ("/api/v1/events", "what was told, oldest first"),
    ("/api/v1/alerts", "what is open now, and who was told of it"),
    ("/api/v1/deliveries", "what was sent where, what is pending, and what was given up"),
    ("/-/healthy", "whether every loop turns"),
    ("/-/ready", "whether it is ready"),
)
_MOST_ALERTS = 50
_ORDER: Final = (DeliveryStatus.DELIVERED, DeliveryStatus.PENDING, DeliveryStatus.DEAD)


class Front:
    def __init__(self, view: View, *, external_url: str) -> None:
        self._view = view
        self._prefix = prefix(external_url)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.front)]

    async def front(self, _request: web.Request) -> web.Response:
        alerts = await read(self._view.alerts())
        reason = self._view.ready()
        totals = self._view.totals()
        stuck = [name for name, loop in self._view.loops().items() if not loop.turns]
        return page(
            "workflow-monitor",
            facts([
                ("version", __version__),
                ("ready", "yes" if reason is None else f"no: {reason}"),
                ("healthy", f"no: {', '.join(stuck)} stuck" if stuck else "yes"),
            ]),
            tag("h2", "Targets"),
            table(("status", "targets"), ((status.value, str(count)) for status, count in totals.items())),
            tag("h2", "Open alerts" if alerts is None else f"Open alerts: {len(alerts)}"),
            UNREADABLE if alerts is None else self._alerts(alerts[:_MOST_ALERTS]),
            tag("h2", "More"),
            facts((link(self._prefix + path, path), text) for path, text in _PATHS),
        )  # fmt: skip

    def _alerts(self, alerts: Iterable[OpenAlert]) -> Html:
        return table(
            ("since", "severity", "what", "told"),
            (
                (
                    shown(opened.alert.opened_at),
                    tag("span", opened.alert.severity.value, class_=opened.alert.severity.value),
                    self._what(opened),
                    _told(opened.tellings),
                )
                for opened in alerts
            ),
        )

    def _what(self, opened: OpenAlert) -> str:
        summary, key = opened.alert.event.summary, opened.alert.key
        return summary if key is None else link(self._prefix + path_of(key), summary)


def _told(tellings: Iterable[Notification]) -> Html:
    """Each receiver, and whether it has the alert, i.e. acknowledged any notification of it."""
    best: dict[str, Notification] = {}
    for telling in tellings:
        known = best.setdefault(telling.receiver, telling)
        if _ORDER.index(telling.status) < _ORDER.index(known.status):
            best[telling.receiver] = telling
    if not best:
        return tag("span", "nobody: no receiver takes it")
    return tag("div", *(tag("div", _standing(telling), class_=telling.status.value) for telling in best.values()))


def _standing(telling: Notification) -> str:
    match telling.status:
        case DeliveryStatus.DELIVERED:
            return f"{telling.receiver}: has it since {shown(telling.at)}"
        case DeliveryStatus.PENDING:
            tries = "1 try" if telling.attempts == 1 else f"{telling.attempts} tries"
            word = f"pending after {tries}" if telling.attempts else "pending"
        case DeliveryStatus.DEAD:
            word = "given up"
    return f"{telling.receiver}: {word}" + (f": {telling.detail}" if telling.detail else "")
