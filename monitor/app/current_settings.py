"""The settings in force: the one place from which every part reads what a reload may change."""

from collections.abc import Mapping, Sequence

from monitor.alerting.publisher import AlertPolicy
from monitor.app import from_settings
from monitor.core.detection.detect import Policy
from monitor.core.discovery.following import Discovery
from monitor.core.model import Target, TargetKey
from monitor.settings import Settings


class CurrentSettings:
    """`replace` is called by the reloader; parts get the methods below and call them when they need the value."""

    def __init__(self, settings: Settings) -> None:
        self.replace(settings)

    def replace(self, settings: Settings) -> None:
        """From now on these are in force."""
        self.value = settings
        self._alert_policy = from_settings.alert_policy(settings)
        self._detection_policy = from_settings.detection_policy(settings)

    def alert_policy(self) -> AlertPolicy:
        return self._alert_policy

    def detection_policy(self) -> Policy:
        return self._detection_policy

    def hold(self) -> float:
        """Seconds that an event alert stays open."""
        return self.value.alerts.hold

    def unwatched_after(self) -> float:
        """Seconds that a target's alerts stay open after it left the watchlist."""
        return self.value.alerts.unwatched_after

    def step_slack(self) -> float:
        """Seconds that steps get on top of what is declared or learned."""
        return self.value.alerts.step_slack

    def retention(self) -> float:
        """Seconds that an ended target is shown."""
        return self.value.polling.retention

    def most_cached(self) -> int:
        """Targets whose full belief, and whose last answer, is kept in memory."""
        return self.value.polling.cache

    def max_backoff(self) -> float:
        """Seconds between two polls of a target that does not answer, at most."""
        return self.value.polling.max_backoff

    def blind_after(self) -> float:
        """Seconds without an answer after which an account is blind."""
        return self.value.polling.blind_after

    def watchlist(self) -> Mapping[TargetKey, Target]:
        return self.value.watchlist.targets

    def discoveries(self) -> Sequence[Discovery]:
        return self.value.watchlist.discoveries

    def is_watched(self, key: TargetKey) -> bool:
        """Whether the watchlist names it, or a discovery follows its definition."""
        return key in self.value.watchlist.targets or self.value.watchlist.is_discovered(key)
