"""Blind accounts: an account that has not answered for long has one event when that begins and one when it ends.

An account is blind if no request got an answer for `blind_after`, counted from the first one without an answer. One
request alone is not enough, since with long intervals the next one is far away. An answer says something about the
requested target, also with a 404 (`Outcome.answered`); a 400, a refused key, a 429, a 5xx or silence is none. While a
429 keeps the lane closed there are neither requests nor answers, which counts as one long request. An account without
requests is not blind: once every target has ended or was removed, there is no new event, and an open alert is closed.

The event says since when requests get no answer, not when the last answer came: time without requests (no target, the
process stopped, a lane that a 429 kept closed) says nothing about the API.

Silence is measured by the loop's clock (`clock`, in seconds), since people may set the other one; `now` and
`last_answer_at` are for texts. After a restart the measurement starts anew. Blindness itself survives in the state.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from monitor.core.detection.blindness import NOWHERE, Site, why
from monitor.core.detection.conditions import closed, named, opened
from monitor.core.event_ids import event_id
from monitor.core.event_types import EventType
from monitor.core.formats.timestamps import format_timestamp
from monitor.core.model import AccountState, Condition, Event, Outcome
from monitor.core.text.summary import summary

UNWATCHED: Final = "unwatched"
"""The reason of a sighting without an answer: no target of the account is watched any more."""
_FRESH = timedelta(seconds=45)
"""How old the stored time of the last answer may be before it is stored again. Together with the watcher's period it
is less than a minute, which is the accuracy of times across a restart."""
_ALONE = 1
"""Unanswered requests that are not yet a silence."""
_PAUSE = 30.0
"""Seconds; a lane that a 429 keeps closed for longer makes time without requests."""
_STREAK = 3
_STREAK_LASTED = 10.0


class Reachability(msgspec.Struct, frozen=True, gc=False):
    """The answers and failures of an account's API in this process."""

    last_answer_at: datetime | None = None
    answered: float | None = None
    """When the last answer came, by the loop's clock; None: not in this process."""
    unanswered_since: float | None = None
    """When the first request of the current streak of unanswered ones was sent; None: the last one was answered."""
    streak: int = 0
    """Unanswered requests in a row."""
    reason: Outcome | None = None
    """Why the newest of them got no answer."""
    detail: str = ""
    """The `detail` of its `PollFailed`."""
    failed_at: float | None = None
    """When it ended, by the loop's clock."""
    told_since: float | None = None
    """As `unanswered_since`, but after any pause in which a 429 kept the lane closed."""


class ReachabilityChange(msgspec.Struct, frozen=True, gc=False):
    state: AccountState
    """The same object as before if there is nothing to commit."""
    events: tuple[Event, ...] = ()
    check_at: float | None = None
    """When to assess again without news, by the loop's clock; None: only a request's result changes anything."""


def initial(state: AccountState) -> Reachability:
    """At the start of the process."""
    return Reachability(last_answer_at=state.last_answer_at)


def record(
    reach: Reachability, outcome: Outcome, sent: float, clock: float, now: datetime, *, detail: str = ""
) -> Reachability:
    """A request that was sent at `sent` has ended; `now` and `clock` are one moment; `detail`: of its `PollFailed`."""
    if outcome.answered:
        return Reachability(now, clock)
    since = _since(reach, sent)
    return Reachability(
        last_answer_at=reach.last_answer_at,
        answered=reach.answered,
        unanswered_since=since,
        streak=reach.streak + 1,
        reason=outcome,
        detail=detail,
        failed_at=clock,
        told_since=_told_since(reach, outcome, sent, since),
    )


def _told_since(reach: Reachability, outcome: Outcome, sent: float, since: float) -> float:
    """A 429 after the pause continues the same outage; another failure after it is a new one."""
    if reach.reason is Outcome.THROTTLED and outcome is not Outcome.THROTTLED:
        paused_at = reach.failed_at if reach.failed_at is not None else reach.unanswered_since
        if paused_at is not None and sent - paused_at > _PAUSE:
            return sent
    told = reach.told_since
    return since if told is None or told == reach.unanswered_since else told


def _since(reach: Reachability, sent: float) -> float:
    """Requests overlap: a slow one may have been sent before those that failed first, or before the last answer."""
    since = reach.unanswered_since
    if since is not None and since <= sent:
        return since
    return sent if reach.answered is None else max(reach.answered, sent)


def idle(reach: Reachability, clock: float, *, asks: bool, shut: bool) -> Reachability:
    """Before `assess`. Without targets a silence is reset; a lane closed by a 429 is silent without a request."""
    if not asks:
        return Reachability(reach.last_answer_at, reach.answered) if reach.unanswered_since is not None else reach
    if shut and reach.unanswered_since is None:
        return msgspec.structs.replace(reach, unanswered_since=clock, told_since=clock, reason=Outcome.THROTTLED)
    return reach


