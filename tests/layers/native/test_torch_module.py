from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError, ShapeError
from annex_actors.base.random_keys import RandomKey
from annex_actors.base.types import Floats, Parameters, Shape
from annex_actors.base.user_files import run_user_file
from annex_actors.layers import TorchModule, parse_layers, torch_module
from annex_actors.testing import check_layer
from tests.readmes import ROOT

torch = pytest.importorskip("torch")

from tests.layers.native import modules  # noqa: E402 - it imports torch

FILE = ROOT / "tests" / "layers" / "native" / "modules.py"

EXAMPLES: list[tuple[str, Shape]] = [
    ("two_layers", (4,)),
    ("two_layers", (2, 4)),
    ("normed", (4,)),
    ("dropping", (4,)),
    ("convolving", (1, 5, 5)),
    ("Counting", (3,)),
    ("Attending", (3, 4)),
    ("Recurring", (3, 2)),
    ("activation_only", (3,)),
    ("template", (4,)),
    ("drawing", (3,)),
]

FLOAT32 = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def loaded() -> None:
    run_user_file(FILE)


def named(name: str) -> TorchModule:
    layer = parse_layers(f"torch_module:modules.py:{name}").layers[0]
    assert isinstance(layer, TorchModule)
    return layer


def weights_of(layer: TorchModule, shape: Shape, seed: int = 0) -> Parameters:
    return {**layer.initial_parameters(shape, RandomKey(seed), FLOAT32), **layer.initial_state(shape, FLOAT32)}


def numbers(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("name", "shape"), EXAMPLES)
def test_a_module_keeps_the_promises_of_a_layer(name: str, shape: Shape) -> None:
    check_layer(named(name), shape)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("factory", [modules.two_layers, modules.normed, modules.convolving])
def test_twenty_steps_are_torchs_own(factory: Callable[[], Any], momentum: float) -> None:
    layer = torch_module(factory)
    shape = (1, 5, 5) if factory is modules.convolving else (4,)
    weights = weights_of(layer, shape)
    velocity: dict[str, Floats] = {}
    module = factory()
    module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=momentum)
    parameters = {name: weights[name] for name, _ in module.named_parameters()}
    state = {name: array for name, array in weights.items() if name not in parameters}
    for step in range(20):
        inputs, wanted = numbers(8, *shape, seed=step), numbers(8, *layer.output_shape(shape), seed=100 + step)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module(torch.tensor(inputs)), torch.tensor(wanted)).backward()
        optimizer.step()
        outputs, saved = layer.forward({**parameters, **state}, inputs, RandomKey(0, 0, step))
        _, factors = layer.backward({}, saved, 2 * (outputs - wanted) / np.float32(outputs.size), False)
        state = dict(layer.next_state(state, [factors]))
        for name, gradient in layer.weight_gradient(factors).items():
            velocity[name] = momentum * velocity.get(name, 0) + gradient
            parameters[name] = parameters[name] - np.float32(0.05) * velocity[name]
    for name, tensor in module.state_dict().items():
        np.testing.assert_allclose({**parameters, **state}[name], tensor.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("factory", "shape"), [(modules.normed, (4,)), (modules.Seldom, (3, 4)), (modules.convolving, (1, 5, 5))]
)
def test_running_statistics_move_by_each_microbatch_in_order_as_torchs_do(
    factory: Callable[[], Any], shape: Shape
) -> None:
    layer, module = torch_module(factory), factory()
    weights = weights_of(layer, shape)
    module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    parts = [numbers(3 + seed, *shape, seed=seed) for seed in range(3)]
    factors = []
    for index, part in enumerate(parts):  # all of them meet the same state
        module(torch.tensor(part))
        outputs, saved = layer.forward(weights, part, RandomKey(0, microbatch=index))
        factors.append(layer.backward(weights, saved, outputs, False)[1])
    after = layer.next_state(layer.initial_state(shape, FLOAT32), factors)
    for name in after:
        np.testing.assert_allclose(after[name], module.state_dict()[name].numpy(), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("name", "shape"), [("dropping", (4,)), ("Attending", (3, 4)), ("Recurring", (3, 2)), ("drawing", (3,))]
)
def test_random_numbers_depend_on_the_key_and_not_on_torchs_generator(name: str, shape: Shape) -> None:
    layer, inputs = named(name), numbers(6, *shape)
    weights = weights_of(layer, shape)
    before = torch.get_rng_state()
    outputs = [layer.forward(weights, inputs, RandomKey(0, 1, 2, part))[0].tobytes() for part in (0, 1, 0)]
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    again = named(name).forward(weights, inputs, RandomKey(0, 1, 2, 0))[0].tobytes()
    assert outputs[0] == outputs[2] == again != outputs[1]


