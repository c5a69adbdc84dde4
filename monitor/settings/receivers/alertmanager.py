"""The `alertmanager` receiver: its keys, and the notifier made from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from monitor.core.alerting.routing import Feed
from monitor.core.formats.urls import require_https
from monitor.notify.alertmanager import Alertmanager, Auth
from monitor.notify.context import NotifierContext
from monitor.notify.tls import Tls
from monitor.settings import urls
from monitor.settings.fields import FromText, default, duration, line, optional
from monitor.settings.receivers.receiver import ReceiverSection
from monitor.settings.secrets import SecretSource, one_of_two, readable, reader
from monitor.settings.section import PATH, URL, Flag, SecretFile, SecretVariable, Section

_BATCHED: Final = 200
"""Deliveries under way: as many as one request may hold."""
_File = Annotated[Path | None, optional(FromText(readable, PATH))]


class TlsSettings(Section):
    """TLS for https URLs."""

    ca_file: _File = default(None)
    """PEM: trusted authorities instead of the system's."""
    cert_file: _File = default(None)
    """PEM: the client certificate, with its chain."""
    key_file: _File = default(None)
    """PEM, not encrypted: the key of the certificate."""
    server_name: Annotated[str | None, optional(line(253))] = default(None)
    """The name in the server's certificate, if it is not the URL's host."""
    insecure_skip_verify: Flag = default("false")
    """Do not verify the server's certificate."""

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "TlsSettings":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: a certificate is of no use without its key")
        return self

    def for_notifier(self) -> Tls:
        return Tls(
            ca_file=_path(self.ca_file),
            cert_file=_path(self.cert_file),
            key_file=_path(self.key_file),
            server_name=self.server_name,
            insecure_skip_verify=self.insecure_skip_verify,
        )


def _path(file: Path | None) -> str | None:
    return str(file) if file is not None else None


_IN_THE_CLEAR = (
    "plain http would show the password, token or certificate to others; use https, or allow_http: true beside it"
)


def _refuse_secrets_in_the_clear(url: str, info: ValidationInfo) -> str:
    """Plain http to any host is allowed without a secret, since it is usual inside of a cluster."""
    said: Mapping[str, object] = info.data
    tls = said.get("tls")
    secrets = ("password_file", "password_env", "bearer_token_file", "bearer_token_env")
    secret = any(said.get(key) for key in secrets) or (isinstance(tls, TlsSettings) and tls.key_file is not None)
    try:
        return require_https(url, bool(said.get("allow_http", True)) or not secret)
    except ValueError:
        raise ValueError(_IN_THE_CLEAR) from None


_AlertmanagerUrl = Annotated[str, FromText(urls.site_url, URL), AfterValidator(_refuse_secrets_in_the_clear)]


class AlertmanagerReceiver(ReceiverSection):
    """Every alert and its end, posted again and again while it is open."""

    gets: ClassVar[Feed] = Feed.ALERTS
    concurrency: ClassVar[int] = _BATCHED
    literal_secrets: ClassVar[dict[str, str]] = {
        "password": "name a file by password_file or a variable by password_env",
        "basic_auth": "write username beside password_file or password_env",
        **dict.fromkeys(
            ("bearer_token", "token"), "name a file by bearer_token_file or a variable by bearer_token_env"
        ),
    }

    type: Literal["alertmanager"]
    allow_http: Flag = default("false")
    """Plain http to other machines, too, although it would show a password, token or certificate."""
    resend: Annotated[float, duration("1s", "1h")] = default("1m")
    """How often open alerts are sent again."""
    username: Annotated[str | None, optional(line(255))] = default(None)
    """For basic authentication, with a password."""
    password_file: SecretFile = default(None)
    password_env: SecretVariable = default(None)
    bearer_token_file: SecretFile = default(None)
    bearer_token_env: SecretVariable = default(None)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    urls: tuple[_AlertmanagerUrl, ...] = Field(json_schema_extra={"minItems": 1})
    """Every instance of the cluster; each one gets all alerts."""

    @field_validator("username")
    @classmethod
    def _without_colon(cls, username: str | None) -> str | None:
        if username is not None and ":" in username:
            raise ValueError("a user's name for basic authentication holds no ':'")
        return username

    @field_validator("password_env", "bearer_token_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        twin = str(info.field_name).replace("_env", "_file")
        return one_of_two(source, info.data.get(twin), twin)

    @field_validator("urls")
    @classmethod
    def _each_once(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not urls:
            raise ValueError("expected at least one URL of an Alertmanager")
        if len(set(urls)) < len(urls):
            raise ValueError("the same URL is there twice")
        return urls

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> "AlertmanagerReceiver":
        if self.username is not None and self.password is None:
            raise ValueError("username needs a password; name a file by password_file or a variable by password_env")
        if self.password is not None and self.username is None:
            raise ValueError("a password needs a username beside it")
        if self.password is not None and self.bearer_token is not None:
            raise ValueError("there is a password and a bearer token; keep one of them")
        return self

    @property
    def password(self) -> SecretSource | None:
        return self.password_file or self.password_env

    @property
    def bearer_token(self) -> SecretSource | None:
        return self.bearer_token_file or self.bearer_token_env

    def instances(self) -> list[tuple[str, Self]]:
        """One receiver for each instance, since the whole receiver succeeds with one of them."""
        if len(self.urls) == 1:
            return super().instances()
        return [
            (f"{self.name} at {urlsplit(url).netloc}", self.model_copy(update={"urls": (url,)})) for url in self.urls
        ]

    def notifier(self, context: NotifierContext) -> Alertmanager:
        try:
            return Alertmanager(
                self.name,
                self.urls,
                casebook=context.casebook,
                now=context.now,
                latest=context.latest,
                external_url=context.external_url,
                runbook_url=context.runbook_url,
                host=context.host,
                hold=context.hold,
                alive=context.alive,
                started_at=context.started_at,
                fault=context.fault,
                resend=self.resend,
                timeout=self.timeout,
                access=Auth(username=self.username, password=reader(self.password), bearer=reader(self.bearer_token)),
                tls=self.tls.for_notifier(),
            )
        except OSError as error:
            raise ValueError(f"a file of tls cannot be used: {error.strerror or type(error).__name__}") from error
