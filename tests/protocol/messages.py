"""Messages for tests: a test names what matters to it, and all else is what the middle one of three stages receives."""

from __future__ import annotations

import numpy as np

from annex_actors.base.types import Array
from annex_actors.protocol.messages import (
    WHOLE_STEP,
    Await,
    Backward,
    Committed,
    Forward,
    Halt,
    Part,
    Predict,
    Report,
    Resume,
    Target,
    WeightGradient,
    freeze,
)
from annex_actors.protocol.survey import Marker

RUN = "run"
"""The run of all messages and peers here, as of `tests.trainings.Training`."""

ARRAY: Array = freeze(np.ones((1, 1), np.float32))


def forward(
    step: int = 0,
    microbatch: int = 0,
    *,
    of: int = 2,
    samples: int | None = None,
    edge: int = 1,
    array: Array = ARRAY,
    run: str = RUN,
) -> Forward:
    """Return an activation of a step of ``of`` microbatches, which hold ``samples`` together, or one each."""
    return Forward(run, step, microbatch, edge, array, Part(of, samples or of))


def target(step: int = 0, microbatch: int = 0, *, edge: int = 3, array: Array = ARRAY) -> Target:
    return Target(RUN, step, microbatch, edge, array)


def backward(step: int = 0, microbatch: int = 0, *, edge: int = 2, array: Array = ARRAY) -> Backward:
    return Backward(RUN, step, microbatch, edge, array)


def weight_gradient(step: int = 0, microbatch: int = WHOLE_STEP, *, edge: int = 1) -> WeightGradient:
    return WeightGradient(RUN, step, microbatch, edge)


def predict(step: int = 0, microbatch: int = 0, *, edge: int = 1, array: Array = ARRAY) -> Predict:
    return Predict(RUN, step, microbatch, edge, array)


def report(step: int = 0, *, edge: int = 3, cost: float = 0.5, samples: int = 1) -> Report:
    return Report(RUN, step, WHOLE_STEP, edge, cost, samples)


def committed(step: int) -> Committed:
    return Committed(RUN, step, WHOLE_STEP, WHOLE_STEP)


def awaiting(step: int) -> Await:
    return Await(RUN, step, WHOLE_STEP, WHOLE_STEP)


def resume(step: int) -> Resume:
    return Resume(RUN, step, WHOLE_STEP, WHOLE_STEP)


def halt() -> Halt:
    return Halt(RUN, 0, WHOLE_STEP, WHOLE_STEP)


def marker(survey: int = 1) -> Marker:
    return Marker(RUN, 0, WHOLE_STEP, WHOLE_STEP, survey)
