"""Carry a trained network away: as an ONNX model, for torch, or as arrays by name.

Nothing here changes a run or a learner. Read the modules in this order:

1. `weights`: the weights that a learner predicts with;
2. `graph`: an ONNX graph while it is built, which knows no layers;
3. `network`: the table of layers; `activations`, `norms`, `images`, `sequences`, `recurrent`: their operators;
4. `transforms`, with `dates` and `quantiles`: the table of transforms, and their operators;
5. `onnx_model`: all of it as a model.
"""

from annex_actors.export.onnx_model import onnx_inputs, onnx_model

__all__ = ["onnx_inputs", "onnx_model"]
