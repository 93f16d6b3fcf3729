"""Carry a trained network away: as an ONNX model, as a program of torch, or as arrays by name.

Nothing here changes a run or a learner. Read the modules in this order:

1. `weights`: the weights that a learner predicts with;
2. `safetensors_file`: these weights by name, with the architecture;
3. `torch_program`: a program that torch runs without this package;
4. `graph`: an ONNX graph while it is built, which knows no layers;
5. `network`: the table of layers; `activations`, `norms`, `images`, `sequences`, `recurrent`: their operators;
6. `transforms`, with `dates` and `quantiles`: the table of transforms, and their operators;
7. `onnx_model`: all of it as a model.
"""

from annex_actors.export.onnx_model import onnx_inputs, onnx_model
from annex_actors.export.safetensors_file import safetensors_file
from annex_actors.export.torch_program import torch_program

__all__ = ["onnx_inputs", "onnx_model", "safetensors_file", "torch_program"]
