"""What lessons say of the product: their solutions do what the product does."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from annex_actors.layers import dense
from annex_actors.lessons import lesson_03_backward, lesson_04_crash, lesson_05_outbox
from annex_actors.lessons.submission import module_of
from annex_actors.protocol.retention import Retention
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
