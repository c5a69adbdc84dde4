"""The last minute of requests, and when what was last acknowledged."""

from datetime import UTC, datetime, timedelta

from monitor.core.event_types import EventType
from monitor.core.model import Endpoint, Outcome
from monitor.core.records import DeliveryOutcome, DeliveryRecord, OldestLookRecord, RequestRecord
from monitor.telemetry.recent_work import RecentWork

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def _request(second: float, outcome: Outcome = Outcome.OK) -> RequestRecord:
    return RequestRecord("acme", Endpoint.STATUS, outcome, 0.1, NOON + timedelta(seconds=second))


def test_requests_are_counted_over_the_last_minute_and_forgotten_after_it() -> None:
    recent = RecentWork()
    for second in range(600):
        for _ in range(3):
            recent.request(_request(second))
    assert recent.requests_per_second("acme", NOON + timedelta(seconds=599)) == 3.0
    assert recent.requests_per_second("acme", NOON + timedelta(seconds=629)) == 1.5
    assert recent.requests_per_second("acme", NOON + timedelta(hours=1)) == 0.0
    assert recent.requests_per_second("other", NOON) == 0.0


def test_the_last_success_is_that_of_a_request_that_was_answered() -> None:
    recent = RecentWork()
    assert recent.succeeded_at("acme") is None
    recent.request(_request(1))
    recent.request(_request(2, Outcome.TIMEOUT))
    assert recent.succeeded_at("acme") == NOON + timedelta(seconds=1)


def test_the_last_acknowledgement_is_no_refusal() -> None:
    recent = RecentWork()
    for second, outcome in ((1, DeliveryOutcome.DELIVERED), (2, DeliveryOutcome.RETRIED), (3, DeliveryOutcome.DEAD)):
        at = NOON + timedelta(seconds=second)
        recent.delivery(DeliveryRecord("pager", "e", EventType.TERMINATED, outcome, 1, 0.0, at=at))
    assert recent.acknowledged_at("pager") == NOON + timedelta(seconds=1)
    assert recent.acknowledged_at("mail") is None


def test_the_oldest_looks_are_the_last_ones_that_were_reported() -> None:
    recent = RecentWork()
    assert recent.oldest_looks("acme") == OldestLookRecord("acme", None, None)
    recent.oldest_look(OldestLookRecord("acme", NOON, None))
    assert recent.oldest_looks("acme").ends == NOON
