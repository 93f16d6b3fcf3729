"""The layers on sequences with small shapes, for the tests that every layer passes."""

from __future__ import annotations

from annex_actors.base.types import Shape
from annex_actors.layers import (
    Layer,
    Mask,
    MaskedAvgPool,
    StackLayer,
    Unmask,
    embedding,
    gru,
    lstm,
    positions,
    self_attention,
    sinusoidal_positions,
)

EXAMPLES: list[tuple[Layer, Shape]] = [
    (embedding(5, 3), (4,)),
    (embedding(1, 1), (1,)),
    (embedding(7, 2), (2, 3)),
    (positions(), (4, 3)),
    (sinusoidal_positions(), (4, 3)),
    (sinusoidal_positions(), (3, 4)),
    (self_attention(1), (3, 2)),
    (self_attention(2), (4, 4)),
    (self_attention(2, causal=True), (4, 6)),
    (self_attention(3, bias=False), (2, 3)),
    (self_attention(2, dropout=0.4), (3, 4)),
    (lstm(3), (4, 2)),
    (lstm(2, return_sequences=True), (3, 3)),
    (lstm(2, return_sequences=True, reverse=True), (3, 2)),
    (gru(3), (4, 2)),
    (gru(2, return_sequences=True), (3, 3)),
    (gru(2, reverse=True), (3, 1)),
]

STACK_EXAMPLES: list[tuple[StackLayer, tuple[Shape, ...]]] = [
    (Mask(), ((4,),)),
    (Mask(-1), ((3, 2),)),
    (Unmask(), ((4, 2), (4,))),
    (Unmask(), ((2,), (4,))),
    (MaskedAvgPool(), ((4, 2), (4,))),
]
