"""The commands about what people are told, as processes: against the pages of a daemon, and against receivers."""

import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from monitor.core.commits import DeliveryKind
from monitor.core.event_types import EventType, Severity
from monitor.store import DeliveryStatus, Notification, StoredDelivery
from monitor.web import build
from tests.crash.running import Ended, command
from tests.edges.notifier_kit import http, receiver
from tests.edges.web_kit import KEY, NOW, SITE, TOKEN, Daemon, alert

LONG = "a-name-that-is-longer-than-its-column"
NOWHERE = "http://127.0.0.1:1/s3cret-path"


class Place:
    """A folder with a configuration, and the daemon that runs by it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.daemon = Daemon()
        self.port = port
        self.config = folder / "monitor.yaml"
        (folder / "key").write_text("k3y\n")
        (folder / "token").write_text(TOKEN + "\n")
        (folder / "watchlist.yaml").write_text("targets: [{account: acme, definition: d, workflow: w}]")
        self.settings: dict[str, Any] = {
            "accounts": [{"id": "acme", "api_key_file": "key"}],
            "server": {"host": "0.0.0.0", "port": port, "admin_token_file": "token"},  # noqa: S104 - as a container has it
            "receivers": [{"name": name, "type": "webhook", "url": NOWHERE} for name in ("hook", "pager")],
        }
        self.write()

    def write(self) -> None:
        self.config.write_text(yaml.safe_dump(self.settings))

    async def run(self, *arguments: str) -> Ended:
        ended = await command(*arguments, "--config", str(self.config))
        for secret in (TOKEN, "k3y", "s3cret-path"):
            assert secret not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended


@contextlib.asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[int]:
    """The port, as long as the context lasts."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    daemon = Daemon()
    application = build(daemon, daemon.registry, external_url=SITE, admin_token=daemon.admin_token)
    async with served(application) as port:
        place = Place(tmp_path, port)
        place.daemon = daemon
        yield place


def delivery(seq: int, receiver: str, status: DeliveryStatus, **facts: Any) -> StoredDelivery:
    facts = {"severity": Severity.CRITICAL, "observed_at": NOW, "attempts": 3, "detail": "HTTP 500", **facts}
    return StoredDelivery(
        seq=seq,
        receiver=receiver,
        about=DeliveryKind.EVENT,
        ref=f"id{seq}",
        type=EventType.TERMINATED,
        subject=f"acme/d/w{seq}",
        status=status,
        **facts,
    )


# --- explain --------------------------------------------------------------------------------------------------


async def test_explain_says_what_limits_a_workflow_and_who_was_notified_of_it(here: Place) -> None:
    ended = await here.run("explain", *KEY)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("onboarding-reply: Terminated, last seen ")
    for line in (
        "Next look: 2026-01-05T10:00:10.000000Z (interval 10s)",
        "the workflow: 1h (configured), runs for ",
        ", passed at 2026-01-05T09:00:00.000000Z",
        "step step1: no limit",
        "warning workflow.step_failed: event 1; alert open",
        "am: delivered ",
        "pager: not notified: it gets critical and above, and this is warning",
        " by status, ok: unchanged",
        "a note",
    ):
        assert line in ended.stdout
    assert json.loads((await here.run("explain", *KEY, "--json")).stdout)["limits"][0]["seconds"] == 3600.0


async def test_explain_says_of_a_workflow_that_is_not_watched_what_to_do(here: Place) -> None:
    ended = await here.run("explain", "acme", "d", "unknown")
    assert (ended.code, ended.stdout) == (1, "")
    assert "this target is not watched" in ended.stderr


# --- close ----------------------------------------------------------------------------------------------------


async def test_close_closes_an_open_alert_and_says_so_where_it_is_not_open(here: Place) -> None:
    here.daemon.open = [alert(), alert(id="other")]
    assert await here.run("close", "3f0c") == Ended(0, "closed 3f0c\n", "")
    assert [one.alert.id for one in here.daemon.open] == ["other"]
    ended = await here.run("close", "3f0c")
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("workflow-monitor: no alert of this id, or of an incident of this id, is open")


async def test_close_without_an_admin_token_says_what_to_configure(here: Place) -> None:
    del here.settings["server"]["admin_token_file"]
    here.write()
    ended = await here.run("close", "3f0c")
    assert (ended.code, ended.stdout) == (2, "")
    assert "server.admin_token_file" in ended.stderr


async def test_close_is_refused_by_a_daemon_with_another_token(here: Place) -> None:
    here.daemon.open = [alert()]
    here.daemon.token = "another"
    ended = await here.run("close", "3f0c")
    assert (ended.code, ended.stdout) == (1, "")
    assert "does not take this token" in ended.stderr
    assert len(here.daemon.open) == 1


