"""Pages of a definition's instances: what is read of them, and that an odd row costs itself at most."""

import json
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.core.listing import ListedInstance, ListPage
from monitor.core.model import Outcome, PollFailed, Status
from monitor.upstream.wire_lists import MOST_ROWS_READ, read_page

ID = "5870442f-3ddd-4657-b74c-6e17308f5230"
PRIVATE = ("test_user_name", "Hello, world!", "test_subaccount_id", "9e09ac86")


def row(**fields: Any) -> dict[str, Any]:
    """As the document's example has it; a field of `...` is left out."""
    payload = {"umid": "9e09ac86", "user": {"name": "test_user_name"}, "content": {"text": "Hello, world!"}}
    context = {"payload": payload, "accountId": "acme", "subAccountId": "test_subaccount_id"}
    documented = {
        "workflowId": "60dbe307fe55d99fc083db61",
        "data": {**context, "triggeredAt": "2021-06-30T03:20:39.3857479Z"},
        "definitionId": ID,
        "version": 1,
        "status": "Complete",
        "startedAt": "2021-06-30T03:20:39.49Z",
        "completedAt": "2021-06-30T03:21:25.83Z",
    }
    return {name: value for name, value in {**documented, **fields}.items() if value is not ...}


def read(*rows: Any, definition: str = ID) -> ListPage:
    page = read_page(200, {}, json.dumps(rows).encode(), definition=definition)
    assert isinstance(page, ListPage), page
    return page


def moment(second: int, micro: int, minute: int = 20) -> datetime:
    return datetime(2021, 6, 30, 3, minute, second, micro, tzinfo=UTC)


LISTED = ListedInstance(
    "60dbe307fe55d99fc083db61", Status.COMPLETE, 1, moment(39, 490_000), moment(25, 830_000, 21), moment(39, 385_747)
)


def test_a_row_is_read_with_its_times_and_nothing_that_customers_wrote() -> None:
    page = read(row(), row(workflowId="60dbe307fe55d99fc083db62", status="Runnable", completedAt=None))
    running = ListedInstance(
        "60dbe307fe55d99fc083db62", Status.RUNNABLE, 1, LISTED.started_at, None, LISTED.triggered_at
    )
    assert page == ListPage((LISTED, running), received=2)
    assert not any(private in repr(page) for private in PRIVATE)


def test_an_empty_page_is_a_page() -> None:
    assert read() == ListPage((), received=0)


def test_the_case_of_the_definitions_id_and_a_customers_broken_emoji_do_not_matter() -> None:
    body = json.dumps([row(data={"payload": "?", "triggeredAt": None})]).encode().replace(b"?", b"\\ud83d")
    page = read_page(200, {}, body, definition=ID.upper())
    assert isinstance(page, ListPage)
    assert (len(page.rows), page.drifts) == (1, ())


HINTS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "another status": ({"status": "Paused"}, {"status": Status.UNKNOWN}, ("status:Paused",)),
    "one of our own words": ({"status": "NotFound"}, {"status": Status.UNKNOWN}, ("status:NotFound",)),
    "no status": ({"status": ...}, {"status": Status.UNKNOWN}, ("missing:list.status",)),
    "a number for status": ({"status": 4}, {"status": Status.UNKNOWN}, ("type:list.status",)),
    "no version": ({"version": None}, {"version": None}, ("missing:list.version",)),
    "a word for version": ({"version": "two"}, {"version": None}, ("type:list.version",)),
    "a version beyond any": ({"version": 2**31}, {"version": None}, ("type:list.version",)),
    "no start": ({"startedAt": ...}, {"started_at": None}, ("missing:list.startedAt",)),
    "no time for start": ({"startedAt": "soon"}, {"started_at": None}, ("timestamp:list.startedAt",)),
    "a day for end": ({"completedAt": "2021-06-30"}, {"completed_at": None}, ("timestamp:list.completedAt",)),
    "a number for end": ({"completedAt": 1625023285}, {"completed_at": None}, ("type:list.completedAt",)),
    "no end yet, as .NET says it": ({"completedAt": "0001-01-01T00:00:00Z"}, {"completed_at": None}, ()),
    "an offset": ({"completedAt": "2021-06-30T05:21:25.83+02:00"}, {}, ()),
    "no zone": ({"completedAt": "2021-06-30T03:21:25.83"}, {}, ()),
    "no data": ({"data": ...}, {"triggered_at": None}, ()),
    "a word for data": ({"data": "Hello, world!"}, {"triggered_at": None}, ("type:list.data",)),
    "no time for trigger": (
        {"data": {"triggeredAt": "Hello, world!"}},
        {"triggered_at": None},
        ("timestamp:list.data.triggeredAt",),
    ),
    "no definition": ({"definitionId": ...}, {}, ("missing:list.definitionId",)),
    "a dash in the id": ({"workflowId": "60dbe307-fe55"}, {"workflow": "60dbe307-fe55"}, ()),
    "fields of tomorrow": ({"priority": {"level": [1]}}, {}, ()),
}


