"""A learner goes on where it stopped, a training ends where it is to end, and given weights begin a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from annex_actors.base.errors import ConfigError, DataError, ShapeError, UserError
from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.layers import activation, dense, sequence
from annex_actors.optimizers import Adam, Sgd
from annex_actors.runtimes import Crash, Job, Program, RunFailedError
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.halting import loss_less_than
from annex_actors.training.learner import Learner
from annex_actors.training.result import InterruptedRun, Result
from tests.trainings import SKIPPING, Training, at_every_step, fingerprints, undisturbed

TRAINING = Training(epochs=4)
STEPS_PER_EPOCH = 3
pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Untouched:
    """A runtime that must not be started."""

    name = "untouched"

    def start(self, program: Program) -> Job:
        raise AssertionError("an actor was about to start")


def train(learner: Learner, epochs: int, training: Training = TRAINING, **settings: Any) -> Result:
    return learner.train(training.dataset, epochs=epochs, batch_size=training.batch_size, **settings)


def refused(learner: Learner, kind: type[UserError], epochs: int = 4, **settings: Any) -> str:
    """Return the one line with which a training is refused before any actor starts."""
    learner.spec = replace(learner.spec, runtime=Untouched())
    before = learner.checkpoint, learner.result
    with pytest.raises(kind) as caught:
        train(learner, epochs, **settings)
    assert "\n" not in str(caught.value)
    assert (learner.checkpoint, learner.result) == before
    return str(caught.value)


def cut(step: int) -> Checkpoint:
    return at_every_step(TRAINING)[step]


# The end of a training


@pytest.mark.parametrize("runtime", ["inline", "schedulers", "threads"])
@pytest.mark.parametrize("step", [3, 6, 12])
def test_a_checkpoint_at_the_last_epochs_end_is_the_result(step: int, runtime: str) -> None:
    result = train(TRAINING.learner(runtime), step // STEPS_PER_EPOCH, resume=cut(step))
    assert (result.samples, result.checkpoint.step, result.history) == (0, step, cut(step).history)
    assert fingerprints(result.checkpoint) == fingerprints(cut(step))


@pytest.mark.parametrize("schedule", ["1f1b", "2bw"])
@pytest.mark.parametrize(("step", "epochs"), [(4, 1), (6, 1), (7, 2), (12, 1), (12, 3)])
def test_a_checkpoint_past_the_last_epoch_is_refused(step: int, epochs: int, schedule: str) -> None:
    training = replace(TRAINING, schedule=schedule)
    message = refused(training.learner(), ConfigError, epochs, resume=at_every_step(training)[step])
    least = -(-step // STEPS_PER_EPOCH)
    wanted = f"expected `epochs` to be at least {least}, since training is at step {step}, got {epochs}"
    assert message.startswith(wanted)


def test_a_crash_before_the_checkpoint_is_refused_since_it_would_never_come() -> None:
    message = refused(TRAINING.learner(), ConfigError, resume=cut(7), crashes=[Crash(layer=0, step=6)])
    assert message == "expected the crash's `step` to be at least 7, where the training goes on, got 6"
    result = train(TRAINING.learner(), 4, resume=cut(7), crashes=[Crash(layer=0, step=7)])
    assert result.restarts == 1


# Training again


@pytest.mark.parametrize("runtime", ["inline", "schedulers", "processes"])
@pytest.mark.parametrize("schedule", ["1f1b", "pipedream"])
def test_a_learner_that_is_trained_again_goes_on_to_the_bits_of_one_training(schedule: str, runtime: str) -> None:
    training = replace(TRAINING, schedule=schedule, network=SKIPPING)
    learner = training.learner(runtime)
    for epochs in (1, 2, 4):
        result = train(learner, epochs, training)
        assert len(result.history) == epochs
    assert fingerprints(result.checkpoint) == undisturbed(training).fingerprints
    assert result.history == undisturbed(training).history
    assert learner.checkpoint is result.checkpoint


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_learner_that_would_train_nothing_is_refused(epochs: int) -> None:
    learner = TRAINING.learner()
    train(learner, 2)
    assert refused(learner, ConfigError, epochs) == (
        f"expected `epochs` to be more than the 2 that this learner has finished, got {epochs}; "
        "it is the total: ask for more, or begin with a new Learner"
    )


def test_a_learner_that_failed_goes_on_from_its_last_committed_step() -> None:
    learner = TRAINING.learner()
    with pytest.raises(RunFailedError):
        train(learner, 4, crashes=[Crash(layer=1, step=7, times=99)])
    assert learner.checkpoint is not None
    assert learner.checkpoint.step == 7
    result = train(learner, 4)
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints
    assert result.history == undisturbed(TRAINING).history


def test_a_learner_that_failed_at_its_first_step_begins_again() -> None:
    learner = TRAINING.learner()
    with pytest.raises(RunFailedError):
        train(learner, 4, crashes=[Crash(layer=1, step=0, times=99)])
    assert fingerprints(train(learner, 4).checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_learner_that_was_interrupted_goes_on() -> None:
    learner = TRAINING.learner()

    def interrupt(history: object) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        train(learner, 4, halt=interrupt)
    assert isinstance(caught.value, KeyboardInterrupt | InterruptedRun)
    assert fingerprints(train(learner, 4).checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_condition_to_halt_is_asked_again() -> None:
    learner = TRAINING.learner()
    assert len(train(learner, 4, halt=loss_less_than(1e9)).history) == 1
    assert train(learner, 4, halt=loss_less_than(1e9)).samples == 0
    assert fingerprints(train(learner, 4).checkpoint) == undisturbed(TRAINING).fingerprints


def test_a_learner_goes_on_with_the_same_data_and_settings_only() -> None:
    learner = TRAINING.learner()
    train(learner, 2)
    other = replace(TRAINING, size=14)
    assert refused(learner, ConfigError, training=other).startswith("expected the `training data` that")
    assert refused(learner, ConfigError, training=replace(TRAINING, batch_size=6)).startswith(
        "expected the `batch_size` that the training began with, 5, got 6; go on with that, or begin a new training "
        "from these weights: `initial_weights` in Python"
    )
    learner.spec = replace(learner.spec, seed=5)
    assert refused(learner, ConfigError).startswith("expected the `seed` that")


# Given weights


def given(training: Training = TRAINING) -> dict[str, Floats]:
    return undisturbed(replace(training, seed=9)).checkpoint.weights


def with_given_weights(training: Training, weights: Mapping[str, ArrayLike]) -> Learner:
    """Return a learner whose network has these weights in its layers: the expected beginning."""
    layers = [
        dense(layer.out_features, weights=weights[f"{index}.weight"], biases=weights[f"{index}.bias"])
        if hasattr(layer, "out_features")
        else layer
        for index, layer in enumerate(training.network.layers)
    ]
    return replace(training, network=sequence(*layers)).learner()


@pytest.mark.parametrize("runtime", ["inline", "schedulers"])
def test_a_training_may_begin_with_given_weights(runtime: str) -> None:
    result = train(TRAINING.learner(runtime), 4, initial_weights=given())
    expected = train(with_given_weights(TRAINING, given()), 4)
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)
    assert (result.checkpoint.step, len(result.history)) == (12, 4)


def test_a_learner_that_was_trained_may_begin_again_with_its_weights_and_other_data() -> None:
    learner = TRAINING.learner()
    train(learner, 2)
    assert learner.checkpoint is not None
    other = replace(TRAINING, size=17, batch_size=6)
    weights = learner.checkpoint.weights
    result = train(learner, 4, other, initial_weights=weights)
    expected = train(with_given_weights(other, weights), 4, other)
    assert fingerprints(result.checkpoint) == fingerprints(expected.checkpoint)


@pytest.mark.parametrize("step", [0, 5, 6])
def test_a_training_that_began_with_given_weights_goes_on_without_them(step: int) -> None:
    whole = train(TRAINING.learner(), 4, initial_weights=given()).checkpoint
    learner, poison = TRAINING.learner(), Crash(layer=1, step=step, times=99)
    with pytest.raises(RunFailedError):
        train(learner, 4, initial_weights=given(), crashes=[poison])
    resumed = train(TRAINING.learner(), 4, resume=learner.checkpoint)
    assert fingerprints(train(learner, 4).checkpoint) == fingerprints(resumed.checkpoint) == fingerprints(whole)


def test_state_that_no_gradient_changes_is_among_the_weights() -> None:
    training = replace(TRAINING, network=SKIPPING)
    trained = undisturbed(training).checkpoint
    begun = training.prepared.beginning_with(trained.weights).initial
    assert begun.weights_sha256 == trained.weights_sha256
    assert (begun.step, begun.costs, begun.history, begun.stash) == (0, (), (), ())


@dataclass(frozen=True, kw_only=True)
class Averaging(Sgd):
    """An optimizer whose first slots are the weights."""

    def initial_state(self, parameters: Parameters) -> Parameters:
        return frozen({f"average.{name}": array.copy() for name, array in parameters.items()})


def test_optimizer_slots_are_those_of_the_given_weights() -> None:
    begun = replace(TRAINING, optimizer=Averaging()).prepared.beginning_with(given()).initial
    assert np.array_equal(begun.optimizer["0.average.weight"], given()["0.weight"])


def without(name: str) -> dict[str, Floats]:
    return {key: array for key, array in given().items() if key != name}


REFUSED: list[tuple[Callable[[], Any], type[UserError], str]] = [
    (
        lambda: cut(3),
        ConfigError,
        "expected `initial_weights` to be arrays by name, such as learner.checkpoint.weights",
    ),
    (lambda: [1.0], ConfigError, "expected `initial_weights` to be arrays by name"),
    (dict, ShapeError, "expected initial weights that fit layer 0 (dense:6): bias of shape (6,), got none; give"),
    (lambda: without("3.bias"), ShapeError, "expected initial weights that fit layer 3 (dense:3): bias of shape (3,)"),
    (
        lambda: {**given(), "3.weight": np.zeros((3, 6))},
        ShapeError,
        "expected initial weights that fit layer 3 (dense:3): weight of shape (6, 3), got of shape (3, 6)",
    ),
    (
        lambda: {**given(), "1.weight": np.zeros(3)},
        ShapeError,
        "expected initial weights that fit layer 1 (relu): weight none, got of shape (3,)",
    ),
    (
        lambda: {**given(), "9.weight": np.zeros(3)},
        ShapeError,
        "expected initial weights of 4 layers, got 9.weight",
    ),
    (
        lambda: {**given(), "3.bias": np.array([0, np.nan, 0])},
        DataError,
        "expected initial weights of layer 3 (dense:3): bias to be finite in float32, got NaN or infinity",
    ),
    (
        lambda: {**given(), "3.bias": np.full(3, 1e300)},
        DataError,
        "expected initial weights of layer 3 (dense:3): bias",
    ),
    (
        lambda: {**given(), "3.bias": ["a", "b", "c"]},
        DataError,
        "expected initial weights of layer 3 (dense:3): bias to be numbers, got an array of <U1",
    ),
]


@pytest.mark.parametrize(("weights", "kind", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_weights_that_do_not_fit_are_refused_by_the_layer(
    weights: Callable[[], Any], kind: type[UserError], message: str
) -> None:
    assert refused(TRAINING.learner(), kind, initial_weights=weights()).startswith(message)


def test_to_resume_and_to_begin_exclude_each_other() -> None:
    message = refused(TRAINING.learner(), ConfigError, resume=cut(3), initial_weights=given())
    assert message.startswith("expected `resume` or `initial_weights`, got both")


# What a checkpoint of another training was taken for


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": Sgd(learning_rate=0.1, momentum=0.9)}, "optimizer"),
    ({"optimizer": Sgd(learning_rate=0.1)}, "optimizer"),
    ({"optimizer": Adam(learning_rate=0.03)}, "optimizer.learning_rate"),
    ({"network": sequence(*TRAINING.network.layers[:2], activation("tanh"), dense(3))}, "layer 2"),
    ({"network": sequence(*TRAINING.network.layers[:3], dense(3), activation("tanh"))}, "layer 4"),
    ({"network": sequence(dense(6), dense(3))}, "layer 1"),
    ({"seed": 8}, "seed"),
    ({"batch_size": 4}, "batch_size"),
    ({"microbatches": 1}, "microbatches"),
    ({"size": 12}, "training data"),
    ({"schedule": "zb-h2"}, "schedule"),
]


@pytest.mark.parametrize(("changes", "setting"), OTHERS, ids=[f"{setting} {each}" for each, setting in OTHERS])
def test_a_checkpoint_of_another_training_is_refused_by_the_setting(changes: dict[str, Any], setting: str) -> None:
    other = replace(TRAINING, **changes)
    message = refused(other.learner(), ConfigError, training=other, resume=cut(7))
    assert message.startswith(f"expected the `{setting}` that the training began with, ")
