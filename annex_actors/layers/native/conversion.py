"""Networks from torch's sequential models, and back, with equal outputs.

Torch has the channels of an image before its pixels, this package after them. Where it matters, a permutation is put in
between: `from_torch` gives a network that takes samples as the torch module does, and `to_torch` a module that takes
samples as the network does. What counts every number of a sample by itself, such as relu, needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from annex_actors.base import checks
from annex_actors.base.types import Array, Shape
from annex_actors.layers import torch_library
from annex_actors.layers.network import Network


@runtime_checkable
class Trained(Protocol):
    """The weights of a network and the shape of its samples, such as `Learner.checkpoint`."""

    @property
    def weights(self) -> Mapping[str, Array]:
        """All weights by name: ``0.weight``, ``0.bias`` and so on."""

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample."""


def from_torch(module: Any, input_shape: Shape | None = None) -> tuple[Network, dict[str, Array]]:
    """Return the network that computes what a torch module does, and its weights.

    The network takes the samples that the module takes: images with channels first. An ``nn.Linear`` without biases
    gets some, of 0. Train it with the module's weights
    by ``learner.train(dataset, initial_weights=weights)``.

    Args:
        module: an ``nn.Sequential``, which may hold others, of modules that this package has a layer for; or one such.
        input_shape: of a sample. It is needed where the module alone does not say over which axis to work, such as
            ``nn.GroupNorm`` in front; without it a ``nn.BatchNorm1d`` is taken to be of vectors.

    Returns:
        The network, and weights by name as in `Checkpoint.weights`. The names within a layer are torch's.

    Raises:
        ConfigError: torch is not installed; or a module that this package has no layer for, which the message names.
    """
    torch = torch_library.imported("`from_torch`")
    checks.instance("module", module, torch.nn.Module, "a torch.nn.Module, such as torch.nn.Sequential(...)")
    if input_shape is not None:
        input_shape = checks.sizes("input_shape", input_shape, "the shape of a sample, such as (3, 32, 32)")
    from annex_actors.layers.native.from_modules import converted

    return converted(module, input_shape)


def to_torch(network: Network, trained: Trained) -> Any:
    """Return a ``torch.nn.Sequential`` that computes what a network does; of one that branches, a subclass of it.

    The module takes the samples that the network takes, and returns what the last layer does, without the probabilities
    that a cost makes of it. Its ``state_dict`` has the names of `Checkpoint.weights`; it is
    in evaluation mode.

    Args:
        network: its layers.
        trained: its weights, such as ``learner.checkpoint``.

    Raises:
        ConfigError: torch is not installed; or a layer that torch has no module for, which the message names.
    """
    torch_library.imported("`to_torch`")
    checks.instance("network", network, Network, "a network, such as sequence(dense(8), dense(3))")
    checks.instance("trained", trained, Trained, "a checkpoint, such as learner.checkpoint")
    from annex_actors.layers.native.to_modules import converted

    return converted(network, trained.weights, trained.input_shape)
