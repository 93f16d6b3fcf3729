"""Values of a program as text, where nothing may fail."""

from __future__ import annotations

from collections.abc import Callable


def printed(value: object, convert: Callable[[object], str] = repr) -> str:
    """Return ``value`` as text, whatever its own code raises."""
    try:
        return convert(value)
    except Exception:  # noqa: BLE001 - whatever its code raises
        return f"<{type(value).__name__} that cannot be printed>"
