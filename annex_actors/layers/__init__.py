"""Layers and networks: pure functions on arrays, without actors or threads.

Read the modules in this order:

1. `layer`: the protocol `Layer`, which has five members, and what a layer with weights or state adds;
2. `dense`, with `initializers` and `kernels`: the layer that has weights, and what computes its products;
3. `activations`: relu, gelu, sigmoid and others, and what a function of your own needs;
4. `norms`: batch norm, layer norm and others; `dropout`; `reshaping`;
5. `stack`, with `branches`: how the chain forks and joins;
6. `sequences`: embedding, positions, attention, lstm, gru, and masks; with `indices` and `samples`;
7. `network`: a sequence of layers, its shapes and initial parameters, with `tuning` and `tuned`: how each layer learns;
8. `table` and `parse`: networks as text;
9. `two_functions`: a layer made of two functions; `annex_dense`: Annex's backward pass.

>>> network = sequence(dense(128), activation("relu"), dropout(0.1), dense(10))
>>> network.shapes((784,))
((784,), (128,), (128,), (128,), (10,))
>>> parse_layers(network.spec()) == network
True
"""

from annex_actors.base.types import DType, Floats, Parameters, Shape
from annex_actors.layers.activations import (
    Activation,
    Elu,
    Function,
    Gelu,
    LeakyRelu,
    Linear,
    LogSoftmax,
    Prelu,
    Relu,
    SavesMore,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Step,
    Tanh,
    activation,
    prelu,
)
from annex_actors.layers.annex_dense import AnnexDense, annex_dense
from annex_actors.layers.branches import Concatenate, Fork, Join, Rotate, add, concat, residual
from annex_actors.layers.dense import Dense, dense
from annex_actors.layers.dropout import Dropout, dropout
from annex_actors.layers.indices import TakesIndices
from annex_actors.layers.initializers import INITIALIZERS, Initializer, register_initializer
from annex_actors.layers.kernels import KERNELS, NUMPY, Kernels, NumpyKernels, TorchKernels, UsesKernels, kernels
from annex_actors.layers.layer import (
    EstimatesWork,
    Factors,
    FollowedBy,
    Layer,
    MixesRows,
    NeedsSamples,
    Rectifies,
    Saved,
    Stateful,
    Weighted,
)
from annex_actors.layers.network import Network, repeat, sequence
from annex_actors.layers.norms import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    RmsNorm,
    batch_norm,
    group_norm,
    layer_norm,
    rms_norm,
)
from annex_actors.layers.parse import parse_layers
from annex_actors.layers.reshaping import Flatten, Permute, Reshape, flatten, permute, reshape
from annex_actors.layers.sequences import (
    SEQUENCE_LAYERS,
    Embedding,
    Mask,
    MaskedAvgPool,
    Positions,
    Recurrent,
    SelfAttention,
    SinusoidalPositions,
    Unmask,
    embedding,
    gru,
    lstm,
    mask,
    masked_avg_pool,
    positions,
    self_attention,
    sinusoidal_positions,
    unmask,
)
from annex_actors.layers.stack import AnyLayer, ChangesMask, OnStack, Stack, StackLayer, UsesMask, on_stack
from annex_actors.layers.table import LAYERS, Constructor, register_layer
from annex_actors.layers.tuned import freeze, l1, l2, learning_rate
from annex_actors.layers.tuning import Tuning
from annex_actors.layers.two_functions import TwoFunctions, layer

__all__ = [
    "INITIALIZERS",
    "KERNELS",
    "LAYERS",
    "NUMPY",
    "SEQUENCE_LAYERS",
    "Activation",
    "AnnexDense",
    "AnyLayer",
    "BatchNorm",
    "ChangesMask",
    "Concatenate",
    "Constructor",
    "DType",
    "Dense",
    "Dropout",
    "Elu",
    "Embedding",
    "EstimatesWork",
    "Factors",
    "Flatten",
    "Floats",
    "FollowedBy",
    "Fork",
    "Function",
    "Gelu",
    "GroupNorm",
    "Initializer",
    "Join",
    "Kernels",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "Linear",
    "LogSoftmax",
    "Mask",
    "MaskedAvgPool",
    "MixesRows",
    "NeedsSamples",
    "Network",
    "NumpyKernels",
    "OnStack",
    "Parameters",
    "Permute",
    "Positions",
    "Prelu",
    "Rectifies",
    "Recurrent",
    "Relu",
    "Reshape",
    "RmsNorm",
    "Rotate",
    "Saved",
    "SavesMore",
    "SelfAttention",
    "Shape",
    "Sigmoid",
    "Silu",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Stack",
    "StackLayer",
    "Stateful",
    "Step",
    "TakesIndices",
    "Tanh",
    "TorchKernels",
    "Tuning",
    "TwoFunctions",
    "Unmask",
    "UsesKernels",
    "UsesMask",
    "Weighted",
    "activation",
    "add",
    "annex_dense",
    "batch_norm",
    "concat",
    "dense",
    "dropout",
    "embedding",
    "flatten",
    "freeze",
    "group_norm",
    "gru",
    "kernels",
    "l1",
    "l2",
    "layer",
    "layer_norm",
    "learning_rate",
    "lstm",
    "mask",
    "masked_avg_pool",
    "on_stack",
    "parse_layers",
    "permute",
    "positions",
    "prelu",
    "register_initializer",
    "register_layer",
    "repeat",
    "reshape",
    "residual",
    "rms_norm",
    "self_attention",
    "sequence",
    "sinusoidal_positions",
    "unmask",
]
