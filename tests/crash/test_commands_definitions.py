"""`definitions` as a process: what it lists, what it asks for, and what it says if the API does not answer."""

import asyncio
import json
import re
from math import inf
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from monitor.commands.definitions import FoundDefinitions, RunningCount, as_json, as_text, find
from monitor.core.discovery.following import Discovery
from monitor.core.listing import ListedDefinition
from monitor.settings import load_settings
from monitor.settings.watchlist_file import load_watchlist
from monitor.sim import script_builders
from monitor.sim.api_enums import Endpoint
from monitor.sim.definitions import definition_id
from monitor.sim.faults import Fault, Trouble
from monitor.sim.population import Crowd
from monitor.sim.scenario import Scenario
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from monitor.sim.server import base_url, serve
from monitor.sim.world import World
from tests.crash.running import Ended, Station, command, station

_VERSIONS = {"order-reminder": 3, "onboarding-reply": 1, "two-way-survey": 2}
"""Of acme's definitions, the latest."""
_RUN = script_builders.complete("order-reminder", 600.0)
FEW = scene(
    "few",
    role("order-reminder", "one", _RUN),
    role("order-reminder", "two", _RUN),
    role("order-reminder", "ended", script_builders.terminated("order-reminder", 1.0)),
    role("order-reminder", "old", script_builders.complete("order-reminder", 600.0, version=1), version=1),
    role("two-way-survey", "survey", script_builders.complete("two-way-survey", 600.0)),
    role("onboarding-reply", "welcomed", script_builders.complete("onboarding-reply", 5.0)),
)


async def _definitions(folder: Path, scenario: Scenario, *more: str) -> tuple[Ended, Station]:
    async with station(folder, scenario) as here:
        here.t = 10.0
        here.write()
        return await command("definitions", ACME.id, "--config", str(here.config), *more), here


def _entries(stdout: str, folder: Path) -> list[Discovery]:
    """What was printed to be pasted, as a watchlist."""
    file = folder / "pasted.yaml"
    file.write_text(stdout[stdout.index("discover:\n") :])
    watchlist, errors = load_watchlist([file], {ACME.id}, 30.0)
    assert errors == []
    return list(watchlist.discoveries)


async def test_every_definition_is_listed_with_its_versions_and_what_runs_of_it(tmp_path: Path) -> None:
    ended, here = await _definitions(tmp_path, FEW)
    assert (ended.code, ended.stderr) == (0, "")
    for name, running in {"order-reminder": 2, "onboarding-reply": 0, "two-way-survey": 1}.items():
        id_ = definition_id(ACME.id, name)
        assert re.search(rf"^{id_} +{name} +{_VERSIONS[name]} +{running}$", ended.stdout, re.MULTILINE)
    assert here.asked == 1 + len(_VERSIONS)


async def test_the_printed_entries_are_a_watchlist(tmp_path: Path) -> None:
    ended, _ = await _definitions(tmp_path, FEW)
    assert {(each.account, each.definition) for each in _entries(ended.stdout, tmp_path)} == {
        (ACME.id, definition_id(ACME.id, name)) for name in _VERSIONS
    }
    assert '"*"' in ended.stdout


async def test_for_a_program_it_is_json(tmp_path: Path) -> None:
    ended, _ = await _definitions(tmp_path, FEW, "--json")
    shown = json.loads(ended.stdout)
    assert (shown["account"], shown["complete"]) == (ACME.id, True)
    order = next(each for each in shown["definitions"] if each["name"] == "order-reminder")
    id_ = definition_id(ACME.id, "order-reminder")
    assert order == {
        "definition": id_,
        "name": "order-reminder",
        "versions": 3,
        "running": 2,
        "running_at_least": False,
        "discover": {"definition": id_, "account": ACME.id},
    }


async def test_more_than_a_list_shows_are_told_as_more(tmp_path: Path) -> None:
    crowd = Scenario(name="crowd", accounts=(ACME, GLOBEX), crowd=Crowd(accounts=(ACME.id,), size=600))
    ended, _ = await _definitions(tmp_path, crowd)
    assert re.search(r" order-reminder +3 +500 or more$", ended.stdout, re.MULTILINE)


