"""What is remembered of the instances of one version."""

import msgspec
import pytest

from monitor.core.discovery.cohorts import Cohort
from monitor.core.discovery.following import Discovery
from monitor.core.discovery.walk import Walk
from monitor.core.model import DefinitionVersion, Status, TargetState
from monitor.polling.swept_version import SweptVersion
from tests.core.hostile_lists import at

WISH = Discovery(account="acme", definition="orders")


@pytest.mark.parametrize(("closed", "kept"), [(True, 0), (False, 5000)])
def test_ends_are_forgotten_once_their_cohorts_are_closed(*, closed: bool, kept: int) -> None:
    version = SweptVersion(DefinitionVersion("acme", "orders", 1), WISH, at(0), at(0))
    for number in range(5000):
        key = version.key(f"w{number}")
        version.removed(TargetState(key=key, status=Status.COMPLETE, started_at=at(-3600 + number / 10)))
    cohorts = (Cohort(at(-7200), at(-600), closed=closed), Cohort(at(-600), None))

    version.sweep = msgspec.structs.replace(version.sweep, cohorts=cohorts)
    version.end(Walk(version.looks(at(0))[0], at(0)))

    assert len(version._ended) == kept
