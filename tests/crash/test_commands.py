"""Every command of the command line as a process: what it prints, and its exit code."""

import contextlib
import itertools
import json
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import yaml
from jsonschema import Draft202012Validator

from monitor import __version__
from monitor.sim import script_builders
from monitor.sim.scenario_builders import ACME, GLOBEX, role, scene
from tests.crash.running import Ended, Station, command, eventually, process, station

COMMANDS = (
    "run",
    "check",
    "demo",
    "simulate",
    "status",
    "definitions",
    "schema",
    "alerts",
    "close",
    "deliveries",
    "drill",
    "init",
)
ONE = scene(
    "one",
    role(
        "onboarding-reply", "lopez", script_builders.fault("onboarding-reply", "step1", "Invalid subaccount id.", 10.0)
    ),
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path, ONE) as served:
        served.write()
        yield served


# --- usage ----------------------------------------------------------------------------------------------------


async def test_help_names_every_command() -> None:
    ended = await command("--help")
    assert ended.code == 0
    assert ended.stderr == ""
    assert all(re.search(rf"^    {name}\b", ended.stdout, re.MULTILINE) for name in COMMANDS)


async def test_the_version_is_told() -> None:
    assert await command("--version") == Ended(0, f"workflow-monitor {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        [],
        ["demo", "--duration", "soon"],
        ["simulate", "--port", "70000"],
        ["simulate", "--port", "0", "--population", "0"],
        ["simulate", "--port", "0", "--population", "9", "--lifetime", "0s"],
        ["simulate", "--port", "0", "--population", "9", "--wave", "1"],
        ["simulate", "--port", "0", "--population", "9", "--scenario", "calm"],
        ["status", "acme", "one/two", "three"],
        ["definitions"],
        ["definitions", "a/b"],
        ["close"],
        ["close", "one/two"],
        ["drill", "--hold", "long"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
async def test_wrong_usage_is_2_and_says_what_is_right(arguments: list[str]) -> None:
    ended = await command(*arguments)
    assert ended.code == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("usage: workflow-monitor")
    assert "Traceback" not in ended.stderr


# --- configuration --------------------------------------------------------------------------------------------


async def test_check_prints_what_the_budget_buys(here: Station) -> None:
    ended = await command("check", "--config", str(here.config))
    assert ended.code == 0
    assert "acme" in ended.stdout
    assert "needed    5 requests/s" in ended.stdout


async def test_check_says_who_gets_what(here: Station) -> None:
    ended = await command("check", "--config", str(here.config))
    receivers = ended.stdout[ended.stdout.index("receivers:") :]
    assert receivers.splitlines() == [
        "receivers:",
        "  oncall (webhook): every event by itself; warning and above, of every type",
    ]


async def test_check_lists_what_is_discovered_and_misses_no_target_then(here: Station) -> None:
    (here.folder / "watchlist.yaml").write_text("""\
defaults: {account: acme}
discover:
  - {definition: "*", exclude: [d, e], versions: latest}
  - {definition: d, name: orders, versions: [3, 4], interval: 10s, step_interval: 5m, max_instances: 5000}
""")
    ended = await command("check", "--config", str(here.config))
    assert (ended.code, "watchlist:" in ended.stderr) == (0, False)
    place = f"{here.folder / 'watchlist.yaml'}: discover"
    assert ended.stdout[ended.stdout.index("discoveries:") :].splitlines()[:3] == [
        "discoveries: 2",
        (
            "  every active definition of acme but 2: the latest version, ends every 200ms, if the budget allows it;"
            f" up to 200,000 instances ({place}[0])"
        ),
        (
            "  orders of acme: versions 3, 4, ends every 10s, steps every 5m, if the budget allows it;"
            f" up to 5,000 instances ({place}[1])"
        ),
    ]
    assert "accounts[0]: no target" not in ended.stderr
    assert "accounts[1]: no target and no discovery is in the account globex" in ended.stderr


async def test_check_prints_what_the_budget_buys_for_discoveries_and_what_it_supposes(here: Station) -> None:
    (here.folder / "watchlist.yaml").write_text("""\
defaults: {account: acme}
discover:
  - {definition: "*", interval: 30s}
  - {definition: d, name: orders, interval: 10s, step_interval: 1s}
""")
    ended = await command("check", "--config", str(here.config))
    lines = ended.stdout.splitlines()
    assert lines[0] == (
        "account acme: if 1,000 instances of each definition run, * stands for 10 of them (--online counts them)"
    )
    assert "requests/s for the intervals that are wanted" in lines[1]
    assert "of 10: the rest is for explanations and confirmations" in lines[2]
    assert lines[3].startswith("  *: ends seen within ")
    assert lines[4].startswith("  orders: ends seen within ")
    assert "D* =" in lines[5]
    assert lines[6].startswith("  WARNING: the promised intervals need 1,00")


async def test_check_counts_online_what_discoveries_find(here: Station) -> None:
    (here.folder / "watchlist.yaml").write_text('discover: [{definition: "*", account: acme, step_interval: 100ms}]\n')
    ended = await command("check", "--online", "--config", str(here.config))
    assert ended.code == 0
    head = ended.stdout.splitlines()[0]
    assert re.fullmatch(r"account acme: \d+ definitions, \d+ instances that run now", head)
    assert "steps seen within" in ended.stdout
    assert "WARNING" in ended.stdout


async def test_check_warns_of_what_is_likely_forgotten_and_strictly_refuses_it(here: Station) -> None:
    (here.folder / "watchlist.yaml").write_text("targets: []")
    for key, mode in ((f"key-{ACME.id}", 0o644), (f"key-{GLOBEX.id}", 0o640)):
        (here.folder / key).chmod(mode)
    settings = yaml.safe_load(here.config.read_text())
    here.config.write_text(yaml.safe_dump({key: value for key, value in settings.items() if key != "receivers"}))
    lax, strict = [await command("check", "--config", str(here.config), *more) for more in ((), ("--strict",))]
    warned = lax.stderr.splitlines()
    assert lax.code == 0
    assert [line.split(": ")[2] for line in warned] == [
        "receivers",
        "heartbeat",
        "server.external_url",
        "watchlist",
        "accounts[0].api_key_file",
    ]
    assert (strict.code, strict.stderr.splitlines()) == (2, [line.removeprefix("warning: ") for line in warned])


async def test_check_warns_of_a_watchlist_that_has_lost_what_the_daemon_watches(here: Station) -> None:
    check = ("check", "--config", str(here.config))
    async with here.run() as daemon:
        await eventually(
            lambda: daemon.running.lines("stopped") or (here.folder / "monitor.db-wal").exists(), "the store"
        )
        await eventually(lambda: daemon.running.lines("poll", outcome="ok"), "a poll")
        daemon.running.signal(signal.SIGTERM)
        await daemon.running.ended()
    whole = await command(*check)
    here.watch(here.targets[0]._replace(workflow="0" * 24))
    cut = await command(*check)
    assert "that ran of late" not in whole.stderr
    assert "watchlist: 1 of the 1 targets that ran of late are not in it" in cut.stderr
    assert cut.code == 0


async def test_check_tries_the_key_of_each_account_once_where_it_is_asked_to(here: Station) -> None:
    key, api = here.folder / f"key-{ACME.id}", here.settings["api"]["base_url"]
    ended = await command("check", "--online", "--config", str(here.config))
    assert ended.code == 0
    assert f"account acme: {api} takes the key in {key}" in ended.stdout
    key.write_text("another\n")
    ended = await command("check", "--online", "--config", str(here.config))
    assert ended.code == 2
    asked = f"asked {api}, account acme, by the key in {key}"
    error = ended.stderr.splitlines()[-1]
    assert error.startswith(f"{here.config}: accounts[0]: unauthorized: 401 4010 Unauthorized; {asked}")
    assert ACME.key not in ended.stdout + ended.stderr


async def test_the_variable_names_the_file_too(here: Station) -> None:
    assert (await command("check", environ={"MONITOR_CONFIG": str(here.config)})).code == 0


@pytest.mark.parametrize("name", ["check", "run"])
async def test_every_error_of_the_configuration_is_told_by_place(here: Station, name: str) -> None:
    here.settings["polling"] = {"interval": "soon", "colour": "red"}
    here.config.write_text(yaml.safe_dump(here.settings))
    (here.folder / "watchlist.yaml").write_text("targets: [{workflow: w, account: nobody}]")
    ended = await command(name, "--config", str(here.config))
    assert ended.code == 2
    assert ended.stdout == ""
    settings, watchlist = str(here.config), str(here.folder / "watchlist.yaml")
    places = [line.split(": ")[:2] for line in ended.stderr.splitlines()]
    assert [settings, "polling.interval"] in places
    assert [settings, "polling.colour"] in places
    assert [watchlist, "targets[0].account"] in places
    assert [watchlist, "targets[0].definition"] in places
    assert "Traceback" not in ended.stderr


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    ended = await command("run", "--config", "nowhere.yaml", cwd=tmp_path)
    assert ended.code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("nowhere.yaml: there is no such file; ")
    assert all(word in line for word in ("--config", "workflow-monitor init", "workflow-monitor demo"))


async def test_a_secret_that_cannot_be_read_is_told_by_its_place_in_the_file(here: Station) -> None:
    (here.folder / f"key-{ACME.id}").unlink()
    ended = await command("run", "--config", str(here.config))
    assert ended.code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{here.config}: accounts[0].api_key_file: ")
    assert ACME.key not in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["check", "run", "status"])
async def test_a_key_that_cannot_be_sent_is_told_before_anything_is_done(here: Station, name: str) -> None:
    (here.folder / f"key-{ACME.id}").write_text("a blank\n")
    instance = (ACME.id, "d", "w") if name == "status" else ()
    ended = await command(name, *instance, "--config", str(here.config))
    assert ended.code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{here.config}: accounts[0].api_key_file: character 2 cannot stand in a header")


@pytest.mark.parametrize("content", ["newer", "no database"])
async def test_a_database_that_cannot_be_used_is_told_in_one_line_and_left_alone(here: Station, content: str) -> None:
    file = here.folder / "monitor.db"
    if content == "newer":
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            database.execute("INSERT INTO alembic_version VALUES ('9999')")
            database.commit()
    else:
        file.write_bytes(b"The store of another program." * 1000)
    before = file.read_bytes()
    ended = await command("run", "--config", str(here.config))
    assert ended.code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("workflow-monitor: store.url: ")
    if content != "newer":
        assert file.read_bytes() == before


async def test_a_database_in_a_folder_that_is_not_there_is_told_in_one_line(here: Station) -> None:
    here.settings["store"] = {"url": f"sqlite:///{here.folder}/nowhere/monitor.db"}
    here.write()
    ended = await command("run", "--config", str(here.config))
    assert ended.code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("workflow-monitor: store.url: ")


# --- schema ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["settings", "watchlist", "event"])
async def test_schemas_are_json_schemas(what: str) -> None:
    ended = await command("schema", what)
    assert (ended.code, ended.stderr) == (0, "")
    Draft202012Validator.check_schema(json.loads(ended.stdout))


# --- init -----------------------------------------------------------------------------------------------------


async def test_init_writes_what_check_accepts_once_there_is_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "place"
    ended = await command("init", str(folder), "--account", 'a: "b"')
    assert (ended.code, ended.stderr) == (0, "")
    assert sorted(file.name for file in folder.iterdir()) == ["monitor.yaml", "watchlist.yaml"]
    assert f"workflow-monitor run --config {folder}/monitor.yaml" in ended.stdout
    check = ("check", "--config", str(folder / "monitor.yaml"))
    keyless, ended = [await command(*check, environ=environ) for environ in ({}, {"MONITOR_API_KEY": "k"})]
    assert keyless.code == 2
    assert [line.split(": ")[1] for line in keyless.stderr.splitlines()] == ["accounts[0]"]
    assert ended.code == 0
    assert 'every active definition of a: "b": all versions' in ended.stdout
    assert "watchlist:" not in ended.stderr


async def test_the_examples_that_init_comments_out_are_right(tmp_path: Path) -> None:
    await command("init", str(tmp_path), "--account", "acme")
    for name in ("monitor.yaml", "watchlist.yaml"):
        file = tmp_path / name
        kept = [line for line in file.read_text().splitlines() if line not in ("receivers: []", "targets: []")]
        shown = [re.sub(r"^( *)# (?=[ a-z_-]+:)", r"\1", line) for line in kept]
        file.write_text("\n".join(line for line in shown if "api_key_" not in line))
    (tmp_path / "admin_token").write_text("t0k3n")
    (tmp_path / "admin_token").chmod(0o600)
    ended = await command("check", "--config", str(tmp_path / "monitor.yaml"), environ={"MONITOR_API_KEY": "k"})
    assert (ended.code, ended.stderr) == (0, "")


@pytest.mark.parametrize("name", ["monitor.yaml", "watchlist.yaml"])
async def test_init_overwrites_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    ended = await command("init", str(tmp_path), "--account", "acme")
    assert (ended.code, ended.stdout) == (2, "")
    assert f"{tmp_path} has {name} already" in ended.stderr
    assert len(list(tmp_path.iterdir())) == 1  # noqa: ASYNC240 - nothing else runs here
    assert (tmp_path / name).read_text() == "mine"


# --- status ---------------------------------------------------------------------------------------------------


def _status(here: Station, *more: str, workflow: str | None = None) -> list[str]:
    one = here.targets[0]
    return ["status", one.account, one.definition, workflow or one.workflow, *more, "--config", str(here.config)]


async def test_status_shows_a_person_the_instance_its_errors_and_its_steps(here: Station) -> None:
    here.t = 20.0
    ended = await command(*_status(here))
    assert (ended.code, ended.stderr) == (0, "")
    assert re.search(r"^status +Terminated \(it faulted\)$", ended.stdout, re.MULTILINE)
    assert re.search(r"^error +step1: Invalid subaccount id\.$", ended.stdout, re.MULTILINE)
    assert re.search(r"^step1 +Failed ", ended.stdout, re.MULTILINE)


async def test_status_gives_a_program_json(here: Station) -> None:
    here.t = 20.0
    ended = await command(*_status(here, "--json"))
    assert (ended.code, ended.stderr) == (0, "")
    shown = json.loads(ended.stdout)
    assert shown["status"] == "Terminated"
    assert shown["workflow"] == here.targets[0].workflow
    assert [(error["step"], error["message"]) for error in shown["errors"]] == [("step1", "Invalid subaccount id.")]
    assert [(step["name"], step["status"]) for step in shown["steps"]] == [("step1", "Failed")]
    assert "payload" not in ended.stdout


async def test_status_of_what_the_api_does_not_know_is_1(here: Station) -> None:
    ended = await command(*_status(here, workflow="0" * 24))
    assert (ended.code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("workflow-monitor: not_found: ")
    assert f"asked {here.settings['api']['base_url']}, account acme, by the key in {here.folder}/key-acme" in line


async def test_status_of_an_account_that_is_not_configured_is_2(here: Station) -> None:
    ended = await command("status", "nobody", "d", "w", "--config", str(here.config))
    assert (ended.code, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1


# --- demo and simulate ----------------------------------------------------------------------------------------


async def test_the_demo_tells_events_and_ends(tmp_path: Path) -> None:
    ended = await command("demo", "--duration", "5s", "--port", "0", cwd=tmp_path)
    assert (ended.code, ended.stderr) == (0, "")
    assert re.search(r"^Metrics: http://127\.0\.0\.1:\d+/metrics", ended.stdout, re.MULTILINE)
    fault = r"^[\d:]{8}  critical  onboarding-reply/[0-9a-f]{24} terminated: step1: Invalid"
    assert re.search(fault, ended.stdout, re.MULTILINE)


async def test_the_demo_finds_what_it_watches_by_discovery_and_says_so(tmp_path: Path) -> None:
    ended = await command("demo", "--duration", "4s", "--port", "0", cwd=tmp_path)
    assert ended.stdout.startswith("Watching every workflow instance of 2 simulated accounts by discovery")
    assert " completed  (seen " in ended.stdout


async def test_the_demo_shows_what_on_call_gets_and_what_takes_too_long() -> None:
    async with process("demo", "--port", "0") as running:

        def said(text: str) -> bool:
            return re.search(text, running.stdout) is not None or not running.lives

        for text in (
            r"    \| CRITICAL: onboarding-reply/\w+ terminated: step1: Invalid",
            r"survey-oslo is overdue: ",
            r"survey-lima: step wait_for_reply has been WaitingForEvent for ",
        ):
            await eventually(partial(said, text), text, within=60.0)
        assert running.lives, running.stderr


async def test_the_demo_says_how_to_choose_another_port(tmp_path: Path) -> None:
    async with process("demo", "--port", "0") as running:
        await eventually(lambda: "Metrics: " in running.stdout or not running.lives, "the address")
        port = running.stdout.partition("Metrics: http://127.0.0.1:")[2].partition("/")[0]
        ended = await command("demo", "--port", port, cwd=tmp_path)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"workflow-monitor: --port: cannot listen on 127.0.0.1:{port}")


async def test_simulate_serves_the_api_that_it_prints() -> None:
    async with process("simulate", "--port", "0", "--scenario", "calm") as running:
        await eventually(lambda: "http://" in running.stdout or not running.lives, "the address")
        await eventually(lambda: running.stdout.count("\n") > 3 or not running.lives, "an instance")
        address, key, *_ = re.findall(r"http://\S+|(?<=acme: )\S+", running.stdout)
        account, definition, workflow = next(
            line.split()[:3] for line in running.stdout.splitlines() if line.startswith("  acme ")
        )
        path = f"/api/v1/accounts/{account}/definitions/{definition}/workflows/{workflow}"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            answer = await session.get(address + path)
            assert answer.status == 200
            assert (await answer.json())["workflowId"] == workflow


async def test_simulate_serves_as_many_instances_as_it_is_asked_for() -> None:
    options = ("--population", "400", "--definitions", "2", "--versions", "3", "--rate-limit", "50", "--seed", "7")
    async with process("simulate", "--port", "0", *options) as running:
        await eventually(lambda: "  journey-001" in running.stdout or not running.lives, "the definitions")
        address, key = re.findall(r"http://\S+|(?<=traffic: )\S+", running.stdout)
        known = re.findall(r"^  traffic (\S+)  journey-00[01]$", running.stdout, re.MULTILINE)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            rows = []
            for definition, version in itertools.product(known, (1, 2, 3)):
                path = f"/api/v1/accounts/traffic/definitions/{definition}/workflows"
                query = {"version": str(version), "status": "Runnable", "limit": "500"}
                rows.extend(await (await session.get(address + path, params=query)).json())
            statuses = [(await session.get(address + path, params={"limit": "1"})).status for _ in range(60)]
    assert 300 < len(rows) < 500
    assert 429 in statuses


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--zipf", "1"), "--zipf: only with --population N"),
        (("--storm", "9"), "--storm: only with --population N"),
        (("--population", "9", "--storm-at", "1m"), "--storm-at: only with --storm N"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_simulate_says_which_option_lacks_another(options: tuple[str, ...], said: str) -> None:
    assert await command("simulate", "--port", "0", *options) == Ended(2, "", f"workflow-monitor: {said}\n")
