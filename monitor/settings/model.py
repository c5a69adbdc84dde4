"""The settings as a tree of frozen values that mirrors the YAML: its keys, types, ranges and defaults.

Durations are seconds, sizes are bytes. Whatever a file or a variable holds comes in as text; see `fields.py`.
"""

import enum
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from monitor.core.addresses import guarded
from monitor.core.model import Severity
from monitor.settings import later, urls
from monitor.settings.errors import section_in
from monitor.settings.fields import (
    Contextual,
    Written,
    choice,
    default,
    duration,
    flag,
    identifier,
    integer,
    line,
    number,
    optional,
    size,
)
from monitor.settings.globs import event_globs, paths
from monitor.settings.secrets import SecretSource, from_file, from_variable, one_of_two
from monitor.upstream.credentials import check_key

_Flag = Annotated[bool, flag()]
_PATH = {"type": "string", "minLength": 1}
_URL = {"type": "string", "format": "uri"}
_TEXTS = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
_VARIABLE = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
SecretFile = Annotated[SecretSource | None, optional(Written(from_file, _PATH))]
SecretVariable = Annotated[SecretSource | None, optional(Contextual(from_variable, _VARIABLE))]
KeyFile = Annotated[SecretSource | None, optional(Written(partial(from_file, rule=check_key), _PATH))]
KeyVariable = Annotated[SecretSource | None, optional(Contextual(partial(from_variable, rule=check_key), _VARIABLE))]


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    JSON = "json"
    CONSOLE = "console"


class ReceiverType(enum.StrEnum):
    WEBHOOK = "webhook"


