"""The scripted day of the demo: 50 workflows in 45 seconds, repeated for ever with new ones.

World time within a turn, in seconds; every failure is over, and has its events, before the next turn begins:

    1.5..44  something completes every second       8        a survey gets stuck; somebody ends it at 38
    2.5      a fault: "Invalid subaccount id."          10..18   a reminder is suspended, then resumed
    3.5      a step fails, is retried, and succeeds     13..18   acme is not reachable
    5        a workflow is suspended, resumed at 9      15       during that, a fault
    6        somebody terminates a workflow             24..30   globex throttles: 429, Retry-After 2
    7        a gateway fails a delivery notice          34..37   globex answers 503
"""

from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Cast, Role
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, GLOBEX, HOMES, role
from monitor.sim.script import Script

PERIOD = 45.0
_STARTS = -2.0
"""Every instance of a turn exists when the turn begins, so that a watchlist changes only between turns."""
_OF_A_TURN = 50


def demo_day() -> Scenario:
    troubled = _troubled()
    calm = _calm(_OF_A_TURN - len(troubled))
    weather = (
        Fault(trouble=Trouble.RESET, begin=13.0, end=18.0, every=PERIOD, accounts=(ACME.id,)),
        Fault(trouble=Trouble.THROTTLED, begin=24.0, end=30.0, every=PERIOD, accounts=(GLOBEX.id,), retry_after=2.0),
        Fault(trouble=Trouble.STATUS, begin=34.0, end=37.0, every=PERIOD, accounts=(GLOBEX.id,)),
    )
    return Scenario(
        name="demo_day",
        accounts=(ACME, GLOBEX),
        cast=Cast((*troubled, *calm), period=PERIOD),
        faults=weather,
    )


def _at(t: float) -> float:
    """World time of the turn into seconds since the start."""
    return t - _STARTS


def _troubled() -> list[Role]:
    invalid, gateway = "Invalid subaccount id.", "HTTP 502 from https://parcels.example/api/parcels"
    survey = script_builders.stuck("two-way-survey", "wait_for_reply", _at(8.0))
    suspended = script_builders.suspended(script_builders.complete("order-reminder", 32.0), _at(5.0), 4.0)
    paused = script_builders.suspended(script_builders.complete("order-reminder", 28.0), _at(10.0), 8.0)
    return [
        _role(
            "onboarding-reply",
            "onboarding-lopez",
            script_builders.fault("onboarding-reply", "step1", invalid, _at(2.5)),
        ),
        _role("order-reminder", "order-4711", script_builders.retried("order-reminder", "fetch_order", _at(3.5), 20.0)),
        _role("order-reminder", "order-4712", suspended),
        _role("two-way-survey", "survey-berlin", script_builders.terminated("two-way-survey", _at(6.0))),
        _role(
            "delivery-notice", "parcel-88", script_builders.fault("delivery-notice", "locate_parcel", gateway, _at(7.0))
        ),
        _role("two-way-survey", "survey-lima", script_builders.terminated_by_hand(survey, _at(38.0))),
        _role("order-reminder", "order-4713", paused),
        _role(
            "onboarding-reply",
            "onboarding-okafor",
            script_builders.fault("onboarding-reply", "step3", invalid, _at(15.0)),
        ),
        _role(
            "two-way-survey",
            "survey-oslo",
            script_builders.cancelled("two-way-survey", "wait_for_reply", _at(20.0), 36.0),
        ),
        _role(
            "appointment-call",
            "call-dr-ito",
            script_builders.retried("appointment-call", "call", _at(22.0), 40.0, failures=2),
        ),
        _role(
            "delivery-notice", "parcel-89", script_builders.fault("delivery-notice", "close_case", gateway, _at(32.0))
        ),
    ]


def _calm(count: int) -> list[Role]:
    """They complete one after the other, the first at 1.5 s, the last just before the turn is over."""
    names = tuple(HOMES)
    pause = (PERIOD - 2.5) / count
    return [
        _role(definition, f"{definition}-{order}", script_builders.complete(definition, _at(1.5 + order * pause)))
        for order in range(count)
        for definition in (names[order % len(names)],)
    ]


def _role(definition: str, name: str, script: Script) -> Role:
    return role(definition, name, script, starts=_STARTS)
