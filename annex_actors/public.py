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
    add,
    concat,
    dense,
    dropout,
    flatten,
    parse_layers,
    permute,
    register_initializer,
    register_layer,
    repeat,
    reshape,
    residual,
    sequence,
)
from annex_actors.optimizers import (
    Adagrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseTime,
    LearningRate,
    Lion,
    OneCycle,
    Optimizer,
    Polynomial,
    RMSprop,
    Sgd,
    Stepwise,
    Warmup,
    register_optimizer,
)
from annex_actors.protocol.events import EpochFinished, Event, PeerExited, PeerStarted, StepFinished
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
from annex_actors.training.halting import loss_less_than
from annex_actors.training.learner import Learner
from annex_actors.training.result import InterruptedRun, Result

__version__ = version("annex-actors")

__all__ = [
    "Adagrad",
    "Adam",
    "AdamW",
    "Address",
    "AnnexError",
    "B",
    "Checkpoint",
    "Checkpoints",
    "ConfigError",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Cost",
    "CostModel",
    "Crash",
    "DataError",
    "Dataset",
    "Discipline",
    "DivergedError",
    "EpochFinished",
    "Event",
    "Exponential",
    "F",
    "Grouping",
    "Initializer",
    "InlineRuntime",
    "InterruptedRun",
    "InverseTime",
    "Kernels",
    "Layer",
    "LayerError",
    "LayerTimes",
    "Learner",
    "LearningRate",
    "Lion",
    "Network",
    "Observer",
    "OneCycle",
    "Optimizer",
    "PeerExited",
    "PeerStarted",
    "Piece",
    "Point",
    "Polynomial",
    "ProcessesRuntime",
    "Progress",
    "RMSprop",
    "RandomKey",
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
    "Supervision",
    "Tag",
    "ThreadsRuntime",
    "UserError",
    "W",
    "Warmup",
    "Work",
    "WorkerTally",
    "activation",
    "add",
    "concat",
    "dense",
    "dropout",
    "flatten",
    "frozen",
    "load",
    "loss_less_than",
    "parse_layers",
    "permute",
    "register_cost",
    "register_initializer",
    "register_layer",
    "register_optimizer",
    "register_schedule",
    "repeat",
    "reshape",
    "residual",
    "sequence",
    "simulate",
]
