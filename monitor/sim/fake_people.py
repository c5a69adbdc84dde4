"""Invented people and their texts, for `data.payload`. If a test finds any of these elsewhere, there is a leak."""

import msgspec

from monitor.sim.seeded import uuid_of

NAMES = ("Marisol Quispe", "Tendai Okonkwo", "Ingrid Løvstad", "Wei-Ling Tan", "Bartholomew Ruiz", "Anneliese Förster")
TEXTS = (
    "my card ends in 4417, please cancel",
    "the ward said room 12b after the operation",
    "tell nobody but I will resign on Friday",
    "call me at my sister's, door code 9921",
)
MSISDN_PREFIX = "+65900"


class User(msgspec.Struct, frozen=True, gc=False):
    msisdn: str
    channelUserId: str  # noqa: N815 - the API's word
    name: str


class Content(msgspec.Struct, frozen=True, gc=False):
    text: str


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The payload of an inbound message's trigger."""

    umid: str
    user: User
    type: str
    content: Content


def payload(chance: bytes) -> Payload:
    """`chance`: 16 bytes."""
    name, channel = _NAMED[chance[0] % len(NAMES)]
    number = int.from_bytes(chance[1:4]) % 100_000
    user = User(f"{MSISDN_PREFIX}{number:05d}", channel, name)
    return Payload(uuid_of(chance), user, "text", _CONTENTS[chance[4] % len(TEXTS)])


def personal_words() -> tuple[str, ...]:
    """Every text that identifies a person."""
    return (*NAMES, *TEXTS, MSISDN_PREFIX)


_NAMED = tuple((name, name.lower().replace(" ", ".")) for name in NAMES)
_CONTENTS = tuple(Content(text) for text in TEXTS)
