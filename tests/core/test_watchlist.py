"""What is watched, and what changes when that changes."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.discovery.following import Discovery
from monitor.core.event_types import EventType, Severity
from monitor.core.model import Target, TargetKey
from monitor.core.watchlist import Difference, build, difference, lost_half


def _target(workflow: str, interval: float = 30.0, place: str = "") -> Target:
    return Target(key=TargetKey("acme", "d", workflow), interval=interval, place=place)


_TARGETS = st.lists(
    st.builds(_target, st.sampled_from("abcdefgh"), st.sampled_from([10.0, 30.0]), st.sampled_from(["x", "y"]))
)


def test_a_target_that_is_asked_for_twice_is_watched_once_and_told() -> None:
    watchlist, twins = build([_target("w", 10.0, "one"), _target("v"), _target("w", 30.0, "two")])
    assert [target.interval for target in watchlist.targets.values()] == [10.0, 30.0]
    assert [(pair.first.place, pair.second.place) for pair in twins] == [("one", "two")]


def test_a_discovery_that_is_asked_for_twice_is_there_once_and_told() -> None:
    entries = [
        Discovery(account="acme", definition="d", place="one"),
        Discovery(account="other", definition="d", place="other"),
        Discovery(account="acme", definition="d", place="two"),
    ]
    watchlist, twins = build([], entries)
    assert watchlist.discoveries == (entries[0], entries[1])
    assert [(pair.first.place, pair.second.place) for pair in twins] == [("one", "two")]


def test_only_what_was_asked_for_differently_is_changed() -> None:
    old = build([_target("same", place="a"), _target("gone"), _target("paced", 30.0)])[0].targets
    new = build([_target("paced", 10.0), _target("same", place="b"), _target("came")])[0].targets
    assert difference(old, new) == Difference(
        added=(_target("came"),), removed=(TargetKey("acme", "d", "gone"),), changed=(_target("paced", 10.0),)
    )


def test_every_wish_counts_as_a_change() -> None:
    plain = _target("w")
    wishes: list[dict[str, Any]] = [
        {"name": "order"},
        {"labels": {"team": "a"}},
        {"severities": {EventType.SUSPENDED: Severity.INFO}},
    ]
    for wish in wishes:
        other = msgspec.structs.replace(plain, **wish)
        assert difference({plain.key: plain}, {plain.key: other}).changed == (other,)


def test_nothing_to_do_is_false() -> None:
    one = build([_target("w", place="a")])[0].targets
    other = build([_target("w", place="b")])[0].targets
    assert not difference(one, other)
    assert difference(one, {})


@given(_TARGETS, _TARGETS)
def test_the_difference_leads_from_one_to_the_other(before: list[Target], after: list[Target]) -> None:
    old, new = build(before)[0].targets, build(after)[0].targets
    change = difference(old, new)
    arrived = {key: target for key, target in old.items() if key not in change.removed}
    assert not arrived.keys() & {target.key for target in change.added}
    arrived |= {target.key: target for target in (*change.added, *change.changed)}
    assert {key: target.interval for key, target in arrived.items()} == {k: t.interval for k, t in new.items()}


@pytest.mark.parametrize(
    ("before", "removed", "lost"),
    [(4, 2, False), (4, 3, True), (1, 1, True), (1, 0, False), (0, 0, False)],
    ids=["half", "more than half", "the only one", "none", "of an empty list"],
)
def test_a_list_that_loses_more_than_half_has_likely_lost_it_by_accident(
    before: int, removed: int, *, lost: bool
) -> None:
    assert lost_half(before, removed) is lost
