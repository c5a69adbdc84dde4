"""The scenarios by name. Each is data, with the times that its answers have.

Two accounts: acme (order reminders, onboarding, surveys) and globex (calls, delivery notices). World time in seconds.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from monitor.sim import script_builders
from monitor.sim.demo_day import demo_day
from monitor.sim.faults import Fault, RetryAfter, Shape, Trouble
from monitor.sim.population import Crowd, CrowdEvent
from monitor.sim.scenario import Account, Scenario
from monitor.sim.scenario_builders import ACME, GLOBEX, HOMES, role, scene
from monitor.sim.traffic import Traffic


def calm() -> Scenario:
    """Twenty instances run to Complete, one each 15 s from 14 s on; one of an old version is the last, at 629 s."""
    names = tuple(HOMES)
    roles = [
        role(names[order % 5], f"calm-{order}", script_builders.complete(names[order % 5], 15.0 * (order + 1)))
        for order in range(20)
    ]
    old = script_builders.complete("order-reminder", 630.0, version=1)
    return scene("calm", *roles, role("order-reminder", "calm-old", old, version=1))


def faults() -> Scenario:
    """Each kind of failure, among instances that complete."""
    long_message = "JavaScript evaluation failed: data.payload.user is undefined\n\tat step 'decide'\n" + "x" * 3000
    return scene(
        "faults",
        role(
            "onboarding-reply",
            "faulted-19s",
            script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 20.0),
        ),
        role(
            "delivery-notice",
            "gateway-29s",
            script_builders.fault("delivery-notice", "locate_parcel", _gateway("parcels"), 30.0),
        ),
        role("two-way-survey", "wordy-39s", script_builders.fault("two-way-survey", "decide", long_message, 40.0)),
        role("order-reminder", "by-hand-49s", script_builders.terminated("order-reminder", 50.0)),
        role("order-reminder", "retried-24s", script_builders.retried("order-reminder", "fetch_order", 25.0, 120.0)),
        role(
            "appointment-call",
            "thrice-34s",
            script_builders.retried("appointment-call", "call", 35.0, 150.0, failures=3),
        ),
        role(
            "two-way-survey", "no-reply-44s", script_builders.cancelled("two-way-survey", "wait_for_reply", 45.0, 180.0)
        ),
        role("onboarding-reply", "calm-99s", script_builders.complete("onboarding-reply", 100.0)),
    )


def stuck() -> Scenario:
    """A step of each kind that never ends, and an instance that loops for ever and fails once a minute."""
    return scene(
        "stuck",
        role("order-reminder", "stuck-running", script_builders.stuck("order-reminder", "fetch_order", 6.0)),
        role("order-reminder", "stuck-sleeping", script_builders.stuck("order-reminder", "wait_until_due", 6.0)),
        role("onboarding-reply", "stuck-waiting", script_builders.stuck("onboarding-reply", "wait_for_reply", 11.0)),
        role("delivery-notice", "looping", script_builders.looping("delivery-notice", 60.0, failing="send_notice")),
        role("appointment-call", "calm-49s", script_builders.complete("appointment-call", 50.0)),
    )


def suspensions() -> Scenario:
    """Suspended at 9 s: resumed at 39 s, never, and terminated while suspended at 59 s."""
    run = script_builders.complete("order-reminder", 60.0)
    ended = script_builders.suspended(script_builders.terminated("two-way-survey", 60.0), 10.0)
    return scene(
        "suspensions",
        role("order-reminder", "suspended-resumed", script_builders.suspended(run, 10.0, 30.0)),
        role("order-reminder", "suspended-forever", script_builders.suspended(run, 10.0)),
        role("two-way-survey", "suspended-terminated", ended),
    )


def flapping() -> Scenario:
    """Suspended and resumed every 20 s, 100 times; every 3 s, 500 times."""
    return scene(
        "flapping",
        role(
            "order-reminder",
            "flapping-20s",
            script_builders.flapping(script_builders.complete("order-reminder", 5e3), 20.0, 100),
        ),
        role(
            "delivery-notice",
            "flapping-3s",
            script_builders.flapping(script_builders.complete("delivery-notice", 5e3), 3.0, 500),
        ),
    )


def odd() -> Scenario:
    """Undocumented words (29 s to 59 s; a step's), and instances that are 404 (19 s to 49 s; from 19 s)."""
    run = script_builders.complete("onboarding-reply", 300.0)
    return scene(
        "odd",
        role("onboarding-reply", "odd-status", script_builders.odd(run, 30.0, 60.0)),
        role("onboarding-reply", "odd-step", script_builders.odd_step(run, "step2")),
        role("onboarding-reply", "vanishing", script_builders.vanishing(run, 20.0, 50.0)),
        role("onboarding-reply", "vanished", script_builders.vanishing(run, 20.0, 1e12)),
        role("onboarding-reply", "later", script_builders.complete("onboarding-reply", 100.0), starts=120.0),
    )


def outage() -> Scenario:
    """Acme: connections are reset from 60 s to 240 s. Globex: no answers from 120 s to 150 s, then 503 until 180 s."""
    return _calm_but(
        "outage",
        Fault(trouble=Trouble.RESET, begin=60.0, end=240.0, accounts=(ACME.id,)),
        Fault(trouble=Trouble.HANG, begin=120.0, end=150.0, accounts=(GLOBEX.id,)),
        Fault(trouble=Trouble.STATUS, begin=150.0, end=180.0, accounts=(GLOBEX.id,), status=503),
    )


def throttling() -> Scenario:
    """Acme: 429 from 30 s (seconds), 90 s (a date), 150 s (no header), 20 s each. Globex: 2 requests a second."""
    windows = ((30.0, RetryAfter.SECONDS), (90.0, RetryAfter.DATE), (150.0, RetryAfter.ABSENT))
    closed = tuple(
        Fault(
            trouble=Trouble.THROTTLED,
            begin=begin,
            end=begin + 20.0,
            accounts=(ACME.id,),
            retry_after=10.0,
            retry_form=form,
        )
        for begin, form in windows
    )
    limited = msgspec.structs.replace(GLOBEX, limit_rps=2.0)
    return msgspec.structs.replace(_calm_but("throttling", *closed), accounts=(ACME, limited))


def slow() -> Scenario:
    """Every second answer takes 3 s from 30 s to 90 s, and every one 30 s from 120 s to 180 s."""
    return _calm_but(
        "slow",
        Fault(trouble=Trouble.SLOW, begin=30.0, end=90.0, seconds=3.0, share=0.5),
        Fault(trouble=Trouble.SLOW, begin=120.0, end=180.0, seconds=30.0),
    )


def malformed() -> Scenario:
    """Four kinds of malformed bodies from 30 s, 60 s, 90 s and 120 s, 15 s each."""
    windows = zip((30.0, 60.0, 90.0, 120.0), Shape, strict=True)
    return _calm_but(
        "malformed",
        *(Fault(trouble=Trouble.MALFORMED, begin=begin, end=begin + 15.0, shape=shape) for begin, shape in windows),
    )


def unauthorized() -> Scenario:
    """Acme's key is refused from 30 s to 330 s."""
    return _calm_but("unauthorized", Fault(trouble=Trouble.UNAUTHORIZED, begin=30.0, end=330.0, accounts=(ACME.id,)))


def skewed() -> Scenario:
    """Acme's API is 90 s ahead, globex's 45 s behind; from 60 s to 90 s acme answers with its state 20 s before."""
    return _calm_but(
        "skewed",
        Fault(trouble=Trouble.SKEW, begin=-1e9, end=1e9, accounts=(ACME.id,), seconds=90.0),
        Fault(trouble=Trouble.SKEW, begin=-1e9, end=1e9, accounts=(GLOBEX.id,), seconds=-45.0),
        Fault(trouble=Trouble.STALE, begin=60.0, end=90.0, accounts=(ACME.id,), seconds=20.0),
    )


def many(
    size: int,
    *,
    events_per_second: float = 0.0,
    event: CrowdEvent = CrowdEvent.STEP_FAILED,
    accounts: int = 1,
    quiet: float = 0.0,
) -> Scenario:
    """`size` long-running instances of order-reminder in accounts crowd-0, crowd-1, ...; see `Crowd`."""
    owners = tuple(Account(id=f"crowd-{order}", key=f"sim-key-crowd-{order}") for order in range(accounts))
    crowd = Crowd(
        accounts=tuple(owner.id for owner in owners),
        size=size,
        events_per_second=events_per_second,
        event=event,
        quiet=quiet,
    )
    return Scenario(name="many", accounts=owners, crowd=crowd)


def crowd() -> Scenario:
    """Five thousand instances in two accounts, two failed steps a second."""
    return many(5000, events_per_second=2.0, accounts=2)


def traffic(live: int = 10_000, **options: Any) -> Scenario:
    """About `live` running instances in account traffic, with new ones all day; `options`: fields of `Traffic`."""
    account = Account(id="traffic", key="sim-key-traffic")
    return Scenario(name="traffic", accounts=(account,), traffic=(Traffic(account=account.id, live=live, **options),))


def storm(size: int = 5000, *, begins: float = 30.0, within: float = 10.0) -> Scenario:
    """`size` instances fail within seconds, for three causes: two broken definitions of acme, and one gateway."""
    causes = (
        ("onboarding-reply", "step1", "Invalid subaccount id."),
        ("order-reminder", "fetch_order", _gateway("orders")),
        ("two-way-survey", "ask", "Template 'survey-{number}' was rejected: quota of {number} used up"),
    )
    roles = []
    for number in range(size):
        definition, step, message = causes[number % len(causes)]
        at = begins + within * number / size + 1.0
        fault_ = script_builders.fault(definition, step, message.replace("{number}", str(number)), at)
        roles.append(role(definition, f"storm-{number}", fault_))
    return scene("storm", *roles)


SCENARIOS: Mapping[str, Callable[[], Scenario]] = {
    make.__name__: make
    for make in (
        demo_day,
        calm,
        faults,
        stuck,
        suspensions,
        flapping,
        odd,
        outage,
        throttling,
        slow,
        malformed,
        unauthorized,
        skewed,
        crowd,
        storm,
        traffic,
    )
}


def _calm_but(name: str, *troubles: Fault) -> Scenario:
    return msgspec.structs.replace(calm(), name=name, faults=troubles)


def _gateway(host: str) -> str:
    return f"HTTP 502 from https://{host}.example/api/{host}"
