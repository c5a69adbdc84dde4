"""An API that speaks otherwise than this version knows: told once per kind, and within reason."""

import json
from collections.abc import Callable
from itertools import count, product
from pathlib import Path
from string import ascii_lowercase

import pytest

from monitor.core.detection.drifts import AND_MORE, MOST_KINDS
from monitor.sim import script_builders
from monitor.sim.responses import SimResponse
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime


def house_of(folder: Path, word: Callable[[], str]) -> House:
    """Three workflows whose one step is each time in another status."""
    house = House(
        folder,
        scene(
            "night",
            *(role("order-reminder", f"o{n}", script_builders.complete("order-reminder", 1e6)) for n in range(3)),
        ),
    )

    def instead(path: str) -> SimResponse:
        step = {"id": "s", "stepName": "s", "status": word(), "startedAt": "2026-01-05T02:00:00Z"}
        body = {"version": 1, "status": "Runnable", "startedAt": "2026-01-05T02:00:00Z", "logs": [step]}
        return SimResponse(200, {}, json.dumps(body | {"workflowId": path.rpartition("/")[2]}).encode())

    house.instead = instead
    return house


async def test_a_word_with_a_number_in_it_is_one_kind(tmp_path: Path) -> None:
    numbers = count()
    async with house_of(tmp_path, lambda: f"Retrying (attempt {next(numbers)})") as house:
        await house.until(3600.0)
        assert [event["data"]["reason"] for event in house.told()] == ["step_status:retrying (attempt #)"]


async def test_words_without_end_are_told_within_reason_also_across_a_restart(tmp_path: Path) -> None:
    words = map("".join, product(ascii_lowercase, repeat=4))
    async with house_of(tmp_path, lambda: next(words)) as house:
        await house.until(1800.0)
        await house.stop()
        await house.start()
        await house.until(3600.0)
        reasons = [event["data"]["reason"] for event in house.told()]
        assert len(reasons) == len(set(reasons)) == MOST_KINDS + 1
        assert reasons[-1] == AND_MORE
