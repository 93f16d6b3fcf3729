"""Small networks with each layer on sequences: text, shape of a sample, and how many classes there are."""

from __future__ import annotations

from annex_actors.base.types import Shape

NETWORKS: list[tuple[str, Shape, int]] = [
    ("positions residual( self_attention:2:causal=true:dropout=0.25 ) flatten dense:3", (3, 4), 3),
    ("sinusoidal_positions residual( self_attention:1:bias=false ) dense:2 flatten dense:3", (3, 4), 3),
    ("concat( lstm:3 lstm:2:reverse=true ) dense:3", (4, 2), 3),
    ("gru:3:return_sequences=true gru:2 dense:2", (4, 2), 2),
    ("mask positions residual( self_attention:2 ) masked_avg_pool dense:3", (4, 4), 3),
    ("mask lstm:3:return_sequences=true gru:3 unmask dense:2", (4, 2), 2),
]

INDEX_NETWORKS: list[tuple[str, Shape, int]] = [
    ("embedding:6:4 positions residual( self_attention:2 ) flatten dense:3", (4,), 3),
    ("mask embedding:6:4 residual( self_attention:2 ) masked_avg_pool dense:3", (4,), 3),
    ("mask embedding:6:3 gru:3 unmask dense:3", (4,), 3),
]
"""Networks whose samples are indices from 0 to 5; 0 is padding."""