def test_weights_are_drawn_from_the_key() -> None:
    before = torch.get_rng_state()
    first, second, other = (weights_of(named("two_layers"), (4,), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert first["0.weight"].tobytes() != other["0.weight"].tobytes()
    assert list(first) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_threads_that_share_a_layer_give_the_same_bits() -> None:
    layer, inputs = named("dropping"), numbers(6, 4)
    weights = weights_of(layer, (4,))
    wanted = {step: layer.forward(weights, inputs, RandomKey(0, 0, step))[0].tobytes() for step in range(8)}
    found: list[bool] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for _ in range(5):
            for step, outputs in wanted.items():
                found.append(layer.forward(weights, inputs, RandomKey(0, 0, step))[0].tobytes() == outputs)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 160


def test_a_call_uses_one_thread_and_leaves_the_callers_number_alone() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        layer = torch_module(modules.two_layers)
        layer.forward(weights_of(layer, (4,)), numbers(3, 4), None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_caller_that_records_no_gradients_changes_nothing() -> None:
    layer = torch_module(modules.two_layers)
    with torch.inference_mode():
        outputs, saved = layer.forward(weights_of(layer, (4,)), numbers(3, 4), RandomKey(0))
        gradient, factors = layer.backward({}, saved, outputs, True)
    assert gradient is not None
    assert gradient.any()
    assert all(each.any() for each in factors)


@pytest.mark.parametrize("name", ["two_layers", "Counting", "convolving"])
def test_all_arithmetic_is_on_the_device(name: str) -> None:
    from annex_actors.layers.native.program import Program

    layer = named(name)
    shape = dict(EXAMPLES)[name]
    program = Program(layer.factory, "meta", layer.spec())  # a device that has shapes and no numbers
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        program.forward(weights_of(layer, shape), numbers(3, *shape), RandomKey(0))


def test_a_layer_is_a_value() -> None:
    layer = torch_module(modules.normed)
    assert layer == torch_module(modules.normed) != torch_module(modules.two_layers)
    assert len({layer, torch_module(modules.normed)}) == 1
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert (layer.mixes_rows, torch_module(modules.two_layers).mixes_rows) == (True, False)
    assert named("template") == pickle.loads(pickle.dumps(named("template")))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("two_layers", (5,), r"to take samples \(5,\), got RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("two_outputs", (3, 4), "to return a float tensor with a row for each sample, got a tuple"),
        ("lazy", (3,), "to know the shape of its weight, got a lazy module; give its sizes"),
        ("cumulative", (3,), "momentum of .* to be a number, got None"),
        ("failing", (3,), "to make a module, got RuntimeError: no weights today"),
        ("number", (3,), r"to make a torch.nn.Module, got a int"),
        ("drawing_always", (3,), "to draw no random numbers when predicting, got aten.rand_like"),
        ("Renewing", (3,), "to leave its parameters alone in `forward`, got a changed weight"),
        ("Twice", (3,), "to run its norm norm once for each sample, got more; make two of it"),
        ("undrawn", (3,), "made of modules with a method `reset_parameters`, got _Own"),
    ],
)
def test_what_is_no_layer_is_refused_before_any_actor_starts(name: str, shape: Shape, message: str) -> None:
    with pytest.raises((ConfigError, ShapeError), match=message):
        parse_layers(f"torch_module:modules.py:{name}").initial_parameters(shape, seed=0, dtype=FLOAT32)


def test_random_numbers_on_the_way_back_are_refused() -> None:
    layer = torch_module(modules.Recomputing)
    outputs, saved = layer.forward({}, numbers(3, 4), RandomKey(0))
    with pytest.raises(ConfigError, match="to draw no random numbers when going backward"):
        layer.backward({}, saved, outputs, True)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: modules.normed(), "a class or a function with a name in its file"),
        (3, "a class or a function with a name in its file"),
        (modules.template, "which has weights, and a layer holds none"),
        (modules.with_arguments, "to take no arguments, got with_arguments: missing a required argument: 'width'"),
    ],
)
def test_a_factory_without_a_name_or_with_arguments_is_refused(factory: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        torch_module(factory)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="expected a graphics processor for device 'cuda', got none"):
        torch_module(modules.normed, device="cuda")
    with pytest.raises(ConfigError, match="device"):
        torch_module(modules.normed, device="tpu")
