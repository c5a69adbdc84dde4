"""Which definitions and versions are followed, and how many instances."""

import msgspec
import pytest

from monitor.core.discovery.cohorts import Cohort, Count, Sweep
from monitor.core.discovery.following import (
    EVERY,
    Active,
    Changes,
    Discovery,
    Followed,
    Versions,
    changes,
    followed,
    is_over,
    listed,
    truncation,
    versions,
)
from monitor.core.discovery.running import RunningIndex
from monitor.core.listing import DefinitionList, ListedDefinition
from monitor.core.model import DefinitionVersion
from tests.core.hostile_lists import at

VERSION = DefinitionVersion("acme", "orders", 3)
ALL = Discovery(account="acme", definition=EVERY, exclude=frozenset({"noise"}))
OWN = Discovery(account="acme", definition="orders", interval=10.0)


def answer(*rows: tuple[str, int | None], complete: bool = True) -> DefinitionList:
    found = tuple(ListedDefinition(id_, version, id_.title()) for id_, version in rows)
    return DefinitionList(found, complete)


def test_every_active_definition_is_followed_but_for_those_that_are_excluded() -> None:
    assert followed([ALL], ["orders", "noise", "mail"]) == {"orders": ALL, "mail": ALL}


@pytest.mark.parametrize("wishes", [[ALL, OWN], [OWN, ALL]], ids=["before", "after"])
def test_a_discovery_of_one_definition_wins_and_needs_no_list(wishes: list[Discovery]) -> None:
    assert followed(wishes, ["mail"]) == {"orders": OWN, "mail": ALL}
    assert followed(wishes, ["mail", "orders"]) == {"orders": OWN, "mail": ALL}


def test_a_definition_that_is_made_later_is_found_and_a_deleted_one_is_retired_after_two_answers() -> None:
    active = listed({}, answer(("orders", 2)), at(0))
    active = listed(active, answer(("mail", 1)), at(60))
    assert set(active) == {"orders", "mail"}
    active = listed(active, answer(("mail", 1)), at(120))
    assert set(active) == {"mail"}


def test_an_answer_that_is_not_whole_retires_nothing_and_a_row_in_between_counts_anew() -> None:
    active = listed({}, answer(("orders", 2)), at(0))
    for now in range(5):
        active = listed(active, answer(complete=False), at(now))
    active = listed(active, answer(), at(6))
    active = listed(active, answer(("orders", 2)), at(7))
    active = listed(active, answer(), at(8))

    assert set(active) == {"orders"}


def test_a_new_version_is_seen_with_its_moment_and_none_is_lost_by_an_odd_row() -> None:
    active = listed({}, answer(("orders", 1), ("mail", 4), ("odd", None)), at(0))
    active = listed(active, answer(("orders", 2), ("mail", None)), at(60))
    active = listed(active, answer(("orders", 1), ("mail", 4)), at(120))

    assert active["orders"] == Active(2, "Orders", at(60))
    assert active["mail"] == Active(4, "Mail", at(0))
    assert "odd" not in active


def test_the_difference_names_who_comes_goes_and_is_wanted_otherwise() -> None:
    before = {"orders": ALL, "mail": ALL, "bills": OWN}
    after = {"orders": OWN, "bills": OWN, "calls": ALL}

    assert changes(before, after) == Changes(arrived=("calls",), retired=("mail",), changed=("orders",))


def test_an_entry_that_only_moved_within_the_files_is_no_change() -> None:
    moved = msgspec.structs.replace(OWN, place="b.yaml: discover[7]")

    assert changes({"orders": OWN}, {"orders": moved}) == Changes()


@pytest.mark.parametrize(
    ("wish", "latest", "swept", "over", "expected"),
    [
        pytest.param(Versions.ALL, 3, (), (), Followed((3, 2, 1)), id="all"),
        pytest.param(Versions.ALL, 4, (3, 2), (1,), Followed((4, 3, 2)), id="all but what is over"),
        pytest.param(Versions.LATEST, 3, (), (), Followed((3,)), id="latest"),
        pytest.param(Versions.LATEST, 4, (3,), (), Followed((4,), (3,)), id="a deploy hides no running instance"),
        pytest.param(Versions.LATEST, 4, (4, 3), (3,), Followed((4,)), id="until it is over"),
        pytest.param((2, 9), 3, (), (), Followed((2,)), id="some, as far as they exist"),
        pytest.param((2, 9), 9, (2,), (), Followed((9, 2)), id="some, of which one is new"),
    ],
)
def test_which_versions_are_followed(
    wish: Versions | tuple[int, ...], latest: int, swept: tuple[int, ...], over: tuple[int, ...], expected: Followed
) -> None:
    assert versions(latest, wish, swept, over) == expected


def asked(seconds: float, alive: int = 0) -> tuple[Count, Count, Count, Count]:
    moment = at(seconds)
    return (Count(alive, moment), Count(0, moment), Count(5, moment), Count(0, moment))


@pytest.mark.parametrize(
    ("cohorts", "superseded", "living", "expected"),
    [
        pytest.param((Cohort(at(0), None, asked(400)),), 0, 0, True, id="nothing lives"),
        pytest.param((Cohort(at(0), None, asked(400)),), None, 0, False, id="it is the latest"),
        pytest.param((Cohort(at(0), None, asked(400)),), 200, 0, False, id="one may have begun since"),
        pytest.param((Cohort(at(0), None, asked(400, alive=1)),), 0, 0, False, id="one is listed"),
        pytest.param((Cohort(at(0), None, asked(400)),), 0, 1, False, id="one is known"),
        pytest.param((Cohort(at(0), at(9)), Cohort(at(9), None, asked(400))), 0, 0, False, id="a part was not asked"),
        pytest.param((Cohort(at(0), at(9), closed=True), Cohort(at(9), None, asked(400))), 0, 0, True, id="closed"),
    ],
)
def test_when_a_version_is_left(
    cohorts: tuple[Cohort, ...], superseded: float | None, living: int, expected: bool
) -> None:
    running = RunningIndex()
    for number in range(living):
        running.add(f"w{number}", at(number))

    assert is_over(Sweep(VERSION, cohorts), running, None if superseded is None else at(superseded)) is expected


def test_too_many_are_truncated_to_the_newest_of_all_versions_until_they_fit_again() -> None:
    running = [RunningIndex(), RunningIndex()]
    for number in range(100):
        running[number % 2].add(f"w{number}", at(number))

    assert not truncation([], running, 100).truncated
    cut = truncation([], running, 30)
    assert (cut.found, cut.truncated) == (100, True)
    assert cut.newest_from is not None
    assert sum(index.count(cut.newest_from, None) for index in running) == 30
    assert sum(index.count(at(70), None) for index in running) == 30


def test_what_is_left_out_stays_counted_by_the_lists() -> None:
    running = RunningIndex()
    running.add("w", at(50))
    sweep = Sweep(VERSION, (Cohort(at(0), None, asked(400, alive=7)),))

    assert truncation([sweep], [running], 6).found == 7
    assert truncation([sweep], [running], 6).truncated
    assert not truncation([sweep], [running], 7).truncated


def test_more_with_one_start_time_than_fit_are_left_out_together() -> None:
    running = RunningIndex()
    for number in range(10):
        running.add(f"w{number}", at(0))
    running.add("new", at(5))

    cut = truncation([], [running], 4).newest_from

    assert running.between(cut or at(-1), None) == ["new"]


def test_a_discovery_can_be_compared_and_stored() -> None:
    assert msgspec.json.decode(msgspec.json.encode(OWN), type=Discovery) == OWN