@pytest.mark.parametrize(("odd", "read_as", "drifts"), HINTS.values(), ids=HINTS.keys())
def test_an_odd_row_is_a_hint_and_a_drift(
    odd: dict[str, Any], read_as: dict[str, Any], drifts: tuple[str, ...]
) -> None:
    expected = {name: getattr(LISTED, name) for name in ListedInstance.__struct_fields__} | read_as
    page = read(row(), row(**odd), row())
    assert page == ListPage((LISTED, ListedInstance(**expected), LISTED), 3, drifts)
    assert not any(private in repr(page) for private in PRIVATE)


LOST: dict[str, tuple[Any, str]] = {
    "no id": (row(workflowId=...), "missing:list.workflowId"),
    "an empty id": (row(workflowId=""), "type:list.workflowId"),
    "an id without end": (row(workflowId="a" * 201), "type:list.workflowId"),
    "an id that changes the path": (row(workflowId="../secret"), "id:list.workflowId"),
    "an id that breaks lines": (row(workflowId="a\nb"), "id:list.workflowId"),
    "another definition": (row(definitionId="ae54eaf1"), "id:list.definitionId"),
    "null": (None, "type:list"),
    "a word": ("Hello, world!", "type:list"),
    "a list": ([row()], "type:list"),
}


@pytest.mark.parametrize(("lost", "drift"), LOST.values(), ids=LOST.keys())
def test_a_row_without_an_instance_is_counted_and_costs_no_other_row(lost: Any, drift: str) -> None:
    page = read(row(), lost, row())
    assert (page.rows, page.received, page.unreadable, page.drifts) == ((LISTED, LISTED), 3, 1, (drift,))


def test_kinds_of_drift_have_a_bound() -> None:
    page = read(*(row(status=f"Word{chr(97 + number)}") for number in range(20)))
    assert (len(page.rows), len(page.drifts)) == (20, 10)


NO_PAGE: dict[str, bytes] = {
    "an object": json.dumps(row()).encode(),
    "null": b"null",
    "nothing": b"",
    "half": json.dumps([row(), row()]).encode()[:-40],
    "html": b"<html>secret</html>",
    "nested without end": b"[" * 200_000,
}


@pytest.mark.parametrize("body", NO_PAGE.values(), ids=NO_PAGE.keys())
def test_what_is_no_list_is_malformed_without_its_words(body: bytes) -> None:
    result = read_page(200, {}, body, definition=ID)
    assert isinstance(result, PollFailed)
    assert result.outcome is Outcome.MALFORMED
    assert "secret" not in result.detail


def test_more_rows_than_anybody_asks_for_are_no_answer() -> None:
    result = read_page(200, {}, b"[" + b",".join([b"{}"] * (MOST_ROWS_READ + 1)) + b"]", definition=ID)
    assert isinstance(result, PollFailed)
    assert (result.outcome, result.drift) == (Outcome.MALFORMED, "rows:list")


def test_a_refusal_is_one() -> None:
    body = json.dumps({"code": 1300, "message": "Definition not found."}).encode()
    result = read_page(404, {}, body, definition=ID)
    assert result == PollFailed(Outcome.NOT_FOUND, "404 1300 Definition not found.")


TIMES = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 1, 1)).map(  # noqa: DTZ001 - `Z` is added
    lambda moment: moment.isoformat() + "Z"
)
ROWS = st.builds(
    row,
    workflowId=st.text("0123456789abcdef-%~é", max_size=30),
    definitionId=st.sampled_from([ID, ID.upper(), "another"]),
    version=st.integers(0, 2**31 - 1) | st.none(),
    status=st.sampled_from(["Runnable", "Suspended", "Complete", "Terminated", "Paused", ""]),
    startedAt=TIMES,
    completedAt=TIMES | st.none() | st.just("2021-06-30T03:21:25.83"),
    data=st.none() | st.builds(dict, triggeredAt=TIMES | st.none() | st.just("2021-06-30T03:21:25.83+02:00")),
)


@given(st.lists(ROWS, max_size=5), st.sampled_from([None, row(status=7), row(data=None), row(status="Paused")]))
def test_a_row_is_read_alike_whatever_stands_beside_it(rows: list[Any], beside: Any) -> None:
    alone = [read(each) for each in rows]
    together = read(*rows, beside)
    odd = read(beside)
    assert together.rows == (*(found for page in alone for found in page.rows), *odd.rows)
    assert set(together.drifts) == {drift for page in (*alone, odd) for drift in page.drifts}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from([*row(), "x"]), x),
    )
)
def test_any_json_is_a_page_or_malformed(tree: Any) -> None:
    result = read_page(200, {}, json.dumps([tree, row()]).encode(), definition=ID)
    assert isinstance(result, ListPage)
    assert result.rows[-1] == LISTED


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    assert isinstance(read_page(200, {}, body, definition=ID), ListPage | PollFailed)
