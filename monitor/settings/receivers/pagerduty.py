"""The `pagerduty` receiver: its keys, and the notifier made from them."""

from typing import Annotated, ClassVar, Literal

from pydantic import ValidationInfo, field_validator, model_validator

from monitor.core.alerting.routing import Feed
from monitor.core.formats.urls import require_https
from monitor.core.scheduling.token_bucket import RateQuota
from monitor.notify.context import NotifierContext
from monitor.notify.incident_notifier import IncidentNotifier
from monitor.notify.pagerduty import PACE, PagerDuty
from monitor.settings import urls
from monitor.settings.fields import FromText, default
from monitor.settings.receivers.receiver import PAGES, ReceiverSection
from monitor.settings.secrets import SecretSource, one_of_two
from monitor.settings.section import URL, Flag, SecretFile, SecretVariable


class PagerDutyReceiver(ReceiverSection):
    """One incident for many alerts, and its end."""

    gets: ClassVar[Feed] = Feed.INCIDENTS
    concurrency: ClassVar[int] = PAGES
    urgent_first: ClassVar[bool] = True
    pace: ClassVar[RateQuota | None] = PACE
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("routing_key", "integration_key", "service_key", "key", "token", "secret"),
        "name a file by routing_key_file or a variable by routing_key_env",
    )

    type: Literal["pagerduty"]
    routing_key_file: SecretFile = default(None)
    """Of an integration by the Events API v2."""
    routing_key_env: SecretVariable = default(None)
    allow_http: Flag = default("false")
    """Plain http to other machines, too. The routing key is then sent without encryption."""
    base_url: Annotated[str, FromText(urls.site_url, URL)] = default("https://events.pagerduty.com")

    @field_validator("base_url")
    @classmethod
    def _refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        return require_https(url, info.data.get("allow_http", True))

    @field_validator("routing_key_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("routing_key_file"), "routing_key_file")

    @model_validator(mode="after")
    def _with_a_key(self) -> "PagerDutyReceiver":
        if not (self.routing_key_file or self.routing_key_env):
            raise ValueError("has no routing key; name a file by routing_key_file or a variable by routing_key_env")
        return self

    @property
    def routing_key(self) -> SecretSource:
        return self.routing_key_file or self.routing_key_env or SecretSource()

    def notifier(self, context: NotifierContext) -> IncidentNotifier:
        pager = PagerDuty(
            self.routing_key.read,
            now=context.now,
            base_url=self.base_url,
            client_url=context.external_url,
            timeout=self.timeout,
        )
        return IncidentNotifier.within(context, pager)
