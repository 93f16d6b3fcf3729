from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annex_actors.base.errors import DataError
from annex_actors.data import Dataset, load
from annex_actors.data.tables import read_table
from annex_actors.data.transforms.choices import labels_named

FLOWERS = """length,width,species
1.5,2,rose
3,4e-1,lily
5,6,rose
"""


def read(folder: Path, text: str, label: str | int | None = None) -> Dataset:
    """Return the data set in a csv file with this text, tested on its training samples, with numbers as they are."""
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    table = read_table(path, label=label)
    features = [name for name in table.names if name not in labels_named(table, label)]
    return load(path, label=label, test_fraction=0, transforms=dict.fromkeys(features, "passthrough"))


def test_the_last_column_is_the_label_by_default(tmp_path: Path) -> None:
    dataset = read(tmp_path, FLOWERS)
    assert np.array_equal(dataset.train.inputs, np.array([[1.5, 2], [3, 0.4], [5, 6]], dtype=np.float32))
    assert dataset.train.targets.tolist() == [1, 0, 1]
    assert (dataset.classes, dataset.feature_names) == (("lily", "rose"), ("length", "width"))


def test_without_a_header_features_are_named_by_their_place(tmp_path: Path) -> None:
    dataset = read(tmp_path, "1,2,rose\n3,4,lily\n")
    assert len(dataset.train) == 2
    assert dataset.feature_names == ("0", "1")


@pytest.mark.parametrize("label", ["kind", 0, -3, "0", "-3"])
def test_the_label_is_chosen_by_name_or_index(tmp_path: Path, label: str | int) -> None:
    dataset = read(tmp_path, "kind,a,b\nx,1,2\ny,3,4\n", label)
    assert (dataset.classes, dataset.feature_names) == (("x", "y"), ("a", "b"))
    assert dataset.train.inputs.tolist() == [[1, 2], [3, 4]]


def test_a_column_whose_name_is_a_number_is_found_by_name_first(tmp_path: Path) -> None:
    header = "a,b,-3\n"
    with pytest.raises(DataError, match="expected at least 1 line of data"):
        read(tmp_path, header.replace("-3", "c"))
    assert read(tmp_path, "x,1,2\ny,3,4\n", "0").classes == ("x", "y")


@pytest.mark.parametrize(
    ("cells", "classes", "targets"),
    [
        (("10", "9", "10"), ("9", "10"), [1, 0, 1]),
        (("-1", "1", "-1"), ("-1", "1"), [0, 1, 0]),
        (("b", "a", "b"), ("a", "b"), [1, 0, 1]),
        (("1.0", "2", "3"), None, [1, 2, 3]),
        (("0.5", "1e2", "-3"), None, [0.5, 100, -3]),
    ],
)
def test_integers_and_text_are_classes_and_decimals_are_regression(
    tmp_path: Path, cells: tuple[str, ...], classes: tuple[str, ...] | None, targets: list[float]
) -> None:
    dataset = read(tmp_path, "a,target\n" + "".join(f"1,{cell}\n" for cell in cells))
    assert dataset.classes == classes
    assert dataset.preparation is not None
    units = dataset.preparation.units
    if units is None:
        assert dataset.train.targets.tolist() == targets
    else:  # standardised as float32
        assert units.restored(dataset.train.targets).tolist() == pytest.approx(targets, abs=1e-5)


def test_quotes_spaces_blank_lines_and_a_byte_order_mark_are_ignored(tmp_path: Path) -> None:
    dataset = read(tmp_path, '\ufeffa, b ,"the, kind"\n\n 1 , 2 ,"x, y"\n3,4, z \n\n', "the, kind")
    assert dataset.train.inputs.tolist() == [[1, 2], [3, 4]]
    assert (dataset.classes, dataset.feature_names) == (("x, y", "z"), ("a", "b"))


def test_the_file_is_split_by_class(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("".join(f"{row % 7},{'ab'[row % 2]}\n" for row in range(40)))
    dataset = load(str(path))
    assert (len(dataset.train), len(dataset.test)) == (32, 8)
    assert np.bincount(dataset.test.targets).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least 1 line of data, got none"),
        ("\n\n", "expected at least 1 line of data, got none"),
        ("a,b\n", "expected at least 1 line of data, got none"),
        ("1\n2\n", r"expected at least 2 columns \(a feature and the label\), got 1; add one, or separators between"),
        ("a;b\n1;2\n", r"expected at least 2 classes, got 1 \(2\); check the label column"),
        ("a,b\n1,2\n3\n", "expected 2 cells a line, got 1 in line 3; add or remove cells"),
        ("1,2,x\n3,4,5,y\n", "expected 3 cells a line, got 4 in line 2"),
        (FLOWERS + "7,many,lily\n", "expected numbers for passthrough in column width, got a text; write one_hot"),
        (FLOWERS + "\n,8,lily\n", "expected a number in line 6, column length, got a missing cell; write impute"),
        ("1,2,x\n3,nan,y\n", "expected a number in line 2, column 1, got a missing cell"),
        ("1,2,x\n3,inf,y\n", "expected a finite number in line 2, column 1, got inf"),
        ("1,2,x\n3,1e39,y\n", "expected a number in line 2, column 1, got one that is not finite as float32"),
        ("1,2.5\n3,inf\n", "expected a finite number in line 2, column 1, got inf"),
        (FLOWERS + "7,8,\n", "expected a label in line 5, column species, got a missing cell; fill it in"),
        ("1,2.5\n3,4.5\n5,NA\n", "expected a label in line 3, column 1, got a missing cell"),
        ("1,b\n3,a\n5,7\n", "expected labels that are all numbers or all text in line 3, column 1, got '7'"),
        ("0,1,b\n3,4,a\n5,6,7\n", "in line 3, column 2, got '7'; .*say task=\"classification\""),
        ("a,b\n1,2\n3,2\n", r"expected at least 2 classes, got 1 \(2\); check the label column"),
        ('a,b\n1,"2\n', "expected a comma-separated file in UTF-8, got: unexpected end of data; save it as such"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_line_that_names_the_cell(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=f"^{tmp_path / 'mine.csv'}: .*{message}") as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_only_the_first_bad_cell_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="in line 2, column 0, got -inf;") as caught:
        read(tmp_path, "1,inf,x\n-inf,2,y\n")
    assert "line 1" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (
            "specie",
            "expected the label column to be one of length, width, species, got 'specie'; did you mean 'species'",
        ),
        (3, "got 3; give a name or an index"),
        ("-4", "got '-4'; give a name or an index"),
    ],
)
def test_an_unknown_label_column_is_refused(tmp_path: Path, label: str | int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, FLOWERS, label)


def test_a_name_without_a_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="to be one of 0, 1, got 'kind'; give a name or an index"):
        read(tmp_path, "1,x\n2,y\n", "kind")


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DataError, match="expected a comma-separated file in UTF-8, got: 'utf-8' codec can't decode"):
        load(path)
