"""Whose turn it is in one account: confirmations, promises, and all that is worth a look."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.discovery.list_looks import LookKey
from monitor.core.model import DefinitionVersion, Status, TargetKey
from monitor.core.scheduling.arms import Terms
from monitor.core.scheduling.schedule import DuePoll
from monitor.core.scheduling.turns import DueLook, InstanceNews, Turns

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NEWS = InstanceNews(Terms(rate=1e-5, shortest=30.0))


def instance(number: int) -> TargetKey:
    return TargetKey("acme", "orders", f"w{number}")


def listed(version: int = 1, number: int = 0) -> LookKey:
    return LookKey(DefinitionVersion("acme", "orders", version), Status.TERMINATED, NOW + timedelta(days=number))


def sweep(turns: Turns, *keys: LookKey, rate: float = 1.0, interval: float = 30.0) -> None:
    for key in keys:
        turns.sweep(key, Terms(rate=rate, weight=10.0, shortest=1.0, longest=interval), interval, 0.0, -interval)


def spend(
    turns: Turns, seconds: float, rate: float = 10.0, *, begin: float = 0.0, news: InstanceNews = NEWS
) -> list[DuePoll | DueLook]:
    """What was asked, each answered at once."""
    asked: list[DuePoll | DueLook] = []
    for number in range(int(seconds * rate)):
        now = begin + (number + 1) / rate
        turn = turns.next(now, rate)
        if turn is None:
            continue
        asked.append(turn)
        if isinstance(turn, DueLook):
            turns.looked(turn.key, now)
        else:
            turns.done(turn.key, now, news=None if turns.promised(turn.key) else news)
    return asked


def kinds(asked: list[DuePoll | DueLook]) -> Counter[str]:
    return Counter(["list" if isinstance(one, DueLook) else "confirms" if one.confirms else "poll" for one in asked])


# --- promises and the rest --------------------------------------------------------------------------------


def test_feasible_promises_are_kept_beside_whatever_is_worth_a_look() -> None:
    turns = Turns()
    for number in range(100):
        turns.promise(instance(number), 20.0, 0.0)
    for number in range(100, 300):
        turns.watch(instance(number), NEWS, 0.0)
    sweep(turns, *[listed(version) for version in range(5)], rate=100.0)
    asked = spend(turns, 200.0)
    delays = [one.delay for one in asked if isinstance(one, DuePoll)]
    promised = Counter([one.key for one in asked if isinstance(one, DuePoll)])
    assert all(9 <= promised[instance(number)] <= 11 for number in range(100))
    assert max(delays) < 1.0
    assert kinds(asked)["list"] > 500


def test_infeasible_promises_get_half_of_the_budget() -> None:
    turns = Turns()
    for number in range(1000):
        turns.promise(instance(number), 10.0, 0.0)
    sweep(turns, *[listed(version) for version in range(20)])
    assert 0.45 < kinds(spend(turns, 100.0))["list"] / 1000 < 0.55


def test_a_watchlist_alone_has_the_whole_budget_however_much_it_needs() -> None:
    turns = Turns()
    for number in range(1000):
        turns.promise(instance(number), 10.0, 0.0)
    assert len(spend(turns, 200.0, begin=20.0)) == 2000


def test_lists_keep_what_their_intervals_need_beside_promises_that_take_all() -> None:
    turns = Turns()
    for number in range(99):
        turns.promise(instance(number), 10.0, 0.0)
    sweep(turns, *[listed(version) for version in range(30)])
    assert kinds(spend(turns, 100.0))["list"] > 70


def test_lists_and_instances_without_a_promise_share_one_heap() -> None:
    turns, news = Turns(), InstanceNews(Terms(rate=1.0, weight=10.0))
    for number in range(200):
        turns.watch(instance(number), news, 0.0)
    sweep(turns, listed(), rate=1.0, interval=1e6)
    assert 1 <= kinds(spend(turns, 100.0, news=news))["list"] <= 10


# --- confirmations ----------------------------------------------------------------------------------------


def test_a_confirmation_goes_before_all_else() -> None:
    turns = Turns()
    turns.promise(instance(0), 10.0, 0.0)
    turns.watch(instance(1), NEWS, 0.0)
    sweep(turns, listed())
    assert turns.poll_now(instance(1), 20.0, confirms=True)
    turn = turns.next(20.5, 10.0)
    assert isinstance(turn, DuePoll)
    assert (turn.key, turn.confirms, turn.delay) == (instance(1), True, 0.5)
    assert not turns.poll_now(instance(1), 20.5, confirms=True)


def test_in_a_storm_lists_keep_a_tenth_and_promises_a_share() -> None:
    turns = Turns()
    for number in range(1000):
        turns.watch(instance(number), NEWS, 0.0)
        turns.poll_now(instance(number), 0.0, confirms=True)
    for number in range(1000, 1100):
        turns.promise(instance(number), 10.0, 0.0)
    sweep(turns, *[listed(version) for version in range(5)])
    found = kinds(spend(turns, 50.0, begin=20.0))
    assert found["list"] >= 45
    assert found["confirms"] >= 300
    assert found["poll"] >= 100


def test_a_confirmation_of_what_is_gone_is_forgotten() -> None:
    turns = Turns()
    turns.watch(instance(0), NEWS, 0.0)
    turns.poll_now(instance(0), 0.0, confirms=True)
    turns.remove(instance(0))
    assert turns.next(1.0, 10.0) is None
    assert turns.wait(1.0) is None
    assert len(turns) == 0


# --- lists ------------------------------------------------------------------------------------------------


def test_lists_of_different_versions_are_looked_at_at_once_and_those_of_one_version_one_after_the_other() -> None:
    turns = Turns()
    sweep(turns, listed(1, 0), listed(1, 1), listed(2, 0))
    first, second = turns.next(1.0, 10.0), turns.next(1.0, 10.0)
    assert isinstance(first, DueLook)
    assert isinstance(second, DueLook)
    assert first.key.version != second.key.version
    assert turns.next(1.0, 10.0) is None
    one = first if first.key.version.version == 1 else second
    turns.looked(one.key, 1.2)
    turn = turns.next(1.2, 10.0)
    assert isinstance(turn, DueLook)
    assert turn.key.version.version == 1
    assert turn.key != one.key


def test_no_more_lists_are_looked_at_at_once_than_may_be_and_instances_go_on() -> None:
    turns = Turns(most_walks=2)
    sweep(turns, *[listed(version) for version in range(5)])
    turns.watch(instance(0), InstanceNews(Terms(rate=1e-9)), 0.0)
    asked = [turns.next(1.0, 10.0) for _ in range(4)]
    assert [type(one) for one in asked if one is not None] == [DueLook, DueLook, DuePoll]
    assert isinstance(asked[0], DueLook)
    turns.looked(asked[0].key, 1.5)
    assert turns.next(2.1, 10.0) is not None


def test_a_list_that_failed_rests() -> None:
    turns = Turns()
    sweep(turns, listed())
    turns.next(1.0, 10.0)
    turns.failed(listed(), 1.5, 6.5)
    assert turns.next(6.0, 10.0) is None
    assert turns.next(6.5, 10.0) == DueLook(listed())


def test_a_list_that_is_left_while_it_is_looked_at_comes_back_as_another() -> None:
    turns = Turns()
    sweep(turns, listed())
    turns.next(1.0, 10.0)
    turns.leave(listed())
    sweep(turns, listed())
    assert turns.next(1.1, 10.0) is None
    turns.looked(listed(), 1.2)
    assert turns.next(1.3, 10.0) == DueLook(listed())
    turns.looked(listed(), 1.4)
    assert turns.lists_wanted == pytest.approx(1 / 30)


# --- instances --------------------------------------------------------------------------------------------


def test_an_instance_is_looked_at_when_its_known_moment_comes_although_it_rests() -> None:
    turns = Turns()
    turns.watch(instance(0), NEWS, 0.0)
    assert turns.wait(0.0) == pytest.approx(30.0, abs=0.01)
    assert turns.next(31.0, 10.0) is not None
    turns.done(instance(0), 31.0, news=InstanceNews(NEWS.terms, ((40.0, 0.5),)))
    assert turns.next_due(instance(0), 31.0) == pytest.approx(40.0, abs=0.01)
    assert turns.next(39.0, 10.0) is None
    assert turns.next(40.0, 10.0) is not None


def test_an_instance_that_fails_backs_off_longer_each_time_and_is_tried_after_an_outage() -> None:
    turns = Turns()
    turns.watch(instance(0), NEWS, 0.0)
    turns.next(30.0, 10.0)
    turns.done(instance(0), 30.0, 3, 300.0, 1.0)
    assert turns.wait(30.0) == pytest.approx(240.0, abs=0.01)
    assert not turns.poll_now(instance(0), 31.0)
    assert not turns.reset_backoff(40.0, 500)
    assert turns.wait(40.0) == 0.0
    turns.next(40.0, 10.0)
    turns.done(instance(0), 40.0, 4, 300.0, 1.0)
    turns.try_one(41.0)
    assert turns.wait(41.0) == 0.0


def test_an_instance_that_is_asked_for_now_has_its_turn_soon() -> None:
    turns = Turns()
    for number in range(100):
        turns.watch(instance(number), NEWS, 0.0)
    spend(turns, 40.0)
    assert turns.poll_now(instance(7), 41.0)
    turn = turns.next(41.0, 10.0)
    assert isinstance(turn, DuePoll)
    assert (turn.key, turn.confirms) == (instance(7), False)


@pytest.mark.parametrize("before", ["promise", "watch"])
@pytest.mark.parametrize("after", ["promise", "watch"])
def test_a_target_that_leaves_and_comes_back_is_polled_once_at_a_time(before: str, after: str) -> None:
    def add(how: str, now: float) -> None:
        if how == "promise":
            turns.promise(instance(0), 10.0, now, 0.0)
        else:
            turns.watch(instance(0), InstanceNews(Terms(rate=1.0)), now)

    turns = Turns()
    add(before, 0.0)
    assert turns.next(20.0, 10.0) is not None
    turns.remove(instance(0))
    assert len(turns) == 0
    add(after, 20.0)
    assert turns.under_way(instance(0))
    assert all(turns.next(20.0 + wait, 10.0) is None for wait in range(30))
    turns.done(instance(0), 50.0)
    assert turns.next(70.0, 10.0) is not None
    turns.done(instance(0), 70.0)
    assert len(turns) == 1


def test_a_promise_that_is_taken_back_needs_nothing_any_more() -> None:
    turns = Turns()
    for number in range(1000):
        turns.promise(instance(number), 10.0, 0.0)
        turns.promise(instance(number), 5.0, 0.0)
        turns.watch(instance(number), NEWS, 0.0)
    sweep(turns, *[listed(version) for version in range(20)])
    turns.promise(instance(1000), 10.0, 0.0)
    found = [one.key for one in spend(turns, 40.0) if isinstance(one, DuePoll)]
    assert found.count(instance(1000)) == 4
