"""Every setting is live, or bound and says so: a reload cannot forget one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from monitor.app.reloader import BOUND, BOUND_OF_ACCOUNTS
from monitor.settings.model import Document
from monitor.sim import script_builders
from monitor.sim.scenario_builders import role, scene
from tests.stories.house import House

pytestmark = pytest.mark.looptime

_LONG = script_builders.complete("order-reminder", 1e6)


def _leaves(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """`section.key` of every setting; a list or an optional section is walked like a section."""
    for name, field in model.model_fields.items():
        inner = [one for one in (field.annotation, *get_args(field.annotation)) if _is_section(one)]
        if len(inner) == 1:
            yield from _leaves(inner[0], f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


LEAVES = list(_leaves(Document))


def _is_bound(path: str) -> bool:
    section, _, key = path.partition(".")
    return section in BOUND or (section == "accounts" and key in BOUND_OF_ACCOUNTS)


def _section(name: str, **values: Any) -> Callable[[House], None]:
    def change(house: House) -> None:
        house.settings[name] = {**house.settings.get(name, {}), **values}

    return change


def _account(**values: Any) -> Callable[[House], None]:
    return lambda house: house.lane.update(values)


def _key_in_a_file(house: House) -> None:
    (house.folder / "key").write_text("another-key", "utf-8")
    house.lane.update(api_key_env=None, api_key_file=str(house.folder / "key"))


def _another_watchlist(house: House) -> None:
    house.write()
    (house.folder / "watchlist.yaml").rename(house.folder / "others.yaml")
    house.targets = []
    house.settings["watchlist"] = "others.yaml"


def _gate(house: House) -> Any:
    return house.daemon.accounts["acme"].gate


LIVE: dict[str, tuple[Callable[[House], None], Callable[[House], Any], Any]] = {
    "accounts.id": (
        lambda house: house.accounts.append("globex"),
        lambda house: [*house.daemon.accounts],
        ["acme", "globex"],
    ),
    "accounts.requests_per_second": (
        _account(requests_per_second=3),
        lambda house: _gate(house).requests_per_second,
        3.0,
    ),
    "accounts.burst": (_account(burst=4), lambda house: _gate(house)._lane.limits.burst, 4),
    "accounts.api_key_env": (
        _account(api_key_env="PAGER_KEY"),
        lambda house: house.daemon.accounts.credentials["acme"].bearer(),
        "R0UT1NGK3Y",
    ),
    "accounts.api_key_file": (
        _key_in_a_file,
        lambda house: house.daemon.accounts.credentials["acme"].bearer(),
        "another-key",
    ),
    "watchlist": (_another_watchlist, lambda house: len(house.daemon.targets), 2),
    "polling.cache": (
        _section("polling", cache=70),
        lambda house: house.daemon.parts.current.most_cached(),
        70,
    ),
    "polling.interval": (
        _section("polling", interval="7s"),
        lambda house: {one.target.interval for one in house.daemon.targets.values()},
        {7.0},
    ),
    "polling.max_backoff": (
        _section("polling", max_backoff="70s"),
        lambda house: house.daemon.accounts["acme"].queue._max_backoff(),
        70.0,
    ),
    "polling.blind_after": (
        _section("polling", blind_after="7m"),
        lambda house: house.daemon.accounts["acme"].watcher._blind_after(),
        420.0,
    ),
    "polling.not_found_after": (
        _section("polling", not_found_after=7),
        lambda house: house.daemon.parts.poller._policy().not_found_after,
        7,
    ),
    "polling.retention": (
        _section("polling", retention="7h"),
        lambda house: house.daemon.parts.scheduler._retention(),
        7 * 3600.0,
    ),
    "alerts.hold": (_section("alerts", hold="7h"), lambda house: house.daemon.parts.closer._hold(), 7 * 3600.0),
    "alerts.settle": (
        _section("alerts", settle="7s"),
        lambda house: house.daemon.parts.publisher._policy().settle,
        7.0,
    ),
    "alerts.unwatched_after": (
        _section("alerts", unwatched_after="7m"),
        lambda house: house.daemon.parts.closer._changes._grace(),
        420.0,
    ),
    "alerts.step_slack": (
        _section("alerts", step_slack="7m"),
        lambda house: house.daemon.parts.step_limits._slack_now(),
        420.0,
    ),
    "alerts.group_window": (
        _section("alerts", group_window="7m"),
        lambda house: house.daemon.parts.publisher._policy().group_window,
        420.0,
    ),
    "alerts.storm_threshold": (
        _section("alerts", storm_threshold=7),
        lambda house: house.daemon.parts.publisher._policy().storm_threshold,
        7,
    ),
    "shutdown_timeout": (
        lambda house: house.settings.update(shutdown_timeout="7s"),
        lambda house: house.daemon.settings.shutdown_timeout,
        7.0,
    ),
}
"""How each live setting is changed, what the part that uses it reads, and what that must be after a reload."""


def test_every_setting_is_live_or_bound_and_none_is_both() -> None:
    assert {path for path in LEAVES if not _is_bound(path)} == set(LIVE)
    assert set(BOUND) <= set(Document.model_fields)


def _house(folder: Path) -> House:
    roles = [role("order-reminder", name, _LONG) for name in ("one", "two")]
    house = House(folder, scene("night", *roles))
    house.accounts = ["acme"]
    return house


@pytest.mark.parametrize("path", LIVE)
async def test_a_live_setting_counts_from_the_reload_on(tmp_path: Path, path: str) -> None:
    change, read, expected = LIVE[path]
    async with _house(tmp_path) as house:
        await house.until(10.0)
        before = read(house)
        change(house)
        assert await house.reload() == ()
        assert read(house) == expected
        assert before != expected or path == "watchlist"
        assert house.lines("config.needs_restart") == []


BOUND_CHANGES: dict[str, Callable[[House], None]] = {
    "api": _section("api", base_url="http://127.0.0.1:8", timeout="7s"),
    "store": _section("store", url="sqlite:///another.db"),
    "server": _section("server", port=7),
    "receivers": lambda house: house.phones.clear(),
    "heartbeat": _section("heartbeat", url="http://127.0.0.1:9/ping"),
    "log": _section("log", level="warning"),
    "accounts[acme].max_concurrency": _account(max_concurrency=7),
}


def test_every_bound_setting_is_tried() -> None:
    assert set(BOUND_CHANGES) == {*BOUND, *(f"accounts[acme].{key}" for key in BOUND_OF_ACCOUNTS)}


@pytest.mark.parametrize("key", BOUND_CHANGES)
async def test_a_bound_setting_says_that_it_needs_a_restart(tmp_path: Path, key: str) -> None:
    async with _house(tmp_path) as house:
        await house.until(10.0)
        BOUND_CHANGES[key](house)
        assert await house.reload() == ()
        assert [line["keys"] for line in house.lines("config.needs_restart")] == [[key]]
