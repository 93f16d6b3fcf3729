"""Small networks with each layer on sequences: text, shape of a sample, and how many indices there are, or 0."""

from __future__ import annotations

from annex_actors.base.types import Shape

NETWORKS: list[tuple[str, Shape, int]] = [
    ("positions residual( self_attention:2:causal=true:dropout=0.25 ) flatten dense:3", (3, 4), 0),
    ("sinusoidal_positions residual( self_attention:1:bias=false ) dense:2 flatten dense:3", (3, 4), 0),
    ("concat( lstm:3 lstm:2:reverse=true ) dense:3", (4, 2), 0),
    ("embedding:6:4 gru:3:return_sequences=true gru:2 dense:3", (4,), 6),
    ("mask embedding:6:4 positions residual( self_attention:2 ) masked_avg_pool dense:3", (4,), 6),
    ("mask embedding:6:3 lstm:3:return_sequences=true gru:3 unmask dense:3", (4,), 6),
]
