"""Watchlist files: what they mean, and what is wrong with them."""

from pathlib import Path

import pytest

from monitor.core.event_types import EventType, Severity
from monitor.core.model import Target, TargetKey
from monitor.settings.watchlist_file import load_watchlist


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _targets(*texts: str) -> list[Target]:
    watchlist, errors = _load(*texts)
    assert errors == []
    return watchlist


def _load(*texts: str) -> tuple[list[Target], list[str]]:
    names = [Path(f"{letter}.yaml") for letter, _ in zip("abc", texts, strict=False)]
    for name, text in zip(names, texts, strict=True):
        name.write_text(text)
    watchlist, errors = load_watchlist(names, {"acme", "other"}, 30.0)
    return list(watchlist.targets.values()), errors


def test_a_target_takes_from_the_defaults_what_it_does_not_say() -> None:
    plain, own = _targets("""
defaults: {account: acme, interval: 1m, labels: {team: a, tier: "1"}, severities: {workflow.suspended: info}}
targets:
  - {definition: d, workflow: v}
  - definition: d
    workflow: w
    account: other
    name: Order 7
    interval: 5s
    labels: {team: b}
    severities: {workflow.completed: warning}
""")
    assert plain == Target(
        key=TargetKey("acme", "d", "v"),
        interval=60.0,
        labels={"team": "a", "tier": "1"},
        severities={EventType.SUSPENDED: Severity.INFO},
        place="a.yaml: targets[0]",
    )
    assert own == Target(
        key=TargetKey("other", "d", "w"),
        interval=5.0,
        name="Order 7",
        labels={"team": "b", "tier": "1"},
        severities={EventType.SUSPENDED: Severity.INFO, EventType.COMPLETED: Severity.WARNING},
        place="a.yaml: targets[1]",
    )


def test_limits_of_a_target_are_laid_over_those_of_the_defaults() -> None:
    plain, own = _targets("""
defaults: {account: acme, max_runtime: 2h, step_timeouts: {wait: 1d, "*": 10m}, severities: {workflow.overdue: info}}
targets:
  - {definition: d, workflow: v}
  - {definition: d, workflow: w, max_runtime: 90s, step_timeouts: {wait: 5m, send: 1s}}
""")
    assert (plain.max_runtime, plain.step_timeouts) == (7200.0, {"wait": 86400.0, "*": 600.0})
    assert (own.max_runtime, own.step_timeouts) == (90.0, {"wait": 300.0, "*": 600.0, "send": 1.0})
    assert plain.severities == {EventType.OVERDUE: Severity.INFO}


def test_without_limits_a_target_has_none() -> None:
    (target,) = _targets("targets: [{account: acme, definition: d, workflow: v}]")
    assert (target.max_runtime, target.step_timeouts) == (None, {})


def test_everything_is_the_text_that_stands_there() -> None:
    (target,) = _targets("""
targets:
  - {account: acme, definition: 0123, workflow: 605000e10, labels: {version: 1.10, country: NO, on: yes, at: 10:30}}
""")
    assert target.key == TargetKey("acme", "0123", "605000e10")
    assert target.labels == {"version": "1.10", "country": "NO", "on": "yes", "at": "10:30"}
    assert target.interval == 30.0


def test_anchors_and_merges_are_read() -> None:
    one, two = _targets("""
defaults: &d {account: acme, labels: &l {team: a}}
targets:
  - &first {definition: d, workflow: v, labels: {<<: *l, tier: x}}
  - {<<: [*first, {account: other, workflow: ignored}], workflow: w}
""")
    assert (one.key.workflow, one.labels) == ("v", {"team": "a", "tier": "x"})
    assert (two.key, two.labels) == (TargetKey("other", "d", "w"), {"team": "a", "tier": "x"})


def test_targets_that_say_the_same_share_it() -> None:
    text = "defaults: {account: acme}\ntargets:\n" + "".join(
        f"- {{definition: d-long, workflow: w{n}, labels: {{team: a}}}}\n" for n in range(3)
    )
    one, two, _ = _targets(text)
    assert one.labels is two.labels
    assert one.key.definition is two.key.definition


@pytest.mark.parametrize("text", ["targets: []", "targets:", "defaults:\ntargets: []", "{}"])
def test_a_watchlist_may_watch_nothing(text: str) -> None:
    assert _targets(text) == []


