"""The sources of settings: one file, overridden by the environment."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict

from monitor.settings.errors import Path as Keys
from monitor.settings.errors import is_list, section_in, spell, unknown
from monitor.settings.globs import anchored
from monitor.settings.model import Document
from monitor.settings.urls import anchored_store_url
from monitor.settings.yamlfile import Tree

PREFIX = "MONITOR_"
API_KEY = "MONITOR_API_KEY"
_OURS = frozenset({"MONITOR_CONFIG", API_KEY})
_BETWEEN = "__"
_OF_KUBERNETES = re.compile(
    r"MONITOR_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)=.*|PORT(?:=(?:tcp|udp)://.*|_\d+_(?:TCP|UDP)(?:_\w+)?=.*))"
)
"""The variables that Kubernetes sets in every container beside a service with the name `monitor`."""


class _Merged(BaseSettings):
    """The merged sources, not validated."""

    model_config = SettingsConfigDict(extra="allow", case_sensitive=True)


def merge(environment: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
    """The file overridden by the environment, key by key."""
    layers = tuple(InitSettingsSource(_Merged, init_kwargs=layer) for layer in (environment, file))
    merged = _Merged(_build_sources=(layers, {}))  # type: ignore[call-arg]  # documented, but missing in its type
    return dict(merged.model_extra or {})


def rooted(tree: dict[str, Tree], folder: Path) -> dict[str, Any]:
    """The file's tree with paths, including the defaults of absent ones, relative to the file."""
    store = tree.get("store") or {}
    if isinstance(store, dict):
        url = store.get("url", Document.model_fields["store"].get_default(call_default_factory=True).url)
        store = {**store, "url": anchored_store_url(url, str(folder)) if isinstance(url, str) else url}
    watchlist = tree.get("watchlist", Document.model_fields["watchlist"].default)
    files = watchlist if isinstance(watchlist, list) else [watchlist]
    anchors = [anchored(item, folder) if isinstance(item, str) and item.strip() else item for item in files]
    return {
        **{key: _beside(key, value, folder) for key, value in tree.items()},
        "store": store,
        "watchlist": anchors if isinstance(watchlist, list) else anchors[0],
    }


def _beside(key: str, value: Tree, folder: Path) -> Tree:
    """The value with every path at a key `..._file` in it relative to the folder."""
    if isinstance(value, dict):
        return {inner: _beside(inner, item, folder) for inner, item in value.items()}
    if isinstance(value, list):
        return [_beside("", item, folder) for item in value]
    return str(folder / value) if key.endswith("_file") and value else value


class EnvironmentVariables:
    """The environment as a tree like that of a file, with the variable of each place."""

    def __init__(self, environ: Mapping[str, str], file: Tree) -> None:
        self.tree: dict[str, Any] = {}
        self._variables: dict[Keys, str] = {}
        self._wrong: dict[str, str] = {}
        # A section's own variable comes before those of its keys, which override it. Empty means unset.
        for name in sorted(environ):
            if name.startswith(PREFIX) and name not in _OURS and environ[name]:
                self._take(name, environ[name])
        for name in {*_named_variables(file), *_named_variables(self.tree)}:
            self._wrong.pop(name, None)

    def line(self, keys: Keys, reason: str) -> str | None:
        """The reason with the variable of the place; None if no variable sets it."""
        for end in range(len(keys), 0, -1):
            name = self._variables.get(keys[:end])
            if name is not None:
                return f"environment: {spell((name, *keys[end:]))}: {reason}"
        return None

    @property
    def errors(self) -> list[str]:
        """The errors of variables without a setting."""
        return [f"environment: {spell((name,))}: {reason}" for name, reason in self._wrong.items()]

    def lend_key(self, accounts: object) -> object:
        """The accounts, with MONITOR_API_KEY for those without their own key."""
        if not isinstance(accounts, list):
            return accounts
        lent: list[object] = []
        for index, account in enumerate(accounts):
            if isinstance(account, dict) and account.get("api_key_file") is None and account.get("api_key_env") is None:
                self._variables["accounts", index, "api_key_env"] = API_KEY
                lent.append({**account, "api_key_env": API_KEY})
            else:
                lent.append(account)
        return lent

    def _take(self, name: str, text: str) -> None:
        keys = tuple(name.removeprefix(PREFIX).lower().split(_BETWEEN))
        try:
            self._place(keys, _value(keys, text))
        except UnknownVariableError as error:
            if not _OF_KUBERNETES.fullmatch(f"{name}={text}"):
                self._wrong[name] = str(error) or _unknown(name)
        except ValueError as error:
            self._wrong[name] = str(error)
        else:
            self._variables[keys] = name

    def _place(self, keys: tuple[str, ...], value: object) -> None:
        here = self.tree
        for key in keys[:-1]:
            inner = here.setdefault(key, {})
            if not isinstance(inner, dict):
                return  # the section's own variable has an error already
            here = inner
        here[keys[-1]] = value


