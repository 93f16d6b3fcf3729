"""What a replay compares, what it finds, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import save

from annex_actors.cli import main
from annex_actors.runs import fingerprint_file
from annex_actors.runtimes.handed_over import STATE, Fingerprint, Place
from annex_actors.training.array_files import arrays_in
from annex_actors.training.checkpoint_files import _checksum
from tests.cli.commands import printed
from tests.replay.test_failures import PICKY

PLACEMENT = (range(1), range(1, 3))
OPTIONS = ("--epochs", "2", "--layers", "dense:5 relu dense:3", "--batch-size", "20", "--quiet", "--run-dir", "run")


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "iris", *OPTIONS, "--fingerprints", "--checkpoint-every", "4", "--keep", "all"]) == 0
    capsys.readouterr()
    return Path("run")


def changed(line: str) -> str:
    """Return a line of fingerprints with another last digit."""
    return line[:-1] + ("0" if line[-1] != "0" else "1")


@pytest.mark.parametrize(
    "begin", ["0 forward 6 0 ", "1 forward 6 1 ", "2 backward 6 0 ", "0 state 7 -1 ", "3 forward 5 0 "]
)
def test_a_hash_that_differs_is_named(begin: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "fingerprints.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(changed(line) if line.startswith(begin) else line for line in lines) + "\n")
    stage, kind, step, *_ = begin.split()
    report = printed(capsys, "replay", "run", "--step", "6", code=1)
    assert report["difference"].startswith(f"layer {stage} ")
    assert f"{kind} at step {step}" in report["difference"]
    assert main(["replay", "run", "--step", "6"]) == 1
    assert f"different: {report['difference']}" in capsys.readouterr().out


def test_what_comes_after_a_difference_is_not_compared(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = printed(capsys, "replay", "run", "--step", "6")
    path = run / "fingerprints.txt"
    begin, *lines = path.read_text().splitlines()
    path.write_text("\n".join([begin, *map(changed, lines)]) + "\n")
    cut = printed(capsys, "replay", "run", "--step", "6", code=1)
    assert cut["pieces_equal"] == 0 < whole["pieces_equal"]


def test_without_fingerprints_costs_and_checkpoints_are_compared(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "fingerprints.txt").unlink()
    report = printed(capsys, "replay", "run", "--step", "6", "--layer", "1", "--microbatch", "0")
    assert (report["begins"], report["difference"]) == ("the checkpoint at step 4", None)
    assert (report["pieces_equal"], report["costs_equal"], report["checkpoints_equal"]) == (0, 4, [8])
    assert [each["recorded"] for each in report["pieces"]] == [None, None]


def test_a_checkpoint_of_other_weights_is_found(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run with another seed leaves a checkpoint of the same form, which says that it is of this one."""
    (run / "fingerprints.txt").unlink()
    other = [*OPTIONS[:-1], "other", "--checkpoint-every", "4", "--keep", "all"]
    assert main(["train", "iris", *other, "--seed", "1"]) == 0
    name = "checkpoints/step-000000008.safetensors"
    (run / name).write_bytes(edited(Path("other") / name, run / name))
    capsys.readouterr()
    report = printed(capsys, "replay", "run", "--step", "7", code=1)
    assert report["difference"].startswith("weights_sha256 at step 8 is ")


def edited(other: Path, own: Path) -> bytes:
    """Return a checkpoint with the weights of another one, and the identity and the costs of its own."""
    arrays, _ = arrays_in(other.read_bytes())
    kept, metadata = arrays_in(own.read_bytes())
    arrays["costs"] = kept["costs"]
    text = {name: each for name, each in metadata.items() if name != "crc32"}
    return save(arrays, {**text, "crc32": _checksum(arrays, text)})


