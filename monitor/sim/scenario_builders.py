"""Builders of scenarios: two accounts with their definitions, and variants of a scenario that are harder."""

from math import inf

import msgspec

from monitor.sim.api_enums import Endpoint
from monitor.sim.faults import Fault, Trouble
from monitor.sim.list_settings import ListOrder, Lists, Offset
from monitor.sim.population import Cast, Role
from monitor.sim.scenario import Account, Scenario
from monitor.sim.script import Script

ACME = Account(id="acme", key="sim-key-acme")
GLOBEX = Account(id="globex", key="sim-key-globex")
HOMES = {
    "order-reminder": ACME.id,
    "onboarding-reply": ACME.id,
    "two-way-survey": ACME.id,
    "appointment-call": GLOBEX.id,
    "delivery-notice": GLOBEX.id,
}


def role(definition: str, name: str, script: Script, *, starts: float = -1.0, version: int | None = None) -> Role:
    """An instance of a definition, in the account that owns it. It starts a second before the world does."""
    account = HOMES[definition]
    return Role(account=account, definition=definition, name=name, starts=starts, script=script, version=version)


def scene(name: str, *roles: Role, faults: tuple[Fault, ...] = ()) -> Scenario:
    """A scenario of these roles in both accounts."""
    return Scenario(name=name, accounts=(ACME, GLOBEX), cast=Cast(roles), faults=faults)


def limited(scenario: Scenario, rps: float) -> Scenario:
    """The same, with a rate limit for each account."""
    accounts = tuple(msgspec.structs.replace(one, limit_rps=rps) for one in scenario.accounts)
    return msgspec.structs.replace(scenario, accounts=accounts)


def with_odd_lists(scenario: Scenario) -> Scenario:
    """The same, with lists that behave in all ways that the documentation does not exclude."""
    rows = {Trouble.STALE_ROWS: 0.05, Trouble.LOST_ROWS: 0.01, Trouble.REPEATED_ROWS: 0.01}
    always = Fault(trouble=Trouble.STALE, begin=-inf, end=inf, seconds=30.0)
    odd = [msgspec.structs.replace(always, trouble=trouble, rows=share) for trouble, share in rows.items()]
    lag = msgspec.structs.replace(always, seconds=20.0, endpoints=(Endpoint.LIST,))
    lists = Lists(
        offset=Offset.PAGE, order=ListOrder.CREATED, from_inclusive=False, to_inclusive=False, whole_starts=True
    )
    faults = (*scenario.faults, *odd, lag)
    return msgspec.structs.replace(scenario, faults=faults, lists=lists, queueing=30.0)
