"""The `apprise` receiver: its keys, and the notifier made from them."""

from typing import Annotated, ClassVar, Literal

from pydantic import ValidationInfo, field_validator, model_validator

from monitor.core.alerting.routing import Feed
from monitor.notify.context import NotifierContext
from monitor.notify.incident_notifier import IncidentNotifier
from monitor.settings.fields import FromEnvironment, FromText, default, optional
from monitor.settings.receivers.receiver import PAGES, ReceiverSection
from monitor.settings.secrets import SecretSource, each_line, from_file, from_variable, one_of_two
from monitor.settings.section import PATH, VARIABLE


class AppriseReceiver(ReceiverSection):
    """One incident for many alerts, by any service of the Apprise library: chat, e-mail and others."""

    gets: ClassVar[Feed] = Feed.INCIDENTS
    concurrency: ClassVar[int] = PAGES
    urgent_first: ClassVar[bool] = True
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("url", "urls", "token", "password", "secret"),
        "Apprise URLs hold tokens; name a file by url_file or a variable by url_env, with one URL per line",
    )

    type: Literal["apprise"]
    url_file: Annotated[SecretSource | None, optional(FromText(lambda v: from_file(v, rule=each_line), PATH))] = (
        default(None)
    )
    """Apprise URLs, one per line; a line that begins with # is ignored."""
    url_env: Annotated[
        SecretSource | None, optional(FromEnvironment(lambda v, info: from_variable(v, info, rule=each_line), VARIABLE))
    ] = default(None)

    @field_validator("url_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("url_file"), "url_file")

    @model_validator(mode="after")
    def _with_a_url(self) -> "AppriseReceiver":
        if not (self.url_file or self.url_env):
            raise ValueError("has no URL; name a file by url_file or a variable by url_env, with one URL per line")
        return self

    @property
    def urls(self) -> SecretSource:
        """The source of the Apprise URLs; see `SecretSource.read_lines`."""
        return self.url_file or self.url_env or SecretSource()

    def notifier(self, context: NotifierContext) -> IncidentNotifier:
        from monitor.notify.apprise import Apprise  # noqa: PLC0415 - the library takes a second to import

        pager = Apprise(self.urls.read_lines, timeout=self.timeout, now=context.now, threads=context.threads())
        return IncidentNotifier.within(context, pager)
