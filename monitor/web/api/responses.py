"""Answers as JSON."""

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

_ENCODE: Final = msgspec.json.Encoder().encode


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=_ENCODE(body) + b"\n", status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def refusal(status: int, error: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """`{"error": ...}`, with what to do."""
    return answer({"error": error}, status, headers)
