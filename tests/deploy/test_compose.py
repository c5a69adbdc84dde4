"""The compose file: what it mounts is there, nothing is open to others, nothing has more rights than it needs."""

import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from monitor import __version__
from monitor.sim.scenario import watched
from monitor.sim.scenarios import SCENARIOS
from tests.deploy.programs import prometheus, said
from tests.deploy.shipped import DEPLOY, PROMETHEUS, RUNBOOK, tree

COMPOSE = DEPLOY / "compose"
FILE = tree(COMPOSE / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
BY_SERVICE = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def _mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Source, destination and mode; a variable in the source is what it is by default."""
    written = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount) for mount in service.get("volumes", ())]
    parts = [[*mount.split(":"), "rw"] for mount in written]
    return [(part[0], part[1], part[2]) for part in parts]


@BY_SERVICE
def test_a_service_is_confined(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices", "user"} & set(service)
    assert service.get("network_mode") in {None, "service:simulator"}
    assert not any("docker.sock" in source for source, _, _ in _mounts(service))


@BY_SERVICE
def test_a_service_is_published_to_this_machine_only(service: dict[str, Any]) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service.get("ports", ()))


@BY_SERVICE
def test_a_service_has_one_version_of_its_image_and_a_health_check(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert service["image"].endswith(f":{__version__}") == ("build" in service)
    assert service["healthcheck"]["test"][0] == "CMD"
    assert set(service["profiles"]) <= {"real", "simulator"}


@BY_SERVICE
def test_what_is_mounted_is_there_and_is_only_read(service: dict[str, Any]) -> None:
    for source, _, mode in _mounts(service):
        if source.startswith("."):
            assert (COMPOSE / source).exists(), source
            assert mode == "ro"
        else:
            assert source in FILE["volumes"]
            assert mode == "rw"


def test_each_profile_has_one_monitor_that_prometheus_finds() -> None:
    [job] = tree(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    for profile in ("real", "simulator"):
        here = {key: service for key, service in SERVICES.items() if profile in service["profiles"]}
        named = [key for key, service in here.items() if key == name or name in _aliases(service)]
        assert len(named) == 1
        assert f"127.0.0.1:{port}:{port}" in here[named[0]]["ports"]
        assert {"prometheus", "alertmanager", "grafana"} <= set(here)


def _aliases(service: dict[str, Any]) -> list[str]:
    aliases: list[str] = service.get("networks", {}).get("default", {}).get("aliases", [])
    return aliases


async def test_the_runbook_is_where_the_links_of_the_rules_begin(tmp_path: Path) -> None:
    base = tree(PROMETHEUS / "prometheus.yml")["global"]["external_labels"]["runbook_base"]
    address, _, path = base.rpartition("/")
    assert f"127.0.0.1:{address.rpartition(':')[2]}:9090" in SERVICES["prometheus"]["ports"]
    [folder] = [flag.partition("=")[2] for flag in SERVICES["prometheus"]["command"] if "user-assets" in flag]
    assert ("../RUNBOOK.md", f"{folder}/RUNBOOK.md", "ro") in _mounts(SERVICES["prometheus"])
    (tmp_path / "prometheus.yml").write_text("{}\n")
    async with (
        prometheus(tmp_path / "prometheus.yml", f"--web.user-assets={RUNBOOK.parent}") as running,
        aiohttp.ClientSession() as session,
        session.get(f"{running.address}/{path}/RUNBOOK.md") as answer,
    ):
        assert await answer.text() == RUNBOOK.read_text("utf-8")


def test_prometheus_and_grafana_find_one_another() -> None:
    settings = tree(PROMETHEUS / "prometheus.yml")
    [alertmanager] = settings["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert alertmanager.partition(":")[0] in SERVICES
    [source] = tree(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    environment = SERVICES["grafana"]["environment"]
    assert source["url"] == "${PROMETHEUS_URL}"
    assert environment["PROMETHEUS_URL"] == "http://prometheus:9090"
    [dashboards] = tree(DEPLOY / "grafana" / "provisioning" / "dashboards" / "workflow-monitor.yml")["providers"]
    assert dashboards["options"]["path"] in {destination for _, destination, _ in _mounts(SERVICES["grafana"])}


def test_the_simulated_watchlist_is_the_scenario_that_is_simulated() -> None:
    scenario = SCENARIOS[SERVICES["simulator"]["command"][-1]]()
    written = tree(COMPOSE / "simulated" / "watchlist.yaml")["targets"]
    assert written == [target._asdict() for target in watched(scenario)]
    for account in scenario.accounts:
        assert (COMPOSE / "simulated" / f"key-{account.id}").read_text("utf-8") == account.key + "\n"


async def test_amtool_accepts_the_alertmanager_that_tells_nobody() -> None:
    code, text = await said("amtool", "check-config", str(COMPOSE / "alertmanager.yml"))
    assert code == 0, text


@pytest.mark.parametrize("profile", ["real", "simulator"])
async def test_docker_compose_accepts_the_file(profile: str, tmp_path: Path) -> None:
    if shutil.which("docker") is None or (await said("docker", "compose", "version"))[0] != 0:
        pytest.skip("docker compose is not installed")
    code, text = await said("docker", "compose", "--profile", profile, "config", "--quiet", cwd=COMPOSE)
    assert code == 0, text
