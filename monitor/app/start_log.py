"""The first lines of a log: version, API, accounts, receivers, store, and warnings about the configuration."""

from structlog.typing import FilteringBoundLogger

from monitor import __version__
from monitor.core.formats.urls import without_password
from monitor.settings import Settings, warnings_at_start


def log_start(log: FilteringBoundLogger, settings: Settings) -> None:
    log.info(
        "starting",
        version=__version__,
        base_url=settings.api.base_url,
        accounts=[account.id for account in settings.accounts],
        targets=len(settings.watchlist.targets),
        discoveries=len(settings.watchlist.discoveries),
        receivers=[f"{receiver.name} ({receiver.type})" for receiver in settings.receivers],
        store=without_password(settings.store.url),
    )
    for warning in warnings_at_start(settings):
        log.warning("config.warning", warning=warning)
