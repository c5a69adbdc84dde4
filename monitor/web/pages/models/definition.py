"""One definition: its last instances step by step, its versions compared, and the instances behind a cell."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from heapq import nlargest
from itertools import groupby
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from monitor.aio import chunks
from monitor.core.model import Status, StepStatus, TargetKey
from monitor.polling.watched import Watched
from monitor.store.step_limits import DefinitionKey
from monitor.web.api import query
from monitor.web.api.pagination import label_of
from monitor.web.api.target_schemas import path_of
from monitor.web.pages.instance_grid import Grid, grid, last_execution
from monitor.web.pages.models.definitions import DefinitionRow, definition_path, definition_row
from monitor.web.pages.models.model import Model
from monitor.web.pages.models.targets import TargetRow, target_row
from monitor.web.pages.snapshot import PageSnapshot
from monitor.web.pages.version_tally import VersionFigures, VersionTally

COLUMNS: Final = 50
_MOST_CHOSEN: Final = 100
_MOST_VERSIONS: Final = 20
_CHUNK: Final = 1000
"""Targets that are looked at in one slice; a few milliseconds."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of the grid."""

    label: str
    path: str
    status: Status
    version: int | None
    started_at: datetime | None


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    figures: VersionFigures
    path: str
    """Of its targets, without a status."""


class ChosenRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the instances behind a cell."""

    target: TargetRow
    status: StepStatus
    """Of the step's last execution."""
    started_at: datetime | None


class Chosen(NamedTuple):
    """The cell that was chosen; a step of "" if none was."""

    step: str = ""
    status: StepStatus | None = None
    version: int | None = None


class GridInstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk over all instances finds."""

    columns: tuple[Column, ...]
    """Newest first."""
    groups: tuple[tuple[int | None, int], ...]
    """Versions of the columns, and how many neighbours have each."""
    versions: tuple[VersionRow, ...]
    """Newest first."""
    grid: Grid
    chosen: tuple[ChosenRow, ...]
    """The newest."""
    matching: int
    """All that are like the chosen cell."""
    total: int


class DefinitionPage(Model, frozen=True, kw_only=True):
    account: str
    definition: str
    path: str
    targets: str
    """The path of its targets."""
    events: str
    """The path of its events."""
    row: DefinitionRow | None
    """None: it is not watched."""
    name: str | None
    latest: int | None
    """Its newest version, if a discovery follows it."""
    instances: GridInstances
    statuses: tuple[str, ...]
    """Of a step, to choose from."""
    step: str
    status: str
    version: int | None
    """The chosen cell; empty, and None: all."""


async def definition(snapshot: PageSnapshot, request: web.Request) -> DefinitionPage:
    about = DefinitionKey(request.match_info["account"], request.match_info["definition"])
    asked = query.parameters(request.query, ("step", "state", "version", "fragment"))
    chosen = Chosen(
        asked.get("step", ""),
        query.word("state", asked.get("state"), StepStatus),
        query.version(asked.get("version")),
    )
    summary = snapshot.view.definition(about)
    row = None if summary is None else definition_row(summary, snapshot)
    instances = await snapshot.once(("definition", about, chosen), lambda: _walked(snapshot, about, chosen))
    return DefinitionPage(
        title=about.definition if row is None else row.label,
        http_status=404 if row is None and not instances.total else 200,
        account=about.account,
        definition=about.definition,
        path=definition_path(*about),
        targets=_targets_path(about),
        events="/events?" + urlencode(about._asdict()),
        row=row,
        name=summary.name if summary is not None else None,
        latest=summary.latest if summary is not None else None,
        instances=instances,
        statuses=tuple(StepStatus),
        step=chosen.step,
        status=chosen.status or "",
        version=chosen.version,
    )


async def _walked(snapshot: PageSnapshot, about: DefinitionKey, chosen: Chosen) -> GridInstances:
    view = snapshot.view
    keys = view.keys_of(about.account, about.definition)
    walk = _CellWalk(chosen)
    async for some in chunks(keys, _CHUNK):
        walk.add(found for key in some if (found := view.target(key)) is not None)
    return walk.instances(about)


class _CellWalk:
    """Keeps the newest instances, and adds up the versions of all."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._newest: list[Watched] = []
        self._like: list[Watched] = []
        self._matching = self._total = 0
        self._tallies: defaultdict[int | None, VersionTally] = defaultdict(VersionTally)

    def add(self, found: Iterable[Watched]) -> None:
        some = list(found)
        for watched in some:
            self._tallies[watched.state.version].add(watched.state)
        like = [watched for watched in some if self._chosen.step and _is_like(watched, self._chosen)]
        self._total += len(some)
        self._matching += len(like)
        self._newest = nlargest(COLUMNS, [*self._newest, *some], key=_age)
        self._like = nlargest(_MOST_CHOSEN, [*self._like, *like], key=_age)

    def instances(self, about: DefinitionKey) -> GridInstances:
        versions = sorted(self._tallies, key=lambda version: -1 if version is None else version, reverse=True)
        return GridInstances(
            columns=tuple(map(_column, self._newest)),
            groups=tuple(_runs(watched.state.version for watched in self._newest)),
            versions=tuple(
                VersionRow(figures=self._tallies[version].figures(version), path=_targets_path(about, version))
                for version in versions[:_MOST_VERSIONS]
            ),
            grid=grid([watched.state.steps for watched in self._newest]),
            chosen=tuple(_chosen_row(watched, self._chosen.step) for watched in self._like),
            matching=self._matching,
            total=self._total,
        )


def _age(watched: Watched) -> tuple[datetime, TargetKey]:
    state = watched.state
    return state.started_at or state.first_seen_at or state.since or _NEVER, watched.target.key


def _is_like(watched: Watched, chosen: Chosen) -> bool:
    state = watched.state
    if chosen.version is not None and state.version != chosen.version:
        return False
    execution = last_execution(state.steps, chosen.step)
    return execution is not None and chosen.status in (None, execution.status)


def _runs(versions: Iterable[int | None]) -> Iterable[tuple[int | None, int]]:
    return ((version, len(list(same))) for version, same in groupby(versions))


def _column(watched: Watched) -> Column:
    state = watched.state
    return Column(
        label=label_of(watched.target),
        path=path_of(watched.target.key),
        status=state.status,
        version=state.version,
        started_at=state.started_at,
    )


def _chosen_row(watched: Watched, step: str) -> ChosenRow:
    execution = last_execution(watched.state.steps, step)
    return ChosenRow(
        target=target_row(watched),
        status=execution.status if execution is not None else StepStatus.UNKNOWN,
        started_at=execution.started_at if execution is not None else None,
    )


def _targets_path(about: DefinitionKey, version: int | None = None) -> str:
    kept = about._asdict() if version is None else {**about._asdict(), "version": str(version)}
    return "/targets?" + urlencode(kept)
