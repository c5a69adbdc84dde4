"""The file behind a SQLite store: one daemon's, its user's alone, and the same one to the end."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.store import StoreInUse, StoreLock, StoreUnavailable
from monitor.store.database_file import DatabaseFile

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_the_file_is_made_readable_to_its_user_alone(tmp_path: Path) -> None:
    DatabaseFile(str(tmp_path / "m.db"), creates=True).connecting()
    assert (tmp_path / "m.db").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "m.db").touch(mode=0o640)
    DatabaseFile(str(tmp_path / "m.db"), creates=True).connecting()
    assert (tmp_path / "m.db").stat().st_mode & 0o777 == 0o640


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no database yet"):
        DatabaseFile(str(tmp_path / "m.db"), creates=False).connecting()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_a_file_that_is_not_the_one_that_was_opened_is_noticed_until_it_is_back(tmp_path: Path, what: str) -> None:
    path, kept = tmp_path / "m.db", tmp_path / "kept.db"
    file = DatabaseFile(str(path), creates=True)
    file.connecting()
    os.replace(path, kept)  # noqa: PTH105 - the same file, under another name
    if what == "replaced":
        path.touch()
    file.look()
    assert what in (file.lost or "")
    with pytest.raises(StoreUnavailable, match=what):
        file.connecting()
    assert path.exists() is (what == "replaced"), "nothing is made in its place"
    os.replace(kept, path)  # noqa: PTH105
    file.look()
    assert file.lost is None


def test_a_lock_is_held_by_one_and_names_it(tmp_path: Path) -> None:
    first, second = (StoreLock(f"sqlite:///{tmp_path}/m.db") for _ in range(2))
    first.acquire(NOON)
    with pytest.raises(StoreInUse, match=rf"pid {os.getpid()} on \S+ since 2026-01-05T12:00:00Z; stop it, or"):
        second.acquire(NOON)
    first.acquire(NOON)
    first.release()
    second.acquire(NOON)
    second.release()


def test_a_link_to_the_file_has_the_lock_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "m.db").touch()
    (tmp_path / "m.db").symlink_to(tmp_path / "data" / "m.db")
    first = StoreLock(f"sqlite:///{tmp_path}/data/m.db")
    first.acquire(NOON)
    with pytest.raises(StoreInUse):
        StoreLock(f"sqlite:///{tmp_path}/m.db").acquire(NOON)
    first.release()


def test_a_lock_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file or directory: the database's directory must exist"):
        StoreLock(f"sqlite:///{tmp_path}/absent/m.db").acquire(NOON)


def test_a_store_on_a_server_needs_no_lock() -> None:
    StoreLock("postgresql+psycopg://monitor@localhost/monitor").acquire(NOON)
