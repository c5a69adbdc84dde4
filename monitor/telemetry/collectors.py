"""Gauges that follow each change of a state, so that a scrape with 100,000 targets counts none of them.

A scrape runs in another thread than the loop that changes them. Each read of a dict is one copy, which the interpreter
does not interrupt; the values are objects whose fields are replaced, never dicts that grow.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from monitor.core.event_types import FactKind
from monitor.core.model import Status, Target, TargetKey

Pending = Callable[[], Mapping[str, tuple[int, datetime | None]]]
"""Per receiver, the number of pending deliveries, and when the oldest of them was observed."""

Idle = Callable[[], Mapping[str, float]]
"""Per loop of the daemon, the seconds since it last turned."""

_MOST_SERIES = 1000


class _SeriesCell:
    """The targets of one account and definition in one status."""

    __slots__ = ("count", "group", "status")

    def __init__(self, group: "_TargetGroup", status: Status) -> None:
        self.group = group
        self.status = status
        self.count = 0


class _TargetGroup:
    """The targets of one account and definition."""

    __slots__ = ("cells",)

    def __init__(self) -> None:
        self.cells = {status: _SeriesCell(self, status) for status in Status}


class TargetsByStatus(Collector):
    """`workflow_targets`: how many targets there are in each status."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _TargetGroup] = {}
        self._cells: dict[tuple[str, str], dict[str, _SeriesCell]] = {}
        """By account and definition, and then by workflow: a dict of strings is half as large as one of keys."""

    def place(self, target: Target, status: Status) -> None:
        """Count the target in this group and status only."""
        self.remove(target.key)
        label = (target.key.account, target.definition_label)
        group = self._groups.get(label) or self._groups.setdefault(label, _TargetGroup())
        self._enter(target.key, group.cells[status])

    def move(self, key: TargetKey, status: Status) -> None:
        """The target's status changed. An unknown target is ignored: it was removed while its poll was under way."""
        cell = self._cells.get(key[:2], {}).get(key.workflow)
        if cell is not None:
            cell.count -= 1
            self._enter(key, cell.group.cells[status])

    def remove(self, key: TargetKey) -> None:
        cell = self._cells.get(key[:2], {}).pop(key.workflow, None)
        if cell is not None:
            cell.count -= 1

    def _enter(self, key: TargetKey, cell: _SeriesCell) -> None:
        cell.count += 1
        self._cells.setdefault(key[:2], {})[key.workflow] = cell

    def watches(self, account: str, definition: str) -> bool:
        """Whether any target of this definition is counted."""
        group = self._groups.get((account, definition))
        return group is not None and any(cell.count for cell in group.cells.values())

    def totals(self) -> dict[Status, int]:
        """All targets by status."""
        groups = list(self._groups.values())
        return {status: sum(group.cells[status].count for group in groups) for status in Status}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "workflow_targets",
            "Targets by what is believed of them; those that ended count until their retention is over.",
            labels=("account", "definition", "status"),
        )
        for (account, definition), group in list(self._groups.items()):
            for status, cell in group.cells.items():
                family.add_metric((account, definition, status.value), cell.count)
        yield family


class DefinitionNames(Collector):
    """`workflow_definition_info`: the own names of definitions with a watched target."""

    def __init__(self, watches: Callable[[str, str], bool]) -> None:
        """`watches`: whether there is a target of this account and definition; called on the scraping thread."""
        self._watches = watches
        self._names: dict[tuple[str, str], str] = {}
        self._aliases: dict[tuple[str, str], str] = {}

    def alias(self, account: str, definition: str, alias: str) -> None:
        """Set the label that stands for the definition in the other series."""
        self._aliases[account, definition] = alias

    def call(self, account: str, definition: str, name: str) -> None:
        """Set the name instead of an older one; empty: it has none."""
        self._names[account, definition] = name

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "workflow_definition_info",
            "1; the name of a definition as the API tells it, to join with its id.",
            labels=("account", "definition", "name"),
        )
        for (account, id_), name in list(self._names.items()):
            definition = self._aliases.get((account, id_), id_)
            if name and self._watches(account, definition):
                family.add_metric((account, definition, name), 1)
        yield family


class _NamedTarget:
    """A target with a name, and the status that its series show."""

    __slots__ = ("labels", "status")

    def __init__(self, labels: tuple[str, str, str, str], status: Status) -> None:
        self.labels = labels
        self.status = status


