"""`make screenshots`: the pictures of the README, taken of `workflow-monitor demo`, light and dark."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import aiohttp
from playwright.async_api import ViewportSize

from tests.browser.browsing import chromium
from tests.crash.running import eventually, process

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "pictures"
PORT: Final = 8867
_SITE: Final = f"http://127.0.0.1:{PORT}"
_SIZE: Final[ViewportSize] = {"width": 1200, "height": 800}


async def _paths() -> dict[str, str]:
    """What is shown, by the name of its picture: after a while there is something to see."""
    async with (
        aiohttp.ClientSession(_SITE) as session,
        session.get("/api/v1/events?type=workflow.terminated") as answer,
    ):
        faults = [event for event in (await answer.json())["events"] if event["data"].get("cause") == "fault"]
    target = faults[-1]["data"]
    definition = f"/definitions/{target['account']}/{target['definition']}"
    workflow = f"/targets/{target['account']}/{target['definition']}/{target['workflow']}"
    return {"overview": "/", "definition": definition, "target": workflow}


async def main(seconds: float) -> None:
    FOLDER.mkdir(exist_ok=True)
    async with process("demo", "--port", str(PORT), "--duration", "10m") as demo, chromium() as browser:
        await eventually(lambda: str(PORT) in demo.stdout, "the demo", within=60.0)
        await asyncio.sleep(seconds)
        for name, path in (await _paths()).items():
            for scheme in ("light", "dark"):
                context = await browser.new_context(viewport=_SIZE, color_scheme=scheme)
                page = await context.new_page()
                await page.goto(_SITE + path)
                await page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
                await context.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 100.0))
