"""Replicas divide weight gradients and updates by rows, and each row has the bits of the whole."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.types import Floats, Parameters, frozen
from annex_actors.layers import AnyLayer, DividesRows, Factors, Tuning, activation, dense
from annex_actors.layers.dense import Dense
from annex_actors.optimizers import Averaged, ClipBy, Clipping, Optimizer, Sgd
from annex_actors.peers.norm_mailbox import NormMailbox
from annex_actors.peers.stage_division import LEAST, TRIALS, Division, division_of
from annex_actors.peers.stage_progress import StageProgress
from annex_actors.peers.stage_state import LayerState, StageState
from annex_actors.peers.stage_update import Update
from annex_actors.protocol.messages import WHOLE_STEP, freeze
from annex_actors.protocol.norms import GlobalNorm
from annex_actors.protocol.replicas import BLOCK, GradientRows, Rows, WeightRows, cuts
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.runtimes.blas import pinned_blas
from tests.protocol.messages import RUN, forward
from tests.trainings import EVERY_OPTIMIZER

SGD = Sgd()


def states(*features: tuple[int, int]) -> tuple[LayerState, ...]:
    return tuple(LayerState({"weight": np.zeros(each, np.float32)}, {}) for each in features)


def divided(
    layers: tuple[AnyLayer, ...], of: tuple[LayerState, ...], replica: int = 0, replicas: int = 2, **options: object
) -> Division | None:
    tuning: tuple[Tuning, ...] = options.get("tuning", ())  # type: ignore[assignment]
    optimizer: Optimizer = options.get("optimizer", SGD)  # type: ignore[assignment]
    clips: Clipping | None = options.get("clipping")  # type: ignore[assignment]
    at = stage_address(0, replica), Routing(1, replicas=(replicas,))
    return division_of(layers, tuning, of, *at, optimizer, clips)


def rows(step: int, replica: int, *arrays: Floats) -> GradientRows:
    first, *rest = arrays or (np.zeros((1, 1), np.float32),)
    return GradientRows(RUN, step, WHOLE_STEP, 4, first, replica, tuple(rest))


def weights(step: int, replica: int, *arrays: Floats) -> WeightRows:
    first, *rest = arrays or (np.zeros((1, 1), np.float32),)
    return WeightRows(RUN, step, WHOLE_STEP, 4, first, replica, tuple(rest))


@dataclass(frozen=True)
class Unlike:
    """An optimizer that does not say that it updates each number by itself: it divides by the largest."""

    name = "unlike"

    def initial_state(self, parameters: Parameters) -> Parameters:
        return {}

    def update(
        self, step: int, parameters: Parameters, gradients: dict[str, Floats], state: Parameters
    ) -> tuple[Parameters, Parameters]:
        changed = {
            name: weight - gradients[name] / (1 + np.abs(gradients[name]).max()) for name, weight in parameters.items()
        }
        return frozen(changed), {}


def exchanged(layer: Dense, factors: Factors, replicas: int, in_features: int) -> list[dict[str, Floats]]:
    """Return the weight gradients that each replica has after all have told their rows."""
    found = []
    for replica in range(replicas):
        division = divided((layer,), states((in_features, layer.out_features)), replica, replicas)
        assert division is not None
        gradients = division.gradients(0, layer, factors)
        found.append((division, gradients, rows(0, replica, *division.rows({0: gradients}))))
    told = [each for _, _, each in found]
    return [{**gradients, "weight": division.whole(told)[0]} for division, gradients, _ in found]


@settings(deadline=None, print_blob=True, max_examples=40)
@given(
    in_features=st.integers(BLOCK * 4, 500),
    out_features=st.integers(LEAST, 200),
    samples=st.integers(1, 140),
    replicas=st.integers(2, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**32),
)
def test_every_replica_has_the_bits_of_the_whole_product(
    in_features: int, out_features: int, samples: int, replicas: int, dtype: type, seed: int
) -> None:
    numbers, layer = np.random.default_rng(seed), dense(out_features)
    factors: Factors = tuple(
        numbers.standard_normal((samples, each)).astype(dtype) for each in (in_features, out_features)
    )
    with pinned_blas():
        expected = layer.weight_gradient(factors)
        for gradients in exchanged(layer, factors, replicas, in_features):
            assert list(gradients) == list(expected)
            for name, gradient in gradients.items():
                assert gradient.tobytes() == expected[name].tobytes()


@dataclass(frozen=True)
class Rounding(Dense):
    """A dense layer whose rows come out otherwise when they are computed alone."""

    def weight_gradient(self, factors: Factors, rows: slice | None = None) -> dict[str, Floats]:
        gradients = super().weight_gradient(factors, rows)
        return gradients if rows is None else {**gradients, "weight": np.nextafter(gradients["weight"], np.float32(9))}


def test_rows_that_come_out_otherwise_alone_are_taken_from_the_whole_product() -> None:
    layer, numbers = Rounding(50), np.random.default_rng(3)
    factors: Factors = tuple(numbers.standard_normal((7, each)).astype(np.float32) for each in (200, 50))
    assert isinstance(layer, DividesRows)
    expected = layer.weight_gradient(factors)["weight"]
    assert layer.weight_gradient(factors, slice(0, 96))["weight"].tobytes() != expected[:96].tobytes()
    for gradients in exchanged(layer, factors, 3, 200):
        assert gradients["weight"].tobytes() == expected.tobytes()


def test_a_shape_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, calls = dense(50), []
    division = divided((layer,), states((200, 50)))
    assert division is not None
    compute = Dense.weight_gradient

    def counting(*given: object) -> dict[str, Floats]:
        calls.append(given)
        return compute(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Dense, "weight_gradient", counting)
    factors = np.ones((4, 200), np.float32), np.ones((4, 50), np.float32)
    for times in (1 + 2 * TRIALS, 1, 1):
        calls.clear()
        division.gradients(0, layer, factors)
        assert len(calls) == times


@settings(deadline=None, print_blob=True)
@given(st.integers(0, 3000), st.integers(2, 9))
def test_each_row_belongs_to_one_replica_and_each_replica_has_whole_blocks(count: int, replicas: int) -> None:
    found = cuts(count, replicas)
    if count < BLOCK * replicas:
        assert found == ()
        return
    assert [row for each in found for row in range(each.start, each.stop)] == list(range(count))
    assert len(found) == replicas
    assert all(each.stop - each.start >= BLOCK and each.start % BLOCK == 0 for each in found)


def test_only_what_learns_and_has_a_block_for_each_replica_is_divided() -> None:
    layers = dense(50), activation("relu"), dense(50), dense(50), dense(47)
    found = divided(layers, states((200, 50), (1, 1), (95, 50), (96, 50), (200, 47)))
    assert found is not None
    assert found.names == {0: "weight", 3: "weight"}
    assert divided(layers[:1], states((200, 50)), tuning=(Tuning(frozen=True),)) is None
    assert divided(layers[:1], states((200, 50)), replicas=1) is None
    assert divided(layers[:1], states((200, 50)), replicas=5) is None


def test_rows_can_be_sent() -> None:
    sent = rows(3, 1, np.ones((2, 3), np.float32), np.zeros((4, 1), np.float32))
    read = pickle.loads(pickle.dumps(sent, protocol=5))
    assert (read.step, read.replica, read.nbytes) == (3, 1, 40)
    assert [array.shape for array in read.stack] == [(2, 3), (4, 1)]


ORDER = [(kind, each) for kind in (GradientRows, WeightRows) for each in (1, 0, 2)]


def taken(box: NormMailbox, progress: StageProgress) -> list[tuple[str, int | None]]:
    """Take all that is allowed: its kind, and the replica that told it."""
    found: list[tuple[str, int | None]] = []
    while (message := box.find(progress)) is not None:
        box.count(message)
        found.append((message.kind, getattr(message, "replica", None)))
    return found


def test_rows_are_taken_in_the_order_of_the_replicas_the_own_first_and_the_norm_between_gradients_and_weights() -> None:
    progress = StageProgress(stage_address(0, 1), Routing(1, replicas=(3,)), 0)
    progress.add_step(forward(0, 1, of=3))
    box = NormMailbox(False, 0, ORDER)
    norm = GlobalNorm(RUN, 0, WHOLE_STEP, 4, 1.0)
    for message in (norm, rows(0, 2), rows(0, 0), rows(1, 0), weights(0, 0), weights(0, 2)):
        box.put(message, 0)
    assert taken(box, progress) == [], "what others tell waits until the own rows are here"
    progress.count_weight_gradient(0, WHOLE_STEP)
    box.put(rows(0, 1), 0)
    assert taken(box, progress) == [("gradient rows", each) for each in (1, 0, 2)] + [("global norm", None)]
    box.put(rows(0, 0), 0)
    assert box.waiting == 3, "what a replica that was restarted tells again is dropped"
    box.put(weights(0, 1), 0)
    assert taken(box, progress) == [("weight rows", each) for each in (1, 0, 2)]
    box.commit(1)
    assert box.waits_for(1) == "the gradient rows of step 1 from replica 1"
    assert box.waiting == 1


def test_a_replica_says_whose_rows_or_what_else_it_waits_for() -> None:
    progress = StageProgress(stage_address(0, 1), Routing(1, replicas=(3,)), 0)
    progress.add_step(forward(0, 1, of=3))
    progress.count_weight_gradient(0, WHOLE_STEP)
    box = NormMailbox(False, 0, ORDER)
    for put, then in (
        ((rows(0, 1),), "the gradient rows of step 0 from replica 0"),
        ((rows(0, 0), rows(0, 2)), "the global norm of step 0"),
        (
            (GlobalNorm(RUN, 0, WHOLE_STEP, 4, 1.0), weights(0, 1), weights(0, 0)),
            "the weight rows of step 0 from replica 2",
        ),
    ):
        for message in put:
            box.put(message, 0)
        taken(box, progress)
        assert box.waits_for(0) == then


@pytest.mark.parametrize(
    ("optimizer", "clipping", "kinds"),
    [
        (SGD, None, (WeightRows,)),
        (SGD, Clipping("value", 1.0), (WeightRows,)),
        (SGD, Clipping("global_norm", 1.0), (GradientRows, WeightRows)),
        (SGD, Clipping("layer_norm", 1.0), (GradientRows, WeightRows)),
        (Averaged(SGD, 0.9), None, (GradientRows,)),
        (Unlike(), None, (GradientRows,)),
    ],
    ids=repr,
)
def test_whole_gradients_are_told_only_where_they_are_needed(
    optimizer: Optimizer, clipping: Clipping | None, kinds: tuple[type[Rows], ...]
) -> None:
    division = divided((dense(50),), states((200, 50)), 1, 3, optimizer=optimizer, clipping=clipping)
    assert division is not None
    assert division.kinds == kinds
    assert division.order == tuple((kind, each) for kind in kinds for each in (1, 0, 2))


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER.values(), ids=EVERY_OPTIMIZER)
@pytest.mark.parametrize("by", [None, *ClipBy])
@pytest.mark.parametrize("replicas", [2, 3])
def test_every_optimizer_updates_rows_to_the_bits_of_the_whole(
    optimizer: Optimizer, by: ClipBy | None, replicas: int
) -> None:
    numbers = np.random.default_rng(5)
    clips = None if by is None else Clipping(by, 0.02)
    parameters = {"weight": numbers.standard_normal((200, 50)).astype(np.float32), "bias": np.zeros(50, np.float32)}
    whole = LayerState(parameters, optimizer.initial_state(parameters))
    divisions = [
        divided((dense(50),), (whole,), each, replicas, optimizer=optimizer, clipping=clips) for each in range(replicas)
    ]
    assert all(each is not None and each.updates for each in divisions)
    kept = [each.of(StageState((whole,))).layers[0] for each in divisions if each is not None]
    for step in range(3):
        gradients = {
            name: numbers.standard_normal(each.shape).astype(np.float32) for name, each in whole.parameters.items()
        }
        told, after = [], []
        for division, before in zip(divisions, kept, strict=True):
            assert division is not None
            given = gradients if division.needs_whole else division.own(0, gradients)
            own = {name: each.copy() for name, each in given.items()}
            after.append(updated(Update(optimizer, (), clips, division), before, own, step))
            told.append(weights(step, division.replica, *division.rows({0: after[-1].parameters})))
        whole = updated(Update(optimizer, (), clips), whole, gradients, step)
        assert divisions[0] is not None
        weight = freeze(divisions[0].whole(told)[0])
        kept = [replace(each, parameters={**each.parameters, "weight": weight}) for each in after]
        for each in kept:
            assert_equal(each.parameters, whole.parameters)
        for name, slot in whole.optimizer.items():
            if name.endswith(".weight"):
                parts = [each.optimizer[name] for each in kept]
                assert [len(each) for each in parts] == [each.stop - each.start for each in cuts(200, replicas)]
                assert np.concatenate(parts).tobytes() == slot.tobytes()


def updated(update: Update, before: LayerState, gradients: dict[str, Floats], step: int) -> LayerState:
    norm = 3.0  # of all layers
    return update.of(0, before, gradients, step, rate_factor=0.5, global_norm=norm)


def assert_equal(found: Parameters, expected: Parameters) -> None:
    assert list(found) == list(expected)
    for name, each in found.items():
        assert each.tobytes() == expected[name].tobytes()
