"""What a value shows of itself is a line: in a notebook, a log, an error message or a debugger."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors import public
from annex_actors.layers import LAYERS, AnyLayer, activation, dense, sequence
from annex_actors.protocol.messages import Address
from annex_actors.runs.config import resolve
from annex_actors.runtimes.simulated import SimulatedRuntime
from annex_actors.training.preparation import PreparedTraining
from tests.kinds import EXAMPLES
from tests.layers import test_conformance
from tests.trainings import Seen, Training

LONGEST = 400
"""Characters, a few lines of a terminal; most values take one."""

LARGE = sequence(*(layer for _ in range(20) for layer in (dense(16), activation("tanh"))), dense(3))
"""A network with so many layers and weights that a whole list of anything would be longer."""


TRAINING = Training()
DATA = TRAINING.dataset
LEARNER = public.Learner(LARGE, runtime="inline")
RESULT = LEARNER.train(DATA, epochs=4, batch_size=1)

PLANNED = public.plan(EXAMPLES[public.Problem]())
PROFILED = public.Learner(sequence(dense(2), activation("tanh")), microbatches=1).spec
KNOWN = EXAMPLES[public.Profile]()
COMPARISON = public.compare(PROFILED, public.load("xor"), ["layer", "1"], batch_size=2, known=KNOWN)

SIMULATION = public.simulate("1f1b", stages=8, microbatches=40)

PROGRAM = TRAINING.program(observers=[Seen()])

LAYER_EXAMPLES: list[AnyLayer] = [*dict(test_conformance.EXAMPLES), *dict(test_conformance.STACK_EXAMPLES)]

LAYER_VALUES: dict[str, Callable[[], Any]] = {layer.name: partial(copy, layer) for layer in LAYER_EXAMPLES}
"""A layer of each name."""

VALUES: dict[str, Callable[[], Any]] = {
    **{name: make for name, make in LAYER_VALUES.items() if inspect.isclass(getattr(public, name, None))},
    **{kind.__name__: make for kind, make in EXAMPLES.items() if hasattr(public, kind.__name__)},
    "Address": lambda: Address("stage", 3),
    "Checkpoint": lambda: RESULT.checkpoint,
    "ClipBy": lambda: public.ClipBy.VALUE,
    "Chain": lambda: public.Chain((public.LayerCosts(1.0, 1.0, 1.0),)),
    "Compared": lambda: COMPARISON.plans[0],
    "Comparison": lambda: COMPARISON,
    "DelayedLinks": public.DelayedLinks,
    "LayerCosts": public.LayerCosts,
    "LayerProfile": lambda: KNOWN.layers[0],
    "Link": public.Link,
    "NodeStrategy": lambda: public.NodeStrategy.PACK,
    "Objective": lambda: public.Objective.TIME,
    "Planned": lambda: PLANNED,
    "Prediction": lambda: COMPARISON.plans[0].predicted,
    "SlowedLayers": public.SlowedLayers,
    "Swept": lambda: public.sweep(PROFILED, public.load("xor"), {"stages": [1, 2]}, batch_size=2, known=KNOWN)[0],
    "Worker": public.Worker,
    "WorkerKind": lambda: public.WorkerKind.THREAD,
    "Dataset": lambda: public.load("digits"),
    "EarlyStopping": public.EarlyStopping,
    "EpochFinished": lambda: RESULT.history[-1],
    "Evaluated": lambda: public.Evaluated(0, 1, 0.5, {"accuracy": 0.5}),
    "Event": public.Event,
    "Grouping": lambda: public.Grouping.STEP,
    "History": lambda: RESULT.history,
    "InlineRuntime": public.InlineRuntime,
    "Kind": lambda: public.Kind.DATE,
    "LayerSummary": lambda: LEARNER.summary().rows[0],
    "LayerTimes": public.LayerTimes,
    "Learner": lambda: LEARNER,
    "Mode": lambda: public.Mode.MIN,
    "Network": lambda: LARGE,
    "PeerExited": lambda: public.PeerExited(Address("stage", 3), "layer 3 dense:16", 2, "killed by SIGKILL"),
    "PeerStarted": lambda: public.PeerStarted(Address("stage", 3), "layer 3 dense:16", 2),
    "Piece": lambda: SIMULATION.pieces[0],
    "PlannedStage": lambda: public.PlannedStage(3, blas_threads=2),
    "Point": lambda: public.Point.FORWARD,
    "Progress": lambda: public.Progress(0, 4, 8, 3, 2, 1),
    "ProcessesRuntime": public.ProcessesRuntime,
    "RayRuntime": public.RayRuntime,
    "RateSearch": lambda: LEARNER.find_learning_rate(DATA, steps=10),
    "Result": lambda: RESULT,
    "RunDirectory": lambda: public.RunDirectory(Path("runs/digits")),
    "Samples": lambda: public.load("digits").train,
    "SchedulersRuntime": public.SchedulersRuntime,
    "Simulation": lambda: SIMULATION,
    "StageTally": lambda: SIMULATION.stages[0],
    "StepFinished": lambda: public.StepFinished(step=3, epoch=0, cost=0.5, samples=32),
    "Summary": lambda: public.Learner(dense(3)).summary((4,)),
    "Supervision": public.Supervision,
    "Tag": lambda: public.Tag.DROPOUT,
    "Takes": lambda: public.Takes.LABELS,
    "ThreadsRuntime": public.ThreadsRuntime,
    "Trace": EXAMPLES[public.Trace],
    "Tracer": EXAMPLES[public.Tracer],
    "Work": lambda: public.B,
    "WorkerTally": lambda: SIMULATION.workers[0],
}
"""A value of each public class."""

INNER: dict[str, Callable[[], Any]] = {
    "the spec of a learner": lambda: LEARNER.spec,
    "a layer with given weights": lambda: dense(3, weights=np.ones((500, 3))),
    "a table of names": lambda: LAYERS,
    "a condition to halt": lambda: public.loss_less_than(0.5),
    "a prepared training": lambda: PreparedTraining.of(LEARNER.spec, DATA, epochs=20, batch_size=1),
    "a program": lambda: PROGRAM,
    "a stage": lambda: PROGRAM.stages[0],
    "a trainer": lambda: PROGRAM.driver,
    "the state of a layer": lambda: RESULT.checkpoint.layers[0],
    "the state of a stage": lambda: RESULT.checkpoint.stage_state(0, 100, with_costs=True),
    "the config of a run": lambda: resolve({"data": {"name": "digits"}})[0],
    "the config of another run": lambda: resolve(
        {"data": {"name": "iris"}, "runtime": {"name": "processes"}, "optimizer": {"name": "sgd", "nesterov": True}}
    )[0],
    "a plan for many layers": lambda: public.Plan.parse(",".join(200 * ["1:blas_threads=2"]), 200),
    "a simulated runtime": SimulatedRuntime,
}


def check(shown: str) -> None:
    assert len(shown) <= LONGEST
    assert " at 0x" not in shown
    assert "array(" not in shown


@pytest.mark.parametrize("name", [name for name in public.__all__ if inspect.isclass(getattr(public, name))])
def test_every_public_value_is_shown_in_a_line(name: str) -> None:
    kind = getattr(public, name)
    if getattr(kind, "_is_protocol", False) or issubclass(kind, BaseException) or name == "SavedRun":
        return  # no value of its own; an error shows its message
    value = VALUES[name]()
    assert isinstance(value, kind)
    check(repr(value))


@pytest.mark.parametrize("what", INNER)
def test_values_inside_are_shown_in_a_line_too(what: str) -> None:
    check(repr(INNER[what]()))


def test_a_learner_is_shown_as_the_call_that_made_it() -> None:
    made = 'Learner(parse_layers("dense:3"), cost="mse", optimizer=Sgd(learning_rate=0.1), runtime="inline", seed=4)'
    learner = eval(made, dict(vars(public)))
    shown = (
        "Learner(parse_layers('dense:3'), cost=MeanSquaredError(), "
        "optimizer=Sgd(learning_rate=0.1, momentum=0.0), "
        "runtime=InlineRuntime(), seed=4)"
    )
    assert repr(learner) == shown
    assert repr(public.Learner(sequence(dense(3)))) == "Learner(parse_layers('dense:3'))"


def test_the_result_of_a_training_says_what_has_happened() -> None:
    shown = repr(RESULT)
    accuracy, weights = RESULT.test_accuracy, RESULT.checkpoint.weights_sha256[:12]
    assert shown.startswith(f"Result(52 steps in {RESULT.seconds:.2f} s, cost {RESULT.train_cost:.4f}, test cost ")
    assert shown.endswith(f", accuracy {accuracy:.4f}, weights {weights})")
