"""Settings and data that do not fit are refused in one line, before any actor starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError, ShapeError, UserError
from annex_actors.base.types import Floats
from annex_actors.costs import MeanSquaredError
from annex_actors.data import Dataset, Samples
from annex_actors.data.arrays import as_array
from annex_actors.layers import activation, dense, dropout, flatten, sequence
from annex_actors.optimizers import Adam
from annex_actors.placement import Plan, PlannedStage
from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import Crash, Runtime, Supervision, ThreadsRuntime
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.halting import loss_less_than
from annex_actors.training.learner import Learner
from tests.trainings import CLASSIFIER, Training

TRAINING = Training(microbatches=3)
DATA = TRAINING.dataset
pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Untouched:
    """A runtime that must not be used."""

    name = "untouched"

    def start(self, program: object) -> Any:
        pytest.fail("an actor was started")


class OwnKernels:
    """Kernels of another library than NumPy."""

    name, description = "own", "own 1.0"

    def product(self, left: Floats, right: Floats) -> Floats:
        result: Floats = left @ right
        return result


def learner(**settings: Any) -> Learner:
    return Learner(settings.pop("network", CLASSIFIER), **{"runtime": Untouched(), **settings})


def data(inputs: Any = ((1.0, 2.0),) * 6, targets: Any = (0, 1, 2) * 2) -> Dataset:
    return Dataset.from_arrays(inputs, targets, test_fraction=0)


LEARNERS: list[tuple[Callable[[], object], str]] = [
    (lambda: learner(network=sequence()), "expected `sequence` to have at least one layer, got none"),
    (
        lambda: learner(network="dense:10"),
        "expected `network` to be a network or a layer, such as sequence(dense(8), dense(3)), got 'dense:10'",
    ),
    (
        lambda: learner(optimizer=Adam),
        'expected `optimizer` to be a name such as "adam", or an',
    ),
    (
        lambda: learner(optimizer=None),
        'expected `optimizer` to be a name such as "adam", or an',
    ),
    (lambda: learner(cost=MeanSquaredError), 'expected `cost` to be a name such as "mse", or a cost such as'),
    (lambda: learner(runtime=None), 'expected `runtime` to be a name such as "threads", or a runtime such as'),
    (lambda: learner(runtime=ThreadsRuntime), "expected `runtime` to be a name such as"),
    (lambda: learner(schedule=3), 'expected `schedule` to be a name such as "1f1b", or a Discipline, got 3'),
    (lambda: learner(kernels=object()), 'expected `kernels` to be a name such as "numpy", or kernels such as'),
    (
        lambda: learner(supervision={}),
        "expected `supervision` to be a Supervision, such as Supervision(",
    ),
    (lambda: learner(load="mine.py"), "expected `load` to be a list of paths, got 'mine.py'; write ['mine.py']"),
    (lambda: learner(cost="hing"), "expected `cost` to be one of mean_squared_error"),
    (
        lambda: learner(cost="softmax_cross_entropy:label_smoothing=2"),
        "cost, 'softmax_cross_entropy:label_smoothing=2': expected `label_smoothing` to be a number >= 0 and < 1, g",
    ),
    (lambda: learner(class_weight="equal"), "expected `class_weight` to be weights by class, such as {"),
    (lambda: learner(class_weight="cat=2,"), "expected `class_weight` to be weights by class, such as {"),
    (lambda: learner(class_weight="cat=two"), "expected `class_weight` to be weights by class, such as {"),
    (lambda: learner(class_weight="cat=1,cat=2"), "expected `class_weight` to be weights by class, such as {"),
    (lambda: learner(class_weight={}), "expected `class_weight` to be weights by class, such as {"),
    (lambda: learner(class_weight=[1, 2]), "expected `class_weight` to be weights by class, such as {"),
    (
        lambda: learner(class_weight={"cat": -1}),
        "expected `class_weight['cat']` to be a number >= 0 and < 3.40282e+38, g",
    ),
    (
        lambda: learner(class_weight="cat=nan"),
        "expected `class_weight['cat']` to be a number >= 0 and < 3.40282e+38, g",
    ),
    (lambda: learner(class_weight={"cat": None}), "expected `class_weight['cat']` to be a number >= 0"),
    (lambda: learner(optimizer="rmspro"), "expected `optimizer` to be one of sgd, adam, adamw, rmsprop, "),
    (lambda: learner(schedule="2f2b"), "expected `schedule` to be one of sequential, gpipe, 1f1b, "),
    (
        lambda: learner(runtime="fibers"),
        "expected `runtime` to be one of schedulers, threads, processes, ray, inline, got 'fibers'",
    ),
    (lambda: learner(kernels="torhc"), "expected `kernels` to be one of numpy, torch, got 'torhc'; did you mean"),
    (
        lambda: learner(stages="layers"),
        'expected `stages` to be "layer", "auto", an integer >= 1, or the layers of each stage, as "3,2,2", got',
    ),
    (
        lambda: learner(stages="2,1"),
        "expected `stages` to place 4 layers and the cost, got '2,1', which leaves out layer 3",
    ),
    (
        lambda: learner(stages=Plan((PlannedStage(4),))),
        "expected `stages` to place 4 layers and the cost, got a plan for 4",
    ),
    (
        lambda: learner(stages="2x2,3", schedule="pipedream"),
        "expected a synchronous schedule for a stage in 2 replicas, got pipedream; choose one such as 1f1b, or one",
    ),
    (
        lambda: learner(stages="2x1001,3"),
        "expected a stage to be in at most 1,000 replicas, got 1,001; ask for fewer",
    ),
    (
        lambda: learner(stages="2:worker=thread,3"),
        "expected `worker` of stage 0 to be left out on runtime untouched, which has one kind of worker, got thread",
    ),
    (
        lambda: learner(stages="2,3:blas_threads=2"),
        "expected `blas_threads` to be the same for all stages that share a process, got 1 and 2; choose one, or the",
    ),
    (
        lambda: learner(stages="2:worker=thread,3:blas_threads=2:worker=thread", runtime="processes"),
        "expected `blas_threads` to be the same for all stages that share a process, got 1 and 2; choose one, or give",
    ),
    (
        lambda: learner(stages="5:blas_threads=2", kernels=OwnKernels()),
        "expected `blas_threads` to be 1 with kernels 'own', got 2; leave it out, or choose the kernels numpy",
    ),
    (lambda: learner(stages=0), "expected `stages` to be an integer >= 1, got 0"),
    (lambda: learner(stages=2.0), "expected `stages` to be an integer >= 1, got 2.0"),
    (lambda: learner(stages=True), "expected `stages` to be an integer >= 1, got True"),
    (
        lambda: learner(stages=6),
        "expected `stages` to be at most 5, an actor for each of 4 layers and one for the cost, got 6; ask for fewer",
    ),
    (lambda: learner(microbatches=0), "expected `microbatches` to be an integer >= 1, got 0"),
    (lambda: learner(microbatches=1.5), "expected `microbatches` to be an integer >= 1, got 1.5"),
    (lambda: learner(microbatches=True), "expected `microbatches` to be an integer >= 1, got True"),
    (lambda: learner(seed=-1), "expected `seed` to be an integer >= 0"),
    (lambda: learner(seed="x"), "expected `seed` to be an integer >= 0"),
    (lambda: Supervision(max_restarts=-1), "expected `max_restarts` to be an integer >= 0, got -1"),
    (lambda: Supervision(max_seconds=0), "expected `max_seconds` to be a number > 0, got 0"),
    (lambda: Supervision(max_attempts=0), "expected `max_attempts` to be an integer >= 1, got 0"),
    (lambda: Supervision("one_for_two"), "expected `strategy` to be one of one_for_one"),
    (lambda: loss_less_than(float("nan")), "expected `limit` to be a number"),
]


@pytest.mark.parametrize(("make", "error"), LEARNERS, ids=[error for _, error in LEARNERS])
def test_an_invalid_setting_is_refused_at_once(make: Callable[[], object], error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


def three_classes(network: Any, **settings: Any) -> Callable[[], object]:
    return lambda: learner(network=network, **settings).train(DATA, epochs=1, batch_size=5)


TRAININGS: list[tuple[Callable[[], object], type[UserError], str]] = [
    (lambda: learner().train(DATA, epochs=0), ConfigError, "expected `epochs` to be an integer >= 1, got 0"),
    (lambda: learner().train(DATA, epochs=2.5), ConfigError, "expected `epochs` to be an integer >= 1, got 2.5"),  # type: ignore[arg-type]
    (lambda: learner().train((1, 2)), ConfigError, "expected `dataset` to be a data set, such as load("),  # type: ignore[arg-type]
    (
        lambda: learner().train(DATA, crashes=Crash(1, 0)),  # type: ignore[arg-type]
        ConfigError,
        "expected `crashes` to be a list, each element a crash such as Crash(layer=1, step=3), got Crash(",
    ),
    (
        lambda: learner().train(DATA, checkpoints="checkpoints"),  # type: ignore[arg-type]
        ConfigError,
        "expected `checkpoints` to be a folder such as Checkpoints(",
    ),
    (
        lambda: learner().train(DATA, checkpoints=Checkpoints(Path("no/such/folder"))),
        ConfigError,
        "expected checkpoints in a new folder of an existing one, got no/such/folder",
    ),
    (
        lambda: learner().train(DATA, resume="checkpoint"),  # type: ignore[arg-type]
        ConfigError,
        "expected `resume` to be a checkpoint",
    ),
    (
        lambda: learner().train(DATA, observers=[print]),  # type: ignore[list-item]
        ConfigError,
        "expected `observers[0]` to be an observer, with a method on_event(event), got the function print",
    ),
    (
        lambda: learner().train(DATA, halt=lambda: True),  # type: ignore[arg-type, misc]
        ConfigError,
        "expected `halt` to be a function of the finished epochs, such as loss_less_than(0.1), called with",
    ),
    (lambda: learner().train(DATA, batch_size=0), ConfigError, "expected `batch_size` to be an integer >= 1, got 0"),
    (
        lambda: learner(microbatches=4).train(DATA, batch_size=3),
        ConfigError,
        "expected `microbatches` to be at most the batch size 3, got 4",
    ),
    (
        lambda: learner().train(DATA, halt=0.1),  # type: ignore[arg-type]
        ConfigError,
        "expected `halt` to be a function of the finished epochs, such as loss_less_than(0.1), got 0.1",
    ),
    (
        lambda: learner().train(DATA, crashes=[Crash(layer=5, step=0)]),
        ConfigError,
        "expected the crash's `layer` to be an integer from 0 to 4, got 5",
    ),
    (
        lambda: learner().train(DATA, epochs=1, batch_size=5, crashes=[Crash(layer=0, step=3)]),
        ConfigError,
        "expected the crash's `step` to be an integer from 0 to 2, got 3",
    ),
    (
        three_classes(sequence(dense(4, in_features=5), dense(3))),
        ShapeError,
        "layer 0 (dense:4:5) does not fit the data, which gives samples of shape (4,): expected ",
    ),
    (
        three_classes(sequence(dense(4), dense(3, in_features=7))),
        ShapeError,
        "layer 1 (dense:3:7) does not fit layer 0 (dense:4), which gives samples of shape (4,)",
    ),
    (
        lambda: learner(network=sequence(dense(3, in_features=4))).train(data(np.ones((6, 2, 2)))),
        ShapeError,
        "layer 0 (dense:3:4) does not fit the data, which gives samples of shape (2, 2)",
    ),
    (
        lambda: learner(network=sequence(activation("relu"))).train(data(np.ones((6, 2, 2)))),
        ShapeError,
        "expected outputs of shape (classes,) with at least 2 classes",
    ),
    (three_classes(sequence(dense(1))), ShapeError, "expected outputs of shape (classes,) with at least 2 classes"),
    (three_classes(sequence(dense(2))), DataError, "expected class labels 0 to 1 for 2 outputs, got 2"),
    (three_classes(sequence(dense(5))), ShapeError, "expected predictions of shape"),
    (
        three_classes(sequence(dense(1)), cost="mean_squared_error"),
        ShapeError,
        "expected predictions of shape",
    ),
    (
        lambda: learner(network=sequence(dense(3))).train(data(targets=np.linspace(0, 1, 6))),
        DataError,
        "expected class labels to be integers, got 0.2",
    ),
    (
        lambda: learner(network=sequence(dense(3)), cost="mean_squared_error").train(data(targets=np.ones((6, 2)))),
        DataError,
        "expected targets of shape (samples, 3) for outputs of shape (3,), got (6, 2); give the last layer 2 outputs",
    ),
    (
        lambda: learner(network=sequence(dense(1)), cost="sigmoid_cross_entropy").train(data(targets=np.ones(6) * 2)),
        DataError,
        "expected targets from 0 to 1 for sigmoid_cross_entropy, got 2",
    ),
]


@pytest.mark.parametrize(("train", "kind", "error"), TRAININGS, ids=[error for _, _, error in TRAININGS])
def test_an_invalid_training_is_refused_before_any_actor_starts(
    train: Callable[[], object], kind: type[UserError], error: str
) -> None:
    with pytest.raises(kind) as caught:
        train()
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


DATASETS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: data([[1.0, float("nan")]] * 6),
        "expected inputs to be finite float32 numbers, got nan in row 0, column 1",
    ),
    (lambda: data([[1.0, 1e300]] * 6), "expected inputs to be finite float32 numbers, got 1e+300 in row 0, column 1"),
    (lambda: data(targets=[0.0, 1, 2, 3, 4, float("inf")]), "expected targets to be finite float32 numbers, got inf"),
    (lambda: data(targets=[0, 1]), "expected a target for each of 6 inputs, got 2"),
    (lambda: data(inputs=[]), "expected inputs of shape (samples, features, ...), got (0,)"),
    (lambda: data(inputs=[1.0] * 6), "expected inputs of shape (samples, features, ...), got (6,)"),
]


@pytest.mark.parametrize(("make", "error"), DATASETS, ids=[error for _, error in DATASETS])
def test_data_that_cannot_be_trained_on_never_become_a_data_set(make: Callable[[], object], error: str) -> None:
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


def trained(network: Any = None, inputs: Any = None) -> Learner:
    if network is None:
        trainee = TRAINING.learner()
        trainee.train(DATA, epochs=1, batch_size=5)
        return trainee
    trainee = Learner(network, runtime="inline")
    trainee.train(data(inputs, (0, 1, 2) * 2), epochs=1, batch_size=6)
    return trainee


def test_without_training_there_are_no_weights_to_predict_with() -> None:
    with pytest.raises(DataError, match="expected trained weights, got none; call train"):
        learner().predict(np.ones((1, 4)))


PREDICTIONS: list[tuple[Any, type[UserError], str]] = [
    (5.0, ShapeError, "expected inputs of shape (samples, 4), as in training, got ()"),
    ([1.0, 2.0, 3.0, 4.0], ShapeError, "expected inputs of shape (samples, 4), as in training, got (4,)"),
    (np.ones((2, 3)), ShapeError, "expected inputs of shape (samples, 4), as in training, got (2, 3)"),
    (np.ones((2, 2, 2)), ShapeError, "expected inputs of shape (samples, 4), as in training, got (2, 2, 2)"),
    (np.ones((0, 4)), DataError, "expected at least 1 sample, got 0"),
    ([[1.0, 2.0, 3.0, float("nan")]], DataError, "expected inputs to be finite float32 numbers, got nan"),
    ([[1.0, 2.0, 3.0], [4.0]], DataError, "expected inputs with rows of one length"),
    ([["a", "b", "c", "d"]], DataError, "expected inputs to be numbers"),
]


@pytest.mark.parametrize(("inputs", "kind", "error"), PREDICTIONS, ids=[error for _, _, error in PREDICTIONS])
def test_inputs_that_do_not_fit_the_trained_network_are_refused(inputs: Any, kind: type[UserError], error: str) -> None:
    trainee = trained()
    trainee.spec = replace(trainee.spec, runtime=Untouched())
    with pytest.raises(kind) as caught:
        trainee.predict(inputs)
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


def test_a_refused_training_leaves_the_weights_of_the_one_before() -> None:
    trainee = trained()
    before = trainee.checkpoint
    with pytest.raises(ConfigError):
        trainee.train(DATA, epochs=0)
    assert trainee.checkpoint is before
    assert before is not None


def test_check_refuses_what_train_would() -> None:
    with pytest.raises(ConfigError, match="`microbatches` to be at most the batch size"):
        learner(microbatches=4).check(DATA, batch_size=3)
    with pytest.raises(ConfigError, match="the crash's `layer`"):
        learner().check(DATA, crashes=[Crash(layer=5, step=0)])
    with pytest.raises(ShapeError, match="expected predictions of shape"):
        learner(network=sequence(dense(5))).check(DATA)
    learner(network=sequence(flatten(), dense(4), dropout(0.1), dense(3))).check(DATA)


@pytest.mark.parametrize("at", [*Point, *(point.value for point in Point)])
def test_a_crash_on_order_strikes_whether_its_work_is_a_member_or_its_text(at: Point | str) -> None:
    crashes = (Crash(layer=layer, step=1, at=at) for layer in range(5))  # a generator is a list as well
    result = Learner(CLASSIFIER, runtime="inline").train(DATA, epochs=1, batch_size=5, crashes=crashes)  # type: ignore[arg-type]
    assert result.restarts == 5


def test_more_samples_in_a_batch_than_there_are_make_one_batch() -> None:
    host: Runtime = ThreadsRuntime()
    result = Learner(CLASSIFIER, runtime=host).train(DATA, epochs=2, batch_size=10**6)
    assert result.checkpoint.step == 2


def test_samples_of_integers_are_accepted() -> None:
    whole = Samples(as_array(np.arange(24).reshape(6, 4), "inputs"), np.array([0, 1, 2] * 2))
    result = Learner(CLASSIFIER, runtime="inline").train(
        Dataset("integers", whole, whole, ("a", "b", "c"), None, "made"), epochs=1, batch_size=6
    )
    assert result.checkpoint.step == 1
