"""A checkpoint whose parts do not fit together is damaged, whatever its checksum says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Array, DType, Floats, Parameters, Shape, frozen
from annex_actors.data import Samples
from annex_actors.layers import Factors, Saved, dense, sequence
from annex_actors.protocol.events import EpochFinished
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.identity import Identity
from annex_actors.training.learner import Learner
from tests.training.edited import Change, edit
from tests.trainings import Training, at_every_step, fingerprints, undisturbed

TRAINING = Training(schedule="pipedream", microbatches=1, epochs=3)
STEP = 7  # of nine: in the third epoch, of which each has three steps

Texts = dict[str, str]
Arrays = dict[str, Array]


def write(name: str, value: object) -> Change:
    return lambda arrays, texts: texts.__setitem__(name, str(value))


def history(change: Callable[[list[Any]], object]) -> Change:
    def changed(arrays: Arrays, texts: Texts) -> None:
        epochs = json.loads(texts["history"])
        change(epochs)
        texts["history"] = json.dumps(epochs)

    return changed


def arrays(name: str, change: Callable[[Array], Array]) -> Change:
    return lambda arrays, texts: arrays.__setitem__(name, change(arrays[name]))


def at(index: Any, value: float) -> Callable[[Array], Array]:
    def changed(array: Array) -> Array:
        copy = array.copy()
        copy[index] = value
        return copy

    return changed


def identity(name: str, value: object) -> Change:
    def changed(arrays: Arrays, texts: Texts) -> None:
        texts["identity"] = json.dumps({**json.loads(texts["identity"]), name: value})

    return changed


EDITS: dict[str, Change] = {
    "a step more": write("step", STEP + 1),
    "a step less": write("step", STEP - 1),
    "a step far past the end": write("step", 100_000),
    "a negative step": write("step", -1),
    "a step that is no number": write("step", "seven"),
    "a step of many digits": write("step", "9" * 5_000),
    "no step": lambda arrays, texts: texts.pop("step"),
    "one cost less": arrays("costs", lambda costs: costs[:-1]),
    "one cost more": arrays("costs", lambda costs: np.append(costs, 0.5)),
    "no costs": arrays("costs", lambda costs: costs[:0]),
    "costs in a column": arrays("costs", lambda costs: costs[:, np.newaxis]),
    "costs that are integers": arrays("costs", lambda costs: costs.astype(np.int64)),
    "costs of single precision": arrays("costs", lambda costs: costs.astype(np.float32)),
    "a cost that is NaN": arrays("costs", at(3, np.nan)),
    "a cost that is infinite": arrays("costs", at(STEP - 1, np.inf)),
    "another cost in an epoch that has finished": arrays("costs", at(3, 0.5)),
    "no history": write("history", "[]"),
    "one epoch less": history(lambda epochs: epochs.pop()),
    "one epoch more": history(lambda epochs: epochs.append({**epochs[-1], "epoch": 2, "steps": 9})),
    "the history twice": history(lambda epochs: epochs.extend(list(epochs))),
    "the history backwards": history(lambda epochs: epochs.reverse()),
    "epochs that are not numbered from 0": history(lambda epochs: epochs[0].update(epoch=1)),
    "an epoch number that is no integer": history(lambda epochs: epochs[1].update(epoch=True)),
    "an epoch of another length": history(lambda epochs: epochs[0].update(steps=2)),
    "another cost of an epoch": history(lambda epochs: epochs[0].update(train_cost=0.5)),
    "a cost of an epoch that is NaN": history(lambda epochs: epochs[0].update(train_cost=float("nan"))),
    "a cost of an epoch that is text": history(lambda epochs: epochs[0].update(train_cost="0.5")),
    "a test cost that is text": history(lambda epochs: epochs[0].update(test_cost="0.5")),
    "metrics that are a list": history(lambda epochs: epochs[0].update(metrics=[1.0])),
    "metrics that are text": history(lambda epochs: epochs[0].update(metrics={"accuracy": "good"})),
    "an epoch without metrics": history(lambda epochs: epochs[0].pop("metrics")),
    "an epoch that is a number": history(lambda epochs: epochs.__setitem__(0, 5)),
    "a history that is a number": write("history", "5"),
    "a history without end": write("history", "[" * 100_000),
    "a weight that is NaN": arrays("weights.0.weight", at((0, 0), np.nan)),
    "a weight that is infinite": arrays("weights.3.bias", at(0, np.inf)),
    "an optimizer slot that is NaN": arrays("optimizer.0.mean.weight", at((0, 0), np.nan)),
    "a stashed weight that is NaN": arrays("stash.0.0.weight", at((0, 0), np.nan)),
    "a stashed version less": lambda arrays, texts: (arrays.pop("stash.0.0.weight"), arrays.pop("stash.0.0.bias")),
    "a stashed version more": lambda arrays, texts: arrays.update(
        {f"stash.9.0.{name}": arrays[f"weights.0.{name}"] for name in ("weight", "bias")}
    ),
    "a stashed version without a number": lambda arrays, texts: arrays.update(
        {"stash.x.0.weight": arrays["weights.0.weight"]}
    ),
    "a weight of double precision": arrays("weights.0.weight", lambda array: array.astype(np.float64)),
    "weights of another shape": arrays("weights.0.weight", lambda array: array.T.copy()),
    "another seed": identity("seed", 99),
    "other data": identity("training data", "13 samples"),
    "an unknown setting": identity("colour", "red"),
    "no identity": lambda arrays, texts: texts.pop("identity"),
    "an identity that is a number": write("identity", "5"),
    "an identity without end": write("identity", "[" * 100_000),
}


@pytest.fixture
def folder(tmp_path: Path) -> Checkpoints:
    """Return a folder with the checkpoints of two steps."""
    found = Checkpoints(tmp_path / "checkpoints", every=1)
    for step in (STEP - 1, STEP):
        found.write(at_every_step(TRAINING)[step])
    return found


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS.keys())
def test_a_file_whose_parts_do_not_fit_is_damaged_and_the_one_before_is_used(
    folder: Checkpoints, change: Change
) -> None:
    path, notes = max(folder.path.iterdir()), list[str]()
    edit(path, change)
    found = folder.newest(TRAINING.prepared, notes.append)
    assert found is not None
    assert found.step == STEP - 1
    assert len(notes) == 1
    assert notes[0].startswith(f"expected a whole checkpoint at {path}, got a damaged one: ")
    assert "\n" not in notes[0]


def test_a_file_that_nothing_was_changed_in_is_whole(folder: Checkpoints) -> None:
    edit(max(folder.path.iterdir()), lambda arrays, texts: None)
    found = folder.at(STEP, TRAINING.prepared)
    assert fingerprints(found) == fingerprints(at_every_step(TRAINING)[STEP])


def test_a_file_under_the_name_of_another_step_is_damaged(folder: Checkpoints) -> None:
    newest = max(folder.path.iterdir())
    newest.rename(newest.with_name("step-000000008.safetensors"))
    with pytest.raises(DataError, match="expected step 8, as the file's name says, got 7"):
        folder.at(8, TRAINING.prepared)


@pytest.mark.parametrize("step", range(1, TRAINING.steps + 1))
def test_every_checkpoint_of_a_training_is_whole(step: int) -> None:
    checkpoint = at_every_step(TRAINING)[step]
    TRAINING.prepared.check(checkpoint)
    ended, rest = divmod(step, 3)
    if not rest:  # cut off before the evaluation
        TRAINING.prepared.check(replace(checkpoint, history=checkpoint.history[: ended - 1]))


# In Python


def epochs(*, train_cost: float = 0.5, steps: int = 3) -> tuple[EpochFinished, ...]:
    return (EpochFinished(0, steps, train_cost, None, {}),)


CHANGES: dict[str, dict[str, Any]] = {
    "another step": {"step": 5},
    "a cost too few": {"costs": undisturbed(TRAINING).checkpoint.costs[:6]},
    "a cost that is NaN": {"costs": (*undisturbed(TRAINING).checkpoint.costs[:6], float("nan"))},
    "costs that are integers": {"costs": (1,) * STEP},
    "no history": {"history": ()},
    "an epoch of another cost": {"history": epochs()},
    "the whole history": {"history": undisturbed(TRAINING).history},
    "no stash": {"stash": ()},
    "no layers": {"layers": ()},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_a_checkpoint_whose_parts_do_not_fit_is_refused_in_python(changes: dict[str, Any]) -> None:
    cut = replace(at_every_step(TRAINING)[STEP], **changes)
    with pytest.raises(DataError, match=r"^expected "):
        TRAINING.learner().train(TRAINING.dataset, epochs=3, batch_size=5, resume=cut)


def test_weights_alone_are_not_gone_on_from() -> None:
    cut = replace(at_every_step(TRAINING)[STEP], identity=None)
    with pytest.raises(ConfigError, match="expected a checkpoint to go on from, got weights alone"):
        TRAINING.learner().train(TRAINING.dataset, epochs=3, batch_size=5, resume=cut)


def test_another_training_is_refused_by_the_setting_that_differs() -> None:
    cut = at_every_step(TRAINING)[STEP]
    assert cut.identity is not None
    other = replace(cut, identity=Identity({**cut.identity.settings, "seed": 99}))
    with pytest.raises(ConfigError, match="expected the `seed` that the training began with, 99, got 3; go on with"):
        TRAINING.learner().train(TRAINING.dataset, epochs=3, batch_size=5, resume=other)


@dataclass(frozen=True)
class Masked:
    """A layer whose state has infinities from the beginning."""

    name = "masked"

    def spec(self) -> str:
        return self.name

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        return {}

    def initial_state(self, input_shape: Shape, dtype: DType) -> Parameters:
        return frozen({"least": np.full(input_shape, -np.inf, dtype)})

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        return np.maximum(inputs, parameters["least"]), None

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        return grad_output, ()

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        return {}

    def next_state(self, state: Parameters, factors: object) -> Parameters:
        return state


def test_infinities_that_a_layer_begins_with_are_no_damage() -> None:
    samples = Samples(np.ones((8, 4)), np.zeros(8, np.int64))
    data = replace(TRAINING.dataset, train=samples, test=samples)

    def learner() -> Learner:
        return Learner(sequence(Masked(), dense(3)), runtime="inline")

    whole = learner().train(data, epochs=2, batch_size=4).checkpoint
    cut = learner().train(data, epochs=1, batch_size=4).checkpoint
    resumed = learner().train(data, epochs=2, batch_size=4, resume=cut).checkpoint
    assert isinstance(resumed, Checkpoint)
    assert fingerprints(resumed) == fingerprints(whole)
