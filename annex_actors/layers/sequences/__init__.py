"""Layers on sequences: samples of shape ``(sequence, width)``, or ``(sequence,)`` where they are indices.

Read the modules in this order:

1. `embedding` and `positions`: from indices to a sequence of rows, and which row comes first;
2. `attention`: each position takes from all others;
3. `cells` and `recurrent`: LSTM and GRU, which read step by step;
4. `masks`: what is padding.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from annex_actors.layers.layer import Layer
from annex_actors.layers.sequences.attention import SelfAttention, self_attention
from annex_actors.layers.sequences.embedding import Embedding, embedding
from annex_actors.layers.sequences.masks import Mask, MaskedAvgPool, Unmask, mask, masked_avg_pool, unmask
from annex_actors.layers.sequences.positions import Positions, SinusoidalPositions, positions, sinusoidal_positions
from annex_actors.layers.sequences.recurrent import Recurrent, gru, lstm
from annex_actors.layers.stack import StackLayer

SEQUENCE_LAYERS: Mapping[str, Callable[..., Layer | StackLayer]] = MappingProxyType(
    {
        "embedding": embedding,
        "positions": positions,
        "sinusoidal_positions": sinusoidal_positions,
        "self_attention": self_attention,
        "lstm": lstm,
        "gru": gru,
        "mask": mask,
        "masked_avg_pool": masked_avg_pool,
        "unmask": unmask,
    }
)
"""The layers on sequences by name."""

__all__ = [
    "SEQUENCE_LAYERS",
    "Embedding",
    "Mask",
    "MaskedAvgPool",
    "Positions",
    "Recurrent",
    "SelfAttention",
    "SinusoidalPositions",
    "Unmask",
    "embedding",
    "gru",
    "lstm",
    "mask",
    "masked_avg_pool",
    "positions",
    "self_attention",
    "sinusoidal_positions",
    "unmask",
]
