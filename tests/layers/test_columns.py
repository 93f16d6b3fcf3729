from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.layers.columns import beside, column_sums, tiled, wide

counts = st.integers(1, 3000)


@settings(deadline=None, print_blob=True)
@given(counts, counts)
def test_rows_beside_each_other_are_as_wide_as_a_divisor_allows(rows: int, columns: int) -> None:
    count = beside(rows, columns)
    assert rows % count == 0
    assert count == 1 or count * columns <= 1024


@settings(deadline=None, print_blob=True)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 9))
def test_a_wide_array_has_the_sums_and_products_of_its_columns(rows: int, columns: int, seed: int) -> None:
    array, row = np.random.default_rng(seed).normal(size=(rows, columns)), np.arange(float(columns))
    view = wide(array, columns)
    assert np.shares_memory(view, array)
    assert np.array_equal((view * tiled(row, view)).reshape(array.shape), array * row)
    np.testing.assert_allclose(column_sums(view, columns), array.sum(axis=0), atol=1e-12)