def _trouble(trouble: Trouble, *endpoints: Endpoint, **more: Any) -> Scenario:
    fault = Fault(trouble=trouble, begin=-inf, end=inf, endpoints=endpoints, **more)
    return msgspec.structs.replace(FEW, faults=(fault,))


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        pytest.param(_trouble(Trouble.UNAUTHORIZED), "unauthorized: 401 ", id="the key is refused"),
        pytest.param(_trouble(Trouble.THROTTLED, retry_after=3600.0), "throttled: 429 ", id="throttled"),
        pytest.param(_trouble(Trouble.STATUS, status=503), "server_error: 503", id="the API is down"),
        pytest.param(_trouble(Trouble.MALFORMED), "malformed: ", id="nonsense"),
    ],
)
async def test_an_api_that_does_not_answer_is_told_in_one_line(tmp_path: Path, scenario: Scenario, reason: str) -> None:
    ended, here = await _definitions(tmp_path, scenario)
    assert (ended.code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"workflow-monitor: {reason}")
    asked = f"asked {here.settings['api']['base_url']}, account {ACME.id}, by the key in {here.folder / 'key-acme'}"
    assert line.endswith(asked)
    assert ACME.key not in ended.stderr


async def test_definitions_are_listed_though_their_lists_are_throttled(tmp_path: Path) -> None:
    ended, here = await _definitions(tmp_path, _trouble(Trouble.THROTTLED, Endpoint.LIST, retry_after=3600.0))
    assert ended.code == 0
    assert re.search(r" order-reminder +3 +-$", ended.stdout, re.MULTILINE)
    assert len(_entries(ended.stdout, tmp_path)) == len(_VERSIONS)
    assert ended.stderr.startswith("warning: the instances of 3 definitions are not counted: throttled: 429 ")
    assert here.asked == 2


async def test_a_list_that_cannot_be_read_does_not_keep_the_others_from_being_counted(tmp_path: Path) -> None:
    ended, here = await _definitions(tmp_path, _trouble(Trouble.MALFORMED, Endpoint.LIST))
    assert ended.code == 0
    assert here.asked == 1 + len(_VERSIONS)
    assert ended.stderr.startswith("warning: the instances of 3 definitions are not counted: malformed: ")


async def test_an_account_that_is_not_configured_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    async with station(tmp_path, FEW) as here:
        here.write()
        ended = await command("definitions", "acmee", "--config", str(here.config))
    assert (ended.code, here.asked) == (2, 0)
    assert f"account 'acmee' is not configured; {here.config} has acme, globex" in ended.stderr


async def test_the_requests_keep_to_the_rate_of_the_account(tmp_path: Path) -> None:
    times: list[float] = []

    def clock() -> float:
        times.append(asyncio.get_running_loop().time())
        return 10.0

    api = await serve(World(FEW), "127.0.0.1", 0, clock)
    (tmp_path / "watchlist.yaml").write_text("targets: []")
    file = tmp_path / "monitor.yaml"
    account = {"id": ACME.id, "requests_per_second": 3, "burst": 10}
    file.write_text(yaml.safe_dump({"api": {"base_url": base_url(api)}, "accounts": [account]}))
    settings = load_settings(file, {"MONITOR_API_KEY": ACME.key})
    try:
        found = await find(settings, settings.accounts[0])
    finally:
        await api.cleanup()
    assert sorted(each.number for each in found.running if each) == [0, 1, 2]
    assert len(times) == 4
    assert times[-1] - times[0] > 0.5  # of 1 s; the first may have come late


def _found(number: int, running: list[RunningCount | None] | None = None) -> FoundDefinitions:
    rows = [ListedDefinition(f"d{each}", each + 1, f"n{each}") for each in range(number)]
    return FoundDefinitions(
        ACME.id, rows, running or [RunningCount(0, at_least=False)] * number, complete=True, notes=()
    )


def test_an_account_without_definitions_is_told_as_that() -> None:
    assert as_text(_found(0)) == "account acme has no active definition"


def test_what_is_not_known_is_shown_as_unknown() -> None:
    rows = [ListedDefinition("null", None, ""), ListedDefinition('a"b', 2, "n")]
    found = FoundDefinitions(ACME.id, rows, [None, RunningCount(500, at_least=True)], complete=True, notes=())
    text = as_text(found)
    assert re.search(r"^null +- +- +-$", text, re.MULTILINE)
    assert '  - {definition: "null", account: "acme"}\n' in text
    assert yaml.safe_load(text[text.index("discover:\n") :])["discover"][1]["definition"] == 'a"b'
    (first, second) = json.loads(as_json(found))["definitions"]
    assert (first["name"], first["versions"], first["running"]) == (None, None, None)
    assert (second["running"], second["running_at_least"]) == (500, True)


def test_a_long_list_is_cut_for_people_and_whole_for_programs() -> None:
    found = _found(201)
    assert "and 1 more; --json gives all of them" in as_text(found)
    assert as_text(found).count("{definition: ") == 200
    assert len(json.loads(as_json(found))["definitions"]) == 201
