"""One owner of an account at a time, whatever two replicas do at once; and no commit by another one."""

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine
from sqlalchemy import event as engine_event
from sqlalchemy.exc import OperationalError

from monitor.core.commits import Change, Committed
from monitor.core.model import TargetKey
from monitor.store import Lost, Store, StoreUnavailable, ownership, transaction
from monitor.store.transaction import CommitRequest
from tests.store.databases import Database
from tests.store.examples import at, belief, outgoing, telling

ACCOUNTS = ("acme", "globex", "initech")


@pytest.fixture
async def mine(store: Store) -> Engine:
    return store._writing


@pytest.fixture
async def theirs(store: Store, database: Database) -> AsyncIterator[Engine]:
    """The connection of another replica."""
    other = database.store()
    yield other._writing
    await other.close()


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def _joined(engine: Engine, *ids: str) -> None:
    for id_ in ids:
        ownership.join(engine, id_, f"host of {id_}", ACCOUNTS)


def _owners(engine: Engine) -> dict[str, str | None]:
    return {one.key: one.owner for one in ownership.look(engine).units}


def _change(account: str, workflow: str) -> CommitRequest:
    """A state of a target of the account, with an event if it is `acme`."""
    state = replace(belief(), key=TargetKey(account, "orders", workflow))
    told = (outgoing(workflow, "oncall"),) if account == "acme" else ()
    return CommitRequest(Change(target=state, outgoing=told))


# --- rows -----------------------------------------------------------------------------------------------------


def test_who_lives_and_who_owns_what_is_seen_by_all(mine: Engine, theirs: Engine) -> None:
    _joined(mine, "x")
    ownership.join(theirs, "y", "host of y", (), eligible=False)
    ownership.beat(theirs, "y")
    ownership.take(mine, "x", ACCOUNTS, 2)
    group = ownership.look(theirs)
    assert group.replicas == (
        ownership.Replica("x", "host of x", 0, eligible=True),
        ownership.Replica("y", "host of y", 1, eligible=False),
    )
    assert _owners(theirs) == {"acme": "x", "globex": "x", "initech": None}


def test_an_account_that_is_known_already_keeps_its_owner_when_another_joins(mine: Engine) -> None:
    _joined(mine, "x")
    ownership.take(mine, "x", ACCOUNTS, 3)
    _joined(mine, "y")
    assert set(_owners(mine).values()) == {"x"}


def test_what_is_taken_comes_with_what_its_lane_has_learned(mine: Engine) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ["acme"], 1)
    ownership.throttled(mine, "x", "acme", at(60), 2.5)
    ownership.give(mine, "x", ["acme"])
    assert ownership.take(mine, "y", ["acme"], 1) == [ownership.Unit("acme", "y", at(60), 2.5)]
    with pytest.raises(Lost):
        ownership.throttled(mine, "x", "acme", None, 10.0)


def test_only_known_free_accounts_are_taken_and_no_more_than_asked_for(mine: Engine) -> None:
    _joined(mine, "x", "y")
    assert [one.key for one in ownership.take(mine, "x", ["acme"], 5)] == ["acme"]
    assert ownership.take(mine, "y", ["acme", "umbrella"], 5) == []
    assert len(ownership.take(mine, "y", ACCOUNTS, 1)) == 1


def test_nobody_gives_what_is_not_its_own(mine: Engine) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ACCOUNTS, 3)
    ownership.give(mine, "y", ACCOUNTS)
    assert set(_owners(mine).values()) == {"x"}


def test_who_leaves_owns_nothing_and_is_gone(mine: Engine) -> None:
    _joined(mine, "x")
    ownership.take(mine, "x", ACCOUNTS, 3)
    ownership.leave(mine, "x")
    assert ownership.look(mine).replicas == ()
    assert set(_owners(mine).values()) == {None}


