"""What a person on call does, half asleep, with the pages of a running monitor."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.async_api import Browser, expect

from monitor.sim import script_builders
from monitor.sim.faults import Fault, Trouble
from monitor.sim.scenario_builders import role, scene
from tests.browser.browsing import DESKTOP, PHONE, chromium, seen_at_once, violations, visitor
from tests.crash.running import Station, eventually, station

FAULT_AT = 100.0
CAUSE = "Invalid subaccount id."
DOWN_AT = 5000.0
NIGHT = msgspec.structs.replace(
    scene(
        "night",
        role("onboarding-reply", "lopez", script_builders.fault("onboarding-reply", "step1", CAUSE, FAULT_AT)),
        role("onboarding-reply", "kim", script_builders.complete("onboarding-reply", 1e6)),
        role("order-reminder", "order", script_builders.complete("order-reminder", 1e6)),
    ),
    faults=(Fault(trouble=Trouble.STATUS, begin=DOWN_AT, end=1e9, status=503),),
)
TOKEN = "correct horse battery staple"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path, NIGHT) as served:
        (tmp_path / "token").write_text(TOKEN)
        served.settings["server"]["admin_token_file"] = str(tmp_path / "token")
        served.settings["polling"]["blind_after"] = "2s"
        served.write()
        yield served


def failing(here: Station) -> str:
    """The id of the instance that fails."""
    return next(one.workflow for one in here.targets if one.name == "lopez")


async def fault(here: Station) -> str:
    """The path of the link in the alert that was sent."""
    here.t = FAULT_AT + 10
    await eventually(lambda: any(event["type"] == "workflow.terminated" for event in here.heard), "the alert")
    told = next(event for event in here.heard if event["type"] == "workflow.terminated")
    return str(urlsplit(told["data"]["link"]).path)


async def test_from_the_link_of_an_alert_to_the_cause_in_one_screen_of_a_phone(here: Station, browser: Browser) -> None:
    async with here.run() as daemon, visitor(browser, **PHONE) as person:
        page = await person.open(daemon.address + await fault(here))
        assert await seen_at_once(page, f"step1: {CAUSE}")
        assert await seen_at_once(page, "Terminated")
        await expect(page.get_by_role("heading", level=1)).to_contain_text(failing(here))
        await expect(page.get_by_text("oncall").first).to_be_visible()
        # Is it one or all?
        await page.get_by_role("link", name="terminated: step1").first.click()
        await expect(page.get_by_role("heading", name="Is it all of them?")).to_be_visible()
        await expect(page.get_by_text("oncall acknowledged")).to_be_visible()
        assert await violations(page) == []


async def test_the_failed_instances_of_a_definition_are_found_from_the_overview(
    here: Station, browser: Browser
) -> None:
    async with here.run() as daemon, visitor(browser) as person:
        await fault(here)
        page = await person.open(daemon.address + "/")
        await page.get_by_role("link", name="Targets").first.click()
        await page.get_by_label("Status").select_option("Terminated")
        await page.get_by_role("button", name="Filter").click()
        await expect(page.get_by_role("row", name=failing(here))).to_be_visible()
        await expect(page.get_by_role("row")).to_have_count(2)
        assert "status=Terminated" in page.url, "the state of the page stands in its URL"


async def test_a_blind_monitor_says_so_first(here: Station, browser: Browser) -> None:
    async with here.run() as daemon, visitor(browser, **PHONE) as person:
        here.t = DOWN_AT
        await eventually(lambda: any(event["type"] == "monitor.blind" for event in here.heard), "blindness")
        page = await person.open(daemon.address + "/")
        assert await seen_at_once(page, "Blind: acme")


async def test_what_is_new_waits_and_moves_no_row_under_the_cursor(here: Station, browser: Browser) -> None:
    async with here.run() as daemon, visitor(browser) as person:
        page = await person.open(daemon.address + "/events")
        await page.mouse.move(300, 300)
        await fault(here)
        more = page.get_by_role("button", name="new")
        await expect(more).to_be_visible()
        assert await page.get_by_role("row", name="terminated: step1").count() == 0
        await more.click()
        await expect(page.get_by_role("row", name="terminated: step1")).to_be_visible()


async def test_a_link_to_an_alert_that_a_person_closed_tells_its_story(here: Station, browser: Browser) -> None:
    async with here.run() as daemon, visitor(browser) as person:
        await fault(here)
        alert = next(event["id"] for event in here.heard if event["type"] == "workflow.terminated")
        page = await person.open(f"{daemon.address}/alerts/{alert}")
        await expect(page.get_by_text("open since")).to_be_visible()
        assert await daemon.post(f"/api/v1/alerts/{alert}/close", TOKEN) == 200
        await page.reload()
        await expect(page.get_by_text("This alert is over")).to_be_visible()
        await expect(page.get_by_text("a person closed it")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_without_script_every_page_says_the_same(
    here: Station, browser: Browser, size: dict[str, object]
) -> None:
    async with here.run() as daemon, visitor(browser, **size, java_script_enabled=False) as person:
        link = await fault(here)
        page = await person.open(daemon.address + link)
        await expect(page.get_by_text(f"step1: {CAUSE}").first).to_be_visible()
        for name in ("Overview", "Alerts", "Definitions", "Targets", "Events", "Receivers"):
            await page.get_by_role("link", name=name, exact=True).first.click()
            await expect(page.get_by_role("main")).to_be_visible()


async def test_ten_tabs_stay_fresh(here: Station, browser: Browser) -> None:
    async with here.run() as daemon, visitor(browser) as person:
        tabs = [await person.open(daemon.address + "/") for _ in range(10)]
        await fault(here)
        for tab in tabs:
            await tab.bring_to_front()
            await expect(tab.get_by_text("critical").first).to_be_visible()
