"""A thousand successive instances of a flow at once: their starts, lives and fates, and whoever has ended by a time."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from hashlib import shake_256
from math import ceil, exp, inf, log
from sys import byteorder

import msgspec

from monitor.sim.api_enums import Status
from monitor.sim.seeded import fraction
from monitor.sim.traffic import CONFIRM, FETCH, RETRY, Flow, Storm, Traffic

SIZE = 1024
_DRAWS = 4
_TOP = float(1 << 32)


class Fate(msgspec.Struct, frozen=True, gc=False):
    """What happens to an instance that does not simply run to Complete."""

    status: Status = Status.COMPLETE
    """As which it ends."""
    message: str | None = None
    """Of the fault; None: no errors."""
    suspended_at: float = inf
    """Seconds since its start."""
    suspended_for: float = 0.0
    retried: bool = False
    stuck: bool = False


class Chunk:
    """`lives`: running time of each until its end."""

    def __init__(self, starts: "array[float]", lives: "array[float]", fates: Mapping[int, Fate]) -> None:
        self.starts = starts
        self.lives = lives
        self.fates = fates
        ends = [start + life for start, life in zip(starts, lives, strict=True)]
        self._suspended = [index for index, fate in fates.items() if fate.suspended_for]
        for index in self._suspended:
            ends[index] = self.end(index)
        by_end = sorted(range(len(ends)), key=ends.__getitem__)
        self._ends = array("d", [ends[index] for index in by_end])
        self._by_end = array("H", by_end)
        self._terminated = [index for index, fate in fates.items() if fate.status is Status.TERMINATED]

    def end(self, index: int) -> float:
        """World time, by the same sums as `playback.read`."""
        start, life, fate = self.starts[index], self.lives[index], self.fates.get(index)
        if fate is None or not fate.suspended_for:
            return start + life
        own = (start + fate.suspended_at) - start
        return (start + (fate.suspended_at + fate.suspended_for)) + (life - own)

    def status(self, index: int, t: float) -> Status:
        if self.end(index) <= t:
            fate = self.fates.get(index)
            return Status.COMPLETE if fate is None else fate.status
        return Status.SUSPENDED if self._is_suspended(index, t) else Status.RUNNABLE

    def between(self, earliest: float, latest: float, before: float) -> range:
        """Those that start from `earliest` to `latest`, and before `before`."""
        end = min(bisect_right(self.starts, latest), bisect_left(self.starts, before))
        return range(bisect_left(self.starts, earliest), end)

    def having(self, status: str | None, t: float, within: range) -> Sequence[int]:
        """Those of `within` with that status at t, the latest start first. None: any."""
        if status is None:
            return within[::-1]
        return sorted((index for index in self._having(status, t) if index in within), reverse=True)

    def ended(self, begin: float, end: float) -> Iterator[int]:
        """Those that end after `begin` and not after `end`, the earliest end first."""
        return iter(self._by_end[bisect_right(self._ends, begin) : bisect_right(self._ends, end)])

    def _having(self, status: str, t: float) -> Sequence[int]:
        match status:
            case Status.TERMINATED:
                return [index for index in self._terminated if self.end(index) <= t]
            case Status.SUSPENDED:
                return [index for index in self._suspended if self._is_suspended(index, t)]
            case Status.COMPLETE:
                done = self._by_end[: bisect_right(self._ends, t)]
                return self._without(done, self._terminated) if self._terminated else done
            case _:
                running = self._by_end[bisect_right(self._ends, t) :]
                return self._without(running, self._having(Status.SUSPENDED, t)) if self._suspended else running

    @staticmethod
    def _without(indices: Sequence[int], others: Sequence[int]) -> Sequence[int]:
        gone = set(others)
        return [index for index in indices if index not in gone]

    def _is_suspended(self, index: int, t: float) -> bool:
        fate = self.fates.get(index)
        if fate is None or not fate.suspended_for:
            return False
        start = self.starts[index]
        return start + fate.suspended_at <= t < start + (fate.suspended_at + fate.suspended_for)


class ChunkMaker:
    """Of one flow. `about`: what its chance is about, the seed first."""

    def __init__(self, traffic: Traffic, flow: Flow, about: tuple[object, ...]) -> None:
        self._traffic = traffic
        self._flow = flow
        self._about = about
        self._storms = [storm for storm in traffic.storms if _meets(storm, flow)]

    def chunk(self, order: int, begin: float, end: float) -> Chunk:
        """The instances from `order * SIZE` on, which start between `begin` and `end`."""
        draws = self._draws(order)
        starts = _starts(begin, end, draws[:SIZE])
        lives = self._lives(draws[SIZE : 2 * SIZE])
        fates = dict(self._faults(lives, draws[2 * SIZE : 3 * SIZE]))
        for index, fate in self._oddities(draws[3 * SIZE :]):
            fates.setdefault(index, fate)
        for index, fate in fates.items():
            lives[index] += RETRY if fate.retried else inf if fate.stuck else 0.0
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
        """Of a constant hazard; one that would come in the last steps does not come. Shortens those lives."""
        hazard = self._traffic.faults_per_hour / 3600.0
        likely = (1 - exp(-hazard * self._flow.longest)) * _TOP
        for index in [index for index, draw in enumerate(draws) if draw < likely]:
            at = -log(1 - draws[index] / _TOP) / hazard
            if at < lives[index] - CONFIRM:
                lives[index] = at
                yield index, Fate(Status.TERMINATED, message=_MESSAGES[draws[index] % len(_MESSAGES)])

    def _oddities(self, draws: "array[int]") -> Iterator[tuple[int, Fate]]:
        traffic, wait = self._traffic, self._flow.wait
        stuck = traffic.stuck * _TOP
        suspended = stuck + traffic.suspended * _TOP
        retried = suspended + traffic.retried * _TOP
        for index in [index for index, draw in enumerate(draws) if draw < retried]:
            if draws[index] < stuck:
                yield index, Fate(stuck=True)
            elif draws[index] < suspended:
                share = (draws[index] - stuck) / (suspended - stuck)
                yield index, Fate(suspended_at=FETCH + share * wait, suspended_for=(0.1 + 0.3 * share) * wait)
            else:
                yield index, Fate(retried=True)

    def _ended_by_storms(
        self, starts: "array[float]", lives: "array[float]", fates: Mapping[int, Fate], first: int
    ) -> Iterator[tuple[int, float, Fate]]:
        """(index, life, fate); of an instance that two storms meet the first one counts."""
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
    """Those that run when it comes, and others if it comes again."""
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


def _starts(begin: float, end: float, draws: "array[int]") -> "array[float]":
    """One at a chance time in each of the equal parts of the time."""
    part = (end - begin) / SIZE
    return array("d", [begin + part * (index + draw / _TOP) for index, draw in enumerate(draws)])


_MESSAGES = (
    "Invalid subaccount id.",
    "HTTP 502 from https://orders.example/api/orders",
    "JavaScript evaluation failed: data.payload.user is undefined",
)
"""Of faults in the background."""