def test_a_replica_that_was_buried_is_lost_whatever_it_does_and_comes_back_under_a_new_id(mine: Engine) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ACCOUNTS, 2)
    assert ownership.reap(mine, "x", 0)
    assert _owners(mine) == dict.fromkeys(ACCOUNTS)
    for call in (
        partial(ownership.beat, mine, "x"),
        partial(ownership.take, mine, "x", ACCOUNTS, 1),
        partial(ownership.throttled, mine, "x", "acme", None, 1.0),
        partial(transaction.commit_group, mine, [CommitRequest(Change())], "x"),
    ):
        with pytest.raises(Lost):
            call()
    _joined(mine, "x2")
    assert len(ownership.take(mine, "x2", ACCOUNTS, 3)) == 3


def test_a_beat_that_has_moved_saves_its_replica(mine: Engine) -> None:
    _joined(mine, "x")
    ownership.take(mine, "x", ACCOUNTS, 3)
    ownership.beat(mine, "x")
    assert not ownership.reap(mine, "x", 0)
    ownership.beat(mine, "x")
    assert set(_owners(mine).values()) == {"x"}


def test_a_start_that_is_alone_on_its_store_frees_everything_at_once(mine: Engine) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ACCOUNTS, 3)
    ownership.reap_all(mine)
    assert ownership.look(mine).replicas == ()
    assert set(_owners(mine).values()) == {None}


# --- the guard ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accounts",
    [["globex"], ["initech"], ["acme", "globex"], ["globex", "acme"], ["acme", "initech"], ["umbrella"]],
    ids=["foreign", "freed", "half foreign", "half foreign, the other way round", "half freed", "unknown"],
)
async def test_a_batch_that_is_not_all_mine_writes_nothing(store: Store, mine: Engine, accounts: list[str]) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ["acme"], 1)
    ownership.take(mine, "y", ["globex"], 1)
    works = [_change(account, f"w{number}") for number, account in enumerate(accounts)]
    with pytest.raises(Lost):
        transaction.commit_group(mine, works, "x")
    assert [work.outcome for work in works] == [None] * len(works)
    assert [chunk async for chunk in store.load_targets()] == []
    assert await store.events(0, None, 10) == ([], 0)


async def test_a_batch_that_is_mine_is_written(store: Store, mine: Engine) -> None:
    _joined(mine, "x")
    ownership.take(mine, "x", ["acme", "globex"], 2)
    works = [_change("acme", "w1"), _change("globex", "w2"), CommitRequest(telling("e"))]
    transaction.commit_group(mine, works, "x")
    assert all(isinstance(work.outcome, Committed) and not work.outcome.stale for work in works)
    assert len(await store.pending("oncall", 0, 10)) == 2


def test_a_group_that_is_halved_proves_each_half(mine: Engine, theirs: Engine) -> None:
    """The account is given between the first try, which fails, and the next one."""
    _joined(mine, "x")
    ownership.take(mine, "x", ACCOUNTS, 3)
    transaction.commit_group(mine, [_change("acme", "w1")], "x")
    stale, other = _change("acme", "w1"), _change("acme", "w2")

    @engine_event.listens_for(mine, "checkin", once=True)
    def give(*_: object) -> None:
        ownership.give(theirs, "x", ["acme"])

    with pytest.raises(Lost):
        transaction.commit_group(mine, [stale, other], "x")
    assert other.outcome is None


def test_a_commit_in_doubt_is_recognised_by_its_owner_and_not_repeated_by_a_former_one(mine: Engine) -> None:
    _joined(mine, "x")
    ownership.take(mine, "x", ACCOUNTS, 3)
    landed, missing = _change("acme", "w1"), _change("acme", "w2")
    for work, commit in ((landed, True), (missing, False)):
        _break_next_commit(mine, commit=commit)
        with pytest.raises(StoreUnavailable):
            transaction.commit_group(mine, [work], "x")
    ownership.give(mine, "x", ["acme"])
    with pytest.raises(Lost):
        transaction.commit_group(mine, [landed, missing], "x")
    assert isinstance(landed.outcome, Committed)
    assert missing.outcome is None


def _break_next_commit(engine: Engine, *, commit: bool) -> None:
    @engine_event.listens_for(engine, "commit", once=True)
    def broken(connection: Connection) -> None:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        if commit:
            raw.commit()
        else:
            raw.rollback()
        raise OperationalError("COMMIT", None, Exception("server closed the connection"))


