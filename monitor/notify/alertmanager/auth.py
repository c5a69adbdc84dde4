"""Authentication of the monitor at an Alertmanager."""

import base64
import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Auth:
    """Nothing, a user with a password, or a bearer token.

    The callables are called at every request and raise OSError or ValueError if a secret cannot be read.
    """

    username: str | None = dataclasses.field(default=None, repr=False)
    password: Callable[[], str] | None = dataclasses.field(default=None, repr=False)
    bearer: Callable[[], str] | None = dataclasses.field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.username is not None or self.bearer is not None


class Credentials:
    """The header of an `Auth`; if a secret cannot be read, the last readable one stays in use."""

    def __init__(self, access: Auth) -> None:
        self._access = access
        self._last: tuple[dict[str, str], tuple[str, ...]] | None = None

    def __repr__(self) -> str:
        return "Credentials()"

    def read(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """The headers, and the secrets in them. Raises OSError or ValueError if they could never be read."""
        try:
            self._last = _headers(self._access)
        except (OSError, ValueError):
            if self._last is None:
                raise
        return self._last


def _headers(access: Auth) -> tuple[dict[str, str], tuple[str, ...]]:
    if access.bearer is not None:
        token = access.bearer()
        return {"Authorization": f"Bearer {_one_line(token)}"}, (token,)
    if access.username is not None:
        password = access.password() if access.password is not None else ""
        basic = base64.b64encode(f"{access.username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}, (access.username, password, basic)
    return {}, ()


def _one_line(token: str) -> str:
    if not token.isascii() or not token.isprintable():
        raise ValueError("the token holds what no header may hold")
    return token
