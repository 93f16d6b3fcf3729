"""Lines, sentences and tables that fit a terminal."""

from __future__ import annotations

import io
import os
import pty

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from annex_actors.base.columns import cut, joined, table, width_of, wrapped


def test_the_width_is_that_of_the_terminal_or_of_columns_and_80_where_it_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, its = pty.openpty()
    os.close(ours)
    with os.fdopen(its, "w") as stream:
        assert width_of(stream) == 80
    assert width_of(io.StringIO()) == 80
    monkeypatch.setenv("COLUMNS", "123")
    assert width_of(io.StringIO()) == 123
    monkeypatch.setenv("COLUMNS", "wide")
    assert width_of(io.StringIO()) == 80


def test_a_line_that_is_too_long_is_cut_with_a_mark() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("長い名前", 5) == "長い…"


def test_parts_are_left_out_in_their_order_as_far_as_needed() -> None:
    parts = ["one", "two", "three"]
    assert joined(parts, 20, spare=["two", "three"]) == "one  two  three"
    assert joined(parts, 10, spare=["two", "three"]) == "one  three"
    assert joined(parts, 5, spare=["two", "three"]) == "one"
    assert joined(parts, 8) == "one  tw…"


def test_a_sentence_is_wrapped_at_spaces_and_a_long_word_stays_whole() -> None:
    assert wrapped("a b c d", 3) == "a b\nc d"
    assert wrapped("saved in /a/very/long/path now", 10) == "saved in\n/a/very/long/path\nnow"
    assert wrapped("one\n\ntwo", 10) == "one\n\ntwo"
    assert wrapped("  indented  text", 12) == "  indented\n  text"


def test_columns_are_aligned_and_long_text_is_folded_within_its_column() -> None:
    assert table(["name", "what it is"], [["a", "one two three four"], ["bcd", 5]], 20) == [
        "name  what it is",
        "a     one two three",
        "      four",
        "bcd   5",
    ]


def test_columns_that_do_not_fit_come_below_after_the_first_one_again() -> None:
    rows = [["1", *["x" * 12] * 3]]
    assert table(["row", "a", "b", "c"], rows, 34) == [
        "row  a             b",
        "1    xxxxxxxxxxxx  xxxxxxxxxxxx",
        "",
        "row  c",
        "1    xxxxxxxxxxxx",
    ]


def test_a_table_may_have_no_headers_and_no_rows() -> None:
    assert table((), [["a", "b"]], 80) == ["a  b"]
    assert table(["a", "b"], [], 80) == ["a  b"]
    assert table(["", "b"], [["", "c"]], 80) == ["  b", "  c"]


texts = st.text(st.sampled_from("ab 長い.-é"), max_size=30)


@given(st.data(), st.integers(1, 5), st.integers(12, 90))
def test_no_line_of_any_table_is_wider_and_nothing_is_lost(data: st.DataObject, columns: int, width: int) -> None:
    rows = data.draw(st.lists(st.lists(texts, min_size=columns, max_size=columns), min_size=1, max_size=4))
    lines = table([f"c{index}" for index in range(columns)], rows, width)
    assert all(cell_len(line) <= width for line in lines)
    shown = "".join(lines)
    assert all(shown.count(letter) >= sum(cell.count(letter) for row in rows for cell in row) for letter in "長い")


@given(texts, st.integers(1, 40))
def test_no_line_that_is_cut_is_wider(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
