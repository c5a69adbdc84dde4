"""One instance as an arm of the budget: what only a status look shows, how often that happens, and when it may.

That is a step that failed, was cancelled or is overdue; lists show the ends. It is learned per definition, version and
step. A status look is also worth most just after a moment at which the instance likely goes on: a wait ends, what the
definition allows for a step is over, a step usually does not take longer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from monitor.core.event_types import EventType, Severity
from monitor.core.model import DefinitionVersion, Status, StepExecution, StepStatus, TargetState
from monitor.core.scheduling.arms import WEIGHTS, Terms
from monitor.core.scheduling.hazard import HazardKey, step_moments

SHORTEST: Final = 30.0
"""Seconds between two looks at a healthy instance at least, unless a known moment falls between them."""
_AFTER: Final = timedelta(seconds=1)
"""A look comes this much later than a wait ends: the next step may fail at once, and the API needs a moment."""
_SOON: Final = 10.0
"""Seconds after which a step of which nothing is known is looked at."""
_UNDER_WAY: Final = (StepStatus.RUNNING, StepStatus.SLEEPING, StepStatus.WAITING_FOR_EVENT)
_TOLD: Final = (EventType.STEP_FAILED, EventType.STEP_OVERDUE)
ANY_STEP: Final = "*any"
"""The step under which the facts of all steps are learned together."""
_NO_STEP: Final = "*none"
"""Stands for the step of an instance that is between two steps, or whose steps are not known yet."""

Moments = tuple[tuple[datetime, float], ...]
"""On the API's clock, each with the probability that something changes then."""


def current_step(state: TargetState) -> StepExecution | None:
    """The step that began last of those under way."""
    under_way = [step for step in state.steps if step.status in _UNDER_WAY]
    return max(under_way, key=_began, default=None)


def hazard_key(state: TargetState) -> HazardKey:
    """What its rates belong to; an instance of which no version is known is one of version 0."""
    key, step = state.key, current_step(state)
    version = DefinitionVersion(key.account, key.definition, state.version or 0)
    return HazardKey(version, step.step if step is not None else _NO_STEP)


def instance_terms(rate: float, severities: Mapping[EventType, Severity]) -> Terms:
    """`rate`: facts per second that only a status look shows."""
    weight = max(WEIGHTS[severities.get(event, event.severity)] for event in _TOLD)
    return Terms(rate=rate, weight=weight, shortest=SHORTEST)


def instance_moments(
    state: TargetState,
    declared: Mapping[str, float | None],
    durations: Mapping[str, Sequence[tuple[float, int]]],
    chance: float,
    now: datetime,
) -> Moments:
    """When it likely goes on, as of `now`; none for one that does not run.

    `declared`: seconds that the definition says a step takes, or may take. `durations`: by step, how long executions
    took, as `step_moments` asks for. `chance`: that it is worth telling.
    """
    step = current_step(state)
    if state.status is not Status.RUNNABLE or step is None or step.started_at is None:
        return ()
    age = (now - step.started_at).total_seconds()
    said = declared.get(step.step)
    if said is not None and step.status is not StepStatus.RUNNING:
        seconds: tuple[tuple[float, float], ...] = ((said, chance),)
    elif step.step in durations:
        seconds = step_moments(durations[step.step], age, chance)
    else:
        seconds = ((said if said is not None else _SOON, chance),)
    return tuple([(at, share) for after, share in seconds if (at := _later(step.started_at, after)) and at > now])


def _later(moment: datetime, seconds: float) -> datetime | None:
    try:
        return moment + timedelta(seconds=seconds) + _AFTER
    except OverflowError:
        return None


def _began(step: StepExecution) -> float:
    return step.started_at.timestamp() if step.started_at is not None else 0.0
