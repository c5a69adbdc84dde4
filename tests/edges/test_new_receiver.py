"""Adding a type of receiver takes one new file, and its name in the list of types."""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import monitor
from tests.edges import pigeon_receiver
from tests.edges.notifier_kit import http, receiver

LISTED = "WebhookReceiver | "
NEXT = "from monitor.settings.receivers.receiver"
IMPORT = "from monitor.settings.receivers.pigeon import PigeonReceiver\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a copy of the program, in which the receiver `pigeon` is registered."""
    shutil.copytree(Path(monitor.__file__).parent, tmp_path / "monitor")
    types = tmp_path / "monitor/settings/receivers"
    shutil.copy(pigeon_receiver.__file__, types / "pigeon.py")
    before = (types / "__init__.py").read_text()
    assert before.count(f"    {LISTED}") == 1
    listed = before.replace(f"    {LISTED}", f"    {LISTED}PigeonReceiver | ")
    (types / "__init__.py").write_text(listed.replace(NEXT, IMPORT + NEXT, 1))
    return tmp_path


class Ended(NamedTuple):
    code: int
    output: str


async def run(program: Path, *command: str, **entry: str) -> Ended:
    """A command of the copy, with one receiver in its settings."""
    (program / "key").write_text("k3y\n")
    (program / "watchlist.yaml").write_text("targets: [{account: acme, definition: d, workflow: w}]")
    config = {"accounts": [{"id": "acme", "api_key_file": "key"}], "receivers": [entry]}
    (program / "monitor.yaml").write_text(yaml.safe_dump(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", *command, "--config", "monitor.yaml", cwd=program,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return Ended(process.returncode or 0, output.decode())


async def test_a_drill_is_delivered_by_it(program: Path) -> None:
    async with receiver(http(200)) as service:
        drill = await run(program, "drill", name="loft", type="pigeon", url=service.url, loft="north")
    assert drill.code == 0, drill.output
    assert "loft (pigeon): passed" in drill.output
    opened, over = (json.loads(request.body) for request in service.requests)
    assert (opened["news"], over["news"], opened["loft"]) == ("open", "over", "north")
    assert opened["key"] == over["key"]
    assert "DRILL" in opened["title"]


async def test_its_keys_are_checked_and_other_types_do_not_take_them(program: Path) -> None:
    wrong = await run(program, "check", name="loft", type="pigeon", url="http://pigeon.example", lofts="north")
    assert wrong.code == 2
    assert "https" in wrong.output
    assert "lofts" in wrong.output
    other = await run(program, "check", name="hook", type="webhook", url="https://hook.example", loft="north")
    assert "'loft' is for pigeon" in other.output
