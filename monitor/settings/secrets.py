"""The sources of secrets. No error, repr or log shows a secret."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationInfo

_MAX_BYTES = 1024 * 1024
"""The largest file; a bundle of certificates has some 200 KiB."""
Rule = Callable[[str], str]
"""Takes the content of a file or a variable, returns the secret in it, or raises ValueError with the reason."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretError(ValueError):
    """An unusable secret; the message has the reason, and no part of the secret."""


@dataclass(frozen=True)
class SecretSource:
    """The source of a secret: a file, which is read again when it changes, or a variable."""

    file: Path | None = None
    env: str | None = None
    value: str | None = field(default=None, repr=False)
    """The value of a variable when the settings were loaded."""

    @property
    def place(self) -> str:
        """Its source, for people: the file, or the variable."""
        return str(self.file) if self.file is not None else f"the variable {self.env}"

    def read(self) -> str:
        """The present secret; raises SecretError. Blocking if it is a file."""
        if self.file is not None:
            return one_line(_content(self.file))
        return one_line(self.value or "")

    def read_lines(self) -> tuple[str, ...]:
        """The present secrets, one per line; raises SecretError. Blocking if it is a file."""
        return tuple(each_line(_content(self.file) if self.file is not None else self.value or "").splitlines())


def reader(source: SecretSource | None) -> Callable[[], str] | None:
    """A function that returns the present secret; None without a source."""
    return source.read if source is not None else None


def one_line(text: str) -> str:
    """The rule for a secret without a rule of its own; raises SecretError."""
    secret = text.rstrip("\r\n")
    if not secret:
        raise SecretError("the secret is empty")
    if not (secret.isascii() and secret.isprintable()) or secret != secret.strip():
        raise SecretError("a secret is one line of printable ASCII characters, without spaces around it")
    return secret


def each_line(text: str) -> str:
    """The rule for URLs of Apprise, one per line: those without empty lines and comments; raises SecretError."""
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#") and ("://" not in line or not line.isprintable()):
            raise SecretError(f"line {number} is no URL; expected one Apprise URL per line")
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise SecretError("expected one Apprise URL per line, there is none")
    return "\n".join(urls)


def readable(value: object) -> Path:
    """The path of a readable file; raises ValueError."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("expected the path of a file")
    _content(Path(value))
    return Path(value)


def from_file(value: object, *, rule: Rule = one_line) -> SecretSource:
    """The secret in a file, which must be readable and usable; raises ValueError."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise SecretError("expected the path of a file that holds the secret")
    rule(_content(Path(value)))
    return SecretSource(file=Path(value))


def from_variable(value: object, info: ValidationInfo, *, rule: Rule = one_line) -> SecretSource:
    """The secret in a variable of the environment, from the validation's context; raises ValueError."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise SecretError("expected the name of a variable that holds the secret")
    environ: Mapping[str, str] = info.context or {}
    if not environ.get(value):
        # The name is not repeated, since somebody may have written the secret itself here.
        raise SecretError("the variable that is named here is not set")
    rule(environ[value])
    return SecretSource(env=value, value=environ[value])


def one_of_two(variable: SecretSource | None, file: SecretSource | None, name: str) -> SecretSource | None:
    """The variable's secret; raises ValueError if the key `name` names a file for the same secret."""
    if variable is not None and file is not None:
        raise SecretError(f"there is {name}, too; keep one of them")
    return variable


def _content(path: Path) -> str:
    try:
        if path.is_dir():
            raise SecretError("a directory, not a file")
        if path.exists() and not path.is_file():
            raise SecretError("not a regular file")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise SecretError("there is no such file") from None
    except OSError as error:
        raise SecretError(f"the file cannot be read: {error.strerror or 'unknown reason'}") from None
    if len(content) > _MAX_BYTES:
        raise SecretError("the file is larger than 1MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretError("the file holds no text in UTF-8") from None
