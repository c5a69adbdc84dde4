"""`config/README.md` names every key with its default, and its snippets load."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from monitor.settings import Settings, load_settings
from monitor.settings.model import Document
from monitor.settings.receivers import TYPES
from monitor.settings.receivers.alertmanager import TlsSettings
from monitor.settings.watchlist_model import DiscoveryEntry, TargetEntry
from tests.docs.documents import README, SETTINGS, section, settings_snippets, text, watchlist_snippets

_SNIPPETS = [*settings_snippets(README), *settings_snippets(SETTINGS)]
_RECEIVERS = (*TYPES.values(), TlsSettings)


def _leaves(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the settings by its path; receivers are a union, and count as one key."""
    for name, field in section.model_fields.items():
        below = _section(field.annotation)
        if below is None:
            yield prefix + name, field
        else:
            yield from _leaves(below, f"{prefix}{name}{'[]' if field.is_required() and prefix == '' else ''}.")


def _section(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    sections = [part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
    return sections[0] if len(sections) == 1 else None


LEAVES = dict(_leaves(Document))


def test_the_keys_are_found() -> None:
    assert {"api.timeout", "accounts[].id", "alerts.hold", "heartbeat.url", "receivers", "log.level"} <= LEAVES.keys()


@pytest.mark.parametrize("key", LEAVES)
def test_every_key_of_the_settings_is_documented_with_its_default(key: str) -> None:
    row = re.search(rf"^\| [^|]*`{re.escape(key)}`[^|]*\| ([^|]*)\|", section(SETTINGS, "Settings"), re.MULTILINE)
    assert row is not None
    default = LEAVES[key].default
    if isinstance(default, str):
        assert row[1].strip() == default


def test_the_reference_names_no_setting_that_is_not_there() -> None:
    named = re.findall(r"^\| (`[^|]+`) \|", section(SETTINGS, "Settings"), re.MULTILINE)
    assert {key for cell in named for key in re.findall(r"`([^`]+)`", cell)} == LEAVES.keys()


@pytest.mark.parametrize("receiver", _RECEIVERS)
def test_every_key_of_a_receiver_is_documented(receiver: type[BaseModel]) -> None:
    keys = section(SETTINGS, "Receivers")
    assert [key for key in receiver.model_fields if not re.search(rf"\b{key}\b", keys)] == []


@pytest.mark.parametrize("key", TargetEntry.model_fields)
def test_every_key_of_a_target_is_documented(key: str) -> None:
    targets = section(SETTINGS, "Watchlist").split("\n### ")[0]
    assert re.search(rf"^\| [^|]*`{key}`", targets, re.MULTILINE)


@pytest.mark.parametrize("key", DiscoveryEntry.model_fields)
def test_every_key_of_a_discovery_is_documented_with_its_default(key: str) -> None:
    row = re.search(rf"^\| [^|]*`{key}`[^|]*\| ([^|]*)\|", _discover(), re.MULTILINE)
    assert row is not None
    default = DiscoveryEntry.model_fields[key].default
    if isinstance(default, str):
        assert row[1].strip() == default


def test_the_reference_names_no_key_of_a_discovery_that_is_not_there() -> None:
    named = re.findall(r"^\| (`[^|]+`) \|", _discover(), re.MULTILINE)
    assert {key for cell in named for key in re.findall(r"`([^`]+)`", cell)} == DiscoveryEntry.model_fields.keys()


def _discover() -> str:
    return section(SETTINGS, "Watchlist").split("\n### Discover\n")[1].split("\n### ")[0]


@pytest.mark.parametrize("snippet", _SNIPPETS)
def test_the_settings_in_the_documents_load(snippet: str, tmp_path: Path) -> None:
    for name in re.findall(r"/run/secrets/(\w+)", snippet):
        (tmp_path / name).write_text("json://localhost\n" if name == "apprise" else "secret\n")
    (tmp_path / "watchlist.yaml").write_text("targets: []\n")
    whole = snippet if "accounts:" in snippet else f"{snippet}accounts: [{{id: acme}}]\n"
    settings = _load(whole.replace("/run/secrets", str(tmp_path)), tmp_path)
    assert bool(settings.receivers) is ("receivers:" in snippet)


@pytest.mark.parametrize("snippet", watchlist_snippets(SETTINGS))
def test_the_watchlists_in_the_documents_load(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "watchlist.yaml").write_text(snippet)
    watchlist = _load("accounts: [{id: acme}]\n", tmp_path).watchlist
    assert len(watchlist.targets) == len(re.findall(r"^ +workflow:", snippet, re.MULTILINE))
    assert len(watchlist.discoveries) == (2 if "discover:" in snippet else 0)
    assert watchlist.targets or watchlist.discoveries


def test_every_type_of_receiver_has_a_snippet() -> None:
    assert set(re.findall(r"    type: (\w+)", "".join(settings_snippets(SETTINGS)))) == set(TYPES)


def test_the_reference_speaks_of_a_restart_for_each_setting_that_needs_one() -> None:
    assert "max_concurrency" in text(SETTINGS).split("## Reload")[1].split("## Settings")[0]


def _load(written: str, folder: Path) -> Settings:
    file = folder / "monitor.yaml"
    file.write_text(written)
    return load_settings(file, {"MONITOR_API_KEY": "key"})
