"""Numbers of bytes as people write them: ``64MB`` is 64,000,000 bytes, ``64MiB`` is 67,108,864."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown

_UNITS = {
    "GiB": 2**30,
    "GB": 10**9,
    "MiB": 2**20,
    "MB": 10**6,
    "KiB": 2**10,
    "kB": 10**3,
    "B": 1,
}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)


def byte_count(setting: str, value: Any) -> int:
    """Return a number of bytes, given itself or a text such as ``64MB``, ``1.5 GiB`` or ``512``.

    Args:
        setting: its name.
        value: what was given; upper and lower case are alike.

    Raises:
        ConfigError: neither an integer >= 1 nor such a text.
    """
    if not isinstance(value, str):
        return checks.whole_number(setting, value, at_least=1, limit=2**63)
    found = _AMOUNT.fullmatch(value.strip())
    units = {name.lower(): size for name, size in _UNITS.items()}
    unit = units.get(found[2].lower() or "b") if found else None
    count = int(Fraction(found[1]) * unit) if found and unit and len(found[1]) < 20 else 0
    if not 1 <= count < 2**63:
        raise ConfigError(f"expected `{setting}` to be bytes, such as 64MB or 1.5GiB, got {shown(value)}")
    return count


def bytes_text(count: int) -> str:
    """Return a number of bytes as the shortest text that `byte_count` reads back, such as ``64MB``."""
    texts = [f"{count // size}{unit}" for unit, size in _UNITS.items() if count % size == 0]
    return min(texts, key=len)


def bytes_shown(count: int) -> str:
    """Return a number of bytes for people, rounded, such as ``41.2 MB``."""
    for unit in ("GB", "MB", "kB"):
        if count >= _UNITS[unit]:
            return f"{count / _UNITS[unit]:,.1f} {unit}"
    return f"{count} B"
