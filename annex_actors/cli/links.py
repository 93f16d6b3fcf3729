"""Links as options say them: how long a message travels, and how fast its bytes do."""

from __future__ import annotations

import re

from annex_actors.base.byte_counts import byte_count
from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown

USAGE = "such as 1ms,100MB/s or 20us"

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*(s|ms|us|µs)", re.ASCII)
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}


def parse_link(given: str) -> tuple[float, float]:
    """Return the seconds that a message travels, and those for each byte, of a text such as ``1ms,100MB/s``.

    Raises:
        ConfigError: a text of another form.
    """
    time, _, rate = given.partition(",")
    found, per_second = _DURATION.fullmatch(time.strip()), rate.strip().removesuffix("/s")
    if found is None or (rate and per_second == rate.strip()):
        raise ConfigError(f"expected `link` to be a time and bytes a second, {USAGE}, got {shown(given)}")
    return float(found[1]) * _UNITS[found[2]], 1 / byte_count("link", per_second) if rate else 0.0
