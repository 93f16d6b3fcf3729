"""A run's settings. Later sources win: the data set's suggestion, a TOML file, the command line's options, ``--set``.

```toml
cost = "softmax_cross_entropy"  # or with settings, such as "huber:delta=2.0"

[data]
name = "digits"                 # or the path of a table, an .npz file or a folder of pictures, beside this file or in
                                # the current folder; then also test_fraction = 0.2
# in_memory = false             # read an .npz file or pictures while training, instead of keeping them in memory
# data_dir = "..."              # a folder that may hold the files of fashion-mnist or of a package
# label = "risk"                # this and what follows, of a table: the column to predict; the last by default
# task = "classification"       # or "regression"
# drop = ["id"]                 # columns to leave out
# group = "person"              # or time = "date", or split = "part": how to divide the rows, instead of at random
# [data.transforms]             # of some columns; `annex-actors data FILE` shows what others get
# age = "impute log standardise"
# "height, weight, x*" = "impute standardise pca:2"   # columns that are transformed together

[network]
layers = "dense:128 relu dropout:0.1 dense:10"
dtype = "float32"               # or "float64"

[optimizer]
name = "adam"
learning_rate = 0.003           # or a rule, such as "cosine:0.003:1000"; and all other settings of that optimizer

[training]
epochs = 20
batch_size = 32
# validation = 0.1              # of the training samples, evaluated after every epoch instead of the test samples
# metrics = ["accuracy", "f1"]
# evaluate_every = 50           # steps; then within epochs, too
# halt = ["early_stopping:5:monitor=test_cost"]     # or several, of which any ends the run
# clipping = "global_norm:1.0"  # or "value:0.5", or "layer_norm:1.0"
# ema_momentum = 0.999          # evaluate and predict with moving averages of the weights
# reduce_on_plateau = "patience=5:factor=0.5"
microbatches = 2                # or 1 with asynchronous schedules
schedule = "1f1b"
# load = ["mine.py"]            # your own Python files that the run needs: what they register then has a name; they run
                                # if you name them too (--load mine.py), or if your own run recorded them
stages = "layer"                # or a number of actors that share the layers, or the layers of each, such as "3,2,2";
                                # "3:blas_threads=2,4:blas_threads=2": on two threads of BLAS, which changes bits;
                                # or "auto": the plan that is fastest here, which the run then records
kernels = "numpy"
seed = 0
# class_weight = "balanced"     # or what the samples of each class count, such as "cat=2,dog=1"
# initial_weights = "runs/a"    # a run or a safetensors file with weights to begin with, instead of drawn ones

[runtime]
name = "schedulers"             # and all settings of that runtime, such as threads = 2; for "processes", for example,
                                # affinity = true, spares = 2, commit_every = 4; for "ray" ray_address = "host:6379",
                                # commit_copies = 2, spares = 2, commit_every = 4

[supervision]
strategy = "one_for_one"
max_restarts = 100
max_seconds = 5.0
max_attempts = 3
hang_seconds = 10.0

[checkpoints]
every = 10                      # steps; 0 for none
keep = 2                        # the newest two; or "all"
```

`annex-actors settings` lists all keys, with types, defaults and meanings. Everything may be left out. Names and types
are checked here; the owner of a setting checks its range: `Learner`, its optimizer, its layers or its runtime. A
resolved config contains every setting, so that it repeats the run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from annex_actors.base import checks
from annex_actors.base.errors import ConfigError
from annex_actors.base.files import user_path
from annex_actors.base.shown import shown
from annex_actors.base.texts import shortened
from annex_actors.base.user_files import run_user_files
from annex_actors.data import DATA, Dataset, Suggestion, catalog
from annex_actors.data import load as load_data
from annex_actors.data.tables.read import file_of, is_table, resolved
from annex_actors.layers import parse_layers
from annex_actors.optimizers import optimizer
from annex_actors.placement.plan_files import read_plan
from annex_actors.runs.sections import (
    CheckpointsSection,
    DataSection,
    NetworkSection,
    OptimizerSection,
    RuntimeSection,
    Section,
    SupervisionSection,
    TrainingSection,
)
from annex_actors.runs.suggested import suggested_for
from annex_actors.runs.toml_settings import Settings, merged, read_settings, to_toml
from annex_actors.runtimes import Supervision, runtime
from annex_actors.training.checkpoint_files import Checkpoints
from annex_actors.training.learner import Learner
from annex_actors.training.learner_spec import LearnerSpec
from annex_actors.training.stages import AUTO, anywhere, checked_stages, stages_setting
from annex_actors.training.weight_files import read_weights

_OWN_DATA = Suggestion("dense:64 relu dense:2", "softmax_cross_entropy", "adam", 0.003, 32, 20)


class RunConfig(Section):
    """The settings of a whole run, by section; the module's docstring describes them."""

    cost: str
    data: DataSection = Field(default_factory=DataSection)
    network: NetworkSection
    optimizer: OptimizerSection
    training: TrainingSection
    runtime: RuntimeSection = Field(default_factory=RuntimeSection)
    supervision: SupervisionSection = Field(default_factory=SupervisionSection)
    checkpoints: CheckpointsSection = Field(default_factory=CheckpointsSection)

    @classmethod
    def of(cls, settings: Settings, suggestion: Suggestion) -> RunConfig:
        """Return the config with these settings; what they leave out comes from the suggestion and the defaults.

        Raises:
            ConfigError: a value of the wrong type, or an unknown key.
        """
        try:
            return cls.model_validate(merged(_defaults(settings, suggestion), settings))
        except ValidationError as error:
            raise ConfigError(_first_mistake(error)) from None

    def load(self) -> Dataset:
        """Return the data set, with validation samples if the config wants some.

        Raises:
            UserError: see `annex_actors.data.load`; or ``data_dir`` is not a folder, or a file to load cannot be run.
        """
        run_user_files(self.training.load)  # before any name is looked up
        data = self.data
        folder = None if data.data_dir is None else user_path(data.data_dir)
        if folder is not None and not os.path.isdir(folder):
            raise ConfigError(f"expected `data.data_dir` to be a folder, got {shown(data.data_dir)}; check the path")
        given = data.model_dump(exclude={"name", "data_dir"})
        seed, validation = self.training.seed, self.training.validation
        return load_data(data.name, data_dir=folder, seed=seed, validation=validation, **given)

    def learner(self) -> Learner:
        """Return the learner, ready to train.

        Raises:
            ConfigError: an unknown name, or a value out of range.
        """
        training = self.training
        files = run_user_files(training.load)  # before any name is looked up
        return Learner(
            parse_layers(self.network.layers),
            cost=self.cost,
            optimizer=optimizer(**self.optimizer.model_dump()),
            clipping=training.clipping,
            ema_momentum=training.ema_momentum,
            reduce_on_plateau=training.reduce_on_plateau,
            microbatches=training.microbatches,
            schedule=training.schedule,
            runtime=runtime(**self.runtime.model_dump()),
            stages=training.stages,
            kernels=training.kernels,
            dtype=self.network.dtype,
            seed=training.seed,
            supervision=Supervision(**self.supervision.model_dump()),
            class_weight=training.class_weight,
            load=files,
        )

    def planned(self, path: Path) -> RunConfig:
        """Return the config of the same run with the plan in a file, which it then holds as text.

        Raises:
            ConfigError: see `read_plan`.
        """
        run_user_files(self.training.load)  # before any name is looked up
        layers = [layer.spec() for layer in parse_layers(self.network.layers).layers]
        stages = stages_setting(checked_stages(read_plan(path, layers), layers))
        return self.model_copy(update={"training": self.training.model_copy(update={"stages": stages})})

    def placed(self, spec: LearnerSpec) -> RunConfig:
        """Return the config of the same run with the plan that took the place of ``stages = "auto"``."""
        if self.training.stages != AUTO:
            return self
        chosen = {"stages": stages_setting(spec.stages), "microbatches": spec.microbatches}
        return self.model_copy(update={"training": self.training.model_copy(update=chosen)})

    def on_runtime(self, runtime: str) -> RunConfig:
        """Return the config of the same run on another runtime with its default settings; the bits stay the same.

        The kinds of workers and the nodes that its plan names are left out, as they belong to the runtime.
        """
        stages = stages_setting(anywhere(self.learner().spec.stages))
        training = self.training.model_copy(update={"stages": stages})
        return self.model_copy(update={"runtime": RuntimeSection(name=runtime), "training": training})

    def on_cluster(self, ray_address: str) -> RunConfig:
        """Return the config of the same run on another Ray cluster; the bits stay the same.

        Raises:
            ConfigError: the run is on another runtime.
        """
        if self.runtime.name != "ray":
            raise ConfigError(f"expected runtime ray, got {self.runtime.name}; `--runtime ray` goes on there")
        return self.model_copy(
            update={"runtime": RuntimeSection(**(self.runtime.model_dump() | {"ray_address": ray_address}))}
        )

    def with_epochs(self, epochs: int) -> RunConfig:
        """Return the config of the same run with another number of epochs in all."""
        return self.model_copy(update={"training": self.training.model_copy(update={"epochs": epochs})})

    def to_toml(self) -> str:
        """Return the config as TOML, which `read_settings` reads back."""
        return to_toml(self.model_dump())


