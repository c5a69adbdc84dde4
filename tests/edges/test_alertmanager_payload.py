"""What Alertmanager is told, as tables; and which news is old."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerting.incidents import with_alert
from monitor.core.alerting.labels import fingerprint
from monitor.core.alerts import Alert, AlertEnd, Incident
from monitor.core.formats.timestamps import format_timestamp
from monitor.notify.alertmanager.dedup import Dedup
from monitor.notify.alertmanager.payload import PostableAlert, encode, of_alert, of_storm, untold, watchdog
from tests.edges.alertmanager_kit import LINK, ended, with_labels, workflow_alert
from tests.edges.notifier_kit import ALERT, EVENT, INCIDENT, NOW

HOLD = 14_400.0
LATER = NOW + timedelta(minutes=5)


def posted(alert: Alert, now: datetime = NOW) -> dict[str, Any]:
    return decoded(of_alert(alert, external_url=LINK, hold=HOLD), now)


def stormed(incident: Incident, now: datetime = NOW) -> dict[str, Any]:
    return decoded(of_storm(incident, external_url=LINK, hold=HOLD), now)


def decoded(posting: PostableAlert, now: datetime) -> dict[str, Any]:
    return dict(json.loads(encode(posting, now=now, lasts=240)))


def storm(members: int, **facts: Any) -> Incident:
    incident = INCIDENT
    for n in range(1, members):
        incident = with_alert(incident, workflow_alert(f"w{n}", at=NOW + timedelta(seconds=n)).event, 2)
    return msgspec.structs.replace(incident, **facts)


# --- one alert ----------------------------------------------------------------------------------------------


def test_an_open_alert_says_what_happened() -> None:
    alert = posted(ALERT)

    assert alert["labels"] == {
        "alertname": "WorkflowTerminated",
        "severity": "critical",
        "account": "acme",
        "definition": "orders",
        "workflow": "w1",
        "step": "step1",
        "cause": "fault",
        "fault_group": "group-1",
        "team": "messaging",
        "runbook": "https://wiki.example/greetings",
    }
    assert alert["generatorURL"] == f"{LINK}/targets/acme/orders/w1"
    said = alert["annotations"]
    assert said.pop("description")
    assert said == {
        "summary": EVENT.summary,
        "event_id": EVENT.id,
        "occurred_at": "2026-01-05T10:00:10.000000Z",
        "observed_at": "2026-01-05T10:00:25.000000Z",
        "last_seen_at": "2026-01-05T09:59:55.000000Z",
        "error": "Invalid subaccount id 17.",
        "runbook_url": "https://wiki.example/greetings",
    }


def test_what_does_not_apply_is_absent() -> None:
    bare = msgspec.structs.replace(
        EVENT, occurred_at=None, last_seen_at=None, errors=(), labels={}, step=None, cause=None
    )

    alert = posted(msgspec.structs.replace(ALERT, event=bare))

    assert set(alert["labels"]) == {"alertname", "severity", "account", "definition", "workflow", "fault_group"}
    assert set(alert["annotations"]) == {"summary", "description", "event_id", "observed_at"}


@pytest.mark.parametrize(
    ("own", "place", "link"),
    [
        ("https://wiki.example/greetings", "https://w.example/r.md", "https://wiki.example/greetings"),
        ("call the messaging team", "https://w.example/r.md", "https://w.example/r.md#workflowterminated"),
        ("javascript:alert(1)", "", None),
        ("docs/greetings.md", "", None),
        (None, "https://w.example/r.md", "https://w.example/r.md#workflowterminated"),
        (None, "", None),
    ],
)
def test_a_link_to_a_runbook_is_a_web_address_or_absent(own: str | None, place: str, link: str | None) -> None:
    event = msgspec.structs.replace(EVENT, labels={"runbook": own} if own is not None else {})
    alert = of_alert(msgspec.structs.replace(ALERT, event=event), external_url=LINK, hold=240.0, runbook_url=place)
    assert alert.annotations.get("runbook_url") == link


@pytest.mark.parametrize(
    ("observed", "end", "starts", "ends"),
    [
        pytest.param(-20, None, -20, 240, id="open: four rounds from now"),
        pytest.param(90, None, 0, 240, id="a clock that was set back: it starts now"),
        pytest.param(-20, -5, -20, -5, id="ended: when it ended"),
        pytest.param(-20, -60, -20, -20, id="ended before it was observed"),
        pytest.param(90, -5, 0, 0, id="ended, and by its clock not begun"),
    ],
)
def test_moments(observed: float, end: float | None, starts: float, ends: float) -> None:
    alert = workflow_alert("w1", at=NOW + timedelta(seconds=observed))
    if end is not None:
        alert = ended(alert, NOW + timedelta(seconds=end))

    told = posted(alert)

    assert told["startsAt"] == format_timestamp(NOW + timedelta(seconds=starts))
    assert told["endsAt"] == format_timestamp(NOW + timedelta(seconds=ends))


@pytest.mark.parametrize("end", AlertEnd)
def test_the_labels_of_an_alert_do_not_change_when_it_ends(end: AlertEnd) -> None:
    before, after = posted(ALERT), posted(ended(ALERT, LATER, end), LATER)

    assert after["labels"] == before["labels"]
    assert after["annotations"].pop("ended")
    assert after["annotations"] == before["annotations"]


def test_each_end_is_said_in_words_of_its_own() -> None:
    words = [posted(ended(ALERT, LATER, end))["annotations"]["ended"] for end in AlertEnd]

    assert len(set(words)) == len(AlertEnd)
    assert "Expired" in words[list(AlertEnd).index(AlertEnd.EXPIRED)]


# --- a storm ------------------------------------------------------------------------------------------------


def test_a_storm_is_one_alert_with_the_labels_that_all_of_its_targets_have() -> None:
    alert = stormed(storm(70, labels={"team": "messaging"}))

    assert alert["labels"] == {
        "team": "messaging",
        "alertname": "WorkflowTerminated",
        "severity": "critical",
        "account": "acme",
        "definition": "orders",
        "step": "step1",
        "cause": "fault",
        "fault_group": "group-1",
        "storm": "true",
    }
    said = alert["annotations"]
    assert said["count"] == "70"
    assert said["first_at"] == format_timestamp(EVENT.time)
    assert said["last_at"] == format_timestamp(NOW + timedelta(seconds=69))
    assert said["samples"].splitlines() == [f"{LINK}/targets/acme/orders/{w}" for w in ("w1", "w2", "w3", "w4", "w5")]
    assert "ended" not in said


def test_a_storm_keeps_its_labels_while_it_grows() -> None:
    assert stormed(storm(60))["labels"] == stormed(storm(600, open=3))["labels"]


@pytest.mark.parametrize(("expired", "word"), [(0, False), (1, True)])
def test_a_storm_with_an_alert_that_expired_is_not_called_resolved(expired: int, word: bool) -> None:
    alert = stormed(storm(60, ended_at=LATER, open=0, expired=expired), LATER)

    assert alert["endsAt"] == format_timestamp(LATER)
    assert ("Expired" in alert["annotations"]["ended"]) is word


# --- the Watchdog -------------------------------------------------------------------------------------------


def test_the_watchdog_is_always_open() -> None:
    alert = decoded(watchdog(external_url=LINK, started_at=NOW), LATER)

    assert alert["labels"] == {"alertname": "Watchdog", "severity": "none", "monitor": LINK}
    assert alert["startsAt"] == format_timestamp(NOW)
    assert alert["endsAt"] == format_timestamp(LATER + timedelta(seconds=240))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://localhost:8808", "http://node-1:8808"),
        ("http://127.0.0.1:9000/x", "http://node-1:9000/x"),
        ("https://monitor.example/x", "https://monitor.example/x"),
    ],
)
def test_two_monitors_at_their_defaults_have_watchdogs_of_their_own(address: str, name: str) -> None:
    told = decoded(watchdog(external_url=address, started_at=NOW, host="node-1"), LATER)
    assert told["labels"]["monitor"] == name


# --- which news is old --------------------------------------------------------------------------------------


def news(alert: Alert) -> PostableAlert:
    return of_alert(alert, external_url=LINK, hold=HOLD)


FIRST = workflow_alert("w1", id="first")
SECOND = workflow_alert("w1", id="second", at=LATER)
OTHER = workflow_alert("w2", id="other")


@pytest.mark.parametrize(
    ("heard", "told", "is_news"),
    [
        pytest.param([], FIRST, True, id="nothing is known"),
        pytest.param([FIRST], FIRST, True, id="still open"),
        pytest.param([FIRST], ended(FIRST, LATER), False, id="an end that was not heard yet, of what is open"),
        pytest.param([FIRST, ended(FIRST, LATER)], ended(FIRST, LATER), True, id="its end"),
        pytest.param([ended(FIRST, LATER)], FIRST, False, id="read before it ended"),
        pytest.param([ended(FIRST, LATER), FIRST], FIRST, False, id="read before it ended, and heard after"),
        pytest.param([ended(FIRST, LATER), SECOND], ended(FIRST, LATER), False, id="open again under the same labels"),
        pytest.param([FIRST, SECOND, ended(SECOND, LATER)], ended(SECOND, LATER), False, id="its twin is open"),
        pytest.param([ended(FIRST, LATER), OTHER], ended(FIRST, LATER), True, id="another is open"),
    ],
)
def test_old_news(heard: list[Alert], told: Alert, is_news: bool) -> None:
    known = Dedup(900)
    for alert in heard:
        known.record(news(alert), NOW)

    assert known.is_current(news(told)) is is_news


def test_what_expired_untold_is_news_though_its_end_was_heard_and_nothing_ends_it() -> None:
    known, expired = Dedup(900), ended(FIRST, LATER)
    known.record(news(expired), NOW)
    known.record(untold(news(expired)), NOW)
    known.record(news(expired), NOW)

    assert known.is_current(untold(news(expired)))
    assert not known.is_current(news(expired))
    assert not known.is_current(news(FIRST))


def test_nothing_is_held_for_ever() -> None:
    known = Dedup(900)
    known.record(untold(news(ended(SECOND, NOW))), NOW)
    known.record(news(FIRST), NOW)
    known.record(news(ended(OTHER, NOW)), NOW)
    known.record(news(workflow_alert("w3")), NOW + timedelta(seconds=600))

    known.forget(NOW + timedelta(seconds=900))
    assert len(known) == 4
    known.forget(NOW + timedelta(seconds=901))
    assert len(known) == 1


ALERTS = st.builds(
    lambda name, is_over, workflow: (
        ended(workflow_alert(workflow, id=f"{workflow}/{name}"), LATER)
        if is_over
        else workflow_alert(workflow, id=f"{workflow}/{name}")
    ),
    st.sampled_from("abc"),
    st.booleans(),
    st.sampled_from(["w1", "w2"]),
)


@given(st.lists(ALERTS, max_size=12))
def test_what_alertmanager_shows_is_open_just_while_an_alert_with_its_labels_is(heard: list[Alert]) -> None:
    """Whatever was heard in whatever order: of all that could be posted, what is news agrees with what holds."""
    known = Dedup(900)
    for alert in heard:
        known.record(news(alert), NOW)
    over = {alert.id for alert in heard if alert.ended_at is not None}
    holds = {news(alert).key for alert in heard if alert.id not in over}

    for alert in heard:
        expected = alert.id not in over if alert.ended_at is None else news(alert).key not in holds
        assert known.is_current(news(alert)) is expected


@given(st.dictionaries(st.sampled_from(["team", "severity", "workflow", "z"]), st.text(max_size=20)))
def test_alerts_with_the_same_labels_have_the_same_key(labels: Mapping[str, str]) -> None:
    one, other = news(with_labels(FIRST, **labels)), news(with_labels(ended(SECOND, LATER), **labels))

    assert one.labels == other.labels
    assert one.key == other.key == fingerprint(one.labels)
