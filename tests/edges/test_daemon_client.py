"""Where a command asks for the daemon, and where it sends the admin token."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.commands.daemon_client import address, admin_token, read_token
from monitor.commands.options import UsageError
from monitor.settings import Settings, load_settings

TOKEN = "correct-horse"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("k3y\n")
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "watchlist.yaml").write_text("targets: [{account: acme, definition: d, workflow: w}]")
    return tmp_path


def settings(folder: Path, **server: Any) -> Settings:
    file = folder / "monitor.yaml"
    file.write_text(yaml.safe_dump({"accounts": [{"id": "acme", "api_key_file": "key"}], "server": server}))
    return load_settings(file, {})


@pytest.mark.parametrize(
    ("server", "url", "expected"),
    [
        ({}, None, "http://127.0.0.1:8808"),
        ({"host": "0.0.0.0", "port": 9000}, None, "http://127.0.0.1:9000"),  # noqa: S104 - as a container has it
        ({"host": "::"}, None, "http://[::1]:8808"),
        ({"host": "fd00::7"}, None, "http://[fd00::7]:8808"),
        ({"host": "monitor.internal"}, None, "http://monitor.internal:8808"),
        ({"external_url": "https://watch.example/monitor"}, None, "http://127.0.0.1:8808"),
        ({"port": 0}, "https://watch.example/monitor/", "https://watch.example/monitor"),
    ],
)
def test_the_daemon_is_where_the_settings_or_url_say(
    folder: Path, server: dict[str, Any], url: str | None, expected: str
) -> None:
    assert address(settings(folder, **server), url) == expected


@pytest.mark.parametrize(
    ("server", "url"),
    [({"port": 0}, None), ({}, "watch.example"), ({}, "http://user:hunter2@watch.example"), ({}, "http://a/?b=c")],
    ids=["any free port", "no scheme", "a password", "a query"],
)
def test_an_address_that_leads_nowhere_is_refused(folder: Path, server: dict[str, Any], url: str | None) -> None:
    with pytest.raises(UsageError) as refusal:
        address(settings(folder, **server), url)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("site", "server", "sent"),
    [
        ("http://127.0.0.1:8808", {}, True),
        ("http://[::1]:8808", {}, True),
        ("http://localhost:9", {}, True),
        ("https://elsewhere.example", {}, True),
        ("http://elsewhere.example", {}, False),
        ("http://192.0.2.1:8808", {}, False),
        ("http://192.0.2.1:8808", {"host": "192.0.2.1"}, True),
        ("http://Monitor.internal:8808", {"host": "monitor.Internal"}, True),
        ("http://watch.example", {"external_url": "http://watch.example/monitor"}, True),
        ("http://watch.example.evil", {"external_url": "http://watch.example/monitor"}, False),
    ],
)
def test_the_token_goes_to_this_machine_to_the_configured_host_or_by_https(
    folder: Path, site: str, server: dict[str, Any], sent: bool
) -> None:
    configured = settings(folder, admin_token_file="token", **server)
    if sent:
        assert admin_token(configured, site) == TOKEN
    else:
        with pytest.raises(UsageError):
            admin_token(configured, site)


def test_what_only_reads_sends_the_read_token_if_there_is_one(folder: Path) -> None:
    configured = settings(folder, read_token_file="token")
    assert read_token(configured, "http://127.0.0.1:8808") == TOKEN
    assert read_token(settings(folder), "http://elsewhere.example") is None
    with pytest.raises(UsageError, match="the read token goes by https"):
        read_token(configured, "http://elsewhere.example")


def test_a_token_that_is_not_configured_is_named_by_its_key(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"server\.admin_token_file"):
        admin_token(settings(folder), "http://127.0.0.1:8808")


def test_a_token_that_cannot_be_read_any_more_is_told(folder: Path) -> None:
    configured = settings(folder, admin_token_file="token")
    (folder / "token").unlink()
    with pytest.raises(UsageError, match="there is no such file"):
        admin_token(configured, "http://127.0.0.1:8808")
