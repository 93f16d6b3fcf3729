"""Lesson 3: backward is mail the other way, and a layer's part in it is two products."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from annex_actors.base.types import Array, Floats, Parameters, frozen
from annex_actors.data import load
from annex_actors.layers import Dense, Factors, Layer, Saved, activation, sequence
from annex_actors.lessons.small_runs import SAMPLES, finished, program_of, xor_learner
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Seen, Text, Wrong, WrongCode
from annex_actors.protocol.routing import stage_address
from annex_actors.stores import MemoryStore
from annex_actors.tracing.tracer import trace
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining

ROWS, IN, OUT = 5, 4, 3
W, X = 3.0, 2.0
PIXELS, HIDDEN, DIGITS = 64, 16, 10
STEPS, BATCH = 3, 50
SLOPE = 1e-6
"""How far an input is moved to each side to measure a slope."""


def _messages() -> Seen:
    with trace() as traced:
        xor_learner(microbatches=1).train(load("xor"), epochs=1, batch_size=SAMPLES)
    flows = [flow for flow in traced.trace.flows if flow.step == 0 and flow.kind in ("forward", "backward")]
    lines = [f"{flow.sender} sends a {flow.kind} message to {flow.to}" for flow in flows]
    kinds = [flow.kind for flow in flows]
    return Seen(
        lines, {"backwards": kinds.count("backward"), "forwards": kinds.count("forward"), "both": len(flows), "one": 1}
    )


def _slope() -> Seen:
    """Measure one slope of y = w * x, and compare it with calculus."""
    w, x, moved = W, X, 0.001
    measured = ((w + moved) * x - (w - moved) * x) / (2 * moved)
    lines = [
        f"w = {w:g}, x = {x:g}, y = w * x = {w * x:g}",
        f"w + {moved:g}: y = {(w + moved) * x:g}",
        f"w - {moved:g}: y = {(w - moved) * x:g}",
        f"slope: {measured:.6f}",
    ]
    return Seen(lines, {"slope": round(measured, 6), "w": w, "y": w * x, "x": x})


def _passes() -> Seen:
    """Count the forward passes that central differences need for one dense layer of a network for digits."""
    calls = 0

    def cost(weight: Array) -> float:
        nonlocal calls
        calls += 1
        return float((inputs @ weight).sum())

    inputs, weight = np.ones((1, PIXELS)), np.zeros((PIXELS, DIGITS))
    _slopes(cost, weight)
    lines = [f"weights: {weight.size}", f"forward passes: {calls:,}", "backward passes that tell the same: 1"]
    return Seen(lines, {"passes": calls, "weights": weight.size, "one": 1})


def _slopes(cost: Any, point: Array) -> Array:
    """Return the slope of ``cost`` in the direction of each element of ``point``, by central differences."""
    slopes = np.zeros_like(point)
    for at in np.ndindex(point.shape):
        ends = []
        for side in (SLOPE, -SLOPE):
            moved = point.copy()
            moved[at] += side
            ends.append(cost(moved))
        slopes[at] = (ends[0] - ends[1]) / (2 * SLOPE)
    return slopes


SOLUTION = '''\
"""Lesson 3: backward of a dense layer, y = x @ weight + bias."""


def input_gradient(weight, grad_output):
    """Return dC/dx, of the shape of the inputs, (samples, in): what the layer
    sends to the layer before it.

    ``weight`` has the shape (in, out), ``grad_output`` is dC/dy, of shape
    (samples, out).
    """
    return grad_output @ weight.T


def weight_gradients(inputs, grad_output):
    """Return a pair: dC/dweight, of shape (in, out), and dC/dbias, of shape
    (out,).

    ``inputs`` has the shape (samples, in), ``grad_output`` is dC/dy, of shape
    (samples, out). The slopes of all samples are added up.
    """
    return inputs.T @ grad_output, grad_output.sum(axis=0)
'''


def _written(made: ModuleType, out_features: int) -> Layer:
    """Return a dense layer of the product whose backward a learner wrote."""

    # Not an attribute of the layer: what a layer has is described in the identity of a run, and a module has all that
    # it imports.
    class Written(Dense):
        def backward(
            self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
        ) -> tuple[Floats | None, Factors]:
            """Return what the learner's function returns."""
            wanted = made.input_gradient(parameters["weight"], grad_output) if input_wanted else None
            return wanted, (saved, grad_output)

        def weight_gradient(self, factors: Factors, rows: slice | None = None) -> dict[str, Floats]:
            """Return what the learner's function returns."""
            weight, bias = made.weight_gradients(*factors)
            return {"weight": weight, "bias": bias}

    return Written(out_features)


def _outcome(made: ModuleType) -> Iterator[Found]:
    rng = np.random.default_rng(3)
    inputs, weight, along = (rng.standard_normal(shape) for shape in ((ROWS, IN), (IN, OUT), (ROWS, OUT)))
    bias = np.zeros(OUT)
    grad_inputs = made.input_gradient(weight, along)
    yield Found("dC/dx of a layer", grad_inputs, near=_slopes(lambda x: ((x @ weight + bias) * along).sum(), inputs))
    gradients = made.weight_gradients(inputs, along)
    yield Found("what weight_gradients returns", None if gradients is None else type(gradients).__name__)
    of_weight = _slopes(lambda w: ((inputs @ w + bias) * along).sum(), weight)
    yield Found("dC/dweight of a layer", gradients[0], near=of_weight)
    yield Found(
        "dC/dbias of a layer", gradients[1], near=_slopes(lambda b: ((inputs @ weight + b) * along).sum(), bias)
    )
    yield from _trained(made)