def test_a_run_without_an_early_checkpoint_is_replayed_from_its_initial_weights(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = printed(capsys, "replay", "run", "--step", "2", "--layer", "3")
    assert report["begins"] == "the initial weights"
    assert {each["layer"] for each in report["pieces"]} == {"layer 3 softmax_cross_entropy"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--step", "99"], "expected `step` to be one of the run's 10 steps, from 0, got 99"),
        (["--step", "-1"], "expected `step` to be an integer >= 0, got -1"),
        (["--step", "1", "--layer", "4"], "expected `layer` to be an integer from 0 to 3, which is the cost, got 4"),
        (["--step", "1", "--microbatch", "2"], "expected `microbatch` to be one of the 2 of step 1, from 0, got 2"),
        (["--step", "1", "--work", "forwards"], "expected `work` to be one of forward, backward, weight_gradient"),
        (["--layer", "1"], "expected `--step` with `--layer`, `--microbatch` and `--work`, got none; add it"),
    ],
)
def test_pieces_that_do_not_exist_are_refused(
    options: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "run", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


def test_data_that_have_changed_are_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = run / "config.toml"
    config.write_text(config.read_text().replace('name = "iris"', 'name = "wine"'))
    assert main(["replay", "run", "--step", "3"]) == 2
    assert "expected the `input_shape` that the training began with" in capsys.readouterr().err


def test_the_report_says_what_a_piece_was_given_and_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "run", "--step", "6", "--layer", "1", "--microbatch", "1"]) == 0
    begins, forward, backward, equal = capsys.readouterr().out.splitlines()
    assert begins == "replayed from the checkpoint at step 4"
    given = "layer 1 relu: forward at step 6 microbatch 1, given (10, 5) float32, made forward (10, 5) float32"
    assert forward.startswith(f"{given}: equal to the recorded hash ")
    assert backward.startswith("layer 1 relu: backward at step 6 microbatch 1, given (10, 5) float32, made backward")
    assert equal == "equal to what the run recorded: 96 pieces, 4 costs, the checkpoint at step 8"


def test_the_debugger_opens_in_the_layer_before_a_piece() -> None:
    found = debugged(
        "p inputs.shape\np key.step\nc\n", "--step", "3", "--layer", "1", "--work", "forward", "--microbatch", "0"
    )
    assert "forward()" in found.stdout
    assert "(10, 5)" in found.stdout
    assert "\n(Pdb) 3\n" in found.stdout
    assert "equal to the recorded hash" in found.stdout
    assert found.returncode == 0


def test_the_debugger_opens_where_a_layer_raises(capsys: pytest.CaptureFixture[str]) -> None:
    Path("picky.py").write_text(PICKY)
    options = [
        "--epochs",
        "2",
        "--layers",
        "dense:6 picky:backward dense:3",
        "--load",
        "picky.py",
        "--run-dir",
        "failed",
    ]
    assert main(["train", "iris", *options, "--quiet"]) == 1
    error = json.loads(Path("failed/result.json").read_text())["error"]
    found = debugged("p worst\nup\np saved[1].step\nc\n", run="failed")
    assert "picky.py(41)refuse()" in found.stdout
    worst = found.stdout.partition("(Pdb) ")[2].partition("\n")[0]
    assert f"too large: {worst}" in error
    assert "(Pdb) 7\n" in found.stdout


def test_leaving_the_debugger_ends_the_replay() -> None:
    found = debugged("q\n", "--step", "3", "--layer", "1")
    assert found.returncode == 130
    assert "left the debugger" in found.stderr


def debugged(commands: str, *options: str, run: str = "run") -> subprocess.CompletedProcess[str]:
    """Return what a replay under the debugger printed, given its commands."""
    program = [sys.executable, "-m", "annex_actors", "replay", run, "--pdb", *options]
    return subprocess.run(program, input=commands, capture_output=True, text=True, timeout=120)


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "fingerprints.txt"
    made = [
        Fingerprint(Place(1, "weight gradient", 3, -1), "0" * 16, "1" * 16),
        Fingerprint(Place(1, STATE, 4, -1), "", "2" * 16),
    ]
    fingerprint_file.add(path, fingerprint_file.begin_line(0, PLACEMENT) + fingerprint_file.line(made[0])[:-5])
    fingerprint_file.add(path, fingerprint_file.line(made[1]))
    assert fingerprint_file.read(path, PLACEMENT) == {made[1].place: {("", "2" * 16)}}


def test_what_was_recorded_with_other_stages_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "fingerprints.txt"
    pieces = [Fingerprint(Place(1, "forward", step, 0), "0" * 16, "1" * 16) for step in range(3)]
    for placement, piece in zip((PLACEMENT, (range(3),), PLACEMENT), pieces, strict=True):
        fingerprint_file.add(path, fingerprint_file.begin_line(0, placement) + fingerprint_file.line(piece))
    assert fingerprint_file.read(path, PLACEMENT).keys() == {pieces[0].place, pieces[2].place}
    assert fingerprint_file.read(tmp_path / "none", PLACEMENT) == {}
