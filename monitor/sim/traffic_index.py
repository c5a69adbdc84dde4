"""Finds the instances of an account's traffic: by number, by definition, version, status and start, by their end.

Chunks are made on demand and kept: 26 bytes an instance.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import merge
from math import cos, inf, pi

from monitor.sim.api_enums import Status
from monitor.sim.population import TRAFFIC, Instance
from monitor.sim.rows import Row, Wanted, by_start
from monitor.sim.traffic import Flow, Traffic
from monitor.sim.traffic_chances import ChunkMaker
from monitor.sim.traffic_chunk import SIZE, Chunk
from monitor.sim.traffic_scripts import script

_DAY = 86_400.0
_EXACT = 1e-6
_ENDED = frozenset({Status.COMPLETE, Status.TERMINATED})
_FLOW_BITS = 27
"""Bits of an instance's number in its flow; the flow's order is above them."""


class TrafficIndex:
    def __init__(self, traffic: Traffic, seed: int) -> None:
        self._streams = [_Stream(traffic, order, seed) for order in range(len(traffic.flows))]
        self._of_definition = {
            one.definition.name: (one.deployed, self._streams[2 * order : 2 * order + 2])
            for order, one in enumerate(traffic.publications)
        }

    def warming(self, t: float) -> Iterator[None]:
        """Makes all chunks of time t, so that no answer has to wait for them; in steps of about a millisecond."""
        for stream in self._streams:
            yield from stream.warming(t)

    def instance(self, number: int) -> Instance | None:
        """`number`: one of this index or of no instance."""
        order, index = divmod(number - TRAFFIC, 1 << _FLOW_BITS)
        return self._streams[order].instance(index) if 0 <= order < len(self._streams) else None

    def rows(self, wanted: Wanted, t: float) -> Iterator[Row]:
        """The rows at t, the latest start first."""
        deployed, streams = self._of_definition.get(wanted.definition, ((), ()))
        if wanted.version > len(deployed):
            return iter(())
        first = max(wanted.earliest, deployed[wanted.version - 1])
        before = deployed[wanted.version] if wanted.version < len(deployed) else inf
        latest = min(wanted.latest, t)
        return merge(*(one.rows(wanted, first, latest, before, t) for one in streams), key=by_start)

    def running(self, t: float) -> Iterator[Instance]:
        """Instances that have started and not ended at t."""
        for stream in self._streams:
            yield from stream.running(t)

    def ended(self, begin: float, end: float) -> Iterator[Instance]:
        """Instances that end after `begin` and not after `end`."""
        for stream in self._streams:
            yield from stream.ended(begin, end)

    def started(self, t: float) -> int:
        """How many have started by t, since the traffic began."""
        return sum(stream.started(t) for stream in self._streams)


class _Stream:
    """One flow in time."""

    def __init__(self, traffic: Traffic, order: int, seed: int) -> None:
        flow = traffic.flows[order]
        publication = traffic.publications[flow.definition]
        about = (seed, traffic.account, publication.definition.name, order)
        self._traffic = traffic
        self._flow = flow
        self._definition = publication.definition
        self._deployed = publication.deployed
        self._first_number = TRAFFIC + (order << _FLOW_BITS)
        self._maker = ChunkMaker(traffic, flow, about)
        self._chunks: dict[int, Chunk] = {}
        self._pace = _TrafficPace(flow, traffic.wave)
        self._borders = [self._pace.begin]
        """World time at which each chunk begins."""

    def instance(self, index: int) -> Instance:
        chunk, place = self._chunk(index // SIZE), index % SIZE
        return self._instance(chunk, place, index)

    def rows(self, wanted: Wanted, first: float, latest: float, before: float, t: float) -> Iterator[Row]:
        name, version = self._definition.name, wanted.version
        for order, chunk in self._newest_first(first, min(latest, before)):
            number, starts = self._first_number + order * SIZE, chunk.starts
            for place in chunk.having(wanted.status, t, chunk.between(first, latest, before)):
                status = wanted.status or chunk.status(place, t)
                ended_at = chunk.end(place) if status in _ENDED else None
                yield Row(number + place, name, version, starts[place], status, ended_at)

    def running(self, t: float) -> Iterator[Instance]:
        for order, chunk in self._newest_first(-inf, t):
            for place in chunk.between(-inf, t, inf):
                if chunk.end(place) > t:
                    yield self._instance(chunk, place, order * SIZE + place)

    def ended(self, begin: float, end: float) -> Iterator[Instance]:
        for order, chunk in self._newest_first(-inf, end):
            for place in chunk.ended(begin, end):
                yield self._instance(chunk, place, order * SIZE + place)

    def warming(self, t: float) -> Iterator[None]:
        for _ in self._newest_first(-inf, t):
            yield

    def started(self, t: float) -> int:
        order, chunk = next(self._newest_first(-inf, t), (0, None))
        return 0 if chunk is None else order * SIZE + len(chunk.between(-inf, t, inf))

    def _newest_first(self, first: float, latest: float) -> Iterator[tuple[int, Chunk]]:
        """The chunks with possible starts between these times."""
        while self._borders[-1] <= latest:
            self._borders.append(self._pace.when(len(self._borders) * SIZE))
        newest = bisect_right(self._borders, latest) - 1
        oldest = max(0, bisect_left(self._borders, first) - 1)
        for order in range(newest, oldest - 1, -1):
            yield order, self._chunk(order)

    def _chunk(self, order: int) -> Chunk:
        chunk = self._chunks.get(order)
        if chunk is None:
            while len(self._borders) < order + 2:
                self._borders.append(self._pace.when(len(self._borders) * SIZE))
            chunk = self._chunks[order] = self._maker.chunk(order, self._borders[order], self._borders[order + 1])
        return chunk

    def _instance(self, chunk: Chunk, place: int, index: int) -> Instance:
        starts = chunk.starts[place]
        version = bisect_right(self._deployed, starts)
        run = script(self._definition.steps(version), self._flow, chunk.lives[place], chunk.fates.get(place))
        name = f"{self._definition.name}-{index}"
        return Instance(self._first_number + index, self._traffic.account, self._definition, version, starts, run, name)


class _TrafficPace:
    """The number of starts by time: a daily wave around a mean."""

    def __init__(self, flow: Flow, wave: float) -> None:
        self.begin = -flow.longest
        """The first start: any earlier instance would have ended when the world begins."""
        self._rate = flow.starts_per_second
        self._swing = wave * _DAY / (2 * pi)

    def when(self, count: int) -> float:
        """World time at which `count` have started."""
        mean = self.begin + count / self._rate
        low, high = max(self.begin, mean - 2 * self._swing), mean + 2 * self._swing
        while high - low > _EXACT and self._swing:
            middle = (low + high) / 2
            low, high = (middle, high) if self._started(middle) < count else (low, middle)
        return high

    def _started(self, t: float) -> float:
        """Its rate is that of the mean times 1 + wave * sin(2 pi t / day)."""
        swung = self._swing * (cos(2 * pi * self.begin / _DAY) - cos(2 * pi * t / _DAY))
        return self._rate * (t - self.begin + swung)
