"""What customers wrote stays inside the parser, keys inside the client: looked for in all that stories leave behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.sim.fake_people import personal_words
from monitor.sim.responses import SimResponse, encode
from monitor.sim.scenario import Scenario, combined, watched
from monitor.sim.scenarios import SCENARIOS
from monitor.sim.world import World
from monitor.telemetry import render
from tests.stories.house import EPOCH, House

pytestmark = pytest.mark.looptime

STORIES = ("faults", "suspensions", "odd", "unauthorized", "malformed", "outage")
KEYS = {"acme": "sim-key-acme", "globex": "sim-key-globex"}


def left_behind(house: House) -> Iterator[tuple[str, bytes]]:
    """Where it was found, and all that is there."""
    for file in house.folder.iterdir():
        if file.name.startswith("monitor.db"):
            yield file.name, file.read_bytes()
    yield "log", house.log.getvalue().encode()
    for accept in ("text/plain", "application/openmetrics-text"):
        yield "metrics", render(house.daemon.registry, accept)[1]
    for _, delivery in house.phones["oncall"].calls:
        yield "event", delivery.body


def secrets() -> list[bytes]:
    words = (*personal_words(), *(word.lower().replace(" ", ".") for word in personal_words()), *KEYS.values())
    return [word.encode() for word in words] + [ascii(word)[1:-1].encode() for word in words if not word.isascii()]


@pytest.mark.parametrize("name", STORIES)
async def test_a_whole_story_leaves_no_personal_word_and_no_key_behind(tmp_path: Path, name: str) -> None:
    scenario = SCENARIOS[name]()
    async with House(tmp_path, scenario, polling={"interval": "10s"}, log={"level": "debug"}) as house:
        await house.until(400.0)
        assert len(house.told()) >= 3
        assert len(house.log.getvalue()) > 10_000
        # While it runs: at the end SQLite would tidy its files up.
        places = list(left_behind(house))
    assert {place for place, _ in places} >= {"monitor.db", "monitor.db-wal", "log", "metrics", "event"}
    for place, text in (*places, *left_behind(house)):
        found = [secret for secret in secrets() if secret in text]
        assert not found, f"{place} holds {found}"


def test_what_is_looked_for_is_in_the_answers() -> None:
    """Or the story above could not fail."""
    scenario: Scenario = combined("all", *(SCENARIOS[name]() for name in ("faults", "suspensions", "odd")))
    world = World(scenario, epoch=EPOCH)
    bodies = b""
    for one in watched(scenario):
        path = f"/api/v1/accounts/{one.account}/definitions/{one.definition}/workflows/{one.workflow}"
        bodies += world.answer("GET", path, {"includeLogs": "true"}, KEYS[one.account], 10.0).body
    assert sum(secret in bodies for secret in secrets()) > 5
    assert set(KEYS.items()) == {(account.id, account.key) for account in scenario.accounts}


async def test_what_an_api_repeats_of_the_key_is_not_repeated(tmp_path: Path) -> None:
    """Some gateways put the refused key into their message."""
    scenario = SCENARIOS["calm"]()
    async with House(tmp_path, scenario, log={"level": "debug"}) as house:
        house.instead = _refuse
        await house.until(400.0)
        assert house.types().count("monitor.blind") == 2
    for place, text in left_behind(house):
        assert not any(key.encode() in text for key in KEYS.values()), place


def _refuse(path: str) -> SimResponse:
    key = KEYS[path.split("/")[4]]
    refusal = {"code": 1, "message": f"Bearer {key} is not known", "errorId": key, "timestamp": key}
    return SimResponse(401, {"Content-Type": "application/json", "WWW-Authenticate": f"Bearer {key}"}, encode(refusal))
