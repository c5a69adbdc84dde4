"""The common layout of all pages: plain, self-contained, without scripts."""

import base64
import hashlib
from collections.abc import Awaitable
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from monitor.store import StoreUnavailable
from monitor.web.pages.html import Html, tag

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;overflow-wrap:anywhere}"
    "th,.info,.critical,.warning,.dead{overflow-wrap:normal}"
    "h2{margin-top:2rem}.critical,.warning,.dead{font-weight:600}.critical,.dead{color:#c62828}"
)
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""For the Content-Security-Policy, which allows this style only."""

UNREADABLE: Final = tag("p", "The store cannot be read now; the log says why.")
_T = TypeVar("_T")


async def read(stored: Awaitable[_T]) -> _T | None:
    """None if the store cannot be read: the page shows the rest, which matters most in that case."""
    try:
        return await stored
    except StoreUnavailable:
        return None


def prefix(external_url: str) -> str:
    """The prefix of every path, if a proxy adds one."""
    return urlsplit(external_url).path.rstrip("/")


def shown(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def page(title: str, *content: Html, status: int = 200) -> web.Response:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    document = tag("html", head, tag("body", tag("h1", title), *content), lang="en")
    return web.Response(text=f"<!doctype html>{document}", status=status, content_type="text/html")
