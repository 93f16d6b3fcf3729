"""`annex-actors card`: a page on a run that is true, complete, and harmless whatever names are in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.data import load
from annex_actors.runs.saved_run import SavedRun


def table(page: str, head: str) -> list[list[str]]:
    """Return the cells of the rows below the line of a table's names."""
    lines = page.splitlines()
    first = lines.index(head) + 2
    last = next(index for index in range(first, len(lines) + 1) if index == len(lines) or not lines[index])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first:last]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "flowers"
    assert main(["train", "iris", "--epochs", "20", "--quiet", "--run-dir", str(path)]) == 0
    return path


def test_the_figures_are_those_of_the_run_and_of_its_weights(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(run)]) == 0
    page = capsys.readouterr().out
    report = json.loads((run / "result.json").read_text())
    assert page.startswith("# flowers\n")
    assert dict(table(page, "| figure | value |"))["accuracy"] == f"{report['test_accuracy']:.4g}"
    assert table(page, "| epoch | step | cost | test cost | accuracy |")[-1][2] == f"{report['train_cost']:.4g}"
    assert len(table(page, "| epoch | step | cost | test cost | accuracy |")) == 12
    assert ["SHA-256 of the weights", report["weights_sha256"]] in table(page, "|  |  |")
    dataset = load("iris")
    assert dataset.classes is not None
    taken = SavedRun.open(run).learner().predict(dataset.test.inputs).argmax(axis=1)
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (dataset.test.targets, taken), 1)
    matrix = table(page, "|  | setosa | versicolor | virginica |")
    assert [[int(cell) for cell in row[1:]] for row in matrix] == counts.tolist()
    precision = {row[0]: row[1] for row in table(page, "| class | precision | recall | F1 | samples |")}
    assert precision == {
        name: f"{counts[index, index] / counts[:, index].sum():.3f}" for index, name in enumerate(dataset.classes)
    }


def test_a_card_may_be_written_to_a_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(run)]) == 0
    page = capsys.readouterr().out
    assert main(["card", str(run), "--out", str(tmp_path / "card.md")]) == 0
    assert (tmp_path / "card.md").read_text() == page
    assert capsys.readouterr().out == ""
    assert main(["card", str(run), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: expected --out to be a file")


def test_a_run_with_amounts_has_no_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(tmp_path / "mine.npz", inputs=numbers, targets=numbers.sum(axis=1))
    assert (
        main(["train", str(tmp_path / "mine.npz"), "--epochs", "1", "--quiet", "--run-dir", str(tmp_path / "r")]) == 0
    )
    assert main(["card", str(tmp_path / "r")]) == 0
    page = capsys.readouterr().out
    assert "- **Output:** amounts of shape (1,)." in page
    assert {row[0] for row in table(page, "| figure | value |")} == {"cost", "r2"}
    assert "precision" not in page


def test_without_its_data_or_its_end_a_run_has_a_card_that_says_so(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "mine.npz"
    np.savez(data, inputs=np.random.default_rng(0).normal(size=(20, 2)), targets=np.arange(20) % 2)
    assert main(["train", str(data), "--epochs", "1", "--quiet", "--run-dir", str(tmp_path / "r")]) == 0
    data.unlink()
    assert main(["card", str(tmp_path / "r")]) == 0
    out, err = capsys.readouterr()
    assert "The test samples were not evaluated for this card: " in out
    assert "the test samples were not evaluated" in err
    killed = Path(shutil.copytree(run, tmp_path / "killed"))
    (killed / "result.json").unlink()
    assert main(["card", str(killed)]) == 0
    assert "it has not ended" in capsys.readouterr().out


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "x.csv"
    lines = [f"{value},{'<b>|*`[x](y)' if value % 2 else 'plain'}" for value in range(20)]
    data.write_text("\n".join(["feature,label", *lines]))
    assert main(["train", str(data), "--epochs", "1", "--quiet", "--run-dir", str(tmp_path / "r")]) == 0
    assert main(["card", str(tmp_path / "r")]) == 0
    page = capsys.readouterr().out
    assert r"&lt;b&gt;\|\*\`\[x](y)" in page
    assert "<b>" not in page


def test_the_card_of_a_table_names_its_columns_and_what_is_done_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{index % 7}.5,{['red', 'blue'][index % 3 > 1]},1,{'ab'[index % 2]}" for index in range(60)]
    (tmp_path / "mine.csv").write_text("\n".join(["size,a|b,same,kind", *rows]))
    run = tmp_path / "run"
    assert main(["train", str(tmp_path / "mine.csv"), "--epochs", "1", "--quiet", "--run-dir", str(run)]) == 0
    capsys.readouterr()
    assert main(["card", str(run)]) == 0
    page = capsys.readouterr().out
    assert "- **Input:** a row of a table, as it is, with the columns size, a\\|b." in page
    assert "`annex-actors predict run FILE.csv`" in page
    lines = [line for line in page.splitlines() if line.startswith(("| size |", "| a\\|b |", "| same |", "| kind |"))]
    assert lines == [
        "| size | number | impute standardise |",
        "| a\\|b | text | one_hot (2) |",
        "| same | integer | drop (0): the same cell in every row |",
        "| kind | text | to predict |",
    ]
