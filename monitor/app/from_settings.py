"""Each part from its piece of the settings."""

import gc
import sys

from monitor import __version__
from monitor.alerting.publisher import AlertPolicy, PublisherConfig
from monitor.core.alerting.routing import Route
from monitor.core.detection.detect import Policy
from monitor.core.scheduling.lane import LaneLimits
from monitor.settings import AccountSettings, ApiSettings, SecretSource, Settings
from monitor.upstream.client import ClientConfig
from monitor.upstream.credentials import Credential, FileCredential, LiteralCredential, in_a_thread
from monitor.upstream.fast_zlib import use_fast_zlib
from monitor.upstream.transport import AiohttpTransport, Transport

USER_AGENT = f"workflow-monitor/{__version__}"
_GIVE_WAY = 0.0002
"""Seconds that a thread may compute while another one waits."""
_LOOK_AFTER = 10_000
"""New objects that are left; the collector looks at them within a millisecond."""


def client(api: ApiSettings) -> ClientConfig:
    return ClientConfig(
        base_url=api.base_url,
        user_agent=USER_AGENT,
        timeout=api.timeout,
        max_response_bytes=api.max_response_bytes,
        allow_http=api.allow_http,
    )


def transport(api: ApiSettings) -> Transport:
    use_fast_zlib()
    return AiohttpTransport(timeout=api.timeout, max_response_bytes=api.max_response_bytes)


def publisher(settings: Settings) -> PublisherConfig:
    return PublisherConfig(
        base_url=settings.api.base_url, external_url=settings.server.external_url, routes=routes(settings)
    )


def alert_policy(settings: Settings) -> AlertPolicy:
    alerts = settings.alerts
    return AlertPolicy(settle=alerts.settle, group_window=alerts.group_window, storm_threshold=alerts.storm_threshold)


def routes(settings: Settings) -> tuple[Route, ...]:
    return tuple(Route(r.name, r.min_severity, r.events, r.gets) for r in settings.receivers)


def detection_policy(settings: Settings) -> Policy:
    return Policy(not_found_after=settings.polling.not_found_after)


def limits(account: AccountSettings) -> LaneLimits:
    return LaneLimits(account.requests_per_second, account.burst)


def credential(secret: SecretSource) -> Credential:
    """Raises CredentialError if there is no usable key. Blocking if it is a file."""
    if secret.file is not None:
        return FileCredential(secret.file, aside=in_a_thread)
    return LiteralCredential(secret.value or "", f"variable {secret.env}")


def tune_threads() -> None:
    """Other threads (the store's, a reload's) give way to the loop soon.

    With Python's own 5 ms, each system call of the loop's thread would let them compute for so long, and a turn makes
    dozens of them.
    """
    sys.setswitchinterval(_GIVE_WAY)


def tune_gc() -> None:
    """What was loaded stays: the collector of cycles need not look at it again, which would hold the loop.

    Nor is it looked at now: that alone would take 0.2 s for 100,000 targets. What polls make dies without it, nearly
    all of it at once, so it looks more rarely than Python would.
    """
    gc.freeze()
    gc.set_threshold(_LOOK_AFTER)
