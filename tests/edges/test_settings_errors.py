"""Settings that are wrong: everything at once, where it is, in words for a person."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.settings import ConfigurationError, load_settings
from monitor.settings.errors import MAX_ERRORS

_LATER = "not supported yet by this version (0.1.0)"
_SECRET = "a secret is never written here; name a file by"
_LABEL = "a label's name consists of letters, digits and _, and begins with no digit"
_NO_EVENTS = (
    "expected a list of types of events such as ['workflow.*'], got an empty one, which would mute the receiver"
)
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
        ("alerts: {}", f"alerts: {_LATER}"),
        ("heartbeat: {url: x}", f"heartbeat: {_LATER}"),
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
        ("store: {url: 'postgresql+psycopg://u:pw@h/d'}", f"store.url: {_LATER}"),
        ("store: {url: 'mysql://u:pw@h/d'}", "store.url: expected sqlite:///PATH"),
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
        ("{type: pagerduty, routing_key_file: x}", f"receivers[0].type: {_LATER}"),
        ("{type: alertmanager, urls: [http://a:9093]}", f"receivers[0].type: {_LATER}"),
        ("{type: apprise}", f"receivers[0].type: {_LATER}"),
        ("{type: slack}", "receivers[0].type: expected webhook, got 'slack'"),
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


def test_receivers_have_different_names() -> None:
    one = "{name: r, type: webhook, url: 'http://127.0.0.1:1/'}"
    assert _of_file(f"{_ACME}receivers: [{one}, {one}]") == ["receivers[1].name: 'r' is receivers[0] already"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost", "http://[::1]:8080/"])
def test_plain_http_to_this_machine_is_fine(url: str) -> None:
    Path("monitor.yaml").write_text(f"{_ACME}api: {{base_url: '{url}'}}")
    assert load_settings(Path("monitor.yaml"), _KEY).api.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://automation.example", "https://u:p@x", "https://x/?q", "https://", "x", "https://x:99999", "http://[::1"],
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
        ("ALERTS__X", "1", f"ALERTS__X: {_LATER}"),
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
        "watchlist.yaml: targets[0].account: 'acne' is not among the settings' accounts; did you mean 'acme'?",
        "watchlist.yaml: targets[1].workflow: an id must not hold '/', it would change the path of the URL",
        "gone.yaml: there is no such file",
    ]


def test_of_very_many_errors_the_rest_is_counted() -> None:
    errors = _errors(_ACME, watchlist="targets: [" + "{}, " * (MAX_ERRORS + 500) + "]")
    assert len(errors) == MAX_ERRORS + 1
    assert errors[-1] == "watchlist.yaml: and 2,000 errors more"
