"""Incidents at PagerDuty: against its rules, made strict, and against everything that a receiver may answer."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.alerting.incidents import is_resolved
from monitor.core.alerting.verdict import Delivered, Refused, Retry, Verdict
from monitor.core.commits import DeliveryKind
from monitor.core.event_types import Severity
from monitor.notify.incident_notifier import IncidentNotifier, page
from monitor.notify.notifier import Page
from monitor.notify.pagerduty import PagerDuty, fitted, resolve, trigger
from tests.edges.notifier_kit import (
    ANSWERS,
    CASES,
    INCIDENT,
    NOW,
    PAGED,
    TIMEOUT,
    Cases,
    http,
    receiver,
    verdict_of,
    verdict_on,
)
from tests.edges.pagerduty_fake import LIMIT, ROUTING_KEY, PagerDutyFake, pagerduty

HOME = "http://localhost:8808/"
PAGE = page(INCIDENT, tolls=(), external_url=HOME)


def pager(url: str, key: str = ROUTING_KEY, timeout: float = TIMEOUT) -> PagerDuty:
    return PagerDuty(lambda: key, now=lambda: NOW, base_url=url, client_url=HOME, timeout=timeout)


def notifier(url: str) -> IncidentNotifier:
    return IncidentNotifier(pager(url), casebook=CASES, tolls=lambda *_: (), external_url=HOME)


def changed(**changes: Any) -> Page:
    return msgspec.structs.replace(PAGE, **changes)


def taken(body: bytes, clock: float = 0.0) -> tuple[int, dict[str, Any]]:
    return PagerDutyFake(lambda: clock).take(body)


def request(event: dict[str, Any]) -> bytes:
    return fitted({"routing_key": ROUTING_KEY, **event})


# --- what every notifier must survive ---------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "after", "expected"), ANSWERS)
async def test_every_answer_has_a_verdict(answer: bytes, after: str, expected: Verdict | None) -> None:
    verdict = await verdict_on(notifier, answer, after, PAGED)

    if expected is None:
        assert isinstance(verdict, Retry | Refused)
    else:
        assert verdict == expected


async def test_a_pagerduty_that_is_not_there_is_unwell() -> None:
    async with receiver(b"") as gone:
        pass

    verdict = await verdict_of(notifier, gone.url, PAGED)

    assert verdict == Retry(
        f"cannot connect to {gone.url.removeprefix('http://')}: Connection refused", receiver_down=True
    )


@pytest.mark.parametrize("url", ["", "oncall", "ftp://127.0.0.1/"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="expected the receiver's URL"):
        pager(url)


# --- by the rules of PagerDuty ----------------------------------------------------------------------------


async def test_an_incident_opens_grows_and_ends_as_one() -> None:
    cases = Cases([], [INCIDENT])
    async with pagerduty() as service:
        oncall = IncidentNotifier(pager(service.url), casebook=cases, tolls=lambda *_: (), external_url=HOME)
        assert await oncall.send(PAGED) == Delivered("HTTP 202")
        cases.incidents[INCIDENT.id] = msgspec.structs.replace(INCIDENT, members=2, open=2)
        await oncall.send(msgspec.structs.replace(PAGED, about=DeliveryKind.INCIDENT_GREW, members=2))
        cases.incidents[INCIDENT.id] = over = msgspec.structs.replace(INCIDENT, members=2, open=0, ended_at=NOW)
        assert is_resolved(over)
        await oncall.send(msgspec.structs.replace(PAGED, about=DeliveryKind.INCIDENT_CLOSED, members=2))
        await oncall.close()

    (incident,) = service.incidents
    assert (incident.key, incident.resolved) == (INCIDENT.id, True)
    assert [each["custom_details"]["count"] for each in incident.triggers] == ["1", "2"]


async def test_an_event_has_the_fields_of_the_common_event_format() -> None:
    async with pagerduty() as service:
        oncall = pager(service.url)
        await oncall.trigger(PAGE)
        await oncall.close()

    (event,) = service.events
    details = event["payload"].pop("custom_details")
    link = "http://localhost:8808/targets/acme/orders/w1"
    assert event == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": INCIDENT.id,
        "client": "workflow-monitor",
        "client_url": HOME,
        "links": [{"href": link, "text": PAGE.title}],
        "payload": {
            "summary": PAGE.title,
            "source": "acme/orders",
            "severity": "critical",
            "timestamp": "2026-01-05T10:00:10.000000Z",
            "component": "step1",
            "group": "orders",
            "class": "workflow.terminated",
        },
    }
    assert details == {**PAGE.details, "fault_group": "group-1", "text": PAGE.body}


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_of_ours_is_one_of_theirs(severity: Severity) -> None:
    assert taken(request(trigger(changed(severity=severity), "")))[0] == 202


def test_what_is_not_known_is_left_out() -> None:
    event = trigger(changed(account="acme", definition="", step=""), "")

    assert taken(request(event))[0] == 202
    assert event["payload"]["source"] == "acme"
    assert not {"component", "group"} & event["payload"].keys()
    assert "client_url" not in event


def test_the_end_of_what_was_never_told_is_accepted() -> None:
    assert taken(request(resolve(PAGE)))[0] == 202


async def test_a_refusal_says_why_in_pagerdutys_words() -> None:
    async with pagerduty(keys=("another",)) as service:
        oncall = pager(service.url)
        verdict = await oncall.trigger(PAGE)
        await oncall.close()

    assert isinstance(verdict, Refused)
    assert "Invalid routing key" in verdict.detail


async def test_more_than_the_limit_of_a_minute_are_to_be_tried_again_and_the_receiver_is_left_in_peace() -> None:
    time = 0.0
    async with pagerduty(lambda: time) as service:
        oncall = pager(service.url)
        verdicts = [await oncall.trigger(changed(key=f"k{n}")) for n in range(121)]
        time = 121.0
        later = await oncall.trigger(PAGE)
        await oncall.close()

    assert {type(verdict) for verdict in verdicts[:120]} == {Delivered}
    assert isinstance(verdicts[120], Retry)
    assert verdicts[120].receiver_down
    assert later == Delivered("HTTP 202")


@pytest.mark.parametrize("action", ["trigger", "resolve"])
async def test_what_was_done_and_seen_as_a_timeout_makes_no_twin(action: str) -> None:
    async with pagerduty() as service:
        first, second = pager(service.url, timeout=0.2), pager(service.url)
        if action == "resolve":
            await second.trigger(PAGE)
        service.unheard = 1
        assert await getattr(first, action)(PAGE) == Retry("no answer within 200ms", receiver_down=True)
        assert await getattr(second, action)(PAGE) == Delivered("HTTP 202")
        for each in (first, second):
            await each.close()

    assert len(service.incidents) == 1
    assert {event["dedup_key"] for event in service.events} == {INCIDENT.id}


# --- the double itself, or its strictness would be a claim ---------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        pytest.param("routing_key", "a" * 31, "Length of 'routing_key'", id="a short key"),
        pytest.param("routing_key", "a" * 32, "Invalid routing key", id="another key"),
        pytest.param("event_action", "close", "'event_action'", id="an action that is none"),
        pytest.param("dedup_key", "a" * 256, "'dedup_key'", id="a long dedup_key"),
        pytest.param("dedup_key", "", "'dedup_key'", id="an empty dedup_key"),
        pytest.param("dedup", "k", "'dedup' is no field", id="a slip of the pen"),
        pytest.param("client", 7, "'client' must be a string", id="a client that is a number"),
        pytest.param("links", [{"text": "here"}], "'links'", id="a link to nowhere"),
        pytest.param("images", [{"href": "x"}], "'images'", id="an image of nothing"),
        pytest.param("payload", None, "'payload' is missing", id="no payload"),
        pytest.param("payload.summary", "", "'payload.summary' is missing", id="no summary"),
        pytest.param("payload.summary", "x" * 1025, "longer than 1024", id="a long summary"),
        pytest.param("payload.source", "", "'payload.source' is missing", id="no source"),
        pytest.param("payload.severity", "fatal", "'payload.severity'", id="a severity that is none"),
        pytest.param("payload.timestamp", "yesterday", "'payload.timestamp'", id="a moment that is none"),
        pytest.param("payload.timestamp", 1767607210, "'payload.timestamp'", id="a moment that is a number"),
        pytest.param("payload.group", "", "'payload.group'", id="an empty group"),
        pytest.param("payload.custom_details", "text", "'payload.custom_details'", id="details that are a text"),
        pytest.param("payload.body", "text", "'payload.body' is no field", id="a field of the payload that is none"),
    ],
)
def test_the_double_refuses_what_the_documentation_does_not_allow(path: str, value: object, error: str) -> None:
    event = {"routing_key": ROUTING_KEY, **trigger(PAGE, HOME)}
    inner, _, name = path.rpartition(".")
    (event[inner] if inner else event)[name] = value

    status, answer = taken(msgspec.json.encode(event))

    assert status == 400
    assert any(error in each for each in answer["errors"])


def test_the_double_refuses_what_is_too_large_and_what_is_no_json() -> None:
    assert taken(b" " * (LIMIT + 1))[0] == 413
    assert taken(b"{")[0] == 400
    assert taken(b"[]")[0] == 400


def test_a_beginning_after_the_end_is_another_incident_as_at_pagerduty() -> None:
    service = PagerDutyFake(lambda: 0.0)
    for event in (trigger(PAGE, ""), trigger(PAGE, ""), resolve(PAGE), trigger(PAGE, "")):
        service.take(request(event))

    assert [(len(each.triggers), each.resolved) for each in service.incidents] == [(2, True), (1, False)]


# --- limits -----------------------------------------------------------------------------------------------

ANY_TEXT = st.text(max_size=50) | st.builds(
    lambda text, n: text * n, st.text(min_size=1, max_size=5), st.sampled_from([1, 100, 3_000, 200_000])
)


@settings(max_examples=60, deadline=None)
@given(
    fields=st.fixed_dictionaries(dict.fromkeys(("title", "body", "account", "definition", "step", "link"), ANY_TEXT)),
    key=st.text(min_size=1, max_size=400),
    samples=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=6),
    details=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=6),
)
def test_whatever_a_page_holds_pagerduty_takes_it(
    fields: dict[str, str], key: str, samples: list[tuple[str, str]], details: dict[str, str]
) -> None:
    status, answer = taken(request(trigger(changed(**fields, key=key, samples=tuple(samples), details=details), HOME)))

    assert (status, answer.get("errors")) == (202, None)


def test_what_fits_is_left_as_it_is() -> None:
    event = trigger(changed(body="x" * 500_000), HOME)

    assert msgspec.json.decode(request(event))["payload"] == event["payload"]


def test_the_longest_detail_is_cut_and_the_others_stay() -> None:
    event = trigger(changed(body="ü" * 300_000, details={"count": "3", "error": "e" * 1000}), HOME)
    body = request(event)

    details = msgspec.json.decode(body)["payload"]["custom_details"]
    assert LIMIT // 2 < len(body) <= LIMIT
    assert details["text"] == "ü" * 150_000 + "…"
    assert (details["count"], details["error"]) == ("3", "e" * 1000)


def test_a_summary_is_one_line_of_at_most_1024_characters() -> None:
    summary = trigger(changed(title="one\ntwo " + "ü" * 2000), "")["payload"]["summary"]

    assert summary.startswith("one two ü")
    assert len(summary) == 1024


def test_a_link_that_is_too_long_is_left_out_not_cut() -> None:
    event = trigger(changed(link="http://x/" + "y" * 3000), "http://x/" + "z" * 3000)

    assert [link["text"] for link in event["links"]] == ["Grüße"]
    assert "client_url" not in event


# --- the routing key --------------------------------------------------------------------------------------


async def test_a_key_that_changes_is_used_at_once_and_one_that_vanishes_goes_on(tmp_path: Path) -> None:
    file, old, new = tmp_path / "key", "a" * 32, "b" * 32
    async with pagerduty(keys=(old, new)) as service:
        oncall = PagerDuty(file.read_text, now=lambda: NOW, base_url=service.url)
        for key in (old, new, None):
            if key:
                file.write_text(key)
            else:
                file.unlink()
            assert isinstance(await oncall.trigger(PAGE), Delivered)
        await oncall.close()

    assert [event["routing_key"] for event in service.events] == [old, new, new]


async def test_without_a_readable_key_nothing_is_sent_and_nothing_is_lost(tmp_path: Path) -> None:
    async with receiver(http(202)) as answering:
        oncall = PagerDuty((tmp_path / "key").read_text, now=lambda: NOW, base_url=answering.url)
        assert await oncall.trigger(PAGE) == Retry("the routing key cannot be read", receiver_down=True)
        await oncall.close()

    assert answering.requests == []


async def test_the_key_gets_into_no_repr_detail_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for answer in ["{}", f"no {ROUTING_KEY}", ROUTING_KEY.upper()]:
        async with receiver(http(400, answer)) as answering:
            oncall = IncidentNotifier(pager(answering.url), casebook=CASES, tolls=lambda *_: (), external_url=HOME)
            said += [(await oncall.send(PAGED)).detail, repr(oncall)]
            await oncall.close()
        said.append((await verdict_of(notifier, answering.url, PAGED)).detail)

    assert ROUTING_KEY not in " ".join([*said, caplog.text]).casefold()
    assert said[3] == "HTTP 400: (withheld: the answer repeats a secret)"


async def test_what_is_cancelled_ends_at_once() -> None:
    async with receiver(b"", "hang") as answering:
        oncall = pager(answering.url, timeout=60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await oncall.trigger(PAGE)
        await oncall.close()
