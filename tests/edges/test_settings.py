"""Settings that are right: what they mean, and what stands over what."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from monitor.core.alerting.routing import Feed
from monitor.core.event_types import EventType, Severity
from monitor.core.model import TargetKey
from monitor.settings import (
    ConfigurationError,
    SecretSource,
    Settings,
    fingerprint,
    load_settings,
)
from monitor.settings.errors import sections_in, tag_of
from monitor.settings.model import Document, ServerSettings
from monitor.settings.receivers import AlertmanagerReceiver, AppriseReceiver, PagerDutyReceiver, WebhookReceiver
from monitor.settings.watchlist_model import WatchlistDocument
from monitor.settings.yamlfile import parse

_CONFIG = Path(__file__).parents[2] / "config"
_KEY = {"MONITOR_API_KEY": "k3y"}


def _load(folder: Path, settings: str, watchlist: str = "targets: []", environ: Mapping[str, str] = _KEY) -> Settings:
    (folder / "watchlist.yaml").write_text(watchlist)
    (folder / "monitor.yaml").write_text(settings)
    return load_settings(folder / "monitor.yaml", environ)


def test_an_account_is_all_that_is_needed(tmp_path: Path) -> None:
    settings = _load(tmp_path, "accounts: [{id: acme}]")
    assert settings.api.base_url == "https://automation.8x8.com"
    assert settings.api.timeout == 10.0
    assert settings.api.max_response_bytes == 8 * 1024 * 1024
    assert [(a.id, a.requests_per_second, a.burst, a.max_concurrency) for a in settings.accounts] == [
        ("acme", 10.0, 10, 20)
    ]
    assert settings.accounts[0].secret.read() == "k3y"
    assert settings.polling.interval == 30.0
    assert settings.polling.retention == 3600.0
    assert settings.store.url == f"sqlite:///{tmp_path}/monitor.db"
    assert (settings.server.host, settings.server.port, settings.server.admin_token) == ("127.0.0.1", 8808, None)
    assert settings.receivers == ()
    alerts = settings.alerts
    assert (alerts.hold, alerts.settle, alerts.step_slack, alerts.group_window) == (4 * 3600, 60, 120, 3600)
    assert alerts.storm_threshold == 50
    assert settings.heartbeat is None
    assert settings.shutdown_timeout == 10.0
    assert (settings.log.level.value, settings.log.format.value) == ("info", "json")


_DOCUMENTED = """
api:
  base_url: https://automation.8x8.com   # plain http only for loopback, or with allow_http: true
  timeout: 10s
  max_response_bytes: 8MiB
accounts:
  - id: acme                             # accountId in the API
    api_key_file: acme.key
    requests_per_second: 10              # ceiling of the lane
    burst: 10
    max_concurrency: 20
watchlist: watchlist.yaml                # a path, or a list of paths and globs
polling:
  interval: 30s                          # default per target
  max_backoff: 5m                        # for a target that keeps failing
  blind_after: 2m                        # no answer from an account for so long: monitor.blind
  not_found_after: 3                     # consecutive 404s before workflow.not_found
  retention: 1h                          # how long an ended target stays visible
store:
  url: sqlite:///monitor.db              # or postgresql+psycopg://...
server:
  host: 127.0.0.1                        # the container sets 0.0.0.0
  port: 8808
  external_url: http://localhost:8808    # links in alerts
  admin_token_file: null                 # bearer token for what changes something; without it those paths answer 403
receivers:
  - name: oncall
    type: webhook
    url: https://hooks.example/x
    signature_secret_file: hook.key
    min_severity: warning                # info | warning | critical; default warning
    events: ["workflow.*", "monitor.*"]  # globs over event types; default all
shutdown_timeout: 10s
log: {level: info, format: json}         # json | console
"""

_DOCUMENTED_WATCHLIST = """
defaults:
  account: acme
  interval: 30s
  labels: {team: messaging}
targets:
  - definition: 5870442f-3ddd-4657-b74c-6e17308f5230
    workflow: 60dbe307fe55d99fc083db61
    account: acme                        # where defaults name none
    name: onboarding-reply               # shown instead of ids
    interval: 10s
    labels: {runbook: "https://wiki.example/onboarding"}
    severities: {workflow.suspended: info}          # per event type
