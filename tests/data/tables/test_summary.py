"""A summary says of a table what counting its cells one by one says."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.data.tables import Column, Kind, Table
from annex_actors.data.tables.summary import summary_of

ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "a", "b"]), st.sampled_from([np.nan, 0.0, -0.0, 1.5]), st.sampled_from([0.0, 1.0])
    ),
    min_size=1,
    max_size=40,
)


@given(ROWS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_cells_and_rows_are_counted(rows: list[tuple[str | None, float, float]]) -> None:
    texts, numbers, truths = zip(*rows, strict=True)
    columns = (
        Column("text", Kind.TEXT, np.array(texts, object)),
        Column("number", Kind.NUMBER, np.array(numbers)),
        Column("truth", Kind.BOOLEAN, np.array(truths)),
    )
    found = summary_of(Table(columns, "made here"), label="text")
    same = [(text, "" if np.isnan(number) else number + 0.0, truth) for text, number, truth in rows]
    assert found.duplicated == len(rows) - len(set(same))
    assert found.classes == dict(Counter(text for text in texts if text is not None))
    assert list(found.classes) == [word for word, _ in Counter(text for text in texts if text).most_common()]
    assert [each.missing for each in found.columns] == [texts.count(None), int(np.isnan(numbers).sum()), 0]
    assert [each.distinct for each in found.columns] == [
        len({*texts} - {None}),
        len({number for number in numbers if number == number}),
        len({*truths}),
    ]
