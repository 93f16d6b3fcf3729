"""The names that a user of the package needs: `annex_actors` has them all."""

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
