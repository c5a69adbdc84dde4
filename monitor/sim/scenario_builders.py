"""Where the scenarios play: two accounts, and which definitions each of them owns."""

from monitor.sim.faults import Fault
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
