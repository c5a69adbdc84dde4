"""What comes back over the wire: an answer, or none; and the bodies of refusals."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec


class Broken(enum.StrEnum):
    """How an exchange ends without an answer."""

    RESET = "reset"
    """The connection is cut."""
    HANG = "hang"
    """Silence."""


class SimResponse(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes
    delay: float = 0.0
    """Seconds until it is sent."""
    broken: Broken | None = None
    """Where set, nothing of the rest is ever sent."""


class RefusalError(Exception):
    """The API refuses a request: a status and a body as the document's schema `error` has it."""

    def __init__(self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


INVALID = 1000
NOT_FOUND = 1300
"""Codes that the document shows. The other refusals are not documented; a code there is our guess."""
_UNAUTHORIZED, _FORBIDDEN, _THROTTLED, _METHOD = 4010, 4030, 4290, 4050

encode = msgspec.json.encode


def invalid(message: str) -> RefusalError:
    return RefusalError(400, INVALID, message)


def not_found(what: str, id: str) -> RefusalError:
    return RefusalError(404, NOT_FOUND, f"{what} {id} not found.")


def unauthorized() -> RefusalError:
    return RefusalError(401, _UNAUTHORIZED, "Unauthorized.", {"WWW-Authenticate": "Bearer"})


def forbidden() -> RefusalError:
    return RefusalError(403, _FORBIDDEN, "The key does not belong to this account.")


def throttled(retry_after: str | None) -> RefusalError:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return RefusalError(429, _THROTTLED, "Too many requests.", headers)


def not_allowed(*methods: str) -> RefusalError:
    return RefusalError(405, _METHOD, "Method not allowed.", {"Allow": ", ".join(methods)})


def page(status: int, words: str) -> bytes:
    """What a gateway in front of the API says."""
    return f"<html><head><title>{status} {words}</title></head><body><h1>{status} {words}</h1></body></html>".encode()


def json_answer(status: int, value: Any, headers: dict[str, str]) -> SimResponse:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return SimResponse(status, headers, encode(value))