"""


def test_the_documented_example_loads(tmp_path: Path) -> None:
    (tmp_path / "acme.key").write_text("of-acme\n")
    (tmp_path / "hook.key").write_text("of the hook\r\n")
    settings = _load(tmp_path, _DOCUMENTED, _DOCUMENTED_WATCHLIST, {})
    assert settings.accounts[0].secret == SecretSource(file=tmp_path / "acme.key")
    assert settings.accounts[0].secret.read() == "of-acme"
    (receiver,) = settings.receivers
    assert isinstance(receiver, WebhookReceiver)
    assert (receiver.url, receiver.min_severity, receiver.timeout) == (
        "https://hooks.example/x",
        Severity.WARNING,
        10.0,
    )
    assert receiver.events == ("workflow.*", "monitor.*")
    assert receiver.signature_secret is not None
    assert receiver.signature_secret.read() == "of the hook"
    key = TargetKey("acme", "5870442f-3ddd-4657-b74c-6e17308f5230", "60dbe307fe55d99fc083db61")
    target = settings.watchlist.targets[key]
    assert (target.name, target.interval) == ("onboarding-reply", 10.0)
    assert target.labels == {"team": "messaging", "runbook": "https://wiki.example/onboarding"}
    assert target.severities == {EventType.SUSPENDED: Severity.INFO}
    assert target.place == f"{tmp_path}/watchlist.yaml: targets[0]"


def test_the_settings_are_frozen(tmp_path: Path) -> None:
    settings = _load(tmp_path, "accounts: [{id: acme}]")
    for part, name in ((settings, "log"), (settings.api, "timeout"), (settings.accounts[0], "id")):
        with pytest.raises((AttributeError, ValueError)):
            setattr(part, name, "else")


# --- the environment --------------------------------------------------------------------------------------


def test_the_environment_stands_over_the_file_key_by_key(tmp_path: Path) -> None:
    environ = {
        **_KEY,
        "MONITOR_SERVER__PORT": "9000",
        "MONITOR_POLLING__INTERVAL": "5s",
        "MONITOR_API__ALLOW_HTTP": "true",
        "MONITOR_API__BASE_URL": "http://api.example/",
        "MONITOR_LOG": '{"level": "debug", "format": "json"}',
        "MONITOR_LOG__FORMAT": "console",
        "MONITOR_SHUTDOWN_TIMEOUT": "",
    }
    settings = _load(tmp_path, "accounts: [{id: acme}]\nserver: {host: 0.0.0.0, port: 1}", environ=environ)
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 9000)  # noqa: S104 - a value to be read
    assert settings.polling.interval == 5.0
    assert settings.api.base_url == "http://api.example"
    assert (settings.log.level.value, settings.log.format.value) == ("debug", "console")
    assert settings.shutdown_timeout == 10.0


def test_lists_come_from_the_environment_as_json(tmp_path: Path) -> None:
    environ = {
        "MONITOR_ACCOUNTS": '[{"id": "a", "requests_per_second": 2.5, "burst": 3, "api_key_env": "MONITOR_A_KEY"}]',
        "MONITOR_A_KEY": "of-a",
        "MONITOR_RECEIVERS": '[{"name": "r", "type": "webhook", "url": "http://x.example", "allow_http": true}]',
        "MONITOR_WATCHLIST": f'["{tmp_path}/watch*.yaml"]',
    }
    settings = _load(tmp_path, "accounts: [{id: acme}, {id: other}]", environ=environ)
    (account,) = settings.accounts
    assert (account.id, account.requests_per_second, account.burst, account.secret.read()) == ("a", 2.5, 3, "of-a")
    (receiver,) = settings.receivers
    assert isinstance(receiver, WebhookReceiver)
    assert receiver.allow_http


def test_an_account_with_a_key_of_its_own_does_not_take_the_one_for_all(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("of-its-own")
    settings = _load(
        tmp_path,
        "accounts: [{id: a}, {id: b, api_key_file: own}, {id: c, api_key_env: C}]",
        environ=_KEY | {"C": "of-c"},
    )
    assert [account.secret.read() for account in settings.accounts] == ["k3y", "of-its-own", "of-c"]


def test_what_kubernetes_says_of_a_service_named_monitor_is_no_setting(tmp_path: Path) -> None:
    environ = {
        **_KEY,
        "MONITOR_SERVICE_HOST": "10.0.0.1",
        "MONITOR_SERVICE_PORT": "8808",
        "MONITOR_SERVICE_PORT_HTTP": "8808",
        "MONITOR_PORT": "tcp://10.0.0.1:8808",
        "MONITOR_PORT_8808_TCP": "tcp://10.0.0.1:8808",
        "MONITOR_PORT_8808_TCP_ADDR": "10.0.0.1",
        "MONITOR_CONFIG": "elsewhere",
    }
    assert _load(tmp_path, "accounts: [{id: acme}]", environ=environ).server.port == 8808


# --- secrets ----------------------------------------------------------------------------------------------


def test_a_secret_file_is_read_again(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old\n")
    secret = _load(tmp_path, "accounts: [{id: acme, api_key_file: key}]").accounts[0].secret
    key.write_text("new\n")
    assert secret.read() == "new"


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret-of-a-file")
    text = (
        "accounts: [{id: a, api_key_file: key}, {id: b, api_key_env: B}, {id: c}]\nserver: {admin_token_env: T}\n"
        "heartbeat: {url: 'https://x.example/s3cret-of-a-ping'}\n"
        "receivers: [{name: r, type: webhook, url: 'https://x.example/?token=s3cret-of-a-url'},\n"
        " {name: a, type: alertmanager, urls: ['https://a'], username: u, password_env: B},\n"
        " {name: p, type: pagerduty, routing_key_env: T}, {name: c, type: apprise, url_env: U}]"
    )
    environ = {"MONITOR_API_KEY": "s3cret-for-all", "B": "s3cret-of-b", "T": "s3cret-token", "U": "slack://s3cret"}
    settings = _load(tmp_path, text, environ=environ)
    assert "s3cret" not in repr(settings)
    assert settings.server.admin_token is not None
    assert settings.server.admin_token.read() == "s3cret-token"


# --- receivers and the heartbeat ---------------------------------------------------------------------------


def test_every_type_of_receiver_loads_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("r0uting\n")
    (tmp_path / "urls").write_text("# chat\nslack://a/b/c\n\nmailto://u:pw@mail.example\n")
    text = """
