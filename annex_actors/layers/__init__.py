"""Layers and networks: pure functions on arrays, without actors or threads.

Read the modules in this order:

1. `layer`: the protocol `Layer`, which has five members, and what a layer with weights or state adds;
2. `dense`, with `initializers` and `kernels`: the layer that has weights, and what computes its products;
3. `functions` and `activation`: relu, sigmoid, tanh, softmax, linear;
4. `dropout` and `reshaping`;
5. `stack`, with `branches`: how the chain forks and joins;
6. `network`: a sequence of layers, its shapes and initial parameters;
7. `table` and `parse`: networks as text.

>>> network = sequence(dense(128), activation("relu"), dropout(0.1), dense(10))
>>> network.shapes((784,))
((784,), (128,), (128,), (128,), (10,))
>>> parse_layers(network.spec()) == network
True
"""

from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.activation import Activation, activation
from annex_actors.layers.branches import Concatenate, Fork, Join, Rotate, add, concat, residual
from annex_actors.layers.dense import Dense, dense
from annex_actors.layers.dropout import Dropout, dropout
from annex_actors.layers.functions import Function, Linear, Relu, Sigmoid, Softmax, Tanh
from annex_actors.layers.initializers import INITIALIZERS, Initializer, register_initializer
from annex_actors.layers.kernels import KERNELS, NUMPY, Kernels, NumpyKernels, UsesKernels, kernels
from annex_actors.layers.layer import (
    EstimatesWork,
    Factors,
    FollowedBy,
    Layer,
    MixesRows,
    Rectifies,
    Saved,
    Stateful,
    Weighted,
)
from annex_actors.layers.network import Network, repeat, sequence
from annex_actors.layers.parse import parse_layers
from annex_actors.layers.reshaping import Flatten, Permute, Reshape, flatten, permute, reshape
from annex_actors.layers.stack import AnyLayer, OnStack, Stack, StackLayer, on_stack
from annex_actors.layers.table import LAYERS, Constructor, register_layer
from annex_actors.layers.torch_kernels import TorchKernels

__all__ = [
    "INITIALIZERS",
    "KERNELS",
    "LAYERS",
    "NUMPY",
    "Activation",
    "AnyLayer",
    "Concatenate",
    "Constructor",
    "DType",
    "Dense",
    "Dropout",
    "EstimatesWork",
    "Factors",
    "Flatten",
    "Floats",
    "FollowedBy",
    "Fork",
    "Function",
    "Initializer",
    "Join",
    "Kernels",
    "Layer",
    "Linear",
    "MixesRows",
    "Network",
    "NumpyKernels",
    "OnStack",
    "Parameters",
    "Permute",
    "Rectifies",
    "Relu",
    "Reshape",
    "Rotate",
    "Saved",
    "Shape",
    "Sigmoid",
    "Softmax",
    "Stack",
    "StackLayer",
    "Stateful",
    "Tanh",
    "TorchKernels",
    "UsesKernels",
    "Weighted",
    "activation",
    "add",
    "concat",
    "dense",
    "dropout",
    "flatten",
    "kernels",
    "on_stack",
    "parse_layers",
    "permute",
    "register_initializer",
    "register_layer",
    "repeat",
    "reshape",
    "residual",
    "sequence",
]
