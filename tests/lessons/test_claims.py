"""What lessons say of the product: their solutions do what the product does."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from annex_actors.layers import dense
from annex_actors.lessons import (
    lesson_03_backward,
    lesson_04_crash,
    lesson_05_outbox,
    lesson_07_schedules,
    lesson_08_uneven_layers,
    lesson_10_kill_everything,
)
from annex_actors.lessons.submission import module_of
from annex_actors.placement.partition import partition
from annex_actors.protocol.retention import Retention
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training.fingerprints import arrays_sha256
from supervisors import Strategy


def solution(source: str) -> ModuleType:
    return module_of(source, "solution.py")


def test_backward_of_lesson_3_has_the_bits_of_dense() -> None:
    made = solution(lesson_03_backward.SOLUTION)
    rng = np.random.default_rng(0)
    x, w, g = (rng.standard_normal(shape).astype(np.float32) for shape in ((9, 7), (7, 5), (9, 5)))
    layer = dense(5)
    grad_input, factors = layer.backward({"weight": w}, x, g, True)
    weight, bias = made.weight_gradients(x, g)
    assert grad_input is not None
    assert made.input_gradient(w, g).tobytes() == grad_input.tobytes()
    gradients = layer.weight_gradient(factors)
    assert (weight.tobytes(), bias.tobytes()) == (gradients["weight"].tobytes(), gradients["bias"].tobytes())


def test_strategies_of_lesson_4_are_those_of_supervisors() -> None:
    made = solution(lesson_04_crash.STRATEGY)
    layers = ["a", "b", "c"]
    for strategy in Strategy:
        for failed in layers:
            assert tuple(made.to_restart(strategy.value, layers, failed)) == strategy.plan(layers, failed).start


def test_the_outbox_of_lesson_5_holds_what_retention_does() -> None:
    made = solution(lesson_05_outbox.SOLUTION)
    outbox, retention = made.Outbox(()), Retention()
    for post in lesson_05_outbox._posts(range(8)):
        outbox.keep(post)
        retention.keep(post.to, post.message)
    outbox.drop(post.to, 3)
    retention.drop(post.to, 3)
    for step in range(9):
        assert tuple(outbox.below(step)) == retention.below(step)


def test_the_credit_of_lesson_7_is_that_of_1f1b() -> None:
    made = solution(lesson_07_schedules.CELLS)
    for layers in range(1, 9):
        for layer in range(layers):
            assert made.credit(layer, layers, 16) == DISCIPLINES["1f1b"].credit(layer, layers, 16)


def test_the_plans_of_lesson_8_are_as_good_as_the_planners() -> None:
    made = solution(lesson_08_uneven_layers.SOLUTION)
    rng = np.random.default_rng(8)
    for _ in range(50):
        times = rng.integers(1, 9, size=rng.integers(2, 9)).tolist()
        actors = int(rng.integers(1, len(times) + 1))
        least = max(sum(times[layer] for layer in part) for part in partition(times, actors))
        assert made.bottleneck(times, made.best(times, actors)) == least


def test_a_difference_of_lesson_10_is_one_of_fingerprints() -> None:
    made = solution(lesson_10_kill_everything.SOLUTION)
    pairs = list(lesson_10_kill_everything._pairs())
    assert {bool(made.first_difference(one, other)) for _, one, other in pairs} == {True, False}
    for what, one, other in pairs:
        assert (made.first_difference(one, other) == "") == (arrays_sha256(one) == arrays_sha256(other)), what