class Section(BaseModel):
    """Keys that stand together."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    later_keys: ClassVar[frozenset[str]] = frozenset()
    literal_secrets: ClassVar[dict[str, str]] = {}
    """Keys under which people write a secret itself, each with what to do instead."""

    @model_validator(mode="before")
    @classmethod
    def _headings_with_nothing_under_them_say_nothing(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        headings = {
            key
            for key, value in written.items()
            if value is None and (field := cls.model_fields.get(key)) and section_in(field.annotation)
        }
        return {key: value for key, value in written.items() if key not in headings} if headings else written


class Api(Section):
    allow_http: _Flag = default("false")
    """Plain http to other machines, too. The API key then travels in the clear."""
    base_url: Annotated[str, Written(urls.site_url, _URL)] = default("https://automation.8x8.com")
    timeout: Annotated[float, duration("100ms", "10m")] = default("10s")
    """Of one request, from sending to the last byte of the answer."""
    max_response_bytes: Annotated[int, size("1KiB", "1GiB")] = default("8MiB")

    @field_validator("base_url")
    @classmethod
    def _refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        return guarded(url, info.data.get("allow_http", True))


_KEY_ADVICE = "name a file by api_key_file or a variable by api_key_env"


class Account(Section):
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(("api_key", "key", "token", "secret"), _KEY_ADVICE)

    id: Annotated[str, identifier()]
    """`accountId` in the API."""
    api_key_file: KeyFile = default(None)
    """Read again when the file changes."""
    api_key_env: KeyVariable = default(None)
    requests_per_second: Annotated[float, number(0.001, 10_000)] = default("10")
    """Ceiling of the lane."""
    burst: Annotated[int, integer(1, 100_000)] = default("10")
    """Requests that may go out at once after a pause."""
    max_concurrency: Annotated[int, integer(1, 10_000)] = default("20")

    @field_validator("api_key_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("api_key_file"), "api_key_file")

    @property
    def secret(self) -> SecretSource:
        """Where the API key is; an account that was loaded has one."""
        return self.api_key_file or self.api_key_env or SecretSource()


class Polling(Section):
    interval: Annotated[float, duration("100ms", "30d")] = default("30s")
    """Of a target that names none."""
    max_backoff: Annotated[float, duration("100ms", "7d")] = default("5m")
    """For a target that keeps failing."""
    blind_after: Annotated[float, duration("100ms", "7d")] = default("2m")
    """No answer from an account for so long: `monitor.blind`."""
    not_found_after: Annotated[int, integer(1, 1000)] = default("3")
    """Consecutive 404s before `workflow.not_found`."""
    retention: Annotated[float, duration("0s", "3650d")] = default("1h")
    """How long an ended target stays visible."""


class Store(Section):
    url: Annotated[str, Written(urls.store_url(later.STORES, later.REASON), _URL)] = default("sqlite:///monitor.db")


class Server(Section):
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("admin_token", "token"), "name a file by admin_token_file or a variable by admin_token_env"
    )

    host: Annotated[str, line(255)] = default("127.0.0.1")
    port: Annotated[int, integer(0, 65_535)] = default("8808")
    """0: any free port."""
    external_url: Annotated[str, Written(urls.site_url, _URL)] = default("http://localhost:8808")
    """Links in alerts begin with it."""
    admin_token_file: SecretFile = default(None)
    """Bearer token for what changes something; without one those paths answer 403."""
    admin_token_env: SecretVariable = default(None)

    @field_validator("admin_token_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("admin_token_file"), "admin_token_file")

    @property
    def admin_token(self) -> SecretSource | None:
        return self.admin_token_file or self.admin_token_env


class Receiver(Section):
    literal_secrets: ClassVar[dict[str, str]] = dict.fromkeys(
        ("signature_secret", "secret", "token", "password"),
        "name a file by signature_secret_file or a variable by signature_secret_env",
    )

    name: Annotated[str, line(100)]
    type: Annotated[ReceiverType, choice(ReceiverType, later.RECEIVER_TYPES)]
    allow_http: _Flag = default("false")
    """Plain http to other machines, too."""
    url: Annotated[str, Written(urls.web_url, _URL)] = Field(repr=False)
    """Gets every event by POST. It is shown nowhere, as it may hold a token."""
    signature_secret_file: SecretFile = default(None)
    """Signs the body by HMAC-SHA256."""
    signature_secret_env: SecretVariable = default(None)
    min_severity: Annotated[Severity, choice(Severity)] = default("warning")
    events: Annotated[tuple[str, ...], Written(event_globs, _TEXTS)] = default(["*"])
    """Globs over types of events."""
    timeout: Annotated[float, duration("100ms", "5m")] = default("10s")
    """Of one delivery."""

    @field_validator("url")
    @classmethod
    def _refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        return guarded(url, info.data.get("allow_http", True))

    @field_validator("signature_secret_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("signature_secret_file"), "signature_secret_file")

    @property
    def signature_secret(self) -> SecretSource | None:
        """Where the secret is that signs deliveries; None: they are not signed."""
        return self.signature_secret_file or self.signature_secret_env


class Log(Section):
    level: Annotated[LogLevel, choice(LogLevel)] = default("info")
    format: Annotated[LogFormat, choice(LogFormat)] = default("json")


class Document(Section):
    """All that a settings file may say."""

    later_keys: ClassVar[frozenset[str]] = later.SETTINGS

    api: Api = Field(default_factory=Api)
    accounts: tuple[Account, ...] = Field(json_schema_extra={"minItems": 1})
    watchlist: Annotated[tuple[str, ...], Written(paths, {"anyOf": [_PATH, _TEXTS]})] = default("watchlist.yaml")
    """Files of targets; globs are fine, and one that matches nothing is an error."""
    polling: Polling = Field(default_factory=Polling)
    store: Store = Field(default_factory=Store)
    server: Server = Field(default_factory=Server)
    receivers: tuple[Receiver, ...] = ()
    """None: events are logged and shown, and sent nowhere."""
    shutdown_timeout: Annotated[float, duration("0s", "10m")] = default("10s")
    """For delivering what is pending when the monitor is told to stop."""
    log: Log = Field(default_factory=Log)

    @field_validator("accounts")
    @classmethod
    def _at_least_one(cls, accounts: tuple[Account, ...]) -> tuple[Account, ...]:
        if not accounts:
            raise ValueError("expected at least one account")
        return accounts
