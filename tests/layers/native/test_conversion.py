"""Networks from torch and to torch have equal outputs, and names that torch knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Floats, Shape
from annex_actors.layers import Network, from_torch, layer, parse_layers, sequence, to_torch, torch_module
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.learner import Learner
from tests.trainings import ADAM, Training, outputs_of

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - torch is an extra

from annex_actors.layers.native import equivalents  # noqa: E402
from annex_actors.layers.native.from_modules import FROM_TORCH  # noqa: E402
from annex_actors.layers.native.to_modules import TO_TORCH  # noqa: E402
from tests.layers.native import modules  # noqa: E402

MODELS: list[tuple[Callable[[], Any], Shape]] = [
    (
        lambda: nn.Sequential(
            nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5, momentum=0.2), nn.ReLU()),
            nn.Dropout(0.2),
            nn.Linear(5, 3, bias=False),
            nn.Softmax(1),
        ),
        (4,),
    ),
    (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.PReLU(4),
            nn.MaxPool2d(2, padding=1),
            nn.Conv2d(4, 6, (3, 2), stride=(2, 1), groups=2, padding="valid"),
            nn.AvgPool2d(2, 1),
            nn.GroupNorm(3, 6),
            nn.Dropout2d(0.1),
            nn.Flatten(),
            nn.Linear(18, 5),
        ),
        (3, 11, 9),
    ),
    (
        lambda: nn.Sequential(
            nn.Conv1d(3, 4, 3, dilation=2, padding="same"),
            nn.LeakyReLU(0.2),
            nn.BatchNorm1d(4),
            nn.MaxPool1d(2),
            nn.AvgPool1d(2),
            nn.Dropout1d(0.2),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.ELU(0.5),
        ),
        (3, 12),
    ),
    (lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.Softmax(1), nn.AdaptiveMaxPool2d(1), nn.Sigmoid()), (2, 4, 5)),
    (lambda: nn.Sequential(nn.Conv2d(2, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Tanh()), (2, 4, 5)),
    (lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.AdaptiveMaxPool1d(1), nn.SiLU()), (2, 5)),
    (lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.ReLU()), (1, 5, 4)),
    (lambda: nn.Sequential(nn.LayerNorm((5, 4)), nn.RMSNorm(4), nn.GELU("tanh"), nn.Softplus(2.0)), (5, 4)),
    (lambda: nn.Sequential(nn.LayerNorm(4, bias=False), equivalents.SelfAttention(4, 2, causal=True)), (5, 4)),
    (lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Identity(), nn.LogSoftmax(-1), equivalents.Permute(2, 1)), (6,)),
    (lambda: equivalents.Lstm(4, 3, return_sequences=False, reverse=True), (5, 4)),
    (lambda: equivalents.Gru(4, 3, return_sequences=True, reverse=True), (5, 4)),
    (lambda: equivalents.Indices(4, 3), (5,)),
]

TEXTS: list[tuple[str, Shape]] = [
    ("dense:4 relu:0.5 prelu:num_parameters=4 dense:3 log_softmax", (4,)),
    ("random_flip conv2d:4:3:stride=2:padding=same relu max_pool2d:2:padding=same global_max_pool dense:3", (8, 9, 2)),
    ("conv2d:2:2:padding=same:stride=3 dense:3 batch_norm dropout:0.1:spatial=true flatten dense:2", (5, 6, 1)),
    ("conv1d:3:2:padding=same batch_norm:scale=false max_pool1d:2 global_avg_pool dense:3", (9, 2)),
    ("group_norm:2:center=false avg_pool2d:2:padding=1 layer_norm:axes=2:scale=false linear", (4, 5, 2)),
    ("gru:3:reverse=true:return_sequences=true permute:2:1 dense:3 gelu silu softplus elu", (4, 2)),
    ("residual( dense:4 relu ) concat( linear dense:3 sequence( dense:2 tanh ) ) add( dense:4 dense:4 dense:4 )", (4,)),
    (
        "conv2d:2:2:padding=same residual( conv2d:2:3:padding=same batch_norm relu ) max_pool2d:2 flatten dense:2",
        (4, 4, 1),
    ),
    ("positions residual( layer_norm self_attention:2 ) sinusoidal_positions annex_dense:3:tanh step", (3, 4)),
    ("random_crop:3:padding=1 random_crop:2 flatten annex_dense:2", (4, 5, 2)),
    ("reshape:2:2 rms_norm self_attention:2:bias=false softmax dropout:0.2 sigmoid tanh leaky_relu", (4,)),
]


@dataclass(frozen=True)
class Weights:
    """Weights of a network without a training."""

    weights: Mapping[str, Array]
    input_shape: Shape


def samples(shape: Shape, *, whole: bool = False) -> Floats:
    numbers = np.random.default_rng(5)
    drawn = numbers.integers(0, 4, (6, *shape)) if whole else numbers.standard_normal((6, *shape))
    return drawn.astype(np.float32)


def randomized(module: Any) -> Any:
    with torch.no_grad():
        for each in module.parameters():
            each.add_(0.1 * torch.randn_like(each))
        for name, each in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                each.uniform_(0.5, 2.0)
    return module.eval()


def predicted(network: Network, weights: Mapping[str, Array], inputs: Floats) -> Floats:
    by_layer: list[dict[str, Floats]] = [{} for _ in network.layers]
    for name, array in weights.items():
        index, _, own = name.partition(".")
        by_layer[int(index)][own] = array.astype(np.float32)
    return outputs_of(network, by_layer, inputs)


def computed(module: Any, inputs: Floats) -> Floats:
    with torch.no_grad():
        outputs: Floats = module(torch.tensor(inputs)).numpy()
    return outputs


@pytest.mark.parametrize("index", range(len(MODELS)))
def test_a_model_of_torch_keeps_its_outputs_on_the_way_here_and_back(index: int) -> None:
    make, shape = MODELS[index]
    module, inputs = randomized(make()), samples(shape, whole=isinstance(make(), nn.Embedding))
    network, weights = from_torch(module, shape)
    wanted = computed(module, inputs)
    np.testing.assert_allclose(predicted(network, weights, inputs), wanted, rtol=1e-5, atol=1e-5)
    back = to_torch(network, Weights(weights, shape))
    np.testing.assert_allclose(computed(back, inputs), wanted, rtol=1e-5, atol=1e-5)
    assert {name for name in back.state_dict() if not name.endswith("num_batches_tracked")} == weights.keys()


@pytest.mark.parametrize(("text", "shape"), TEXTS)
def test_a_network_keeps_its_outputs_in_torch(text: str, shape: Shape) -> None:
    network = parse_layers(text)
    initial = Checkpoint.initial(network, shape, ADAM, seed=3)
    inputs = samples(shape)
    module = to_torch(network, initial)
    wanted = predicted(network, initial.weights, inputs)
    np.testing.assert_allclose(computed(module, inputs), wanted, rtol=1e-5, atol=1e-5)


def test_a_network_trained_from_torch_goes_back() -> None:
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    network, weights = from_torch(module)
    training = Training(network=network)
    learner: Learner = training.learner()
    learner.train(training.dataset, epochs=2, batch_size=4, initial_weights=weights)
    assert learner.checkpoint is not None
    trained = to_torch(network, learner.checkpoint)
    inputs = training.judged.inputs.astype(np.float32)
    probabilities = torch.tensor(computed(trained, inputs)).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, learner.predict(inputs), rtol=1e-5, atol=1e-5)
    module.load_state_dict(trained.state_dict())
    assert not np.allclose(weights["0.weight"].T, module.state_dict()["0.weight"].numpy())


def test_a_torch_module_goes_back_as_itself() -> None:
    network = sequence(torch_module(modules.normed), torch_module(modules.wide))
    initial = Checkpoint.initial(network, (4,), ADAM, seed=3)
    module = to_torch(network, initial)
    np.testing.assert_array_equal(computed(module, samples((4,))), predicted(network, initial.weights, samples((4,))))
    assert module.state_dict().keys() == initial.weights.keys()


def test_every_row_of_both_tables_is_tried() -> None:
    used = {type(each) for make, _ in MODELS for each in make().modules()} | {nn.LSTM, nn.GRU, nn.Embedding}
    assert set(FROM_TORCH) <= used
    layers = [each for text, _ in TEXTS for each in parse_layers(text).layers]
    layers += parse_layers("mask unmask mask masked_avg_pool").layers  # tried below
    layers += [each for make, shape in MODELS for each in from_torch(make(), shape)[0].layers]
    seen = {type(getattr(each, "function", each)) for each in layers}
    assert {each.__name__ for each in TO_TORCH} - {each.__name__ for each in seen} == {
        *("TorchModule", "RandomShift", "Cutout", "GaussianNoise")
    }


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            lambda: nn.Sequential(nn.ReLU(), nn.Sequential(nn.Bilinear(2, 2, 2))),
            "got Bilinear as 1.0; make the whole a",
        ),
        (lambda: modules.Twice(), "got Twice; make the whole a layer: torch_module"),
        (lambda: nn.Sequential(), "with at least one part"),
        (
            lambda: nn.LSTM(3, 3),
            "expected LSTM with settings of a layer, got batch_first False; make it a torch_module",
        ),
        (lambda: nn.LSTM(3, 3, 2, batch_first=True), "got num_layers 2"),
        (lambda: nn.Conv2d(1, 1, 3, padding_mode="reflect"), "got padding_mode 'reflect'"),
        (lambda: nn.MaxPool2d(2, ceil_mode=True), "got ceil_mode True"),
        (lambda: nn.MaxPool2d(2, dilation=2), "got dilation 2"),
        (lambda: nn.AvgPool2d(2, padding=1), "got count_include_pad True"),
        (lambda: nn.AvgPool2d(2, divisor_override=3), "got divisor_override 3"),
        (lambda: nn.AdaptiveAvgPool2d(2), "got output_size 2"),
        (lambda: nn.BatchNorm1d(3, momentum=None), "got momentum None"),
        (lambda: nn.Embedding(3, 2, padding_idx=0), "got padding_idx 0"),
        (lambda: nn.GroupNorm(1, 3), "expected the shape of samples for GroupNorm, got none; give `input_shape`"),
        (lambda: nn.Softmax(0), "got dim 0"),
        (lambda: nn.Flatten(0), "got start_dim 0"),
        (lambda: 3, "module"),
    ],
)
def test_what_there_is_no_layer_for_is_refused_by_name(module: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_torch(module())


def test_what_torch_has_no_module_for_is_refused_by_name() -> None:
    network = sequence(parse_layers("dense:3"), layer(np.sin, lambda inputs, gradient: np.cos(inputs) * gradient))
    with pytest.raises(ConfigError, match=r"expected layers that torch has modules for, got layer 1 \(sin\)"):
        to_torch(network, Checkpoint.initial(network, (4,), ADAM, seed=0))


@pytest.mark.parametrize(
    "text",
    [
        "mask lstm:3:return_sequences=true unmask",
        "mask lstm:3:reverse=true unmask",
        "mask gru:3:return_sequences=true:reverse=true unmask",
        "mask gru:3 unmask",
        "mask self_attention:2 masked_avg_pool",
        "mask self_attention:2:causal=true unmask",
        "mask residual( layer_norm self_attention:4 ) masked_avg_pool dense:2",
        "mask embedding:5:4 self_attention:2 masked_avg_pool",
    ],
)
def test_padding_is_left_out_in_torch_wherever_it_is(text: str) -> None:
    network = parse_layers(text)
    shape = (5,) if "embedding" in text else (5, 4)
    inputs = np.zeros((6, *shape), np.float32) + samples(shape, whole="embedding" in text)
    inputs[0, 3:] = inputs[1, :2] = inputs[2, 2] = inputs[3, 0::2] = inputs[4] = 0
    initial = Checkpoint.initial(network, shape, ADAM, seed=3)
    wanted = Learner(network, cost="mean_squared_error")
    wanted.checkpoint = initial
    found = computed(to_torch(network, initial), inputs)
    np.testing.assert_allclose(found, wanted.predict(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("text", "shape"), TEXTS)
def test_a_network_of_float64_stays_one(text: str, shape: Shape) -> None:
    network = parse_layers(text)
    initial = Checkpoint.initial(network, shape, ADAM, seed=3, dtype=np.dtype(np.float64))
    for name, tensor in to_torch(network, initial).state_dict().items():
        assert tensor.dtype == torch.float64 or name.endswith("num_batches_tracked")
