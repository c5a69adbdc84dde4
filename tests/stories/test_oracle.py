"""Random lives of workflows, random troubles, random ends of the daemon: what is told is what the API has on record."""

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.core.alerting.verdict import Delivered, Retry, Verdict
from monitor.core.commits import Delivery
from monitor.sim import script_builders
from monitor.sim.faults import Fault, RetryAfter, Shape, Trouble
from monitor.sim.population import Role
from monitor.sim.scenario import watched
from monitor.sim.scenario_builders import role, scene
from monitor.sim.script import Script
from tests.stories.house import House

pytestmark = pytest.mark.looptime

BUSY, QUIET = 500.0, 1600.0
"""Until when things happen, and when all must have been told: the longest back-offs are five minutes."""
CONDITIONS = {"workflow.suspended", "workflow.not_found", "monitor.blind"}
DOWN = Retry("connection refused", receiver_down=True)

times = st.floats(5.0, BUSY)
pauses = st.floats(1.0, 200.0)


class Act(NamedTuple):
    """Something that befalls the daemon."""

    at: float
    kind: str
    lasts: float


@st.composite
def lives(draw: st.DrawFn) -> tuple[str, Script]:
    """A definition and a script that has ended by itself long before `QUIET`."""
    definition, script = draw(
        st.one_of(
            times.map(lambda at: ("order-reminder", script_builders.complete("order-reminder", at))),
            times.map(
                lambda at: ("onboarding-reply", script_builders.fault("onboarding-reply", "step3", "It broke.", at))
            ),
            times.map(lambda at: ("delivery-notice", script_builders.terminated("delivery-notice", at))),
            st.builds(
                lambda at, took, failures: (
                    "order-reminder",
                    script_builders.retried("order-reminder", "wait_until_due", at, at + took, failures=failures),
                ),
                times,
                pauses,
                st.integers(1, 4),
            ),
            st.builds(
                lambda at, took: (
                    "two-way-survey",
                    script_builders.cancelled("two-way-survey", "ask_more", at, at + took),
                ),
                times,
                pauses,
            ),
        )
    )
    if draw(st.booleans()):
        script = script_builders.suspended(script, draw(times), draw(pauses))
    if draw(st.booleans()):
        begin = draw(times)
        script = script_builders.vanishing(script, begin, begin + draw(pauses))
    if draw(st.booleans()):
        begin = draw(times)
        script = script_builders.odd(script, begin, begin + draw(pauses))
    return definition, script


@st.composite
def casts(draw: st.DrawFn) -> tuple[Role, ...]:
    chosen = draw(st.lists(st.tuples(lives(), st.floats(-100.0, 100.0)), min_size=1, max_size=6))
    return tuple(
        role(definition, f"w{order}", script, starts=starts)
        for order, ((definition, script), starts) in enumerate(chosen)
    )


@st.composite
def troubles(draw: st.DrawFn) -> Fault:
    begin = draw(times)
    return Fault(
        trouble=draw(st.sampled_from([trouble for trouble in Trouble if trouble is not Trouble.SKEW])),
        begin=begin,
        end=begin + draw(pauses),
        share=draw(st.sampled_from([0.3, 1.0])),
        seconds=draw(st.sampled_from([2.0, 20.0])),
        retry_after=draw(st.sampled_from([1.0, 60.0])),
        retry_form=draw(st.sampled_from(RetryAfter)),
        shape=draw(st.sampled_from(Shape)),
    )


acts = st.lists(
    st.builds(Act, times, st.sampled_from(["crash", "stop", "disk", "lost answers", "receiver"]), pauses), max_size=4
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cast=casts(), faults=st.lists(troubles(), max_size=3), acts=acts, interval=st.sampled_from(["10s", "45s"]))
async def test_whatever_happens_each_fact_is_told_and_nothing_else(
    cast: tuple[Role, ...], faults: list[Fault], acts: list[Act], interval: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = msgspec.structs.replace(scene("random", *cast), faults=tuple(faults))
        async with House(Path(folder), scenario, polling={"interval": interval, "max_backoff": "2m"}) as house:
            for act in sorted(acts):
                await house.until(max(act.at, house.t))
                await befall(house, act)
            await house.until(QUIET)
            # The disk may fail just when old events are to be forgotten: that is told, and tried again.
            house.faults = sum(line["error"] == "StoreUnavailable" for line in house.lines("fault"))
            assert CONDITIONS.isdisjoint(await house.alerts()), "what has ended is neither held, nor gone, nor unseen"
        assert facts(house.told()) == on_record(house)
        by_id = {event["id"]: fact(event) for event in house.told() if fact(event) in on_record(house)}
        assert len(by_id) == len(set(by_id.values())), "a fact has one id"


async def befall(house: House, act: Act) -> None:
    match act.kind:
        case "crash" | "stop":
            await getattr(house, act.kind)()
            await house.until(house.t + act.lasts)
            await house.start()
        case "disk" | "lost answers":
            with house.disk_fails(after_commit=act.kind == "lost answers"):
                await house.until(house.t + act.lasts)
        case "receiver":
            ends = house.t + act.lasts

            def answer(_: Delivery) -> Verdict:
                return DOWN if house.t < ends else Delivered()

            house.phones["oncall"].answer = answer


# --- facts that leave traces ------------------------------------------------------------------------------------

Fact = tuple[str, str, str]
"""Workflow, type, execution of a step."""
_OF_STEPS = {"Failed": "workflow.step_failed", "Cancelled": "workflow.step_cancelled"}
_ENDS = {"Complete": "workflow.completed", "Terminated": "workflow.terminated"}


def fact(event: dict[str, Any]) -> Fact:
    step = event["data"]["step"]["id"] if event["type"] in _OF_STEPS.values() else ""
    return event["data"].get("workflow", ""), event["type"], step


def facts(events: list[dict[str, Any]]) -> set[Fact]:
    return {fact(event) for event in events if event["type"] in {*_OF_STEPS.values(), *_ENDS.values()}}


def on_record(house: House, at: float = QUIET) -> set[Fact]:
    """What the API would say at the end, to somebody who reads it himself."""
    found: set[Fact] = set()
    for one in watched(house.world.scenario):
        path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"
        key = next(account.key for account in house.world.scenario.accounts if account.id == one.account)
        told = json.loads(house.world.answer("GET", path, {"includeLogs": "true"}, key, at).body)
        found.add((one.workflow, _ENDS[told["status"]], ""))
        found.update((one.workflow, _OF_STEPS[s["status"]], s["id"]) for s in told["logs"] if s["status"] in _OF_STEPS)
    return found
