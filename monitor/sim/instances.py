"""An account's instances: one by its id, its state at a time, and the rows of all of a definition."""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain

from monitor.sim.playback import InstanceState, read
from monitor.sim.population import CROWD, TRAFFIC, Instance
from monitor.sim.rows import Row, Wanted, by_start, row_of
from monitor.sim.scenario import Scenario, number_of, workflow_id
from monitor.sim.script import Command
from monitor.sim.traffic_index import TrafficIndex

Overlay = dict[str, tuple[Command, ...]]
"""Workflow id -> its commands by PATCH, by world time."""


class Instances:
    def __init__(self, scenario: Scenario, seed: int, account: str, overlay: Overlay) -> None:
        self._scenario = scenario
        self._seed = seed
        self._account = account
        self._overlay = overlay
        traffics = [traffic for traffic in scenario.traffic if traffic.account == account]
        self.traffic = TrafficIndex(traffics[0], seed) if traffics else None

    def find(self, workflow: str) -> Instance | None:
        """`workflow`: 24 hex digits."""
        number = number_of(self._seed, workflow)
        instance = None if number is None else self._numbered(number)
        return instance if instance is not None and instance.account == self._account else None

    def read(self, instance: Instance, workflow: str, t: float) -> InstanceState | None:
        """None: not started, or 404 at t."""
        since = t - instance.starts
        for gap in instance.script.gaps:
            if gap.begin <= since < gap.end:
                return None
        return read(instance.script, instance.starts, self._overlay.get(workflow, ()), t)

    def rows(self, wanted: Wanted, t: float) -> Iterator[Row]:
        """The rows at t, the latest start first."""
        written = self._read_rows(self._newest_first(wanted.definition, t), wanted, t)
        if self.traffic is None:
            return written
        found = self.traffic.rows(wanted, t)
        changed = {one.number: one for one in self._changed_traffic()}
        if not changed:
            return merge(written, found, key=by_start)
        # The index does not have changes by PATCH.
        by_hand = sorted(changed.values(), key=lambda one: -one.starts)
        others = (row for row in found if row.number not in changed)
        return merge(written, others, self._read_rows(by_hand, wanted, t), key=by_start)

    def _read_rows(self, instances: Iterable[Instance], wanted: Wanted, t: float) -> Iterator[Row]:
        for instance in instances:
            if (instance.definition.name, instance.version) != (wanted.definition, wanted.version):
                continue
            if not wanted.earliest <= instance.starts <= wanted.latest:
                continue
            workflow = workflow_id(self._seed, instance) if self._overlay else ""
            reading = self.read(instance, workflow, t)
            row = None if reading is None else row_of(instance, reading, t)
            if row is not None and wanted.status in (None, row.status):
                yield row

    def _changed_traffic(self) -> Iterator[Instance]:
        for workflow in self._overlay:
            instance = self.find(workflow)
            if instance is not None and instance.number >= TRAFFIC:
                yield instance

    def _numbered(self, number: int) -> Instance | None:
        if number < CROWD:
            return self._scenario.cast.instance(number)
        if number < TRAFFIC:
            return self._scenario.crowd.instance(number) if self._scenario.crowd else None
        return self.traffic.instance(number) if self.traffic else None

    def _newest_first(self, definition: str, t: float) -> Iterator[Instance]:
        roles = self._scenario.cast.newest_first(self._account, definition, t)
        crowd = self._scenario.crowd
        # A crowd is older than any role, so that no merge is needed.
        return chain(roles, crowd.newest_first(self._account, definition, t)) if crowd else roles
