"""Lesson 9: schedules that never wait compute with old weights; which ones, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import ModuleType

import numpy as np

from annex_actors.base.words import counted
from annex_actors.data import load
from annex_actors.experiments.simulation import simulate
from annex_actors.layers import activation, dense, sequence
from annex_actors.lessons.small_runs import COLUMNS, SAMPLES
from annex_actors.lessons.steps import Code, Found, Lesson, Question, Run, Seen, Text, Wrong, WrongCode
from annex_actors.lessons.submission import module_of
from annex_actors.observe.timeline import draw
from annex_actors.optimizers import Sgd
from annex_actors.schedules.table import DISCIPLINES
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner

LAYERS, STEPS, STEP = 4, 6, 10
COMPARED = 5  # steps after which weights are compared
SHORT, LONG = 10, 30  # steps that are simulated, to see what one more takes
RATE = 0.5
EPOCHS, EPOCHS_RATE = 3, 0.1
PRICED = ("1f1b", "2bw", "pipedream", "no-stash")
LATER = 3  # updates between the forward and the backward of a batch, at layer 0


def _version(layer: int, step: int) -> int:
    """Return after how many updates a layer's weights are that a step meets, with pipedream."""
    return max(0, step - DISCIPLINES["pipedream"].lag(layer, LAYERS))


def _versions() -> Seen:
    shown = (0, 1, 2, 3, STEP)
    lines = ["step     " + "".join(f"{step:5}" for step in shown)]
    for layer in range(LAYERS):
        lines.append(f"layer {layer}  " + "".join(f"{_version(layer, step):5}" for step in shown))
    return Seen(
        lines,
        {
            "version": _version(0, STEP),
            "newest": STEP,
            "one_old": STEP - 1,
            "too_old": STEP - LAYERS,
            "last": _version(LAYERS - 1, STEP),
        },
    )


def _drawn() -> Seen:
    lines = list[str]()
    for schedule in ("1f1b", "pipedream"):
        step = simulate(schedule, stages=LAYERS, microbatches=1, steps=STEPS)
        lines += [f"{schedule}:", *draw(step.pieces, width=COLUMNS)]
    return Seen(lines)


@cache
def _one_more(schedule: str) -> float:
    """Return how long one more step takes, once the pipeline is full."""
    short, long = (
        simulate(schedule, stages=LAYERS, microbatches=1, steps=steps, pieces=False).makespan for steps in (SHORT, LONG)
    )
    return float(long - short) / (LONG - SHORT)


def _kept() -> Seen:
    step = simulate("pipedream", stages=LAYERS, microbatches=1, steps=STEPS)
    kept = [stage.versions for stage in step.stages]
    lines = [f"layer {layer}: {counted(count, 'version')} of its weights" for layer, count in enumerate(kept)]
    lines.append(
        f"units that one more step takes: {_one_more('1f1b'):g} with 1f1b, {_one_more('pipedream'):g} with pipedream"
    )
    return Seen(lines, {"kept": kept[0], "older": kept[0] - 1, "newest": kept[-1], "steps": STEPS})


def _xor(schedule: str, steps: int, runtime: str = "inline") -> Checkpoint:
    """Train a network of as many actors as there are layers here, and return what it has become."""
    network = sequence(dense(4), activation("tanh"), dense(2))
    learner = Learner(network, schedule=schedule, microbatches=1, optimizer=Sgd(learning_rate=RATE), runtime=runtime)
    return learner.train(load("xor"), epochs=steps, batch_size=SAMPLES).checkpoint


def _first_difference() -> Seen:
    lines, first = ["after step  pipedream         no-stash"], 0
    for steps in range(1, COMPARED + 1):
        hashes = [_xor(schedule, steps).weights_sha256[:16] for schedule in ("pipedream", "no-stash")]
        lines.append(f"{steps - 1:10}  {'  '.join(hashes)}")
        first = first or (steps if len(set(hashes)) > 1 else 0)
    return Seen(lines, {"step": first - 1, "first": 0, "full": LAYERS - 1, "never": COMPARED})


def _reproducible() -> Seen:
    made = {runtime: _xor("pipedream", STEPS * SAMPLES, runtime) for runtime in ("inline", "threads", "schedulers")}
    lines = [f"{runtime:11} {each.weights_sha256[:32]}" for runtime, each in made.items()]
    count = len({each.weights_sha256 for each in made.values()})
    return Seen(lines, {"weights": count, "runtimes": len(made), "parallel": len(made) - 1})


