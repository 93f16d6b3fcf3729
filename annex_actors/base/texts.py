"""Texts for people: values quoted in errors, and texts of unknown origin on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

LONGEST = 80
"""Characters of a value that an error quotes."""

_MOST = 40
"""Names that an error lists."""


def quoted(value: object) -> str:
    """Return a value as an error quotes it: its `repr`, cut to `LONGEST` characters."""
    try:
        text = repr(value[: LONGEST + 1]) if isinstance(value, str | bytes) else repr(value)
    except Exception:  # noqa: BLE001 - an error about a value must not fail on it: deep nesting, 5,000 digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST + 2 else f"{text[:LONGEST]}…"


def listed(names: Iterable[object]) -> str:
    """Return names as an error lists them, each cut to `LONGEST` characters; of very many the first."""
    first = [str(name) for name in islice(names, _MOST + 1)]
    texts = [name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in first[:_MOST]]
    return ", ".join([*texts, "…"] if len(first) > _MOST else texts)


def printable(text: str) -> str:
    """Return a text with everything escaped that a terminal would obey or could not show, lines left as they are.

    The escapes are those of JSON, so that JSON stays JSON.
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
