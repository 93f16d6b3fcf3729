"""A table from the command line: trained on as it is, and predicted as it is, to the same bits after any detour."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.cli import main
from annex_actors.data import load
from annex_actors.data.tables import read_table
from annex_actors.runs.saved_run import SavedRun
from annex_actors.training.learner import Learner

OPTIONS = ["--label", "risk", "--drop", "id", "--epochs", "20", "--quiet", "--set", "data.transforms.age=impute robust"]


def rows(count: int, seed: int = 0) -> str:
    """Return a table with columns of every kind, of which some cells are missing."""
    random = np.random.default_rng(seed)
    lines = ["id,age,job,amount,since,owner,risk"]
    for index in range(count):
        age, amount = random.integers(18, 80), random.lognormal(7)
        job = ["cook", "clerk", "", "007"][random.integers(4)]
        since = f"{random.integers(1, 29):02d}/{random.integers(1, 13):02d}/2024"
        risk = "bad" if age < 35 or amount > 2000 else "good"
        lines.append(
            f"c{index},{'' if index % 9 == 4 else age},{job},{amount:.2f},{since},{['no', 'yes'][index % 2]},{risk}"
        )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, and a run that was trained on it."""
    path = tmp_path_factory.mktemp("tables")
    (path / "credit.csv").write_text(rows(200))
    (path / "new.csv").write_text(rows(40, seed=1))
    assert main(["train", str(path / "credit.csv"), *OPTIONS, "--run-dir", str(path / "run")]) == 0
    return path


