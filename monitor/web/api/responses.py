"""Answers as JSON."""

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

_ENCODE: Final = msgspec.json.Encoder().encode


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=_ENCODE(body) + b"\n", status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def json_error(status: int, error: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """`{"error": ...}`, with advice."""
    return json_response({"error": error}, status, headers)
