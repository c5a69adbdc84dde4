"""Whether an account's API can be reached, and when to say so: once when it went blind, once when it is sighted again.

An account is blind when no request got an answer for `blind_after`, counted from the first that got none. An answer is
whatever speaks about the target that was asked for, a 404 too (`Outcome.answered`); a refused key, a 429, a 5xx or
silence is none. While a 429 keeps the lane shut nothing is asked, so the streak that the 429 began goes on. Who asks
nothing is not blind: an account whose targets have all ended never is.

After a restart the clock starts with the first request that gets no answer; where the lane is still shut by a
`Retry-After` of before, with the start, because no request will be sent. Blindness itself survives in the state.
"""

from datetime import datetime, timedelta

import msgspec

from monitor.core.identity import event_id
from monitor.core.model import AccountState, Condition, Episode, Event, EventType, Outcome
from monitor.core.text import summary

_FRESH = timedelta(minutes=1)
"""How far the stored moment of the last answer may lag behind: so honest are times across a restart."""
_STREAK = 3
_STREAK_LASTED = timedelta(seconds=10)


class Reach(msgspec.Struct, frozen=True, gc=False):
    """What this process has heard of an account's API."""

    last_answer_at: datetime | None = None
    unanswered_since: datetime | None = None
    """When the first request of the current streak of unanswered ones was sent; None: the last one was answered."""
    streak: int = 0
    """Unanswered requests in a row."""
    reason: Outcome | None = None
    """Why the newest of them got no answer."""


class ReachVerdict(msgspec.Struct, frozen=True, gc=False):
    state: AccountState
    """The very state that was given, where nothing is to be committed."""
    events: tuple[Event, ...] = ()
    check_at: datetime | None = None
    """When to judge again if nothing is heard; None: only an answer, or a request without one, changes anything."""


def begin(state: AccountState, now: datetime) -> Reach:
    """At the start of the process."""
    shut = state.closed_until is not None and state.closed_until > now
    waiting = shut or state.blind.open
    return Reach(
        last_answer_at=state.last_answer_at,
        unanswered_since=now if waiting else None,
        reason=Outcome.THROTTLED if shut else None,
    )


def heard(reach: Reach, outcome: Outcome, sent_at: datetime, now: datetime) -> Reach:
    """A request that was sent at `sent_at` has ended."""
    if outcome.answered:
        return Reach(now)
    return Reach(reach.last_answer_at, _since(reach, sent_at), reach.streak + 1, outcome)


def _since(reach: Reach, sent_at: datetime) -> datetime:
    """Requests overlap: a slow one may have been sent before those that failed first, or before the last answer."""
    since = reach.unanswered_since
    if since is not None and since <= sent_at:
        return since
    answered = reach.last_answer_at
    return answered if answered is not None and answered > sent_at else sent_at


def recovered(before: Reach, after: Reach, now: datetime) -> bool:
    """Whether an outage has just ended (three requests, ten seconds): what backed off need not wait any longer."""
    since = before.unanswered_since
    ended = after.unanswered_since is None and since is not None
    return ended and before.streak >= _STREAK and since is not None and now - since >= _STREAK_LASTED


def judge(state: AccountState, reach: Reach, now: datetime, blind_after: float) -> ReachVerdict:
    """What to believe of the account's API, and what to tell. `blind_after` in seconds."""
    answered = reach.last_answer_at is not None and reach.last_answer_at != state.last_answer_at
    if state.blind.open:
        # The moment of the last answer was stored when it went blind: another one is a later one.
        return _sighted(state, reach, now) if answered else ReachVerdict(state)
    if reach.unanswered_since is not None:
        due = reach.unanswered_since + timedelta(seconds=blind_after)
        return _blind(state, reach, now) if now >= due else ReachVerdict(_refreshed(state, reach), check_at=due)
    return ReachVerdict(_refreshed(state, reach))


def _refreshed(state: AccountState, reach: Reach) -> AccountState:
    stored, last = state.last_answer_at, reach.last_answer_at
    if last is None or (stored is not None and abs(last - stored) < _FRESH):
        return state
    return msgspec.structs.replace(state, last_answer_at=last)


def _blind(state: AccountState, reach: Reach, now: datetime) -> ReachVerdict:
    episode = Episode("", 1 + (state.blind.last.ordinal if state.blind.last is not None else 0))
    event = _event(
        EventType.BLIND,
        state.account,
        episode,
        now,
        last_seen_at=reach.last_answer_at,
        reason=reach.reason.value if reach.reason is not None else None,
    )
    after = msgspec.structs.replace(
        state, last_answer_at=reach.last_answer_at, blind=Condition(open=True, last=episode)
    )
    return ReachVerdict(after, (event,))


def _sighted(state: AccountState, reach: Reach, now: datetime) -> ReachVerdict:
    episode = state.blind.last or Episode("", 1)
    closes = (_id(EventType.BLIND, state.account, episode),)
    event = _event(EventType.SIGHTED, state.account, episode, now, last_seen_at=state.last_answer_at, closes=closes)
    after = msgspec.structs.replace(
        state, last_answer_at=reach.last_answer_at, blind=Condition(open=False, last=state.blind.last)
    )
    return ReachVerdict(after, (event,))


def _event(
    type: EventType,
    account: str,
    episode: Episode,
    now: datetime,
    *,
    last_seen_at: datetime | None,
    reason: str | None = None,
    closes: tuple[str, ...] = (),
) -> Event:
    event = Event(
        id=_id(type, account, episode),
        type=type,
        severity=type.severity,
        summary="",
        account=account,
        observed_at=now,
        last_seen_at=last_seen_at,
        reason=reason,
        closes=closes,
    )
    return msgspec.structs.replace(event, summary=summary(event))


def _id(type: EventType, account: str, episode: Episode) -> str:
    return event_id(type, account, what=f"{episode.anchor}#{episode.ordinal}")
