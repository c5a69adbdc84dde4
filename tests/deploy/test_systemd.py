"""The unit: what systemd itself says of it."""

import shutil
from pathlib import Path

import pytest

from tests.deploy.programs import said
from tests.deploy.shipped import DEPLOY, tree

FOLDER = DEPLOY / "systemd"
NAME = "workflow-monitor.service"
UNIT = (FOLDER / NAME).read_text("utf-8")
EXPOSURE = 15
"""Of 100, what `systemd-analyze security` may say at most."""


def directive(name: str) -> list[str]:
    """Every value of it."""
    return [line.partition("=")[2] for line in UNIT.splitlines() if line.startswith(f"{name}=")]


@pytest.fixture
def _analyze() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")


@pytest.mark.usefixtures("_analyze")
async def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """With a program that is there: whether it is installed is the machine's affair."""
    here = tmp_path / NAME
    here.write_text(UNIT.replace("/opt/workflow-monitor/bin/workflow-monitor", "/bin/true"), "utf-8")
    code, text = await said("systemd-analyze", "verify", "--man=no", str(here))
    assert (code, [line for line in text.splitlines() if NAME in line]) == (0, [])


@pytest.mark.usefixtures("_analyze")
async def test_the_unit_is_exposed_to_little() -> None:
    code, text = await said(
        "systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE}", str(FOLDER / NAME)
    )
    if "unrecognized option" in text:
        pytest.skip("this systemd cannot judge a unit that it does not run")
    assert code == 0, text


def test_a_reload_is_a_hangup_and_a_mistake_is_not_tried_again() -> None:
    assert directive("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert directive("Restart") == ["on-failure"]
    assert directive("RestartPreventExitStatus") == ["2"]


def test_the_settings_name_the_credential_that_the_unit_loads() -> None:
    [credential] = directive("LoadCredential")
    [account] = tree(FOLDER / "monitor.yaml")["accounts"]
    assert account["api_key_file"] == f"/run/credentials/{NAME}/{credential.partition(':')[0]}"


def test_the_store_lies_in_the_folder_that_the_unit_makes() -> None:
    [state] = directive("StateDirectory")
    assert f"MONITOR_STORE__URL=sqlite:////var/lib/{state}/monitor.db" in directive("Environment")
    assert directive("WorkingDirectory") == [f"/var/lib/{state}"]
