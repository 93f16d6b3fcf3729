"""A learner whose stages have replicas: it trains, is resumed, predicts and is saved as one without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annex_actors.layers import activation, dense, sequence
from annex_actors.optimizers import Optimizer
from annex_actors.peers.stage import StageSpec
from annex_actors.placement import Plan, PlannedStage
from annex_actors.placement.memory import LayerMemory, plan_memory
from annex_actors.runtimes import InlineRuntime, Runtime
from annex_actors.stores import MemoryStore
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.learner import Learner
from annex_actors.training.preparation import PreparedTraining
from annex_actors.training.profiles import bytes_of_layers
from tests.trainings import EVERY_OPTIMIZER, Training, fingerprints, finish, host_named, undisturbed

TRAINING = Training(microbatches=3, epochs=3)
WIDE = Training(
    network=sequence(dense(160), activation("relu"), dense(3)), input_shape=(150,), microbatches=3, epochs=3
)
"""With weights and slots that replicas divide."""

PLANS = ["2x2,3", "1,1x3,3x2", Plan((PlannedStage(5, replicas=3),))]


def learner(stages: str | Plan, runtime: str | Runtime = "inline") -> Learner:
    return TRAINING.learner(runtime, stages=stages)


@pytest.mark.parametrize("stages", PLANS, ids=str)
@pytest.mark.parametrize("host", ["inline", "threads", "schedulers"])
def test_a_plan_with_replicas_trains_to_the_same_bits(stages: str | Plan, host: str) -> None:
    result = learner(stages, host_named(host)).train(TRAINING.dataset, epochs=3, batch_size=5)
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints
    assert tuple(result.history) == undisturbed(TRAINING).history
    assert result.stages == sum(stage.replicas for stage in Plan.parse(str(stages), 4).stages)


@pytest.mark.parametrize("then", [*PLANS, "layer"], ids=str)
def test_a_training_goes_on_with_other_replicas(then: str | Plan) -> None:
    begun = learner("2x3,3").train(TRAINING.dataset, epochs=1, batch_size=5)
    resumed = learner(then).train(TRAINING.dataset, epochs=3, batch_size=5, resume=begun.checkpoint)
    assert fingerprints(resumed.checkpoint) == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("then", ["2x3,1", "1,2x2", "layer"])
def test_a_training_whose_slots_are_divided_goes_on_with_other_replicas(then: str) -> None:
    begun = WIDE.learner(stages="1x3,2x2").train(WIDE.dataset, epochs=1, batch_size=5)
    assert begun.checkpoint.optimizer["0.mean.weight"].shape == (150, 160)
    resumed = WIDE.learner(stages=then).train(WIDE.dataset, epochs=3, batch_size=5, resume=begun.checkpoint)
    assert fingerprints(resumed.checkpoint) == undisturbed(WIDE).fingerprints


def test_the_best_epoch_is_restored_from_the_commits_of_replicas() -> None:
    halt = EarlyStopping(monitor="test_cost", patience=1, restore_best_weights=True)
    for training, plan in ((TRAINING, "2x2,3x3"), (WIDE, "1x3,2x2")):
        expected, found = (
            training.learner(stages=stages).train(training.dataset, epochs=20, batch_size=5, halt=halt)
            for stages in ("layer", plan)
        )
        assert fingerprints(found.checkpoint) == fingerprints(expected.checkpoint)
        assert tuple(found.history) == tuple(expected.history)


@pytest.mark.parametrize("host", ["inline", "schedulers"])
def test_replicas_predict_and_evaluate_with_the_same_bits(host: str) -> None:
    inputs = np.random.default_rng(3).standard_normal((700, 4))
    outputs, costs = [], []
    for stages in ("layer", "2x2,1x3,2x2"):
        trained = learner(stages, host_named(host))
        trained.train(TRAINING.dataset, epochs=1, batch_size=5)
        costs.append(trained.evaluate(TRAINING.dataset))
        outputs.append(trained.predict(inputs))
        with trained.serving() as predict:
            np.testing.assert_array_equal(predict(inputs), outputs[-1])
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert costs[0] == costs[1]


def test_a_saved_learner_has_its_replicas(tmp_path: Path) -> None:
    trained = learner("2x2,3x3")
    trained.train(TRAINING.dataset, epochs=1, batch_size=5)
    trained.save(tmp_path / "model")
    loaded = Learner.load(tmp_path / "model", runtime="inline")
    assert loaded.spec.replicas == (2, 3)
    loaded.train(TRAINING.dataset, epochs=3, batch_size=5)
    assert loaded.checkpoint is not None
    assert fingerprints(loaded.checkpoint) == undisturbed(TRAINING).fingerprints


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER.values(), ids=EVERY_OPTIMIZER)
@pytest.mark.parametrize("stages", ["1,2", "1x2,2", "1x3,2x2"])
def test_a_replica_commits_as_many_slots_as_the_plan_says(stages: str, optimizer: Optimizer) -> None:
    training = replace(WIDE, optimizer=optimizer)
    subject = training.learner(stages=stages)
    prepared = PreparedTraining.of(subject.spec, training.dataset, epochs=1, batch_size=5)
    store = MemoryStore(prepared.saved_stages, depth=2)
    program = prepared.program(store, ())
    finish(InlineRuntime().start(program), program, prepared.initial)
    layers = [
        LayerMemory(each.parameters, each.optimizer, each.saved, each.factors, each.divided_rows, each.divided_slots)
        for each in bytes_of_layers(subject.spec, training.dataset, 5)
    ]
    says = plan_memory(Plan.parse(stages, 3), layers, subject.spec.schedule, 3)
    for spec in program.stages:
        commit = store.latest(spec.address)
        assert isinstance(spec, StageSpec)
        assert commit is not None
        slots = sum(each.nbytes for layer in commit.state.layers for each in layer.optimizer.values())
        last = spec.replica == spec.routing.count(spec.stage) - 1
        assert 2 * slots == says[spec.stage].slots if last else 2 * slots <= says[spec.stage].slots


def test_the_summary_counts_replicas_as_actors() -> None:
    summary = learner("2x2,3x3").summary((4,))
    assert summary.actors == 5
    assert "1 x 3" in repr(summary)
