"""A run that stops early ends with the weights of its best epoch, to the bit, whatever died on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.protocol.events import EpochFinished, Event
from annex_actors.runtimes import Crash, InlineRuntime, ProcessesRuntime, RunFailedError, Runtime, Supervision
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.learner import Learner
from annex_actors.training.result import Result
from tests.matrix import some
from tests.trainings import Seen, Training, fingerprints, host_named

EPOCHS = 30
TRAINING = Training(epochs=EPOCHS)
STOPPING = EarlyStopping(patience=3, monitor="test_cost")
HOSTS = ("inline", "threads", "schedulers", "processes")


def trained(host: Runtime | str = "inline", training: Training = TRAINING, **settings: object) -> Result:
    learner = training.learner(host_named(host) if isinstance(host, str) else host, Supervision(max_restarts=1000))
    arguments = {"epochs": EPOCHS, "batch_size": training.batch_size, "halt": STOPPING, **settings}
    return learner.train(training.dataset, **arguments)  # type: ignore[arg-type]


@cache
def best(training: Training = TRAINING) -> tuple[int, tuple[str, str, str]]:
    """Return the number of epochs until the best one, and the fingerprints of a run of so many."""
    whole = training.learner().train(training.dataset, epochs=EPOCHS, batch_size=training.batch_size)
    count = next(count for count in range(1, EPOCHS + 1) if STOPPING(whole.history[:count]))
    index = STOPPING.best(whole.history[:count])
    assert index is not None
    assert index < count - 1 < EPOCHS - 1
    result = training.learner().train(training.dataset, epochs=index + 1, batch_size=training.batch_size)
    return index + 1, fingerprints(result.checkpoint)


def assert_best(result: Result, training: Training = TRAINING) -> None:
    epochs, expected = best(training)
    assert fingerprints(result.checkpoint) == expected
    assert result.checkpoint.step == result.history[epochs - 1].steps
    assert result.epoch == result.history[epochs - 1]
    assert len(result.history) == epochs + STOPPING.patience
    assert result.last is not None
    assert result.last.step == result.history[-1].steps


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("schedule", ["1f1b", "pipedream"])
def test_the_weights_are_those_of_a_run_that_ends_with_the_best_epoch(host: str, schedule: str) -> None:
    training = Training(epochs=EPOCHS, schedule=schedule)
    assert_best(trained(host, training), training)


def test_a_run_that_reaches_its_last_epoch_restores_them_too() -> None:
    epochs, expected = best()
    result = trained(epochs=epochs + 1)
    assert fingerprints(result.checkpoint) == expected
    assert len(result.history) == epochs + 1


def test_weights_that_are_not_to_be_restored_are_those_of_the_last_step() -> None:
    epochs, _ = best()
    result = trained(halt=EarlyStopping(patience=3, monitor="test_cost", restore_best_weights=False))
    assert result.last is None
    assert result.checkpoint.step == result.history[-1].steps == result.history[epochs + 2].steps
    assert result.checkpoint.best is None


def test_a_condition_may_look_at_the_training_cost_where_no_evaluation_waits_for_the_commits() -> None:
    stopping = EarlyStopping(patience=1, monitor="train_cost")
    results = [trained(InlineRuntime(commit_every=5), halt=stopping), trained("threads", halt=stopping)]
    index = stopping.best(results[0].history)
    assert index is not None
    expected = TRAINING.learner().train(TRAINING.dataset, epochs=index + 1, batch_size=TRAINING.batch_size)
    for result in results:
        assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)


# Deaths


@pytest.mark.parametrize("commit_every", [1, 4])
def test_a_kill_of_any_peer_at_any_event_changes_nothing(commit_every: int, whole: bool) -> None:
    last = 0

    def count(event: int) -> bool:
        nonlocal last
        last = event
        return False

    assert_best(trained(InlineRuntime(kill=count, commit_every=commit_every)))
    for at in some(range(1, last + 1), sample=40, whole=whole, seed=commit_every):
        result = trained(InlineRuntime(kill={at, at + 97, at + 530}.__contains__, commit_every=commit_every))
        assert result.restarts >= 1
        assert_best(result)


@dataclass
class Failing:
    """A condition that fails once at each epoch, in one of its two functions: the trainer dies of it."""

    at: str
    failed: set[int] = field(default_factory=set)
    restores = True

    def __call__(self, history: tuple[EpochFinished, ...]) -> bool:
        self._fail("halt", len(history))
        return STOPPING(history)

    def best(self, history: tuple[EpochFinished, ...]) -> int | None:
        self._fail("best", len(history))
        return STOPPING.best(history)

    def _fail(self, function: str, epochs: int) -> None:
        if function == self.at and epochs not in self.failed:
            self.failed.add(epochs)
            raise OSError(f"in epoch {epochs}")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("at", ["best", "halt"])
def test_deaths_of_the_trainer_and_of_layers_change_nothing(host: str, at: str) -> None:
    crashes = [Crash(layer=step % 5, step=step) for step in range(0, 40, 3)]
    result = trained(host, halt=Failing(at), crashes=crashes)
    assert result.restarts >= 20
    assert_best(result)


def test_kill_9_of_processes_changes_nothing() -> None:
    killed: set[int] = set()

    class Killer:
        def on_event(self, event: Event) -> None:
            if isinstance(event, EpochFinished) and event.epoch not in killed:
                killed.add(event.epoch)
                _fork_server, *layers = filter(_works, psutil.Process().children(recursive=True))
                layers[event.epoch % len(layers)].kill()

    result = trained(ProcessesRuntime(spares=1), observers=[Killer()])
    assert result.restarts >= 3
    assert_best(result)


def _works(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


# Resume


def resumable(folder: Path, host: str = "inline") -> Checkpoints:
    checkpoints = Checkpoints(folder / "checkpoints", every=1, keep="all")
    trained(host, checkpoints=checkpoints)
    return checkpoints


@pytest.mark.parametrize("host", ["inline", "processes"])
def test_a_run_that_was_cut_off_at_any_step_ends_with_the_best_weights(host: str, tmp_path: Path, whole: bool) -> None:
    checkpoints = resumable(tmp_path, host)
    prepared = TRAINING.prepared
    steps = checkpoints.steps()
    epochs, _ = best()
    cuts = {*some(steps, sample=8, whole=whole), 3 * epochs, 3 * epochs + 1, steps[-1]} & set(steps)
    for step in sorted(cuts):
        assert_best(trained(resume=checkpoints.at(step, prepared)))


def test_a_checkpoint_holds_the_best_weights_before_it(tmp_path: Path) -> None:
    checkpoints, prepared = resumable(tmp_path), TRAINING.prepared
    epochs, expected = best()
    later = [step for step in checkpoints.steps() if step > 3 * epochs]  # a slow disk gets fewer than all
    assert later
    for step in later:
        found = checkpoints.at(step, prepared).best
        assert found is not None
        assert fingerprints(found) == expected
        assert len(found.history) == epochs


def test_a_run_that_fails_keeps_its_last_step_and_the_best_weights() -> None:
    epochs, expected = best()
    learner = TRAINING.learner("threads", Supervision(max_attempts=1))
    step = 3 * epochs + 4
    with pytest.raises(RunFailedError):
        learner.train(
            TRAINING.dataset,
            epochs=EPOCHS,
            batch_size=TRAINING.batch_size,
            halt=STOPPING,
            crashes=[Crash(layer=1, step=step)],
        )
    cut = learner.checkpoint
    assert cut is not None
    assert cut.best is not None
    assert cut.step >= 3 * epochs
    assert fingerprints(cut.best) == expected
    assert_best(trained(resume=cut))


def test_a_checkpoint_without_the_best_weights_is_refused() -> None:
    epochs, _ = best()
    halt = EarlyStopping(patience=3, monitor="test_cost", restore_best_weights=False)
    cut = trained(epochs=epochs + 2, halt=halt).checkpoint
    with pytest.raises(ConfigError, match=f"expected a checkpoint that holds the weights of epoch {epochs}, the best"):
        trained(resume=cut)
    assert trained(resume=cut, halt=halt).checkpoint.step == 3 * (epochs + 3)


def test_a_trained_learner_goes_on_from_the_best_weights_to_the_bits_of_a_run_that_never_stopped() -> None:
    learner: Learner = TRAINING.learner()
    learner.train(TRAINING.dataset, epochs=EPOCHS, batch_size=TRAINING.batch_size, halt=STOPPING)
    result = learner.train(TRAINING.dataset, epochs=20, batch_size=TRAINING.batch_size)
    expected = TRAINING.learner().train(TRAINING.dataset, epochs=20, batch_size=TRAINING.batch_size)
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)


# Time


def test_time_is_what_was_recorded_with_the_epochs() -> None:
    result = trained(epochs=3, halt=None)
    seconds = [epoch.seconds for epoch in result.history]
    assert 0 < seconds[0] < seconds[1] < seconds[2] <= result.seconds + 1
    assert len(trained(halt="max_seconds:1e-9").history) == 1


def test_time_goes_on_after_a_resume(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", every=1, keep="all")
    before = trained(epochs=3, halt=None, checkpoints=checkpoints).history
    cut = checkpoints.at(checkpoints.steps()[-1], TRAINING.prepared)
    after = trained(epochs=6, halt=None, resume=cut).history
    kept = len(cut.history)
    assert [epoch.seconds for epoch in after[:kept]] == [epoch.seconds for epoch in before[:kept]]
    assert all(earlier.seconds < later.seconds for earlier, later in pairwise(after))


def test_a_restart_of_the_trainer_decides_from_the_same_seconds() -> None:
    seen = Seen()
    result = trained(epochs=4, halt=None, observers=[seen], crashes=[Crash(layer=1, step=4)])
    assert [epoch.seconds for epoch in result.history] == [event.seconds for event in seen.of(EpochFinished)]


@pytest.mark.parametrize("monitor", ["validation_cost", "precision"])
def test_a_figure_that_the_training_has_not_is_refused_before_any_actor_starts(monitor: str) -> None:
    with pytest.raises(ConfigError, match="expected `monitor` to be one of train_cost, test_cost, accuracy, got"):
        trained(halt=EarlyStopping(monitor=monitor, mode="min"))


def test_a_condition_is_asked_by_its_text() -> None:
    assert_best(trained(halt="early_stopping:3:monitor=test_cost"))
