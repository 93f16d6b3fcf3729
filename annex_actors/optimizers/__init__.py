"""Optimizers: from one version of the weights to the next, never in place.

A reading order:

1. `optimizer`: the protocol `Optimizer`, three members that an optimizer of your own has too;
2. `sgd`: gradient descent with momentum;
3. `adam`: Adam, and AdamW by weight_decay.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.optimizers.adam import Adam
from annex_actors.optimizers.optimizer import Optimizer
from annex_actors.optimizers.sgd import Sgd

OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = MappingProxyType({"sgd": Sgd, "adam": Adam})
"""The built-in optimizers by name."""


def optimizer(name: str, **settings: Any) -> Optimizer:
    """Return the optimizer of this name, ``sgd`` or ``adam``, with the settings of its class.

    Raises:
        ConfigError: no such optimizer, no such setting, or a setting outside its range.
    """
    if name not in OPTIMIZERS:
        checks.unknown("optimizer", name, OPTIMIZERS)
    known = inspect.signature(OPTIMIZERS[name]).parameters
    for setting in settings:
        if setting not in known:
            hint = checks.did_you_mean(setting, known)
            raise ConfigError(f"expected settings of {name} to be among {', '.join(known)}, got {setting!r}{hint}")
    return OPTIMIZERS[name](**settings)


__all__ = ["OPTIMIZERS", "Adam", "Optimizer", "Sgd", "optimizer"]
