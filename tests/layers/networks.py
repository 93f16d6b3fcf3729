"""Small networks that together contain every layer; the oracle and the faults run each of them."""

from __future__ import annotations

from dataclasses import dataclass

from annex_actors.base.types import Shape
from annex_actors.layers import LAYERS, Network, parse_layers
from annex_actors.layers.parse import encloses
from tests.layers.activations import networks as activations
from tests.layers.images import networks as images
from tests.layers.norms import networks as norms
from tests.layers.sequences import networks as sequences
from tests.trainings import CLASSES, FEATURES, Training


@dataclass(frozen=True)
class SmallNetwork:
    """A network as text.

    Args:
        text: its layers; it has `CLASSES` outputs.
        input_shape: of a sample.
        tokens: if not 0, samples are whole numbers below it.
    """

    text: str
    input_shape: Shape = (FEATURES,)
    tokens: int = 0

    def __str__(self) -> str:
        return self.text

    @property
    def network(self) -> Network:
        """The network itself."""
        return parse_layers(self.text)

    def training(self, **settings: object) -> Training:
        """Return a training of the network, with other settings of `Training`."""
        return Training(network=self.network, input_shape=self.input_shape, tokens=self.tokens, **settings)  # type: ignore[arg-type]


NETWORKS = [
    SmallNetwork(f"dense:6 relu dropout:0.3 dense:{CLASSES}"),
    SmallNetwork(f"reshape:2:2 dense:3 sigmoid permute:2:1 dense:5 softmax flatten dense:{CLASSES} linear"),
    SmallNetwork(f"repeat:2( dense:4 residual( dense:4 tanh ) ) dense:{CLASSES}"),
    SmallNetwork(f"concat( sequence( dense:3 tanh ) linear dense:2 ) add( dense:4 dense:4 dense:4 ) dense:{CLASSES}"),
    SmallNetwork(f"annex_dense:6:sigmoid dense:5 step annex_dense:{CLASSES}:tanh"),
    *(SmallNetwork(*each) for each in (*activations.NETWORKS, *norms.NETWORKS, *images.NETWORKS, *sequences.NETWORKS)),
]


def layers_of(networks: list[SmallNetwork]) -> set[str]:
    """Return the names of the layers in these networks."""
    return {layer.name for each in networks for layer in each.network.layers}


def unused() -> set[str]:
    """Return the names of layers in the table that no network here contains, but for the one that needs torch.

    That one is in the networks of ``tests/oracle/test_torch_modules.py``.
    """
    return {name for name, made in LAYERS.items() if not encloses(made)} - layers_of(NETWORKS) - {"torch_module"}
