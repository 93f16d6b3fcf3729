"""Moving averages of the weights: kept with the optimizer's slots, used by evaluations and predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Parameters
from annex_actors.optimizers import Adam, Sgd, averaged
from annex_actors.testing import check_optimizer
from annex_actors.training.learner import Learner
from tests.faults.plans import assert_undisturbed, disturbed, killing
from tests.oracle.plain import expected
from tests.trainings import (
    CLASSIFIER,
    SKIPPING,
    TUNED,
    Training,
    at_every_step,
    fingerprints,
    host_named,
    outputs_of,
    train,
    undisturbed,
)

MINE = Training(ema_momentum=0.7)


def averages_of(training: Training) -> list[Parameters]:
    """Return what each layer predicts with, by hand from the slots of a finished training."""
    layers = undisturbed(training).checkpoint.layers
    return [
        {name: layer.optimizer.get(f"average.{name}", each) for name, each in layer.weights.items()} for layer in layers
    ]


@pytest.mark.parametrize("optimizer", [Adam(learning_rate=0.02), Sgd(learning_rate=0.1, momentum=0.9)])
def test_it_keeps_the_promises_of_an_optimizer(optimizer: Any) -> None:
    check_optimizer(averaged(optimizer, 0.9))
    assert averaged(optimizer, None) is optimizer


def test_the_weights_are_those_without_averages() -> None:
    with_averages, without = undisturbed(MINE).checkpoint, undisturbed(replace(MINE, ema_momentum=None)).checkpoint
    assert with_averages.weights_sha256 == without.weights_sha256
    assert {*with_averages.optimizer} - {*without.optimizer} == {
        f"{layer}.average.{name}" for layer in (0, 3) for name in ("weight", "bias")
    }


def test_the_averages_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.ParameterDict(
        {name.replace(".", "_"): torch.tensor(each.copy()) for name, each in MINE.initial.weights.items()}
    )
    swa = torch.optim.swa_utils
    model = swa.AveragedModel(module, multi_avg_fn=swa.get_ema_multi_avg_fn(0.7))
    for checkpoint in at_every_step(MINE)[1:]:
        for name, array in checkpoint.weights.items():
            module[name.replace(".", "_")].data = torch.tensor(array.copy())
        model.update_parameters(module)
    slots = undisturbed(MINE).checkpoint.optimizer
    for name, average in model.module.items():
        layer, parameter = name.split("_")
        np.testing.assert_allclose(slots[f"{layer}.average.{parameter}"], average.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("network", [CLASSIFIER, SKIPPING, TUNED])
def test_evaluations_and_predictions_use_the_averages(network: Any) -> None:
    mine = replace(MINE, network=network)
    learner, test = mine.learner(), mine.dataset.test
    learner.checkpoint, learner.classes = undisturbed(mine).checkpoint, mine.dataset.classes
    by_hand = learner.spec.cost.predictions(outputs_of(network, averages_of(mine), test.inputs))
    assert learner.predict(test.inputs).tobytes() == by_hand.tobytes()
    last = undisturbed(mine).history[-1]
    assert learner.evaluate(mine.dataset) == {"cost": last.test_cost, **last.metrics}
    assert last.test_cost != undisturbed(replace(mine, ema_momentum=None)).history[-1].test_cost


@pytest.mark.parametrize("host", ["threads", "schedulers", "processes"])
@pytest.mark.parametrize("schedule", ["1f1b", "zb-h2", "pipedream"])
def test_every_host_keeps_the_same_averages(host: str, schedule: str) -> None:
    mine = replace(MINE, network=TUNED, schedule=schedule)
    outcome = train(mine, host_named(host))
    assert outcome.fingerprints == fingerprints(expected(mine))
    assert outcome.history == undisturbed(mine).history


@pytest.mark.parametrize("schedule", ["1f1b", "pipedream"])
def test_a_kill_at_any_event_changes_nothing(schedule: str) -> None:
    mine = replace(MINE, schedule=schedule, size=4, batch_size=2)
    for event in range(1, 300, 17):
        assert_undisturbed(disturbed(mine, killing({event, event + 31}, event)), mine)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_training_that_goes_on_has_the_bits_of_one_that_was_never_interrupted(step: int) -> None:
    learner = MINE.learner()
    learner.train(MINE.dataset, epochs=2, batch_size=5, resume=at_every_step(MINE)[step])
    assert learner.checkpoint is not None
    assert fingerprints(learner.checkpoint) == undisturbed(MINE).fingerprints
    assert learner.checkpoint.history == undisturbed(MINE).history


def test_a_learner_is_saved_with_its_averages(tmp_path: Any) -> None:
    learner = MINE.learner()
    learner.train(MINE.dataset, epochs=2, batch_size=5)
    learner.save(tmp_path / "model.safetensors")
    again = Learner.load(tmp_path / "model.safetensors", runtime="inline")
    assert again.spec.ema_momentum == 0.7
    inputs = MINE.dataset.test.inputs
    assert again.predict(inputs).tobytes() == learner.predict(inputs).tobytes()


@pytest.mark.parametrize("momentum", [1, -0.1, 2.0, "much", True])
def test_what_is_no_momentum_is_refused(momentum: Any) -> None:
    with pytest.raises(ConfigError, match="expected `ema_momentum` to be a number"):
        Learner(CLASSIFIER, ema_momentum=momentum)
