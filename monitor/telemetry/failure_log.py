"""Log lines about failing targets: one when a failure begins and one when it ends, not one per poll.

If a whole API fails, its targets fail together. The first few have lines of their own, then one line stands for the
account, and another one for its end.
"""

from datetime import datetime

from structlog.typing import FilteringBoundLogger

from monitor.core.model import Outcome, TargetKey
from monitor.core.records import PollRecord

_A_FEW = 10


class _AccountFailures:
    """The failing targets of one account, each with the beginning of its failure."""

    __slots__ = ("failing", "many", "since")

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.failing: dict[TargetKey, datetime] = {}
        self.many = False


class FailureLog:
    """The failing targets of all accounts."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._accounts: dict[str, _AccountFailures] = {}

    def ended_or_begun(self, record: PollRecord) -> None:
        """Write a line if this poll is the first one that fails, or the first one that succeeds again."""
        if record.outcome is not Outcome.OK:
            self._failed(record)
        elif self._accounts:
            self._answered(record)

    def forget(self, key: TargetKey) -> None:
        """The target is not watched any more; its failure ends without a line."""
        account = self._accounts.get(key.account)
        if account is not None and account.failing.pop(key, None) is not None:
            self._settle(key.account, account)

    def _failed(self, record: PollRecord) -> None:
        key = record.target.key
        if record.outcome is Outcome.THROTTLED:
            # The lane has a line for all its targets.
            return
        account = self._accounts.get(key.account)
        if account is None:
            account = self._accounts[key.account] = _AccountFailures(record.observed_at)
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

    def _settle(self, name: str, account: _AccountFailures, at: datetime | None = None) -> None:
        if account.failing:
            return
        del self._accounts[name]
        if account.many:
            took = {"seconds": round((at - account.since).total_seconds(), 3)} if at is not None else {}
            self._log.info("account.recovered", account=name, **took)


def named(record: PollRecord) -> dict[str, str]:
    """The fields of a line that name the target of a poll."""
    account, definition, workflow = record.target.key
    names = {"account": account, "definition": definition, "workflow": workflow}
    return names if record.target.name is None else names | {"name": record.target.name}
