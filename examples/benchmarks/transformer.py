"""A transformer block in this project's words and in torch's, to be timed beside the networks of `convolutions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annex_actors.base.types import Shape

CLASSES = 10


def transformer_block(length: int = 64, width: int = 128, heads: int = 4) -> tuple[str, Shape, Callable[[], Any]]:
    """Return a block with norms before its layers, and a classifier: layers, shape of a sample, and torch's model.

    Torch's model takes samples with the width before the length, as torch's convolutions do.

    Source:
        Xiong et al. (2020), On layer normalization in the transformer architecture.
    """
    attention = f"residual( layer_norm self_attention:{heads} )"
    dense = f"residual( layer_norm dense:{4 * width} gelu dense:{width} )"

    def model() -> Any:
        from torch import nn

        class Transformer(nn.Module):  # type: ignore[misc]  # torch's types are not used here
            def __init__(self) -> None:
                super().__init__()
                self.block = nn.TransformerEncoderLayer(
                    width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
                )
                self.last = nn.Linear(length * width, CLASSES)

            def forward(self, samples: Any) -> Any:
                return self.last(self.block(samples.transpose(1, 2)).flatten(1))

        return Transformer()

    return f"{attention} {dense} flatten dense:{CLASSES}", (length, width), model
