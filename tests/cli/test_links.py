from __future__ import annotations

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.cli.links import parse_link


@pytest.mark.parametrize(
    ("text", "latency", "per_byte"),
    [("1ms,100MB/s", 1e-3, 1e-8), ("20us", 2e-5, 0.0), ("1.5 s, 1 kB/s", 1.5, 1e-3), ("3µs", 3e-6, 0.0)],
)
def test_a_link_has_a_time_and_may_have_a_rate(text: str, latency: float, per_byte: float) -> None:
    assert parse_link(text) == pytest.approx((latency, per_byte))


@pytest.mark.parametrize("text", ["", "1", "ms", "-1ms", "1ms,100", "1ms,0/s", "1ms,x/s", "1ms,,1MB/s"])
def test_a_link_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="`link`"):
        parse_link(text)
