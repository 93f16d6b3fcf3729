"""A training with faults of every kind gives the same bits, and chaos would notice if it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters
from annex_actors.experiments.chaos import Recovery, Verdict, chaos
from annex_actors.experiments.fault_log import NOT_FATAL, ON_ONE_MACHINE, FaultKind
from annex_actors.layers import Activation, Saved, dense, sequence
from annex_actors.layers.activations import Relu
from annex_actors.runtimes import RayRuntime, Supervision
from annex_actors.training.learner import Learner
from tests.trainings import CLASSES, Training, host_named

# An exception raised in a destructor is reported by Python and not propagated: the actor ends before its next message.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

EPOCHS = {"threads": 100, "schedulers": 100, "processes": 50}
PAUSE_S = {"threads": 0.02, "schedulers": 0.02, "processes": 0.05}


def with_faults(
    runtime: str, schedule: str, faults: int, seed: int, kinds: tuple[FaultKind, ...] = ON_ONE_MACHINE
) -> Verdict:
    training = Training(schedule=schedule, microbatches=2)
    learner = training.learner(host_named(runtime), Supervision(hang_seconds=0.3))
    return chaos(
        learner,
        training.dataset,
        epochs=EPOCHS[runtime],
        batch_size=training.batch_size,
        faults=faults,
        pause_s=PAUSE_S[runtime],
        seed=seed,
        kinds=kinds,
    )


@pytest.mark.parametrize("schedule", ["1f1b", "pipedream"])
@pytest.mark.parametrize("runtime", EPOCHS)
def test_no_fault_changes_a_bit_and_survivors_repeat_nothing(runtime: str, schedule: str, whole: bool) -> None:
    verdict = with_faults(runtime, schedule, faults=200 if whole else 8, seed=len(runtime + schedule))
    assert [each.error for each in verdict.rounds if each.error] == []
    assert all(each.identical for each in verdict.rounds)
    assert [each.redone_by_survivors for each in verdict.rounds] == [0] * len(verdict.rounds)
    assert verdict.identical


CASES = [
    pytest.param(runtime, kind, id=f"{runtime}, {kind.value}", marks=[pytest.mark.whole] if waits else [])
    for runtime in ("threads", "processes")
    for kind in ON_ONE_MACHINE
    for waits in [runtime == "processes" and kind not in (FaultKind.KILL, FaultKind.STOP)]
]


@pytest.mark.parametrize(("runtime", "kind"), CASES)
def test_faults_of_every_kind_happen_and_change_nothing(runtime: str, kind: FaultKind) -> None:
    verdict = with_faults(runtime, "1f1b", faults=2, seed=1, kinds=(kind,))
    assert verdict.identical
    assert set(verdict.faults) == {kind}
    recovery = verdict.recovery(kind)
    if kind in NOT_FATAL:
        assert recovery is None
    else:
        assert recovery is not None
        assert 0 < recovery.p50 <= recovery.p99 <= recovery.longest


@dataclass(frozen=True)
class CountsCalls(Activation):
    """A layer that breaks a promise: its outputs depend on how often it was called, and so on crashes."""

    calls: list[int] = field(default_factory=list, kw_only=True)

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        self.calls.append(1)
        outputs, saved = super().forward(parameters, inputs, key)
        return outputs * inputs.dtype.type(1 + len(self.calls) % 7), saved


def test_a_layer_that_does_not_survive_is_detected() -> None:
    training = Training(microbatches=1)
    network = sequence(dense(6), CountsCalls(Relu()), dense(CLASSES))
    learner = Learner(network, runtime="threads", microbatches=1, optimizer=training.optimizer)
    kinds = (FaultKind.EXCEPTION,)
    verdict = chaos(learner, training.dataset, epochs=300, batch_size=5, faults=3, pause_s=0.01, kinds=kinds)
    assert not verdict.identical


def test_the_learner_is_left_as_it_was() -> None:
    training = Training()
    learner = training.learner("threads")
    before = learner.spec
    chaos(learner, training.dataset, epochs=300, batch_size=5, faults=1, pause_s=0.01)
    assert learner.spec is before


def test_a_runtime_into_which_no_faults_can_be_injected_is_refused() -> None:
    training = Training()
    with pytest.raises(ConfigError, match="expected a runtime into which faults can be injected, got inline"):
        chaos(training.learner("inline"), training.dataset, epochs=1, batch_size=5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"faults": 0}, "`faults`"),
        ({"pause_s": 0}, "`pause_s`"),
        ({"seed": -1}, "`seed`"),
        ({"kinds": ["kil"]}, "expected `kinds` to be one of exception, kill, stop, .*; did you mean 'kill'"),
        ({"kinds": "kill"}, r"expected `kinds` to be a list of kinds, got 'kill'; write \['kill'\]"),
        ({"kinds": []}, "at least one kind"),
        ({"note": None}, "`note`"),
        ({"nodes": -1}, "`nodes`"),
        ({"nodes": 3}, "expected runtime ray, which has nodes, got threads; leave out `nodes`"),
        ({"kinds": ["node"]}, "expected `nodes` beside the kind node, got none; give as many"),
        ({"learner": None}, "`learner`"),
        ({"dataset": None}, "`dataset`"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    training = Training()
    right = {"learner": training.learner("threads"), "dataset": training.dataset, "epochs": 1, "batch_size": 5}
    with pytest.raises(ConfigError, match=message):
        chaos(**{**right, **settings})


@pytest.mark.parametrize(
    ("runtime", "nodes", "message"),
    [(RayRuntime(), 1, "at least 2, since one"), (RayRuntime(ray_address="a:1"), 3, "without a cluster of yours, got")],
    ids=["one", "own cluster"],
)
def test_nodes_that_cannot_be_killed_are_refused(runtime: RayRuntime, nodes: int, message: str) -> None:
    training = Training()
    with pytest.raises(ConfigError, match=message):
        chaos(training.learner(runtime), training.dataset, epochs=1, batch_size=5, nodes=nodes)


def test_a_kind_of_fault_is_given_by_its_name_too() -> None:
    training = Training()
    verdict = chaos(
        training.learner("threads"), training.dataset, epochs=300, batch_size=5, faults=1, pause_s=0.01, kinds=["kill"]
    )
    assert verdict.identical
    assert set(verdict.faults) == {FaultKind.KILL}


def test_percentiles_are_by_nearest_rank() -> None:
    assert Recovery.of([]) is None
    assert Recovery.of([3.0]) == Recovery(1, 3.0, 3.0, 3.0)
    assert Recovery.of([float(each) for each in range(1, 201)]) == Recovery(200, 100.0, 198.0, 200.0)


def test_a_short_training_is_struck_with_the_pause_that_follows_from_its_length() -> None:
    training = Training()
    noted: list[tuple[str, str]] = []
    verdict = chaos(
        training.learner("threads"),
        training.dataset,
        epochs=20,
        batch_size=5,
        faults=3,
        kinds=(FaultKind.KILL,),
        note=lambda what, so_far: noted.append((what, so_far)),
    )
    assert verdict.identical
    assert verdict.faults.total() >= 3
    assert all(each.log.faults for each in verdict.rounds), "a training that was not struck does not count"
    assert noted[0] == ("training undisturbed", "")
    assert noted[1] == ("training with faults", "0 of 3 faults")


def test_trainings_that_end_before_a_fault_strikes_claim_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annex_actors.experiments.chaos.MAX_IN_VAIN", 2)
    training = Training()
    with pytest.raises(ConfigError, match=r"expected 1 fault to strike, got 0 in 2 trainings of .* s; train longer"):
        chaos(training.learner("threads"), training.dataset, epochs=2, batch_size=5, faults=1, pause_s=1e6)


def test_faults_that_cannot_be_injected_are_no_survival(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise KeyError("a fault of ours")

    monkeypatch.setattr("annex_actors.experiments.chaos_runtime.ChaosJob._inject", fail)
    monkeypatch.setattr("annex_actors.experiments.chaos.MAX_IN_VAIN", 1)
    training = Training()
    verdict = chaos(training.learner("threads"), training.dataset, epochs=300, batch_size=5, faults=1, pause_s=0.01)
    assert not verdict.identical
    error = "RunFailedError: the faults could not be injected: KeyError: 'a fault of ours'"
    assert [each.error for each in verdict.rounds] == [error]
