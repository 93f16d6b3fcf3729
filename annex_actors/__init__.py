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

from importlib.metadata import version

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
from annex_actors.layers import Layer, Network, activation, dense, dropout, flatten, parse_layers, sequence
from annex_actors.optimizers import Adam, Sgd
from annex_actors.protocol.events import EpochFinished, Event, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.stage import Point
from annex_actors.runtimes import Crash, Observer, RunFailedError, Supervision
from annex_actors.training.learner import InterruptedRun, Learner, Result, loss_less_than

__version__ = version("annex-actors")

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
