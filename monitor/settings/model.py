"""The settings as a tree of frozen values in the structure of the YAML: keys, types, ranges and defaults.

Receivers are in `receivers/`. Durations are seconds, sizes are bytes. All values of files and variables come in as
text; see `fields.py`.
"""

import enum
from typing import Annotated, ClassVar, Final
from warnings import catch_warnings, simplefilter

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from monitor.core.formats.database_urls import SCHEMA_PATTERN
from monitor.core.formats.urls import require_https
from monitor.settings import urls
from monitor.settings.fields import (
    FromText,
    choice,
    default,
    duration,
    identifier,
    integer,
    line,
    number,
    optional,
    size,
)
from monitor.settings.globs import paths
from monitor.settings.receivers import Receiver
from monitor.settings.secrets import SecretSource, one_of_two
from monitor.settings.section import PATH, TEXTS, URL, Flag, KeyFile, KeyVariable, SecretFile, SecretVariable, Section


class LogLevel(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    JSON = "json"
    CONSOLE = "console"


class ApiSettings(Section):
    allow_http: Flag = default("false")
    """Plain http to other machines, too. The API key is then sent without encryption."""
    base_url: Annotated[str, FromText(urls.site_url, URL)] = default("https://automation.8x8.com")
    timeout: Annotated[float, duration("100ms", "10m")] = default("10s")
    """Of one request, from sending to the last byte of the answer."""
    max_response_bytes: Annotated[int, size("1KiB", "1GiB")] = default("8MiB")

    @field_validator("base_url")
    @classmethod
    def _refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        return require_https(url, info.data.get("allow_http", True))


_KEY_ADVICE = "name a file by api_key_file or a variable by api_key_env"


class AccountSettings(Section):
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
        """The source of the API key; every loaded account has one."""
        return self.api_key_file or self.api_key_env or SecretSource()


class PollingSettings(Section):
    interval: Annotated[float, duration("100ms", "30d")] = default("30s")
    """Of a target without its own."""
    max_backoff: Annotated[float, duration("100ms", "7d")] = default("5m")
    """For a target that keeps failing."""
    blind_after: Annotated[float, duration("100ms", "7d")] = default("2m")
    """Time without an answer from an account before `monitor.blind`."""
    not_found_after: Annotated[int, integer(1, 1000)] = default("3")
    """Consecutive 404s before `workflow.not_found`."""
    retention: Annotated[float, duration("0s", "3650d")] = default("1h")
    """How long an ended target stays visible."""
    cache: Annotated[int, integer(1, 100_000_000)] = default("50000")
    """Targets whose full belief is kept in memory; the others are read from the store before they are polled."""


_SCHEMA: Final = {"type": "string", "pattern": SCHEMA_PATTERN}

with catch_warnings():
    simplefilter("ignore", UserWarning)  # pydantic's own `schema` is deprecated, and nothing here calls it

    class StoreSettings(Section):
        literal_secrets: ClassVar[dict[str, str]] = {"password": "name a file by password_file"}

        url: Annotated[str, FromText(urls.store_url, URL)] = default("sqlite:///monitor.db")
        schema: Annotated[str | None, optional(FromText(urls.schema_of_store, _SCHEMA))] = default(None)  # type: ignore[assignment]  # see above
        """PostgreSQL's, made if it is not there; without one, the user's search path decides."""
        password_file: SecretFile = default(None)
        """Of PostgreSQL's user; read again at each connection."""

        @field_validator("schema", "password_file")
        @classmethod
        def _only_of_a_server(cls, value: object, info: ValidationInfo) -> object:
            if value is not None and str(info.data.get("url", "")).startswith("sqlite"):
                raise ValueError("only a store on PostgreSQL has one; look at store.url")
            return value


_URL_OR_NONE: Final = {"anyOf": [dict(URL), {"type": "null"}]}


class ServerSettings(Section):
    literal_secrets: ClassVar[dict[str, str]] = {
        "admin_token": "name a file by admin_token_file or a variable by admin_token_env",
        "token": "name a file by admin_token_file or a variable by admin_token_env",
        "read_token": "name a file by read_token_file or a variable by read_token_env",
    }

    host: Annotated[str, line(255)] = default("127.0.0.1")
    port: Annotated[int, integer(0, 65_535)] = default("8808")
    """0: any free port."""
    external_url: Annotated[str, FromText(urls.site_url, _URL_OR_NONE)] = default(None)
    """Links in alerts begin with it; without a value they lead to `port` of this machine."""
    runbook_url: Annotated[str, FromText(urls.site_url, _URL_OR_NONE)] = default(None)
    """Address of RUNBOOK.md; alerts with a section there link to it. Without a value they have no such link."""
    admin_token_file: SecretFile = default(None)
    """Bearer token for requests that change something; without one they are answered with 403."""
    admin_token_env: SecretVariable = default(None)
    read_token_file: SecretFile = default(None)
    """Pages and `/api/v1` need it, as bearer token or as password of basic authentication; else they are open."""
    read_token_env: SecretVariable = default(None)
    protect_metrics: Flag = default("false")
    """`/metrics` needs the read token, too."""

    @field_validator("external_url", mode="before")
    @classmethod
    def _follows_the_port(cls, written: object, others: ValidationInfo) -> object:
        return f"http://localhost:{others.data.get('port', 8808)}" if written is None else written

    @field_validator("runbook_url", mode="wrap")
    @classmethod
    def _nowhere_unless_set(cls, written: object, read: ValidatorFunctionWrapHandler) -> object:
        return "" if written is None else read(written)

    @field_validator("admin_token_env")
    @classmethod
    def _one_of_two(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("admin_token_file"), "admin_token_file")

    @field_validator("read_token_env")
    @classmethod
    def _one_read_token(cls, source: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        return one_of_two(source, info.data.get("read_token_file"), "read_token_file")

    @property
    def read_token(self) -> SecretSource | None:
        return self.read_token_file or self.read_token_env

    @property
    def admin_token(self) -> SecretSource | None:
        return self.admin_token_file or self.admin_token_env


class AlertSettings(Section):
    """How alerts end, and how they are grouped."""

    hold: Annotated[float, duration("1s", "90d")] = default("4h")
    """How long an alert about an event (terminated, step failed, drift) stays open; it then expires, unresolved."""
    settle: Annotated[float, duration("0s", "1d")] = default("1m")
    """How long a condition must be over before its alert is resolved; if it comes back before, nobody is notified."""
    unwatched_after: Annotated[float, duration("0s", "7d")] = default("10m")
    """How long a target is gone from the watchlist before its alerts are closed."""
    step_slack: Annotated[float, duration("0s", "7d")] = default("2m")
    """Time that a step may take beyond the limit that its definition declares."""
    group_window: Annotated[float, duration("0s", "7d")] = default("1h")
    """How old an incident may be for another alert with the same fault to join it."""
    storm_threshold: Annotated[int, integer(1, 1_000_000)] = default("50")
    """Alerts of one incident that Alertmanager gets one by one; one more alert stands for all others."""


class HeartbeatSettings(Section):
    """A dead man's switch elsewhere: it raises an alarm if the pings stop."""

    allow_http: Flag = default("false")
    """Plain http to other machines, too."""
    url: Annotated[str, FromText(urls.web_url, URL)] = Field(repr=False)
    """Pinged by POST while every loop turns, the store commits and a receiver acknowledges. It is never shown."""
    interval: Annotated[float, duration("1s", "1d")] = default("1m")

    @field_validator("url")
    @classmethod
    def _refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        return require_https(url, info.data.get("allow_http", True))


class LogSettings(Section):
    level: Annotated[LogLevel, choice(LogLevel)] = default("info")
    format: Annotated[LogFormat, choice(LogFormat)] = default("json")


class Document(Section):
    """The keys of a settings file."""

    api: ApiSettings = Field(default_factory=ApiSettings)
    accounts: tuple[AccountSettings, ...] = Field(json_schema_extra={"minItems": 1})
    watchlist: Annotated[tuple[str, ...], FromText(paths, {"anyOf": [PATH, TEXTS]})] = default("watchlist.yaml")
    """Files of targets; globs are allowed, and one without a match is an error."""
    polling: PollingSettings = Field(default_factory=PollingSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    receivers: tuple[Receiver, ...] = ()
    """Without any, events are logged and shown, but not sent."""
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    heartbeat: HeartbeatSettings | None = None
    """Without it, no ping is sent."""
    shutdown_timeout: Annotated[float, duration("0s", "10m")] = default("10s")
    """Time for pending deliveries when the monitor stops."""
    log: LogSettings = Field(default_factory=LogSettings)

    @field_validator("accounts")
    @classmethod
    def _at_least_one(cls, accounts: tuple[AccountSettings, ...]) -> tuple[AccountSettings, ...]:
        if not accounts:
            raise ValueError("expected at least one account")
        return accounts
