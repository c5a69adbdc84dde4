"""Settings that are wrong: everything at once, where it is, in words for a person."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.settings import ConfigurationError, load_settings
from monitor.settings.errors import MAX_ALIKE, MAX_ERRORS

_SECRET = "a secret is never written here; name a file by"
_LABEL = "a label's name consists of letters, digits and _, and begins with no digit"
_NO_EVENTS = (
    "expected a list of types of events such as ['workflow.*'], got an empty one, which would mute the receiver"
)
_PLAIN_HTTP = "plain http is refused except to this machine; use https, or allow_http: true beside it"
_IN_THE_CLEAR = (
    "plain http would show the password, token or certificate to others; use https, or allow_http: true beside it"
)
_NO_ONE = "it is pinged only while at least one receiver acknowledges, and receivers has none"
_SOMEONE = "receivers: [{name: r, type: webhook, url: 'https://x'}]\n"
_KEY = {"MONITOR_API_KEY": "k3y"}
_ACME = "accounts: [{id: acme}]\n"


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("watchlist.yaml").write_text("targets: []")


def _errors(settings: str | bytes, environ: Mapping[str, str] = _KEY, watchlist: str | None = None) -> list[str]:
    Path("monitor.yaml").write_bytes(settings.encode() if isinstance(settings, str) else settings)
    if watchlist is not None:
        Path("watchlist.yaml").write_text(watchlist)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Path("monitor.yaml"), environ)
    assert str(caught.value) == "\n".join(caught.value.errors)
    return list(caught.value.errors)


def _of_file(settings: str | bytes) -> list[str]:
    return [error.removeprefix("monitor.yaml: ") for error in _errors(settings)]


# --- keys and values --------------------------------------------------------------------------------------

_UNFIT = "cannot stand in a header; expected ASCII letters, digits and signs"
_KEYS = {
    "key": b"k",
    "empty": b"\n",
    "bytes": b"\xff",
    "lines": b"a\nb",
    "blank": b"s3cret s3cret\n",
    "umlaut": "s3cretä".encode(),
    "long": b"x" * 8193,
}
_HIDDEN = "give it api_key_file or api_key_env, or set MONITOR_API_KEY for all"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("polling: {intervall: 3s}", "polling.intervall: unknown key; did you mean 'interval'?"),
        ("pooling: {}", "pooling: unknown key; did you mean 'polling'?"),
        ("qqq: 1", "qqq: unknown key"),
        ('"a\\nb": 1', "'a\\nb': unknown key"),
        ("alerts: {hold: 0s}", "alerts.hold: expected a duration from 1s to 90d, got '0s'"),
        ("alerts: {held: 1h}", "alerts.held: unknown key; did you mean 'hold'?"),
        (
            "alerts: {storm_threshold: 0}",
            "alerts.storm_threshold: expected a whole number from 1 to 1000000, got '0'",
        ),
        (f"{_SOMEONE}heartbeat: {{}}", "heartbeat.url: missing, and it has no default"),
        (f"{_SOMEONE}heartbeat: https://x", "heartbeat: expected keys with values, got a text"),
        (
            f"{_SOMEONE}heartbeat: {{url: 'https://x', interval: 1ms}}",
            "heartbeat.interval: expected a duration from 1s to 1d, got '1ms'",
        ),
        (
            f"{_SOMEONE}heartbeat: {{url: 'https://x', intervall: 1m}}",
            "heartbeat.intervall: unknown key; did you mean 'interval'?",
        ),
        (f"{_SOMEONE}heartbeat: {{url: 'http://x/token'}}", f"heartbeat.url: {_PLAIN_HTTP}"),
        ("heartbeat: {url: 'https://x'}", f"heartbeat: {_NO_ONE}"),
        ("heartbeat: {url: 'https://x'}\nreceivers: []", f"heartbeat: {_NO_ONE}"),
        ("api: abc", "api: expected keys with values, got a text"),
        ("api: {timeout: 30}", "api.timeout: expected a duration such as 250ms, 30s, 5m, 2h or 7d, got '30'"),
        ("api: {timeout: 11m}", "api.timeout: expected a duration from 100ms to 10m, got '11m'"),
        ("api: {timeout: }", "api.timeout: expected a duration such as 30s, got nothing"),
        ("api: {timeout: [1s]}", "api.timeout: expected a duration such as 30s, got a list"),
        (f"api: {{timeout: {'9' * 400}s}}", f"api.timeout: expected a duration such as 30s, got '{'9' * 40}…'"),
        ("api: {max_response_bytes: 8MB}", "api.max_response_bytes: expected a size such as 512KiB or 8MiB, got '8MB'"),
        ("api: {max_response_bytes: 1B}", "api.max_response_bytes: expected a size from 1KiB to 1GiB, got '1B'"),
        ("api: {allow_http: yes}", "api.allow_http: expected true or false, got 'yes'"),
        ("api: {base_url: {}}", "api.base_url: expected a URL, got keys with values"),
        (
            "polling: {not_found_after: 1.5}",
            "polling.not_found_after: expected a whole number from 1 to 1000, got '1.5'",
        ),
        ("polling: {interval: 99ms}", "polling.interval: expected a duration from 100ms to 30d, got '99ms'"),
        ("server: {port: 65536}", "server.port: expected a whole number from 0 to 65535, got '65536'"),
        ("server: {host: ''}", "server.host: expected a text, got ''"),
        ("server: {external_url: ftp://x}", "server.external_url: expected a URL that begins with https:// and a host"),
        ("server: {external_url: 'http://x:y'}", "server.external_url: expected a URL with a valid host and port"),
        ("server: {admin_token_file: gone}", "server.admin_token_file: there is no such file"),
        (
            "store: {url: 'postgresql+psycopg://u:pw@h/d'}",
            "store.url: a secret is never written here; name a file by store.password_file",
        ),
        (
            "store: {url: 'mysql://u:pw@h/d'}",
            "store.url: expected sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE",
        ),
        ("store: {password: pw}", "store.password: a secret is never written here; name a file by password_file"),
        ("store: {schema: prod}", "store.schema: only a store on PostgreSQL has one; look at store.url"),
        (
            "store: {url: 'postgresql+psycopg://u@h/d', schema: Prod}",
            "store.schema: expected at most 63 lower-case letters, digits and _, not a digit first, and not pg_",
        ),
        (
            "store: {url: 'sqlite:///:memory:'}",
            "store.url: a database in memory would forget on every start; expected sqlite:///PATH",
        ),
        ("log: {level: loud}", "log.level: expected debug, info, warning or error, got 'loud'"),
        ("log: {format: xml}", "log.format: expected json or console, got 'xml'"),
        ("receivers: {}", "receivers: expected a list, got keys with values"),
        ("watchlist: []", "watchlist: expected a path, or a list of paths and globs"),
        ("watchlist: gone.yaml", "gone.yaml: there is no such file"),
        ("watchlist: ['*.json']", "watchlist[0]: the glob matches no file"),
        ("watchlist: '*.json'", "watchlist: the glob matches no file"),
    ],
    ids=lambda value: value[:45],
)
def test_a_wrong_setting_is_told_where_it_stands(text: str, line: str) -> None:
    assert _of_file(f"{_ACME}{text}\n") == [line]


@pytest.mark.parametrize(
    ("account", "line"),
    [
        ("{}", "accounts[0].id: missing, and it has no default"),
        ("{id: a/b}", "accounts[0].id: an id must not hold '/', it would change the path of the URL"),
        ("{id: ..}", "accounts[0].id: '..' would change the path of the URL"),
        ("{id: }", "accounts[0].id: expected an id, got nothing"),
        (
            "{id: a, requests_per_second: 0}",
            "accounts[0].requests_per_second: expected a number from 0.001 to 10000, got '0'",
        ),
        (
            "{id: a, requests_per_second: .inf}",
            "accounts[0].requests_per_second: expected a number from 0.001 to 10000, got '.inf'",
        ),
        ("{id: a, burst: 0}", "accounts[0].burst: expected a whole number from 1 to 100000, got '0'"),
        (
            "{id: a, max_concurrency: -1}",
            "accounts[0].max_concurrency: expected a whole number from 1 to 10000, got '-1'",
        ),
        ("{id: a, api_key_file: gone}", "accounts[0].api_key_file: there is no such file"),
        ("{id: a, api_key_file: .}", "accounts[0].api_key_file: a directory, not a file"),
        ("{id: a, api_key_file: empty}", "accounts[0].api_key_file: expected a key, it is empty"),
        ("{id: a, api_key_file: bytes}", "accounts[0].api_key_file: the file holds no text in UTF-8"),
        ("{id: a, api_key_file: lines}", f"accounts[0].api_key_file: character 2 {_UNFIT}"),
        ("{id: a, api_key_file: blank}", f"accounts[0].api_key_file: character 7 {_UNFIT}"),
        ("{id: a, api_key_file: umlaut}", f"accounts[0].api_key_file: character 7 {_UNFIT}"),
        ("{id: a, api_key_file: long}", "accounts[0].api_key_file: expected a key of at most 8192 characters"),
        ("{id: a, api_key_env: GONE}", "accounts[0].api_key_env: the variable that is named here is not set"),
        (
            "{id: a, api_key_env: s3cret-itself}",
            "accounts[0].api_key_env: expected the name of a variable that holds the secret",
        ),
        (
            "{id: a, api_key_file: key, api_key_env: MONITOR_API_KEY}",
            "accounts[0].api_key_env: there is api_key_file, too; keep one of them",
        ),
        (
            "{id: a, api_key: s3cret}",
            f"accounts[0].api_key: {_SECRET} api_key_file or a variable by api_key_env",
        ),
        ("s3cret", "accounts[0]: expected keys with values, got a text"),
    ],
    ids=lambda value: value[:45],
)
def test_a_wrong_account_is_told(account: str, line: str) -> None:
    for name, content in _KEYS.items():
        Path(name).write_bytes(content)
    errors = _of_file(f"accounts: [{account}]")
    assert errors == [line]
    assert "s3cret" not in "".join(errors).replace("s3cret-itself", "")


def test_every_account_needs_a_key() -> None:
    assert _errors("accounts: [{id: a}, {id: b, burst: 0}]", {}) == [
        f"monitor.yaml: accounts[0]: has no API key; {_HIDDEN}",
        f"monitor.yaml: accounts[1]: has no API key; {_HIDDEN}",
        "monitor.yaml: accounts[1].burst: expected a whole number from 1 to 100000, got '0'",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("accounts: []", "accounts: expected at least one account"),
        ("accounts:", "accounts: missing, and it has no default"),
        ("log: {}", "accounts: missing, and it has no default"),
        ("accounts: [{id: a}, {id: b}, {id: a}]", "accounts[2].id: 'a' is accounts[0] already"),
    ],
)
def test_accounts_are_at_least_one_and_each_is_there_once(text: str, line: str) -> None:
    assert _of_file(text) == [line]


@pytest.mark.parametrize(
    ("receiver", "line"),
    [
        (
            "{type: slack, url: 1, what: 2}",
            "receivers[0].type: expected webhook, alertmanager, pagerduty or apprise, got 'slack'",
        ),
        (
            "{type: [webhook]}",
            "receivers[0].type: expected webhook, alertmanager, pagerduty or apprise, got a list",
        ),
        ("{type: }", "receivers[0].type: expected webhook, alertmanager, pagerduty or apprise, got nothing"),
        ("webhook", "receivers[0]: expected keys with values, got a text"),
        ("{name: r, url: 'https://x'}", "receivers[0].type: missing, and it has no default"),
        ("{name: r, type: webhook}", "receivers[0].url: missing, and it has no default"),
        ("{name: '', type: webhook, url: 'https://x'}", "receivers[0].name: expected a text, got ''"),
        (
            "{name: r, type: webhook, url: 'http://x/?token=s3cret'}",
            "receivers[0].url: plain http is refused except to this machine; use https, or allow_http: true beside it",
        ),
        (
            "{name: r, type: webhook, url: 'https://u:s3cret@x'}",
            "receivers[0].url: a URL here holds no user and password: a secret is never written into the file",
        ),
        (
            "{name: r, type: webhook, url: 'https://x', secret: s3cret}",
            f"receivers[0].secret: {_SECRET} signature_secret_file or a variable by signature_secret_env",
        ),
        (
            "{name: r, type: webhook, url: 'https://x', events: [workflow.terminatd]}",
            "receivers[0].events: 'workflow.terminatd' matches no type of event; did you mean 'workflow.terminated'?",
        ),
        (
            "{name: r, type: webhook, url: 'https://x', events: []}",
            f"receivers[0].events: {_NO_EVENTS}",
        ),
        (
            "{name: r, type: webhook, url: 'https://x', min_severity: page}",
            "receivers[0].min_severity: expected info, warning or critical, got 'page'",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_a_wrong_receiver_is_told(receiver: str, line: str) -> None:
    errors = _of_file(f"{_ACME}receivers: [{receiver}]")
    assert errors == [line]
    assert "s3cret" not in errors[0]


_AM = "name: a, type: alertmanager"
_OF_APPRISE = (
    "a secret is never written here; Apprise URLs hold tokens; name a file by url_file or a variable by url_env, with "
    "one URL per line"
)
_PD = "name: p, type: pagerduty"
_AP = "name: c, type: apprise"


@pytest.mark.parametrize(
    ("receiver", "line"),
    [
        (f"{_AM}", ".urls: missing, and it has no default"),
        (f"{_AM}, urls: []", ".urls: expected at least one URL of an Alertmanager"),
        (f"{_AM}, urls: 'http://a'", ".urls: expected a list, got a text"),
        (f"{_AM}, urls: ['http://a', 'http://a/']", ".urls: the same URL is there twice"),
        (f"{_AM}, urls: ['https://a', 'a:9093']", ".urls[1]: expected a URL that begins with https:// and a host"),
        (
            f"{_AM}, urls: ['https://u:s3cret@a']",
            ".urls[0]: a URL here holds no user and password: a secret is never written into the file",
        ),
        (f"{_AM}, url: 'https://a', urls: ['https://a']", ".url: 'url' is for webhook; alertmanager takes 'urls'"),
        (
            f"{_AM}, routing_key_file: key, urls: ['https://a']",
            ".routing_key_file: 'routing_key_file' is for pagerduty; alertmanager has no such key",
        ),
        (f"{_AM}, urls: ['https://a'], resent: 1m", ".resent: unknown key of alertmanager; did you mean 'resend'?"),
        (f"{_AM}, urls: ['https://a'], qqq: 1m", ".qqq: unknown key of alertmanager"),
        (
            f"{_AM}, urls: ['https://a'], password: s3cret",
            f".password: {_SECRET} password_file or a variable by password_env",
        ),
        (
            f"{_AM}, urls: ['https://a'], bearer_token: s3cret",
            f".bearer_token: {_SECRET} bearer_token_file or a variable by bearer_token_env",
        ),
        (
            f"{_AM}, urls: ['https://a'], username: u",
            ": username needs a password; name a file by password_file or a variable by password_env",
        ),
        (f"{_AM}, urls: ['https://a'], password_file: key", ": a password needs a username beside it"),
        (
            f"{_AM}, urls: ['https://a'], username: u, password_file: key, bearer_token_file: key",
            ": there is a password and a bearer token; keep one of them",
        ),
        (
            f"{_AM}, urls: ['https://a'], username: u, password_file: key, password_env: MONITOR_API_KEY",
            ".password_env: there is password_file, too; keep one of them",
        ),
        (
            f"{_AM}, urls: ['https://a'], bearer_token_file: key, bearer_token_env: MONITOR_API_KEY",
            ".bearer_token_env: there is bearer_token_file, too; keep one of them",
        ),
        (
            f"{_AM}, urls: ['https://a'], username: 'u:v', password_file: key",
            ".username: a user's name for basic authentication holds no ':'",
        ),
        (f"{_AM}, urls: ['http://a', 'https://b'], bearer_token_file: key", f".urls[0]: {_IN_THE_CLEAR}"),
        (f"{_AM}, urls: ['http://a'], username: u, password_file: key", f".urls[0]: {_IN_THE_CLEAR}"),
        (f"{_AM}, urls: ['http://a'], tls: {{cert_file: key, key_file: key}}", f".urls[0]: {_IN_THE_CLEAR}"),
        (f"{_AM}, urls: ['https://a'], tls: {{ca_file: gone}}", ".tls.ca_file: there is no such file"),
        (f"{_AM}, urls: ['https://a'], tls: {{ca_fil: x}}", ".tls.ca_fil: unknown key; did you mean 'ca_file'?"),
        (
            f"{_AM}, urls: ['https://a'], tls: {{key_file: key}}",
            ".tls: cert_file and key_file go together: a certificate is of no use without its key",
        ),
        (f"{_PD}", ": has no routing key; name a file by routing_key_file or a variable by routing_key_env"),
        (f"{_PD}, routing_key_file: gone", ".routing_key_file: there is no such file"),
        (
            f"{_PD}, routing_key_file: key, routing_key: s3cret",
            f".routing_key: {_SECRET} routing_key_file or a variable by routing_key_env",
        ),
        (
            f"{_PD}, routing_key_file: key, routing_key_env: MONITOR_API_KEY",
            ".routing_key_env: there is routing_key_file, too; keep one of them",
        ),
        (f"{_PD}, routing_key_file: key, base_url: 'http://pd.example'", f".base_url: {_PLAIN_HTTP}"),
        (
            f"{_PD}, routing_key_file: key, resend: 1m",
            ".resend: 'resend' is for alertmanager; pagerduty has no such key",
        ),
        (f"{_AP}", ": has no URL; name a file by url_file or a variable by url_env, with one URL per line"),
        (
            f"{_AP}, url: 'slack://s3cret'",
            f".url: {_OF_APPRISE}",
        ),
        (f"{_AP}, url_file: key", ".url_file: line 1 is no URL; expected one Apprise URL per line"),
        (f"{_AP}, url_file: none", ".url_file: expected one Apprise URL per line, there is none"),
        (f"{_AP}, url_file: urls, url_env: U", ".url_env: there is url_file, too; keep one of them"),
        (
            f"{_AP}, url_file: urls, allow_http: true",
            ".allow_http: 'allow_http' is for webhook and alertmanager and pagerduty; apprise has no such key",
        ),
        (
            "name: w, type: webhook, url: 'https://x', urls: ['https://x']",
            ".urls: 'urls' is for alertmanager; webhook takes 'url'",
        ),
    ],
    ids=lambda value: value[:80],
)
def test_every_type_of_receiver_has_keys_of_its_own(receiver: str, line: str) -> None:
    Path("key").write_text("s3cret-key")
    Path("none").write_text("# nothing\n\n")
    Path("urls").write_text("slack://s3cret\n")
    environ = _KEY | {"U": "slack://s3cret"}
    assert _errors(f"{_ACME}receivers: [{{{receiver}}}]", environ) == [f"monitor.yaml: receivers[0]{line}"]
    assert "s3cret" not in line


def test_receivers_have_different_names() -> None:
    one = "{name: r, type: webhook, url: 'http://127.0.0.1:1/'}"
    assert _of_file(f"{_ACME}receivers: [{one}, {one}]") == ["receivers[1].name: 'r' is receivers[0] already"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost", "http://[::1]:8080/"])
def test_plain_http_to_this_machine_is_fine(url: str) -> None:
    Path("monitor.yaml").write_text(f"{_ACME}api: {{base_url: '{url}'}}")
    assert load_settings(Path("monitor.yaml"), _KEY).api.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://automation.example",
        "https://u:p@x",
        "https://x/?q",
        "https://",
        "x",
        "https://x:99999",
        "http://[::1",
        "https://a..8x8.com",
    ],
)
def test_the_key_goes_to_no_other_kind_of_address(url: str) -> None:
    (line,) = _of_file(f"{_ACME}api: {{base_url: '{url}'}}")
    assert line.startswith("api.base_url: ")


# --- the environment --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("SERVER__PORT", "many", "SERVER__PORT: expected a whole number from 0 to 65535, got 'many'"),
        ("SERVER_PORT", "1", "SERVER_PORT: no setting has this variable; did you mean MONITOR_SERVER__PORT?"),
        ("PORT", "9000", "PORT: no setting has this variable; did you mean MONITOR_SERVER__PORT?"),
        ("QQQQQQQQQQQQQQQQ__Z", "1", "QQQQQQQQQQQQQQQQ__Z: no setting has this variable"),
        ("SERVER__PORT__X", "1", "SERVER__PORT__X: no setting has this variable; did you mean MONITOR_SERVER__PORT?"),
        ("ALERTS__X", "1", "ALERTS__X: no setting has this variable; did you mean MONITOR_ALERTS?"),
        ("ALERTS__HOLD", "x", "ALERTS__HOLD: expected a duration such as 250ms, 30s, 5m, 2h or 7d, got 'x'"),
        ("HOLD", "1h", "HOLD: no setting has this variable; did you mean MONITOR_ALERTS__HOLD?"),
        (
            "RECEIVERS",
            '[{"name": "p", "type": "pagerduty", "routing_key_env": "GONE"}]',
            "RECEIVERS[0].routing_key_env: the variable that is named here is not set",
        ),
        (
            "SERVER__ADMIN_TOKEN",
            "s3cret",
            f"SERVER__ADMIN_TOKEN: {_SECRET} admin_token_file or a variable by admin_token_env",
        ),
        ("ACCOUNTS__0__ID", "a", "ACCOUNTS__0__ID: a list is set as a whole, by MONITOR_ACCOUNTS as JSON"),
        ("ACCOUNTS", "acme", 'ACCOUNTS: expected JSON such as [{"id": "acme"}]; Expecting value at character 1'),
        ("ACCOUNTS", "{}", "ACCOUNTS: expected a list, got keys with values"),
        ("ACCOUNTS", "[" * 100_000, 'ACCOUNTS: expected JSON such as [{"id": "acme"}], nested less deeply'),
        ("ACCOUNTS", '[{"id": "a", "id": "b"}]', "ACCOUNTS: the key 'id' stands twice in one mapping"),
        (
            "ACCOUNTS",
            '[{"id": "a", "burst": 1.5}]',
            "ACCOUNTS[0].burst: expected a whole number from 1 to 100000, got '1.5'",
        ),
        (
            "ACCOUNTS",
            '[{"id": "a", "burst": true}]',
            "ACCOUNTS[0].burst: expected a whole number from 1 to 100000, got 'true'",
        ),
        ("LOG", "[]", "LOG: expected keys with values, got a list"),
        ("LOG", '{"level": "x"}', "LOG.level: expected debug, info, warning or error, got 'x'"),
        ("WATCHLIST", "[", 'WATCHLIST: expected JSON such as ["watchlist.yaml"]; Expecting value at character 2'),
        ("WATCHLIST", "no*.yaml", "WATCHLIST: the glob matches no file"),
        ("API_KEY", "two\nlines of s3cret", f"API_KEY: character 4 {_UNFIT}"),
        ("API_KEY", "s3cret with blanks", f"API_KEY: character 7 {_UNFIT}"),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_variable_is_named(name: str, value: str, line: str) -> None:
    errors = _errors(_ACME, _KEY | {f"MONITOR_{name}": value})
    assert errors == [f"environment: MONITOR_{line}"]


def test_a_wrong_variable_of_the_heartbeat_is_named_without_its_token() -> None:
    assert _errors(_ACME + _SOMEONE, _KEY | {"MONITOR_HEARTBEAT__URL": "ftp://s3cret"}) == [
        "environment: MONITOR_HEARTBEAT__URL: expected a URL that begins with https:// and a host"
    ]


# --- all at once ------------------------------------------------------------------------------------------


def test_everything_is_told_in_one_go_in_the_order_of_the_files() -> None:
    settings = """
