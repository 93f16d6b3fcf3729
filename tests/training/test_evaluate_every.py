"""Evaluations within epochs change no bit of a training, and are the same after deaths and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.costs import cost
from annex_actors.protocol.events import Evaluated
from annex_actors.runtimes import Crash, InlineRuntime, Runtime
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.result import Result
from tests.matrix import some
from tests.trainings import (
    CLASSIFIER,
    TEST_SAMPLES,
    Seen,
    Training,
    at_every_step,
    fingerprints,
    host_named,
    outputs_of,
)

EPOCHS = 3
SCHEDULES = ("1f1b", "pipedream", "2bw")


def trained(host: str | Runtime = "inline", schedule: str = "1f1b", **settings: object) -> Result:
    training = Training(schedule=schedule, epochs=EPOCHS)
    learner = training.learner(host_named(host) if isinstance(host, str) else host)
    arguments = {"epochs": EPOCHS, "batch_size": training.batch_size, "evaluate_every": 2, **settings}
    return learner.train(training.dataset, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("every", [1, 2, 3, 4, 100])
def test_no_bit_of_the_training_changes(schedule: str, every: int) -> None:
    result, plain = trained(schedule=schedule, evaluate_every=every), trained(schedule=schedule, evaluate_every=None)
    assert fingerprints(result.checkpoint) == fingerprints(plain.checkpoint)
    assert result.history == plain.history
    assert [each.steps for each in result.evaluations] == [step for step in range(every, 9, every) if step % 3]
    assert plain.evaluations == ()


@pytest.mark.parametrize("host", ["inline", "threads", "schedulers", "processes"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_evaluation_uses_the_weights_after_its_step_on_every_runtime(host: str, schedule: str) -> None:
    training, seen = Training(schedule=schedule, epochs=EPOCHS), Seen()
    result = trained(host, schedule, observers=[seen])
    assert [each.steps for each in result.evaluations] == [2, 4, 8]
    assert tuple(seen.of(Evaluated)) == result.evaluations
    for each in result.evaluations:
        states = at_every_step(training)[each.steps].layers
        outputs = outputs_of(CLASSIFIER, [state.weights for state in states], training.dataset.test.inputs)
        expected, _ = cost(training.cost).evaluate(outputs, training.dataset.test.targets, TEST_SAMPLES)
        assert each.test_cost == expected
        assert each.epoch == each.steps // 3


def test_a_kill_at_any_event_changes_nothing(whole: bool) -> None:
    expected = trained()
    for at in some(range(1, 1000), sample=25, whole=whole):
        result = trained(InlineRuntime(kill={at, at + 60}.__contains__, commit_every=1 + at % 3))
        assert result.evaluations == expected.evaluations
        assert result.history == expected.history
        assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)


@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
def test_crashes_change_nothing(host: str) -> None:
    expected = trained()
    result = trained(host, crashes=[Crash(layer=step % 5, step=step) for step in range(9)])
    assert result.evaluations == expected.evaluations
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)


def test_a_resumed_run_has_the_same_evaluations(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", every=1, keep="all")
    expected, training = trained(checkpoints=checkpoints), Training(epochs=EPOCHS)
    prepared = PreparedTraining.of(training.learner().spec, training.dataset, epochs=3, batch_size=5, evaluate_every=2)
    for step in checkpoints.steps():
        result = trained(resume=checkpoints.at(step, prepared))
        assert result.evaluations == expected.evaluations
        assert result.history == expected.history
        assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)


def test_restored_weights_come_with_the_evaluations_before_them() -> None:
    result = trained(epochs=30, halt=EarlyStopping(patience=2, monitor="test_cost"))
    assert result.last is not None
    assert result.checkpoint.evaluations == tuple(e for e in result.evaluations if e.steps <= result.checkpoint.step)
    assert result.last.evaluations == result.evaluations


def test_validation_samples_are_evaluated_within_epochs_too() -> None:
    result = trained(validation=0.3, metrics=["f1"], evaluate_every=1)
    assert all(each.validation_cost is not None and each.test_cost is None for each in result.evaluations)
    assert {name for each in result.evaluations for name in each.metrics} == {"f1"}


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_a_number_out_of_range_is_refused(every: object) -> None:
    with pytest.raises(ConfigError, match="expected `evaluate_every` to be an integer >= 1"):
        trained(evaluate_every=every)
