"""Few samples are predicted at once, in the calling thread; many, and those of `serving`, by actors."""

from __future__ import annotations

import copy
import signal
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from annex_actors.base.errors import DataError, LayerError, ShapeError, UserError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.layers import Layer, Saved, activation, dense, sequence
from annex_actors.layers.activations import Activation, Relu
from annex_actors.peers.prediction_feed import CHUNK
from annex_actors.runtimes import InlineRuntime, Job, Program, RunFailedError, Runtime, Supervision, runtime
from annex_actors.testing.left_behind import blas_threads
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from tests.leaks import no_collector, no_thread_left
from tests.trainings import Training, samples

MANY = 60_000
"""So many samples of the small network here are started actors for."""

RUNTIMES = ["inline", "threads", "schedulers", "processes"]

TRAINING = Training()


@dataclass
class Counted:
    """A runtime that counts its starts."""

    inner: Runtime
    starts: int = 0

    @property
    def name(self) -> str:
        return self.inner.name

    def start(self, program: Program) -> Job:
        self.starts += 1
        return self.inner.start(program)


def trained(host: str | Runtime = "inline", training: Training = TRAINING) -> Learner:
    learner = training.learner(host)
    learner.checkpoint = checkpoint_of(training)
    return learner


@cache
def checkpoint_of(training: Training) -> Checkpoint:
    learner = training.learner()
    return learner.train(training.dataset, epochs=2, batch_size=5).checkpoint


def inputs(count: int) -> Floats:
    return samples(count, TRAINING.cost, seed=5).inputs


# Few samples


@pytest.mark.parametrize("host", RUNTIMES)
def test_a_few_samples_start_nothing_and_many_start_actors_once(host: str) -> None:
    counted = Counted(runtime(host))
    learner = trained(counted)
    with no_thread_left():
        few = [learner.predict(inputs(count)) for count in (1, CHUNK, 10 * CHUNK)]
    assert counted.starts == 0
    many = learner.predict(inputs(MANY))
    assert counted.starts == 1
    assert many[: 10 * CHUNK].tobytes() == few[-1].tobytes()


@pytest.mark.parametrize(("width", "few"), [(8, 20_000), (256, 300), (512, 256)])
def test_how_many_samples_are_few_depends_on_their_work(width: int, few: int) -> None:
    network = sequence(dense(width), *[dense(width) for _ in range(5)], dense(3))
    counted = Counted(InlineRuntime())
    learner = replace(TRAINING, network=network).learner(counted)
    learner.checkpoint = Checkpoint.initial(network, (4,), learner.spec.optimizer, 0)
    learner.predict(inputs(few))
    assert counted.starts == 0
    learner.predict(inputs(2 * few))
    assert counted.starts == 1


def test_what_is_prepared_for_a_few_samples_follows_the_weights_and_the_settings() -> None:
    learner, other = trained(), TRAINING.learner()
    before = learner.predict(inputs(3))
    other.train(TRAINING.dataset, epochs=1, batch_size=5)
    learner.checkpoint = other.checkpoint
    assert learner.predict(inputs(3)).tobytes() == other.predict(inputs(3)).tobytes() != before.tobytes()
    learner.train(TRAINING.dataset, epochs=2, batch_size=5)
    assert learner.predict(inputs(3)).tobytes() == before.tobytes()
    learner.spec = replace(learner.spec, cost=Training(cost="mean_squared_error").learner().spec.cost)
    assert not np.allclose(learner.predict(inputs(3)).sum(axis=1), 1)


def test_what_is_prepared_is_freed_with_its_checkpoint() -> None:
    learner = TRAINING.learner()
    learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    assert learner.checkpoint is not None
    learner.predict(inputs(3))
    traces = [weakref.ref(array) for array in learner.checkpoint.weights.values()]
    with no_collector():
        learner.checkpoint = learner.result = None
        assert [trace() for trace in traces] == [None] * len(traces)


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_learner_that_has_predicted_predicts(made: Callable[[Learner], Learner]) -> None:
    learner = trained()
    expected = learner.predict(inputs(3))
    assert made(learner).predict(inputs(3)).tobytes() == expected.tobytes()


def test_predictions_may_be_written_to_whatever_the_cost() -> None:
    for cost in ("softmax_cross_entropy", "mean_squared_error"):
        learner = replace_cost(trained(), cost)
        for count in (1, MANY):
            learner.predict(inputs(count))[0] = 0


def replace_cost(learner: Learner, cost: str) -> Learner:
    learner.spec = replace(learner.spec, cost=Training(cost=cost).learner().spec.cost)
    return learner