server: {port: x}
later: 1
accounts:
  - {id: acme, burst: 0, api_key: s3cret}
  - {id: acme, api_key_file: gone}
polling: {interval: 30, blind_after: never}
watchlist: [watchlist.yaml, nothing*.yml, gone.yaml]
receivers: [{name: r, type: webhook, url: "https://x", timeout: 1h}]
"""
    watchlist = """
defaults: {account: acne, labels: {a-b: c}}
targets:
  - {definition: d, workflow: w, account: acne}
  - {definition: d, workflow: ../w, account: acme}
"""
    assert _errors(settings, _KEY | {"MONITOR_LOG__LEVEL": "x", "MONITOR_BOGUS": "y"}, watchlist) == [
        "monitor.yaml: server.port: expected a whole number from 0 to 65535, got 'x'",
        "monitor.yaml: later: unknown key",
        "monitor.yaml: accounts[0].burst: expected a whole number from 1 to 100000, got '0'",
        f"monitor.yaml: accounts[0].api_key: {_SECRET} api_key_file or a variable by api_key_env",
        "monitor.yaml: accounts[1].id: 'acme' is accounts[0] already",
        "monitor.yaml: accounts[1].api_key_file: there is no such file",
        "monitor.yaml: polling.interval: expected a duration such as 250ms, 30s, 5m, 2h or 7d, got '30'",
        "monitor.yaml: polling.blind_after: expected a duration such as 250ms, 30s, 5m, 2h or 7d, got 'never'",
        "monitor.yaml: watchlist[1]: the glob matches no file",
        "monitor.yaml: receivers[0].timeout: expected a duration from 100ms to 5m, got '1h'",
        "environment: MONITOR_BOGUS: no setting has this variable",
        "environment: MONITOR_LOG__LEVEL: expected debug, info, warning or error, got 'x'",
        f"watchlist.yaml: defaults.labels.a-b: {_LABEL}",
        "watchlist.yaml: targets[0].account: 'acne' is not among the settings' accounts; did you mean 'acme'? (line 4)",
        "watchlist.yaml: targets[1].workflow: an id must not hold '/', it would change the path of the URL (line 5)",
        "gone.yaml: there is no such file",
    ]


def test_of_very_many_errors_the_rest_is_counted() -> None:
    entries = "".join(f"{{definition: d, workflow: w, key{number}: x}}, " for number in range(MAX_ERRORS + 500))
    errors = _errors(_ACME, watchlist=f"targets: [{entries}]")
    assert len(errors) == MAX_ERRORS + 1
    assert errors[-1] == "watchlist.yaml: and 500 errors more"


def test_errors_that_differ_only_in_their_entry_are_counted() -> None:
    entry = "  - {definition: d, workflow: w, account: other}\n"
    errors = _errors(_ACME, watchlist="targets:\n" + entry * (MAX_ALIKE + 480) + "  - {definition: d}\n")
    stranger = "'other' is not among the settings' accounts"
    assert errors[0] == f"watchlist.yaml: targets[0].account: {stranger} (line 2)"
    assert errors[MAX_ALIKE] == "watchlist.yaml: targets[500].workflow: missing, and it has no default (line 502)"
    assert errors[MAX_ALIKE + 1 :] == [f"watchlist.yaml: targets[*].account: and 480 more of these: {stranger}"]
