from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annex_actors.base.errors import ConfigError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats
from annex_actors.layers import dropout

KEY = RandomKey(seed=1, layer=2, step=3, microbatch=4)


def dropped(rate: float, inputs: Floats, key: RandomKey | None = KEY) -> Floats:
    return dropout(rate).forward({}, inputs, key)[0]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_the_fraction_dropped_is_the_rate(rate: float) -> None:
    outputs = dropped(rate, np.ones((500, 400)))
    deviation = np.sqrt(rate * (1 - rate) / outputs.size)
    assert abs((outputs == 0).mean() - rate) < 5 * deviation


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_the_mean_stays(rate: float) -> None:
    outputs = dropped(rate, np.ones((500, 400)))
    deviation = np.sqrt(rate / (1 - rate) / outputs.size)
    assert abs(outputs.mean() - 1) < 5 * deviation + 2**-16


def test_kept_numbers_are_divided_by_the_fraction_kept() -> None:
    outputs = dropped(0.75, np.full((20, 20), 3.0))
    assert set(outputs.ravel()) == {0.0, 12.0}


def test_the_gradient_passes_where_the_number_passed() -> None:
    layer, inputs = dropout(0.5), np.ones((20, 20))
    outputs, saved = layer.forward({}, inputs, KEY)
    grad_input, _ = layer.backward({}, saved, inputs, True)
    assert grad_input is not None
    assert np.array_equal(grad_input, outputs)


def test_spatial_dropout_drops_whole_channels_of_a_sample() -> None:
    layer, inputs = dropout(0.5, spatial=True), np.ones((50, 3, 4, 20))
    outputs, saved = layer.forward({}, inputs, KEY)
    assert np.array_equal(outputs, np.broadcast_to(outputs[:, :1, :1], outputs.shape))
    assert set(outputs[:, 0, 0].ravel()) == {0.0, 2.0}
    assert len({sample.tobytes() for sample in outputs}) == 50
    grad_input, _ = layer.backward({}, saved, inputs, True)
    assert grad_input is not None
    assert np.array_equal(grad_input, outputs)


def test_spatial_dropout_of_samples_without_positions_is_dropout() -> None:
    inputs = np.ones((20, 20))
    outputs, _ = dropout(0.5, spatial=True).forward({}, inputs, KEY)
    assert np.array_equal(outputs, dropped(0.5, inputs))


def test_spatial_is_true_or_false() -> None:
    with pytest.raises(ConfigError, match="expected `spatial` to be true or false, got 2"):
        dropout(0.5, spatial=2)  # type: ignore[arg-type]


def test_a_prediction_drops_nothing() -> None:
    layer, inputs = dropout(0.5), np.ones((2, 3))
    outputs, saved = layer.forward({}, inputs, None)
    assert outputs is inputs
    assert layer.backward({}, saved, inputs, True)[0] is inputs


def test_at_rate_zero_nothing_is_dropped() -> None:
    inputs = np.ones((2, 3))
    assert dropped(0, inputs) is inputs


@pytest.mark.parametrize(
    "other",
    [
        RandomKey(seed=2, layer=2, step=3, microbatch=4),
        RandomKey(seed=1, layer=3, step=3, microbatch=4),
        RandomKey(seed=1, layer=2, step=4, microbatch=4),
        RandomKey(seed=1, layer=2, step=3, microbatch=5),
    ],
    ids=["seed", "layer", "step", "microbatch"],
)
def test_every_part_of_the_key_changes_what_is_dropped(other: RandomKey) -> None:
    inputs = np.ones((20, 20))
    assert np.array_equal(dropped(0.5, inputs), dropped(0.5, inputs, KEY))
    differing = (dropped(0.5, inputs) != dropped(0.5, inputs, other)).mean()
    assert 0.35 < differing < 0.65


def test_both_precisions_drop_the_same() -> None:
    single, double = dropped(0.3, np.ones((9, 7), np.float32)), dropped(0.3, np.ones((9, 7)))
    assert np.array_equal(single == 0, double == 0)


@settings(deadline=None, print_blob=True)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 6))
def test_a_shorter_microbatch_drops_the_same_numbers_in_its_rows(short: int, features: int, more: int) -> None:
    longer = dropped(0.5, np.ones((short + more, features)))
    assert np.array_equal(dropped(0.5, np.ones((short, features))), longer[:short])


@pytest.mark.parametrize("rate", [0.99999, 1 - 1e-12])
def test_the_scale_is_finite_at_a_rate_just_below_one(rate: float) -> None:
    assert np.isfinite(dropped(rate, np.ones((50, 50)))).all()


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan"), "half", None, True])
def test_a_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="expected `rate` to be a number >= 0 and < 1, got"):
        dropout(rate)
