"""Reads YAML without its implicit types: every scalar is its text, or null.

The key decides the type of a text, exactly as for a variable of the environment. So an id of digits stays an id, the
label `1.10` stays `1.10`, and `NO` is a country.

The tree is built from the parser's events, not from its nodes: that is ten times faster, needs no recursion, which deep
nesting could exhaust, and lets other threads run between events. Aliases share their value; the number of values behind
all aliases is bounded, so that a few lines cannot become millions of values.
"""

from pathlib import Path
from typing import Any

import yaml

Tree = str | None | list["Tree"] | dict[str, "Tree"]

MAX_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 32
_MAX_ALIASED = 5_000_000
"""The most values behind all aliases of a file: many times the need of 100,000 targets that share a few keys."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAGS = frozenset({None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))})


class YamlError(ValueError):
    """The text is no YAML, or uses an unsupported part of it: `line:column: reason`, or the reason alone."""


def read_text(path: Path) -> str:
    """The text of a file; raises YamlError with the reason if it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise YamlError("a directory, not a file" if path.is_dir() else "not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise YamlError("there is no such file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(f"cannot be read: {getattr(error, 'strerror', None) or 'not a path'}") from None
    if len(content) > MAX_BYTES:
        raise YamlError(f"larger than {MAX_BYTES // 1024**2}MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise YamlError(f"not UTF-8: the byte 0x{content[error.start]:02x} on line {line} is out of place") from None


def parse(text: str) -> tuple[Tree, tuple[str, ...]]:
    """The tree, and its errors (`line:column: reason`) after which reading went on; raises YamlError."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or "not YAML"
        raise YamlError(f"{_at(mark)}: {reason}" if mark else reason) from None
    except yaml.YAMLError as error:
        raise YamlError(_unreadable(error, text)) from None
    except UnicodeError:
        raise YamlError("holds half of a surrogate pair") from None
    return builder.root, tuple(builder.flaws)


def item_lines(text: str, key: str) -> list[int]:
    """The lines, from 1, of the items of the list at a key of the top level.

    For a text that `parse` has accepted. It is a second pass, since only error messages need the lines.
    """
    found: list[int] = []
    depth, name, inside = 0, None, False
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            if depth == 1:
                name, inside = (getattr(event, "value", "") if name is None else None), name == key
            elif depth == 2 and inside and event.start_mark is not None:  # noqa: PLR2004 - the items of a list within the top level
                found.append(event.start_mark.line + 1)
            depth += isinstance(event, yaml.CollectionStartEvent)
    return found


def _unreadable(error: yaml.YAMLError, text: str) -> str:
    """The message about a character that YAML does not allow; libyaml has its position in bytes."""
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return "not YAML"
    before = text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "ignore")
    column = len(before) - (before.rfind("\n") + 1) + 1
    return f"{before.count(chr(10)) + 1}:{column}: a character that YAML does not allow"


def _at(mark: Any) -> str:
    return f"{mark.line + 1}:{mark.column + 1}"


class _Open:
    """A mapping or list before its end event."""

    __slots__ = ("anchor", "inside", "key", "merges", "start")

    def __init__(self, inside: dict[str, Tree] | list[Tree], anchor: str | None, start: int) -> None:
        self.inside = inside
        self.anchor = anchor
        self.start = start
        self.key: str | None = None
        self.merges: list[Tree] | None = None


class _Builder:
    """Takes events, one after the other, and builds the tree."""

    def __init__(self) -> None:
        self.root: Tree = None
        self.flaws: list[str] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Tree, int] | None] = {}
        """Each with its number of values; None before its end event."""
        self._values = 0
        """Values so far, including those behind aliases."""
        self._aliased = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._start(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._start(event, [])
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            self._end(event)
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise self._error(event, "a second document begins here; a file holds one")

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        plain = event.implicit[0] and not event.style
        self._values += 1
        if event.tag not in _PLAIN_TAGS:
            self._flaw(event, "tags are not read here; write the text alone")
        if self._open and self._open[-1].key is None and type(self._open[-1].inside) is dict:
            self._name(event, text, merge=plain and text == "<<")
            return
        value = None if plain and text in _NOTHING else text
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._put(value)

    def _name(self, event: Any, text: str, *, merge: bool) -> None:
        here = self._open[-1]
        here.key = text
        if event.anchor is not None:
            self._anchors[event.anchor] = (text, 1)
        if merge:
            here.merges = here.merges or []
        elif text in here.inside:
            self._flaw(event, f"the key {text[:60]!r} stands twice in one mapping")

    def _start(self, event: Any, inside: dict[str, Tree] | list[Tree]) -> None:
        if len(self._open) >= _MAX_DEPTH:
            raise self._error(event, f"nested deeper than {_MAX_DEPTH} levels")
        if self._open and self._open[-1].key is None and type(self._open[-1].inside) is dict:
            raise self._error(event, "a key must be a text")
        if event.tag not in _PLAIN_TAGS:
            self._flaw(event, "tags are not read here")
        self._values += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(inside, event.anchor, self._values))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        if done.merges and type(done.inside) is dict:
            for merged in done.merges:
                self._merge(event, done.inside, merged)
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.inside, self._values - done.start + 1)
        self._put(done.inside)

    def _merge(self, event: Any, into: dict[str, Tree], merged: Tree) -> None:
        """`<<`: absent keys are taken from the merged mapping; of several, from the first one that has the key."""
        for one in merged if isinstance(merged, list) else [merged]:
            if not isinstance(one, dict):
                self._flaw(event, "only a mapping, or a list of mappings, can be merged by '<<'")
                continue
            for key, value in one.items():
                into.setdefault(key, value)

    def _alias(self, event: Any) -> None:
        name: str = event.anchor
        if name not in self._anchors:
            raise self._error(event, f"there is no anchor &{name[:60]} before this")
        anchored = self._anchors[name]
        if anchored is None:
            raise self._error(event, f"*{name[:60]} stands inside of what it names")
        value, weight = anchored
        self._values += weight
        self._aliased += weight
        if self._aliased > _MAX_ALIASED:
            raise self._error(event, f"the aliases of this file stand for more than {_MAX_ALIASED:,} values")
        if self._open and self._open[-1].key is None and type(self._open[-1].inside) is dict:
            if not isinstance(value, str):
                raise self._error(event, "a key must be a text")
            self._name(event, value, merge=False)
            return
        self._put(value)

    def _put(self, value: Tree) -> None:
        if not self._open:
            self.root = value
            return
        here = self._open[-1]
        if isinstance(here.inside, list):
            here.inside.append(value)
            return
        key, here.key = here.key, None
        if key == "<<" and here.merges is not None:
            here.merges.append(value)
        elif key is not None:
            here.inside[key] = value

    def _flaw(self, event: Any, reason: str) -> None:
        self.flaws.append(f"{_at(event.start_mark)}: {reason}")

    @staticmethod
    def _error(event: Any, reason: str) -> YamlError:
        return YamlError(f"{_at(event.start_mark)}: {reason}")
