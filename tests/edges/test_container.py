"""The image asks after the monitor where the monitor is, whatever the settings file says."""

import asyncio
import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from monitor.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def _environ() -> dict[str, str]:
    """What the image sets for the monitor."""
    return dict(re.findall(r"\b(MONITOR_\w+)=(\S+)", DOCKERFILE))


def _health_check() -> list[str]:
    line = re.search(r"^HEALTHCHECK.*?CMD (\[.*?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert line is not None
    command: list[str] = json.loads(line[1])
    assert command[0] == "python3"
    return [sys.executable, *command[1:]]


def test_the_image_decides_where_the_pages_are(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text("accounts: [{id: acme}]\nserver: {host: 127.0.0.1, port: 9000}\n")
    (tmp_path / "watchlist.yaml").write_text("targets: []\n")
    server = load_settings(tmp_path / "monitor.yaml", _environ() | {"MONITOR_API_KEY": "k"}).server
    assert server.host == "0.0.0.0"  # noqa: S104 - compared, not listened on
    assert f"EXPOSE {server.port}\n" in DOCKERFILE


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_the_health_check_asks_at_the_port_of_the_variable(status: int, code: int) -> None:
    async def healthy(_: web.Request) -> web.Response:
        return web.Response(status=status)

    application = web.Application()
    application.router.add_get("/-/healthy", healthy)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        check = await asyncio.create_subprocess_exec(
            *_health_check(),
            env={"MONITOR_SERVER__PORT": str(runner.addresses[0][1])},
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await check.wait() == code
    finally:
        await runner.cleanup()


# --- what the build is told of this machine ---------------------------------------------------------------------


PIP_CONF = """
[global]
index-url = https://old.example/simple
constraint = /etc/constraints.txt
find-links = /opt/wheels
cert = /etc/ca.pem
extra-index-url = file:///opt/pypi/simple https://more.example/simple
[install]
index-url = https://index.example/simple
user = yes
"""


def _told(folder: Path, **environ: str) -> dict[str, str]:
    """What the build gets of pip's settings."""
    alone = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_DIRS": str(folder)}
    command = [sys.executable, str(ROOT / "deploy" / "container" / "pip-settings")]
    said = subprocess.run(command, env=alone | environ, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    parser = configparser.RawConfigParser()
    parser.read_string(said.stdout)
    assert parser.sections() == ["global"]
    return dict(parser["global"])


def test_the_build_is_told_where_the_index_is_and_nothing_that_only_this_machine_has(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(PIP_CONF)
    told = _told(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert told["index-url"] == "https://index.example/simple"
    assert told["extra-index-url"] == "https://more.example/simple"
    assert not {"constraint", "find-links", "cert", "user"} & set(told)


def test_variables_of_pip_precede_its_files(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(PIP_CONF)
    environ = {
        "PIP_INDEX_URL": "https://mine.example/simple",
        "PIP_CONSTRAINT": "/etc/c",
        "PIP_PROXY": "http://proxy:1",
    }
    told = _told(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"), **environ)
    assert told["index-url"] == "https://mine.example/simple"
    assert told["proxy"] == "http://proxy:1"
    assert "constraint" not in told


def test_a_machine_without_settings_of_pip_tells_nothing(tmp_path: Path) -> None:
    assert _told(tmp_path, PIP_CONFIG_FILE=os.devnull) == {}


# --- the rules of the image -----------------------------------------------------------------------------------


def _stages() -> tuple[str, str]:
    build, run = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]
    return build, run


def test_what_is_installed_is_named_by_hashes_and_the_package_is_built_without_an_index() -> None:
    build, _ = _stages()
    commands = re.split(r"&&|\n", build.replace("\\\n", " "))
    asked = [line for line in commands if re.search(r"pip .*(install|wheel) ", line)]
    assert len(asked) == 4
    assert all("--require-hashes" in line or "--no-index" in line for line in asked)
    assert all("--no-deps" in line for line in asked)


def test_what_runs_installs_nothing_and_is_nobody() -> None:
    _, run = _stages()
    assert not re.search(r"pip install|apt-get|curl|ADD ", run)
    assert "USER 10001:10001\n" in run
    assert re.findall(r"^VOLUME (.*)$", run, re.MULTILINE) == re.findall(r"^WORKDIR (.*)$", run, re.MULTILINE)


def test_the_monitor_is_the_first_process() -> None:
    assert 'ENTRYPOINT ["workflow-monitor"]\n' in DOCKERFILE
    assert "STOPSIGNAL SIGTERM\n" in DOCKERFILE


def test_the_image_says_what_it_is() -> None:
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in DOCKERFILE
    assert "ARG VERSION" in DOCKERFILE
    assert "ARG REVISION" in DOCKERFILE


def test_no_secret_stays_in_a_layer() -> None:
    assert "ARG PIP" not in DOCKERFILE
    assert not re.search(r"\b(ENV|ARG) .*(KEY|TOKEN|SECRET|INDEX)", DOCKERFILE)
    assert set(re.findall(r"type=secret,id=(\w+)", DOCKERFILE)) == {"ca", "pip"}
