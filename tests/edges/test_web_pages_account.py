"""The page of one account: its API, its lane, its clock, its budget."""

from datetime import timedelta

import pytest

from monitor.core.event_types import FactKind
from monitor.core.listing import Usage
from monitor.core.model import Outcome, Status
from monitor.core.records import AccountSummary, DefinitionSummary
from monitor.core.scheduling.plan import ArmGroup, plan_budget
from monitor.store.step_limits import DefinitionKey
from tests.edges.web_kit import EVIL, NOW, Client, Daemon, read

NONE = dict.fromkeys(Status, 0)


def account(**facts: object) -> AccountSummary:
    known = {"account": "acme", "open": True, "requests_per_second": 10.0, "ceiling": 10.0, "used": 2.5, **facts}
    return AccountSummary(**known)  # type: ignore[arg-type]


@pytest.fixture
def acme(daemon: Daemon) -> Daemon:
    daemon.lanes = [account()]
    daemon.summaries[DefinitionKey("acme", "d1")] = DefinitionSummary(
        account="acme", definition="d1", name="orders", statuses=NONE, discovered=True
    )
    daemon.summaries[DefinitionKey("globex", "d2")] = DefinitionSummary(
        account="globex", definition="d2", name="surveys", statuses=NONE
    )
    return daemon


@pytest.mark.usefixtures("acme")
async def test_a_calm_account_is_all_right(client: Client) -> None:
    page = await read(client, "/accounts/acme")
    for fact in ("answers", "2.5 of 10.0 per second", "open</span>", "as ours", "not since the start"):
        assert fact in page
    assert "banner" not in page
    assert "1 definition, 1 found by discovery" in page
    assert "surveys" not in page


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"blind": True, "blind_since": NOW, "reason": Outcome.TIMEOUT}, ["Blind", "timeout", "10:00:00 UTC"]),
        (
            {"open": False, "closed_until": NOW + timedelta(seconds=30), "lane_reason": "429, Retry-After 30s"},
            ["Its lane is closed until", "10:00:30 UTC", "429, Retry-After 30s"],
        ),
        ({"reason": Outcome.SERVER_ERROR}, ["had no answer", "server_error"]),
        ({"requests_per_second": 5.0}, ["2.5 of 5.0 per second", "slowed, of 10"]),
        ({"skew": 90.4}, ["1m 30s ahead of ours"]),
        ({"skew": -3.0}, ["3s behind ours"]),
        ({"usage": Usage(allowed=1000, executed=20)}, ["20 of 1000 allowed"]),
        ({"usage": Usage(executed=20)}, ["<dd>20</dd>"]),
        ({"polled": 1}, ["1 target<"]),
    ],
)
async def test_the_page_says_what_is_wrong(
    client: Client, acme: Daemon, facts: dict[str, object], words: list[str]
) -> None:
    acme.lanes = [account(**facts)]
    page = await read(client, "/accounts/acme")
    for word in words:
        assert word in page


@pytest.mark.parametrize(("allowed", "kept"), [(10.0, True), (0.5, False)])
async def test_the_budget_says_whether_its_promises_can_be_kept(
    client: Client, acme: Daemon, allowed: float, kept: bool
) -> None:
    arms = [ArmGroup(definition="d1", kind=FactKind.END, count=10, rate=0.01, longest=10.0)]
    acme.plans["acme"] = plan_budget(arms, allowed)
    page = await read(client, "/accounts/acme")
    assert f"1 of the {allowed:g} requests per second" in page.replace("10.0", "10")
    assert ("Not all promises can be kept" in page) is not kept


@pytest.mark.usefixtures("acme")
async def test_what_is_known_of_an_account_that_left_is_still_shown(client: Client, daemon: Daemon) -> None:
    daemon.lanes = []
    assert "is not configured; what is still known" in await read(client, "/accounts/acme")
    assert "is not configured" in await read(client, "/accounts/nobody", 404)


async def test_hostile_names_stay_text(client: Client, daemon: Daemon) -> None:
    name = EVIL.replace("/", "")
    daemon.lanes = [account(account=name, lane_reason=EVIL, open=False)]
    daemon.summaries[DefinitionKey(name, EVIL)] = DefinitionSummary(account=name, definition=EVIL, statuses=NONE)
    page = await read(client, "/accounts/%3Cscript%3Ealert('1')%3Cscript%3E&\"")
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


@pytest.mark.usefixtures("acme")
async def test_an_unknown_parameter_is_refused(client: Client) -> None:
    async with client.get("/accounts/acme?status=x", headers={"Accept": "text/html"}) as response:
        assert response.status == 400
