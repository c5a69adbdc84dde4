"""Which replica polls which account: the arithmetic, without a clock and without a store.

Replicas know of each other only by rows: a replica counts its `beat`, an account names its owner. No two clocks are
compared: each replica measures seconds on its own monotonic clock, and only the rates of clocks must agree, within 1 %.

-   Trust: after a beat that began at `t` a replica may send requests until `t + trust`.
-   Death: a replica whose beat another one has not seen move for `silence` is dead, and its accounts are free.
-   So the trust of a replica is over before any other one can take its accounts.
-   A replica that has not looked for two beats judges nobody: it counts all silence from now.
-   Each replica owns its share of the accounts, gives what it has beyond it, and takes free ones up to it.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Self

import msgspec


class Timing(msgspec.Struct, frozen=True):
    """Seconds; `3 * beat <= trust <= 0.7 * silence`."""

    silence: float

    @property
    def trust(self) -> float:
        return 0.7 * self.silence

    @property
    def beat(self) -> float:
        """Between two beats, each with a look at the others."""
        return 0.2 * self.silence

    def trusted_until(self, beat_began: float) -> float:
        """Until when requests may be sent after a beat that succeeded; its beginning counts, however slow it was."""
        return beat_began + self.trust

    def first_take(self, joined_at: float, chance: float) -> float:
        """When a replica that has joined others may take accounts, so that a rolling update moves each account once.

        `chance`: a random number in [0, 1).
        """
        return joined_at + self.silence * (0.5 + 0.25 * chance)


class SeenBeat(NamedTuple):
    beat: int
    since: float
    """When it was first seen."""


class Watch(msgspec.Struct, frozen=True):
    """What one replica has seen of the beats of the others, by their ids."""

    timing: Timing
    looked_at: float | None = None
    seen: Mapping[str, SeenBeat] = {}

    def after(self, beats: Mapping[str, int], now: float) -> Self:
        """After a look that ended at `now`."""
        blind = self.looked_at is None or now - self.looked_at > 2 * self.timing.beat
        kept = {} if blind else self.seen
        seen = {id_: _seen(kept.get(id_), beat, now) for id_, beat in beats.items()}
        return msgspec.structs.replace(self, looked_at=now, seen=seen)

    def dead(self) -> dict[str, int]:
        """Replicas whose beat has not moved for `silence` until the last look, each with that beat."""
        if self.looked_at is None:
            return {}
        latest = self.looked_at - self.timing.silence
        return {id_: beat for id_, (beat, since) in self.seen.items() if since <= latest}


def _seen(before: SeenBeat | None, beat: int, now: float) -> SeenBeat:
    return before if before is not None and before.beat == beat else SeenBeat(beat, now)


class Moves(NamedTuple):
    """What a replica does about its share."""

    give: tuple[str, ...] = ()
    take: int = 0
    """How many free accounts, at most."""


def moves(known: Collection[str], owned: Collection[str], replicas: int) -> Moves:
    """`known`: accounts of this replica's configuration; `owned`: by it; `replicas`: those that own, this one included.

    An account that it does not know is given, and never taken.
    """
    unknown = sorted(set(owned) - set(known))
    mine = sorted(set(owned) & set(known))
    most = share(len(known), replicas)
    return Moves((*unknown, *mine[most:]), max(most - len(mine), 0))


def share(accounts: int, replicas: int) -> int:
    """How many accounts one replica owns at most."""
    return -(-accounts // max(replicas, 1))