class NamedTargets(Collector):
    """`workflow_target_status`: the first thousand targets with a name; the next one replaces a removed one."""

    def __init__(self, most: int = _MOST_SERIES) -> None:
        self._most = most
        self._shown: dict[TargetKey, _NamedTarget] = {}
        self._waiting: OrderedDict[TargetKey, _NamedTarget] = OrderedDict()
        """Its first item is found in O(1) after any number of removals from the front; a dict would search for it."""

    def place(self, target: Target, status: Status) -> None:
        key = target.key
        if target.name is None:
            self.remove(key)
            return
        named = _NamedTarget((key.account, target.definition_label, key.workflow, target.name), status)
        place = self._shown if key in self._shown or len(self._shown) < self._most else self._waiting
        place[key] = named

    def move(self, key: TargetKey, status: Status) -> None:
        named = self._shown.get(key) or self._waiting.get(key)
        if named is not None:
            named.status = status

    def remove(self, key: TargetKey) -> None:
        if self._waiting.pop(key, None) is None and self._shown.pop(key, None) is not None and self._waiting:
            first, named = self._waiting.popitem(last=False)
            self._shown[first] = named

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "workflow_target_status",
            "1 for the status that a named target is believed to be in, 0 for the others.",
            labels=("account", "definition", "workflow", "name", "status"),
        )
        for named in list(self._shown.values()):
            believed = named.status
            for status in Status:
                family.add_metric((*named.labels, status.value), status is believed)
        yield family
        yield GaugeMetricFamily(
            "workflow_monitor_target_series_dropped",
            "Named targets without series of their own, because there are too many.",
            value=len(self._waiting),
        )


class DetectionBounds(Collector):
    """`workflow_monitor_detection_bound_seconds`: of the first thousand definitions and kinds, the worst ones."""

    def __init__(self, most: int = _MOST_SERIES) -> None:
        """`most`: series of one account."""
        self._most = most
        self._worst: dict[str, Sequence[tuple[tuple[str, FactKind], float]]] = {}

    def replace(self, account: str, worst: Mapping[tuple[str, FactKind], float]) -> None:
        """All that is promised of the account from now on, in seconds."""
        shown = sorted(worst.items(), key=lambda item: (-item[1], item[0]))[: self._most]
        self._worst = {**self._worst, account: shown}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "workflow_monitor_detection_bound_seconds",
            "Seconds from an end, or from what happens to a step, until it is seen, at worst, while the API answers, "
            "by the plan of the budget.",
            labels=("account", "definition", "kind"),
        )
        for account, shown in self._worst.items():
            for (definition, kind), seconds in shown:
                family.add_metric((account, definition, kind.value), seconds)
        yield family


class PendingDeliveries(Collector):
    """The pending deliveries of each receiver, read at the scrape; `pending` is called on the scraping thread."""

    def __init__(self, pending: Pending, receivers: Iterable[str] = ()) -> None:
        """`receivers`: those that are shown with 0 if nothing is pending for them."""
        self._pending = pending
        self._receivers = tuple(receivers)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        number = GaugeMetricFamily(
            "workflow_monitor_deliveries_pending", "Deliveries that are not acknowledged yet.", labels=("receiver",)
        )
        oldest = GaugeMetricFamily(
            "workflow_monitor_oldest_pending_delivery_timestamp_seconds",
            "When the oldest pending event was observed, in seconds since the epoch; absent while nothing is pending.",
            labels=("receiver",),
        )
        pending = dict(self._pending())
        for receiver in self._receivers:
            count, since = pending.get(receiver, (0, None))
            number.add_metric((receiver,), count)
            if since is not None:
                oldest.add_metric((receiver,), since.timestamp())
        yield number
        yield oldest


class LoopIdle(Collector):
    """How long ago each loop last turned, read at the scrape; `idle` is called on the scraping thread."""

    def __init__(self, idle: Idle) -> None:
        self._idle = idle

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "workflow_monitor_loop_idle_seconds",
            "Seconds since a loop of the monitor last turned; one with nothing to do still turns every 10 s.",
            labels=("loop",),
        )
        for loop, seconds in self._idle().items():
            family.add_metric((loop,), seconds)
        yield family
