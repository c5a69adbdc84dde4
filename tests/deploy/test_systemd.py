"""The unit: what systemd itself says of it."""

import shutil
import sys
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


async def _check(folder: Path, *arguments: str) -> tuple[int, str]:
    """The shipped check of the settings in a folder, as root runs it before the first start."""
    program = f"PROGRAM={Path(sys.executable).parent / 'workflow-monitor'}"
    return await said("env", f"FOLDER={folder}", program, str(FOLDER / "check"), *arguments)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of the settings as the instructions make it."""
    for name in ("monitor.yaml", "watchlist.yaml"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "acme").write_text("key\n", "utf-8")
    return tmp_path


async def test_the_settings_can_be_checked_before_the_first_start(installed: Path) -> None:
    code, text = await _check(installed)
    assert code == 0, text
    assert _names(installed) == ["keys", "monitor.yaml", "watchlist.yaml"]


async def test_the_check_says_which_key_is_missing_and_leaves_nothing_behind(installed: Path) -> None:
    (installed / "keys" / "acme").unlink()
    code, text = await _check(installed)
    assert code == 2
    assert "accounts[0].api_key_file" in text
    assert _names(installed) == ["keys", "monitor.yaml", "watchlist.yaml"]


def test_every_credential_is_kept_where_the_check_looks_for_it() -> None:
    for credential in directive("LoadCredential"):
        name, _, path = credential.partition(":")
        assert path == f"/etc/workflow-monitor/keys/{name}"


def test_a_hangup_at_the_start_is_no_clean_end() -> None:
    assert directive("RestartForceExitStatus") == ["SIGHUP"]
