from __future__ import annotations

import json
from pathlib import Path

import pytest

from annex_actors.cli import main

ROWS = [
    f"u{at},{at % 5 + 0.5},{'NA' if at == 3 else at % 3},1,{'no' if at % 2 else 'yes'},{at % 2}" for at in range(30)
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of 31 rows, of which the last is there twice."""
    (tmp_path / "mine.csv").write_text("\n".join(["user,x,y,one,same,kind", *ROWS, ROWS[-1]]))
    return tmp_path / "mine.csv"


def test_a_table_is_described_by_column(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    columns = {each.pop("name"): each for each in found["columns"]}
    assert (found["rows"], found["duplicated"], found["label"], found["classes"]) == (31, 1, "kind", {"1": 16, "0": 15})
    assert columns["x"] == {"kind": "number", "missing": 0, "distinct": 5, "values": "0.5 to 4.5", "suspicion": ""}
    assert columns["y"] == {"kind": "integer", "missing": 1, "distinct": 3, "values": "0 to 2", "suspicion": ""}
    assert columns["one"]["suspicion"] == "constant"
    assert columns["same"]["suspicion"] == "copy of the label"
    assert columns["same"]["values"] == "false (16)"


def test_a_column_of_which_each_cell_is_another_is_an_identifier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text("\n".join(["user,x,kind", *(f"u{at},{at}.5,{at % 2}" for at in range(30))]))
    assert main(["data", str(tmp_path / "mine.csv"), "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert [each["suspicion"] for each in columns] == ["identifier", "", ""]


def test_sentences_are_no_identifiers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"row {at} says so,u{at},{at % 2}" for at in range(30)]
    (tmp_path / "mine.csv").write_text("\n".join(["note,user,kind", *rows]))
    assert main(["data", str(tmp_path / "mine.csv"), "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert [each["suspicion"] for each in columns] == ["", "identifier", ""]


def test_a_description_fits_the_terminal(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(table), "--label", "x"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.split("\n"))) <= 80
    assert "31 rows, 1 of them duplicated" in out
    assert "x: amounts or dates" in out


def test_an_unknown_label_is_refused_in_one_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(table), "--label", "kinds"]) == 2
    error = capsys.readouterr().err
    assert "expected the label column to be one of user, x, y, one, same, kind, got 'kinds'" in error
    assert error.count("\n") == 1


def test_a_table_without_suspicious_columns_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.csv").write_text("x,y,kind\n1,2,a\n3,5,b\n2,2,a\n")
    assert main(["data", str(tmp_path / "mine.csv")]) == 0
    out = capsys.readouterr().out
    assert "kind: 2 classes" in out
    assert "a      2     66.7%" in out


def test_labels_are_named_on_one_line_whatever_is_in_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "n" * 300
    rows = [f"{at},{at % 7}.5,{at % 5}.25,{'ab'[at % 2]}" for at in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join([f'{name},u,v,"two\nlines"', *rows]))
    assert main(["data", str(tmp_path / "mine.csv")]) == 0
    out = capsys.readouterr().out
    assert "\ntwo\\nlines: 2 classes\n" in out
    assert "n" * 81 not in out.replace("\n", "")
    assert main(["data", str(tmp_path / "mine.csv"), "--label", "u,v"]) == 0
    assert "\nu, v: 2 amounts\n" in capsys.readouterr().out


def shown(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> str:
    assert main(["data", str(path), *options]) == 0
    return capsys.readouterr().out


def test_remarks_are_shown_where_there_are_any(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, table)
    assert "remark" in out
    assert "copy of the label" in out
    assert "constant" not in out  # it is left out, and its use says why
    (table.parent / "plain.csv").write_text("x,y,kind\n1,2,a\n3,5,b\n2,2,a\n")
    assert "remark" not in shown(capsys, table.parent / "plain.csv")


def test_a_long_name_of_a_column_leaves_room_for_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.csv").write_text(f"{'size ' * 20},kind\n1,a\n3,b\n2,a\n")
    out = shown(capsys, tmp_path / "mine.csv")
    assert "size size size size size…  integer" in out


@pytest.fixture
def long_table(tmp_path: Path) -> Path:
    """Return a table of more rows than transforms are fitted on, in which each row has its number."""
    lines = [f"{at},{at % 7 + 0.5},{'ab'[at % 2]}" for at in range(12_000)]
    (tmp_path / "long.csv").write_text("\n".join(["row,x,kind", *lines]))
    return tmp_path / "long.csv"


def test_all_rows_decide_what_is_done_with_a_column(long_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, long_table)
    assert "drop (0): a counter of the rows" in " ".join(out.split())
    assert "the counts in parentheses are those of a sample of 10,000" in out


def test_an_infinite_number_is_found_wherever_it_is(long_table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = long_table.read_text().split("\n")
    for number in (1, 2, 6001, 11_999):
        changed = [*lines[:number], f"{number - 1},-inf,a", *lines[number + 1 :]]
        long_table.write_text("\n".join(changed))
        out = shown(capsys, long_table)
        assert f"Training on it fails: expected a finite number in line {number + 1}, column x, got -inf" in out


def test_what_is_done_in_training_is_foretold(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from annex_actors.data.tables import read_table
    from annex_actors.data.transforms import Preparation

    use = json.loads(shown(capsys, table, "--json"))["use"]
    made = Preparation.fit(read_table(table, label="kind"), label="kind")
    assert use == {name: each.use for each in made.features for name in each.columns} | {"kind": "to predict"}