def more_silent(before: Reachability, after: Reachability) -> bool:
    """Whether the last result changes the time of the next assessment."""
    return before.unanswered_since != after.unanswered_since or before.streak <= _ALONE < after.streak


def recovered(before: Reachability, after: Reachability, clock: float) -> bool:
    """Whether an outage (three requests, ten seconds) has just ended, so that targets need not back off any longer."""
    since = before.unanswered_since
    ended = after.unanswered_since is None and since is not None
    return ended and before.streak >= _STREAK and since is not None and clock - since >= _STREAK_LASTED


def assess(
    state: AccountState,
    reach: Reachability,
    clock: float,
    now: datetime,
    blind_after: float,
    *,
    watched: int = 1,
    shut: bool = False,
    site: Site = NOWHERE,
) -> ReachabilityChange:
    """The new state of the account, and its events. `blind_after` in seconds.

    `watched`: how many workflows of the account are polled. `shut`: its lane is closed by a 429 now. `site`: for the
    text.
    """
    asks = watched > 0
    if state.blind.open:
        # The time of the last answer was stored when it went blind, so a different one is later.
        answered = reach.last_answer_at is not None and reach.last_answer_at != state.last_answer_at
        if answered or not asks:
            return _sighted(state, reach, now, None if answered else UNWATCHED)
        return ReachabilityChange(state)
    if not asks or reach.unanswered_since is None or not (shut or reach.streak > _ALONE):
        return ReachabilityChange(_refreshed(state, reach))
    due = reach.unanswered_since + blind_after
    if clock < due:
        return ReachabilityChange(_refreshed(state, reach), check_at=due)
    return _blind(state, reach, clock, now, watched=watched, site=site)


def _refreshed(state: AccountState, reach: Reachability) -> AccountState:
    stored, last = state.last_answer_at, reach.last_answer_at
    if last is None or (stored is not None and abs(last - stored) < _FRESH):
        return state
    return msgspec.structs.replace(state, last_answer_at=last)


def _blind(
    state: AccountState, reach: Reachability, clock: float, now: datetime, *, watched: int, site: Site
) -> ReachabilityChange:
    condition = opened(state.blind, _anchor(reach, clock, now))
    event = _event(
        EventType.BLIND,
        state.account,
        condition,
        now,
        last_seen_at=reach.last_answer_at,
        reason=reach.reason.value if reach.reason is not None else None,
        detail=why(reach.reason, reach.detail, site) if reach.reason is not None else "",
        since=_moment(reach.told_since, clock, now),
        workflows=watched,
    )
    return ReachabilityChange(
        msgspec.structs.replace(state, last_answer_at=reach.last_answer_at, blind=condition), (event,)
    )


def _anchor(reach: Reachability, clock: float, now: datetime) -> str:
    """The time of the last answer, or else of the first request without one, to the second.

    So the name of an outage is unique also with an empty database.
    """
    return format_timestamp(
        (reach.last_answer_at or _moment(reach.unanswered_since, clock, now)).replace(microsecond=0)
    )


def _moment(since: float | None, clock: float, now: datetime) -> datetime:
    return now - timedelta(seconds=clock - since) if since is not None else now


def _sighted(state: AccountState, reach: Reachability, now: datetime, reason: str | None) -> ReachabilityChange:
    closes = tuple([_id(opener, state.account, state.blind) for opener in EventType.SIGHTED.facts.ends])
    event = _event(
        EventType.SIGHTED,
        state.account,
        state.blind,
        now,
        last_seen_at=state.last_answer_at,
        reason=reason,
        closes=closes,
    )
    after = msgspec.structs.replace(state, last_answer_at=reach.last_answer_at, blind=closed(state.blind))
    return ReachabilityChange(after, (event,))


def _event(
    type: EventType,
    account: str,
    condition: Condition,
    now: datetime,
    *,
    last_seen_at: datetime | None,
    reason: str | None = None,
    detail: str = "",
    since: datetime | None = None,
    workflows: int | None = None,
    closes: tuple[str, ...] = (),
) -> Event:
    event = Event(
        id=_id(type, account, condition),
        type=type,
        severity=type.severity,
        summary="",
        account=account,
        observed_at=now,
        last_seen_at=last_seen_at,
        reason=reason,
        detail=detail or None,
        since=since,
        workflows=workflows,
        closes=closes,
    )
    return msgspec.structs.replace(event, summary=summary(event))


def _id(type: EventType, account: str, condition: Condition) -> str:
    return event_id(type, account, what=named(condition))
