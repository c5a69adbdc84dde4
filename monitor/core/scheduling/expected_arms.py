"""What there is to look at, by counts: the arms of a plan that is made without the API, or of targets with intervals.

Of a definition whose instances were never seen, it is supposed that each comes to one end a day, and that a step fails
as often; see `hazard.py`.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from monitor.core.discovery.following import Discovery
from monitor.core.event_types import EventType, FactKind, Severity
from monitor.core.listing import MOST_ROWS
from monitor.core.scheduling.arms import WEIGHTS
from monitor.core.scheduling.hazard import Evidence, rate
from monitor.core.scheduling.plan import ArmGroup

RESERVE: Final = 0.1
"""Of an account's requests: for explanations, confirmations, and what else is no look."""
FIRST_RATE: Final = rate(Evidence(datetime(1970, 1, 1, tzinfo=UTC)))
"""Facts of one kind per second and instance, before anything is known."""
_FILL: Final = MOST_ROWS * 4 // 5
"""Rows that are expected on a page."""
_ENDS: Final = (EventType.TERMINATED, EventType.SUSPENDED, EventType.COMPLETED)
_OTHER_LISTS: Final = 3
"""Beside the pages of what runs: the newest instances, the terminated and the suspended ones."""


class Interval(NamedTuple):
    """Targets of one definition with the same interval, in seconds."""

    definition: str
    seconds: float


def left_for_looks(requests_per_second: float) -> float:
    return requests_per_second * (1 - RESERVE)


def target_groups(counts: Mapping[Interval, int]) -> tuple[ArmGroup, ...]:
    """Targets that run, by their interval, which is a promise. A look at one shows its steps and its end."""
    return tuple(
        ArmGroup(
            definition=interval.definition,
            kind=FactKind.STEP,
            count=number,
            rate=FIRST_RATE,
            weight=_weight({}, EventType.STEP_FAILED),
            longest=interval.seconds,
            shortest=interval.seconds,
        )
        for interval, number in counts.items()
    )


def expected_groups(wish: Discovery, definition: str, running: int, versions: int = 1) -> Iterable[ArmGroup]:
    """The lists and instances of a definition of which `running` instances run. `definition`: as the plan names it."""
    pages = math.ceil(running / versions / _FILL)
    lists = 1 if pages <= 1 else pages + _OTHER_LISTS
    yield ArmGroup(
        definition=definition,
        kind=FactKind.END,
        count=versions * lists,
        rate=FIRST_RATE * len(_ENDS) * (running / versions + 1) / lists,
        weight=sum(_weight(wish.severities, type_) for type_ in _ENDS) / len(_ENDS),
        longest=wish.interval,
        shortest=min(1.0, wish.interval),
    )
    yield ArmGroup(
        definition=definition,
        kind=FactKind.STEP,
        count=running,
        rate=FIRST_RATE,
        weight=_weight(wish.severities, EventType.STEP_FAILED),
        longest=wish.step_interval or math.inf,
        shortest=min(SHORTEST_STEP, wish.step_interval or math.inf),
    )


SHORTEST_STEP: Final = 30.0
"""Seconds between two looks at an instance at least, unless something may have happened meanwhile."""


def _weight(severities: Mapping[EventType, Severity], type_: EventType) -> float:
    return WEIGHTS[severities.get(type_, type_.severity)]
