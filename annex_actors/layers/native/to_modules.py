"""The module of torch for each layer: a table with one row for each; see `conversion`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Shape
from annex_actors.layers.activations import (
    Activation,
    Elu,
    Gelu,
    LeakyRelu,
    Linear,
    LogSoftmax,
    Prelu,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Step,
    Tanh,
)
from annex_actors.layers.annex_dense import AnnexDense
from annex_actors.layers.branches import Concatenate, Fork, Join, Rotate
from annex_actors.layers.dense import Dense
from annex_actors.layers.dropout import Dropout
from annex_actors.layers.native import branched, equivalents
from annex_actors.layers.native.rows import TRANSPOSED, ToModule, ToRow
from annex_actors.layers.native.to_images import TO_IMAGES
from annex_actors.layers.native.torch_module import TorchModule
from annex_actors.layers.network import Network
from annex_actors.layers.norms import BatchNorm, GroupNorm, LayerNorm, RmsNorm
from annex_actors.layers.reshaping import Flatten, Permute, Reshape
from annex_actors.layers.sequences import (
    Embedding,
    Mask,
    MaskedAvgPool,
    Positions,
    Recurrent,
    SelfAttention,
    SinusoidalPositions,
    Unmask,
)
from annex_actors.layers.stack import AnyLayer


def converted(network: Network, weights: Mapping[str, Array], input_shape: Shape) -> Any:
    """Return the module that computes what a network with these weights does; see `to_torch`."""
    shapes, is_first = network.shapes(input_shape), False
    parts: OrderedDict[str, Any] = OrderedDict()

    def move(index: int, shape: Shape, first: bool) -> None:
        axes = range(1, len(shape) + 1)
        order = (axes[-1], *axes[:-1]) if first else (*axes[1:], 1)
        parts[f"permute_{index}"] = equivalents.Permute(*order)

    for index, layer in enumerate(network.layers):
        row = _row(index, layer, shapes[index], shapes[index + 1])
        wanted = row.is_channels_first and len(shapes[index]) > 1
        if wanted is not None and wanted != is_first:
            move(index, shapes[index], first=wanted)
            is_first = wanted
        own = {name: each for name, each in weights.items() if name.startswith(f"{index}.")}
        _fill(row, {name.partition(".")[2]: each for name, each in own.items()})
        parts[str(index)] = row.module
        is_first = is_first and len(shapes[index + 1]) > 1
    if is_first:
        move(len(network.layers), shapes[-1], first=False)
    is_chain = not any(isinstance(each, branched.OnStack) for each in parts.values())
    return (nn.Sequential if is_chain else branched.Branched)(parts).eval()


def _row(index: int, layer: AnyLayer, before: Shape, after: Shape) -> ToRow:
    convert = TO_TORCH.get(type(layer.function) if isinstance(layer, Activation) else type(layer))
    if convert is None:
        raise ConfigError(
            f"expected layers that torch has modules for, got layer {index} ({layer.spec()}); "
            "convert the layers before and after it"
        )
    return convert(layer.function if isinstance(layer, Activation) else layer, before, after)


def _fill(row: ToRow, weights: Mapping[str, Array]) -> None:
    """Give a module its weights, in their dtype; counts of batches stay as they are."""
    for array in weights.values():
        row.module.to(torch.from_numpy(np.empty(0, array.dtype)).dtype)
    state = row.module.state_dict()
    for name, array in weights.items():
        own = np.ascontiguousarray(array.transpose(row.orders[name]) if name in row.orders else array)
        state[name] = torch.from_numpy(own.copy()).to(state[name].dtype)
    row.module.load_state_dict(state)


def _elementwise(make: Callable[[Any], Any]) -> ToModule:
    return lambda layer, before, after: ToRow(make(layer), is_channels_first=None)


def _relu(function: Relu) -> Any:
    return nn.Threshold(function.threshold, function.threshold) if function.threshold else nn.ReLU()


def _dense(layer: Dense, before: Shape, after: Shape) -> ToRow:
    return ToRow(nn.Linear(before[-1], after[-1]), {"weight": TRANSPOSED})


def _annex_dense(layer: AnnexDense, before: Shape, after: Shape) -> ToRow:
    activation = _row(0, layer.activation, after, after).module
    return ToRow(equivalents.Activated(before[-1], after[-1], activation), {"weight": TRANSPOSED})


def _sinusoidal_positions(layer: SinusoidalPositions, before: Shape, after: Shape) -> ToRow:
    table, _ = layer.forward({}, np.zeros((1, *before)), None)
    return ToRow(equivalents.Added(torch.from_numpy(table[0]).float(), is_learned=False))


def _prelu(layer: Prelu, before: Shape, after: Shape) -> ToRow:
    return ToRow(nn.PReLU(layer.num_parameters), is_channels_first=None if layer.num_parameters == 1 else True)


def _dropout(layer: Dropout, before: Shape, after: Shape) -> ToRow:
    if layer.spatial and len(before) in _SPATIAL_DROPOUTS:
        return ToRow(_SPATIAL_DROPOUTS[len(before)](layer.rate), is_channels_first=True)
    return ToRow(nn.Dropout(layer.rate), is_channels_first=None)


_SPATIAL_DROPOUTS = {2: nn.Dropout1d, 3: nn.Dropout2d}
"""By the axes of a sample; on a single axis spatial dropout is the ordinary one."""

_BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d, 4: nn.BatchNorm3d}
"""Likewise."""


def _batch_norm(layer: BatchNorm, before: Shape, after: Shape) -> ToRow:
    module = _BATCH_NORMS[len(before)](before[-1], layer.epsilon, layer.momentum)
    return ToRow(_affine(module, layer), is_channels_first=True)


def _group_norm(layer: GroupNorm, before: Shape, after: Shape) -> ToRow:
    return ToRow(_affine(nn.GroupNorm(layer.groups, before[-1], layer.epsilon), layer), is_channels_first=True)


def _layer_norm(layer: LayerNorm, before: Shape, after: Shape) -> ToRow:
    return ToRow(_affine(nn.LayerNorm(before[-layer.axes :], layer.epsilon), layer))


def _rms_norm(layer: RmsNorm, before: Shape, after: Shape) -> ToRow:
    return ToRow(nn.RMSNorm(before[-1], layer.epsilon, elementwise_affine=layer.scale))


def _affine(module: Any, layer: BatchNorm | GroupNorm | LayerNorm) -> Any:
    """Return the module without the weight or the bias that the layer does not have."""
    if not layer.scale:
        module.register_parameter("weight", None)
    if not layer.center:
        module.register_parameter("bias", None)
    return module


def _reshape(layer: Reshape, before: Shape, after: Shape) -> ToRow:
    return ToRow(nn.Sequential(nn.Flatten(), nn.Unflatten(1, after)))


def _recurrent(layer: Recurrent, before: Shape, after: Shape) -> ToRow:
    kind = {"lstm": equivalents.Lstm, "gru": equivalents.Gru}[layer.name]
    settings = {"return_sequences": layer.return_sequences, "reverse": layer.reverse, "uses_mask": layer.is_masked}
    module = kind(before[-1], layer.units, **settings)
    return ToRow(module, {"weight_ih_l0": TRANSPOSED, "weight_hh_l0": TRANSPOSED})


def _self_attention(layer: SelfAttention, before: Shape, after: Shape) -> ToRow:
    module = equivalents.SelfAttention(
        before[-1],
        layer.num_heads,
        causal=layer.causal,
        uses_mask=layer.is_masked,
        dropout=layer.dropout,
        bias=layer.bias,
    )
    return ToRow(module, {"in_proj_weight": TRANSPOSED, "out_proj.weight": TRANSPOSED})


TO_TORCH: Mapping[type[Any], ToModule] = {
    Dense: _dense,
    Linear: _elementwise(lambda function: nn.Identity()),
    LeakyRelu: _elementwise(lambda function: nn.LeakyReLU(function.negative_slope)),
    Elu: _elementwise(lambda function: nn.ELU(function.alpha)),
    Gelu: _elementwise(lambda function: nn.GELU(getattr(function.approximate, "value", function.approximate))),
    Silu: _elementwise(lambda function: nn.SiLU()),
    Softplus: _elementwise(lambda function: nn.Softplus(function.beta, function.threshold)),
    Sigmoid: _elementwise(lambda function: nn.Sigmoid()),
    Tanh: _elementwise(lambda function: nn.Tanh()),
    Step: _elementwise(lambda function: equivalents.Step()),
    Relu: _elementwise(_relu),
    Softmax: lambda layer, before, after: ToRow(nn.Softmax(-1)),
    LogSoftmax: lambda layer, before, after: ToRow(nn.LogSoftmax(-1)),
    AnnexDense: _annex_dense,
    Prelu: _prelu,
    Dropout: _dropout,
    BatchNorm: _batch_norm,
    GroupNorm: _group_norm,
    LayerNorm: _layer_norm,
    RmsNorm: _rms_norm,
    Embedding: lambda layer, before, after: ToRow(equivalents.Indices(layer.num_embeddings, layer.embedding_dim)),
    Positions: lambda layer, before, after: ToRow(equivalents.Added(torch.zeros(before), is_learned=True)),
    SinusoidalPositions: _sinusoidal_positions,
    Fork: lambda layer, before, after: ToRow(branched.Fork(layer.copies)),
    Rotate: lambda layer, before, after: ToRow(branched.Rotate(layer.takes)),
    Join: lambda layer, before, after: ToRow(branched.Join(layer.takes)),
    Concatenate: lambda layer, before, after: ToRow(branched.Concatenate(layer.takes)),
    Mask: lambda layer, before, after: ToRow(branched.Mask(layer.padding)),
    Unmask: lambda layer, before, after: ToRow(branched.Unmask(2)),
    MaskedAvgPool: lambda layer, before, after: ToRow(branched.MaskedAvgPool(2)),
    Flatten: lambda layer, before, after: ToRow(nn.Flatten()),
    Reshape: _reshape,
    Permute: lambda layer, before, after: ToRow(equivalents.Permute(*layer.axes)),
    Recurrent: _recurrent,
    SelfAttention: _self_attention,
    TorchModule: lambda layer, before, after: ToRow(layer.factory()),
    **TO_IMAGES,
}
"""What makes the module, by the layer's class, or that of its function."""
