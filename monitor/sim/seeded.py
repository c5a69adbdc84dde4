"""Reproducible randomness: hashes of a seed and of names."""

from hashlib import blake2b

_TOP = float(1 << 64)


def digest(*parts: object) -> bytes:
    """16 bytes that depend only on the sequence of the parts' texts."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()


def fraction(*parts: object) -> float:
    """A number in [0, 1)."""
    # 53 bits, the precision of a float, so that rounding never reaches 1.0.
    return (int.from_bytes(digest(*parts)[:8]) >> 11 << 11) / _TOP


def uuid_text(*parts: object) -> str:
    """In the form of a random UUID, as the API's ids of definitions, executions and errors have it."""
    return uuid_of(digest(*parts))


def uuid_of(chance: bytes) -> str:
    text = chance.hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
