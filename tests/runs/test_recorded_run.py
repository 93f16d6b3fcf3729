from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError, DivergedError
from annex_actors.data import Dataset
from annex_actors.protocol.events import EpochFinished, Event, Finished
from annex_actors.runs.config import RunConfig, resolve
from annex_actors.runs.recorded_run import RecordedRun, logging_to, train_recorded
from annex_actors.runs.run_directory import RunDirectory
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runs.toml_settings import merged, parse_setting
from annex_actors.runtimes import Job, Program, RunFailedError, parse_crash
from annex_actors.training.learner import Learner
from tests.leaks import no_thread_left


class InterruptsAfter:
    """An observer that presses Ctrl-C when an epoch has finished."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def on_event(self, event: Event) -> None:
        """Press Ctrl-C if an epoch has finished."""
        if isinstance(event, EpochFinished) and event.epoch == self._epoch:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def saved(run: RecordedRun) -> SavedRun:
    return SavedRun.open(run.directory.path)


def xor(*settings: str) -> tuple[RunConfig, Learner, Dataset]:
    return resolve(merged(*map(parse_setting, ["data.name=xor", "training.epochs=3", *settings])))


def test_a_run_that_ends_well_leaves_no_log(tmp_path: Path) -> None:
    run = train_recorded(*xor(), run_dir=tmp_path / "run")
    assert run.error is None
    assert run.report == saved(run).report
    assert not (tmp_path / "run" / "log.txt").exists()


def test_a_repeated_run_has_the_same_weights(tmp_path: Path) -> None:
    first = train_recorded(*xor("training.seed=4"), run_dir=tmp_path / "first")
    again = train_recorded(*resolve(saved(first).config.model_dump(exclude_none=True)), run_dir=tmp_path / "again")
    assert again.report.state_sha256 == first.report.state_sha256
    assert again.report.cost_log_sha256 == first.report.cost_log_sha256


@pytest.mark.parametrize("runtime", ["threads", "inline"])
def test_a_crash_is_logged_in_the_folder_and_changes_nothing_in_the_result(
    tmp_path: Path, runtime: str, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed = train_recorded(*xor(), run_dir=tmp_path / "undisturbed")
    crash = parse_crash("layer=1,step=1,at=backward")
    run = train_recorded(*xor(f"runtime.name={runtime}"), run_dir=tmp_path / "run", crashes=[crash])
    assert run.report.state_sha256 == undisturbed.report.state_sha256
    assert run.report.restarts == 1
    assert saved(run).epochs[-1].restarts == 1
    assert not caplog.records
    if runtime == "threads":
        assert "InjectedCrash: crash on order" in (tmp_path / "run" / "log.txt").read_text()


class Visitor:
    """An attendant that leaves a file in the run's folder, and then fails if it is to."""

    def __init__(self, folder: Path, *, fails: bool = False) -> None:
        self._folder = folder
        self._fails = fails

    @contextmanager
    def attend(self, job: Job, program: Program) -> Iterator[None]:
        """Leave the file."""
        (self._folder / "visited").touch()
        if self._fails:
            raise OSError("no more ports")
        yield


def test_attendants_are_made_for_the_folder_of_a_run(tmp_path: Path) -> None:
    undisturbed = train_recorded(*xor(), run_dir=tmp_path / "undisturbed")
    run = train_recorded(*xor(), run_dir=tmp_path / "run", attendants=[Visitor])
    assert (tmp_path / "run" / "visited").exists()
    assert run.report.state_sha256 == undisturbed.report.state_sha256


def test_a_run_whose_attendant_does_not_start_leaves_no_folder(tmp_path: Path) -> None:
    with no_thread_left(), pytest.raises(RunFailedError, match="does not start: OSError: no more ports"):
        train_recorded(*xor(), run_dir=tmp_path / "run", attendants=[partial(Visitor, fails=True)])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("runtime", ["threads", "inline"])
def test_a_run_that_fails_leaves_the_last_committed_step(tmp_path: Path, runtime: str) -> None:
    crash = parse_crash("layer=1,step=2,at=backward,times=9")
    run = train_recorded(*xor(f"runtime.name={runtime}"), run_dir=tmp_path / "run", crashes=[crash])
    assert isinstance(run.error, RunFailedError)
    assert (run.report.status, run.report.steps, run.report.epochs) == ("failed", 2, 2)
    assert run.report.error is not None
    assert run.report.error.startswith("layer 1 (tanh) failed in backward at step 2 microbatch 0, given (2, 8) float32")
    assert saved(run).checkpoint().step == 2
    assert len(saved(run).epochs) == 2