def _price() -> Seen:
    network = sequence(dense(64), activation("relu"), dense(32), activation("relu"), dense(10))
    lines = ["schedule     lag of each layer  accuracy, epoch by epoch"]
    for schedule in PRICED:
        learner = Learner(
            network,
            schedule=schedule,
            microbatches=1,
            optimizer=Sgd(learning_rate=EPOCHS_RATE),
            runtime="inline",
            seed=1,
        )
        result = learner.train(load("digits"), epochs=EPOCHS)
        lags = " ".join(str(DISCIPLINES[schedule].lag(layer, result.stages)) for layer in range(result.stages))
        accuracies = " ".join(f"{epoch.metrics['accuracy']:.3f}" for epoch in result.history)
        lines.append(f"{schedule:12} {lags:19}{accuracies}")
    return Seen(lines)


SOLUTION = '''\
"""Lesson 9: the gradient of the first layer's weights, if weights change
between forward and backward."""

import numpy as np


def gradient(inputs, targets, first, second, later):
    """Return the gradient for the weights ``first`` of a network with two
    layers.

    Forward: ``hidden = tanh(inputs @ first)``, ``outputs = hidden @ second``.
    The cost is half the sum of the squares of ``outputs - targets``, so its
    gradient for the outputs is ``outputs - targets``. Backward: the second
    layer sends down that gradient times its weights, transposed; but by now
    its weights are ``later``. The derivative of tanh is ``1 - hidden**2``.
    """
    hidden = np.tanh(inputs @ first)
    outputs = hidden @ second
    grad_hidden = (outputs - targets) @ later.T
    return inputs.T @ (grad_hidden * (1 - hidden**2))
'''


def _example(seed: int) -> tuple[np.ndarray, ...]:
    """Return inputs, targets and the weights of two layers."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) for shape in ((6, 3), (6, 2), (3, 4), (4, 2)))


def _cost(inputs: np.ndarray, targets: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return float(np.square(np.tanh(inputs @ first) @ second - targets).sum() / 2)


def _by_differences(inputs: np.ndarray, targets: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the gradient of the cost for the first weights, by central differences."""
    found, step = np.zeros_like(first), 1e-5
    for at in np.ndindex(first.shape):
        change = np.zeros_like(first)
        change[at] = step
        sides = [_cost(inputs, targets, first + sign * change, second) for sign in (1, -1)]
        found[at] = (sides[0] - sides[1]) / (2 * step)
    return found


def _outcome(made: ModuleType) -> Iterator[Found]:
    for seed in range(2):
        inputs, targets, first, second = _example(seed)
        same = made.gradient(inputs, targets, first, second, second)
        near = _by_differences(inputs, targets, first, second)
        yield Found("the gradient of layer 0, with the same weights in the backward", same, near)
        later = second - 0.1 * np.sign(second)
        yield Found(
            "the gradient of layer 0, with later weights in the backward",
            made.gradient(inputs, targets, first, second, later),
        )


def _wrong_gradient() -> Seen:
    """Train with true gradients, and compare each with the one whose backward meets weights of some steps later."""
    gradient = module_of(SOLUTION, "solution.py").gradient
    inputs, targets, first, second = _example(0)
    lines, versions, rate = ["later by  distance  angle"], [second], 0.05
    for _ in range(LATER):
        hidden = np.tanh(inputs @ first)
        versions.append(versions[-1] - rate * hidden.T @ (hidden @ versions[-1] - targets))
    true = gradient(inputs, targets, first, second, second)
    for updates, later in enumerate(versions):
        other = gradient(inputs, targets, first, second, later)
        distance = np.linalg.norm(other - true) / np.linalg.norm(true)
        cosine = (other * true).sum() / np.linalg.norm(other) / np.linalg.norm(true)
        lines.append(f"{updates:8}{distance:10.1%}{np.degrees(np.arccos(min(1.0, cosine))):6.1f}°")
    return Seen(lines)


