"""A discovery that finds too many has one event when that begins and one when it ends."""

from datetime import UTC, datetime, timedelta

from monitor.core.detection.truncations import TruncationChange, assess, left
from monitor.core.discovery.following import Discovery, Truncation
from monitor.core.event_types import EventType
from monitor.core.model import Event, TruncationState

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
WISH = Discovery(account="acme", definition="d1", max_instances=100)
NEW = TruncationState(account="acme", definition="d1")
FITS, TOO_MANY = Truncation(90), Truncation(130, NOW - timedelta(hours=2))


def look(
    state: TruncationState, found: Truncation, *, complete: bool = True, wish: Discovery = WISH
) -> TruncationChange:
    change = assess(state, wish, found, NOW, name="orders", complete=complete)
    assert change is not None
    return change


def truncated_and_complete() -> list[Event]:
    opened = look(NEW, TOO_MANY)
    return [opened.event, look(opened.state, FITS).event]


def test_an_episode_has_one_event_when_it_begins_and_one_that_ends_it() -> None:
    opened, ended = truncated_and_complete()
    assert (opened.type, ended.type) == (EventType.DISCOVERY_TRUNCATED, EventType.DISCOVERY_COMPLETE)
    assert (opened.found, opened.watched, opened.definition_name) == (130, 100, "orders")
    assert (ended.found, ended.watched) == (90, 90)
    assert ended.closes == (opened.id,)
    assert opened.subject == "acme"


def test_while_it_lasts_nothing_is_published() -> None:
    state = look(NEW, TOO_MANY).state
    assert assess(state, WISH, Truncation(500, NOW), NOW, name=None, complete=True) is None
    assert assess(NEW, WISH, FITS, NOW, name=None, complete=True) is None


def test_it_begins_before_all_lists_are_read_and_ends_only_after() -> None:
    state = look(NEW, TOO_MANY, complete=False).state
    assert assess(state, WISH, FITS, NOW, name=None, complete=False) is None
    assert look(state, FITS).event.type is EventType.DISCOVERY_COMPLETE


def test_each_episode_has_ids_of_its_own_which_do_not_depend_on_the_time() -> None:
    first = look(NEW, TOO_MANY)
    again = look(look(first.state, FITS).state, TOO_MANY)
    later = assess(NEW, WISH, TOO_MANY, NOW + timedelta(hours=1), name="other", complete=True)
    assert later is not None
    assert later.event.id == first.event.id != again.event.id
    assert look(again.state, FITS).event.id != look(first.state, FITS).event.id


def test_the_discoveries_of_an_account_have_events_of_their_own() -> None:
    every = TruncationState(account="acme", definition="*")
    assert look(every, TOO_MANY).event.id != look(NEW, TOO_MANY).event.id


def test_a_raised_limit_ends_it() -> None:
    state = look(NEW, TOO_MANY).state
    change = look(state, Truncation(130), wish=Discovery(account="acme", definition="d1", max_instances=200))
    assert (change.event.found, change.event.watched) == (130, 130)


def test_a_discovery_that_leaves_the_configuration_ends_its_episode_with_a_reason() -> None:
    opened = look(NEW, TOO_MANY)
    change = left(opened.state, NOW)
    assert change is not None
    assert (change.event.reason, change.event.closes) == ("unwatched", (opened.event.id,))
    assert left(change.state, NOW) is None