def predicted(capsys: pytest.CaptureFixture[str], run: Path, table: Path, *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["predict", str(run), str(table), "--json", *options]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_raw_rows_are_predicted_with_classes_and_metrics(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = predicted(capsys, folder / "run", folder / "new.csv")
    assert answer["classes"] == ["bad", "good"]
    assert {row["class"] for row in answer["predictions"]} <= {"bad", "good"}
    assert answer["metrics"]["accuracy"] > 0.7
    unknown = folder / "unknown.csv"
    unknown.write_text("\n".join(line.rpartition(",")[0] for line in (folder / "new.csv").read_text().splitlines()))
    without = predicted(capsys, folder / "run", unknown)
    assert without["outputs"] == answer["outputs"]
    assert without["metrics"] == {}


def test_one_row_means_what_it_means_among_many(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = predicted(capsys, folder / "run", folder / "new.csv")["outputs"]
    header, *lines = (folder / "new.csv").read_text().splitlines()
    for index in range(0, 40, 7):  # a job such as 007 alone looks like a number, and a date as if it were another
        (folder / "one.csv").write_text(f"{header}\n{lines[index]}\n")
        [one] = predicted(capsys, folder / "run", folder / "one.csv")["outputs"]
        assert one == pytest.approx(every[index], abs=1e-6)  # a product of one row rounds in its own way


def test_columns_may_be_in_any_order_and_of_another_form(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = predicted(capsys, folder / "run", folder / "new.csv")["outputs"]
    lines = [line.split(",") for line in (folder / "new.csv").read_text().splitlines()]
    (folder / "turned.tsv").write_text("\n".join("\t".join(reversed(line)) for line in lines))
    assert predicted(capsys, folder / "run", folder / "turned.tsv")["outputs"] == expected
    records = [json.dumps(dict(zip(lines[0], line, strict=True))) for line in lines[1:]]
    assert len(records) == 40


def test_a_run_that_was_killed_and_resumed_or_saved_predicts_the_same_bits(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = predicted(capsys, folder / "run", folder / "new.csv")["outputs"]
    crash = ["--crash", "layer=0,step=9,times=9", "--max-attempts", "1", "--checkpoint-every", "2"]
    cut = tmp_path / "cut"
    assert main(["train", str(folder / "credit.csv"), *OPTIONS, "--run-dir", str(cut), *crash]) == 1
    assert main(["resume", str(cut), "--quiet"]) == 0
    assert predicted(capsys, cut, folder / "new.csv")["outputs"] == expected
    learner = SavedRun.open(cut).learner()
    learner.save(tmp_path / "model.safetensors")
    assert predicted(capsys, tmp_path / "model.safetensors", folder / "new.csv")["outputs"] == expected
    again = Learner.load(tmp_path / "model.safetensors")
    assert again.preparation is not None
    table = read_table(folder / "new.csv", forms=again.preparation.forms)
    assert again.predict(again.preparation.inputs(table)).tolist() == expected


def test_a_config_repeats_the_run(folder: Path, tmp_path: Path) -> None:
    assert main(["train", str(folder / "run" / "config.toml"), "--quiet", "--run-dir", str(tmp_path / "again")]) == 0
    results = [json.loads((run / "result.json").read_text()) for run in (folder / "run", tmp_path / "again")]
    assert results[0]["weights_sha256"] == results[1]["weights_sha256"]
    config = SavedRun.open(tmp_path / "again").config
    assert config.data.transforms == {"age": "impute robust"}
    assert config.data.drop == ["id"]


def test_predictions_are_written_with_the_columns_of_the_table(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = predicted(
        capsys, folder / "run", folder / "new.csv", "--out", str(tmp_path / "out.parquet"), "--keep-columns"
    )
    table, before = read_table(tmp_path / "out.parquet"), read_table(folder / "new.csv")
    own = ("class", "probability", "probability of bad", "probability of good")
    assert table.names == (*before.names, *own)
    assert table["class"].values.tolist() == [row["class"] for row in answer["predictions"]]
    both = np.stack([table[f"probability of {name}"].values for name in answer["classes"]], axis=1)
    assert both.astype(np.float32).tolist() == np.array(answer["outputs"], np.float32).tolist()


def test_no_column_of_the_table_is_lost_to_a_prediction_of_its_name(folder: Path, tmp_path: Path) -> None:
    table, run, out = tmp_path / "mine.csv", tmp_path / "run", tmp_path / "out.csv"
    table.write_text(
        "probability,x,class\n" + "".join(f"{index / 7},{index % 5},{'ab'[index % 2]}\n" for index in range(40))
    )
    assert main(["train", str(table), "--epochs", "1", "--quiet", "--run-dir", str(run)]) == 0
    assert main(["predict", str(run), str(table), "--keep-columns", "--out", str(out)]) == 0
    written, before = read_table(out), read_table(table)
    assert written.names == (
        *("probability", "x", "class", "predicted class", "predicted probability"),
        *("probability of a", "probability of b"),
    )
    assert all((written[name].values == before[name].values).all() for name in before.names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("amount", "amounts"), "expected the columns of the training, got no amount and also amounts"),
        (("\nc3,", "\nc3,old"), "bad.csv: expected a number, as in training, in line 5, column age, got 'old"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    (tmp_path / "bad.csv").write_text((folder / "new.csv").read_text().replace(*change, 1))
    capsys.readouterr()
    assert main(["predict", str(folder / "run"), str(tmp_path / "bad.csv"), "--out", str(tmp_path / "out.csv")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not (tmp_path / "out.csv").exists()


def test_a_label_that_training_had_not_takes_the_metrics_only(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.csv").write_text((folder / "new.csv").read_text().replace(",good\n", ",fine\n", 1))
    assert main(["predict", str(folder / "run"), str(tmp_path / "odd.csv"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["metrics"] == {}
    assert err.startswith("no metrics: expected one of bad, good in line ")


def test_a_run_that_has_lost_its_identity_predicts_raw_rows(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(folder / "run", tmp_path / "run"))
    expected = predicted(capsys, run, folder / "new.csv")["outputs"]
    (run / "identity.json").unlink()
    assert predicted(capsys, run, folder / "new.csv")["outputs"] == expected


@pytest.mark.parametrize("name", ["preparation.json", "preparation.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_preparation_that_is_not_the_runs_own_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, damage: str
) -> None:
    run = Path(shutil.copytree(folder / "run", tmp_path / "run"))
    path = run / name
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        other = load(folder / "credit.csv", label="amount", drop=["id"]).preparation
        assert other is not None
        other.save(run / "preparation")
    assert main(["predict", str(run), str(folder / "new.csv")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "preparation" in err


def test_amounts_are_predicted_and_judged_in_the_units_of_the_table(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run = tmp_path / "price.csv", tmp_path / "run"
    sizes = np.linspace(20, 200, 120).round(1)
    path.write_text("size,price\n" + "".join(f"{size},{1000 * size + 5e4:.1f}\n" for size in sizes))
    options = ["--quiet", "--metrics", "r2,mae", "--run-dir", str(run)]
    assert main(["train", str(path), *options]) == 0
    report = json.loads((run / "result.json").read_text())
    assert report["test_metrics"]["r2"] > 0.95
    assert report["test_metrics"]["mae"] > 10  # standardised ones are below 1
    answer = predicted(capsys, run, path)
    amounts = [row["predicted price"] for row in answer["predictions"]]
    assert np.corrcoef(amounts, 1000 * sizes + 5e4)[0, 1] > 0.99
    assert abs(np.mean(amounts) - (1000 * sizes + 5e4).mean()) < 1e4
    assert answer["metrics"]["r2"] > 0.95
    assert answer["metrics"]["mae"] > 10
    capsys.readouterr()
    assert main(["card", str(run)]) == 0
    page = capsys.readouterr().out
    assert "amounts in the units of the table: price." in page
    assert "all other figures are in the units of the table" in page


def test_a_run_without_transforms_still_predicts_numbers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "iris", "--epochs", "1", "--quiet", "--run-dir", str(tmp_path / "run")]) == 0
    inputs = load("iris").test.inputs
    np.save(tmp_path / "rows.npy", inputs)
    np.savetxt(tmp_path / "rows.csv", inputs, "%.9g", ",")
    arrays = predicted(capsys, tmp_path / "run", tmp_path / "rows.npy")
    assert predicted(capsys, tmp_path / "run", tmp_path / "rows.csv")["outputs"] == arrays["outputs"]
    (tmp_path / "run" / "identity.json").unlink()  # as of version 0.2.0
    assert predicted(capsys, tmp_path / "run", tmp_path / "rows.npy")["outputs"] == arrays["outputs"]
    (tmp_path / "text.csv").write_text("1,2,3,x\n")
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "text.csv")]) == 2
    assert "was not trained on a table's rows, got a text in column 3" in capsys.readouterr().err


def test_labelled_arrays_are_judged_by_the_names_of_their_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, labels = load("xor").train.inputs, np.array(["no", "yes", "yes", "no"])
    np.savez(tmp_path / "mine.npz", inputs=np.tile(inputs, (5, 1)), targets=np.tile(labels, 5))
    options = ["--epochs", "100", "--quiet", "--run-dir", str(tmp_path / "run")]
    assert main(["train", str(tmp_path / "mine.npz"), *options]) == 0
    np.savez(tmp_path / "yes.npz", inputs=inputs, targets=labels)
    assert predicted(capsys, tmp_path / "run", tmp_path / "yes.npz")["metrics"]["accuracy"] == 1
    np.savez(tmp_path / "odd.npz", inputs=inputs, targets=np.array(["no", "never", "yes", "no"]))
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "odd.npz"), "--json"]) == 0
    assert "no metrics: there was no class never in training" in capsys.readouterr().err


def test_the_command_that_shows_a_table_says_what_training_makes_of_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["data", str(folder / "credit.csv"), "--label", "risk", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["problem"] == ""
    assert shown["use"]["risk"] == "to predict"
    assert shown["use"]["id"].startswith("drop (0): an identifier")
    assert shown["use"]["job"] == "one_hot (4)"
    (folder / "odd.csv").write_text("x,y\n1,a\n2,a\n")
    assert main(["data", str(folder / "odd.csv")]) == 0
    assert "Training on it fails: expected at least 2 classes, got 1 (a)" in capsys.readouterr().out


def test_columns_are_transformed_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, together = folder / "together", 'data.transforms."amount, age"=impute standardise pca:2'
    given = ["--label", "risk", "--drop", "id", "--epochs", "1", "--quiet", "--set", together]
    assert main(["train", str(folder / "credit.csv"), *given, "--run-dir", str(run)]) == 0
    saved = SavedRun.open(run)
    assert saved.preparation is not None
    assert saved.preparation.feature_names[:2] == ("age … pca0", "age … pca1")
    assert saved.config.data.transforms == {"amount, age": "impute standardise pca:2"}
    assert len(predicted(capsys, run, folder / "new.csv")["predictions"]) == 40
    assert main(["train", str(folder / "credit.csv"), *given[:-1], 'data.transforms."age, job"=impute', "--quiet"]) == 2
    assert "expected columns of one kind in age, job, got a number in age and a text in job" in capsys.readouterr().err


@pytest.mark.parametrize("runtime", ["inline", "schedulers", "processes"])
def test_many_rows_are_predicted_piece_by_piece_to_the_bits_of_all_at_once(
    folder: Path, tmp_path: Path, runtime: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    options = [*OPTIONS[:-2], "--epochs", "1", "--runtime", runtime, "--run-dir", str(run)]
    assert main(["train", str(folder / "credit.csv"), *options]) == 0
    header, *lines = (folder / "credit.csv").read_text().splitlines()
    (tmp_path / "long.csv").write_text("\n".join([header, *(lines * 50)[: 2 * 4096 + 77]]) + "\n")
    outputs = predicted(capsys, run, tmp_path / "long.csv", "--out", str(tmp_path / "out.csv"))["outputs"]
    learner = SavedRun.open(run).learner()
    assert learner.preparation is not None
    table = read_table(tmp_path / "long.csv", forms=learner.preparation.forms)
    assert outputs == learner.predict(learner.preparation.inputs(table)).tolist()
    assert len(read_table(tmp_path / "out.csv")) == 2 * 4096 + 77
