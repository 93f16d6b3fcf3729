"""The layer for each module of torch: a table with one row for each; see `conversion`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from torch import nn

from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Shape
from annex_actors.layers.activations import (
    Activation,
    Elu,
    Function,
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
    Tanh,
)
from annex_actors.layers.dense import dense
from annex_actors.layers.dropout import dropout
from annex_actors.layers.layer import Layer
from annex_actors.layers.native import equivalents
from annex_actors.layers.native.from_images import FROM_IMAGES
from annex_actors.layers.native.rows import TRANSPOSED, FromModule, FromRow, kept, refuse, require
from annex_actors.layers.network import Network, sequence
from annex_actors.layers.norms import batch_norm, group_norm, layer_norm, rms_norm
from annex_actors.layers.reshaping import flatten, permute, reshape
from annex_actors.layers.sequences import embedding, gru, lstm, self_attention


def converted(module: Any, input_shape: Shape | None) -> tuple[Network, dict[str, Array]]:
    """Return the network and the weights of a module; see `from_torch`."""
    axes, positions = None if input_shape is None else len(input_shape), 0
    layers: list[Layer] = []
    weights: dict[str, Array] = {}
    for name, each in _flat(module, ""):
        row = _row(name, each, axes)
        if row.positions is not None:
            layers += _moves(positions, row.positions)
            positions = row.positions
        weights |= {f"{len(layers)}.{key}": np.ascontiguousarray(array) for key, array in row.weights.items()}
        layers += row.layers
        axes = row.axes if row.axes is not None else axes
    layers += _moves(positions, 0)
    if not layers:
        raise ConfigError("expected a module with at least one part, got an empty Sequential")
    return sequence(*layers), weights


def _flat(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the parts of nested sequences in order, with their names."""
    if type(module) is not nn.Sequential:
        yield name, module
        return
    for key, each in module.named_children():
        yield from _flat(each, f"{name}.{key}" if name else key)


def _row(name: str, module: Any, axes: int | None) -> FromRow:
    convert = FROM_TORCH.get(type(module))
    if convert is None:
        place = f" as {name}" if name else ""
        raise ConfigError(
            f"expected modules that there are layers for, got {type(module).__name__}{place}; "
            "make the whole a layer: torch_module(a function that returns it)"
        )
    return convert(module, axes)


def _moves(before: int, after: int) -> list[Layer]:
    """Return the permutations of samples with channels last behind so many positions; 0: channels first."""
    if before == after:
        return []
    last = [permute(*range(2, after + 2), 1)] if after else []
    return [*([permute(before + 1, *range(1, before + 1))] if before else []), *last]


def _applying(function: Callable[[Any], Function]) -> FromModule:
    return lambda module, axes: FromRow((Activation(function(module)),))


def _along(function: type[Function]) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        if module.dim in (-1, axes) or (module.dim == 1 and axes is None):
            return FromRow((Activation(function()),), positions=0)
        if module.dim != 1 or axes is None:
            refuse(module, "dim")
        return FromRow((Activation(function()),), positions=_positions(module, axes))

    return convert


def _linear(module: Any, axes: int | None) -> FromRow:
    weights = kept(module, {"weight": TRANSPOSED})
    zeros = {"bias": np.zeros(module.out_features, np.float32)}
    return FromRow((dense(module.out_features, module.in_features),), {**zeros, **weights}, positions=0)


def _prelu(module: Any, axes: int | None) -> FromRow:
    count = module.num_parameters
    return FromRow((Prelu(count),), kept(module), positions=None if count == 1 else _positions(module, axes))


def _dropout(positions: int | None) -> FromModule:
    return lambda module, axes: FromRow((dropout(module.p, spatial=positions is not None),), positions=positions)


def _batch_norm(positions: int | None) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        if module.momentum is None or not module.track_running_stats:
            refuse(module, "momentum")
        layer = batch_norm(module.momentum, module.eps, scale=module.affine, center=module.affine)
        weights = kept(module)
        weights.pop("num_batches_tracked")
        own = (axes or 1) - 1 if positions is None else positions
        return FromRow((layer,), weights, positions=own)

    return convert


def _group_norm(module: Any, axes: int | None) -> FromRow:
    layer = group_norm(module.num_groups, module.eps, scale=module.affine, center=module.affine)
    return FromRow((layer,), kept(module), positions=_positions(module, axes))