class UnknownVariableError(ValueError):
    """A variable without a setting. The message may have more."""


def _value(keys: tuple[str, ...], text: str) -> object:
    """The value of the setting at these keys: the text itself, or, for a section or a list, its JSON."""
    section: type[BaseModel] = Document
    for depth, key in enumerate(keys):
        field = section.model_fields.get(key)
        if field is None:
            reason = unknown(key, section)
            raise UnknownVariableError("" if reason.startswith("unknown key") else reason)
        inner = section_in(field.annotation)
        if depth == len(keys) - 1:
            in_json = inner is not None or (key == "watchlist" and text.startswith("["))
            return _from_json(text, _EXAMPLES.get(key, '{"key": "value"}')) if in_json else text
        if inner is None or is_list(field.annotation):
            lead = PREFIX + _BETWEEN.join(keys[: depth + 1]).upper()
            raise UnknownVariableError(f"a list is set as a whole, by {lead} as JSON" if inner else "")
        section = inner
    raise UnknownVariableError


_EXAMPLES = {
    "accounts": '[{"id": "acme"}]',
    "receivers": '[{"name": "oncall", "type": "webhook", "url": "https://hooks.example"}]',
    "watchlist": '["watchlist.yaml"]',
}


def _from_json(text: str, example: str) -> object:
    expected = f"JSON such as {example}"
    try:
        return _texts(json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_pairs))
    except json.JSONDecodeError as error:
        raise ValueError(f"expected {expected}; {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError(f"expected {expected}, nested less deeply") from None


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:60]!r} stands twice in one mapping")
        found[key] = value
    return found


def _texts(value: object) -> object:
    """Scalars as text, as in a file."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return [_texts(item) for item in value]
        case dict():
            return {key: _texts(item) for key, item in value.items()}
    return value


def _unknown(name: str) -> str:
    rest = name.removeprefix(PREFIX)[:100]
    known = list(_variables())
    same_key = [other for other in known if other.endswith(_BETWEEN + rest)]
    near = same_key or difflib.get_close_matches(rest, known, n=1)
    return f"no setting has this variable; did you mean {PREFIX}{near[0]}?" if near else "no setting has this variable"


def _variables(section: type[BaseModel] = Document, prefix: str = "") -> Iterator[str]:
    """Every variable of a setting, without the prefix."""
    for key, field in section.model_fields.items():
        name = prefix + key.upper()
        yield name
        inner = section_in(field.annotation)
        if inner is not None and not is_list(field.annotation):
            yield from _variables(inner, name + _BETWEEN)


def _named_variables(tree: object) -> Iterator[str]:
    """Variables with secrets that the settings name."""
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _named_variables(value)
    if isinstance(tree, dict):
        yield from (value for key, value in tree.items() if key.endswith("_env") and isinstance(value, str))
