"""The learner: what it returns, when it halts, and what it keeps."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from annex_actors.base.errors import DivergedError, LayerError
from annex_actors.costs import MeanSquaredError, cost
from annex_actors.data import Dataset, Samples, load
from annex_actors.layers import activation, dense, sequence
from annex_actors.optimizers import Adam, Sgd
from annex_actors.protocol.events import EpochFinished, StepFinished
from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import Crash, InlineRuntime, ProcessesRuntime, RunFailedError, Supervision, ThreadsRuntime
from annex_actors.schedules.discipline import B, Discipline, F, W
from annex_actors.training.halting import Halt, loss_less_than
from annex_actors.training.history import History
from annex_actors.training.learner import Learner
from annex_actors.training.result import Result
from supervisors import Strategy
from tests.trainings import (
    CLASSIFIER,
    REGRESSOR,
    TEST_SAMPLES,
    Seen,
    Training,
    at_every_step,
    fingerprints,
    outputs_of,
    undisturbed,
)

TRAINING = Training(microbatches=3)
RUNTIMES = ["inline", "threads", "schedulers", "processes"]
pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def trained(training: Training = TRAINING, runtime: str = "inline", **settings: object) -> Result:
    learner = training.learner(runtime)
    return learner.train(
        training.dataset,
        epochs=training.epochs,
        batch_size=training.batch_size,
        **settings,  # type: ignore[arg-type]
    )


# The result


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_learner_trains_as_the_oracle_does(runtime: str) -> None:
    result = trained(runtime=runtime)
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints
    assert result.history == undisturbed(TRAINING).history


def test_a_result_has_the_outcome_of_the_run() -> None:
    result = trained()
    assert result.checkpoint.step == TRAINING.steps
    assert result.samples == TRAINING.epochs * TRAINING.size
    assert result.stages == 5
    assert result.restarts == 0
    assert not result.interrupted
    assert result.seconds > 0
    assert result.samples_per_second == result.samples / result.seconds


def test_the_numbers_of_a_result_are_those_of_the_last_epoch() -> None:
    result = trained()
    last = result.history[-1]
    assert (result.train_cost, result.test_cost) == (last.train_cost, last.test_cost)
    assert result.test_accuracy == last.metrics["accuracy"]


def test_regression_has_no_accuracy() -> None:
    result = trained(Training(network=REGRESSOR, cost="mean_squared_error"))
    assert result.test_accuracy is None
    assert set(result.history[-1].metrics) == {"r2"}


def test_before_the_first_epoch_the_numbers_are_none() -> None:
    result = Result(TRAINING.initial, History(), restarts=0, seconds=0.0, samples=0, stages=5, microbatches=2)
    assert (result.train_cost, result.test_cost, result.test_accuracy, result.samples_per_second) == (
        None,
        None,
        None,
        0,
    )


def test_an_epochs_cost_is_the_mean_over_its_samples() -> None:
    result = trained()
    costs, sizes = result.checkpoint.costs[:3], (5, 5, 3)
    expected = sum(cost * size for cost, size in zip(costs, sizes, strict=True)) / 13
    assert result.history[0].train_cost == pytest.approx(expected)


def test_evaluation_uses_the_weights_after_the_epoch() -> None:
    judged = TRAINING.dataset.test
    for epoch in trained().history:
        states = at_every_step(TRAINING)[epoch.steps].layers
        outputs = outputs_of(CLASSIFIER, [state.weights for state in states], judged.inputs)
        expected, _ = cost(TRAINING.cost).evaluate(outputs, judged.targets, TEST_SAMPLES)
        assert epoch.test_cost == expected


def test_the_learner_keeps_weights_and_result() -> None:
    learner = TRAINING.learner()
    assert (learner.checkpoint, learner.result) == (None, None)
    result = learner.train(TRAINING.dataset, epochs=1, batch_size=5)
    assert learner.checkpoint is result.checkpoint
    assert learner.result is result


def test_two_learners_in_two_threads_do_not_disturb_each_other() -> None:
    results = list[Result]()
    threads = [threading.Thread(target=lambda: results.append(trained(runtime="threads"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {fingerprints(result.checkpoint) for result in results} == {undisturbed(TRAINING).fingerprints}


def test_learners_can_be_given_objects_instead_of_names() -> None:
    own = Discipline("own", "B before W before F", (B, W, F), credit=lambda s, S, m: 2)
    learner = Learner(
        REGRESSOR,
        cost=MeanSquaredError(),
        optimizer=Adam(learning_rate=0.02),
        schedule=own,
        runtime=ThreadsRuntime(),
        seed=3,
        microbatches=3,
    )
    training = replace(TRAINING, network=REGRESSOR, cost="mean_squared_error")
    result = learner.train(training.dataset, epochs=2, batch_size=5)
    assert fingerprints(result.checkpoint) == undisturbed(training).fingerprints


def test_a_single_layer_is_a_network() -> None:
    result = Learner(dense(3), runtime="inline").train(TRAINING.dataset, epochs=1, batch_size=5)
    assert result.stages == 2


# The order of samples


def fed(seed: int, epochs: int) -> list[list[float]]:
    """Return the first feature of the samples in the order in which they reach the first layer, by epoch."""
    rows: dict[tuple[int, int], list[float]] = {}

    class Look(InlineRuntime):
        def start(self, program):  # type: ignore[no-untyped-def]
            batches, inputs = program.driver.batches, program.driver.inputs
            for step in range(program.driver.steps):
                rows[divmod(step, batches.steps_per_epoch)] = inputs[batches.indices(step)][:, 0].tolist()
            return super().start(program)

    learner = Learner(CLASSIFIER, runtime=Look(), seed=seed)
    learner.train(TRAINING.dataset, epochs=epochs, batch_size=5)
    return [[row for (at, _), batch in rows.items() if at == epoch for row in batch] for epoch in range(epochs)]


def test_every_epoch_has_every_sample_once_in_an_order_of_its_own() -> None:
    first, second = fed(seed=1, epochs=2)
    everything = sorted(TRAINING.dataset.train.inputs[:, 0].tolist())
    assert sorted(first) == sorted(second) == everything
    assert first != second


def test_the_order_of_samples_depends_on_the_seed() -> None:
    assert fed(seed=1, epochs=1) == fed(seed=1, epochs=1) != fed(seed=2, epochs=1)


# Halting


def test_training_ends_with_the_epoch_whose_cost_is_low_enough() -> None:
    costs = [epoch.train_cost for epoch in trained(replace(TRAINING, epochs=6)).history]
    limit = sorted(costs)[2]
    expected = next(at for at, cost in enumerate(costs) if cost < limit) + 1
    result = trained(replace(TRAINING, epochs=6), halt=loss_less_than(limit))
    assert len(result.history) == expected < 6
    assert result.checkpoint.step == expected * 3


def test_a_limit_that_is_reached_exactly_is_not_met() -> None:
    condition = loss_less_than(0.5)
    assert condition((EpochFinished(0, 1, train_cost=np.nextafter(0.5, 0)),))
    assert not condition((EpochFinished(0, 1, train_cost=0.5),))


def test_a_limit_that_is_never_reached_lets_all_epochs_run() -> None:
    assert len(trained(halt=loss_less_than(0.0)).history) == TRAINING.epochs


def no_better_for(epochs: int) -> Halt:
    """Return the condition that the last ``epochs`` epochs brought no improvement: a pure function of the history."""
    return lambda history: min(history, key=lambda epoch: epoch.train_cost).epoch < len(history) - epochs


def test_patience_gives_the_same_after_a_restart_of_the_trainer_and_after_a_resume() -> None:
    training = replace(TRAINING, epochs=50, optimizer=Sgd(learning_rate=3.0))
    whole = trained(training, halt=no_better_for(3))
    assert 3 < len(whole.history) < 50
    crash = Crash(layer=0, step=whole.checkpoint.step - 1, at=Point.FORWARD)
    assert trained(training, "threads", halt=no_better_for(3), crashes=[crash]).history == whole.history
    for epochs in (len(whole.history) - 1, len(whole.history)):
        cut = trained(replace(training, epochs=epochs)).checkpoint
        assert cut.history == whole.history[:epochs]
        resumed = trained(training, halt=no_better_for(3), resume=cut)
        assert resumed.history == whole.history
        assert resumed.checkpoint.hashes == whole.checkpoint.hashes


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_any_function_of_the_epochs_can_end_the_run(runtime: str) -> None:
    training = replace(TRAINING, epochs=5)
    result = trained(training, runtime, halt=lambda history: history[-1].epoch == 2)
    assert [epoch.epoch for epoch in result.history] == [0, 1, 2]
    assert fingerprints(result.checkpoint) == fingerprints(at_every_step(training)[9])


# Failures


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_injected_crashes_change_only_the_number_of_restarts(runtime: str) -> None:
    result = trained(runtime=runtime, crashes=[Crash(layer=1, step=2), Crash(layer=2, step=2, at=Point.UPDATE)])
    assert fingerprints(result.checkpoint) == undisturbed(TRAINING).fingerprints
    assert result.restarts == 2


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_run_that_fails_leaves_its_last_committed_step_with_the_learner(runtime: str) -> None:
    learner = TRAINING.learner(runtime)
    poison = Crash(layer=1, step=4, times=99)
    with pytest.raises(RunFailedError, match=r"layer 1 \(relu\) failed in forward at step 4 microbatch 0") as caught:
        learner.train(TRAINING.dataset, epochs=2, batch_size=5, crashes=[poison])
    assert isinstance(caught.value.__cause__, LayerError)
    assert learner.checkpoint is not None
    assert learner.result is not None
    assert fingerprints(learner.checkpoint) == fingerprints(at_every_step(TRAINING)[4])
    assert len(learner.result.history) == 1
    assert learner.predict(np.ones((2, 4))).shape == (2, 3)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_learning_rate_that_is_far_too_high_is_an_error_of_one_line(runtime: str) -> None:
    every_step = ProcessesRuntime(spares=0, commit_every=1)  # by default the first commit comes after the fourth
    learner = Learner(
        sequence(dense(8), dense(8), dense(2)),
        cost="mean_squared_error",
        optimizer=Sgd(learning_rate=1e12),
        runtime=every_step if runtime == "processes" else runtime,
    )
    data = Training(network=REGRESSOR, cost="mean_squared_error").dataset
    with pytest.raises(DivergedError, match=r"^expected a finite cost, got (nan|inf) at step \d+ microbatch \d; lower"):
        learner.train(data, epochs=20, batch_size=5)
    assert learner.checkpoint is not None
    assert np.isfinite(learner.checkpoint.costs).all()
    assert learner.checkpoint.step == len(learner.checkpoint.costs) > 0


@pytest.mark.parametrize("strategy", Strategy)
def test_supervision_reaches_the_run(strategy: Strategy) -> None:
    learner = TRAINING.learner("threads", Supervision(strategy))
    result = learner.train(TRAINING.dataset, epochs=2, batch_size=5, crashes=[Crash(layer=1, step=2)])
    restarts = {Strategy.ONE_FOR_ONE: 1, Strategy.ONE_FOR_ALL: 5, Strategy.REST_FOR_ONE: 4}
    assert result.restarts == restarts[strategy]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_observers_see_the_run(runtime: str) -> None:
    seen = Seen()
    result = trained(runtime=runtime, observers=[seen])
    assert tuple(event.cost for event in seen.of(StepFinished)) == result.checkpoint.costs
    assert tuple(seen.of(EpochFinished)) == result.history


IMPORTS_WHILE_IT_RUNS = """
import sys
from annex_actors import Learner, activation, dense, load, sequence

