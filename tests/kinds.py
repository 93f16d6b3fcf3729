"""Every public function by its signature, and values of every kind to call it with.

What a parameter accepts is read from its annotation, so that a new function is called with wrong kinds without a word
in any test. A new type of parameter needs one right value in `EXAMPLES`.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Callable as AbstractCallable
from dataclasses import dataclass
from functools import cache, partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from annex_actors import public
from annex_actors.costs import MeanSquaredError
from annex_actors.data.transforms.scaling import Standardise
from annex_actors.runtimes.program import Program
from annex_actors.training import profiles
from tests.trainings import ArraySource

HUGE = 10**400
"""More than any array, file or float holds."""


class Started(BaseException):
    """A runtime was asked to start: everything that it was given had been accepted."""


class Untouched:
    """A runtime on which nothing starts."""

    name = "untouched"

    def start(self, program: Program) -> Any:
        raise Started


def wrong_kinds() -> dict[str, Any]:
    """Return a value of each kind that people give by mistake, by what it is; new ones, since a generator ends."""
    objects = np.array([object(), "text"], dtype=object)
    return {
        "None": None,
        "a class": dict,
        "an object": object(),
        "a function": lambda *arguments, **options: None,
        "a misspelt text": "bakward",
        "an empty text": "",
        "a text with a null": "a\0b",
        "a long text": "a" * 100_000,
        "bytes": b"1",
        "a path": Path("no-such-file.csv"),
        "an empty tuple": (),
        "a tuple": (1, 2),
        "a list of text": ["a"],
        "a dict": {"a": 1},
        "an empty dict": {},
        "a set": {1},
        "a generator": (each for each in [1, 2]),
        "a bool": True,
        "NaN": float("nan"),
        "infinity": float("inf"),
        "a huge integer": HUGE,
        "a negative integer": -1,
        "zero": 0,
        "a large integer": 2**40,
        "a fraction": 1.5,
        "a complex number": 1j,
        "a NumPy integer": np.int64(3),
        "a NumPy float": np.float32(0.25),
        "a NumPy NaN": np.float64("nan"),
        "a NumPy bool": np.True_,
        "an array": np.ones((2, 2)),
        "an array of objects": objects,
        "an exception": ValueError("no"),
    }


NEVER = ("NaN", "infinity", "a huge integer", "a NumPy NaN")
"""No parameter of a public function takes these, but those that take any array."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a public callable.

    Args:
        owner: the name of the callable, such as ``Learner.train``.
        name: of the parameter.
        annotation: its type, resolved.
        call: calls the callable, with right values for all other parameters.
    """

    owner: str
    name: str
    annotation: Any
    call: Callable[[Any], Any]

    def __str__(self) -> str:
        return f"{self.owner}({self.name})"


MADE_BY_US = {
    *(name for name in public.__all__ if name.endswith(("Error", "Finished", "Started", "Exited")) or name == "Event"),
    *("Compared", "Comparison", "Evaluated", "History", "LayerSummary", "LearnerSpec", "Planned", "Prediction"),
    *("RateSearch", "Summary", "Swept"),
    *("InterruptedRun", "Result", "Simulation", "Piece", "StageTally", "WorkerTally", "Progress", "Address"),
    "Checkpoint",
}
"""Values that users get and do not make: what they contain was checked where it came from. Errors, events and addresses
are made for every message or failure, and results and checkpoints by a training."""

BETWEEN_ACTORS = {
    *("initial_state", "update", "start", "carry_out"),
    *("EarlyStopping.best", "CostModel.size_between", "Checkpoints.write", "Checkpoints.newest", "Checkpoints.at"),
    *(f"RunDirectory.{name}" for name in ("add_events", "append", "begin", "checkpoints", "end", "record")),
    *("Preparation", "Trace", "Tracer"),
    *("Clipping.clip", "Tuning.within", "Tuning.penalty", "Tuning.add_penalty_gradients"),
    *("DelayedLinks.seconds", "Link.seconds", "SlowedLayers.instrument", "SlowedLayers.seconds"),
    *("Grouping", "Initializer", "Kind", "Mode", "NodeStrategy", "Objective"),
    *("Point", "Tag", "Takes", "Work", "WorkerKind"),
}
"""Methods that a stage or a training calls and no user, with arguments that are right; and calls of an enumeration."""


def parameters() -> Iterator[Parameter]:
    """Yield every parameter of every public function, constructor and method."""
    for owner, function, call in _callables():
        hints = get_type_hints(function)
        named = inspect.signature(function).parameters.values()
        arguments = [each for each in named if each.name in hints and each.kind is not each.VAR_KEYWORD]
        right = {
            each.name: example(f"{owner}({each.name})", hints[each.name])
            for each in arguments
            if each.default is each.empty and each.kind is not each.VAR_POSITIONAL
        }
        for each in arguments:
            if each.kind is each.VAR_POSITIONAL:
                yield Parameter(owner, each.name, hints[each.name], call)
            else:
                yield Parameter(owner, each.name, hints[each.name], partial(_called, call, right, each.name))


def _called(call: Callable[..., Any], right: Mapping[str, Any], name: str, value: Any) -> Any:
    return call(**{**right, name: value})


def _callables() -> Iterator[tuple[str, Any, Callable[..., Any]]]:
    """Yield name, function with the signature, and what to call."""
    for name in public.__all__:
        value = getattr(public, name)
        if inspect.isfunction(value):
            yield name, value, value
        elif inspect.isclass(value) and not getattr(value, "_is_protocol", False):
            if name not in MADE_BY_US | BETWEEN_ACTORS:
                yield name, value.__init__, value
            if not _is_layer(value):
                yield from _methods(name, value)


def _is_layer(kind: type[Any]) -> bool:
    """Return whether a class is a layer, whose methods only a stage calls."""
    return hasattr(kind, "output_shape") or hasattr(kind, "output_shapes")


def _methods(owner: str, kind: type[Any]) -> Iterator[tuple[str, Any, Callable[..., Any]]]:
    for name, method in vars(kind).items():
        if name.startswith("_") or {name, f"{owner}.{name}"} & BETWEEN_ACTORS or owner in MADE_BY_US:
            continue
        if isinstance(method, classmethod):
            yield f"{owner}.{name}", method.__func__, getattr(kind, name)
        elif inspect.isfunction(method):
            yield f"{owner}.{name}", method, partial(_method_called, kind, name)


def _method_called(kind: type[Any], name: str, /, *arguments: Any, **options: Any) -> Any:
    return getattr(example(f"self of {kind.__name__}", kind), name)(*arguments, **options)


_NETWORK = public.sequence(public.dense(4), public.activation("tanh"), public.dense(2))


def _learner() -> public.Learner:
    """Return a learner with weights and a runtime on which nothing starts."""
    learner, data = public.Learner(_NETWORK, runtime=Untouched()), public.load("xor")
    learner.checkpoint = public.Checkpoint.initial(_NETWORK, data.input_shape, public.Adam(), 0)
    learner.classes = data.classes
    return learner


def _table() -> public.Table:
    """Return a table whose last column is an amount."""
    columns = [public.Column(name, public.Kind.NUMBER, np.array([0.5, 1.5, 3.5, 2.0])) for name in "xy"]
    return public.Table(tuple(columns), "made here")


@cache
def _tracer() -> public.Tracer:
    """Return the trace of a short training."""
    with public.trace() as tracer:
        public.Learner(_NETWORK, runtime="inline").train(public.load("xor"), epochs=1)
    return tracer


def _profile() -> public.Profile:
    """Return a profile of a network with two layers."""
    time = public.Timing(0.001, 0.0009, 0.002)
    layers = [public.LayerProfile(name, time, time, time, time, 80, 200, 80) for name in ("dense:2", "tanh", "cost")]
    return public.Profile(2, tuple(layers), {"schedulers": public.Hop(2e-5, 1e-10)}, {})


def _problem() -> public.Problem:
    return public.Problem({1: public.Chain((public.LayerCosts(1.0, 1.0, 1.0),))})


def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a profile say, instead of measuring, that it has accepted everything."""

    def start(*arguments: Any, **options: Any) -> Any:
        raise Started

    monkeypatch.setattr(profiles, "machine", start)


