"""The documents that people read, and what is taken out of them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SETTINGS = ROOT / "config" / "README.md"
REFERENCE = ROOT / "deploy" / "REFERENCE.md"
DOCUMENTS = (
    README,
    SETTINGS,
    REFERENCE,
    ROOT / "deploy" / "README.md",
    ROOT / "deploy" / "RUNBOOK.md",
    ROOT / "monitor" / "README.md",
    ROOT / "CHANGELOG.md",
)


def text(document: Path) -> str:
    return document.read_text("utf-8")


def section(document: Path, heading: str) -> str:
    """What stands under a heading of the second level."""
    return text(document).split(f"\n## {heading}\n")[1].split("\n## ")[0]


def settings_snippets(document: Path) -> list[str]:
    return re.findall(r"```yaml\n# monitor\.yaml\n(.*?)```", text(document), re.DOTALL)


def watchlist_snippets(document: Path) -> list[str]:
    return re.findall(r"```yaml\n# watchlist\.yaml\n(.*?)```", text(document), re.DOTALL)


def links(document: Path) -> list[tuple[Path, str]]:
    """Links into the repository: the file, and the anchor in it or ""."""
    found = [link for link in re.findall(r"\]\(([^)\s]+)\)", text(document)) if "://" not in link]
    return [
        ((document.parent / path).resolve() if path else document, anchor)
        for path, _, anchor in (link.partition("#") for link in found)
    ]


def anchors(document: Path) -> set[str]:
    """What the usual renderers make of the headings, code blocks apart."""
    prose = re.sub(r"^```.*?^```", "", text(document), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
