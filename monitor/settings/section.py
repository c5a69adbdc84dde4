"""The base of all sections of the configuration, and types of fields that many of them have."""

from functools import partial
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, model_validator

from monitor.settings.errors import section_in
from monitor.settings.fields import FromEnvironment, FromText, flag, optional
from monitor.settings.secrets import SecretSource, from_file, from_variable
from monitor.upstream.credentials import check_key

PATH: Final = {"type": "string", "minLength": 1}
URL: Final = {"type": "string", "format": "uri"}
TEXTS: Final = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
VARIABLE: Final = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}

Flag = Annotated[bool, flag()]
SecretFile = Annotated[SecretSource | None, optional(FromText(from_file, PATH))]
SecretVariable = Annotated[SecretSource | None, optional(FromEnvironment(from_variable, VARIABLE))]
KeyFile = Annotated[SecretSource | None, optional(FromText(partial(from_file, rule=check_key), PATH))]
KeyVariable = Annotated[
    SecretSource | None, optional(FromEnvironment(partial(from_variable, rule=check_key), VARIABLE))
]


class Section(BaseModel):
    """A mapping with fixed keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    literal_secrets: ClassVar[dict[str, str]] = {}
    """Keys for a literal secret, which is refused, each with advice."""
    foreign_keys: ClassVar[dict[str, str]] = {}
    """Keys of other types of the same section, each with the reason why it is refused here."""

    @model_validator(mode="before")
    @classmethod
    def _headings_with_nothing_under_them_say_nothing(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        headings = {
            key
            for key, value in written.items()
            if value is None and (field := cls.model_fields.get(key)) and section_in(field.annotation)
        }
        return {key: value for key, value in written.items() if key not in headings} if headings else written
