from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from annex_actors import ConfigError, Learner, ShapeError, dense, layer, load, register_layer, sequence
from annex_actors.base.types import Array, Floats
from annex_actors.testing import check_layer
from tests.tables import restored


def cube(inputs: Floats) -> Array:
    return inputs**3


def cube_gradient(inputs: Floats, grad_output: Floats) -> Array:
    return 3 * inputs**2 * grad_output


def outer_pair(inputs: Floats) -> Array:
    """Return sums of neighbours: another shape than that of the inputs, and not contiguous."""
    return (inputs[:, 1:] + inputs[:, :-1])[:, ::-1]


def outer_pair_gradient(inputs: Floats, grad_output: Floats) -> Array:
    grad = np.zeros(inputs.shape, np.float64)
    grad[:, 1:] += grad_output[:, ::-1]
    grad[:, :-1] += grad_output[:, ::-1]
    return grad


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (layer(cube, cube_gradient), (3,)),
        (layer(cube, cube_gradient), (2, 3)),
        (layer(outer_pair, outer_pair_gradient), (4,)),
    ],
)
def test_two_functions_make_a_layer_that_keeps_its_promises(made: Any, shape: tuple[int, ...]) -> None:
    check_layer(made, shape, constructors={made.name: lambda: made})


def test_its_shape_is_that_of_what_the_function_returns() -> None:
    network = sequence(layer(outer_pair, outer_pair_gradient), dense(2))
    assert network.shapes((4,)) == ((4,), (3,), (2,))


@pytest.mark.parametrize("runtime", ["threads", "schedulers", "processes"])
def test_it_trains_to_the_same_bits_on_every_runtime(runtime: str) -> None:
    network = sequence(dense(3), layer(cube, cube_gradient), dense(2))
    one, other = (
        Learner(network, runtime=each).train(load("xor"), epochs=2, batch_size=4).checkpoint.weights
        for each in ("inline", runtime)
    )
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_with_a_name_it_can_be_saved(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    restored(monkeypatch)
    register_layer("cube", lambda: layer(cube, cube_gradient))
    learner = Learner(sequence(dense(3), layer(cube, cube_gradient), dense(2)), runtime="inline")
    learner.train(load("xor"), epochs=1, batch_size=4)
    learner.save(tmp_path / "cube.safetensors")
    assert Learner.load(tmp_path / "cube.safetensors").spec.network == learner.spec.network


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, cube_gradient), "expected `forward` to be a function of the inputs, got 1"),
        ((cube, cube), "expected `backward` to be a function of the inputs and the gradient of the outputs, called"),
    ],
)
def test_what_is_no_function_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        layer(*arguments)


@pytest.mark.parametrize("name", ["two words", "a:b", "f("])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(ConfigError, match="expected `name` to be one word without colons"):
        layer(cube, cube_gradient, name=name)


def test_a_function_that_refuses_a_shape_is_named_before_any_actor_starts() -> None:
    network = sequence(dense(3), layer(lambda x: x.reshape(7, -1), cube_gradient, name="odd"), dense(2))
    with pytest.raises(
        ShapeError, match=r"layer 1 \(odd\) does not fit .*expected odd to take samples of shape \(3,\), got"
    ):
        Learner(network).train(load("xor"), epochs=1, batch_size=4)


def test_a_function_that_loses_rows_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected sum to return a row for each sample, got shape"):
        layer(lambda x: x.sum(axis=0), cube_gradient, name="sum").output_shape((3,))
    with pytest.raises(ShapeError, match=r"expected mean to return 2 rows, got shape \(1, 3\)"):
        layer(lambda x: x.mean(axis=0, keepdims=True), cube_gradient, name="mean").forward({}, np.ones((2, 3)), None)


def test_a_gradient_of_another_shape_is_refused() -> None:
    made = layer(cube, lambda x, g: g[:, :1], name="thin")
    with pytest.raises(
        ShapeError, match=r"the gradient of thin to have the shape of its inputs, \(2, 3\), got \(2, 1\)"
    ):
        made.backward({}, np.ones((2, 3)), np.ones((2, 3)), True)