# --- two at once ----------------------------------------------------------------------------------------------


def test_a_reap_waits_for_a_commit_under_the_guard(mine: Engine, theirs: Engine, thread: ThreadPoolExecutor) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ACCOUNTS, 3)
    with mine.begin() as connection:
        ownership.guard(connection, "x", ["acme"])
        reaping = thread.submit(ownership.reap, theirs, "x", 0)
        assert _waits(reaping)
    assert reaping.result(5)
    with pytest.raises(Lost), mine.begin() as connection:
        ownership.guard(connection, "x", ["acme"])


def test_giving_waits_for_a_commit_under_the_guard(mine: Engine, theirs: Engine, thread: ThreadPoolExecutor) -> None:
    _joined(mine, "x")
    ownership.take(mine, "x", ACCOUNTS, 3)
    with mine.begin() as connection:
        ownership.guard(connection, "x", ["acme"])
        giving = thread.submit(ownership.give, theirs, "x", ["acme"])
        assert _waits(giving)
    giving.result(5)
    assert _owners(mine)["acme"] is None


def test_a_commit_that_waited_for_a_reap_is_lost(mine: Engine, theirs: Engine, thread: ThreadPoolExecutor) -> None:
    _joined(mine, "x", "y")
    ownership.take(mine, "x", ACCOUNTS, 3)
    reached, go_on = Barrier(2), Barrier(2)

    @engine_event.listens_for(theirs, "commit", once=True)
    def hold(_: Connection) -> None:
        reached.wait(5)
        go_on.wait(5)

    reaping = thread.submit(ownership.reap, theirs, "x", 0)
    reached.wait(5)
    committing = thread.submit(transaction.commit_group, mine, [_change("acme", "w")], "x")
    assert _waits(committing)
    go_on.wait(5)
    assert reaping.result(5)
    with pytest.raises(Lost):
        committing.result(5)


def test_of_a_beat_and_a_reap_exactly_one_wins(mine: Engine, theirs: Engine, thread: ThreadPoolExecutor) -> None:
    for number in range(15):
        _joined(mine, f"x{number}")
        beating, reaping = _race(
            thread,
            partial(ownership.beat, mine, f"x{number}"),
            partial(ownership.reap, theirs, f"x{number}", 0),
        )
        assert isinstance(beating.exception(5), Lost) is reaping.result(5)


def test_two_takers_never_share(mine: Engine, theirs: Engine, thread: ThreadPoolExecutor) -> None:
    _joined(mine, "x", "y")
    for _ in range(10):
        first, second = _race(
            thread,
            partial(ownership.take, mine, "x", ACCOUNTS, 2),
            partial(ownership.take, theirs, "y", ACCOUNTS, 2),
        )
        taken = [(one.key, one.owner) for one in (*first.result(5), *second.result(5))]
        assert len(dict(taken)) == len(taken)
        assert {key: owner for key, owner in _owners(mine).items() if owner} == dict(taken)
        ownership.give(mine, "x", ACCOUNTS)
        ownership.give(mine, "y", ACCOUNTS)


def test_a_take_and_a_reap_of_the_taker_leave_no_account_with_the_dead(
    mine: Engine, theirs: Engine, thread: ThreadPoolExecutor
) -> None:
    for number in range(10):
        _joined(mine, f"x{number}")
        taking, reaping = _race(
            thread,
            partial(ownership.take, mine, f"x{number}", ACCOUNTS, 3),
            partial(ownership.reap, theirs, f"x{number}", 0),
        )
        assert reaping.result(5)
        assert isinstance(taking.exception(5), Lost | None)
        assert set(_owners(mine).values()) == {None}


def _race(thread: ThreadPoolExecutor, *calls: Callable[[], Any]) -> list[Future[Any]]:
    """All at the same moment."""
    begin = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        begin.wait(5)
        return call()

    futures = [thread.submit(run, call) for call in calls]
    wait(futures, 10)
    return futures


def _waits(future: Future[Any]) -> bool:
    """For a lock, that is: it takes some milliseconds without one."""
    return not wait([future], 0.3).done
