"""HTML that is escaped by construction: text becomes markup only by `tag`, which escapes everything but markup."""

from collections.abc import Iterable
from html import escape

_NEVER_CLOSED = frozenset({"meta", "br"})


class Html(str):
    """Text that is markup."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """An element. Children that are not markup, and all attributes, are escaped; `class_` stands for `class`."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    if name in _NEVER_CLOSED:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{''.join(map(_markup, children))}</{name}>")


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Html:
    head = tag("tr", *(tag("th", title) for title in titles))
    return tag(
        "table", tag("thead", head), tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    )


def facts(rows: Iterable[tuple[str, str]]) -> Html:
    """Names and values; empty values are left out."""
    return tag("table", *(tag("tr", tag("th", name), tag("td", value)) for name, value in rows if value))


def link(url: str, text: str) -> Html:
    """A link to our own pages, or with `http` or `https`; any other scheme becomes plain text."""
    if url.startswith(("/", "http://", "https://")):
        return tag("a", text, href=url)
    return _markup(text)


def _markup(text: str) -> Html:
    return text if isinstance(text, Html) else Html(escape(text))
