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
from annex_actors.costs import Cost, register_cost
from annex_actors.data import Dataset, Samples, load
from annex_actors.experiments.simulation import Simulation, simulate
from annex_actors.layers import (
    Initializer,
    Kernels,
    Layer,
    Network,
    StackLayer,
    activation,
    dense,
    dropout,
    flatten,
    parse_layers,
    register_layer,
    residual,
    sequence,
)
from annex_actors.metrics import Mode, Takes, register_metric
from annex_actors.optimizers import (
    Adam,
    Cosine,
    InverseTime,
    LearningRate,
    Optimizer,
    Sgd,
    Stepwise,
    Warmup,
    register_optimizer,
)
from annex_actors.protocol.events import EpochFinished, Evaluated, Event, PeerExited, PeerStarted, StepFinished
from annex_actors.protocol.instrument import Point
from annex_actors.protocol.messages import Address
from annex_actors.runs.run_directory import RunDirectory
from annex_actors.runs.saved_run import SavedRun
from annex_actors.runtimes import (
    Crash,
    InlineRuntime,
    Observer,
    ProcessesRuntime,
    RunFailedError,
    Runtime,
    SchedulersRuntime,
    Supervision,
    ThreadsRuntime,
)
from annex_actors.runtimes.cost_model import CostModel, LayerTimes
from annex_actors.runtimes.simulated import Piece, StageTally, WorkerTally
from annex_actors.schedules.discipline import B, Discipline, F, Grouping, Progress, W, Work
from annex_actors.schedules.table import register_schedule
from annex_actors.training.checkpoint import Checkpoint
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.early_stopping import EarlyStopping
from annex_actors.training.halting import all_of, any_of, loss_less_than, max_epochs, max_seconds, max_steps
from annex_actors.training.history import History
from annex_actors.training.learner import Learner
from annex_actors.training.rate_finder import RateSearch
from annex_actors.training.result import InterruptedRun, Result
from annex_actors.training.summary import LayerSummary, Summary

__version__ = version("annex-actors")

__all__ = [
    "Adam",
    "Address",
    "AnnexError",
    "B",
    "Checkpoint",
    "Checkpoints",
    "ConfigError",
    "Cosine",
    "Cost",
    "CostModel",
    "Crash",
    "DataError",
    "Dataset",
    "Discipline",
    "DivergedError",
    "EarlyStopping",
    "EpochFinished",
    "Evaluated",
    "Event",
    "F",
    "Grouping",
    "History",
    "Initializer",
    "InlineRuntime",
    "InterruptedRun",
    "InverseTime",
    "Kernels",
    "Layer",
    "LayerError",
    "LayerSummary",
    "LayerTimes",
    "Learner",
    "LearningRate",
    "Mode",
    "Network",
    "Observer",
    "Optimizer",
    "PeerExited",
    "PeerStarted",
    "Piece",
    "Point",
    "ProcessesRuntime",
    "Progress",
    "RandomKey",
    "RateSearch",
    "Result",
    "RunDirectory",
    "RunFailedError",
    "Runtime",
    "Samples",
    "SavedRun",
    "SchedulersRuntime",
    "Sgd",
    "ShapeError",
    "Simulation",
    "StackLayer",
    "StageTally",
    "StepFinished",
    "Stepwise",
    "Summary",
    "Supervision",
    "Tag",
    "Takes",
    "ThreadsRuntime",
    "UserError",
    "W",
    "Warmup",
    "Work",
    "WorkerTally",
    "activation",
    "all_of",
    "any_of",
    "dense",
    "dropout",
    "flatten",
    "frozen",
    "load",
    "loss_less_than",
    "max_epochs",
    "max_seconds",
    "max_steps",
    "parse_layers",
    "register_cost",
    "register_layer",
    "register_metric",
    "register_optimizer",
    "register_schedule",
    "residual",
    "sequence",
    "simulate",
]