def _identity() -> Any:
    """Return the class of a torch module; without torch one that is refused as all else is."""
    try:
        from torch.nn import Identity
    except ImportError:
        return object
    return Identity


EXAMPLES: dict[Any, Callable[[], Any]] = {
    int: lambda: 2,
    float: lambda: 0.5,
    str: lambda: "text",
    bool: lambda: True,
    Path: lambda: Path("checkpoints"),
    public.Adagrad: public.Adagrad,
    public.Adam: public.Adam,
    public.AdamW: public.AdamW,
    public.Checkpoints: lambda: public.Checkpoints(Path("checkpoints")),
    public.Constant: lambda: public.Constant(0.1),
    public.Cosine: lambda: public.Cosine(0.1, 10),
    public.CosineRestarts: lambda: public.CosineRestarts(0.1, 10),
    public.CostModel: public.CostModel,
    public.Crash: lambda: public.Crash(layer=0, step=0),
    public.Dataset: lambda: public.load("xor"),
    public.Discipline: lambda: public.Discipline("mine", "", (public.B, public.F, public.W), lambda s, S, m: m),
    public.EarlyStopping: public.EarlyStopping,
    public.EpochFinished: lambda: public.EpochFinished(0, 1, 0.5),
    public.Exponential: lambda: public.Exponential(0.1, 0.5),
    public.Initializer: lambda: public.Initializer.HE,
    public.InverseTime: lambda: public.InverseTime(0.1, 0.1),
    public.Learner: _learner,
    public.Lion: public.Lion,
    public.Network: lambda: _NETWORK,
    public.OneCycle: lambda: public.OneCycle(0.1, 10),
    public.Hop: lambda: public.Hop(2e-5, 1e-10),
    public.LearnerSpec: lambda: public.Learner(_NETWORK, runtime="inline").spec,
    public.Problem: _problem,
    public.Profile: _profile,
    public.Timing: lambda: public.Timing(0.001, 0.0009, 0.002),
    public.Column: lambda: _table()["x"],
    public.Form: lambda: public.Form(public.Kind.NUMBER),
    public.Kind: lambda: public.Kind.NUMBER,
    public.Preparation: lambda: public.Preparation.fit(_table()),
    public.Table: _table,
    public.Plan: lambda: public.Plan.parse("1,2", 2),
    public.Polynomial: lambda: public.Polynomial(0.1, 10),
    public.RMSprop: public.RMSprop,
    public.RandomKey: lambda: public.RandomKey(1),
    public.RunDirectory: lambda: public.RunDirectory("no-such-run"),
    public.SavedRun: lambda: public.SavedRun(public.RunDirectory("no-such-run")),
    public.Source: lambda: ArraySource(np.ones((4, 2))),
    public.Samples: lambda: public.load("xor").train,
    public.Sgd: public.Sgd,
    public.StoredInputs: lambda: public.StoredInputs(ArraySource(np.ones((4, 2)))),
    public.Stepwise: lambda: public.Stepwise(0.1, 0.5, 10),
    public.Warmup: lambda: public.Warmup(0.1, 10),
    public.Clipping: lambda: public.Clipping("value", 0.5),
    public.ReduceOnPlateau: public.ReduceOnPlateau,
    public.Trace: lambda: _tracer().trace,
    public.Tracer: _tracer,
    public.Trained: lambda: _learner().checkpoint,
    public.Tuning: lambda: public.Tuning(learning_rate=0.1),
    np.random.Generator: lambda: np.random.default_rng(0),
    np.dtype: lambda: np.dtype("float32"),
}
"""A right value of each type of parameter, and an instance of each class that has methods."""