accounts: [{id: acme}]
receivers:
  - {name: a, type: alertmanager, urls: ["http://alertmanager:9093"], min_severity: warning, events: ["workflow.*"]}
  - {name: p, type: pagerduty, routing_key_file: key}
  - {name: c, type: apprise, url_file: urls, timeout: 30s}
  - {name: w, type: webhook, url: "https://hooks.example"}
"""
    settings = _load(tmp_path, text)
    alertmanager, pager, chat, webhook = settings.receivers
    assert isinstance(alertmanager, AlertmanagerReceiver)
    assert (alertmanager.urls, alertmanager.resend) == (("http://alertmanager:9093",), 60.0)
    assert (alertmanager.username, alertmanager.password, alertmanager.bearer_token) == (None, None, None)
    assert (alertmanager.tls.ca_file, alertmanager.tls.insecure_skip_verify) == (None, False)
    assert isinstance(pager, PagerDutyReceiver)
    assert (pager.base_url, pager.routing_key.read()) == ("https://events.pagerduty.com", "r0uting")
    assert isinstance(chat, AppriseReceiver)
    assert chat.urls.read_lines() == ("slack://a/b/c", "mailto://u:pw@mail.example")
    assert [receiver.gets for receiver in settings.receivers] == [
        Feed.ALERTS,
        Feed.INCIDENTS,
        Feed.INCIDENTS,
        Feed.EVENTS,
    ]
    assert [receiver.type for receiver in settings.receivers] == ["alertmanager", "pagerduty", "apprise", "webhook"]
    assert [receiver.timeout for receiver in settings.receivers] == [10.0, 10.0, 30.0, 10.0]
    assert webhook.events == ("*",)


def test_an_alertmanager_may_want_to_know_who_we_are(tmp_path: Path) -> None:
    for name in ("pw", "ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text(f"of-{name}\nand more\n" if name != "pw" else "of-pw\n")
    text = """
