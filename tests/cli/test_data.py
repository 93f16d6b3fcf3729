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