OF_PARAMETERS: dict[str, Callable[[], Any]] = {
    "Chain(layers)": lambda: [public.LayerCosts(1.0, 1.0, 1.0)],
    "Problem(chains)": lambda: _problem().chains,
    "Problem.of(microbatches)": lambda: [1, 2],
    "Profile(hops)": lambda: _profile().hops,
    "Profile(layers)": lambda: _profile().layers,
    "Profile(machine)": lambda: _profile().machine,
    "Profile.from_json(content)": lambda: _profile().to_json(),
    "Profile.hop(runtime)": lambda: "schedulers",
    "Profile.overhead(runtime)": lambda: "schedulers",
    "compare(plans)": lambda: ["layer", "1"],
    "read_plan(layers)": lambda: ["dense:2"],
    "read_plan(path)": lambda: "no-such-plan.toml",
    "sweep(axes)": lambda: {"stages": [1, 2]},
    "Column(values)": lambda: np.ones(4),
    "Column.rows(rows)": lambda: np.array([0, 2]),
    "Preparation.amounts(predictions)": lambda: np.ones(3),
    "Preparation.from_bytes(content)": lambda: public.Preparation.fit(_table()).to_bytes()[1],
    "Preparation.from_bytes(text)": lambda: public.Preparation.fit(_table()).to_bytes()[0],
    "Table(columns)": lambda: _table().columns,
    "Table.rows(rows)": lambda: np.array([0, 2]),
    "Table.select(names)": lambda: ["x"],
    "Dataset(classes)": lambda: ("no", "yes"),
    "Dataset(feature_names)": lambda: None,
    "Dataset.from_arrays(inputs)": lambda: np.ones((4, 2)),
    "Dataset.from_arrays(targets)": lambda: np.arange(4) % 2,
    "Discipline(credit)": lambda: lambda s, S, m: m,
    "Discipline(priority)": lambda: (public.B, public.F, public.W),
    "Initializer.draw(fan)": lambda: (2, 3),
    "Initializer.draw(shape)": lambda: (2, 3),
    "Initializer.of(name)": lambda: "he",
    "Learner(network)": lambda: _NETWORK,
    "Learner.evaluate(data)": lambda: public.load("xor"),
    "Learner.load(path)": lambda: "no-such-file",
    "Learner.predict(inputs)": lambda: np.ones((1, 2)),
    "Network(layers)": lambda: _NETWORK.layers,
    "Network.initial_parameters(input_shape)": lambda: (2,),
    "Network.initial_states(input_shape)": lambda: (2,),
    "Network.shapes(input_shape)": lambda: (2,),
    "Network(tuning)": lambda: (),
    "Network.with_kernels(kernels)": lambda: "numpy",
    "Plan(stages)": lambda: [public.PlannedStage(3)],
    "Plan.check(layers)": lambda: 2,
    "Plan.parse(layers)": lambda: 2,
    "Plan.parse(text)": lambda: "1,1",
    "RandomKey.generator(tag)": lambda: public.Tag.DROPOUT,
    "Samples(inputs)": lambda: np.ones((4, 2)),
    "Samples(targets)": lambda: np.arange(4) % 2,
    "activation(name)": lambda: "tanh",
    "freeze(layers)": lambda: _NETWORK,
    "from_torch(input_shape)": lambda: (2,),
    "from_torch(module)": lambda: _identity()(),
    "frozen(arrays)": lambda: {"weight": np.ones(2, np.float32)},
    "l1(layers)": lambda: _NETWORK,
    "layer(backward)": lambda: lambda inputs, grad_output: grad_output,
    "layer(forward)": lambda: lambda inputs: inputs,
    "l2(layers)": lambda: _NETWORK,
    "learning_rate(layers)": lambda: _NETWORK,
    "load(name_or_path)": lambda: "xor",
    "parse_layers(text)": lambda: "dense:3 relu",
    "register_cost(cost)": MeanSquaredError,
    "register_data(made)": lambda: lambda: public.load("xor"),
    "register_initializer(draw)": lambda: lambda shape, fan, generator: np.zeros(shape),
    "register_layer(constructor)": lambda: public.dense,
    "register_metric(score)": lambda: lambda targets, predictions: 0.5,
    "register_optimizer(optimizer)": lambda: public.Sgd,
    "read_trace(folder)": lambda: "no-such-run",
    "register_transform(transform)": lambda: Standardise,
    "simulate(schedule)": lambda: "1f1b",
    "table_of(frame)": _table,
    "torch_module(device)": lambda: "cpu",
    "torch_module(factory)": lambda: _identity(),
}
"""Right values of parameters whose annotation does not say enough."""


