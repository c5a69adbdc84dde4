"""Encodes values as the documented JSON: instances, step logs, errors, definitions, usage."""

from functools import lru_cache
from typing import Any

import msgspec

from monitor.sim.api_clock import ApiClock
from monitor.sim.api_enums import StepStatus
from monitor.sim.definitions import Definition, Publication, Step, definition_id
from monitor.sim.fake_people import Payload, payload
from monitor.sim.playback import InstanceState
from monitor.sim.population import Instance
from monitor.sim.rows import Row, row_of
from monitor.sim.scenario import Scenario, chance_of, id_of, triggered_at, workflow_id
from monitor.sim.script import StepRun
from monitor.sim.seeded import digest, uuid_of, uuid_text
from monitor.sim.timestamps import stamp

Json = dict[str, Any]

DIGITS = 2
"""Fractional digits in an instance's own times, as in the documented examples."""


_REMEMBERED = 131_072
"""Instances, about 1 kB each."""


class Context(msgspec.Struct, frozen=True, gc=False):
    """`data` of an instance."""

    payload: Payload
    accountId: str  # noqa: N815 - the API's word, as below
    subAccountId: str  # noqa: N815
    triggeredAt: str  # noqa: N815


class WorkflowInstance(msgspec.Struct, frozen=True, gc=False):
    """The schemas `workflowInstance` and, with logs, `workflowInstanceWithLogs`."""

    workflowId: str  # noqa: N815
    data: Context
    definitionId: str  # noqa: N815
    version: int
    status: str
    startedAt: str  # noqa: N815
    completedAt: str | None  # noqa: N815
    logs: list[Json] | msgspec.UnsetType = msgspec.UNSET


class JsonRenderer:
    """Encodes an account's instances."""

    def __init__(self, scenario: Scenario, seed: int, account: str, clock: ApiClock) -> None:
        self._scenario = scenario
        self._seed = seed
        self._account = account
        self._sub_account = f"{account}_chat"
        self._clock = clock
        self._lasting = lru_cache(_REMEMBERED)(self._never_changing)

    def instance(self, instance: Instance, reading: InstanceState, t: float, *, logs: bool) -> WorkflowInstance:
        told = self.row(row_of(instance, reading, t))
        if not logs:
            return told
        shown = enumerate(instance.script.shown(reading.own))
        executions = [self._execution(told.workflowId, order, run, reading) for order, run in shown]
        return msgspec.structs.replace(told, logs=executions)

    def row(self, row: Row) -> WorkflowInstance:
        """An instance without its log."""
        workflow, context, started = self._lasting(row.number, row.starts)
        definition = definition_id(self._account, row.definition)
        completed = None if row.ended_at is None else self._stamp(row.ended_at, DIGITS)
        return WorkflowInstance(workflow, context, definition, row.version, row.status, started, completed)

    def _never_changing(self, number: int, starts: float) -> tuple[str, Context, str]:
        """Id, `data` and `startedAt`, cached: they take most of the time, and lists repeat the same rows."""
        chance = chance_of(self._seed, number)
        triggered = self._stamp(triggered_at(self._scenario, self._seed, number, starts), 7)
        context = Context(payload(chance), self._account, self._sub_account, triggered)
        return id_of(chance, number), context, self._stamp(starts, DIGITS)

    def errors(self, instance: Instance, reading: InstanceState) -> list[Json]:
        """The schema `workflowErrors`."""
        if reading.ended_at is None:
            return []
        time = self._stamp(reading.ended_at, DIGITS)
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
        elif not self._scenario.omit_nulls:
            told["startedAt"] = None
        if run.end <= reading.own:
            told["completedAt"] = self._stamp(reading.when(run.end), digits)
        elif not self._scenario.omit_nulls:
            told["completedAt"] = None
        told["status"] = _step_word(run, reading.own)
        return told

    def definition(self, publication: Publication, version: int) -> Json:
        at = publication.deployed_at(version)
        created = None if at is None else self._stamp(at, DIGITS)
        return definition(self._account, publication.definition, version, created)

    def _stamp(self, t: float, digits: int) -> str:
        return stamp(self._clock.ticks(t), digits)


def _step_word(run: StepRun, own: float) -> str:
    if own < run.begin:
        return StepStatus.PENDING
    return run.busy if own < run.end else run.ends_as


def definition(account: str, definition: Definition, version: int, created: str | None = None) -> Json:
    """The schema `definition`. The documented examples have `id` and `version` inside, so here they occur twice.

    `created`: a timestamp; None: last year.
    """
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
        "createdAt": created or f"2025-{version:02d}-12T04:49:30.27Z",
        "definition": {"id": id_, "name": definition.name, "version": version, "steps": told},
    }


def _step(step: Step, following: str | None) -> Json:
    told: Json = {"id": step.id, "stepType": step.type, **step.fields}
    if following is not None and "selectNextStep" not in told:
        told["nextStepId"] = following
    return told


def usage(account: str, executed: int, year: int, month: int) -> list[Json]:
    """The schema `usage` with the fields of the documented example."""
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
    """The schema `error`. Its id is derived from `about`."""
    return {"code": code, "message": message, "errorId": uuid_text("error", *about), "timestamp": stamp(at, DIGITS)}