class Modules:
    def __init__(self):
        self.seen = []
    def on_event(self, event):
        self.seen.append(set(sys.modules))

modules = Modules()
load("digits")
learner = Learner(sequence(dense(4), activation("tanh"), dense(2)), runtime="inline", microbatches=1)
metrics = sys.argv[1:] or None
learner.train(load("xor"), epochs=2, batch_size=4, metrics=metrics, observers=[modules])
late = sorted(name for name in modules.seen[-1] - modules.seen[0] if name.split(".")[0] in ("sklearn", "scipy"))
assert ("sklearn" in modules.seen[-1]) == (metrics is not None)
assert not late, late[:5]
"""


@pytest.mark.parametrize("metrics", [(), ("f1",)], ids=["the default", "f1"])
def test_slow_imports_happen_before_the_run_starts_and_only_for_metrics_that_need_them(metrics: tuple[str]) -> None:
    subprocess.run([sys.executable, "-c", IMPORTS_WHILE_IT_RUNS, *metrics], check=True)


# Own data


def test_targets_may_be_one_column() -> None:
    inputs = np.linspace(-1, 1, 20).reshape(-1, 1)
    line = Samples(inputs, 3 * inputs[:, 0] + 1)
    learner = Learner(dense(1), cost="mean_squared_error", optimizer=Adam(learning_rate=0.2), runtime="inline")
    learner.train(Dataset("line", line, line, None, None, "made"), epochs=60, batch_size=10)
    np.testing.assert_allclose(learner.predict([[0.5], [-0.5]]), [[2.5], [-0.5]], atol=0.05)


def test_two_classes_may_have_one_output() -> None:
    inputs = np.linspace(-1, 1, 40).reshape(-1, 1)
    sides = Samples(inputs, (inputs[:, 0] > 0).astype(int))
    learner = Learner(
        sequence(dense(4), activation("tanh"), dense(1)),
        cost="sigmoid_cross_entropy",
        optimizer=Adam(learning_rate=0.1),
    )
    result = learner.train(Dataset("sides", sides, sides, ("no", "yes"), None, "made"), epochs=40, batch_size=10)
    assert result.test_accuracy is not None
    assert result.test_accuracy > 0.9


@pytest.mark.parametrize(("schedule", "microbatches"), [("1f1b", 2), ("zb-h1", 2), ("pipedream", 1), ("2bw", 1)])
def test_the_schedule_decides_the_default_number_of_microbatches(schedule: str, microbatches: int) -> None:
    network = sequence(dense(2))
    assert Learner(network, schedule=schedule).spec.parts(32) == microbatches
    assert Learner(network, schedule=schedule, microbatches=3).spec.parts(32) == 3


def test_a_default_number_of_microbatches_follows_the_batch_size_that_was_given() -> None:
    for batch_size, parts in ((1, 1), (2, 2), (4, 2)):
        result = Learner(sequence(dense(2)), runtime="inline").train(load("xor"), epochs=1, batch_size=batch_size)
        assert result.microbatches == parts
