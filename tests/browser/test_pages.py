"""Every page against what comes from outside, on every screen: it is text, it fits, and everybody can read it."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from monitor.core.model import StepExecution, StepStatus, TargetKey
from monitor.store import DeliveryStatus
from monitor.web.application import build
from tests.browser.browsing import DESKTOP, PHONE, chromium, fits, violations, visitor
from tests.edges.web_kit import KEY, NOW, Daemon, alert, event, told, watched

HOSTILE = (
    "<script>document.title = 'hurt'</script>",
    "<img src=x onerror=\"document.title = 'hurt'\">",
    "step" * 125,
    "\u202eright to left\u202c שלום",
    "🚀👩‍👩‍👧‍👦 emoji",
)
PATHS = (
    "/",
    "/alerts",
    "/alerts/3f0c",
    "/alerts/gone",
    "/incidents/88bb",
    "/definitions",
    "/definitions/acme/5870442f",
    "/targets",
    "/targets/acme/5870442f/60dbe307",
    "/targets/acme/5870442f/unknown",
    "/events",
    "/accounts/acme",
    "/receivers",
    "/nothing/here",
)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """The address of a daemon whose every name is hostile."""
    daemon = Daemon()
    steps = tuple(StepExecution(f"id{n}", name, StepStatus.FAILED, NOW, NOW) for n, name in enumerate(HOSTILE))
    daemon.entries[KEY] = watched(steps=steps)
    for number, name in enumerate(HOSTILE):
        key = TargetKey("acme", "5870442f", f"w{number}")
        entry = watched(key)
        entry.target = msgspec.structs.replace(entry.target, name=name, labels={"team": name})
        daemon.entries[key] = entry
    daemon.stored = [event(number + 1, text=name) for number, name in enumerate(HOSTILE)]
    tellings = (told("am", DeliveryStatus.DEAD, detail=HOSTILE[0]),)
    daemon.open = [alert(*tellings, id=f"a{number}", summary=name) for number, name in enumerate(HOSTILE)]
    daemon.open.append(alert(*tellings))
    server = TestServer(
        build(daemon, daemon.registry, external_url="http://127.0.0.1", admin_token=daemon.admin_token),
        host="127.0.0.1",
    )
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@pytest.mark.parametrize(
    "screen",
    [{**DESKTOP, "color_scheme": "light"}, {**PHONE, "color_scheme": "dark"}],
    ids=["light desktop", "dark phone"],
)
async def test_every_page_can_be_read_by_everybody_and_hostile_names_are_text(
    site: str, browser: Browser, screen: dict[str, object]
) -> None:
    found = []
    async with visitor(browser, **screen) as person:
        for path in PATHS:
            page = await person.open(site + path)
            person.wrongs = [wrong for wrong in person.wrongs if "status of 404" not in wrong]
            assert "hurt" not in await page.title()
            assert await fits(page), f"{path} is wider than the screen"
            found += await violations(page)
            await page.close()
    assert found == []


async def test_the_zone_of_times_is_kept_from_page_to_page(site: str, browser: Browser) -> None:
    async with visitor(browser, **DESKTOP, timezone_id="Asia/Manila") as person:
        page = await person.open(site + "/targets/acme/5870442f/60dbe307")
        assert "10:00:00 UTC" in await page.inner_text("main")
        await page.get_by_role("button", name="Times: UTC").click()
        assert "18:00:00" in await page.inner_text("main")
        await page.goto(site + "/events")
        assert "18:0" in await page.inner_text("main")
