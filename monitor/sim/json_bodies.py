"""Values into the JSON of the API's document: instances, step logs, errors, definitions, usage."""

from collections.abc import Callable
from typing import Any

from monitor.sim.api_enums import StepStatus
from monitor.sim.definitions import Definition, Step, definition_id
from monitor.sim.fake_people import payload
from monitor.sim.playback import InstanceState
from monitor.sim.population import Instance, defined_as
from monitor.sim.scenario import workflow_id
from monitor.sim.script import StepRun
from monitor.sim.seeded import digest, uuid_of, uuid_text
from monitor.sim.timestamps import stamp

Json = dict[str, Any]

_TRIGGER_LEAD = 0.1
"""Seconds from the trigger to the start of its instance."""
_DIGITS = 2
"""Of an instance's own times, as in the document's examples."""


class JsonRenderer:
    """Tells an account's instances in the words of the API. `ticks_at`: world time into the API's clock."""

    def __init__(self, seed: int, ticks_at: Callable[[float], int], *, omit_nulls: bool = False) -> None:
        self._seed = seed
        self.ticks_at = ticks_at
        self._omit_nulls = omit_nulls

    def instance(self, instance: Instance, reading: InstanceState, t: float, *, logs: bool) -> Json:
        """The schemas `workflowInstance` and, with logs, `workflowInstanceWithLogs`."""
        workflow = workflow_id(self._seed, instance)
        told: Json = {
            "workflowId": workflow,
            "data": {
                "payload": payload(workflow),
                "accountId": instance.account,
                "subAccountId": f"{instance.account}_chat",
                "triggeredAt": self._stamp(instance.starts - _TRIGGER_LEAD, 7),
            },
            "definitionId": defined_as(instance),
            "version": instance.version,
            "status": _word(instance, reading, t),
            "startedAt": self._stamp(instance.starts, _DIGITS),
            "completedAt": None if reading.ended_at is None else self._stamp(reading.ended_at, _DIGITS),
        }
        if logs:
            shown = enumerate(instance.script.shown(reading.own))
            told["logs"] = [self._execution(workflow, order, run, reading) for order, run in shown]
        return told

    def errors(self, instance: Instance, reading: InstanceState) -> list[Json]:
        """The schema `workflowErrors`."""
        if reading.ended_at is None:
            return []
        time = self._stamp(reading.ended_at, _DIGITS)
        workflow = workflow_id(self._seed, instance)
        return [
            {"workflowId": workflow, "step": fault.step, "message": fault.message, "errorTime": time}
            for fault in reading.faults
        ]

    def _execution(self, workflow: str, order: int, run: StepRun, reading: InstanceState) -> Json:
        """The schema `workflowLog`; the vendor's clock writes 2 to 7 digits, one length for one execution."""
        chance = digest("execution", workflow, order)
        digits = 2 + chance[0] % 6
        told: Json = {"id": uuid_of(chance), "stepName": run.step}
        if run.begin <= reading.own:
            told["startedAt"] = self._stamp(reading.when(run.begin), digits)
        elif not self._omit_nulls:
            told["startedAt"] = None
        if run.end <= reading.own:
            told["completedAt"] = self._stamp(reading.when(run.end), digits)
        elif not self._omit_nulls:
            told["completedAt"] = None
        told["status"] = _step_word(run, reading.own)
        return told

    def _stamp(self, t: float, digits: int) -> str:
        return stamp(self.ticks_at(t), digits)


def _word(instance: Instance, reading: InstanceState, t: float) -> str:
    if reading.ended_at is None:
        for odd in instance.script.words:
            if odd.begin <= t - instance.starts < odd.end:
                return odd.word
    return reading.status


def _step_word(run: StepRun, own: float) -> str:
    if own < run.begin:
        return StepStatus.PENDING
    return run.busy if own < run.end else run.ends_as


def definition(account: str, definition: Definition, version: int) -> Json:
    """The schema `definition`. The document's examples hold `id` and `version` inside: here they stand twice."""
    id_ = definition_id(account, definition.name)
    steps = definition.steps(version)
    following: list[str | None] = [*(step.id for step in steps[1:]), None]
    told = [_step(step, after) for step, after in zip(steps, following, strict=True)]
    return {
        "accountId": account,
        "subAccountId": f"{account}_chat",
        "id": id_,
        "version": version,
        "trigger": definition.trigger,
        "status": "enabled",
        "createdAt": f"2025-{version:02d}-12T04:49:30.27Z",
        "definition": {"id": id_, "name": definition.name, "version": version, "steps": told},
    }


def _step(step: Step, following: str | None) -> Json:
    told: Json = {"id": step.id, "stepType": step.type, **step.fields}
    if following is not None and "selectNextStep" not in told:
        told["nextStepId"] = following
    return told


def usage(account: str, executed: int, year: int, month: int) -> list[Json]:
    """The schema `usage` with the fields of the document's example."""
    return [
        {
            "accountId": account,
            "allowedWorkflowCount": 50_000,
            "allowedOverage": True,
            "overagePrice": 0.005,
            "executedWorkflowCount": executed,
            "countStartedMonth": month,
            "countStartedYear": year,
        }
    ]


def usage_history(account: str, executed: int, year: int, month: int) -> list[Json]:
    """The schema `usageHistory`: this month and the one before."""
    before = (year, month - 1) if month > 1 else (year - 1, 12)
    return [
        {
            "id": digest("usage", account, *when).hex()[:24],
            "accountId": account,
            "executedWorkflowCount": count,
            "month": when[1],
            "year": when[0],
        }
        for when, count in (((year, month), executed), (before, 2800))
    ]


def error(code: int, message: str, *, at: int, about: tuple[object, ...]) -> Json:
    """The schema `error`. `about` makes its id."""
    return {"code": code, "message": message, "errorId": uuid_text("error", *about), "timestamp": stamp(at, _DIGITS)}
