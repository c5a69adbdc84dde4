"""Invented people: what customers wrote, for `data.payload`. A test that finds any of it elsewhere has found a leak."""

from typing import Any

from monitor.sim.seeded import digest, uuid_of

NAMES = ("Marisol Quispe", "Tendai Okonkwo", "Ingrid Løvstad", "Wei-Ling Tan", "Bartholomew Ruiz", "Anneliese Förster")
TEXTS = (
    "my card ends in 4417, please cancel",
    "the ward said room 12b after the operation",
    "tell nobody but I will resign on Friday",
    "call me at my sister's, door code 9921",
)
MSISDN_PREFIX = "+65900"


def payload(*about: object) -> dict[str, Any]:
    """As the trigger of an inbound message writes it."""
    chance = digest("payload", *about)
    name = NAMES[chance[0] % len(NAMES)]
    number = int.from_bytes(chance[1:4]) % 100_000
    user = {"msisdn": f"{MSISDN_PREFIX}{number:05d}", "channelUserId": name.lower().replace(" ", "."), "name": name}
    content = {"text": TEXTS[chance[4] % len(TEXTS)]}
    return {"umid": uuid_of(chance), "user": user, "type": "text", "content": content}


def personal_words() -> tuple[str, ...]:
    """Every piece of text that gives a person away."""
    return (*NAMES, *TEXTS, MSISDN_PREFIX)
