"""`discover` in watchlist files: what it means, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from monitor.core.discovery.following import EVERY, Discovery, Versions
from monitor.core.event_types import EventType, Severity
from monitor.core.watchlist import Watchlist
from monitor.settings import schema
from monitor.settings.watchlist_file import load_watchlist


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _load(*texts: str) -> tuple[Watchlist, list[str]]:
    names = [Path(f"{letter}.yaml") for letter, _ in zip("abc", texts, strict=False)]
    for name, text in zip(names, texts, strict=True):
        name.write_text(text)
    return load_watchlist(names, {"acme", "other"}, 30.0)


def _discoveries(*texts: str) -> tuple[Discovery, ...]:
    watchlist, errors = _load(*texts)
    assert errors == []
    return watchlist.discoveries


def test_without_more_a_discovery_has_the_documented_defaults() -> None:
    assert _discoveries("discover: [{definition: d, account: acme}]") == (
        Discovery(
            account="acme",
            definition="d",
            exclude=frozenset(),
            name=None,
            versions=Versions.ALL,
            started_within=7 * 86400.0,
            interval=30.0,
            step_interval=None,
            lookback=3600.0,
            max_instances=200_000,
            place="a.yaml: discover[0]",
        ),
    )


def test_a_discovery_may_say_everything_and_its_wishes_are_laid_over_the_defaults() -> None:
    plain, own = _discoveries("""
defaults:
  account: acme
  interval: 1m
  labels: {team: a, tier: "1"}
  severities: {workflow.suspended: info}
  max_runtime: 2h
  step_timeouts: {wait: 1d, "*": 10m}
discover:
  - definition: "*"
    exclude: [noise, 0123]
  - definition: orders
    account: other
    name: order-reminder
    versions: [4, 3, 4]
    started_within: 1d
    interval: 10s
    step_interval: 5m
    lookback: 0s
    max_instances: 5000
    labels: {team: b}
    severities: {workflow.completed: warning}
    max_runtime: 90s
    step_timeouts: {wait: 5m}
