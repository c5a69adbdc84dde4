"""Files that cannot be read as YAML: where, and why, in one line."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from monitor.settings import ConfigurationError, load_settings
from monitor.settings.yamlfile import item_lines

_ACME = "accounts: [{id: acme}]\n"


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("watchlist.yaml").write_text("targets: []")


def _errors(path: str, environ: Mapping[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Path(path), environ)
    return list(caught.value.errors)


def _of_file(content: str | bytes) -> list[str]:
    Path("monitor.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    return [error.removeprefix("monitor.yaml: ") for error in _errors("monitor.yaml", {"MONITOR_API_KEY": "k3y"})]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n---\n", "the file is empty"),
        (b"[a]", "expected keys with values, got a list"),
        (b"abc", "expected keys with values, got a text"),
        (b"accounts: [\n  1,\n", "3:1: did not find expected node content"),
        (b"a: 'open", "1:9: found unexpected end of stream"),
        (b"\tapi: {}", "1:1: found character that cannot start any token"),
        (b"\xef\xbb\xbfa: \x01", "1:4: a character that YAML does not allow"),
        (b"ok: 1\nb\xff: 2", "not UTF-8: the byte 0xff on line 2 is out of place"),
        (b"a: 1\n---\nb: 2", "2:1: a second document begins here; a file holds one"),
        (b"a: &a [*a]", "1:8: *a stands inside of what it names"),
        (b"a: *b", "1:4: there is no anchor &b before this"),
        (b"? [a]\n: b", "1:3: a key must be a text"),
        (b"a: &a [b]\n*a : c", "2:1: a key must be a text"),
        (b"[" * 900, "1:33: nested deeper than 32 levels"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_is_no_yaml_says_where(content: bytes, line: str) -> None:
    assert _of_file(content) == [line]


def test_a_few_lines_cannot_stand_for_millions() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
    )
    (line,) = _of_file(laughs)
    assert line.endswith("the aliases of this file stand for more than 5,000,000 values")


def test_merging_cannot_stand_for_millions_either() -> None:
    keys = "a: &a {" + ", ".join(f"k{n}: v" for n in range(2000)) + "}\n"
    (line,) = _of_file(keys + "".join(f"m{n}: {{<<: *a}}\n" for n in range(5000)))
    assert line.endswith("the aliases of this file stand for more than 5,000,000 values")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert _errors("nowhere/monitor.yaml", {"MONITOR_SERVER_PORT": "1"}) == [
        "nowhere/monitor.yaml: there is no such file",
        "environment: MONITOR_SERVER_PORT: no setting has this variable; did you mean MONITOR_SERVER__PORT?",
    ]


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    os.mkfifo("pipe")
    for name, line in ((".", ".: a directory, not a file"), ("pipe", "pipe: not a regular file")):
        assert _errors(name, {}) == [line]


@pytest.mark.parametrize(("name", "reason"), [("x" * 5000, "File name too long"), ("no\0path", "not a path")])
def test_what_is_no_path_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot be read: {reason}"):
        load_settings(Path(name), {})


def test_a_file_larger_than_any_watchlist_is_refused() -> None:
    with Path("huge.yaml").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    assert _of_file(_ACME + "watchlist: huge.yaml") == ["huge.yaml: larger than 64MiB"]


def test_all_twice_written_keys_and_tags_are_told() -> None:
    assert _of_file(
        _ACME + "api: {timeout: 1s, timeout: 2s}\nlog:\n  level: !!python/name:os.system info\napi: {}"
    ) == [
        "2:20: the key 'timeout' stands twice in one mapping",
        "4:10: tags are not read here; write the text alone",
        "5:1: the key 'api' stands twice in one mapping",
    ]


def test_the_lines_of_a_lists_items_are_known() -> None:
    first = "other: [targets, {targets: [1]}]\ntargets:\n  - a: 1\n    b: [1,\n        2]\n"
    text = first + "  # words\n\n  - &x {targets: [5]}\n  - *x\n  - word\nlast: []\n"
    assert item_lines(text, "targets") == [3, 8, 9, 10]
    assert item_lines("[]", "targets") == item_lines("targets: {a: b}", "other") == []
