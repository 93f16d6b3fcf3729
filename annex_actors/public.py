"""The public API: `annex_actors` exports these names, but imports this module only when one of them is used."""

from importlib.metadata import version

from annex_actors.base.errors import (
    AnnexError,
    ConfigError,
    DataError,
    DivergedError,
    LayerError,
    ShapeError,
    UserError,
)
from annex_actors.base.random_keys import RandomKey, Tag
from annex_actors.base.types import frozen
from annex_actors.costs import register_cost
from annex_actors.data import Dataset, load
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import (
    Initializer,
    Layer,
    Network,
    activation,
    dense,
    dropout,
    flatten,
    parse_layers,
    register_layer,
    residual,
    sequence,
)
from annex_actors.optimizers import (
    Adam,
    Cosine,
    InverseTime,
    LearningRate,
    Sgd,
    Stepwise,
    Warmup,
    register_optimizer,
)
from annex_actors.protocol.events import EpochFinished, Event, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.instrument import Point
from annex_actors.runtimes import Crash, Observer, RunFailedError, Supervision
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.schedules.discipline import B, Discipline, F, Grouping, W
from annex_actors.schedules.table import register_schedule
from annex_actors.training.halting import loss_less_than
from annex_actors.training.learner import Learner
from annex_actors.training.result import InterruptedRun, Result

__version__ = version("annex-actors")

__all__ = [
    "Adam",
    "AnnexError",
    "B",
    "ConfigError",
    "Cosine",
    "CostModel",
    "Crash",
    "DataError",
    "Dataset",
    "Discipline",
    "DivergedError",
    "EpochFinished",
    "Event",
    "F",
    "Grouping",
    "Initializer",
    "InterruptedRun",
    "InverseTime",
    "Layer",
    "LayerError",
    "LayerTimes",
    "Learner",
    "LearningRate",
    "Network",
    "Observer",
    "PeerExited",
    "PeerStarted",
    "Point",
    "RandomKey",
    "Result",
    "RunFailedError",
    "Sgd",
    "ShapeError",
    "Simulation",
    "StepFinished",
    "Stepwise",
    "Supervision",
    "Tag",
    "UserError",
    "W",
    "Warmup",
    "activation",
    "dense",
    "dropout",
    "flatten",
    "frozen",
    "load",
    "loss_less_than",
    "parse_layers",
    "register_cost",
    "register_layer",
    "register_optimizer",
    "register_schedule",
    "residual",
    "sequence",
    "simulate",
]
