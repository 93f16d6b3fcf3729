"""Replicas divide a weight gradient by rows, and each row has the bits of the whole product."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.types import Floats
from annex_actors.layers import AnyLayer, DividesRows, Factors, Tuning, activation, dense
from annex_actors.layers.dense import Dense
from annex_actors.peers.norm_mailbox import NormMailbox
from annex_actors.peers.stage_division import BLOCK, LEAST, TRIALS, Division, cuts, division_of
from annex_actors.peers.stage_progress import StageProgress
from annex_actors.peers.stage_state import LayerState
from annex_actors.peers.stage_work import StepWork
from annex_actors.protocol.messages import WHOLE_STEP, Part
from annex_actors.protocol.norms import GlobalNorm, SquaredNorm
from annex_actors.protocol.replicas import GradientRows
from annex_actors.protocol.routing import Routing, stage_address
from annex_actors.runtimes.blas import pinned_blas
from tests.protocol.messages import RUN, forward


def states(*features: tuple[int, int]) -> tuple[LayerState, ...]:
    return tuple(LayerState({"weight": np.zeros(each, np.float32)}, {}) for each in features)


def divided(
    layers: tuple[AnyLayer, ...], of: tuple[LayerState, ...], replica: int = 0, replicas: int = 2, **options: object
) -> Division | None:
    tuning: tuple[Tuning, ...] = options.get("tuning", ())  # type: ignore[assignment]
    return division_of(layers, tuning, of, stage_address(0, replica), Routing(1, replicas=(replicas,)))


def rows(step: int, replica: int, *arrays: Floats) -> GradientRows:
    first, *rest = arrays or (np.zeros((1, 1), np.float32),)
    return GradientRows(RUN, step, WHOLE_STEP, 4, first, replica, tuple(rest))


def exchanged(layer: Dense, factors: Factors, replicas: int, in_features: int) -> list[dict[str, Floats]]:
    """Return the weight gradients that each replica has after all have told their rows."""
    found = []
    for replica in range(replicas):
        division = divided((layer,), states((in_features, layer.out_features)), replica, replicas)
        assert division is not None
        work = StepWork(Part(1, len(factors[0])))
        work.add_gradients(0, division.gradients(0, layer, factors))
        found.append((division, work, division.rows(work)))
    for replica, (division, work, _) in enumerate(found):
        work.told += [rows(0, other, *told) for other, (_, _, told) in enumerate(found) if other != replica]
        division.complete(work)
    return [work.gradients[0] for _, work, _ in found]


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


def test_rows_are_taken_in_the_order_of_the_replicas_once_the_own_gradients_are_complete_and_before_the_norm() -> None:
    progress = StageProgress(stage_address(0, 1), Routing(1, replicas=(3,)), 0)
    progress.add_step(forward(0, 1, of=3))
    box = NormMailbox(False, 0, rows_from=(0, 2))
    norm = GlobalNorm(RUN, 0, WHOLE_STEP, 4, 1.0)
    for message in (norm, rows(0, 2), rows(0, 0), rows(1, 0)):
        box.put(message, 0)
    assert box.find(progress) is None
    progress.count_weight_gradient(0, WHOLE_STEP)
    taken: list[GradientRows | SquaredNorm | GlobalNorm] = []
    while (found := box.find(progress)) is not None:
        box.count(found)
        taken.append(found)
    assert [getattr(each, "replica", None) for each in taken] == [0, 2, None]
    box.put(rows(0, 0), 0)
    assert box.waiting == 1, "what a replica that was restarted tells again is dropped"
    box.commit(1)
    assert box.waits_for(1) == "the gradient rows of step 1 from replica 0"
    assert box.waiting == 1