def _trained(made: ModuleType) -> Iterator[Found]:
    """Train a network for digits with the learner's layers, and yield the weights after each step."""
    layers: list[Layer] = [_written(made, HIDDEN), activation("relu"), _written(made, DIGITS)]
    learner = Learner(sequence(*layers), microbatches=2, schedule="gpipe", seed=1, runtime="inline")
    digits = load("digits")
    few = digits.train.inputs[: STEPS * BATCH], digits.train.targets[: STEPS * BATCH]
    data = type(digits).from_arrays(*few)
    training = PreparedTraining.of(learner.spec, data, epochs=1, batch_size=BATCH)
    store = MemoryStore(depth=training.trainer.steps + 1)
    finished(program_of(training, store), training)
    for step in range(1, training.trainer.steps + 1):
        for layer in (0, 2):
            snapshot = store.at(stage_address(layer), step)
            assert snapshot is not None
            for name, array in frozen(snapshot.state.layers[0].parameters).items():
                yield Found(f"the {name} of layer {layer} after step {step - 1}", array)


LESSON = Lesson(
    3,
    "Backward is mail the other way",
    (
        "Say what a backward message carries, and which layers send one.",
        "Write the backward of a dense layer, and check it with central differences.",
        "Say why two gradients that calculus calls equal may differ in their last bits.",
    ),
    (
        Text(
            """
            The cost says how wrong the outputs are: one number C. To make C smaller, each layer needs the slope of C in
            the direction of each of its weights. It cannot compute it alone, since C depends on its outputs only by
            way of all the layers that follow.

            But the layer behind it can tell it dC/dy, the slope in the direction of each of its outputs y. From dC/dy a
            layer computes two things: dC/dweight, for itself, and dC/dx, the slope in the direction of its inputs. And
            its inputs are the outputs of the layer before it: so dC/dx is what that layer is waiting for. Backward is
            mail the other way.
            """,
            minutes=2,
        ),
        Question(
            "backwards",
            """
            The network for XOR: dense, tanh, dense, and the cost, one microbatch. In lesson 2 you counted its forward
            messages. How many backward messages are sent in the same step?
            """,
            _messages,
            "backwards",
            "Layer 0 sends none: the layer before it would be the trainer, and the samples are not to be changed.",
            (
                Wrong("forwards", "One for each forward message, but for the first: the trainer has nothing to learn."),
                Wrong("both", "That counts the messages of both directions."),
                Wrong("one", "Each layer tells only the one before it, so it takes a message for each pair."),
            ),
        ),
        Question(
            "slope",
            f"""
            Slopes can be measured, without calculus. Take y = w * x with w = {W:g} and x = {X:g}. Move w a little to
            both sides, and divide the change of y by the change of w. What is the slope of y in the direction of w?
            """,
            _slope,
            "slope",
            "The slope is x. So a layer needs its inputs once more when it goes backward, and keeps them until then. "
            "Measured in this way it is called a central difference.",
            (
                Wrong("w", "That is the slope in the direction of x."),
                Wrong("y", "That is y itself; the slope says how y changes."),
            ),
        ),
        Question(
            "passes",
            f"""
            A dense layer for digits has {PIXELS} inputs and {DIGITS} outputs. We measure the slope of each of its
            weights, without the biases, by central differences. How many forward passes does that take?
            """,
            _passes,
            "passes",
            "Two for each of the {weights} weights. Backward tells all slopes in one pass. No program trains by "
            "central differences, but they are the best way to check a backward.",
            (
                Wrong("weights", "A central difference moves each weight to both sides, which takes two passes."),
                Wrong("one", "One pass is what backward takes. Central differences move one weight at a time."),
            ),
        ),
        Code(
            "backward",
            """
            Now write backward for a dense layer, y = x @ weight + bias, as two functions: one for the mail to the layer
            before, one for the layer itself. Three products and sums are enough. The shapes in the docstrings nearly
            force the answer.

            The checker first compares with central differences. Then it trains a network for digits with your layers
            and compares the weights after each step with those of the product, to the last bit.
            """,
            ("input_gradient", "weight_gradients"),
            SOLUTION,
            _outcome,
            "dC/dx has as many columns as weight has rows, so weight is transposed; dC/dweight adds up over samples.",
            "Central differences agree, and a network that learns with your backward has the bits of the product's. "
            "In the product both are in annex_actors/layers/dense.py.",
            (
                WrongCode(
                    "return grad_output @ weight.T",
                    "return grad_output @ weight",
                    "Its columns are the inputs once more: transpose weight.",
                ),
                WrongCode(
                    "inputs.T @ grad_output, grad_output.sum(axis=0)",
                    "inputs.T @ grad_output / len(inputs), grad_output.mean(axis=0)",
                    "The mean over samples is in dC/dy already: the cost divides by the size of the batch. Add up.",
                ),
                WrongCode(
                    "grad_output.sum(axis=0)",
                    "grad_output.sum(axis=1)",
                    "axis=1 adds up the outputs of each sample; a bias belongs to an output, and sees all samples.",
                ),
                WrongCode(
                    "return inputs.T @ grad_output, grad_output.sum(axis=0)",
                    "weight = sum(x[:, None] * g for x, g in zip(inputs, grad_output))\n"
                    "    return weight, grad_output.sum(axis=0)",
                    "That is right by calculus, and central differences agree. But it adds up in another order than "
                    "a product of matrices, and rounds differently. Only one order gives the same bits: use @.",
                ),
            ),
            forbidden=("annex_actors.layers", "annex_actors.testing"),
            minutes=10,
        ),
        Text(
            """
            You wrote two functions, not one, for a reason: the layer before waits for dC/dx, while nothing waits for
            dC/dweight before the end of the step. So the product sends dC/dx first, and computes dC/dweight when there
            is time. In lesson 7 a schedule makes use of that.

            Lesson 4 kills a layer in the middle of all this.
            """
        ),
    ),
)
