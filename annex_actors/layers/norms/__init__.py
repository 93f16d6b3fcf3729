"""Norms: layers that standardise numbers, so that deep networks learn faster. The last axis of a sample is channels.

1. `affine`: the weight and the bias by which a norm may undo what it did;
2. `groups`: statistics over groups of channels and all positions, and the gradient through them;
3. `batch_norm`, `group_norm`: over a microbatch, or over each sample;
4. `rows`: statistics over the numbers of a row, and the gradient through them;
5. `layer_norm`, `rms_norm`: over each row.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from annex_actors.layers.layer import Layer
from annex_actors.layers.norms.batch_norm import BatchNorm, batch_norm
from annex_actors.layers.norms.group_norm import GroupNorm, group_norm
from annex_actors.layers.norms.layer_norm import LayerNorm, layer_norm
from annex_actors.layers.norms.rms_norm import RmsNorm, rms_norm

NORM_LAYERS: Mapping[str, Callable[..., Layer]] = MappingProxyType(
    {"batch_norm": batch_norm, "layer_norm": layer_norm, "group_norm": group_norm, "rms_norm": rms_norm}
)
"""The constructors of the layers by name."""

__all__ = [
    "NORM_LAYERS",
    "BatchNorm",
    "GroupNorm",
    "LayerNorm",
    "RmsNorm",
    "batch_norm",
    "group_norm",
    "layer_norm",
    "rms_norm",
]
