"""The README stays short and true, and every document's links lead somewhere."""

import re
from pathlib import Path

import msgspec
import pytest

from monitor.cli import _parser
from monitor.core.text.alert_text import body, title
from monitor.core.text.links import link_of
from monitor.core.text.summary import summary
from tests.core.test_alert_text import EVENTS
from tests.docs.documents import DOCUMENTS, README, ROOT, anchors, links, text

LONGEST = 200


def test_the_readme_is_short() -> None:
    assert len(text(README).splitlines()) <= LONGEST


def test_the_alert_in_the_readme_is_what_on_call_gets() -> None:
    event = msgspec.structs.replace(
        EVENTS["fault"],
        definition="5870442f-3ddd-4657-b74c-6e17308f5230",
        workflow="60dbe307fe55d99fc083db61",
        errors=EVENTS["fault"].errors[-1:],
    )
    event = msgspec.structs.replace(event, summary=summary(event))
    link = link_of(event, "http://localhost:8808")
    assert f"```\n{title(event)}\n\n{body(event, link=link)}\n```" in text(README)


def test_every_command_is_in_the_readme() -> None:
    commands = re.findall(r"^    (\w+)", _parser().format_help(), re.MULTILINE)
    assert {"run", "check", "demo", "simulate", "status", "schema", "close", "deliveries", "drill"} <= set(commands)
    for command in commands:
        assert f"| `workflow-monitor {command} " in text(README)


def test_the_readme_names_no_command_that_is_not_there() -> None:
    commands = set(re.findall(r"^    (\w+)", _parser().format_help(), re.MULTILINE))
    assert set(re.findall(r"workflow-monitor (\w+) ", "\n".join(_code(README)))) <= commands


def test_the_readme_leads_to_every_other_document() -> None:
    assert set(DOCUMENTS) - {README} <= {file for file, _ in links(README)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_the_repository_leads_somewhere(document: Path) -> None:
    for file, anchor in links(document):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file), f"{file}#{anchor}"


def _code(document: Path) -> list[str]:
    """Inline code, and the lines of console blocks."""
    found = re.findall(r"`([^`\n]+)`|^\$ (.+)$", text(document), re.MULTILINE)
    return [inline or line for inline, line in found]
