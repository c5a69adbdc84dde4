"""Applies a changed configuration to the running daemon: the difference, and nothing where something is wrong.

What is bound at the start (the API's address, the store, the server, receivers, the log, an account's concurrency)
needs a restart; the reload says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.app import parts
from monitor.core.records import ReloadRecord
from monitor.settings import Account, ConfigurationError, Settings
from monitor.upstream.credentials import Credential, CredentialError

if TYPE_CHECKING:
    from monitor.app.daemon import Daemon

_BOUND = ("api", "store", "server", "receivers", "shutdown_timeout", "log")


class Reloading:
    """One reload."""

    def __init__(self, daemon: Daemon, new: Settings) -> None:
        self._daemon = daemon
        self._old = daemon.settings
        self._new = new
        self._before = {account.id: account for account in self._old.accounts}
        self._after = {account.id: account for account in new.accounts}

    async def apply(self, trigger: str) -> ReloadRecord:
        """Raises ConfigurationError or StoreUnavailable, and has changed nothing then."""
        credentials = self._credentials()
        daemon, new = self._daemon, self._new
        plan = await daemon.scheduler.plan(new.watchlist.targets)
        daemon.settings = new
        daemon.announcer.config = parts.poller(new)
        daemon.scheduler.retention = new.polling.retention
        added = self._after.keys() - self._before.keys()
        for name, account in self._after.items():
            if name in added:
                daemon.enlist(account, new, credentials[name])
            else:
                self._change(account, credentials[name])
        change = await daemon.scheduler.carry_out(plan)
        for name in added:
            daemon.begin(name)
        for name in self._before.keys() - self._after.keys():
            await daemon.dismiss(name)
        if bound := self._bound():
            daemon.logs.log.warning("reload: needs a restart to take effect", keys=bound)
        counts = len(change.added), len(change.removed), len(change.changed)
        return ReloadRecord(True, daemon.now(), trigger, *counts)

    def _credentials(self) -> dict[str, Credential]:
        """Of every account; what cannot be used is told before anything is changed."""
        found: dict[str, Credential] = {}
        errors: list[str] = []
        for index, account in enumerate(self._new.accounts):
            try:
                found[account.id] = parts.credential(account.secret)
            except CredentialError as error:
                errors.append(f"{self._new.path}: accounts[{index}]: {error}")
        if errors:
            raise ConfigurationError(errors)
        return found

    def _change(self, account: Account, credential: Credential) -> None:
        """An account that stays keeps its lane with all it has learned and spent."""
        before, daemon = self._before[account.id], self._daemon
        if account.secret != before.secret:
            daemon.credentials[account.id] = credential
        member = daemon.members[account.id]
        member.gate.reconfigure(parts.limits(account))
        member.lookout.blind_after = self._new.polling.blind_after
        daemon.scheduler.configure(account.id, parts.round_of(account, self._new))

    def _bound(self) -> list[str]:
        """What changed and cannot be changed in a running process."""
        keys = [key for key in _BOUND if getattr(self._old, key) != getattr(self._new, key)]
        both = self._before.keys() & self._after.keys()
        keys += [
            f"accounts[{name}].max_concurrency"
            for name in sorted(both)
            if self._before[name].max_concurrency != self._after[name].max_concurrency
        ]
        return keys
