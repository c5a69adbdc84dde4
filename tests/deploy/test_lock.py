"""What the image installs is what pyproject.toml asks for, whole, no more, and by hashes."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from itertools import product
from typing import NamedTuple

import pytest
from packaging.markers import Environment, default_environment
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tests.deploy.shipped import DEPLOY

CONTAINER = DEPLOY / "container"
PROJECT = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text("utf-8"))
LOCKS = {
    "requirements.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["postgresql"],
    ],
    "build.lock": PROJECT["build-system"]["requires"],
}
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")


class Locked(NamedTuple):
    requirement: Requirement
    hashes: list[str]


def locked(name: str) -> dict[NormalizedName, Locked]:
    """Each line of a lock, joined where it goes on."""
    text = (CONTAINER / name).read_text("utf-8").replace("\\\n", " ")
    found = {}
    for line in filter(None, (re.sub(r"^\s*#.*", "", line).strip() for line in text.splitlines())):
        said, *hashes = line.split("--hash=")
        requirement = Requirement(said.strip())
        found[canonicalize_name(requirement.name)] = Locked(requirement, [each.strip() for each in hashes])
    return found


def environments() -> list[dict[str, str]]:
    here: Environment = default_environment()
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
    return [
        {**{key: str(value) for key, value in here.items()}, **linux}
        | {"python_version": python, "python_full_version": f"{python}.0", "platform_machine": machine}
        for python, machine in product(PYTHONS, MACHINES)
    ]


def applies(requirement: Requirement, extra: str = "") -> bool:
    """To any Python and machine that the image may be for."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**each, "extra": extra}) for each in environments())


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_locked_at_a_version_that_satisfies_it(name: str) -> None:
    lines = locked(name)
    for asked in map(Requirement, LOCKS[name]):
        [pin] = lines[canonicalize_name(asked.name)].requirement.specifier
        assert pin.operator == "=="
        assert asked.specifier.contains(pin.version), f"{asked} is locked at {pin}: run make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_one_version_by_hashes_without_an_address(name: str) -> None:
    assert "://" not in (CONTAINER / name).read_text("utf-8")
    for requirement, hashes in locked(name).values():
        assert [pin.operator for pin in requirement.specifier] == ["=="]
        assert requirement.url is None
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
        assert requirement.marker is None or all(requirement.marker.evaluate(each) for each in environments())


def test_the_lock_is_closed_and_holds_nothing_that_is_not_needed() -> None:
    """By what the installed packages say that they need; of one that is not installed here, nothing is known."""
    lines = locked("requirements.lock")
    needed: set[NormalizedName] = set()
    waiting = [asked for line in LOCKS["requirements.lock"] if applies(asked := Requirement(line))]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in needed:
            needed.add(name)
            waiting += _needs(requirement)
    assert set(lines) == needed, "run make lock"


def _needs(requirement: Requirement) -> list[Requirement]:
    """What it needs here, with its extras."""
    try:
        lines = [Requirement(line) for line in requires(requirement.name) or ()]
    except PackageNotFoundError:
        return []
    return [line for line in lines if any(applies(line, extra) for extra in ("", *requirement.extras))]