@pytest.mark.parametrize("host", ["inline", "threads"])
def test_many_threads_may_predict_at_once(host: str) -> None:
    learner, before = trained(host), blas_threads()
    questions = [inputs(count) for count in (1, 7, CHUNK, 2 * CHUNK)] * 10
    expected = [trained().predict(each).tobytes() for each in questions]
    with ThreadPoolExecutor(8) as threads:
        answers = [outputs.tobytes() for outputs in threads.map(learner.predict, questions)]
    assert answers == expected
    assert blas_threads() == before


WRONG: list[tuple[object, type[UserError], str]] = [
    (np.ones((2, 5)), ShapeError, r"expected inputs of shape \(samples, 4\), as in training, got \(2, 5\)"),
    (np.ones((0, 4)), DataError, "expected at least 1 sample, got 0"),
    ([[0, 0, 0, np.nan]], DataError, "expected inputs to be finite float32 numbers, got nan in row 0, column 3"),
    ([["a", "b", "c", "d"]], DataError, "expected inputs to be numbers"),
    (None, ShapeError, "expected inputs of shape"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_wrong_samples_are_refused_before_they_reach_a_layer(
    wrong: object, error: type[UserError], message: str
) -> None:
    learner = trained()
    with pytest.raises(error, match=message):
        learner.predict(wrong)  # type: ignore[arg-type]
    with learner.serving() as predict:
        with pytest.raises(error, match=message):
            predict(wrong)  # type: ignore[arg-type]
        assert predict(inputs(2)).tobytes() == learner.predict(inputs(2)).tobytes()


# Layers that fail


@dataclass(frozen=True)
class Failing(Activation):
    """A relu that raises in so many predictions from now on, whatever thread it works in."""

    errors: list[BaseException] = field(default_factory=list, compare=False)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        if key is None and self.errors:
            raise self.errors.pop()
        return super().forward(parameters, inputs, key)


def with_failing(host: str | Runtime, supervision: Supervision | None = None) -> tuple[Learner, Failing]:
    failing = Failing(Relu())
    layers: list[Layer] = [failing if isinstance(each, Activation) else each for each in TRAINING.network.layers]  # type: ignore[misc]
    learner = replace(TRAINING, network=sequence(*layers)).learner(host, supervision)
    learner.checkpoint = checkpoint_of(TRAINING)
    return learner, failing


@pytest.mark.parametrize("count", [3, MANY])
def test_a_layer_that_cannot_predict_is_named_whoever_computes(count: int) -> None:
    given = min(count, CHUNK)
    learner, failing = with_failing("threads")
    expected = trained().predict(inputs(count))
    failing.errors[:] = [OSError("no space left")] * 99
    for _ in range(2):
        with pytest.raises(RunFailedError) as caught:
            learner.predict(inputs(count))
        assert str(caught.value).startswith("layer 1 (relu) failed in forward at step 6 microbatch ")
        assert "OSError: no space left (tests/training/test_prediction.py:" in str(caught.value)
        assert str(caught.value).endswith(" in forward; failed 3 times at the same message)")
        assert isinstance(caught.value.__cause__, LayerError)
        assert f"given ({given}, 6) float32" in str(caught.value)
    failing.errors.clear()
    assert learner.predict(inputs(count)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("count", [3, MANY])
def test_a_layer_that_fails_once_is_restarted(count: int) -> None:
    learner, failing = with_failing("threads")
    for _ in range(5):  # not the third failure of all, but of one message, ends a prediction
        failing.errors[:] = [OSError("out of order")]
        assert learner.predict(inputs(count)).tobytes() == trained().predict(inputs(count)).tobytes()


def test_a_prediction_that_is_interrupted_leaves_the_next_one_whole() -> None:
    learner, failing = with_failing("threads")
    before = blas_threads()
    for _ in range(3):
        failing.errors[:] = [KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            learner.predict(inputs(3))
        assert blas_threads() == before
        assert learner.predict(inputs(3)).tobytes() == trained().predict(inputs(3)).tobytes()


def test_a_layer_may_predict_with_its_own_learner() -> None:
    """As a handler of signals may, in the middle of a prediction."""
    expected = trained().predict(inputs(3)).tobytes()

    @dataclass(frozen=True)
    class Asks(Activation):
        asked: list[bytes] = field(default_factory=list, compare=False)

        def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
            if not self.asked:
                self.asked.append(b"")
                self.asked.append(asking.predict(samples(3, TRAINING.cost, seed=5).inputs).tobytes())
            return super().forward(parameters, inputs, key)

    asks = Asks(Relu())
    layers: list[Layer] = [asks if isinstance(each, Activation) else each for each in TRAINING.network.layers]  # type: ignore[misc]
    asking = replace(TRAINING, network=sequence(*layers)).learner()
    asking.checkpoint = checkpoint_of(TRAINING)
    assert asking.predict(inputs(3)).tobytes() == expected
    assert asks.asked[1] == expected


# Serving


@pytest.mark.parametrize("host", RUNTIMES)
def test_actors_that_stay_up_answer_many_calls_from_many_threads_with_the_same_bits(host: str) -> None:
    counted = Counted(runtime(host))
    learner, oracle = trained(counted), trained()
    questions = [inputs(count) for count in (1, 7, CHUNK, CHUNK + 1, 3 * CHUNK)] * 4
    expected = [oracle.predict(each).tobytes() for each in questions]
    with no_thread_left(), learner.serving() as predict:
        assert [predict(each).tobytes() for each in questions] == expected
        with ThreadPoolExecutor(6) as threads:
            assert [outputs.tobytes() for outputs in threads.map(predict, questions)] == expected
    assert counted.starts == 1


@pytest.mark.parametrize("host", ["inline", "threads"])
def test_after_the_block_a_call_is_refused(host: str) -> None:
    learner = trained(host)
    with learner.serving() as predict:
        predict(inputs(1))
    with pytest.raises(UserError, match=r"in the block of `serving.*got a call after its end"):
        predict(inputs(1))


def test_without_trained_weights_nothing_is_served() -> None:
    with pytest.raises(DataError, match="expected trained weights, got none; call train"):
        TRAINING.learner().serving()


@pytest.mark.parametrize("host", ["inline", "threads", "schedulers"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_in_the_block_stops_the_actors(host: str, error: type[BaseException]) -> None:
    with no_thread_left(), pytest.raises(error), trained(host).serving() as predict:
        predict(inputs(1))
        raise error


@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
def test_ctrl_c_ends_the_wait_for_an_answer_and_stops_the_actors(host: str) -> None:
    main = threading.main_thread().ident
    assert main is not None
    learner, flood = trained(host), inputs(400 * CHUNK)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with no_thread_left(), pytest.raises(KeyboardInterrupt), learner.serving() as predict:
            presses = threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGINT))
            presses.start()
            while True:
                predict(flood)
        presses.join()
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_weights_of_the_beginning_are_served_whatever_the_learner_learns_meanwhile() -> None:
    learner = trained("threads")
    expected = learner.predict(inputs(3)).tobytes()
    with learner.serving() as predict:
        learner.train(TRAINING.dataset, epochs=3, batch_size=5)
        assert predict(inputs(3)).tobytes() == expected != learner.predict(inputs(3)).tobytes()


def test_an_interrupted_call_in_the_block_leaves_the_next_one_whole() -> None:
    learner, failing = with_failing("inline")
    with learner.serving() as predict:
        failing.errors[:] = [KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            predict(inputs(3))
        assert predict(inputs(3)).tobytes() == trained().predict(inputs(3)).tobytes()


@pytest.mark.parametrize("host", ["inline", "threads", "schedulers"])
def test_layers_that_give_up_end_every_call_by_name(host: str) -> None:
    learner, failing = with_failing(host)
    failing.errors[:] = [OSError("no space left")] * 99
    with learner.serving() as predict, ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(predict, inputs(3)) for _ in range(4)]
        for call in calls:
            with pytest.raises(RunFailedError, match=r"layer 1 .*no space left"):
                call.result()
        lengths = set()
        for _ in range(3):
            with pytest.raises(RunFailedError, match=r"layer 1 .*no space left") as caught:
                predict(inputs(3))
            lengths.add(len(caught.traceback))
    assert len(lengths) == 1, "a traceback that grows with each call would hold its frames for ever"


@dataclass(frozen=True)
class Waits(Activation):
    """A relu that waits in a prediction until it may go on."""

    reached = threading.Event()
    go_on = threading.Event()

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        self.reached.set()
        self.go_on.wait()
        return super().forward(parameters, inputs, key)


def test_a_call_that_is_open_at_the_end_of_the_block_is_ended_and_not_forgotten() -> None:
    waits = Waits(Relu())
    network = sequence(dense(3), waits, activation("linear"))
    learner = replace(TRAINING, network=network).learner("threads")
    learner.checkpoint = replace(TRAINING, network=sequence(dense(3), activation("relu"), activation("linear"))).initial
    with ThreadPoolExecutor(1) as threads:
        with learner.serving() as predict:
            call = threads.submit(predict, inputs(1))
            waits.reached.wait()
            call.add_done_callback(lambda _: waits.go_on.set())
        with pytest.raises(RunFailedError, match="the run is over, and answers no more"):
            call.result()
