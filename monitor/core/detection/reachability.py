"""Whether an account's API can be reached, and when to say so: once when it went blind, once when it is sighted again.

An account is blind when no request got an answer for `blind_after`, counted from the first that got none, and it was
not one request alone that got none: with long intervals the next is far away. An answer is whatever says something of
the target that was asked for, a 404 too (`Outcome.answered`); a 400, a refused key, a 429, a 5xx or silence is none.
While a 429 keeps the lane shut nothing is asked, and nothing is answered: that counts as one long request. Who asks
nothing is not blind: where every target has ended or was removed, nothing is told, and what was told is closed.

What is told is since when requests get no answer, not when the last answer came: time in which nothing was asked (no
target, the process away, a lane that a 429 kept shut) says nothing of the API.

A silence is measured by the loop's clock (`clock`, in seconds), since people set the other one; `now` and
`last_answer_at` are for telling. After a restart the measuring starts anew. Blindness itself survives in the state.
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
"""The reason of a sighting without an answer: nothing is watched there any more."""
_FRESH = timedelta(seconds=45)
"""How far the stored moment of the last answer may lag behind before it is stored again. With the turn of who judges
that is less than a minute: so honest are times across a restart."""
_ALONE = 1
"""So many unanswered requests are no silence yet."""
_PAUSE = 30.0
"""Seconds; what a 429 keeps the lane shut for longer is time in which nothing was asked."""
_STREAK = 3
_STREAK_LASTED = 10.0


class Reachability(msgspec.Struct, frozen=True, gc=False):
    """What this process has heard of an account's API."""

    last_answer_at: datetime | None = None
    answered: float | None = None
    """When this process heard the last answer, by the loop's clock."""
    unanswered_since: float | None = None
    """When the first request of the current streak of unanswered ones was sent; None: the last one was answered."""
    streak: int = 0
    """Unanswered requests in a row."""
    reason: Outcome | None = None
    """Why the newest of them got no answer."""
    detail: str = ""
    """The same, as its `PollFailed` says it."""
    failed_at: float | None = None
    """When it ended, by the loop's clock."""
    told_since: float | None = None
    """As `unanswered_since`, but not before a pause in which a 429 kept the lane shut."""


class ReachabilityChange(msgspec.Struct, frozen=True, gc=False):
    state: AccountState
    """The very state that was given, where nothing is to be committed."""
    events: tuple[Event, ...] = ()
    check_at: float | None = None
    """When to judge again if nothing is heard, by the loop's clock; None: only what is heard changes anything."""


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
    """A 429 that goes on after the pause is the same trouble: only another one began after it."""
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
    """Before it is judged. Who asks nothing begins anew; a lane that is shut by a 429 is silent without a request."""
    if not asks:
        return Reachability(reach.last_answer_at, reach.answered) if reach.unanswered_since is not None else reach
    if shut and reach.unanswered_since is None:
        return msgspec.structs.replace(reach, unanswered_since=clock, told_since=clock, reason=Outcome.THROTTLED)
    return reach


def more_silent(before: Reachability, after: Reachability) -> bool:
    """Whether what was just heard changes when to judge."""
    return before.unanswered_since != after.unanswered_since or before.streak <= _ALONE < after.streak


def recovered(before: Reachability, after: Reachability, clock: float) -> bool:
    """Whether an outage has just ended (three requests, ten seconds): what backed off need not wait any longer."""
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
    """What to believe of the account's API, and what to tell. `blind_after` in seconds.

    `watched`: how many workflows of the account are asked about. `shut`: its lane is shut by a 429 now. `site`: for the
    words.
    """
    asks = watched > 0
    if state.blind.open:
        # The moment of the last answer was stored when it went blind: another one is a later one.
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
    """When the last answer came, or else when the first request was sent that got none, to the second.

    So an outage has a name of its own also with a database that knows nothing of those before.
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
