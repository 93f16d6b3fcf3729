"""Neural networks whose layers are supervised actors.

Every layer is an actor that exchanges activation and gradient messages with its neighbours, shares nothing, and lives
under a tree of supervisors. The weights are the same to the last bit on every runtime, and whatever crashes on the way.

>>> from annex_actors import Learner, activation, dense, load, sequence
>>> learner = Learner(sequence(dense(8), activation("tanh"), dense(2)), microbatches=1, seed=1)
>>> result = learner.train(load("xor"), epochs=300, batch_size=4)
>>> result.test_accuracy
1.0

Where to read on: `layers` (the mathematics), `protocol` (messages, mailbox, stage: the idea), `runtimes` (hosts and the
supervision tree), `training` (trainer and learner), `cli`; and `supervisors`, a package of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annex_actors.data import Dataset, load
    from annex_actors.errors import (
        AnnexError,
        ConfigError,
        DataError,
        DivergedError,
        LayerError,
        ShapeError,
        UserError,
    )
    from annex_actors.layers import Layer, Network, parse_layers, sequence
    from annex_actors.layers.activation import activation
    from annex_actors.layers.dense import dense
    from annex_actors.layers.dropout import dropout
    from annex_actors.layers.flatten import flatten
    from annex_actors.optimizers import Adam, Sgd
    from annex_actors.protocol.events import EpochFinished, Event, PeerExited, PeerStarted, StepFinished
    from annex_actors.protocol.stage import Point
    from annex_actors.runtimes import Crash, Observer, RunFailedError, Supervision
    from annex_actors.training.learner import InterruptedRun, Learner, Result, loss_less_than

    __version__: str

# Imported when first asked for: `annex-actors --help` needs none of it, and should answer at once.
_HOMES = {
    "annex_actors.data": ("Dataset", "load"),
    "annex_actors.errors": (
        "AnnexError",
        "ConfigError",
        "DataError",
        "DivergedError",
        "LayerError",
        "ShapeError",
        "UserError",
    ),
    "annex_actors.layers": (
        "Layer",
        "Network",
        "activation",
        "dense",
        "dropout",
        "flatten",
        "parse_layers",
        "sequence",
    ),
    "annex_actors.optimizers": ("Adam", "Sgd"),
    "annex_actors.protocol.events": ("EpochFinished", "Event", "PeerExited", "PeerStarted", "StepFinished"),
    "annex_actors.protocol.stage": ("Point",),
    "annex_actors.runtimes": ("Crash", "Observer", "RunFailedError", "Supervision"),
    "annex_actors.training.learner": ("InterruptedRun", "Learner", "Result", "loss_less_than"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("annex-actors")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__, "__version__"]


__all__ = [
    "Adam",
    "AnnexError",
    "ConfigError",
    "Crash",
    "DataError",
    "Dataset",
    "DivergedError",
    "EpochFinished",
    "Event",
    "InterruptedRun",
    "Layer",
    "LayerError",
    "Learner",
    "Network",
    "Observer",
    "PeerExited",
    "PeerStarted",
    "Point",
    "Result",
    "RunFailedError",
    "Sgd",
    "ShapeError",
    "StepFinished",
    "Supervision",
    "UserError",
    "activation",
    "dense",
    "dropout",
    "flatten",
    "load",
    "loss_less_than",
    "parse_layers",
    "sequence",
]
