"""What a runtime does with a predictor: it answers, whatever dies, until it is halted or closed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from annex_actors.base.errors import LayerError
from annex_actors.base.words import counted
from annex_actors.peers.prediction_feed import chunks_of
from annex_actors.peers.predictor import Predictor, PredictorSpec
from annex_actors.protocol.effects import Request
from annex_actors.protocol.instrument import NO_INSTRUMENT, Instrument
from annex_actors.protocol.messages import Message
from annex_actors.protocol.node import Node, every_step
from annex_actors.protocol.snapshot import Snapshot
from annex_actors.runtimes import Job, Program, RunFailedError, Runtime, Supervision
from annex_actors.testing.promises import require
from annex_actors.testing.small_runs import (
    Counter,
    asked,
    asked_in_time,
    expected_outputs,
    fragile,
    prediction,
    some_inputs,
)

SIZES = (600, 1, 256, 257, 700)
"""Samples of the questions, which are so of one, two and three messages."""


def predicts_what_the_oracle_predicts(runtime: Runtime) -> None:
    """Questions of any size, one by one and several at once, are answered with the bits of the inline runtime."""
    questions = [some_inputs(samples, seed) for seed, samples in enumerate(SIZES)] * 2
    firsts = [0, *accumulate(chunks_of(len(inputs)) for inputs in questions)]
    expected = [expected_outputs(inputs) for inputs in questions]
    run, half = prediction(), len(SIZES)
    with closing(runtime.start(run)) as job, ThreadPoolExecutor(half) as threads:
        one_by_one = [asked(job, run, inputs, first) for inputs, first in zip(questions[:half], firsts, strict=False)]
        at_once = threads.map(partial(asked, job, run), questions[half:], firsts[half:-1])
        for answer, outputs in zip([*one_by_one, *at_once], expected, strict=True):
            require(np.array_equal(answer, outputs), "expected the oracle's predictions, got others")


def asks_a_restarted_driver_again(runtime: Runtime) -> None:
    """A question that is open when the driver dies is answered by its next incarnation, which waits for no other."""
    inputs = some_inputs(600)
    for failing in (range(1, 2), range(3, 4), range(2, 5)):
        with tempfile.TemporaryDirectory() as folder:
            run = prediction()
            assert isinstance(run.driver, PredictorSpec)
            driver = FragilePredictor(
                run.run, run.driver.routing, run.driver.step, counter=Counter(Path(folder) / "count"), failing=failing
            )
            run = prediction(driver=driver, supervision=Supervision(max_attempts=100))
            answer, restarts = asked_in_time(
                runtime, run, inputs, "expected a driver that is restarted to be asked again"
            )
        require(np.array_equal(answer, expected_outputs(inputs)), "expected the oracle's predictions, got others")
        require(restarts == len(failing), f"expected {counted(len(failing), 'restart')}, got {restarts}")


def names_a_layer_that_cannot_predict(runtime: Runtime) -> None:
    """Samples that fail a layer again and again end the run; every question gets the error, which names the layer."""
    with tempfile.TemporaryDirectory() as folder:
        run = prediction(fragile(Counter(Path(folder) / "count"), range(1, 99)))
        with closing(runtime.start(run)) as job:
            errors = [_failure(job, run), _failure(job, run)]
    expected = (
        "layer 1 (relu) failed in forward at step 0 microbatch 0, given (3, 6) float32: OSError: out of order "
        "(failed 3 times at the same message)"
    )
    for error in errors:
        require(str(error) == expected, f"expected the error {expected!r}, got {str(error)!r}")
    cause = errors[0].__cause__
    require(isinstance(cause, LayerError), f"expected the layer's own error as the cause, got {cause!r}")


def answers_until_it_is_halted_or_closed(runtime: Runtime) -> None:
    """A predictor finishes when it is halted; then, as after its end, a question is refused and does not wait."""
    run = prediction()
    with closing(runtime.start(run)) as job:
        asked(job, run, some_inputs(3))
        job.halt()
        job.wait()
        _failure(job, run, first=1)
    _failure(job, run, first=2)
    with closing(runtime.start(run)) as job:
        pass
    _failure(job, run)


def _failure(job: Job, run: Program, first: int = 0) -> RunFailedError:
    try:
        asked(job, run, some_inputs(3), first)
    except RunFailedError as error:
        return error
    raise AssertionError("expected a run that is over to raise RunFailedError, got an answer")


@dataclass(frozen=True, slots=True)
class FragilePredictor(PredictorSpec):
    """A predictor that fails at some of its messages, which are numbered from 1."""

    counter: Counter = field(kw_only=True)
    failing: range = field(kw_only=True)

    def node(
        self,
        snapshot: Snapshot | None,
        incarnation: int,
        instrument: Instrument = NO_INSTRUMENT,
        is_due: Callable[[int], bool] = every_step,
    ) -> Node:
        """Return the predictor as a peer."""
        node = PredictorSpec.node(self, snapshot, incarnation, instrument, is_due)
        node.behaviour = fragile = _Fragile(self)
        node.waits_for = fragile.waits_for
        return node


class _Fragile(Predictor):
    def __init__(self, spec: FragilePredictor) -> None:
        super().__init__(spec)
        self._counter, self._failing = spec.counter, spec.failing

    def handle(self, message: Message) -> list[Request]:
        if self._counter.add() in self._failing:
            raise OSError("out of order")
        return super().handle(message)
