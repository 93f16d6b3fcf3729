from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from annex_actors import Dataset, Learner, Samples
from annex_actors.base.errors import ConfigError, DataError
from annex_actors.base.random_keys import RandomKey
from annex_actors.layers import embedding, parse_layers
from annex_actors.layers.indices import MOST_INDICES, as_indices

FLOAT32 = np.dtype(np.float32)
TEXT = "mask embedding:5:3 masked_avg_pool dense:2"


def data(train: ArrayLike, test: ArrayLike) -> Dataset:
    learned, judged = (Samples(np.array(rows), np.array([0, 1])) for rows in (train, test))
    return Dataset("words", learned, judged, ("a", "b"), None, "made")


def test_a_row_for_each_index() -> None:
    layer = embedding(3, 2)
    weight = np.arange(6, dtype=FLOAT32).reshape(3, 2)
    outputs, _ = layer.forward({"weight": weight}, np.array([[2, 0], [1, 1]], FLOAT32), None)
    assert outputs.tolist() == [[[4, 5], [0, 1]], [[2, 3], [2, 3]]]


def test_gradients_of_an_index_are_added_in_the_order_of_the_rows() -> None:
    rows = np.array([[2**24], [1], [1], [-(2**24)]], FLOAT32)
    gradient = embedding(2, 1).weight_gradient((np.zeros(4, FLOAT32), rows))["weight"]
    assert gradient.tolist() == [[0], [0]]  # 2**24 + 1 is 2**24 in float32: in another order it would be 1 or 2
    gradient = embedding(2, 1).weight_gradient((np.zeros(4, FLOAT32), rows[[1, 2, 0, 3]]))["weight"]
    assert gradient.tolist() == [[2], [0]]


def test_rows_are_drawn_from_the_key() -> None:
    layer = embedding(4, 3)
    here, again = (layer.initial_parameters((2,), RandomKey(1, layer=2), FLOAT32)["weight"] for _ in range(2))
    assert here.tobytes() == again.tobytes()
    assert here.tobytes() != layer.initial_parameters((2,), RandomKey(1, layer=3), FLOAT32)["weight"].tobytes()


def test_the_largest_index_is_exact_in_float32() -> None:
    last = MOST_INDICES - 1
    assert as_indices(np.array([[last]], FLOAT32), MOST_INDICES).tolist() == [[last]]


@pytest.mark.parametrize("value", [-1, 5, 0.5, 2**24, 1e30, -1e30])
def test_what_is_no_index_is_refused_before_any_actor_starts(value: float) -> None:
    good: list[list[float]] = [[1, 2, 0], [4, 3, 1]]
    bad: list[list[float]] = [[1, 2, 0], [4, value, 1]]
    message = r"expected {} inputs to be indices from 0 to 4 for layer 1 \(embedding:5:3\), got .* in row 1, column 1"
    learner = Learner(parse_layers(TEXT), runtime="inline")
    for part, dataset in (("training", data(bad, good)), ("test", data(good, bad))):
        with pytest.raises(DataError, match=message.format(part)):
            learner.train(dataset, epochs=1)


def test_predictions_of_what_is_no_index_are_refused() -> None:
    learner = Learner(parse_layers(TEXT), runtime="inline")
    learner.train(data([[1, 2, 0], [4, 3, 1]], [[1, 2, 0], [4, 3, 1]]), epochs=1)
    assert learner.predict([[4, 4, 4]]).shape == (1, 2)
    message = "expected inputs to be indices from 0 to 4 .* got 5 in row 0, column 2"
    with pytest.raises(DataError, match=message):
        learner.predict([[0, 0, 5]])
    with learner.serving() as predict, pytest.raises(DataError, match=message):
        predict([[0, 0, 5]])


def test_an_index_that_is_computed_is_checked_where_it_is_used() -> None:
    layer = embedding(2, 1)
    with pytest.raises(DataError, match=r"expected inputs to be indices from 0 to 1, got 0.5 in row 0"):
        layer.forward({"weight": np.zeros((2, 1), FLOAT32)}, np.array([0.5], FLOAT32), None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0, 2), "expected `num_embeddings` to be an integer >= 1"),
        ((MOST_INDICES + 1, 2), "expected `num_embeddings` to be an integer >= 1 and < 16777217"),
        ((2, 0), "expected `embedding_dim` to be an integer >= 1"),
        ((2.5, 2), "expected `num_embeddings` to be an integer"),
    ],
)
def test_settings_out_of_range_are_refused(settings: tuple[int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        embedding(*settings)
