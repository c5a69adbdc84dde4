"""The simulator's answers against the API's published document, where that is at hand."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from monitor.sim.demo_day import demo_day
from monitor.sim.scenario import Scenario, WatchedInstance, watched
from monitor.sim.scenario_builders import with_odd_lists
from monitor.sim.scenarios import SCENARIOS, crowd, faults, stuck, traffic
from monitor.sim.world import World

_DOCUMENT = Path(__file__).parents[2].parent / "shared" / "api" / "8x8-automation-openapi.json"
pytestmark = pytest.mark.skipif(not _DOCUMENT.exists(), reason="the API's document is not at hand")

NULLABLE = {
    # The text says "Otherwise, null", and the default is null; the type says string only.
    "workflowInstance": ("completedAt",),
    "workflowInstanceWithLogs": ("completedAt",),
    # The text does not say what stands there while a step has not begun or ended; no string can.
    "workflowLog": ("startedAt", "completedAt"),
}
QUIET = {name: make for name, make in SCENARIOS.items() if not make().faults and name != "crowd"}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text())
    return document


@pytest.fixture(scope="module")
def amended(published: dict[str, Any]) -> dict[str, Any]:
    """The document with null where its own text or the course of time asks for it, and nowhere else."""
    document = copy.deepcopy(published)
    for schema, fields in NULLABLE.items():
        for field in fields:
            document["components"]["schemas"][schema]["properties"][field]["type"] = ["string", "null"]
    return document


def odd_lists() -> Scenario:
    """Traffic whose lists do what the document does not rule out."""
    return with_odd_lists(traffic(500))


def validator(document: Mapping[str, Any], schema: str, *, many: bool = False) -> Draft4Validator:
    registry: Registry[Any] = Registry().with_resource("api:", DRAFT4.create_resource(document))
    reference = {"$ref": f"api:#/components/schemas/{schema}"}
    return Draft4Validator({"type": "array", "items": reference} if many else reference, registry=registry)


def ask(world: World, one: WatchedInstance, t: float, rest: str = "", **query: str) -> Any:
    key = next(account.key for account in world.scenario.accounts if account.id == one.account)
    path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}{rest}"
    answer = world.answer("GET", path, query, key, t)
    return json.loads(answer.body) if answer.status == 200 else None


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("t", [0.0, 5.0, 31.0, 200.0])
def test_every_instance_of_every_scenario_is_as_documented(name: str, t: float, amended: dict[str, Any]) -> None:
    # The document's own oneOf of the two schemas cannot be met: whatever fits one of them fits the other.
    bare, full = validator(amended, "workflowInstance"), validator(amended, "workflowInstanceWithLogs")
    errors = validator(amended, "workflowErrors", many=True)
    documented = set(amended["components"]["schemas"]["workflowInstanceWithLogs"]["properties"])
    world = World(QUIET[name]())
    for one in watched(world.scenario, at=t):
        with_logs = ask(world, one, t, includeLogs="true")
        if with_logs is None:
            continue
        without = ask(world, one, t)
        full.validate(with_logs)
        bare.validate(without)
        errors.validate(ask(world, one, t, "/errors"))
        assert set(with_logs) == documented
        assert without == {field: value for field, value in with_logs.items() if field != "logs"}


def test_an_ended_instance_needs_no_amendment(published: dict[str, Any]) -> None:
    world = World(SCENARIOS["calm"]())
    first = watched(world.scenario)[0]
    validator(published, "workflowInstanceWithLogs").validate(ask(world, first, 30.0, includeLogs="true"))


@pytest.mark.parametrize("make", [demo_day, faults, stuck, crowd, traffic, odd_lists], ids=lambda make: make.__name__)
def test_lists_definitions_and_usage_are_as_documented(make: Any, amended: dict[str, Any]) -> None:
    world = World(make())
    filters = amended["paths"]["/api/v1/accounts/{accountId}/definitions/{definitionId}/workflows"]["get"]["parameters"]
    statuses = next(one["schema"]["enum"] for one in filters if one.get("name") == "status")
    for account in world.scenario.accounts:

        def get(rest: str, owner: str = account.id, key: str = account.key, **query: str) -> Any:
            answer = world.answer("GET", f"/api/v1/accounts/{owner}{rest}", query, key, 40.0)
            assert answer.status == 200
            return json.loads(answer.body)

        definitions = get("/definitions")
        validator(amended, "definition", many=True).validate(definitions)
        assert definitions
        for definition in definitions:
            versions = get(f"/definitions/{definition['id']}")
            validator(amended, "definition", many=True).validate(versions)
            for version in versions:
                for status in (*statuses, ""):
                    query = {"version": str(version["version"]), **({"status": status} if status else {})}
                    rows = get(f"/definitions/{definition['id']}/workflows", **query)
                    validator(amended, "workflowInstance", many=True).validate(rows)
                    assert {row["status"] for row in rows} <= ({status} if status else set(statuses))
        validator(amended, "usage", many=True).validate(get("/usage"))
        validator(amended, "usageHistory", many=True).validate(get("/usage/history"))


@pytest.mark.parametrize(
    ("definition", "example"),
    [("not-a-uuid", "invalidDefinitionIdError"), ("2aa9465e-dec7-4c3e-8fa6-bd168af9eaca", "definitionNotFoundError")],
    ids=["400", "404"],
)
def test_refusals_say_what_the_examples_say(definition: str, example: str, published: dict[str, Any]) -> None:
    path = f"/api/v1/accounts/acme/definitions/{definition}/workflows"
    answer = World(demo_day()).answer("GET", path, {}, "sim-key-acme", 1.0)
    told, shown = json.loads(answer.body), published["components"]["examples"][example]["value"]
    validator(published, "error").validate(told)
    assert (told["code"], told["message"]) == (shown["code"], shown["message"])
