"""A checkpoint that is resumed with one other argument is refused, or comes to the bits of the change.

Every argument of `Learner` and of `Learner.train` is changed: a new one is found here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, UserError
from annex_actors.costs import MeanSquaredError, SoftmaxCrossEntropy
from annex_actors.layers import activation, dense, dropout, freeze, l2, sequence
from annex_actors.optimizers import Adagrad, Adam, AdamW, Cosine, Lion, RMSprop, Sgd, Warmup
from annex_actors.runtimes import Crash, InlineRuntime, Supervision
from annex_actors.schedules.table import DISCIPLINES, discipline
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.halting import loss_less_than
from annex_actors.training.learner import Learner
from tests.matrix import matrix
from tests.own_layers import Norm
from tests.trainings import CLASSIFIER, Seen, Training, at_every_step, fingerprints, samples

SCHEDULES = ("1f1b", "zb-h1", "pipedream")
STEPS = (4, 6)

OF_A_LEARNER: Mapping[str, list[Any]] = {
    "network": [
        sequence(*CLASSIFIER.layers),
        sequence(dense(7), *CLASSIFIER.layers[1:]),
        sequence(*CLASSIFIER.layers[:2], dropout(0.2), dense(3)),
        sequence(l2(0.1, CLASSIFIER.layers[0]), *CLASSIFIER.layers[1:]),
        sequence(freeze(CLASSIFIER.layers[0]), *CLASSIFIER.layers[1:]),
        sequence(*CLASSIFIER.layers[:2], dense(3)),
        sequence(*CLASSIFIER.layers, Norm()),
        sequence(dense(6), activation("tanh"), *CLASSIFIER.layers[2:]),
        sequence(dense(6, initializer="he"), *CLASSIFIER.layers[1:]),
        sequence(dense(6, initializer="orthogonal"), *CLASSIFIER.layers[1:]),
        sequence(dense(6, initializer="constant,0.1"), *CLASSIFIER.layers[1:]),
        sequence(dense(6, biases=np.ones(6)), *CLASSIFIER.layers[1:]),
    ],
    "cost": [
        SoftmaxCrossEntropy(),
        SoftmaxCrossEntropy(label_smoothing=0.1),
        MeanSquaredError(),
        "sigmoid_cross_entropy",
        "focal:alpha=0.5",
    ],
    "optimizer": [
        "adam",
        "sgd",
        Adam(learning_rate=0.02),
        Adam(learning_rate=0.021),
        Adam(learning_rate=Cosine(0.02, 99)),
        Adam(learning_rate=0.02, beta2=0.99),
        Adam(learning_rate=0.02, weight_decay=0.1),
        Sgd(learning_rate=0.02),
        Adam(learning_rate=0.02, weight_decay=0.1, decay_biases=False),
        AdamW(learning_rate=0.02),
        AdamW(learning_rate=Warmup(Cosine(0.02, 99), 2)),
        RMSprop(learning_rate=0.02),
        Adagrad(learning_rate=0.02),
        Lion(learning_rate=0.02),
        Sgd(learning_rate=0.02, momentum=0.9),
        Sgd(learning_rate=0.02, weight_decay=0.1),
    ],
    "clipping": [None, "value:0.001", "layer_norm:0.01", "global_norm:0.01"],
    "ema_momentum": [None, 0.5, 0.9],
    "reduce_on_plateau": [None, "patience=0:factor=0.5:min_delta=9.0", "monitor=accuracy:patience=0"],
    "microbatches": [1, 2, 3, 5],
    "schedule": [*DISCIPLINES, "interleaved:3", replace(discipline("1f1b"), name="other", cap=lambda s, S, m: S + m)],
    "runtime": ["threads", "schedulers", InlineRuntime()],
    "stages": [1, 2, 3, 4, 5, "2,2", "1,3,1", "5:blas_threads=2"],
    "kernels": ["torch"],
    "dtype": ["float64"],
    "seed": [0, 3, 2**64 - 1],
    "supervision": [Supervision(max_attempts=9)],
    "class_weight": ["balanced", {"0": 2.0}, {"0": 2.0, "1": 2.0, "2": 2.0}],
    "load": [[str(Path(__file__).parents[1] / "own_layers.py")]],
}

OF_TRAIN: Mapping[str, list[Any]] = {
    "dataset": [
        Training(size=12).dataset,
        Training(size=14).dataset,
        Training(weighted=True).dataset,
        replace(Training().dataset, name="other", source="elsewhere"),
        replace(Training().dataset, classes=("x", "y", "z")),
        replace(Training().dataset, classes=("w", "x", "y", "z")),
        replace(Training().dataset, test=Training(size=5).dataset.train),
    ],
    "epochs": [1, 2, 3, 5],
    "batch_size": [3, 4, 6, 13, 99],
    "halt": [
        lambda history: len(history) == 3,
        loss_less_than(0.0),
        "max_epochs:3",
        EarlyStopping(patience=3, monitor="train_cost", restore_best_weights=False),
    ],
    "validation": [0.3, 0.5, samples(6, "softmax_cross_entropy", seed=4)],
    "metrics": [["accuracy"], ["f1", "roc_auc"], ["top_k_accuracy:2"]],
    "evaluate_every": [1, 2, 5],
    "crashes": [[Crash(layer=1, step=7)], [Crash(layer=1, step=2)]],
    "observers": [[Seen()]],
    "checkpoints": [Checkpoints],
}

FREE = ("runtime", "stages", "supervision", "load", "halt", "observers", "checkpoints")
"""The arguments of which every change must be taken; of stages with synchronous schedules and one BLAS thread."""

CASES = [
    (schedule, step, name, other)
    for schedule in SCHEDULES
    for step in STEPS
    for name, others in {**OF_A_LEARNER, **OF_TRAIN}.items()
    for other in others
]


def train(schedule: str, name: str, value: Any, folder: Path, **start: Any) -> Any:
    """Train with one other argument than `Training` has; return the result."""
    base = Training()
    learner: dict[str, Any] = {
        "network": base.network,
        "cost": base.cost,
        "optimizer": base.optimizer,
        "microbatches": base.microbatches,
        "schedule": schedule,
        "runtime": "inline",
        "seed": base.seed,
    }
    training: dict[str, Any] = {"dataset": base.dataset, "epochs": 4, "batch_size": base.batch_size}
    if name in OF_A_LEARNER:
        learner[name] = value
    else:
        training[name] = value(folder / "checkpoints") if isinstance(value, type) else value
    return Learner(**learner).train(**training, **start)


def identify(case: tuple[str, int, str, Any]) -> str:
    schedule, step, name, value = case
    text = value.spec() if hasattr(value, "spec") else value if isinstance(value, str | int) else type(value).__name__
    return f"{schedule} {step} {name} {text}"


@pytest.mark.parametrize("case", matrix(CASES, sample=100, id=identify))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_changed_argument_is_refused_or_has_the_bits_of_the_change(
    case: tuple[str, int, str, Any], tmp_path: Path
) -> None:
    schedule, step, name, value = case
    if value == "torch":
        pytest.importorskip("torch")
    cut = at_every_step(replace(Training(), schedule=schedule, epochs=4))[step]
    is_free = name in FREE and not (name == "stages" and (schedule == "pipedream" or "blas" in str(value)))
    with nullcontext() if is_free else suppress(UserError):
        resumed = train(schedule, name, value, tmp_path, resume=cut)
        expected = train(schedule, name, value, tmp_path)
        assert fingerprints(resumed.checkpoint) == fingerprints(expected.checkpoint)
        assert resumed.history == expected.history


@pytest.mark.parametrize(
    ("names", "function"),
    [({*OF_A_LEARNER}, Learner), ({*OF_TRAIN, "resume", "initial_weights"}, Learner.train)],
    ids=["Learner", "train"],
)
def test_every_argument_is_changed(names: set[str], function: Callable[..., object]) -> None:
    assert {*inspect.signature(function).parameters} - {"self"} == names


def test_what_is_refused_is_named() -> None:
    cut = at_every_step(replace(Training(), epochs=4))[4]
    with pytest.raises(ConfigError, match=r"the `optimizer\.beta2` that the training began with, 0\.999, got"):
        train("1f1b", "optimizer", Adam(learning_rate=0.02, beta2=0.99), Path("unused"), resume=cut)