def test_a_cost_that_is_not_finite_ends_the_run_as_failed(tmp_path: Path) -> None:
    settings = ["optimizer.name=sgd", "optimizer.learning_rate=1e30", "cost=mse", "network.layers=dense:2"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of the overflow that this provokes
        run = train_recorded(*xor(*settings), run_dir=tmp_path / "run")
    assert isinstance(run.error, DivergedError)
    assert run.report.status == "failed"
    assert saved(run).report == run.report


@pytest.mark.parametrize("runtime", ["threads", "inline"])
def test_ctrl_c_leaves_the_last_committed_step(tmp_path: Path, runtime: str) -> None:
    config, learner, dataset = xor("training.epochs=2000", f"runtime.name={runtime}")
    run = train_recorded(config, learner, dataset, run_dir=tmp_path / "run", observers=[InterruptsAfter(2)])
    assert isinstance(run.error, KeyboardInterrupt)
    assert (run.report.status, run.report.error) == ("interrupted", None)
    assert 3 <= run.report.steps < 2000
    assert saved(run).checkpoint().step == run.report.steps
    assert [epoch.epoch for epoch in saved(run).epochs] == list(range(1, run.report.epochs + 1))


def test_an_interrupted_run_is_the_beginning_of_the_whole_one(tmp_path: Path) -> None:
    config, learner, dataset = xor("training.epochs=2000")
    run = train_recorded(config, learner, dataset, run_dir=tmp_path / "run", observers=[InterruptsAfter(2)])
    whole = train_recorded(*xor(f"training.epochs={run.report.steps}"), run_dir=tmp_path / "whole")
    assert whole.report.state_sha256 == run.report.state_sha256
    assert whole.report.cost_log_sha256 == run.report.cost_log_sha256


def test_a_run_that_cannot_start_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="microbatches"):
        train_recorded(*xor("training.microbatches=5"), run_dir=tmp_path / "run")
    with pytest.raises(ConfigError, match="crash's `step`"):
        train_recorded(*xor(), run_dir=tmp_path / "run", crashes=[parse_crash("layer=0,step=3")])
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_first_files_cannot_be_written_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(RunDirectory, "begin", fail)
    with pytest.raises(OSError, match="no space left"):
        train_recorded(*xor(), run_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_logs_and_warnings_go_to_the_file_during_the_block(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "log.txt"
    with logging_to(path):
        assert not path.exists()
        logging.getLogger("supervisors").error("inside")
        warnings.simplefilter("always")
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    logging.getLogger("supervisors").error("outside")
    text = path.read_text()
    assert "ERROR supervisors inside" in text
    assert "RuntimeWarning: overflow" in text
    assert "outside" not in text
    assert [record.message for record in caplog.records] == ["outside"]


def test_no_thread_is_left_after_a_recorded_run(tmp_path: Path) -> None:
    with no_thread_left():
        train_recorded(*xor(), run_dir=tmp_path / "run")


class Falls:
    """An attendant that observes, and raises at an event."""

    def __init__(self, seen: list[Event]) -> None:
        self._seen = seen

    def attend(self, job: Job, program: Program) -> AbstractContextManager[None]:
        return nullcontext()

    def on_event(self, event: Event) -> None:
        self._seen.append(event)
        raise ValueError("it falls")


def test_an_attendant_that_raises_at_an_event_is_removed_and_harms_no_other_and_no_record(tmp_path: Path) -> None:
    fallen: list[Event] = []
    seen: list[Event] = []
    run = train_recorded(
        *xor(), run_dir=tmp_path / "run", attendants=[lambda path: Falls(fallen), lambda path: Stays(seen)]
    )
    assert len(fallen) == 1
    assert any(isinstance(event, Finished) for event in seen)
    assert len(saved(run).epochs) == run.report.epochs
    assert "it falls" in (tmp_path / "run" / "log.txt").read_text()


class Stays(Falls):
    """An attendant that observes."""

    def on_event(self, event: Event) -> None:
        self._seen.append(event)
