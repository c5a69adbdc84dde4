"""A look at the store of a daemon, by who is not that daemon."""

import shutil
from pathlib import Path

import pytest

from monitor.core.commits import Change
from monitor.core.model import Status
from monitor.store import Store, Writer, running_targets
from tests.store.databases import Database
from tests.store.examples import at, belief, key

pytestmark = [pytest.mark.looptime, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]


async def _watched(writer: Writer) -> None:
    for workflow, status, seen in [
        ("runs", Status.RUNNABLE, at(7200)),
        ("waits", Status.SUSPENDED, at(7000)),
        ("ended", Status.COMPLETE, at(7200)),
        ("left long ago", Status.RUNNABLE, at(100)),
    ]:
        await writer.commit(Change(target=belief(workflow, status=status)))
        writer.touch(key(workflow), seen)
    await writer.drain(1.0)


async def test_what_runs_is_known_while_the_daemon_lives_and_after_it(
    store: Store, writer: Writer, database: Database, tmp_path: Path
) -> None:
    await _watched(writer)
    assert running_targets(database.url) == frozenset([key("runs"), key("waits")])
    await store.close()
    assert running_targets(database.url) == frozenset([key("runs"), key("waits")])


async def test_nothing_is_made_or_changed_by_looking(store: Store, writer: Writer, tmp_path: Path) -> None:
    await _watched(writer)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "monitor.db", copy)
    shutil.copy(tmp_path / "monitor.db-wal", copy)  # as a crash leaves it, or a daemon of another host
    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    running_targets(f"sqlite:///{copy}/monitor.db")
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before


def test_where_there_is_no_store_nothing_is_known(database: Database, tmp_path: Path) -> None:
    assert running_targets(f"sqlite:///{tmp_path}/none.db") is None
    (tmp_path / "else.db").write_text("something else")
    assert running_targets(f"sqlite:///{tmp_path}/else.db") is None
    assert [file.name for file in tmp_path.iterdir()] == ["else.db"]