def example(place: str, annotation: Any) -> Any:
    """Return a right value of a parameter, such as ``Learner(network)``, or of a class."""
    kinds = [annotation, get_origin(annotation), *get_args(annotation)]
    make = OF_PARAMETERS.get(place) or next(
        (EXAMPLES[kind] for kind in kinds if isinstance(kind, Hashable) and kind in EXAMPLES), None
    )
    assert make is not None, f"add a right value for {place}, {annotation}, to `EXAMPLES` or `OF_PARAMETERS`"
    return make()


def accepts(annotation: Any, value: Any) -> bool:
    """Return whether a value is of a kind that a parameter takes by its annotation; it may still be out of range."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is Any or _is_array_like(annotation):
        return True
    if origin in (Union, types.UnionType):
        return any(accepts(part, value) for part in parts)
    if origin is Literal:
        return value in parts
    if origin is AbstractCallable:
        return callable(value) and (not isinstance(value, type) or _makes_instances(parts))
    if origin is tuple and parts[1:] != (...,):
        return _is_sequence(value) and len(_peek(value)) == len(parts) and all(map(accepts, parts, _peek(value)))
    if origin in (tuple, Sequence):
        return _is_sequence(value) and all(accepts(parts[0], each) for each in _peek(value))
    if origin in (dict, Mapping):
        return isinstance(value, Mapping) and all(accepts(parts[1], each) for each in value.values())
    return _is_instance(origin or annotation, value)


def _is_instance(kind: Any, value: Any) -> bool:
    if isinstance(kind, TypeVar):
        return accepts(kind.__bound__, value)
    if getattr(kind, "_is_protocol", False):
        return not isinstance(value, type) and isinstance(value, kind)
    numbers = {int: Integral, float: Real, bool: bool | np.bool_, Path: str | Path}
    is_bool = isinstance(value, bool | np.bool_)
    return isinstance(value, numbers.get(kind, kind)) and not (is_bool and kind in (int, float))


def _is_array_like(annotation: Any) -> bool:
    return "Supports" in str(annotation) or "ndarray" in str(annotation)


def _makes_instances(parts: tuple[Any, ...]) -> bool:
    """Return whether a function's result is an object, so that a class of it will do."""
    return parts[-1] not in (bool, int)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, tuple | list | np.ndarray | types.GeneratorType)


def _peek(value: Any) -> Sequence[Any]:
    return [1, 2] if isinstance(value, types.GeneratorType) else value  # without using it up
