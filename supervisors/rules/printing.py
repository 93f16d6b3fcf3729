"""Values of a program as text, where nothing may fail."""

from __future__ import annotations

from collections.abc import Callable


def printed(value: object, convert: Callable[[object], str] = repr) -> str:
    """Return ``value`` as text, whatever it is."""
    try:
        return convert(value)
    except Exception:  # noqa: BLE001 - an integer of very many digits, or whatever its code raises
        return f"a {type(value).__name__} that cannot be printed"


def shown(value: object) -> str:
    """Return ``value`` for an error: not too long, whatever it is."""
    text = printed(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
