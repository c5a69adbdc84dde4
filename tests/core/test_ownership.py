"""No account has two owners that send, and every account finds one: by arithmetic alone."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.ownership import Moves, Timing, Watch, moves, share

TIMING = Timing(silence=10.0)
_SECONDS = st.floats(0, 30)
_RATES = st.floats(0.99, 1.01)
"""Seconds that a clock counts in one true second."""


@given(st.floats(5, 300))
def test_a_beat_may_be_missed_twice_and_trust_leaves_room_for_pauses(silence: float) -> None:
    timing = Timing(silence)
    assert 3 * timing.beat <= timing.trust
    assert timing.trust <= 0.7 * timing.silence


def test_the_default_is_two_seven_and_ten_seconds() -> None:
    assert (TIMING.beat, TIMING.trust, TIMING.silence) == (2.0, 7.0, 10.0)


# --- death ----------------------------------------------------------------------------------------------------


class Look:
    """One look at one other replica."""

    def __init__(self, pause: float, moved: bool) -> None:
        self.pause, self.moved = pause, moved

    def __repr__(self) -> str:
        return f"Look({self.pause}, {self.moved})"


_LOOKS = st.lists(st.builds(Look, st.one_of(st.just(2.0), st.floats(0, 6)), st.booleans()), max_size=40)


@given(_LOOKS)
def test_no_replica_is_dead_before_its_silence_on_the_own_clock_after_a_moved_beat(looks: list[Look]) -> None:
    watch, now, beat, moved_at, sighted_since = Watch(TIMING), 0.0, 0, 0.0, 0.0
    for look in looks:
        if look.pause > 2 * TIMING.beat or watch.looked_at is None:
            sighted_since = now + look.pause
        now += look.pause
        if look.moved:
            beat, moved_at = beat + 1, now
        watch = watch.after({"other": beat}, now)
        since = max(moved_at, sighted_since)
        assert watch.dead() == ({"other": beat} if since <= now - TIMING.silence else {})


def test_a_replica_that_is_silent_is_dead_after_its_silence() -> None:
    watch = Watch(TIMING)
    for now in range(0, 14, 2):
        assert not watch.dead()
        watch = watch.after({"dead": 7, "alive": now}, float(now))
        if now >= 10:
            break
    assert watch.dead() == {"dead": 7}


def test_a_replica_that_was_blind_judges_nobody() -> None:
    watch = Watch(TIMING).after({"other": 1}, 0.0)
    assert watch.after({"other": 1}, 60.0).dead() == {}


def test_a_replica_that_has_left_is_forgotten() -> None:
    watch = Watch(TIMING).after({"other": 1}, 0.0).after({}, 2.0)
    assert watch.after({"other": 1}, 4.0).seen["other"].since == 4.0


@given(
    silence=st.floats(5, 300),
    rates=st.tuples(_RATES, _RATES),
    begun=_SECONDS,
    slow=st.tuples(_SECONDS, _SECONDS),
    looks=st.lists(st.floats(0.01, 2), min_size=1, max_size=60),
)
def test_trust_is_over_before_another_replica_can_judge(
    silence: float, rates: tuple[float, float], begun: float, slow: tuple[float, float], looks: list[float]
) -> None:
    """In true time: a beat begins, is committed later, and is seen later still, by a clock of another rate."""
    timing, (mine, other) = Timing(silence), rates
    ends = timing.trusted_until(begun * mine) / mine
    seen = begun + sum(slow)
    watch, now = Watch(timing), seen
    for look in looks:
        watch = watch.after({"me": 1}, now * other)
        if watch.dead():
            assert now - ends >= 0.25 * silence
            return
        now += look * timing.beat
    assume(now < seen + 2 * silence)


# --- sharing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "owned", "replicas", "expected"),
    [
        ("abcd", "", 1, Moves((), 4)),
        ("abcd", "abcd", 1, Moves((), 0)),
        ("abcd", "abcd", 2, Moves(("c", "d"), 0)),
        ("abcde", "ab", 2, Moves((), 1)),
        ("ab", "", 3, Moves((), 1)),
        ("ab", "abx", 1, Moves(("x",), 0)),
        ("", "x", 2, Moves(("x",), 0)),
    ],
)
def test_a_replica_gives_what_is_beyond_its_share_and_takes_up_to_it(
    known: str, owned: str, replicas: int, expected: Moves
) -> None:
    assert moves(known, owned, replicas) == expected


@given(st.integers(0, 50), st.integers(1, 20), st.data())
def test_two_rounds_are_even_whatever_was_before(accounts: int, replicas: int, data: st.DataObject) -> None:
    """All give, then all take, in any order."""
    known = [f"a{number:02}" for number in range(accounts)]
    owners = {key: data.draw(st.integers(-1, replicas - 1)) for key in known}
    for _ in range(2):
        for me in data.draw(st.permutations(range(replicas))):
            wanted = moves(known, [key for key in known if owners[key] == me], replicas)
            free = [key for key in known if owners[key] == -1][: wanted.take]
            owners.update(dict.fromkeys(wanted.give, -1))
            owners.update(dict.fromkeys(free, me))
    held = [list(owners.values()).count(me) for me in range(replicas)]
    assert -1 not in owners.values()
    assert max(held, default=0) <= share(accounts, replicas)


@given(st.floats(0, 1, exclude_max=True))
def test_a_replica_that_has_joined_others_takes_nothing_for_a_while(chance: float) -> None:
    assert 5.0 <= TIMING.first_take(100.0, chance) - 100.0 <= 7.5
