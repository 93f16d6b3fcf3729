"""The table of layers by name, which parsing, the documentation and the conformance tests share.

`register_layer` adds your own layers, which then have a name in a network's text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from annex_actors.base.errors import ConfigError
from annex_actors.base.shown import shown
from annex_actors.base.tables import Table
from annex_actors.layers.activations import ACTIVATION_LAYERS
from annex_actors.layers.annex_dense import annex_dense
from annex_actors.layers.branches import Concatenate, Fork, Join, Rotate, add, concat, residual
from annex_actors.layers.dense import dense
from annex_actors.layers.dropout import dropout
from annex_actors.layers.images import IMAGE_LAYERS
from annex_actors.layers.layer import Layer
from annex_actors.layers.native import NATIVE_LAYERS
from annex_actors.layers.network import Network, repeat, sequence
from annex_actors.layers.norms import NORM_LAYERS
from annex_actors.layers.reshaping import flatten, permute, reshape
from annex_actors.layers.sequences import SEQUENCE_LAYERS
from annex_actors.layers.stack import AnyLayer
from annex_actors.layers.tuned import freeze, l1, l2, learning_rate

Constructor: TypeAlias = Callable[..., AnyLayer | Network]
"""Makes a layer from the arguments of its word; `annex_actors.base.calls.argument_of` says what they may be.

A constructor with ``*layers`` gets the layers that its word encloses. The first line of its docstring says what the
layer does.
"""


def _dense(out_features: int, in_features: int | str | None = None, initializer: str | None = None) -> Layer:
    """Return a fully connected layer, ``y = x @ weights + biases``.

    Samples have shape ``(..., in_features)``, outputs ``(..., out_features)``: each row of the last axis is multiplied
    by the same weights, shape ``(in_features, out_features)``. Biases have shape ``(out_features,)``, and begin as 0.

    Args:
        out_features: the length of the last axis of its outputs, >= 1.
        in_features: the length of a sample's last axis; inferred from the layer before if not given.
        initializer: such as "he", "lecun_normal" or "constant,0.1"; if not given, He if the next activation is a relu,
            else Glorot.

    Source:
        Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating errors.
    """
    if isinstance(in_features, str) and initializer is None:
        return dense(out_features, initializer=in_features)
    return dense(out_features, in_features, initializer=initializer or "auto")  # type: ignore[arg-type]  # dense checks


def _annex_dense(out_features: int, activation: str = "linear", initializer: str = "annex") -> Layer:
    """Return ``y = f(x @ weights + biases)`` that learns by Annex's rule, which is not the gradient.

    Samples have shape ``(in_features,)``, outputs ``(out_features,)``. It is for the comparison with Annex; `dense` and
    an activation learn better.

    Args:
        out_features: how many outputs there are, >= 1.
        activation: the function's name; its arguments follow commas, as in "relu,0.5".
        initializer: of the weights; Annex's draws them from -1 to 1. Biases begin as 0.

    Source:
        Annex 0.2, the layers ``Annex.Layer.Dense`` and ``Annex.Layer.Activation``.
    """
    return annex_dense(out_features, activation, initializer=initializer)


LAYERS: Table[Constructor] = Table(
    "layer",
    {
        "dense": _dense,
        **ACTIVATION_LAYERS,
        **NORM_LAYERS,
        "dropout": dropout,
        "flatten": flatten,
        "reshape": reshape,
        "permute": permute,
        "sequence": sequence,
        "repeat": repeat,
        "residual": residual,
        "add": add,
        "concat": concat,
        "fork": Fork,
        "rotate": Rotate,
        "join": Join,
        "concatenate": Concatenate,
        **IMAGE_LAYERS,
        **SEQUENCE_LAYERS,
        **NATIVE_LAYERS,
        "annex_dense": _annex_dense,
        "freeze": freeze,
        "learning_rate": learning_rate,
        "l1": l1,
        "l2": l2,
    },
)
"""The layers by name, as written in a network's text."""


def register_layer(name: str, constructor: Constructor) -> None:
    """Register your own layer by name, for `parse_layers`, config files and the command line (``--load FILE``).

    Args:
        name: one word; the layer's `name` and the beginning of its `spec`. It replaces your earlier layer of that name.
        constructor: the layer's class, or a function that returns a layer.

    Raises:
        ConfigError: the name is one of this package's or not a single word, or the constructor is not callable.
    """
    if not callable(constructor):
        raise ConfigError(
            f"expected `constructor` to be a class or a function that makes a layer, got {shown(constructor)}"
        )
    LAYERS.register(name, constructor)