@pytest.mark.parametrize("arguments", [("close", "3f0c"), ("deliveries",)], ids=["close", "deliveries"])
async def test_where_no_daemon_answers_it_says_what_to_do(here: Place, arguments: tuple[str, ...]) -> None:
    here.settings["server"]["port"] = 1
    here.write()
    ended = await here.run(*arguments)
    assert (ended.code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("workflow-monitor: nothing answers at http://127.0.0.1:1: is the daemon")
    assert "--url" in line


async def test_another_address_can_be_named(here: Place) -> None:
    here.daemon.open = [alert()]
    here.settings["server"]["port"] = 0
    here.write()
    ended = await here.run("close", "3f0c")
    assert ended.code == 2
    assert "server.port is 0" in ended.stderr
    assert (await here.run("close", "3f0c", "--url", f"http://127.0.0.1:{here.port}/")).code == 0


async def test_what_answers_and_is_no_daemon_is_told(here: Place) -> None:
    async with served(web.Application()) as port:
        ended = await here.run("deliveries", "--url", f"http://127.0.0.1:{port}")
    assert (ended.code, ended.stdout) == (1, "")
    assert "is no workflow-monitor (HTTP 404)" in ended.stderr


# --- alerts ---------------------------------------------------------------------------------------------------


async def test_alerts_lists_what_is_open_since_when_and_who_was_told(here: Place) -> None:
    ago = datetime.now(UTC) - timedelta(hours=2)
    told = Notification(
        receiver="pager", about=DeliveryKind.INCIDENT_OPENED, status=DeliveryStatus.DELIVERED, attempts=1, at=ago
    )
    not_told = Notification(
        receiver="hook", about=DeliveryKind.EVENT, status=DeliveryStatus.PENDING, attempts=3, detail="HTTP 500"
    )
    here.daemon.open = [alert(told, not_told), alert(id="77aa", name=None)]
    ended = await here.run("alerts")
    assert (ended.code, ended.stderr) == (0, "")
    head, *lines = ended.stdout.splitlines()
    assert re.split(" {2,}", head) == ["id", "severity", "type", "age", "name"]
    ids = [re.split(" {2,}", line) for line in lines if not line.startswith(" ")]
    assert [(row[0], row[-1]) for row in ids] == [("3f0c", "onboarding-reply"), ("77aa", "60dbe307")]
    assert [line.strip() for line in lines if line.startswith(" ")] == [
        "onboarding-reply terminated: step1: Invalid subaccount id.",
        "pager: acknowledged 2h ago; hook: pending (HTTP 500)",
        "onboarding-reply terminated: step1: Invalid subaccount id.",
        "no receiver gets it",
    ]
    given = json.loads((await here.run("alerts", "--json")).stdout)["alerts"]
    assert [one["id"] for one in given] == ["3f0c", "77aa"]


async def test_where_nothing_is_open_it_says_so(here: Place) -> None:
    assert await here.run("alerts") == Ended(0, "no alert is open\n", "")


# --- deliveries -----------------------------------------------------------------------------------------------


async def test_deliveries_shows_what_did_not_arrive_and_why(here: Place) -> None:
    here.daemon.outbox = [
        delivery(1, "hook", DeliveryStatus.DEAD, detail="HTTP 410: gone", done_at=NOW),
        delivery(2, "hook", DeliveryStatus.DELIVERED),
        delivery(2, "pager", DeliveryStatus.PENDING, next_try=datetime.now(UTC) + timedelta(hours=1)),
        delivery(3, "pager", DeliveryStatus.PENDING, attempts=0, detail=""),
        delivery(4, "hook", DeliveryStatus.PENDING, attempts=1, behind=3, name=LONG, summary=f"{LONG} {'no ' * 99}"),
    ]
    ended = await here.run("deliveries")
    assert (ended.code, ended.stderr) == (0, "")
    head, *lines = ended.stdout.splitlines()
    assert re.split(" {2,}", head) == ["seq", "receiver", "status", "type", "name", "tries", "age", "next try"]
    rows = [re.split(" {2,}", line) for line in lines if not line.startswith(" ")]
    assert [row[:6] for row in rows] == [
        ["2", "pager", "pending", "workflow.terminated", "w2", "3"],
        ["3", "pager", "pending", "workflow.terminated", "w3", "0"],
        ["4", "hook", "pending", "workflow.terminated", LONG[:19] + "…", "1"],
        ["1", "hook", "dead", "workflow.terminated", "w1", "3"],
    ]
    assert re.fullmatch(r"in 5\dm( \d+s)?|in 1h", rows[0][7])
    assert [row[7] for row in rows[1:]] == ["due", "after 3", "-"]
    assert [line.strip() for line in lines if line.startswith(" ")] == [
        "event: acme/d/w2", "why: HTTP 500",
        "event: acme/d/w3",
        "event: " + (LONG + " " + "no " * 99)[:108] + "…", "why: HTTP 500",
        "event: acme/d/w1", "why: HTTP 410: gone",
    ]  # fmt: skip
    assert max(map(len, lines)) <= 120
    only = await here.run("deliveries", "--dead", "--json")
    assert [(one["seq"], one["status"]) for one in json.loads(only.stdout)["deliveries"]] == [(1, "dead")]


async def test_nothing_to_show_says_so(here: Place) -> None:
    here.daemon.outbox = [delivery(2, "hook", DeliveryStatus.DELIVERED)]
    assert await here.run("deliveries") == Ended(0, "no delivery is pending or dead\n", "")
    assert await here.run("deliveries", "--dead", "--receiver", "hook") == Ended(0, "no delivery is dead\n", "")


async def test_very_many_are_counted_and_a_program_gets_all_of_them(here: Place) -> None:
    here.daemon.outbox = [delivery(seq, "hook", DeliveryStatus.DEAD) for seq in range(1, 2502)]
    shown = (await here.run("deliveries")).stdout.splitlines()
    assert len(shown) == 602
    assert shown[-1] == "and 2301 more; --json gives all of them"
    given = json.loads((await here.run("deliveries", "--json")).stdout)["deliveries"]
    assert [one["seq"] for one in given] == list(range(1, 2502))


async def test_what_was_given_up_is_tried_again(here: Place) -> None:
    here.daemon.outbox = [delivery(1, name, DeliveryStatus.DEAD) for name in ("hook", "pager", "third")]
    retry = ("deliveries", "--dead", "--retry")
    assert await here.run(*retry, "--receiver", "hook") == Ended(0, "1 delivery is tried again\n", "")
    assert await here.run(*retry) == Ended(0, "2 deliveries are tried again\n", "")
    assert await here.run(*retry) == Ended(0, "no delivery is dead: there is nothing to try again\n", "")
    assert {one.status for one in here.daemon.outbox} == {DeliveryStatus.PENDING}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deliveries", "--receiver", "nobody"), "there is no receiver 'nobody'; "),
        (("deliveries", "--retry", "--pending"), "leave out --pending"),
        (("deliveries", "--url", "ftp://127.0.0.1"), "--url: expected a URL"),
        (("deliveries", "--retry", "--url", "http://192.0.2.1:8808"), "the admin token goes by https"),
        (("drill", "--receiver", "nobody"), "hook, pager"),
    ],
    ids=["unknown receiver", "pending is retried anyway", "no web address", "token in the clear", "drill of nobody"],
)
async def test_what_does_not_do_is_2_and_says_what_would(here: Place, arguments: tuple[str, ...], said: str) -> None:
    ended = await here.run(*arguments)
    assert (ended.code, ended.stdout) == (2, "")
    assert said in ended.stderr


