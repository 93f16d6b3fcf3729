from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.data.tables import Kind, Table, read_table


def read(folder: Path, text: str, name: str = "mine.csv") -> Table:
    """Return the table in a file with this text."""
    (folder / name).write_text(text, encoding="utf-8")
    return read_table(folder / name)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("1", "2", "NA"), Kind.INTEGER),
        (("1", "2.0"), Kind.NUMBER),
        (("1e3", "-.5", "?"), Kind.NUMBER),
        (("", "-", "null", "1"), Kind.INTEGER),
        (("inf", "1"), Kind.NUMBER),
        (("9007199254740993", "1"), Kind.NUMBER),
        (("true", "False", "n/a"), Kind.BOOLEAN),
        (("yes", "no"), Kind.BOOLEAN),
        (("yes", "true"), Kind.TEXT),
        (("2020-01-02", "2020-01-03 04:05:06", ""), Kind.DATE),
        (("2020-01-02T03:04:05Z", "2020-01-02T03:04:05.25Z"), Kind.DATE),
        (("31.12.2020", "1.2.2021"), Kind.DATE),
        (("12/31/2020", "1/2/2021"), Kind.DATE),
        (("31/12/2020", "1/2/2021"), Kind.DATE),
        (("1/2/2020", "1/2/2021"), Kind.TEXT),
        (("2020-01-02", "soon"), Kind.TEXT),
        (("1", "many"), Kind.TEXT),
        (("1_000", "1"), Kind.TEXT),
    ],
)
def test_a_column_has_the_kind_of_all_its_cells(tmp_path: Path, cells: tuple[str, ...], kind: Kind) -> None:
    table = read(tmp_path, "name,last\n" + "".join(f"{cell},1.5\n" for cell in cells))
    assert table["name"].kind is kind
    missing = [cell in ("", "-", "null", "NA", "?", "n/a") for cell in cells]
    assert table["name"].missing.tolist() == missing


def test_cells_have_the_values_that_are_written(tmp_path: Path) -> None:
    table = read(tmp_path, "a;b;c;d\n1,5;yes;31.12.2020;x\n-2,25;no;01.02.2021;\n")
    assert table["a"].values.tolist() == [1.5, -2.25]
    assert table["b"].values.tolist() == [1, 0]
    assert table["c"].values.tolist() == [np.datetime64(day, "us").item() for day in ("2020-12-31", "2021-02-01")]
    assert table["d"].values.tolist() == ["x", None]


def test_equal_names_get_numbers_and_the_source_says_so(tmp_path: Path) -> None:
    table = read(tmp_path, "x,x,x.2,x\n1,2,3,4\n")
    assert table.names == ("x", "x.3", "x.2", "x.4")
    assert table.source.endswith("of equal names the later ones are now x.3, x.4")


def test_a_table_of_text_has_a_header_only_if_its_label_occurs_nowhere_else(tmp_path: Path) -> None:
    assert read(tmp_path, "cap,kind\nflat,edible\nflat,deadly\n").names == ("cap", "kind")
    assert len(read(tmp_path, "flat,edible\nround,edible\nflat,deadly\n")) == 3


def test_a_header_and_a_separator_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("1;5,a\n2;6,b\n")
    assert read_table(tmp_path / "mine.csv", header=True, separator=",").names == ("1;5", "a")
    assert read_table(tmp_path / "mine.csv", header=False).names == ("0", "1")
    with pytest.raises(ConfigError, match="expected `separator` to be"):
        read_table(tmp_path / "mine.csv", separator="x")
    with pytest.raises(ConfigError, match="expected `header` to be"):
        read_table(tmp_path / "mine.csv", header=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"\xff\xfea\x00,\x00", b"\xfe\xff\x00a"])
def test_utf16_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(DataError, match="expected a table in UTF-8, got UTF-16; save it as UTF-8"):
        read_table(tmp_path / "mine.csv")


def test_another_ending_is_refused_with_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"expected a file that ends in \.csv, \.tsv, .*got 'mine\.xlsx'; save the table"
    ):
        read(tmp_path, "", "mine.xlsx")
