"""The `webhook` receiver: its keys, and the notifier made from them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from monitor.core.alerting.routing import Feed
from monitor.core.formats.urls import require_https
from monitor.notify.context import NotifierContext
from monitor.notify.webhook import Webhook
from monitor.settings import urls
from monitor.settings.fields import FromText, default
from monitor.settings.receivers.receiver import ReceiverSection
from monitor.settings.secrets import SecretSource, one_of_two, reader
from monitor.settings.section import URL, Flag, SecretFile, SecretVariable


class WebhookReceiver(ReceiverSection):
    """Every event by itself."""

    gets: ClassVar[Feed] = Feed.EVENTS
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("signature_secret", "secret", "token", "password"),
        "name a file by signature_secret_file or a variable by signature_secret_env",
    )

    type: Literal["webhook"]
    allow_http: Flag = default("false")
    """Plain http to other machines, too."""
    url: Annotated[str, FromText(urls.web_url, URL)] = Field(repr=False)
    """Gets every event by POST. It is never shown, since it may hold a token."""
    signature_secret_file: SecretFile = default(None)
    """Signs the body by HMAC-SHA256."""
    signature_secret_env: SecretVariable = default(None)

    @field_validator("url")
    @classmethod
    def _refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        return require_https(url, info.data.get("allow_http", True))

    @field_validator("signature_secret_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("signature_secret_file"), "signature_secret_file")

    @property
    def signature_secret(self) -> SecretSource | None:
        """The source of the secret that signs deliveries; None: they are not signed."""
        return self.signature_secret_file or self.signature_secret_env

    def notifier(self, context: NotifierContext) -> Webhook:
        return Webhook(self.url, now=context.now, timeout=self.timeout, secret=reader(self.signature_secret))