LESSON = Lesson(
    9,
    "Stale weights",
    (
        "Say which version of its weights a step meets, from a formula.",
        "Write the gradient that results if forward and backward meet different weights, and say why it is wrong.",
        "Weigh time against accuracy.",
    ),
    (
        Text(
            """
            With 1f1b the pipeline drains at the end of each step: all layers update, then the next step fills it again.
            What if layer 0 does not wait? It could begin with the next batch at once, with the weights that it has.

            So does the schedule pipedream. Its steps overlap: when layer 0 does the forward of a step, the gradients of
            the last steps are still on their way to it. The weights that the step meets are old, or stale.
            """
        ),
        Run(
            f"""
            {STEPS} steps of {LAYERS} layers on the virtual clock, each batch in one piece. F, B and W take one unit.
            """,
            _drawn,
            "With pipedream there are hardly dots once the pipeline is full: there is no bubble to speak of.",
        ),
        Question(
            "version",
            f"""
            The age is no accident, but a formula: a step meets at layer s of S the weights that are S - 1 - s updates
            old. {LAYERS} layers: after how many updates are the weights that step {STEP} meets at layer 0? Steps count
            from 0, and the weights after no update are version 0.
            """,
            _versions,
            "version",
            "Each layer behind it adds one to the age. The last layer, which turns each batch around at once, is never "
            "behind: its step meets version {last}.",
            (
                Wrong("newest", "That is what a synchronous schedule meets: all updates of the steps before."),
                Wrong("one_old", "One step old it is at the layer before the last. Layer 0 has a longer way."),
                Wrong("too_old", "S is one too many: with one layer alone, nothing would be old."),
            ),
        ),
        Question(
            "kept",
            """
            Forward and backward of a batch must meet the same weights, so a layer keeps old versions as long as a batch
            is under way that has met them. How many versions does layer 0 keep, the newest among them?
            """,
            _kept,
            "kept",
            "That is the stash: the price of pipedream in memory. What it buys is the time of a step.",
            (
                Wrong("older", "Those are the old ones. The newest is kept, too."),
                Wrong("newest", "One does for the last layer alone. At layer 0, batches meet older ones."),
                Wrong("steps", "A version is dropped when no batch meets it any more."),
            ),
        ),
        Code(
            "gradient",
            """
            Why must they be the same? Without stash, the backward meets whatever the weights are by then. Write the
            gradient of the first of two layers with that in mind: the forward with the weights second, the backward
            with the weights later. If both are the same, it has to be the gradient of the cost, found by differences.
            """,
            ("gradient",),
            SOLUTION,
            _outcome,
            "hidden and outputs first; then the gradient of hidden with later.T, times 1 - hidden**2; then inputs.T @.",
            "With equal weights that is the gradient. With others it is a product of two halves that do not belong "
            "together.",
            (
                WrongCode("@ later.T", "@ second.T", "That is with a stash: the backward meets what the forward met."),
                WrongCode(
                    "    outputs = hidden @ second\n",
                    "    outputs = hidden @ later\n",
                    "The forward has been done before, with the weights second.",
                ),
                WrongCode(
                    "grad_hidden * (1 - hidden**2)", "grad_hidden", "The derivative of tanh is missing on the way down."
                ),
                WrongCode("(outputs - targets)", "(targets - outputs)", "The sign: that one makes the cost larger."),
            ),
        ),
        Run(
            f"""
            Here is a network of that kind, while its second layer is trained. The gradient of the first layer whose
            backward meets weights of up to {LATER} updates later, beside the true one.
            """,
            _wrong_gradient,
            "The true gradient of the old weights is old, but it is a gradient: it says how that cost falls. The other "
            "one is the gradient of no function; it points beside it, the more the faster the weights change.",
        ),
        Question(
            "step",
            f"""
            The schedule no-stash is pipedream without a stash. Both train a network of {LAYERS} actors. At the end of
            which step do their weights differ for the first time? Steps count from 0.
            """,
            _first_difference,
            "step",
            "In the first step there is one version only, at forward and backward. In the next, the forward meets the "
            "initial weights of layer 0, and the backward comes when they have been updated.",
            (
                Wrong("first", "At the first step there are only the initial weights for both to meet."),
                Wrong("full", "The age need not be full: one update between forward and backward is enough."),
                Wrong("never", "They did differ: forward and backward meet different weights without stash."),
            ),
        ),
        Question(
            "weights",
            """
            With pipedream nothing waits for the end of a step. We train on one thread, on a thread for each actor, and
            on as many threads as cores. How many different sets of weights come out?
            """,
            _reproducible,
            "weights",
            "Which version a step meets is a formula of its number. A message that comes early waits in the mailbox, "
            "so even a schedule whose steps overlap gives the same bits everywhere, and after a crash.",
            (
                Wrong("runtimes", "So it would be if each step took the newest weights there are."),
                Wrong("parallel", "Order in time differs on threads, but no step meets another version for that."),
            ),
        ),
        Run(
            f"""
            The price: {EPOCHS} epochs of digits with the plain optimizer sgd, at the learning rate {EPOCHS_RATE}.
            """,
            _price,
            "Same data, same first weights, same number of updates. Old gradients cost accuracy here; a smaller "
            "learning rate makes the difference smaller. In exchange, a step takes less time: measure both on your own "
            "data before you choose.",
        ),
        Text(
            """
            An asynchronous schedule is a trade: no bubble, for memory and for older gradients. It is exact all the
            same: which old weights are used is known beforehand, and each run can be repeated. `annex-actors explain
            staleness` has it in two sentences.

            In the last lesson you kill everything.
            """
        ),
    ),
)
