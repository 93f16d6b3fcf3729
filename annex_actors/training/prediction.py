"""Predict with a trained network: a few samples at once in the calling thread, many by actors as in training.

Both ask a predictor (`annex_actors.peers.predictor`), which sends the samples through the stages that were trained, so
that the bits are the same. For a few samples, predictor and stages are on the inline runtime.

Samples are few if they fill one message: that is at one stage at a time, so that actors would be no faster. And they
are few if their work, as it is estimated from shapes, is done by the time in which actors would hardly have started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Lock
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from annex_actors.base.errors import ShapeError, UserError
from annex_actors.base.types import Floats, Shape
from annex_actors.costs import Cost
from annex_actors.data import Samples
from annex_actors.data.arrays import as_array
from annex_actors.data.sources.stored import BLOCK, StoredInputs, stored
from annex_actors.layers.samples import check_samples
from annex_actors.peers.prediction_feed import CHUNK, chunks_of
from annex_actors.peers.predictor import PredictorSpec
from annex_actors.placement import network_work
from annex_actors.protocol.messages import WithArray, freeze
from annex_actors.runtimes import InlineRuntime, Job, Program
from annex_actors.runtimes.blas import self_test
from annex_actors.runtimes.hosting.own_code import OwnFrames
from annex_actors.stores import MemoryStore
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.interrupts import Interrupts
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.preparation import run_name
from annex_actors.training.session import start
from annex_actors.training.traced import traced

LITTLE = 1 << 28
"""Operations of a matrix product that take one core about 10 ms; actors on threads take 5 to 15 ms to start."""

MESSAGE = 1 << 18
"""As many operations take as long as a stage takes to receive and send a message, about 10 µs."""

Predict: TypeAlias = Callable[[ArrayLike], Floats]
"""A function from samples to predictions; see `annex_actors.Learner.predict`."""


class Predictions:
    """Predicts with a learner's weights; may be used from several threads.

    For a few samples it keeps what it has prepared until the checkpoint is freed.
    """

    def __init__(self) -> None:
        self._few: WeakKeyDictionary[Checkpoint, _Few] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type[Predictions], tuple[()]]:
        return Predictions, ()  # the copy of a learner prepares its own

    def predict(self, spec: LearnerSpec, checkpoint: Checkpoint, inputs: ArrayLike) -> Floats:
        """Return the predictions of a network with these weights; see `Learner.predict`.

        Args:
            spec: the learner's settings.
            checkpoint: the weights.
            inputs: shape ``(samples, *input_shape)``; those that stay in files are read part by part.

        Raises:
            DataError: there are no inputs, or they are not finite.
            ShapeError: inputs of another shape than in training.
        """
        return predicted(spec.cost, self.outputs(spec, checkpoint, inputs))

    def outputs(self, spec: LearnerSpec, checkpoint: Checkpoint, inputs: ArrayLike) -> Floats:
        """Return the outputs of the last layer, from which the cost predicts; see `predict`."""
        found = stored(inputs)
        if found is not None and chunks_of(len(found)) > 1:
            return _outputs_of(found, spec, checkpoint)
        samples = _checked(inputs if found is None else found[:], checkpoint.input_shape, spec)
        few = self._few.get(checkpoint)
        if few is None or few.spec is not spec:
            few = self._few[checkpoint] = _Few(spec, checkpoint)
        if few.is_few(len(samples)) and not spec.hosting.own_threads:  # which another process alone can have
            return few.outputs(samples)
        with serving(spec, checkpoint) as served:
            return served.outputs(samples)


class Served:
    """Predicts by actors that stay up: the function that `Learner.serving` gives; may be called from several threads.

    Args:
        spec: the learner's settings.
        checkpoint: the weights.
    """

    def __init__(self, spec: LearnerSpec, checkpoint: Checkpoint) -> None:
        self._program = _program(spec, checkpoint)
        self._cost = spec.cost
        self._spec, self._shape = spec, checkpoint.input_shape
        self._asked = 0  # how many chunks have been asked about
        self._lock = Lock()
        self._ended = False
        self._job = start(spec, self._program)

    def __call__(self, inputs: ArrayLike) -> Floats:
        """Return the predictions for samples; see `Learner.predict`.

        Raises:
            UserError: as `Learner.predict`; or the block of `Learner.serving` has ended.
            RunFailedError: a layer fails again and again.
        """
        if self._ended:
            raise UserError(
                "expected predictions to be asked for in the block of `serving()`, got a call after its end; "
                "move the call into the block, or call `Learner.predict`"
            )
        with OwnFrames():
            return predicted(self._cost, self.outputs(_checked(inputs, self._shape, self._spec)))

    def outputs(self, samples: Floats) -> Floats:
        """Return the outputs of the last layer for samples that are checked."""
        with self._lock:
            first, self._asked = self._asked, self._asked + chunks_of(len(samples))
        return _asked(self._job, self._program, samples, first)

    def end(self) -> None:
        """Stop the actors."""
        self._ended = True
        self._job.close()


@contextmanager
def serving(spec: LearnerSpec, checkpoint: Checkpoint) -> Iterator[Served]:
    """Keep the actors of a network with these weights up; see `Learner.serving`.

    Ctrl-C is held back while they start and while they stop.

    Args:
        spec: the learner's settings.
        checkpoint: the weights.
    """
    served = None
    try:
        with Interrupts():
            served = Served(spec, checkpoint)
        yield served
    finally:
        if served is not None:
            with Interrupts():
                served.end()


class _Few:
    """Jobs on the inline runtime that are ready to be asked. Each call has one of its own, an old one or a new one.

    It must not refer to the checkpoint, which would keep it alive.

    Args:
        spec: the learner's settings.
        checkpoint: the weights.
    """

    def __init__(self, spec: LearnerSpec, checkpoint: Checkpoint) -> None:
        self_test(spec.kernels, spec.hosting.blas_threads)
        self.spec = spec
        self._program = _program(spec, checkpoint)
        self._jobs: list[Job] = []
        parameters = [layer.parameters for layer in checkpoint.layers]
        # A third: the estimate is of a training step, whose forward pass is one of three of about the same work.
        self._work = sum(network_work(spec.network, checkpoint.input_shape, parameters)) // 3

    def is_few(self, samples: int) -> bool:
        """Return whether so many samples are few, as a function of their number and the network alone."""
        messages = chunks_of(samples)
        if messages == 1:
            return True
        return samples * self._work + messages * len(self._program.stages) * MESSAGE <= LITTLE

    def outputs(self, samples: Floats) -> Floats:
        """Return the outputs of the last layer for a few samples that are checked."""
        program = traced(self._program, InlineRuntime())
        if program.trace is not None:  # a job of its own, whose trace ends with it
            with closing(InlineRuntime().start(replace(program, store=MemoryStore()))) as job:
                return _asked(job, program, samples)
        try:
            job = self._jobs.pop()
        except IndexError:
            job = InlineRuntime().start(replace(program, store=MemoryStore()))
        outputs = _asked(job, program, samples)
        if not job.restarts:  # one that failed or was interrupted is dropped
            self._jobs.append(job)
        return outputs


def _outputs_of(inputs: StoredInputs, spec: LearnerSpec, checkpoint: Checkpoint) -> Floats:
    """Return the outputs for inputs that stay in files; a block is in memory at once, and at least one message."""
    size = CHUNK * max(1, BLOCK // (CHUNK * inputs[:1].nbytes))
    with serving(spec, checkpoint) as served:
        return np.concatenate(
            [
                served.outputs(_checked(inputs[start : start + size], checkpoint.input_shape, spec))
                for start in range(0, len(inputs), size)
            ]
        )


def _program(spec: LearnerSpec, checkpoint: Checkpoint) -> Program:
    stages = spec.stage_specs(checkpoint, run_name())
    predictor, hosting = PredictorSpec(stages[0].run, stages[0].routing, checkpoint.step), spec.hosting
    return Program(
        predictor.run,
        stages,
        predictor,
        MemoryStore(),
        spec.supervision,
        load=spec.load,
        blas_threads=hosting.blas_threads,
        own_threads=hosting.own_threads,
        workers=hosting.workers,
        places=hosting.places,
    )


def _asked(job: Job, program: Program, samples: Floats, first: int = 0) -> Floats:
    assert isinstance(program.driver, PredictorSpec)
    answer = job.ask(program.driver.ask(samples, first))
    assert isinstance(answer, WithArray)
    return answer.array


@np.errstate(all="ignore")  # as in every actor: what is not finite is seen in the predictions
def predicted(cost: Cost, outputs: Floats) -> Floats:
    """Return what outputs of the last layer predict, in an array of the caller's own."""
    predictions = cost.predictions(outputs)
    return predictions if predictions.flags.writeable else predictions.copy()  # what is sent is read-only


def _checked(inputs: ArrayLike, expected: Shape, spec: LearnerSpec) -> Floats:
    array = as_array(inputs, "inputs")
    if array.ndim == 0 or array.shape[1:] != expected:
        wanted = ", ".join(["samples", *map(str, expected)])
        raise ShapeError(f"expected inputs of shape ({wanted}), as in training, got {array.shape}; reshape them")
    samples = Samples(array, np.zeros(len(array), np.int64)).inputs
    check_samples(spec.network, samples)
    return freeze(samples.astype(spec.dtype, copy=False))