def _layer_norm(module: Any, axes: int | None) -> FromRow:
    scale, center = module.weight is not None, module.bias is not None
    layer = layer_norm(len(module.normalized_shape), module.eps, scale=scale, center=center)
    return FromRow((layer,), kept(module), positions=0)


def _rms_norm(module: Any, axes: int | None) -> FromRow:
    if len(module.normalized_shape) != 1:
        refuse(module, "normalized_shape")
    epsilon = float(np.finfo(np.float32).eps) if module.eps is None else module.eps
    return FromRow((rms_norm(epsilon, scale=module.elementwise_affine),), kept(module), positions=0)


def _embedding(module: Any, axes: int | None) -> FromRow:
    require(module, padding_idx=None, max_norm=None)
    layer = embedding(module.num_embeddings, module.embedding_dim)
    return FromRow((layer,), kept(module), positions=0, axes=None if axes is None else axes + 1)


def _flatten(module: Any, axes: int | None) -> FromRow:
    require(module, start_dim=1)
    if module.end_dim not in (-1, axes):
        refuse(module, "end_dim")
    return FromRow((flatten(),), positions=0, axes=1)


def _unflatten(module: Any, axes: int | None) -> FromRow:
    if module.dim not in (1, -1) or axes not in (1, None):
        refuse(module, "dim")
    sizes = tuple(module.unflattened_size)
    return FromRow((reshape(*sizes),), positions=0, axes=len(sizes))


def _recurrent(constructor: Callable[..., Layer]) -> FromModule:
    def convert(module: Any, axes: int | None) -> FromRow:
        require(module, batch_first=True, num_layers=1, bidirectional=False, bias=True, proj_size=0)
        settings = {name: getattr(module, name, default) for name, default in _RECURRENT.items()}
        layer = constructor(module.hidden_size, **settings)
        return FromRow((layer,), kept(module, {"weight_ih_l0": TRANSPOSED, "weight_hh_l0": TRANSPOSED}), positions=0)

    return convert


_RECURRENT = {"return_sequences": True, "reverse": False}
"""Of a recurrent module of torch's own, which returns all outputs, in order; `equivalents` have theirs."""


def _self_attention(module: Any, axes: int | None) -> FromRow:
    bias = module.in_proj_bias is not None
    layer = self_attention(module.num_heads, causal=module.causal, dropout=module.dropout, bias=bias)
    return FromRow((layer,), kept(module, {"in_proj_weight": TRANSPOSED, "out_proj.weight": TRANSPOSED}), positions=0)


def _positions(module: Any, axes: int | None) -> int:
    """Return how many axes of positions samples have beside their channels."""
    if axes is None:
        raise ConfigError(f"expected the shape of samples for {type(module).__name__}, got none; give `input_shape`")
    return axes - 1


FROM_TORCH: Mapping[type[Any], FromModule] = {
    nn.Linear: _linear,
    nn.Identity: _applying(lambda module: Linear()),
    nn.ReLU: _applying(lambda module: Relu()),
    nn.LeakyReLU: _applying(lambda module: LeakyRelu(module.negative_slope)),
    nn.ELU: _applying(lambda module: Elu(module.alpha)),
    nn.GELU: _applying(lambda module: Gelu(module.approximate)),
    nn.SiLU: _applying(lambda module: Silu()),
    nn.Softplus: _applying(lambda module: Softplus(module.beta, module.threshold)),
    nn.Sigmoid: _applying(lambda module: Sigmoid()),
    nn.Tanh: _applying(lambda module: Tanh()),
    nn.Softmax: _along(Softmax),
    nn.LogSoftmax: _along(LogSoftmax),
    nn.PReLU: _prelu,
    nn.Dropout: _dropout(None),
    nn.Dropout1d: _dropout(1),
    nn.Dropout2d: _dropout(2),
    nn.BatchNorm1d: _batch_norm(None),
    nn.BatchNorm2d: _batch_norm(2),
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
    nn.Embedding: _embedding,
    equivalents.Indices: _embedding,
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    equivalents.Permute: lambda module, axes: FromRow((permute(*module.axes),), positions=0),
    nn.LSTM: _recurrent(lstm),
    equivalents.Lstm: _recurrent(lstm),
    nn.GRU: _recurrent(gru),
    equivalents.Gru: _recurrent(gru),
    equivalents.SelfAttention: _self_attention,
    **FROM_IMAGES,
}
"""What makes the layer, by the module's class."""
