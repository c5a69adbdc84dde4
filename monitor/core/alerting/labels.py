"""The labels of an alert in Alertmanager: they are its identity, so nothing that varies may be one."""

import json
import uuid
from collections.abc import Mapping
from typing import Final

from monitor.core.event_types import EventType
from monitor.core.model import Event

_NAMESPACE = uuid.UUID("c4b0f0d2-6f0b-5d0e-8a55-7c1d1f6a9b21")
_EXPORTED: Final = "exported_"


def alertname(type: EventType) -> str:
    """`workflow.step_failed` is `WorkflowStepFailed`."""
    return "".join(word.capitalize() for word in type.value.replace(".", "_").split("_"))


def alert_labels(event: Event, fault_group: str) -> dict[str, str]:
    """The labels of one alert. A label of the target with one of our names gets the prefix `exported_`.

    So does a label that has the prefix already: two labels never become one.
    """
    ours = {
        "alertname": alertname(event.type),
        "severity": event.severity.value,
        "account": event.account,
        "definition": event.definition_label,
        "workflow": event.workflow or "",
        "step": event.step.step if event.step is not None else event.sampled.step if event.sampled is not None else "",
        "cause": event.cause.value if event.cause is not None else "",
        "fault_group": fault_group,
    }
    theirs = {(f"{_EXPORTED}{name}" if _bare(name) in ours else name): value for name, value in event.labels.items()}
    return {name: value for name, value in {**theirs, **ours}.items() if value}


def fingerprint(labels: Mapping[str, str]) -> str:
    """A UUID of the labels."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps(sorted(labels.items()))))


def _bare(name: str) -> str:
    while name.startswith(_EXPORTED):
        name = name.removeprefix(_EXPORTED)
    return name
