"""Requests of a command to the API for one account, without the daemon: the client, and error messages.

A command starts with one permit; more come at the account's rate, since a daemon may use the same account.
"""

import contextlib
import random
from collections.abc import AsyncIterator

from monitor.app import from_settings
from monitor.app.environment import utc_now
from monitor.commands.options import UsageError
from monitor.core.model import Outcome, PollFailed
from monitor.settings import AccountSettings, Settings
from monitor.upstream.client import Client
from monitor.upstream.rate_limiter import RateLimiter


class LookFailedError(Exception):
    """The API did not answer as it should; the message names its address, the account and where its key is."""

    def __init__(self, settings: Settings, account: AccountSettings, failed: PollFailed) -> None:
        super().__init__(trouble(settings, account, failed))
        self.outcome: Outcome = failed.outcome


def account_named(settings: Settings, name: str) -> AccountSettings:
    """Raises UsageError if it is not configured."""
    known = {account.id: account for account in settings.accounts}
    if name not in known:
        raise UsageError(f"account {name!r} is not configured; {settings.path} has {', '.join(known)}")
    return known[name]


@contextlib.asynccontextmanager
async def client_of(settings: Settings, account: AccountSettings) -> AsyncIterator[tuple[Client, RateLimiter]]:
    """A client for this account only, and its rate limiter."""
    gate = RateLimiter(
        account.id, from_settings.limits(account), now=utc_now, jitter=random.random, report=lambda _: None, permits=1
    )
    credentials = {account.id: from_settings.credential(account.secret)}
    transport = from_settings.transport(settings.api)
    config = from_settings.client(settings.api)
    try:
        client = Client(config, credentials, {account.id: gate}, transport, now=utc_now, report=lambda _: None)
        yield client, gate
    finally:
        await transport.close()


def trouble(settings: Settings, account: AccountSettings, failed: PollFailed) -> str:
    """The API's message, then its address, the account and the place of the key."""
    asked = f"asked {settings.api.base_url}, account {account.id}, by the key in {account.secret.place}"
    return f"{failed.outcome.value}: {failed.detail.rstrip('.')}; {asked}"
