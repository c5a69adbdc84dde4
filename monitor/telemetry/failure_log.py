"""Which targets fail, and which of that is worth a line: where it begins and where it ends, not each poll.

When a whole API fails, its targets fail together. The first few speak for themselves, then one line speaks for the
account, and one says that it is over.
"""

from datetime import datetime

from structlog.typing import FilteringBoundLogger

from monitor.core.model import Outcome, TargetKey
from monitor.core.records import PollRecord

_A_FEW = 10


class _Account:
    """The targets of one account that fail now, each with when it began."""

    __slots__ = ("failing", "many", "since")

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.failing: dict[TargetKey, datetime] = {}
        self.many = False


class FailureLog:
    """Failing polls, across polls."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._accounts: dict[str, _Account] = {}

    def ended_or_begun(self, record: PollRecord) -> None:
        """Say it where this poll is the first that fails, or the first that does not any more."""
        if record.outcome is not Outcome.OK:
            self._failed(record)
        elif self._accounts:
            self._answered(record)

    def forget(self, key: TargetKey) -> None:
        """The target is not watched any more; that ends its trouble, and is no news."""
        account = self._accounts.get(key.account)
        if account is not None and account.failing.pop(key, None) is not None:
            self._settle(key.account, account)

    def _failed(self, record: PollRecord) -> None:
        key = record.target.key
        if record.outcome is Outcome.THROTTLED:
            # The lane speaks for all its targets.
            return
        account = self._accounts.get(key.account)
        if account is None:
            account = self._accounts[key.account] = _Account(record.observed_at)
        if key in account.failing:
            return
        account.failing[key] = record.observed_at
        facts = {"outcome": record.outcome.value, "detail": record.detail}
        if len(account.failing) <= _A_FEW and not account.many:
            self._log.warning("poll.failing", **named(record), **facts)
        elif not account.many:
            account.many = True
            self._log.warning("account.failing", account=key.account, targets=len(account.failing), **facts)

    def _answered(self, record: PollRecord) -> None:
        key = record.target.key
        account = self._accounts.get(key.account)
        since = account.failing.pop(key, None) if account is not None else None
        if account is None or since is None:
            return
        if not account.many:
            seconds = (record.observed_at - since).total_seconds()
            self._log.info("poll.recovered", **named(record), seconds=round(seconds, 3))
        self._settle(key.account, account, record.observed_at)

    def _settle(self, name: str, account: _Account, at: datetime | None = None) -> None:
        if account.failing:
            return
        del self._accounts[name]
        if account.many:
            took = {"seconds": round((at - account.since).total_seconds(), 3)} if at is not None else {}
            self._log.info("account.recovered", account=name, **took)


def named(record: PollRecord) -> dict[str, str]:
    """The target of a poll, as lines name it."""
    account, definition, workflow = record.target.key
    names = {"account": account, "definition": definition, "workflow": workflow}
    return names if record.target.name is None else names | {"name": record.target.name}
