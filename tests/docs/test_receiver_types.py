"""A type of receiver that is registered is offered by the settings, built by the daemon, and documented."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.app import notifiers
from monitor.commands import init
from monitor.core.alerting.routing import Feed
from monitor.notify.context import NotifierContext
from monitor.settings import Receiver, load_settings, schema
from monitor.settings.receivers import TYPES
from tests.docs.documents import REFERENCE, ROOT, SETTINGS, section, settings_snippets
from tests.edges.notifier_kit import Cases

SNIPPETS = {type_: text for text in settings_snippets(SETTINGS) for type_ in re.findall(r"    type: (\w+)", text)}


@pytest.fixture
def receiver(type: str, tmp_path: Path) -> Receiver:
    """As `config/README.md` shows one of this type."""
    for name in re.findall(r"/run/secrets/(\w+)", SNIPPETS[type]):
        (tmp_path / name).write_text("json://localhost\n" if name == "apprise" else "secret\n")
    (tmp_path / "watchlist.yaml").write_text("targets: []\n")
    file = tmp_path / "monitor.yaml"
    file.write_text("accounts: [{id: acme}]\n" + SNIPPETS[type].replace("/run/secrets", str(tmp_path)))
    (receiver,) = load_settings(file, {"MONITOR_API_KEY": "key"}).receivers
    return receiver


@pytest.mark.parametrize("type", TYPES)
async def test_the_daemon_builds_it_and_delivers_as_it_asks(receiver: Receiver, type: str) -> None:
    now = datetime(2026, 1, 5, 10, tzinfo=UTC)
    context = NotifierContext(now=lambda: now, casebook=Cases(), external_url="http://m:8808", started_at=now)
    notifier = notifiers.notifier(receiver, context)
    await notifier.close()
    taken = notifiers.delivered(receiver, notifier)
    assert (taken.name, taken.notifier, receiver.type) == (receiver.name, notifier, type)
    assert (taken.concurrency, taken.urgent_first, taken.pace) == (
        receiver.concurrency,
        receiver.urgent_first,
        receiver.pace,
    )


@pytest.mark.parametrize("type", TYPES)
def test_a_drill_tries_each_instance_of_it(receiver: Receiver, type: str) -> None:
    names = [name for name, _ in receiver.instances()]
    assert names
    assert len(set(names)) == len(names)
    assert {one.type for _, one in receiver.instances()} == {type}


@pytest.mark.parametrize("type", TYPES)
def test_the_documents_name_it(type: str) -> None:
    assert type in SNIPPETS
    assert f"`{type}`" in _row(section(SETTINGS, "Receivers"), "`type`")
    assert re.search(rf"^\| [^|]*`{type}`", section(REFERENCE, "Alerts"), re.MULTILINE), "what it gets"
    assert re.search(rf"type: .*\b{type}\b", Path(init.__file__).read_text()), "what `init` writes"


def test_the_schema_offers_every_type() -> None:
    offered = schema("settings")["properties"]["receivers"]["items"]["discriminator"]["mapping"]
    assert set(offered) == set(TYPES)


@pytest.mark.parametrize("type", TYPES)
def test_only_its_own_file_and_the_list_of_types_know_its_section(type: str) -> None:
    name = TYPES[type].__name__
    files = {file.relative_to(ROOT).as_posix() for file in (ROOT / "monitor").rglob("*.py") if name in file.read_text()}
    here = "monitor/settings/receivers"
    assert files == {f"{here}/{type}.py", f"{here}/__init__.py"}


def test_every_type_says_what_it_gets() -> None:
    assert {section.gets for section in TYPES.values()} == set(Feed)


def _row(text: str, key: str) -> str:
    (row,) = re.findall(rf"^\| {re.escape(key)} \|.*$", text, re.MULTILINE)
    return str(row)
