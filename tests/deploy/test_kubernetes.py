"""The manifests: valid to Kubernetes' own schemas, whole, and as confined as they say."""

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy.programs import program, said
from tests.deploy.shipped import DEPLOY, RULES, tree

KUBERNETES = DEPLOY / "kubernetes"
BASE = KUBERNETES / "base"
OPERATOR = KUBERNETES / "overlays" / "prometheus-operator"
FOLDERS = [BASE, *sorted((KUBERNETES / "overlays").iterdir())]
MANIFESTS = sorted(path for folder in FOLDERS for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
OF_THE_OPERATOR = "monitoring.coreos.com"
PORT = 8808
OLDEST, NEWEST = "1.29", "1.37"
_CONFIGMAP = 1024 * 1024
"""Bytes of all its data, at most."""


@functools.cache
def manifest(name: str, folder: Path = BASE) -> Any:
    return tree(folder / f"{name}.yaml")


def pod() -> Any:
    return manifest("deployment")["spec"]["template"]["spec"]


def container() -> Any:
    [only] = pod()["containers"]
    return only


def _valid(resource: Any) -> None:
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize(("targets", "fits"), [(8_500, True), (9_500, False)])
def test_a_configmap_holds_some_nine_thousand_targets(targets: int, fits: bool) -> None:
    written = (BASE / "settings" / "watchlist.yaml").read_text("utf-8")
    example = re.sub(r"^# ", "", written.partition("# targets:\n")[2], flags=re.MULTILINE)
    assert len(yaml.safe_load(example)) == 1
    assert (len(example.encode()) * targets < _CONFIGMAP) == fits


# --- schemas --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_valid(path: Path) -> None:
    resource = tree(path)
    if resource["apiVersion"].startswith(OF_THE_OPERATOR):
        assert set(resource) == {"apiVersion", "kind", "metadata", "spec"}
    else:
        _valid(resource)


def test_a_manifest_with_a_word_that_kubernetes_does_not_know_is_not_valid() -> None:
    wrong = manifest("deployment") | {"spec": manifest("deployment")["spec"] | {"replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_kustomize_finds_all_that_it_names_and_names_all_that_is_there(folder: Path) -> None:
    names = tree(folder / "kustomization.yaml")
    assert all((folder / name).exists() for name in names["resources"])
    generated = {name for made in names.get("configMapGenerator", ()) for name in made["files"]}
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")} - {"kustomization.yaml"}
    commented = set(re.findall(r"# - (\S+\.yaml)", (folder / "kustomization.yaml").read_text("utf-8")))
    assert files == {name for name in names["resources"] if name.endswith(".yaml")} | generated | commented


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
async def test_kubectl_renders_what_is_valid(folder: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    code, text = await said("kubectl", "kustomize", str(folder))
    assert code == 0, text
    rendered = list(yaml.safe_load_all(text))
    for resource in rendered:
        if not resource["apiVersion"].startswith(OF_THE_OPERATOR):
            _valid(resource)
        assert "workflow-monitor" in {resource["metadata"].get("namespace"), resource["metadata"]["name"]}
    [settings] = [each for each in rendered if each["kind"] == "ConfigMap"]
    assert settings["metadata"]["name"] == "workflow-monitor"
    assert settings["data"]["monitor.yaml"] == (BASE / "settings" / "monitor.yaml").read_text("utf-8")
    [deployment] = [each for each in rendered if each["kind"] == "Deployment"]
    [rendered_container] = deployment["spec"]["template"]["spec"]["containers"]
    assert re.fullmatch(r"workflow-monitor:\d+\.\d+\.\d+", rendered_container["image"])


# --- what it promises -----------------------------------------------------------------------------------------


def test_there_is_never_a_second_monitor() -> None:
    spec = manifest("deployment")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_the_pod_is_confined() -> None:
    around, inside = pod()["securityContext"], container()["securityContext"]
    assert around["runAsNonRoot"] is True
    assert (around["runAsUser"], around["runAsGroup"], around["fsGroup"]) == (10001, 10001, 10001)
    assert around["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside["readOnlyRootFilesystem"] is True
    assert inside["allowPrivilegeEscalation"] is False
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert pod()["automountServiceAccountToken"] is False
    assert manifest("serviceaccount")["automountServiceAccountToken"] is False
    assert pod()["enableServiceLinks"] is False


def test_the_probes_ask_where_the_monitor_answers() -> None:
    asked = {kind: container()[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/-/healthy", "liveness": "/-/healthy", "readiness": "/-/ready"}
    assert {"name": "http", "containerPort": PORT} in container()["ports"]
    assert f"EXPOSE {PORT}\n" in (DEPLOY.parent / "Dockerfile").read_text("utf-8")


def test_a_change_of_settings_reaches_the_running_monitor() -> None:
    """Whole folders are mounted, and the ConfigMap keeps its name; the swap itself is a test of the process."""
    assert not any("subPath" in mount for mount in container()["volumeMounts"])
    kustomization = manifest("kustomization")
    assert kustomization["generatorOptions"] == {"disableNameSuffixHash": True}
    [generated] = kustomization["configMapGenerator"]
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert volumes["settings"]["configMap"] == {"name": generated["name"]}


def test_every_volume_is_mounted_where_the_image_and_the_settings_expect_it() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert mounts.keys() == {volume["name"] for volume in pod()["volumes"]}
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text("utf-8")
    assert f"MONITOR_CONFIG={mounts['settings']}/monitor.yaml" in dockerfile
    assert f"VOLUME {mounts['store']}\n" in dockerfile
    [account] = tree(BASE / "settings" / "monitor.yaml")["accounts"]
    assert account["api_key_file"].startswith(mounts["keys"] + "/")


def test_everything_means_the_same_pods() -> None:
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("service")["spec"]["selector"] == labels
    for name in ("deployment", "poddisruptionbudget"):
        assert manifest(name)["spec"]["selector"]["matchLabels"] == labels
    assert manifest("networkpolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert manifest("servicemonitor", OPERATOR)["spec"]["selector"]["matchLabels"] == labels


def test_prometheus_scrapes_the_service_under_the_job_that_the_rules_know() -> None:
    assert {'job="workflow-monitor"'} == set(
        re.findall(r'job="[^"]*"', "".join(path.read_text("utf-8") for path in RULES))
    )
    assert manifest("service")["metadata"]["name"] == "workflow-monitor"
    [endpoint] = manifest("servicemonitor", OPERATOR)["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in manifest("service")["spec"]["ports"]}


def test_the_rules_are_those_of_prometheus(tmp_path: Path) -> None:
    shipped = [group for path in RULES for group in tree(path)["groups"]]
    assert manifest("prometheusrule", OPERATOR)["spec"]["groups"] == shipped, "run deploy/kubernetes/rules"
    subprocess.run([program("bash"), str(KUBERNETES / "rules"), str(tmp_path / "rules")], check=True)  # noqa: S603 - ours
    written = (OPERATOR / "prometheusrule.yaml").read_text("utf-8")
    assert (tmp_path / "rules").read_text("utf-8") == written
    assert set(manifest("prometheusrule", OPERATOR)["metadata"]) == {"name", "labels"}


def test_every_route_of_the_example_leads_to_a_receiver() -> None:
    spec = manifest("alertmanagerconfig", OPERATOR)["spec"]
    receivers = {receiver["name"] for receiver in spec["receivers"]}
    assert {spec["route"]["receiver"], *(route["receiver"] for route in spec["route"]["routes"])} == receivers
