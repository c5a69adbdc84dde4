"""Which definitions an account has at a time, and which versions of them."""

from math import inf

import msgspec

from monitor.sim.definitions import CATALOGUE, Definition
from monitor.sim.scenario import Scenario


class Publication(msgspec.Struct, frozen=True):
    """A definition with the times of its versions."""

    definition: Definition
    deployed: tuple[float, ...]
    """World time of each version, oldest first; `-inf`: always there."""
    deleted: float = inf

    def latest(self, t: float) -> int:
        """The version that runs what is triggered at t; 0: the definition is not there."""
        return 0 if t >= self.deleted else sum(deployed <= t for deployed in self.deployed)

    def deployed_at(self, version: int) -> float | None:
        """World time; None: before all times."""
        at = self.deployed[version - 1]
        return None if at == -inf else at


def published(scenario: Scenario, account: str) -> list[Publication]:
    """What the account's instances are made of, by name."""
    names = {role.definition for role in scenario.cast.roles if role.account == account}
    if scenario.crowd is not None and account in scenario.crowd.accounts:
        names.add(scenario.crowd.definition)
    return [_published(scenario, name) for name in sorted(names)]


def _published(scenario: Scenario, name: str) -> Publication:
    definition = CATALOGUE[name]
    always = (-inf,) * definition.latest
    return Publication(definition, scenario.deploys.get(name, always), scenario.deletions.get(name, inf))
