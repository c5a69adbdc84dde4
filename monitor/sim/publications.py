"""The definitions of an account at a time, with their versions."""

from math import inf

import msgspec

from monitor.sim.definitions import CATALOGUE, Publication
from monitor.sim.scenario import Scenario


def published(scenario: Scenario, account: str) -> list[Publication]:
    """The definitions of the account's instances, by name."""
    names = {role.definition for role in scenario.cast.roles if role.account == account}
    if scenario.crowd is not None and account in scenario.crowd.accounts:
        names.add(scenario.crowd.definition)
    found = [_published(scenario, name) for name in sorted(names)]
    for traffic in scenario.traffic:
        if traffic.account == account:
            found.extend(traffic.publications)
    return [msgspec.structs.replace(one, deleted=scenario.deletions.get(one.definition.name, inf)) for one in found]


def _published(scenario: Scenario, name: str) -> Publication:
    definition = CATALOGUE[name]
    always = (-inf,) * definition.latest
    return Publication(definition, scenario.deploys.get(name, always))
