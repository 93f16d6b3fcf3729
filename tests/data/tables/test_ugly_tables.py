"""Tables as editors, spreadsheets and data frames leave them: each is read as meant, or refused in one line."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from annex_actors import Learner
from annex_actors.base.errors import DataError
from annex_actors.data import load
from annex_actors.layers import parse_layers

ROWS = [(index % 7 + 0.5, index * 3 % 5, "ab"[index % 2]) for index in range(30)]


def lines(separator: str = ",", end: str = "\n", header: str = "x,y,kind") -> str:
    """Return a table of two features and a label of two classes."""
    rows = [header.replace(",", separator), *(separator.join(map(str, row)) for row in ROWS)]
    return end.join(rows) + end


TRAINED = {
    "semicolons.csv": lines(";"),
    "decimal-commas.csv": lines(";").replace(".", ","),
    "tabs.tsv": lines("\t"),
    "tabs.csv": lines("\t"),
    "bars.csv": lines("|"),
    "byte-order-mark.csv": "\ufeff" + lines(),
    "old-line-ends.csv": lines(end="\r"),
    "mixed-line-ends.csv": lines(end="\r\n") + lines(header="1.5,2,a", end="\n") + "3.5,1,b\r4.5,2,a",
    "empty-lines-at-the-end.csv": lines() + "\n\r\n  \n",
    "empty-rows-at-the-end.csv": lines() + ",,\n,,\n",
    "equal-names.csv": lines(header="x,x,kind"),
    "index.csv": "\n".join(f"{at},{line}" if at >= 0 else f",{line}" for at, line in enumerate(lines().split(), -1)),
    "years.csv": lines(header="2019,2020,kind"),
    "numbered.csv": lines(header="0,1,kind").replace(",a\n", ",7\n").replace(",b\n", ",9\n"),
    "labels-true-false.csv": lines().replace(",a\n", ",true\n").replace(",b\n", ",False\n"),
    "feature-true-false.csv": "x,y,kind\n" + "".join(f"{x},{['no', 'Yes'][y % 2]},{z}\n" for x, y, z in ROWS),
    "constant.csv": "\n".join(f"{'c' if at < 0 else 1},{line}" for at, line in enumerate(lines().split(), -1)),
    "class-of-one-row.csv": lines() + "1.5,2,c\n",
    "quoted.csv": '"x, of all","y\nin two lines",kind\n' + "\n".join(f'"{x}",{y},"{z}"' for x, y, z in ROWS),
    "wide.csv": "\n".join(",".join([f"{x + y}.5"] * 5000 + [z]) for x, y, z in ROWS),
    "text.csv": lines().replace("x,y,kind", "x,colour,kind").replace(",0,", ",red,"),
    "missing.csv": lines() + "1,NA,a\n,3,b\n",
    "dates.csv": "day,kind\n" + "".join(f"2020-01-{1 + at * 7 % 28:02d},{'ab'[at % 2]}\n" for at in range(30)),
    "identifiers.csv": "id,x,kind\n" + "".join(f"customer-{at},{x},{z}\n" for at, (x, _, z) in enumerate(ROWS)),
    "sentences.csv": "note,kind\n" + "".join(f"paid {x} of {y} today,{z}\n" for x, y, z in ROWS),
    "categories.csv": "shop,kind\n" + "".join(f"s{at % 10_000},{'ab'[at % 2]}\n" for at in range(12_000)),
}
"""Files that are trained on, by name."""

REFUSED = {
    "typing-error.csv": (
        lines() + "many,2,a\n",
        "expected a number, as most cells of the column, in line 32, column x, got 'many'; correct the cell, or say",
    ),
    "after-a-quoted-line-break.csv": (
        'x,kind\n"1\n",a\n' + lines().partition("\n")[2].replace(",0,", ",").replace(",1,", ",") + "x1,b\n",
        "expected 2 cells a line, got 3",
    ),
    "infinite.csv": (lines() + "inf,2,a\n", "expected a finite number in line 32, column x, got inf"),
    "no-label.csv": (lines() + "1.5,2,\n", "expected a label in line 32, column kind, got a missing cell; fill it in"),
    "constant.csv": ("x,kind\n" + "1,a\n1,b\n" * 20, "expected a column to learn from beside the label, got none"),
    "one-class.csv": ("x,kind\n" + "1,a\n2,a\n" * 20, "expected at least 2 classes, got 1 (a)"),
    "ragged.csv": (lines() + "1,2\n", "expected 3 cells a line, got 2 in line 32"),
    "no-end.csv": (lines() + '"1,2,a\n', "unexpected end of data"),
    "names.csv": ("x,name\n" + "".join(f"{at}.5,n{at}\n" for at in range(50)), "choose another label"),
    "one-column.csv": ("x\n1\n2\n", "expected at least 2 columns"),
    "empty.csv": ("\ufeff\r\n", "expected at least 1 line of data, got none"),
}
"""Files that cannot be trained on, by name, and what is said of each."""


@pytest.mark.parametrize("name", TRAINED)
def test_a_table_as_people_have_it_trains(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TRAINED[name].encode())
    data = load(tmp_path / name)
    assert data.classes is not None
    result = Learner(parse_layers(f"dense:{len(data.classes)}"), runtime="inline").train(data, epochs=1, batch_size=2)
    assert np.isfinite(result.history[0].train_cost)


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_cannot_be_trained_on_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    text, message = REFUSED[name]
    (tmp_path / name).write_bytes(text.encode())
    with pytest.raises(DataError) as caught:
        load(tmp_path / name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["semicolons.csv", "decimal-commas.csv", "tabs.tsv", "bars.csv", "index.csv"])
def test_however_a_table_is_written_it_has_the_same_samples(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain.csv").write_text(lines())
    (tmp_path / name).write_text(TRAINED[name])
    plain, other = (load(tmp_path / each, test_fraction=0) for each in ("plain.csv", name))
    assert np.array_equal(plain.train.inputs, other.train.inputs)
    assert np.array_equal(plain.train.targets, other.train.targets)
    assert (plain.classes, plain.feature_names) == (other.classes, other.feature_names)


@pytest.mark.parametrize(("name", "names"), [("years.csv", ("2019", "2020")), ("numbered.csv", ("0", "1"))])
def test_a_header_of_numbers_is_known_by_its_label(tmp_path: Path, name: str, names: tuple[str, ...]) -> None:
    (tmp_path / name).write_text(TRAINED[name])
    data = load(tmp_path / name, test_fraction=0)
    assert (data.feature_names, len(data.train)) == (names, 30)
    assert data.classes in (("a", "b"), ("7", "9"))


def test_a_packed_table_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    packed = gzip.compress(lines().encode())
    (tmp_path / "mine.csv.gz").write_bytes(packed)
    assert load(tmp_path / "mine.csv.gz").name == "mine"
    (tmp_path / "mine.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="expected a whole gzip file"):
        load(tmp_path / "mine.csv.gz")
    (tmp_path / "mine.csv.gz").write_bytes(zlib.compress(b"x,y"))
    with pytest.raises(DataError, match="expected a whole gzip file"):
        load(tmp_path / "mine.csv.gz")


def test_the_task_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "price.csv").write_text("x,price\n" + "".join(f"{at}.5,{at * 1000}\n" for at in range(50)))
    amounts = load(tmp_path / "price.csv", task="regression", test_fraction=0)
    assert amounts.classes is load(tmp_path / "price.csv").classes is None
    assert amounts.preparation is not None
    assert amounts.preparation.amounts(amounts.train.targets[:3]).round(1).tolist() == [0, 1000, 2000]
    assert len(load(tmp_path / "price.csv", task="classification").classes or ()) == 50
    (tmp_path / "half.csv").write_text("x,y\n1,0.5\n2,1.5\n3,0.5\n4,1.5\n")
    assert load(tmp_path / "half.csv").classes is None
    assert load(tmp_path / "half.csv", task="classification").classes == ("0.5", "1.5")


def test_several_labels_are_amounts(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("x,left,right\n1,0,1\n2,1,1\n3,1,0\n")
    data = load(tmp_path / "mine.csv", label="left, right", test_fraction=0)
    assert data.train.targets.tolist() == [[0, 1], [1, 1], [1, 0]]
    assert data.feature_names == ("x",)
