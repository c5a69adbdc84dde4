"""Every settings file that is shipped loads, and `check` has nothing against it."""

import re
import shutil
from pathlib import Path

import pytest

from monitor.settings import ConfigurationError, load_settings
from monitor.settings.fingerprint import fingerprint
from tests.crash.running import command
from tests.deploy.shipped import DEPLOY

SHIPPED = sorted(DEPLOY.rglob("monitor.yaml"))
BY_FILE = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.parent.relative_to(DEPLOY)))
SECRETS = re.compile(r"/run/(?:secrets|credentials)\S*")


def copied(path: Path, folder: Path) -> Path:
    """The settings and what lies beside them, with fake secrets in place of those that a deployment mounts."""
    shutil.copytree(path.parent, folder / "settings")
    settings = folder / "settings" / path.name
    (folder / "key").write_text("no-real-key\n", "utf-8")
    settings.write_text(SECRETS.sub(str(folder / "key"), settings.read_text("utf-8")), "utf-8")
    return settings


def test_there_is_one_for_each_way_to_run_it() -> None:
    assert {str(path.parent.relative_to(DEPLOY)) for path in SHIPPED} == {
        "compose/real",
        "compose/simulated",
        "kubernetes/base/settings",
        "systemd",
    }


@BY_FILE
def test_shipped_settings_load_and_tell_somebody(path: Path, tmp_path: Path) -> None:
    settings = load_settings(copied(path, tmp_path), {})
    assert settings.receivers
    assert settings.accounts


@BY_FILE
async def test_check_has_nothing_against_them(path: Path, tmp_path: Path) -> None:
    ended = await command("check", "--config", str(copied(path, tmp_path)))
    assert ended.code == 0, ended.stderr


@pytest.mark.parametrize("path", [path for path in SHIPPED if SECRETS.search(path.read_text("utf-8"))])
def test_without_its_key_it_says_which_file_is_missing(path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})
    [line] = caught.value.errors
    assert "accounts[0].api_key_file" in line


def test_the_swap_of_the_shipped_config_map_is_seen(tmp_path: Path) -> None:
    """As the kubelet does it: a new folder of the same names, and then one rename."""
    first = copied(DEPLOY / "kubernetes" / "base" / "settings" / "monitor.yaml", tmp_path)
    mounted = tmp_path / "mounted"
    shutil.copytree(first.parent, mounted / "..1")
    shutil.copytree(first.parent, mounted / "..2")
    target = "targets: [{definition: d, workflow: w, account: acme}]\n"
    (mounted / "..2" / "watchlist.yaml").write_text(target, "utf-8")
    (mounted / "..data").symlink_to("..1")
    for name in ("monitor.yaml", "watchlist.yaml"):
        (mounted / name).symlink_to(f"..data/{name}")
    before = load_settings(mounted / "monitor.yaml", {})
    (mounted / "..new").symlink_to("..2")
    (mounted / "..new").rename(mounted / "..data")
    assert fingerprint(before.files) != before.fingerprint
    assert len(load_settings(mounted / "monitor.yaml", {}).watchlist.targets) == 1
