"""Answers, broken connections, and the bodies of refusals."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec


class Broken(enum.StrEnum):
    """How an exchange ends without an answer."""

    RESET = "reset"
    """The connection is reset."""
    HANG = "hang"
    """No answer."""


class SimResponse(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes
    delay: float = 0.0
    """Seconds until it is sent."""
    broken: Broken | None = None
    """If set, nothing else is sent."""


class RefusalError(Exception):
    """The API refuses a request: a status, and a body with the documented schema `error`."""

    def __init__(self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


INVALID = 1000
NOT_FOUND = 1300
"""Documented codes. The other refusals are not documented; their codes are our guess."""
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
    """The page of a gateway in front of the API."""
    return f"<html><head><title>{status} {words}</title></head><body><h1>{status} {words}</h1></body></html>".encode()


def json_answer(status: int, value: Any, headers: dict[str, str]) -> SimResponse:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return SimResponse(status, headers, encode(value))
