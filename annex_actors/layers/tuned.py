"""Words that enclose layers and say how these learn: ``freeze( dense:64 relu )``, ``l2:0.001( dense:64 )``."""

from __future__ import annotations

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.layers.network import Network, sequence
from annex_actors.layers.stack import AnyLayer
from annex_actors.layers.tuning import UNTUNED, Tuning


def freeze(*layers: AnyLayer | Network) -> Network:
    """Return layers that do not learn: their parameters and running statistics stay what they are.

    They keep no optimizer slots. No gradient is computed for their weights, and none at all for the layers below the
    first layer that learns.

    Args:
        layers: layers or networks.

    Raises:
        ConfigError: there are no layers, or something is not a layer.
    """
    return _tuned("freeze", Tuning(frozen=True), layers)


def learning_rate(factor: float, *layers: AnyLayer | Network) -> Network:
    """Return layers that learn with the optimizer's learning rate times a factor.

    Args:
        factor: > 0; factors of enclosing words multiply.
        layers: layers or networks.

    Raises:
        ConfigError: ``factor`` is not such a number, there are no layers, or something is not a layer.
    """
    return _tuned("learning_rate", Tuning(learning_rate=checks.real_number("factor", factor, above=0)), layers)


def l1(penalty: float, *layers: AnyLayer | Network) -> Network:
    """Return layers whose weights cost ``penalty`` times the sum of their absolute values; biases cost nothing.

    Args:
        penalty: >= 0; penalties of enclosing words add up.
        layers: layers or networks.

    Raises:
        ConfigError: ``penalty`` is not such a number, there are no layers, or something is not a layer.

    Source:
        Tibshirani (1996), Regression shrinkage and selection via the lasso.
    """
    return _tuned("l1", Tuning(l1=checks.real_number("penalty", penalty, at_least=0)), layers)


def l2(penalty: float, *layers: AnyLayer | Network) -> Network:
    """Return layers whose weights cost ``penalty`` times the sum of their squares; biases cost nothing.

    Args:
        penalty: >= 0; penalties of enclosing words add up.
        layers: layers or networks.

    Raises:
        ConfigError: ``penalty`` is not such a number, there are no layers, or something is not a layer.

    Source:
        Hoerl, Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems.
    """
    return _tuned("l2", Tuning(l2=checks.real_number("penalty", penalty, at_least=0)), layers)


def _tuned(word: str, outer: Tuning, layers: tuple[AnyLayer | Network, ...]) -> Network:
    if not layers:
        raise ConfigError(f"expected `{word}` to have at least one layer, got none")
    network = sequence(*layers)
    own = network.tuning or (UNTUNED,) * len(network.layers)
    return Network(network.layers, tuple(each.within(outer) for each in own))