def test_a_target_that_is_asked_for_twice_names_both_places() -> None:
    one = "{account: acme, definition: d, workflow: w}"
    targets, errors = _load(
        f"targets: [{one}]", f"targets: [{{account: acme, definition: d, workflow: v}}, {one}, {one}]"
    )
    assert len(targets) == 2
    assert errors == [
        "b.yaml: targets[1]: the same target as a.yaml: targets[0], line 1 (line 1)",
        "b.yaml: targets[2]: the same target as a.yaml: targets[0], line 1 (line 1)",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "a.yaml: the file is empty"),
        ("[]", "a.yaml: expected keys with values, got a list"),
        ("target: []", "a.yaml: target: unknown key; did you mean 'targets'?"),
        ("targets: {}", "a.yaml: targets: expected a list, got keys with values"),
        (
            "defaults: {max_runtime: 2}",
            "a.yaml: defaults.max_runtime: expected a duration such as 250ms, 30s, 5m, 2h or 7d, got '2'",
        ),
        ("defaults: {name: x}", "a.yaml: defaults.name: unknown key"),
        (
            "defaults: {account: Acme}\ntargets: [{definition: d, workflow: w}]",
            "a.yaml: defaults.account: 'Acme' is not among the settings' accounts; did you mean 'acme'?",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_watchlist_is_told(text: str, line: str) -> None:
    assert _load(text)[1] == [line]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("x", ": expected keys with values, got a text"),
        ("{definition: d, account: acme}", ".workflow: missing, and it has no default"),
        ("{definition: d, workflow: w}", ": names no account, and the defaults name none"),
        ("{definition: d, workflow: w, account: zzz}", ".account: 'zzz' is not among the settings' accounts"),
        ("{definition: '', workflow: w, account: acme}", ".definition: an id must not be empty"),
        ("{definition: ., workflow: w, account: acme}", ".definition: '.' would change the path of the URL"),
        (
            "{definition: d, workflow: 'a?b', account: acme}",
            ".workflow: an id must not hold '?', it would change the path of the URL",
        ),
        (
            "{definition: d, workflow: w, max_runtime: 0s}",
            ".max_runtime: expected a duration from 1s to 365d, got '0s'",
        ),
        ("{definition: d, workflow: w, step_timeouts: 5m}", ".step_timeouts: expected keys with values, got a text"),
        (
            '{definition: d, workflow: w, step_timeouts: {"*": 400d}}',
            ".step_timeouts.*: expected a duration from 1s to 365d, got '400d'",
        ),
        (
            "{definition: d, workflow: w, step_timeouts: {step1: null}}",
            ".step_timeouts.step1: expected a duration such as 30s, got nothing",
        ),
        ("{definition: d, workflow: w, alias: x}", ".alias: unknown key"),
        ("{definition: d, workflow: w, intervall: 2s}", ".intervall: unknown key; did you mean 'interval'?"),
        ("{definition: d, workflow: w, interval: 1ms}", ".interval: expected a duration from 100ms to 30d, got '1ms'"),
        (
            '{definition: d, workflow: w, name: "a\\nb"}',
            ".name: expected a text on one line, without control characters",
        ),
        (
            f"{{definition: d, workflow: w, name: {'n' * 201}}}",
            ".name: expected a text of at most 200 characters, got 201",
        ),
        ("{definition: d, workflow: w, labels: [a]}", ".labels: expected keys with values, got a list"),
        (
            "{definition: d, workflow: w, labels: {my-team: a}}",
            ".labels.my-team: a label's name consists of letters, digits and _, and begins with no digit",
        ),
        (
            "{definition: d, workflow: w, labels: {__x: a}}",
            ".labels.__x: names of labels that begin with __ belong to Prometheus",
        ),
        ("{definition: d, workflow: w, labels: {team: }}", ".labels.team: expected a text, got nothing"),
        ("{definition: d, workflow: w, labels: {team: [a]}}", ".labels.team: expected a text, got a list"),
        (
            "{definition: d, workflow: w, severities: {workflow.suspend: info}}",
            ".severities.workflow.suspend: no type of event; did you mean 'workflow.suspended'?",
        ),
        (
            "{definition: d, workflow: w, severities: {monitor.blind: info}}",
            ".severities.monitor.blind: an event of a whole account, whose severity no single target decides",
        ),
        (
            "{definition: d, workflow: w, severities: {monitor.schema_drift: critical}}",
            ".severities.monitor.schema_drift: an event of a whole account, whose severity no single target decides",
        ),
        (
            "{definition: d, workflow: w, severities: {workflow.unwatched: warning}}",
            ".severities.workflow.unwatched: its target has left the watchlist by then, and says nothing any more",
        ),
        (
            "{definition: d, workflow: w, severities: {workflow.suspended: high}}",
            ".severities.workflow.suspended: expected info, warning or critical, got 'high'",
        ),
    ],
    ids=lambda value: value[:70],
)
def test_a_wrong_target_is_told(entry: str, line: str) -> None:
    assert _load(f"targets: [{entry}]")[1] == [f"a.yaml: targets[0]{line} (line 1)"]


@pytest.mark.parametrize("type", EventType)
def test_the_severity_of_each_type_is_obeyed_or_refused_with_the_reason(type: EventType) -> None:
    targets, problems = _load(
        f"targets: [{{account: acme, definition: d, workflow: w, severities: {{{type}: critical}}}}]"
    )
    if why := type.facts.severity_fixed:
        assert problems == [f"a.yaml: targets[0].severities.{type}: {why} (line 1)"]
    else:
        assert [target.severities for target in targets] == [{type: Severity.CRITICAL}]


def test_what_wrong_defaults_would_have_said_is_not_missed() -> None:
    text = "defaults: {account: a/b}\ntargets: [{definition: d, workflow: w}, {definition: d}]"
    assert _load(text)[1] == [
        "a.yaml: defaults.account: an id must not hold '/', it would change the path of the URL",
        "a.yaml: targets[1].workflow: missing, and it has no default (line 2)",
    ]


def test_without_known_accounts_nothing_is_said_of_them() -> None:
    Path("a.yaml").write_text("targets: [{account: x, definition: d, workflow: w}]")
    assert load_watchlist([Path("a.yaml")], None, 30.0)[1] == []
