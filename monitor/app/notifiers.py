"""Receivers from their settings: who speaks to them, and how they are to be delivered to."""

from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from typing import assert_never

import msgspec

from monitor.alerting import deliverer
from monitor.core.text.links import RUNBOOK
from monitor.notify import Notifier
from monitor.notify.alertmanager import Alertmanager, Auth
from monitor.notify.daemon_threads import DaemonThreadExecutor
from monitor.notify.incident_notifier import IncidentNotifier
from monitor.notify.notifier import AlertReader, Pager, Tolls
from monitor.notify.pagerduty import PACE, PagerDuty
from monitor.notify.tls import Tls
from monitor.notify.webhook import Webhook
from monitor.settings import (
    AlertmanagerReceiver,
    AppriseReceiver,
    PagerDutyReceiver,
    Receiver,
    SecretSource,
    WebhookReceiver,
)

_BATCHED = 200
"""Deliveries to an Alertmanager under way: as many as one request of it may tell."""
_PAGES = 4
"""To a pager: few, so that what is most severe seldom waits for what is not."""


class NotifierContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a notifier is told of the daemon that it belongs to."""

    now: Callable[[], datetime]
    latest: Callable[[], datetime] | None = None
    """The latest that it may be now, for terms that others measure; None: `now`."""
    casebook: AlertReader
    external_url: str
    runbook_url: str = RUNBOOK
    host: str = ""
    """The name of this machine."""
    started_at: datetime
    hold: Callable[[], float] = lambda: 4 * 3600.0
    """Seconds that an event alert stays open."""
    alive: Callable[[], bool] = lambda: True
    """Whether every loop turns and the store commits."""
    tolls: Tolls = lambda _account, _definition: ()
    fault: Callable[[str, Exception], None] = lambda _loop, _error: None
    """Hears of our own errors, with the name of a loop."""
    threads: Callable[[], Executor] = DaemonThreadExecutor
    """For libraries that block."""


def notifier(receiver: Receiver, ties: NotifierContext) -> Notifier:
    """Raises ValueError, with what to do, where a file of the receiver cannot be used."""
    match receiver:
        case WebhookReceiver():
            secret = receiver.signature_secret
            return Webhook(receiver.url, now=ties.now, timeout=receiver.timeout, secret=_read(secret))
        case AlertmanagerReceiver():
            return _alertmanager(receiver, ties)
        case PagerDutyReceiver():
            pager = PagerDuty(
                receiver.routing_key.read,
                now=ties.now,
                base_url=receiver.base_url,
                client_url=ties.external_url,
                timeout=receiver.timeout,
            )
            return _incidents(pager, ties)
        case AppriseReceiver():
            from monitor.notify.apprise import Apprise  # noqa: PLC0415 - the library takes a second to import

            urls = receiver.urls.read_lines
            return _incidents(Apprise(urls, timeout=receiver.timeout, now=ties.now, threads=ties.threads()), ties)
        case _:
            assert_never(receiver)


def delivered(receiver: Receiver, notifier: Notifier) -> deliverer.Receiver:
    """How the deliverer is to treat it."""
    match receiver:
        case WebhookReceiver():
            return deliverer.Receiver(receiver.name, notifier)
        case AlertmanagerReceiver():
            return deliverer.Receiver(receiver.name, notifier, _BATCHED)
        case PagerDutyReceiver():
            return deliverer.Receiver(receiver.name, notifier, _PAGES, urgent_first=True, pace=PACE)
        case AppriseReceiver():
            return deliverer.Receiver(receiver.name, notifier, _PAGES, urgent_first=True)
        case _:
            assert_never(receiver)


def _incidents(pager: Pager, ties: NotifierContext) -> IncidentNotifier:
    return IncidentNotifier(
        pager, casebook=ties.casebook, tolls=ties.tolls, external_url=ties.external_url, runbook_url=ties.runbook_url
    )


def _alertmanager(receiver: AlertmanagerReceiver, ties: NotifierContext) -> Alertmanager:
    tls = receiver.tls
    try:
        return Alertmanager(
            receiver.name,
            receiver.urls,
            casebook=ties.casebook,
            now=ties.now,
            latest=ties.latest,
            external_url=ties.external_url,
            runbook_url=ties.runbook_url,
            host=ties.host,
            hold=ties.hold,
            alive=ties.alive,
            started_at=ties.started_at,
            fault=ties.fault,
            resend=receiver.resend,
            timeout=receiver.timeout,
            access=Auth(
                username=receiver.username,
                password=_read(receiver.password),
                bearer=_read(receiver.bearer_token),
            ),
            tls=Tls(
                ca_file=str(tls.ca_file) if tls.ca_file is not None else None,
                cert_file=str(tls.cert_file) if tls.cert_file is not None else None,
                key_file=str(tls.key_file) if tls.key_file is not None else None,
                server_name=tls.server_name,
                insecure_skip_verify=tls.insecure_skip_verify,
            ),
        )
    except OSError as error:
        raise ValueError(f"a file of tls cannot be used: {error.strerror or type(error).__name__}") from error


def _read(secret: SecretSource | None) -> Callable[[], str] | None:
    return secret.read if secret is not None else None