def resolve(settings: Settings, *, plan: Path | None = None) -> tuple[RunConfig, Learner, Dataset]:
    """Return the complete config for these settings, with its learner and its data set.

    Whatever can be checked without the data is checked before they are read or downloaded.

    Args:
        settings: of a file and of options.
        plan: a file with the plan that takes the place of ``training.stages``; None: there is none.

    Raises:
        UserError: settings or data that do not fit.
    """
    suggestions = {entry.name: entry.suggested for entry in catalog()}
    config, dataset = RunConfig.of(settings, _OWN_DATA), None
    if config.data.name not in suggestions:
        dataset = config.load()
    suggestion = suggested_for(dataset) if dataset else suggestions[config.data.name]
    if config.training.initial_weights is not None:
        suggestion = _with_layers_of(Path(config.training.initial_weights).expanduser(), suggestion)
    config = RunConfig.of(settings, suggestion)
    Checkpoints(Path(), **config.checkpoints.model_dump())  # checks them, before there is a folder
    config = config if plan is None else config.planned(plan)
    learner = config.learner()
    return _recorded(config, learner.spec), learner, dataset or config.load()


def _with_layers_of(run: Path, suggestion: Suggestion) -> Suggestion:
    """Return the suggestion with the layers of a run, or of a file that says them, whose weights fit no others."""
    if run.is_file():
        layers = read_weights(run).network
        return suggestion if layers is None else replace(suggestion, layers=layers)
    path = run / "config.toml"
    network = read_settings(path).get("network") if path.is_file() else None  # that there is a run is checked later
    layers = network.get("layers") if isinstance(network, Mapping) else None
    return replace(suggestion, layers=layers) if isinstance(layers, str) else suggestion


