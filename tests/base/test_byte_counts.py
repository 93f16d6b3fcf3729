"""Numbers of bytes are read as people write them, and written so that they are read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annex_actors.base.byte_counts import byte_count, bytes_text
from annex_actors.base.errors import ConfigError


@given(st.integers(1, 2**62) | st.integers(1, 2**20).map(lambda count: count * 10**6))
def test_a_text_of_bytes_is_read_back(count: int) -> None:
    assert byte_count("memory", bytes_text(count)) == count


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ("64MB", 64_000_000),
        ("64 MiB", 64 * 2**20),
        ("1.5gib", 3 * 2**29),
        ("512", 512),
        ("12B", 12),
        ("7KB", 7000),
        (7, 7),
    ],
)
def test_units_are_decimal_or_binary(given: object, count: int) -> None:
    assert byte_count("memory", given) == count


@pytest.mark.parametrize("given", ["", "MB", "-3MB", "3XB", "0", "0.1", "nan", 0, -1, 1.5, True, None, "9" * 30])
def test_what_is_no_number_of_bytes_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match="expected `memory` to be "):
        byte_count("memory", given)
