"""Makes a chunk at random: the starts, lifetimes and fates of its instances."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from hashlib import shake_256
from itertools import accumulate
from math import ceil, exp, inf, log
from sys import byteorder

from monitor.sim.api_enums import Status
from monitor.sim.seeded import fraction
from monitor.sim.traffic import CONFIRM, FETCH, RETRY, Flow, Storm, Traffic
from monitor.sim.traffic_chunk import SIZE, Chunk, Fate, Oddity

_DRAWS = 4
"""Of each instance."""
_TOP = float(1 << 32)


class ChunkMaker:
    """Makes the chunks of one flow. `about`: the parts of its hashes, the seed first."""

    def __init__(self, traffic: Traffic, flow: Flow, about: tuple[object, ...]) -> None:
        self._traffic = traffic
        self._flow = flow
        self._about = about
        self._shares: dict[Oddity, float] = {oddity: getattr(traffic, oddity.value) for oddity in Oddity}
        self._storms = [storm for storm in traffic.storms if _meets(storm, flow)]

    def chunk(self, order: int, begin: float, end: float) -> Chunk:
        """The instances from `order * SIZE` on, which start between `begin` and `end`."""
        draws = self._draws(order)
        starts = _starts(begin, end, self._traffic.batch, draws[:SIZE])
        lives = self._lives(draws[SIZE : 2 * SIZE])
        fates = dict(self._faults(lives, draws[2 * SIZE : 3 * SIZE]))
        for index, fate in self._oddities(draws[3 * SIZE :]):
            fates.setdefault(index, fate)
        for index, fate in fates.items():
            lives[index] += self._longer_by(fate.oddity)
        for index, life, fate in self._ended_by_storms(starts, lives, fates, order * SIZE):
            lives[index], fates[index] = life, fate
        return Chunk(starts, lives, fates)

    def _draws(self, order: int) -> "array[int]":
        text = "\x1f".join(map(str, ("traffic", *self._about, order)))
        draws = array("I", shake_256(text.encode()).digest(4 * _DRAWS * SIZE))
        if byteorder == "big":
            draws.byteswap()
        return draws

    def _lives(self, draws: "array[int]") -> "array[float]":
        flow = self._flow
        if flow.mean is None:
            least, step = FETCH + flow.wait + flow.soonest + CONFIRM, (flow.latest - flow.soonest) / _TOP
            return array("d", [least + step * draw for draw in draws])
        least, mean = FETCH + flow.wait + CONFIRM, -flow.mean
        cut = (1 - exp(-flow.latest / flow.mean)) / _TOP
        return array("d", [least + mean * log(1 - cut * draw) for draw in draws])

    def _faults(self, lives: "array[float]", draws: "array[int]") -> Iterator[tuple[int, Fate]]:
        """Faults at a constant rate, without those in the last steps. Shortens those lives."""
        hazard = self._traffic.faults_per_hour / 3600.0
        likely = (1 - exp(-hazard * self._flow.longest)) * _TOP
        for index in [index for index, draw in enumerate(draws) if draw < likely]:
            at = -log(1 - draws[index] / _TOP) / hazard
            if at < lives[index] - CONFIRM:
                lives[index] = at
                yield index, Fate(Status.TERMINATED, message=_MESSAGES[draws[index] % len(_MESSAGES)])

    def _oddities(self, draws: "array[int]") -> Iterator[tuple[int, Fate]]:
        borders = list(accumulate(self._shares.values()))
        if not borders[-1]:
            return
        kinds, most = list(self._shares), borders[-1] * _TOP
        for index in [index for index, draw in enumerate(draws) if draw < most]:
            at = draws[index] / _TOP
            order = bisect_right(borders, at)
            yield index, self._odd(kinds[order], (borders[order] - at) / self._shares[kinds[order]])

    def _odd(self, oddity: Oddity, chance: float) -> Fate:
        if oddity is not Oddity.SUSPENDED:
            return Fate(oddity=oddity)
        wait = self._flow.wait
        return Fate(suspended_at=FETCH + chance * wait, suspended_for=(0.1 + 0.3 * chance) * wait, oddity=oddity)

    def _longer_by(self, oddity: Oddity | None) -> float:
        match oddity:
            case Oddity.STUCK:
                return inf
            case Oddity.RETRIED | Oddity.FAILED_AT_WAKE:
                return RETRY
            case Oddity.LATE:
                return self._flow.wait
            case _:
                return 0.0

    def _ended_by_storms(
        self, starts: "array[float]", lives: "array[float]", fates: Mapping[int, Fate], first: int
    ) -> Iterator[tuple[int, float, Fate]]:
        """(index, life, fate); if two storms affect an instance, the first one counts."""
        for storm in self._storms:
            share = storm.size / self._live(storm)
            for index in _met_by(storm, starts, lives):
                start = starts[index]
                if index in fates or lives[index] == inf:
                    continue
                for turn, at in _strikes(storm, start, start + lives[index] - CONFIRM):
                    chance = fraction(*self._about, "storm", storm.at, turn, first + index)
                    end = at + storm.within * chance / share
                    if chance < share and end < start + lives[index] - CONFIRM:
                        message = None if storm.by_hand else storm.message
                        yield index, end - start, Fate(Status.TERMINATED, message=message)
                        break

    def _live(self, storm: Storm) -> float:
        return sum(flow.live for flow in self._traffic.flows if _meets(storm, flow))


def _meets(storm: Storm, flow: Flow) -> bool:
    return storm.definitions is None or flow.definition < storm.definitions


def _met_by(storm: Storm, starts: "array[float]", lives: "array[float]") -> Sequence[int]:
    """The instances that run during the storm; another selection at each repetition."""
    if storm.every is not None:
        return range(len(starts))
    at = storm.at
    return [index for index, start in enumerate(starts) if start < at < start + lives[index]]


def _strikes(storm: Storm, begin: float, end: float) -> Iterator[tuple[int, float]]:
    """(turn, time) of the storm after `begin` and before `end`."""
    if storm.every is None:
        if begin < storm.at < end:
            yield 0, storm.at
        return
    turn = max(0, ceil((begin - storm.at) / storm.every))
    while (at := storm.at + turn * storm.every) < end:
        yield turn, at
        turn += 1


def _starts(begin: float, end: float, batch: int, draws: "array[int]") -> "array[float]":
    """At random, like calls in a telephone network; `batch` of them at each moment."""
    whole, groups = (end - begin) / _TOP, -(-SIZE // batch)
    moments = [begin + whole * draw for draw in sorted(draws[:groups])]
    return array("d", moments if batch == 1 else [moments[index // batch] for index in range(SIZE)])


_MESSAGES = (
    "Invalid subaccount id.",
    "HTTP 502 from https://orders.example/api/orders",
    "JavaScript evaluation failed: data.payload.user is undefined",
)
"""Messages of faults outside of storms."""
