"""A user of the command line never sees a traceback, unless --debug asks for it."""

from __future__ import annotations

import sys
import warnings
from fractions import Fraction
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.cli import main
from annex_actors.cli.app import command as program
from annex_actors.experiments.simulation import simulate
from annex_actors.protocol.messages import Address
from annex_actors.protocol.routing import stage_address
from annex_actors.runtimes import Supervision
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.schedules.discipline import B, Discipline, F, W
from annex_actors.schedules.table import DISCIPLINES

COMMANDS = {
    "train": ("annex_actors.runs.config.resolve", ["train", "xor"]),
    "resume": ("annex_actors.runs.saved_run.SavedRun.open", ["resume", "run"]),
    "predict": ("annex_actors.runs.saved_run.SavedRun.open", ["predict", "run", "x.npy"]),
    "inspect": ("annex_actors.runs.saved_run.SavedRun.open", ["inspect", "run"]),
    "card": ("annex_actors.runs.saved_run.SavedRun.open", ["card", "run"]),
    "curves": ("annex_actors.runs.saved_run.SavedRun.open", ["curves", "run", "--out", "x.png"]),
    "export": ("annex_actors.runs.saved_run.SavedRun.open", ["export", "run", "--to", "onnx"]),
    "data": ("annex_actors.data.tables.read_table", ["data", "mine.csv"]),
    "datasets": ("annex_actors.data.catalog", ["datasets"]),
    "schedules": ("annex_actors.base.user_files.run_user_files", ["schedules"]),
    **{
        name: ("annex_actors.base.user_files.run_user_files", [name])
        for name in ("layers", "initializers", "costs", "metrics", "optimizers", "rates")
    },
    "find-rate": ("annex_actors.runs.config.resolve", ["find-rate", "xor"]),
    "profile": ("annex_actors.runs.config.resolve", ["profile", "xor"]),
    "plan": ("annex_actors.runs.config.resolve", ["plan", "xor"]),
    "sweep": ("annex_actors.runs.config.resolve", ["sweep", "stages=1", "--data", "xor"]),
    "compare": ("annex_actors.runs.config.resolve", ["compare", "1", "--data", "xor"]),
    "summary": ("annex_actors.runs.config.resolve", ["summary", "xor"]),
    "report": ("annex_actors.page.report.report_of", ["report", "run", "--out", "x.html"]),
    "replay": ("annex_actors.runs.saved_run.SavedRun.open", ["replay", "run"]),
    "trace": ("annex_actors.tracing.trace_reader.read_trace", ["trace", "run"]),
    "runs": ("annex_actors.control.folders.runs_in", ["runs"]),
    "kill": ("annex_actors.control.folders.meant", ["kill", "0"]),
    "move": ("annex_actors.control.folders.meant", ["move", "0", "thread"]),
    **{
        name: ("annex_actors.control.folders.meant", [name, "run"])
        for name in ("status", "top", "doctor", "stop", "logs")
    },
    "serve": ("annex_actors.runs.saved_run.SavedRun.open", ["serve", "run"]),
    "settings": ("annex_actors.runs.reference.settings", ["settings"]),
    "explain": ("annex_actors.base.tables.Table.find", ["explain", "credit"]),
    "learn": ("annex_actors.lessons.progress.read_progress", ["learn"]),
    "step": ("annex_actors.runs.config.resolve", ["step", "xor", "--walk", "f"]),
    "simulate": ("annex_actors.experiments.simulation.simulate", ["simulate"]),
    "chaos": ("annex_actors.runs.config.resolve", ["chaos", "xor"]),
}


def test_every_command_is_tried() -> None:
    assert COMMANDS.keys() == program.commands.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_that_no_command_expects_is_one_line_that_says_how_to_see_more(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise KeyError("a fault\nof ours")

    place, arguments = COMMANDS[command]
    monkeypatch.setattr(place, fail)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: unexpected KeyError: 'a fault")
    assert "--debug" in error
    assert error.count("\n") == 1
    assert main([*arguments, "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_warnings_and_logs_of_a_prediction_are_no_lines_of_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn(*args: object, **options: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("overflow", RuntimeWarning, stacklevel=1)

    monkeypatch.setattr("annex_actors.data.catalog", warn)
    main(["datasets"])
    assert "overflow" not in capsys.readouterr().err


# Python 3.11 formats no Fraction: `f"{Fraction(3, 2):g}"` raises a TypeError


@pytest.mark.parametrize("schedule", [*DISCIPLINES, "interleaved:3"])
def test_times_that_are_no_integers_are_drawn_and_measured(schedule: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--schedule", schedule, "--times", "1,1.5,1,0.25", "--latency", "1/3", "--steps", "2"]
    assert main(["simulate", *options]) == 0
    out, err = capsys.readouterr()
    assert "the workers busy for" in out
    assert err == ""


def test_a_simulation_that_stands_still_or_is_killed_says_so_at_any_time() -> None:
    third = Fraction(1, 3)
    times = LayerTimes(third, third, third, third)  # type: ignore[arg-type]  # a Fraction serves as a float
    kills: list[tuple[float, Address]] = [(Fraction(2, 3), stage_address(0))]  # type: ignore[list-item]
    costs = CostModel(kills=kills, workers=[0, 1], latency=third)  # type: ignore[arg-type]
    assert simulate("1f1b", stages=2, microbatches=2, times=times, costs=costs).restarts == 1
    stuck = Discipline("stuck", "no backward", (B, F, W), lambda s, S, m: m, gate=lambda work, at: work is not B)
    with pytest.raises(ConfigError, match="but the run stands still: trainer waits for "):
        simulate(stuck, stages=2, microbatches=2, times=times, costs=CostModel(latency=third))  # type: ignore[arg-type]


def test_limits_of_a_run_can_be_fractions() -> None:
    limits = Supervision(max_seconds=Fraction(3, 2), hang_seconds=Fraction(5, 2))  # type: ignore[arg-type]
    assert f"{limits.max_seconds:g} {limits.hang_seconds:g}" == "1.5 2.5"


def test_this_is_the_python_on_which_fractions_cannot_be_formatted() -> None:
    if sys.version_info < (3, 12):
        with pytest.raises(TypeError):
            format(Fraction(3, 2), "g")
