"""The embedding: a learned row of numbers for each index, such as a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annex_actors.base import checks
from annex_actors.base.calls import written
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.indices import MOST_INDICES, as_indices
from annex_actors.layers.layer import Factors, Saved

_WIDTH = 2**30
"""Numbers in a row; so the bytes of all rows are counted in 64 bits."""


@dataclass(frozen=True)
class Embedding:
    """A layer that looks up a learned row of numbers for each index: ``y = weight[x]``.

    Samples are indices of any shape, such as ``(sequence,)``; outputs have shape ``(..., embedding_dim)``.
    Its parameter is ``weight``, shape ``(num_embeddings, embedding_dim)``, at first standard normal numbers.

    Args:
        num_embeddings: how many indices there are, such as the words of a vocabulary, >= 1 and < 2**24 + 1.
        embedding_dim: the length of each row, >= 1.

    Raises:
        ConfigError: a setting that is out of range.

    Source:
        Bengio, Ducharme, Vincent, Jauvin (2003), A neural probabilistic language model; as torch.nn.Embedding.
    """

    num_embeddings: int
    embedding_dim: int

    def __post_init__(self) -> None:
        checks.keep(
            self,
            num_embeddings=checks.whole_number(
                "num_embeddings", self.num_embeddings, at_least=1, limit=MOST_INDICES + 1
            ),
            embedding_dim=checks.whole_number("embedding_dim", self.embedding_dim, at_least=1, limit=_WIDTH),
        )

    @property
    def name(self) -> str:
        """Name used in layer specs."""
        return "embedding"

    @property
    def num_indices(self) -> int:
        """How many indices there are."""
        return self.num_embeddings

    def spec(self) -> str:
        """Return ``embedding:num_embeddings:embedding_dim``."""
        return written(self.name, self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(*input_shape, embedding_dim)``: a sequence of indices becomes a sequence of rows."""
        return (*input_shape, self.embedding_dim)

    def work(self, input_shape: Shape) -> int:
        """Return 0: a row is looked up, and none is multiplied."""
        return 0

    def initial_parameters(self, input_shape: Shape, key: RandomKey, dtype: DType) -> Parameters:
        """Return standard normal rows drawn for ``key``."""
        generator = key.generator(Tag.INITIAL_WEIGHTS)
        weight = generator.standard_normal((self.num_embeddings, self.embedding_dim)).astype(dtype)
        weight.flags.writeable = False
        return {"weight": weight}

    def forward(self, parameters: Parameters, inputs: Floats, key: RandomKey | None) -> tuple[Floats, Saved]:
        """Return ``weight[inputs]``, shape ``(microbatch, *input_shape, embedding_dim)``; save the inputs.

        Raises:
            DataError: an input that is no index.
        """
        return parameters["weight"][as_indices(inputs, self.num_indices)], inputs

    def backward(
        self, parameters: Parameters, saved: Saved, grad_output: Floats, input_wanted: bool
    ) -> tuple[Floats | None, Factors]:
        """Return zeros, since an index has no slope, and two factors: the indices and ``grad_output``."""
        return np.zeros_like(saved) if input_wanted else None, (saved, grad_output)

    def weight_gradient(self, factors: Factors) -> dict[str, Floats]:
        """Return for each index the sum of ``grad_output`` where it stood, added in the order of the rows."""
        inputs, grad_output = factors
        gradient = np.zeros((self.num_embeddings, self.embedding_dim), grad_output.dtype)
        firsts = inputs.astype(np.intp).reshape(-1, 1) * self.embedding_dim
        # Number by number: 0.3 ms for 2048 rows of 128. np.add.at row by row, or np.add.reduceat, take 1.6.
        np.add.at(gradient.reshape(-1), (firsts + np.arange(self.embedding_dim)).reshape(-1), grad_output.reshape(-1))
        return {"weight": gradient}


embedding = Embedding
"""The layer that looks up a learned row of numbers for each index; see `Embedding`."""
