"""Whoever is woken finds what to do: the runbook has a section for every alert there is, and each says three things."""

import re

import msgspec
import pytest

from monitor.core.alerting.labels import alertname
from monitor.core.event_types import AlertKind, EventType
from monitor.core.text.links import runbook_of
from tests.core.test_alert_text import told
from tests.deploy.shipped import ALERTS, RUNBOOK

_TEXT = RUNBOOK.read_text("utf-8")
SECTIONS: dict[str, str] = {
    part.split("\n", 1)[0].strip(): part.split("\n", 1)[1].split("\n# ")[0] for part in _TEXT.split("\n## ")[1:]
}
EVENTS = {alertname(type_): type_ for type_ in EventType if type_.kind is not AlertKind.NOTICE}


def _anchor(heading: str) -> str:
    """What the usual renderers make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    assert set(SECTIONS) == ALERTS.keys() | EVENTS.keys()


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_says_what_it_means_what_to_look_at_and_what_to_do(name: str) -> None:
    said = re.findall(r"^\*\*([^*]+)\.\*\* +\S", SECTIONS[name], re.MULTILINE)
    assert said == ["What it means", "What to look at", "What to do"]


@pytest.mark.parametrize("name", EVENTS)
def test_a_section_about_an_event_names_its_type(name: str) -> None:
    assert f"`{EVENTS[name].value}`" in SECTIONS[name]


@pytest.mark.parametrize("name", ALERTS)
def test_the_link_of_a_rule_leads_to_its_section(name: str) -> None:
    assert ALERTS[name]["annotations"]["runbook_url"].rpartition("#")[2] == _anchor(name)
    assert name in SECTIONS


def test_links_within_the_runbook_lead_somewhere() -> None:
    anchors = {_anchor(heading) for heading in SECTIONS}
    links = set(re.findall(r"\]\(#([^)]+)\)", _TEXT))
    assert links
    assert links <= anchors


@pytest.mark.parametrize("name", EVENTS)
def test_the_link_of_an_alert_of_the_monitor_leads_to_its_section(name: str) -> None:
    type_ = EVENTS[name]
    event = msgspec.structs.replace(told(type_), labels={})
    assert runbook_of(event, "https://wiki.example/RUNBOOK.md") == f"https://wiki.example/RUNBOOK.md#{_anchor(name)}"
