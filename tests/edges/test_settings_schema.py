"""The JSON Schemas agree with what is read."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from monitor.core.event_types import EventType, Severity
from monitor.settings import schema

_CONFIG = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("what", ["settings", "watchlist", "event"])
def test_every_schema_is_a_schema(what: Any) -> None:
    Draft202012Validator.check_schema(schema(what))
    assert schema(what)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("what", "name"), [("settings", "monitor.yaml"), ("watchlist", "watchlist.yaml")])
def test_the_shipped_files_conform(what: Any, name: str) -> None:
    written = yaml.safe_load((_CONFIG / name).read_text())
    assert list(Draft202012Validator(schema(what)).iter_errors(written)) == []


def test_the_shipped_values_are_the_defaults_of_the_schema() -> None:
    written = yaml.safe_load((_CONFIG / "monitor.yaml").read_text())
    whole = schema("settings")
    for section, name in (
        ("api", "ApiSettings"),
        ("polling", "PollingSettings"),
        ("store", "StoreSettings"),
        ("server", "ServerSettings"),
        ("alerts", "AlertSettings"),
        ("log", "LogSettings"),
    ):
        defaults = {key: value["default"] for key, value in whole["$defs"][name]["properties"].items()}
        assert written[section] == defaults


@pytest.mark.parametrize(
    "settings",
    [
        {"accounts": [{"id": "a"}], "pooling": {}},
        {"accounts": [{"id": "a"}], "polling": {"interval": 30}},
        {"accounts": [{"id": "a"}], "polling": {"interval": "30"}},
        {"accounts": [{"id": "a"}], "api": {"max_response_bytes": "8MB"}},
        {"accounts": [{"id": "a", "burst": 0}]},
        {"accounts": [{"id": "a/b"}]},
        {"accounts": []},
        {},
    ],
    ids=str,
)
def test_what_is_refused_does_not_conform(settings: dict[str, Any]) -> None:
    assert list(Draft202012Validator(schema("settings")).iter_errors(settings))


_NAMED = {"name": "r"}


@pytest.mark.parametrize(
    ("type", "keys"),
    [
        ("webhook", {"url": "https://x"}),
        ("alertmanager", {"urls": ["http://a:9093"], "resend": "1m", "tls": {"ca_file": "ca.pem"}}),
        ("pagerduty", {"routing_key_file": "key"}),
        ("apprise", {"url_env": "URLS"}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_schema_knows_every_type_of_receiver_with_its_own_keys(type: str, keys: dict[str, Any]) -> None:
    def wrong(receiver: dict[str, Any]) -> list[Any]:
        whole = {"accounts": [{"id": "a"}], "receivers": [{**_NAMED, **receiver}]}
        return list(Draft202012Validator(schema("settings")).iter_errors(whole))

    assert wrong({"type": type, **keys}) == []
    for other in {"webhook", "alertmanager", "pagerduty", "apprise", "slack"} - {type}:
        assert wrong({"type": other, **keys})
    assert wrong(keys)


def test_a_documented_watchlist_conforms_and_a_stranger_does_not() -> None:
    validator = Draft202012Validator(schema("watchlist"))
    entry: dict[str, Any] = {
        "definition": "d",
        "workflow": "w",
        "account": "acme",
        "name": "onboarding-reply",
        "interval": "10s",
        "labels": {"runbook": "https://wiki.example"},
        "severities": {"workflow.suspended": "info"},
    }
    assert list(validator.iter_errors({"defaults": {"labels": {"team": "a"}}, "targets": [entry]})) == []
    for wrong in ({"interval": 10}, {"extra": 1}, {"severities": {"monitor.blind": "info"}}, {"labels": {"a-b": "c"}}):
        assert list(validator.iter_errors({"targets": [entry | wrong]}))


@pytest.mark.parametrize("type", EventType)
def test_the_schema_of_a_watchlist_knows_whose_severity_a_target_may_set(type: EventType) -> None:
    entry = {"definition": "d", "workflow": "w", "severities": {type.value: "info"}}
    wrong = list(Draft202012Validator(schema("watchlist")).iter_errors({"targets": [entry]}))
    assert bool(wrong) == bool(type.facts.severity_fixed)


_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "3f0c",
    "type": "workflow.terminated",
    "source": "https://automation.8x8.com/api/v1/accounts/acme",
    "subject": "5870442f/60dbe307",
    "time": "2026-01-05T10:00:02.500000Z",
    "datacontenttype": "application/json",
    "data": {
        "severity": "critical",
        "summary": "onboarding-reply terminated: step1: Invalid subaccount id.",
        "account": "acme",
        "definition": "5870442f-3ddd-4657-b74c-6e17308f5230",
        "workflow": "60dbe307fe55d99fc083db61",
        "name": "onboarding-reply",
        "version": 1,
        "from_status": "Runnable",
        "to_status": "Terminated",
        "cause": "fault",
        "step": {"id": "b2c6185b", "name": "step1", "status": "Failed"},
        "errors": [{"step": "step1", "message": "Invalid subaccount id.", "time": "2026-01-05T10:00:02.500000Z"}],
        "occurred_at": "2026-01-05T10:00:02.500000Z",
        "observed_at": "2026-01-05T10:00:21.031000Z",
        "last_seen_at": "2026-01-05T09:59:51.020000Z",
        "seen_by": "status",
        "link": "http://localhost:8808/targets/acme/5870442f/60dbe307",
        "labels": {"team": "messaging"},
    },
}


def test_the_documented_event_conforms() -> None:
    assert list(Draft202012Validator(schema("event")).iter_errors(_EVENT)) == []


@pytest.mark.parametrize(
    "wrong",
    [{"type": "workflow.exploded"}, {"time": "2026-01-05 10:00"}, {"specversion": "0.3"}, {"data": {}}, {"id": ""}],
    ids=str,
)
def test_what_is_no_event_does_not_conform(wrong: dict[str, Any]) -> None:
    assert list(Draft202012Validator(schema("event")).iter_errors(_EVENT | wrong))


def test_the_event_schema_knows_every_word() -> None:
    properties = schema("event")["properties"]
    assert properties["type"]["enum"] == [kind.value for kind in EventType]
    assert properties["data"]["properties"]["severity"]["enum"] == [severity.value for severity in Severity]