accounts: [{id: acme}]
receivers:
  - name: basic
    type: alertmanager
    urls: ["https://one.example", "https://two.example/path/"]
    username: monitor
    password_file: pw
    tls: {ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem, server_name: am, insecure_skip_verify: true}
  - {name: bearer, type: alertmanager, urls: ["http://far.example"], bearer_token_env: T, allow_http: true, tls: }
"""
    basic, bearer = _load(tmp_path, text, environ=_KEY | {"T": "t0ken"}).receivers
    assert isinstance(basic, AlertmanagerReceiver)
    assert isinstance(bearer, AlertmanagerReceiver)
    assert basic.urls == ("https://one.example", "https://two.example/path")
    assert basic.password is not None
    assert (basic.username, basic.password.read()) == ("monitor", "of-pw")
    assert (basic.tls.cert_file, basic.tls.key_file) == (tmp_path / "cert.pem", tmp_path / "key.pem")
    assert (basic.tls.ca_file, basic.tls.server_name, basic.tls.insecure_skip_verify) == (
        tmp_path / "ca.pem",
        "am",
        True,
    )
    assert bearer.bearer_token is not None
    assert bearer.bearer_token.read() == "t0ken"


def test_alerts_and_the_heartbeat_come_from_the_environment_too(tmp_path: Path) -> None:
    environ = {
        **_KEY,
        "MONITOR_ALERTS__HOLD": "1h",
        "MONITOR_HEARTBEAT__URL": "https://dms.example/uuid",
        "MONITOR_HEARTBEAT__INTERVAL": "30s",
        "MONITOR_RECEIVERS": '[{"name": "r", "type": "alertmanager", "urls": ["http://127.0.0.1:9093"]}]',
    }
    settings = _load(tmp_path, "accounts: [{id: acme}]\nalerts: {hold: 2h, settle: 0s}", environ=environ)
    assert (settings.alerts.hold, settings.alerts.settle) == (3600.0, 0.0)
    assert settings.heartbeat is not None
    assert (settings.heartbeat.url, settings.heartbeat.interval) == ("https://dms.example/uuid", 30.0)
    assert [receiver.type for receiver in settings.receivers] == ["alertmanager"]


# --- paths and files --------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "acme").write_text("of-acme")
    (folder / "monitor.yaml").write_text(
        "accounts: [{id: acme, api_key_file: keys/acme}]\nstore: {url: 'sqlite:///m.db'}"
    )
    (folder / "watchlist.yaml").write_text("targets: []")
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("etc/monitor.yaml"), {})
    assert settings.accounts[0].secret.read() == "of-acme"
    assert settings.store.url == "sqlite:///etc/m.db"
    assert settings.files == (Path("etc/monitor.yaml"), Path("etc/watchlist.yaml"), Path("etc/keys/acme"))


def test_absolute_paths_stay(tmp_path: Path) -> None:
    settings = _load(tmp_path, "accounts: [{id: acme}]\nstore: {url: 'sqlite:////var/lib/m.db?timeout=3'}")
    assert settings.store.url == "sqlite:////var/lib/m.db?timeout=3"


def test_a_watchlist_may_be_many_files(tmp_path: Path) -> None:
    (tmp_path / "more[1]").mkdir()
    folder = tmp_path / "more[1]"
    for name in ("b", "a", ".hidden"):
        (folder / f"{name}.yaml").write_text(f"targets: [{{account: acme, definition: d, workflow: {name}}}]")
    settings = _load(folder, "accounts: [{id: acme}]\nwatchlist: [b.yaml, '*[ab].yaml', '[ab].yaml']", environ=_KEY)
    assert [key.workflow for key in settings.watchlist.targets] == ["b", "a"]


def test_any_change_of_content_changes_the_fingerprint(tmp_path: Path) -> None:
    settings = _load(tmp_path, "accounts: [{id: acme}]\nwatchlist: [watchlist.yaml, 'watch*.yaml']")
    seen = [fingerprint(settings.files)]
    assert fingerprint(settings.files) == seen[0]
    (tmp_path / "watchlist.yaml").write_text("targets:  []")
    seen.append(fingerprint(settings.files))
    (tmp_path / "watch2.yaml").write_text("targets: []")
    seen.append(fingerprint(settings.files))
    (tmp_path / "watch2.yaml").unlink()
    assert fingerprint(settings.files) == seen[1]
    (tmp_path / "watchlist.yaml").unlink()
    seen.append(fingerprint(settings.files))
    (tmp_path / "watchlist.yaml").mkdir()
    seen.append(fingerprint((*settings.files, Path("no\0path"))))
    assert len(set(seen)) == len(seen)


def test_the_swap_of_a_configmap_changes_the_fingerprint(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "monitor.yaml").write_text(f"# {version}\naccounts: [{{id: acme}}]")
        (tmp_path / f"..{version}" / "watchlist.yaml").write_text("targets: []")
    (tmp_path / "..data").symlink_to("..1")
    for name in ("monitor.yaml", "watchlist.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    settings = load_settings(tmp_path / "monitor.yaml", _KEY)
    before = fingerprint(settings.files)
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert fingerprint(settings.files) != before


# --- the files that are shipped ---------------------------------------------------------------------------


def test_the_shipped_files_hold_the_defaults(tmp_path: Path) -> None:
    shipped = load_settings(_CONFIG / "monitor.yaml", _KEY)
    least = _load(tmp_path, "accounts: [{id: acme}]")
    for part in ("api", "accounts", "polling", "server", "receivers", "alerts", "heartbeat", "shutdown_timeout", "log"):
        assert getattr(shipped, part) == getattr(least, part)
    assert shipped.watchlist.targets == {}


def test_the_shipped_files_lack_nothing_but_a_key() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(_CONFIG / "monitor.yaml", {})
    (line,) = caught.value.errors
    assert line.endswith(
        "monitor.yaml: accounts[0]: has no API key; give it api_key_file or api_key_env, or set MONITOR_API_KEY for all"
    )


@pytest.mark.parametrize(
    ("name", "model"),
    [("monitor.yaml", Document), ("watchlist.yaml", WatchlistDocument)],
    ids=["settings", "watchlist"],
)
def test_the_shipped_file_shows_every_key(name: str, model: type[BaseModel]) -> None:
    text = (_CONFIG / name).read_text()
    # Keys that stand there as comments count; of a key that stands there twice, the example is the second.
    shown, _ = parse(re.sub(r"^( *)# ( *(?:- )?[a-z_]+:)", r"\1\2", text, flags=re.MULTILINE))
    assert _missing(shown, model) == []


def _missing(shown: Any, model: type[BaseModel], place: str = "") -> list[str]:
    missing = []
    for key, field in model.model_fields.items():
        if not isinstance(shown, dict) or key not in shown:
            missing.append(f"{place}.{key}")
            continue
        for inner in sections_in(field.annotation):
            missing += _missing(_example(shown[key], inner), inner, f"{place}.{key}")
    return missing


def _example(value: Any, section: type[BaseModel]) -> Any:
    """What shows the section: an entry of its type where there are several types."""
    entries = value if isinstance(value, list) else [value]
    tag = tag_of(section)
    return next((entry for entry in entries if tag is None or entry["type"] == tag), None)


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ({"port": "9000"}, "http://localhost:9000"),
        ({"port": "9000", "external_url": "https://m.example"}, "https://m.example"),
    ],
)
def test_links_follow_the_port_unless_their_address_is_set(written: dict[str, str], link: str) -> None:
    assert ServerSettings.model_validate(written).external_url == link


@pytest.mark.parametrize("written", [{}, {"runbook_url": None}], ids=["absent", "null"])
def test_no_alert_links_to_a_runbook_unless_its_place_is_set(written: dict[str, None]) -> None:
    assert ServerSettings.model_validate(written).runbook_url == ""


def test_the_runbook_is_where_it_is_said_to_be() -> None:
    assert (
        ServerSettings.model_validate({"runbook_url": "https://w.example/r.md"}).runbook_url == "https://w.example/r.md"
    )
