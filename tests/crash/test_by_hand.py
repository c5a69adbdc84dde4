"""What a person does about alerts of a running daemon: sees who was told, tries again, closes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from monitor.sim import script_builders
from monitor.sim.scenario_builders import role, scene
from tests.crash.running import Daemon, Ended, Station, command, eventually, station
from tests.crash.test_commands_alerts import served

ONE = scene(
    "one",
    role(
        "onboarding-reply", "lopez", script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 10.0)
    ),
)


class Hook:
    """A receiver that refuses everything until it is told otherwise."""

    def __init__(self) -> None:
        self.status = 410
        self.heard: list[str] = []

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(json.loads(await request.read())["type"])
        return web.Response(status=self.status)


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
async def here(tmp_path: Path, hook: Hook) -> AsyncIterator[Station]:
    application = web.Application()
    application.router.add_post("/", hook.hear)
    async with served(application) as port, station(tmp_path, ONE) as place:
        (tmp_path / "token").write_text("open sesame\n")
        place.settings["server"] = {"port": 0, "admin_token_file": str(tmp_path / "token")}
        place.settings["receivers"] = [{"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{port}/"}]
        place.write()
        yield place


async def asked(here: Station, daemon: Daemon, *arguments: str) -> Ended:
    address = daemon.running.lines("serving")[0]["address"]
    return await command(*arguments, "--config", str(here.config), "--url", address)


async def alerts(daemon: Daemon) -> list[dict[str, Any]]:
    status, text = await daemon.get("/api/v1/alerts")
    assert status == 200
    found: list[dict[str, Any]] = json.loads(text)["alerts"]
    return found


async def standing(daemon: Daemon, status: str) -> bool:
    return [told["status"] for alert in await alerts(daemon) for told in alert["deliveries"]] == [status] * 2


async def test_a_person_sees_what_was_given_up_has_it_tried_again_and_closes_the_alerts(
    here: Station, hook: Hook
) -> None:
    async with here.run() as daemon:
        here.t = 20.0
        await eventually(lambda: standing(daemon, "dead"), "two alerts that the receiver refused")
        shown = await asked(here, daemon, "deliveries", "--dead")
        assert shown.stdout.count("HTTP 410") == 2
        hook.status = 200
        assert (await asked(here, daemon, "deliveries", "--retry")).stdout == "2 deliveries are tried again\n"
        await eventually(lambda: standing(daemon, "delivered"), "the deliveries")
        assert sorted(hook.heard[2:]) == ["workflow.step_failed", "workflow.terminated"]
        first, second = [alert["id"] for alert in await alerts(daemon)]
        assert (await asked(here, daemon, "close", first)) == Ended(0, f"closed {first}\n", "")
        assert [alert["id"] for alert in await alerts(daemon)] == [second]
        again = await asked(here, daemon, "close", first)
        assert (again.code, again.stdout) == (1, "")
