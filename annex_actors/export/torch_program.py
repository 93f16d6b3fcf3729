"""A trained network as a program of torch: a ``.pt2`` file, which ``torch.export.load`` reads without this package.

A program and not a ``state_dict``: that needs code which makes the modules, and residual blocks, paddings and recurrent
layers are no plain modules of torch. And not TorchScript, which torch no longer develops. The file holds weights and
JSON. To train further in torch, `annex_actors.to_torch` makes modules.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.types import Array, Shape
from annex_actors.costs import (
    CosineSimilarity,
    Cost,
    Focal,
    Hinge,
    Huber,
    KlDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from annex_actors.export.weights import by_name, trained
from annex_actors.layers import to_torch, torch_library
from annex_actors.training.learner import Learner

_PREDICTIONS: Mapping[type[Cost], Callable[[Any], Any]] = {
    SoftmaxCrossEntropy: lambda outputs: outputs.softmax(-1),
    KlDivergence: lambda outputs: outputs.softmax(-1),
    SigmoidCrossEntropy: lambda outputs: outputs.sigmoid(),
    Focal: lambda outputs: outputs.sigmoid(),
    Poisson: lambda outputs: outputs.exp(),
    Hinge: lambda outputs: outputs if outputs.shape[-1] > 1 else ((outputs + 1) / 2).clamp(0, 1),
    MeanSquaredError: lambda outputs: outputs,
    MeanAbsoluteError: lambda outputs: outputs,
    Huber: lambda outputs: outputs,
    CosineSimilarity: lambda outputs: outputs,
}
"""What makes a tensor of predictions of the last layer's outputs, by the cost's class."""


@dataclass(frozen=True)
class _Weights:
    """Weights as `to_torch` takes them."""

    weights: Mapping[str, Array]
    input_shape: Shape


def torch_program(learner: Learner) -> bytes:
    """Return the content of a ``.pt2`` file: a program that predicts what `Learner.predict` does, but for rounding.

    ``torch.export.load(path).module()`` takes a tensor of shape ``(rows, *input_shape)`` of the network's dtype, with
    any number of rows, and returns the predictions.

    Raises:
        DataError: the learner has not been trained.
        ConfigError: torch is not installed; or it has no modules for a layer or a cost, which the message names.
    """
    checks.instance("learner", learner, Learner, "a trained Learner")
    weights, cost = _Weights(by_name(learner), trained(learner).input_shape), learner.spec.cost
    torch = torch_library.imported("a program of torch")
    predictions = _PREDICTIONS.get(type(cost))
    if predictions is None:
        raise ConfigError(
            f"expected a cost whose predictions torch can make, got {cost.name}; train with one that "
            "`annex-actors costs` lists"
        )
    network, predict = to_torch(learner.spec.network, weights), predictions

    class Predictor(torch.nn.Module):  # type: ignore[misc, name-defined]  # a class made where torch is
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: Any) -> Any:
            return predict(self.network(inputs))

    example = torch.from_numpy(np.zeros((2, *weights.input_shape), learner.spec.dtype))
    rows = torch.export.Dim("rows", min=1)
    with warnings.catch_warnings():
        # Of an LSTM's list of its own weights, which it makes again in every call.
        warnings.filterwarnings("ignore", "The tensor attributes .*_flat_weights", UserWarning)
        exported = torch.export.export(Predictor().eval(), (example,), dynamic_shapes=({0: rows},))
    content = BytesIO()
    torch.export.save(exported, content)
    return content.getvalue()
