"""Who is told: one frozen section per type of receiver, with the keys of that type and no others."""

import difflib
import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from monitor.core.alerting.routing import Feed
from monitor.core.event_types import Severity
from monitor.core.formats.urls import require_https
from monitor.settings import urls
from monitor.settings.errors import tag_of
from monitor.settings.fields import FromEnvironment, FromText, choice, default, duration, line, optional
from monitor.settings.globs import event_globs
from monitor.settings.secrets import SecretSource, each_line, from_file, from_variable, one_of_two, readable
from monitor.settings.section import PATH, TEXTS, URL, VARIABLE, Flag, SecretFile, SecretVariable, Section


class ReceiverType(enum.StrEnum):
    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"
    PAGERDUTY = "pagerduty"
    APPRISE = "apprise"


class _Receiver(Section):
    """What every type has."""

    gets: ClassVar[Feed]
    """What this type is told."""

    name: Annotated[str, line(100)]
    min_severity: Annotated[Severity, choice(Severity)] = default("warning")
    events: Annotated[tuple[str, ...], FromText(event_globs, TEXTS)] = default(["*"])
    """Globs over types of events."""
    timeout: Annotated[float, duration("100ms", "5m")] = default("10s")
    """Of one delivery."""


class WebhookReceiver(_Receiver):
    """Every event by itself."""

    gets: ClassVar[Feed] = Feed.EVENTS
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("signature_secret", "secret", "token", "password"),
        "name a file by signature_secret_file or a variable by signature_secret_env",
    )

    type: Literal[ReceiverType.WEBHOOK]
    allow_http: Flag = default("false")
    """Plain http to other machines, too."""
    url: Annotated[str, FromText(urls.web_url, URL)] = Field(repr=False)
    """Gets every event by POST. It is shown nowhere, as it may hold a token."""
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
        """Where the secret is that signs deliveries; None: they are not signed."""
        return self.signature_secret_file or self.signature_secret_env


_File = Annotated[Path | None, optional(FromText(readable, PATH))]


class Tls(Section):
    """How to meet servers that want https."""

    ca_file: _File = default(None)
    """PEM: whom to trust, in place of the system's authorities."""
    cert_file: _File = default(None)
    """PEM: the certificate to show, with its chain."""
    key_file: _File = default(None)
    """PEM, not encrypted: the key of the certificate."""
    server_name: Annotated[str | None, optional(line(253))] = default(None)
    """What the server's certificate is for, where that is not the URL's host."""
    insecure_skip_verify: Flag = default("false")
    """Trust anybody who answers."""

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "Tls":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together: a certificate is of no use without its key")
        return self


_IN_THE_CLEAR = (
    "plain http would show the password, token or certificate to others; use https, or allow_http: true beside it"
)


def _refuse_secrets_in_the_clear(url: str, info: ValidationInfo) -> str:
    """Alerts without a secret go to any host by plain http: inside of a cluster nobody speaks anything else."""
    said: Mapping[str, object] = info.data
    tls = said.get("tls")
    secrets = ("password_file", "password_env", "bearer_token_file", "bearer_token_env")
    secret = any(said.get(key) for key in secrets) or (isinstance(tls, Tls) and tls.key_file is not None)
    try:
        return require_https(url, bool(said.get("allow_http", True)) or not secret)
    except ValueError:
        raise ValueError(_IN_THE_CLEAR) from None


_AlertmanagerUrl = Annotated[str, FromText(urls.site_url, URL), AfterValidator(_refuse_secrets_in_the_clear)]


class AlertmanagerReceiver(_Receiver):
    """Every alert and its end, told again and again while it is open."""

    gets: ClassVar[Feed] = Feed.ALERTS
    literal_secrets: ClassVar[dict[str, str]] = {
        "password": "name a file by password_file or a variable by password_env",
        "basic_auth": "write username beside password_file or password_env",
        **dict.fromkeys(
            ("bearer_token", "token"), "name a file by bearer_token_file or a variable by bearer_token_env"
        ),
    }

    type: Literal[ReceiverType.ALERTMANAGER]
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
    tls: Tls = Field(default_factory=Tls)
    urls: tuple[_AlertmanagerUrl, ...] = Field(json_schema_extra={"minItems": 1})
    """Every instance of the cluster; each one gets everything."""

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


class PagerDutyReceiver(_Receiver):
    """One incident for many alerts, and its end."""

    gets: ClassVar[Feed] = Feed.INCIDENTS
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("routing_key", "integration_key", "service_key", "key", "token", "secret"),
        "name a file by routing_key_file or a variable by routing_key_env",
    )

    type: Literal[ReceiverType.PAGERDUTY]
    routing_key_file: SecretFile = default(None)
    """Of an integration by the Events API v2."""
    routing_key_env: SecretVariable = default(None)
    allow_http: Flag = default("false")
    """Plain http to other machines, too. The routing key then travels in the clear."""
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


class AppriseReceiver(_Receiver):
    """One incident for many alerts, by whatever the Apprise library speaks: chat, e-mail and the rest."""

    gets: ClassVar[Feed] = Feed.INCIDENTS
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("url", "urls", "token", "password", "secret"),
        "Apprise URLs hold tokens; name a file by url_file or a variable by url_env, with one URL per line",
    )

    type: Literal[ReceiverType.APPRISE]
    url_file: Annotated[SecretSource | None, optional(FromText(lambda v: from_file(v, rule=each_line), PATH))] = (
        default(None)
    )
    """Apprise URLs, one per line; a line that begins with # does not count."""
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
        """Where the Apprise URLs are; see `SecretSource.read_lines`."""
        return self.url_file or self.url_env or SecretSource()


Receiver = Annotated[
    WebhookReceiver | AlertmanagerReceiver | PagerDutyReceiver | AppriseReceiver, Field(discriminator="type")
]


def _foreign_keys(section: type[_Receiver], others: Sequence[type[_Receiver]]) -> dict[str, str]:
    """The keys that only other types have, each with what to say of it."""
    reasons: dict[str, str] = {}
    for key in dict.fromkeys(key for other in others for key in other.model_fields):
        owners = " and ".join(str(tag_of(other)) for other in others if key in other.model_fields)
        near = difflib.get_close_matches(key, section.model_fields, n=1)
        advice = f"takes {near[0]!r}" if near else "has no such key"
        reasons[key] = f"{key!r} is for {owners}; {tag_of(section)} {advice}"
    return {key: reason for key, reason in reasons.items() if key not in section.model_fields}


_TYPES = (WebhookReceiver, AlertmanagerReceiver, PagerDutyReceiver, AppriseReceiver)
for _type in _TYPES:
    _type.foreign_keys = _foreign_keys(_type, [other for other in _TYPES if other is not _type])