""")
    assert plain == Discovery(
        account="acme",
        definition=EVERY,
        exclude=frozenset({"noise", "0123"}),
        interval=60.0,
        labels={"team": "a", "tier": "1"},
        severities={EventType.SUSPENDED: Severity.INFO},
        max_runtime=7200.0,
        step_timeouts={"wait": 86400.0, "*": 600.0},
        place="a.yaml: discover[0]",
    )
    assert own == Discovery(
        account="other",
        definition="orders",
        name="order-reminder",
        versions=(3, 4),
        started_within=86400.0,
        interval=10.0,
        step_interval=300.0,
        lookback=0.0,
        max_instances=5000,
        labels={"team": "b", "tier": "1"},
        severities={EventType.SUSPENDED: Severity.INFO, EventType.COMPLETED: Severity.WARNING},
        max_runtime=90.0,
        step_timeouts={"wait": 300.0, "*": 600.0},
        place="a.yaml: discover[1]",
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("all", Versions.ALL, id="all"),
        pytest.param("latest", Versions.LATEST, id="latest"),
        pytest.param("[3]", (3,), id="one"),
        pytest.param("[10, 9]", (9, 10), id="in their order"),
    ],
)
def test_versions_are_all_the_latest_or_listed(written: str, meant: Versions | tuple[int, ...]) -> None:
    (found,) = _discoveries(f"discover: [{{definition: d, account: acme, versions: {written}}}]")
    assert found.versions == meant


@pytest.mark.parametrize("text", ["discover: []", "discover:", "targets:\ndiscover:"])
def test_a_watchlist_may_discover_nothing(text: str) -> None:
    assert _discoveries(text) == ()


def test_targets_and_discoveries_stand_side_by_side_in_any_file() -> None:
    watchlist, errors = _load(
        "defaults: {account: acme}\ndiscover: [{definition: d}]\ntargets: [{definition: d, workflow: w}]",
        "discover: [{definition: d, account: other}]",
    )
    assert errors == []
    assert [(each.account, each.definition, each.place) for each in watchlist.discoveries] == [
        ("acme", "d", "a.yaml: discover[0]"),
        ("other", "d", "b.yaml: discover[0]"),
    ]
    assert [key.workflow for key in watchlist.targets] == ["w"]


def test_one_definition_and_every_definition_of_an_account_are_two_discoveries() -> None:
    assert len(_discoveries('defaults: {account: acme}\ndiscover: [{definition: d}, {definition: "*"}]')) == 2


def test_discoveries_that_say_the_same_share_it() -> None:
    one, two = _discoveries(
        "defaults: {account: acme}\ndiscover: [{definition: d, labels: {a: b}}, {definition: e, labels: {a: b}}]"
    )
    assert one.labels is two.labels


@pytest.mark.parametrize("definition", ["d", '"*"'])
def test_a_discovery_that_is_asked_for_twice_names_both_places(definition: str) -> None:
    watchlist, errors = _load(
        f"targets: [{{account: acme, definition: d, workflow: w}}]\n"
        f"discover:\n- {{account: acme, definition: {definition}, versions: latest}}",
        f"defaults: {{account: acme}}\ndiscover:\n- {{definition: e}}\n- {{definition: {definition}}}\n",
    )
    assert len(watchlist.discoveries) == 2
    assert errors == ["b.yaml: discover[1]: the same discovery as a.yaml: discover[0], line 3 (line 4)"]


_NO_NUMBER = "expected a whole number from 1 to"


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        pytest.param("x", ": expected keys with values, got a text", id="no keys"),
        pytest.param("{account: acme}", ".definition: missing, and it has no default", id="no definition"),
        pytest.param("{definition: d}", ": names no account, and the defaults name none", id="no account"),
        pytest.param(
            "{definition: d, account: acm}",
            ".account: 'acm' is not among the settings' accounts; did you mean 'acme'?",
            id="unknown account",
        ),
        pytest.param(
            "{definition: d, account: acme, workflow: w}", ".workflow: unknown key", id="an instance is a target"
        ),
        pytest.param(
            "{definition: d, account: acme, version: all}",
            ".version: unknown key; did you mean 'versions'?",
            id="unknown key",
        ),
        pytest.param(
            "{definition: a/b, account: acme}",
            ".definition: an id must not hold '/', it would change the path of the URL",
            id="no id",
        ),
        pytest.param(
            "{definition: d, account: acme, exclude: [e]}",
            '.exclude: goes with definition: "*" alone; a discovery of one definition has nothing to exclude',
            id="one definition excludes none",
        ),
        pytest.param(
            '{definition: "*", account: acme, exclude: e}', ".exclude: expected a list, got a text", id="no list"
        ),
        pytest.param(
            '{definition: "*", account: acme, exclude: [e, ""]}',
            ".exclude[1]: an id must not be empty",
            id="excludes no id",
        ),
        pytest.param(
            '{definition: "*", account: acme, name: x}',
            '.name: stands for one definition; with definition: "*" all would go by it',
            id="one name for all",
        ),
        *[
            pytest.param(
                f"{{definition: d, account: acme, versions: {written}}}",
                f".versions: expected all, latest or a list of versions such as [3, 4], got {got}",
                id=f"versions {written}",
            )
            for written, got in [("3", "'3'"), ("every", "'every'"), ("[]", "a list"), ("", "nothing")]
        ],
        *[
            pytest.param(
                f"{{definition: d, account: acme, versions: [1, {written}]}}",
                f".versions: {_NO_NUMBER} 1000000, got {got}",
                id=f"versions [1, {written}]",
            )
            for written, got in [("0", "'0'"), ("latest", "'latest'"), ("1.5", "'1.5'"), ("[2]", "a list")]
        ],
        *[
            pytest.param(
                f"{{definition: d, account: acme, {key}: {written}}}",
                f".{key}: expected a duration from {low} to {high}, got '{written}'",
                id=f"{key} {written}",
            )
            for key, written, low, high in [
                ("started_within", "30s", "1m", "365d"),
                ("started_within", "366d", "1m", "365d"),
                ("interval", "99ms", "100ms", "30d"),
                ("step_interval", "0s", "100ms", "30d"),
                ("step_interval", "31d", "100ms", "30d"),
                ("lookback", "366d", "0ms", "365d"),
                ("max_runtime", "0s", "1s", "365d"),
            ]
        ],
        *[
            pytest.param(
                f"{{definition: d, account: acme, max_instances: {written}}}",
                f".max_instances: {_NO_NUMBER} 10000000, got '{written}'",
                id=f"max_instances {written}",
            )
            for written in ("0", "10000001", "many", "1e5")
        ],
        pytest.param(
            "{definition: d, account: acme, severities: {monitor.blind: info}}",
            ".severities.monitor.blind: an event of a whole account, whose severity no single target decides",
            id="severity",
        ),
        pytest.param(
            "{definition: d, account: acme, severities: {monitor.discovery_truncated: info}}",
            ".severities.monitor.discovery_truncated: an event of a discovery as a whole; its `severities` are those "
            "of the instances that it finds",
            id="severity of its own events",
        ),
    ],
)
def test_a_wrong_discovery_is_told_with_its_line(entry: str, line: str) -> None:
    watchlist, errors = _load(f"targets: []\ndiscover:\n- {{definition: fine, account: acme}}\n- {entry}")
    assert errors == [f"a.yaml: discover[1]{line} (line 4)"]
    assert [each.definition for each in watchlist.discoveries] == ["fine"]


@pytest.mark.parametrize("wrong", ["typo: 1", "discover: x"])
def test_what_is_wrong_elsewhere_does_not_take_the_defaults_from_an_entry(wrong: str) -> None:
    _, errors = _load(f"{wrong}\ndefaults: {{account: acme}}\ntargets: [{{definition: d, workflow: w}}]")
    assert len(errors) == 1
    assert errors[0].startswith(f"a.yaml: {wrong.split(':', maxsplit=1)[0]}: ")


# --- the JSON Schema ----------------------------------------------------------------------------------------


def _conforms(entry: dict[str, Any]) -> bool:
    return not list(Draft202012Validator(schema("watchlist")).iter_errors({"discover": [entry]}))


@pytest.mark.parametrize(
    "entry",
    [
        {"definition": "d", "account": "acme"},
        {"definition": "*", "exclude": ["a", "b"], "versions": "latest"},
        {"definition": "d", "versions": [3, 4], "started_within": "7d", "step_interval": None, "lookback": "1h"},
        {"definition": "d", "max_instances": 200_000, "name": "x", "labels": {"team": "a"}, "max_runtime": "2h"},
    ],
    ids=str,
)
def test_the_schema_takes_what_is_read(entry: dict[str, Any]) -> None:
    assert _conforms(entry)
    written = yaml.safe_dump({"defaults": {"account": "acme"}, "discover": [entry]})
    assert len(_discoveries(written)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"versions": 3},
        {"versions": []},
        {"versions": [0]},
        {"versions": "every"},
        {"exclude": "a"},
        {"max_instances": 0},
        {"lookback": 3600},
        {"workflow": "w"},
        {"definition": ""},
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_refused(wrong: dict[str, Any]) -> None:
    assert not _conforms({"definition": "*", **wrong})


def test_the_schema_shows_the_defaults_with_their_types() -> None:
    keys = schema("watchlist")["$defs"]["DiscoveryEntry"]["properties"]
    assert {key: shown["default"] for key, shown in keys.items() if shown.get("default") is not None} == {
        "versions": "all",
        "started_within": "7d",
        "lookback": "1h",
        "max_instances": 200_000,
        "exclude": [],
    }