# --- drill ----------------------------------------------------------------------------------------------------


def hooks(urls: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": "webhook", "url": url, "timeout": "2s"} for name, url in urls.items()]


async def test_drill_tells_every_receiver_and_prints_each_answer(here: Place) -> None:
    async with receiver(http(200)) as first, receiver(http(202)) as second:
        here.settings["receivers"] = hooks({"one": f"{first.url}/s3cret-path", "two": second.url})
        here.write()
        ended = await here.run("drill")
    assert (ended.code, ended.stderr) == (0, "")
    assert re.search(r"^one \(webhook\): passed\n  opened    HTTP 200, \d+ ms\n  resolved  HTTP 200, \d+ ms$",
                     ended.stdout, re.MULTILINE)  # fmt: skip
    assert re.search(r"^two \(webhook\): passed$", ended.stdout, re.MULTILINE)
    assert len(first.requests) == len(second.requests) == 2


async def test_drill_is_1_where_a_receiver_fails_and_names_it(here: Place) -> None:
    async with receiver(http(200)) as good, receiver(http(404, "who?")) as bad:
        here.settings["receivers"] = hooks({"good": good.url, "bad": bad.url})
        here.write()
        ended = await here.run("drill")
        assert ended.code == 1
        assert ended.stderr == "workflow-monitor: the drill failed for bad\n"
        assert "bad (webhook): FAILED\n  opened    HTTP 404: who?" in ended.stdout
        assert (await here.run("drill", "--receiver", "good")).code == 0
    assert (len(good.requests), len(bad.requests)) == (4, 2)


async def test_drill_without_receivers_says_that_nobody_is_told(here: Place) -> None:
    here.settings["receivers"] = []
    here.write()
    ended = await here.run("drill")
    assert (ended.code, ended.stdout) == (2, "")
    assert "receivers: there are none" in ended.stderr
