from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType

FACT = st.tuples(st.sampled_from(EventType), *[st.text('ab"\\/,#\ud800', max_size=3)] * 4)


@given(FACT, FACT)
def test_two_facts_share_an_id_only_if_they_are_one(
    one: tuple[EventType, str, str, str, str], other: tuple[EventType, str, str, str, str]
) -> None:
    assert (event_id(*one) == event_id(*other)) == (one == other)


def test_an_id_is_a_uuid_of_version_5() -> None:
    assert UUID(event_id(EventType.TERMINATED, "acme", "d", "w")).version == 5


def test_ids_are_for_ever() -> None:
    """If this fails, every receiver would see old facts as new ones."""
    assert event_id(EventType.TERMINATED, "acme", "d", "w") == "4d6ed363-728e-5527-bc64-fb5954c7cbaa"
    assert event_id(EventType.STEP_FAILED, "acme", "d", "w", "b2c6185b") == "680ead43-b335-5c35-ab67-18bfa2da9235"
