"""Texts of unknown origin and length, as people are to read them; `annex_actors.base.shown` is for values."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

LONGEST = 80
"""Characters of a name that an error lists."""

_MOST = 40
"""Names that an error lists."""


def shortened(text: object, length: int = LONGEST) -> str:
    """Return a text, or its beginning if it is longer than ``length``."""
    whole = str(text)
    return whole if len(whole) <= length else f"{whole[:length]}…"


def listed(names: Iterable[object]) -> str:
    """Return names as an error lists them, each cut to `LONGEST` characters; of very many the first."""
    first = [shortened(name) for name in islice(names, _MOST + 1)]
    return ", ".join([*first[:_MOST], "…"] if len(first) > _MOST else first)


def printable(text: str) -> str:
    """Return a text with everything escaped that a terminal would obey or could not show, lines left as they are.

    The escapes are those of JSON, so that JSON stays JSON.
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def is_unicode(text: str) -> bool:
    """Return whether UTF-8 can hold a text: it cannot hold half of a surrogate pair, which a str may have."""
    try:
        str.encode(text)
    except UnicodeEncodeError:
        return False
    return True


def _printable(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
