"""Makes foreign text harmless: one line, no control characters, bounded length."""

import re

_FOLDED = re.compile(
    r"(?:\x1b\[[0-9;?]{0,20}[@-~]|"  # colours of a terminal
    r"[\s\x00-\x1f\x7f-\x9f"  # white space and control characters
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls, which reorder the visible text
    r"\u200b\u2060\ufeff\U000e0000-\U000e007f"  # invisible characters
    r"\ud800-\udfff])+"  # lone surrogates, which no encoder takes
)


def clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters, cut with `…`; characters that break or forge a line become one space."""
    # Replacing costs time per character; only the beginning of a text of megabytes can be shown.
    head = text[: limit * 8]
    line = _FOLDED.sub(" ", head).strip()
    if len(line) <= limit and len(head) == len(text):
        return line
    return line[: max(limit - 1, 0)].rstrip() + "…" if limit > 0 else ""
