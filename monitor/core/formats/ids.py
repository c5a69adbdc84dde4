"""Ids as the API uses them: opaque, and yet part of a URL's path."""

_LONGEST = 200


def check_id(text: str) -> str:
    """The unchanged id; raises ValueError for one that would change a URL's path, or could not be shown.

    Ids are opaque: the API's own error says "not a valid uuid" for ids that are 24 hex digits by its documentation. So
    no format is required; every id that passes here is percent-encoded when it is sent.
    """
    if text.isascii() and text.encode().isalnum() and len(text) <= _LONGEST:
        return text  # nearly all ids; no letter or digit is refused below
    if not text:
        raise ValueError("an id must not be empty")
    if len(text) > _LONGEST:
        raise ValueError(f"an id has at most {_LONGEST} characters, this one has {len(text)}")
    if text in (".", ".."):
        raise ValueError(f"{text!r} would change the path of the URL")
    for character in text:
        if character in "/\\?#":
            raise ValueError(f"an id must not hold {character!r}, it would change the path of the URL")
        if not character.isprintable():
            raise ValueError(f"an id must not hold U+{ord(character):04X}, a character that does not print")
    return text