def suggested_settings(suggestion: Suggestion) -> Settings:
    """Return what a suggestion says, as settings."""
    return _defaults({}, suggestion)


def _defaults(settings: Settings, suggestion: Suggestion) -> Settings:
    chosen = settings.get("optimizer")
    given = chosen if isinstance(chosen, Mapping) else {}
    # The suggested learning rate is for the suggested optimizer: a good rate for Adam is too small for SGD.
    own = "learning_rate" in given or given.get("name", suggestion.optimizer) != suggestion.optimizer
    rate = {} if own else {"learning_rate": suggestion.learning_rate}
    return {
        "cost": suggestion.cost,
        "network": {"layers": suggestion.layers},
        "optimizer": {"name": suggestion.optimizer, **rate},
        "training": {"epochs": suggestion.epochs, "batch_size": suggestion.batch_size},
    }


def _is_own(name: str) -> bool:
    """Return whether a name that is a path too stands for the user's own data: a file, or a folder of pictures."""
    path = user_path(name)
    known = {*DATA, *(entry.name for entry in catalog())}
    return path.suffix == ".npz" or is_table(name) or (name not in known and os.path.isdir(path))


def _recorded(config: RunConfig, spec: LearnerSpec) -> RunConfig:
    """Return the config that repeats the run from any folder: with every setting, and with absolute paths."""
    data = config.data.model_dump()
    for key in ("name", "data_dir"):
        if data[key] and os.path.exists(file_of(data[key])) and (key == "data_dir" or _is_own(data[key])):
            data[key] = resolved(data[key])
    parts = spec.parts(config.training.batch_size)
    training: dict[str, object] = {
        "microbatches": parts,
        "load": list(spec.load),
        "stages": stages_setting(spec.stages),
    }
    if config.training.initial_weights is not None:
        training["initial_weights"] = str(Path(config.training.initial_weights).expanduser().resolve())
    return config.model_copy(
        update={
            "data": DataSection(**data),
            "training": config.training.model_copy(update=training),
            "optimizer": OptimizerSection(**config.optimizer.recorded(spec.optimizer)),
            "runtime": RuntimeSection(**config.runtime.recorded(spec.runtime)),
        }
    )


_TYPES: Mapping[str, str] = {
    "bool_type": "true or false",
    "int_type": "an integer",
    "float_type": "a number",
    "string_type": "text",
    "list_type": "a list",
    "model_type": "a section of settings",
}


def _first_mistake(error: ValidationError) -> str:
    """Return pydantic's first mistake in the words of this package."""
    problems = error.errors()
    place = problems[0]["loc"][:2]
    path = ".".join(shortened(part) for part in place)
    if problems[0]["type"] == "extra_forbidden":
        return _unknown_key(place)
    # A setting that may have one of two types has a problem for each.
    kinds = dict.fromkeys(_TYPES.get(each["type"], each["msg"]) for each in problems if each["loc"][:2] == place)
    return f"expected `{path}` to be {' or '.join(kinds)}, got {shown(problems[0]['input'])}"


def _unknown_key(place: tuple[int | str, ...]) -> str:
    *section, key = (str(part) for part in place)
    model = RunConfig.model_fields[section[0]].annotation if section else RunConfig
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    known = list(model.model_fields)
    where = f"keys of `{section[0]}`" if section else "sections and keys"
    return f"expected {where} to be among {', '.join(known)}, got {shown(key)}{checks.did_you_mean(key, known)}"
