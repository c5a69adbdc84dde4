"""Whatever stands in the files and the environment: settings, or reasons for a person."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from monitor.settings import ConfigurationError, load_settings
from monitor.settings.model import AccountSettings, AlertSettings, ApiSettings, Document, HeartbeatSettings
from monitor.settings.receivers import TYPES
from monitor.settings.receivers.alertmanager import TlsSettings
from monitor.settings.watchlist_model import DiscoveryEntry, TargetEntry
from monitor.settings.yamlfile import YamlError, parse

_JARGON = re.compile(
    r"pydantic|https://errors|Input should|Value error|validation error|Traceback|type=|not understood"
)

_PARTS: tuple[type[BaseModel], ...] = (
    Document,
    ApiSettings,
    AccountSettings,
    AlertSettings,
    HeartbeatSettings,
    TlsSettings,
    *TYPES.values(),
    TargetEntry,
    DiscoveryEntry,
)
_KEYS = st.sampled_from(
    [
        *(key for part in _PARTS for key in part.model_fields),
        *("defaults", "targets", "discover", "port", "level", "<<", "extra"),
    ]
)
_SCALARS = st.one_of(
    st.sampled_from(
        [
            "acme",
            *("webhook", "alertmanager", "pagerduty", "apprise"),
            "https://x",
            "30s",
            "8MiB",
            "5",
            "true",
            "",
            "a/b",
            "workflow.*",
            "*",
            "watchlist.yaml",
            "info",
        ]
    ),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
)
_TREES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)
_SHAPED = st.fixed_dictionaries(
    {"accounts": st.just([{"id": "acme"}])},
    optional=dict.fromkeys(
        ("api", "watchlist", "polling", "store", "server", "receivers", "log", "alerts", "heartbeat"), _TREES
    ),
)
_VARIABLES = st.dictionaries(
    st.sampled_from(
        [
            "ACCOUNTS",
            "API",
            "API_KEY",
            "SERVER__PORT",
            "LOG",
            "LOG__LEVEL",
            "X__Y",
            "WATCHLIST",
            "RECEIVERS",
            "__",
            "API__TIMEOUT",
            "STORE__URL",
            "",
        ]
    ).map(lambda name: f"MONITOR_{name}"),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["[]", "{}", '[{"id": "a"}]', '{"a": NaN}', "[1]", '[{"id": 1e999}]', "null"]),
    max_size=3,
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name, contextlib.chdir(name):
        yield Path(name)


def _outcome(folder: Path, text: bytes, watchlist: bytes, environ: dict[str, str]) -> None:
    (folder / "monitor.yaml").write_bytes(text)
    (folder / "watchlist.yaml").write_bytes(watchlist)
    for line in _reasons(folder / "monitor.yaml", environ):
        assert re.match(r".+: .", line), line
        assert not _JARGON.search(line), line
        assert line.isprintable(), line


def _reasons(path: Path, environ: dict[str, str]) -> tuple[str, ...]:
    try:
        load_settings(path, environ)
    except ConfigurationError as error:
        return error.errors
    return ()


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")), _VARIABLES)
@example(b"accounts: [{id: acme}]", {"MONITOR_API_KEY": "k"})
def test_any_bytes_are_settings_or_reasons(folder: Path, content: bytes, environ: dict[str, str]) -> None:
    _outcome(folder, content, b"targets: []", environ)
    _outcome(folder, b"accounts: [{id: acme}]", content, environ | {"MONITOR_API_KEY": "k"})


@settings(deadline=None)
@given(_TREES | _SHAPED, _TREES, _VARIABLES)
def test_any_tree_is_settings_or_reasons(folder: Path, tree: Any, watchlist: Any, environ: dict[str, str]) -> None:
    entries = {"targets": watchlist} if isinstance(watchlist, list) else watchlist
    _outcome(folder, _written(tree), _written(entries), environ)


def _written(tree: Any) -> bytes:
    return yaml.safe_dump(tree, allow_unicode=True).encode()


_YAML = st.text(st.sampled_from("ab:-[]{}&*<,'\"|>!#%@?~ \n\t0"), max_size=60)


@settings(deadline=None)
@given(_YAML)
@example("a: &a {b: c}\nd: {<<: *a}\n")
def test_what_is_read_is_what_yaml_means(text: str) -> None:
    try:
        tree, flaws = parse(text)
    except YamlError:
        return
    if not flaws:
        meant = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes texts, lists and mappings only
        assert tree == meant or "<<" in text or _holds_nothing(tree)


def _holds_nothing(tree: Any) -> bool:
    """Where we read nothing, YAML's plainest reader has an empty text."""
    if isinstance(tree, dict):
        return any(map(_holds_nothing, tree.values()))
    return any(map(_holds_nothing, tree)) if isinstance(tree, list) else tree is None
