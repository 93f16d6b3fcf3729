"""Layers and networks: pure functions over arrays, with neither actors nor threads.

A reading order:

1. `layer`: the protocol `Layer`, seven members that a layer of your own has too;
2. `dense`, with `initializers` and `kernels`: the layer that has weights, and who computes its products;
3. `functions` and `activation`: relu, sigmoid, tanh, softmax, linear;
4. `dropout` and `flatten`;
5. `network`: layers in a row, their shapes and first parameters;
6. `parse`: networks as text.

>>> network = sequence(dense(128), activation("relu"), dropout(0.1), dense(10))
>>> network.shapes((784,))
((784,), (128,), (128,), (128,), (10,))
>>> parse_layers(network.spec()) == network
True
"""

from annex_actors.layers.activation import Activation, activation
from annex_actors.layers.dense import Dense, dense
from annex_actors.layers.dropout import Dropout, dropout
from annex_actors.layers.flatten import Flatten, flatten
from annex_actors.layers.functions import Function, Linear, Relu, Sigmoid, Softmax, Tanh
from annex_actors.layers.initializers import Initializer
from annex_actors.layers.kernels import KERNELS, NUMPY, Kernels, NumpyKernels, TorchKernels, UsesKernels, kernels
from annex_actors.layers.layer import Layer, Saved
from annex_actors.layers.network import Network, sequence
from annex_actors.layers.parse import CONSTRUCTORS, Constructor, parse_layers

__all__ = [
    "CONSTRUCTORS",
    "KERNELS",
    "NUMPY",
    "Activation",
    "Constructor",
    "Dense",
    "Dropout",
    "Flatten",
    "Function",
    "Initializer",
    "Kernels",
    "Layer",
    "Linear",
    "Network",
    "NumpyKernels",
    "Relu",
    "Saved",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TorchKernels",
    "UsesKernels",
    "activation",
    "dense",
    "dropout",
    "flatten",
    "kernels",
    "parse_layers",
    "sequence",
]
